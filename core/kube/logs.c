/* Follows one container's log: asks, feeds the parser, hands blocks over (L1, L2, L4, M11). Leaves lines, stamps and
 * what was seen to log_parser.c, and the meaning of an end to the owner. Invariants: at most one stream; the marker
 * survives every close, so that a line is given out once whatever happens to streams; a bound on unread bytes is kept
 * by the owner, who holds and releases (M2). */
#include "logs.h"
#include "../base/limits.h"
#include "../base/text.h"
#include <stdio.h>
#include <stdlib.h>

#define ROTATION (10 * LPOD_NS_PER_S) /* how often a kubelet looks at the size of logs */

struct lpod_log {
  lpod_kube *kube;
  lpod_log_options options;
  char *path, *what, *container;
  lpod_log_parser *parser;
  lpod_kube_call *call;
  bool held, owed;  /* owed: a stream waits for the release; its kind: */
  bool follow, own; /* the last stream's; own: on a connection that can be paused */
  bool opened;      /* this stream, as its owner was told */
  bool unreadable;  /* the kubelet said so; over when something new could be read */
  int64_t held_since;
  bool *gone;         /* set when the log is closed or freed during a callback */
  lpod_error problem; /* why on_data ended the stream */
};

void lpod_log_close(lpod_log *log) {
  if (log->gone) *log->gone = true;
  log->gone = NULL;
  lpod_kube_cancel(log->call);
  log->call = NULL;
  log->owed = false;
}

void lpod_log_hold(lpod_log *log) {
  if (log->held) return;
  log->held = true;
  log->held_since = lpod_loop_now(lpod_kube_loop(log->kube));
  if (!log->call) return;
  if (log->own) {
    lpod_kube_pause(log->call, true);
    return;
  }
  lpod_log_close(log);
  log->owed = true;
  log->own = log->options.own;
}

lpod_rc lpod_log_release(lpod_log *log, lpod_error *err) {
  if (!log->held) return LPOD_OK;
  log->held = false;
  if (log->owed) return lpod_log_open(log, log->follow, err);
  if (!log->call) return LPOD_OK;
  /* The kubelet goes from the end of the file it reads to the newest one, whatever was rotated away between (L8). */
  if (lpod_loop_now(lpod_kube_loop(log->kube)) - log->held_since >= ROTATION) lpod_log_parser_doubt(log->parser);
  lpod_kube_pause(log->call, false);
  return LPOD_OK;
}

bool lpod_log_lagged(const lpod_log *log) { return log->own; }

void lpod_log_free(lpod_log *log) {
  if (!log) return;
  lpod_log_close(log);
  lpod_log_parser_free(log->parser);
  free(log->path);
  free(log->what);
  free(log->container);
  free(log);
}

uint64_t lpod_log_lines(const lpod_log *log) { return lpod_log_parser_marks(log->parser)->lines; }
uint64_t lpod_log_cut(const lpod_log *log) { return lpod_log_parser_marks(log->parser)->cut; }
bool lpod_log_gap(const lpod_log *log) { return lpod_log_parser_marks(log->parser)->gap; }

static bool has_marker(const lpod_log *log) { return lpod_log_parser_marks(log->parser)->last != INT64_MIN; }
int64_t lpod_log_last(const lpod_log *log) { return has_marker(log) ? lpod_log_parser_marks(log->parser)->last : 0; }

/* These tell the owner; false: the log was closed or freed meanwhile. A log that cannot be read to its end may begin
 * with the same old lines each time: it is open again when it brings a new one. */
static bool tell_open(lpod_log *log) {
  bool gone = false;
  if (log->opened || log->unreadable) return true;
  log->opened = true;
  if (!log->options.on_open) return true;
  log->gone = &gone;
  log->options.on_open(log->options.arg);
  if (gone) return false;
  log->gone = NULL;
  return true;
}

static bool hand_over(lpod_log *log, const lpod_log_block *block) {
  if (!block->count) return true;
  bool gone = false;
  log->gone = &gone;
  log->options.on_block(log->options.arg, block);
  if (gone) return false;
  log->gone = NULL;
  return true;
}

static bool on_data(void *arg, const char *data, size_t len) {
  lpod_log *log = arg;
  lpod_log_block block;
  lpod_error problem = LPOD_ERROR_INIT;
  lpod_rc rc = lpod_log_parser_feed(log->parser, data, len, &block, &problem);
  if (block.count) log->unreadable = false;
  if (lpod_log_parser_marks(log->parser)->began && !tell_open(log)) return false;
  if (!hand_over(log, &block)) return false;
  if (rc) log->problem = problem;
  return !rc;
}

