/* The public client: one cluster as one user, and its requests, watches, logs and execs as operations. Translates
 * option structs for core/kube and its callbacks into events; knows nothing of runs but that they share its store. */
#include "engine_private.h"

#include "base/limits.h"
#include "base/text.h"
#include <stdlib.h>
#include <string.h>

/* ---- the client ---- */

static void on_warning(void *arg, const char *text) {
  lpod_client *client = arg;
  engine_emit(client->engine, &(lpod_event){.kind = LPOD_EVENT_WARNING, .text = text, .len = strlen(text)});
}

lpod_rc lpod_client_new(lpod_engine *engine, const lpod_client_options *options, lpod_client **out, lpod_error *err) {
  lpod_client_options o;
  lpod_config *config = NULL;
  lpod_error local = LPOD_ERROR_INIT;
  if (!err) err = &local;
  *out = NULL;
  if (!engine_copy_options(&o, sizeof o, options))
    return lpod_fail(err, LPOD_E_USAGE, "client options: size is not set");
  lpod_config_options c = {
      .file = o.config_file,
      .text = o.config_text,
      .context = o.context,
      .in_cluster = o.in_cluster > 0   ? LPOD_YES
                    : o.in_cluster < 0 ? LPOD_NO
                                       : LPOD_UNSET,
  };
  lpod_rc rc = lpod_config_load(&c, &config, err);
  if (rc != LPOD_OK) return rc;
  if (o.insecure) config->insecure = true;
  const char *ns = o.namespace_ ? o.namespace_ : config->namespace_ ? config->namespace_ : "default";
  if (!lpod_dns_label(ns)) {
    rc = lpod_fail(err, LPOD_E_CONFIG, "namespace \"%.100s\": expected at most 63 lower-case letters, digits and '-'",
                   ns);
    lpod_config_free(config);
    return rc;
  }
  lpod_client *client = calloc(1, sizeof *client);
  if (!client || !(client->ns = lpod_text_copy(ns))) {
    lpod_config_free(config);
    free(client);
    return lpod_nomem(err);
  }
  client->refs = 1;
  client->engine = engine;
  lpod_kube_options k = {.user_agent = o.user_agent, .on_warning = on_warning, .arg = client};
  client->kube = lpod_kube_new(engine->loop, config, &k, err);
  if (!client->kube) {
    free(client->ns);
    free(client);
    return err->rc;
  }
  lpod_engine_ref(engine);
  *out = client;
  return LPOD_OK;
}

lpod_client *lpod_client_ref(lpod_client *client) {
  client->refs++;
  return client;
}

void lpod_client_unref(lpod_client *client) {
  if (!client || --client->refs > 0) return;
  lpod_engine *engine = client->engine;
  engine_end_all(engine, client);
  lpod_store_free(client->store);
  lpod_kube_free(client->kube);
  free(client->ns);
  free(client);
  lpod_engine_unref(engine);
}

const char *lpod_client_namespace(const lpod_client *client) { return client->ns; }
const char *lpod_client_server(const lpod_client *client) { return lpod_kube_config(client->kube)->server; }
bool lpod_client_in_cluster(const lpod_client *client) { return lpod_kube_config(client->kube)->in_cluster; }

/* ---- operations: they end with their client ---- */

typedef struct operation {
  lpod_operation op;
  lpod_kube_call *call;
  lpod_watch *watch;
  lpod_listing *listing;
  lpod_log *log;
  lpod_exec *exec;
  char *container;
  bool stamps; /* a log's lines carry their time */
  bool tail;   /* the last read of a log that lagged */
} operation;

static void free_operation(operation *o) {
  free(o->container);
  free(o);
}

static void end_operation(lpod_operation *op) {
  operation *o = LPOD_CONTAINER(op, operation, op);
  lpod_kube_cancel(o->call);
  if (o->watch) lpod_watch_stop(o->watch);
  if (o->listing) lpod_listing_cancel(o->listing);
  lpod_log_free(o->log);
  if (o->exec) lpod_exec_cancel(o->exec);
  free_operation(o);
}

