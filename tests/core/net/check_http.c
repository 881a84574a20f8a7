/* lpod_http against a scripted HTTP/1.1 server: what it sends (T6, T7, K14, K17, K19), answers split and broken in
 * every way (X09, X10), ceilings (T9), time limits (T2, T3), a connection that died while idle (R5). TLS is
 * check_http_tls.c's, many calls at once check_http_calls.c's. */
#include "http_fixture.h"

#include <fcntl.h>

/* ---- plain working ---- */

START_TEST(test_methods_bodies_and_reuse) {
  fixture f = {.server = {.handler = echo, .identity = &good}};
  set_up(&f, (lpod_http_options){0});
  const char *methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", "GET", "POST"};
  for (int i = 0; i < 7; i++) {
    bool has_body = i >= 1 && i <= 4;
    answer a = get(&f, (lpod_http_request){
                           .method = methods[i], .target = "/a/../b%20c?x=1", .body = has_body ? "{\"a\":1}" : NULL});
    char expected[100];
    snprintf(expected, sizeof expected, "%s|/a/../b%%20c?x=1|%s", methods[i], has_body ? "{\"a\":1}" : "");
    ASSERT_FINE(a);
    ck_assert_str_eq(a.body, expected);
    answer_free(&a);
  }
  lpod_http_counts counts = lpod_http_count(f.http);
  ck_assert_uint_eq(counts.connections, 1); /* T5 */
  ck_assert_uint_eq(counts.requests, 7);
  tear_down(&f);
}
END_TEST

static void show_head(peer *p) {
  incoming r;
  if (!peer_request(p, &r)) return;
  peer_sayf(p, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(r.head), r.head);
  incoming_free(&r);
}
START_TEST(test_headers_sent_T6_T7_K24) {
  const char *extra[] = {"X-One: 1", "Accept: application/json", NULL};
  answer a = one(show_head, NULL,
                 (lpod_http_request){.method = "POST",
                                     .body = "x",
                                     .content_type = "application/json",
                                     .authorization = "Bearer abc",
                                     .headers = extra});
  ASSERT_FINE(a);
  const char *lines[] = {"Authorization: Bearer abc\r\n", "X-One: 1\r\n",
                         "Accept: application/json\r\n",  "Content-Type: application/json\r\n",
                         "Accept-Encoding: gzip\r\n",     "User-Agent: lunapod/",
                         "Content-Length: 1\r\n"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    ck_assert_msg(strstr(a.body, lines[i]) != NULL, "no %s in %s", lines[i], a.body);
  ck_assert(!strstr(a.body, "Expect"));
  answer_free(&a);
  a = one(show_head, NULL, (lpod_http_request){.role = LPOD_ROLE_WATCH});
  ck_assert(!strstr(a.body, "Accept-Encoding"));
  answer_free(&a);
  fixture f = {.server = {.handler = show_head}};
  set_up(&f, (lpod_http_options){.no_compression = true}); /* K24 */
  a = get(&f, (lpod_http_request){0});
  ck_assert(!strstr(a.body, "Accept-Encoding"));
  answer_free(&a);
  tear_down(&f);
}
END_TEST

START_TEST(test_no_credentials_over_plain_http_K14) {
  fixture f = {.server = {.handler = show_head}};
  set_up(&f, (lpod_http_options){0});
  answer a = get(&f, (lpod_http_request){.authorization = "Bearer abc"});
  ASSERT_FINE(a);
  ck_assert(!strstr(a.body, "abc"));
  answer_free(&a);
  tear_down(&f);
}
END_TEST

START_TEST(test_misuse_is_refused) {
  fixture f = {.server = {.handler = echo}};
  set_up(&f, (lpod_http_options){0});
  const char *bad[] = {"X: 1\r\nY: 2", NULL};
  lpod_http_request requests[] = {{.method = "GET", .target = "no-slash"},
                                  {.method = "GET", .target = "/a b"},
                                  {.method = "GET", .target = "/a\r\nX: 1"},
                                  {.method = "GET", .target = "/", .headers = bad},
                                  {.target = "/"},
                                  {.method = "POST", .target = "/", .body = "x", .body_len = LPOD_LIMIT_REQUEST + 1}};
  for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert(!lpod_http_start(f.http, &requests[i], &err));
    ck_assert(err.rc == LPOD_E_USAGE || err.rc == LPOD_E_LIMIT);
  }
  const char *servers[] = {"ftp://host", "https://", "https://user:secret@host", "not a url at all",
                           "https://host:99999"};
  for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert_msg(!lpod_http_new(f.loop, &(lpod_http_options){.server = servers[i]}, &err), "%s", servers[i]);
    ck_assert_int_eq(err.rc, LPOD_E_CONFIG);
    ck_assert(!strstr(err.text, "secret"));
  }
  tear_down(&f);
}
END_TEST

