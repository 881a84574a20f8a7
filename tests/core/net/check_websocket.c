/* WebSockets against a scripted server: upgrade checked (EX2, EX9), messages fragmented and split at every byte (EX3),
 * pings both ways and silence on a clock that stands still (EX8), the server closing first (M6), cuts, ceilings,
 * cancelling from callbacks. */
#include "server.h"

#include "base/limits.h"
#include "base/text.h"
#include "net/handshake.h"
#include "net/websocket.h"

/* ---- the server's side ---- */

static void accept_of(const incoming *r, char out[64]) {
  char joined[128];
  unsigned char digest[20];
  const char *key = strcasestr(r->head, "Sec-WebSocket-Key: ") + 19;
  snprintf(joined, sizeof joined, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)strcspn(key, "\r"), key);
  EVP_Digest(joined, strlen(joined), digest, NULL, EVP_sha1(), NULL);
  EVP_EncodeBlock((unsigned char *)out, digest, 20);
}
/* The answer to the upgrade, followed at once by extra. */
static bool upgrade(peer *p, const void *extra, size_t len) {
  incoming r;
  char accept[64], text[8192];
  if (!peer_request(p, &r)) return false;
  accept_of(&r, accept);
  incoming_free(&r);
  int head = snprintf(text, sizeof text,
                      "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
                      "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n",
                      accept);
  if (len) memcpy(text + head, extra, len);
  return peer_write(p, text, (size_t)head + len);
}
static bool frame(peer *p, int first, const void *data, size_t len) {
  unsigned char head[10] = {(unsigned char)first, (unsigned char)(len < 126 ? len : len < 65536 ? 126 : 127)};
  size_t n = 2;
  if (len >= 65536)
    for (int i = 0; i < 8; i++) head[n++] = (unsigned char)((uint64_t)len >> (56 - 8 * i));
  else if (len >= 126)
    head[n++] = (unsigned char)(len >> 8), head[n++] = (unsigned char)len;
  return peer_write(p, head, n) && peer_write(p, data, len);
}
/* A frame of the client; its payload at out. -1: gone. */
static int client_frame(peer *p, char *out, size_t *len) {
  while (p->in_len < 6)
    if (!peer_fill(p)) return -1;
  const unsigned char *in = (unsigned char *)p->in;
  size_t at = 2, size = in[1] & 127;
  int opcode = in[0] & 15;
  if (!(in[1] & 128)) return -2; /* must be masked */
  if (size == 126)
    size = (size_t)in[2] << 8 | in[3], at = 4;
  else if (size == 127) {
    while (p->in_len < 14)
      if (!peer_fill(p)) return -1;
    in = (unsigned char *)p->in;
    size = 0;
    for (int i = 2; i < 10; i++) size = size << 8 | in[i];
    at = 10;
  }
  while (p->in_len < at + 4 + size)
    if (!peer_fill(p)) return -1;
  in = (unsigned char *)p->in;
  for (size_t i = 0; i < size; i++) out[i] = (char)(in[at + 4 + i] ^ in[at + i % 4]);
  out[size] = '\0';
  *len = size;
  peer_drop(p, at + 4 + size);
  return opcode;
}
#define CLOSE_1000 "\x88\x02\x03\xe8"

/* ---- the client's side ---- */

typedef struct fixture {
  server server;
  lpod_loop *loop;
  lpod_http *http;
  lpod_fake_clock clock;
  int descriptors;
} fixture;
typedef struct session {
  fixture *f;
  lpod_websocket *ws;
  bool open, got, done, send_on_open, cancel_on_message, close_on_message;
  char protocol[64], *body, all[256];
  int messages, status;
  size_t bytes, last;
  lpod_error error;
} session;

