/* What a task's parameters change about its pod's end: the whole pod awaited (OUT-1), a pod left running (DEL-5), one
 * chosen by the owner (S49), a result without the right to exec (RES-10), and pods that were left over (FND-3). */
#include "machine_harness.h"
#include "pod/leftovers.h"

START_TEST(test_wait_for_pod_waits_for_the_other_containers_OUT_1) {
  settings.wait_for_pod = true;
  running();
  see("phase=Running base=exit:0 side=running");
  log_end(0, false);
  EXPECT("close0");
  see("phase=Succeeded base=exit:0 side=exit:0");
  EXPECT("ended");
  advance(LPOD_PHASE_CLEANED);
  EXPECT("delete");
}
END_TEST

START_TEST(test_wait_for_pod_reads_the_result_before_it_waits_OUT_1) {
  settings.wait_for_pod = settings.has_result = true;
  running();
  see("phase=Running base=exit:0 side=running");
  log_end(0, false);
  EXPECT("close0 ended");
  advance(LPOD_PHASE_RESULT);
  done(LPOD_IN_RESULT);
  EXPECT("result");
  advance(LPOD_PHASE_CLEANED);
  EXPECT("");
  see("phase=Succeeded base=exit:0 side=exit:0");
  EXPECT("delete");
}
END_TEST

START_TEST(test_wait_for_pod_ends_at_the_deadline_RTY_5) {
  settings.wait_for_pod = settings.has_result = true;
  running();
  settings.deadline = 10;
  see("phase=Running base=exit:0 side=running");
  log_end(0, false);
  advance(LPOD_PHASE_RESULT);
  done(LPOD_IN_RESULT);
  advance(LPOD_PHASE_CLEANED);
  timer(LPOD_TIMER_DEADLINE);
  EXPECT("delete");
  done(LPOD_IN_DELETED);
  EXPECT("-deadline cleaned!ExecutionTimeout");
}
END_TEST

START_TEST(test_an_endless_neighbour_does_not_hold_the_task_OUT_1_M22) {
  running();
  see("phase=Running base=exit:0 side=running");
  log_end(0, false);
  EXPECT("close0 ended");
}
END_TEST

static void keep(lpod_on_finish on_finish, const char *expected) {
  settings.on_finish = on_finish;
  running();
  see("phase=Running base=exit:0 side=running");
  log_end(0, false);
  advance(LPOD_PHASE_CLEANED);
  EXPECT("mark");
  done(LPOD_IN_MARKED);
  EXPECT(expected);
}

START_TEST(test_a_kept_pod_that_is_active_is_stopped_DEL_5) { keep(LPOD_FINISH_KEEP, "stop"); }
END_TEST
START_TEST(test_an_abandoned_pod_runs_on_DEL_5) { keep(LPOD_FINISH_ABANDON, "cleaned"); }
END_TEST

