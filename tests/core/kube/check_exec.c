/* Exec: framing and verdict (EX3–EX6, X38), and the driver against a scripted WebSocket server (EX1, EX2, EX4, EX6,
 * EX9, EX10, EX13, E8, M6, X37, X39, X40). */
#include "base/limits.h"
#include "kube/exec.h"
#include "kube/exec_frames.h"
#include "stream_server.h"

#define SUCCESS "{\"metadata\":{},\"status\":\"Success\"}"
#define EXITED(code) \
  "{\"kind\":\"Status\",\"status\":\"Failure\",\"message\":\"command terminated\",\"reason\":\"NonZeroExitCode\"," \
  "\"details\":{\"causes\":[{\"reason\":\"Other\",\"message\":\"9\"},{\"reason\":\"ExitCode\",\"message\":\"" code \
  "\"}]}}"
#define BIN(text) \
  { 2, text, sizeof(text) - 1 }
#define CLOSE \
  { 8, "\x03\xe8", 2 }

/* ---- frames ---- */

START_TEST(channels_are_told_apart_EX3) {
  lpod_exec_frames frames;
  lpod_exec_frames_init(&frames);
  int channel;
  const char *payload;
  size_t len;
#define READ(text) \
  ck_assert_int_eq(lpod_exec_frames_read(&frames, text, sizeof(text) - 1, &channel, &payload, &len, NULL), LPOD_OK)
  READ("\1out\0put");
  ck_assert_int_eq(channel, 1);
  ck_assert_uint_eq(len, 7);
  ck_assert(memcmp(payload, "out\0put", 7) == 0);
  READ("\2oops");
  ck_assert_int_eq(channel, 2);
  ck_assert_uint_eq(len, 4);
  READ("\1"); /* the first frame is an empty stdout (M6) */
  ck_assert_uint_eq(len, 0);
  READ("");
  ck_assert_uint_eq(len, 0);
  READ("\0stdin");
  ck_assert_uint_eq(len, 0);
  READ("\4{}");
  READ("\377\1");
  ck_assert_uint_eq(frames.unknown, 0);
  READ("\7what");
  READ("1base64"); /* what a base64 protocol would send (EX11) */
  ck_assert_uint_eq(len, 0);
  ck_assert_uint_eq(frames.unknown, 2);
  READ("\3");
  ck_assert(!lpod_exec_frames_judged(&frames));
  lpod_exec_frames_free(&frames);
}
END_TEST

START_TEST(verdicts_EX5_EX6_X38) {
  static const struct {
    const char *status;
    lpod_rc rc;
    int exit_code;
  } rows[] = {
      {SUCCESS, LPOD_OK, 0},
      {"{\"kind\":\"Status\",\"status\":\"Success\"}", LPOD_OK, 0},
      {EXITED("1"), LPOD_OK, 1},
      {EXITED("137"), LPOD_OK, 137},
      {EXITED(""), LPOD_E_PARSE, -1},
      {EXITED("seven"), LPOD_E_PARSE, -1},
      {EXITED("0"), LPOD_E_PARSE, -1}, /* a failure with 0 is no success */
      {EXITED("-1"), LPOD_E_PARSE, -1},
      {EXITED("99999999999"), LPOD_E_PARSE, -1},
      {"{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\"}", LPOD_E_PARSE, -1},
      {"{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"NonZeroExitCode\",\"details\":{\"causes\":[{"
       "\"reason\":\"Other\",\"message\":\"3\"}]}}",
       LPOD_E_PARSE, -1},
      {"{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"InternalError\",\"message\":\"no such "
       "file\",\"code\":500}",
       LPOD_E_API, -1},
      {"{\"status\":\"Failure\",\"message\":\"unable to upgrade\"}", LPOD_E_API, -1},
      {"{}", LPOD_E_PARSE, -1},
      {"[]", LPOD_E_PARSE, -1},
      {"Success", LPOD_E_PARSE, -1},
      {"{\"status\":\"Succ", LPOD_E_PARSE, -1},
      {"", LPOD_E_CUT, -1}, /* no Status: unknown, never success */
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    size_t len = strlen(rows[i].status);
    for (size_t cut = 0; cut <= len; cut++) { /* in one frame or two */
      lpod_exec_frames frames;
      lpod_exec_frames_init(&frames);
      int channel, exit_code = 4711;
      const char *payload;
      size_t payload_len;
      char message[1024] = "\3";
      memcpy(message + 1, rows[i].status, cut);
      lpod_exec_frames_read(&frames, message, cut + 1, &channel, &payload, &payload_len, NULL);
      memcpy(message + 1, rows[i].status + cut, len - cut);
      lpod_exec_frames_read(&frames, message, len - cut + 1, &channel, &payload, &payload_len, NULL);
      lpod_error err = LPOD_ERROR_INIT;
      lpod_rc rc = lpod_exec_frames_verdict(&frames, &exit_code, &err);
      ck_assert_msg(rc == rows[i].rc && err.rc == rc, "%s: %s", rows[i].status, err.text);
      ck_assert_int_eq(exit_code, rows[i].exit_code);
      lpod_exec_frames_free(&frames);
    }
  }
}
END_TEST

