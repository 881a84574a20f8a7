/* The driver: actions of the machine into requests, logs and timers; answers into inputs. Its own copy of the options
 * is driver_options.c's; what to do is the machine's to decide.
 * Invariant: a feed never nests in another; work that could not even be started is answered through a task. */
#include "driver_private.h"

#include "../base/limits.h"
#include "../base/random.h"
#include "../base/text.h"
#include "../data/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MERGE_PATCH "application/merge-patch+json"
#define MESSAGE_MOST 4095u /* RES-8: of a termination message over 4,096 bytes the kubelet keeps only the end */
#define LOG_SILENCE 60.0   /* L9 */

static lpod_loop *loop_of(const lpod_driver *d) { return lpod_kube_loop(d->options.kube); }

static void perform(lpod_driver *d, const lpod_action *action);

static void feed(lpod_driver *d, lpod_input input) {
  lpod_action actions[LPOD_RUN_ACTIONS];
  input.now = lpod_loop_now(loop_of(d));
  input.wall = lpod_loop_clock(loop_of(d))->wall(lpod_loop_clock(loop_of(d)));
  input.unit = lpod_random_unit();
  /* A kubelet on which many pods end together tells of it late (M14): reading the log again would add to its work. */
  d->settings.settle = 2.0 + (d->poll ? LPOD_POLL_SECONDS : 0) + 0.1 * (double)lpod_store_count(d->options.store);
  size_t count = lpod_machine_feed(d->machine, &input, actions);
  for (size_t i = 0; i < count; i++) perform(d, &actions[i]);
}

/* ---- answers ---- */

static void keep_object(lpod_driver *d, lpod_doc *doc) {
  lpod_doc_free(d->object);
  d->object = doc;
}

static void on_watch_blind(void *arg, const lpod_error *error);

static void follow(lpod_driver *d) {
  const lpod_pod *pod = lpod_machine_pod(d->machine);
  if (d->uid && strcmp(d->uid, pod->uid) == 0) return;
  lpod_store_unfollow(d->options.store, &d->follower);
  lpod_pod_poll_stop(d->poll);
  d->poll = NULL;
  free(d->uid);
  lpod_error err = LPOD_ERROR_INIT;
  d->uid = lpod_text_copy(pod->uid);
  d->follower.uid = d->uid;
  lpod_rc rc = d->uid ? lpod_store_follow(d->options.store, &d->follower, d->ns, pod->version, &err) : lpod_nomem(&err);
  if (rc == LPOD_OK)
    lpod_store_catch_up(d->options.store, &d->follower, d->ns);
  else
    on_watch_blind(d, &err);
}

/* An answer that may bring a pod; if it is ours now, it is followed from its resourceVersion on. */
static void feed_pod(lpod_driver *d, lpod_input_kind kind, lpod_doc *doc, const lpod_error *error) {
  lpod_pod pod = lpod_pod_empty();
  lpod_error err = LPOD_ERROR_INIT;
  char attempt[LPOD_ATTEMPT_ID];
  lpod_attempt_id(d->attempt, lpod_machine_generation(d->machine), attempt);
  bool missing = error && kind == LPOD_IN_READ && error->code == 404;
  if (!error && doc && lpod_pod_read(lpod_doc_root(doc), &pod, &err) != LPOD_OK) error = &err;
  if (!error && !doc && kind != LPOD_IN_READ) {
    lpod_fail(&err, LPOD_E_PARSE, "the server's answer has no pod in it");
    error = &err;
  }
  bool there = !error && doc;
  lpod_input input = {.kind = kind, .pod = there ? &pod : NULL, .error = missing ? NULL : error, .attempt = attempt};
  if (there)
    keep_object(d, doc);
  else
    lpod_doc_free(doc);
  feed(d, input);
  lpod_pod_free(&pod);
  if (lpod_machine_owns(d->machine) && !d->by_name) follow(d);
}

static void on_answer(void *arg, const lpod_kube_answer *answer) {
  lpod_driver *d = arg;
  lpod_input_kind kind = d->call_kind;
  d->call = NULL;
  bool was_creating = d->creating;
  d->creating = false;
  if (kind == LPOD_IN_CREATED || kind == LPOD_IN_READ || kind == LPOD_IN_CLAIMED) {
    lpod_doc *doc = *answer->doc;
    *answer->doc = NULL;
    feed_pod(d, kind, doc, answer->error);
  } else {
    bool gone = kind == LPOD_IN_DELETED && answer->error &&
                lpod_retry_next(LPOD_VERB_DELETE, answer->error) == LPOD_NEXT_DONE; /* DEL-7 */
    feed(d, (lpod_input){.kind = kind, .error = gone ? NULL : answer->error});
  }
  if (was_creating) lpod_store_created(d->options.store);
}

