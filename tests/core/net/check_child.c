/* Children: run by argv (EP4), output up to a ceiling, killed after a limit and reaped (EP10), no descriptor of ours
 * (X66). */
#include "server.h"

#include "base/limits.h"
#include "net/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static lpod_loop *loop;
static int descriptors;
static void set_up(void) {
  descriptors = count_descriptors();
  loop = lpod_loop_new(NULL, NULL);
  ck_assert(loop != NULL);
}
static void tear_down(void) {
  lpod_loop_free(loop);
  expect_descriptors(descriptors);
  ck_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD); /* no zombie, no child */
}

typedef struct end {
  bool done, missing;
  int exit_code, signal;
  char *output;
  size_t len;
  lpod_error error;
} end;
static void on_done(void *arg, const lpod_child_result *result) {
  end *e = arg;
  ck_assert(!e->done);
  *e = (end){true, result->missing, result->exit_code, result->signal, NULL, result->len, LPOD_ERROR_INIT};
  e->output = malloc(result->len + 1);
  memcpy(e->output, result->output, result->len + 1);
  if (result->error) e->error = *result->error;
}
static end run(lpod_child_options options, const char *script) {
  const char *argv[] = {"sh", "-c", script, "sh", "$HOME; a b", NULL};
  lpod_error err = LPOD_ERROR_INIT;
  end e = {0};
  if (!options.argv) options.argv = argv;
  options.on_done = on_done;
  options.arg = &e;
  lpod_child *child = lpod_child_start(loop, &options, &err);
  ck_assert_msg(child != NULL, "%s", err.text);
  ck_assert(!e.done);
  drive_until(loop, &e.done);
  return e;
}

START_TEST(test_output_and_exit_code) {
  end e = run((lpod_child_options){0}, "printf 'out\\000put'; exit 3");
  ck_assert(!e.error.rc);
  ck_assert_int_eq(e.exit_code, 3);
  ck_assert_int_eq(e.signal, 0);
  ck_assert_uint_eq(e.len, 7);
  ck_assert(memcmp(e.output, "out\0put", 8) == 0);
  free(e.output);
  e = run((lpod_child_options){0}, "kill -TERM $$");
  ck_assert_int_eq(e.exit_code, -1);
  ck_assert_int_eq(e.signal, SIGTERM);
  free(e.output);
}
END_TEST

START_TEST(test_arguments_pass_unchanged_EP4) {
  end e = run((lpod_child_options){0}, "printf '%s' \"$1\"");
  ck_assert_str_eq(e.output, "$HOME; a b");
  free(e.output);
}
END_TEST

START_TEST(test_much_output_arrives_whole_and_too_much_is_an_error) {
  end e = run((lpod_child_options){0}, "head -c 1000000 /dev/zero");
  ck_assert(!e.error.rc);
  ck_assert_uint_eq(e.len, 1000000);
  free(e.output);
  e = run((lpod_child_options){0}, "exec cat /dev/zero");
  ck_assert_int_eq(e.error.rc, LPOD_E_LIMIT);
  ck_assert_uint_le(e.len, LPOD_LIMIT_CHILD_OUTPUT);
  free(e.output);
}
END_TEST

START_TEST(test_time_limit_EP10) {
  end e = run((lpod_child_options){.timeout = 50 * LPOD_NS_PER_MS}, "trap '' TERM; echo early; exec sleep 1000");
  ck_assert_int_eq(e.error.rc, LPOD_E_TIMEOUT);
  ck_assert(strstr(e.error.text, "sh: did not end within 0.05 s"));
  ck_assert_int_eq(e.signal, SIGKILL);
  free(e.output);
}
END_TEST

START_TEST(test_missing_program_EP9) {
  const char *argv[] = {"no-such-program-anywhere", NULL}, *folder[] = {"/", NULL};
  end e = run((lpod_child_options){.argv = argv}, NULL);
  ck_assert(e.missing);
  ck_assert_int_eq(e.error.rc, LPOD_E_IO);
  ck_assert(strstr(e.error.text, "no-such-program-anywhere"));
  free(e.output);
  e = run((lpod_child_options){.argv = folder}, NULL);
  ck_assert(!e.missing);
  ck_assert_int_eq(e.error.rc, LPOD_E_IO);
  free(e.output);
}
END_TEST

START_TEST(test_environment) {
  const char *lines[] = {"PATH=/usr/bin:/bin", "ONLY=this one", NULL};
  setenv("LPOD_TEST_INHERITED", "yes", 1);
  end e = run((lpod_child_options){.environment = lines}, "echo \"$ONLY,$LPOD_TEST_INHERITED\"");
  ck_assert_str_eq(e.output, "this one,\n");
  free(e.output);
  e = run((lpod_child_options){0}, "echo \"$ONLY,$LPOD_TEST_INHERITED\"");
  ck_assert_str_eq(e.output, ",yes\n");
  free(e.output);
}
END_TEST

