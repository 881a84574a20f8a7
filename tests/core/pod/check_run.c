/* The state machine of a run from its first goal to the last: finding and claiming, creating, the result, killing and
 * cleaning up (FND-4, FND-8, CRT-1…5, NAM-5, RES-5, KIL-1…4, DEL-1…8, X02–X04, X13, X15–X17, X59, X61, X64), and
 * whatever comes in whatever order. Starting is check_start.c's, following check_follow.c's. */
#include "machine_harness.h"

START_TEST(test_a_short_pod_costs_create_log_delete_COST_1) {
  advance(LPOD_PHASE_FOUND);
  EXPECT("found"); /* FND-9: a run id just made up has no earlier pods */
  advance(LPOD_PHASE_CREATED);
  EXPECT("create0");
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  EXPECT("created");
  advance(LPOD_PHASE_STARTED);
  EXPECT("+schedule:60");
  see("phase=Pending scheduled=1 base=waiting:ContainerCreating");
  EXPECT("-schedule +start:120");
  see("phase=Running base=running");
  EXPECT("-start started");
  advance(LPOD_PHASE_ENDED);
  EXPECT("follow0");
  log_end(0, false); /* L7: the watch gets two seconds */
  EXPECT("+log0:2");
  see("phase=Succeeded base=exit:0");
  EXPECT("-log0 close0 ended");
  advance(LPOD_PHASE_RESULT);
  EXPECT("result");
  advance(LPOD_PHASE_CLEANED);
  EXPECT("delete"); /* DEL-1: no mark on a pod that succeeded and goes */
  done(LPOD_IN_DELETED);
  EXPECT("cleaned");
}
END_TEST

START_TEST(test_one_goal_leads_through_all_phases) {
  advance(LPOD_PHASE_CLEANED);
  EXPECT("create0");
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  see("phase=Running base=running");
  EXPECT("-schedule follow0");
  see("phase=Succeeded base=exit:0");
  EXPECT("");
  log_end(0, false);
  EXPECT("close0 delete");
  done(LPOD_IN_DELETED);
  EXPECT("cleaned");
  ck_assert_int_eq(last_error.rc, LPOD_OK);
}
END_TEST

START_TEST(test_create_with_unknown_outcome_is_resolved_CRT_3_X03) {
  advance(LPOD_PHASE_CREATED);
  feed_error(LPOD_IN_CREATED, LPOD_E_CUT, 0, "");
  EXPECT("read");
  feed_pod(LPOD_IN_READ, "phase=Pending engine=e1 attempt=a1");
  EXPECT("created");
  ck_assert(!lpod_machine_adopted(machine));
}
END_TEST

START_TEST(test_create_not_done_is_sent_again_under_the_same_name_X15_X04) {
  advance(LPOD_PHASE_CREATED);
  feed_error(LPOD_IN_CREATED, LPOD_E_API, 504, "Timeout");
  EXPECT("read");
  feed_pod(LPOD_IN_READ, NULL); /* 404: perhaps a stale proxy */
  ck_assert_int_eq(strncmp(said, "+create:", 8), 0);
  timer(LPOD_TIMER_CREATE);
  EXPECT("create0");
  feed_error(LPOD_IN_CREATED, LPOD_E_API, 409, "AlreadyExists");
  EXPECT("read");
  feed_pod(LPOD_IN_READ, "phase=Running base=running");
  EXPECT("created");
}
END_TEST

START_TEST(test_name_of_a_stranger_CRT_4) {
  advance(LPOD_PHASE_CLEANED);
  feed_error(LPOD_IN_CREATED, LPOD_E_API, 409, "AlreadyExists");
  feed_pod(LPOD_IN_READ, "attempt=other engine=e9");
  EXPECT("cleaned!AlreadyExists"); /* and no DELETE */
  ck_assert_str_eq(last_error.error_class, "config");
}
END_TEST

