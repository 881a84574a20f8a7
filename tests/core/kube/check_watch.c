/* The watch against a scripted server: W4–W9, W11, W14, W16, M8, M9, X07, X20, X21, X24, X28. Decisions alone are in
 * check_watch_machine.c. */
#include "base/limits.h"
#include "kube/watch.h"
#include "stream_server.h"

#define POD(name, version) \
  "{\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"" version \
  "\",\"managedFields\":[{\"a\":1}]}}"
#define EVENT(type, name, version) "{\"type\":\"" type "\",\"object\":" POD(name, version) "}\n"
#define BOOKMARK(version) \
  "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"" version "\"}}}\n"
#define EXPIRED \
  "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Expired\",\"code\":410}}\n"
#define LIST_OF(version, items) \
  "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"

typedef struct owner {
  rig rig;
  lpod_watch *watch;
  char log[4096]; /* "+a" added, "~a" modified, "-a" deleted, "<" listing, "=a" listed, ">" synced */
  size_t events, syncs, troubles, ends;
  size_t stop_at; /* stop inside this event, from 1 */
  bool keep;      /* free documents instead of recycling them */
  lpod_error error, trouble;
  double wait;
} owner;

static void on_event(void *arg, lpod_watch_event event, lpod_doc *doc) {
  owner *o = arg;
  static const char signs[] = "+~-<=>";
  size_t len = strlen(o->log);
  const lpod_value *metadata = doc ? lpod_value_get(lpod_doc_root(doc), "metadata") : NULL;
  snprintf(o->log + len, sizeof o->log - len, "%c%s", signs[event], lpod_value_text(metadata, "name"));
  ck_assert_ptr_null(lpod_value_get(metadata, "managedFields")); /* W14 */
  ck_assert(!doc == (event == LPOD_WATCH_LISTING || event == LPOD_WATCH_SYNCED));
  o->syncs += event == LPOD_WATCH_SYNCED;
  bool stop = ++o->events == o->stop_at;
  if (doc && !o->keep && !stop)
    lpod_watch_recycle(o->watch, doc);
  else
    lpod_doc_free(doc);
  if (!stop) return;
  lpod_watch_stop(o->watch);
  o->watch = NULL;
}

static void on_end(void *arg, const lpod_error *error) {
  owner *o = arg;
  o->ends++;
  o->watch = NULL;
  if (error) o->error = *error;
}

static void on_trouble(void *arg, const lpod_error *error, double wait) {
  owner *o = arg;
  o->troubles++;
  o->trouble = *error;
  o->wait = wait;
}

static void start(owner *o, const reply *replies, size_t count, lpod_watch_options options) {
  *o = (owner){.stop_at = o->stop_at, .keep = o->keep};
  options.target = TARGET;
  options.on_event = on_event;
  options.on_end = on_end;
  options.on_trouble = on_trouble;
  options.arg = o;
  rig_own(o, replies, count, watch, lpod_watch_start, options);
}

static void finish(owner *o) {
  lpod_watch_stop(o->watch);
  rig_stop(&o->rig);
}

#define asked(n) (server_asked(&o.rig.server) >= (n))

START_TEST(lists_then_watches_and_goes_on_after_a_clean_end_W4_W8_X21) {
  static const reply replies[] = {
      {"200 OK", LIST_OF("10", POD("a", "5") "," POD("b", "6"))},
      {"200 OK", EVENT("ADDED", "c", "11") EVENT("MODIFIED", "a", "12") EVENT("DELETED", "b", "13") BOOKMARK("900")},
      {"200 OK", EVENT("DELETED", "c", "901"), .then = HOLD},
  };
  owner o = {0};
  start(&o, replies, COUNT(replies),
        (lpod_watch_options){.label_selector = "lunapod/engine=e1,a in (b)", .field_selector = "spec.nodeName=n"});
  ck_assert_str_eq(lpod_watch_version(o.watch), "");
  until(o.events == 8);
  ck_assert_str_eq(o.log, "<=a=b>+c~a-b-c");
  ck_assert_str_eq(lpod_watch_version(o.watch), "901");
  ck_assert_uint_eq(o.troubles + o.ends, 0);
  asked_for(&o.rig, 0,
            "GET " TARGET
            "?labelSelector=lunapod%2Fengine%3De1%2Ca%20in%20%28b%29&fieldSelector=spec.nodeName%3Dn&limit=500 ");
  asked_not_for(&o.rig, 0, "resourceVersion"); /* W2: the most recent */
  for (size_t i = 1; i < 3; i++) {
    asked_for(&o.rig, i, "watch=1&allowWatchBookmarks=true&timeoutSeconds=");
    asked_for(&o.rig, i, "labelSelector=lunapod%2Fengine");
    int seconds = atoi(strstr(o.rig.server.requests[i], "timeoutSeconds=") + 15);
    ck_assert(seconds >= 300 && seconds <= 600);
  }
  asked_for(&o.rig, 1, "&resourceVersion=10&");
  asked_for(&o.rig, 2, "&resourceVersion=900&");
  finish(&o);
}
END_TEST

