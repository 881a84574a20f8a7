/* What a watch does next: W1, W4–W8, W10, M8, M9, E11, X20, X21, X24, X28. Pure: a made-up clock, made-up jitter. */
#include "base/clock.h"
#include "kube/watch_machine.h"
#include "suite.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

enum { LIST = LPOD_WATCH_DO_LIST, WATCH = LPOD_WATCH_DO_WATCH, END = LPOD_WATCH_DO_END };
#define S LPOD_NS_PER_S
#define MS LPOD_NS_PER_MS

static lpod_watch_machine machine;
static int64_t now;

static void setup(void) {
  lpod_watch_machine_init(&machine);
  now = 5000 * S;
}
static void teardown(void) { lpod_watch_machine_free(&machine); }

static lpod_watch_kind event_of(const char *json, const char *kind, lpod_error *err) {
  lpod_doc *doc;
  const lpod_value *object;
  ck_assert_int_eq(lpod_json_parse(json, strlen(json), &doc, NULL), LPOD_OK);
  lpod_watch_kind found = lpod_watch_machine_event(&machine, lpod_doc_root(doc), kind, &object, err);
  lpod_doc_free(doc);
  return found;
}

static lpod_watch_kind event(const char *type, const char *version) {
  char json[256];
  lpod_error err = LPOD_ERROR_INIT;
  snprintf(json, sizeof json,
           "{\"type\":\"%s\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"%s\"}}}", type, version);
  return event_of(json, "Pod", &err);
}

static lpod_watch_step begin(const char *version) {
  lpod_watch_step step;
  ck_assert_int_eq(lpod_watch_machine_begin(&machine, version, &step, NULL), LPOD_OK);
  return step;
}
static void opened(void) { lpod_watch_machine_opened(&machine, now); }
static lpod_watch_step ended(double unit, const lpod_error *error) {
  return lpod_watch_machine_ended(&machine, now, unit, error);
}
static lpod_watch_step listed(const char *version, const lpod_error *error) {
  return lpod_watch_machine_listed(&machine, now, 0.5, version, error);
}
static lpod_error api(int code, const char *reason) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_fail(&err, LPOD_E_API, "%d %s", code, reason);
  err.code = code;
  snprintf(err.reason, sizeof err.reason, "%s", reason);
  return err;
}
static lpod_error plain(lpod_rc rc) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_fail(&err, rc, "made up");
  return err;
}
#define version_is(text) ck_assert_str_eq(machine.version.data, text)
#define step_is(step, what, wait) \
  do { \
    lpod_watch_step step_found = (step); \
    ck_assert_int_eq(step_found.todo, what); \
    ck_assert_int_eq(step_found.delay, wait); \
  } while (0)

START_TEST(begins_with_a_list_or_at_a_version_W4) {
  step_is(begin(NULL), LIST, 0);
  step_is(begin(""), LIST, 0);
  step_is(listed("17", NULL), WATCH, 0);
  version_is("17");
  step_is(begin("opaque-4711"), WATCH, 0);
  version_is("opaque-4711"); /* W1 */
}
END_TEST

START_TEST(resume_point_moves_with_every_event_and_bookmark_X21) {
  begin("10");
  ck_assert_int_eq(event("ADDED", "11"), LPOD_WATCH_KIND_ADDED);
  version_is("11");
  ck_assert_int_eq(event("MODIFIED", "12"), LPOD_WATCH_KIND_MODIFIED);
  version_is("12");
  ck_assert_int_eq(event("DELETED", "13"), LPOD_WATCH_KIND_DELETED);
  version_is("13");
  ck_assert_int_eq(event("BOOKMARK", "900"), LPOD_WATCH_KIND_BOOKMARK);
  version_is("900");
  ck_assert_int_eq(event("MODIFIED", "12"),
                   LPOD_WATCH_KIND_MODIFIED); /* older after newer: opaque, so it counts (X24, W1) */
  version_is("12");
}
END_TEST

