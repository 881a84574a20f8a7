/* The projection of a pod: reads the few fields the engine decides by out of a Pod object and copies their text into
 * one block, so that the object itself can be freed at once. Knows nothing of runs; keeps no pointer into the document.
 */
#include "pod.h"

#include "../base/text.h"
#include <stdlib.h>
#include <string.h>

static int64_t time_of(const lpod_value *map, const char *key) {
  size_t len = 0, used;
  const char *text = lpod_value_string(lpod_value_get(map, key), &len);
  int64_t ns;
  return text && lpod_time_parse(text, len, &ns, &used) ? ns : 0;
}

static void read_state(const lpod_value *status, lpod_container *out) {
  static const char *const states[] = {"running", "terminated", "waiting"};
  const lpod_value *state = lpod_value_get(status, "state");
  out->restarts = (int)lpod_value_int(lpod_value_get(status, "restartCount"), 0);
  for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
    const lpod_value *is = lpod_value_get(state, states[i]);
    if (lpod_value_type(is) != LPOD_OBJECT) continue;
    out->state = states[i];
    out->reason = lpod_value_text(is, "reason");
    out->message = lpod_value_text(is, "message");
    out->exit_code = (int)lpod_value_int(lpod_value_get(is, "exitCode"), -1);
    out->signal = (int)lpod_value_int(lpod_value_get(is, "signal"), 0);
    out->started = time_of(is, "startedAt");
    out->finished = time_of(is, "finishedAt");
  }
}

/* Native sidecars are told from other init containers by the spec alone (P14). */
static bool is_sidecar(const lpod_value *object, const char *name) {
  const lpod_value *list = lpod_value_path(object, "spec", "initContainers", NULL);
  for (const lpod_value *c = lpod_value_first(list); c; c = lpod_value_next(c))
    if (lpod_value_is(lpod_value_get(c, "name"), name))
      return lpod_value_is(lpod_value_get(c, "restartPolicy"), "Always");
  return false;
}

static lpod_container *read_containers(const lpod_value *list, bool init, lpod_container *out) {
  for (const lpod_value *status = lpod_value_first(list); status; status = lpod_value_next(status), out++) {
    *out = (lpod_container){
        .name = lpod_value_text(status, "name"), .state = "", .reason = "", .message = "", .init = init};
    read_state(status, out);
  }
  return out;
}

static void read_conditions(const lpod_value *list, lpod_pod *out) {
  for (const lpod_value *c = lpod_value_first(list); c; c = lpod_value_next(c)) {
    const char *type = lpod_value_text(c, "type");
    bool yes = lpod_value_is(lpod_value_get(c, "status"), "True");
    if (strcmp(type, "PodScheduled") == 0) {
      out->scheduled = yes;
      if (yes) {
        out->scheduled_at = time_of(c, "lastTransitionTime");
      } else {
        out->schedule_reason = lpod_value_text(c, "reason");
        out->schedule_message = lpod_value_text(c, "message");
      }
    } else if (strcmp(type, "PodReadyToStartContainers") == 0) {
      out->sandbox = yes;
    } else if (strcmp(type, "DisruptionTarget") == 0 && yes) {
      out->disruption = lpod_value_text(c, "reason");
    }
  }
}

/* Move one text into the block. */
static void own(const char **text, char **cursor) {
  if (!**text) {
    *text = "";
    return;
  }
  size_t size = strlen(*text) + 1;
  *text = memcpy(*cursor, *text, size);
  *cursor += size;
}

/* Every text of a projection, in one place for measuring and for moving. */
static size_t each_text(lpod_pod *pod, const char **texts[], size_t room) {
  const char **fixed[] = {&pod->uid,
                          &pod->name,
                          &pod->ns,
                          &pod->version,
                          &pod->node,
                          &pod->phase,
                          &pod->reason,
                          &pod->message,
                          &pod->engine,
                          &pod->attempt,
                          &pod->schedule_reason,
                          &pod->schedule_message,
                          &pod->disruption};
  size_t count = sizeof fixed / sizeof *fixed;
  if (room < count + 3 * pod->container_count) return 0;
  memcpy(texts, fixed, sizeof fixed);
  for (size_t i = 0; i < pod->container_count; i++) {
    lpod_container *c = &pod->containers[i];
    texts[count++] = &c->name; /* state is a constant */
    texts[count++] = &c->reason;
    texts[count++] = &c->message;
  }
  return count;
}

