/* The JSON reader and writer: known difficult texts, each read whole, split at every byte and byte by byte (X07, W16);
 * exact numbers and ceilings (T9); list items (W14); what is written reads back. */
#include "base/limits.h"
#include "json_cases.h"
#include "values.h"
#include "suite.h"
#include <locale.h>

/* ---- reading with splits ---- */

typedef struct answer {
  lpod_rc rc;
  char *text; /* canonical, or the error's */
} answer;

/* Read len bytes in chunks that end at the given offsets. Each chunk is a copy, so that reading past it is seen. */
static answer read_chunks(const char *text, size_t len, const size_t *ends, size_t count) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_json_reader *reader = lpod_json_reader_new(NULL);
  lpod_doc *whole = NULL;
  lpod_rc rc = LPOD_OK;
  size_t at = 0;
  for (size_t i = 0; i <= count && !rc; i++) {
    size_t end = i < count ? ends[i] : len, size = end - at;
    char *chunk = malloc(size ? size : 1);
    memcpy(chunk, text + at, size);
    for (size_t done = 0; done < size && !rc;) {
      lpod_doc *doc;
      size_t used;
      rc = lpod_json_reader_feed(reader, chunk + done, size - done, &used, &doc, NULL, &err);
      done += used;
      if (!rc && !doc) ck_assert_uint_eq(done, size);
      if (doc) {
        ck_assert_ptr_null(whole);
        whole = doc;
      }
    }
    free(chunk);
    at = end;
  }
  if (!rc) {
    lpod_doc *doc;
    rc = lpod_json_reader_end(reader, &doc, &err);
    if (doc) {
      ck_assert_ptr_null(whole);
      whole = doc;
    }
  }
  answer out = {rc, NULL};
  if (rc) {
    lpod_error again = LPOD_ERROR_INIT;
    lpod_doc *doc;
    size_t used;
    ck_assert_int_eq(lpod_json_reader_feed(reader, "1", 1, &used, &doc, NULL, &again), rc); /* only repeats it */
    ck_assert_str_eq(again.text, err.text);
    out.text = strdup(err.text);
  } else {
    ck_assert_ptr_nonnull(whole);
    out.text = to_json(lpod_doc_root(whole));
  }
  lpod_doc_free(whole);
  lpod_json_reader_free(reader);
  return out;
}

static void same_however_split(const char *name, const char *text, size_t len) {
  answer whole = read_chunks(text, len, NULL, 0);
  for (size_t cut = 0; cut <= len; cut++) {
    answer split = read_chunks(text, len, &cut, 1);
    ck_assert_msg(split.rc == whole.rc && strcmp(split.text, whole.text) == 0, "%s cut at %zu: %s, whole: %s", name,
                  cut, split.text, whole.text);
    free(split.text);
  }
  size_t *ends = malloc((len + 1) * sizeof *ends);
  for (size_t i = 0; i < len; i++) ends[i] = i + 1;
  answer bytes = read_chunks(text, len, ends, len);
  ck_assert_msg(bytes.rc == whole.rc && strcmp(bytes.text, whole.text) == 0, "%s byte by byte: %s, whole: %s", name,
                bytes.text, whole.text);
  free(bytes.text);
  free(ends);
  free(whole.text);
}

START_TEST(cases_are_answered_as_decided) {
  const json_case *test = &JSON_CASES[_i];
  lpod_doc *doc;
  lpod_error err = LPOD_ERROR_INIT;
  char *text = malloc(test->len ? test->len : 1); /* exactly as long, so that reading past it is seen */
  memcpy(text, test->text, test->len);
  lpod_rc rc = lpod_json_parse(text, test->len, &doc, &err);
  free(text);
  ck_assert_msg(rc == (test->accept ? LPOD_OK : LPOD_E_PARSE), "%s: %s", test->name, err.text);
  if (rc) {
    ck_assert_ptr_null(doc);
    ck_assert_msg(strncmp(err.text, "line ", 5) == 0, "%s: %s", test->name, err.text);
    return;
  }
  char *once = to_json(lpod_doc_root(doc)); /* canonical: it reads back as itself */
  lpod_doc *back;
  ck_assert_int_eq(lpod_json_parse(once, strlen(once), &back, &err), LPOD_OK);
  ck_assert(lpod_value_equal(lpod_doc_root(doc), lpod_doc_root(back)));
  char *twice = to_json(lpod_doc_root(back));
  ck_assert_str_eq(once, twice);
  free(once);
  free(twice);
  lpod_doc_free(doc);
  lpod_doc_free(back);
}
END_TEST