static void set_up_with(fixture *f, bool fake) {
  char url[64];
  lpod_error err = LPOD_ERROR_INIT;
  f->descriptors = count_descriptors();
  f->server.identity = &good;
  server_start(&f->server);
  lpod_fake_clock_init(&f->clock, 0);
  f->loop = lpod_loop_new(fake ? &f->clock.clock : NULL, &err);
  snprintf(url, sizeof url, "https://127.0.0.1:%d/prefix", f->server.port);
  f->http = lpod_http_new(f->loop, &(lpod_http_options){.server = url, .ca = &ca_pem}, &err);
  ck_assert_msg(f->http != NULL, "%s", err.text);
}
static void tear_down(fixture *f) {
  lpod_http_free(f->http);
  lpod_loop_step(f->loop, 0, NULL, NULL);
  lpod_loop_free(f->loop);
  server_stop(&f->server);
  expect_descriptors(f->descriptors);
}
static void on_open(void *arg, const char *protocol) {
  session *s = arg;
  s->open = true;
  snprintf(s->protocol, sizeof s->protocol, "%s", protocol);
  if (s->send_on_open) ck_assert(!lpod_websocket_send(s->ws, "hello", 5, NULL));
}
static void on_message(void *arg, const char *data, size_t len) {
  session *s = arg;
  size_t used = strlen(s->all);
  s->got = true;
  s->messages++;
  s->bytes += len;
  s->last = len;
  if (used + len + 2 < sizeof s->all) snprintf(s->all + used, sizeof s->all - used, "%.*s|", (int)len, data);
  if (s->close_on_message) lpod_websocket_close(s->ws);
  if (s->cancel_on_message) {
    lpod_websocket_cancel(s->ws);
    s->done = true;
  }
}
static void on_end(void *arg, const lpod_error *error, int status, const char *body, size_t len) {
  session *s = arg;
  ck_assert(!s->done);
  s->done = true;
  s->error = (lpod_error)LPOD_ERROR_INIT;
  if (error) s->error = *error;
  s->status = status;
  s->body = strndup(body, len);
}
static void open_session(fixture *f, session *s) {
  lpod_error err = LPOD_ERROR_INIT;
  const char *extra[] = {"X-Extra: 1", NULL};
  s->f = f;
  s->ws = lpod_websocket_open(f->http,
                              &(lpod_websocket_options){.target = "/exec?command=a",
                                                        .authorization = "Bearer secret-token",
                                                        .headers = extra,
                                                        .protocols = "v5.channel.k8s.io, v4.channel.k8s.io",
                                                        .on_open = on_open,
                                                        .on_message = on_message,
                                                        .on_end = on_end,
                                                        .arg = s},
                              &err);
  ck_assert_msg(s->ws != NULL, "%s", err.text);
}
static session run_with(void (*handler)(peer *), void *arg, session s) {
  fixture f = {.server = {.handler = handler, .arg = arg}};
  set_up_with(&f, false);
  open_session(&f, &s);
  drive_until(f.loop, &s.done);
  tear_down(&f);
  return s;
}
#define ASSERT_ENDS(s, code, words) \
  ck_assert_msg((s).error.rc == (code) && strstr((s).error.text, words), "%s: %s", lpod_rc_name((s).error.rc), \
                (s).error.text)

/* ---- exchange ---- */

static void echo_then_close(peer *p) {
  char data[4096];
  size_t len;
  if (!upgrade(p, NULL, 0) || client_frame(p, data, &len) != 2) return;
  frame(p, 0x82, data, len);
  frame(p, 0x02, "fra", 3); /* in three frames, a ping between them */
  frame(p, 0x89, "ping", 4);
  frame(p, 0x00, "gmen", 4);
  frame(p, 0x80, "ted", 3);
  if (client_frame(p, data, &len) != 10 || strcmp(data, "ping")) return; /* the pong */
  frame(p, 0x82, "ponged", 6);
  peer_write(p, CLOSE_1000, 4);
  client_frame(p, data, &len);
}
START_TEST(test_messages_fragments_and_pings_EX3_EX8) {
  session s = run_with(echo_then_close, NULL, (session){.send_on_open = true});
  ck_assert_msg(!s.error.rc, "%s", s.error.text);
  ck_assert_str_eq(s.protocol, "v5.channel.k8s.io");
  ck_assert_str_eq(s.all, "hello|fragmented|ponged|");
  ck_assert_int_eq(s.status, 101);
  free(s.body);
}
END_TEST

