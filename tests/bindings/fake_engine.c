/* A stand-in for core/engine.c in the specs of the bindings: the same public calls, no loop and no network. What is
 * started answers at once with events that repeat what was asked for, so that a spec sees how options arrive and how
 * each kind of event looks in Lua. Timers fire at the next step; steps never wait. Errors, NULs and odd values are
 * asked for by path or name: see each call. */
#include <lunapod/engine.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE 64

typedef struct queued {
  lpod_event event;
  lpod_doc *doc;
  lpod_error error;
} queued;

struct lpod_engine {
  unsigned references;
  lpod_id last;
  queued queue[QUEUE];
  unsigned first, count;
  bool taken; /* queue[first] is borrowed */
  bool interrupted;
};

struct lpod_client {
  unsigned references;
  lpod_engine *engine;
  char namespace_[64];
};

struct lpod_run {
  unsigned references;
  lpod_client *client;
  lpod_id id;
  lpod_doc *pod;
  char finish[8], result[16];
};

static unsigned alive; /* engines, clients and runs: printed at exit when a spec left one behind */

static void report_left(void) {
  if (alive) fprintf(stderr, "fake engine: %u objects were not let go\n", alive);
}

static queued *enqueue(lpod_engine *engine, lpod_event_kind kind, lpod_id id) {
  if (engine->count == QUEUE) abort();
  queued *slot = &engine->queue[(engine->first + engine->count++) % QUEUE];
  *slot = (queued){.event = {.kind = kind, .id = id}};
  return slot;
}

static void drop_first(lpod_engine *engine) {
  lpod_doc_free(engine->queue[engine->first].doc);
  engine->queue[engine->first] = (queued){0};
  engine->first = (engine->first + 1) % QUEUE;
  engine->count--;
  engine->taken = false;
}

static lpod_value *give_value(queued *slot) {
  slot->doc = lpod_doc_new(0);
  lpod_value *map = lpod_value_new(slot->doc, LPOD_OBJECT);
  slot->event.value = map;
  return map;
}

static void give_error(queued *slot, lpod_rc rc, const char *text) {
  lpod_error_clear(&slot->error);
  lpod_fail(&slot->error, rc, "%s", text);
  slot->event.error = &slot->error;
}

static void put(queued *slot, lpod_value *map, const char *key, const char *text) {
  if (text) lpod_value_set_string(slot->doc, map, key, text);
}

static void put_int(queued *slot, lpod_value *map, const char *key, int64_t integer) {
  lpod_value_set_int(slot->doc, map, key, integer);
}

static void put_number(queued *slot, lpod_value *map, const char *key, double number) {
  lpod_value_set(slot->doc, map, key, strlen(key), lpod_value_new_double(slot->doc, number));
}

static void put_bool(queued *slot, lpod_value *map, const char *key, bool yes) {
  lpod_value_set(slot->doc, map, key, strlen(key), lpod_value_new_bool(slot->doc, yes));
}

static void put_texts(queued *slot, lpod_value *map, const char *key, const char *const *texts) {
  if (!texts) return;
  lpod_value *list = lpod_value_new(slot->doc, LPOD_ARRAY);
  for (; *texts; texts++) lpod_value_push(list, lpod_value_new_string(slot->doc, *texts, strlen(*texts)));
  lpod_value_set(slot->doc, map, key, strlen(key), list);
}

/* ---- engine ---- */

lpod_rc lpod_engine_new(const lpod_engine_options *options, lpod_engine **out, lpod_error *err) {
  if (options && options->instance && strcmp(options->instance, "bad") == 0)
    return lpod_fail(err, LPOD_E_CONFIG, "instance: 'bad' is refused by the fake");
  static bool registered;
  if (!registered) atexit(report_left);
  registered = true;
  *out = calloc(1, sizeof **out);
  if (!*out) return lpod_nomem(err);
  (*out)->references = 1;
  alive++;
  return LPOD_OK;
}

lpod_engine *lpod_engine_ref(lpod_engine *engine) {
  engine->references++;
  return engine;
}

void lpod_engine_unref(lpod_engine *engine) {
  if (!engine || --engine->references) return;
  while (engine->count) drop_first(engine);
  memset(engine, 0xdd, sizeof *engine); /* whoever still uses it fails */
  free(engine);
  alive--;
}

