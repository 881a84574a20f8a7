/* The exec that reads a result and ends the sidecar, and the read of what an ended one left in its log. Once the frame
 * is whole the value stands: nothing that happens while the sidecar is being ended touches it (RES-6). */
#include "result.h"

#include "../base/limits.h"
#include "../base/text.h"
#include "../kube/client.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READS_MOST 2u /* RES-5: once more after a cut or a mismatch */
#define READ_SECONDS 300.0
#define LOG_MOST (9u * LPOD_MIB) /* 6 MiB in base64, which is the most a sidecar leaves */
#define END_SECONDS 5 /* for the sidecar's shell to go once it was told */

/* SIGINT is what both kinds of sidecar end on, ours and the seed's. */
static const char *const reader_command[] = {
    "sh",
    "-c",
    "f=" LPOD_RESULT_PATH "\n"
    "if [ -s \"$f\" ]; then set -- $(sha256sum \"$f\"); printf 'LPOD %d %s\\n' $(wc -c <\"$f\") \"$1\"; cat \"$f\"\n"
    "else printf 'LPOD 0 -\\n'; fi\n"
    "read -r answer; [ \"$answer\" = done ] && kill -INT 1",
    NULL,
};

struct lpod_result_reader {
  lpod_kube *kube;
  char *ns, *pod, *container;
  lpod_result_options options;
  lpod_exec *exec;
  lpod_kube_call *call;
  lpod_frame frame;
  lpod_buf said; /* what the shell wrote to stderr */
  bool whole;
  lpod_error error; /* of the frame */
  unsigned reads;
  lpod_timer timer;
};

static void free_reader(lpod_result_reader *r) {
  if (r->exec) lpod_exec_cancel(r->exec);
  lpod_kube_cancel(r->call);
  lpod_timer_stop(lpod_kube_loop(r->kube), &r->timer);
  lpod_frame_free(&r->frame);
  lpod_buf_free(&r->said);
  free(r->ns);
  free(r->pod);
  free(r->container);
  free(r);
}

static void finish(lpod_result_reader *r, const lpod_error *error) {
  void (*on_done)(void *, char *, size_t, const lpod_error *) = r->options.on_done;
  void *arg = r->options.arg;
  size_t len = 0;
  char *data = error || r->frame.length == 0 ? NULL : lpod_buf_take(&r->frame.body, &len);
  lpod_error copy = LPOD_ERROR_INIT;
  if (error) copy = *error;
  free_reader(r);
  on_done(arg, data, len, error ? &copy : NULL);
}

static void on_timer(void *arg) { finish(arg, NULL); /* whole, and the shell does not go: RES-6 */ }

static void on_output(void *arg, lpod_channel channel, const char *data, size_t len) {
  lpod_result_reader *r = arg;
  if (channel != LPOD_STDOUT) {
    size_t room = r->said.ceiling - r->said.len;
    lpod_buf_add(&r->said, data, len < room ? len : room, NULL);
    return;
  }
  if (r->whole || r->error.rc != LPOD_OK || len == 0) return;
  lpod_frame_feed(&r->frame, data, len, &r->whole, &r->error);
  if (r->whole) {
    lpod_exec_write(r->exec, "done\n", 5, NULL);
    lpod_timer_start(lpod_kube_loop(r->kube), &r->timer, END_SECONDS * LPOD_NS_PER_S, NULL);
  } else if (r->error.rc != LPOD_OK) {
    lpod_exec_write(r->exec, "no\n", 3, NULL);
  }
}

static lpod_rc start(lpod_result_reader *r, lpod_error *err);

/* A reading has ended without a whole frame: once more, or the end. */
static void not_whole(lpod_result_reader *r, const lpod_error *error) {
  lpod_error err = *error;
  bool again = r->reads < READS_MOST && (err.rc == LPOD_E_CUT || err.rc == LPOD_E_PARSE || err.rc == LPOD_E_TIMEOUT);
  if (again && start(r, &err) == LPOD_OK) return;
  snprintf(err.error_class, sizeof err.error_class, "result");
  finish(r, &err);
}

static void on_end(void *arg, int exit_code, const lpod_error *error) {
  lpod_result_reader *r = arg;
  lpod_error err = LPOD_ERROR_INIT;
  r->exec = NULL;
  if (r->whole) {
    finish(r, NULL);
    return;
  }
  if (r->error.rc != LPOD_OK) {
    err = r->error;
  } else if (error) {
    err = *error;
  } else {
    lpod_fail(&err, LPOD_E_CUT, "the result could not be read: the shell in container %s ended with %d%s%.300s",
              r->container, exit_code, r->said.len ? ": " : "", r->said.len ? r->said.data : "");
  }
  not_whole(r, &err);
}

