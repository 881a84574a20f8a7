/* The state machine of a run while its pod runs: logs, their end against the container's, the verdict, and what others
 * do to the pod meanwhile (LOG-2, LOG-9…12, L5–L7, M11, OUT-1, RES-7, FND-8, P9, V7, M24, X05, X23, X25, X29, X31–X33,
 * X50, X52, X53). */
#include "machine_harness.h"

START_TEST(test_a_fast_pod_is_read_not_followed) {
  advance(LPOD_PHASE_ENDED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  see("phase=Succeeded base=exit:0");
  EXPECT("-schedule tail0");
  log_end(0, false);
  EXPECT("close0 ended");
}
END_TEST

START_TEST(test_exit_code_is_the_verdict_OUT_1_V7) {
  running();
  see("phase=Failed base=exit:3");
  log_end(0, false);
  EXPECT("close0 ended!Error");
  ck_assert_str_eq(last_error.error_class, "user");
  ck_assert_ptr_nonnull(strstr(last_error.text, "exited with 3"));
  advance(LPOD_PHASE_RESULT); /* RES-7: the result is still read */
  EXPECT("result");
  advance(LPOD_PHASE_CLEANED);
  EXPECT("mark");
  done(LPOD_IN_MARKED);
  EXPECT("delete");
  done(LPOD_IN_DELETED);
  EXPECT("cleaned!Error");
}
END_TEST

START_TEST(test_a_neighbour_never_holds_the_task_OUT_1_X52) {
  static const char *const both[] = {"base", "side", NULL};
  settings.logs = both;
  settings.log_count = 2;
  advance(LPOD_PHASE_ENDED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  see("phase=Running base=running side=running");
  EXPECT("-schedule follow0 follow1");
  see("phase=Running base=exit:0 side=running");
  EXPECT("close1");
  log_end(0, false);
  EXPECT("close0 ended");
}
END_TEST

START_TEST(test_a_log_that_is_gone_holds_nobody_up_M24) {
  lpod_error gone = LPOD_ERROR_INIT;
  lpod_fail(&gone, LPOD_E_CUT, "the kubelet says: failed to try resolving symlinks in path");
  snprintf(gone.reason, sizeof gone.reason, "LogUnreadable");
  lpod_input unreadable = {.kind = LPOD_IN_LOG_END, .error = &gone};
  static const char *const waits[] = {"+log0:0.25", "+log0:0.5", "+log0:1"};
  running();
  see("phase=Succeeded base=exit:0");
  for (int i = 0; i < 3; i++) {
    feed(unreadable);
    EXPECT(waits[i]);
    timer(LPOD_TIMER_LOG);
    EXPECT("tail0");
  }
  feed(unreadable);
  EXPECT("gap0 close0 ended");
}
END_TEST

START_TEST(test_logs_resume_while_the_container_runs_L7_M11_X33) {
  running();
  log_end(0, false); /* the kubelet was killed: a clean end, and nothing on the watch */
  EXPECT("+log0:2");
  timer(LPOD_TIMER_LOG);
  EXPECT("follow0");
  log_end(0, true); /* 500 for a while */
  EXPECT("+log0:0.25");
  timer(LPOD_TIMER_LOG);
  EXPECT("follow0");
  log_end(0, true);
  EXPECT("+log0:0.5");
  timer(LPOD_TIMER_LOG);
  feed((lpod_input){.kind = LPOD_IN_LOG_OPEN});
  see("phase=Succeeded base=exit:0");
  log_end(0, false);
  EXPECT("tail0"); /* the stream had broken once: the tail is read */
  log_end(0, false);
  EXPECT("close0 ended");
}
END_TEST

START_TEST(test_a_log_that_cannot_be_read_never_fails_the_task_LOG_9_O43) {
  running();
  see("phase=Succeeded base=exit:0");
  for (int i = 0; i < 8; i++) {
    log_end(0, true);
    ck_assert_ptr_nonnull(strstr(said, "+log0:"));
    timer(LPOD_TIMER_LOG);
    EXPECT("tail0");
  }
  log_end(0, true);
  EXPECT("gap0 close0 ended"); /* LOG-12 */
}
END_TEST

START_TEST(test_logs_off_LOG_2) {
  settings.log_count = 0;
  advance(LPOD_PHASE_ENDED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  see("phase=Running base=running");
  see("phase=Succeeded base=exit:0");
  EXPECT("ended");
}
END_TEST

START_TEST(test_taken_over_while_running_FND_8) {
  running();
  gone("phase=Running base=running");
  EXPECT("read");
  feed_pod(LPOD_IN_READ, "phase=Running engine=other base=running");
  EXPECT("ended!TakenOver");
  advance(LPOD_PHASE_CLEANED);
  EXPECT("close0 cleaned!TakenOver");
}
END_TEST

START_TEST(test_label_taken_off_FND_8_X29) {
  running();
  gone("phase=Running base=running");
  lpod_pod pod = pod_of("phase=Running base=running");
  pod.engine = "";
  feed((lpod_input){.kind = LPOD_IN_READ, .pod = &pod});
  lpod_pod_free(&pod);
  EXPECT("warn byname");
}
END_TEST

START_TEST(test_deleted_by_others_is_lost_X25) {
  running();
  gone("phase=Running base=running");
  feed_pod(LPOD_IN_READ, "uid=u2 phase=Running base=running"); /* somebody's new pod of that name */
  EXPECT("+log0:2");
  log_end(0, true);
  ck_assert_ptr_nonnull(strstr(said, "ended!Lost"));
  advance(LPOD_PHASE_CLEANED);
  EXPECT("cleaned!Lost"); /* the stranger is not deleted */
}
END_TEST

START_TEST(test_last_state_of_a_deleted_pod_counts_P9_X50) {
  running();
  gone("phase=Succeeded deleted=1 base=exit:0");
  EXPECT("+log0:2");
  log_end(0, false);
  EXPECT("-log0 close0 ended");
}
END_TEST

START_TEST(test_a_terminal_state_is_never_given_up_X23) {
  running();
  see("phase=Succeeded base=exit:0");
  see("phase=Running base=running"); /* a stale cache */
  log_end(0, false);
  EXPECT("close0 ended");
}
END_TEST

START_TEST(test_events_of_another_uid_are_not_ours) {
  running();
  see("uid=u9 phase=Failed base=exit:1");
  EXPECT("");
}
END_TEST

START_TEST(test_succeeded_without_the_containers_state_X53) {
  running();
  see("phase=Succeeded");
  EXPECT("read");
  feed_pod(LPOD_IN_READ, "phase=Succeeded");
  EXPECT("");
  log_end(0, false);
  EXPECT("close0 ended!Unknown");
}
END_TEST

START_TEST(test_the_watch_gave_up) {
  running();
  feed_error(LPOD_IN_BLIND, LPOD_E_API, 403, "Forbidden");
  EXPECT("ended!Forbidden");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("follow");
  TCase *tests = machine_tests("follow");
#define ADD(name) tcase_add_test(tests, test_##name)
  ADD(a_fast_pod_is_read_not_followed);
  ADD(exit_code_is_the_verdict_OUT_1_V7);
  ADD(a_neighbour_never_holds_the_task_OUT_1_X52);
  ADD(a_log_that_is_gone_holds_nobody_up_M24);
  ADD(logs_resume_while_the_container_runs_L7_M11_X33);
  ADD(a_log_that_cannot_be_read_never_fails_the_task_LOG_9_O43);
  ADD(logs_off_LOG_2);
  ADD(taken_over_while_running_FND_8);
  ADD(label_taken_off_FND_8_X29);
  ADD(deleted_by_others_is_lost_X25);
  ADD(last_state_of_a_deleted_pod_counts_P9_X50);
  ADD(a_terminal_state_is_never_given_up_X23);
  ADD(events_of_another_uid_are_not_ours);
  ADD(succeeded_without_the_containers_state_X53);
  ADD(the_watch_gave_up);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
