/* Errors and buffers: one line of bounded text, a ceiling that changes nothing when it is hit. */
#include "base/buf.h"
#include "suite.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(error_fill_wrap_and_clear) {
  lpod_error err = LPOD_ERROR_INIT;
  err.code = 404;
  err.retryable = true;
  ck_assert_int_eq(lpod_fail(&err, LPOD_E_PARSE, "%s:%d: odd", "file", 3), LPOD_E_PARSE);
  ck_assert_str_eq(err.text, "file:3: odd");
  ck_assert_int_eq(err.code, 0);
  ck_assert(!err.retryable);
  ck_assert(err.retry_after < 0);
  ck_assert_int_eq(lpod_wrap(&err, "reading %s", "kubeconfig"), LPOD_E_PARSE);
  ck_assert_str_eq(err.text, "reading kubeconfig: file:3: odd");
  lpod_fail(&err, LPOD_E_IO, "again: %s", err.text); /* its own text as an argument */
  ck_assert_str_eq(err.text, "again: reading kubeconfig: file:3: odd");
  lpod_fail(&err, LPOD_E_IO, "two\nlines\r");
  ck_assert_str_eq(err.text, "two lines ");
  lpod_error_clear(&err);
  ck_assert_int_eq(err.rc, LPOD_OK);
  ck_assert_str_eq(err.text, "");
  ck_assert_int_eq(lpod_fail(NULL, LPOD_E_IO, "nobody listens"), LPOD_E_IO);
  ck_assert_int_eq(lpod_wrap(NULL, "nobody"), LPOD_E_USAGE);
  ck_assert_int_eq(lpod_nomem(&err), LPOD_E_NOMEM);
  ck_assert_str_eq(lpod_rc_name(LPOD_E_NOMEM), "NOMEM");
  ck_assert_str_eq(lpod_rc_name(LPOD_OK), "OK");
  ck_assert_str_eq(lpod_rc_name(LPOD_E_TASK), "TASK");
}
END_TEST

START_TEST(error_long_text_ends_in_an_ellipsis) {
  lpod_error err = LPOD_ERROR_INIT;
  char text[3001];
  for (size_t i = 0; i < 3000; i += 3) memcpy(text + i, "\xE2\x82\xAC", 3);
  text[3000] = '\0';
  for (size_t shift = 0; shift < 4; shift++) {
    lpod_fail(&err, LPOD_E_IO, "%.*s%s", (int)shift, "xxx", text);
    size_t len = strlen(err.text);
    ck_assert_uint_le(len, sizeof err.text - 1);
    ck_assert_uint_ge(len, sizeof err.text - 4);
    ck_assert_uint_eq((len - shift) % 3, 0); /* cut between characters */
    ck_assert_str_eq(err.text + len - 3, "\xE2\x80\xA6");
  }
  lpod_fail(&err, LPOD_E_IO, "%s", text);
  for (int i = 0; i < 400; i++) lpod_wrap(&err, "outer");
  ck_assert_uint_le(strlen(err.text), sizeof err.text - 1);
  lpod_wrap(&err, "%s", text);
  ck_assert_str_eq(err.text + strlen(err.text) - 3, "\xE2\x80\xA6");
}
END_TEST

START_TEST(buf_grows_and_stays_closed) {
  lpod_buf buf = LPOD_BUF_INIT(1000);
  for (int i = 0; i < 100; i++) ck_assert_int_eq(lpod_buf_add(&buf, "0123456789", 10, NULL), LPOD_OK);
  ck_assert_uint_eq(buf.len, 1000);
  ck_assert_int_eq(buf.data[1000], '\0');
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_int_eq(lpod_buf_addc(&buf, 'x', &err), LPOD_E_LIMIT);
  ck_assert_str_eq(err.text, "larger than the limit of 1000 bytes");
  ck_assert_int_eq(lpod_buf_add(&buf, "x", SIZE_MAX, &err), LPOD_E_LIMIT);
  ck_assert_uint_eq(buf.len, 1000);
  lpod_buf_drop(&buf, 995);
  ck_assert_str_eq(buf.data, "56789");
  ck_assert_int_eq(lpod_buf_addf(&buf, NULL, "-%d-%s", 7, "x"), LPOD_OK);
  ck_assert_str_eq(buf.data, "56789-7-x");
  lpod_buf_drop(&buf, 100);
  ck_assert_uint_eq(buf.len, 0);
  ck_assert_str_eq(buf.data, "");
  lpod_buf_free(&buf);
  ck_assert_uint_eq(buf.ceiling, 1000);
}
END_TEST

START_TEST(buf_ceiling_zero_and_formats) {
  lpod_buf buf = LPOD_BUF_INIT(0);
  ck_assert_int_eq(lpod_buf_adds(&buf, "", NULL), LPOD_OK);
  ck_assert_int_eq(lpod_buf_adds(&buf, "x", NULL), LPOD_E_LIMIT);
  lpod_buf_free(&buf);
  lpod_buf_init(&buf, 5);
  ck_assert_int_eq(lpod_buf_addf(&buf, NULL, "%d", 12345), LPOD_OK);
  ck_assert_int_eq(lpod_buf_addf(&buf, NULL, "%d", 6), LPOD_E_LIMIT);
  ck_assert_str_eq(buf.data, "12345");
  lpod_buf_clear(&buf);
  ck_assert_str_eq(buf.data, "");
  lpod_buf_wipe(&buf);
  ck_assert_ptr_null(buf.data);
}
END_TEST

START_TEST(buf_take_hands_over) {
  lpod_buf buf = LPOD_BUF_INIT(100);
  size_t len = 9;
  char *text = lpod_buf_take(&buf, &len);
  ck_assert_str_eq(text, "");
  ck_assert_uint_eq(len, 0);
  free(text);
  lpod_buf_add(&buf, "a\0b", 3, NULL);
  text = lpod_buf_take(&buf, &len);
  ck_assert_uint_eq(len, 3);
  ck_assert_mem_eq(text, "a\0b", 4);
  ck_assert_ptr_null(buf.data);
  free(text);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("buf");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, error_fill_wrap_and_clear);
  tcase_add_test(cases, error_long_text_ends_in_an_ellipsis);
  tcase_add_test(cases, buf_grows_and_stays_closed);
  tcase_add_test(cases, buf_ceiling_zero_and_formats);
  tcase_add_test(cases, buf_take_hands_over);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
