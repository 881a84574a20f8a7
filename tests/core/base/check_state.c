/* Files, the state folder (LBL-9, KIL-6), random, secrets (K25), clocks (X60) and the linked list. */
#include "base/clock.h"
#include "base/file.h"
#include "base/list.h"
#include "base/random.h"
#include "base/secret.h"
#include "base/text.h"
#include "suite.h"
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];

static void make_folder(void) {
  strcpy(folder, "/tmp/check_state.XXXXXX");
  ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void) {
  char command[100];
  snprintf(command, sizeof command, "rm -rf '%s'", folder);
  ck_assert_int_eq(system(command), 0);
}

static char *in_folder(const char *name) {
  static char path[200];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static void write_file(const char *name, const char *text, size_t len) {
  FILE *file = fopen(in_folder(name), "w");
  ck_assert_ptr_nonnull(file);
  fwrite(text, 1, len, file);
  fclose(file);
}

START_TEST(files_whole_and_within_the_ceiling) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_buf out = LPOD_BUF_INIT(10);
  write_file("ten", "0123456789", 10);
  ck_assert_int_eq(lpod_file_read(in_folder("ten"), &out, &err), LPOD_OK);
  ck_assert_str_eq(out.data, "0123456789");
  lpod_buf_clear(&out);
  lpod_buf_adds(&out, "x", NULL);
  ck_assert_int_eq(lpod_file_read(in_folder("ten"), &out, &err), LPOD_E_LIMIT);
  ck_assert_ptr_nonnull(strstr(err.text, "/ten: "));
  ck_assert_uint_eq(out.len, 1);
  write_file("empty", "", 0);
  ck_assert_int_eq(lpod_file_read(in_folder("empty"), &out, &err), LPOD_OK);
  ck_assert_uint_eq(out.len, 1);
  ck_assert_int_eq(lpod_file_read(in_folder("none"), &out, &err), LPOD_E_IO);
  ck_assert_ptr_nonnull(strstr(err.text, "/none: "));
  ck_assert_int_eq(lpod_file_read(folder, &out, &err), LPOD_E_IO);
  lpod_buf_free(&out);
  out.ceiling = 1 << 20;
  ck_assert_int_eq(lpod_file_read("/proc/self/status", &out, &err), LPOD_OK); /* a file that does not tell its size */
  ck_assert_uint_gt(out.len, 100);
  lpod_buf_free(&out);
}
END_TEST

START_TEST(state_folder_follows_the_environment) {
  char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
  char *old_state = lpod_text_copy(state), *old_home = lpod_text_copy(home);
  setenv("XDG_STATE_HOME", "/state", 1);
  char *path = lpod_state_folder();
  ck_assert_str_eq(path, "/state/lunapod");
  free(path);
  setenv("XDG_STATE_HOME", "relative", 1); /* not to be used, says its specification */
  setenv("HOME", "/people/me", 1);
  path = lpod_state_folder();
  ck_assert_str_eq(path, "/people/me/.local/state/lunapod");
  free(path);
  unsetenv("XDG_STATE_HOME");
  unsetenv("HOME");
  ck_assert_ptr_null(lpod_state_folder());
  if (old_state) setenv("XDG_STATE_HOME", old_state, 1);
  if (old_home) setenv("HOME", old_home, 1);
  free(old_state);
  free(old_home);
}
END_TEST

START_TEST(LBL9_instance_is_made_once) {
  char first[LPOD_INSTANCE_ID], second[LPOD_INSTANCE_ID];
  lpod_error err = LPOD_ERROR_INIT;
  char *deep = lpod_text_format("%s/a/b", folder);
  ck_assert_int_eq(lpod_state_instance(deep, first, &err), LPOD_OK);
  ck_assert_int_eq(lpod_state_instance(deep, second, &err), LPOD_OK);
  ck_assert_str_eq(first, second);
  ck_assert_uint_eq(strlen(first), 16);
  ck_assert_uint_eq(strspn(first, "abcdefghijklmnopqrstuvwxyz0123456789"), 16);
  struct stat info;
  ck_assert_int_eq(stat(deep, &info), 0);
  ck_assert_uint_eq(info.st_mode & 0777, 0700);
  free(deep);
}
END_TEST

/* Many processes at once: all must agree on one id. */
START_TEST(LBL9_processes_agree) {
  int pipes[2];
  ck_assert_int_eq(pipe(pipes), 0);
  for (int i = 0; i < 16; i++) {
    if (fork() == 0) {
      char id[LPOD_INSTANCE_ID];
      lpod_rc rc = lpod_state_instance(folder, id, NULL);
      _exit(rc || write(pipes[1], id, sizeof id) != (ssize_t)sizeof id);
    }
  }
  char first[LPOD_INSTANCE_ID] = "", id[LPOD_INSTANCE_ID];
  for (int i = 0; i < 16; i++) {
    int status;
    wait(&status);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(read(pipes[0], id, sizeof id), sizeof id);
    if (i) ck_assert_str_eq(id, first);
    memcpy(first, id, sizeof id);
  }
  close(pipes[0]);
  close(pipes[1]);
  ck_assert_int_eq(access(in_folder("instance"), R_OK), 0);
}
END_TEST

