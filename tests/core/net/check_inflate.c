/* lpod_inflate: several members are one body (T6); what is damaged, cut or no gzip is an error, never a shorter body
 * (X10); the same however the bytes are split. Pure. */
#include "base/buf.h"
#include "net/inflate.h"
#include "suite.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static void add_member(lpod_buf *body, const char *text, size_t len) {
  z_stream stream = {0};
  char out[4096];
  ck_assert_int_eq(deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = (unsigned char *)(uintptr_t)text;
  stream.avail_in = (unsigned)len;
  int code;
  do {
    stream.next_out = (unsigned char *)out;
    stream.avail_out = sizeof out;
    code = deflate(&stream, Z_FINISH);
    ck_assert_int_eq(lpod_buf_add(body, out, sizeof out - stream.avail_out, NULL), LPOD_OK);
  } while (code == Z_OK || code == Z_BUF_ERROR);
  ck_assert_int_eq(code, Z_STREAM_END);
  deflateEnd(&stream);
}

static bool collect(void *arg, const char *data, size_t len) {
  ck_assert_uint_gt(len, 0);
  return lpod_buf_add(arg, data, len, NULL) == LPOD_OK;
}

/* The whole body in chunks of so many bytes. */
static lpod_rc run(const char *data, size_t len, size_t chunk, lpod_buf *out, lpod_error *err) {
  lpod_rc rc = LPOD_OK;
  lpod_inflate *it = lpod_inflate_new(err);
  ck_assert_ptr_nonnull(it);
  for (size_t at = 0; !rc && at < len; at += chunk)
    rc = lpod_inflate_feed(it, data + at, len - at < chunk ? len - at : chunk, collect, out, err);
  if (!rc) rc = lpod_inflate_end(it, err);
  lpod_inflate_free(it);
  return rc;
}

static const size_t chunks[] = {1, 2, 7, 1000, 1u << 20};
#define EACH_CHUNK(i) size_t i = 0; i < sizeof chunks / sizeof *chunks; i++

START_TEST(members_are_joined_T6) {
  char text[100000];
  for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i * i % 23);
  lpod_buf body = LPOD_BUF_INIT(1u << 20);
  add_member(&body, text, 10);
  add_member(&body, "", 0);
  add_member(&body, text + 10, sizeof text - 11);
  add_member(&body, text + sizeof text - 1, 1);
  for (EACH_CHUNK(i)) {
    lpod_buf out = LPOD_BUF_INIT(sizeof text);
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert_msg(run(body.data, body.len, chunks[i], &out, &err) == LPOD_OK, "%s", err.text);
    ck_assert_uint_eq(out.len, sizeof text);
    ck_assert(memcmp(out.data, text, sizeof text) == 0);
    lpod_buf_free(&out);
  }
  lpod_buf none = LPOD_BUF_INIT(1);
  ck_assert_int_eq(run("", 0, 1, &none, NULL), LPOD_OK); /* no body at all */
  lpod_buf_free(&body);
}
END_TEST

/* A stream says what it has at once, and a member's end within a chunk keeps nothing back. */
START_TEST(what_came_is_told_at_once_T6) {
  lpod_buf body = LPOD_BUF_INIT(4096), out = LPOD_BUF_INIT(4096);
  add_member(&body, "first ", 6);
  size_t first = body.len;
  add_member(&body, "second", 6);
  lpod_inflate *it = lpod_inflate_new(NULL);
  ck_assert_int_eq(lpod_inflate_feed(it, body.data, first - 8, collect, &out, NULL), LPOD_OK);
  ck_assert_str_eq(out.data, "first ");
  ck_assert_int_eq(lpod_inflate_end(it, NULL), LPOD_E_PARSE); /* its checksum has not come */
  ck_assert_int_eq(lpod_inflate_feed(it, body.data + first - 8, 8, collect, &out, NULL), LPOD_OK);
  ck_assert_int_eq(lpod_inflate_end(it, NULL), LPOD_OK);
  ck_assert_int_eq(lpod_inflate_feed(it, body.data + first, body.len - first, collect, &out, NULL), LPOD_OK);
  ck_assert_str_eq(out.data, "first second");
  lpod_inflate_free(it);
  lpod_buf_free(&body);
  lpod_buf_free(&out);
}
END_TEST

static void expect_damage(const char *data, size_t len, const char *word) {
  for (EACH_CHUNK(i)) {
    lpod_buf out = LPOD_BUF_INIT(4096);
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert_int_eq(run(data, len, chunks[i], &out, &err), LPOD_E_PARSE);
    ck_assert_msg(strstr(err.text, word) != NULL, "%s", err.text);
    ck_assert_str_eq(err.reason, "Compression");
    ck_assert(err.retryable);
    lpod_buf_free(&out);
  }
}

START_TEST(damage_is_an_error_X10) {
  lpod_buf body = LPOD_BUF_INIT(4096);
  add_member(&body, "first ", 6);
  size_t first = body.len;
  add_member(&body, "second", 6);
  for (size_t len = 1; len < body.len; len++)
    if (len != first) expect_damage(body.data, len, "ends too soon");
  body.data[first - 5] ^= 1;
  expect_damage(body.data, body.len, "data check");
  body.data[first - 5] ^= 1;
  body.data[first - 1] ^= 1;
  expect_damage(body.data, body.len, "length check");
  body.data[first - 1] ^= 1;
  body.data[first] ^= 1;
  expect_damage(body.data, body.len, "header check");
  expect_damage("not gzip at all", 15, "header check");
  expect_damage("{}", 2, "header check");
  lpod_buf_free(&body);
}
END_TEST

/* A body that inflates a thousandfold goes no further than its reader lets it, and keeps none of it. */
START_TEST(its_reader_is_the_ceiling) {
  char *zeros = calloc(1, 8u << 20);
  lpod_buf body = LPOD_BUF_INIT(1u << 20), out = LPOD_BUF_INIT(100000);
  add_member(&body, zeros, 8u << 20);
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_int_eq(run(body.data, body.len, body.len, &out, &err), LPOD_E_CANCELLED);
  ck_assert_int_eq(err.rc, LPOD_OK); /* left to the reader */
  ck_assert_uint_gt(out.len, 80000);
  lpod_buf_free(&body);
  lpod_buf_free(&out);
  free(zeros);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("inflate");
  TCase *tests = tcase_create("core");
  tcase_add_test(tests, members_are_joined_T6);
  tcase_add_test(tests, what_came_is_told_at_once_T6);
  tcase_add_test(tests, damage_is_an_error_X10);
  tcase_add_test(tests, its_reader_is_the_ceiling);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
