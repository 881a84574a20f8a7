/* One request: the easy handle filled from it, the answer's headers and body taken in under their ceilings, its time
 * limits, its end. A body is sent through a read callback without rewind, so that libcurl repeats a request on a fresh
 * connection only when no byte of its body has left (R5: what was sent may have been done).
 * Invariant: callbacks of libcurl only fill buffers and mark; removing the handle is done outside (M4). */
#include "http_private.h"

#include "../base/text.h"

#include <stdlib.h>
#include <string.h>

/* ---- headers of the request ---- */

void lpod_headers_free(struct curl_slist *headers) {
  for (struct curl_slist *item = headers; item; item = item->next) lpod_wipe(item->data, strlen(item->data));
  curl_slist_free_all(headers);
}

static lpod_rc append(struct curl_slist **list, const char *line, lpod_error *err) {
  if (strpbrk(line, "\r\n")) return lpod_fail(err, LPOD_E_USAGE, "a request header holds a line break");
  struct curl_slist *longer = curl_slist_append(*list, line);
  if (!longer) return lpod_nomem(err);
  *list = longer;
  return LPOD_OK;
}

lpod_rc lpod_headers_add(struct curl_slist **list, const char *name, const char *value, lpod_error *err) {
  char *line = lpod_text_format("%s: %s", name, value);
  if (!line) return lpod_nomem(err);
  lpod_rc rc = append(list, line, err);
  lpod_wipe(line, strlen(line));
  free(line);
  return rc;
}

lpod_rc lpod_headers_add_lines(struct curl_slist **list, const char *const *lines, lpod_error *err) {
  lpod_rc rc = LPOD_OK;
  for (; lines && *lines && !rc; lines++) rc = append(list, *lines, err);
  return rc;
}

static lpod_rc make_headers(lpod_http_call *call, const lpod_http_request *request, lpod_error *err) {
  lpod_http *http = call->http;
  lpod_rc rc = append(&call->headers, "Expect:", err); /* no waiting for 100-continue */
  if (!rc && http->host_header) rc = append(&call->headers, http->host_header, err);
  if (!rc && request->role == LPOD_ROLE_CALL && !http->no_compression)
    rc = append(&call->headers, "Accept-Encoding: gzip", err); /* T6; unpacked here, not by libcurl (inflate.h) */
  if (!rc && request->authorization && http->tls) /* K14 */
    rc = lpod_headers_add(&call->headers, "Authorization", request->authorization, err);
  if (!rc && call->body) {
    if (request->content_type)
      rc = lpod_headers_add(&call->headers, "Content-Type", request->content_type, err);
    else
      rc = append(&call->headers, "Content-Type:", err); /* libcurl would say it is a form */
  }
  return rc ? rc : lpod_headers_add_lines(&call->headers, request->headers, err);
}

/* ---- what libcurl calls ---- */

/* End the transfer from inside a callback, with an error of ours. */
static bool refuse(lpod_http_call *call, lpod_rc rc, const char *what, size_t ceiling) {
  lpod_fail(&call->error, rc, "%s: %s longer than %zu bytes", call->http->peer, what, ceiling);
  return false;
}

static void add_warning(lpod_http_call *call, const char *value, size_t len) { /* 299 - "text" ["date"] (R11) */
  const char *end = value + len, *open = memchr(value, '"', len);
  if (!open) return;
  if (call->warnings.len) lpod_buf_addc(&call->warnings, '\n', NULL);
  for (const char *p = open + 1; p < end && *p != '"'; p++) {
    if (*p == '\\' && p + 1 < end) p++;
    lpod_buf_addc(&call->warnings, *p, NULL);
  }
}

static void read_retry_after(lpod_http_call *call, const char *value, size_t len) {
  char text[64];
  if (len >= sizeof text) return;
  memcpy(text, value, len);
  text[len] = '\0';
  int64_t seconds = lpod_text_int(text, -1);
  if (seconds < 0) {
    time_t date = curl_getdate(text, NULL);
    const lpod_clock *clock = lpod_loop_clock(call->http->loop);
    if (date == (time_t)-1) return;
    seconds = (int64_t)date - clock->wall(clock) / LPOD_NS_PER_S;
    if (seconds < 0) seconds = 0;
  }
  call->retry_after = (double)seconds;
}