START_TEST(synthetic_events_do_not_move_the_resume_point_W10) {
  begin("0");
  event("ADDED", "50");
  event("ADDED", "40");
  version_is("0");
  event("BOOKMARK", "60");
  version_is("60");
  event("ADDED", "61");
  version_is("61");
}
END_TEST

START_TEST(other_kinds_are_skipped_X24) {
  lpod_error err = LPOD_ERROR_INIT;
  begin("1");
  const char *json = "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Secret\",\"metadata\":{\"resourceVersion\":\"2\"}}}";
  ck_assert_int_eq(event_of(json, "Pod", &err), LPOD_WATCH_KIND_OTHER);
  version_is("2");
  ck_assert_int_eq(event_of(json, NULL, &err), LPOD_WATCH_KIND_ADDED);
  ck_assert_int_eq(event_of("{\"type\":\"ADDED\",\"object\":{}}", "Pod", &err), LPOD_WATCH_KIND_ADDED);
  version_is("2");
}
END_TEST

START_TEST(what_makes_no_sense_is_a_broken_stream_W5_X20_X24) {
  static const char *const rows[] = {
      "{\"type\":\"CHANGED\",\"object\":{}}",
      "{\"type\":\"added\",\"object\":{}}",
      "{\"type\":7,\"object\":{}}",
      "{\"object\":{}}",
      "{\"type\":\"ADDED\"}",
      "{\"type\":\"ADDED\",\"object\":[]}",
      "[]",
      "1",
      "null",
      "{}",
      "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Pod\"}}",
      "{\"type\":\"ERROR\",\"object\":\"text\"}",
      "{\"type\":\"ERROR\"}",
      "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\"}}",
      "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"status\":\"Success\",\"code\":200}}",
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lpod_error err = LPOD_ERROR_INIT;
    teardown();
    setup();
    begin("1");
    opened();
    ck_assert_msg(event_of(rows[i], "Pod", &err) == LPOD_WATCH_KIND_FAILED, "%s", rows[i]);
    ck_assert_msg(err.rc == LPOD_E_PARSE, "%s: %s", rows[i], err.text);
    version_is("1");
    lpod_watch_step step = ended(0.5, &err);
    ck_assert_int_eq(step.todo, LIST);
    ck_assert(step.trouble);
  }
}
END_TEST

START_TEST(a_version_of_absurd_length_is_a_broken_stream_W1) {
  static char json[6000];
  size_t len = (size_t)sprintf(json, "{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"resourceVersion\":\"");
  memset(json + len, '1', 5000);
  strcpy(json + len + 5000, "\"}}}");
  lpod_error err = LPOD_ERROR_INIT;
  begin("1");
  ck_assert_int_eq(event_of(json, NULL, &err), LPOD_WATCH_KIND_FAILED);
  ck_assert_int_eq(err.rc, LPOD_E_PARSE);
  version_is("1");
}
END_TEST

START_TEST(expired_in_both_forms_lists_again_W6_X20_M9) {
  lpod_error err = LPOD_ERROR_INIT;
  begin("1");
  opened();
  ck_assert_int_eq(event_of("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":"
                            "\"Expired\",\"code\":410,"
                            "\"message\":\"too old resource version: 1 (9)\"}}",
                            "Pod", &err),
                   LPOD_WATCH_KIND_FAILED);
  lpod_watch_step step = ended(0.5, &err);
  step_is(step, LIST, 250 * MS); /* spread over half a second */
  ck_assert(!step.trouble);      /* the normal road after a restart */
  step_is(listed("20", NULL), WATCH, 0);
  opened();
  event("ADDED", "21");
  lpod_error gone = api(410, "Gone");
  step_is(ended(0, &gone), LIST, 0);
  /* Again and again without an event: back off. */
  listed("22", NULL);
  step = ended(0.999999, &gone);
  ck_assert_int_eq(step.todo, LIST);
  ck_assert(step.trouble && step.delay > 790 * MS && step.delay < 800 * MS);
  step = ended(0.999999, &gone);
  ck_assert(step.delay > 1590 * MS && step.delay < 1600 * MS);
}
END_TEST