START_TEST(a_status_without_end_is_refused) {
  static char message[LPOD_LIMIT_ERROR_BODY + 2] = "\3";
  lpod_exec_frames frames;
  lpod_exec_frames_init(&frames);
  int channel;
  const char *payload;
  size_t len;
  memset(message + 1, ' ', sizeof message - 1);
  ck_assert_int_eq(lpod_exec_frames_read(&frames, message, sizeof message, &channel, &payload, &len, NULL),
                   LPOD_E_LIMIT);
  lpod_exec_frames_free(&frames);
}
END_TEST

START_TEST(protocols_EX2_EX11_X39) {
  ck_assert_int_eq(lpod_exec_version("v5.channel.k8s.io"), 5);
  ck_assert_int_eq(lpod_exec_version("v4.channel.k8s.io"), 4);
  ck_assert_int_eq(lpod_exec_version("v4.base64.channel.k8s.io"), 0);
  ck_assert_int_eq(lpod_exec_version(""), 0);
  ck_assert_int_eq(lpod_exec_version(NULL), 0);
}
END_TEST

/* ---- driver ---- */

typedef struct owner {
  rig rig;
  lpod_exec *exec;
  char out[1024], errors[256];
  size_t outputs, ends, cancel_at;
  bool cancel_on_open;
  int version, exit_code;
  lpod_rc late_close; /* closing stdin once open */
  bool close_on_open;
  lpod_error error;
} owner;

static void on_open(void *arg, int version) {
  owner *o = arg;
  o->version = version;
  if (o->close_on_open) o->late_close = lpod_exec_close_stdin(o->exec, NULL);
  if (!o->cancel_on_open) return;
  lpod_exec_cancel(o->exec);
  o->exec = NULL;
}

static void on_output(void *arg, lpod_channel channel, const char *data, size_t len) {
  owner *o = arg;
  strncat(channel == LPOD_STDOUT ? o->out : o->errors, data, len);
  if (++o->outputs != o->cancel_at) return;
  lpod_exec_cancel(o->exec);
  o->exec = NULL;
}

static void on_end(void *arg, int exit_code, const lpod_error *error) {
  owner *o = arg;
  o->ends++;
  o->exec = NULL;
  o->exit_code = exit_code;
  if (error) o->error = *error;
}

static const char *const command[] = {"sh", "-c", "echo a&b; cat", NULL};

static void start(owner *o, const reply *replies, size_t count, lpod_exec_options options) {
  lpod_error err = LPOD_ERROR_INIT;
  *o = (owner){.cancel_at = o->cancel_at,
               .cancel_on_open = o->cancel_on_open,
               .close_on_open = o->close_on_open,
               .late_close = LPOD_E_TASK};
  rig_start(&o->rig, replies, count);
  options.ns = "x";
  options.pod = "p";
  if (!options.command) options.command = command;
  options.on_open = on_open;
  options.on_output = on_output;
  options.on_end = on_end;
  options.arg = o;
  if (!options.use_stdin) options.use_stdout = options.use_stderr = true;
  o->exec = lpod_exec_start(o->rig.kube, &options, &err);
  ck_assert_msg(o->exec, "%s", err.text);
}

