/* The retry table of kubernetes-client.md §12, RT-1 to RT-5, row by row; E6–E9, E11, X13–X16; and the waits. */
#include "kube/status.h"
#include "suite.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAIL LPOD_NEXT_FAIL
#define RETRY LPOD_NEXT_RETRY
#define RESOLVE LPOD_NEXT_RESOLVE
#define REFRESH LPOD_NEXT_REFRESH
#define DONE LPOD_NEXT_DONE
#define RELIST LPOD_NEXT_RELIST

typedef struct row {
  lpod_rc rc;
  int code;
  const char *reason;
  double retry_after;
  lpod_next read, create, delete, patch, exec, log;
} row;

static const row table[] = {
    /* nothing sent */
    {LPOD_E_CONNECT, 0, "", -1, RETRY, RETRY, RETRY, RETRY, RETRY, RETRY},
    /* reset, time limit after bytes were sent */
    {LPOD_E_CUT, 0, "", -1, RETRY, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    {LPOD_E_TIMEOUT, 0, "", -1, RETRY, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    /* 429 (X13, X14), 503 with Retry-After (X16) */
    {LPOD_E_API, 429, "TooManyRequests", 1, RETRY, RETRY, RETRY, RETRY, RETRY, RETRY},
    {LPOD_E_API, 429, "TooManyRequests", -1, RETRY, RETRY, RETRY, RETRY, RETRY, RETRY},
    {LPOD_E_API, 503, "ServiceUnavailable", 5, RETRY, RETRY, RETRY, RETRY, RETRY, RETRY},
    {LPOD_E_API, 503, "ServiceUnavailable", 0, RETRY, RETRY, RETRY, RETRY, RETRY, RETRY},
    /* 503 without, 502 */
    {LPOD_E_API, 503, "ServiceUnavailable", -1, RETRY, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    {LPOD_E_API, 502, "InternalError", -1, RETRY, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    /* 500 */
    {LPOD_E_API, 500, "ServerTimeout", -1, RETRY, RETRY, RETRY, RETRY, RETRY, RETRY},
    {LPOD_E_API, 500, "InternalError", -1, RETRY, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    {LPOD_E_API, 500, "StoreReadError", -1, RETRY, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    {LPOD_E_API, 500, "", -1, RETRY, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    /* 504 (X15): unknown also when the server says when to come back */
    {LPOD_E_API, 504, "Timeout", -1, RETRY, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    {LPOD_E_API, 504, "Timeout", 2, RETRY, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    /* W7 */
    {LPOD_E_API, 504, "ResourceVersionTooLarge", 1, RELIST, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    /* 409: name taken (R5), quota being updated (E9), another uid (R6) */
    {LPOD_E_API, 409, "AlreadyExists", -1, FAIL, RESOLVE, DONE, FAIL, FAIL, FAIL},
    {LPOD_E_API, 409, "Conflict", -1, FAIL, RETRY, DONE, FAIL, FAIL, FAIL},
    /* 410 */
    {LPOD_E_API, 410, "Expired", -1, RELIST, FAIL, FAIL, FAIL, FAIL, FAIL},
    {LPOD_E_API, 410, "Gone", -1, RELIST, FAIL, FAIL, FAIL, FAIL, FAIL},
    /* wrong requests; a DELETE of what is gone is done */
    {LPOD_E_API, 400, "BadRequest", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    {LPOD_E_API, 404, "NotFound", -1, FAIL, FAIL, DONE, FAIL, FAIL, FAIL},
    {LPOD_E_API, 405, "MethodNotAllowed", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    {LPOD_E_API, 406, "NotAcceptable", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    {LPOD_E_API, 413, "RequestEntityTooLarge", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    {LPOD_E_API, 415, "UnsupportedMediaType", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    {LPOD_E_API, 422, "Invalid", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    /* E8 */
    {LPOD_E_API, 401, "Unauthorized", -1, REFRESH, REFRESH, REFRESH, REFRESH, REFRESH, REFRESH},
    {LPOD_E_API, 403, "Forbidden", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    /* T8 */
    {LPOD_E_API, 302, "", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    /* E1: the reason decides, not the code; an unknown reason leaves it to the code */
    {LPOD_E_API, 500, "NotFound", -1, FAIL, FAIL, DONE, FAIL, FAIL, FAIL},
    {LPOD_E_API, 503, "SomethingNew", -1, RETRY, RESOLVE, RETRY, RETRY, FAIL, RETRY},
    /* an answer that cannot be read: a create may have been done */
    {LPOD_E_PARSE, 0, "", -1, FAIL, RESOLVE, FAIL, FAIL, FAIL, FAIL},
    {LPOD_E_LIMIT, 0, "", -1, FAIL, RESOLVE, FAIL, FAIL, FAIL, FAIL},
    /* final */
    {LPOD_E_TLS, 0, "", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    {LPOD_E_CREDENTIAL, 0, "", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    {LPOD_E_CANCELLED, 0, "", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
    {LPOD_E_NOMEM, 0, "", -1, FAIL, FAIL, FAIL, FAIL, FAIL, FAIL},
};
enum { ROWS = sizeof table / sizeof *table };

START_TEST(test_RT_table) {
  const row *r = &table[_i];
  lpod_error err = LPOD_ERROR_INIT;
  err.rc = r->rc;
  err.code = r->code;
  err.retry_after = r->retry_after;
  snprintf(err.reason, sizeof err.reason, "%s", r->reason);
  const struct {
    lpod_verb verb;
    lpod_next expected;
  } columns[] = {{LPOD_VERB_READ, r->read},   {LPOD_VERB_CREATE, r->create}, {LPOD_VERB_DELETE, r->delete},
                 {LPOD_VERB_PATCH, r->patch}, {LPOD_VERB_EXEC, r->exec},     {LPOD_VERB_LOG, r->log}};
  for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
    ck_assert_msg(lpod_retry_next(columns[i].verb, &err) == columns[i].expected,
                  "%d %s retry-after %g, verb %d: %d, expected %d", r->code, r->reason, r->retry_after,
                  (int)columns[i].verb, (int)lpod_retry_next(columns[i].verb, &err), (int)columns[i].expected);
}
END_TEST

#define NEAR(a, b) ck_assert_double_eq_tol((a), (b), 1e-9)

/* §12: 0.5 s × 2 up to 30 s, full jitter. */
START_TEST(test_RT_wait_doubles_up_to_the_most) {
  lpod_error err = LPOD_ERROR_INIT;
  NEAR(lpod_retry_wait(&err, 1, 0.5, 30, 1), 0.5);
  NEAR(lpod_retry_wait(&err, 2, 0.5, 30, 1), 1);
  NEAR(lpod_retry_wait(&err, 6, 0.5, 30, 1), 16);
  NEAR(lpod_retry_wait(&err, 7, 0.5, 30, 1), 30);
  NEAR(lpod_retry_wait(&err, 4000000000u, 0.5, 30, 1), 30);
  NEAR(lpod_retry_wait(&err, 3, 0.5, 30, 0.25), 0.5);
  NEAR(lpod_retry_wait(&err, 3, 0.5, 30, 0), 0);
}
END_TEST

/* E7, X13: never less than the server asked for, plus up to a tenth. */
START_TEST(test_E7_wait_obeys_the_server) {
  lpod_error err = LPOD_ERROR_INIT;
  err.retry_after = 32;
  NEAR(lpod_retry_wait(&err, 1, 0.5, 30, 0), 32);
  NEAR(lpod_retry_wait(&err, 1, 0.5, 30, 0.5), 33.6);
  err.retry_after = 1;
  NEAR(lpod_retry_wait(&err, 7, 0.5, 30, 0.9), 27);
  NEAR(lpod_retry_wait(&err, 7, 0.5, 30, 0.01), 1.001);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("kube/retry");
  TCase *tcase = tcase_create("all");
  tcase_add_loop_test(tcase, test_RT_table, 0, ROWS);
  tcase_add_test(tcase, test_RT_wait_doubles_up_to_the_most);
  tcase_add_test(tcase, test_E7_wait_obeys_the_server);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
