/* YAML in and out (K26): scalars as kubectl resolves them, places in errors, ceilings and the alias budget; what is
 * written reads back as the same value. */
#include "base/limits.h"
#include "data/yaml.h"
#include "values.h"
#include "suite.h"

static lpod_rc parse(const char *text, lpod_doc **doc, lpod_error *err) {
  return lpod_yaml_parse(text, strlen(text), "pod.yaml", doc, err);
}

static void reads_as(const char *text, const char *json) {
  lpod_doc *doc;
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_msg(parse(text, &doc, &err) == LPOD_OK, "%s: %s", text, err.text);
  char *out = to_json(lpod_doc_root(doc));
  ck_assert_msg(strcmp(out, json) == 0, "%s: %s, not %s", text, out, json);
  free(out);
  lpod_doc_free(doc);
}

static void fails_with(const char *text, lpod_rc rc, const char *message) {
  lpod_doc *doc;
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_msg(parse(text, &doc, &err) == rc, "%s: %s", text, err.text);
  ck_assert_ptr_null(doc);
  ck_assert_msg(strcmp(err.text, message) == 0, "%s: %s, not %s", text, err.text, message);
}

START_TEST(documents_of_a_stream) {
  reads_as("", "[]");
  reads_as("# only a comment\n", "[]");
  reads_as("a: 1\n---\n- b\n---\n---\nc\n", "[{\"a\":1},[\"b\"],null,\"c\"]");
  reads_as("{\"a\": [1, 2.5, \"x\", null, true, {}]}", "[{\"a\":[1,2.5,\"x\",null,true,{}]}]");
  reads_as("a:\n- 1\n- b:\n    c: d\n  e: []\n", "[{\"a\":[1,{\"b\":{\"c\":\"d\"},\"e\":[]}]}]");
  reads_as("a: |\n  x\n   y\nb: >\n  x\n  y\nc: |-\n  z\n", "[{\"a\":\"x\\n y\\n\",\"b\":\"x y\\n\",\"c\":\"z\"}]");
}
END_TEST

START_TEST(K26_plain_scalars_as_kubectl) {
  static const char *const PAIRS[][2] = {{"null", "null"},
                                         {"~", "null"},
                                         {"NULL", "null"},
                                         {"Null", "null"},
                                         {"nULL", "\"nULL\""},
                                         {"true", "true"},
                                         {"True", "true"},
                                         {"FALSE", "false"},
                                         {"tRUE", "\"tRUE\""},
                                         {"yes", "\"yes\""},
                                         {"no", "\"no\""},
                                         {"on", "\"on\""},
                                         {"Off", "\"Off\""},
                                         {"y", "\"y\""},
                                         {"0", "0"},
                                         {"12", "12"},
                                         {"-12", "-12"},
                                         {"+12", "12"},
                                         {"0644", "420"},
                                         {"0o644", "420"},
                                         {"0x1F", "31"},
                                         {"-0x1f", "-31"},
                                         {"0b101", "5"},
                                         {"1_000", "1000"},
                                         {"089", "89"},
                                         {"0x", "\"0x\""},
                                         {"0b2", "\"0b2\""},
                                         {"9223372036854775807", "9223372036854775807"},
                                         {"-9223372036854775808", "-9223372036854775808"},
                                         {"1.5", "1.5"},
                                         {"-.5", "-0.5"},
                                         {".5", "0.5"},
                                         {"1.", "1.0"},
                                         {"1e3", "1000.0"},
                                         {"1E-2", "0.01"},
                                         {"1.0", "1.0"},
                                         {"1.2.3", "\"1.2.3\""},
                                         {".", "\".\""},
                                         {"-", "[null]"},
                                         {"--1", "\"--1\""},
                                         {"1e", "\"1e\""},
                                         {"e3", "\"e3\""},
                                         {"1:30", "\"1:30\""},
                                         {"2001-01-01", "\"2001-01-01\""},
                                         {"10Gi", "\"10Gi\""},
                                         {"100m", "\"100m\""},
                                         {"\"1\"", "\"1\""},
                                         {"'true'", "\"true\""},
                                         {"!!str 1", "\"1\""},
                                         {"!!int \"3\"", "3"},
                                         {"!!float 3", "3.0"},
                                         {"!!bool \"true\"", "true"},
                                         {"!!null \"\"", "null"},
                                         {"! 12", "\"12\""},
                                         {"\"\\u00e9\\0\"", "\"\xC3\xA9\\u0000\""}};
  for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
    char json[200];
    snprintf(json, sizeof json, "[%s]", PAIRS[i][1]);
    reads_as(PAIRS[i][0], json);
  }
  reads_as("1: a\ntrue: b\n1.5: c\n~: d\n",
           "[{\"1\":\"a\",\"true\":\"b\",\"1.5\":\"c\",\"~\":\"d\"}]"); /* keys are text */
  reads_as("a:\nb: \n", "[{\"a\":null,\"b\":null}]");
}
END_TEST

