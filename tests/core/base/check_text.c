/* Text, UTF-8 (LOG-6), encodings (K9, R2, EX1), time stamps (L3, X67) and names (R2). */
#include "base/clock.h"
#include "base/text.h"
#include "suite.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(copies_and_comparisons) {
  ck_assert_ptr_null(lpod_text_copy(NULL));
  char *text = lpod_text_copy("abc");
  ck_assert_str_eq(text, "abc");
  free(text);
  text = lpod_text_copy_len("a\0bc", 3);
  ck_assert_mem_eq(text, "a\0b", 4);
  free(text);
  text = lpod_text_format("%s-%d", "x", 5);
  ck_assert_str_eq(text, "x-5");
  free(text);
  ck_assert(lpod_text_starts("abc", "ab") && lpod_text_starts("abc", "") && !lpod_text_starts("a", "ab"));
  ck_assert(lpod_text_ends("abc", "bc") && lpod_text_ends("abc", "") && !lpod_text_ends("c", "bc"));
  ck_assert(lpod_text_same("Content-Type", "content-tYPE") && !lpod_text_same("a", "ab") && !lpod_text_same("ab", "a"));
  ck_assert(!lpod_text_same("[", "{") && lpod_text_same("", ""));
}
END_TEST

START_TEST(integers_are_whole_texts) {
  ck_assert_int_eq(lpod_text_int("0", 9), 0);
  ck_assert_int_eq(lpod_text_int("-17", 9), -17);
  ck_assert_int_eq(lpod_text_int("9223372036854775807", 9), INT64_MAX);
  ck_assert_int_eq(lpod_text_int("-9223372036854775808", 9), INT64_MIN);
  static const char *const OTHER[] = {
      "", "-", "+1", " 1", "1 ", "1.0", "0x1", "9223372036854775808", "-9223372036854775809", "99999999999999999999",
      "a"};
  for (size_t i = 0; i < sizeof OTHER / sizeof *OTHER; i++) ck_assert_int_eq(lpod_text_int(OTHER[i], 9), 9);
  ck_assert_int_eq(lpod_text_int(NULL, 9), 9);
}
END_TEST

typedef struct utf8_case {
  const char *text, *escaped;
} utf8_case;