START_TEST(starts_at_a_version_without_a_list_W4) {
  static const reply replies[] = {{"200 OK", EVENT("ADDED", "a", "78"), .then = HOLD}};
  owner o = {.keep = true};
  start(&o, replies, COUNT(replies), (lpod_watch_options){.resource_version = "77"});
  until(o.events == 1);
  ck_assert_str_eq(o.log, "+a");
  asked_for(&o.rig, 0, "&resourceVersion=77 ");
  finish(&o);
}
END_TEST

START_TEST(events_split_into_bytes_W16_X07) {
  static const reply replies[] = {
      {"200 OK", LIST_OF("10", POD("a", "5") "," POD("\xc3\xa9", "6")), .piece = 1},
      {"200 OK", EVENT("ADDED", "\xe2\x82\xac", "11") EVENT("MODIFIED", "a", "12"), .piece = 1, .then = HOLD},
  };
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_watch_options){0});
  until(o.events == 6);
  ck_assert_str_eq(o.log, "<=a=\xc3\xa9>+\xe2\x82\xac~a");
  finish(&o);
}
END_TEST

START_TEST(expired_both_ways_and_nonsense_list_again_W6_W11_W16_X20_M9) {
  static const reply replies[] = {
      {"410 Gone", REFUSED(410, "Expired", "no")},
      {"200 OK", LIST_OF("10", POD("a", "5"))},
      {"200 OK", EVENT("ADDED", "b", "11") EXPIRED, .then = HOLD},
      {"200 OK", LIST_OF("20", )},
      {"200 OK",
       EVENT("ADDED", "c", "21") "{\"type\":\"ADDED\",\"object\":{\"metadata\":"}, /* a value that the end cut */
      {"200 OK", LIST_OF("30", )},
      {"200 OK", EVENT("ADDED", "d", "31") "{\"type\":\"CHANGED\",\"object\":{}}", .then = HOLD},
      {"200 OK", LIST_OF("40", )},
      {"200 OK", EVENT("ADDED", "e", "41") "<html>", .then = HOLD},
      {"200 OK", LIST_OF("50", )},
      {"200 OK", "", .then = HOLD},
  };
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_watch_options){.resource_version = "7"});
  o.rig.hurry = 10 * LPOD_NS_PER_MS;
  until(asked(11));
  ck_assert_str_eq(o.log, "<=a>+b<>+c<>+d<>+e<>");
  asked_for(&o.rig, 10, "&resourceVersion=50 ");
  ck_assert_uint_eq(o.ends, 0);
  ck_assert_uint_eq(o.troubles, 3); /* the three that made no sense */
  finish(&o);
}
END_TEST

START_TEST(cut_and_busy_watch_again_without_a_list_W8) {
  static const reply replies[] = {
      {"200 OK", EVENT("ADDED", "a", "11") "{\"type\":\"ADD", .then = CUT},
      {"429 Too Many Requests", REFUSED(429, "TooManyRequests", "no"), .headers = "Retry-After: 3\r\n"},
      {"200 OK", "{\"type\":\"ERROR\",\"object\":" REFUSED(500, "InternalError", "no") "}", .then = HOLD},
      {NULL, .then = CUT},
      {"200 OK", EVENT("ADDED", "b", "12"), .then = HOLD},
  };
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_watch_options){.resource_version = "7"});
  o.rig.hurry = 10 * LPOD_NS_PER_MS;
  until(o.events == 2);
  ck_assert_str_eq(o.log, "+a+b");
  ck_assert_uint_eq(o.troubles, 4);
  asked_for(&o.rig, 1, "&resourceVersion=11 ");
  asked_for(&o.rig, 4, "&resourceVersion=11 ");
  finish(&o);
}
END_TEST

START_TEST(an_empty_short_watch_is_repeated_then_backed_off_M8) {
  static const reply replies[] = {{"200 OK", ""}, {"200 OK", ""}, {"200 OK", EVENT("ADDED", "a", "8"), .then = HOLD}};
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_watch_options){.resource_version = "7"});
  until(o.troubles == 1); /* the second one; time was not pushed */
  ck_assert_uint_eq(server_asked(&o.rig.server), 2);
  ck_assert(o.wait < 0.8);
  o.rig.hurry = 10 * LPOD_NS_PER_MS;
  until(o.events == 1);
  finish(&o);
}
END_TEST

