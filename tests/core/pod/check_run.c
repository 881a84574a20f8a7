/* The state machine of a run, fed with sequences: FND-4, FND-8, CRT-2…5, KIL-1…4, STA-1…7, LOG-9…12, L5–L7, M11, OUT-1,
 * RES-7, DEL-1…8, X02–X05, X15–X17, X23, X25, X31–X33, X42–X45, X50, X53, X61, X64. Actions are compared as text, so
 * that a test reads as a protocol. */
#include "pod/run.h"
#include "pods.h"
#include <stdarg.h>

static lpod_settings settings;
static lpod_machine *machine;
static char said[4096];
static int64_t now_ns;
static lpod_phase last_phase;
static lpod_error last_error;
static const char *const base_log[] = {"base", NULL};

static const char *timer_name(unsigned timer) {
  static const char *const names[] = {"create",  "schedule", "start", "grace", "deadline",
                                      "verdict", "gone",     "log0",  "log1",  "log2"};
  return timer < 10 ? names[timer] : "?";
}

static void say(const char *format, ...) {
  va_list args;
  size_t len = strlen(said);
  if (len) said[len++] = ' ';
  va_start(args, format);
  vsnprintf(said + len, sizeof said - len, format, args);
  va_end(args);
}

static void tell(const lpod_action *a) {
  static const char *const phases[] = {"none", "found", "created", "started", "ended", "result", "cleaned"};
  switch (a->kind) {
  case LPOD_DO_LIST: say("list"); break;
  case LPOD_DO_CREATE: say("create%u", a->generation); break;
  case LPOD_DO_READ: say("read"); break;
  case LPOD_DO_CLAIM: say("claim"); break;
  case LPOD_DO_OPEN_LOG: say("%s%zu", a->follow ? "follow" : "tail", a->index); break;
  case LPOD_DO_CLOSE_LOG: say("close%zu", a->index); break;
  case LPOD_DO_RESULT: say("result"); break;
  case LPOD_DO_DROP_RESULT: say("drop"); break;
  case LPOD_DO_MARK: say("mark"); break;
  case LPOD_DO_STOP: say("stop"); break;
  case LPOD_DO_DELETE: a->grace >= 0 ? say("delete:%d", (int)a->grace) : say("delete"); break;
  case LPOD_DO_FOLLOW: say("byname"); break;
  case LPOD_DO_ARM: say("+%s:%g", timer_name(a->timer), (double)a->delay / 1e9); break;
  case LPOD_DO_DISARM: say("-%s", timer_name(a->timer)); break;
  case LPOD_DO_PHASE:
    last_phase = a->phase;
    lpod_error_clear(&last_error);
    if (a->error) last_error = *a->error;
    a->error ? say("%s!%s", phases[a->phase], a->error->reason) : say("%s", phases[a->phase]);
    break;
  case LPOD_DO_STATE: break;
  case LPOD_DO_GAP: say("gap%zu", a->index); break;
  case LPOD_DO_WARN: say("warn"); break;
  }
}

static void feed(lpod_input input) {
  lpod_action actions[LPOD_RUN_ACTIONS];
  said[0] = 0;
  input.now = now_ns;
  input.unit = 0.5;
  if (!input.attempt) input.attempt = "a1";
  size_t count = lpod_machine_feed(machine, &input, actions);
  ck_assert_uint_le(count, LPOD_RUN_ACTIONS);
  for (size_t i = 0; i < count; i++) tell(&actions[i]);
}

