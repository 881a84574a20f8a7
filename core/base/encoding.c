/* Encodings and digests: base64, percent escapes, SHA-256 and MD5. Decoding is strict and never repeats in an error
 * what it found, since base64 here is mostly a credential. */

/* The plain digest functions neither allocate nor fail, unlike OpenSSL 3's EVP ones. */
#define OPENSSL_API_COMPAT 0x10100000L
#include "text.h"
#include <openssl/md5.h>
#include <openssl/sha.h>

static const char ALPHABET[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

lpod_rc lpod_base64_encode(lpod_buf *out, const void *data, size_t len, lpod_error *err) {
  const unsigned char *in = data;
  size_t groups = len / 3, rest = len % 3;
  if (len > SIZE_MAX / 2) return lpod_fail(err, LPOD_E_LIMIT, "larger than the limit of %zu bytes", out->ceiling);
  lpod_rc rc = lpod_buf_reserve(out, (groups + (rest ? 1 : 0)) * 4, err);
  if (rc) return rc;
  char *to = out->data + out->len;
  for (; groups; groups--, in += 3) {
    *to++ = ALPHABET[in[0] >> 2];
    *to++ = ALPHABET[(in[0] & 3) << 4 | in[1] >> 4];
    *to++ = ALPHABET[(in[1] & 15) << 2 | in[2] >> 6];
    *to++ = ALPHABET[in[2] & 63];
  }
  if (rest) {
    unsigned second = rest == 2 ? in[1] : 0;
    *to++ = ALPHABET[in[0] >> 2];
    *to++ = ALPHABET[((unsigned)in[0] & 3) << 4 | second >> 4];
    *to++ = rest == 2 ? ALPHABET[(second & 15) << 2] : '=';
    *to++ = '=';
  }
  *to = '\0';
  out->len = (size_t)(to - out->data);
  return LPOD_OK;
}

/* 0 to 63, or 64 for what is not in the alphabet. */
static unsigned sextet(char c) {
  if (c >= 'A' && c <= 'Z') return (unsigned)(c - 'A');
  if (c >= 'a' && c <= 'z') return (unsigned)(c - 'a') + 26;
  if (c >= '0' && c <= '9') return (unsigned)(c - '0') + 52;
  return c == '+' ? 62 : c == '/' ? 63 : 64;
}

static bool unreserved(char c) { return sextet(c) < 62 || c == '-' || c == '.' || c == '_' || c == '~'; }

static bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

lpod_rc lpod_base64_decode(lpod_buf *out, const char *text, size_t len, lpod_error *err) {
  size_t symbols = 0, padding = 0;
  for (size_t i = 0; i < len; i++) {
    if (is_space(text[i])) continue;
    bool pad = text[i] == '=';
    if (pad ? ++padding > 2 : (padding || sextet(text[i]) == 64)) {
      return lpod_fail(err, LPOD_E_PARSE, "base64: unexpected character at byte %zu", i + 1);
    }
    symbols += !pad;
  }
  if ((symbols + padding) % 4 || (padding && symbols % 4 != 4 - padding)) {
    return lpod_fail(err, LPOD_E_PARSE, "base64: %zu characters, expected a multiple of 4 with padding",
                     symbols + padding);
  }
  lpod_rc rc = lpod_buf_reserve(out, symbols / 4 * 3 + symbols % 4 * 3 / 4, err);
  if (rc) return rc;
  char *to = out->data + out->len;
  unsigned bits = 0, count = 0;
  for (size_t i = 0; i < len; i++) {
    unsigned value = sextet(text[i]);
    if (value == 64) continue;
    bits = bits << 6 | value;
    if (++count % 4 == 1) continue;
    unsigned shift = 6 - 2 * ((count - 1) % 4);
    *to++ = (char)(bits >> shift & 0xFF);
  }
  *to = '\0';
  out->len = (size_t)(to - out->data);
  return LPOD_OK;
}

lpod_rc lpod_url_escape(lpod_buf *out, const char *text, size_t len, lpod_error *err) {
  static const char HEX[] = "0123456789ABCDEF";
  size_t escaped = 0;
  for (size_t i = 0; i < len; i++) escaped += !unreserved(text[i]);
  if (len > SIZE_MAX / 4) {
    return lpod_fail(err, LPOD_E_LIMIT, "larger than the limit of %zu bytes", out->ceiling);
  }
  lpod_rc rc = lpod_buf_reserve(out, len + 2 * escaped, err);
  if (rc) return rc;
  char *to = out->data + out->len;
  for (size_t i = 0; i < len; i++) {
    unsigned char byte = (unsigned char)text[i];
    if (unreserved(text[i])) {
      *to++ = text[i];
    } else {
      *to++ = '%';
      *to++ = HEX[byte >> 4];
      *to++ = HEX[byte & 15];
    }
  }
  *to = '\0';
  out->len = (size_t)(to - out->data);
  return LPOD_OK;
}

static void hex(const unsigned char *bytes, size_t count, char *out) {
  static const char HEX[] = "0123456789abcdef";
  for (size_t i = 0; i < count; i++) {
    *out++ = HEX[bytes[i] >> 4];
    *out++ = HEX[bytes[i] & 15];
  }
  *out = '\0';
}

void lpod_sha256(const void *data, size_t len, unsigned char out[32]) {
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, data, len);
  SHA256_Final(out, &context);
}

void lpod_sha256_hex(const void *data, size_t len, char out[LPOD_SHA256_HEX]) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  lpod_sha256(data, len, digest);
  hex(digest, sizeof digest, out);
}

void lpod_md5_hex(const void *data, size_t len, char out[LPOD_MD5_HEX]) {
  unsigned char digest[MD5_DIGEST_LENGTH];
  MD5_CTX context;
  MD5_Init(&context);
  MD5_Update(&context, data, len);
  MD5_Final(digest, &context);
  hex(digest, sizeof digest, out);
}