int lpod_engine_fd(const lpod_engine *engine) { return engine ? 77 : -1; }
int lpod_engine_timeout(const lpod_engine *engine) { return engine->count ? 0 : -1; }

lpod_rc lpod_engine_step(lpod_engine *engine, int timeout_ms, bool *interrupted, lpod_error *err) {
  if (timeout_ms == 666) return lpod_fail(err, LPOD_E_IO, "epoll: the fake fails as asked");
  if (timeout_ms == 4) {
    if (interrupted) *interrupted = true;
    return LPOD_OK;
  }
  /* tells what it was asked for, so that rounding can be seen */
  queued *slot = enqueue(engine, LPOD_EVENT_STATE, 1);
  snprintf(slot->error.text, sizeof slot->error.text, "%d", timeout_ms);
  slot->event.name = slot->error.text;
  return LPOD_OK;
}

void lpod_engine_wake(lpod_engine *engine) { (void)engine; }
const char *lpod_engine_id(const lpod_engine *engine) { return engine ? "fake-engine" : NULL; }

lpod_rc lpod_engine_instance(lpod_engine *engine, const char **out, lpod_error *err) {
  (void)engine;
  *out = "fake-instance";
  return lpod_fail(err, LPOD_E_IO, "the fake keeps no instance id");
}

int lpod_engine_alive(const lpod_engine *engine, const char *id) {
  (void)engine;
  return strcmp(id, "up") == 0 ? 1 : strcmp(id, "down") == 0 ? 0 : -1;
}

lpod_rc lpod_engine_watch_signals(lpod_engine *engine, const int *numbers, size_t count, lpod_error *err) {
  (void)err;
  for (size_t i = 0; i < count; i++) enqueue(engine, LPOD_EVENT_SIGNAL, 1)->event.number = numbers[i];
  return LPOD_OK;
}

lpod_id lpod_engine_timer(lpod_engine *engine, double seconds, lpod_error *err) {
  if (seconds > 1e6) return lpod_fail(err, LPOD_E_LIMIT, "the fake has no timers that long"), 0;
  enqueue(engine, LPOD_EVENT_TIMER, ++engine->last);
  return engine->last;
}

double lpod_engine_now(const lpod_engine *engine) { return engine ? 12.5 : 0; }
int64_t lpod_engine_time(const lpod_engine *engine) { return engine ? 1700000000123456789 : 0; }

void lpod_cancel(lpod_engine *engine, lpod_id id) {
  for (unsigned i = engine->taken ? 1 : 0; i < engine->count; i++) {
    queued *slot = &engine->queue[(engine->first + i) % QUEUE];
    if (slot->event.id == id) slot->event.kind = 0;
  }
}

void lpod_hold(lpod_engine *engine, lpod_id id, bool held) {
  queued *slot = enqueue(engine, LPOD_EVENT_WARNING, id);
  slot->event.text = held ? "held" : "gone";
  slot->event.len = 4;
}

const lpod_event *lpod_engine_next(lpod_engine *engine) {
  if (engine->taken) drop_first(engine);
  while (engine->count && !engine->queue[engine->first].event.kind) drop_first(engine);
  engine->taken = engine->count > 0;
  return engine->taken ? &engine->queue[engine->first].event : NULL;
}

/* ---- client ---- */

lpod_rc lpod_client_new(lpod_engine *engine, const lpod_client_options *options, lpod_client **out, lpod_error *err) {
  if (options->context && strcmp(options->context, "unknown") == 0)
    return lpod_fail(err, LPOD_E_CONFIG, "kubeconfig: no context 'unknown'");
  lpod_client *client = calloc(1, sizeof *client);
  if (!client) return lpod_nomem(err);
  client->references = 1;
  client->engine = lpod_engine_ref(engine);
  snprintf(client->namespace_, sizeof client->namespace_, "%s/%d",
           options->namespace_ ? options->namespace_ : "default", options->in_cluster);
  alive++;
  *out = client;
  return LPOD_OK;
}

lpod_client *lpod_client_ref(lpod_client *client) {
  client->references++;
  return client;
}

void lpod_client_unref(lpod_client *client) {
  if (!client || --client->references) return;
  lpod_engine_unref(client->engine);
  free(client);
  alive--;
}

