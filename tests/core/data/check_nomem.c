/* Running out of memory is an ordinary error: every allocation of reading and writing fails once, nothing crashes, and
 * nothing stays allocated. Also: a reader whose document is handed back does not allocate any more. The allocator is
 * interposed, which a sanitizer does not allow: there the suite is empty. */
#include "base/text.h"
#include "data/yaml.h"
#include "values.h"
#include "suite.h"
#include <locale.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define SANITIZED 1
#endif

#ifndef SANITIZED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void __libc_free(void *memory);

static bool counting;
static long calls, fails_at, alive; /* while counting; fails_at 0: never */

static bool fails(void) { return counting && ++calls == fails_at; }

/* Seen by the libraries, too. */
#define INTERPOSED __attribute__((visibility("default")))

static void *count(void *memory) {
  if (counting && memory) alive++;
  return memory;
}

INTERPOSED void *malloc(size_t size) { return fails() ? NULL : count(__libc_malloc(size)); }
INTERPOSED void *calloc(size_t number, size_t size) { return fails() ? NULL : count(__libc_calloc(number, size)); }
INTERPOSED void *realloc(void *old, size_t size) {
  if (fails()) return NULL;
  void *memory = __libc_realloc(old, size);
  return old ? memory : count(memory);
}
INTERPOSED void free(void *memory) {
  if (counting && memory) alive--;
  __libc_free(memory);
}

/* Fail the first allocation, the second, ... until the work needs no more. */
static void fail_each(const char *name, lpod_rc (*work)(lpod_error *err)) {
  work(NULL); /* what libraries allocate once and keep */
  for (long nth = 1;; nth++) {
    lpod_error err = LPOD_ERROR_INIT;
    calls = alive = 0;
    fails_at = nth;
    counting = true;
    lpod_rc rc = work(&err);
    counting = false;
    ck_assert_msg(alive == 0, "%s: %ld blocks left after failure %ld", name, alive, nth);
    if (calls < nth) {
      ck_assert_msg(rc == LPOD_OK, "%s: %s", name, err.text);
      ck_assert_msg(nth > 3, "%s: only %ld allocations", name, nth - 1);
      return;
    }
    ck_assert_msg(rc == LPOD_E_NOMEM, "%s: failure %ld: %s %s", name, nth, lpod_rc_name(rc), err.text);
  }
}

static char *large_text; /* a map of more entries than are compared one by one, and a long text */

static void make_text(void) {
  lpod_buf text = LPOD_BUF_INIT(1 << 20);
  lpod_buf_adds(&text, "{\"list\":[1,-2.5,3.123456789012345e-7,null,true],\"map\":{", NULL);
  for (int i = 0; i < 600; i++) lpod_buf_addf(&text, NULL, "%s\"key%d\":{\"a\":\"b\"}", i ? "," : "", i);
  lpod_buf_addf(&text, NULL, "},\"long\":\"%020000d\",\"number\":0.%0200d1}", 7, 0);
  large_text = lpod_buf_take(&text, NULL);
}

static void free_text(void) { free(large_text); }

static lpod_rc parse_json(lpod_error *err) {
  lpod_doc *doc;
  lpod_rc rc = lpod_json_parse(large_text, strlen(large_text), &doc, err);
  if (!rc) lpod_doc_free(doc);
  return rc;
}

static lpod_rc stream_json(lpod_error *err) {
  lpod_json_options options = {.stream = true, .skip = "list"};
  lpod_json_reader *reader = lpod_json_reader_new(&options);
  if (!reader) return lpod_nomem(err);
  lpod_rc rc = LPOD_OK;
  size_t len = strlen(large_text), used;
  for (size_t at = 0; at < len && !rc; at += used) {
    lpod_doc *doc;
    rc = lpod_json_reader_feed(reader, large_text + at, len - at < 1000 ? len - at : 1000, &used, &doc, NULL, err);
    lpod_json_reader_reuse(reader, doc);
  }
  lpod_json_reader_free(reader);
  return rc;
}