START_TEST(K26_wrong_scalars_are_refused) {
  fails_with("a: 9223372036854775808", LPOD_E_PARSE,
             "pod.yaml:1:4: found a larger number, expected an integer of 64 bits");
  fails_with("a: .inf", LPOD_E_PARSE, "pod.yaml:1:4: found .inf, expected a finite number (or quotes around a text)");
  fails_with("a: -.INF", LPOD_E_PARSE, "pod.yaml:1:4: found -.INF, expected a finite number (or quotes around a text)");
  fails_with("a: 1e999", LPOD_E_PARSE, "pod.yaml:1:4: found a larger number, expected one that fits a double");
  fails_with("a: !!int x", LPOD_E_PARSE,
             "pod.yaml:1:4: found the tag tag:yaml.org,2002:int, expected none or one that fits");
  fails_with("a: !mine x", LPOD_E_PARSE, "pod.yaml:1:4: found the tag !mine, expected none or one that fits");
  fails_with("a: !!map []", LPOD_E_PARSE,
             "pod.yaml:1:4: found the tag tag:yaml.org,2002:map, expected none or one that fits");
}
END_TEST

START_TEST(K26_errors_name_file_line_and_column) {
  fails_with("a: 1\nb: 2\na: 3\n", LPOD_E_PARSE, "pod.yaml:3:1: key \"a\" is there twice");
  fails_with("a:\n  x: 1\n  'x': 2\n", LPOD_E_PARSE, "pod.yaml:3:3: key \"x\" is there twice");
  fails_with("a: [1,\n  2", LPOD_E_PARSE, "pod.yaml:3:1: did not find expected ',' or ']'");
  fails_with("a: b: c\n", LPOD_E_PARSE, "pod.yaml:1:5: mapping values are not allowed in this context");
  fails_with("a: 1\n\tb: 2\n", LPOD_E_PARSE, "pod.yaml:2:1: found a tab character that violates indentation");
  fails_with("a: 1\nb: \"\xFF\"\n", LPOD_E_PARSE, "pod.yaml:2:5: invalid leading UTF-8 octet");
  fails_with("a: 1\nb: \x01\n", LPOD_E_PARSE, "pod.yaml:2:4: control characters are not allowed");
  fails_with("? [1]\n: 2\n", LPOD_E_PARSE, "pod.yaml:1:3: found no text, expected a key that is text");
  fails_with("{{a: 1}: 2}\n", LPOD_E_PARSE, "pod.yaml:1:2: found no text, expected a key that is text");
  lpod_doc *doc;
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_int_eq(lpod_yaml_parse("[", 1, NULL, &doc, &err), LPOD_E_PARSE);
  ck_assert(strncmp(err.text, "yaml:", 5) == 0);
}
END_TEST