START_TEST(X07_cases_are_the_same_however_split) {
  same_however_split(JSON_CASES[_i].name, JSON_CASES[_i].text, JSON_CASES[_i].len);
}
END_TEST

START_TEST(X07_random_documents_are_the_same_however_split) {
  for (int i = 0; i < 150; i++) {
    lpod_doc *doc = lpod_doc_new(0);
    char *text = to_json(random_value(doc, 4));
    size_t len = strlen(text);
    if (len < 700) same_however_split(text, text, len);
    free(text);
    lpod_doc_free(doc);
  }
}
END_TEST

/* ---- numbers ---- */

START_TEST(T9_numbers_are_exact) {
  static const char *const PAIRS[][2] = {{"0", "0"},
                                         {"-0", "0"},
                                         {"-0.0", "-0.0"},
                                         {"1.0", "1.0"},
                                         {"1e0", "1.0"},
                                         {"100", "100"},
                                         {"1E2", "100.0"},
                                         {"9007199254740993", "9007199254740993"},
                                         {"9007199254740993.0", "9007199254740992.0"},
                                         {"0.1", "0.1"},
                                         {"1e100", "1e+100"},
                                         {"1e22", "1e+22"},
                                         {"1e23", "1e+23"},
                                         {"123456789012345680000.0", "1.2345678901234568e+20"},
                                         {"5e-324", "4.94065645841247e-324"},
                                         {"2.2250738585072014e-308", "2.2250738585072014e-308"},
                                         {"1.7976931348623157e308", "1.7976931348623157e+308"},
                                         {"0.30000000000000004", "0.30000000000000004"},
                                         {"3.141592653589793", "3.141592653589793"},
                                         {"1e-7", "1e-07"},
                                         {"123456789.125", "123456789.125"},
                                         {"9223372036854775807", "9223372036854775807"},
                                         {"-9223372036854775808", "-9223372036854775808"},
                                         {"0.000001", "1e-06"},
                                         {"1e-400", "0.0"},
                                         {"2251799813685249.5", "2251799813685249.5"},
                                         {"0.1000000000000000055511151231257827021181583404541015625", "0.1"}};
  for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
    lpod_doc *doc;
    ck_assert_int_eq(lpod_json_parse(PAIRS[i][0], strlen(PAIRS[i][0]), &doc, NULL), LPOD_OK);
    char *text = to_json(lpod_doc_root(doc));
    ck_assert_str_eq(text, PAIRS[i][1]);
    free(text);
    lpod_doc_free(doc);
  }
}
END_TEST

START_TEST(numbers_agree_with_strtod) {
  for (int i = 0; i < 20000; i++) {
    char text[64];
    snprintf(text, sizeof text, "%u%u.%ue%d", random_below(2000), random_below(1000000), random_below(100000000),
             (int)random_below(80) - 40);
    if (text[0] == '0') text[0] = '1';
    lpod_doc *doc;
    ck_assert_int_eq(lpod_json_parse(text, strlen(text), &doc, NULL), LPOD_OK);
    double own = lpod_value_number(lpod_doc_root(doc), 0), other = strtod(text, NULL);
    ck_assert_msg(memcmp(&own, &other, sizeof own) == 0, "%s: %.17g, strtod: %.17g", text, own, other);
    lpod_doc_free(doc);
  }
}
END_TEST

START_TEST(numbers_do_not_depend_on_the_locale) {
  static const char *const LOCALES[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "C"};
  size_t i = 0;
  while (!setlocale(LC_ALL, LOCALES[i])) i++;
  static const char TEXT[] = "[0.5,1234567.25,1.2345678901234567e-120]";
  lpod_doc *doc;
  ck_assert_int_eq(lpod_json_parse(TEXT, sizeof TEXT - 1, &doc, NULL), LPOD_OK);
  char *text = to_json(lpod_doc_root(doc));
  setlocale(LC_ALL, "C");
  ck_assert_str_eq(text, TEXT);
  free(text);
  lpod_doc_free(doc);
}
END_TEST

/* ---- places in errors ---- */

