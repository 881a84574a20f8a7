/* Getting started: two clocks, one to be scheduled (STA-2) and one to start (STA-3) that stands still while an init
 * container runs (STA-6), and waiting reasons with a grace each (STA-5). Fails the machine when one runs out; the error
 * carries the last known reason (STA-9). */
#include "machine.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define PULL_TRANSIENT(reason) \
  {reason, "pull qps exceeded", -1, "image"}, {reason, "rate limit", -1, "image"}, \
      {reason, "too many requests", -1, "image"}, {reason, "quota exceeded", -1, "image"}, \
      {reason, "temporarily unavailable", -1, "image"}, {reason, "timeout", -1, "image"}, \
      {reason, "account limit", -1, "image"}, {reason, "bad gateway", -1, "image"}, \
      {reason, "service unavailable", -1, "image"}, {reason, "gateway timeout", -1, "image"}, { \
    reason, NULL, 0, "image" \
  }

static const lpod_waiting_rule shipped_rules[] = {
    {"InvalidImageName", NULL, 0, "image"},
    {"ErrImageNeverPull", NULL, 0, "image"},
    PULL_TRANSIENT("ErrImagePull"),
    PULL_TRANSIENT("ImagePullBackOff"),
    {"CreateContainerConfigError", NULL, 30, "config"},
    {"CreateContainerError", NULL, 10, "config"},
    {"RunContainerError", NULL, 10, "config"},
    {"StartError", NULL, 10, "config"},
    {"CrashLoopBackOff", NULL, 10, "config"}, /* of a native sidecar: what is never restarted does not get there */
    {NULL, NULL, 0, NULL},
};

const lpod_waiting_rule *lpod_run_waiting_rules(void) { return shipped_rules; }

static const lpod_waiting_rule *rule_of(const lpod_machine *m, const lpod_container *c) {
  for (const lpod_waiting_rule *rule = m->settings->waiting_rules; rule->reason; rule++)
    if (strcmp(rule->reason, c->reason) == 0 && (!rule->message || strcasestr(c->message, rule->message))) return rule;
  return NULL;
}

/* "Back-off pulling image "x"" alone says nothing of the cause; newer kubelets append it after a colon. */
static bool is_bare_back_off(const lpod_container *c) {
  const char *quote = strrchr(c->message, '"');
  return strcmp(c->reason, "ImagePullBackOff") == 0 && strncasecmp(c->message, "back-off", 8) == 0 &&
         (!quote || !quote[1]);
}

/* A native sidecar that cannot be started shows as terminated between its restarts. */
static bool holds_up(const lpod_container *c) {
  bool restarted = c->sidecar;
  return lpod_container_is(c, "waiting") || (restarted && lpod_container_is(c, "terminated"));
}

static const lpod_container *waiting_container(const lpod_machine *m, const lpod_waiting_rule **rule) {
  const lpod_container *first = NULL;
  *rule = NULL;
  for (size_t i = 0; i < m->pod.container_count; i++) {
    const lpod_container *c = &m->pod.containers[i];
    if (!holds_up(c)) continue;
    if (!first) first = c;
    if ((*rule = rule_of(m, c))) return c;
  }
  return first;
}

static void fail_start(lpod_machine *m, const char *error_class, const char *reason, const char *text) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_fail(&err, LPOD_E_TASK, "%s", text);
  snprintf(err.error_class, sizeof err.error_class, "%s", error_class);
  snprintf(err.reason, sizeof err.reason, "%s", reason);
  err.retryable = strcmp(error_class, "capacity") == 0 || strcmp(error_class, "infra") == 0;
  machine_fail(m, &err);
}

static void fail_waiting(lpod_machine *m, const lpod_container *c, const char *error_class) {
  char text[1024];
  snprintf(text, sizeof text, "%scontainer %s of pod %s cannot start: %s%s%s", c->init ? "init " : "", c->name,
           m->pod.name, c->reason, *c->message ? ": " : "", c->message);
  fail_start(m, error_class, c->reason, text);
}

/* Arm, keep or end the grace of the waiting reason; fails at once where there is none. */
static void judge_waiting(lpod_machine *m) {
  const lpod_waiting_rule *rule;
  const lpod_container *c = waiting_container(m, &rule);
  double grace = rule ? rule->grace : -1;
  if (c && strcmp(c->reason, "ErrImagePull") == 0) m->pull_transient = grace < 0;
  if (c && rule && m->pull_transient && is_bare_back_off(c)) grace = -1;
  if (!c || !rule || grace < 0) {
    if (m->grace_armed) machine_disarm(m, LPOD_TIMER_GRACE);
    m->grace_armed = false;
    return;
  }
  if (grace == 0) {
    fail_waiting(m, c, rule->error_class);
    return;
  }
  char now_for[sizeof m->waiting_for];
  snprintf(now_for, sizeof now_for, "%s %s", c->name, rule->error_class);
  if (m->grace_armed && strcmp(now_for, m->waiting_for) == 0) return;
  memcpy(m->waiting_for, now_for, sizeof now_for);
  machine_arm(m, LPOD_TIMER_GRACE, grace);
  m->grace_armed = true;
}