static void on_watch_pod(void *arg, lpod_pod *pod, lpod_doc *doc) {
  lpod_driver *d = arg;
  keep_object(d, doc);
  feed(d, (lpod_input){.kind = LPOD_IN_POD, .pod = pod});
}

static void on_watch_gone(void *arg, lpod_pod *pod) { feed(arg, (lpod_input){.kind = LPOD_IN_GONE, .pod = pod}); }

static void on_poll_end(void *arg, const lpod_error *error) {
  lpod_driver *d = arg;
  d->poll = NULL;
  feed(d, (lpod_input){.kind = LPOD_IN_BLIND, .error = error});
}

/* X59: without the right to watch, the pod is asked for. */
static void on_watch_blind(void *arg, const lpod_error *error) {
  lpod_driver *d = arg;
  lpod_error err = *error;
  if (error->code == 403 && !d->poll) {
    lpod_store_tell_refused(d->options.store, error);
    d->poll = lpod_pod_poll_start(&(lpod_pod_poll_options){.kube = d->options.kube,
                                                           .ns = d->ns,
                                                           .name = lpod_machine_pod(d->machine)->name,
                                                           .on_pod = on_watch_pod,
                                                           .on_gone = on_watch_gone,
                                                           .on_end = on_poll_end,
                                                           .arg = d},
                                  &err);
  }
  if (!d->poll) feed(d, (lpod_input){.kind = LPOD_IN_BLIND, .error = &err});
}

static void on_leftover_warning(void *arg, const char *text) {
  lpod_driver *d = arg;
  d->options.on_warning(d->options.arg, text);
}

static void on_leftover(void *arg, const lpod_pod *pod) {
  lpod_driver *d = arg;
  lpod_error err = LPOD_ERROR_INIT;
  if (!d->leftovers) d->leftovers = lpod_leftovers_new(d->options.kube, d->ns, on_leftover_warning, d);
  if (!d->leftovers || lpod_leftovers_add(d->leftovers, pod, d->container, &err) != LPOD_OK)
    on_leftover_warning(d, "no memory for a pod that an earlier process left");
}

static void on_found(void *arg, lpod_pod *pod, lpod_doc *doc, const lpod_error *error) {
  lpod_driver *d = arg;
  if (doc) keep_object(d, doc);
  feed(d, (lpod_input){.kind = LPOD_IN_LISTED, .pod = pod, .error = error});
}

static void on_name_event(void *arg, lpod_watch_event event, lpod_doc *doc) {
  lpod_driver *d = arg;
  lpod_pod pod = lpod_pod_empty();
  if (!doc || lpod_pod_read(lpod_doc_root(doc), &pod, NULL) != LPOD_OK) {
    lpod_doc_free(doc);
    return;
  }
  if (event == LPOD_WATCH_DELETED) {
    lpod_doc_free(doc);
    on_watch_gone(d, &pod);
  } else {
    on_watch_pod(d, &pod, doc);
  }
  lpod_pod_free(&pod);
}

static void on_name_end(void *arg, const lpod_error *error) {
  lpod_driver *d = arg;
  d->by_name = NULL;
  if (error) on_watch_blind(d, error);
}

static void on_result(void *arg, char *data, size_t len, const lpod_error *error) {
  lpod_driver *d = arg;
  d->reader = NULL;
  free(d->result);
  d->result = data;
  d->result_len = len;
  if (error && error->code == 403) d->no_exec = *error;
  feed(d, (lpod_input){.kind = LPOD_IN_RESULT, .error = error});
}

/* LOG-12: said where it happened, and counted. */
static void note_gap(lpod_driver *d, size_t index) {
  char *text = lpod_text_format("possible gap in the log of container %s: lines may be missing here", d->logs[index]);
  d->gaps++;
  if (text) d->options.on_warning(d->options.arg, text);
  free(text);
}

static void on_log_open(void *arg) {
  driver_log *l = arg;
  feed(l->driver, (lpod_input){.kind = LPOD_IN_LOG_OPEN, .index = (size_t)(l - l->driver->log_states)});
}