static void finish(owner *o) {
  lpod_exec_cancel(o->exec);
  rig_stop(&o->rig);
}
#define V5 "v5.channel.k8s.io"
#define V4 "v4.channel.k8s.io"

START_TEST(a_held_exec_reads_nothing_until_it_is_released_L15) {
  static const ws_frame frames[] = {BIN("\1hello"), BIN("\3" SUCCESS), CLOSE, {0}};
  static const ws_script script = {V5, .frames = frames};
  const reply replies[] = {{.ws = &script}};
  owner o = {0};
  start(&o, replies, 1, (lpod_exec_options){0});
  lpod_exec_hold(o.exec, true);
  until(o.version == 5);
  o.rig.ahead += 200 * LPOD_NS_PER_S; /* that it is not heard is no silence of the peer's (EX8) */
  for (int i = 0; i < 10; i++) rig_step(&o.rig);
  ck_assert_uint_eq(o.outputs + o.ends, 0);
  lpod_exec_hold(o.exec, false);
  until(o.ends);
  ck_assert_msg(o.error.rc == LPOD_OK && o.exit_code == 0, "%s", o.error.text);
  ck_assert_str_eq(o.out, "hello");
  finish(&o);
}
END_TEST

START_TEST(runs_and_ends_with_its_exit_code_EX1_EX2_EX5_M6) {
  static const ws_frame good[] = {BIN("\1"), BIN("\1hello "), BIN("\2oops"), BIN("\1world"), BIN("\3" SUCCESS), CLOSE,
                                  {0}};
  static const ws_frame bad[] = {BIN("\3" EXITED("7")), CLOSE, {0}};
  static const ws_script scripts[] = {{V5, .frames = good}, {V4, .frames = bad}};
  for (size_t i = 0; i < 2; i++) {
    const reply replies[] = {{.ws = &scripts[i]}};
    owner o = {0};
    start(&o, replies, 1, (lpod_exec_options){.container = "c"});
    until(o.ends);
    ck_assert_msg(o.error.rc == LPOD_OK, "%s", o.error.text);
    ck_assert_int_eq(o.exit_code, i ? 7 : 0);
    ck_assert_int_eq(o.version, i ? 4 : 5);
    ck_assert_str_eq(o.out, i ? "" : "hello world");
    ck_assert_str_eq(o.errors, i ? "" : "oops");
    asked_for(
        &o.rig, 0,
        "GET "
        "/api/v1/namespaces/x/pods/p/"
        "exec?command=sh&command=-c&command=echo%20a%26b%3B%20cat&container=c&stdout=true&stderr=true HTTP/1.1\r\n");
    asked_for(&o.rig, 0, "Sec-WebSocket-Protocol: v5.channel.k8s.io, v4.channel.k8s.io\r\n");
    finish(&o);
  }
}
END_TEST

START_TEST(output_behind_the_status_is_delivered_X37) {
  static const ws_frame frames[] = {BIN("\1one "), BIN("\3" SUCCESS), BIN("\1two "), BIN("\2three"), CLOSE, {0}};
  static const ws_script script = {V5, .frames = frames};
  const reply replies[] = {{.ws = &script}};
  owner o = {0};
  start(&o, replies, 1, (lpod_exec_options){0});
  until(o.ends);
  ck_assert_int_eq(o.exit_code, 0);
  ck_assert_str_eq(o.out, "one two ");
  ck_assert_str_eq(o.errors, "three");
  finish(&o);
}
END_TEST

START_TEST(no_status_is_unknown_EX6) {
  static const ws_frame closed[] = {BIN("\1part"), CLOSE, {0}}, cut[] = {BIN("\1part"), {0}},
                        judged_cut[] = {BIN("\3" SUCCESS), {0}};
  static const ws_script scripts[] = {{V5, .frames = closed}, {V5, .frames = cut}, {V5, .frames = judged_cut}};
  for (size_t i = 0; i < 3; i++) {
    const reply replies[] = {{.ws = &scripts[i]}};
    owner o = {0};
    start(&o, replies, 1, (lpod_exec_options){0});
    until(o.ends);
    ck_assert_int_eq(o.error.rc, i < 2 ? LPOD_E_CUT : LPOD_OK); /* M6: a cut behind the Status is no news */
    ck_assert_int_eq(o.exit_code, i < 2 ? -1 : 0);
    if (i < 2) ck_assert_ptr_nonnull(strstr(o.error.text, "unknown"));
    finish(&o);
  }
}
END_TEST