START_TEST(silence_drops_the_stream_W9) {
  static const reply replies[] = {
      {"200 OK", EVENT("ADDED", "a", "8"), .then = HOLD},
      {NULL, .then = HOLD}, /* not even headers */
      {"200 OK", EVENT("ADDED", "b", "9"), .then = HOLD},
  };
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_watch_options){.resource_version = "7"});
  until(o.events == 1);
  int64_t before = o.rig.ahead;
  o.rig.hurry = 100 * LPOD_NS_PER_MS;
  until(o.troubles == 1);
  ck_assert(o.rig.ahead - before >= 85 * LPOD_NS_PER_S && o.rig.ahead - before <= 95 * LPOD_NS_PER_S);
  ck_assert_int_eq(o.trouble.rc, LPOD_E_TIMEOUT);
  until(o.troubles == 2);
  ck_assert_int_eq(o.trouble.rc, LPOD_E_TIMEOUT);
  until(o.events == 2);
  asked_for(&o.rig, 2, "&resourceVersion=8 ");
  finish(&o);
}
END_TEST

START_TEST(refusals_end_it) {
  static const struct {
    reply reply;
    lpod_rc rc;
    int code;
  } rows[] = {
      {{"403 Forbidden", REFUSED(403, "Forbidden", "no")}, LPOD_E_API, 403},
      {{"404 Not Found", REFUSED(404, "NotFound", "no")}, LPOD_E_API, 404},
      {{"401 Unauthorized", REFUSED(401, "Unauthorized", "no")}, LPOD_E_CREDENTIAL, 401},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    for (int list = 0; list < 2; list++) {
      const reply replies[] = {rows[i].reply, rows[i].reply}; /* 401: once more after a refresh (E8) */
      owner o = {0};
      start(&o, replies, COUNT(replies), (lpod_watch_options){.resource_version = list ? NULL : "7"});
      until(o.ends);
      ck_assert_int_eq(o.error.rc, rows[i].rc);
      ck_assert_int_eq(o.error.code, rows[i].code);
      ck_assert_msg(strncmp(o.error.text, list ? "list " TARGET : "watch " TARGET, 10) == 0, "%s", o.error.text);
      ck_assert_str_eq(o.log, "");
      finish(&o);
    }
  }
}
END_TEST

START_TEST(lists_that_break_begin_again_with_listing_W3_W11) {
  static const reply replies[] = {
      {"200 OK", "{\"kind\":\"PodList\",\"items\":[" POD("a", "5") ",", .then = CUT},
      {"200 OK", "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"10\",\"continue\":\"t/1\"},\"items\":[" POD(
                     "b", "5") "]}"},
      {"410 Gone", REFUSED(410, "Expired", "no")},
      {"200 OK", LIST_OF("12", POD("c", "5") "," POD("d", "5"))},
      {"200 OK", "", .then = HOLD},
  };
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_watch_options){0});
  o.rig.hurry = 10 * LPOD_NS_PER_MS;
  until(asked(5));
  ck_assert_str_eq(o.log, "<=a<=b<=c=d>");
  asked_for(&o.rig, 2, "limit=500&continue=t%2F1 ");
  asked_for(&o.rig, 3, "GET " TARGET " HTTP"); /* in full: it cannot expire again */
  asked_for(&o.rig, 4, "&resourceVersion=12 ");
  finish(&o);
}
END_TEST

START_TEST(other_kinds_are_counted_X24) {
  static const reply replies[] = {{"200 OK",
                                   "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Node\",\"metadata\":{\"name\":\"n\","
                                   "\"resourceVersion\":\"8\"}}}" EVENT("ADDED", "a", "9"),
                                   .then = HOLD}};
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_watch_options){.resource_version = "7", .kind = "Pod"});
  until(o.events == 1);
  ck_assert_str_eq(o.log, "+a");
  ck_assert_uint_eq(lpod_watch_skipped(o.watch), 1);
  finish(&o);
}
END_TEST

START_TEST(stop_inside_every_event) {
  static const reply replies[] = {
      {"200 OK", LIST_OF("10", POD("a", "5") "," POD("b", "6"))},
      {"200 OK", EVENT("ADDED", "c", "11") EVENT("MODIFIED", "a", "12") EVENT("DELETED", "b", "13"), .then = HOLD},
  };
  for (size_t at = 1; at <= 7; at++) {
    owner o = {.stop_at = at};
    start(&o, replies, COUNT(replies), (lpod_watch_options){0});
    until(!o.watch);
    for (int i = 0; i < 3; i++) rig_step(&o.rig);
    ck_assert_uint_eq(o.events, at);
    ck_assert_uint_eq(o.ends, 0);
    finish(&o);
  }
}
END_TEST