static const char *header_value(const char *line, size_t *len, const char *name) {
  size_t name_len = strlen(name), at = name_len + 1;
  if (*len <= name_len || line[name_len] != ':' || !curl_strnequal(line, name, name_len)) return NULL;
  while (at < *len && (line[at] == ' ' || line[at] == '\t')) at++;
  while (*len > at && strchr(" \t\r\n", line[*len - 1])) --*len;
  *len -= at;
  return line + at;
}

/* false: the error is set. */
static bool read_encoding(lpod_http_call *call, const char *value, size_t len) {
  if (len == 8 && curl_strnequal(value, "identity", len)) return true;
  if (call->inflate || len != 4 || !curl_strnequal(value, "gzip", len)) {
    lpod_fail(&call->error, LPOD_E_PARSE, "%s: the answer's encoding is \"%.*s\", expected gzip or none",
              call->http->peer, (int)(len < 64 ? len : 64), value);
    return false;
  }
  call->inflate = lpod_inflate_new(&call->error);
  return call->inflate != NULL;
}

static void read_status_line(lpod_http_call *call, const char *line, size_t len) {
  const char *space = memchr(line, ' ', len);
  call->status = 0;
  for (const char *p = space ? space + 1 : line + len; p < line + len && *p >= '0' && *p <= '9' && call->status < 1000;
       p++)
    call->status = call->status * 10 + (*p - '0');
  if (!call->request.own) call->http->http1 = line[5] == '1';
}

static size_t on_header(char *line, size_t size, size_t count, void *arg) {
  lpod_http_call *call = arg;
  size_t len = size * count, value_len = len;
  const char *value;
  if (call->state != LPOD_CALL_ACTIVE) return 0;
  call->header_bytes += len;
  if (call->header_bytes > LPOD_LIMIT_HEADERS)
    return refuse(call, LPOD_E_LIMIT, "the answer's headers are", LPOD_LIMIT_HEADERS);
  call->last_byte = lpod_loop_now(call->http->loop);
  if (call->opened) return len; /* trailers */
  if (len > 5 && memcmp(line, "HTTP/", 5) == 0) {
    read_status_line(call, line, len);
  } else if ((value = header_value(line, &value_len, "Warning"))) {
    add_warning(call, value, value_len);
  } else if ((value = header_value(line, &value_len, "Retry-After"))) {
    read_retry_after(call, value, value_len);
  } else if ((value = header_value(line, &value_len, "Content-Encoding"))) {
    if (!read_encoding(call, value, value_len)) return 0;
  } else if (line[0] == '\r' || line[0] == '\n') {
    if (call->status < 200) return len; /* an interim answer; another follows */
    call->opened = true;
    if (call->request.idle > 0 && lpod_timer_start(call->http->loop, &call->idle, call->request.idle, &call->error))
      return 0;
    if (call->request.on_open && !call->request.on_open(call->request.arg, call->status)) {
      if (call->state == LPOD_CALL_ACTIVE)
        lpod_fail(&call->error, LPOD_E_CANCELLED, "%s: ended by its owner", call->http->peer);
      return 0;
    }
    if (call->state != LPOD_CALL_ACTIVE) return 0;
  }
  return len;
}

/* Decoded bytes of the body; false ends the transfer. */
static bool take(void *arg, const char *data, size_t len) {
  lpod_http_call *call = arg;
  bool good = call->status >= 200 && call->status < 300;
  if (good && call->request.on_data) {
    bool more = call->request.on_data(call->request.arg, data, len);
    if (call->state != LPOD_CALL_ACTIVE) return false;
    if (!more) lpod_fail(&call->error, LPOD_E_CANCELLED, "%s: ended by its owner", call->http->peer);
    return more;
  }
  size_t most = call->answer.ceiling;
  if (!good && most > LPOD_LIMIT_ERROR_BODY) most = LPOD_LIMIT_ERROR_BODY;
  size_t room = most - call->answer.len;
  if (!good && len > room) { /* what there is tells enough */
    lpod_buf_add(&call->answer, data, room, NULL);
    call->enough = true;
    return false;
  }
  if (len > room) return refuse(call, LPOD_E_LIMIT, "the answer is", call->answer.ceiling);
  return !lpod_buf_add(&call->answer, data, len, &call->error);
}

