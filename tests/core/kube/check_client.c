/* Calls to a cluster over a real socket: RT, CRT-2, E3, E6, E7, E9, E10, X13–X16, K20, R10, R11, T2, T7, T10; what
 * repeats, what does not, and how a call ends. The rows of the table themselves are check_retry.c's, credentials
 * check_client_credentials.c's. */
#include "client_fixture.h"
#include "suite.h"

/* ---- one try ---- */

START_TEST(test_T7_a_call_and_its_answer) {
  SERVE(false, "", ANSWER("201 Created", JSON, "{\"kind\":\"Pod\"}"));
  outcome o;
  lpod_kube_request request = request_of(LPOD_VERB_CREATE, &o);
  request.body = "{\"a\":1}";
  request.body_len = 7;
  request.content_type = "application/json";
  start(&request);
  run(&o);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  ck_assert_int_eq(o.status, 201);
  ck_assert_str_eq(o.kind, "Pod");
  ck_assert_uint_eq(o.tries, 1);
  server_stop(&server);
  ck_assert(sent(0, "POST /api/v1/namespaces/n/pods/x?a=b HTTP/1.1\r\n"));
  ck_assert(sent(0, "User-Agent: lunapod/" LPOD_VERSION " ("));
  ck_assert(sent(0, "Accept: application/json"));
  ck_assert(sent(0, "Content-Type: application/json"));
  ck_assert(sent(0, "\r\n\r\n{\"a\":1}"));
  ck_assert_uint_eq(lpod_kube_count(kube).requests, 1);
}
END_TEST

START_TEST(test_answers_that_are_not_json) {
  SERVE(false, "", ANSWER("200 OK", "", "text"), ANSWER("200 OK", "", ""), ANSWER("200 OK", "", "text"));
  outcome o = call(LPOD_VERB_CREATE);
  ck_assert_int_eq(o.error.rc, LPOD_E_PARSE);
  ck_assert_int_eq(lpod_retry_next(LPOD_VERB_CREATE, &o.error), LPOD_NEXT_RESOLVE);
  o = call(LPOD_VERB_READ);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  lpod_kube_request request = request_of(LPOD_VERB_READ, &o);
  request.raw = true;
  start(&request);
  run(&o);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  ck_assert_str_eq(o.body, "text");
}
END_TEST

START_TEST(test_E3_failure_in_a_success) {
  SERVE(
      false, "",
      ANSWER("200 OK", JSON,
             "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Forbidden\",\"code\":403,\"message\":\"no\"}"));
  outcome o = call(LPOD_VERB_READ);
  ck_assert_int_eq(o.error.rc, LPOD_E_API);
  ck_assert_str_eq(o.error.text, "try pod n/x: 403 Forbidden: no");
}
END_TEST

START_TEST(test_R10_body_limit_and_wrong_use) {
  SERVE(false, "", OK_POD);
  outcome o;
  lpod_error err = LPOD_ERROR_INIT;
  lpod_kube_request request = request_of(LPOD_VERB_CREATE, &o);
  request.body = "";
  request.body_len = 3 * 1024 * 1024 + 1;
  ck_assert_ptr_null(lpod_kube_start(kube, &request, &err));
  ck_assert_int_eq(err.rc, LPOD_E_LIMIT);
  request = request_of(LPOD_VERB_READ, &o);
  request.target = "api";
  ck_assert_ptr_null(lpod_kube_start(kube, &request, &err));
  ck_assert_int_eq(err.rc, LPOD_E_USAGE);
}
END_TEST

START_TEST(test_R11_warnings_once) {
  SERVE(false, "", ANSWER("200 OK", JSON "Warning: 299 - \"old field\"\r\n", "{}"));
  call(LPOD_VERB_READ);
  call(LPOD_VERB_READ);
  ck_assert_uint_eq(warned, 1);
  ck_assert_str_eq(warnings[0], "old field");
}
END_TEST

START_TEST(test_K20_impersonation) {
  SERVE(false, "as: jane, as-groups: [a, b]", OK_POD);
  call(LPOD_VERB_READ);
  server_stop(&server);
  ck_assert(sent(0, "\r\nImpersonate-User: jane\r\n") && sent(0, "\r\nImpersonate-Group: a\r\n") &&
            sent(0, "\r\nImpersonate-Group: b\r\n"));
}
END_TEST

/* ---- repetition ---- */

START_TEST(test_RT1_reads_are_repeated) {
  SERVE(false, "", UNAVAILABLE, HANG_UP, ANSWER("500 Internal Server Error", "", ""), BUSY, OK_POD);
  outcome o = call(LPOD_VERB_READ);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  ck_assert_uint_eq(o.tries, 5);
}
END_TEST

