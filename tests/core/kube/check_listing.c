/* A list alone: W2, W3, W14, E3, RT-1, X07. */
#include "base/limits.h"
#include "kube/watch.h"
#include "stream_server.h"

#define PAGE(version, next, items) \
  "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"" version "\",\"continue\":\"" next \
  "\"},\"items\":[" items "]}"
#define ITEM(name) "{\"metadata\":{\"name\":\"" name "\",\"managedFields\":[1,2]},\"spec\":{\"items\":[1]}}"

typedef struct owner {
  rig rig;
  lpod_listing *listing;
  char log[1024]; /* names, "|" where it began again */
  size_t items, restarts, ends, cancel_at;
  char version[32];
  lpod_error error;
} owner;

static void on_item(void *arg, lpod_doc *doc) {
  owner *o = arg;
  strcat(o->log, lpod_value_text(lpod_value_get(lpod_doc_root(doc), "metadata"), "name"));
  ck_assert_ptr_null(lpod_value_path(lpod_doc_root(doc), "metadata", "managedFields", NULL));
  ck_assert_uint_eq(lpod_value_count(lpod_value_path(lpod_doc_root(doc), "spec", "items", NULL)), 1);
  if (++o->items == o->cancel_at) {
    lpod_doc_free(doc);
    lpod_listing_cancel(o->listing);
    o->listing = NULL;
  } else if (o->items % 2) {
    lpod_listing_recycle(o->listing, doc);
  } else {
    lpod_doc_free(doc);
  }
}

static void on_restart(void *arg) {
  owner *o = arg;
  o->restarts++;
  strcat(o->log, "|");
}

static void on_end(void *arg, const char *version, const lpod_error *error) {
  owner *o = arg;
  o->ends++;
  o->listing = NULL;
  snprintf(o->version, sizeof o->version, "%s", version ? version : "");
  if (error) o->error = *error;
}

static void start(owner *o, const reply *replies, size_t count, lpod_listing_options options) {
  *o = (owner){.cancel_at = o->cancel_at};
  options.target = TARGET;
  options.on_item = on_item;
  options.on_restart = on_restart;
  options.on_end = on_end;
  options.arg = o;
  rig_own(o, replies, count, listing, lpod_listing_start, options);
  o->rig.hurry = 10 * LPOD_NS_PER_MS;
}

static void finish(owner *o) {
  lpod_listing_cancel(o->listing);
  rig_stop(&o->rig);
}

START_TEST(pages_are_joined_W3_W14_X07) {
  for (size_t piece = 0; piece < 3; piece++) {
    const reply replies[] = {
        {"200 OK", PAGE("10", "a b&c", ITEM("a") "," ITEM("b")), .piece = piece},
        {"200 OK", PAGE("10", "t2", ), .piece = piece},
        {"200 OK", PAGE("11", "", ITEM("c")), .piece = piece},
    };
    owner o = {0};
    start(&o, replies, COUNT(replies), (lpod_listing_options){.limit = 2, .label_selector = "a=b"});
    until(o.ends);
    ck_assert_msg(o.error.rc == LPOD_OK, "%s", o.error.text);
    ck_assert_str_eq(o.log, "abc");
    ck_assert_str_eq(o.version, "11");
    asked_for(&o.rig, 0, "GET " TARGET "?labelSelector=a%3Db&limit=2 ");
    asked_for(&o.rig, 1, "GET " TARGET "?labelSelector=a%3Db&limit=2&continue=a%20b%26c ");
    asked_for(&o.rig, 2, "&continue=t2 ");
    asked_not_for(&o.rig, 2, "resourceVersion");
    finish(&o);
  }
}
END_TEST

START_TEST(expired_token_begins_again_in_full_W3) {
  static const reply replies[] = {
      {"200 OK", PAGE("10", "t", ITEM("a"))},
      {"410 Gone", REFUSED(410, "Expired", "no")},
      {"200 OK", PAGE("12", "", ITEM("b") "," ITEM("a"))},
  };
  for (int once = 0; once < 2; once++) {
    owner o = {0};
    start(&o, replies, COUNT(replies), (lpod_listing_options){.once = once});
    until(o.ends);
    ck_assert_str_eq(o.log, "a|ba");
    ck_assert_str_eq(o.version, "12");
    asked_for(&o.rig, 2, "GET " TARGET " HTTP");
    finish(&o);
  }
}
END_TEST