START_TEST(version_of_the_future_lists_from_the_most_recent_W7) {
  lpod_error err = LPOD_ERROR_INIT;
  begin("99");
  ck_assert_int_eq(
      event_of("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Timeout\","
               "\"code\":504,"
               "\"message\":\"Timeout: Too large resource version: 99, current: 3\",\"details\":{\"causes\":"
               "[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too large resource version\"}]}}}",
               "Pod", &err),
      LPOD_WATCH_KIND_FAILED);
  ck_assert_int_eq(ended(0.5, &err).todo, LIST);
  lpod_error ordinary = api(504, "Timeout");
  ck_assert_int_eq(ended(0.5, &ordinary).todo, WATCH);
}
END_TEST

START_TEST(error_event_500_watches_again_X20) {
  lpod_error err = LPOD_ERROR_INIT;
  begin("1");
  ck_assert_int_eq(event_of("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":"
                            "\"InternalError\",\"code\":500}}",
                            "Pod", &err),
                   LPOD_WATCH_KIND_FAILED);
  lpod_watch_step step = ended(0.5, &err);
  step_is(step, WATCH, 400 * MS);
  ck_assert(step.trouble);
}
END_TEST

START_TEST(clean_ends_watch_again_at_once_W8_M8) {
  begin("1");
  for (int i = 0; i < 100; i++) { /* with events, however short */
    opened();
    event("MODIFIED", "2");
    now += 5 * MS;
    lpod_watch_step step = ended(0.9, NULL);
    step_is(step, WATCH, 0);
    ck_assert(!step.trouble);
  }
  for (int i = 0; i < 5; i++) { /* without, but long */
    opened();
    now += 300 * S;
    step_is(ended(0.9, NULL), WATCH, 0);
  }
  opened();
  now += 1 * S;
  step_is(ended(0.9, NULL), WATCH, 0);
}
END_TEST

START_TEST(empty_short_watches_back_off_after_the_first_W8_M8_E11) {
  begin("1");
  opened();
  now += 50 * MS;
  step_is(ended(0.5, NULL), WATCH, 0); /* frequent just after a start of the server */
  static const int64_t waits[] = {400, 800, 1600, 3200, 6400, 12800, 15000, 15000};
  for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) { /* 0.8 s doubling to 30 s, half of it by this jitter */
    opened();
    now += 50 * MS;
    lpod_watch_step step = ended(0.5, NULL);
    step_is(step, WATCH, waits[i] * MS);
    ck_assert(step.trouble);
  }
  opened();
  event("BOOKMARK", "2");
  ended(0.5, NULL);
  opened();
  step_is(ended(0.5, NULL), WATCH, 0); /* an event renews the exception, not the back-off */
  opened();
  step_is(ended(0.5, NULL), WATCH, 15000 * MS);
  now += 120 * S; /* quiet */
  opened();
  step_is(ended(0.5, NULL), WATCH, 0);
  opened();
  step_is(ended(0.5, NULL), WATCH, 400 * MS);
}
END_TEST

START_TEST(broken_connections_watch_again_without_a_list_W8_W9) {
  static const lpod_rc codes[] = {LPOD_E_CONNECT, LPOD_E_CUT, LPOD_E_TIMEOUT, LPOD_E_NOMEM};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    teardown();
    setup();
    begin("7");
    lpod_error err = plain(codes[i]);
    lpod_watch_step step = ended(0.5, &err);
    step_is(step, WATCH, 400 * MS);
    ck_assert(step.trouble);
    version_is("7");
    step_is(ended(0.5, &err), WATCH, 800 * MS);
    step_is(ended(0, &err), WATCH, 0); /* full jitter */
  }
}
END_TEST

