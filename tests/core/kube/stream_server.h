/* A scripted server on 127.0.0.1 for streams, in a thread of its own: request number n gets reply number n, whatever it
 * asks; what was asked is kept for the test to look at. One request a connection. Plain HTTP, and WebSocket for exec.
 * With it a rig: loop, client, and a clock that a test may push ahead, so that no test waits for a back-off. */
#ifndef TESTS_STREAM_SERVER_H
#define TESTS_STREAM_SERVER_H

#include "base/clock.h"
#include "base/text.h"
#include "kube/client.h"
#include "suite.h"
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Scripts name what they need and leave the rest zero. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

typedef struct ws_frame {
  int opcode; /* 2 binary, 8 close, 9 ping; 0 ends the list */
  const char *data;
  size_t len;
} ws_frame;

typedef struct ws_script {
  const char *protocol; /* NULL: none is chosen */
  bool wrong_accept;
  size_t await; /* messages of the client to take before anything is sent */
  const ws_frame *frames;
} ws_script;

typedef enum after {
  CLEAN,
  CUT,
  HOLD
} after; /* end of the body, connection lost in the middle, nothing more for now */

typedef struct reply {
  const char *status; /* "200 OK"; NULL: not even headers */
  const char *body;
  size_t len;   /* 0: strlen(body) */
  size_t piece; /* send so many bytes at a time; 0 = at once */
  after then;
  const char *headers; /* further ones, each with its "\r\n" */
  const ws_script *ws; /* instead of all this */
} reply;

enum { REQUESTS = 64, MESSAGES = 64 };
typedef struct server {
  const reply *replies;
  size_t count, asked, held_count, message_count;
  int listener, port, held[REQUESTS];
  bool stopping;
  char *requests[REQUESTS];
  char *messages[MESSAGES]; /* of the WebSocket, unmasked */
  size_t message_lens[MESSAGES];
  pthread_mutex_t lock;
  pthread_t thread;
} server;

static inline bool send_all(int fd, const void *data, size_t len) {
  for (const char *at = data; len;) {
    ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += n;
    len -= (size_t)n;
  }
  return true;
}

static inline bool recv_all(int fd, void *data, size_t len) {
  for (char *at = data; len;) {
    ssize_t n = recv(fd, at, len, 0);
    if (n <= 0) return false;
    at += n;
    len -= (size_t)n;
  }
  return true;
}

static inline char *read_head(int fd) {
  char *head = calloc(1, 65536);
  for (size_t len = 0; len < 65535 && recv(fd, head + len, 1, 0) == 1;)
    if (++len >= 4 && memcmp(head + len - 4, "\r\n\r\n", 4) == 0) return head;
  free(head);
  return NULL;
}

static inline void send_chunk(int fd, const char *data, size_t len) {
  char size[32];
  if (send_all(fd, size, (size_t)sprintf(size, "%zx\r\n", len)) && send_all(fd, data, len)) send_all(fd, "\r\n", 2);
}

static inline void send_frame(int fd, const ws_frame *frame) {
  unsigned char head[10] = {(unsigned char)(0x80 | frame->opcode), (unsigned char)frame->len};
  size_t head_len = 2;
  if (frame->len > 125) {
    head[1] = 126;
    head[2] = (unsigned char)(frame->len >> 8);
    head[3] = (unsigned char)frame->len;
    head_len = 4;
  }
  if (frame->len > 65535) {
    head[1] = 127;
    for (int i = 0; i < 8; i++) head[2 + i] = (unsigned char)((uint64_t)frame->len >> (56 - 8 * i));
    head_len = 10;
  }
  if (send_all(fd, head, head_len)) send_all(fd, frame->data, frame->len);
}

/* One frame of the client, kept unless it is a control frame; -1: the connection ended. */
static inline int take_frame(server *s, int fd) {
  unsigned char head[8], mask[4];
  if (!recv_all(fd, head, 2)) return -1;
  int opcode = head[0] & 15;
  size_t len = head[1] & 127, more = len == 126 ? 2 : len == 127 ? 8 : 0;
  if (more && !recv_all(fd, head, more)) return -1;
  if (more) len = 0;
  for (size_t i = 0; i < more; i++) len = len << 8 | head[i];
  char *data = calloc(1, len + 1);
  if (!recv_all(fd, mask, 4) || !recv_all(fd, data, len)) {
    free(data);
    return -1;
  }
  for (size_t i = 0; i < len; i++) data[i] = (char)(data[i] ^ mask[i % 4]);
  pthread_mutex_lock(&s->lock);
  if (opcode < 8 && s->message_count < MESSAGES) {
    s->message_lens[s->message_count] = len;
    s->messages[s->message_count++] = data;
    data = NULL;
  }
  pthread_mutex_unlock(&s->lock);
  free(data);
  return opcode;
}

