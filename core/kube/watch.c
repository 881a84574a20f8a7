/* Drives a watch: does what watch_machine.c says and tells it what came of it. Leaves decisions to the machine and
 * lists to listing.c. Invariants: at most one of list, stream and wait is under way; every callback of the owner goes
 * through emit or is the last thing done, since the owner may stop the watch inside it. In steady state an event
 * allocates nothing: its document comes back by recycle. */
#include "watch.h"
#include "watch_machine.h"
#include "../base/limits.h"
#include "../base/random.h"
#include "../base/text.h"
#include "../data/json.h"
#include <stdio.h>
#include <stdlib.h>

#define SILENCE 90.0  /* W9: seconds without a byte, the answer's headers included */
#define SHORTEST 300u /* W4: timeoutSeconds is random in [300, 600] */
#define SPREAD 301.0

struct lpod_watch {
  lpod_kube *kube;
  lpod_watch_options options;
  char *target, *what, *label_selector, *field_selector, *kind;
  lpod_watch_machine machine;
  lpod_kube_call *call;
  lpod_json_reader *reader;
  lpod_listing *listing;
  bool announced;        /* LISTING was told for the list under way */
  bool waiting, to_list; /* the timer ends a wait; else it guards the opening */
  bool held, parked;     /* parked: a stream waits for the end of the hold */
  bool *gone;            /* set when the watch goes away during a callback */
  uint64_t skipped;
  lpod_error problem; /* why on_data ended the stream */
  lpod_timer timer, stop_timer;
};

static lpod_loop *loop_of(const lpod_watch *watch) { return lpod_kube_loop(watch->kube); }

static void free_watch(lpod_watch *watch) {
  if (watch->gone) *watch->gone = true;
  lpod_timer_stop(loop_of(watch), &watch->timer);
  lpod_timer_stop(loop_of(watch), &watch->stop_timer);
  lpod_kube_cancel(watch->call);
  lpod_listing_cancel(watch->listing);
  lpod_json_reader_free(watch->reader);
  lpod_watch_machine_free(&watch->machine);
  free(watch->target);
  free(watch->what);
  free(watch->label_selector);
  free(watch->field_selector);
  free(watch->kind);
  free(watch);
}

void lpod_watch_stop(lpod_watch *watch) {
  if (watch) free_watch(watch);
}

const char *lpod_watch_version(const lpod_watch *watch) {
  return watch->machine.version.len ? watch->machine.version.data : "";
}

uint64_t lpod_watch_skipped(const lpod_watch *watch) { return watch->skipped; }

void lpod_watch_recycle(lpod_watch *watch, lpod_doc *doc) {
  if (watch->listing)
    lpod_listing_recycle(watch->listing, doc);
  else if (watch->reader)
    lpod_json_reader_reuse(watch->reader, doc);
  else
    lpod_doc_free(doc);
}

static void end(lpod_watch *watch, const lpod_error *error) {
  lpod_watch_options options = watch->options;
  lpod_error copy = error ? *error : (lpod_error)LPOD_ERROR_INIT;
  free_watch(watch);
  options.on_end(options.arg, error ? &copy : NULL);
}

static void time_is_up(void *arg) { end(arg, NULL); }

/* false: the owner stopped the watch. */
static bool emit(lpod_watch *watch, lpod_watch_event event, lpod_doc *doc) {
  bool gone = false;
  watch->gone = &gone;
  watch->options.on_event(watch->options.arg, event, doc);
  if (gone) return false;
  watch->gone = NULL;
  return true;
}

static bool tell_trouble(lpod_watch *watch, const lpod_error *error, int64_t delay) {
  if (!watch->options.on_trouble) return true;
  lpod_error empty = LPOD_ERROR_INIT;
  if (!error) {
    lpod_fail(&empty, LPOD_E_CUT, "%s: ended again at once without an event", watch->what);
    error = &empty;
  }
  bool gone = false;
  watch->gone = &gone;
  watch->options.on_trouble(watch->options.arg, error, (double)delay / (double)LPOD_NS_PER_S);
  if (gone) return false;
  watch->gone = NULL;
  return true;
}

static lpod_rc open_list(lpod_watch *watch, lpod_error *err);
static lpod_rc open_watch(lpod_watch *watch, lpod_error *err);

static void take_step(lpod_watch *watch, lpod_watch_step step, const lpod_error *error) {
  lpod_error problem = LPOD_ERROR_INIT;
  if (step.todo == LPOD_WATCH_DO_END) {
    end(watch, error);
    return;
  }
  if (step.trouble && !tell_trouble(watch, error, step.delay)) return;
  lpod_rc rc;
  watch->to_list = step.todo == LPOD_WATCH_DO_LIST;
  watch->waiting = step.delay > 0;
  if (watch->waiting)
    rc = lpod_timer_start(loop_of(watch), &watch->timer, step.delay, &problem);
  else
    rc = watch->to_list ? open_list(watch, &problem) : open_watch(watch, &problem);
  if (rc) end(watch, &problem);
}