static size_t on_body(char *data, size_t size, size_t count, void *arg) {
  lpod_http_call *call = arg;
  size_t len = size * count;
  if (call->state != LPOD_CALL_ACTIVE) return 0;
  if (call->paused) return CURL_WRITEFUNC_PAUSE;
  call->last_byte = lpod_loop_now(call->http->loop);
  if (!call->inflate) return take(call, data, len) ? len : 0;
  lpod_rc rc = lpod_inflate_feed(call->inflate, data, len, take, call, &call->error);
  if (rc && rc != LPOD_E_CANCELLED) lpod_wrap(&call->error, "%s", call->http->peer);
  return rc ? 0 : len;
}

static size_t on_read(char *out, size_t size, size_t count, void *arg) {
  lpod_http_call *call = arg;
  size_t left = call->request.body_len - call->sent, len = size * count < left ? size * count : left;
  if (len) memcpy(out, call->body + call->sent, len);
  call->sent += len;
  return len;
}

static int on_seek(void *arg, curl_off_t offset, int origin) { /* see the head of this file */
  const lpod_http_call *call = arg;
  return offset == 0 && origin == SEEK_SET && call->sent == 0 ? CURL_SEEKFUNC_OK : CURL_SEEKFUNC_FAIL;
}

/* ---- life ---- */

static void on_deadline(void *arg) {
  lpod_http_call *call = arg;
  lpod_fail(&call->error, LPOD_E_TIMEOUT, "%s: no answer within %.6g s", call->http->peer,
            (double)call->request.timeout / (double)LPOD_NS_PER_S);
  call->error.retryable = true;
  lpod_call_end(call, CURLE_ABORTED_BY_CALLBACK);
}

static void on_idle(void *arg) {
  lpod_http_call *call = arg;
  lpod_loop *loop = call->http->loop;
  if (call->paused) call->last_byte = lpod_loop_now(loop);
  int64_t left = call->last_byte + call->request.idle - lpod_loop_now(loop);
  if (left > 0 && !lpod_timer_start(loop, &call->idle, left, &call->error)) return;
  if (!call->error.rc) {
    lpod_fail(&call->error, LPOD_E_TIMEOUT, "%s: nothing came for %.6g s", call->http->peer,
              (double)call->request.idle / (double)LPOD_NS_PER_S);
    call->error.retryable = true;
  }
  lpod_call_end(call, CURLE_ABORTED_BY_CALLBACK);
}

lpod_rc lpod_call_prepare(lpod_http_call *call, lpod_error *err) {
  lpod_http *http = call->http;
  CURL *easy = call->easy = lpod_http_easy(http, err);
  if (!easy) return err->rc;
  CURLcode code = curl_easy_setopt(easy, CURLOPT_URL, call->url);
  curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  if (call->body) {
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->request.body_len ? NULL : "");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->request.body_len);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, call);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
  }
  if (strcmp(call->method, "HEAD") == 0) curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
  if (code)
    return code == CURLE_OUT_OF_MEMORY ? lpod_nomem(err)
                                       : lpod_fail(err, LPOD_E_USAGE, "libcurl: %s", curl_easy_strerror(code));
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->headers);
  bool http2 = http->tls && !call->request.own;
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, http2 && !http->http1 ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, call->request.own ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, call->request.own ? 1L : 0L);
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->message);
  return call->request.timeout > 0 ? lpod_timer_start(http->loop, &call->deadline, call->request.timeout, err)
                                   : LPOD_OK;
}

