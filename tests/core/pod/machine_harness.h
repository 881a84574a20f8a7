/* The state machine of a run under test: fed with inputs, its actions written as text, so that a test reads as a
 * protocol: EXPECT("-start started"). Time stands still but for what a test adds to now_ns; a pod is a few words
 * (pods.h). */
#ifndef TESTS_POD_MACHINE_HARNESS_H
#define TESTS_POD_MACHINE_HARNESS_H

#include "pod/run.h"
#include "pods.h"
#include "suite.h"
#include <stdarg.h>

static lpod_settings settings;
static lpod_machine *machine;
static char said[4096];
static int64_t now_ns;
static lpod_phase last_phase;
static lpod_error last_error;
static const char *const base_log[] = {"base", NULL};

static inline const char *timer_name(unsigned timer) {
  static const char *const names[] = {"create", "schedule", "start", "grace", "deadline",
                                      "gone",   "result",   "log0",  "log1",  "log2"};
  return timer < 10 ? names[timer] : "?";
}

static inline void say(const char *format, ...) {
  va_list args;
  size_t len = strlen(said);
  if (len) said[len++] = ' ';
  va_start(args, format);
  vsnprintf(said + len, sizeof said - len, format, args);
  va_end(args);
}

static inline void tell(const lpod_action *a) {
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

static inline void feed(lpod_input input) {
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
static inline void advance(lpod_phase phase) { feed((lpod_input){.kind = LPOD_IN_ADVANCE, .phase = phase}); }
static inline void feed_pod(lpod_input_kind kind, const char *words) {
  lpod_pod pod = words ? pod_of(words) : lpod_pod_empty();
  feed((lpod_input){.kind = kind, .pod = words ? &pod : NULL});
  lpod_pod_free(&pod);
}
static inline void see(const char *words) { feed_pod(LPOD_IN_POD, words); }
static inline void gone(const char *words) { feed_pod(LPOD_IN_GONE, words); }
static inline void timer(unsigned which) { feed((lpod_input){.kind = LPOD_IN_TIMER, .timer = which}); }
static inline void feed_error(lpod_input_kind kind, lpod_rc rc, int code, const char *reason) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_fail(&err, rc, "%s", reason);
  err.code = code;
  snprintf(err.reason, sizeof err.reason, "%s", reason);
  feed((lpod_input){.kind = kind, .error = &err});
}
static inline void log_end(size_t index, bool broken) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_fail(&err, LPOD_E_CUT, "cut");
  feed((lpod_input){.kind = LPOD_IN_LOG_END, .index = index, .error = broken ? &err : NULL});
}
static inline void done(lpod_input_kind kind) { feed((lpod_input){.kind = kind}); }

static inline void setup(void) {
  settings = (lpod_settings){.container = "base",
                             .engine = "e1",
                             .log_count = 1,
                             .logs = base_log,
                             .schedule_timeout = 60,
                             .start_timeout = 120,
                             .waiting_rules = lpod_run_waiting_rules(),
                             .grace = -1,
                             .on_finish = LPOD_FINISH_DELETE,
                             .create_tries = 5,
                             .create_wait_min = 1,
                             .create_wait_max = 15};
  now_ns = 1000 * INT64_C(1000000000);
  machine = lpod_machine_new(&settings);
  ck_assert_ptr_nonnull(machine);
}
static inline void teardown(void) { lpod_machine_free(machine); }

/* A pod that runs and is followed. */
static inline void running(void) {
  advance(LPOD_PHASE_CREATED);
  feed_pod(LPOD_IN_CREATED, "phase=Pending");
  EXPECT("created");
  advance(LPOD_PHASE_STARTED);
  see("phase=Running base=running");
  advance(LPOD_PHASE_ENDED);
  EXPECT("follow0");
  feed((lpod_input){.kind = LPOD_IN_LOG_OPEN});
}

/* A group of tests, each with a machine of its own. */
static inline TCase *machine_tests(const char *name) {
  TCase *tests = tcase_create(name);
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_set_timeout(tests, 60);
  return tests;
}

#endif
