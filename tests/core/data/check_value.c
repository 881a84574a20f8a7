/* The value tree and its arena: reading what is not there, building, replacing, removing, copying, comparing; memory
 * that is kept for the next document and never exceeds its ceiling. */
#include "base/limits.h"
#include "values.h"
#include "suite.h"

static lpod_doc *parse(const char *text) {
  lpod_doc *doc;
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_msg(lpod_json_parse(text, strlen(text), &doc, &err) == LPOD_OK, "%s", err.text);
  return doc;
}

static void is_json(const lpod_value *value, const char *expected) {
  char *text = to_json(value);
  ck_assert_str_eq(text, expected);
  free(text);
}

START_TEST(absent_values_answer_the_fallback) {
  size_t len = 7;
  ck_assert_int_eq(lpod_value_type(NULL), LPOD_NULL);
  ck_assert(lpod_value_bool(NULL, true));
  ck_assert_int_eq(lpod_value_int(NULL, 5), 5);
  ck_assert(lpod_value_number(NULL, 1.5) == 1.5);
  ck_assert_ptr_null(lpod_value_string(NULL, &len));
  ck_assert_uint_eq(len, 0);
  ck_assert_uint_eq(lpod_value_count(NULL), 0);
  ck_assert_ptr_null(lpod_value_first(NULL));
  ck_assert_ptr_null(lpod_value_next(NULL));
  ck_assert_ptr_null(lpod_value_key(NULL, NULL));
  ck_assert_ptr_null(lpod_value_at(NULL, 0));
  ck_assert_ptr_null(lpod_value_get(NULL, "a"));
  ck_assert_ptr_null(lpod_value_path(NULL, "a", NULL));
  ck_assert_str_eq(lpod_value_text(NULL, "a"), "");
  ck_assert(!lpod_value_is(NULL, ""));
  ck_assert(lpod_value_equal(NULL, NULL));
  ck_assert_uint_eq(lpod_value_line(NULL), 0);
  ck_assert_ptr_null(lpod_doc_root(NULL));
  lpod_doc_free(NULL);
}
END_TEST

START_TEST(types_are_kept_apart) {
  lpod_doc *doc = parse("{\"n\":null,\"t\":true,\"i\":3,\"d\":3.0,\"s\":\"3\",\"l\":[],\"m\":{}}");
  static const char *const NAMES[] = {"null", "boolean", "integer", "number", "string", "list", "map"};
  const lpod_value *value = lpod_value_first(lpod_doc_root(doc));
  for (int type = LPOD_NULL; type <= LPOD_OBJECT; type++, value = lpod_value_next(value)) {
    ck_assert_int_eq(lpod_value_type(value), type);
    ck_assert_str_eq(lpod_type_name((lpod_type)type), NAMES[type]);
    ck_assert(lpod_value_equal(value, value));
    for (const lpod_value *other = lpod_value_next(value); other; other = lpod_value_next(other)) {
      ck_assert(!lpod_value_equal(value, other));
    }
  }
  const lpod_value *map = lpod_doc_root(doc);
  ck_assert_uint_eq(lpod_value_count(map), 7);
  ck_assert_uint_eq(lpod_value_count(lpod_value_get(map, "s")), 0);
  ck_assert_int_eq(lpod_value_int(lpod_value_get(map, "d"), 9), 9);
  ck_assert(lpod_value_number(lpod_value_get(map, "i"), 9) == 3);
  ck_assert_int_eq(lpod_value_int(lpod_value_get(map, "s"), 9), 9);
  ck_assert_ptr_null(lpod_value_first(lpod_value_get(map, "s")));
  ck_assert_ptr_null(lpod_value_get(lpod_value_get(map, "l"), "a"));
  ck_assert(lpod_value_is(lpod_value_get(map, "s"), "3") && !lpod_value_is(lpod_value_get(map, "s"), "33"));
  ck_assert_str_eq(lpod_value_text(map, "s"), "3");
  ck_assert_str_eq(lpod_value_text(map, "i"), "");
  lpod_doc_free(doc);
}
END_TEST

START_TEST(paths_and_walks) {
  lpod_doc *doc = parse("{\"metadata\":{\"uid\":\"u\",\"labels\":{\"a/b\":\"c\"}},\"l\":[1,2,3]}");
  const lpod_value *root = lpod_doc_root(doc);
  ck_assert(lpod_value_is(lpod_value_path(root, "metadata", "labels", "a/b", NULL), "c"));
  ck_assert_ptr_null(lpod_value_path(root, "metadata", "none", "a/b", NULL));
  ck_assert_ptr_eq(lpod_value_path(root, NULL), root);
  ck_assert_int_eq(lpod_value_int(lpod_value_at(lpod_value_get(root, "l"), 2), 0), 3);
  ck_assert_ptr_null(lpod_value_at(lpod_value_get(root, "l"), 3));
  size_t len;
  ck_assert_str_eq(lpod_value_key(lpod_value_first(root), &len), "metadata");
  ck_assert_uint_eq(len, 8);
  ck_assert_ptr_null(lpod_value_key(root, &len));
  ck_assert_uint_eq(len, 0);
  ck_assert_ptr_null(lpod_value_key(lpod_value_at(lpod_value_get(root, "l"), 0), NULL));
  lpod_doc_free(doc);
}
END_TEST

