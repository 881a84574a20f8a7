/* lpod_http and the way to the server: refused, unresolved, TLS faults (X12, T1), client certificates, a proxy (K18).
 */
#include "http_fixture.h"

static authority other_ca;
static lpod_secret other_pem;

/* ---- connecting and TLS ---- */

START_TEST(test_refused_and_unresolved) {
  fixture f = {.server = {.handler = echo}};
  set_up(&f, (lpod_http_options){.server = "http://127.0.0.1:1"});
  answer a = get(&f, (lpod_http_request){0});
  ASSERT_FAILS(a, LPOD_E_CONNECT, "connection refused by 127.0.0.1:1");
  ck_assert(a.error.retryable);
  answer_free(&a);
  lpod_http_free(f.http);
  f.http = lpod_http_new(f.loop, &(lpod_http_options){.server = "http://no-such-host.invalid:80"}, NULL);
  a = get(&f, (lpod_http_request){0});
  ASSERT_FAILS(a, LPOD_E_CONNECT, "cannot resolve the host of no-such-host.invalid:80");
  answer_free(&a);
  tear_down(&f);
}
END_TEST

static answer tls(server s, lpod_http_options options) {
  fixture f = {.server = s};
  f.server.handler = echo;
  set_up(&f, options);
  answer a = get(&f, (lpod_http_request){0});
  tear_down(&f);
  return a;
}
START_TEST(test_tls_faults_X12_T1) {
  identity expired = identity_new(&ca, (leaf_of){"IP:127.0.0.1", "x", -7200, -3600});
  identity early = identity_new(&ca, (leaf_of){"IP:127.0.0.1", "x", 3600, 7200});
  identity wrong = identity_new(&ca, (leaf_of){"DNS:elsewhere.test", "127.0.0.1", -3600, 3600});
  identity no_san = identity_new(&ca, (leaf_of){NULL, "cluster.test", -3600, 3600});
  lpod_secret empty = {(char *)"", 0};
  struct {
    server server;
    lpod_http_options options;
    const char *words;
  } cases[] = {
      {{.identity = &expired}, {0}, "has expired"},
      {{.identity = &early}, {0}, "not yet valid"},
      {{.identity = &wrong}, {0}, "not valid for \"127.0.0.1\""},
      {{.identity = &no_san},
       {.server_name = "cluster.test"},
       "not valid for \"cluster.test\""}, /* the CN does not count */
      {{.identity = &good}, {.server_name = "other.test"}, "not valid for \"other.test\""},
      {{.identity = &good}, {.ca = &other_pem}, "unknown authority"},
      {{.identity = &good}, {.ca = &empty}, "unknown authority"}, /* an empty pool is empty */
      {{.identity = &good, .max_version = TLS1_1_VERSION}, {0}, "TLS 1.2"},
      {{.identity = &good, .client_ca = &ca}, {0}, "client certificate"},
      {{.identity = &good, .client_ca = &ca, .max_version = TLS1_2_VERSION}, {0}, "client certificate"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    answer a = tls(cases[i].server, cases[i].options);
    ASSERT_FAILS(a, LPOD_E_TLS, cases[i].words);
    ck_assert(!a.error.retryable);
    ck_assert_int_eq(a.status, 0);
    answer_free(&a);
  }
  answer a = tls((server){.identity = &expired}, (lpod_http_options){.insecure = true}); /* K16 */
  ASSERT_FINE(a);
  answer_free(&a);
  identity_free(expired);
  identity_free(early);
  identity_free(wrong);
  identity_free(no_san);
}
END_TEST

START_TEST(test_client_certificate) {
  identity mine = identity_new(&ca, (leaf_of){NULL, "me", -3600, 3600}),
           stranger = identity_new(&other_ca, (leaf_of){NULL, "me", -3600, 3600});
  lpod_secret certificate = pem(mine.certificate, NULL), key = pem(NULL, mine.key);
  lpod_secret strange = pem(stranger.certificate, NULL), strange_key = pem(NULL, stranger.key);
  answer a =
      tls((server){.identity = &good, .client_ca = &ca}, (lpod_http_options){.certificate = &certificate, .key = &key});
  ASSERT_FINE(a);
  answer_free(&a);
  a = tls((server){.identity = &good, .client_ca = &ca},
          (lpod_http_options){.certificate = &strange, .key = &strange_key});
  ASSERT_FAILS(a, LPOD_E_TLS, "client certificate");
  answer_free(&a);
  a = tls((server){.identity = &good, .client_ca = &ca},
          (lpod_http_options){.certificate = &certificate, .key = &strange_key});
  ASSERT_FAILS(a, LPOD_E_TLS, "cannot be used");
  ck_assert(!strstr(a.error.text, "PRIVATE"));
  answer_free(&a);
  lpod_error err = LPOD_ERROR_INIT;
  lpod_loop *loop = lpod_loop_new(NULL, NULL);
  ck_assert(!lpod_http_new(loop, &(lpod_http_options){.server = "https://h", .certificate = &certificate}, &err));
  ck_assert_int_eq(err.rc, LPOD_E_CONFIG);
  lpod_loop_free(loop);
  lpod_secret *all[] = {&certificate, &key, &strange, &strange_key};
  for (int i = 0; i < 4; i++) lpod_secret_clear(all[i]);
  identity_free(mine);
  identity_free(stranger);
}
END_TEST

START_TEST(test_not_tls) {
  fixture f = {.server = {.handler = say_arg, .arg = "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"}};
  set_up(&f, (lpod_http_options){0});
  char url[64];
  snprintf(url, sizeof url, "https://127.0.0.1:%d", f.server.port);
  lpod_http_free(f.http);
  f.http = lpod_http_new(f.loop, &(lpod_http_options){.server = url, .ca = &ca_pem}, NULL);
  answer_free(&(answer){0});
  answer a = {0};
  start(&f, (lpod_http_request){.timeout = 300 * LPOD_NS_PER_MS}, &a);
  drive_until(f.loop, &a.done); /* it waits for more of a request line, or says 400 */
  ck_assert(a.error.rc == LPOD_E_TLS || a.error.rc == LPOD_E_TIMEOUT);
  answer_free(&a);
  tear_down(&f);
}
END_TEST

/* ---- proxies (K18) ---- */

START_TEST(test_proxy_K18) {
  server proxy = {.handler = proxy_connect};
  server_start(&proxy);
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%d", proxy.port);
  answer a = tls((server){.identity = &good}, (lpod_http_options){.proxy = url});
  ASSERT_FINE(a);
  ck_assert_int_eq(a.status, 200);
  ck_assert_int_eq(proxy.connections, 1);
  answer_free(&a);
  setenv("https_proxy", url, 1);
  a = tls((server){.identity = &good}, (lpod_http_options){0});
  ASSERT_FINE(a);
  ck_assert_int_eq(proxy.connections, 2);
  answer_free(&a);
  setenv("no_proxy", "127.0.0.0/8", 1);
  a = tls((server){.identity = &good}, (lpod_http_options){0});
  ASSERT_FINE(a);
  ck_assert_int_eq(proxy.connections, 2);
  answer_free(&a);
  unsetenv("https_proxy");
  unsetenv("no_proxy");
  server_stop(&proxy);
  proxy = (server){.handler = proxy_connect, .arg = "HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n"};
  server_start(&proxy);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", proxy.port);
  a = tls((server){.identity = &good}, (lpod_http_options){.proxy = url});
  ASSERT_FAILS(a, LPOD_E_CONNECT, "the proxy answered 407");
  ck_assert_int_eq(a.status, 0);
  answer_free(&a);
  server_stop(&proxy);
}
END_TEST

int main(void) {
  make_identities();
  other_ca = authority_new("another authority");
  other_pem = pem(other_ca.certificate, NULL);
  Suite *suite = suite_create("http_tls");
  TCase *tests = tcase_create("http_tls");
  tcase_set_timeout(tests, 120);
#define ADD(name) tcase_add_test(tests, name)
  ADD(test_refused_and_unresolved);
  ADD(test_tls_faults_X12_T1);
  ADD(test_client_certificate);
  ADD(test_not_tls);
  ADD(test_proxy_K18);
  suite_add_tcase(suite, tests);
  int failed = run_suite(suite);
  lpod_secret_clear(&other_pem);
  authority_free(other_ca);
  free_identities();
  return failed;
}
