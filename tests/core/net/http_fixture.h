/* One lpod_http against one scripted server, for the suites of HTTP: set up, ask, look at the answer, tear down; and
 * the servers that several of them talk to. A test proves by the count of descriptors that nothing is left. */
#ifndef TESTS_NET_HTTP_FIXTURE_H
#define TESTS_NET_HTTP_FIXTURE_H

#include "net/http.h"
#include "server.h"

#include "base/limits.h"

typedef struct fixture {
  server server;
  lpod_loop *loop;
  lpod_http *http;
  int descriptors;
} fixture;

static inline void set_up(fixture *f, lpod_http_options options) {
  lpod_error err = LPOD_ERROR_INIT;
  char url[64];
  f->descriptors = count_descriptors();
  server_start(&f->server);
  snprintf(url, sizeof url, "%s://127.0.0.1:%d", f->server.identity ? "https" : "http", f->server.port);
  if (!options.server) options.server = url;
  if (!options.ca && !options.insecure) options.ca = &ca_pem;
  f->loop = lpod_loop_new(NULL, &err);
  ck_assert_msg(f->loop != NULL, "%s", err.text);
  f->http = lpod_http_new(f->loop, &options, &err);
  ck_assert_msg(f->http != NULL, "%s", err.text);
}
static inline void tear_down(fixture *f) {
  lpod_http_free(f->http);
  lpod_loop_step(f->loop, 0, NULL, NULL);
  lpod_loop_free(f->loop);
  server_stop(&f->server);
  expect_descriptors(f->descriptors);
}

typedef struct answer {
  bool done;
  int status, chunks, opened;
  char *body, *warnings;
  size_t len, streamed;
  double retry_after;
  lpod_error error;
} answer;
static inline void on_done(void *arg, const lpod_http_result *result) {
  answer *a = arg;
  ck_assert(!a->done);
  a->done = true;
  a->status = result->status;
  a->body = malloc(result->len + 1);
  memcpy(a->body, result->body, result->len + 1);
  a->len = result->len;
  a->warnings = strdup(result->warnings);
  a->retry_after = result->retry_after;
  a->error = (lpod_error)LPOD_ERROR_INIT;
  if (result->error) a->error = *result->error;
}
static inline bool on_data(void *arg, const char *data, size_t len) {
  answer *a = arg;
  (void)data;
  a->chunks++;
  a->streamed += len;
  return true;
}
static inline bool on_open(void *arg, int status) {
  ((answer *)arg)->opened = status;
  return true;
}
static inline void answer_free(answer *a) {
  free(a->body);
  free(a->warnings);
  memset(a, 0, sizeof *a);
}
static inline lpod_http_call *start(fixture *f, lpod_http_request request, answer *a) {
  lpod_error err = LPOD_ERROR_INIT;
  if (!request.method) request.method = "GET";
  if (!request.target) request.target = "/";
  if (!request.on_done) request.on_done = on_done;
  if (!request.arg) request.arg = a;
  if (request.body && !request.body_len) request.body_len = strlen(request.body);
  lpod_http_call *call = lpod_http_start(f->http, &request, &err);
  ck_assert_msg(call != NULL, "%s", err.text);
  return call;
}
static inline answer get(fixture *f, lpod_http_request request) {
  answer a = {0};
  start(f, request, &a);
  drive_until(f->loop, &a.done);
  return a;
}
/* One request to a server of its own, run by handler. */
static inline answer one(void (*handler)(peer *), void *arg, lpod_http_request request) {
  fixture f = {.server = {.handler = handler, .arg = arg, .identity = &good}};
  set_up(&f, (lpod_http_options){0});
  answer a = get(&f, request);
  tear_down(&f);
  return a;
}
#define ASSERT_FAILS(a, code, words) \
  do { \
    ck_assert_msg((a).error.rc == (code), "rc %s text %s", lpod_rc_name((a).error.rc), (a).error.text); \
    ck_assert_msg(strstr((a).error.text, words) != NULL, "text: %s", (a).error.text); \
  } while (0)
#define ASSERT_FINE(a) ck_assert_msg((a).error.rc == LPOD_OK, "%s", (a).error.text)

/* ---- servers ---- */

/* Says method, target and body of each request. */
static inline void echo(peer *p) {
  incoming r;
  while (peer_request(p, &r)) {
    peer_sayf(p, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s|%s|",
              strlen(r.method) + strlen(r.target) + r.body_len + 2, r.method, r.target);
    peer_write(p, r.body, r.body_len);
    incoming_free(&r);
  }
}
/* Says server->arg, once. */
static inline void say_arg(peer *p) {
  incoming r;
  if (!peer_request(p, &r)) return;
  peer_say(p, p->server->arg);
  incoming_free(&r);
}
/* Never answers; says server->arg first if it is set. */
static inline void silent(peer *p) {
  incoming r;
  if (!peer_request(p, &r)) return;
  incoming_free(&r);
  if (p->server->arg) peer_say(p, p->server->arg);
  peer_hold(p);
}

#endif