const char *lpod_client_namespace(const lpod_client *client) { return client->namespace_; }
const char *lpod_client_server(const lpod_client *client) { return client ? "https://fake:6443" : NULL; }
bool lpod_client_in_cluster(const lpod_client *client) { return !client; }

/* "/missing": a 404; "/big": an integer beyond 2^53; "/refused": not even started; "/text": raw with a NUL; else what
 * was asked for. */
lpod_id lpod_client_request(lpod_client *client, const lpod_request *request, lpod_error *err) {
  if (strcmp(request->path, "/refused") == 0) return lpod_fail(err, LPOD_E_LIMIT, "too many calls"), 0;
  queued *slot = enqueue(client->engine, LPOD_EVENT_RESPONSE, ++client->engine->last);
  slot->event.number = 200;
  if (strcmp(request->path, "/missing") == 0) {
    slot->event.number = 404;
    give_error(slot, LPOD_E_API, "pods \"x\" not found");
    slot->error.code = 404;
    slot->error.retry_after = 1.5;
    slot->error.retryable = true;
    strcpy(slot->error.reason, "NotFound");
    strcpy(slot->error.error_class, "user");
  } else if (strcmp(request->path, "/text") == 0) {
    slot->event.text = "a\0b";
    slot->event.len = 3;
  } else if (strcmp(request->path, "/big") == 0) {
    lpod_value *map = give_value(slot);
    put_int(slot, lpod_value_map(slot->doc, map, "metadata"), "generation", INT64_MAX);
  } else {
    lpod_value *map = give_value(slot);
    put(slot, map, "method", request->method);
    put(slot, map, "path", request->path);
    put(slot, map, "content_type", request->content_type);
    put_texts(slot, map, "query", request->query);
    put_number(slot, map, "timeout", request->timeout);
    put_bool(slot, map, "once", request->once);
    put_bool(slot, map, "raw", request->raw);
    if (request->body)
      lpod_value_set(slot->doc, map, "body", 4, lpod_value_new_string(slot->doc, request->body, request->body_len));
  }
  return client->engine->last;
}

lpod_id lpod_client_watch(lpod_client *client, const lpod_watch_request *request, lpod_error *err) {
  (void)err;
  lpod_engine *engine = client->engine;
  lpod_id id = ++engine->last;
  enqueue(engine, LPOD_EVENT_WATCH, id)->event.name = "LISTING";
  queued *slot = enqueue(engine, LPOD_EVENT_WATCH, id);
  slot->event.name = "ADDED";
  lpod_value *map = give_value(slot);
  put(slot, map, "path", request->path);
  put(slot, map, "labels", request->label_selector);
  put(slot, map, "fields", request->field_selector);
  put(slot, map, "from", request->resource_version);
  put_number(slot, map, "timeout", request->timeout);
  put_bool(slot, map, "list_only", request->list_only);
  slot = enqueue(engine, LPOD_EVENT_END, id);
  slot->event.text = "4711";
  slot->event.len = 4;
  return id;
}

/* A block of two lines, the second without a stamp; name: the container. */
static void enqueue_output(lpod_engine *engine, lpod_id id, const char *name) {
  static const lpod_line lines[] = {{1700000000500000000, 7, 3}, {0, 18, 3}};
  queued *slot = enqueue(engine, LPOD_EVENT_OUTPUT, id);
  slot->event.name = name;
  slot->event.text = "[base] one\n[base] t\0o\n";
  slot->event.len = 22;
  slot->event.lines = lines;
  slot->event.line_count = 2;
}

lpod_id lpod_client_logs(lpod_client *client, const lpod_log_request *request, lpod_error *err) {
  (void)err;
  lpod_engine *engine = client->engine;
  lpod_id id = ++engine->last;
  enqueue(engine, LPOD_EVENT_OPEN, id);
  enqueue_output(engine, id, "base");
  queued *slot = enqueue(engine, LPOD_EVENT_WARNING, id);
  snprintf(slot->error.text, sizeof slot->error.text, "%s %s %s %d%d%d %lld %lld %s",
           request->namespace_ ? request->namespace_ : "-", request->pod, request->container ? request->container : "-",
           request->follow, request->previous, request->timestamps, (long long)request->since,
           (long long)request->tail_lines, request->prefix ? request->prefix : "-");
  slot->event.text = slot->error.text;
  slot->event.len = strlen(slot->event.text);
  give_error(enqueue(engine, LPOD_EVENT_END, id), LPOD_E_CUT, "the stream was cut");
  return id;
}

