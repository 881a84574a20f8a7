/* zlib over a body's chunks. Leaves to the caller what the bytes mean and how many are too many: they are handed over
 * in pieces, so that a small body that inflates without end costs no memory. Invariant: inside is true from a member's
 * first byte to its last, its checksum included. */
#include "inflate.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_ONLY (16 + MAX_WBITS) /* zlib's way to say so */
#define PIECE 16384u

struct lpod_inflate {
  z_stream stream;
  bool inside;
};

lpod_inflate *lpod_inflate_new(lpod_error *err) {
  lpod_inflate *it = calloc(1, sizeof *it);
  if (it && inflateInit2(&it->stream, GZIP_ONLY) == Z_OK) return it;
  free(it);
  lpod_nomem(err);
  return NULL;
}

void lpod_inflate_free(lpod_inflate *it) {
  if (!it) return;
  inflateEnd(&it->stream);
  free(it);
}

static lpod_rc fail(lpod_error *err, const char *what) {
  lpod_fail(err, LPOD_E_PARSE, "the compressed answer is damaged: %s", what);
  if (err) {
    snprintf(err->reason, sizeof err->reason, "Compression");
    err->retryable = true;
  }
  return LPOD_E_PARSE;
}

lpod_rc lpod_inflate_feed(lpod_inflate *it, const char *data, size_t len, lpod_inflate_fn *fn, void *arg,
                          lpod_error *err) {
  z_stream *stream = &it->stream;
  char piece[PIECE];
  if (!len) return LPOD_OK;
  if (len > UINT_MAX) return fail(err, "a chunk of it is too long");
  stream->next_in = (unsigned char *)(uintptr_t)data; /* zlib may be built without const */
  stream->avail_in = (unsigned)len;
  do {
    stream->next_out = (unsigned char *)piece;
    stream->avail_out = PIECE;
    it->inside = true;
    int code = inflate(stream, Z_SYNC_FLUSH);
    size_t made = PIECE - stream->avail_out;
    if (made && !fn(arg, piece, made)) return LPOD_E_CANCELLED;
    if (code == Z_STREAM_END) { /* another member may follow */
      inflateReset(stream);
      it->inside = false;
    } else if (code == Z_MEM_ERROR) {
      return lpod_nomem(err);
    } else if (code != Z_OK && code != Z_BUF_ERROR) { /* the latter: it needs more to go on */
      return fail(err, stream->msg ? stream->msg : "it is no gzip");
    }
  } while (stream->avail_in || (it->inside && !stream->avail_out));
  return LPOD_OK;
}

lpod_rc lpod_inflate_end(const lpod_inflate *it, lpod_error *err) {
  return it->inside ? fail(err, "it ends too soon") : LPOD_OK;
}