START_TEST(cut_lists_begin_again_RT1) {
  static const reply replies[] = {
      {"200 OK", "{\"items\":[" ITEM("a") ",", .then = CUT},
      {"200 OK", "{\"items\":[" ITEM("b")}, /* a clean end in the middle is a cut, too */
      {"200 OK", PAGE("12", "", ITEM("c"))},
  };
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_listing_options){0});
  until(o.ends);
  ck_assert_str_eq(o.log, "a|b|c");
  ck_assert_str_eq(o.version, "12");
  finish(&o);
  owner p = {0};
  start(&p, replies, COUNT(replies), (lpod_listing_options){.once = true});
  rig_until(&p.rig, p.ends);
  ck_assert_int_eq(p.error.rc, LPOD_E_CUT);
  ck_assert_str_eq(p.log, "a");
  finish(&p);
}
END_TEST

START_TEST(it_gives_up_after_five_cuts) {
  reply replies[8];
  for (size_t i = 0; i < COUNT(replies); i++) replies[i] = (reply){"200 OK", "{\"items\":[", .then = CUT};
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_listing_options){0});
  until(o.ends);
  ck_assert_int_eq(o.error.rc, LPOD_E_CUT);
  ck_assert_uint_eq(server_asked(&o.rig.server), 5);
  ck_assert_uint_eq(o.restarts, 0); /* nothing was delivered */
  finish(&o);
}
END_TEST

START_TEST(what_is_no_list_is_an_error_E3) {
  static const struct {
    reply reply;
    lpod_rc rc;
    int code;
  } rows[] = {
      {{"403 Forbidden", REFUSED(403, "Forbidden", "no")}, LPOD_E_API, 403},
      {{"410 Gone", REFUSED(410, "Expired", "no")}, LPOD_E_API, 410}, /* on the first page */
      {{"200 OK", REFUSED(404, "NotFound", "no")}, LPOD_E_API, 404},
      {{"200 OK", "{}"}, LPOD_E_PARSE, 0},
      {{"200 OK", "[]"}, LPOD_E_PARSE, 0},
      {{"200 OK", "<html>"}, LPOD_E_PARSE, 0},
      {{"200 OK", PAGE("1", "", ITEM("a")) "{}"}, LPOD_E_PARSE, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    owner o = {0};
    start(&o, &rows[i].reply, 1, (lpod_listing_options){.once = true});
    until(o.ends);
    ck_assert_msg(o.error.rc == rows[i].rc, "row %zu: %s", i, o.error.text);
    ck_assert_int_eq(o.error.code, rows[i].code);
    ck_assert(lpod_text_starts(o.error.text, "list " TARGET));
    finish(&o);
  }
}
END_TEST

START_TEST(an_empty_list_is_a_list) {
  static const char *const bodies[] = {"{\"metadata\":{\"resourceVersion\":\"3\"},\"items\":[]}",
                                       "{\"items\":null,\"metadata\":{\"resourceVersion\":\"3\"}}",
                                       "{\"metadata\":{\"resourceVersion\":\"3\"}}"};
  for (size_t i = 0; i < COUNT(bodies); i++) {
    const reply replies[] = {{"200 OK", bodies[i]}};
    owner o = {0};
    start(&o, replies, 1, (lpod_listing_options){0});
    until(o.ends);
    ck_assert_msg(o.error.rc == LPOD_OK, "%s: %s", bodies[i], o.error.text);
    ck_assert_str_eq(o.version, "3");
    finish(&o);
  }
}
END_TEST

START_TEST(cancel_inside_every_item) {
  static const reply replies[] = {
      {"200 OK", PAGE("10", "t", ITEM("a") "," ITEM("b"))},
      {"200 OK", PAGE("11", "", ITEM("c"))},
  };
  for (size_t at = 1; at <= 3; at++) {
    owner o = {.cancel_at = at};
    start(&o, replies, COUNT(replies), (lpod_listing_options){0});
    until(!o.listing);
    for (int i = 0; i < 3; i++) rig_step(&o.rig);
    ck_assert_uint_eq(o.items, at);
    ck_assert_uint_eq(o.ends, 0);
    finish(&o);
  }
}
END_TEST

int main(void) {
  Suite *suite = suite_create("listing");
  TCase *tests = tcase_create("core");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, pages_are_joined_W3_W14_X07);
  tcase_add_test(tests, expired_token_begins_again_in_full_W3);
  tcase_add_test(tests, cut_lists_begin_again_RT1);
  tcase_add_test(tests, it_gives_up_after_five_cuts);
  tcase_add_test(tests, what_is_no_list_is_an_error_E3);
  tcase_add_test(tests, an_empty_list_is_a_list);
  tcase_add_test(tests, cancel_inside_every_item);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