lpod_id lpod_client_exec(lpod_client *client, const lpod_exec_request *request, lpod_error *err) {
  (void)err;
  lpod_engine *engine = client->engine;
  lpod_id id = ++engine->last;
  enqueue(engine, LPOD_EVENT_OPEN, id)->event.number = 5;
  for (int channel = 1; channel <= 2; channel++) {
    queued *slot = enqueue(engine, LPOD_EVENT_OUTPUT, id);
    slot->event.number = channel;
    slot->event.text = request->command[channel - 1];
    slot->event.len = strlen(slot->event.text);
  }
  enqueue(engine, LPOD_EVENT_END, id)->event.number = request->use_stdin ? 7 : 0;
  return id;
}

lpod_rc lpod_exec_send(lpod_engine *engine, lpod_id exec, const void *data, size_t len, lpod_error *err) {
  (void)engine;
  if (exec != 1) return lpod_fail(err, LPOD_E_USAGE, "no exec %llu", (unsigned long long)exec);
  return len == 3 && memcmp(data, "a\0b", 3) == 0 ? LPOD_OK : lpod_fail(err, LPOD_E_USAGE, "unexpected bytes");
}

lpod_rc lpod_exec_send_eof(lpod_engine *engine, lpod_id exec, lpod_error *err) {
  return lpod_exec_send(engine, exec, "a\0b", 3, err);
}

/* ---- run ---- */

static void enqueue_options(lpod_run *run, const lpod_run_options *options) {
  queued *slot = enqueue(run->client->engine, LPOD_EVENT_RESPONSE, run->id);
  lpod_value *map = give_value(slot);
  put_bool(slot, map, "exact_name", options->exact_name);
  put(slot, map, "attempt", options->attempt);
  put(slot, map, "find", options->find);
  put(slot, map, "find_run", options->find_run);
  put(slot, map, "container", options->container);
  put_texts(slot, map, "logs", options->logs);
  put_bool(slot, map, "log_prefix", options->log_prefix);
  put_int(slot, map, "result_from", (int64_t)options->result_from);
  put(slot, map, "result_container", options->result_container);
  put_int(slot, map, "result_limit", (int64_t)options->result_limit);
  put_number(slot, map, "schedule_timeout", options->schedule_timeout);
  put_number(slot, map, "start_timeout", options->start_timeout);
  put_number(slot, map, "deadline", options->deadline);
  put_int(slot, map, "grace", options->grace);
  put_int(slot, map, "on_finish", (int64_t)options->on_finish);
  put_int(slot, map, "create_tries", options->create_tries);
  put_number(slot, map, "create_wait_min", options->create_wait_min);
  put_number(slot, map, "create_wait_max", options->create_wait_max);
  for (const lpod_waiting_rule *rule = options->waiting_rules; rule && rule->reason; rule++) {
    char text[128];
    snprintf(text, sizeof text, "%s|%g|%s", rule->message ? rule->message : "-", rule->grace, rule->error_class);
    put(slot, map, rule->reason, text);
  }
}

lpod_rc lpod_run_new(lpod_client *client, const lpod_run_options *options, lpod_run **out, lpod_error *err) {
  if (!lpod_value_get(options->manifest, "spec")) return lpod_fail(err, LPOD_E_USAGE, "spec: not there");
  lpod_run *run = calloc(1, sizeof *run);
  if (!run) return lpod_nomem(err);
  run->references = 1;
  run->client = lpod_client_ref(client);
  run->id = ++client->engine->last;
  run->pod = lpod_doc_new(0);
  lpod_doc_set_root(run->pod, lpod_value_copy(run->pod, options->manifest));
  memcpy(run->result, "{\"a\":\0}", 7);
  enqueue_options(run, options);
  alive++;
  *out = run;
  return LPOD_OK;
}

lpod_run *lpod_run_ref(lpod_run *run) {
  run->references++;
  return run;
}

void lpod_run_unref(lpod_run *run) {
  if (!run || --run->references) return;
  lpod_client_unref(run->client);
  lpod_doc_free(run->pod);
  memset(run, 0xdd, sizeof *run);
  free(run);
  alive--;
}

lpod_id lpod_run_id(const lpod_run *run) { return run->id; }