START_TEST(test_RT1_final_answers_are_not) {
  SERVE(false, "", ANSWER("404 Not Found", "", ""), ANSWER("422 Unprocessable Entity", "", ""),
        ANSWER("403 Forbidden", "", ""), ANSWER("410 Gone", "", ""));
  for (size_t i = 0; i < 4; i++) {
    outcome o = call(LPOD_VERB_READ);
    ck_assert_int_eq(o.error.rc, LPOD_E_API);
    ck_assert_uint_eq(o.tries, 1);
    ck_assert_ptr_null(strstr(o.error.text, "gave up"));
  }
}
END_TEST

/* E6, X15: a create whose outcome is unknown comes back as it is, after one send. */
START_TEST(test_RT2_creates_of_unknown_outcome_are_resolved_by_the_caller) {
  SERVE(false, "", HANG_UP, ANSWER("504 Gateway Timeout", "", ""), ANSWER("500 Internal Server Error", "", ""),
        UNAVAILABLE, STALL);
  for (size_t i = 0; i < 5; i++) {
    outcome o;
    lpod_kube_request request = request_of(LPOD_VERB_CREATE, &o);
    if (i == 4) request.timeout = 0.05; /* T2 */
    start(&request);
    run(&o);
    ck_assert_uint_eq(o.tries, 1);
    ck_assert_int_eq(lpod_retry_next(LPOD_VERB_CREATE, &o.error), LPOD_NEXT_RESOLVE);
    ck_assert_str_eq(o.error.error_class, "infra");
    ck_assert(o.error.retryable);
    if (i == 0) ck_assert_int_eq(o.error.rc, LPOD_E_CUT);
    if (i == 4) ck_assert_int_eq(o.error.rc, LPOD_E_TIMEOUT);
  }
  server_stop(&server);
  ck_assert_uint_eq(server.served, 5);
}
END_TEST

/* X13, X16, CRT-2, E10: the server says "not done": repeated, at most five sends. */
START_TEST(test_X13_E10_creates_give_up_after_five_sends) {
  SERVE(false, "", BUSY, BUSY,
        ANSWER("500 Internal Server Error", JSON,
               "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"ServerTimeout\",\"message\":\"busy\"}"),
        BUSY, ANSWER("503 Service Unavailable", "Retry-After: 0\r\n", "later"));
  outcome o = call(LPOD_VERB_CREATE);
  ck_assert_uint_eq(o.tries, 5);
  ck_assert_int_eq(o.error.code, 503);
  ck_assert_ptr_eq(strstr(o.error.text, "try pod n/x: gave up after 5 tries in "), o.error.text);
  const char *last = strstr(o.error.text, " s: last 503 ServiceUnavailable: "),
             *first = strstr(o.error.text, ", first 429 TooManyRequests: ");
  ck_assert(last && first && last < first);
  server_stop(&server);
  ck_assert_uint_eq(server.served, 5);
}
END_TEST

START_TEST(test_CRT2_sends_are_configurable) {
  SERVE(false, "", BUSY);
  outcome o;
  lpod_kube_request request = request_of(LPOD_VERB_CREATE, &o);
  request.sends = 2;
  start(&request);
  run(&o);
  ck_assert_uint_eq(o.tries, 2);
}
END_TEST

/* E9, E11: the quota object was being updated. */
START_TEST(test_E9_conflicts_of_a_create_are_repeated) {
  SERVE(
      false, "",
      ANSWER("409 Conflict", JSON, "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Conflict\",\"code\":409}"),
      OK_POD);
  outcome o = call(LPOD_VERB_CREATE);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  ck_assert_uint_eq(o.tries, 2);
}
END_TEST

/* T2: a try lasts no longer than what is left of the budget. */
START_TEST(test_T2_budget_bounds_the_last_try) {
  SERVE(false, "", STALL);
  outcome o;
  lpod_kube_request request = request_of(LPOD_VERB_READ, &o);
  request.budget = 0.05;
  start(&request);
  run(&o);
  ck_assert_int_eq(o.error.rc, LPOD_E_TIMEOUT);
}
END_TEST

START_TEST(test_RT3_deletes_are_repeated_until_told) {
  SERVE(false, "", HANG_UP, ANSWER("404 Not Found", "", ""));
  outcome o = call(LPOD_VERB_DELETE);
  ck_assert_uint_eq(o.tries, 2);
  ck_assert_int_eq(lpod_retry_next(LPOD_VERB_DELETE, &o.error), LPOD_NEXT_DONE);
}
END_TEST

/* Nothing was sent: repeated for every verb, also a create, until the budget is used up. */
START_TEST(test_RT_server_down) {
  SERVE(false, "", OK_POD);
  server_stop(&server);
  outcome o;
  lpod_kube_request request = request_of(LPOD_VERB_CREATE, &o);
  request.budget = 0.5;
  request.sends = 1;
  start(&request);
  run(&o);
  ck_assert_int_eq(o.error.rc, LPOD_E_CONNECT);
  ck_assert_uint_gt(o.tries, 1); /* a try that sent nothing is no send */
  ck_assert_ptr_nonnull(strstr(o.error.text, "gave up after "));
  ck_assert_str_eq(o.error.error_class, "infra");
  request = request_of(LPOD_VERB_READ, &o);
  request.budget = -1; /* one try */
  start(&request);
  run(&o);
  ck_assert_uint_eq(o.tries, 1);
  ck_assert_ptr_null(strstr(o.error.text, "gave up"));
}
END_TEST