#define EXPECT(text) ck_assert_str_eq(said, text)
static void advance(lpod_phase phase) { feed((lpod_input){.kind = LPOD_IN_ADVANCE, .phase = phase}); }
static void feed_pod(lpod_input_kind kind, const char *words) {
  lpod_pod pod = words ? pod_of(words) : lpod_pod_empty();
  feed((lpod_input){.kind = kind, .pod = words ? &pod : NULL});
  lpod_pod_free(&pod);
}
static void see(const char *words) { feed_pod(LPOD_IN_POD, words); }
static void gone(const char *words) { feed_pod(LPOD_IN_GONE, words); }
static void timer(unsigned which) { feed((lpod_input){.kind = LPOD_IN_TIMER, .timer = which}); }
static void feed_error(lpod_input_kind kind, lpod_rc rc, int code, const char *reason) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_fail(&err, rc, "%s", reason);
  err.code = code;
  snprintf(err.reason, sizeof err.reason, "%s", reason);
  feed((lpod_input){.kind = kind, .error = &err});
}
static void log_end(size_t index, bool broken) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_fail(&err, LPOD_E_CUT, "cut");
  feed((lpod_input){.kind = LPOD_IN_LOG_END, .index = index, .error = broken ? &err : NULL});
}
static void done(lpod_input_kind kind) { feed((lpod_input){.kind = kind}); }

static void setup(void) {
  settings = (lpod_settings){.container = "base",
                             .engine = "e1",
                             .log_count = 1,
                             .logs = base_log,
                             .schedule_timeout = 60,
                             .start_timeout = 120,
                             .waiting_rules = lpod_waiting_rules,
                             .grace = -1,
                             .on_finish = LPOD_FINISH_DELETE,
                             .create_tries = 5,
                             .create_wait_min = 1,
                             .create_wait_max = 15};
  now_ns = 1000 * INT64_C(1000000000);
  machine = lpod_machine_new(&settings);
  ck_assert_ptr_nonnull(machine);
}
static void teardown(void) { lpod_machine_free(machine); }