START_TEST(K26_lines_are_kept) {
  lpod_doc *doc;
  ck_assert_int_eq(parse("# comment\na: 1\nb:\n  - x\n  - y: &n z\nc: *n\n", &doc, NULL), LPOD_OK);
  const lpod_value *map = lpod_value_at(lpod_doc_root(doc), 0);
  ck_assert_uint_eq(lpod_value_line(map), 2);
  ck_assert_uint_eq(lpod_value_line(lpod_value_get(map, "a")), 2);
  ck_assert_uint_eq(lpod_value_line(lpod_value_get(map, "b")), 4);
  ck_assert_uint_eq(lpod_value_line(lpod_value_path(lpod_value_at(lpod_value_get(map, "b"), 1), "y", NULL)), 5);
  ck_assert_uint_eq(lpod_value_line(lpod_value_get(map, "c")), 6);
  lpod_doc_free(doc);
}
END_TEST

START_TEST(K26_anchors_and_merge_keys) {
  reads_as("a: &x {k: [1, 2]}\nb: *x\nc: [*x, *x]\n",
           "[{\"a\":{\"k\":[1,2]},\"b\":{\"k\":[1,2]},\"c\":[{\"k\":[1,2]},{\"k\":[1,2]}]}]");
  reads_as("a: &x 1\nb: &x 2\nc: *x\n", "[{\"a\":1,\"b\":2,\"c\":2}]");
  reads_as("a: &x {k: 1, l: 2}\nb:\n  <<: *x\n  k: 3\n", "[{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":3,\"l\":2}}]");
  reads_as("a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y]}\n",
           "[{\"a\":{\"k\":1},\"b\":{\"k\":2,\"m\":3},\"c\":{\"k\":1,\"m\":3}}]");
  reads_as("a: {\"<<\": 1}\n", "[{\"a\":{\"<<\":1}}]");
  fails_with("a: *none\n", LPOD_E_PARSE, "pod.yaml:1:4: found an alias of nothing, expected an anchor before it");
  fails_with("a: &x 1\n---\nb: *x\n", LPOD_E_PARSE,
             "pod.yaml:3:4: found an alias of nothing, expected an anchor before it");
  fails_with("a: &x [1, *x]\n", LPOD_E_PARSE, "pod.yaml:1:11: found an alias of what it is in");
  fails_with("a: {<<: 1}\n", LPOD_E_PARSE, "pod.yaml:1:5: found no map under <<, expected a map or a list of maps");
}
END_TEST