START_TEST(errors_name_place_found_and_expected) {
  static const char *const PAIRS[][2] = {
      {"{\"a\": tru}", "line 1, column 10: found '}', expected true"},
      {"[1,\n 2,\n  x]", "line 3, column 3: found 'x', expected a value"},
      {"{\"a\":1,\r\n\"b\" 2}", "line 2, column 5: found '2', expected ':'"},
      {"{\"a\":1,\"bc\":2,\"a\":3}", "line 1, column 15: key \"a\" is there twice"},
      {"[01]", "line 1, column 3: found '1', expected no digit after a leading zero"},
      {"[-x]", "line 1, column 3: found 'x', expected a digit"},
      {"-", "line 1, column 2: found the end, expected a digit"},
      {"[1 2]", "line 1, column 4: found '2', expected ',' or ']'"},
      {"{\"a\":1 \"b\"}", "line 1, column 8: found '\"', expected ',' or '}'"},
      {"{1}", "line 1, column 2: found '1', expected a key or '}'"},
      {"{\"a\":1,}", "line 1, column 8: found '}', expected a key"},
      {"[\"\\ud800\"]", "line 1, column 3: found another escape, expected both halves of a surrogate pair"},
      {"[\"a\nb\"]", "line 1, column 4: found byte 0x0a, expected an escape or the end of the string"},
      {"[\"ab\xFF\"]", "line 1, column 5: found byte 0xff, expected UTF-8"},
      {"[1e999]", "line 1, column 2: found a larger one, expected a number that fits a double"},
      {"[] []", "line 1, column 4: found '[', expected the end"},
      {"[1,\n", "line 2, column 1: unexpected end"},
      {"", "line 1, column 1: unexpected end, expected a value"},
      {"\xEF\xBB\xBF[]", "line 1, column 1: found byte 0xef, expected a value"}};
  for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
    lpod_doc *doc;
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert_int_eq(lpod_json_parse(PAIRS[i][0], strlen(PAIRS[i][0]), &doc, &err), LPOD_E_PARSE);
    ck_assert_msg(strcmp(err.text, PAIRS[i][1]) == 0, "%s: %s, not %s", PAIRS[i][0], err.text, PAIRS[i][1]);
  }
}
END_TEST

/* ---- ceilings ---- */

static lpod_rc parse_nested(unsigned depth, const char *open, const char *close, lpod_error *err) {
  lpod_buf text = LPOD_BUF_INIT(1 << 20);
  for (unsigned i = 0; i < depth; i++) lpod_buf_adds(&text, open, NULL);
  lpod_buf_adds(&text, "1", NULL);
  for (unsigned i = 0; i < depth; i++) lpod_buf_adds(&text, close, NULL);
  lpod_doc *doc;
  lpod_rc rc = lpod_json_parse(text.data, text.len, &doc, err);
  if (!rc) {
    char *written = to_json(lpod_doc_root(doc));
    ck_assert_str_eq(written, text.data);
    free(written);
    ck_assert(lpod_value_equal(lpod_doc_root(doc), lpod_doc_root(doc)));
    lpod_doc_free(doc);
  }
  lpod_buf_free(&text);
  return rc;
}

START_TEST(T9_nesting_ends_at_the_limit) {
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_int_eq(parse_nested(LPOD_LIMIT_JSON_DEPTH, "[", "]", &err), LPOD_OK);
  ck_assert_int_eq(parse_nested(LPOD_LIMIT_JSON_DEPTH, "{\"a\":", "}", &err), LPOD_OK);
  ck_assert_int_eq(parse_nested(LPOD_LIMIT_JSON_DEPTH + 1, "[", "]", &err), LPOD_E_LIMIT);
  ck_assert_str_eq(err.text, "line 1, column 1001: nested deeper than 1000 levels");
  ck_assert_int_eq(parse_nested(LPOD_LIMIT_JSON_DEPTH + 1, "{\"a\":", "}", &err), LPOD_E_LIMIT);
  ck_assert_int_eq(parse_nested(100000, "[", "", &err), LPOD_E_LIMIT);
}
END_TEST