START_TEST(stop_before_anything_came) {
  static const reply replies[] = {{NULL, .then = HOLD}};
  for (int steps = 0; steps < 4; steps++) {
    owner o = {0};
    start(&o, replies, COUNT(replies), (lpod_watch_options){.resource_version = steps % 2 ? "7" : NULL});
    for (int i = 0; i < steps; i++) rig_step(&o.rig);
    finish(&o);
    ck_assert_uint_eq(o.events + o.ends, 0);
  }
}
END_TEST

/* Held in the list: the list is finished first. Held while it streams: given up, and gone on with from the last event.
 */
START_TEST(a_held_watch_goes_on_from_its_last_event_L15) {
  static const reply replies[] = {
      {"200 OK", LIST_OF("10", POD("a", "5")), .piece = 10},
      {"200 OK", EVENT("ADDED", "b", "11"), .then = HOLD},
      {"200 OK", EVENT("ADDED", "c", "12"), .then = HOLD},
  };
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_watch_options){0});
  lpod_watch_hold(o.watch, true);
  until(o.syncs == 1);
  for (int i = 0; i < 5; i++) rig_step(&o.rig);
  ck_assert_uint_eq(server_asked(&o.rig.server), 1);
  lpod_watch_hold(o.watch, false);
  until(o.events == 4);
  lpod_watch_hold(o.watch, true);
  lpod_watch_hold(o.watch, true);
  for (int i = 0; i < 5; i++) rig_step(&o.rig);
  ck_assert_uint_eq(server_asked(&o.rig.server), 2);
  lpod_watch_hold(o.watch, false);
  lpod_watch_hold(o.watch, false);
  until(o.events == 5);
  ck_assert_str_eq(o.log, "<=a>+b+c");
  asked_for(&o.rig, 2, "&resourceVersion=11 ");
  ck_assert_uint_eq(o.troubles + o.ends, 0);
  finish(&o);
}
END_TEST

START_TEST(time_limit_ends_it_without_error) {
  static const reply replies[] = {{"200 OK", EVENT("ADDED", "a", "8"), .then = HOLD}};
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_watch_options){.resource_version = "7", .timeout = 50});
  until(o.events == 1);
  o.rig.hurry = LPOD_NS_PER_S;
  until(o.ends);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  finish(&o);
}
END_TEST

START_TEST(an_absurd_object_ends_it_with_its_limit_X28) {
  size_t big = LPOD_LIMIT_EVENT + 1000;
  char *event = calloc(1, big + 500), *list = calloc(1, big + 500);
  char *text = calloc(1, big + 1);
  memset(text, 'x', big);
  sprintf(event,
          "{\"type\":\"ADDED\",\"object\":{\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\",\"resourceVersion\":\"8\"}}}",
          text);
  sprintf(
      list,
      "{\"kind\":\"PodList\",\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[{\"metadata\":{\"name\":\"%s\"}}]}",
      text);
  const reply replies[] = {{"200 OK", event, .then = HOLD}, {"200 OK", list}};
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_watch_options){.resource_version = "7"});
  o.rig.hurry = 10 * LPOD_NS_PER_MS;
  until(o.ends);
  ck_assert_int_eq(o.error.rc, LPOD_E_LIMIT);
  finish(&o);
  free(event);
  free(list);
  free(text);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("watch");
  TCase *tests = tcase_create("core");
  tcase_set_timeout(tests, 120);
  tcase_add_test(tests, lists_then_watches_and_goes_on_after_a_clean_end_W4_W8_X21);
  tcase_add_test(tests, starts_at_a_version_without_a_list_W4);
  tcase_add_test(tests, events_split_into_bytes_W16_X07);
  tcase_add_test(tests, expired_both_ways_and_nonsense_list_again_W6_W11_W16_X20_M9);
  tcase_add_test(tests, cut_and_busy_watch_again_without_a_list_W8);
  tcase_add_test(tests, an_empty_short_watch_is_repeated_then_backed_off_M8);
  tcase_add_test(tests, silence_drops_the_stream_W9);
  tcase_add_test(tests, refusals_end_it);
  tcase_add_test(tests, lists_that_break_begin_again_with_listing_W3_W11);
  tcase_add_test(tests, other_kinds_are_counted_X24);
  tcase_add_test(tests, stop_inside_every_event);
  tcase_add_test(tests, stop_before_anything_came);
  tcase_add_test(tests, a_held_watch_goes_on_from_its_last_event_L15);
  tcase_add_test(tests, time_limit_ends_it_without_error);
  tcase_add_test(tests, an_absurd_object_ends_it_with_its_limit_X28);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