static void hold_operation(lpod_operation *op, bool held);

static operation *new_operation(lpod_client *client, lpod_error *err) {
  operation *o = calloc(1, sizeof *o);
  if (!o) {
    lpod_nomem(err);
    return NULL;
  }
  o->op.client = client;
  o->op.hold = hold_operation;
  return o;
}

/* started: the thing below is under way. Gives the id, or frees the operation. */
static lpod_id enter(operation *o, bool started) {
  if (started) return engine_add(o->op.client->engine, &o->op, end_operation);
  lpod_log_free(o->log);
  free_operation(o);
  return 0;
}

static void emit(operation *o, lpod_event event) {
  event.id = o->op.id;
  engine_emit(o->op.client->engine, &event);
}

/* The last event of an operation. */
static void conclude(operation *o, lpod_event event) {
  event.kind = LPOD_EVENT_END;
  emit(o, event);
  engine_remove(&o->op);
  free_operation(o);
}

/* ---- requests ---- */

static void on_answer(void *arg, const lpod_kube_answer *answer) {
  operation *o = arg;
  lpod_event event = {.kind = LPOD_EVENT_RESPONSE, .id = o->op.id, .number = answer->status, .error = answer->error};
  lpod_doc *doc = *answer->doc;
  *answer->doc = NULL;
  if (!doc && answer->len) {
    event.text = answer->body;
    event.len = answer->len;
  }
  engine_emit_doc(o->op.client->engine, &event, doc, NULL);
  engine_remove(&o->op);
  free_operation(o);
}

static lpod_verb verb_of(const char *method) {
  static const struct {
    const char *method;
    lpod_verb verb;
  } verbs[] = {{"GET", LPOD_VERB_READ},  {"HEAD", LPOD_VERB_READ},   {"POST", LPOD_VERB_CREATE},
               {"PUT", LPOD_VERB_PATCH}, {"PATCH", LPOD_VERB_PATCH}, {"DELETE", LPOD_VERB_DELETE}};
  for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
    if (strcmp(verbs[i].method, method) == 0) return verbs[i].verb;
  return LPOD_VERB_CREATE; /* the most careful one */
}

lpod_id lpod_client_request(lpod_client *client, const lpod_request *request, lpod_error *err) {
  lpod_request r;
  if (!request || !engine_copy_options(&r, sizeof r, request) || !r.path || *r.path != '/') {
    lpod_fail(err, LPOD_E_USAGE, "request: path is \"%.100s\", expected one that begins with /",
              request && r.path ? r.path : "");
    return 0;
  }
  const char *method = r.method ? r.method : "GET";
  lpod_buf target = LPOD_BUF_INIT(64 * LPOD_KIB);
  lpod_rc rc = lpod_buf_adds(&target, r.path, err);
  for (const char *const *q = r.query; rc == LPOD_OK && q && q[0]; q += 2)
    rc = lpod_target_query(&target, q[0], q[1], err);
  operation *o = rc == LPOD_OK ? new_operation(client, err) : NULL;
  if (o) {
    lpod_kube_request k = {
        .verb = verb_of(method),
        .method = method,
        .target = target.data,
        .content_type = r.content_type ? r.content_type : "application/json",
        .body = r.body,
        .body_len = r.body_len,
        .timeout = r.timeout,
        .budget = r.once ? -1 : 0,
        .raw = r.raw,
        .on_done = on_answer,
        .arg = o,
    };
    o->call = lpod_kube_start(client->kube, &k, err);
  }
  lpod_buf_free(&target);
  return o ? enter(o, o->call != NULL) : 0;
}

/* ---- watches and lists ---- */

static void emit_object(operation *o, const char *name, lpod_doc *doc) {
  engine_emit_doc(o->op.client->engine, &(lpod_event){.kind = LPOD_EVENT_WATCH, .id = o->op.id, .name = name}, doc,
                  NULL);
}

