/* Answers into errors: E1–E4, E7, E9, EX10, W6, W7, X14, X18, T8; the classes of ERR-2. */
#include "kube/status.h"
#include "suite.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lpod_error answer(const char *method, const char *what, int status, const char *body, double retry_after) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_http_result result = {
      .status = status, .body = body, .len = strlen(body), .warnings = "", .retry_after = retry_after};
  lpod_rc rc = lpod_status_check(method, what, &result, &err);
  ck_assert_int_eq(rc, err.rc);
  return err;
}

#define STATUS(fields) "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\"," fields "}"

START_TEST(test_E1_status_becomes_a_typed_error) {
  lpod_error err =
      answer("GET", "get pod default/x", 404,
             STATUS("\"message\":\"pods \\\"x\\\" not "
                    "found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"x\",\"kind\":\"pods\"},\"code\":404"),
             -1);
  ck_assert_int_eq(err.rc, LPOD_E_API);
  ck_assert_int_eq(err.code, 404);
  ck_assert_str_eq(err.reason, "NotFound");
  ck_assert_str_eq(err.text, "get pod default/x: 404 NotFound: pods \"x\" not found");
  ck_assert(!err.retryable);
  ck_assert(err.retry_after < 0);
  ck_assert_str_eq(err.error_class, "");
}
END_TEST

/* Issue's "Bad input": say what right is missing. */
START_TEST(test_403_names_the_missing_right) {
  static const char rbac[] = STATUS("\"message\":\"pods is forbidden: User \\\"u\\\" cannot create resource "
                                    "\\\"pods\\\" in API group \\\"\\\" in the namespace "
                                    "\\\"default\\\"\",\"reason\":\"Forbidden\",\"code\":403");
  lpod_error err = answer("POST", "create pod default/x", 403, rbac, -1);
  ck_assert_str_eq(err.text, "create pod default/x: 403 Forbidden: pods is forbidden: User \"u\" cannot create "
                             "resource \"pods\" in API group \"\" "
                             "in the namespace \"default\" (missing right: create pods in namespace default)");
  ck_assert_str_eq(err.error_class, "permission");
  ck_assert(!err.retryable);

  err = answer("GET", "list", 403,
               STATUS("\"message\":\"pods is forbidden: User \\\"u\\\" cannot list resource \\\"pods\\\" in API group "
                      "\\\"\\\" at the cluster scope\",\"reason\":\"Forbidden\""),
               -1);
  ck_assert_ptr_nonnull(strstr(err.text, "(missing right: list pods in the whole cluster)"));
  err = answer("GET", "exec", 403,
               STATUS("\"message\":\"User \\\"u\\\" cannot create resource \\\"pods/exec\\\" in API group \\\"\\\" in "
                      "the namespace \\\"n\\\"\",\"reason\":\"Forbidden\""),
               -1);
  ck_assert_ptr_nonnull(
      strstr(err.text, "missing right: create pods/exec in namespace n; from Kubernetes 1.35")); /* EX10 */
  err = answer("GET", "get", 403,
               STATUS("\"message\":\"User \\\"u\\\" cannot get path \\\"/version\\\"\",\"reason\":\"Forbidden\""), -1);
  ck_assert_ptr_null(strstr(err.text, "missing right"));
}
END_TEST

/* E9 */
START_TEST(test_E9_quota_terminating_namespace_and_conflict) {
  lpod_error err = answer(
      "POST", NULL, 403,
      STATUS(
          "\"message\":\"pods \\\"x\\\" is forbidden: exceeded quota: q, requested: pods=1\",\"reason\":\"Forbidden\""),
      -1);
  ck_assert(err.retryable); /* by the user's retries, not by the call's */
  ck_assert_str_eq(err.error_class, "capacity");
  ck_assert_int_eq(lpod_retry_next(LPOD_VERB_CREATE, &err), LPOD_NEXT_FAIL);
  err = answer("POST", NULL, 403,
               STATUS("\"message\":\"no new "
                      "content\",\"reason\":\"Forbidden\",\"details\":{\"causes\":[{\"reason\":"
                      "\"NamespaceTerminating\",\"message\":\"being terminated\",\"field\":\"metadata.namespace\"}]}"),
               -1);
  ck_assert_str_eq(err.error_class, "config");
  ck_assert_int_eq(lpod_retry_next(LPOD_VERB_CREATE, &err), LPOD_NEXT_FAIL);
  err = answer("POST", NULL, 409, STATUS("\"message\":\"the object has been modified\",\"reason\":\"Conflict\""), -1);
  ck_assert(err.retryable);
  ck_assert_int_eq(lpod_retry_next(LPOD_VERB_CREATE, &err), LPOD_NEXT_RETRY);
  err = answer("POST", NULL, 409, STATUS("\"message\":\"pods x already exists\",\"reason\":\"AlreadyExists\""), -1);
  ck_assert_str_eq(err.error_class, "config");
  ck_assert_int_eq(lpod_retry_next(LPOD_VERB_CREATE, &err), LPOD_NEXT_RESOLVE);
}
END_TEST