START_TEST(test_name_held_by_our_marked_pod_takes_the_next_generation_NAM_5_X17) {
  advance(LPOD_PHASE_CREATED);
  feed_error(LPOD_IN_CREATED, LPOD_E_API, 409, "AlreadyExists");
  feed_pod(LPOD_IN_READ, "phase=Failed checked=True base=exit:1");
  EXPECT("create1");
  feed_error(LPOD_IN_CREATED, LPOD_E_API, 409, "AlreadyExists");
  feed_pod(LPOD_IN_READ, "phase=Running deleted=1 base=running");
  EXPECT("create2");
  feed_pod(LPOD_IN_CREATED, "uid=u3");
  EXPECT("created");
  ck_assert_uint_eq(lpod_machine_generation(machine), 2);
}
END_TEST

START_TEST(test_create_refused_for_good_CRT_1_CRT_5) {
  advance(LPOD_PHASE_CREATED);
  feed_error(LPOD_IN_CREATED, LPOD_E_API, 422, "Invalid");
  EXPECT("created!Invalid");
  advance(LPOD_PHASE_CLEANED);
  EXPECT("cleaned!Invalid"); /* no pod, no DELETE */
}
END_TEST

START_TEST(test_create_gives_up_after_api_retries_X13) {
  settings.create_tries = 3;
  advance(LPOD_PHASE_CREATED);
  for (int i = 0; i < 2; i++) {
    feed_error(LPOD_IN_CREATED, LPOD_E_CONNECT, 0, "");
    ck_assert_int_eq(strncmp(said, "+create:", 8), 0);
    timer(LPOD_TIMER_CREATE);
    EXPECT("create0");
  }
  feed_error(LPOD_IN_CREATED, LPOD_E_CONNECT, 0, "");
  EXPECT("created!");
}
END_TEST

START_TEST(test_found_pod_is_claimed_FND_8) {
  settings.look = true;
  advance(LPOD_PHASE_FOUND);
  EXPECT("list");
  feed_pod(LPOD_IN_LISTED, "phase=Running engine=old base=running");
  EXPECT("found");
  ck_assert(lpod_machine_found(machine));
  advance(LPOD_PHASE_CREATED);
  EXPECT("claim");
  feed_error(LPOD_IN_CLAIMED, LPOD_E_API, 409, "Conflict");
  EXPECT("read"); /* the kubelet wrote its status meanwhile */
  feed_pod(LPOD_IN_READ, "phase=Running engine=old base=running");
  EXPECT("claim");
  feed_pod(LPOD_IN_CLAIMED, "phase=Running engine=e1 base=running");
  EXPECT("created");
  ck_assert(lpod_machine_adopted(machine));
}
END_TEST

START_TEST(test_claim_lost_to_another_engine_X64) {
  settings.look = true;
  advance(LPOD_PHASE_CLEANED);
  feed_pod(LPOD_IN_LISTED, "phase=Running engine=old base=running");
  EXPECT("claim");
  feed_error(LPOD_IN_CLAIMED, LPOD_E_API, 409, "Conflict");
  feed_pod(LPOD_IN_READ, "phase=Running engine=third base=running");
  EXPECT("cleaned!TakenOver"); /* nothing marked, deleted or logged */
}
END_TEST

START_TEST(test_lost_answer_of_our_claim) {
  settings.look = true;
  advance(LPOD_PHASE_CREATED);
  feed_pod(LPOD_IN_LISTED, "phase=Running engine=old base=running");
  feed_error(LPOD_IN_CLAIMED, LPOD_E_API, 409, "Conflict");
  feed_pod(LPOD_IN_READ, "phase=Running engine=e1 base=running");
  EXPECT("created");
}
END_TEST

START_TEST(test_found_pod_gone_before_the_claim_is_lost_and_not_run_again_ERR_4) {
  settings.look = true;
  advance(LPOD_PHASE_CREATED);
  feed_pod(LPOD_IN_LISTED, "phase=Running engine=old base=running");
  feed_error(LPOD_IN_CLAIMED, LPOD_E_API, 404, "NotFound");
  EXPECT("created!PodReattachFailure");
}
END_TEST

START_TEST(test_no_right_to_patch_is_followed_by_name_FND_8_X59) {
  settings.look = true;
  advance(LPOD_PHASE_CREATED);
  feed_pod(LPOD_IN_LISTED, "phase=Running engine=old base=running");
  feed_error(LPOD_IN_CLAIMED, LPOD_E_API, 403, "Forbidden");
  EXPECT("warn byname created");
}
END_TEST