static void stream_ended(lpod_watch *watch, const lpod_error *error) {
  lpod_timer_stop(loop_of(watch), &watch->timer);
  take_step(watch, lpod_watch_machine_ended(&watch->machine, lpod_loop_now(loop_of(watch)), lpod_random_unit(), error),
            error);
}

static void timer_fired(void *arg) {
  lpod_watch *watch = arg;
  if (watch->waiting) {
    take_step(watch, (lpod_watch_step){watch->to_list ? LPOD_WATCH_DO_LIST : LPOD_WATCH_DO_WATCH, 0, false}, NULL);
    return;
  }
  lpod_error error = LPOD_ERROR_INIT;
  lpod_fail(&error, LPOD_E_TIMEOUT, "%s: no answer within %d s", watch->what, (int)SILENCE);
  lpod_kube_cancel(watch->call);
  watch->call = NULL;
  stream_ended(watch, &error);
}

/* ---- the list ---- */

static bool announce(lpod_watch *watch) {
  if (watch->announced) return true;
  watch->announced = true;
  return emit(watch, LPOD_WATCH_LISTING, NULL);
}

static void on_item(void *arg, lpod_doc *doc) {
  lpod_watch *watch = arg;
  if (announce(watch))
    emit(watch, LPOD_WATCH_LISTED, doc);
  else
    lpod_doc_free(doc);
}

static void on_restart(void *arg) { ((lpod_watch *)arg)->announced = false; }

static void on_listed(void *arg, const char *version, const lpod_error *error) {
  lpod_watch *watch = arg;
  watch->listing = NULL;
  lpod_watch_step step =
      lpod_watch_machine_listed(&watch->machine, lpod_loop_now(loop_of(watch)), lpod_random_unit(), version, error);
  if (!error && !(announce(watch) && emit(watch, LPOD_WATCH_SYNCED, NULL))) return;
  take_step(watch, step, error);
}

static lpod_rc open_list(lpod_watch *watch, lpod_error *err) {
  watch->announced = false;
  watch->listing = lpod_listing_start(watch->kube,
                                      &(lpod_listing_options){.target = watch->target,
                                                              .label_selector = watch->label_selector,
                                                              .field_selector = watch->field_selector,
                                                              .once = true,
                                                              .on_item = on_item,
                                                              .on_restart = on_restart,
                                                              .on_end = on_listed,
                                                              .arg = watch},
                                      err);
  return watch->listing ? LPOD_OK : err->rc;
}

/* ---- the stream ---- */

static bool on_open(void *arg, int status) {
  lpod_watch *watch = arg;
  lpod_timer_stop(loop_of(watch), &watch->timer);
  if (status / 100 == 2) lpod_watch_machine_opened(&watch->machine, lpod_loop_now(loop_of(watch)));
  return true;
}

/* false: the stream is to end; then either problem is set or the watch is gone. */
static bool take_event(lpod_watch *watch, lpod_doc *doc) {
  static const lpod_watch_event events[] = {LPOD_WATCH_ADDED, LPOD_WATCH_MODIFIED, LPOD_WATCH_DELETED};
  const lpod_value *object;
  lpod_watch_kind kind =
      lpod_watch_machine_event(&watch->machine, lpod_doc_root(doc), watch->kind, &object, &watch->problem);
  switch (kind) {
  case LPOD_WATCH_KIND_ADDED:
  case LPOD_WATCH_KIND_MODIFIED:
  case LPOD_WATCH_KIND_DELETED: lpod_doc_set_root(doc, (lpod_value *)object); return emit(watch, events[kind], doc);
  case LPOD_WATCH_KIND_OTHER: watch->skipped++; break;
  case LPOD_WATCH_KIND_BOOKMARK:
  case LPOD_WATCH_KIND_FAILED: break;
  }
  lpod_json_reader_reuse(watch->reader, doc);
  return kind != LPOD_WATCH_KIND_FAILED;
}

static bool on_data(void *arg, const char *data, size_t len) {
  lpod_watch *watch = arg;
  while (len) {
    size_t used;
    lpod_doc *doc;
    if (lpod_json_reader_feed(watch->reader, data, len, &used, &doc, NULL, &watch->problem)) return false;
    data += used;
    len -= used;
    if (doc && !take_event(watch, doc)) return false;
  }
  return true;
}

/* A value that the end cut is no event: the stream is broken (W16). */
static lpod_rc read_end(lpod_watch *watch, lpod_error *err) {
  lpod_doc *doc = NULL;
  lpod_rc rc = lpod_json_reader_end(watch->reader, &doc, err);
  lpod_doc_free(doc);
  return rc;
}