static bool init_runs(const lpod_machine *m) {
  for (size_t i = 0; i < m->pod.container_count; i++) {
    const lpod_container *c = &m->pod.containers[i];
    if (c->init && !c->sidecar && lpod_container_is(c, "running")) return true;
  }
  return false;
}

static void run_start_clock(lpod_machine *m) {
  if (m->settings->start_timeout <= 0) return;
  if (init_runs(m)) { /* STA-6: stands still */
    if (m->start_armed) {
      machine_disarm(m, LPOD_TIMER_START);
      m->start_left -= m->in->now - m->start_since;
      m->start_armed = false;
    }
    return;
  }
  if (m->start_armed) return;
  if (m->start_left == 0) m->start_left = (int64_t)(m->settings->start_timeout * 1e9);
  m->start_since = m->in->now;
  m->start_armed = true;
  machine_arm(m, LPOD_TIMER_START, (double)m->start_left / 1e9);
}

static void run_schedule_clock(lpod_machine *m) {
  bool gated = strcmp(m->pod.schedule_reason, "SchedulingGated") == 0; /* STA-10 */
  if (m->settings->schedule_timeout <= 0 || gated) {
    if (m->schedule_armed) machine_disarm(m, LPOD_TIMER_SCHEDULE);
    m->schedule_armed = false;
  } else if (!m->schedule_armed) {
    m->schedule_armed = true;
    machine_arm(m, LPOD_TIMER_SCHEDULE, m->settings->schedule_timeout);
  }
}

void machine_stop_clocks(lpod_machine *m) {
  if (m->schedule_armed) machine_disarm(m, LPOD_TIMER_SCHEDULE);
  if (m->start_armed) machine_disarm(m, LPOD_TIMER_START);
  if (m->grace_armed) machine_disarm(m, LPOD_TIMER_GRACE);
  m->schedule_armed = m->start_armed = m->grace_armed = false;
}

bool machine_start(lpod_machine *m) {
  const lpod_container *task = machine_task(m);
  bool pending = !*m->pod.phase || strcmp(m->pod.phase, "Pending") == 0 || strcmp(m->pod.phase, "Unknown") == 0;
  if (m->gone || !pending || lpod_container_is(task, "running") || lpod_container_is(task, "terminated")) { /* STA-1 */
    machine_stop_clocks(m);
    return true;
  }
  if (!m->pod.scheduled) {
    run_schedule_clock(m);
    return false;
  }
  if (m->schedule_armed) machine_disarm(m, LPOD_TIMER_SCHEDULE);
  m->schedule_armed = false;
  run_start_clock(m);
  judge_waiting(m);
  return false;
}

void machine_start_timer(lpod_machine *m, unsigned timer) {
  char text[1024];
  const lpod_waiting_rule *rule;
  const lpod_container *c = waiting_container(m, &rule);
  if (timer == LPOD_TIMER_GRACE && m->grace_armed) {
    m->grace_armed = false;
    if (c && rule) fail_waiting(m, c, rule->error_class);
  } else if (timer == LPOD_TIMER_SCHEDULE && m->schedule_armed) {
    m->schedule_armed = false;
    const char *why = *m->pod.schedule_message ? m->pod.schedule_message : m->pod.schedule_reason;
    snprintf(text, sizeof text, "pod %s took too long to be scheduled: not within %g s%s%s", m->pod.name,
             m->settings->schedule_timeout, *why ? ": " : "", why);
    fail_start(m, "capacity", *m->pod.schedule_reason ? m->pod.schedule_reason : "Unscheduled", text);
  } else if (timer == LPOD_TIMER_START && m->start_armed) {
    m->start_armed = false;
    const char *reason = c && *c->reason ? c->reason : "no container has reported yet", *message = c ? c->message : "";
    snprintf(text, sizeof text, "pod %s took too long to start: not within %g s: %s%s%s", m->pod.name,
             m->settings->start_timeout, reason, *message ? ": " : "", message);
    fail_start(m, rule ? rule->error_class : "infra", c && *c->reason ? c->reason : "StartTimeout", text);
  }
}

void machine_describe(lpod_machine *m) {
  const lpod_waiting_rule *rule;
  const lpod_container *c = waiting_container(m, &rule);
  m->waiting[0] = 0;
  if (!m->has_pod) {
    snprintf(m->waiting, sizeof m->waiting, "%s", m->step == STEP_LIST ? "found" : "created");
  } else if (machine_task_over(m) || lpod_container_is(machine_task(m), "running")) {
    return;
  } else if (!m->pod.scheduled) {
    const char *why = m->pod.schedule_message;
    snprintf(m->waiting, sizeof m->waiting, "scheduled%s%.200s", *why ? ": " : "", why);
  } else if (init_runs(m)) {
    snprintf(m->waiting, sizeof m->waiting, "init containers");
  } else if (c && rule) {
    snprintf(m->waiting, sizeof m->waiting, "started: %.200s", c->reason);
  } else {
    snprintf(m->waiting, sizeof m->waiting, "%s", m->pod.sandbox ? "pulling" : "started");
  }
}