/* A pod that runs and is followed. */
static void running(void) {
  advance(LPOD_PHASE_CREATED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  EXPECT("created");
  advance(LPOD_PHASE_STARTED);
  see("phase=Running base=running");
  advance(LPOD_PHASE_ENDED);
  EXPECT("follow0");
  feed((lpod_input){.kind = LPOD_IN_LOG_OPEN});
}

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

START_TEST(test_found_pod_gone_before_the_claim) {
  settings.look = true;
  advance(LPOD_PHASE_CREATED);
  feed_pod(LPOD_IN_LISTED, "phase=Running engine=old base=running");
  feed_error(LPOD_IN_CLAIMED, LPOD_E_API, 404, "NotFound");
  EXPECT("create0");
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

START_TEST(test_schedule_limit_names_the_reason_STA_2_X42) {
  advance(LPOD_PHASE_STARTED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  EXPECT("+schedule:60");
  see("phase=Pending unschedulable=no_room");
  EXPECT("");
  timer(LPOD_TIMER_SCHEDULE);
  EXPECT("started!Unschedulable");
  ck_assert_str_eq(last_error.error_class, "capacity");
  ck_assert_ptr_nonnull(strstr(last_error.text, "no room"));
}
END_TEST

START_TEST(test_gates_stop_the_schedule_clock_STA_10) {
  advance(LPOD_PHASE_STARTED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  see("phase=Pending gated=1");
  EXPECT("-schedule");
  see("phase=Pending");
  EXPECT("+schedule:60");
}
END_TEST

START_TEST(test_start_limit_carries_the_last_reason_STA_3_STA_9) {
  advance(LPOD_PHASE_STARTED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending scheduled=1");
  see("phase=Pending scheduled=1 base=waiting:ErrImagePull:503_Service_Unavailable");
  EXPECT(""); /* O36: the kubelet tries again by itself */
  see("phase=Pending scheduled=1 base=waiting:ImagePullBackOff:Back-off_pulling_image");
  EXPECT("");
  timer(LPOD_TIMER_START);
  EXPECT("started!ImagePullBackOff");
  ck_assert_str_eq(last_error.error_class, "image");
}
END_TEST

START_TEST(test_start_clock_stands_still_while_an_init_container_runs_STA_6) {
  advance(LPOD_PHASE_STARTED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending scheduled=1");
  EXPECT("+start:120");
  now_ns += INT64_C(20000000000);
  see("phase=Pending scheduled=1 init=running base=waiting:PodInitializing");
  EXPECT("-start");
  now_ns += INT64_C(900000000000);
  see("phase=Pending scheduled=1 init=exit:0 base=waiting:PodInitializing");
  EXPECT("+start:100");
}
END_TEST

START_TEST(test_a_native_sidecar_does_not_stop_the_clock_P14) {
  advance(LPOD_PHASE_STARTED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending scheduled=1");
  see("phase=Pending scheduled=1 sidecar=running base=waiting:PodInitializing");
  EXPECT("");
}
END_TEST

START_TEST(test_waiting_reasons_STA_5_O36) {
  static const struct {
    const char *base, *said;
  } rows[] = {
      {"waiting:InvalidImageName:bad", "started!InvalidImageName"},
      {"waiting:ErrImageNeverPull:never", "started!ErrImageNeverPull"},
      {"waiting:ErrImagePull:manifest_unknown", "started!ErrImagePull"},
      {"waiting:ErrImagePull:unauthorized", "started!ErrImagePull"},
      {"waiting:ImagePullBackOff:Back-off_pulling_image", "started!ImagePullBackOff"},
      {"waiting:ErrImagePull:502_Bad_Gateway", ""},
      {"waiting:ErrImagePull:504_Gateway_Timeout", ""},
      {"waiting:ErrImagePull:Too_Many_Requests", ""},
      {"waiting:ErrImagePull:pull_QPS_exceeded", ""},
      {"waiting:ImagePullBackOff:Back-off_pulling_image_x:_502_Bad_Gateway", ""},
      {"waiting:CreateContainerConfigError:secret_missing", "+grace:30"},
      {"waiting:CreateContainerError:oops", "+grace:10"},
      {"waiting:RunContainerError:oops", "+grace:10"},
      {"waiting:CreatePodSandboxError:cni", ""},
      {"waiting:ContainerCreating", ""},
      {"waiting:PodInitializing", ""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char words[256];
    teardown();
    setup();
    advance(LPOD_PHASE_STARTED);
    feed_pod(LPOD_IN_CREATED, "phase=Pending scheduled=1");
    snprintf(words, sizeof words, "phase=Pending scheduled=1 base=%s", rows[i].base);
    see(words);
    size_t len = strlen(rows[i].said), at = strlen(said) >= len ? strlen(said) - len : 0;
    ck_assert_msg(strcmp(said + at, rows[i].said) == 0 && (len || !*said), "%s: %s, expected %s", rows[i].base, said,
                  rows[i].said);
  }
}
END_TEST

START_TEST(test_a_late_secret_is_within_the_grace_X44) {
  advance(LPOD_PHASE_STARTED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending scheduled=1");
  see("phase=Pending scheduled=1 base=waiting:CreateContainerConfigError:secret_missing");
  EXPECT("+grace:30");
  see("phase=Pending scheduled=1 base=waiting:CreateContainerConfigError:secret_missing");
  EXPECT(""); /* the same grace goes on */
  see("phase=Running base=running");
  EXPECT("-start -grace started");
}
END_TEST

START_TEST(test_grace_used_up_STA_5) {
  advance(LPOD_PHASE_STARTED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending scheduled=1");
  see("phase=Pending scheduled=1 base=waiting:CreateContainerConfigError:no_configmap");
  timer(LPOD_TIMER_GRACE);
  EXPECT("-start started!CreateContainerConfigError");
  ck_assert_str_eq(last_error.error_class, "config");
  ck_assert_ptr_nonnull(strstr(last_error.text, "no configmap"));
  settings.on_finish = LPOD_FINISH_KEEP; /* STA-7: it must not start later, unwatched */
  advance(LPOD_PHASE_CLEANED);
  EXPECT("mark");
  done(LPOD_IN_MARKED);
  EXPECT("stop");
  done(LPOD_IN_STOPPED);
  EXPECT("cleaned!CreateContainerConfigError");
}
END_TEST

START_TEST(test_refused_by_the_node_STA_4_O37) {
  advance(LPOD_PHASE_ENDED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  see("phase=Failed reason=OutOfcpu message=no_room");
  EXPECT("-schedule ended!OutOfcpu");
  ck_assert_str_eq(last_error.error_class, "infra");
}
END_TEST

START_TEST(test_execution_timeout_is_absolute_RTY_5) {
  settings.deadline = 100;
  teardown();
  machine = lpod_machine_new(&settings);
  advance(LPOD_PHASE_ENDED);
  lpod_pod pod = pod_of("phase=Running base=running");
  lpod_input input = {.kind = LPOD_IN_CREATED, .pod = &pod, .wall = pod.created + INT64_C(30000000000)};
  feed(input);
  lpod_pod_free(&pod);
  EXPECT("+deadline:70 follow0");
  timer(LPOD_TIMER_DEADLINE);
  EXPECT("ended!ExecutionTimeout");
  ck_assert_str_eq(last_error.error_class, "deadline");
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

START_TEST(test_the_watch_gave_up) {
  running();
  feed_error(LPOD_IN_BLIND, LPOD_E_API, 403, "Forbidden");
  EXPECT("ended!Forbidden");
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
  TCase *tests = tcase_create("run");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_set_timeout(tests, 60);
#define ADD(name) tcase_add_test(tests, test_##name)
  ADD(a_short_pod_costs_create_log_delete_COST_1);
  ADD(one_goal_leads_through_all_phases);
  ADD(a_fast_pod_is_read_not_followed);
  ADD(exit_code_is_the_verdict_OUT_1_V7);
  ADD(a_neighbour_never_holds_the_task_OUT_1_X52);
  ADD(logs_resume_while_the_container_runs_L7_M11_X33);
  ADD(a_log_that_cannot_be_read_never_fails_the_task_LOG_9_O43);
  ADD(logs_off_LOG_2);
  ADD(create_with_unknown_outcome_is_resolved_CRT_3_X03);
  ADD(create_not_done_is_sent_again_under_the_same_name_X15_X04);
  ADD(name_of_a_stranger_CRT_4);
  ADD(name_held_by_our_marked_pod_takes_the_next_generation_NAM_5_X17);
  ADD(create_refused_for_good_CRT_1_CRT_5);
  ADD(create_gives_up_after_api_retries_X13);
  ADD(found_pod_is_claimed_FND_8);
  ADD(claim_lost_to_another_engine_X64);
  ADD(lost_answer_of_our_claim);
  ADD(found_pod_gone_before_the_claim);
  ADD(no_right_to_patch_is_followed_by_name_FND_8_X59);
  ADD(an_ended_pod_nobody_collected_is_the_attempt_FND_4_M18);
  ADD(taken_over_while_running_FND_8);
  ADD(label_taken_off_FND_8_X29);
  ADD(deleted_by_others_is_lost_X25);
  ADD(last_state_of_a_deleted_pod_counts_P9_X50);
  ADD(a_terminal_state_is_never_given_up_X23);
  ADD(events_of_another_uid_are_not_ours);
  ADD(succeeded_without_the_containers_state_X53);
  ADD(schedule_limit_names_the_reason_STA_2_X42);
  ADD(gates_stop_the_schedule_clock_STA_10);
  ADD(start_limit_carries_the_last_reason_STA_3_STA_9);
  ADD(start_clock_stands_still_while_an_init_container_runs_STA_6);
  ADD(a_native_sidecar_does_not_stop_the_clock_P14);
  ADD(waiting_reasons_STA_5_O36);
  ADD(a_late_secret_is_within_the_grace_X44);
  ADD(grace_used_up_STA_5);
  ADD(refused_by_the_node_STA_4_O37);
  ADD(execution_timeout_is_absolute_RTY_5);
  ADD(finish_policies_DEL_3);
  ADD(errors_in_cleanup_do_not_change_the_verdict_DEL_4_DEL_8);
  ADD(kill_while_running_KIL_1_KIL_3);
  ADD(kill_between_create_and_its_answer_KIL_4);
  ADD(kill_resolves_a_create_of_unknown_outcome_KIL_4);
  ADD(kill_before_anything);
  ADD(kill_does_not_wait_for_ever_DEL_7);
  ADD(kill_while_the_result_is_read);
  ADD(kill_while_the_mark_is_under_way_waits_for_its_answer);
  ADD(a_result_that_cannot_be_read_fails_RES_5);
  ADD(the_watch_gave_up);
  ADD(random_inputs);
  suite_add_tcase(suite, tests);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
