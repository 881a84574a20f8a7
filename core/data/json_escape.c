/* Escapes and UTF-8 inside JSON strings. A wrong sequence is told from one that is merely cut as soon as its bytes
 * allow it, so that the answer does not depend on where the input was split. */
#include "json_escape.h"
#include "../base/text.h"
#include <string.h>

#define UNPAIRED "both halves of a surrogate pair"

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/* \u and four digits: 6 when read, 0 when cut, -1 when wrong. */
static int read_unit(const char *text, size_t len, unsigned *unit) {
  *unit = 0;
  for (size_t i = 0; i < 6; i++) {
    if (i == len) return 0;
    int digit = i < 2 ? (text[i] == "\\u"[i] ? 0 : -1) : hex_digit(text[i]);
    if (digit < 0) return -1;
    *unit = *unit << 4 | (unsigned)digit;
  }
  return 6;
}

static size_t write_utf8(unsigned code, char out[4]) {
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  size_t count = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (size_t i = count - 1; i; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
  out[0] = (char)((0xF00 >> count & 0xFF) | code);
  return count;
}

static int read_code(const char *text, size_t len, char out[4], size_t *wrote, const char **expected) {
  unsigned code, low;
  *expected = "four hexadecimal digits after \\u";
  int first = read_unit(text, len, &code);
  if (first <= 0) return first;
  if (code >= 0xD800 && code < 0xE000) {
    *expected = UNPAIRED;
    if (code >= 0xDC00) return -1;
    int second = read_unit(text + 6, len - 6, &low);
    if (second <= 0) return second;
    if (low < 0xDC00 || low > 0xDFFF) return -1;
    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    first += second;
  }
  *wrote = write_utf8(code, out);
  return first;
}

static int read_utf8(const char *text, size_t len, char out[4], size_t *wrote, const char **expected) {
  unsigned char lead = (unsigned char)text[0];
  size_t need = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  size_t count = lpod_utf8_length(text, len);
  if (!count) {
    *expected = "UTF-8";
    if (lead < 0xC2 || lead > 0xF4 || len >= need) return -1;
    for (size_t i = 1; i < len; i++) {
      if (((unsigned char)text[i] & 0xC0) != 0x80) return -1;
    }
    return 0;
  }
  memcpy(out, text, count);
  *wrote = count;
  return (int)count;
}

int lpod_json_unescape(const char *text, size_t len, char out[4], size_t *wrote, const char **expected) {
  if (text[0] != '\\') return read_utf8(text, len, out, wrote, expected);
  if (len < 2) return 0;
  static const char NAMES[] = "\"\\/bfnrt", MEANINGS[] = "\"\\/\b\f\n\r\t";
  if (text[1] == 'u') return read_code(text, len, out, wrote, expected);
  const char *name = text[1] ? strchr(NAMES, text[1]) : NULL;
  *expected = "an escape of JSON";
  if (!name) return -1;
  out[0] = MEANINGS[name - NAMES];
  *wrote = 1;
  return 2;
}