/* E7, T10: a wait beyond the budget is not begun; one of more than a second is told. */
START_TEST(test_E7_T10_long_waits) {
  SERVE(false, "", ANSWER("429 Too Many Requests", "Retry-After: 30\r\n", ""));
  outcome o;
  lpod_kube_request request = request_of(LPOD_VERB_READ, &o);
  request.budget = 20;
  start(&request);
  run(&o);
  ck_assert_uint_eq(o.tries, 1);
  ck_assert_uint_eq(waits, 0);
  request = request_of(LPOD_VERB_READ, &o);
  lpod_kube_call *waiting = start(&request);
  for (int i = 0; i < 200 && !waits; i++) lpod_loop_step(loop, 100, NULL, NULL);
  ck_assert_uint_eq(waits, 1);
  lpod_kube_cancel(waiting);
  ck_assert(!o.done);
}
END_TEST

/* ---- streams ---- */

START_TEST(test_streams_once_opened_are_not_repeated) {
  SERVE(false, "", UNAVAILABLE, ANSWER("200 OK", "Content-Length: 100\r\n", "part"));
  outcome o;
  lpod_kube_request request = request_of(LPOD_VERB_READ, &o);
  request.on_data = on_data;
  start(&request);
  run(&o);
  ck_assert_int_eq(o.error.rc, LPOD_E_CUT);
  ck_assert_str_eq(o.data, "part");
  ck_assert_uint_eq(o.tries, 2);
}
END_TEST

START_TEST(test_streams_end_when_told) {
  SERVE(false, "", ANSWER("200 OK", "", "stop"), ANSWER("200 OK", "", "{\"kind\":\"Status\",\"status\":\"Failure\"}"));
  outcome o;
  lpod_kube_request request = request_of(LPOD_VERB_LOG, &o);
  request.on_data = on_data;
  start(&request);
  run(&o);
  ck_assert_int_eq(o.error.rc, LPOD_E_CANCELLED);
  request = request_of(LPOD_VERB_LOG, &o);
  request.on_data = on_data;
  start(&request);
  run(&o);
  ck_assert_int_eq(o.error.rc, LPOD_OK); /* what a log says is no answer of the server */
}
END_TEST

/* ---- ends ---- */

START_TEST(test_cancel_and_free_call_nobody) {
  SERVE(false, "", STALL);
  outcome a, b, c;
  lpod_kube_request request = request_of(LPOD_VERB_READ, &a);
  lpod_kube_cancel(start(&request)); /* before it began */
  request = request_of(LPOD_VERB_READ, &b);
  lpod_kube_call *under_way = start(&request);
  lpod_loop_step(loop, 0, NULL, NULL);
  lpod_kube_cancel(under_way);
  lpod_kube_cancel(NULL);
  request = request_of(LPOD_VERB_READ, &c);
  start(&request);
  lpod_loop_step(loop, 0, NULL, NULL);
  lpod_kube_free(kube);
  kube = NULL;
  lpod_loop_step(loop, 0, NULL, NULL);
  ck_assert(!a.done && !b.done && !c.done);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("kube/client");
  TCase *tcase = tcase_create("all");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_add_test(tcase, test_T7_a_call_and_its_answer);
  tcase_add_test(tcase, test_answers_that_are_not_json);
  tcase_add_test(tcase, test_E3_failure_in_a_success);
  tcase_add_test(tcase, test_R10_body_limit_and_wrong_use);
  tcase_add_test(tcase, test_R11_warnings_once);
  tcase_add_test(tcase, test_K20_impersonation);
  tcase_add_test(tcase, test_RT1_reads_are_repeated);
  tcase_add_test(tcase, test_RT1_final_answers_are_not);
  tcase_add_test(tcase, test_RT2_creates_of_unknown_outcome_are_resolved_by_the_caller);
  tcase_add_test(tcase, test_X13_E10_creates_give_up_after_five_sends);
  tcase_add_test(tcase, test_CRT2_sends_are_configurable);
  tcase_add_test(tcase, test_E9_conflicts_of_a_create_are_repeated);
  tcase_add_test(tcase, test_T2_budget_bounds_the_last_try);
  tcase_add_test(tcase, test_RT3_deletes_are_repeated_until_told);
  tcase_add_test(tcase, test_RT_server_down);
  tcase_add_test(tcase, test_E7_T10_long_waits);
  tcase_add_test(tcase, test_streams_once_opened_are_not_repeated);
  tcase_add_test(tcase, test_streams_end_when_told);
  tcase_add_test(tcase, test_cancel_and_free_call_nobody);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