START_TEST(stdin_waits_until_open_and_is_closed_EX4) {
  static const ws_frame frames[] = {BIN("\3" SUCCESS), CLOSE, {0}};
  static const ws_script script = {V5, .await = 4, .frames = frames};
  const reply replies[] = {{.ws = &script}};
  char big[LPOD_EXEC_CHUNK * 2 + 100];
  memset(big, 'x', sizeof big);
  owner o = {0};
  start(&o, replies, 1, (lpod_exec_options){.use_stdin = true});
  ck_assert_int_eq(lpod_exec_write(o.exec, big, sizeof big, NULL), LPOD_OK);
  ck_assert_int_eq(lpod_exec_write(o.exec, NULL, 0, NULL), LPOD_OK);
  ck_assert_int_eq(lpod_exec_close_stdin(o.exec, NULL), LPOD_OK);
  ck_assert_int_eq(lpod_exec_write(o.exec, "more", 4, NULL), LPOD_E_USAGE);
  ck_assert_int_eq(lpod_exec_close_stdin(o.exec, NULL), LPOD_E_USAGE);
  until(o.ends);
  ck_assert_msg(o.error.rc == LPOD_OK, "%s", o.error.text);
  const server *s = &o.rig.server;
  size_t sum = 0;
  for (int i = 0; i < 3; i++) {
    ck_assert_int_eq(s->messages[i][0], 0);
    ck_assert_uint_le(s->message_lens[i], LPOD_EXEC_CHUNK + 1);
    sum += s->message_lens[i] - 1;
  }
  ck_assert_uint_eq(sum, sizeof big);
  ck_assert_uint_eq(s->message_lens[3], 2);
  ck_assert(memcmp(s->messages[3], "\377\0", 2) == 0);
  asked_for(&o.rig, 0, "&stdin=true HTTP");
  finish(&o);
}
END_TEST

START_TEST(v4_cannot_close_stdin_EX4_X39) {
  static const ws_frame frames[] = {BIN("\3" SUCCESS), CLOSE, {0}};
  static const ws_script script = {V4, .frames = frames}, waiting = {V4, .await = 9};
  const reply replies[] = {{.ws = &script}}, held[] = {{.ws = &waiting}};
  owner o = {.close_on_open = true};
  start(&o, replies, 1, (lpod_exec_options){.use_stdin = true, .use_stdout = true});
  until(o.ends);
  ck_assert_int_eq(o.late_close, LPOD_E_USAGE); /* and it goes on */
  ck_assert_int_eq(o.error.rc, LPOD_OK);
  finish(&o);
  o = (owner){0};
  start(&o, held, 1, (lpod_exec_options){.use_stdin = true, .use_stdout = true});
  ck_assert_int_eq(lpod_exec_close_stdin(o.exec, NULL), LPOD_OK); /* not known yet */
  until(o.ends);
  ck_assert_int_eq(o.error.rc, LPOD_E_USAGE);
  ck_assert_int_eq(o.version, 0);
  finish(&o);
}
END_TEST

START_TEST(stdin_is_bounded_and_must_be_asked_for) {
  static const reply replies[] = {{NULL, .then = HOLD}};
  static char big[LPOD_LIMIT_WS_OUT + 1];
  owner o = {0};
  start(&o, replies, 1, (lpod_exec_options){.use_stdin = true});
  ck_assert_int_eq(lpod_exec_write(o.exec, big, sizeof big, NULL), LPOD_E_LIMIT);
  finish(&o);
  start(&o, replies, 1, (lpod_exec_options){0});
  ck_assert_int_eq(lpod_exec_write(o.exec, "x", 1, NULL), LPOD_E_USAGE);
  ck_assert_int_eq(lpod_exec_close_stdin(o.exec, NULL), LPOD_E_USAGE);
  finish(&o);
}
END_TEST