START_TEST(LBL9_instance_that_cannot_be_kept_is_random) {
  char id[LPOD_INSTANCE_ID] = "", other[LPOD_INSTANCE_ID] = "";
  lpod_error err = LPOD_ERROR_INIT;
  write_file("file", "x", 1);
  char *below = lpod_text_format("%s/file/state", folder);
  ck_assert_int_eq(lpod_state_instance(below, id, &err), LPOD_E_IO);
  ck_assert_uint_eq(strlen(id), 16);
  ck_assert_int_eq(lpod_state_instance(below, other, &err), LPOD_E_IO);
  ck_assert_str_ne(id, other);
  free(below);
  ck_assert_int_eq(lpod_state_instance(NULL, id, &err), LPOD_E_IO);
  ck_assert_uint_eq(strlen(id), 16);
  write_file("instance", "short\n", 6);
  ck_assert_int_eq(lpod_state_instance(folder, id, &err), LPOD_E_IO);
  ck_assert_ptr_nonnull(strstr(err.text, "instance: found 5 bytes"));
  ck_assert_uint_eq(strlen(id), 16);
}
END_TEST

START_TEST(KIL6_engine_lives_while_it_holds_its_file) {
  lpod_error err = LPOD_ERROR_INIT;
  int fd, again;
  ck_assert_int_eq(lpod_state_engine(folder, "e1"), LPOD_ENGINE_UNKNOWN);
  ck_assert_int_eq(lpod_state_hold(folder, "e1", &fd, &err), LPOD_OK);
  ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  ck_assert_int_eq(lpod_state_engine(folder, "e1"), LPOD_ENGINE_ALIVE);
  ck_assert_int_eq(lpod_state_hold(folder, "e1", &again, &err), LPOD_E_IO);
  ck_assert_int_eq(again, -1);
  ck_assert_ptr_nonnull(strstr(err.text, "held by another engine"));
  close(fd); /* as if the process had ended */
  ck_assert_int_eq(lpod_state_engine(folder, "e1"), LPOD_ENGINE_DEAD);
  ck_assert_int_eq(lpod_state_engine(folder, "e1"), LPOD_ENGINE_DEAD);
  ck_assert_int_eq(lpod_state_hold(folder, "e1", &fd, &err), LPOD_OK);
  ck_assert_int_eq(lpod_state_engine(folder, "e1"), LPOD_ENGINE_ALIVE);
  lpod_state_release(folder, "e1", fd);
  ck_assert_int_eq(lpod_state_engine(folder, "e1"), LPOD_ENGINE_UNKNOWN);
  ck_assert_int_eq(rmdir(in_folder("engines")), 0); /* nothing is left behind */
}
END_TEST