static void show_request(peer *p) {
  incoming r;
  char accept[64];
  if (!peer_request(p, &r)) return;
  bool fine = strstr(r.head, "GET /prefix/exec?command=a HTTP/1.1\r\n") &&
              strstr(r.head, "Authorization: Bearer secret-token\r\n") && strstr(r.head, "X-Extra: 1\r\n") &&
              strstr(r.head, "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\n") &&
              strstr(r.head, "Sec-WebSocket-Version: 13\r\n") && strstr(r.head, "Host: 127.0.0.1:");
  accept_of(&r, accept);
  incoming_free(&r);
  peer_sayf(p,
            "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: "
            "v4.channel.k8s.io\r\nSec-WebSocket-Accept: %s\r\n\r\n",
            accept);
  frame(p, 0x82, fine ? "fine" : "wrong", fine ? 4 : 5);
  peer_write(p, CLOSE_1000, 4);
}
START_TEST(test_request_EX1_EX2_and_server_that_closes_first_M6) {
  session s = run_with(show_request, NULL, (session){0});
  ck_assert_msg(!s.error.rc, "%s", s.error.text);
  ck_assert_str_eq(s.protocol, "v4.channel.k8s.io");
  ck_assert_str_eq(s.all, "fine|");
  free(s.body);
}
END_TEST

static void glued(peer *p) { upgrade(p, "\x82\x03one\x82\x03two" CLOSE_1000, 14); }
START_TEST(test_frames_glued_to_the_101_M5) {
  session s = run_with(glued, NULL, (session){0});
  ck_assert_msg(!s.error.rc, "%s", s.error.text);
  ck_assert_str_eq(s.all, "one|two|");
  free(s.body);
}
END_TEST

static void tiny(peer *p) {
  p->server->tiny_records = true;
  if (!upgrade(p, NULL, 0)) return;
  frame(p, 0x82, "one byte a record", 17);
  peer_write(p, CLOSE_1000, 4);
}
START_TEST(test_split_at_every_byte) {
  session s = run_with(tiny, NULL, (session){0});
  ck_assert_msg(!s.error.rc, "%s", s.error.text);
  ck_assert_str_eq(s.all, "one byte a record|");
  free(s.body);
}
END_TEST

static void large(peer *p) {
  size_t len = LPOD_LIMIT_WS_MESSAGE;
  char *data = malloc(len + 1);
  memset(data, 'x', len + 1);
  if (upgrade(p, NULL, 0)) {
    frame(p, 0x82, data, len);
    frame(p, 0x82, data, len + 1);
    peer_hold(p);
  }
  free(data);
}
START_TEST(test_message_ceiling) {
  session s = run_with(large, NULL, (session){0});
  ASSERT_ENDS(s, LPOD_E_LIMIT, "longer than");
  ck_assert_int_eq(s.messages, 1);
  ck_assert_uint_eq(s.last, LPOD_LIMIT_WS_MESSAGE);
  free(s.body);
}
END_TEST

static void much(peer *p) {
  char data[1000] = {0};
  if (!upgrade(p, NULL, 0)) return;
  for (int i = 0; i < 5000; i++)
    if (!frame(p, 0x82, data, sizeof data)) return;
  peer_write(p, CLOSE_1000, 4);
}
START_TEST(test_many_messages_over_several_steps) {
  session s = run_with(much, NULL, (session){0});
  ck_assert_msg(!s.error.rc, "%s", s.error.text);
  ck_assert_uint_eq(s.bytes, 5000000);
  free(s.body);
}
END_TEST

static void count_bytes(peer *p) {
  static char data[LPOD_LIMIT_WS_OUT + 1];
  size_t len, total = 0;
  char text[32];
  if (!upgrade(p, NULL, 0)) return;
  frame(p, 0x82, "go", 2);
  while (total < LPOD_LIMIT_WS_OUT && client_frame(p, data, &len) == 2) total += len;
  frame(p, 0x82, text, (size_t)snprintf(text, sizeof text, "%zu", total));
  while (client_frame(p, data, &len) > 0) {
  }
}
START_TEST(test_sending_is_bounded_and_whole) {
  static char block[65536];
  fixture f = {.server = {.handler = count_bytes}};
  session s = {0};
  set_up_with(&f, false);
  open_session(&f, &s);
  ck_assert_int_eq(lpod_websocket_send(s.ws, "x", 1, NULL), LPOD_E_USAGE); /* not open yet */
  drive_until(f.loop, &s.got);
  s.got = false;
  for (unsigned i = 0; i < LPOD_LIMIT_WS_OUT / sizeof block; i++)
    ck_assert(!lpod_websocket_send(s.ws, block, sizeof block, NULL));
  ck_assert_int_eq(lpod_websocket_send(s.ws, block, sizeof block, NULL), LPOD_E_LIMIT);
  drive_until(f.loop, &s.got);
  ck_assert_str_eq(s.all, "go|1048576|");
  lpod_websocket_cancel(s.ws);
  tear_down(&f);
}
END_TEST