START_TEST(wrong_handshakes_are_errors_EX2_X39_X40) {
  static const ws_script scripts[] = {{NULL}, {"v4.base64.channel.k8s.io"}, {V5, .wrong_accept = true}};
  for (size_t i = 0; i < COUNT(scripts); i++) {
    const reply replies[] = {{.ws = &scripts[i]}};
    owner o = {0};
    start(&o, replies, 1, (lpod_exec_options){0});
    until(o.ends);
    ck_assert_msg(o.error.rc == LPOD_E_PARSE, "%zu: %s", i, o.error.text);
    ck_assert_int_eq(o.version, 0);
    finish(&o);
  }
}
END_TEST

START_TEST(refusals_are_told_EX9_EX10_EX13_X40) {
  static const struct {
    reply reply;
    lpod_rc rc;
    int code;
    const char *text;
  } rows[] = {
      {{"403 Forbidden", REFUSED(403, "Forbidden",
                                 "User \\\"u\\\" cannot create resource \\\"pods/exec\\\" in API group \\\"\\\" in the "
                                 "namespace \\\"x\\\"")},
       LPOD_E_API,
       403,
       "create"},
      {{"403 Forbidden", REFUSED(403, "Forbidden", "no")}, LPOD_E_API, 403, "create pods/exec"},
      {{"400 Bad Request", REFUSED(400, "BadRequest", "container not found")}, LPOD_E_API, 400, "container not found"},
      {{"404 Not Found", REFUSED(404, "NotFound", "pods p not found")}, LPOD_E_API, 404, "not found"},
      {{"500 Internal Server Error", REFUSED(500, "InternalError", "error dialing backend")},
       LPOD_E_API,
       500,
       "dialing"},
      {{"400 Bad Request", "<html>squid</html>"}, LPOD_E_API, 400, "proxy"},
      {{"200 OK", "<html>welcome</html>"}, LPOD_E_API, 200, "proxy"},
      {{NULL, .then = CUT}, LPOD_E_CUT, 0, ""},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    owner o = {0};
    start(&o, &rows[i].reply, 1, (lpod_exec_options){0});
    until(o.ends);
    ck_assert_msg(o.error.rc == rows[i].rc, "row %zu: %s", i, o.error.text);
    ck_assert_int_eq(o.error.code, rows[i].code);
    ck_assert_msg(strstr(o.error.text, rows[i].text), "row %zu: %s", i, o.error.text);
    ck_assert_msg(lpod_text_starts(o.error.text, "exec in pod x/p: "), "row %zu: %s", i, o.error.text);
    ck_assert_int_eq(o.exit_code, -1);
    ck_assert(o.error.retryable == (i == 4 || i == 7)); /* X40 */
    finish(&o);
  }
}
END_TEST

START_TEST(unauthorized_is_refreshed_once_E8) {
  static const ws_frame frames[] = {BIN("\3" SUCCESS), CLOSE, {0}};
  static const ws_script script = {V5, .frames = frames};
  const reply once[] = {{"401 Unauthorized", REFUSED(401, "Unauthorized", "no")}, {.ws = &script}};
  const reply twice[] = {once[0], once[0], {.ws = &script}};
  owner o = {0};
  start(&o, once, 2, (lpod_exec_options){0});
  until(o.ends);
  ck_assert_msg(o.error.rc == LPOD_OK, "%s", o.error.text);
  finish(&o);
  start(&o, twice, 3, (lpod_exec_options){0});
  until(o.ends);
  ck_assert_int_eq(o.error.rc, LPOD_E_CREDENTIAL);
  ck_assert_uint_eq(server_asked(&o.rig.server), 2);
  finish(&o);
}
END_TEST

