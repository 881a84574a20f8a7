/* A folder of its own for each test, removed afterwards with all that is in it; and an environment that is not the
 * process's. */
#ifndef LPOD_TEST_FOLDER_H
#define LPOD_TEST_FOLDER_H

#include <check.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[64];

__attribute__((unused)) static int folder_drop_one(const char *path, const struct stat *info, int type,
                                                   struct FTW *at) {
  (void)info, (void)type, (void)at;
  return remove(path);
}

__attribute__((unused)) static void folder_make(void) {
  strcpy(folder, "/tmp/lunapod-test-XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
}

__attribute__((unused)) static void folder_drop(void) { nftw(folder, folder_drop_one, 8, FTW_DEPTH | FTW_PHYS); }

/* folder/name; of eight in turn. */
__attribute__((unused)) static const char *in_folder(const char *name) {
  static char paths[8][512];
  static unsigned turn;
  char *path = paths[turn++ % 8];
  snprintf(path, 512, "%s/%s", folder, name);
  return path;
}

__attribute__((unused)) static const char *put(const char *name, const char *text) {
  const char *path = in_folder(name);
  FILE *file = fopen(path, "w");
  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  fclose(file);
  return path;
}

__attribute__((unused)) static const char *put_program(const char *name, const char *text) {
  const char *path = put(name, text);
  ck_assert_int_eq(chmod(path, 0700), 0);
  return path;
}

/* Pairs of name and value, ended by NULL. */
static const char *variables[16];
__attribute__((unused)) static const char *variable(void *arg, const char *name) {
  (void)arg;
  for (size_t i = 0; variables[i]; i += 2)
    if (!strcmp(variables[i], name)) return variables[i + 1];
  return NULL;
}

/* Child processes need pidfd_open, which valgrind 3.19 does not know: tests of plugins are left out there, and it is
 * said. */
__attribute__((unused)) static bool children_work(void) {
  long fd = syscall(SYS_pidfd_open, getpid(), 0);
  if (fd >= 0)
    close((int)fd);
  else
    puts("left out: tests that run credential plugins (no pidfd_open here)");
  return fd >= 0;
}

#endif