static void on_log_block(void *arg, const lpod_log_block *block) {
  driver_log *l = arg;
  lpod_driver *d = l->driver;
  if (block->gap) note_gap(d, (size_t)(l - d->log_states)); /* before the lines that follow it */
  d->options.on_log(d->options.arg, d->logs[l - d->log_states], block);
}

static void on_log_end(void *arg, const lpod_error *error) {
  driver_log *l = arg;
  lpod_driver *d = l->driver;
  if (error && error->code == 403) d->options.on_warning(d->options.arg, error->text); /* X59 */
  feed(d, (lpod_input){.kind = LPOD_IN_LOG_END, .index = (size_t)(l - d->log_states), .error = error});
}

static void on_timer(void *arg) {
  driver_timer *t = arg;
  feed(t->driver, (lpod_input){.kind = LPOD_IN_TIMER, .timer = (unsigned)(t - t->driver->timers)});
}

static void on_later(void *arg) {
  lpod_driver *d = arg;
  if (d->owes) {
    lpod_error err = d->owed;
    d->owes = false;
    if (d->creating) lpod_store_created(d->options.store);
    d->creating = false;
    feed(d, (lpod_input){.kind = d->owed_kind, .error = err.rc == LPOD_OK ? NULL : &err});
  }
  for (size_t i = 0; i < d->settings.log_count; i++) {
    if (d->log_states[i].refused.rc == LPOD_OK) continue;
    lpod_error err = d->log_states[i].refused;
    lpod_error_clear(&d->log_states[i].refused);
    feed(d, (lpod_input){.kind = LPOD_IN_LOG_END, .index = i, .error = &err});
  }
}

/* ---- requests ---- */

static void answer_later(lpod_driver *d, lpod_input_kind kind, const lpod_error *err) {
  d->owes = true;
  d->owed_kind = kind;
  d->owed = *err;
  lpod_loop_defer(loop_of(d), &d->later);
}

/* One request of the run's own. name NULL: the collection. body is text, or NULL. */
static lpod_rc request(lpod_driver *d, lpod_input_kind kind, lpod_verb verb, const char *method, const char *name,
                       const char *query, const char *body, size_t body_len, lpod_error *err) {
  lpod_buf target = LPOD_BUF_INIT(2048), what = LPOD_BUF_INIT(512);
  lpod_rc rc = lpod_target_core(&target, d->ns, "pods", name, NULL, err);
  if (rc == LPOD_OK && query) rc = lpod_buf_adds(&target, query, err);
  if (rc == LPOD_OK)
    rc = lpod_buf_addf(&what, err, "%s pod %s/%s",
                       strcmp(method, "POST") == 0    ? "create"
                       : strcmp(method, "GET") == 0   ? "get"
                       : strcmp(method, "PATCH") == 0 ? "patch"
                                                      : "delete",
                       d->ns, name ? name : d->name);
  if (rc == LPOD_OK) {
    lpod_kube_request r = {
        .verb = verb,
        .method = method,
        .target = target.data,
        .content_type = strcmp(method, "PATCH") == 0 ? MERGE_PATCH : "application/json",
        .body = body,
        .body_len = body_len,
        .budget = verb == LPOD_VERB_CREATE ? -1 : 0, /* the machine decides about a create (CRT-2) */
        .what = what.data,
        .raw = kind == LPOD_IN_DELETED || kind == LPOD_IN_MARKED || kind == LPOD_IN_STOPPED, /* nobody reads it */
        .on_done = on_answer,
        .arg = d,
    };
    d->call_kind = kind;
    d->call = lpod_kube_start(d->options.kube, &r, err);
    if (!d->call) rc = err->rc;
  }
  lpod_buf_free(&target);
  lpod_buf_free(&what);
  return rc;
}

