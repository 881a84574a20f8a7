/* A WebSocket over a connection that libcurl made (TLS, proxy) and wslay frames (M5, M6). HTTP/1.1 upgrade; subprotocol
 * and Sec-WebSocket-Accept are checked; pings are answered and sent each 5 s, a peer silent for 61 s is cut (EX8). */
#ifndef LPOD_NET_WEBSOCKET_H
#define LPOD_NET_WEBSOCKET_H

#include "http.h"

typedef struct lpod_websocket lpod_websocket;

typedef struct lpod_websocket_options {
  const char *target;                               /* path and query, escaped */
  const char *authorization;                        /* or NULL */
  const char *const *headers;                       /* or NULL */
  const char *protocols;                            /* "v5.channel.k8s.io, v4.channel.k8s.io" */
  int64_t timeout;                                  /* ns until it is open; 0 = 30 s */
  void (*on_open)(void *arg, const char *protocol); /* the one the server chose */
  void (*on_message)(void *arg, const char *data,
                     size_t len); /* whole messages, ≤ LPOD_LIMIT_WS_MESSAGE; may close, not free */
  /* Once, at the end; the socket is gone afterwards. error NULL: closed in good order. Refused upgrade: LPOD_E_API,
   * status and the answer's body (≤ LPOD_LIMIT_ERROR_BODY). */
  void (*on_end)(void *arg, const lpod_error *error, int status, const char *body, size_t len);
  void *arg;
} lpod_websocket_options;

lpod_websocket *lpod_websocket_open(lpod_http *http, const lpod_websocket_options *options, lpod_error *err);
lpod_rc lpod_websocket_send(lpod_websocket *ws, const void *data, size_t len,
                            lpod_error *err); /* one binary message, copied */
/* Once open, read no more, or go on: the peer finds the connection full (L15). Its silence is not counted meanwhile. */
void lpod_websocket_hold(lpod_websocket *ws, bool held);
void lpod_websocket_close(
    lpod_websocket *ws); /* in good order: close frame, on_end when the peer has answered or ended */
void lpod_websocket_cancel(lpod_websocket *ws); /* at once; no callback follows */

#endif
