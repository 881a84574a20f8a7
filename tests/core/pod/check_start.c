/* The state machine of a run while its pod starts, and the limits of time: scheduling, images, waiting reasons and
 * their graces (STA-1…7, STA-9, STA-10, RTY-5, P14, O36, O37, X42–X45). */
#include "machine_harness.h"

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

START_TEST(test_a_sidecar_that_cannot_be_started_STA_5_RES_3) {
  advance(LPOD_PHASE_STARTED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending scheduled=1");
  see("phase=Pending scheduled=1 sidecar=waiting:RunContainerError:no_sh");
  EXPECT("+grace:10");
  see("phase=Pending scheduled=1 sidecar=waiting:CrashLoopBackOff:back-off");
  EXPECT("");
  see("phase=Pending scheduled=1 sidecar=exit:128:StartError");
  EXPECT("");
  timer(LPOD_TIMER_GRACE);
  EXPECT("-start started!StartError");
  ck_assert_str_eq(last_error.error_class, "config");
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

int main(void) {
  Suite *suite = suite_create("start");
  TCase *tests = machine_tests("start");
#define ADD(name) tcase_add_test(tests, test_##name)
  ADD(schedule_limit_names_the_reason_STA_2_X42);
  ADD(gates_stop_the_schedule_clock_STA_10);
  ADD(start_limit_carries_the_last_reason_STA_3_STA_9);
  ADD(start_clock_stands_still_while_an_init_container_runs_STA_6);
  ADD(a_native_sidecar_does_not_stop_the_clock_P14);
  ADD(waiting_reasons_STA_5_O36);
  ADD(a_late_secret_is_within_the_grace_X44);
  ADD(grace_used_up_STA_5);
  ADD(a_sidecar_that_cannot_be_started_STA_5_RES_3);
  ADD(refused_by_the_node_STA_4_O37);
  ADD(execution_timeout_is_absolute_RTY_5);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
