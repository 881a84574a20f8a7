/* Following a log: L1, L2, L4, L10, LOG-4, LOG-6, M2, M11, M24, R1, X07. Lines and stamps themselves are in
 * check_log_parser.c. */
#include "kube/logs.h"
#include "stream_server.h"

#define PATH "GET /api/v1/namespaces/x/pods/p/log?"
#define LINE(second, text) "2023-11-14T22:13:" second ".123456789Z " text "\n"

typedef struct owner {
  rig rig;
  lpod_log *log;
  char text[4096];
  size_t blocks, opens, ends, close_at, free_at, reopen_at;
  lpod_error error;
} owner;

static void on_open(void *arg) { ((owner *)arg)->opens++; }

static void on_block(void *arg, const lpod_log_block *block) {
  owner *o = arg;
  ck_assert_uint_gt(block->count, 0);
  strncat(o->text, block->text, block->len);
  o->blocks++;
  if (o->blocks == o->close_at) lpod_log_close(o->log);
  if (o->blocks == o->reopen_at) ck_assert_int_eq(lpod_log_open(o->log, true, NULL), LPOD_OK);
  if (o->blocks != o->free_at) return;
  lpod_log_free(o->log);
  o->log = NULL;
}

static void on_end(void *arg, const lpod_error *error) {
  owner *o = arg;
  o->ends++;
  o->error = error ? *error : (lpod_error)LPOD_ERROR_INIT;
}

static void start(owner *o, const reply *replies, size_t count, lpod_log_options options) {
  *o = (owner){.close_at = o->close_at, .free_at = o->free_at, .reopen_at = o->reopen_at};
  options.ns = "x";
  options.pod = "p";
  options.on_open = on_open;
  options.on_block = on_block;
  options.on_end = on_end;
  options.arg = o;
  rig_own(o, replies, count, log, lpod_log_new, options);
  ck_assert_int_eq(lpod_log_open(o->log, options.follow, NULL), LPOD_OK);
}

static void finish(owner *o) {
  lpod_log_free(o->log);
  rig_stop(&o->rig);
}

START_TEST(follows_and_resumes_from_the_second_of_the_last_line_L2_LOG4) {
  static const reply replies[] = {
      {"200 OK", LINE("20", "one") LINE("21", "two") "2023-11-14T22:13:21.9Z cut in the mid"},
      {"200 OK", LINE("21", "two") LINE("21", "two") "2023-11-14T22:13:21.9Z cut in the middle\n", .piece = 1},
      {"200 OK", "2023-11-14T22:13:21.9Z cut in the middle\n2023-11-14T22:13:22Z tail"},
  };
  owner o = {0};
  start(&o, replies, COUNT(replies),
        (lpod_log_options){.container = "base", .follow = true, .tail_lines = -1, .prefix = "[base] "});
  until(o.ends == 1);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  ck_assert_str_eq(o.text, "[base] one\n[base] two\n");
  asked_for(&o.rig, 0, PATH "container=base&follow=true&timestamps=true HTTP");
  ck_assert_int_eq(lpod_log_open(o.log, true, NULL), LPOD_OK);
  until(o.ends == 2);
  asked_for(&o.rig, 1, PATH "container=base&follow=true&timestamps=true&sinceTime=2023-11-14T22%3A13%3A21Z HTTP");
  ck_assert_str_eq(o.text, "[base] one\n[base] two\n[base] two\n[base] cut in the middle\n");
  ck_assert_int_eq(lpod_log_open(o.log, false, NULL), LPOD_OK); /* a last tail read (L7) */
  until(o.ends == 3);
  asked_not_for(&o.rig, 2, "follow");
  lpod_log_flush(o.log); /* LOG-6 */
  ck_assert_str_eq(o.text, "[base] one\n[base] two\n[base] two\n[base] cut in the middle\n[base] tail\n");
  ck_assert_uint_eq(lpod_log_lines(o.log), 5);
  ck_assert(lpod_log_last(o.log) == INT64_C(1700000002000000000));
  ck_assert(!lpod_log_gap(o.log));
  ck_assert_uint_eq(lpod_log_cut(o.log), 0);
  ck_assert_uint_eq(o.opens, 3);
  finish(&o);
}
END_TEST

START_TEST(every_parameter_is_asked_for_L1) {
  static const reply stamped[] = {{"200 OK", LINE("25", "text")}, {"200 OK", ""}};
  owner o = {0};
  start(&o, stamped, 2, (lpod_log_options){.previous = true, .since = INT64_C(1700000000900000000), .tail_lines = 7});
  until(o.ends);
  asked_for(&o.rig, 0, PATH "previous=true&timestamps=true&sinceTime=2023-11-14T22%3A13%3A20Z&tailLines=7 HTTP");
  lpod_log_open(o.log, false, NULL);
  until(o.ends == 2);
  asked_for(
      &o.rig, 1,
      PATH
      "previous=true&timestamps=true&sinceTime=2023-11-14T22%3A13%3A25Z HTTP"); /* the tail was for the beginning */
  finish(&o);
}
END_TEST