START_TEST(busy_servers_are_obeyed_W8_E7) {
  static const struct {
    int code;
    const char *reason;
  } rows[] = {
      {429, "TooManyRequests"}, {500, "InternalError"}, {500, "ServerTimeout"}, {503, "ServiceUnavailable"}, {502, ""}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    teardown();
    setup();
    begin("7");
    lpod_error err = api(rows[i].code, rows[i].reason);
    step_is(ended(0.5, &err), WATCH, 400 * MS);
    err.retry_after = 10;
    lpod_watch_step step = ended(0.5, &err);
    ck_assert_int_eq(step.todo, WATCH);
    ck_assert(step.delay >= 10 * S && step.delay <= 11 * S);
  }
}
END_TEST

START_TEST(what_repeating_does_not_help_ends_the_watch) {
  static const int codes[] = {400, 401, 403, 404, 405, 422};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    begin("7");
    lpod_error err = api(codes[i], "");
    step_is(ended(0.5, &err), END, 0);
    step_is(listed(NULL, &err), END, 0);
  }
  static const lpod_rc others[] = {LPOD_E_TLS, LPOD_E_CREDENTIAL, LPOD_E_CONFIG};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    lpod_error err = plain(others[i]);
    step_is(ended(0.5, &err), END, 0);
    step_is(listed(NULL, &err), END, 0);
  }
}
END_TEST

START_TEST(lists_that_fail_are_repeated_with_back_off_E11) {
  begin(NULL);
  lpod_error cut = plain(LPOD_E_CUT), refused = plain(LPOD_E_CONNECT), nonsense = plain(LPOD_E_PARSE),
             busy = api(429, "TooManyRequests");
  step_is(listed(NULL, &cut), LIST, 400 * MS);
  step_is(listed(NULL, &refused), LIST, 800 * MS);
  step_is(listed(NULL, &nonsense), LIST, 1600 * MS);
  step_is(listed(NULL, &busy), LIST, 3200 * MS);
  step_is(listed("5", NULL), WATCH, 0);
  version_is("5");
}
END_TEST

START_TEST(an_event_too_large_is_listed_and_an_object_too_large_ends_it_X28) {
  begin("1");
  lpod_error large = plain(LPOD_E_LIMIT);
  ck_assert_int_eq(ended(0.5, &large).todo, LIST);
  step_is(listed(NULL, &large), END, 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("watch_machine");
  TCase *tests = tcase_create("core");
  tcase_add_checked_fixture(tests, setup, teardown);
  tcase_add_test(tests, begins_with_a_list_or_at_a_version_W4);
  tcase_add_test(tests, resume_point_moves_with_every_event_and_bookmark_X21);
  tcase_add_test(tests, synthetic_events_do_not_move_the_resume_point_W10);
  tcase_add_test(tests, other_kinds_are_skipped_X24);
  tcase_add_test(tests, what_makes_no_sense_is_a_broken_stream_W5_X20_X24);
  tcase_add_test(tests, a_version_of_absurd_length_is_a_broken_stream_W1);
  tcase_add_test(tests, expired_in_both_forms_lists_again_W6_X20_M9);
  tcase_add_test(tests, version_of_the_future_lists_from_the_most_recent_W7);
  tcase_add_test(tests, error_event_500_watches_again_X20);
  tcase_add_test(tests, clean_ends_watch_again_at_once_W8_M8);
  tcase_add_test(tests, empty_short_watches_back_off_after_the_first_W8_M8_E11);
  tcase_add_test(tests, broken_connections_watch_again_without_a_list_W8_W9);
  tcase_add_test(tests, busy_servers_are_obeyed_W8_E7);
  tcase_add_test(tests, what_repeating_does_not_help_ends_the_watch);
  tcase_add_test(tests, lists_that_fail_are_repeated_with_back_off_E11);
  tcase_add_test(tests, an_event_too_large_is_listed_and_an_object_too_large_ends_it_X28);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
