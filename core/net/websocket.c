/* A WebSocket: libcurl makes the connection (CONNECT_ONLY, HTTP/1.1), the upgrade is spoken here (handshake.c reads the
 * answer), wslay frames what follows. Bytes are taken until libcurl has none, as TLS may hold some that no poll tells
 * of (M5). The peer's close ends it in good order even if ours cannot be sent any more (M6).
 * Invariant: on_open and on_message are called from pump() alone, on_end from the task alone; then it is freed. */
#include "websocket_private.h"

#include "../base/limits.h"
#include "../base/random.h"
#include "../base/text.h"
#include "handshake.h"
#include "http_private.h"
#include "poll.h"

#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#define PING_EVERY (5 * LPOD_NS_PER_S)
#define SILENCE (61 * LPOD_NS_PER_S)
#define WRITE_LIMIT (60 * LPOD_NS_PER_S)
#define CLOSE_LIMIT (10 * LPOD_NS_PER_S)
#define OPEN_LIMIT (30 * LPOD_NS_PER_S)

typedef enum state { CONNECTING, UPGRADING, REFUSED, OPEN, ENDED } state;

struct lpod_websocket {
  lpod_link link; /* in http->sockets */
  lpod_http *http;
  lpod_websocket_options options; /* callbacks and times of it */
  state state;
  CURL *easy;
  lpod_poll *poll;
  wslay_event_context_ptr frames;
  lpod_buf out; /* the upgrade request */
  lpod_buf in;  /* the answer; when open, what came behind it */
  lpod_handshake handshake;
  lpod_timer limit, tick; /* until open or closed; heartbeat */
  lpod_task task;
  int64_t last_read, last_write;
  bool busy, cancelled, closing, unread, held;
  lpod_error error;
  char message[CURL_ERROR_SIZE];
};

lpod_websocket *lpod_websocket_of(lpod_link *link) { return LPOD_CONTAINER(link, lpod_websocket, link); }

static lpod_loop *loop_of(const lpod_websocket *ws) { return ws->http->loop; }

static void disconnect(lpod_websocket *ws) {
  lpod_timer_stop(loop_of(ws), &ws->limit);
  lpod_timer_stop(loop_of(ws), &ws->tick);
  lpod_poll_free(ws->poll);
  ws->poll = NULL;
  if (!ws->easy) return;
  lpod_multi_remove(ws->http->exec, ws->easy);
  curl_easy_cleanup(ws->easy);
  ws->easy = NULL;
}

static void destroy(lpod_websocket *ws) {
  disconnect(ws);
  lpod_task_cancel(&ws->task);
  lpod_list_remove(&ws->link);
  if (ws->frames) wslay_event_context_free(ws->frames);
  lpod_buf_wipe(&ws->out); /* the request held the credential */
  lpod_buf_free(&ws->in);
  lpod_handshake_free(&ws->handshake);
  free(ws);
}

/* It is over; ws->error says why (LPOD_OK: in good order). on_end follows from the task. */
static void end(lpod_websocket *ws) {
  if (ws->state == ENDED) return;
  ws->state = ENDED;
  disconnect(ws);
  lpod_loop_defer(loop_of(ws), &ws->task);
}

/* curl_easy_recv or curl_easy_send has failed. */
static void end_lost(lpod_websocket *ws, CURLcode code) {
  bool orderly = ws->frames && (ws->closing || wslay_event_get_close_received(ws->frames));
  if (!orderly) lpod_http_failure(ws->http, ws->easy, code ? code : CURLE_GOT_NOTHING, ws->message, true, &ws->error);
  end(ws);
}

/* ---- bytes ---- */

/* CURLE_AGAIN when there is nothing now; CURLE_GOT_NOTHING at the end of the stream. */
static CURLcode receive(lpod_websocket *ws, void *data, size_t size, size_t *got) {
  CURLcode code = curl_easy_recv(ws->easy, data, size, got);
  if (code) return code;
  ws->last_read = lpod_loop_now(loop_of(ws));
  return *got ? CURLE_OK : CURLE_GOT_NOTHING;
}