START_TEST(T9_arena_ends_at_the_ceiling) {
  lpod_json_options options = {.ceiling = 20000, .stream = true};
  lpod_json_reader *reader = lpod_json_reader_new(&options);
  lpod_error err = LPOD_ERROR_INIT;
  char chunk[1024];
  size_t used, fed = 0;
  lpod_doc *doc;
  memset(chunk, 'x', sizeof chunk);
  ck_assert_int_eq(lpod_json_reader_feed(reader, "\"", 1, &used, &doc, NULL, &err), LPOD_OK);
  lpod_rc rc = LPOD_OK;
  for (; !rc; fed++) rc = lpod_json_reader_feed(reader, chunk, sizeof chunk, &used, &doc, NULL, &err);
  ck_assert_int_eq(rc, LPOD_E_LIMIT);
  ck_assert_uint_gt(fed, 12); /* one long text may take most of the arena */
  ck_assert_uint_lt(fed, 21);
  ck_assert_ptr_nonnull(strstr(err.text, "larger than the limit of 20000 bytes"));
  lpod_json_reader_free(reader);
  reader = lpod_json_reader_new(&options);
  rc = lpod_json_reader_feed(reader, "[", 1, &used, &doc, NULL, &err);
  for (fed = 0; !rc && fed < 1000; fed++) rc = lpod_json_reader_feed(reader, "1,", 2, &used, &doc, NULL, &err);
  ck_assert_int_eq(rc, LPOD_E_LIMIT);
  ck_assert_uint_gt(fed, 300);
  lpod_json_reader_free(reader);
}
END_TEST

START_TEST(duplicate_keys_in_maps_of_every_size) {
  static const unsigned SIZES[] = {2, 3, 15, 16, 17, 18, 33, 255, 256, 257, 1000, 5000};
  for (size_t i = 0; i < sizeof SIZES / sizeof *SIZES; i++) {
    for (unsigned twice = 0; twice <= 1; twice++) {
      for (unsigned which = 0; which < 3; which++) { /* the first, a middle, the last but one again at the end */
        unsigned size = SIZES[i], again = which == 0 ? 0 : which == 1 ? size / 2 : size - 2;
        lpod_buf text = LPOD_BUF_INIT(1 << 20);
        lpod_buf_adds(&text, "[{\"outer0\":1,\"map\":{", NULL);
        for (unsigned n = 0; n + 1 < size; n++) lpod_buf_addf(&text, NULL, "\"key%u\":{\"key0\":%u},", n, n);
        lpod_buf_addf(&text, NULL, "\"key%u\":0}},{\"key0\":1}]", twice ? again : size);
        lpod_doc *doc;
        lpod_error err = LPOD_ERROR_INIT;
        bool duplicate = twice && again + 1 < size;
        ck_assert_int_eq(lpod_json_parse(text.data, text.len, &doc, &err), duplicate ? LPOD_E_PARSE : LPOD_OK);
        if (duplicate) ck_assert_ptr_nonnull(strstr(err.text, "is there twice"));
        lpod_doc_free(doc);
        lpod_buf_free(&text);
      }
    }
  }
}
END_TEST

/* Large maps inside large maps: keys of the inner ones must neither hide nor shadow those of the outer. */
START_TEST(duplicate_keys_of_nested_large_maps) {
  for (unsigned again = 0; again < 60; again++) {
    lpod_buf text = LPOD_BUF_INIT(1 << 20);
    lpod_buf_addc(&text, '{', NULL);
    for (unsigned n = 0; n < 60; n++) {
      lpod_buf_addf(&text, NULL, "\"k%u\":{", n);
      for (unsigned inner = 0; inner < 40; inner++) lpod_buf_addf(&text, NULL, "%s\"k%u\":1", inner ? "," : "", inner);
      lpod_buf_adds(&text, "},", NULL);
    }
    size_t len = text.len;
    lpod_doc *doc;
    lpod_buf_addf(&text, NULL, "\"k%u\":1}", again);
    ck_assert_int_eq(lpod_json_parse(text.data, text.len, &doc, NULL), LPOD_E_PARSE);
    text.len = len;
    lpod_buf_adds(&text, "\"k60\":1}", NULL);
    ck_assert_int_eq(lpod_json_parse(text.data, text.len, &doc, NULL), LPOD_OK);
    lpod_doc_free(doc);
    lpod_buf_free(&text);
  }
}
END_TEST