/* CREATED fails; CLEANED comes with output and a state before it. */
lpod_rc lpod_run_advance(lpod_run *run, lpod_phase phase, lpod_error *err) {
  if (phase == LPOD_PHASE_FOUND) return lpod_fail(err, LPOD_E_USAGE, "not now");
  lpod_engine *engine = run->client->engine;
  if (phase == LPOD_PHASE_CLEANED) {
    enqueue(engine, LPOD_EVENT_STATE, run->id)->event.name = "pulling busybox:1";
    enqueue_output(engine, run->id, "base");
  }
  queued *slot = enqueue(engine, LPOD_EVENT_PHASE, run->id);
  slot->event.phase = phase;
  if (phase == LPOD_PHASE_CREATED) give_error(slot, LPOD_E_TASK, "the task failed");
  return LPOD_OK;
}

lpod_rc lpod_run_cancel(lpod_run *run, int64_t grace, lpod_error *err) {
  (void)err;
  queued *slot = enqueue(run->client->engine, LPOD_EVENT_PHASE, run->id);
  slot->event.phase = LPOD_PHASE_CLEANED;
  give_error(slot, LPOD_E_CANCELLED, "");
  snprintf(slot->error.text, sizeof slot->error.text, "cancelled with grace %lld", (long long)grace);
  return LPOD_OK;
}

lpod_rc lpod_run_adopt(lpod_run *run, const lpod_value *pod, lpod_error *err) {
  (void)err;
  snprintf(run->finish, sizeof run->finish, "adopt %.40s",
           pod ? lpod_value_text(lpod_value_get(pod, "metadata"), "name") : "none");
  return LPOD_OK;
}
const lpod_waiting_rule *lpod_run_waiting_rules(void) {
  static const lpod_waiting_rule rules[] = {{"ErrImagePull", "qps", -1, "image"}, {"StartError", NULL, 10, "config"},
                                            {NULL, NULL, 0, NULL}};
  return rules;
}
void lpod_run_detach(lpod_run *run) { lpod_cancel(run->client->engine, run->id); }
void lpod_run_set_on_finish(lpod_run *run, lpod_on_finish on_finish) {
  snprintf(run->finish, sizeof run->finish, "%d", (int)on_finish);
}

const lpod_report *lpod_run_report(lpod_run *run) {
  static lpod_container containers[] = {
      {.name = "setup",
       .state = "terminated",
       .reason = "Completed",
       .message = "",
       .init = true,
       .started = 1700000000000000000},
      {.name = "base",
       .state = "terminated",
       .reason = "Error",
       .message = "bad",
       .exit_code = 137,
       .signal = 9,
       .restarts = 2},
      {.name = "side", .state = "running", .reason = "", .message = ""},
  };
  static lpod_report report;
  report = (lpod_report){.namespace_ = "default",
                         .name = "p",
                         .uid = "u-1",
                         .node = "",
                         .phase = "Failed",
                         .reason = "",
                         .message = "",
                         .waiting = run->finish,
                         .found = true,
                         .task = containers[1],
                         .containers = containers,
                         .container_count = 3,
                         .created = 1700000000250000000,
                         .lines = 12,
                         .gaps = 1,
                         .generation = 3};
  return &report;
}

const lpod_value *lpod_run_pod(const lpod_run *run) { return lpod_doc_root(run->pod); }

const char *lpod_run_result(const lpod_run *run, size_t *len) {
  *len = 7;
  return run->result;
}

/* ---- small services: not faked, only there so that the module links without the rest of the core ---- */

__attribute__((weak)) lpod_rc lpod_digest(const char *algorithm, const void *data, size_t len, char *out, size_t room,
                                          lpod_error *err) {
  (void)data, (void)len, (void)out, (void)room;
  return lpod_fail(err, LPOD_E_USAGE, "the fake has no %s", algorithm);
}

__attribute__((weak)) lpod_rc lpod_random_text(char *out, size_t count, lpod_error *err) {
  (void)out, (void)count;
  return lpod_fail(err, LPOD_E_USAGE, "the fake is not random");
}

__attribute__((weak)) bool lpod_parse_time(const char *text, size_t len, int64_t *ns) {
  (void)text, (void)len, (void)ns;
  return false;
}

__attribute__((weak)) void lpod_format_time(int64_t ns, int digits, char *out) {
  (void)ns, (void)digits;
  out[0] = 0;
}