static lpod_rc parse_yaml(lpod_error *err) {
  static const char YAML[] =
      "a: &x {k: [1, 2.5, text, 'quoted', \"double\"]}\nb:\n  <<: *x\n  l: |\n    long\n    text\n---\nc\n";
  lpod_doc *doc;
  lpod_rc rc = lpod_yaml_parse(YAML, sizeof YAML - 1, "x", &doc, err);
  if (!rc) lpod_doc_free(doc);
  return rc;
}

static lpod_rc parse_large_yaml(lpod_error *err) {
  lpod_doc *doc;
  lpod_rc rc = lpod_yaml_parse(large_text, strlen(large_text), "x", &doc, err);
  if (!rc) lpod_doc_free(doc);
  return rc;
}

static const lpod_value *written;

static lpod_rc write_json(lpod_error *err) {
  char *text;
  size_t len;
  lpod_rc rc = lpod_json_write(written, 2, &text, &len, err);
  if (!rc) lpod_text_free(text);
  return rc;
}

static lpod_rc write_yaml(lpod_error *err) {
  char *text;
  size_t len;
  lpod_rc rc = lpod_yaml_write(written, &text, &len, err);
  if (!rc) lpod_text_free(text);
  return rc;
}

static lpod_rc build_and_copy(lpod_error *err) {
  lpod_doc *doc = lpod_doc_new(0);
  if (!doc) return lpod_nomem(err);
  lpod_value *copy = lpod_value_copy(doc, written);
  bool good = copy && lpod_value_set_string(doc, copy, "new", "x") && lpod_value_map(doc, copy, "other");
  lpod_doc_free(doc);
  return good ? LPOD_OK : lpod_nomem(err);
}

START_TEST(reading_survives_every_failure) {
  fail_each("json", parse_json);
  fail_each("stream", stream_json);
  fail_each("yaml", parse_yaml);
}
END_TEST

START_TEST(writing_survives_every_failure) {
  lpod_doc *doc;
  ck_assert_int_eq(lpod_json_parse(large_text, strlen(large_text), &doc, NULL), LPOD_OK);
  written = lpod_doc_root(doc);
  fail_each("json", write_json);
  fail_each("yaml", write_yaml);
  fail_each("copy", build_and_copy);
  lpod_doc_free(doc);
}
END_TEST

START_TEST(large_yaml_survives_every_failure) { fail_each("large yaml", parse_large_yaml); }
END_TEST

/* The hot path of a watch: after the first event there is no allocation. */
START_TEST(W16_a_reused_document_allocates_nothing) {
  lpod_json_options options = {.stream = true};
  lpod_json_reader *reader = lpod_json_reader_new(&options);
  char *number = strstr(large_text, ",\"number\""); /* hundreds of digits do take memory for a moment */
  memcpy(number, "}", 2);
  size_t len = strlen(large_text), used;
  lpod_doc *doc;
  for (int event = 0; event < 5; event++) {
    counting = event > 0;
    calls = alive = fails_at = 0;
    for (size_t at = 0; at < len; at += used) {
      lpod_json_reader_feed(reader, large_text + at, len - at < 16384 ? len - at : 16384, &used, &doc, NULL, NULL);
      lpod_json_reader_reuse(reader, doc);
    }
    counting = false;
    if (event) ck_assert_int_eq(calls, 0);
  }
  lpod_json_reader_free(reader);
}
END_TEST
#endif

int main(void) {
  Suite *suite = suite_create("nomem");
  TCase *cases = tcase_create("all");
  tcase_set_timeout(cases, 120);
#ifndef SANITIZED
  tcase_add_checked_fixture(cases, make_text, free_text);
  tcase_add_test(cases, reading_survives_every_failure);
  tcase_add_test(cases, writing_survives_every_failure);
  tcase_add_test(cases, large_yaml_survives_every_failure);
  tcase_add_test(cases, W16_a_reused_document_allocates_nothing);
#endif
  suite_add_tcase(suite, cases);
  return run_suite(suite);
}