/* "LPOD <length> <sha256>\n" and base64 (RES-10). */
static lpod_rc read_log(lpod_result_reader *r, const char *text, size_t len, lpod_error *err) {
  lpod_buf bytes = LPOD_BUF_INIT(LOG_MOST);
  const char *newline = memchr(text, '\n', len), *rest = newline ? newline + 1 : text + len;
  lpod_rc rc = lpod_frame_feed(&r->frame, text, (size_t)(rest - text), &r->whole, err);
  if (rc == LPOD_OK) rc = lpod_base64_decode(&bytes, rest, len - (size_t)(rest - text), err);
  if (rc == LPOD_OK && bytes.len) rc = lpod_frame_feed(&r->frame, bytes.data, bytes.len, &r->whole, err);
  lpod_buf_free(&bytes);
  if (rc != LPOD_OK || r->whole) return rc;
  return lpod_fail(err, LPOD_E_CUT, "the result in the log of container %s is cut: %zu of %zu bytes", r->container,
                   r->frame.body.len, r->frame.length);
}

static void on_log(void *arg, const lpod_kube_answer *answer) {
  lpod_result_reader *r = arg;
  lpod_error err = LPOD_ERROR_INIT;
  r->call = NULL;
  if (answer->error)
    err = *answer->error;
  else
    read_log(r, answer->body, answer->len, &err);
  if (err.rc == LPOD_OK)
    finish(r, NULL);
  else
    not_whole(r, &err);
}

static lpod_rc start_log(lpod_result_reader *r, lpod_error *err) {
  lpod_buf target = LPOD_BUF_INIT(LPOD_LIMIT_HEADERS);
  lpod_rc rc = lpod_target_core(&target, r->ns, "pods", r->pod, "log", err);
  if (rc == LPOD_OK) rc = lpod_target_query(&target, "container", r->container, err);
  if (rc == LPOD_OK) {
    lpod_kube_request request = {.verb = LPOD_VERB_READ,
                                 .method = "GET",
                                 .target = target.data,
                                 .what = "read the result from the sidecar's log",
                                 .timeout = READ_SECONDS,
                                 .ceiling = LOG_MOST,
                                 .raw = true,
                                 .on_done = on_log,
                                 .arg = r};
    r->call = lpod_kube_start(r->kube, &request, err);
    if (!r->call) rc = err->rc;
  }
  lpod_buf_free(&target);
  return rc;
}

static lpod_rc start(lpod_result_reader *r, lpod_error *err) {
  lpod_frame_free(&r->frame);
  lpod_frame_init(&r->frame, r->options.limit);
  lpod_buf_clear(&r->said);
  lpod_error_clear(&r->error);
  r->reads++;
  r->whole = false;
  if (r->options.from_log) return start_log(r, err);
  lpod_exec_options options = {
      .ns = r->ns,
      .pod = r->pod,
      .container = r->container,
      .command = reader_command,
      .use_stdin = true,
      .use_stdout = true,
      .use_stderr = true,
      .timeout = READ_SECONDS,
      .on_output = on_output,
      .on_end = on_end,
      .arg = r,
  };
  r->exec = lpod_exec_start(r->kube, &options, err);
  return r->exec ? LPOD_OK : err ? err->rc : LPOD_E_NOMEM;
}

lpod_result_reader *lpod_result_read(lpod_kube *kube, const lpod_result_options *options, lpod_error *err) {
  lpod_result_reader *r = calloc(1, sizeof *r);
  if (!r) {
    lpod_nomem(err);
    return NULL;
  }
  r->kube = kube;
  r->options = *options;
  r->timer = (lpod_timer){.fire = on_timer, .arg = r};
  lpod_buf_init(&r->said, 1024);
  r->ns = lpod_text_copy(options->ns);
  r->pod = lpod_text_copy(options->pod);
  r->container = lpod_text_copy(options->container);
  if (!r->ns || !r->pod || !r->container)
    lpod_nomem(err);
  else if (start(r, err) == LPOD_OK)
    return r;
  free_reader(r);
  return NULL;
}

void lpod_result_cancel(lpod_result_reader *reader) {
  if (reader) free_reader(reader);
}