static lpod_rc create(lpod_driver *d, unsigned generation, lpod_error *err) {
  char attempt[LPOD_ATTEMPT_ID];
  lpod_rc rc = lpod_pod_name(d->base_name, d->attempt, generation, d->exact_name, d->name, err);
  if (rc != LPOD_OK) return rc;
  lpod_attempt_id(d->attempt, generation, attempt);
  lpod_value *root = lpod_doc_root(d->manifest), *meta = lpod_value_map(d->manifest, root, "metadata");
  lpod_value *labels = meta ? lpod_value_map(d->manifest, meta, "labels") : NULL;
  lpod_buf body = LPOD_BUF_INIT(LPOD_LIMIT_REQUEST);
  if (!labels || !lpod_value_set_string(d->manifest, meta, "name", d->name) ||
      !lpod_value_set_string(d->manifest, meta, "namespace", d->ns) ||
      !lpod_value_set_string(d->manifest, labels, LPOD_LABEL_ATTEMPT, attempt) ||
      !lpod_value_set_string(d->manifest, labels, LPOD_LABEL_ENGINE, d->engine))
    rc = lpod_nomem(err);
  if (rc == LPOD_OK) rc = lpod_json_append(&body, root, 0, err);
  if (rc == LPOD_OK)
    rc = request(d, LPOD_IN_CREATED, LPOD_VERB_CREATE, "POST", NULL, "?fieldManager=lunapod&fieldValidation=Strict",
                 body.data, body.len, err);
  lpod_buf_free(&body);
  return rc;
}

/* PATCH of the pod by uid; rest is what comes inside metadata behind the uid, or a spec. */
static lpod_rc patch(lpod_driver *d, lpod_input_kind kind, const char *format, const char *value, lpod_error *err) {
  const lpod_pod *pod = lpod_machine_pod(d->machine);
  char *inner = lpod_text_format(format, value);
  char *body = inner ? lpod_text_format("{\"metadata\":{\"uid\":\"%s\"%s}", pod->uid, inner) : NULL;
  lpod_rc rc =
      body ? request(d, kind, LPOD_VERB_PATCH, "PATCH", pod->name, "?fieldManager=lunapod", body, strlen(body), err)
           : lpod_nomem(err);
  free(inner);
  free(body);
  return rc;
}

static lpod_rc claim(lpod_driver *d, lpod_error *err) {
  char *version = lpod_text_format(",\"resourceVersion\":\"%s\",\"labels\":{\"" LPOD_LABEL_ENGINE "\":\"%s\"}}",
                                   lpod_machine_pod(d->machine)->version, d->engine);
  lpod_rc rc = version ? patch(d, LPOD_IN_CLAIMED, "%s", version, err) : lpod_nomem(err);
  free(version);
  return rc;
}

static lpod_rc delete_pod(lpod_driver *d, int64_t grace, lpod_error *err) {
  const lpod_pod *pod = lpod_machine_pod(d->machine);
  char seconds[48] = "";
  if (grace >= 0) snprintf(seconds, sizeof seconds, "\"gracePeriodSeconds\":%lld,", (long long)grace);
  char *body = lpod_text_format(
      "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",%s\"preconditions\":{\"uid\":\"%s\"}}", seconds, pod->uid);
  lpod_rc rc = body ? request(d, LPOD_IN_DELETED, LPOD_VERB_DELETE, "DELETE", pod->name, NULL, body, strlen(body), err)
                    : lpod_nomem(err);
  free(body);
  return rc;
}

static lpod_rc follow_by_name(lpod_driver *d, lpod_error *err) {
  if (d->by_name) return LPOD_OK;
  lpod_store_unfollow(d->options.store, &d->follower);
  lpod_buf target = LPOD_BUF_INIT(1024), selector = LPOD_BUF_INIT(512);
  lpod_rc rc = lpod_target_core(&target, d->ns, "pods", NULL, NULL, err);
  if (rc == LPOD_OK) rc = lpod_buf_addf(&selector, err, "metadata.name=%s", lpod_machine_pod(d->machine)->name);
  if (rc == LPOD_OK) {
    lpod_watch_options options = {.target = target.data,
                                  .field_selector = selector.data,
                                  .on_event = on_name_event,
                                  .on_end = on_name_end,
                                  .arg = d};
    d->by_name = lpod_watch_start(d->options.kube, &options, err);
    if (!d->by_name) rc = err->rc;
  }
  lpod_buf_free(&target);
  lpod_buf_free(&selector);
  return rc;
}

#define result_lost(err, ...) \
  (lpod_fail(err, LPOD_E_LIMIT, __VA_ARGS__), snprintf((err)->error_class, sizeof(err)->error_class, "result"), \
   LPOD_E_LIMIT)