static void on_watch_event(void *arg, lpod_watch_event event, lpod_doc *doc) {
  static const char *const names[] = {"ADDED", "MODIFIED", "DELETED", "LISTING", "LISTED", "SYNCED"};
  emit_object(arg, names[event], doc);
}

static void on_watch_end(void *arg, const lpod_error *error) {
  operation *o = arg;
  o->watch = NULL;
  conclude(o, (lpod_event){.error = error});
}

static void on_item(void *arg, lpod_doc *doc) { emit_object(arg, "LISTED", doc); }

static void on_list_end(void *arg, const char *resource_version, const lpod_error *error) {
  operation *o = arg;
  o->listing = NULL;
  conclude(o, (lpod_event){
                  .error = error, .text = resource_version, .len = resource_version ? strlen(resource_version) : 0});
}

lpod_id lpod_client_watch(lpod_client *client, const lpod_watch_request *request, lpod_error *err) {
  lpod_watch_request r;
  if (!request || !engine_copy_options(&r, sizeof r, request) || !r.path || *r.path != '/') {
    lpod_fail(err, LPOD_E_USAGE, "watch: path is \"%.100s\", expected one that begins with /",
              request && r.path ? r.path : "");
    return 0;
  }
  operation *o = new_operation(client, err);
  if (!o) return 0;
  if (r.list_only) {
    lpod_listing_options l = {.target = r.path,
                              .label_selector = r.label_selector,
                              .field_selector = r.field_selector,
                              .on_item = on_item,
                              .on_end = on_list_end,
                              .arg = o};
    o->listing = lpod_listing_start(client->kube, &l, err);
  } else {
    lpod_watch_options w = {.target = r.path,
                            .label_selector = r.label_selector,
                            .field_selector = r.field_selector,
                            .resource_version = r.resource_version,
                            .timeout = r.timeout,
                            .on_event = on_watch_event,
                            .on_end = on_watch_end,
                            .arg = o};
    o->watch = lpod_watch_start(client->kube, &w, err);
  }
  return enter(o, o->listing || o->watch);
}

/* ---- logs ---- */

static void on_log_open(void *arg) { emit(arg, (lpod_event){.kind = LPOD_EVENT_OPEN}); }

static void note_gap(operation *o) {
  static const char gap[] = "possible gap in the log: lines may be missing here";
  emit(o, (lpod_event){.kind = LPOD_EVENT_WARNING, .text = gap, .len = sizeof gap - 1});
}

static void on_block(void *arg, const lpod_log_block *block) {
  operation *o = arg;
  if (block->gap) note_gap(o);
  for (size_t i = 0; !o->stamps && i < block->count; i++) block->lines[i].time = INT64_MIN;
  engine_emit_doc(o->op.client->engine, &(lpod_event){.kind = LPOD_EVENT_OUTPUT, .id = o->op.id, .name = o->container},
                  NULL, block);
}

static void on_log_end(void *arg, const lpod_error *error) {
  operation *o = arg;
  if (!error && !o->tail && lpod_log_lagged(o->log)) {
    o->tail = true;
    if (lpod_log_open(o->log, false, NULL) == LPOD_OK) return;
  }
  lpod_log_flush(o->log);
  if (error && o->tail) { /* the stream itself ended cleanly */
    note_gap(o);
    error = NULL;
  }
  lpod_log *log = o->log;
  o->log = NULL;
  conclude(o, (lpod_event){.error = error});
  lpod_log_free(log);
}