START_TEST(large_maps_are_not_quadratic) {
  lpod_buf text = LPOD_BUF_INIT(64 << 20);
  lpod_buf_addc(&text, '{', NULL);
  for (unsigned n = 0; n < 300000; n++) lpod_buf_addf(&text, NULL, "%s\"key-%u\":1", n ? "," : "", n);
  lpod_buf_addc(&text, '}', NULL);
  lpod_doc *doc;
  ck_assert_int_eq(lpod_json_parse(text.data, text.len, &doc, NULL), LPOD_OK); /* quadratic: minutes */
  ck_assert_uint_eq(lpod_value_count(lpod_doc_root(doc)), 300000);
  lpod_doc_free(doc);
  lpod_buf_free(&text);
}
END_TEST

/* ---- streams, items, what is skipped ---- */

/* All that comes out of a reader, a line a value: "i" an item, "v" a value. */
static char *deliver_all(const lpod_json_options *options, const char *text, size_t chunk, lpod_rc *rc) {
  lpod_buf out = LPOD_BUF_INIT(1 << 20);
  lpod_json_reader *reader = lpod_json_reader_new(options);
  lpod_error err = LPOD_ERROR_INIT;
  size_t len = strlen(text);
  *rc = LPOD_OK;
  for (size_t at = 0; at < len && !*rc;) {
    size_t part = len - at < chunk ? len - at : chunk, used;
    char *copy = malloc(part);
    memcpy(copy, text + at, part);
    lpod_doc *doc;
    bool is_item;
    *rc = lpod_json_reader_feed(reader, copy, part, &used, &doc, &is_item, &err);
    free(copy);
    at += used;
    if (!doc) continue;
    char *value = to_json(lpod_doc_root(doc));
    lpod_buf_addf(&out, NULL, "%c %s\n", is_item ? 'i' : 'v', value);
    free(value);
    if (at % 2)
      lpod_doc_free(doc);
    else
      lpod_json_reader_reuse(reader, doc);
  }
  lpod_doc *doc = NULL;
  if (!*rc) *rc = lpod_json_reader_end(reader, &doc, &err);
  if (doc) {
    char *value = to_json(lpod_doc_root(doc));
    lpod_buf_addf(&out, NULL, "v %s\n", value);
    free(value);
    lpod_doc_free(doc);
  }
  if (*rc) lpod_buf_addf(&out, NULL, "%s\n", err.text);
  lpod_json_reader_free(reader);
  return lpod_buf_take(&out, NULL);
}

static void delivers(const lpod_json_options *options, const char *text, const char *expected) {
  for (size_t chunk = 1; chunk <= strlen(text); chunk++) {
    lpod_rc rc;
    char *out = deliver_all(options, text, chunk, &rc);
    ck_assert_msg(strcmp(out, expected) == 0, "%s in chunks of %zu: %s", text, chunk, out);
    free(out);
  }
}

START_TEST(W16_values_of_a_stream) {
  lpod_json_options options = {.stream = true};
  delivers(&options, "{\"a\":1}{\"b\":2}\n\n[3] \"x\"\"y\"null true 1 2\n",
           "v {\"a\":1}\nv {\"b\":2}\nv [3]\nv \"x\"\nv \"y\"\nv null\nv true\nv 1\nv 2\n");
  delivers(&options, " \n ", "");
  delivers(&options, "1 23", "v 1\nv 23\n");
  delivers(&options, "{\"a\":1}\n{\"a\":", "v {\"a\":1}\nline 2, column 6: unexpected end\n"); /* broken, no event */
  delivers(&options, "{}\n{},", "v {}\nv {}\nline 2, column 3: found ',', expected a value\n");
}
END_TEST

START_TEST(W16_partial_tells_a_broken_stream) {
  lpod_json_options options = {.stream = true};
  lpod_json_reader *reader = lpod_json_reader_new(&options);
  lpod_doc *doc;
  size_t used;
  ck_assert(!lpod_json_reader_partial(reader));
  lpod_json_reader_feed(reader, "{\"a\"", 4, &used, &doc, NULL, NULL);
  ck_assert(lpod_json_reader_partial(reader));
  lpod_json_reader_feed(reader, ":1}\n", 4, &used, &doc, NULL, NULL);
  ck_assert_ptr_nonnull(doc);
  ck_assert_uint_eq(used, 3);
  ck_assert(!lpod_json_reader_partial(reader));
  lpod_json_reader_reuse(reader, doc);
  lpod_json_reader_feed(reader, "\n", 1, &used, &doc, NULL, NULL);
  ck_assert(!lpod_json_reader_partial(reader));
  lpod_json_reader_feed(reader, "4", 1, &used, &doc, NULL, NULL);
  ck_assert(lpod_json_reader_partial(reader));
  lpod_json_reader_free(reader);
}
END_TEST