void lpod_call_end(lpod_http_call *call, CURLcode code) {
  lpod_http *http = call->http;
  if (!code && !call->opened)
    code = CURLE_PARTIAL_FILE; /* libcurl takes an end within the headers for a whole answer */
  if (!code && call->inflate && lpod_inflate_end(call->inflate, &call->error))
    lpod_wrap(&call->error, "%s", http->peer);
  if (code && !call->error.rc && !call->enough) {
    long request_bytes = 0;
    curl_easy_getinfo(call->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    lpod_http_failure(http, call->easy, code, call->message, request_bytes > 0, &call->error);
  }
  if (call->error.rc == LPOD_E_TIMEOUT && call->lane) call->lane->stale = true;
  lpod_http_leave(call);
  call->state = LPOD_CALL_DONE;
  lpod_list_add(&http->done, &call->link);
  lpod_loop_defer(http->loop, &http->task);
}

void lpod_call_deliver(lpod_http_call *call) {
  lpod_http_result result = {
      .status = call->status,
      .body = call->answer.data ? call->answer.data : "",
      .len = call->answer.len,
      .warnings = call->warnings.data ? call->warnings.data : "",
      .retry_after = call->retry_after,
      .error = call->error.rc ? &call->error : NULL,
  };
  if (call->request.on_done) call->request.on_done(call->request.arg, &result);
  lpod_call_free(call);
}

void lpod_call_free(lpod_http_call *call) {
  if (!call) return;
  lpod_headers_free(call->headers);
  lpod_inflate_free(call->inflate);
  lpod_buf_free(&call->answer);
  lpod_buf_free(&call->warnings);
  free(call->method);
  free(call->url);
  lpod_wipe(call->body, call->request.body_len); /* it may hold a Secret's values */
  free(call->body);
  free(call);
}

lpod_http_call *lpod_http_start(lpod_http *http, const lpod_http_request *request, lpod_error *err) {
  if (http->retired) {
    lpod_fail(err, LPOD_E_USAGE, "%s: the connection is being closed, no new requests", http->peer);
    return NULL;
  }
  if (!request->method || !request->target || request->target[0] != '/' || strpbrk(request->target, " \r\n#")) {
    lpod_fail(err, LPOD_E_USAGE, "a request needs a method and a target that begins with / and is escaped");
    return NULL;
  }
  if (request->body && request->body_len > LPOD_LIMIT_REQUEST) {
    lpod_fail(err, LPOD_E_LIMIT, "the request's body has %zu bytes, the limit is %u", request->body_len,
              LPOD_LIMIT_REQUEST);
    return NULL;
  }
  lpod_http_call *call = calloc(1, sizeof *call);
  if (!call) {
    lpod_nomem(err);
    return NULL;
  }
  bool must_have_body = strcmp(request->method, "POST") == 0 || strcmp(request->method, "PUT") == 0 ||
                        strcmp(request->method, "PATCH") == 0;
  call->http = http;
  call->request = *request;
  if (!request->body) call->request.body_len = 0;
  call->method = lpod_text_copy(request->method);
  call->url = lpod_text_format("%s%s", http->base, request->target);
  if (request->body || must_have_body)
    call->body = lpod_text_copy_len(request->body ? request->body : "", call->request.body_len);
  call->retry_after = -1;
  call->error = (lpod_error)LPOD_ERROR_INIT;
  lpod_buf_init(&call->answer, request->ceiling ? request->ceiling : LPOD_LIMIT_BODY);
  lpod_buf_init(&call->warnings, LPOD_LIMIT_HEADERS);
  call->deadline.fire = on_deadline;
  call->idle.fire = on_idle;
  call->deadline.arg = call->idle.arg = call;
  lpod_rc rc =
      call->method && call->url && (call->body || !(request->body || must_have_body)) ? LPOD_OK : lpod_nomem(err);
  if (!rc) rc = make_headers(call, request, err);
  if (rc) {
    lpod_call_free(call);
    return NULL;
  }
  lpod_list_add(&http->waiting[request->role], &call->link);
  lpod_loop_defer(http->loop, &http->task);
  return call;
}

void lpod_http_pause(lpod_http_call *call, bool paused) {
  if (call->paused == paused) return;
  call->paused = paused;
  if (call->state != LPOD_CALL_ACTIVE) return;
  call->last_byte = lpod_loop_now(call->http->loop);
  CURLcode code =
      paused ? CURLE_OK : lpod_multi_unpause(call->lane->multi, call->easy); /* else: the next bytes' affair */
  if (code && call->state == LPOD_CALL_ACTIVE) lpod_call_end(call, code);
}

void lpod_http_cancel(lpod_http_call *call) {
  if (!call || call->state == LPOD_CALL_CANCELLED) return;
  lpod_http *http = call->http;
  if (call->lane && lpod_multi_inside(call->lane->multi)) { /* the task does the rest (M4) */
    call->state = LPOD_CALL_CANCELLED;
    lpod_list_remove(&call->link);
    lpod_list_add(&http->cancelled, &call->link);
    lpod_loop_defer(http->loop, &http->task);
    return;
  }
  lpod_http_leave(call);
  lpod_call_free(call);
  lpod_http_release(http);
}