lpod_id lpod_client_logs(lpod_client *client, const lpod_log_request *request, lpod_error *err) {
  lpod_log_request r;
  if (!request || !engine_copy_options(&r, sizeof r, request) || !r.pod) {
    lpod_fail(err, LPOD_E_USAGE, "logs: pod is not given");
    return 0;
  }
  operation *o = new_operation(client, err);
  if (!o) return 0;
  o->container = lpod_text_copy(r.container);
  o->stamps = r.timestamps;
  lpod_log_options l = {
      .ns = r.namespace_ ? r.namespace_ : client->ns,
      .pod = r.pod,
      .container = r.container,
      .prefix = r.prefix,
      .keep_empty = true,
      .follow = r.follow,
      .previous = r.previous,
      .since = r.since,
      .tail_lines = r.tail_lines > 0 ? r.tail_lines : -1,
      .own = true,
      .on_open = on_log_open,
      .on_block = on_block,
      .on_end = on_log_end,
      .arg = o,
  };
  o->log = lpod_log_new(client->kube, &l, err);
  return enter(o, o->log && lpod_log_open(o->log, r.follow, err) == LPOD_OK);
}

/* ---- exec ---- */

static void on_exec_open(void *arg, int version) {
  emit(arg, (lpod_event){.kind = LPOD_EVENT_OPEN, .number = version});
}

static void on_output(void *arg, lpod_channel channel, const char *data, size_t len) {
  if (len) emit(arg, (lpod_event){.kind = LPOD_EVENT_OUTPUT, .number = (int)channel, .text = data, .len = len});
}

static void on_exec_end(void *arg, int exit_code, const lpod_error *error) {
  operation *o = arg;
  o->exec = NULL;
  conclude(o, (lpod_event){.error = error, .number = exit_code});
}

lpod_id lpod_client_exec(lpod_client *client, const lpod_exec_request *request, lpod_error *err) {
  lpod_exec_request r;
  if (!request || !engine_copy_options(&r, sizeof r, request) || !r.pod || !r.command || !r.command[0]) {
    lpod_fail(err, LPOD_E_USAGE, "exec: pod or command is not given");
    return 0;
  }
  operation *o = new_operation(client, err);
  if (!o) return 0;
  lpod_exec_options e = {
      .ns = r.namespace_ ? r.namespace_ : client->ns,
      .pod = r.pod,
      .container = r.container,
      .command = r.command,
      .use_stdin = r.use_stdin,
      .use_stdout = true,
      .use_stderr = !r.tty,
      .tty = r.tty,
      .timeout = r.timeout,
      .on_open = on_exec_open,
      .on_output = on_output,
      .on_end = on_exec_end,
      .arg = o,
  };
  o->exec = lpod_exec_start(client->kube, &e, err);
  return enter(o, o->exec != NULL);
}

/* ---- a reader that cannot keep up (L15) ---- */

static void hold_operation(lpod_operation *op, bool held) {
  operation *o = LPOD_CONTAINER(op, operation, op);
  lpod_error err = LPOD_ERROR_INIT;
  if (o->watch) lpod_watch_hold(o->watch, held);
  if (o->exec) lpod_exec_hold(o->exec, held);
  if (o->log && held)
    lpod_log_hold(o->log);
  else if (o->log && lpod_log_release(o->log, &err))
    on_log_end(o, &err);
}

static lpod_exec *exec_of(lpod_engine *engine, lpod_id id, lpod_error *err) {
  for (lpod_link *l = engine->operations.next; l != &engine->operations; l = l->next) {
    lpod_operation *op = LPOD_CONTAINER(l, lpod_operation, link);
    if (op->id == id && op->end == end_operation) {
      operation *o = LPOD_CONTAINER(op, operation, op);
      if (o->exec) return o->exec;
    }
  }
  lpod_fail(err, LPOD_E_USAGE, "no exec %llu is under way", (unsigned long long)id);
  return NULL;
}

lpod_rc lpod_exec_send(lpod_engine *engine, lpod_id exec, const void *data, size_t len, lpod_error *err) {
  lpod_exec *e = exec_of(engine, exec, err);
  return e ? lpod_exec_write(e, data, len, err) : LPOD_E_USAGE;
}

lpod_rc lpod_exec_send_eof(lpod_engine *engine, lpod_id exec, lpod_error *err) {
  lpod_exec *e = exec_of(engine, exec, err);
  return e ? lpod_exec_close_stdin(e, err) : LPOD_E_USAGE;
}