START_TEST(LOG6_utf8_is_checked_and_escaped) {
  static const utf8_case CASES[] = {
      {"plain", "plain"},
      {"\xC3\xA9", "\xC3\xA9"},
      {"a\xE2\x82\xAC"
       "b",
       "a\xE2\x82\xAC"
       "b"},
      {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
      {"\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF"},
      {"\xEF\xBF\xBF", "\xEF\xBF\xBF"},
      {"\xFF", "\\xff"},
      {"ok\x80"
       "12345678\xC3",
       "ok\\x8012345678\\xc3"},
      {"\xC0\x80", "\\xc0\\x80"}, /* overlong */
      {"\xC1\xBF", "\\xc1\\xbf"},
      {"\xE0\x9F\xBF", "\\xe0\\x9f\\xbf"},
      {"\xF0\x8F\xBF\xBF", "\\xf0\\x8f\\xbf\\xbf"},
      {"\xED\xA0\x80", "\\xed\\xa0\\x80"},          /* a surrogate */
      {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
      {"\xF5\x80\x80\x80", "\\xf5\\x80\\x80\\x80"},
      {"\xE2\x82", "\\xe2\\x82"},
      {"\xE2\x28\xA1", "\\xe2(\\xa1"},
      {"", ""},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    lpod_buf out = LPOD_BUF_INIT(100);
    size_t len = strlen(CASES[i].text);
    ck_assert_int_eq(lpod_utf8_escape(&out, CASES[i].text, len, NULL), LPOD_OK);
    ck_assert_str_eq(out.data ? out.data : "", CASES[i].escaped);
    ck_assert(lpod_utf8_valid(CASES[i].text, len) == (strcmp(CASES[i].text, CASES[i].escaped) == 0));
    lpod_buf_free(&out);
  }
  lpod_buf out = LPOD_BUF_INIT(6);
  lpod_buf_adds(&out, "ab", NULL);
  ck_assert_int_eq(lpod_utf8_escape(&out, "c\xFF\xFF", 3, NULL), LPOD_E_LIMIT);
  ck_assert_str_eq(out.data, "ab");
  lpod_buf_free(&out);
}
END_TEST

START_TEST(K9_base64_there_and_back) {
  static const char *const PAIRS[][2] = {{"", ""},        {"f", "Zg=="},        {"fo", "Zm8="},
                                         {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"\xFB\xFF\xBF", "+/+/"}};
  for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
    lpod_buf text = LPOD_BUF_INIT(strlen(PAIRS[i][1])), data = LPOD_BUF_INIT(strlen(PAIRS[i][0])); /* exact ceilings */
    ck_assert_int_eq(lpod_base64_encode(&text, PAIRS[i][0], strlen(PAIRS[i][0]), NULL), LPOD_OK);
    ck_assert_str_eq(text.data, PAIRS[i][1]);
    ck_assert_int_eq(lpod_base64_decode(&data, PAIRS[i][1], strlen(PAIRS[i][1]), NULL), LPOD_OK);
    ck_assert_str_eq(data.data, PAIRS[i][0]);
    lpod_buf_free(&text);
    lpod_buf_free(&data);
  }
  unsigned char bytes[256];
  for (int i = 0; i < 256; i++) bytes[i] = (unsigned char)i;
  for (size_t len = 0; len <= 256; len++) {
    lpod_buf text = LPOD_BUF_INIT(1000), data = LPOD_BUF_INIT(1000);
    lpod_base64_encode(&text, bytes, len, NULL);
    ck_assert_int_eq(lpod_base64_decode(&data, text.data, text.len, NULL), LPOD_OK);
    ck_assert_uint_eq(data.len, len);
    if (len) ck_assert_mem_eq(data.data, bytes, len);
    lpod_buf_free(&text);
    lpod_buf_free(&data);
  }
}
END_TEST

START_TEST(K9_base64_refuses_and_never_repeats) {
  static const char *const BAD[] = {"Z",        "Zg",   "Zg=",  "Zg===", "=",      "====",   "Zm9v=",
                                    "Zg==Zg==", "Zm-v", "Zm_v", "Z=g=",  "secre!", "Zm9vYg", "\x80\x80\x80\x80"};
  for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
    lpod_buf out = LPOD_BUF_INIT(100);
    lpod_error err = LPOD_ERROR_INIT;
    lpod_buf_adds(&out, "kept", NULL);
    ck_assert_int_eq(lpod_base64_decode(&out, BAD[i], strlen(BAD[i]), &err), LPOD_E_PARSE);
    ck_assert_str_eq(out.data, "kept");
    ck_assert_ptr_null(strstr(err.text, "secre"));
    lpod_buf_free(&out);
  }
  lpod_buf out = LPOD_BUF_INIT(100);
  ck_assert_int_eq(lpod_base64_decode(&out, " Zm\n9v\r\n\tYg = =\n", 16, NULL), LPOD_OK);
  ck_assert_str_eq(out.data, "foob");
  lpod_buf_free(&out);
}
END_TEST

START_TEST(EX1_url_escape_leaves_only_unreserved) {
  lpod_buf out = LPOD_BUF_INIT(1000);
  lpod_url_escape(&out, "aZ09-._~ /?&=+%\xC3\xA9\0\n", 19, NULL);
  ck_assert_str_eq(out.data, "aZ09-._~%20%2F%3F%26%3D%2B%25%C3%A9%00%0A");
  lpod_buf_free(&out);
}
END_TEST

