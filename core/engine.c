/* The engine: a loop, a queue of events, and a list of what is under way. It holds no Lua, calls nobody back, and keeps
 * no global state; everything hangs on one reference-counted object. */
#include "engine_private.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/random.h"
#include "base/text.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool engine_copy_options(void *to, size_t size, const void *from) {
  memset(to, 0, size);
  if (!from) return true;
  size_t given;
  memcpy(&given, from, sizeof given);
  if (given < sizeof given || given > 4096) return false; /* .size was forgotten */
  memcpy(to, from, given < size ? given : size);
  return true;
}

void engine_emit_doc(lpod_engine *engine, const lpod_event *event, lpod_doc *doc, const lpod_log_block *block) {
  lpod_queue_add(&engine->queue, event, doc, block);
  lpod_loop_touch(engine->loop);
}

void engine_emit(lpod_engine *engine, const lpod_event *event) { engine_emit_doc(engine, event, NULL, NULL); }

static void set_hold(lpod_operation *op, unsigned why, bool on) {
  unsigned before = op->holds;
  op->holds = on ? before | why : before & ~why;
  if (op->hold && !before != !op->holds) op->hold(op, op->holds != 0);
}

lpod_id engine_add(lpod_engine *engine, lpod_operation *op, void (*end)(lpod_operation *op)) {
  op->engine = engine;
  op->end = end;
  op->id = ++engine->last_id;
  lpod_list_add(&engine->operations, &op->link);
  lpod_id id = op->id;
  if (engine->full) set_hold(op, ENGINE_HOLD_QUEUE, true);
  return id;
}

void engine_remove(lpod_operation *op) { lpod_list_remove(&op->link); }

void engine_end_all(lpod_engine *engine, const lpod_client *client) {
  for (lpod_link *l = engine->operations.next, *next; l != &engine->operations; l = next) {
    next = l->next;
    lpod_operation *op = LPOD_CONTAINER(l, lpod_operation, link);
    if (client && op->client != client) continue;
    lpod_list_remove(l);
    op->end(op);
  }
}

lpod_rc lpod_engine_new(const lpod_engine_options *options, lpod_engine **out, lpod_error *err) {
  lpod_engine_options o;
  *out = NULL;
  if (!engine_copy_options(&o, sizeof o, options))
    return lpod_fail(err, LPOD_E_USAGE, "engine options: size is not set");
  if (o.instance && strlen(o.instance) >= sizeof(((lpod_engine *)0)->instance))
    return lpod_fail(err, LPOD_E_USAGE, "instance \"%.80s\": expected at most 63 characters", o.instance);
  lpod_engine *e = calloc(1, sizeof *e);
  if (!e) return lpod_nomem(err);
  e->refs = 1;
  e->lock = -1;
  lpod_queue_init(&e->queue);
  lpod_list_init(&e->operations);
  if (o.instance) snprintf(e->instance, sizeof e->instance, "%s", o.instance);
  e->state = o.state ? lpod_text_copy(*o.state ? o.state : NULL) : lpod_state_folder();
  lpod_rc rc = lpod_random_name(e->id, sizeof e->id - 1, err);
  if (rc == LPOD_OK && !(e->loop = lpod_loop_new(NULL, err))) rc = err ? err->rc : LPOD_E_NOMEM;
  if (rc != LPOD_OK) {
    free(e->state);
    free(e);
    return rc;
  }
  *out = e;
  return LPOD_OK;
}

lpod_engine *lpod_engine_ref(lpod_engine *engine) {
  engine->refs++;
  return engine;
}

void lpod_engine_unref(lpod_engine *engine) {
  if (!engine || --engine->refs > 0) return;
  engine_end_all(engine, NULL);
  lpod_queue_free(&engine->queue);
  if (engine->lock >= 0) lpod_state_release(engine->state, engine->id, engine->lock);
  lpod_loop_free(engine->loop);
  free(engine->state);
  free(engine);
}

int lpod_engine_fd(const lpod_engine *engine) { return lpod_loop_fd(engine->loop); }

int lpod_engine_timeout(const lpod_engine *engine) { return engine->queue.count ? 0 : lpod_loop_timeout(engine->loop); }

/* What nobody takes is not added to without limit: streams are given up, and gone on with when half is taken (M2). */
static void bound_queue(lpod_engine *engine) {
  bool full = engine->queue.bytes >= (engine->full ? LPOD_LIMIT_LOG_ENGINE / 2 : LPOD_LIMIT_LOG_ENGINE);
  if (full == engine->full) return;
  engine->full = full;
  for (lpod_link *l = engine->operations.next, *next; l != &engine->operations; l = next) {
    next = l->next;
    set_hold(LPOD_CONTAINER(l, lpod_operation, link), ENGINE_HOLD_QUEUE, full);
  }
}

