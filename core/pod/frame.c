/* The frame a result travels in: "LPOD <length> <sha256>\n" and the bytes; "LPOD 0 -\n" when nothing was written. Pure.
 */
#include "result.h"

#include "../base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lpod_frame_init(lpod_frame *frame, size_t limit) {
  *frame = (lpod_frame){0};
  lpod_buf_init(&frame->body, limit);
}

void lpod_frame_free(lpod_frame *frame) { lpod_buf_free(&frame->body); }

static lpod_rc read_head(lpod_frame *frame, lpod_error *err) {
  unsigned long long length;
  char digest[65] = "";
  frame->head[frame->head_len] = 0;
  if (sscanf(frame->head, "LPOD %llu %64s", &length, digest) != 2 || (length > 0 && strlen(digest) != 64))
    return lpod_fail(err, LPOD_E_PARSE, "the result's frame begins with \"%.40s\", expected \"LPOD <length> <sha256>\"",
                     frame->head);
  if (length > frame->body.ceiling)
    return lpod_fail(err, LPOD_E_LIMIT, "the result has %llu bytes, more than the limit of %zu", length,
                     frame->body.ceiling);
  frame->length = (size_t)length;
  memcpy(frame->digest, digest, sizeof digest);
  frame->headed = true;
  return LPOD_OK;
}

lpod_rc lpod_frame_feed(lpod_frame *frame, const char *data, size_t len, bool *whole, lpod_error *err) {
  *whole = false;
  while (!frame->headed && len > 0) {
    char c = *data++;
    len--;
    if (c == '\n') {
      lpod_rc rc = read_head(frame, err);
      if (rc != LPOD_OK) return rc;
    } else if (frame->head_len + 1 < sizeof frame->head) {
      frame->head[frame->head_len++] = c;
    } else {
      return lpod_fail(err, LPOD_E_PARSE, "the result's frame has no head line");
    }
  }
  if (!frame->headed) return LPOD_OK;
  if (frame->body.len + len > frame->length)
    return lpod_fail(err, LPOD_E_PARSE, "the result has more than the %zu bytes its frame announced", frame->length);
  lpod_rc rc = lpod_buf_add(&frame->body, data, len, err);
  if (rc != LPOD_OK || frame->body.len < frame->length) return rc;
  if (frame->length > 0) {
    char digest[LPOD_SHA256_HEX];
    lpod_sha256_hex(frame->body.data, frame->body.len, digest);
    if (strcmp(digest, frame->digest) != 0)
      return lpod_fail(err, LPOD_E_PARSE, "the result's digest does not match its bytes");
  }
  *whole = true;
  return LPOD_OK;
}