START_TEST(building_replaces_in_place) {
  lpod_doc *doc = lpod_doc_new(0);
  lpod_value *map = lpod_value_new(doc, LPOD_OBJECT), *list = lpod_value_new(doc, LPOD_ARRAY);
  ck_assert(lpod_value_set_int(doc, map, "a", 1));
  ck_assert(lpod_value_set_string(doc, map, "b", "two"));
  ck_assert(lpod_value_set(doc, map, "c", 1, list));
  ck_assert(lpod_value_push(list, lpod_value_new_bool(doc, true)));
  ck_assert(lpod_value_push(list, lpod_value_new_double(doc, 0.5)));
  ck_assert(lpod_value_push(list, lpod_value_new(doc, LPOD_NULL)));
  is_json(map, "{\"a\":1,\"b\":\"two\",\"c\":[true,0.5,null]}");
  ck_assert(lpod_value_set_int(doc, map, "b", 2));
  ck_assert(lpod_value_set_int(doc, map, "a", 0));
  is_json(map, "{\"a\":0,\"b\":2,\"c\":[true,0.5,null]}");
  ck_assert(lpod_value_set_int(doc, map, "c", 3)); /* the last one: appending still works */
  ck_assert(lpod_value_set_int(doc, map, "d", 4));
  is_json(map, "{\"a\":0,\"b\":2,\"c\":3,\"d\":4}");
  ck_assert(lpod_value_set(doc, map, "d", 1, (lpod_value *)lpod_value_get(map, "d"))); /* itself */
  ck_assert(lpod_value_remove(map, "a") && lpod_value_remove(map, "d") && !lpod_value_remove(map, "d"));
  is_json(map, "{\"b\":2,\"c\":3}");
  ck_assert(lpod_value_set_int(doc, map, "e", 5));
  is_json(map, "{\"b\":2,\"c\":3,\"e\":5}");
  ck_assert(lpod_value_remove(map, "b") && lpod_value_remove(map, "c") && lpod_value_remove(map, "e"));
  is_json(map, "{}");
  ck_assert(lpod_value_set_int(doc, map, "f", 6));
  is_json(map, "{\"f\":6}");
  ck_assert(!lpod_value_push(list, NULL) && !lpod_value_push(map, list) && !lpod_value_push(NULL, list));
  ck_assert(!lpod_value_set(doc, map, "x", 1, NULL) && !lpod_value_set(doc, list, "x", 1, list));
  ck_assert_ptr_null(lpod_value_new_double(doc, 1.0 / 0.0));
  ck_assert_ptr_null(lpod_value_new_double(doc, 0.0 / 0.0));
  is_json(lpod_value_new(doc, LPOD_STRING), "\"\"");
  lpod_doc_free(doc);
}
END_TEST

START_TEST(maps_are_made_on_the_way) {
  lpod_doc *doc = parse("{\"null\":null,\"text\":\"x\",\"map\":{\"k\":1}}");
  lpod_value *root = lpod_doc_root(doc);
  ck_assert(lpod_value_set_int(doc, lpod_value_map(doc, root, "map"), "l", 2));
  ck_assert(lpod_value_set_int(doc, lpod_value_map(doc, root, "null"), "n", 3));
  ck_assert(lpod_value_set_int(doc, lpod_value_map(doc, root, "new"), "o", 4));
  ck_assert_ptr_null(lpod_value_map(doc, root, "text"));
  is_json(root, "{\"null\":{\"n\":3},\"text\":\"x\",\"map\":{\"k\":1,\"l\":2},\"new\":{\"o\":4}}");
  lpod_doc_free(doc);
}
END_TEST