static void prefix(peer *p) {
  incoming r;
  if (!peer_request(p, &r)) return;
  char *host = strcasestr(r.head, "Host: ");
  host[strcspn(host, "\r")] = '\0';
  peer_sayf(p, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s %s", strlen(r.target) + strlen(host) + 1, r.target,
            host);
  incoming_free(&r);
}
START_TEST(test_path_prefix_and_server_name_K17_K19) {
  fixture f = {.server = {.handler = prefix, .identity = &good}};
  set_up(&f, (lpod_http_options){.server_name = "cluster.test"});
  answer a = get(&f, (lpod_http_request){.target = "/api"});
  char expected[64], url[64];
  snprintf(expected, sizeof expected, "/api Host: 127.0.0.1:%d", f.server.port);
  ASSERT_FINE(a);
  ck_assert_str_eq(a.body, expected);
  answer_free(&a);
  lpod_http_free(f.http);
  snprintf(url, sizeof url, "https://127.0.0.1:%d/k8s/c-1/?x=1", f.server.port);
  f.http = lpod_http_new(f.loop, &(lpod_http_options){.server = url, .ca = &ca_pem}, NULL);
  a = get(&f, (lpod_http_request){.target = "/api"});
  ASSERT_FINE(a);
  ck_assert_msg(!strncmp(a.body, "/k8s/c-1/api ", 13), "%s", a.body);
  answer_free(&a);
  tear_down(&f);
}
END_TEST

/* ---- answers in pieces, broken, too long ---- */

#define ANSWER \
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\nWarning: 299 - \"old \\\"api\\\"\"\r\nwarning: 299 - " \
  "\"second\"\r\n" \
  "Retry-After: 7\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
static void split(peer *p) {
  incoming r;
  for (size_t at = 1; peer_request(p, &r); at++) {
    size_t cut = at % strlen(ANSWER);
    peer_write(p, ANSWER, cut);
    usleep(300);
    peer_say(p, ANSWER + cut);
    incoming_free(&r);
  }
}
START_TEST(test_answer_split_at_every_byte) {
  fixture f = {.server = {.handler = split, .identity = &good}};
  set_up(&f, (lpod_http_options){0});
  for (size_t i = 0; i < strlen(ANSWER); i++) {
    answer a = get(&f, (lpod_http_request){.on_open = on_open});
    ASSERT_FINE(a);
    ck_assert_int_eq(a.status, 201);
    ck_assert_int_eq(a.opened, 201);
    ck_assert_str_eq(a.body, "hello world");
    ck_assert_str_eq(a.warnings, "old \"api\"\nsecond"); /* R11 */
    ck_assert(a.retry_after == 7);
    answer_free(&a);
  }
  tear_down(&f);
}
END_TEST

START_TEST(test_tls_records_of_one_byte) {
  fixture f = {.server = {.handler = echo, .identity = &good, .tiny_records = true}};
  set_up(&f, (lpod_http_options){0});
  char body[5000];
  memset(body, 'b', sizeof body);
  answer a = get(&f, (lpod_http_request){.method = "POST", .body = body, .body_len = sizeof body});
  ASSERT_FINE(a);
  ck_assert_uint_eq(a.len, sizeof body + 7);
  answer_free(&a);
  tear_down(&f);
}
END_TEST