START_TEST(digests) {
  char sha[LPOD_SHA256_HEX], md5[LPOD_MD5_HEX];
  lpod_sha256_hex("abc", 3, sha);
  ck_assert_str_eq(sha, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  lpod_sha256_hex("", 0, sha);
  ck_assert_str_eq(sha, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  lpod_md5_hex("abc", 3, md5);
  ck_assert_str_eq(md5, "900150983cd24fb0d6963f7d28e17f72");
}
END_TEST

typedef struct time_case {
  const char *text, *formatted;
} time_case;

START_TEST(L3_X67_times_are_parsed_not_sliced) {
  static const time_case CASES[] = {
      {"1970-01-01T00:00:00Z", "1970-01-01T00:00:00.000000000Z"},
      {"2024-02-29T23:59:59.5Z", "2024-02-29T23:59:59.500000000Z"},
      {"2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000000000Z"},
      {"2024-11-03T08:15:30.123456789Z", "2024-11-03T08:15:30.123456789Z"},
      {"2024-11-03T08:15:30.123456789999Z", "2024-11-03T08:15:30.123456789Z"},
      {"2024-11-03T08:15:30.000000001Z", "2024-11-03T08:15:30.000000001Z"},
      {"2024-11-03T10:15:30+02:00", "2024-11-03T08:15:30.000000000Z"},
      {"2024-11-03T00:15:30-08:30", "2024-11-03T08:45:30.000000000Z"},
      {"2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000000000Z"},
      {"2024-11-03t08:15:30z", "2024-11-03T08:15:30.000000000Z"},
      {"1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.250000000Z"},
      {"2262-04-11T23:47:15Z", "2262-04-11T23:47:15.000000000Z"},
      {"0001-01-01T00:00:00Z", "1677-09-21T00:12:43.145224192Z"}, /* the earliest there is */
      {"9999-12-31T23:59:59Z", "2262-04-11T23:47:16.854775807Z"},
  };
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    int64_t ns;
    size_t used;
    char text[100], formatted[LPOD_TIME_TEXT];
    snprintf(text, sizeof text, "%s rest", CASES[i].text);
    ck_assert_msg(lpod_time_parse(text, strlen(text), &ns, &used), "%s", text);
    ck_assert_uint_eq(used, strlen(CASES[i].text));
    lpod_time_format(ns, 9, formatted);
    ck_assert_str_eq(formatted, CASES[i].formatted);
    for (size_t len = 0; len < used; len++) { /* no part of a stamp is one */
      ck_assert(!lpod_time_parse(text, len, &ns, NULL));
    }
  }
  char formatted[LPOD_TIME_TEXT];
  lpod_time_format(INT64_C(1700000000123456789), 0, formatted);
  ck_assert_str_eq(formatted, "2023-11-14T22:13:20Z");
  lpod_time_format(INT64_C(1700000000123456789), 6, formatted);
  ck_assert_str_eq(formatted, "2023-11-14T22:13:20.123456Z");
}
END_TEST

START_TEST(X67_wrong_times_are_refused) {
  static const char *const BAD[] = {"0000-01-01T00:00:00Z",
                                    "2023-02-29T00:00:00Z",
                                    "1900-02-29T00:00:00Z",
                                    "2024-13-01T00:00:00Z",
                                    "2024-00-01T00:00:00Z",
                                    "2024-04-31T00:00:00Z",
                                    "2024-04-00T00:00:00Z",
                                    "2024-01-01T24:00:00Z",
                                    "2024-01-01T00:60:00Z",
                                    "2024-01-01T00:00:61Z",
                                    "2024-01-01 00:00:00Z",
                                    "2024-01-01T00:00:00.Z",
                                    "2024-01-01T00:00:00+2:00",
                                    "2024-01-01T00:00:00+24:00",
                                    "2024-01-01T00:00:00",
                                    "24-01-01T00:00:00Z",
                                    "null",
                                    ""};
  int64_t ns;
  for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
    ck_assert_msg(!lpod_time_parse(BAD[i], strlen(BAD[i]), &ns, NULL), "%s", BAD[i]);
  }
}
END_TEST