static lpod_rc start_reader(lpod_driver *d, bool from_log, lpod_error *err) {
  lpod_result_options options = {.ns = d->ns,
                                 .pod = lpod_machine_pod(d->machine)->name,
                                 .container = d->result_container,
                                 .from_log = from_log,
                                 .limit = d->result_limit,
                                 .on_done = on_result,
                                 .arg = d};
  d->reader = lpod_result_read(d->options.kube, &options, err);
  return d->reader ? LPOD_OK : err->rc;
}

/* A text that is here already is the result. */
static lpod_rc take_result(lpod_driver *d, const char *text, size_t limit, lpod_error *err) {
  size_t len = strlen(text);
  if (len > limit) return result_lost(err, "the result has %zu bytes, more than the limit of %zu", len, limit);
  free(d->result);
  d->result = len ? lpod_text_copy_len(text, len) : NULL;
  d->result_len = d->result ? len : 0;
  if (len && !d->result) return lpod_nomem(err);
  answer_later(d, LPOD_IN_RESULT, err);
  return LPOD_OK;
}

/* The result: by exec while the sidecar lives; else out of its termination message, or what that points to, its log; or
 * out of the task's own termination message (RES-4, RES-8, RES-10). */
static lpod_rc read_result(lpod_driver *d, lpod_error *err) {
  bool message = d->result_from == LPOD_RESULT_TERMINATION_MESSAGE;
  const lpod_container *c =
      lpod_pod_container(lpod_machine_pod(d->machine), message ? d->container : d->result_container);
  const char *text = c ? c->message : "";
  if (message) return take_result(d, text, d->result_limit < MESSAGE_MOST ? d->result_limit : MESSAGE_MOST, err);
  if (!c || !lpod_container_is(c, "terminated")) {
    if (d->no_exec.rc == LPOD_OK) return start_reader(d, false, err);
    answer_later(d, LPOD_IN_RESULT, &d->no_exec); /* it was refused once: the sidecar's end is waited for */
    return LPOD_OK;
  }
  unsigned long long size;
  char digest[65] = "";
  int marks = sscanf(text, "LPOD %llu %64s", &size, digest);
  if (marks == 2) return start_reader(d, true, err);
  if (marks == 1) return result_lost(err, "the result of %llu bytes was not read while its pod ran, and is lost", size);
  if (c->exit_code != 0) /* killed: it left nothing, and not because there was nothing (V3) */
    return result_lost(err, "the result was not read before container %s ended (exit code %d), and is lost",
                       d->result_container, c->exit_code);
  return take_result(d, text, d->result_limit, err);
}

static void refuse_log(driver_log *l, const lpod_error *err) {
  l->refused = *err;
  lpod_loop_defer(loop_of(l->driver), &l->driver->later);
}

static void open_log(lpod_driver *d, size_t index, bool follow_on) {
  driver_log *l = &d->log_states[index];
  lpod_error err = LPOD_ERROR_INIT;
  if (!l->log) {
    char prefix[80] = "";
    if (d->log_prefix) snprintf(prefix, sizeof prefix, "[%s] ", d->logs[index]);
    lpod_log_options options = {
        .ns = d->ns,
        .pod = lpod_machine_pod(d->machine)->name,
        .container = d->logs[index],
        .prefix = d->log_prefix ? prefix : NULL,
        .follow = true,
        .tail_lines = -1,
        .silence = LOG_SILENCE,
        .on_open = on_log_open,
        .on_block = on_log_block,
        .on_end = on_log_end,
        .arg = l,
    };
    l->log = lpod_log_new(d->options.kube, &options, &err);
  }
  if (l->log && d->held) lpod_log_hold(l->log);
  if (!l->log || lpod_log_open(l->log, follow_on, &err) != LPOD_OK) refuse_log(l, &err);
}

void lpod_driver_hold(lpod_driver *d, bool held) {
  lpod_error err = LPOD_ERROR_INIT;
  d->held = held;
  for (size_t i = 0; i < d->settings.log_count; i++) {
    driver_log *l = &d->log_states[i];
    if (l->log && held)
      lpod_log_hold(l->log);
    else if (l->log && lpod_log_release(l->log, &err) != LPOD_OK)
      refuse_log(l, &err);
  }
}

static void close_log(lpod_driver *d, size_t index) {
  lpod_log *log = d->log_states[index].log;
  if (!log) return;
  lpod_log_close(log);
  lpod_log_flush(log);
}