START_TEST(K26_alias_budget_stops_small_files_that_grow) {
  lpod_buf text = LPOD_BUF_INIT(1 << 20);
  lpod_buf_adds(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x]\n", NULL);
  for (int i = 1; i < 10; i++) {
    lpod_buf_addf(&text, NULL, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1,
                  i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
  }
  lpod_doc *doc;
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_int_eq(parse(text.data, &doc, &err), LPOD_E_LIMIT);
  ck_assert_ptr_nonnull(strstr(err.text, "aliases and merge keys add too many values"));
  lpod_buf_clear(&text);
  lpod_buf_adds(&text, "a: &a x\nb:\n", NULL);
  for (unsigned i = 0; i < LPOD_LIMIT_YAML_ALIASES; i++) lpod_buf_adds(&text, "- *a\n", NULL);
  ck_assert_int_eq(parse(text.data, &doc, &err), LPOD_OK);
  lpod_doc_free(doc);
  lpod_buf_adds(&text, "- *a\n", NULL);
  ck_assert_int_eq(parse(text.data, &doc, &err), LPOD_E_LIMIT);
  lpod_buf_free(&text);
}
END_TEST

START_TEST(K26_ceilings) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_doc *doc;
  for (unsigned depth = LPOD_LIMIT_YAML_DEPTH; depth <= LPOD_LIMIT_YAML_DEPTH + 1; depth++) {
    lpod_buf text = LPOD_BUF_INIT(10000);
    for (unsigned i = 0; i < depth; i++) lpod_buf_addc(&text, '[', NULL);
    for (unsigned i = 0; i < depth; i++) lpod_buf_addc(&text, ']', NULL);
    ck_assert_int_eq(parse(text.data, &doc, &err), depth > LPOD_LIMIT_YAML_DEPTH ? LPOD_E_LIMIT : LPOD_OK);
    lpod_doc_free(doc);
    lpod_buf_free(&text);
  }
  ck_assert_str_eq(err.text, "pod.yaml:1:101: nested too deep");
  /* an alias deepens what it is put into */
  lpod_buf deep = LPOD_BUF_INIT(10000);
  lpod_buf_adds(&deep, "a: &a ", NULL);
  for (int i = 0; i < 60; i++) lpod_buf_addc(&deep, '[', NULL);
  for (int i = 0; i < 60; i++) lpod_buf_addc(&deep, ']', NULL);
  lpod_buf_adds(&deep, "\nb: ", NULL);
  for (int i = 0; i < 50; i++) lpod_buf_addc(&deep, '[', NULL);
  lpod_buf_adds(&deep, "*a", NULL);
  for (int i = 0; i < 50; i++) lpod_buf_addc(&deep, ']', NULL);
  ck_assert_int_eq(parse(deep.data, &doc, &err), LPOD_E_LIMIT);
  lpod_buf_free(&deep);
  char *large = malloc(LPOD_LIMIT_YAML_BYTES + 1);
  memset(large, ' ', LPOD_LIMIT_YAML_BYTES + 1);
  ck_assert_int_eq(lpod_yaml_parse(large, LPOD_LIMIT_YAML_BYTES, "n", &doc, &err), LPOD_OK);
  lpod_doc_free(doc);
  ck_assert_int_eq(lpod_yaml_parse(large, LPOD_LIMIT_YAML_BYTES + 1, "n", &doc, &err), LPOD_E_LIMIT);
  ck_assert_str_eq(err.text, "n: larger than the limit of 1048576 bytes");
  free(large);
}
END_TEST

START_TEST(K26_large_maps_are_not_quadratic) {
  lpod_buf text = LPOD_BUF_INIT(LPOD_LIMIT_YAML_BYTES);
  for (unsigned i = 0; lpod_buf_addf(&text, NULL, "k%u:\n", i) == LPOD_OK; i++) continue;
  lpod_doc *doc;
  ck_assert_int_eq(parse(text.data, &doc, NULL), LPOD_OK); /* quadratic: minutes */
  lpod_doc_free(doc);
  lpod_buf_free(&text);
}
END_TEST

/* ---- writing ---- */

START_TEST(written_in_block_style) {
  static const char JSON[] = "{\"apiVersion\":\"v1\",\"metadata\":{\"labels\":{\"app\":\"true\",\"m\":\"1\"},\"x\":{}},"
                             "\"spec\":{\"containers\":[{\"name\":"
                             "\"base\",\"args\":[\"-c\",\"echo a\\necho "
                             "b\\n\"],\"ports\":[]},[1,[2,3]],null]},\"script\":\"#!/bin/sh\\nexit 0\","
                             "\"keep\":\"a\\n\\n\",\"number\":1e100,\"blank\":\"\"}";
  static const char YAML[] = "apiVersion: v1\nmetadata:\n  labels:\n    app: \"true\"\n    m: \"1\"\n  x: {}\nspec:\n  "
                             "containers:\n  - name: base\n"
                             "    args:\n    - \"-c\"\n    - |\n      echo a\n      echo b\n    ports: []\n  - - 1\n   "
                             " - - 2\n      - 3\n  - null\n"
                             "script: |-\n  #!/bin/sh\n  exit 0\nkeep: |+\n  a\n\nnumber: 1.0e+100\nblank: \"\"\n";
  lpod_doc *doc;
  char *text;
  size_t len;
  ck_assert_int_eq(lpod_json_parse(JSON, sizeof JSON - 1, &doc, NULL), LPOD_OK);
  ck_assert_int_eq(lpod_yaml_write(lpod_doc_root(doc), &text, &len, NULL), LPOD_OK);
  ck_assert_str_eq(text, YAML);
  lpod_text_free(text);
  lpod_doc_free(doc);
}
END_TEST