static inline void speak_websocket(server *s, int fd, const char *head, const ws_script *script) {
  char key[64] = "", digest_text[64], answer[512];
  const char *at = strstr(head, "Sec-WebSocket-Key: ");
  if (at) sscanf(at, "Sec-WebSocket-Key: %60s", key);
  strcat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  unsigned char digest[20];
  SHA1((const unsigned char *)key, strlen(key), digest);
  EVP_EncodeBlock((unsigned char *)digest_text, digest, 20);
  if (script->wrong_accept) digest_text[0] = digest_text[0] == 'A' ? 'B' : 'A';
  int len = snprintf(answer, sizeof answer,
                     "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: "
                     "Upgrade\r\nSec-WebSocket-Accept: %s\r\n%s%s%s\r\n",
                     digest_text, script->protocol ? "Sec-WebSocket-Protocol: " : "",
                     script->protocol ? script->protocol : "", script->protocol ? "\r\n" : "");
  send_all(fd, answer, (size_t)len);
  for (size_t i = 0; i < script->await;) {
    int opcode = take_frame(s, fd);
    if (opcode < 0) return;
    i += opcode < 8;
  }
  bool closed = false;
  for (const ws_frame *frame = script->frames; frame && frame->opcode; frame++) {
    send_frame(fd, frame);
    closed |= frame->opcode == 8;
  }
  while (closed && take_frame(s, fd) >= 0) {
  }
}

static inline after answer(int fd, const reply *r) {
  char head[1024];
  size_t len = r->len ? r->len : r->body ? strlen(r->body) : 0, piece = r->piece ? r->piece : len;
  if (!r->status) return r->then;
  int head_len = snprintf(
      head, sizeof head,
      "HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\n%sTransfer-Encoding: chunked\r\n\r\n",
      r->status, r->headers ? r->headers : "");
  send_all(fd, head, (size_t)head_len);
  for (size_t at = 0; at < len; at += piece) send_chunk(fd, r->body + at, len - at < piece ? len - at : piece);
  if (r->then == CLEAN) send_all(fd, "0\r\n\r\n", 5);
  return r->then;
}

static inline void *serve_all(void *arg) {
  server *s = arg;
  for (;;) {
    int fd = accept(s->listener, NULL, NULL), one = 1;
    pthread_mutex_lock(&s->lock);
    bool stopping = s->stopping;
    size_t n = s->asked;
    if (fd >= 0) s->held[s->held_count++] = fd; /* so that stopping can wake a read */
    pthread_mutex_unlock(&s->lock);
    if (stopping || fd < 0 || n >= REQUESTS) return NULL;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    char *head = read_head(fd);
    after then = CLEAN;
    if (head) {
      pthread_mutex_lock(&s->lock);
      s->requests[n] = head;
      s->asked++;
      pthread_mutex_unlock(&s->lock);
      if (n >= s->count)
        then = HOLD;
      else if (s->replies[n].ws)
        speak_websocket(s, fd, head, s->replies[n].ws);
      else
        then = answer(fd, &s->replies[n]);
    }
    pthread_mutex_lock(&s->lock);
    if (then != HOLD && !s->stopping) {
      s->held_count--;
      close(fd);
    }
    pthread_mutex_unlock(&s->lock);
  }
}

static inline void server_start(server *s, const reply *replies, size_t count) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  *s = (server){.replies = replies, .count = count};
  pthread_mutex_init(&s->lock, NULL);
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert(bind(s->listener, (struct sockaddr *)&address, size) == 0 && listen(s->listener, 64) == 0);
  getsockname(s->listener, (struct sockaddr *)&address, &size);
  s->port = ntohs(address.sin_port);
  ck_assert(pthread_create(&s->thread, NULL, serve_all, s) == 0);
}

static inline void server_stop(server *s) {
  pthread_mutex_lock(&s->lock);
  s->stopping = true;
  shutdown(s->listener, SHUT_RDWR);
  for (size_t i = 0; i < s->held_count; i++) shutdown(s->held[i], SHUT_RDWR);
  pthread_mutex_unlock(&s->lock);
  pthread_join(s->thread, NULL);
  for (size_t i = 0; i < s->held_count; i++) close(s->held[i]);
  for (size_t i = 0; i < s->asked; i++) free(s->requests[i]);
  for (size_t i = 0; i < s->message_count; i++) free(s->messages[i]);
  close(s->listener);
  pthread_mutex_destroy(&s->lock);
}