static void count_reused(peer *p) {
  if (SSL_session_reused(p->ssl)) ++*(atomic_int *)p->server->arg;
  glued(p);
}
START_TEST(test_tls_session_is_shared_M5) {
  atomic_int reused = 0;
  fixture f = {.server = {.handler = count_reused, .arg = &reused}};
  set_up_with(&f, false);
  for (int i = 0; i < 3; i++) {
    session s = {0};
    open_session(&f, &s);
    drive_until(f.loop, &s.done);
    free(s.body);
  }
  ck_assert_int_eq(reused, 2);
  tear_down(&f);
}
END_TEST

START_TEST(test_through_a_proxy) {
  server proxy = {.handler = proxy_connect};
  fixture f = {.server = {.handler = echo_then_close}};
  session s = {.send_on_open = true};
  char url[64], via[64];
  set_up_with(&f, false);
  server_start(&proxy);
  lpod_http_free(f.http);
  snprintf(url, sizeof url, "https://127.0.0.1:%d", f.server.port);
  snprintf(via, sizeof via, "http://127.0.0.1:%d", proxy.port);
  f.http = lpod_http_new(f.loop, &(lpod_http_options){.server = url, .ca = &ca_pem, .proxy = via}, NULL);
  open_session(&f, &s);
  drive_until(f.loop, &s.done);
  ck_assert_msg(!s.error.rc, "%s", s.error.text);
  ck_assert_str_eq(s.all, "hello|fragmented|ponged|");
  ck_assert_int_eq(proxy.connections, 1);
  free(s.body);
  lpod_http_free(f.http);
  f.http = NULL;
  server_stop(&proxy);
  tear_down(&f);
}
END_TEST

/* ---- endings ---- */

static void wait_for_close(peer *p) {
  char data[4096];
  size_t len;
  if (!upgrade(p, "\x82\x01x", 3)) return;
  int opcode = client_frame(p, data, &len);
  if (opcode == 8 && len == 2 && !strcmp(p->server->arg, "answer")) peer_write(p, CLOSE_1000, 4);
}
START_TEST(test_we_close_first) {
  for (int i = 0; i < 2; i++) {
    session s = run_with(wait_for_close, i ? "answer" : "just end", (session){.close_on_message = true});
    ck_assert_msg(!s.error.rc, "%s", s.error.text);
    free(s.body);
  }
}
END_TEST

static void cut(peer *p) { upgrade(p, "\x82\x05he", 4); }
START_TEST(test_cut_without_close_is_an_error_EX6) {
  session s = run_with(cut, NULL, (session){0});
  ASSERT_ENDS(s, LPOD_E_CUT, "127.0.0.1:");
  free(s.body);
}
END_TEST

static void rubbish(peer *p) { upgrade(p, "\xff\xff\xff\xff\xff\xff", 6), peer_hold(p); }
START_TEST(test_rubbish_is_a_parse_error) {
  session s = run_with(rubbish, NULL, (session){0});
  ASSERT_ENDS(s, LPOD_E_PARSE, "not a WebSocket frame");
  free(s.body);
}
END_TEST

static void cancel_target(peer *p) {
  if (upgrade(p, "\x82\x01x\x82\x01y", 6)) peer_hold(p);
}
START_TEST(test_cancel_within_on_message) {
  session s = run_with(cancel_target, NULL, (session){.cancel_on_message = true});
  ck_assert_int_eq(s.messages, 1);
}
END_TEST

START_TEST(test_cancel_and_free_at_any_time) {
  for (int steps = 0; steps < 8; steps++) {
    fixture f = {.server = {.handler = cancel_target}};
    session s = {0};
    set_up_with(&f, false);
    open_session(&f, &s);
    for (int i = 0; i < steps; i++) lpod_loop_step(f.loop, 50, NULL, NULL);
    if (steps % 2) lpod_websocket_cancel(s.ws); /* else: by lpod_http_free */
    tear_down(&f);
    ck_assert(!s.done);
  }
}
END_TEST

START_TEST(test_close_before_it_is_open) {
  fixture f = {.server = {.handler = cancel_target}};
  session s = {0};
  set_up_with(&f, false);
  open_session(&f, &s);
  lpod_websocket_close(s.ws);
  ck_assert(!s.done);
  drive_until(f.loop, &s.done);
  ck_assert_int_eq(s.error.rc, LPOD_E_CANCELLED);
  free(s.body);
  tear_down(&f);
}
END_TEST