START_TEST(test_404_of_the_namespace_is_configuration) {
  lpod_error err =
      answer("POST", NULL, 404,
             STATUS("\"message\":\"namespaces \\\"y\\\" not "
                    "found\",\"reason\":\"NotFound\",\"details\":{\"name\":\"y\",\"kind\":\"namespaces\"}"),
             -1);
  ck_assert_str_eq(err.error_class, "config");
}
END_TEST

/* X18: field paths of all causes, each once. */
START_TEST(test_X18_causes_are_listed) {
  lpod_error err = answer(
      "POST", "create pod n/x", 422,
      STATUS(
          "\"message\":\"Pod \\\"x\\\" is invalid\",\"reason\":\"Invalid\",\"details\":{\"causes\":["
          "{\"reason\":\"FieldValueRequired\",\"message\":\"Required value\",\"field\":\"spec.containers[0].image\"},"
          "{\"reason\":\"FieldValueInvalid\",\"message\":\"must be positive\",\"field\":\"spec.priority\"},"
          "{\"reason\":\"FieldValueInvalid\",\"message\":\"bad\",\"field\":\"metadata.name\"}]}"),
      -1);
  ck_assert_str_eq(err.text, "create pod n/x: 422 Invalid: Pod \"x\" is invalid (spec.containers[0].image: Required "
                             "value; spec.priority: must be positive; metadata.name: bad)");
  ck_assert_str_eq(err.error_class, "config");
  ck_assert(!err.retryable);
  err = answer(
      "POST", NULL, 422,
      STATUS("\"message\":\"Pod is invalid: spec.a: "
             "bad\",\"reason\":\"Invalid\",\"details\":{\"causes\":[{\"message\":\"bad\",\"field\":\"spec.a\"}]}"),
      -1);
  ck_assert_str_eq(err.text, "422 Invalid: Pod is invalid: spec.a: bad");
}
END_TEST

/* E2, X14: what is no Status. */
START_TEST(test_E2_generic_errors_by_code) {
  static const struct {
    int code;
    const char *method, *reason, *error_class;
    bool retryable;
  } rows[] = {
      {400, "GET", "BadRequest", "config", false},
      {401, "GET", "Unauthorized", "credential", false},
      {403, "GET", "Forbidden", "permission", false},
      {404, "GET", "NotFound", "", false},
      {405, "GET", "MethodNotAllowed", "config", false},
      {406, "GET", "NotAcceptable", "config", false},
      {409, "POST", "AlreadyExists", "config", false},
      {409, "PUT", "Conflict", "infra", true},
      {410, "GET", "Gone", "", false},
      {415, "POST", "UnsupportedMediaType", "config", false},
      {422, "POST", "Invalid", "config", false},
      {429, "POST", "TooManyRequests", "infra", true},
      {500, "GET", "InternalError", "infra", true},
      {502, "GET", "InternalError", "infra", true},
      {503, "GET", "ServiceUnavailable", "infra", true},
      {504, "GET", "Timeout", "infra", true},
      {599, "GET", "InternalError", "infra", true},
      {418, "GET", "", "config", false},
  };
  static const char *const bodies[] = {"", "<html>\n<h1>no</h1>\r\n</html>\n", "{\"kind\":\"Pod\"}", "[1]", "\xff\x01"};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    for (size_t j = 0; j < sizeof bodies / sizeof *bodies; j++) {
      lpod_error err = answer(rows[i].method, NULL, rows[i].code, bodies[j], -1);
      ck_assert_int_eq(err.rc, LPOD_E_API);
      ck_assert_int_eq(err.code, rows[i].code);
      ck_assert_str_eq(err.reason, rows[i].reason);
      ck_assert_str_eq(err.error_class, rows[i].error_class);
      ck_assert(err.retryable == rows[i].retryable);
      ck_assert_ptr_null(strpbrk(err.text, "\n\r\x01"));
    }
  }
  lpod_error err = answer("GET", "list", 502, bodies[1], -1);
  ck_assert_str_eq(
      err.text,
      "list: 502 InternalError: not an answer of Kubernetes (a proxy in the way?): <html> <h1>no</h1> </html>");
  err = answer("GET", NULL, 502, bodies[4], -1);
  ck_assert_ptr_nonnull(strstr(err.text, "\\xff"));
}
END_TEST