START_TEST(cancel_inside_callbacks_and_at_any_moment) {
  static const ws_frame frames[] = {BIN("\1one"), BIN("\1two"), BIN("\3" SUCCESS), CLOSE, {0}};
  static const ws_script script = {V5, .frames = frames};
  const reply replies[] = {{.ws = &script}};
  for (size_t at = 0; at < 3; at++) {
    owner o = {.cancel_at = at, .cancel_on_open = !at};
    start(&o, replies, 1, (lpod_exec_options){0});
    until(!o.exec);
    for (int i = 0; i < 3; i++) rig_step(&o.rig);
    ck_assert_uint_eq(o.ends, 0);
    ck_assert_uint_eq(o.outputs, at);
    finish(&o);
  }
  for (int steps = 0; steps < 5; steps++) {
    static const ws_script waiting = {V5, .await = 1};
    const reply held[] = {{.ws = &waiting}};
    owner o = {0};
    start(&o, held, 1, (lpod_exec_options){0});
    for (int i = 0; i < steps; i++) rig_step(&o.rig);
    finish(&o);
    ck_assert_uint_eq(o.ends, 0);
  }
}
END_TEST

START_TEST(time_limit_leaves_the_outcome_unknown) {
  static const ws_script waiting = {V5, .await = 1};
  const reply replies[] = {{.ws = &waiting}};
  owner o = {0};
  start(&o, replies, 1, (lpod_exec_options){.timeout = 20});
  until(o.version == 5);
  o.rig.hurry = 500 * LPOD_NS_PER_MS;
  until(o.ends);
  ck_assert_int_eq(o.error.rc, LPOD_E_TIMEOUT);
  ck_assert_ptr_nonnull(strstr(o.error.text, "unknown"));
  finish(&o);
}
END_TEST

START_TEST(wrong_options_are_refused_EX1_R1) {
  static const char *const nothing[] = {NULL};
  static const lpod_exec_options rows[] = {
      {.ns = "x", .pod = "p", .command = nothing, .use_stdout = true},
      {.ns = "x", .pod = "p", .command = NULL, .use_stdout = true},
      {.ns = "x", .pod = "p", .command = command},
      {.ns = "x", .pod = "p", .command = command, .use_stdout = true, .use_stderr = true, .tty = true},
      {.ns = "x", .pod = "", .command = command, .use_stdout = true},
      {.ns = "x", .pod = NULL, .command = command, .use_stdout = true},
      {.ns = "", .pod = "p", .command = command, .use_stdout = true},
  };
  rig r;
  rig_start(&r, NULL, 0);
  for (size_t i = 0; i < COUNT(rows); i++) {
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert_ptr_null(lpod_exec_start(r.kube, &rows[i], &err));
    ck_assert_int_eq(err.rc, LPOD_E_USAGE);
  }
  rig_stop(&r);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("exec");
  TCase *tests = tcase_create("core");
  tcase_set_timeout(tests, 60);
  tcase_add_test(tests, channels_are_told_apart_EX3);
  tcase_add_test(tests, verdicts_EX5_EX6_X38);
  tcase_add_test(tests, a_status_without_end_is_refused);
  tcase_add_test(tests, protocols_EX2_EX11_X39);
  tcase_add_test(tests, runs_and_ends_with_its_exit_code_EX1_EX2_EX5_M6);
  tcase_add_test(tests, output_behind_the_status_is_delivered_X37);
  tcase_add_test(tests, no_status_is_unknown_EX6);
  tcase_add_test(tests, stdin_waits_until_open_and_is_closed_EX4);
  tcase_add_test(tests, v4_cannot_close_stdin_EX4_X39);
  tcase_add_test(tests, stdin_is_bounded_and_must_be_asked_for);
  tcase_add_test(tests, wrong_handshakes_are_errors_EX2_X39_X40);
  tcase_add_test(tests, refusals_are_told_EX9_EX10_EX13_X40);
  tcase_add_test(tests, unauthorized_is_refreshed_once_E8);
  tcase_add_test(tests, cancel_inside_callbacks_and_at_any_moment);
  tcase_add_test(tests, time_limit_leaves_the_outcome_unknown);
  tcase_add_test(tests, a_held_exec_reads_nothing_until_it_is_released_L15);
  tcase_add_test(tests, wrong_options_are_refused_EX1_R1);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
