/* Doubles and their decimal text, the same in every locale. */
#ifndef LPOD_DATA_NUMBER_H
#define LPOD_DATA_NUMBER_H

#include <lunapod/error.h>
#include <stdint.h>

#define LPOD_NUMBER_TEXT 32

/* The nearest double of digits with optional sign, fraction and exponent (nothing else may be in text). Too large for
 * a double: *out is infinite. Only LPOD_E_NOMEM can happen. */
lpod_rc lpod_number_parse(const char *text, size_t len, double *out, lpod_error *err);
/* The shortest text that reads back as this finite number, never mistaken for an integer. Returns its length. */
size_t lpod_number_format(double number, char out[LPOD_NUMBER_TEXT]);

/* A number of JSON's grammar. */
typedef struct lpod_json_number {
  bool is_double;
  int64_t integer;
  double number;
  size_t bad_at;        /* where it went wrong ... */
  const char *expected; /* ... and what should be there; NULL when all is well */
} lpod_json_number;
/* text holds all there is of digits, signs, dots and e or E. Only LPOD_E_NOMEM is an error; see `expected`. */
lpod_rc lpod_json_number_read(const char *text, size_t len, lpod_json_number *out, lpod_error *err);

#endif
