/* Reads the answer to a WebSocket upgrade. 101 must carry the accept key made from ours and one of the offered
 * subprotocols (EX2); anything else is a refusal whose body (Content-Length, chunked, or until the end) is kept up to
 * LPOD_LIMIT_ERROR_BODY, as it says why (EX9).
 * Invariant: nothing is taken from a header block that is not whole. */
#include "handshake.h"

#include "../base/limits.h"
#include "../base/random.h"
#include "../base/text.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static lpod_rc encode(const void *data, size_t len, char *out, size_t size, lpod_error *err) {
  lpod_buf text = LPOD_BUF_INIT(size - 1);
  lpod_rc rc = lpod_base64_encode(&text, data, len, err);
  if (!rc) memcpy(out, text.data, text.len + 1);
  lpod_buf_free(&text);
  return rc;
}

lpod_rc lpod_handshake_init(lpod_handshake *handshake, const char *peer, const char *protocols, lpod_error *err) {
  unsigned char random[16], digest[EVP_MAX_MD_SIZE];
  char joined[80];
  *handshake = (lpod_handshake){.peer = peer, .length = -1, .offered = lpod_text_copy(protocols)};
  lpod_buf_init(&handshake->body, LPOD_LIMIT_ERROR_BODY);
  if (!handshake->offered) return lpod_nomem(err);
  lpod_rc rc = lpod_random_bytes(random, sizeof random, err);
  if (!rc) rc = encode(random, sizeof random, handshake->key, sizeof handshake->key, err);
  if (rc) return rc;
  int len = snprintf(joined, sizeof joined, "%s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", handshake->key);
  unsigned digest_len = 0;
  if (EVP_Digest(joined, (size_t)len, digest, &digest_len, EVP_sha1(), NULL) != 1) return lpod_nomem(err);
  return encode(digest, digest_len, handshake->accept, sizeof handshake->accept, err);
}

void lpod_handshake_free(lpod_handshake *handshake) {
  free(handshake->offered);
  handshake->offered = NULL;
  lpod_buf_free(&handshake->body);
}

/* Is word an item of the comma separated list? */
static bool listed(const char *list, const char *word, bool any_case) {
  size_t len = strlen(word);
  for (const char *item = list; *item;) {
    item += strspn(item, ", \t");
    size_t item_len = strcspn(item, ", \t");
    if (len && item_len == len && (any_case ? strncasecmp(item, word, len) : strncmp(item, word, len)) == 0)
      return true;
    item += item_len;
  }
  return false;
}

typedef struct marks {
  bool upgrade, connection, accept, protocol;
} marks;

static void read_line(lpod_handshake *handshake, char *line, marks *seen) {
  char *value = strchr(line, ':');
  if (!value) return;
  *value++ = '\0';
  value += strspn(value, " \t");
  for (size_t len = strlen(value); len && strchr(" \t\r", value[len - 1]);) value[--len] = '\0';
  if (lpod_text_same(line, "Upgrade")) {
    seen->upgrade = seen->upgrade || listed(value, "websocket", true);
  } else if (lpod_text_same(line, "Connection")) {
    seen->connection = seen->connection || listed(value, "upgrade", true);
  } else if (lpod_text_same(line, "Sec-WebSocket-Accept")) {
    seen->accept = strcmp(value, handshake->accept) == 0;
  } else if (lpod_text_same(line, "Sec-WebSocket-Protocol")) {
    seen->protocol = strlen(value) < sizeof handshake->protocol && !strpbrk(value, ", \t") &&
                     listed(handshake->offered, value, false);
    snprintf(handshake->protocol, sizeof handshake->protocol, "%s", value);
  } else if (lpod_text_same(line, "Transfer-Encoding")) {
    handshake->chunked = listed(value, "chunked", true);
  } else if (lpod_text_same(line, "Content-Length")) {
    handshake->length = lpod_text_int(value, -1);
  }
}

static lpod_handshake_verdict broken(lpod_handshake *handshake, lpod_error *err, const char *what) {
  lpod_fail(err, LPOD_E_PARSE, "%s: WebSocket upgrade: %s", handshake->peer, what);
  return LPOD_HANDSHAKE_BROKEN;
}