static void reads_back(const lpod_value *value) {
  char *text;
  size_t len;
  lpod_error err = LPOD_ERROR_INIT;
  lpod_doc *back;
  ck_assert_msg(lpod_yaml_write(value, &text, &len, &err) == LPOD_OK, "%s", err.text);
  ck_assert_msg(lpod_yaml_parse(text, len, "out", &back, &err) == LPOD_OK, "%s in\n%s", err.text, text);
  ck_assert_uint_eq(lpod_value_count(lpod_doc_root(back)), 1);
  ck_assert_msg(lpod_value_equal(value, lpod_value_at(lpod_doc_root(back), 0)), "\n%s", text);
  lpod_text_free(text);
  lpod_doc_free(back);
}

START_TEST(texts_that_look_like_something_else_read_back) {
  static const char *const TEXTS[] = {"",
                                      "null",
                                      "~",
                                      "true",
                                      "yes",
                                      "No",
                                      "on",
                                      "OFF",
                                      "y",
                                      "N",
                                      "1",
                                      "1.5",
                                      "0x10",
                                      "1e3",
                                      ".5",
                                      "1_000",
                                      "0o7",
                                      "+1",
                                      "-1",
                                      "-0",
                                      "1:30",
                                      "2001-01-01",
                                      "2001-12-14 21:59:43.10 -5",
                                      ".inf",
                                      "-.INF",
                                      ".nan",
                                      "<<",
                                      "=",
                                      "-",
                                      "--",
                                      "- a",
                                      "-a",
                                      "---",
                                      "--- a",
                                      "...",
                                      "?",
                                      "? a",
                                      ":",
                                      "a:",
                                      "a: b",
                                      "a:b",
                                      "#",
                                      "a #b",
                                      "a#b",
                                      " a",
                                      "a ",
                                      "\ta",
                                      "a\t",
                                      "a\tb",
                                      "*a",
                                      "&a",
                                      "!a",
                                      "|",
                                      ">",
                                      "'a'",
                                      "\"a\"",
                                      "%a",
                                      "@a",
                                      "`a",
                                      "{a",
                                      "[a",
                                      "a]",
                                      "a, b",
                                      "a\nb",
                                      "a\n",
                                      "a\n\n",
                                      "\n",
                                      "\n\n",
                                      "\na",
                                      " a\nb",
                                      "a\n b\n  c",
                                      "a \nb",
                                      "a\n \nb",
                                      "a\r\nb",
                                      "a\n\tb",
                                      "\\",
                                      "a\\nb",
                                      "\x7F",
                                      "\xC2\x85",
                                      "\xE2\x80\xA8",
                                      "\xEF\xBB\xBF",
                                      "\xC3\xA9",
                                      "a\n\xC3\xA9\n",
                                      "a\n#b\n",
                                      "a\n- b: c\n",
                                      "key: |\n",
                                      "a\n---\nb\n",
                                      "a\n...\n"};
  lpod_doc *doc = lpod_doc_new(0);
  lpod_value *map = lpod_value_new(doc, LPOD_OBJECT), *list = lpod_value_new(doc, LPOD_ARRAY);
  for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
    reads_back(lpod_value_new_string(doc, TEXTS[i], strlen(TEXTS[i]))); /* alone, in a list, as value and as key */
    ck_assert(lpod_value_set_string(doc, map, TEXTS[i], TEXTS[i]));
    ck_assert(lpod_value_push(list, lpod_value_new_string(doc, TEXTS[i], strlen(TEXTS[i]))));
  }
  reads_back(map);
  reads_back(list);
  ck_assert(lpod_value_set(doc, map, "list", 4, list));
  reads_back(map);
  lpod_doc_free(doc);
}
END_TEST