static void perform(lpod_driver *d, const lpod_action *action) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_rc rc = LPOD_OK;
  lpod_input_kind answer = LPOD_IN_BLIND;
  const lpod_pod *pod = lpod_machine_pod(d->machine);
  if (action->kind == LPOD_DO_CREATE || action->kind == LPOD_DO_CLAIM) {
    d->creating = true;
    lpod_store_creating(d->options.store);
    if (!d->treated) lpod_leftovers_treat(d->leftovers, d->settings.on_finish);
    d->treated = true;
  }
  switch (action->kind) {
  case LPOD_DO_LIST:
    answer = LPOD_IN_LISTED;
    rc = lpod_store_search(d->options.store, &d->search, d->ns, d->find_run ? d->find_run : d->find, &err);
    break;
  case LPOD_DO_CREATE:
    answer = LPOD_IN_CREATED;
    rc = create(d, action->generation, &err);
    break;
  case LPOD_DO_READ:
    answer = LPOD_IN_READ;
    rc = request(d, answer, LPOD_VERB_READ, "GET", *pod->name ? pod->name : d->name, NULL, NULL, 0, &err);
    break;
  case LPOD_DO_CLAIM:
    answer = LPOD_IN_CLAIMED;
    rc = claim(d, &err);
    break;
  case LPOD_DO_OPEN_LOG: open_log(d, action->index, action->follow); break;
  case LPOD_DO_CLOSE_LOG: close_log(d, action->index); break;
  case LPOD_DO_RESULT:
    answer = LPOD_IN_RESULT;
    rc = read_result(d, &err);
    break;
  case LPOD_DO_DROP_RESULT:
    lpod_result_cancel(d->reader);
    d->reader = NULL;
    break;
  case LPOD_DO_MARK:
    answer = LPOD_IN_MARKED;
    rc = patch(d, answer, ",\"labels\":{\"" LPOD_LABEL_CHECKED "\":\"%s\"}}", "True", &err);
    break;
  case LPOD_DO_STOP:
    answer = LPOD_IN_STOPPED;
    rc = patch(d, answer, "},\"spec\":{\"activeDeadlineSeconds\":%s}", "1", &err);
    break;
  case LPOD_DO_DELETE:
    answer = LPOD_IN_DELETED;
    rc = delete_pod(d, action->grace, &err);
    break;
  case LPOD_DO_FOLLOW: rc = follow_by_name(d, &err); break;
  case LPOD_DO_ARM: rc = lpod_timer_start(loop_of(d), &d->timers[action->timer].timer, action->delay, &err); break;
  case LPOD_DO_DISARM: lpod_timer_stop(loop_of(d), &d->timers[action->timer].timer); break;
  case LPOD_DO_PHASE: d->options.on_phase(d->options.arg, action->phase, action->error); break;
  case LPOD_DO_STATE: d->options.on_state(d->options.arg, lpod_machine_waiting(d->machine)); break;
  case LPOD_DO_GAP: note_gap(d, action->index); break;
  case LPOD_DO_WARN: d->options.on_warning(d->options.arg, action->text); break;
  }
  if (rc != LPOD_OK) answer_later(d, answer, &err);
}

/* ---- the driver ---- */

lpod_driver *lpod_driver_new(const lpod_driver_options *options, lpod_error *err) {
  lpod_error local = LPOD_ERROR_INIT;
  lpod_driver *d = calloc(1, sizeof *d);
  if (!d) {
    lpod_nomem(err);
    return NULL;
  }
  if (!err) err = &local;
  d->later = (lpod_task){.run = on_later, .arg = d};
  d->follower = (lpod_follower){.on_pod = on_watch_pod, .on_gone = on_watch_gone, .on_blind = on_watch_blind, .arg = d};
  for (size_t i = 0; i < LPOD_RUN_TIMERS; i++)
    d->timers[i] = (driver_timer){.timer = {.fire = on_timer, .arg = &d->timers[i]}, .driver = d};
  lpod_error_clear(&d->no_exec);
  for (size_t i = 0; i < LPOD_RUN_LOGS; i++) {
    d->log_states[i].driver = d;
    lpod_error_clear(&d->log_states[i].refused);
  }
  if (lpod_driver_copy_options(d, options, err) == LPOD_OK) {
    d->search = (lpod_search){
        .find = d->find, .container = d->container, .on_leftover = on_leftover, .on_found = on_found, .arg = d};
    char name[LPOD_POD_NAME]; /* a name that cannot be is said at once, not by the first create */
    if (lpod_pod_name(d->base_name, d->attempt, 0, d->exact_name, name, err) == LPOD_OK) {
      d->machine = lpod_machine_new(&d->settings);
      if (d->machine) return d;
      lpod_nomem(err);
    }
  }
  lpod_driver_free(d);
  return NULL;
}