static CURLcode transmit(lpod_websocket *ws, const void *data, size_t len, size_t *sent) {
  CURLcode code = curl_easy_send(ws->easy, data, len, sent);
  if (!code) ws->last_write = lpod_loop_now(loop_of(ws));
  return code;
}

static ssize_t failed(wslay_event_context_ptr frames, lpod_websocket *ws, CURLcode code) {
  if (code == CURLE_AGAIN) {
    wslay_event_set_error(frames, WSLAY_ERR_WOULDBLOCK);
  } else {
    end_lost(ws, code);
    wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
  }
  return -1;
}

static ssize_t on_receive(wslay_event_context_ptr frames, uint8_t *data, size_t size, int flags, void *arg) {
  (void)flags;
  lpod_websocket *ws = arg;
  size_t got = ws->in.len < size ? ws->in.len : size;
  if (ws->cancelled || ws->state == ENDED) {
    wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
  }
  if (ws->held) return failed(frames, ws, CURLE_AGAIN);
  if (got) {
    memcpy(data, ws->in.data, got);
    lpod_buf_drop(&ws->in, got);
    return (ssize_t)got;
  }
  if (lpod_loop_spent(loop_of(ws))) { /* libcurl may hold more than the poll knows */
    ws->unread = true;
    return failed(frames, ws, CURLE_AGAIN);
  }
  CURLcode code = receive(ws, data, size, &got);
  return code ? failed(frames, ws, code) : (ssize_t)got;
}

static ssize_t on_transmit(wslay_event_context_ptr frames, const uint8_t *data, size_t len, int flags, void *arg) {
  (void)flags;
  lpod_websocket *ws = arg;
  size_t sent = 0;
  if (ws->state == ENDED) {
    wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
    return -1;
  }
  CURLcode code = transmit(ws, data, len, &sent);
  return code ? failed(frames, ws, code) : (ssize_t)sent;
}

static int on_mask(wslay_event_context_ptr frames, uint8_t *data, size_t len, void *arg) {
  lpod_websocket *ws = arg;
  if (!lpod_random_bytes(data, len, &ws->error)) return 0;
  wslay_event_set_error(frames, WSLAY_ERR_CALLBACK_FAILURE);
  end(ws);
  return -1;
}

static void on_frame(wslay_event_context_ptr frames, const struct wslay_event_on_msg_recv_arg *message, void *arg) {
  (void)frames;
  lpod_websocket *ws = arg;
  if (ws->cancelled || wslay_is_ctrl_frame(message->opcode)) return; /* wslay answers pings and closes itself */
  if (ws->options.on_message) ws->options.on_message(ws->options.arg, (const char *)message->msg, message->msg_length);
}

/* ---- the states ---- */

/* The request is sent and the answer read; what is behind its headers stays in ws->in. */
static void upgrade(lpod_websocket *ws) {
  char data[8192];
  size_t count;
  while (ws->out.len && ws->state == UPGRADING) {
    CURLcode code = transmit(ws, ws->out.data, ws->out.len, &count);
    if (code == CURLE_AGAIN) return;
    if (code) {
      end_lost(ws, code);
      return;
    }
    lpod_buf_drop(&ws->out, count);
  }
  while (ws->state == UPGRADING || ws->state == REFUSED) {
    CURLcode code = receive(ws, data, sizeof data, &count);
    if (code == CURLE_AGAIN) return;
    if (code && ws->state == UPGRADING) {
      end_lost(ws, code);
      return;
    }
    if (!code && lpod_buf_add(&ws->in, data, count, &ws->error)) {
      end(ws);
      return;
    }
    switch (lpod_handshake_read(&ws->handshake, &ws->in, code != CURLE_OK, &ws->error)) {
    case LPOD_HANDSHAKE_MORE: break;
    case LPOD_HANDSHAKE_BODY: ws->state = REFUSED; break;
    case LPOD_HANDSHAKE_OPEN:
      ws->state = OPEN;
      lpod_timer_stop(loop_of(ws), &ws->limit);
      lpod_buf_wipe(&ws->out);
      if (lpod_timer_start(loop_of(ws), &ws->tick, PING_EVERY, &ws->error))
        end(ws);
      else if (ws->options.on_open)
        ws->options.on_open(ws->options.arg, ws->handshake.protocol);
      break;
    case LPOD_HANDSHAKE_REFUSED:
    case LPOD_HANDSHAKE_BROKEN: end(ws); break;
    }
  }
}