START_TEST(KIL6_a_killed_process_is_dead) {
  int pipes[2];
  ck_assert_int_eq(pipe(pipes), 0);
  pid_t child = fork();
  if (child == 0) {
    int fd;
    char good = lpod_state_hold(folder, "child", &fd, NULL) == LPOD_OK;
    if (write(pipes[1], &good, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char good = 0;
  ck_assert_int_eq(read(pipes[0], &good, 1), 1);
  ck_assert(good);
  ck_assert_int_eq(lpod_state_engine(folder, "child"), LPOD_ENGINE_ALIVE);
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  ck_assert_int_eq(lpod_state_engine(folder, "child"), LPOD_ENGINE_DEAD);
  close(pipes[0]);
  close(pipes[1]);
}
END_TEST

START_TEST(KIL6_ids_stay_in_the_folder) {
  static const char *const BAD[] = {"", "..", ".", ".hidden", "a/b", "../x", "a b", "\xC3\xA9"};
  int fd;
  for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
    ck_assert_int_eq(lpod_state_hold(folder, BAD[i], &fd, NULL), LPOD_E_USAGE);
    ck_assert_int_eq(lpod_state_engine(folder, BAD[i]), LPOD_ENGINE_UNKNOWN);
  }
  ck_assert_int_eq(lpod_state_hold(NULL, "x", &fd, NULL), LPOD_E_IO);
  lpod_state_release(NULL, "x", -1);
}
END_TEST

START_TEST(random_names_use_all_characters_alike) {
  static char name[36001];
  unsigned count[256] = {0};
  ck_assert_int_eq(lpod_random_name(name, 36000, NULL), LPOD_OK);
  ck_assert_uint_eq(strlen(name), 36000);
  for (size_t i = 0; i < 36000; i++) count[(unsigned char)name[i]]++;
  for (const char *c = "abcdefghijklmnopqrstuvwxyz0123456789"; *c; c++) {
    ck_assert_uint_gt(count[(unsigned char)*c], 750); /* 1000 expected, deviation about 31 */
    ck_assert_uint_lt(count[(unsigned char)*c], 1250);
  }
  for (int i = 0; i < 1000; i++) {
    double unit = lpod_random_unit();
    ck_assert(unit >= 0 && unit < 1);
  }
}
END_TEST

START_TEST(K25_secrets_replace_and_compare) {
  lpod_secret a = LPOD_SECRET_INIT, b = LPOD_SECRET_INIT;
  ck_assert(lpod_secret_equal(&a, &b));
  ck_assert_int_eq(lpod_secret_set(&a, "token", 5, NULL), LPOD_OK);
  ck_assert(!lpod_secret_equal(&a, &b));
  ck_assert_int_eq(lpod_secret_set(&b, "tokex", 5, NULL), LPOD_OK);
  ck_assert(!lpod_secret_equal(&a, &b));
  ck_assert_int_eq(lpod_secret_set(&b, a.data, a.len, NULL), LPOD_OK);
  ck_assert(lpod_secret_equal(&a, &b));
  ck_assert_int_eq(lpod_secret_set(&b, b.data, 3, NULL), LPOD_OK); /* from itself */
  ck_assert_str_eq(b.data, "tok");
  lpod_secret_clear(&a);
  ck_assert_ptr_null(a.data);
  lpod_secret_clear(&a);
  lpod_secret_clear(&b);
  char text[] = "secret";
  lpod_wipe(text, 6);
  ck_assert_mem_eq(text, "\0\0\0\0\0\0", 6);
  lpod_wipe(NULL, 6);
}
END_TEST

START_TEST(X60_clocks) {
  lpod_fake_clock fake;
  lpod_fake_clock_init(&fake, 5);
  int64_t start = fake.clock.monotonic(&fake.clock);
  ck_assert_int_eq(fake.clock.wall(&fake.clock), 5);
  lpod_fake_clock_advance(&fake, 100);
  ck_assert_int_eq(fake.clock.monotonic(&fake.clock), start + 100);
  ck_assert_int_eq(fake.clock.wall(&fake.clock), 105);
  fake.wall_ns = 1; /* a step back of the wall leaves deadlines alone */
  ck_assert_int_eq(fake.clock.monotonic(&fake.clock), start + 100);
  int64_t before = lpod_system_clock.monotonic(&lpod_system_clock);
  ck_assert_int_le(before, lpod_system_clock.monotonic(&lpod_system_clock));
  ck_assert_int_gt(lpod_system_clock.wall(&lpod_system_clock), INT64_C(1600000000) * LPOD_NS_PER_S);
}
END_TEST

START_TEST(list_keeps_order_and_forgets) {
  struct item {
    int number;
    lpod_link link;
  } items[3] = {{1, {0}}, {2, {0}}, {3, {0}}};
  lpod_link head;
  lpod_list_init(&head);
  lpod_list_remove(&items[0].link); /* was never linked */
  for (int i = 0; i < 3; i++) lpod_list_add(&head, &items[i].link);
  lpod_list_remove(&items[1].link);
  ck_assert(!lpod_list_linked(&items[1].link) && lpod_list_linked(&items[0].link));
  ck_assert_int_eq(LPOD_CONTAINER(lpod_list_take(&head), struct item, link)->number, 1);
  ck_assert_int_eq(LPOD_CONTAINER(lpod_list_take(&head), struct item, link)->number, 3);
  ck_assert_ptr_null(lpod_list_take(&head));
  ck_assert(lpod_list_empty(&head));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("state");
  TCase *cases = tcase_create("all");
  tcase_add_checked_fixture(cases, make_folder, remove_folder);
  tcase_add_test(cases, files_whole_and_within_the_ceiling);
  tcase_add_test(cases, state_folder_follows_the_environment);
  tcase_add_test(cases, LBL9_instance_is_made_once);
  tcase_add_test(cases, LBL9_processes_agree);
  tcase_add_test(cases, LBL9_instance_that_cannot_be_kept_is_random);
  tcase_add_test(cases, KIL6_engine_lives_while_it_holds_its_file);
  tcase_add_test(cases, KIL6_a_killed_process_is_dead);
  tcase_add_test(cases, KIL6_ids_stay_in_the_folder);
  tcase_add_test(cases, random_names_use_all_characters_alike);
  tcase_add_test(cases, K25_secrets_replace_and_compare);
  tcase_add_test(cases, X60_clocks);
  tcase_add_test(cases, list_keeps_order_and_forgets);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
