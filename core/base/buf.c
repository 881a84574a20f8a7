/* The growing byte buffer. It doubles its memory up to the ceiling, keeps a NUL behind the last byte, and leaves
 * everything as it was when an append fails. */
#include "buf.h"
#include "secret.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lpod_buf_init(lpod_buf *buf, size_t ceiling) { *buf = (lpod_buf)LPOD_BUF_INIT(ceiling); }

void lpod_buf_free(lpod_buf *buf) {
  free(buf->data);
  lpod_buf_init(buf, buf->ceiling);
}

void lpod_buf_clear(lpod_buf *buf) {
  buf->len = 0;
  if (buf->data) buf->data[0] = '\0';
}

void lpod_buf_drop(lpod_buf *buf, size_t count) {
  if (count >= buf->len) {
    lpod_buf_clear(buf);
  } else if (count) {
    buf->len -= count;
    memmove(buf->data, buf->data + count, buf->len + 1);
  }
}

lpod_rc lpod_buf_reserve(lpod_buf *buf, size_t more, lpod_error *err) {
  if (buf->cap && more < buf->cap - buf->len) return LPOD_OK;
  size_t ceiling = buf->ceiling < SIZE_MAX ? buf->ceiling : SIZE_MAX - 1;
  if (buf->len > ceiling || more > ceiling - buf->len) {
    return lpod_fail(err, LPOD_E_LIMIT, "larger than the limit of %zu bytes", buf->ceiling);
  }
  size_t need = buf->len + more + 1;
  size_t cap = buf->cap < 32 ? 64 : buf->cap;
  while (cap < need) cap = cap > SIZE_MAX / 2 ? need : cap * 2;
  if (cap > ceiling + 1) cap = ceiling + 1;
  char *data = realloc(buf->data, cap);
  if (!data) return lpod_nomem(err);
  data[buf->len] = '\0';
  buf->data = data;
  buf->cap = cap;
  return LPOD_OK;
}

lpod_rc lpod_buf_add(lpod_buf *buf, const void *data, size_t len, lpod_error *err) {
  lpod_rc rc = lpod_buf_reserve(buf, len, err);
  if (rc) return rc;
  if (len) memcpy(buf->data + buf->len, data, len);
  buf->len += len;
  buf->data[buf->len] = '\0';
  return LPOD_OK;
}

lpod_rc lpod_buf_adds(lpod_buf *buf, const char *text, lpod_error *err) {
  return lpod_buf_add(buf, text, strlen(text), err);
}

lpod_rc lpod_buf_addc(lpod_buf *buf, char c, lpod_error *err) { return lpod_buf_add(buf, &c, 1, err); }

lpod_rc lpod_buf_addf(lpod_buf *buf, lpod_error *err, const char *format, ...) {
  va_list args;
  va_start(args, format);
  int len = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (len < 0) return lpod_fail(err, LPOD_E_USAGE, "text that cannot be formatted");
  lpod_rc rc = lpod_buf_reserve(buf, (size_t)len, err);
  if (rc) return rc;
  va_start(args, format);
  vsnprintf(buf->data + buf->len, (size_t)len + 1, format, args);
  va_end(args);
  buf->len += (size_t)len;
  return LPOD_OK;
}

char *lpod_buf_take(lpod_buf *buf, size_t *len) {
  char *data = buf->data ? buf->data : calloc(1, 1);
  if (len) *len = buf->len;
  if (data) lpod_buf_init(buf, buf->ceiling);
  return data;
}

void lpod_buf_wipe(lpod_buf *buf) {
  lpod_wipe(buf->data, buf->cap);
  lpod_buf_free(buf);
}