void lpod_driver_free(lpod_driver *d) {
  if (!d) return;
  lpod_kube_cancel(d->call);
  lpod_result_cancel(d->reader);
  if (d->creating) lpod_store_created(d->options.store);
  if (d->by_name) lpod_watch_stop(d->by_name);
  lpod_pod_poll_stop(d->poll);
  lpod_store_unfollow(d->options.store, &d->follower);
  lpod_store_search_cancel(&d->search);
  lpod_task_cancel(&d->later);
  for (size_t i = 0; i < LPOD_RUN_TIMERS; i++) lpod_timer_stop(loop_of(d), &d->timers[i].timer);
  for (size_t i = 0; i < LPOD_RUN_LOGS; i++) lpod_log_free(d->log_states[i].log);
  lpod_leftovers_free(d->leftovers);
  lpod_machine_free(d->machine);
  lpod_doc_free(d->object);
  free(d->uid);
  free(d->result);
  lpod_driver_free_options(d);
  free(d);
}

void lpod_driver_advance(lpod_driver *d, lpod_phase phase) {
  feed(d, (lpod_input){.kind = LPOD_IN_ADVANCE, .phase = phase});
}
void lpod_driver_cancel(lpod_driver *d, int64_t grace) {
  feed(d, (lpod_input){.kind = LPOD_IN_CANCEL, .grace = grace});
}

lpod_rc lpod_driver_adopt(lpod_driver *d, const lpod_value *object, lpod_error *err) {
  lpod_pod pod = lpod_pod_empty();
  if (object) {
    lpod_doc *doc = lpod_doc_new(0);
    lpod_value *root = doc ? lpod_value_copy(doc, object) : NULL;
    if (!root) {
      lpod_doc_free(doc);
      return lpod_nomem(err);
    }
    lpod_doc_set_root(doc, root);
    if (lpod_pod_read(root, &pod, err) != LPOD_OK) {
      lpod_doc_free(doc);
      return err->rc;
    }
    keep_object(d, doc);
  }
  feed(d, (lpod_input){.kind = LPOD_IN_ADOPT, .pod = object ? &pod : NULL});
  lpod_pod_free(&pod);
  return LPOD_OK;
}

void lpod_driver_set_on_finish(lpod_driver *d, lpod_on_finish on_finish) { d->settings.on_finish = on_finish; }
const lpod_value *lpod_driver_object(const lpod_driver *d) { return d->object ? lpod_doc_root(d->object) : NULL; }

const char *lpod_driver_result(const lpod_driver *d, size_t *len) {
  if (len) *len = d->result_len;
  return d->result;
}

const lpod_report *lpod_driver_report(lpod_driver *d) {
  const lpod_pod *pod = lpod_machine_pod(d->machine);
  const lpod_container *task = lpod_pod_container(pod, d->container);
  uint64_t lines = 0;
  for (size_t i = 0; i < d->settings.log_count; i++)
    lines += d->log_states[i].log ? lpod_log_lines(d->log_states[i].log) : 0;
  d->report = (lpod_report){
      .namespace_ = d->ns,
      .name = *pod->name ? pod->name : d->name,
      .uid = pod->uid,
      .node = pod->node,
      .phase = pod->phase,
      .reason = pod->reason,
      .message = pod->message,
      .waiting = lpod_machine_waiting(d->machine),
      .found = lpod_machine_found(d->machine),
      .adopted = lpod_machine_adopted(d->machine),
      .deleted = lpod_machine_gone(d->machine),
      .task = {.name = d->container, .state = "", .reason = "", .message = ""},
      .containers = pod->containers,
      .container_count = pod->container_count,
      .created = pod->created,
      .scheduled = pod->scheduled_at,
      .lines = lines,
      .gaps = d->gaps,
      .generation = lpod_machine_generation(d->machine),
  };
  if (task) {
    d->report.task = *task;
    d->report.started = task->started;
    d->report.ended = task->finished;
  }
  return &d->report;
}
