/* An engine whose events are not taken: its streams are given up at the ceiling and resumed, so that memory is bounded
 * and nothing is lost (M2, L15); and the same asked for by the reader (lpod_hold). The server is scripted. */
#include "base/limits.h"
#include "engine_private.h"
#include "kube/stream_server.h"

enum { LINE = 128, LINES = 24 * (int)LPOD_MIB / LINE, PER_SECOND = 1000 };

typedef struct owner {
  server server;
  lpod_engine *engine;
  lpod_client *client;
  char *text;
} owner;

/* A log of stamped lines, each with its number; every request gets it from its beginning. */
static char *make_log(void) {
  char *text = malloc((size_t)LINES * LINE + 1);
  for (int i = 0; text && i < LINES; i++) {
    char stamp[LPOD_TIME_TEXT], *line = text + (size_t)i * LINE;
    lpod_time_format((INT64_C(1700000000) * PER_SECOND + i) * (LPOD_NS_PER_S / PER_SECOND), 9, stamp);
    int used = snprintf(line, LINE, "%s %d ", stamp, i);
    memset(line + used, '.', (size_t)(LINE - 1 - used));
    line[LINE - 1] = '\n';
  }
  return text;
}

static void start(owner *o, reply *replies, size_t count) {
  lpod_error err = LPOD_ERROR_INIT;
  o->text = make_log();
  for (size_t i = 0; i < count; i++) replies[i] = (reply){"200 OK", o->text, .len = (size_t)LINES * LINE};
  server_start(&o->server, replies, count);
  char config[512];
  snprintf(config, sizeof config,
           "{\"apiVersion\": \"v1\", \"kind\": \"Config\", \"current-context\": \"c\","
           " \"clusters\": [{\"name\": \"c\", \"cluster\": {\"server\": \"http://127.0.0.1:%d\"}}],"
           " \"contexts\": [{\"name\": \"c\", \"context\": {\"cluster\": \"c\"}}]}",
           o->server.port);
  const lpod_engine_options engine = {.size = sizeof engine, .state = ""};
  const lpod_client_options client = {.size = sizeof client, .config_text = config};
  ck_assert_int_eq(lpod_engine_new(&engine, &o->engine, &err), LPOD_OK);
  ck_assert_msg(lpod_client_new(o->engine, &client, &o->client, &err) == LPOD_OK, "%s", err.text);
}

static void finish(owner *o) {
  lpod_client_unref(o->client);
  lpod_engine_unref(o->engine);
  server_stop(&o->server);
  free(o->text);
}

static lpod_id follow(owner *o) {
  const lpod_log_request request = {.size = sizeof request, .namespace_ = "x", .pod = "p", .follow = true};
  lpod_id id = lpod_client_logs(o->client, &request, NULL);
  ck_assert_uint_ne(id, 0);
  return id;
}

static void step(owner *o) { ck_assert_int_eq(lpod_engine_step(o->engine, 20, NULL, NULL), LPOD_OK); }

/* Takes what waits; lines must come in order, each once. False: the log has ended. */
static bool take(owner *o, int *lines) {
  for (const lpod_event *event; (event = lpod_engine_next(o->engine));) {
    ck_assert_int_ne(event->kind, LPOD_EVENT_WARNING); /* no gap */
    for (size_t i = 0; event->kind == LPOD_EVENT_OUTPUT && i < event->line_count; i++) {
      ck_assert_int_eq(atoi(event->text + event->lines[i].offset), *lines);
      ck_assert(event->lines[i].time == 0); /* not asked for */
      ++*lines;
    }
    if (event->kind != LPOD_EVENT_END) continue;
    ck_assert_msg(!event->error, "%s", event->error ? event->error->text : "");
    return false;
  }
  return true;
}

START_TEST(events_that_are_not_taken_are_bounded_M2_L15) {
  reply replies[4];
  owner o;
  start(&o, replies, COUNT(replies));
  follow(&o);
  size_t most = 0;
  int lines = 0;
  while (!o.engine->full) step(&o);
  for (int i = 0; i < 100; i++) {
    step(&o);
    if (o.engine->queue.bytes > most) most = o.engine->queue.bytes;
  }
  ck_assert_uint_ge(most, LPOD_LIMIT_LOG_ENGINE);
  ck_assert_uint_lt(most, LPOD_LIMIT_LOG_ENGINE + 4 * LPOD_MIB); /* what one step can read */
  ck_assert_uint_eq(server_asked(&o.server), 1);
  lpod_id timer = lpod_engine_timer(o.engine, 0, NULL); /* all else goes on */
  size_t count = o.engine->queue.count;
  while (o.engine->queue.count == count) step(&o);
  lpod_cancel(o.engine, timer);
  while (take(&o, &lines)) step(&o);
  ck_assert_int_eq(lines, LINES);
  ck_assert(!o.engine->full);
  ck_assert_uint_eq(server_asked(&o.server), 3); /* the last: what a kubelet may have kept back */
  finish(&o);
}
END_TEST

START_TEST(a_reader_holds_and_goes_on_L15) {
  reply replies[4];
  owner o;
  start(&o, replies, COUNT(replies));
  lpod_id id = follow(&o);
  int lines = 0;
  while (lines == 0) {
    step(&o);
    take(&o, &lines);
  }
  lpod_hold(o.engine, id, true);
  lpod_hold(o.engine, 4711, true);
  for (int i = 0; i < 20; i++) step(&o);
  ck_assert(take(&o, &lines));
  ck_assert_int_lt(lines, LINES);
  lpod_hold(o.engine, id, false);
  while (take(&o, &lines)) step(&o);
  ck_assert_int_eq(lines, LINES);
  ck_assert_uint_eq(server_asked(&o.server), 3); /* the last: what a kubelet may have kept back */
  finish(&o);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("hold");
  TCase *tests = tcase_create("core");
  tcase_set_timeout(tests, 120);
  tcase_add_test(tests, events_that_are_not_taken_are_bounded_M2_L15);
  tcase_add_test(tests, a_reader_holds_and_goes_on_L15);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