static lpod_handshake_verdict read_headers(lpod_handshake *handshake, lpod_buf *in, lpod_error *err) {
  char *end = in->len ? memmem(in->data, in->len, "\r\n\r\n", 4) : NULL;
  if (!end && in->len > LPOD_LIMIT_HEADERS) {
    lpod_fail(err, LPOD_E_LIMIT, "%s: WebSocket upgrade: headers longer than %u bytes", handshake->peer,
              LPOD_LIMIT_HEADERS);
    return LPOD_HANDSHAKE_BROKEN;
  }
  if (!end) return LPOD_HANDSHAKE_MORE;
  size_t used = (size_t)(end - in->data) + 4;
  marks seen = {false, false, false, false};
  char *rest = in->data, *line;
  end[2] = '\0';
  if (strlen(in->data) != used - 2) return broken(handshake, err, "the answer holds a NUL");
  line = strsep(&rest, "\n");
  if (strncmp(line, "HTTP/1.", 7) != 0 || sscanf(line + 7, "%*1[01] %3d", &handshake->status) != 1)
    return broken(handshake, err, "the answer is not HTTP/1.1");
  while ((line = strsep(&rest, "\n"))) read_line(handshake, line, &seen);
  lpod_buf_drop(in, used);
  if (handshake->status >= 100 && handshake->status < 200 && handshake->status != 101) { /* interim */
    handshake->status = 0;
    return read_headers(handshake, in, err);
  }
  if (handshake->status != 101) return LPOD_HANDSHAKE_BODY;
  if (!seen.upgrade || !seen.connection) return broken(handshake, err, "the answer 101 is not about WebSocket");
  if (!seen.accept) return broken(handshake, err, "Sec-WebSocket-Accept does not belong to our key");
  if (!seen.protocol) {
    lpod_fail(err, LPOD_E_PARSE, "%s: WebSocket upgrade: the server chose the subprotocol \"%s\", offered were \"%s\"",
              handshake->peer, handshake->protocol, handshake->offered);
    return LPOD_HANDSHAKE_BROKEN;
  }
  return LPOD_HANDSHAKE_OPEN;
}

/* Undo chunking of what is there. True when the last chunk was there, or what came is no chunk. */
static bool read_chunks(lpod_handshake *handshake, const lpod_buf *in) {
  const char *at = in->data, *stop = in->data + in->len;
  lpod_buf_clear(&handshake->body);
  for (;;) {
    const char *line_end = at < stop ? memchr(at, '\n', (size_t)(stop - at)) : NULL;
    if (!line_end) return false;
    char *number_end;
    unsigned long size = strtoul(at, &number_end, 16); /* the buffer ends with NUL */
    if (number_end == at || size == 0 || size > LPOD_LIMIT_ERROR_BODY) return true;
    at = line_end + 1;
    size_t there = (size_t)(stop - at);
    if (lpod_buf_add(&handshake->body, at, there < size ? there : size, NULL)) return true;
    if (there < size + 2) return false;
    at += size + 2;
  }
}

static bool read_body(lpod_handshake *handshake, const lpod_buf *in) {
  if (handshake->status == 204 || handshake->status == 304) return true;
  if (handshake->chunked) return read_chunks(handshake, in);
  size_t len = in->len < LPOD_LIMIT_ERROR_BODY ? in->len : LPOD_LIMIT_ERROR_BODY;
  bool whole = len == LPOD_LIMIT_ERROR_BODY;
  if (handshake->length >= 0 && (unsigned long long)handshake->length <= len) {
    len = (size_t)handshake->length;
    whole = true;
  }
  lpod_buf_clear(&handshake->body);
  if (len) lpod_buf_add(&handshake->body, in->data, len, NULL);
  return whole;
}

lpod_handshake_verdict lpod_handshake_read(lpod_handshake *handshake, lpod_buf *in, bool ended, lpod_error *err) {
  if (!handshake->status) {
    lpod_handshake_verdict verdict = read_headers(handshake, in, err);
    if (verdict != LPOD_HANDSHAKE_BODY) return verdict;
  }
  if (!read_body(handshake, in) && !ended) return LPOD_HANDSHAKE_BODY;
  lpod_fail(err, LPOD_E_API, "%s: the WebSocket upgrade was refused with status %d", handshake->peer,
            handshake->status);
  if (err) err->code = handshake->status;
  return LPOD_HANDSHAKE_REFUSED;
}