START_TEST(test_what_never_started_is_not_abandoned_STA_7) {
  settings.on_finish = LPOD_FINISH_ABANDON;
  advance(LPOD_PHASE_STARTED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending scheduled=1");
  timer(LPOD_TIMER_START);
  advance(LPOD_PHASE_CLEANED);
  done(LPOD_IN_MARKED);
  EXPECT("stop");
}
END_TEST

START_TEST(test_the_owner_may_choose_the_pod_S49) {
  settings.look = true;
  advance(LPOD_PHASE_FOUND);
  feed_pod(LPOD_IN_LISTED, "uid=found engine=old phase=Running base=running");
  feed_pod(LPOD_IN_ADOPT, "uid=chosen engine=old phase=Running base=running");
  ck_assert(lpod_machine_found(machine));
  advance(LPOD_PHASE_CREATED);
  EXPECT("claim");
  feed_pod(LPOD_IN_CLAIMED, "uid=chosen engine=e1 phase=Running base=running");
  EXPECT("created");
  ck_assert_str_eq(lpod_machine_pod(machine)->uid, "chosen");
}
END_TEST

START_TEST(test_the_owner_may_want_none_S49) {
  settings.look = true;
  advance(LPOD_PHASE_FOUND);
  feed_pod(LPOD_IN_LISTED, "uid=found engine=old phase=Running base=running");
  feed_pod(LPOD_IN_ADOPT, NULL);
  advance(LPOD_PHASE_CREATED);
  EXPECT("create0");
  feed_pod(LPOD_IN_CREATED, "uid=new phase=Pending");
  feed_pod(LPOD_IN_ADOPT, "uid=late phase=Running"); /* too late: it has one */
  ck_assert_str_eq(lpod_machine_pod(machine)->uid, "new");
}
END_TEST

START_TEST(test_without_the_right_to_exec_the_sidecars_end_is_awaited_RES_10) {
  settings.has_result = true;
  running();
  see("phase=Running base=exit:0");
  log_end(0, false);
  advance(LPOD_PHASE_RESULT);
  for (int second = 0; second < 25; second++) {
    feed_error(LPOD_IN_RESULT, LPOD_E_API, 403, "Forbidden");
    EXPECT("+result:1");
    timer(LPOD_TIMER_RESULT);
    EXPECT("result");
  }
  see("phase=Succeeded base=exit:0");
  done(LPOD_IN_RESULT);
  EXPECT("result");
}
END_TEST

START_TEST(test_an_execution_timeout_counts_from_the_first_try_RTY_5) {
  settings.deadline = 100;
  teardown();
  machine = lpod_machine_new(&settings);
  advance(LPOD_PHASE_CREATED);
  lpod_pod pod =
      pod_from_json("{\"metadata\":{\"uid\":\"u\",\"name\":\"p\",\"creationTimestamp\":\"2026-01-01T00:01:00Z\","
                    "\"annotations\":{\"lunapod_first_start\":\"2026-01-01T00:00:00.000000Z\"}},"
                    "\"spec\":{\"containers\":[{\"name\":\"base\"}]}}");
  feed((lpod_input){.kind = LPOD_IN_CREATED, .pod = &pod, .wall = pod.created});
  EXPECT("+deadline:40 created");
  lpod_pod_free(&pod);
}
END_TEST

static void leftover(bool ended, bool succeeded, lpod_on_finish on_finish, const char *method, const char *body) {
  char *sent = NULL;
  ck_assert_str_eq(lpod_leftover_request("u1", ended, succeeded, on_finish, &sent), method);
  ck_assert_str_eq(sent, body);
  free(sent);
}

#define DELETE_IT "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":{\"uid\":\"u1\"}}"
#define MARK_IT "{\"metadata\":{\"uid\":\"u1\",\"labels\":{\"already_checked\":\"True\"}}}"
#define STOP_IT \
  "{\"metadata\":{\"uid\":\"u1\",\"labels\":{\"already_checked\":\"True\"}},\"spec\":{\"activeDeadlineSeconds\":1}}"

START_TEST(test_leftovers_are_treated_by_the_policy_FND_3_DEL_3) {
  leftover(true, true, LPOD_FINISH_DELETE, "DELETE", DELETE_IT);
  leftover(false, false, LPOD_FINISH_DELETE, "DELETE", DELETE_IT);
  leftover(true, true, LPOD_FINISH_DELETE_SUCCEEDED, "DELETE", DELETE_IT);
  leftover(true, false, LPOD_FINISH_DELETE_SUCCEEDED, "PATCH", MARK_IT);
  leftover(false, false, LPOD_FINISH_DELETE_SUCCEEDED, "PATCH", STOP_IT);
  leftover(false, false, LPOD_FINISH_DELETE_ACTIVE, "DELETE", DELETE_IT);
  leftover(true, false, LPOD_FINISH_DELETE_ACTIVE, "PATCH", MARK_IT);
  leftover(true, false, LPOD_FINISH_KEEP, "PATCH", MARK_IT);
  leftover(false, false, LPOD_FINISH_KEEP, "PATCH", STOP_IT);
  leftover(false, false, LPOD_FINISH_ABANDON, "PATCH", MARK_IT);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("endings");
  TCase *tests = machine_tests("endings");
#define ADD(name) tcase_add_test(tests, test_##name)
  ADD(wait_for_pod_waits_for_the_other_containers_OUT_1);
  ADD(wait_for_pod_reads_the_result_before_it_waits_OUT_1);
  ADD(wait_for_pod_ends_at_the_deadline_RTY_5);
  ADD(an_endless_neighbour_does_not_hold_the_task_OUT_1_M22);
  ADD(a_kept_pod_that_is_active_is_stopped_DEL_5);
  ADD(an_abandoned_pod_runs_on_DEL_5);
  ADD(what_never_started_is_not_abandoned_STA_7);
  ADD(the_owner_may_choose_the_pod_S49);
  ADD(the_owner_may_want_none_S49);
  ADD(without_the_right_to_exec_the_sidecars_end_is_awaited_RES_10);
  ADD(an_execution_timeout_counts_from_the_first_try_RTY_5);
  ADD(leftovers_are_treated_by_the_policy_FND_3_DEL_3);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