static void exchange(lpod_websocket *ws) {
  if (wslay_event_want_read(ws->frames)) {
    int rc = wslay_event_recv(ws->frames);
    if (rc == WSLAY_ERR_NOMEM) lpod_nomem(&ws->error);
    if (rc == WSLAY_ERR_NOMEM) end(ws);
  }
  if (ws->state != OPEN || ws->cancelled) return;
  if (wslay_event_want_write(ws->frames) && wslay_event_send(ws->frames) == WSLAY_ERR_NOMEM) {
    lpod_nomem(&ws->error);
    end(ws);
  }
  if (ws->state != OPEN) return;
  if (wslay_event_get_close_received(ws->frames)) {
    end(ws);
  } else if (!wslay_event_want_read(ws->frames)) { /* wslay has given up on the peer and sent the reason */
    if (wslay_event_get_status_code_sent(ws->frames) == WSLAY_CODE_MESSAGE_TOO_BIG)
      lpod_fail(&ws->error, LPOD_E_LIMIT, "%s: a WebSocket message is longer than %u bytes", ws->http->peer,
                LPOD_LIMIT_WS_MESSAGE);
    else
      lpod_fail(&ws->error, LPOD_E_PARSE, "%s: what came is not a WebSocket frame", ws->http->peer);
    end(ws);
  }
}

static void pump(lpod_websocket *ws) {
  lpod_http *http = ws->http;
  ws->busy = true;
  ws->unread = false;
  http->busy++;
  if (ws->state == UPGRADING || ws->state == REFUSED) upgrade(ws);
  if (ws->state == OPEN && !ws->cancelled) exchange(ws);
  ws->busy = false;
  if (ws->cancelled) {
    destroy(ws);
  } else if (ws->poll) {
    bool writes = ws->state == OPEN ? wslay_event_want_write(ws->frames) : ws->out.len > 0;
    bool reads = ws->state != OPEN || !ws->held;
    if (lpod_poll_watch(ws->poll, (reads ? LPOD_POLL_IN : 0) | (writes ? LPOD_POLL_OUT : 0), &ws->error)) end(ws);
    if (ws->unread) lpod_loop_defer(loop_of(ws), &ws->task);
  }
  http->busy--;
  lpod_http_release(http);
}

static void on_ready(void *arg, int events) {
  (void)events;
  pump(arg);
}

static void run_task(void *arg) {
  lpod_websocket *ws = arg;
  if (ws->state != ENDED) {
    if (ws->poll) pump(ws);
    return;
  }
  lpod_http *http = ws->http;
  http->busy++;
  ws->busy = true; /* a cancel in the callback comes too late */
  lpod_list_remove(&ws->link);
  const lpod_handshake *answer = &ws->handshake;
  ws->options.on_end(ws->options.arg, ws->error.rc ? &ws->error : NULL, answer->status,
                     answer->body.data ? answer->body.data : "", answer->body.len);
  destroy(ws);
  http->busy--;
  lpod_http_release(http);
}

static void on_connected(void *arg, CURL *easy, CURLcode code) {
  (void)arg;
  lpod_websocket *ws = NULL;
  curl_socket_t fd = CURL_SOCKET_BAD;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&ws);
  if (code) {
    lpod_http_failure(ws->http, easy, code, ws->message, false, &ws->error);
    end(ws);
    return;
  }
  ws->state = UPGRADING;
  curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
  ws->poll = lpod_poll_new(loop_of(ws), fd, on_ready, ws, &ws->error);
  if (!ws->poll || lpod_poll_watch(ws->poll, LPOD_POLL_IN | LPOD_POLL_OUT, &ws->error)) end(ws);
}