START_TEST(an_empty_answer_is_a_clean_end_L4) {
  static const reply replies[] = {{"200 OK", ""}};
  owner o = {0};
  start(&o, replies, 1, (lpod_log_options){.follow = true, .tail_lines = -1});
  until(o.ends);
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  ck_assert_uint_eq(o.blocks, 0);
  ck_assert_int_eq(lpod_log_last(o.log), 0);
  lpod_log_flush(o.log);
  ck_assert_uint_eq(o.blocks, 0);
  finish(&o);
}
END_TEST

START_TEST(refusals_and_cuts_go_to_the_owner_M11) {
  static const struct {
    reply reply;
    lpod_rc rc;
    int code;
  } rows[] = {
      {{"400 Bad Request",
        "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"BadRequest\",\"code\":400,\"message\":"
        "\"container \\\"base\\\" in pod \\\"p\\\" is waiting to start: ContainerCreating\"}"},
       LPOD_E_API,
       400},
      {{"404 Not Found", "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"NotFound\",\"code\":404}"},
       LPOD_E_API,
       404},
      {{"500 Internal Server Error", "{\"kind\":\"Status\",\"status\":\"Failure\",\"code\":500}"}, LPOD_E_API, 500},
      {{"200 OK", LINE("20", "one"), .then = CUT}, LPOD_E_CUT, 0},
      {{NULL, .then = CUT}, LPOD_E_CUT, 0},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    owner o = {0};
    start(&o, &rows[i].reply, 1, (lpod_log_options){.follow = true, .tail_lines = -1});
    until(o.ends);
    ck_assert_msg(o.error.rc == rows[i].rc, "row %zu: %s", i, o.error.text);
    ck_assert_int_eq(o.error.code, rows[i].code);
    ck_assert_msg(lpod_text_starts(o.error.text, "log of pod x/p: "), "%s", o.error.text);
    ck_assert_uint_eq(server_asked(&o.rig.server), 1); /* asked once: the owner decides */
    ck_assert_uint_eq(o.blocks, i == 3);
    finish(&o);
  }
}
END_TEST

/* M24: 200 and a complaint in place of lines is a broken stream, and not an open one, whatever was read before. */
START_TEST(a_complaint_in_place_of_lines_goes_to_the_owner_M24) {
  static const char gone[] = "failed to try resolving symlinks in path \"/var/log/pods/x_p/base/0.log\": lstat";
  static const char worn[] = LINE("20", "one") "failed to create fsnotify watcher: too many open files";
  static const reply replies[] = {
      {"200 OK", gone, .piece = 7}, {"200 OK", gone},
      {"200 OK", worn},             {"200 OK", worn},
      {"200 OK", worn},             {"200 OK", LINE("20", "one") LINE("21", "two")},
  };
  static const size_t opens[] = {0, 0, 1, 1, 1, 2};
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_log_options){.follow = true, .tail_lines = -1});
  for (size_t i = 0; i < COUNT(replies); i++) {
    until(o.ends == i + 1);
    ck_assert_uint_eq(o.opens, opens[i]);
    ck_assert_int_eq(o.error.rc, i < 5 ? LPOD_E_CUT : LPOD_OK);
    if (i < 2)
      ck_assert_msg(strstr(o.error.text, "log of pod x/p: the kubelet says: failed to try"), "%s", o.error.text);
    lpod_log_flush(o.log);
    if (i < 5) ck_assert_int_eq(lpod_log_open(o.log, true, NULL), LPOD_OK);
  }
  ck_assert_str_eq(o.text, "one\ntwo\n");
  finish(&o);
}
END_TEST

/* M2: the owner's bound on unread bytes: close inside on_block, resume later, nothing doubled or lost. */
START_TEST(close_and_reopen_inside_a_block_M2) {
  static const reply replies[] = {
      {"200 OK", LINE("20", "one") LINE("21", "two"), .then = HOLD},
      {"200 OK", LINE("21", "two") LINE("22", "three"), .then = HOLD},
  };
  owner o = {.close_at = 1};
  start(&o, replies, COUNT(replies), (lpod_log_options){.follow = true, .tail_lines = -1});
  until(o.blocks == 1);
  for (int i = 0; i < 3; i++) rig_step(&o.rig);
  ck_assert_uint_eq(o.ends, 0);
  lpod_log_open(o.log, true, NULL);
  until(o.blocks == 2);
  ck_assert_str_eq(o.text, "one\ntwo\nthree\n");
  finish(&o);
  o = (owner){.reopen_at = 1};
  start(&o, replies, COUNT(replies), (lpod_log_options){.follow = true, .tail_lines = -1});
  until(o.blocks == 2);
  ck_assert_str_eq(o.text, "one\ntwo\nthree\n");
  ck_assert_uint_eq(o.ends, 0);
  finish(&o);
}
END_TEST