START_TEST(test_an_ended_pod_nobody_collected_is_the_attempt_FND_4_M18) {
  settings.look = true;
  advance(LPOD_PHASE_ENDED);
  feed_pod(LPOD_IN_LISTED, "phase=Succeeded engine=old base=exit:0");
  feed_pod(LPOD_IN_CLAIMED, "phase=Succeeded base=exit:0");
  EXPECT("tail0");
  log_end(0, false);
  EXPECT("close0 ended");
}
END_TEST

START_TEST(test_finish_policies_DEL_3) {
  static const struct {
    lpod_on_finish policy;
    const char *base, *said;
  } rows[] = {
      {LPOD_FINISH_DELETE, "phase=Failed base=exit:1", "mark delete"},
      {LPOD_FINISH_DELETE_SUCCEEDED, "phase=Succeeded base=exit:0", "delete"},
      {LPOD_FINISH_DELETE_SUCCEEDED, "phase=Failed base=exit:1", "mark"},
      {LPOD_FINISH_DELETE_ACTIVE, "phase=Succeeded base=exit:0", "mark"},
      {LPOD_FINISH_DELETE_ACTIVE, "phase=Running base=exit:0 side=running", "delete"},
      {LPOD_FINISH_KEEP, "phase=Succeeded base=exit:0", "mark"},
      {LPOD_FINISH_KEEP, "phase=Running base=exit:0 side=running", "mark stop"}, /* DEL-5 */
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char all[8192] = "";
    teardown();
    setup();
    settings.on_finish = rows[i].policy;
    settings.log_count = 0;
    advance(LPOD_PHASE_ENDED);
    feed_pod(LPOD_IN_CREATED, "phase=Pending");
    see(rows[i].base);
    advance(LPOD_PHASE_CLEANED);
    while (last_phase != LPOD_PHASE_CLEANED) {
      snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", *all ? " " : "", said);
      lpod_input_kind next = strcmp(said, "mark") == 0   ? LPOD_IN_MARKED
                             : strcmp(said, "stop") == 0 ? LPOD_IN_STOPPED
                                                         : LPOD_IN_DELETED;
      done(next);
    }
    ck_assert_msg(strcmp(all, rows[i].said) == 0, "row %zu: %s, expected %s", i, all, rows[i].said);
    last_phase = LPOD_PHASE_NONE;
  }
}
END_TEST

START_TEST(test_errors_in_cleanup_do_not_change_the_verdict_DEL_4_DEL_8) {
  running();
  see("phase=Succeeded base=exit:0");
  log_end(0, false);
  advance(LPOD_PHASE_CLEANED);
  feed_error(LPOD_IN_DELETED, LPOD_E_API, 500, "InternalError");
  EXPECT("warn cleaned");
}
END_TEST

START_TEST(test_kill_while_running_KIL_1_KIL_3) {
  running();
  feed((lpod_input){.kind = LPOD_IN_CANCEL, .grace = 0});
  EXPECT("delete:0"); /* KIL-2: 0 only because it was said */
  done(LPOD_IN_DELETED);
  EXPECT("+gone:30");
  see("phase=Succeeded deleted=1 base=exit:0"); /* the trap ended with 0: still killed (M19) */
  EXPECT("");
  gone("phase=Succeeded deleted=1 base=exit:0");
  EXPECT("-gone close0 cleaned!Killed");
  ck_assert_int_eq(last_error.rc, LPOD_E_CANCELLED);
}
END_TEST

START_TEST(test_kill_between_create_and_its_answer_KIL_4) {
  advance(LPOD_PHASE_CLEANED);
  EXPECT("create0");
  feed((lpod_input){.kind = LPOD_IN_CANCEL, .grace = -1});
  EXPECT("");
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  EXPECT("delete");
  done(LPOD_IN_DELETED);
  gone(NULL);
  EXPECT("-gone cleaned!Killed");
}
END_TEST