START_TEST(W14_items_come_one_by_one) {
  lpod_json_options options = {.items = "items"};
  delivers(&options, "{\"kind\":\"PodList\",\"items\":[{\"a\":[1]}, 2 ,\"x\",[]],\"metadata\":{\"items\":[9]}}",
           "i {\"a\":[1]}\ni 2\ni \"x\"\ni []\nv {\"kind\":\"PodList\",\"metadata\":{\"items\":[9]}}\n");
  delivers(&options, "{\"items\":[]}", "v {}\n");
  delivers(&options, "{\"items\":null,\"a\":1}", "v {\"items\":null,\"a\":1}\n");
  delivers(&options, "{\"items\":[{\"items\":[1,{\"items\":[2]}]}]}", "i {\"items\":[1,{\"items\":[2]}]}\nv {}\n");
  delivers(&options, "[{\"items\":[1]}]", "v [{\"items\":[1]}]\n");
  delivers(&options, "{\"items\":[1],\"items\":[2]}", "i 1\nline 1, column 14: key \"items\" is there twice\n");
  delivers(&options, "{\"items\":[1,]}", "i 1\nline 1, column 13: found ']', expected a value\n");
  delivers(&options, "{\"items\":[1}}", "i 1\nline 1, column 12: found '}', expected ',' or ']'\n");
  delivers(&options, "{\"items\":[1]", "i 1\nline 1, column 13: unexpected end\n");
  delivers(&options, "{\"items\":[1", "line 1, column 12: unexpected end\n");
  delivers(&options, "{\"items\":[1]} x", "i 1\nv {}\nline 1, column 15: found 'x', expected the end\n");
  options.stream = true;
  delivers(&options, "{\"items\":[1]}{\"items\":[2],\"b\":3}", "i 1\nv {}\ni 2\nv {\"b\":3}\n");
}
END_TEST

START_TEST(W14_ceiling_bounds_each_item) {
  lpod_json_options options = {.items = "items", .ceiling = 10000};
  lpod_buf text = LPOD_BUF_INIT(1 << 20);
  lpod_buf_adds(&text, "{\"items\":[0", NULL);
  for (int i = 0; i < 200; i++) lpod_buf_addf(&text, NULL, ",{\"name\":\"pod-%d\",\"text\":\"%0200d\"}", i, i);
  lpod_buf_adds(&text, "],\"kind\":\"List\"}", NULL);
  lpod_rc rc;
  char *out = deliver_all(&options, text.data, 1000, &rc);
  ck_assert_msg(rc == LPOD_OK, "%s", out);
  ck_assert_ptr_nonnull(strstr(out, "v {\"kind\":\"List\"}"));
  free(out);
  lpod_buf_free(&text);
}
END_TEST

START_TEST(W14_skipped_values_are_checked_and_gone) {
  lpod_json_options options = {.skip = "managedFields"};
  delivers(&options, "{\"managedFields\":[{\"a\":{\"b\":[1,2,\"x\"]}}],\"name\":\"p\"}", "v {\"name\":\"p\"}\n");
  delivers(&options, "{\"a\":1,\"managedFields\":\"x\",\"b\":{\"managedFields\":1.5,\"c\":[{\"managedFields\":null}]}}",
           "v {\"a\":1,\"b\":{\"c\":[{}]}}\n");
  delivers(&options, "{\"managedFields\":true}", "v {}\n");
  delivers(&options, "{\"managedFields\":{\"managedFields\":[1]},\"z\":[\"managedFields\"]}",
           "v {\"z\":[\"managedFields\"]}\n");
  delivers(&options, "{\"managedFields\":[1,]}", "line 1, column 21: found ']', expected a value\n");
  delivers(&options, "{\"managedFields\":{\"a\":1,\"a\":2}}", "line 1, column 25: key \"a\" is there twice\n");
  delivers(&options, "{\"managedFields\":1,\"managedFields\":2}",
           "line 1, column 20: key \"managedFields\" is there twice\n");
  options.items = "items";
  delivers(&options, "{\"items\":[{\"managedFields\":[1],\"a\":2},{\"managedFields\":{}}],\"managedFields\":3}",
           "i {\"a\":2}\ni {}\nv {}\n");
}
END_TEST