/* ---- refusals ---- */

static void say_arg(peer *p) {
  incoming r;
  if (!peer_request(p, &r)) return;
  incoming_free(&r);
  peer_say(p, p->server->arg);
  if (strstr(p->server->arg, "Length") || strstr(p->server->arg, "chunked")) peer_hold(p);
}
START_TEST(test_refused_with_a_body_EX9) {
  struct {
    const char *answer;
    int status;
    const char *body;
  } cases[] = {
      {"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\n{\"a\"rest", 403, "{\"a\""},
      {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nTransfer-Encoding: "
       "chunked\r\n\r\n3\r\nabc\r\n4;x\r\ndefg\r\n0\r\n\r\n",
       404, "abcdefg"},
      {"HTTP/1.0 500 Oops\r\n\r\nuntil the end", 500, "until the end"},
      {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, ""}, /* EX13: for the caller to interpret */
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    session s = run_with(say_arg, (void *)cases[i].answer, (session){0});
    ASSERT_ENDS(s, LPOD_E_API, "refused");
    ck_assert_int_eq(s.error.code, cases[i].status);
    ck_assert_int_eq(s.status, cases[i].status);
    ck_assert_str_eq(s.body, cases[i].body);
    ck_assert(!strstr(s.error.text, "secret-token"));
    ck_assert(!s.open);
    free(s.body);
  }
}
END_TEST