static void on_done(void *arg, const lpod_kube_answer *answer) {
  lpod_watch *watch = arg;
  watch->call = NULL;
  lpod_error problem = watch->problem;
  const lpod_error *error = NULL;
  if (problem.rc || (!answer->error && read_end(watch, &problem))) {
    lpod_wrap(&problem, "%s", watch->what);
    error = &problem;
  } else {
    error = answer->error;
  }
  stream_ended(watch, error);
}

static lpod_rc watch_target(lpod_watch *watch, lpod_buf *target, lpod_error *err) {
  char seconds[16];
  snprintf(seconds, sizeof seconds, "%u", SHORTEST + (unsigned)(SPREAD * lpod_random_unit()));
  lpod_rc rc = lpod_buf_adds(target, watch->target, err);
  if (!rc) rc = lpod_target_query(target, "watch", "1", err);
  if (!rc) rc = lpod_target_query(target, "allowWatchBookmarks", "true", err);
  if (!rc) rc = lpod_target_query(target, "timeoutSeconds", seconds, err);
  if (!rc) rc = lpod_target_query(target, "resourceVersion", lpod_watch_version(watch), err);
  if (!rc) rc = lpod_target_query(target, "labelSelector", watch->label_selector, err);
  if (!rc) rc = lpod_target_query(target, "fieldSelector", watch->field_selector, err);
  return rc;
}

static lpod_rc open_watch(lpod_watch *watch, lpod_error *err) {
  watch->parked = watch->held;
  if (watch->held) return LPOD_OK;
  lpod_json_reader_free(watch->reader);
  lpod_error_clear(&watch->problem);
  watch->reader =
      lpod_json_reader_new(&(lpod_json_options){.ceiling = LPOD_LIMIT_EVENT, .stream = true, .skip = "managedFields"});
  if (!watch->reader) return lpod_nomem(err);
  lpod_watch_machine_opened(&watch->machine, lpod_loop_now(loop_of(watch)));
  lpod_buf target = LPOD_BUF_INIT(LPOD_LIMIT_HEADERS);
  lpod_rc rc = watch_target(watch, &target, err);
  if (!rc) rc = lpod_timer_start(loop_of(watch), &watch->timer, (int64_t)SILENCE * LPOD_NS_PER_S, err);
  if (!rc) {
    watch->call = lpod_kube_start(watch->kube,
                                  &(lpod_kube_request){.verb = LPOD_VERB_READ,
                                                       .role = LPOD_ROLE_WATCH,
                                                       .method = "GET",
                                                       .target = target.data,
                                                       .what = watch->what,
                                                       .timeout = -1,
                                                       .idle = SILENCE,
                                                       .budget = -1,
                                                       .on_open = on_open,
                                                       .on_data = on_data,
                                                       .on_done = on_done,
                                                       .arg = watch},
                                  err);
    if (!watch->call) rc = err->rc;
  }
  lpod_buf_free(&target);
  return rc;
}

void lpod_watch_hold(lpod_watch *watch, bool held) {
  lpod_error problem = LPOD_ERROR_INIT;
  watch->held = held;
  if (held && watch->call) {
    lpod_timer_stop(loop_of(watch), &watch->timer);
    lpod_kube_cancel(watch->call);
    watch->call = NULL;
    watch->parked = true;
  } else if (!held && watch->parked && open_watch(watch, &problem)) {
    end(watch, &problem);
  }
}

static bool copied(char **copy, const char *text) { return !text || (*copy = lpod_text_copy(text)); }

static lpod_rc begin(lpod_watch *watch, const lpod_watch_options *options, lpod_error *err) {
  if (!copied(&watch->target, options->target) || !copied(&watch->label_selector, options->label_selector) ||
      !copied(&watch->field_selector, options->field_selector) || !copied(&watch->kind, options->kind) ||
      !(watch->what = lpod_text_format("watch %s", options->target)))
    return lpod_nomem(err);
  lpod_watch_step step;
  lpod_rc rc = lpod_watch_machine_begin(&watch->machine, options->resource_version, &step, err);
  if (!rc && options->timeout > 0)
    rc = lpod_timer_start(loop_of(watch), &watch->stop_timer, (int64_t)(options->timeout * (double)LPOD_NS_PER_S), err);
  if (rc) return rc;
  return step.todo == LPOD_WATCH_DO_LIST ? open_list(watch, err) : open_watch(watch, err);
}

lpod_watch *lpod_watch_start(lpod_kube *kube, const lpod_watch_options *options, lpod_error *err) {
  lpod_error scratch = LPOD_ERROR_INIT;
  if (!err) err = &scratch;
  lpod_watch *watch = calloc(1, sizeof *watch);
  if (!watch) {
    lpod_nomem(err);
    return NULL;
  }
  watch->kube = kube;
  watch->options = *options;
  watch->timer.fire = timer_fired;
  watch->stop_timer.fire = time_is_up;
  watch->timer.arg = watch->stop_timer.arg = watch;
  lpod_watch_machine_init(&watch->machine);
  if (begin(watch, options, err) == LPOD_OK) return watch;
  free_watch(watch);
  return NULL;
}
