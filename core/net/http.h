/* HTTP to one server under one TLS identity: libcurl multis on the loop, HTTP/2 where the server speaks it. Connections
 * are kept apart by role, with admission of our own, so that log follows never stand in the way of calls (M1): calls ≤
 * LPOD_LIMIT_CALLS in flight, watches on a connection of their own, logs on ⌈n/100⌉. TLS ≥ 1.2, chain and name
 * verified, certificates and keys from memory, no redirects followed (T8), TCP keepalive and user timeout on every
 * socket (M3). A server that speaks HTTP/1.x gets a connection a request, without a change here. Dialing (name,
 * connection, proxy, TLS) has 30 s. gzip is asked for calls alone (T6) and unpacked in inflate.c: what is damaged, or
 * ends too soon, is LPOD_E_PARSE (X10); ceilings count what comes out. Callbacks run inside lpod_loop_step, outside
 * libcurl's own callbacks for on_done; they may start and cancel requests. */
#ifndef LPOD_NET_HTTP_H
#define LPOD_NET_HTTP_H

#include "../base/secret.h"
#include "loop.h"

typedef struct lpod_http lpod_http;
typedef struct lpod_http_call lpod_http_call;

typedef struct lpod_http_options {
  const char *server; /* "https://host:port/prefix", no trailing slash; http:// is allowed, without credentials (K14) */
  const lpod_secret *ca;                /* PEM; NULL: the system's; set but empty: an empty pool (T1) */
  const lpod_secret *certificate, *key; /* PEM; both or neither */
  bool insecure;                        /* do not verify the server (K16) */
  const char *server_name;              /* SNI and the name checked, in place of the host's (K17); NULL */
  const char *proxy;                    /* NULL: the environment's (K18) */
  bool no_compression;                  /* K24 */
  const char *user_agent;
} lpod_http_options;

/* Everything is copied. */
lpod_http *lpod_http_new(lpod_loop *loop, const lpod_http_options *options, lpod_error *err);
/* No new requests; ends when the last one has. For a change of identity. */
void lpod_http_retire(lpod_http *http);
/* Cancels what is in flight (no on_done) and closes. NULL is fine. */
void lpod_http_free(lpod_http *http);

typedef enum lpod_role { LPOD_ROLE_CALL, LPOD_ROLE_WATCH, LPOD_ROLE_LOG } lpod_role;

typedef struct lpod_http_result {
  int status;       /* HTTP status; 0 when no answer came */
  const char *body; /* buffered body, closed by NUL ("" when streamed and 2xx) */
  size_t len;
  const char *warnings; /* texts of Warning headers, one a line (R11); "" */
  double retry_after;   /* Retry-After in seconds; negative: none */
  /* NULL: a whole answer came, whatever its status. Else CONNECT TLS CUT TIMEOUT LIMIT PARSE NOMEM CANCELLED; reason is
   * a short word (Resolve Refused Connect ConnectTimeout Proxy ConnectionLost CertificateExpired UnknownAuthority
   * NameMismatch ClientCertificate ...), retryable false for TLS and limits. */
  const lpod_error *error;
} lpod_http_result;

typedef struct lpod_http_request {
  lpod_role role;
  const char *method;         /* "GET" */
  const char *target;         /* path and query, escaped: "/api/v1/pods?limit=1" */
  const char *authorization;  /* whole header value, or NULL */
  const char *const *headers; /* further "Name: value" lines, ended by NULL; or NULL */
  const char *content_type;   /* with a body */
  const char *body;           /* copied; NULL: none */
  size_t body_len;
  size_t ceiling;  /* of a buffered body; 0 = LPOD_LIMIT_BODY */
  int64_t timeout; /* ns for the whole request, waiting for admission not counted; 0 = none */
  int64_t idle;    /* ns without a byte after the headers; 0 = none (T3) */
  bool own; /* HTTP/1.1 on a connection of its own: to pause it is back-pressure, as it is not over HTTP/2 (M2) */
  /* The headers are there; false ends the request (on_done follows with LPOD_E_CANCELLED). May be NULL. */
  bool (*on_open)(void *arg, int status);
  /* Bytes of a 2xx body as they come (decoded); false ends the request (on_done follows with LPOD_E_CANCELLED). NULL:
   * buffered. The body of any other status is buffered, up to LPOD_LIMIT_ERROR_BODY. May not free the call. */
  bool (*on_data)(void *arg, const char *data, size_t len);
  void (*on_done)(void *arg, const lpod_http_result *result); /* once; the call is gone afterwards */
  void *arg;
} lpod_http_request;

lpod_http_call *lpod_http_start(lpod_http *http, const lpod_http_request *request, lpod_error *err);
void lpod_http_cancel(lpod_http_call *call); /* no callback follows */
/* Read no more of it, or go on; its silence is not counted meanwhile. Of own calls alone, not from inside a callback.
 */
void lpod_http_pause(lpod_http_call *call, bool paused);

/* Connections opened, requests sent: for tests and statistics. */
typedef struct lpod_http_counts {
  unsigned long connections, requests;
} lpod_http_counts;
lpod_http_counts lpod_http_count(const lpod_http *http);

#endif