START_TEST(test_E2_long_bodies_are_cut) {
  char *body = malloc(60001);
  memset(body, 'x', 60000);
  body[60000] = '\0';
  lpod_error err = answer("GET", "list", 500, body, -1);
  ck_assert_uint_lt(strlen(err.text), sizeof err.text);
  ck_assert_uint_gt(strlen(err.text), 900);
  free(body);
}
END_TEST

/* T8 */
START_TEST(test_T8_redirects_are_reported) {
  lpod_error err = answer("GET", "get pod n/x", 302, "", -1);
  ck_assert_str_eq(err.text, "get pod n/x: 302: a redirect, which is not followed");
  ck_assert_str_eq(err.error_class, "config");
}
END_TEST

/* E3 */
START_TEST(test_E3_failure_in_a_success) {
  lpod_error err = answer("DELETE", NULL, 200, STATUS("\"message\":\"no\",\"reason\":\"Conflict\",\"code\":409"), -1);
  ck_assert_int_eq(err.rc, LPOD_E_API);
  ck_assert_int_eq(err.code, 409);
  err = answer("DELETE", NULL, 200, "{\"kind\":\"Status\",\"status\":\"Success\",\"note\":\"Failure\"}", -1);
  ck_assert_int_eq(err.rc, LPOD_OK);
  err = answer("GET", NULL, 200, "{\"kind\":\"Pod\",\"metadata\":{\"a\":\"Status\",\"b\":\"Failure\"}}", -1);
  ck_assert_int_eq(err.rc, LPOD_OK);
  err = answer("GET", NULL, 200, "", -1);
  ck_assert_int_eq(err.rc, LPOD_OK);
}
END_TEST

/* E4: every reason of the list, and the code when the Status has none. */
START_TEST(test_E4_reasons) {
  static const struct {
    const char *reason;
    int code;
  } rows[] = {{"Unauthorized", 401},
              {"Forbidden", 403},
              {"NotFound", 404},
              {"MethodNotAllowed", 405},
              {"NotAcceptable", 406},
              {"AlreadyExists", 409},
              {"Conflict", 409},
              {"Gone", 410},
              {"Expired", 410},
              {"RequestEntityTooLarge", 413},
              {"UnsupportedMediaType", 415},
              {"Invalid", 422},
              {"TooManyRequests", 429},
              {"InternalError", 500},
              {"ServerTimeout", 500},
              {"StoreReadError", 500},
              {"ServiceUnavailable", 503},
              {"Timeout", 504},
              {"BadRequest", 400}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[200];
    snprintf(text, sizeof text, "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"%s\"}", rows[i].reason);
    lpod_doc *doc;
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert_int_eq(lpod_json_parse(text, strlen(text), &doc, NULL), LPOD_OK);
    ck_assert_int_eq(lpod_status_error(lpod_doc_root(doc), &err), LPOD_E_API);
    ck_assert_int_eq(err.code, rows[i].code);
    ck_assert_str_eq(err.reason, rows[i].reason);
    lpod_doc_free(doc);
  }
}
END_TEST

/* E7: header, else details. */
START_TEST(test_E7_retry_after) {
  static const char body[] = STATUS("\"reason\":\"TooManyRequests\",\"details\":{\"retryAfterSeconds\":7}");
  ck_assert_double_eq_tol(answer("GET", NULL, 429, body, -1).retry_after, 7, 1e-9);
  ck_assert_double_eq_tol(answer("GET", NULL, 429, body, 3).retry_after, 3, 1e-9);
  ck_assert(answer("GET", NULL, 429, STATUS("\"reason\":\"TooManyRequests\""), -1).retry_after < 0);
}
END_TEST

