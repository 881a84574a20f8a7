/* Plain text: copies, comparisons, numbers, UTF-8, names by Kubernetes' rules, and the nearest of known words.
 * Encodings and digests are in encoding.c, time stamps in time.c. Nothing here depends on the host's locale. */
#include "text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD_MAX 64

char *lpod_text_copy(const char *text) { return text ? lpod_text_copy_len(text, strlen(text)) : NULL; }

char *lpod_text_copy_len(const char *text, size_t len) {
  if (!text || len == SIZE_MAX) return NULL;
  char *copy = malloc(len + 1);
  if (!copy) return NULL;
  memcpy(copy, text, len);
  copy[len] = '\0';
  return copy;
}

char *lpod_text_format(const char *format, ...) {
  va_list args;
  va_start(args, format);
  int len = vsnprintf(NULL, 0, format, args);
  va_end(args);
  char *text = len < 0 ? NULL : malloc((size_t)len + 1);
  if (!text) return NULL;
  va_start(args, format);
  vsnprintf(text, (size_t)len + 1, format, args);
  va_end(args);
  return text;
}

bool lpod_text_starts(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

bool lpod_text_ends(const char *text, const char *suffix) {
  size_t len = strlen(text), tail = strlen(suffix);
  return len >= tail && memcmp(text + len - tail, suffix, tail) == 0;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool lpod_text_same(const char *a, const char *b) {
  while (*a && lower(*a) == lower(*b)) a++, b++;
  return lower(*a) == lower(*b);
}

int64_t lpod_text_int(const char *text, int64_t fallback) {
  if (!text) return fallback;
  bool negative = *text == '-';
  if (negative) text++;
  if (!*text) return fallback;
  uint64_t limit = (uint64_t)INT64_MAX + negative, value = 0;
  for (; *text; text++) {
    if (*text < '0' || *text > '9') return fallback;
    uint64_t digit = (uint64_t)(*text - '0');
    if (value > (limit - digit) / 10) return fallback;
    value = value * 10 + digit;
  }
  return negative ? (int64_t)(~value + 1) : (int64_t)value;
}

/* ---- UTF-8 ---- */

/* The table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t lpod_utf8_length(const char *text, size_t len) {
  const unsigned char *p = (const unsigned char *)text;
  if (!len) return 0;
  if (p[0] < 0x80) return 1;
  if (p[0] < 0xC2 || p[0] > 0xF4) return 0;
  size_t need = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
  if (len < need) return 0;
  unsigned char low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
  unsigned char high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
  if (p[1] < low || p[1] > high) return 0;
  for (size_t i = 2; i < need; i++) {
    if ((p[i] & 0xC0) != 0x80) return 0;
  }
  return need;
}

/* Bytes of ASCII at the start, eight at a time. */
static size_t ascii_run(const char *text, size_t len) {
  size_t at = 0;
  for (uint64_t word; at + sizeof word <= len; at += sizeof word) {
    memcpy(&word, text + at, sizeof word);
    if (word & UINT64_C(0x8080808080808080)) break;
  }
  while (at < len && (unsigned char)text[at] < 0x80) at++;
  return at;
}

/* Bytes of valid UTF-8 at the start. */
static size_t utf8_run(const char *text, size_t len) {
  size_t at = 0;
  while ((at += ascii_run(text + at, len - at)) < len) {
    size_t count = lpod_utf8_length(text + at, len - at);
    if (!count) break;
    at += count;
  }
  return at;
}

bool lpod_utf8_valid(const char *text, size_t len) { return utf8_run(text, len) == len; }

lpod_rc lpod_utf8_escape(lpod_buf *out, const char *text, size_t len, lpod_error *err) {
  static const char HEX[] = "0123456789abcdef";
  size_t before = out->len;
  for (size_t at = 0; at < len;) {
    size_t run = utf8_run(text + at, len - at);
    lpod_rc rc = lpod_buf_add(out, text + at, run, err);
    at += run;
    if (!rc && at < len) {
      unsigned char byte = (unsigned char)text[at++];
      rc = lpod_buf_add(out, (char[]){'\\', 'x', HEX[byte >> 4], HEX[byte & 15]}, 4, err);
    }
    if (rc) {
      out->len = before;
      if (out->data) out->data[before] = '\0';
      return rc;
    }
  }
  return LPOD_OK;
}

/* ---- names ---- */

static bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

/* One label of a name from text on; its length, 0 when it is none. */
static size_t label_length(const char *text) {
  size_t len = 0;
  while (lower_or_digit(text[len]) || text[len] == '-') len++;
  return len && text[0] != '-' && text[len - 1] != '-' ? len : 0;
}

bool lpod_dns_label(const char *text) {
  size_t len = text ? label_length(text) : 0;
  return len && len <= 63 && !text[len];
}

/* As the API server checks it: its labels are bounded by the whole alone. */
bool lpod_dns_subdomain(const char *text) {
  if (!text || strlen(text) > 253) return false;
  for (;;) {
    size_t len = label_length(text);
    if (!len) return false;
    text += len;
    if (!*text) return true;
    if (*text++ != '.') return false;
  }
}

/* ---- suggestions ---- */

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Insertions, deletions, substitutions and swaps of neighbours that make b of a; both at most WORD_MAX long. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len) {
  size_t rows[3][WORD_MAX + 1];
  size_t *older = rows[0], *old = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b_len; j++) old[j] = j;
  for (size_t i = 1; i <= a_len; i++) {
    row[0] = i;
    for (size_t j = 1; j <= b_len; j++) {
      row[j] = least(least(old[j], row[j - 1]) + 1, old[j - 1] + (a[i - 1] != b[j - 1]));
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = least(row[j], older[j - 2] + 1);
    }
    size_t *free_row = older;
    older = old;
    old = row;
    row = free_row;
  }
  return old[b_len];
}

const char *lpod_text_nearest(const char *word, const char *const *words, size_t count) {
  size_t len = strlen(word);
  if (len > WORD_MAX) return NULL;
  const char *nearest = NULL;
  size_t best = len / 3 + 1;
  for (size_t i = 0; i < count; i++) {
    size_t other = strlen(words[i]);
    if (other > WORD_MAX) continue;
    size_t distance = edit_distance(word, len, words[i], other);
    if (distance < best) {
      best = distance;
      nearest = words[i];
    }
  }
  return nearest;
}