START_TEST(test_kill_resolves_a_create_of_unknown_outcome_KIL_4) {
  advance(LPOD_PHASE_CLEANED);
  feed((lpod_input){.kind = LPOD_IN_CANCEL, .grace = -1});
  feed_error(LPOD_IN_CREATED, LPOD_E_TIMEOUT, 0, "");
  EXPECT("read");
  feed_pod(LPOD_IN_READ, NULL);
  EXPECT("cleaned!Killed");
}
END_TEST

START_TEST(test_kill_before_anything) {
  feed((lpod_input){.kind = LPOD_IN_CANCEL, .grace = -1});
  EXPECT("cleaned!Killed");
}
END_TEST

START_TEST(test_kill_does_not_wait_for_ever_DEL_7) {
  running();
  feed((lpod_input){.kind = LPOD_IN_CANCEL, .grace = 5});
  done(LPOD_IN_DELETED);
  EXPECT("+gone:35");
  timer(LPOD_TIMER_GONE);
  EXPECT("warn close0 cleaned!Killed");
}
END_TEST

START_TEST(test_kill_while_the_result_is_read) {
  settings.has_result = true;
  running();
  see("phase=Running base=exit:0");
  log_end(0, false);
  advance(LPOD_PHASE_RESULT);
  EXPECT("result");
  feed((lpod_input){.kind = LPOD_IN_CANCEL, .grace = -1});
  EXPECT("drop delete");
}
END_TEST

START_TEST(test_kill_while_the_mark_is_under_way_waits_for_its_answer) {
  running();
  see("phase=Failed base=exit:1");
  log_end(0, false);
  advance(LPOD_PHASE_CLEANED);
  EXPECT("mark");
  feed((lpod_input){.kind = LPOD_IN_CANCEL, .grace = -1});
  EXPECT("");
  done(LPOD_IN_MARKED);
  EXPECT("delete");
}
END_TEST

START_TEST(test_a_sidecar_that_is_just_ending_is_asked_again_X40_X41_RES_10) {
  static const char *const waits[] = {"+result:0.5", "+result:1", "+result:2", "+result:4"};
  settings.has_result = true;
  running();
  see("phase=Running base=exit:0");
  log_end(0, false);
  advance(LPOD_PHASE_RESULT);
  for (int i = 0; i < 4; i++) {
    feed_error(LPOD_IN_RESULT, LPOD_E_API, 500, "InternalError");
    EXPECT(waits[i]);
    timer(LPOD_TIMER_RESULT);
    EXPECT("result");
  }
  feed_error(LPOD_IN_RESULT, LPOD_E_API, 500, "InternalError");
  EXPECT("result!InternalError");
}
END_TEST

START_TEST(test_kill_between_two_readings_of_the_result) {
  settings.has_result = true;
  running();
  see("phase=Running base=exit:0");
  log_end(0, false);
  advance(LPOD_PHASE_RESULT);
  feed_error(LPOD_IN_RESULT, LPOD_E_API, 404, "NotFound");
  feed((lpod_input){.kind = LPOD_IN_CANCEL, .grace = -1});
  EXPECT("drop -result delete");
}
END_TEST

START_TEST(test_a_result_that_cannot_be_read_fails_RES_5) {
  settings.has_result = true;
  running();
  see("phase=Running base=exit:0");
  log_end(0, false);
  advance(LPOD_PHASE_RESULT);
  feed_error(LPOD_IN_RESULT, LPOD_E_CUT, 0, "cut");
  EXPECT("result!cut");
  advance(LPOD_PHASE_CLEANED);
  EXPECT("delete");
}
END_TEST