/* ---- time ---- */

static void on_limit(void *arg) {
  lpod_websocket *ws = arg;
  lpod_fail(&ws->error, LPOD_E_TIMEOUT, "%s: WebSocket not %s in time", ws->http->peer,
            ws->state == OPEN ? "closed by the server" : "open");
  end(ws);
}

static void on_tick(void *arg) {
  lpod_websocket *ws = arg;
  int64_t now = lpod_loop_now(loop_of(ws)), silent = ws->held ? 0 : now - ws->last_read;
  struct wslay_event_msg ping = {WSLAY_PING, NULL, 0};
  if (silent >= SILENCE) {
    lpod_fail(&ws->error, LPOD_E_TIMEOUT, "%s: the WebSocket's peer has been silent for 61 s", ws->http->peer);
  } else if (wslay_event_want_write(ws->frames) && now - ws->last_write >= WRITE_LIMIT) {
    lpod_fail(&ws->error, LPOD_E_TIMEOUT, "%s: the WebSocket's peer has taken nothing for 60 s", ws->http->peer);
  } else {
    /* A ping behind others that still wait would add nothing. */
    if (!wslay_event_want_write(ws->frames)) wslay_event_queue_msg(ws->frames, &ping);
    int64_t left = SILENCE - silent;
    if (!lpod_timer_start(loop_of(ws), &ws->tick, left < PING_EVERY ? left : PING_EVERY, &ws->error)) {
      lpod_loop_defer(loop_of(ws), &ws->task);
      return;
    }
  }
  end(ws);
}

/* ---- for the owner ---- */

static lpod_rc write_request(lpod_websocket *ws, const lpod_websocket_options *options, lpod_error *err) {
  const char *behind = strstr(ws->http->base, "://"), *prefix = behind ? strchr(behind + 3, '/') : NULL;
  struct curl_slist *headers = NULL;
  lpod_rc rc = lpod_handshake_init(&ws->handshake, ws->http->peer, options->protocols, err);
  if (!rc)
    rc = lpod_buf_addf(
        &ws->out, err,
        "GET %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: %s\r\n",
        prefix ? prefix : "", options->target, ws->http->peer, ws->http->agent, ws->handshake.key, options->protocols);
  if (!rc && options->authorization && ws->http->tls)
    rc = lpod_headers_add(&headers, "Authorization", options->authorization, err);
  if (!rc) rc = lpod_headers_add_lines(&headers, options->headers, err);
  for (const struct curl_slist *item = headers; item && !rc; item = item->next) {
    rc = lpod_buf_adds(&ws->out, item->data, err);
    if (!rc) rc = lpod_buf_adds(&ws->out, "\r\n", err);
  }
  lpod_headers_free(headers);
  return rc ? rc : lpod_buf_adds(&ws->out, "\r\n", err);
}

static lpod_rc set_up(lpod_websocket *ws, lpod_error *err) {
  static const struct wslay_event_callbacks callbacks = {on_receive, on_transmit, on_mask, NULL, NULL, NULL, on_frame};
  lpod_http *http = ws->http;
  if (wslay_event_context_client_init(&ws->frames, &callbacks, ws)) return lpod_nomem(err);
  wslay_event_config_set_max_recv_msg_length(ws->frames, LPOD_LIMIT_WS_MESSAGE);
  if (!http->exec && !(http->exec = lpod_multi_new(http->loop, on_connected, http, err))) return err->rc;
  CURL *easy = ws->easy = lpod_http_easy(http, err);
  if (!easy) return err->rc;
  if (curl_easy_setopt(easy, CURLOPT_URL, http->base)) return lpod_nomem(err);
  curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 0L);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, ws);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, ws->message);
  lpod_rc rc =
      lpod_timer_start(http->loop, &ws->limit, ws->options.timeout > 0 ? ws->options.timeout : OPEN_LIMIT, err);
  return rc ? rc : lpod_multi_add(http->exec, easy, err);
}