/* W6, W7; exec's channel 3 (EX5). */
START_TEST(test_W6_status_inside_a_stream) {
  static const char gone[] = "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"too old resource version: 1 "
                             "(2)\",\"reason\":\"Expired\",\"code\":410}";
  static const char large[] = "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"Too large resource "
                              "version\",\"reason\":\"Timeout\",\"code\":504,"
                              "\"details\":{\"causes\":[{\"reason\":\"ResourceVersionTooLarge\",\"message\":\"Too "
                              "large resource version\"}],\"retryAfterSeconds\":1}}";
  static const char code[] =
      "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"message\":\"command terminated\","
      "\"details\":{\"causes\":[{\"reason\":\"Other\",\"message\":\"1\"},{\"reason\":\"ExitCode\",\"message\":\"42\"}]}"
      "}";
  static const char success[] = "{\"kind\":\"Status\",\"status\":\"Success\"}";
  lpod_doc *doc;
  lpod_error err = LPOD_ERROR_INIT;
  lpod_json_parse(gone, strlen(gone), &doc, NULL);
  ck_assert_int_eq(lpod_status_error(lpod_doc_root(doc), &err), LPOD_E_API);
  ck_assert_int_eq(lpod_retry_next(LPOD_VERB_READ, &err), LPOD_NEXT_RELIST);
  ck_assert_str_eq(err.text, "410 Expired: too old resource version: 1 (2)");
  lpod_doc_free(doc);
  lpod_json_parse(large, strlen(large), &doc, NULL);
  lpod_status_error(lpod_doc_root(doc), &err);
  ck_assert_str_eq(err.reason, "ResourceVersionTooLarge");
  ck_assert_int_eq(err.code, 504);
  ck_assert_int_eq(lpod_retry_next(LPOD_VERB_READ, &err), LPOD_NEXT_RELIST);
  lpod_doc_free(doc);
  lpod_json_parse(code, strlen(code), &doc, NULL);
  ck_assert_str_eq(lpod_status_cause(lpod_doc_root(doc), "ExitCode"), "42");
  ck_assert_ptr_null(lpod_status_cause(lpod_doc_root(doc), "None"));
  ck_assert_int_eq(lpod_status_error(lpod_doc_root(doc), NULL), LPOD_E_API);
  lpod_doc_free(doc);
  lpod_json_parse(success, strlen(success), &doc, NULL);
  ck_assert_int_eq(lpod_status_error(lpod_doc_root(doc), &err), LPOD_OK);
  lpod_doc_free(doc);
}
END_TEST

/* ERR-2 for what never was answered. */
START_TEST(test_ERR2_transport_failures) {
  static const struct {
    lpod_rc rc;
    const char *error_class;
    bool retryable;
  } rows[] = {{LPOD_E_CONNECT, "infra", true},
              {LPOD_E_CUT, "infra", true},
              {LPOD_E_TIMEOUT, "infra", true},
              {LPOD_E_TLS, "config", false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lpod_error cause = LPOD_ERROR_INIT, err = LPOD_ERROR_INIT;
    lpod_fail(&cause, rows[i].rc, "the cause");
    lpod_http_result result = {.body = "", .warnings = "", .retry_after = -1, .error = &cause};
    ck_assert_int_eq(lpod_status_check("GET", "get pod n/x", &result, &err), rows[i].rc);
    ck_assert_str_eq(err.text, "get pod n/x: the cause");
    ck_assert_str_eq(err.error_class, rows[i].error_class);
    ck_assert(err.retryable == rows[i].retryable);
    ck_assert_int_eq(err.code, 0);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("kube/status");
  TCase *tcase = tcase_create("all");
  tcase_add_test(tcase, test_E1_status_becomes_a_typed_error);
  tcase_add_test(tcase, test_403_names_the_missing_right);
  tcase_add_test(tcase, test_E9_quota_terminating_namespace_and_conflict);
  tcase_add_test(tcase, test_404_of_the_namespace_is_configuration);
  tcase_add_test(tcase, test_X18_causes_are_listed);
  tcase_add_test(tcase, test_E2_generic_errors_by_code);
  tcase_add_test(tcase, test_E2_long_bodies_are_cut);
  tcase_add_test(tcase, test_T8_redirects_are_reported);
  tcase_add_test(tcase, test_E3_failure_in_a_success);
  tcase_add_test(tcase, test_E4_reasons);
  tcase_add_test(tcase, test_E7_retry_after);
  tcase_add_test(tcase, test_W6_status_inside_a_stream);
  tcase_add_test(tcase, test_ERR2_transport_failures);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