static inline size_t server_asked(server *s) {
  pthread_mutex_lock(&s->lock);
  size_t asked = s->asked;
  pthread_mutex_unlock(&s->lock);
  return asked;
}

/* ---- the rig ---- */

typedef struct rig {
  lpod_clock clock; /* first: the loop sees only this */
  int64_t ahead;    /* of the system's */
  int64_t hurry;    /* pushed ahead with each idle step of rig_until */
  server server;
  lpod_loop *loop;
  lpod_kube *kube;
} rig;

static inline int64_t rig_monotonic(const lpod_clock *clock) {
  return lpod_system_clock.monotonic(&lpod_system_clock) + ((const rig *)(const void *)clock)->ahead;
}
static inline int64_t rig_wall(const lpod_clock *clock) {
  return lpod_system_clock.wall(&lpod_system_clock) + ((const rig *)(const void *)clock)->ahead;
}

static inline void rig_start(rig *r, const reply *replies, size_t count) {
  lpod_error err = LPOD_ERROR_INIT;
  *r = (rig){.clock = {rig_monotonic, rig_wall}};
  server_start(&r->server, replies, count);
  char text[1024];
  snprintf(text, sizeof text,
           "{\"apiVersion\": \"v1\", \"kind\": \"Config\", \"current-context\": \"c\","
           " \"clusters\": [{\"name\": \"c\", \"cluster\": {\"server\": \"http://127.0.0.1:%d\"}}],"
           " \"users\": [{\"name\": \"u\", \"user\": {}}],"
           " \"contexts\": [{\"name\": \"c\", \"context\": {\"cluster\": \"c\", \"user\": \"u\"}}]}",
           r->server.port);
  lpod_config *config = NULL;
  ck_assert_msg(lpod_config_load(&(lpod_config_options){.text = text}, &config, &err) == LPOD_OK, "%s", err.text);
  r->loop = lpod_loop_new(&r->clock, &err);
  ck_assert_ptr_nonnull(r->loop);
  r->kube = lpod_kube_new(r->loop, config, NULL, &err);
  ck_assert_msg(r->kube, "%s", err.text);
}

static inline void rig_stop(rig *r) {
  lpod_kube_free(r->kube);
  lpod_loop_free(r->loop);
  server_stop(&r->server);
}

/* Owner o (it has a rig) serves these replies and starts its stream: o->stream = starter(kube, &options, &err). */
#define rig_own(o, replies, count, stream, starter, options) \
  do { \
    lpod_error rig_error = LPOD_ERROR_INIT; \
    rig_start(&(o)->rig, replies, count); \
    (o)->stream = starter((o)->rig.kube, &(options), &rig_error); \
    ck_assert_msg((o)->stream, "%s", rig_error.text); \
  } while (0)

static inline void rig_step(rig *r) {
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_msg(lpod_loop_step(r->loop, r->hurry ? 1 : 20, NULL, &err) == LPOD_OK, "%s", err.text);
  r->ahead += r->hurry;
}

/* Step until the condition holds; fails after 20 s. */
#define rig_until(r, condition) \
  do { \
    int64_t rig_end = lpod_system_clock.monotonic(&lpod_system_clock) + 20 * LPOD_NS_PER_S; \
    while (!(condition)) { \
      ck_assert_msg(lpod_system_clock.monotonic(&lpod_system_clock) < rig_end, "never: %s", #condition); \
      rig_step(r); \
    } \
  } while (0)

#define asked_for(r, n, text) \
  ck_assert_msg(strstr((r)->server.requests[n], text), "request %d: found %.300s, expected %s", (int)(n), \
                (r)->server.requests[n], text)
#define asked_not_for(r, n, text) \
  ck_assert_msg(!strstr((r)->server.requests[n], text), "request %d: %.300s", (int)(n), (r)->server.requests[n])

/* ---- words of the tests ---- */
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define until(condition) rig_until(&o.rig, condition) /* o: the test's owner of a rig */
#define TARGET "/api/v1/namespaces/x/pods"
#define REFUSED(code, reason, message) \
  "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"" reason "\",\"message\":\"" message "\",\"code\":" #code \
  "}"

#endif