lpod_rc lpod_pod_read(const lpod_value *object, lpod_pod *out, lpod_error *err) {
  const lpod_value *meta = lpod_value_get(object, "metadata"), *status = lpod_value_get(object, "status");
  const lpod_value *labels = lpod_value_get(meta, "labels");
  const lpod_value *init = lpod_value_get(status, "initContainerStatuses"),
                   *main = lpod_value_get(status, "containerStatuses");
  lpod_pod pod = {
      .uid = lpod_value_text(meta, "uid"),
      .name = lpod_value_text(meta, "name"),
      .ns = lpod_value_text(meta, "namespace"),
      .version = lpod_value_text(meta, "resourceVersion"),
      .node = lpod_value_text(lpod_value_get(object, "spec"), "nodeName"),
      .phase = lpod_value_text(status, "phase"),
      .reason = lpod_value_text(status, "reason"),
      .message = lpod_value_text(status, "message"),
      .engine = lpod_value_text(labels, LPOD_LABEL_ENGINE),
      .attempt = lpod_value_text(labels, LPOD_LABEL_ATTEMPT),
      .schedule_reason = "",
      .schedule_message = "",
      .disruption = "",
      .checked = lpod_value_is(lpod_value_get(labels, LPOD_LABEL_CHECKED), "True"),
      .terminating = lpod_value_type(lpod_value_get(meta, "deletionTimestamp")) == LPOD_STRING,
      .try_number = (int)lpod_text_int(lpod_value_text(labels, "try_number"), 0),
      .created = time_of(meta, "creationTimestamp"),
      .start_time = time_of(status, "startTime"),
      .first_start = time_of(lpod_value_get(meta, "annotations"), LPOD_NOTE_FIRST_START),
      .container_count = lpod_value_count(init) + lpod_value_count(main),
  };
  if (!pod.first_start) pod.first_start = pod.created;
  if (!*pod.uid || !*pod.name)
    return lpod_fail(err, LPOD_E_PARSE, "not a pod: it has no metadata.uid or metadata.name");
  read_conditions(lpod_value_get(status, "conditions"), &pod);
  if (*pod.node) pod.scheduled = true; /* spec.nodeName given by the user: no scheduler, no condition */

  size_t room = 13 + 3 * pod.container_count, size = pod.container_count * sizeof(lpod_container);
  const char ***texts = malloc(room * sizeof *texts);
  lpod_container *containers = calloc(pod.container_count + 1, sizeof *containers);
  lpod_rc rc = LPOD_OK;
  if (texts && containers) {
    pod.containers = containers;
    read_containers(main, false, read_containers(init, true, containers));
    for (size_t i = 0; i < pod.container_count && containers[i].init; i++)
      containers[i].sidecar = is_sidecar(object, containers[i].name);
    size_t count = each_text(&pod, texts, room);
    for (size_t i = 0; i < count; i++) size += strlen(*texts[i]) + 1;
    char *block = malloc(size + 1);
    if (block) {
      /* texts point into `containers`, which moves into the block last */
      char *cursor = block + pod.container_count * sizeof(lpod_container);
      for (size_t i = 0; i < count; i++) own(texts[i], &cursor);
      if (pod.container_count) memcpy(block, containers, pod.container_count * sizeof(lpod_container));
      pod.containers = (lpod_container *)(void *)block;
      pod.memory = block;
      *out = pod;
    } else {
      rc = lpod_nomem(err);
    }
  } else {
    rc = lpod_nomem(err);
  }
  free((void *)texts);
  free(containers);
  return rc;
}

lpod_pod lpod_pod_empty(void) {
  return (lpod_pod){.uid = "",
                    .name = "",
                    .ns = "",
                    .version = "",
                    .node = "",
                    .phase = "",
                    .reason = "",
                    .message = "",
                    .engine = "",
                    .attempt = "",
                    .schedule_reason = "",
                    .schedule_message = "",
                    .disruption = ""};
}

void lpod_pod_free(lpod_pod *pod) {
  free(pod->memory);
  *pod = lpod_pod_empty();
}

void lpod_pod_move(lpod_pod *to, lpod_pod *from) {
  lpod_pod moved = *from;
  *from = lpod_pod_empty();
  lpod_pod_free(to);
  *to = moved;
}

const lpod_container *lpod_pod_container(const lpod_pod *pod, const char *name) {
  for (size_t i = 0; i < pod->container_count; i++)
    if (strcmp(pod->containers[i].name, name) == 0) return &pod->containers[i];
  return NULL;
}

bool lpod_pod_ended(const lpod_pod *pod) {
  return strcmp(pod->phase, "Succeeded") == 0 || strcmp(pod->phase, "Failed") == 0;
}

bool lpod_container_is(const lpod_container *container, const char *state) {
  return container && strcmp(container->state, state) == 0;
}

bool lpod_container_succeeded(const lpod_container *container) {
  return container && lpod_container_is(container, "terminated") && container->exit_code == 0 && container->signal == 0;
}

bool lpod_finish_deletes(lpod_on_finish on_finish, bool ended, bool succeeded) {
  switch (on_finish) {
  case LPOD_FINISH_DELETE: return true;
  case LPOD_FINISH_DELETE_SUCCEEDED: return succeeded;
  case LPOD_FINISH_DELETE_ACTIVE: return !ended;
  case LPOD_FINISH_KEEP:
  case LPOD_FINISH_ABANDON: break;
  }
  return false;
}
