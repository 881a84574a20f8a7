/* Credentials of calls over a real TLS socket: E8, RTY-4, X19, X55, X56, K14, K15, K25, EP7–EP9, and "a wrong
 * certificate" of the bad input. How they are kept fresh is check_credential.c's; here, what of it the server gets to
 * see. */
#include "client_fixture.h"
#include "suite.h"

#define COUNT "cd \"${0%/*}\"; echo x >> runs; n=$(wc -l < runs); "
#define TOKEN_N \
  "echo \"{\\\"apiVersion\\\":\\\"" BETA \
  "\\\",\\\"kind\\\":\\\"ExecCredential\\\",\\\"status\\\":{\\\"token\\\":\\\"" MARK "$n\\\"}}\"\n"
static const char *plugin(const char *script) {
  static char user[300];
  snprintf(user, sizeof user, "exec: {apiVersion: " BETA ", command: '%s'}", put_program("plugin", script));
  return user;
}

/* ---- credentials ---- */

START_TEST(test_K14_no_credentials_over_http) {
  SERVE(false, "token: " MARK, OK_POD);
  call(LPOD_VERB_READ);
  server_stop(&server);
  ck_assert(!sent(0, "Authorization"));
  ck_assert_uint_eq(warned, 1);
  ck_assert_ptr_nonnull(strstr(warnings[0], "http://"));
}
END_TEST

START_TEST(test_K25_secrets_that_the_other_side_echoes) {
  SERVE(true, "token: " MARK, ANSWER("400 Bad Request", "Warning: 299 - \"" MARK "\"\r\n", "you sent Bearer " MARK),
        UNAVAILABLE, ANSWER("400 Bad Request", "", MARK));
  call(LPOD_VERB_READ); /* on_done looks for it */
  call(LPOD_VERB_READ);
  server_stop(&server);
  ck_assert(sent(0, "\r\nAuthorization: Bearer " MARK "\r\n"));
  ck_assert_uint_eq(warned, 1);
  ck_assert_ptr_null(strstr(warnings[0], MARK));
}
END_TEST

/* E8, RTY-4, X19: 401 once, then fine; any number of such episodes. */
START_TEST(test_X19_one_401_is_invisible) {
  char user[200];
  put("token", "one");
  snprintf(user, sizeof user, "tokenFile: '%s'", in_folder("token"));
  SERVE(true, user, OK_POD, UNAUTHORIZED, OK_POD, UNAUTHORIZED, UNAVAILABLE, UNAUTHORIZED, OK_POD);
  call(LPOD_VERB_CREATE);
  put("token", "two");
  outcome o = call(LPOD_VERB_CREATE); /* it was refused: nothing happened */
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  ck_assert_uint_eq(o.tries, 2);
  o = call(LPOD_VERB_READ);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  ck_assert_uint_eq(o.tries, 4);
  server_stop(&server);
  ck_assert(sent(1, "Authorization: Bearer one\r\n") && sent(2, "Authorization: Bearer two\r\n"));
}
END_TEST

START_TEST(test_X19_401_twice_is_a_credential_error) {
  SERVE(true, "token: " MARK, UNAUTHORIZED);
  outcome o = call(LPOD_VERB_READ);
  ck_assert_int_eq(o.error.rc, LPOD_E_CREDENTIAL);
  ck_assert_str_eq(o.error.error_class, "credential");
  ck_assert_str_eq(o.error.text, "try pod n/x: credentials refused twice: 401 Unauthorized: Unauthorized");
  ck_assert_int_eq(o.status, 401);
  ck_assert_int_eq(lpod_retry_next(LPOD_VERB_READ, &o.error), LPOD_NEXT_FAIL);
  server_stop(&server);
  ck_assert_uint_eq(server.served, 2);
}
END_TEST

START_TEST(test_EP7_plugin_runs_again_after_401) {
  SERVE(true, plugin("#!/bin/sh\n" COUNT TOKEN_N), UNAUTHORIZED, OK_POD);
  outcome o = call(LPOD_VERB_CREATE);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  server_stop(&server);
  ck_assert(sent(0, "Bearer " MARK "1\r\n") && sent(1, "Bearer " MARK "2\r\n"));
}
END_TEST