START_TEST(test_bad_upgrades_EX2) {
  struct {
    const char *answer, *words;
  } cases[] = {
      {"HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
       "AAAA\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n",
       "Accept"},
      {"HTTP/1.1 101 S\r\nConnection: Upgrade\r\n\r\n", "not about WebSocket"},
      {"SSH-2.0-x\r\n\r\n", "not HTTP"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    session s = run_with(say_arg, (void *)cases[i].answer, (session){0});
    ASSERT_ENDS(s, LPOD_E_PARSE, cases[i].words);
    free(s.body);
  }
  session s = run_with(say_arg, "HTTP/1.1 101 S\r\nUpgr", (session){0});
  ASSERT_ENDS(s, LPOD_E_CUT, "lost");
  free(s.body);
}
END_TEST

/* The pure part, fed a byte at a time. */
START_TEST(test_handshake_byte_by_byte_and_subprotocols) {
  const char *chosen[] = {
      "v5.channel.k8s.io", "v4.channel.k8s.io", "v3.channel.k8s.io", "v5", "", "v5.channel.k8s.io, v4.channel.k8s.io"};
  for (size_t i = 0; i < sizeof chosen / sizeof *chosen; i++) {
    lpod_handshake h;
    lpod_error err = LPOD_ERROR_INIT;
    lpod_buf in = LPOD_BUF_INIT(65536);
    ck_assert(!lpod_handshake_init(&h, "peer", "v5.channel.k8s.io, v4.channel.k8s.io", &err));
    char *answer =
        lpod_text_format("HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept:%s\r\n"
                         "Sec-WebSocket-Protocol: %s \r\n\r\n",
                         h.accept, chosen[i]);
    lpod_handshake_verdict verdict = LPOD_HANDSHAKE_MORE;
    for (const char *p = answer; *p; p++) {
      ck_assert_int_eq(verdict, LPOD_HANDSHAKE_MORE);
      lpod_buf_addc(&in, *p, NULL);
      verdict = lpod_handshake_read(&h, &in, false, &err);
    }
    ck_assert_int_eq(verdict, i < 2 ? LPOD_HANDSHAKE_OPEN : LPOD_HANDSHAKE_BROKEN);
    if (i < 2)
      ck_assert_str_eq(h.protocol, chosen[i]);
    else
      ck_assert(strstr(err.text, "offered"));
    free(answer);
    lpod_buf_free(&in);
    lpod_handshake_free(&h);
  }
}
END_TEST

/* ---- time, on a clock that stands still (EX8) ---- */

static void count_pings(peer *p) {
  char data[4096];
  size_t len;
  if (!upgrade(p, "\x82\x01x", 3)) return;
  for (int pings = 0; client_frame(p, data, &len) == 9;) {
    char text[16];
    frame(p, 0x8a, data, len);
    frame(p, 0x82, text, (size_t)snprintf(text, sizeof text, "%d", ++pings));
  }
}
START_TEST(test_pings_each_five_seconds_EX8) {
  fixture f = {.server = {.handler = count_pings}};
  session s = {0};
  set_up_with(&f, true);
  open_session(&f, &s);
  drive_until(f.loop, &s.got);
  for (int i = 0; i < 30; i++) {
    s.got = false;
    lpod_fake_clock_advance(&f.clock, 5 * LPOD_NS_PER_S);
    drive_until(f.loop, &s.got);
  }
  ck_assert(strstr(s.all, "|29|30|"));
  lpod_websocket_cancel(s.ws);
  tear_down(&f);
}
END_TEST

static void deaf(peer *p) {
  if (upgrade(p, "\x82\x01x", 3))
    while (peer_fill(p)) {
    }
}
START_TEST(test_silent_peer_is_cut_after_61_seconds_EX8) {
  fixture f = {.server = {.handler = deaf}};
  session s = {0};
  set_up_with(&f, true);
  open_session(&f, &s);
  drive_until(f.loop, &s.got);
  for (int i = 0; i < 12; i++) {
    lpod_fake_clock_advance(&f.clock, 5 * LPOD_NS_PER_S);
    lpod_loop_step(f.loop, 0, NULL, NULL);
    lpod_loop_step(f.loop, 0, NULL, NULL);
  }
  ck_assert(!s.done); /* 60 s */
  lpod_fake_clock_advance(&f.clock, LPOD_NS_PER_S);
  drive_until(f.loop, &s.done);
  ASSERT_ENDS(s, LPOD_E_TIMEOUT, "silent for 61 s");
  free(s.body);
  tear_down(&f);
}
END_TEST

static void never_answer(peer *p) {
  incoming r;
  if (!peer_request(p, &r)) return;
  incoming_free(&r);
  peer_hold(p);
}
START_TEST(test_upgrade_has_a_time_limit) {
  fixture f = {.server = {.handler = never_answer}};
  session s = {0};
  set_up_with(&f, true);
  open_session(&f, &s);
  for (int i = 0; i < 5; i++) lpod_loop_step(f.loop, 20, NULL, NULL);
  lpod_fake_clock_advance(&f.clock, 30 * LPOD_NS_PER_S);
  drive_until(f.loop, &s.done);
  ASSERT_ENDS(s, LPOD_E_TIMEOUT, "not open in time");
  free(s.body);
  tear_down(&f);
}
END_TEST

START_TEST(test_connect_errors) {
  fixture f = {.server = {.handler = never_answer}};
  session s = {0};
  set_up_with(&f, false);
  lpod_http_free(f.http);
  f.http = lpod_http_new(f.loop, &(lpod_http_options){.server = "https://127.0.0.1:1"}, NULL);
  open_session(&f, &s);
  drive_until(f.loop, &s.done);
  ASSERT_ENDS(s, LPOD_E_CONNECT, "connection refused by 127.0.0.1:1");
  free(s.body);
  tear_down(&f);
}
END_TEST

int main(void) {
  make_identities();
  Suite *suite = suite_create("websocket");
  TCase *tests = tcase_create("websocket");
  tcase_set_timeout(tests, 120);
#define ADD(name) tcase_add_test(tests, name)
  ADD(test_messages_fragments_and_pings_EX3_EX8);
  ADD(test_request_EX1_EX2_and_server_that_closes_first_M6);
  ADD(test_frames_glued_to_the_101_M5);
  ADD(test_split_at_every_byte);
  ADD(test_message_ceiling);
  ADD(test_many_messages_over_several_steps);
  ADD(test_sending_is_bounded_and_whole);
  ADD(test_tls_session_is_shared_M5);
  ADD(test_through_a_proxy);
  ADD(test_we_close_first);
  ADD(test_cut_without_close_is_an_error_EX6);
  ADD(test_rubbish_is_a_parse_error);
  ADD(test_cancel_within_on_message);
  ADD(test_cancel_and_free_at_any_time);
  ADD(test_close_before_it_is_open);
  ADD(test_refused_with_a_body_EX9);
  ADD(test_bad_upgrades_EX2);
  ADD(test_handshake_byte_by_byte_and_subprotocols);
  ADD(test_pings_each_five_seconds_EX8);
  ADD(test_silent_peer_is_cut_after_61_seconds_EX8);
  ADD(test_upgrade_has_a_time_limit);
  ADD(test_connect_errors);
  suite_add_tcase(suite, tests);
  int failed = run_suite(suite);
  free_identities();
  return failed;
}