START_TEST(equal_regardless_of_the_order_of_keys) {
  lpod_doc *a = parse("{\"x\":[1,{\"a\":1,\"b\":2}],\"y\":\"\\u0000\"}");
  lpod_doc *b = parse("{\"y\":\"\\u0000\",\"x\":[1,{\"b\":2,\"a\":1}]}");
  static const char *const OTHERS[] = {
      "{\"y\":\"\",\"x\":[1,{\"b\":2,\"a\":1}]}",          "{\"y\":\"\\u0000\"}",
      "{\"y\":\"\\u0000\",\"x\":[{\"b\":2,\"a\":1},1]}",   "{\"y\":\"\\u0000\",\"x\":[1,{\"b\":2,\"c\":1}]}",
      "{\"y\":\"\\u0000\",\"x\":[1,{\"b\":2,\"a\":1.0}]}", "[]"};
  ck_assert(lpod_value_equal(lpod_doc_root(a), lpod_doc_root(b)));
  for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) {
    lpod_doc *other = parse(OTHERS[i]);
    ck_assert(!lpod_value_equal(lpod_doc_root(a), lpod_doc_root(other)));
    lpod_doc_free(other);
  }
  lpod_doc_free(a);
  lpod_doc_free(b);
}
END_TEST

START_TEST(copies_live_on_their_own) {
  for (int i = 0; i < 200; i++) {
    lpod_doc *from = lpod_doc_new(0), *to = lpod_doc_new(0);
    lpod_value *value = random_value(from, 5);
    char *before = to_json(value);
    lpod_value *copy = lpod_value_copy(to, value);
    lpod_doc_free(from);
    is_json(copy, before);
    free(before);
    lpod_doc_free(to);
  }
  lpod_doc *doc = lpod_doc_new(0);
  is_json(lpod_value_copy(doc, NULL), "null");
  lpod_doc_free(doc);
}
END_TEST

START_TEST(arena_ends_at_its_ceiling) {
  static const size_t CEILINGS[] = {1, 50, 100, 1000, 4096, 5000, 100000};
  for (size_t i = 0; i < sizeof CEILINGS / sizeof *CEILINGS; i++) {
    lpod_doc *doc = lpod_doc_new(CEILINGS[i]);
    size_t count = 0;
    while (lpod_value_new(doc, LPOD_NULL)) count++;
    ck_assert_uint_le(lpod_doc_bytes(doc), CEILINGS[i]);
    ck_assert_uint_ge(count * sizeof(lpod_doc *) * 6 + 400, CEILINGS[i] * 9 / 10); /* nearly all of it was usable */
    lpod_doc_reset(doc);
    size_t again = 0;
    while (lpod_value_new(doc, LPOD_NULL)) again++;
    ck_assert_uint_eq(again, count);
    lpod_doc_free(doc);
  }
  lpod_doc *doc = lpod_doc_new(1000);
  ck_assert_ptr_null(lpod_value_new_string(doc, "x", 2000));
  ck_assert_ptr_nonnull(lpod_value_new_string(doc, "x", 1));
  ck_assert_ptr_null(lpod_value_new_string(doc, "x", UINT32_MAX));
  ck_assert_ptr_null(lpod_value_new_string(doc, "x", SIZE_MAX - 8));
  lpod_doc_free(doc);
}
END_TEST

START_TEST(arena_begins_small_and_keeps_its_memory) {
  lpod_doc *doc = lpod_doc_new(0);
  ck_assert_uint_eq(lpod_doc_bytes(doc), 0);
  lpod_value_new(doc, LPOD_NULL);
  ck_assert_uint_le(lpod_doc_bytes(doc), 4096);
  for (int i = 0; i < 10000; i++) lpod_value_new(doc, LPOD_NULL);
  size_t bytes = lpod_doc_bytes(doc);
  lpod_doc_reset(doc);
  ck_assert_ptr_null(lpod_doc_root(doc));
  for (int i = 0; i < 10000; i++) lpod_value_new(doc, LPOD_NULL);
  ck_assert_uint_eq(lpod_doc_bytes(doc), bytes);
  lpod_doc_free(doc);
}
END_TEST

/* Blocks kept from small values must not stand in the way of one large text. */
START_TEST(kept_memory_makes_way) {
  static char text[60000];
  memset(text, 'x', sizeof text);
  lpod_doc *doc = lpod_doc_new(80000);
  while (lpod_value_new(doc, LPOD_NULL)) continue;
  lpod_doc_reset(doc);
  ck_assert_ptr_nonnull(lpod_value_new_string(doc, text, sizeof text));
  ck_assert_uint_le(lpod_doc_bytes(doc), 80000);
  lpod_doc_free(doc);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("value");
  TCase *cases = tcase_create("all");
  tcase_add_test(cases, absent_values_answer_the_fallback);
  tcase_add_test(cases, types_are_kept_apart);
  tcase_add_test(cases, paths_and_walks);
  tcase_add_test(cases, building_replaces_in_place);
  tcase_add_test(cases, maps_are_made_on_the_way);
  tcase_add_test(cases, equal_regardless_of_the_order_of_keys);
  tcase_add_test(cases, copies_live_on_their_own);
  tcase_add_test(cases, arena_ends_at_its_ceiling);
  tcase_add_test(cases, arena_begins_small_and_keeps_its_memory);
  tcase_add_test(cases, kept_memory_makes_way);
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
