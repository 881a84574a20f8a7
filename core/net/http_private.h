/* Within core/net alone: what http.c (identity, lanes, admission), call.c (one request), failure.c (what went wrong)
 * and websocket.c share. A lane is a libcurl multi that is given no more than one connection's streams, so that which
 * connection a stream goes to, and that it never waits in silence, is our decision (M1). */
#ifndef LPOD_NET_HTTP_PRIVATE_H
#define LPOD_NET_HTTP_PRIVATE_H

#include "../base/buf.h"
#include "../base/limits.h"
#include "http.h"
#include "identity.h"
#include "inflate.h"
#include "multi.h"

#define LPOD_ROLES 3
#define LPOD_DIAL_SECONDS 30 /* T2: resolve, connect, proxy and TLS together */

typedef struct lpod_lane {
  lpod_link link; /* in http->lanes[role] */
  lpod_http *http;
  lpod_multi *multi;
  unsigned used;
  bool stale; /* something on it timed out: its connection may be dead, new requests go elsewhere (T3) */
} lpod_lane;

struct lpod_http {
  lpod_loop *loop;
  char *base;        /* what a target is put behind */
  char *peer;        /* "host:port", for messages */
  char *host_header; /* "Host: …" when the URL's host is server_name; else NULL */
  char *verify_host; /* name or address the certificate must hold */
  char *proxy, *agent;
  struct curl_slist *connect_to;
  lpod_secret ca, certificate, key;
  bool tls, has_ca, insecure, no_compression;
  lpod_identity *identity; /* certificate and key as OpenSSL has them; made by the first connection */
  CURLSH *share;           /* TLS sessions */

  lpod_link lanes[LPOD_ROLES];
  lpod_link waiting[LPOD_ROLES];
  unsigned running[LPOD_ROLES];
  lpod_link active, done, cancelled; /* calls */
  lpod_link sockets;                 /* websockets */
  lpod_multi *exec;                  /* theirs; made on first use */
  CURL **pool;
  size_t pooled, pool_cap;
  lpod_task task;
  bool retired;
  unsigned busy; /* callbacks of ours in progress: not to be freed meanwhile */
  bool http1;    /* the server has answered with HTTP/1.x: one connection a request */
  lpod_http_counts counts;
};

enum lpod_call_state { LPOD_CALL_WAITING, LPOD_CALL_ACTIVE, LPOD_CALL_DONE, LPOD_CALL_CANCELLED };

struct lpod_http_call {
  lpod_link link;
  lpod_http *http;
  lpod_lane *lane;
  CURL *easy;
  enum lpod_call_state state;
  lpod_http_request request; /* strings of it are copies or unused */
  char *method, *url, *body;
  struct curl_slist *headers;
  size_t sent; /* of the body */

  int status;
  bool opened, paused, enough; /* headers are there; the rest of an error body is not wanted */
  size_t header_bytes;
  int64_t last_byte;
  double retry_after;
  lpod_inflate *inflate; /* its body is compressed */
  lpod_buf answer, warnings;
  lpod_timer deadline, idle;
  lpod_error error;
  char message[CURL_ERROR_SIZE];
};

/* ---- http.c ---- */
CURL *lpod_http_easy(lpod_http *http,
                     lpod_error *err); /* with all that is the same for every request of this identity */
void lpod_http_put_easy(lpod_http *http, CURL *easy);
void lpod_http_release(lpod_http *http); /* ends it if it is retired and nothing is left */
/* The call has ended or was cancelled: its place is free. Not inside libcurl. */
void lpod_http_leave(lpod_http_call *call);

/* ---- call.c ---- */
lpod_rc lpod_call_prepare(lpod_http_call *call, lpod_error *err); /* fill the easy handle, arm the timers */
void lpod_call_end(lpod_http_call *call, CURLcode code);          /* to http->done */
void lpod_call_deliver(lpod_http_call *call);                     /* on_done, and free */
void lpod_call_free(lpod_http_call *call);
void lpod_headers_free(struct curl_slist *headers); /* wiping them */
/* "Name: value" with nothing that would end the line; *list grows. */
lpod_rc lpod_headers_add(struct curl_slist **list, const char *name, const char *value, lpod_error *err);
lpod_rc lpod_headers_add_lines(struct curl_slist **list, const char *const *lines, lpod_error *err);

/* ---- failure.c: a libcurl result as an error; message is its error buffer. sent: bytes of a request may have left.
 * ---- */
lpod_rc lpod_http_failure(const lpod_http *http, CURL *easy, CURLcode code, const char *message, bool sent,
                          lpod_error *err);

#endif