START_TEST(W14_skipped_values_leave_no_memory_behind) {
  lpod_json_options options = {.skip = "skip", .ceiling = 64 << 10};
  lpod_buf text = LPOD_BUF_INIT(4 << 20);
  lpod_buf_addc(&text, '[', NULL);
  for (int i = 0; i < 300; i++) {
    lpod_buf_addf(&text, NULL, "%s{\"skip\":[\"%0500d\",{\"a\":[1,2,3,4,5,6,7,8,9]}],\"n\":%d}", i ? "," : "", i, i);
  }
  lpod_buf_addc(&text, ']', NULL);
  lpod_rc rc;
  char *out = deliver_all(&options, text.data, 4096, &rc);
  ck_assert_msg(rc == LPOD_OK, "%s", out);
  free(out);
  lpod_buf_free(&text);
}
END_TEST

START_TEST(long_texts_cross_blocks_and_chunks) {
  for (size_t len = 4000; len < 20000; len += 997) {
    lpod_buf text = LPOD_BUF_INIT(1 << 20);
    lpod_buf_adds(&text, "[\"", NULL);
    for (size_t i = 0; i < len; i++) lpod_buf_adds(&text, i % 7 ? "x" : i % 3 ? "\xE2\x82\xAC" : "\\n", NULL);
    lpod_buf_adds(&text, "\",\"end\"]", NULL);
    lpod_json_options options = {.stream = true};
    lpod_rc rc;
    char *whole = deliver_all(&options, text.data, SIZE_MAX, &rc);
    for (size_t chunk = 1; chunk < 5000; chunk = chunk * 3 + 1) {
      char *out = deliver_all(&options, text.data, chunk, &rc);
      ck_assert_str_eq(out, whole);
      free(out);
    }
    ck_assert_mem_eq(whole + 2, text.data, text.len); /* it is canonical already */
    free(whole);
    lpod_buf_free(&text);
  }
}
END_TEST

START_TEST(nul_bytes_are_kept) {
  lpod_doc *doc;
  ck_assert_int_eq(lpod_json_parse("[\"a\\u0000b\"]", 12, &doc, NULL), LPOD_OK);
  size_t len;
  const char *text = lpod_value_string(lpod_value_at(lpod_doc_root(doc), 0), &len);
  ck_assert_uint_eq(len, 3);
  ck_assert_mem_eq(text, "a\0b", 4);
  lpod_doc_free(doc);
}
END_TEST

/* ---- writing ---- */

START_TEST(writer_escapes_and_indents) {
  lpod_doc *doc;
  static const char TEXT[] = "{\"a\":[1,{\"b\":[]},{}],\"c\":\"\\u0001\\n\\t\\r\\b\\f\\\"\\\\\\/\x7F\xC3\xA9\"}";
  ck_assert_int_eq(lpod_json_parse(TEXT, sizeof TEXT - 1, &doc, NULL), LPOD_OK);
  char *text;
  size_t len;
  ck_assert_int_eq(lpod_json_write(lpod_doc_root(doc), 2, &text, &len, NULL), LPOD_OK);
  ck_assert_str_eq(text, "{\n  \"a\": [\n    1,\n    {\n      \"b\": []\n    },\n    {}\n  ],\n"
                         "  \"c\": \"\\u0001\\n\\t\\r\\b\\f\\\"\\\\/\x7F\xC3\xA9\"\n}");
  ck_assert_uint_eq(len, strlen(text));
  lpod_text_free(text);
  lpod_doc_free(doc);
  ck_assert_int_eq(lpod_json_write(NULL, 0, &text, &len, NULL), LPOD_OK);
  ck_assert_str_eq(text, "null");
  lpod_text_free(text);
}
END_TEST

START_TEST(writer_refuses_what_is_no_json) {
  lpod_doc *doc = lpod_doc_new(0);
  char *text;
  size_t len;
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_int_eq(lpod_json_write(lpod_value_new_string(doc, "\xFF", 1), 0, &text, &len, &err), LPOD_E_PARSE);
  ck_assert_ptr_null(text);
  lpod_value *inner = lpod_value_new(doc, LPOD_ARRAY);
  for (unsigned i = 0; i < LPOD_LIMIT_JSON_DEPTH; i++) {
    lpod_value *outer = lpod_value_new(doc, LPOD_ARRAY);
    lpod_value_push(outer, inner);
    inner = outer;
  }
  ck_assert_int_eq(lpod_json_write(inner, 0, &text, &len, &err), LPOD_E_LIMIT);
  lpod_buf small = LPOD_BUF_INIT(5);
  ck_assert_int_eq(lpod_json_append_string(&small, "abcd", 4, &err), LPOD_E_LIMIT);
  lpod_buf_free(&small);
  lpod_doc_free(doc);
}
END_TEST