START_TEST(test_X55_many_calls_one_plugin_run) {
  SERVE(true, plugin("#!/bin/sh\n" COUNT TOKEN_N), OK_POD);
  enum { CALLS = 20 };
  outcome outcomes[CALLS];
  for (size_t i = 0; i < CALLS; i++) {
    lpod_kube_request request = request_of(LPOD_VERB_READ, &outcomes[i]);
    start(&request);
  }
  for (size_t i = 0; i < CALLS; i++) run(&outcomes[i]);
  server_stop(&server);
  for (size_t i = 0; i < CALLS; i++) {
    ck_assert_int_eq(outcomes[i].error.rc, LPOD_OK);
    ck_assert(sent(i, "Bearer " MARK "1\r\n"));
  }
}
END_TEST

START_TEST(test_EP9_nothing_is_sent_without_the_credential) {
  SERVE(true, plugin("#!/bin/sh\necho " MARK " ; exit 1\n"), OK_POD);
  outcome o = call(LPOD_VERB_READ);
  ck_assert_int_eq(o.error.rc, LPOD_E_CREDENTIAL);
  ck_assert_uint_eq(o.tries, 0);
  ck_assert_ptr_eq(strstr(o.error.text, "try pod n/x: credential plugin \""), o.error.text);
  server_stop(&server);
  ck_assert_uint_eq(server.served, 0);
}
END_TEST

static const char *put_pair(const char *name) {
  static char user[300];
  char *certificate, *key;
  make_certificate(name, &certificate, &key);
  put("cert", certificate);
  put("key", key);
  free(certificate);
  free(key);
  snprintf(user, sizeof user, "client-certificate: '%s', client-key: '%s'", in_folder("cert"), in_folder("key"));
  return user;
}

static void on_http(void *arg, lpod_http *http, const char *authorization, const char *const *headers,
                    const lpod_error *error) {
  (void)authorization, (void)headers, (void)error;
  *(lpod_http **)arg = http;
}

static lpod_http *transport(void) {
  lpod_http *http = NULL;
  ck_assert_ptr_nonnull(lpod_kube_get_access(kube, false, on_http, &http, NULL));
  while (!http) lpod_loop_step(loop, 100, NULL, NULL);
  return http;
}

/* X56, K15: the pair was replaced; a refusal makes us look. */
START_TEST(test_X56_client_certificate_files) {
  SERVE(true, put_pair("first"), OK_POD, UNAUTHORIZED, OK_POD);
  call(LPOD_VERB_READ);
  lpod_http *before = transport();
  put_pair("second");
  outcome o = call(LPOD_VERB_READ);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  ck_assert_uint_eq(lpod_kube_count(kube).requests, 3);
  lpod_http *after = transport();
  ck_assert_ptr_ne(after, before);
  ck_assert_ptr_eq(transport(), after); /* made anew once, not each time */
  server_stop(&server);
  ck_assert(sent(0, "[CN=first]") && sent(1, "[CN=first]") && sent(2, "[CN=second]"));
}
END_TEST

/* K15, EP8: what is under way when the identity changes goes on; what comes later uses the new one. */
START_TEST(test_K15_calls_under_way_outlive_their_identity) {
  lpod_fake_clock fake;
  lpod_fake_clock_init(&fake, 0);
  lpod_loop_free(loop);
  loop = lpod_loop_new(&fake.clock, NULL);
  SERVE(true, put_pair("first"), STALL, OK_POD);
  outcome a, b;
  lpod_kube_request request = request_of(LPOD_VERB_READ, &a);
  request.timeout = -1;
  lpod_kube_call *under_way = start(&request);
  lpod_loop_step(loop, 0, NULL, NULL);
  put_pair("second");
  lpod_fake_clock_advance(&fake, 301 * LPOD_NS_PER_S);
  lpod_loop_step(loop, 0, NULL, NULL);
  request = request_of(LPOD_VERB_READ, &b);
  start(&request);
  for (int i = 0; i < 200 && !server.served; i++) lpod_loop_step(loop, 100, NULL, NULL);
  ck_assert(!a.done && !b.done);
  lpod_kube_cancel(under_way);
  run(&b);
  ck_assert_int_eq(b.error.rc, LPOD_OK);
  server_stop(&server);
  ck_assert(sent(0, "[CN=first]") && sent(1, "[CN=second]"));
}
END_TEST

