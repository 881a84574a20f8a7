/* Plain scalars. Reading follows kubectl's reader; writing is more careful and lets no text go unquoted that any reader
 * of YAML 1.1 or 1.2 might take for null, a boolean, a number, a date or a merge key. */
#include "yaml_scalar.h"
#include "../base/text.h"
#include "number.h"
#include <math.h>
#include <string.h>

static bool is_one_of(const char *text, size_t len, const char *const *words) {
  for (; *words; words++) {
    if (strlen(*words) == len && memcmp(*words, text, len) == 0) return true;
  }
  return false;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static unsigned digit_of(char c) {
  if (is_digit(c)) return (unsigned)(c - '0');
  if (c >= 'a' && c <= 'f') return (unsigned)(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return (unsigned)(c - 'A') + 10;
  return 99;
}

typedef enum outcome { NO_NUMBER, NUMBER, TOO_LARGE } outcome;

static outcome read_digits(const char *text, size_t len, unsigned base, bool negative, int64_t *out) {
  uint64_t limit = (uint64_t)INT64_MAX + negative, value = 0;
  bool large = false;
  if (!len) return NO_NUMBER;
  for (size_t i = 0; i < len; i++) {
    unsigned digit = digit_of(text[i]);
    if (digit >= base) return NO_NUMBER;
    if (large || value > (limit - digit) / base)
      large = true;
    else
      value = value * base + digit;
  }
  *out = negative ? (int64_t)(~value + 1) : (int64_t)value;
  return large ? TOO_LARGE : NUMBER;
}

/* 12, 0644, 0o644, 0xff, 0b1; a leading zero before an 8 or 9 does not make it octal. */
static outcome read_integer(const char *text, size_t len, int64_t *out) {
  bool negative = len && text[0] == '-';
  if (len && (text[0] == '-' || text[0] == '+')) text++, len--;
  if (len > 1 && text[0] == '0') {
    char kind = (char)(text[1] | 0x20);
    unsigned base = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
    if (base && !is_digit(text[1])) return read_digits(text + 2, len - 2, base, negative, out);
    outcome octal = read_digits(text, len, 8, negative, out);
    if (octal != NO_NUMBER) return octal;
  }
  return read_digits(text, len, 10, negative, out);
}

static bool is_float(const char *text, size_t len) {
  size_t at = len && (text[0] == '-' || text[0] == '+'), whole = 0, fraction = 0;
  for (; at < len && is_digit(text[at]); at++) whole++;
  if (at < len && text[at] == '.') {
    for (at++; at < len && is_digit(text[at]); at++) fraction++;
  }
  if (!whole && !fraction) return false;
  if (at < len && (text[at] == 'e' || text[at] == 'E')) {
    at++;
    at += at < len && (text[at] == '-' || text[at] == '+');
    size_t start = at;
    while (at < len && is_digit(text[at])) at++;
    if (at == start) return false;
  }
  return at == len;
}

static lpod_rc resolve_number(const char *text, size_t len, lpod_value *value, lpod_error *err) {
  switch (read_integer(text, len, &value->as.integer)) {
  case NUMBER: value->type = LPOD_INT; return LPOD_OK;
  case TOO_LARGE: return lpod_fail(err, LPOD_E_PARSE, "found a larger number, expected an integer of 64 bits");
  case NO_NUMBER: break;
  }
  if (!is_float(text, len)) return LPOD_OK;
  lpod_rc rc = lpod_number_parse(text, len, &value->as.number, err);
  if (rc) return rc;
  if (!isfinite(value->as.number)) {
    return lpod_fail(err, LPOD_E_PARSE, "found a larger number, expected one that fits a double");
  }
  value->type = LPOD_DOUBLE;
  return LPOD_OK;
}

lpod_rc lpod_yaml_resolve(const char *text, size_t len, lpod_value *value, lpod_error *err) {
  static const char *const NULLS[] = {"", "~", "null", "Null", "NULL", NULL};
  static const char *const TRUES[] = {"true", "True", "TRUE", NULL};
  static const char *const FALSES[] = {"false", "False", "FALSE", NULL};
  static const char *const ENDLESS[] = {".inf",  ".Inf",  ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
                                        "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN",  NULL};
  value->type = LPOD_STRING;
  if (is_one_of(text, len, NULLS)) {
    value->type = LPOD_NULL;
  } else if (is_one_of(text, len, TRUES) || is_one_of(text, len, FALSES)) {
    value->type = LPOD_BOOL;
    value->boolean = (text[0] | 0x20) == 't';
  } else if (is_one_of(text, len, ENDLESS)) {
    return lpod_fail(err, LPOD_E_PARSE, "found %.*s, expected a finite number (or quotes around a text)", (int)len,
                     text);
  } else if (is_digit(text[0]) || text[0] == '.' || ((text[0] == '-' || text[0] == '+') && len > 1)) {
    char digits[128]; /* longer numbers mean nothing; without the underscores that group digits */
    size_t count = 0;
    for (size_t i = 0; i < len && count < sizeof digits; i++) {
      if (text[i] != '_') digits[count++] = text[i];
    }
    if (count && count < sizeof digits && digits[0] != '_') return resolve_number(digits, count, value, err);
  }
  return LPOD_OK;
}

bool lpod_yaml_ambiguous(const char *text, size_t len) {
  static const char *const WORDS[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", NULL};
  char word[8];
  if (!len) return true;
  if (strchr("+-.0123456789", text[0])) { /* all that numbers and dates of any YAML consist of */
    size_t at = 0;
    while (at < len && text[at] && strchr("+-.:_0123456789abcdefABCDEFoOxXtTzZnNiI ", text[at])) at++;
    return at == len;
  }
  if (len < sizeof word) {
    for (size_t i = 0; i < len; i++) word[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
    if (is_one_of(word, len, WORDS)) return true;
  }
  return (len == 1 && (text[0] == '~' || text[0] == '=')) || (len == 2 && memcmp(text, "<<", 2) == 0);
}
