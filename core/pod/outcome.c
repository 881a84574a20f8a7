/* Verdict on a pod: why its task failed, in one line and one class (ERR-1, ERR-2, P6–P9, X47–X53). The task container's
 * own termination decides (OUT-1); without one, the pod's phase and reason do; never success without exit code 0 (V7).
 * Pure. */
#include "pod.h"

#include <stdio.h>
#include <string.h>

static bool one_of(const char *word, const char *const *words) {
  for (; *words; words++)
    if (strcmp(word, *words) == 0) return true;
  return false;
}

/* P6: reasons by which a node or the control plane ended a pod; the task is not to blame. */
static bool is_infra(const char *reason) {
  static const char *const reasons[] = {"Evicted",    "NodeShutdown", "Shutdown",
                                        "Terminated", "NodeLost",     "Preempting",
                                        "Preempted",  "NodeAffinity", "UnexpectedAdmissionError",
                                        NULL};
  return one_of(reason, reasons) || strncmp(reason, "OutOf", 5) == 0; /* OutOfcpu, OutOfmemory, OutOfpods … */
}

static lpod_rc verdict(lpod_error *err, const char *error_class, const char *reason, const char *text) {
  lpod_fail(err, LPOD_E_TASK, "%s", text);
  if (err) {
    snprintf(err->error_class, sizeof err->error_class, "%s", error_class);
    snprintf(err->reason, sizeof err->reason, "%s", reason);
    err->retryable =
        strcmp(error_class, "user") == 0 || strcmp(error_class, "infra") == 0 || strcmp(error_class, "deadline") == 0;
  }
  return LPOD_E_TASK;
}

static const char *separator(const char *text) { return *text ? ": " : ""; }

static lpod_rc container_verdict(const lpod_pod *pod, const lpod_container *c, lpod_error *err) {
  char text[1024], how[64];
  if (c->signal)
    snprintf(how, sizeof how, "was ended by signal %d", c->signal);
  else
    snprintf(how, sizeof how, "exited with %d", c->exit_code);
  const char *reason = *c->reason && strcmp(c->reason, "Error") != 0 ? c->reason : "";
  if (*pod->disruption || is_infra(pod->reason)) { /* evicted while running: the container only shows the kill */
    const char *why = *pod->disruption ? pod->disruption : pod->reason;
    snprintf(text, sizeof text, "pod %s was ended by the cluster (%s)%s%s; container %s %s", pod->name, why,
             separator(pod->message), pod->message, c->name, how);
    return verdict(err, "infra", why, text);
  }
  if (strcmp(pod->reason, "DeadlineExceeded") == 0) {
    snprintf(text, sizeof text,
             "pod %s ran longer than its active_deadline_seconds (DeadlineExceeded); container %s %s", pod->name,
             c->name, how);
    return verdict(err, "deadline", pod->reason, text);
  }
  if (strcmp(c->reason, "ContainerStatusUnknown") == 0) { /* X49 */
    snprintf(text, sizeof text, "the node lost the state of container %s of pod %s (ContainerStatusUnknown)", c->name,
             pod->name);
    return verdict(err, "infra", c->reason, text);
  }
  static const char *const never_ran[] = {"StartError", "ContainerCannotRun", "RunContainerError",
                                          "CreateContainerError", NULL};
  if (one_of(c->reason, never_ran)) {
    snprintf(text, sizeof text, "%scontainer %s of pod %s could not be started (%s)%s%s", c->init ? "init " : "",
             c->name, pod->name, c->reason, separator(c->message), c->message);
    return verdict(err, "config", c->reason, text);
  }
  snprintf(text, sizeof text, "%scontainer %s of pod %s %s%s%s%s%s%s", c->init ? "init " : "", c->name, pod->name, how,
           *reason ? " (" : "", reason, *reason ? ")" : "", separator(c->message), c->message);
  return verdict(err, "user", *reason ? reason : "Error", text);
}

lpod_rc lpod_pod_outcome(const lpod_pod *pod, const char *container, bool gone, lpod_error *err) {
  char text[1024];
  const lpod_container *task = lpod_pod_container(pod, container);
  if (lpod_container_is(task, "terminated")) {
    if (task->exit_code == 0 && task->signal == 0) return LPOD_OK; /* P8: OOMKilled of a child does not matter */
    return container_verdict(pod, task, err);
  }
  for (size_t i = 0; i < pod->container_count; i++) { /* INI-4 */
    const lpod_container *c = &pod->containers[i];
    if (c->init && lpod_container_is(c, "terminated") && c->exit_code != 0 && lpod_pod_ended(pod))
      return container_verdict(pod, c, err);
  }
  if (strcmp(pod->phase, "Failed") == 0) {
    const char *why = *pod->reason ? pod->reason : *pod->disruption ? pod->disruption : "Failed";
    if (strcmp(why, "DeadlineExceeded") == 0) {
      snprintf(text, sizeof text, "pod %s ran longer than its active_deadline_seconds (DeadlineExceeded)", pod->name);
      return verdict(err, "deadline", why, text);
    }
    snprintf(text, sizeof text, "pod %s failed before containers started (%s)%s%s", pod->name, why,
             separator(pod->message), pod->message);
    return verdict(err, "infra", why, text); /* STA-4, P6 */
  }
  if (gone) {
    snprintf(text, sizeof text, "pod %s is gone, and how its task ended was never seen", pod->name);
    return verdict(err, "", *pod->disruption ? pod->disruption : "Lost", text);
  }
  snprintf(text, sizeof text, "pod %s is %s, but its container %s reports no end", pod->name,
           *pod->phase ? pod->phase : "in no phase", container);
  return verdict(err, "", "Unknown", text); /* X53 */
}