START_TEST(test_bad_input_wrong_certificate) {
  char address[64], cluster[200], *certificate, *key;
  static const char *const script[] = {OK_POD};
  server_start(&server, script, 1, true);
  make_certificate("server", &certificate, &key); /* another of the same name */
  snprintf(address, sizeof address, "https://127.0.0.1:%d", server.port);
  snprintf(cluster, sizeof cluster, ", certificate-authority: '%s'", put("ca", certificate));
  free(certificate);
  free(key);
  connect_to(address, cluster, "token: " MARK);
  outcome o = call(LPOD_VERB_READ);
  ck_assert_int_eq(o.error.rc, LPOD_E_TLS);
  ck_assert_str_eq(o.error.error_class, "config");
  ck_assert_uint_eq(o.tries, 1);
}
END_TEST

typedef struct access_seen {
  bool ready;
  char authorization[64], header[64];
  lpod_rc rc;
} access_seen;
static void on_ready(void *arg, lpod_http *http, const char *authorization, const char *const *headers,
                     const lpod_error *error) {
  access_seen *seen = arg;
  seen->ready = true;
  seen->rc = error ? error->rc : LPOD_OK;
  ck_assert(!http == !!error);
  snprintf(seen->authorization, sizeof seen->authorization, "%s", authorization ? authorization : "");
  snprintf(seen->header, sizeof seen->header, "%s", headers && headers[0] ? headers[0] : "");
}

START_TEST(test_access_for_other_streams) {
  char user[400];
  snprintf(user, sizeof user, "%s, as: jane", plugin("#!/bin/sh\n" COUNT "[ $n -lt 3 ] || exit 1\n" TOKEN_N));
  SERVE(true, user, OK_POD);
  access_seen seen[4] = {0};
  static const char *const expected[] = {"Bearer " MARK "1", "Bearer " MARK "1", "Bearer " MARK "2", ""};
  for (size_t i = 0; i < 4; i++) {
    lpod_kube_access *access = lpod_kube_get_access(kube, i >= 2, on_ready, &seen[i], NULL);
    ck_assert_ptr_nonnull(access);
    ck_assert(!seen[i].ready);
    for (int j = 0; j < 200 && !seen[i].ready; j++) lpod_loop_step(loop, 100, NULL, NULL);
    ck_assert(seen[i].ready);
    ck_assert_str_eq(seen[i].authorization, expected[i]);
    ck_assert_int_eq(seen[i].rc, i == 3 ? LPOD_E_CREDENTIAL : LPOD_OK);
    if (i < 3) ck_assert_str_eq(seen[i].header, "Impersonate-User: jane");
  }
  access_seen none = {0};
  lpod_kube_access_cancel(lpod_kube_get_access(kube, false, on_ready, &none, NULL));
  lpod_kube_get_access(kube, true, on_ready, &none, NULL);
  lpod_loop_step(loop, 0, NULL, NULL);
  lpod_kube_free(kube);
  kube = NULL;
  lpod_loop_step(loop, 0, NULL, NULL);
  ck_assert(!none.ready);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("kube/client_credentials");
  TCase *tcase = tcase_create("all");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_add_test(tcase, test_K14_no_credentials_over_http);
  tcase_add_test(tcase, test_K25_secrets_that_the_other_side_echoes);
  tcase_add_test(tcase, test_X19_one_401_is_invisible);
  tcase_add_test(tcase, test_X19_401_twice_is_a_credential_error);
  tcase_add_test(tcase, test_X56_client_certificate_files);
  tcase_add_test(tcase, test_K15_calls_under_way_outlive_their_identity);
  tcase_add_test(tcase, test_bad_input_wrong_certificate);
  if (children_work()) {
    tcase_add_test(tcase, test_EP7_plugin_runs_again_after_401);
    tcase_add_test(tcase, test_X55_many_calls_one_plugin_run);
    tcase_add_test(tcase, test_EP9_nothing_is_sent_without_the_credential);
    tcase_add_test(tcase, test_access_for_other_streams);
  }
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