START_TEST(random_documents_read_back) {
  for (int i = 0; i < 3000; i++) {
    lpod_doc *doc = lpod_doc_new(0), *back;
    lpod_value *value = random_value(doc, 5);
    char *text;
    size_t len;
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert_int_eq(lpod_json_write(value, (int)random_below(3), &text, &len, &err), LPOD_OK);
    ck_assert_msg(lpod_json_parse(text, len, &back, &err) == LPOD_OK, "%s: %s", err.text, text);
    ck_assert_msg(lpod_value_equal(value, lpod_doc_root(back)), "%s", text);
    lpod_doc_free(back);
    for (int cut = 0; cut < 5 && len; cut++) { /* a part is never the whole, unless it is a number */
      size_t part = random_below((uint32_t)len);
      char *copy = malloc(part ? part : 1);
      memcpy(copy, text, part);
      lpod_rc rc = lpod_json_parse(copy, part, &back, &err);
      ck_assert(rc || lpod_value_type(value) == LPOD_INT || lpod_value_type(value) == LPOD_DOUBLE);
      lpod_doc_free(back);
      free(copy);
    }
    lpod_text_free(text);
    lpod_doc_free(doc);
  }
}
END_TEST

START_TEST(changed_bytes_never_crash) {
  lpod_doc *doc = lpod_doc_new(0);
  for (int i = 0; i < 20000; i++) {
    if (i % 100 == 0) lpod_doc_reset(doc);
    char *text = to_json(random_value(doc, 4));
    size_t len = strlen(text);
    for (uint32_t change = random_below(4) + 1; change && len; change--)
      text[random_below((uint32_t)len)] = (char)random_below(256);
    lpod_doc *back;
    lpod_error err = LPOD_ERROR_INIT;
    if (lpod_json_parse(text, len, &back, &err) == LPOD_OK) {
      free(to_json(lpod_doc_root(back)));
      lpod_doc_free(back);
    } else {
      ck_assert(strncmp(err.text, "line ", 5) == 0);
    }
    free(text);
  }
  lpod_doc_free(doc);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("json");
  TCase *cases = tcase_create("all");
  tcase_set_timeout(cases, 120);
  tcase_add_loop_test(cases, cases_are_answered_as_decided, 0, JSON_CASE_COUNT);
  tcase_add_loop_test(cases, X07_cases_are_the_same_however_split, 0, JSON_CASE_COUNT);
  tcase_add_test(cases, X07_random_documents_are_the_same_however_split);
  tcase_add_test(cases, T9_numbers_are_exact);
  tcase_add_test(cases, numbers_agree_with_strtod);
  tcase_add_test(cases, numbers_do_not_depend_on_the_locale);
  tcase_add_test(cases, errors_name_place_found_and_expected);
  tcase_add_test(cases, T9_nesting_ends_at_the_limit);
  tcase_add_test(cases, T9_arena_ends_at_the_ceiling);
  tcase_add_test(cases, duplicate_keys_in_maps_of_every_size);
  tcase_add_test(cases, duplicate_keys_of_nested_large_maps);
  tcase_add_test(cases, large_maps_are_not_quadratic);
  tcase_add_test(cases, W16_values_of_a_stream);
  tcase_add_test(cases, W16_partial_tells_a_broken_stream);
  tcase_add_test(cases, W14_items_come_one_by_one);
  tcase_add_test(cases, W14_ceiling_bounds_each_item);
  tcase_add_test(cases, W14_skipped_values_are_checked_and_gone);
  tcase_add_test(cases, W14_skipped_values_leave_no_memory_behind);
  tcase_add_test(cases, long_texts_cross_blocks_and_chunks);
  tcase_add_test(cases, nul_bytes_are_kept);
  tcase_add_test(cases, writer_escapes_and_indents);
  tcase_add_test(cases, writer_refuses_what_is_no_json);
  tcase_add_test(cases, random_documents_read_back);
  tcase_add_test(cases, changed_bytes_never_crash);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
