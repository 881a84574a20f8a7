/* Numbers and their text. The host may have set any locale, so strtod runs in the "C" one, and what snprintf took for
 * a decimal point becomes a dot. Most fractions need no strtod: a number up to 2^53, times or divided by a power of ten
 * up to 22, is one exact operation. */
#include "number.h"
#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__APPLE__)
#include <xlocale.h>
#endif

static double parse_in_c_locale(const char *text) {
  locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
  double number = plain ? strtod_l(text, NULL, plain) : strtod(text, NULL);
  if (plain) freelocale(plain);
  return number;
}

lpod_rc lpod_number_parse(const char *text, size_t len, double *out, lpod_error *err) {
  char few[128];
  char *copy = len < sizeof few ? few : malloc(len + 1);
  if (!copy) return lpod_nomem(err);
  memcpy(copy, text, len);
  copy[len] = '\0';
  *out = parse_in_c_locale(copy);
  if (copy != few) free(copy);
  return LPOD_OK;
}

size_t lpod_number_format(double number, char out[LPOD_NUMBER_TEXT]) {
  char raw[LPOD_NUMBER_TEXT + 16];
  size_t len = 0;
  for (int digits = 15; digits <= 17; digits++) {
    snprintf(raw, sizeof raw, "%.*g", digits, number);
    bool dot = false;
    len = 0;
    for (const char *from = raw; *from && len < LPOD_NUMBER_TEXT - 3; from++) {
      if ((*from >= '0' && *from <= '9') || *from == '-' || *from == '+' || *from == 'e') {
        out[len++] = *from;
        dot = false;
      } else if (!dot) { /* a decimal point of several bytes becomes one dot */
        out[len++] = '.';
        dot = true;
      }
    }
    out[len] = '\0';
    double back = parse_in_c_locale(out);
    if (!(back < number) && !(back > number)) break;
  }
  if (!strpbrk(out, ".e")) {
    memcpy(out + len, ".0", 3);
    len += 2;
  }
  return len;
}

/* ---- JSON's grammar ---- */

typedef struct scan {
  const char *text;
  size_t at, len;
  uint64_t digits; /* the significant ones as one number, while there are at most 19 */
  unsigned count;
} scan;

static char here(const scan *in) { return in->at < in->len ? in->text[in->at] : '\0'; }

/* A run of digits; how many. */
static size_t read_run(scan *in) {
  size_t start = in->at;
  for (char c; c = here(in), c >= '0' && c <= '9'; in->at++) {
    if (in->count || c != '0') in->count++;
    if (in->count <= 19) in->digits = in->digits * 10 + (uint64_t)(c - '0');
  }
  return in->at - start;
}

static lpod_rc bad(lpod_json_number *out, const scan *in, const char *expected) {
  out->bad_at = in->at;
  out->expected = expected;
  return LPOD_OK;
}

/* Its exponent as a number, held within what cannot matter any more. */
static int read_exponent(scan *in) {
  bool negative = here(in) == '-';
  if (negative || here(in) == '+') in->at++;
  int exponent = 0;
  for (char c; c = here(in), c >= '0' && c <= '9'; in->at++) {
    if (exponent < 100000) exponent = exponent * 10 + (c - '0');
  }
  return negative ? -exponent : exponent;
}

static bool exact_double(const scan *in, int64_t exponent, bool negative, double *out) {
  static const double TENS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
  if (FLT_EVAL_METHOD != 0 || in->count > 19 || in->digits > UINT64_C(1) << 53) return false;
  if (exponent < -22 || exponent > 22) return false;
  double number = (double)in->digits;
  number = exponent < 0 ? number / TENS[-exponent] : number * TENS[exponent];
  *out = negative ? -number : number;
  return true;
}

static lpod_rc read_integer(const scan *in, bool negative, lpod_json_number *out) {
  uint64_t limit = (uint64_t)INT64_MAX + negative;
  if (in->count > 19 || in->digits > limit) {
    out->expected = "an integer of 64 bits";
    return LPOD_OK;
  }
  out->integer = negative ? (int64_t)(~in->digits + 1) : (int64_t)in->digits;
  return LPOD_OK;
}

lpod_rc lpod_json_number_read(const char *text, size_t len, lpod_json_number *out, lpod_error *err) {
  scan in = {.text = text, .len = len};
  *out = (lpod_json_number){0};
  bool negative = here(&in) == '-';
  if (negative) in.at++;
  size_t first = in.at, whole = read_run(&in), fraction = 0;
  int exponent = 0;
  if (!whole) return bad(out, &in, "a digit");
  if (whole > 1 && text[first] == '0') {
    in.at = first + 1;
    return bad(out, &in, "no digit after a leading zero");
  }
  if (in.at == len) return read_integer(&in, negative, out);
  if (here(&in) == '.') {
    in.at++;
    fraction = read_run(&in);
    if (!fraction) return bad(out, &in, "a digit");
  }
  if (here(&in) == 'e' || here(&in) == 'E') {
    in.at++;
    size_t start = in.at + (here(&in) == '-' || here(&in) == '+');
    exponent = read_exponent(&in);
    if (in.at == start) return bad(out, &in, "a digit");
  }
  if (in.at < len) return bad(out, &in, "the end of the number");
  out->is_double = true;
  if (exact_double(&in, (int64_t)exponent - (int64_t)fraction, negative, &out->number)) return LPOD_OK;
  lpod_rc rc = lpod_number_parse(text, len, &out->number, err);
  if (!rc && !isfinite(out->number)) out->expected = "a number that fits a double";
  return rc;
}