START_TEST(long_keys_read_back) {
  lpod_doc *doc = lpod_doc_new(0);
  for (size_t len = 120; len < 3000; len += 37) {
    char key[3000];
    memset(key, 'k', len);
    if (len % 2) key[len / 2] = '\n';
    lpod_value *map = lpod_value_new(doc, LPOD_OBJECT), *inner = lpod_value_new(doc, LPOD_OBJECT);
    ck_assert(lpod_value_set(doc, inner, key, len, lpod_value_new_int(doc, 1)));
    ck_assert(lpod_value_set_string(doc, inner, "b", "c"));
    ck_assert(lpod_value_set(doc, map, key, len, inner));
    lpod_value *list = lpod_value_new(doc, LPOD_ARRAY);
    ck_assert(lpod_value_push(list, lpod_value_new_string(doc, "a\nb", 3)));
    key[0] = 'l';
    ck_assert(lpod_value_set(doc, map, key, len, list));
    reads_back(map);
  }
  lpod_doc_free(doc);
}
END_TEST

START_TEST(random_documents_read_back) {
  for (int i = 0; i < 5000; i++) {
    lpod_doc *doc = lpod_doc_new(0);
    reads_back(random_value(doc, 5));
    lpod_doc_free(doc);
  }
}
END_TEST

START_TEST(writer_refuses_what_is_no_text) {
  lpod_doc *doc = lpod_doc_new(0);
  char *text;
  size_t len;
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_int_eq(lpod_yaml_write(lpod_value_new_string(doc, "a\xFF", 2), &text, &len, &err), LPOD_E_PARSE);
  lpod_value *map = lpod_value_new(doc, LPOD_OBJECT);
  lpod_value_set_int(doc, map, "\xC0\x80", 1);
  ck_assert_int_eq(lpod_yaml_write(map, &text, &len, &err), LPOD_E_PARSE);
  lpod_doc_free(doc);
}
END_TEST

START_TEST(changed_bytes_never_crash) {
  for (int i = 0; i < 5000; i++) {
    lpod_doc *doc = lpod_doc_new(0), *back;
    char *text;
    size_t len;
    lpod_yaml_write(random_value(doc, 4), &text, &len, NULL);
    for (uint32_t change = random_below(4) + 1; change && len; change--) {
      text[random_below((uint32_t)len)] = "-:[]{}&*!|>'\"#?\n ,x1"[random_below(20)];
    }
    lpod_error err = LPOD_ERROR_INIT;
    if (lpod_yaml_parse(text, len, "x", &back, &err) == LPOD_OK) {
      free(to_json(lpod_doc_root(back)));
      lpod_doc_free(back);
    } else {
      ck_assert(strncmp(err.text, "x:", 2) == 0);
    }
    lpod_text_free(text);
    lpod_doc_free(doc);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("yaml");
  TCase *cases = tcase_create("all");
  tcase_set_timeout(cases, 120);
  tcase_add_test(cases, documents_of_a_stream);
  tcase_add_test(cases, K26_plain_scalars_as_kubectl);
  tcase_add_test(cases, K26_wrong_scalars_are_refused);
  tcase_add_test(cases, K26_errors_name_file_line_and_column);
  tcase_add_test(cases, K26_lines_are_kept);
  tcase_add_test(cases, K26_anchors_and_merge_keys);
  tcase_add_test(cases, K26_alias_budget_stops_small_files_that_grow);
  tcase_add_test(cases, K26_ceilings);
  tcase_add_test(cases, K26_large_maps_are_not_quadratic);
  tcase_add_test(cases, written_in_block_style);
  tcase_add_test(cases, texts_that_look_like_something_else_read_back);
  tcase_add_test(cases, long_keys_read_back);
  tcase_add_test(cases, random_documents_read_back);
  tcase_add_test(cases, writer_refuses_what_is_no_text);
  tcase_add_test(cases, changed_bytes_never_crash);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