lpod_websocket *lpod_websocket_open(lpod_http *http, const lpod_websocket_options *options, lpod_error *err) {
  lpod_error unused = LPOD_ERROR_INIT;
  if (!err) err = &unused;
  if (http->retired || !options->target || options->target[0] != '/' || strpbrk(options->target, " \r\n")) {
    lpod_fail(err, LPOD_E_USAGE, "%s: a WebSocket needs an open connection and an escaped target that begins with /",
              http->peer);
    return NULL;
  }
  lpod_websocket *ws = calloc(1, sizeof *ws);
  if (!ws) {
    lpod_nomem(err);
    return NULL;
  }
  ws->http = http;
  ws->options = *options;
  ws->error = (lpod_error)LPOD_ERROR_INIT;
  ws->task.run = run_task;
  ws->limit.fire = on_limit;
  ws->tick.fire = on_tick;
  ws->task.arg = ws->limit.arg = ws->tick.arg = ws;
  ws->last_read = ws->last_write = lpod_loop_now(http->loop);
  lpod_buf_init(&ws->out, LPOD_LIMIT_REQUEST);
  lpod_buf_init(&ws->in, LPOD_LIMIT_HEADERS + LPOD_LIMIT_ERROR_BODY);
  lpod_list_add(&http->sockets, &ws->link);
  if (write_request(ws, options, err) || set_up(ws, err)) {
    destroy(ws);
    return NULL;
  }
  http->counts.requests++;
  return ws;
}

lpod_rc lpod_websocket_send(lpod_websocket *ws, const void *data, size_t len, lpod_error *err) {
  if (ws->state != OPEN || ws->closing)
    return lpod_fail(err, LPOD_E_USAGE, "%s: the WebSocket is not open", ws->http->peer);
  if (wslay_event_get_queued_msg_length(ws->frames) + len > LPOD_LIMIT_WS_OUT)
    return lpod_fail(err, LPOD_E_LIMIT, "%s: more than %u bytes wait to be sent", ws->http->peer, LPOD_LIMIT_WS_OUT);
  struct wslay_event_msg message = {WSLAY_BINARY_FRAME, data, len};
  int rc = wslay_event_queue_msg(ws->frames, &message);
  if (rc == WSLAY_ERR_NOMEM) return lpod_nomem(err);
  if (rc) return lpod_fail(err, LPOD_E_CUT, "%s: the WebSocket is being closed", ws->http->peer);
  lpod_loop_defer(loop_of(ws), &ws->task);
  return LPOD_OK;
}

void lpod_websocket_hold(lpod_websocket *ws, bool held) {
  if (ws->held == held || ws->state == ENDED) return;
  ws->held = held;
  ws->last_read = lpod_loop_now(loop_of(ws));
  lpod_loop_defer(loop_of(ws), &ws->task);
}

void lpod_websocket_close(lpod_websocket *ws) {
  if (ws->closing || ws->state == ENDED) return;
  ws->closing = true;
  if (ws->state != OPEN) {
    lpod_fail(&ws->error, LPOD_E_CANCELLED, "%s: closed before the WebSocket was open", ws->http->peer);
    end(ws);
  } else if (wslay_event_queue_close(ws->frames, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0) == WSLAY_ERR_NOMEM ||
             lpod_timer_start(loop_of(ws), &ws->limit, CLOSE_LIMIT, &ws->error)) {
    lpod_nomem(&ws->error);
    end(ws);
  } else {
    lpod_loop_defer(loop_of(ws), &ws->task);
  }
}

void lpod_websocket_cancel(lpod_websocket *ws) {
  if (!ws || ws->cancelled) return;
  lpod_http *http = ws->http;
  lpod_list_remove(&ws->link);
  ws->cancelled = true;
  if (ws->busy) return; /* whoever is busy frees it */
  destroy(ws);
  lpod_http_release(http);
}