START_TEST(test_stdin_is_null_EP2_and_no_descriptor_is_inherited_X66) {
  int leaky[50];
  for (int i = 0; i < 50; i++) leaky[i] = open("/dev/null", O_RDONLY); /* not close-on-exec, as others' may be */
  end e = run((lpod_child_options){0}, "readlink /proc/$$/fd/0; ls /proc/$$/fd | tr '\\n' ' '");
  ck_assert_msg(!strncmp(e.output, "/dev/null\n0 1 2 ", 16), "%s", e.output);
  for (const char *fd = e.output + 16; *fd; fd++)
    ck_assert_msg(!strchr("3456789", *fd) || !strchr(fd, '4'), "%s", e.output);
  free(e.output);
  for (int i = 0; i < 50; i++) close(leaky[i]);
}
END_TEST

START_TEST(test_signals_are_clean) {
  sigset_t blocked, before;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  struct sigaction ignored = {.sa_handler = SIG_IGN}, old;
  sigaction(SIGPIPE, &ignored, &old);
  end e = run((lpod_child_options){0}, "grep -E 'SigBlk|SigIgn' /proc/self/status | cut -f2 | tr '\\n' ' '");
  char *ignored_by_child = strchr(e.output, ' ');
  ck_assert_msg(!strncmp(e.output, "0000000000000000 ", 17), "%s", e.output);
  ck_assert_uint_eq(strtoull(ignored_by_child, NULL, 16) & 0x7fffffff, 0); /* the C library's own two are above */
  free(e.output);
  sigaction(SIGPIPE, &old, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}
END_TEST

START_TEST(test_a_grandchild_that_keeps_the_pipe_does_not_hold_it_up) {
  int ends[2]; /* tells us when the grandchild may go */
  char path[64];
  ck_assert(pipe2(ends, O_CLOEXEC) == 0);
  snprintf(path, sizeof path, "exec 3</proc/%d/fd/%d; (read x <&3) & echo parent", (int)getpid(), ends[0]);
  end e = run((lpod_child_options){0}, path);
  ck_assert_str_eq(e.output, "parent\n");
  free(e.output);
  close(ends[1]); /* end of file for it */
  close(ends[0]);
}
END_TEST

static void never(void *arg, const lpod_child_result *result) {
  (void)arg;
  (void)result;
  ck_abort_msg("on_done after cancel");
}
START_TEST(test_cancel_kills_and_reaps) {
  const char *argv[] = {"sleep", "1000", NULL};
  for (int steps = 0; steps < 3; steps++) {
    lpod_child *child = lpod_child_start(loop, &(lpod_child_options){.argv = argv, .on_done = never}, NULL);
    ck_assert(child != NULL);
    for (int i = 0; i < steps; i++) lpod_loop_step(loop, 0, NULL, NULL);
    lpod_child_cancel(child);
    ck_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
  }
  lpod_loop_step(loop, 0, NULL, NULL);
}
END_TEST

START_TEST(test_other_children_are_left_alone) {
  pid_t other = fork();
  if (!other) _exit(42);
  end e = run((lpod_child_options){0}, "exit 0");
  int status = 0;
  ck_assert_int_eq(e.exit_code, 0);
  ck_assert_int_eq(waitpid(other, &status, 0), other);
  ck_assert_int_eq(WEXITSTATUS(status), 42);
  free(e.output);
}
END_TEST

int main(void) {
  int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
  if (self < 0) { /* as under valgrind 3.19 */
    fprintf(stderr, "SKIPPED: check_child needs pidfd_open: %s; children are NOT tested here\n", strerror(errno));
    return EXIT_SUCCESS;
  }
  close(self);
  lpod_loop_free(lpod_loop_new(NULL, NULL)); /* libuv keeps a pipe for the process */
  Suite *suite = suite_create("child");
  TCase *tests = tcase_create("child");
  tcase_set_timeout(tests, 30);
  tcase_add_checked_fixture(tests, set_up, tear_down);
  tcase_add_test(tests, test_output_and_exit_code);
  tcase_add_test(tests, test_arguments_pass_unchanged_EP4);
  tcase_add_test(tests, test_much_output_arrives_whole_and_too_much_is_an_error);
  tcase_add_test(tests, test_time_limit_EP10);
  tcase_add_test(tests, test_missing_program_EP9);
  tcase_add_test(tests, test_environment);
  tcase_add_test(tests, test_stdin_is_null_EP2_and_no_descriptor_is_inherited_X66);
  tcase_add_test(tests, test_signals_are_clean);
  tcase_add_test(tests, test_a_grandchild_that_keeps_the_pipe_does_not_hold_it_up);
  tcase_add_test(tests, test_cancel_kills_and_reaps);
  tcase_add_test(tests, test_other_children_are_left_alone);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