/* The same by hold and release: a held log asks for nothing, then goes on as it was, its kind of stream included. */
START_TEST(a_held_log_is_given_up_and_resumed_M2_L15) {
  static const reply replies[] = {
      {"200 OK", LINE("20", "one") LINE("21", "two"), .then = HOLD},
      {"200 OK", LINE("21", "two") LINE("22", "three"), .then = HOLD},
      {"200 OK", LINE("22", "three") LINE("23", "four")},
  };
  owner o = {0};
  start(&o, replies, COUNT(replies), (lpod_log_options){.follow = true, .tail_lines = -1});
  until(o.blocks == 1);
  lpod_log_hold(o.log);
  lpod_log_hold(o.log);
  for (int i = 0; i < 5; i++) rig_step(&o.rig);
  ck_assert_uint_eq(server_asked(&o.rig.server), 1);
  ck_assert_int_eq(lpod_log_release(o.log, NULL), LPOD_OK);
  ck_assert_int_eq(lpod_log_release(o.log, NULL), LPOD_OK);
  until(o.blocks == 2);
  asked_for(&o.rig, 1, PATH "follow=true&timestamps=true&sinceTime=2023-11-14T22%3A13%3A21Z HTTP");
  lpod_log_hold(o.log);
  lpod_log_open(o.log, false, NULL); /* its owner wants the tail now: that waits, too */
  for (int i = 0; i < 5; i++) rig_step(&o.rig);
  ck_assert_uint_eq(server_asked(&o.rig.server), 2);
  lpod_log_release(o.log, NULL);
  until(o.ends == 1);
  asked_for(&o.rig, 2, PATH "timestamps=true&sinceTime=2023-11-14T22%3A13%3A22Z HTTP");
  ck_assert_str_eq(o.text, "one\ntwo\nthree\nfour\n");
  lpod_log_hold(o.log); /* nothing is open: nothing is opened by the release */
  lpod_log_release(o.log, NULL);
  for (int i = 0; i < 5; i++) rig_step(&o.rig);
  ck_assert_uint_eq(server_asked(&o.rig.server), 3);
  finish(&o);
}
END_TEST

START_TEST(free_inside_a_block_and_at_any_moment) {
  static const reply replies[] = {{"200 OK", LINE("20", "one"), .then = HOLD}};
  owner o = {.free_at = 1};
  start(&o, replies, 1, (lpod_log_options){.follow = true, .tail_lines = -1});
  until(!o.log);
  for (int i = 0; i < 3; i++) rig_step(&o.rig);
  ck_assert_uint_eq(o.ends, 0);
  finish(&o);
  for (int steps = 0; steps < 4; steps++) {
    o = (owner){0};
    start(&o, replies, 1, (lpod_log_options){.follow = true, .tail_lines = -1});
    for (int i = 0; i < steps; i++) rig_step(&o.rig);
    finish(&o);
    ck_assert_uint_eq(o.ends, 0);
  }
}
END_TEST

START_TEST(wrong_names_are_refused_before_anything_is_sent_R1) {
  static const char *const names[] = {"", "A", "a/b", NULL};
  rig r;
  rig_start(&r, NULL, 0);
  for (size_t i = 0; i < COUNT(names); i++) {
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert_ptr_null(lpod_log_new(
        r.kube, &(lpod_log_options){.ns = "x", .pod = names[i], .on_block = on_block, .on_end = on_end}, &err));
    ck_assert_int_eq(err.rc, LPOD_E_USAGE);
    ck_assert_ptr_null(lpod_log_new(
        r.kube, &(lpod_log_options){.ns = names[i], .pod = "p", .on_block = on_block, .on_end = on_end}, &err));
    ck_assert_int_eq(err.rc, LPOD_E_USAGE);
  }
  rig_stop(&r);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("logs");
  TCase *tests = tcase_create("core");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, follows_and_resumes_from_the_second_of_the_last_line_L2_LOG4);
  tcase_add_test(tests, every_parameter_is_asked_for_L1);
  tcase_add_test(tests, an_empty_answer_is_a_clean_end_L4);
  tcase_add_test(tests, refusals_and_cuts_go_to_the_owner_M11);
  tcase_add_test(tests, a_complaint_in_place_of_lines_goes_to_the_owner_M24);
  tcase_add_test(tests, close_and_reopen_inside_a_block_M2);
  tcase_add_test(tests, a_held_log_is_given_up_and_resumed_M2_L15);
  tcase_add_test(tests, free_inside_a_block_and_at_any_moment);
  tcase_add_test(tests, wrong_names_are_refused_before_anything_is_sent_R1);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