lpod_rc lpod_engine_step(lpod_engine *engine, int timeout_ms, bool *interrupted, lpod_error *err) {
  bool ignored;
  if (!interrupted) interrupted = &ignored;
  *interrupted = false;
  if (engine->queue.lost) {
    engine->queue.lost = false;
    return lpod_nomem(err);
  }
  bound_queue(engine);
  return lpod_loop_step(engine->loop, engine->queue.count ? 0 : timeout_ms, interrupted, err);
}

void lpod_engine_wake(lpod_engine *engine) { lpod_loop_wake(engine->loop); }

const lpod_event *lpod_engine_next(lpod_engine *engine) { return lpod_queue_take(&engine->queue); }

const char *lpod_engine_id(const lpod_engine *engine) { return engine->id; }
double lpod_engine_now(const lpod_engine *engine) {
  const lpod_clock *clock = lpod_loop_clock(engine->loop);
  return (double)clock->monotonic(clock) / 1e9;
}
int64_t lpod_engine_time(const lpod_engine *engine) {
  const lpod_clock *clock = lpod_loop_clock(engine->loop);
  return clock->wall(clock);
}

/* ---- installation and lock ---- */

lpod_rc lpod_engine_instance(lpod_engine *engine, const char **out, lpod_error *err) {
  *out = engine->instance;
  if (!*engine->instance) {
    lpod_error local = LPOD_ERROR_INIT;
    if (!err) err = &local;
    if (engine->state)
      engine->instance_rc = lpod_state_instance(engine->state, engine->instance, err);
    else
      engine->instance_rc = lpod_random_name(engine->instance, LPOD_INSTANCE_ID - 1, err);
    return engine->instance_rc;
  }
  if (engine->instance_rc != LPOD_OK)
    return lpod_fail(err, engine->instance_rc, "the id of this installation could not be kept");
  return LPOD_OK;
}

void engine_hold_lock(lpod_engine *engine) {
  if (engine->lock < 0 && engine->state) lpod_state_hold(engine->state, engine->id, &engine->lock, NULL);
}

int lpod_engine_alive(const lpod_engine *engine, const char *id) {
  if (strcmp(id, engine->id) == 0) return 1;
  if (!engine->state) return -1;
  switch (lpod_state_engine(engine->state, id)) {
  case LPOD_ENGINE_ALIVE: return 1;
  case LPOD_ENGINE_DEAD: return 0;
  case LPOD_ENGINE_UNKNOWN: break;
  }
  return -1;
}

/* ---- signals and timers ---- */

static void on_signal(void *arg, int signal) {
  engine_emit(arg, &(lpod_event){.kind = LPOD_EVENT_SIGNAL, .number = signal});
}

lpod_rc lpod_engine_watch_signals(lpod_engine *engine, const int *signals, size_t count, lpod_error *err) {
  return lpod_loop_watch_signals(engine->loop, signals, count, on_signal, engine, err);
}

typedef struct timer_operation {
  lpod_operation op;
  lpod_timer timer;
} timer_operation;

static void end_timer(lpod_operation *op) {
  timer_operation *t = LPOD_CONTAINER(op, timer_operation, op);
  lpod_timer_stop(op->engine->loop, &t->timer);
  free(t);
}

static void on_timer(void *arg) {
  timer_operation *t = arg;
  engine_emit(t->op.engine, &(lpod_event){.kind = LPOD_EVENT_TIMER, .id = t->op.id});
  engine_remove(&t->op);
  free(t);
}

lpod_id lpod_engine_timer(lpod_engine *engine, double seconds, lpod_error *err) {
  timer_operation *t = calloc(1, sizeof *t);
  if (!t) {
    lpod_nomem(err);
    return 0;
  }
  if (!(seconds > 0)) seconds = 0;
  if (seconds > 1e9) seconds = 1e9;
  t->timer = (lpod_timer){.fire = on_timer, .arg = t};
  if (lpod_timer_start(engine->loop, &t->timer, (int64_t)(seconds * 1e9), err) != LPOD_OK) {
    free(t);
    return 0;
  }
  return engine_add(engine, &t->op, end_timer);
}

static lpod_operation *operation_of(const lpod_engine *engine, lpod_id id) {
  for (lpod_link *l = engine->operations.next; l != &engine->operations; l = l->next) {
    lpod_operation *op = LPOD_CONTAINER(l, lpod_operation, link);
    if (op->id == id) return op;
  }
  return NULL;
}

void lpod_hold(lpod_engine *engine, lpod_id id, bool held) {
  lpod_operation *op = operation_of(engine, id);
  if (op) set_hold(op, ENGINE_HOLD_READER, held);
}

void lpod_cancel(lpod_engine *engine, lpod_id id) {
  lpod_queue_drop(&engine->queue, id);
  lpod_operation *op = operation_of(engine, id);
  if (!op) return;
  lpod_list_remove(&op->link);
  op->end(op);
}
