/* lpod_http with many requests: roles that do not stand in each other's way (M1), admission (T10), starting, cancelling
 * and freeing from callbacks (M4), the owner who ends a stream (M2), retiring, and its sockets' options (M3, X66). */
#include "http_fixture.h"

#include <fcntl.h>
#include <netinet/tcp.h>

/* ---- many at once ---- */

static void stream_or_answer(peer *p) {
  incoming r;
  while (peer_request(p, &r)) {
    bool stream = strstr(r.target, "follow");
    incoming_free(&r);
    if (stream) {
      peer_say(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nline\n\r\n");
      peer_hold(p);
      return;
    }
    peer_answer(p, 200, "{}");
  }
}
static void drive_streams(fixture *f, answer *streams, int count) {
  for (bool all = false; !all;) {
    bool once = false;
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert(!lpod_loop_step(f->loop, 5000, &once, &err));
    all = true;
    for (int i = 0; i < count; i++) all = all && streams[i].streamed >= 5;
  }
}
START_TEST(test_streams_and_calls_over_http1_M1) {
  for (int secure = 0; secure < 2; secure++) {
    fixture f = {.server = {.handler = stream_or_answer, .identity = secure ? &good : NULL}};
    set_up(&f, (lpod_http_options){0});
    enum { STREAMS = 20, CALLS = 200 };
    answer streams[STREAMS] = {0}, calls[CALLS] = {0};
    lpod_http_call *handles[STREAMS];
    for (int i = 0; i < STREAMS; i++)
      handles[i] = start(
          &f,
          (lpod_http_request){.role = i % 2 ? LPOD_ROLE_LOG : LPOD_ROLE_WATCH, .target = "/follow", .on_data = on_data},
          &streams[i]);
    for (int i = 0; i < CALLS; i++) start(&f, (lpod_http_request){.target = "/call"}, &calls[i]);
    for (int i = 0; i < CALLS; i++) {
      drive_until(f.loop, &calls[i].done);
      ASSERT_FINE(calls[i]);
      answer_free(&calls[i]);
    }
    drive_streams(&f, streams, STREAMS);
    ck_assert_uint_le(lpod_http_count(f.http).connections, STREAMS + LPOD_LIMIT_CALLS);
    for (int i = 0; i < STREAMS; i++) lpod_http_cancel(handles[i]);
    tear_down(&f);
  }
}
END_TEST

static void count_open(peer *p) {
  incoming r;
  while (peer_request(p, &r)) {
    incoming_free(&r);
    usleep(2000);
    peer_sayf(p, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n%03d", (int)p->server->open);
  }
}
START_TEST(test_admission_of_calls_T10) {
  fixture f = {.server = {.handler = count_open}};
  set_up(&f, (lpod_http_options){0});
  enum { CALLS = 300 };
  static answer calls[CALLS];
  for (int i = 0; i < CALLS; i++) start(&f, (lpod_http_request){0}, &calls[i]);
  for (int i = 0; i < CALLS; i++) {
    drive_until(f.loop, &calls[i].done);
    ck_assert_int_le(atoi(calls[i].body), LPOD_LIMIT_CALLS);
    answer_free(&calls[i]);
  }
  ck_assert_uint_eq(lpod_http_count(f.http).connections, LPOD_LIMIT_CALLS);
  tear_down(&f);
}
END_TEST

/* ---- from callbacks (M4) ---- */

typedef struct chain {
  fixture *f;
  answer answer;
  int left;
  lpod_http_call *other;
  bool stop;
} chain;
static void chain_done(void *arg, const lpod_http_result *result) {
  chain *c = arg;
  ck_assert(!result->error);
  if (--c->left)
    start(c->f, (lpod_http_request){.on_done = chain_done, .arg = c}, NULL);
  else
    c->answer.done = true;
}
START_TEST(test_start_within_on_done) {
  fixture f = {.server = {.handler = echo, .identity = &good}};
  set_up(&f, (lpod_http_options){0});
  chain c = {.f = &f, .left = 20};
  start(&f, (lpod_http_request){.on_done = chain_done, .arg = &c}, NULL);
  drive_until(f.loop, &c.answer.done);
  tear_down(&f);
}
END_TEST

static void never(void *arg, const lpod_http_result *result) {
  (void)arg;
  (void)result;
  ck_abort_msg("on_done after cancel");
}
static bool cancel_other(void *arg, const char *data, size_t len) {
  chain *c = arg;
  (void)data;
  (void)len;
  lpod_http_cancel(c->other);
  c->other = NULL;
  start(c->f, (lpod_http_request){.target = "/call"}, &c->answer);
  return !c->stop;
}
START_TEST(test_cancel_and_start_within_on_data) {
  for (int self = 0; self < 2; self++) {
    fixture f = {.server = {.handler = stream_or_answer, .identity = &good}};
    set_up(&f, (lpod_http_options){0});
    chain c = {.f = &f};
    lpod_http_call *first = NULL;
    if (!self)
      c.other =
          start(&f, (lpod_http_request){.role = LPOD_ROLE_LOG, .target = "/follow", .on_done = never, .arg = &c}, NULL);
    first = start(&f,
                  (lpod_http_request){
                      .role = LPOD_ROLE_LOG, .target = "/follow", .on_data = cancel_other, .on_done = never, .arg = &c},
                  NULL);
    if (self) c.other = first; /* its own call */
    drive_until(f.loop, &c.answer.done);
    ASSERT_FINE(c.answer);
    answer_free(&c.answer);
    if (!self) lpod_http_cancel(first);
    tear_down(&f);
  }
}
END_TEST

static bool refuse(void *arg, const char *data, size_t len) {
  on_data(arg, data, len);
  return false;
}
static bool refuse_open(void *arg, int status) {
  on_open(arg, status);
  return false;
}
START_TEST(test_owner_ends_the_stream_M2) {
  answer a = one(stream_or_answer, NULL, (lpod_http_request){.target = "/follow", .on_data = refuse});
  ck_assert_int_eq(a.error.rc, LPOD_E_CANCELLED);
  ck_assert_int_eq(a.chunks, 1);
  answer_free(&a);
  a = one(stream_or_answer, NULL, (lpod_http_request){.target = "/follow", .on_open = refuse_open, .on_data = on_data});
  ck_assert_int_eq(a.error.rc, LPOD_E_CANCELLED);
  ck_assert_int_eq(a.chunks, 0);
  answer_free(&a);
}
END_TEST

enum { FLOOD = 64 * 1024 * 1024 };
static atomic_size_t flooded;
static void flood(peer *p) {
  static char chunk[65536];
  incoming r;
  if (!peer_request(p, &r)) return;
  ck_assert(strstr(r.head, " HTTP/1.1\r\n") != NULL);
  incoming_free(&r);
  peer_sayf(p, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", (int)FLOOD);
  for (flooded = 0; flooded < FLOOD && peer_write(p, chunk, sizeof chunk); flooded += sizeof chunk) {
  }
}
static void step_for(lpod_loop *loop, int milliseconds) {
  int64_t end = lpod_system_clock.monotonic(&lpod_system_clock) + milliseconds * LPOD_NS_PER_MS;
  while (lpod_system_clock.monotonic(&lpod_system_clock) < end) lpod_loop_step(loop, 10, NULL, NULL);
}
START_TEST(test_a_paused_call_of_its_own_connection_is_back_pressure_M2_L15) {
  for (int secure = 0; secure < 2; secure++) {
    fixture f = {.server = {.handler = flood, .identity = secure ? &good : NULL}};
    set_up(&f, (lpod_http_options){0});
    answer a = {0};
    lpod_http_call *call = start(
        &f,
        (lpod_http_request){
            .role = LPOD_ROLE_LOG, .target = "/follow", .own = true, .idle = 2 * LPOD_NS_PER_S, .on_data = on_data},
        &a);
    for (int round = 0; round < 3; round++) {
      for (size_t before = a.streamed; a.streamed == before;) lpod_loop_step(f.loop, 1000, NULL, NULL);
      lpod_http_pause(call, true);
      size_t streamed = a.streamed;
      step_for(f.loop, round ? 50 : 2500); /* longer than idle: that nothing comes is our doing */
      ck_assert_uint_eq(a.streamed, streamed);
      ck_assert(!a.done);
      if (round == 0) ck_assert_uint_lt(flooded, FLOOD / 2);
      lpod_http_pause(call, false);
    }
    drive_until(f.loop, &a.done);
    ASSERT_FINE(a);
    ck_assert_uint_eq(a.streamed, FLOOD);
    answer_free(&a);
    call = start(&f, (lpod_http_request){.target = "/follow", .own = true, .on_data = on_data}, &a);
    lpod_http_pause(call, true); /* before it is under way; and its end while it is paused */
    step_for(f.loop, 100);
    ck_assert_uint_eq(a.streamed, 0);
    lpod_http_cancel(call);
    tear_down(&f);
  }
}
END_TEST

static void free_http(void *arg, const lpod_http_result *result) {
  chain *c = arg;
  (void)result;
  lpod_http_free(c->f->http);
  c->f->http = NULL;
  c->answer.done = true;
}
static bool free_within_data(void *arg, const char *data, size_t len) {
  (void)data;
  (void)len;
  free_http(arg, NULL);
  return true;
}
START_TEST(test_free_within_callbacks_and_in_flight) {
  for (int within_data = 0; within_data < 2; within_data++) {
    fixture f = {.server = {.handler = stream_or_answer, .identity = &good}};
    set_up(&f, (lpod_http_options){0});
    chain c = {.f = &f};
    for (int i = 0; i < 5; i++)
      start(&f, (lpod_http_request){.role = LPOD_ROLE_LOG, .target = "/follow", .on_done = never, .arg = &c}, NULL);
    if (within_data)
      start(&f, (lpod_http_request){.target = "/follow", .on_data = free_within_data, .on_done = never, .arg = &c},
            NULL);
    else
      start(&f, (lpod_http_request){.target = "/call", .on_done = free_http, .arg = &c}, NULL);
    drive_until(f.loop, &c.answer.done);
    tear_down(&f);
  }
  fixture f = {.server = {.handler = silent, .identity = &good}};
  set_up(&f, (lpod_http_options){0});
  for (int i = 0; i < 100; i++) start(&f, (lpod_http_request){.on_done = never, .arg = &f}, NULL);
  for (int i = 0; i < 5; i++) lpod_loop_step(f.loop, 20, NULL, NULL);
  tear_down(&f);
}
END_TEST

START_TEST(test_retire_ends_with_the_last_request) {
  fixture f = {.server = {.handler = echo, .identity = &good}};
  set_up(&f, (lpod_http_options){0});
  answer a = {0};
  start(&f, (lpod_http_request){0}, &a);
  lpod_http_retire(f.http);
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert(!lpod_http_start(f.http, &(lpod_http_request){.method = "GET", .target = "/"}, &err));
  drive_until(f.loop, &a.done);
  ASSERT_FINE(a);
  answer_free(&a);
  f.http = NULL; /* it is gone: the count of descriptors proves it */
  tear_down(&f);
}
END_TEST

static int option(int fd, int level, int name) {
  int value = -1;
  socklen_t len = sizeof value;
  getsockopt(fd, level, name, &value, &len);
  return value;
}
START_TEST(test_socket_options_M3_and_close_on_exec_X66) {
  int sockets = 0;
  fixture f = {.server = {.handler = echo, .identity = &good}};
  set_up(&f, (lpod_http_options){0});
  answer a = get(&f, (lpod_http_request){0});
  for (int fd = 3; fd < 1024; fd++) {
    int flags = fcntl(fd, F_GETFD);
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    if (flags >= 0 && getpeername(fd, (struct sockaddr *)&address, &len) == 0 && address.ss_family == AF_INET &&
        ntohs(((struct sockaddr_in *)&address)->sin_port) == f.server.port) {
      ck_assert_int_eq(option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
      ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 5);
      ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 3);
      ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 10000);
      sockets++;
    }
    len = sizeof address;
    if (flags < 0 || flags & FD_CLOEXEC) continue;
    ck_assert_msg(getsockname(fd, (struct sockaddr *)&address, &len) != 0, "socket %d is not close-on-exec", fd);
  }
  ck_assert_int_eq(sockets, 1);
  answer_free(&a);
  tear_down(&f);
}
END_TEST

int main(void) {
  make_identities();
  Suite *suite = suite_create("http_calls");
  TCase *tests = tcase_create("http_calls");
  tcase_set_timeout(tests, 120);
#define ADD(name) tcase_add_test(tests, name)
  ADD(test_streams_and_calls_over_http1_M1);
  ADD(test_admission_of_calls_T10);
  ADD(test_start_within_on_done);
  ADD(test_cancel_and_start_within_on_data);
  ADD(test_owner_ends_the_stream_M2);
  ADD(test_a_paused_call_of_its_own_connection_is_back_pressure_M2_L15);
  ADD(test_free_within_callbacks_and_in_flight);
  ADD(test_retire_ends_with_the_last_request);
  ADD(test_socket_options_M3_and_close_on_exec_X66);
  suite_add_tcase(suite, tests);
  int failed = run_suite(suite);
  free_identities();
  return failed;
}