START_TEST(times_round_trip_on_every_day) {
  for (int64_t day = -100000; day < 100000; day += 13) {
    int64_t ns = (day * 86400 + day % 86400) * LPOD_NS_PER_S + 7, back;
    char text[LPOD_TIME_TEXT];
    lpod_time_format(ns, 9, text);
    ck_assert(lpod_time_parse(text, strlen(text), &back, NULL));
    ck_assert_int_eq(back, ns);
  }
}
END_TEST

START_TEST(R2_dns_names) {
  char label[65], subdomain[300];
  memset(label, 'a', 64);
  label[64] = '\0';
  memset(subdomain, 'a', 254);
  subdomain[254] = '\0';
  ck_assert(!lpod_dns_label(label) && lpod_dns_label(label + 1));
  ck_assert(!lpod_dns_subdomain(subdomain) && lpod_dns_subdomain(subdomain + 1));
  static const char *const GOOD[] = {"a", "0", "a-b", "a1", "1a", "x--y"};
  for (size_t i = 0; i < sizeof GOOD / sizeof *GOOD; i++) {
    ck_assert(lpod_dns_label(GOOD[i]) && lpod_dns_subdomain(GOOD[i]));
  }
  static const char *const BAD[] = {"", "-", "-a", "a-", "A", "a_b", "a/b", "a b", "..", ".", "\xC3\xA9", "a%2fb"};
  for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
    ck_assert(!lpod_dns_label(BAD[i]) && !lpod_dns_subdomain(BAD[i]));
  }
  ck_assert(!lpod_dns_label("a.b") && lpod_dns_subdomain("a.b") && lpod_dns_subdomain("a-1.b.c9"));
  ck_assert(!lpod_dns_subdomain("a..b") && !lpod_dns_subdomain("a.") && !lpod_dns_subdomain(".a"));
  ck_assert(!lpod_dns_subdomain("a-.b") && !lpod_dns_subdomain("a.-b"));
  ck_assert(!lpod_dns_label(NULL) && !lpod_dns_subdomain(NULL));
}
END_TEST

START_TEST(nearest_word) {
  static const char *const WORDS[] = {"namespace", "image", "task_id", "arguments", "cmds"};
  ck_assert_str_eq(lpod_text_nearest("namepsace", WORDS, 5), "namespace"); /* a swap is one edit */
  ck_assert_str_eq(lpod_text_nearest("imgae", WORDS, 5), "image");
  ck_assert_str_eq(lpod_text_nearest("argments", WORDS, 5), "arguments");
  ck_assert_str_eq(lpod_text_nearest("cmd", WORDS, 5), "cmds");
  ck_assert_str_eq(lpod_text_nearest("image", WORDS, 5), "image");
  ck_assert_ptr_null(lpod_text_nearest("volume", WORDS, 5));
  ck_assert_ptr_null(lpod_text_nearest("im", WORDS, 5));
  ck_assert_ptr_null(lpod_text_nearest("", WORDS, 5));
  char longer[200];
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  ck_assert_ptr_null(lpod_text_nearest(longer, WORDS, 5));
}
END_TEST

int main(void) {
  Suite *suite = suite_create("text");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, copies_and_comparisons);
  tcase_add_test(cases, integers_are_whole_texts);
  tcase_add_test(cases, LOG6_utf8_is_checked_and_escaped);
  tcase_add_test(cases, K9_base64_there_and_back);
  tcase_add_test(cases, K9_base64_refuses_and_never_repeats);
  tcase_add_test(cases, EX1_url_escape_leaves_only_unreserved);
  tcase_add_test(cases, digests);
  tcase_add_test(cases, L3_X67_times_are_parsed_not_sliced);
  tcase_add_test(cases, X67_wrong_times_are_refused);
  tcase_add_test(cases, times_round_trip_on_every_day);
  tcase_add_test(cases, R2_dns_names);
  tcase_add_test(cases, nearest_word);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