/* Whatever comes in whatever order: no crash, bounded actions, one PHASE a goal, nothing deleted that is not ours. */
START_TEST(test_random_inputs) {
  static const char *const pods[] = {"phase=Pending",
                                     "phase=Pending scheduled=1 base=waiting:ErrImagePull:x",
                                     "phase=Running base=running",
                                     "phase=Running base=exit:1",
                                     "phase=Succeeded base=exit:0",
                                     "phase=Succeeded",
                                     "phase=Failed reason=Evicted",
                                     "phase=Running engine=other base=running",
                                     "uid=u2 phase=Running base=running",
                                     "phase=Failed checked=True base=exit:1"};
  srand(7);
  for (int round = 0; round < 3000; round++) {
    teardown();
    setup();
    settings.look = rand() % 2;
    settings.has_result = rand() % 2;
    settings.on_finish = (lpod_on_finish)(rand() % 4);
    int asked = 0, answered = 0;
    for (int i = 0; i < 40; i++) {
      lpod_pod pod = pod_of(pods[rand() % 10]);
      lpod_error err = LPOD_ERROR_INIT;
      lpod_fail(&err, rand() % 2 ? LPOD_E_CUT : LPOD_E_API, "x");
      err.code = (int[]){0, 403, 404, 409, 500, 504}[rand() % 6];
      lpod_input input = {.kind = (lpod_input_kind)(rand() % (LPOD_IN_DELETED + 1)),
                          .phase = (lpod_phase)(1 + rand() % 6),
                          .grace = rand() % 3 - 1,
                          .timer = (unsigned)rand() % (LPOD_TIMER_LOG + 1)};
      bool error = rand() % 3 == 0;
      input.pod = rand() % 4 && !error ? &pod : NULL;
      input.error = error || input.kind == LPOD_IN_BLIND ? &err : NULL;
      if ((input.kind == LPOD_IN_CREATED || input.kind == LPOD_IN_CLAIMED || input.kind == LPOD_IN_POD) && !input.pod)
        input.error = &err;
      if (input.kind == LPOD_IN_POD && !input.pod) input.kind = LPOD_IN_GONE;
      if (input.kind == LPOD_IN_ADVANCE && asked > answered) input.kind = LPOD_IN_GONE; /* one goal at a time */
      if (input.kind == LPOD_IN_CANCEL && rand() % 4) input.kind = LPOD_IN_GONE;
      if (input.kind == LPOD_IN_ADVANCE) asked++;
      if (input.kind == LPOD_IN_CANCEL) asked = answered + 1;
      last_phase = LPOD_PHASE_NONE;
      feed(input);
      if (last_phase != LPOD_PHASE_NONE) answered++;
      ck_assert_int_le(answered, asked);
      if (strstr(said, "delete"))
        ck_assert_str_eq(lpod_machine_pod(machine)->uid,
                         *lpod_machine_pod(machine)->uid ? lpod_machine_pod(machine)->uid : "none");
      lpod_pod_free(&pod);
    }
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("run");
  TCase *tests = machine_tests("run");
#define ADD(name) tcase_add_test(tests, test_##name)
  ADD(a_short_pod_costs_create_log_delete_COST_1);
  ADD(one_goal_leads_through_all_phases);
  ADD(create_with_unknown_outcome_is_resolved_CRT_3_X03);
  ADD(create_not_done_is_sent_again_under_the_same_name_X15_X04);
  ADD(name_of_a_stranger_CRT_4);
  ADD(name_held_by_our_marked_pod_takes_the_next_generation_NAM_5_X17);
  ADD(create_refused_for_good_CRT_1_CRT_5);
  ADD(create_gives_up_after_api_retries_X13);
  ADD(found_pod_is_claimed_FND_8);
  ADD(claim_lost_to_another_engine_X64);
  ADD(lost_answer_of_our_claim);
  ADD(found_pod_gone_before_the_claim_is_lost_and_not_run_again_ERR_4);
  ADD(no_right_to_patch_is_followed_by_name_FND_8_X59);
  ADD(an_ended_pod_nobody_collected_is_the_attempt_FND_4_M18);
  ADD(finish_policies_DEL_3);
  ADD(errors_in_cleanup_do_not_change_the_verdict_DEL_4_DEL_8);
  ADD(kill_while_running_KIL_1_KIL_3);
  ADD(kill_between_create_and_its_answer_KIL_4);
  ADD(kill_resolves_a_create_of_unknown_outcome_KIL_4);
  ADD(kill_before_anything);
  ADD(kill_does_not_wait_for_ever_DEL_7);
  ADD(kill_while_the_result_is_read);
  ADD(kill_while_the_mark_is_under_way_waits_for_its_answer);
  ADD(a_sidecar_that_is_just_ending_is_asked_again_X40_X41_RES_10);
  ADD(kill_between_two_readings_of_the_result);
  ADD(a_result_that_cannot_be_read_fails_RES_5);
  ADD(random_inputs);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