static void on_done(void *arg, const lpod_kube_answer *answer) {
  lpod_log *log = arg;
  lpod_error problem = log->problem;
  log->call = NULL;
  if (!answer->error) lpod_log_parser_end(log->parser, &problem);
  if (problem.rc) {
    log->unreadable = true;
    lpod_wrap(&problem, "%s", log->what);
  } else if (!answer->error) {
    log->unreadable = false;
    if (!tell_open(log)) return;
  }
  log->options.on_end(log->options.arg, problem.rc ? &problem : answer->error);
}

void lpod_log_flush(lpod_log *log) {
  lpod_log_block block;
  if (lpod_log_parser_flush(log->parser, &block, NULL) == LPOD_OK) hand_over(log, &block);
}

static lpod_rc add_window(const lpod_log *log, lpod_buf *target, lpod_error *err) {
  char text[LPOD_TIME_TEXT];
  int64_t since = has_marker(log) ? lpod_log_parser_marks(log->parser)->last : log->options.since;
  lpod_rc rc = LPOD_OK;
  if (has_marker(log) || since > 0) {
    lpod_time_format(since, 0, text);
    rc = lpod_target_query(target, "sinceTime", text, err);
  }
  if (!rc && !has_marker(log) && log->options.tail_lines >= 0) {
    snprintf(text, sizeof text, "%lld", (long long)log->options.tail_lines);
    rc = lpod_target_query(target, "tailLines", text, err);
  }
  return rc;
}

static lpod_rc log_target(const lpod_log *log, bool follow, lpod_buf *target, lpod_error *err) {
  lpod_rc rc = lpod_buf_adds(target, log->path, err);
  if (!rc) rc = lpod_target_query(target, "container", log->container, err);
  if (!rc) rc = lpod_target_query(target, "follow", follow ? "true" : NULL, err);
  if (!rc) rc = lpod_target_query(target, "previous", log->options.previous ? "true" : NULL, err);
  if (!rc) rc = lpod_target_query(target, "timestamps", "true", err);
  return rc ? rc : add_window(log, target, err);
}

lpod_rc lpod_log_open(lpod_log *log, bool follow, lpod_error *err) {
  lpod_error scratch = LPOD_ERROR_INIT;
  if (!err) err = &scratch;
  lpod_log_close(log);
  log->follow = follow;
  log->owed = log->held;
  if (log->held) return LPOD_OK;
  lpod_error_clear(&log->problem);
  log->opened = false;
  lpod_log_parser_resume(log->parser);
  lpod_buf target = LPOD_BUF_INIT(LPOD_LIMIT_HEADERS);
  lpod_rc rc = log_target(log, follow, &target, err);
  if (!rc) {
    /* No time limit: a container may say nothing for days, and a kubelet sends even its headers with the first byte.
     * What guards is TCP (M3), and after a first line the owner's limit on silence (L9). */
    log->call = lpod_kube_start(log->kube,
                                &(lpod_kube_request){.verb = LPOD_VERB_LOG,
                                                     .role = LPOD_ROLE_LOG,
                                                     .method = "GET",
                                                     .target = target.data,
                                                     .what = log->what,
                                                     .timeout = -1,
                                                     .idle = log->options.silence,
                                                     .own = log->own,
                                                     .budget = -1,
                                                     .on_data = on_data,
                                                     .on_done = on_done,
                                                     .arg = log},
                                err);
    if (!log->call) rc = err->rc;
  }
  lpod_buf_free(&target);
  return rc;
}

static lpod_rc build(lpod_log *log, lpod_error *err) {
  const lpod_log_options *options = &log->options;
  lpod_buf path = LPOD_BUF_INIT(LPOD_LIMIT_HEADERS);
  lpod_rc rc = lpod_target_core(&path, options->ns, "pods", options->pod ? options->pod : "", "log", err);
  log->path = lpod_buf_take(&path, NULL);
  if (rc) return rc;
  log->what = lpod_text_format("log of pod %s/%s", options->ns, options->pod);
  log->container = lpod_text_copy(options->container);
  log->parser = lpod_log_parser_new(options->prefix, options->keep_empty);
  if (!log->path || !log->what || !log->parser || (options->container && !log->container)) return lpod_nomem(err);
  if (options->since > 0) lpod_log_parser_since(log->parser, options->since);
  return LPOD_OK;
}

lpod_log *lpod_log_new(lpod_kube *kube, const lpod_log_options *options, lpod_error *err) {
  lpod_log *log = calloc(1, sizeof *log);
  if (!log) {
    lpod_nomem(err);
    return NULL;
  }
  log->kube = kube;
  log->options = *options;
  if (build(log, err) == LPOD_OK) return log;
  lpod_log_free(log);
  return NULL;
}