START_TEST(test_body_shorter_than_content_length_X09) {
  answer a = one(say_arg, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", (lpod_http_request){0});
  ASSERT_FAILS(a, LPOD_E_CUT, "before the whole answer");
  ck_assert_int_eq(a.status, 200);
  ck_assert(a.error.retryable);
  answer_free(&a);
  a = one(say_arg, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", (lpod_http_request){0});
  ASSERT_FAILS(a, LPOD_E_CUT, "127.0.0.1:");
  answer_free(&a);
  a = one(say_arg, "HTTP/1.1 200 OK\r\nConn", (lpod_http_request){0});
  ck_assert_int_eq(a.error.rc, LPOD_E_CUT);
  answer_free(&a);
}
END_TEST

START_TEST(test_no_answer_at_all) {
  answer a = one(say_arg, "", (lpod_http_request){0});
  ASSERT_FAILS(a, LPOD_E_CUT, "ended by the server");
  ck_assert_int_eq(a.status, 0);
  answer_free(&a);
  a = one(say_arg, "SSH-2.0-OpenSSH_9\r\n", (lpod_http_request){0});
  ASSERT_FAILS(a, LPOD_E_PARSE, "not HTTP");
  answer_free(&a);
}
END_TEST

static void reset(peer *p) {
  incoming r;
  struct linger linger = {1, 0};
  if (!peer_request(p, &r)) return;
  incoming_free(&r);
  peer_say(p, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
  setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
  SSL_free(p->ssl);
  p->ssl = NULL;
  close(p->fd);
  p->fd = open("/dev/null", O_RDONLY);
}
START_TEST(test_reset_in_the_body) {
  answer a = one(reset, NULL, (lpod_http_request){0});
  ASSERT_FAILS(a, LPOD_E_CUT, "reset");
  answer_free(&a);
}
END_TEST

START_TEST(test_body_until_close) {
  answer a = one(say_arg, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it", (lpod_http_request){0});
  ASSERT_FINE(a);
  ck_assert_str_eq(a.body, "all of it");
  answer_free(&a);
}
END_TEST

START_TEST(test_redirect_is_reported_T8) {
  answer a = one(say_arg, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
                 (lpod_http_request){0});
  ASSERT_FINE(a);
  ck_assert_int_eq(a.status, 302);
  answer_free(&a);
}
END_TEST

static void huge_headers(peer *p) {
  incoming r;
  if (!peer_request(p, &r)) return;
  incoming_free(&r);
  peer_say(p, "HTTP/1.1 200 OK\r\n");
  for (int i = 0; i < 2000; i++)
    if (!peer_sayf(p, "X-Header-%d: %060d\r\n", i, i)) return;
  peer_say(p, "Content-Length: 0\r\n\r\n");
}
static void huge_body(peer *p) {
  incoming r;
  char block[4096];
  memset(block, 'x', sizeof block);
  if (!peer_request(p, &r)) return;
  bool error = strstr(r.target, "error");
  incoming_free(&r);
  peer_sayf(p, "HTTP/1.1 %d X\r\nContent-Length: 409600\r\n\r\n", error ? 500 : 200);
  for (int i = 0; i < 100; i++)
    if (!peer_write(p, block, sizeof block)) return;
}
START_TEST(test_ceilings_T9) {
  answer a = one(huge_headers, NULL, (lpod_http_request){0});
  ASSERT_FAILS(a, LPOD_E_LIMIT, "65536");
  answer_free(&a);
  a = one(huge_body, NULL, (lpod_http_request){.ceiling = 100000});
  ASSERT_FAILS(a, LPOD_E_LIMIT, "100000");
  answer_free(&a);
  a = one(huge_body, NULL, (lpod_http_request){0});
  ASSERT_FINE(a);
  ck_assert_uint_eq(a.len, 409600);
  answer_free(&a);
  a = one(huge_body, NULL, (lpod_http_request){.target = "/error"}); /* cut, and fine: the status is what counts */
  ASSERT_FINE(a);
  ck_assert_int_eq(a.status, 500);
  ck_assert_uint_eq(a.len, LPOD_LIMIT_ERROR_BODY);
  answer_free(&a);
}
END_TEST

START_TEST(test_streamed_body_and_its_errors) {
  answer a = one(huge_body, NULL, (lpod_http_request){.role = LPOD_ROLE_LOG, .on_data = on_data, .on_open = on_open});
  ASSERT_FINE(a);
  ck_assert_uint_eq(a.streamed, 409600);
  ck_assert_uint_eq(a.len, 0);
  ck_assert_int_eq(a.opened, 200);
  answer_free(&a);
  a = one(huge_body, NULL, (lpod_http_request){.role = LPOD_ROLE_LOG, .on_data = on_data, .target = "/error"});
  ASSERT_FINE(a);
  ck_assert_uint_eq(a.streamed, 0);
  ck_assert_uint_eq(a.len, LPOD_LIMIT_ERROR_BODY);
  answer_free(&a);
}
END_TEST

/* ---- compression (T6, X10); the bytes themselves are in check_inflate.c ---- */

/* printf 'first ' | gzip -n and printf 'second' | gzip -n */
static const unsigned char first_member[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                             0x03, 0x4b, 0xcb, 0x2c, 0x2a, 0x2e, 0x51, 0x00, 0x00,
                                             0xfc, 0x7a, 0xf1, 0x1c, 0x06, 0x00, 0x00, 0x00};
static const unsigned char second_member[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                              0x03, 0x2b, 0x4e, 0x4d, 0xce, 0xcf, 0x4b, 0x01, 0x00,
                                              0x69, 0x11, 0x1f, 0xb6, 0x06, 0x00, 0x00, 0x00};
static void send_gzip(peer *p) {
  incoming r;
  unsigned char data[4096];
  if (!peer_request(p, &r)) return;
  incoming_free(&r);
  size_t len = sizeof first_member, first = len;
  memcpy(data, first_member, len);
  const char *kind = p->server->arg;
  if (!strcmp(kind, "two")) {
    memcpy(data + len, second_member, sizeof second_member);
    len += sizeof second_member;
  }
  if (!strcmp(kind, "cut")) len -= 10;
  if (!strcmp(kind, "crc")) data[first - 6] ^= 1;
  if (!strcmp(kind, "plain")) len = (size_t)snprintf((char *)data, sizeof data, "not gzip at all");
  const char *encoding = !strcmp(kind, "br") ? "br" : !strcmp(kind, "GZIP") ? "GZIP" : "gzip";
  bool twice = !strcmp(kind, "twice");
  peer_sayf(p, "HTTP/1.1 %s\r\nContent-Encoding: %s\r\n%sContent-Length: %zu\r\n\r\n",
            !strcmp(kind, "status") ? "500 Oh" : "200 OK", encoding, twice ? "Content-Encoding: gzip\r\n" : "", len);
  peer_write(p, data, len);
}
START_TEST(test_gzip_T6_X10) {
  static const struct {
    const char *kind, *body;
    int status;
  } fine[] = {{"one", "first ", 200}, {"two", "first second", 200}, {"GZIP", "first ", 200}, {"status", "first ", 500}};
  static const struct {
    const char *kind, *words;
  } broken[] = {{"crc", "damaged: incorrect data check"},
                {"plain", "damaged: incorrect header check"},
                {"cut", "damaged: it ends too soon"},
                {"br", "encoding is \"br\""},
                {"twice", "encoding is \"gzip\""}};
  for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
    answer a = one(send_gzip, (void *)(uintptr_t)fine[i].kind, (lpod_http_request){0});
    ASSERT_FINE(a);
    ck_assert_int_eq(a.status, fine[i].status);
    ck_assert_str_eq(a.body, fine[i].body);
    answer_free(&a);
  }
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    answer a = one(send_gzip, (void *)(uintptr_t)broken[i].kind, (lpod_http_request){0});
    ASSERT_FAILS(a, LPOD_E_PARSE, broken[i].words);
    ck_assert_msg(!strncmp(a.error.text, "127.0.0.1:", 10), "%s", a.error.text);
    ck_assert(a.error.retryable || i > 2);
    answer_free(&a);
  }
  answer a = one(send_gzip, "two", (lpod_http_request){.role = LPOD_ROLE_WATCH, .on_data = on_data});
  ASSERT_FINE(a); /* not asked for, and understood */
  ck_assert_uint_eq(a.streamed, 12);
  answer_free(&a);
  a = one(send_gzip, "two", (lpod_http_request){.ceiling = 11}); /* of what comes out */
  ASSERT_FAILS(a, LPOD_E_LIMIT, "longer than 11 bytes");
  answer_free(&a);
}
END_TEST

/* ---- time ---- */

START_TEST(test_time_limits_T2_T3) {
  answer a = one(silent, NULL, (lpod_http_request){.timeout = 50 * LPOD_NS_PER_MS});
  ASSERT_FAILS(a, LPOD_E_TIMEOUT, "no answer within 0.05 s");
  ck_assert(a.error.retryable);
  answer_free(&a);
  a = one(silent, "HTTP/1.1 200 OK\r\n\r\nfirst",
          (lpod_http_request){.role = LPOD_ROLE_WATCH, .idle = 50 * LPOD_NS_PER_MS, .on_data = on_data});
  ASSERT_FAILS(a, LPOD_E_TIMEOUT, "nothing came for 0.05 s");
  ck_assert_uint_eq(a.streamed, 5);
  answer_free(&a);
}
END_TEST

/* ---- a connection that died while idle ---- */

static void drop_second(peer *p) {
  incoming r;
  for (int i = 0; peer_request(p, &r); i++) {
    incoming_free(&r);
    if (p->number == 1 && i == 1) return; /* read, not answered */
    peer_answer(p, 200, "fine");
  }
}
START_TEST(test_post_on_a_dying_connection_is_not_repeated_R5) {
  fixture f = {.server = {.handler = drop_second, .identity = &good}};
  set_up(&f, (lpod_http_options){0});
  answer a = get(&f, (lpod_http_request){0});
  answer_free(&a);
  a = get(&f, (lpod_http_request){.method = "POST", .body = "{}"});
  ck_assert_msg(a.error.rc == LPOD_E_CUT, "%s %s", lpod_rc_name(a.error.rc), a.error.text);
  ck_assert_int_eq(f.server.requests, 2);
  answer_free(&a);
  tear_down(&f);
}
END_TEST
START_TEST(test_get_on_a_dying_connection_is_repeated) {
  fixture f = {.server = {.handler = drop_second, .identity = &good}};
  set_up(&f, (lpod_http_options){0});
  answer a = get(&f, (lpod_http_request){0});
  answer_free(&a);
  a = get(&f, (lpod_http_request){0});
  ASSERT_FINE(a);
  ck_assert_int_eq(f.server.requests, 3);
  answer_free(&a);
  tear_down(&f);
}
END_TEST

int main(void) {
  make_identities();
  Suite *suite = suite_create("http");
  TCase *tests = tcase_create("http");
  tcase_set_timeout(tests, 120);
#define ADD(name) tcase_add_test(tests, name)
  ADD(test_methods_bodies_and_reuse);
  ADD(test_headers_sent_T6_T7_K24);
  ADD(test_no_credentials_over_plain_http_K14);
  ADD(test_misuse_is_refused);
  ADD(test_path_prefix_and_server_name_K17_K19);
  ADD(test_answer_split_at_every_byte);
  ADD(test_tls_records_of_one_byte);
  ADD(test_body_shorter_than_content_length_X09);
  ADD(test_no_answer_at_all);
  ADD(test_reset_in_the_body);
  ADD(test_body_until_close);
  ADD(test_redirect_is_reported_T8);
  ADD(test_ceilings_T9);
  ADD(test_streamed_body_and_its_errors);
  ADD(test_gzip_T6_X10);
  ADD(test_time_limits_T2_T3);
  ADD(test_post_on_a_dying_connection_is_not_repeated_R5);
  ADD(test_get_on_a_dying_connection_is_repeated);
  suite_add_tcase(suite, tests);
  int failed = run_suite(suite);
  free_identities();
  return failed;
}
