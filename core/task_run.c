/* The public run: a driver with a reference count, and its callbacks as events. A run lives on while it is referenced;
 * when the last reference goes it lets go of its pod and sends nothing. */
#include "engine_private.h"

#include <stdlib.h>
#include <string.h>

struct lpod_run {
  lpod_operation op; /* an operation of the engine, so that ids are shared; ended only by the last reference */
  unsigned refs;
  lpod_client *client;
  lpod_driver *driver; /* NULL: detached */
};

static void emit(lpod_run *run, lpod_event event) {
  event.id = run->op.id;
  engine_emit(run->client->engine, &event);
}

static void on_phase(void *arg, lpod_phase phase, const lpod_error *error) {
  emit(arg, (lpod_event){.kind = LPOD_EVENT_PHASE, .phase = phase, .error = error});
}

static void on_state(void *arg, const char *waiting) {
  emit(arg, (lpod_event){.kind = LPOD_EVENT_STATE, .name = waiting});
}

static void on_log(void *arg, const char *container, const lpod_log_block *block) {
  lpod_run *run = arg;
  engine_emit_doc(run->client->engine, &(lpod_event){.kind = LPOD_EVENT_OUTPUT, .id = run->op.id, .name = container},
                  NULL, block);
}

static void on_warning(void *arg, const char *text) {
  emit(arg, (lpod_event){.kind = LPOD_EVENT_WARNING, .text = text, .len = strlen(text)});
}

static void on_store_trouble(void *arg, const char *text) {
  lpod_client *client = arg;
  engine_emit(client->engine, &(lpod_event){.kind = LPOD_EVENT_WARNING, .text = text, .len = strlen(text)});
}

/* lpod_cancel of a run's id, or the end of the engine: the run is let go, its owner keeps the object. */
static void end_run(lpod_operation *op) {
  lpod_run *run = LPOD_CONTAINER(op, lpod_run, op);
  lpod_driver_free(run->driver);
  run->driver = NULL;
}

static void hold_run(lpod_operation *op, bool held) {
  lpod_run *run = LPOD_CONTAINER(op, lpod_run, op);
  if (run->driver) lpod_driver_hold(run->driver, held);
}

lpod_rc lpod_run_new(lpod_client *client, const lpod_run_options *options, lpod_run **out, lpod_error *err) {
  lpod_run_options o;
  lpod_error local = LPOD_ERROR_INIT;
  if (!err) err = &local;
  *out = NULL;
  if (!options || !engine_copy_options(&o, sizeof o, options))
    return lpod_fail(err, LPOD_E_USAGE, "run options: size is not set");
  if (!client->store && !(client->store = lpod_store_new(client->kube, client->engine->id, on_store_trouble, client)))
    return lpod_nomem(err);
  lpod_run *run = calloc(1, sizeof *run);
  if (!run) return lpod_nomem(err);
  const char *ns = lpod_value_text(lpod_value_get(o.manifest, "metadata"), "namespace");
  lpod_driver_options d = {
      .kube = client->kube,
      .store = client->store,
      .engine = client->engine->id,
      .ns = *ns ? ns : client->ns,
      .run = &o,
      .on_phase = on_phase,
      .on_state = on_state,
      .on_log = on_log,
      .on_warning = on_warning,
      .arg = run,
  };
  run->driver = lpod_driver_new(&d, err);
  if (!run->driver) {
    free(run);
    return err->rc;
  }
  run->refs = 1;
  run->client = lpod_client_ref(client);
  run->op.hold = hold_run;
  engine_add(client->engine, &run->op, end_run);
  *out = run;
  return LPOD_OK;
}

lpod_run *lpod_run_ref(lpod_run *run) {
  run->refs++;
  return run;
}

void lpod_run_unref(lpod_run *run) {
  if (!run || --run->refs > 0) return;
  lpod_run_detach(run);
  lpod_client *client = run->client;
  free(run);
  lpod_client_unref(client);
}

lpod_id lpod_run_id(const lpod_run *run) { return run->op.id; }

static lpod_rc let_go(lpod_error *err) { return lpod_fail(err, LPOD_E_USAGE, "the run has been let go of"); }

lpod_rc lpod_run_advance(lpod_run *run, lpod_phase phase, lpod_error *err) {
  if (!run->driver) return let_go(err);
  if (phase <= LPOD_PHASE_NONE || phase > LPOD_PHASE_CLEANED)
    return lpod_fail(err, LPOD_E_USAGE, "no such phase: %d", (int)phase);
  if (phase >= LPOD_PHASE_CREATED) engine_hold_lock(run->client->engine);
  lpod_driver_advance(run->driver, phase);
  lpod_loop_touch(run->client->engine->loop);
  return LPOD_OK;
}

lpod_rc lpod_run_cancel(lpod_run *run, int64_t grace, lpod_error *err) {
  if (!run->driver) return let_go(err);
  lpod_driver_cancel(run->driver, grace);
  lpod_loop_touch(run->client->engine->loop);
  return LPOD_OK;
}

lpod_rc lpod_run_adopt(lpod_run *run, const lpod_value *pod, lpod_error *err) {
  lpod_error local = LPOD_ERROR_INIT;
  if (!run->driver) return let_go(err);
  return lpod_driver_adopt(run->driver, pod, err ? err : &local);
}

void lpod_run_detach(lpod_run *run) {
  lpod_queue_drop(&run->client->engine->queue, run->op.id);
  engine_remove(&run->op);
  lpod_driver_free(run->driver);
  run->driver = NULL;
}

void lpod_run_set_on_finish(lpod_run *run, lpod_on_finish on_finish) {
  if (run->driver) lpod_driver_set_on_finish(run->driver, on_finish);
}

const lpod_report *lpod_run_report(lpod_run *run) {
  static const lpod_report empty = {.namespace_ = "",
                                    .name = "",
                                    .uid = "",
                                    .node = "",
                                    .phase = "",
                                    .reason = "",
                                    .message = "",
                                    .waiting = "",
                                    .task = {.name = "", .state = "", .reason = "", .message = ""}};
  return run->driver ? lpod_driver_report(run->driver) : &empty;
}

const lpod_value *lpod_run_pod(const lpod_run *run) { return run->driver ? lpod_driver_object(run->driver) : NULL; }

const char *lpod_run_result(const lpod_run *run, size_t *len) {
  if (len) *len = 0;
  return run->driver ? lpod_driver_result(run->driver, len) : NULL;
}
