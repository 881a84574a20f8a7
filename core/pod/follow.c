/* Following the logs of a pod's containers: when each is opened, what its end means, when it is read again (L5–L9,
 * LOG-9…12, M11). The end of a stream is never the end of a container, nor the other way round; the watch decides, and
 * gets 2 s to say so. No number of failures here fails the task (DR-5): what cannot be read is a gap. */
#include "machine.h"

#include <string.h>

#define SETTLE_SECONDS 2.0 /* M14: the kubelet reports an end within 1 s */
#define BACKOFF_FIRST 0.25
#define BACKOFF_MOST 8.0
#define TRIES_AFTER_END 8u  /* of a container's end: then the rest of its log is given up */
#define TRIES_UNREADABLE 3u /* the same, of a log whose kubelet answers that it cannot read it (M24) */

static const lpod_container *container_of(const lpod_machine *m, size_t index) {
  return lpod_pod_container(&m->pod, m->settings->logs[index]);
}

static bool is_task(const lpod_machine *m, size_t index) {
  return strcmp(m->settings->logs[index], m->settings->container) == 0;
}

/* No more will be written to this log. */
static bool writer_ended(const lpod_machine *m, size_t index) {
  return m->gone || lpod_pod_ended(&m->pod) || lpod_container_is(container_of(m, index), "terminated");
}

static void open_log(lpod_machine *m, size_t index, bool follow) {
  lpod_log_follow *log = &m->logs[index];
  log->state = LOG_OPEN;
  log->following = follow;
  lpod_action *action = machine_do(m, LPOD_DO_OPEN_LOG);
  action->index = index;
  action->follow = follow;
}

static double settle(const lpod_machine *m) { return m->settings->settle > 0 ? m->settings->settle : SETTLE_SECONDS; }

static void finish(lpod_machine *m, size_t index, bool gap) {
  if (m->logs[index].state == LOG_SETTLE || m->logs[index].state == LOG_BACKOFF)
    machine_disarm(m, LPOD_TIMER_LOG + (unsigned)index);
  m->logs[index].state = LOG_DONE;
  if (gap) machine_do(m, LPOD_DO_GAP)->index = index;
  machine_do(m, LPOD_DO_CLOSE_LOG)->index = index;
}

static void back_off(lpod_machine *m, size_t index, unsigned most_tries) {
  lpod_log_follow *log = &m->logs[index];
  log->broken = true;
  if (m->gone || (writer_ended(m, index) && log->tries >= most_tries)) {
    finish(m, index, true);
    return;
  }
  double wait = BACKOFF_FIRST;
  for (unsigned i = 0; i < log->tries && wait < BACKOFF_MOST; i++) wait *= 2;
  log->tries++;
  log->state = LOG_BACKOFF;
  machine_arm(m, LPOD_TIMER_LOG + (unsigned)index, wait * (0.75 + 0.5 * m->in->unit));
}

/* The writer has ended and the stream with it: is all of it read? */
static void conclude(lpod_machine *m, size_t index) {
  if (m->logs[index].broken && !m->gone)
    open_log(m, index, false); /* L7: one read of the tail */
  else
    finish(m, index, m->logs[index].broken);
}

bool machine_follow(lpod_machine *m) {
  bool over = machine_task_over(m), all = true;
  for (size_t i = 0; i < m->settings->log_count; i++) {
    lpod_log_follow *log = &m->logs[i];
    const lpod_container *c = container_of(m, i);
    bool runs = lpod_container_is(c, "running"), ended = lpod_container_is(c, "terminated");
    bool held = over && runs && !is_task(m, i); /* an endless neighbour holds nobody up (OUT-1, BUG-19) */
    switch (log->state) {
    case LOG_IDLE:
      if (!m->gone && !held && (runs || ended))
        open_log(m, i, runs);
      else if (over)
        log->state = LOG_DONE;
      break;
    case LOG_OPEN:
      if (held) finish(m, i, false);
      if (m->gone && !m->told_gone)
        machine_arm(m, LPOD_TIMER_LOG + (unsigned)i, SETTLE_SECONDS); /* what is on its way still comes */
      break;
    case LOG_SETTLE:
      if (held) {
        finish(m, i, false);
      } else if (writer_ended(m, i)) {
        machine_disarm(m, LPOD_TIMER_LOG + (unsigned)i);
        log->state = LOG_OPEN;
        conclude(m, i);
      }
      break;
    case LOG_BACKOFF:
      if (held || m->gone) finish(m, i, m->gone);
      break;
    case LOG_DONE: break;
    }
    if (log->state != LOG_DONE) all = false;
  }
  if (m->gone) m->told_gone = true;
  return all;
}

void machine_log_open(lpod_machine *m, size_t index) { m->logs[index].tries = 0; }

void machine_log_end(lpod_machine *m, size_t index, const lpod_error *error) {
  lpod_log_follow *log = &m->logs[index];
  if (log->state != LOG_OPEN) return;
  if (m->told_gone) machine_disarm(m, LPOD_TIMER_LOG + (unsigned)index);
  if (error && error->code == 403) { /* no right to read logs: the task goes on without (X59) */
    finish(m, index, true);
  } else if (error) {
    back_off(m, index, strcmp(error->reason, "LogUnreadable") == 0 ? TRIES_UNREADABLE : TRIES_AFTER_END);
  } else if (!log->following) {
    finish(m, index, false);
  } else if (writer_ended(m, index)) {
    conclude(m, index);
  } else {
    log->state = LOG_SETTLE;
    machine_arm(m, LPOD_TIMER_LOG + (unsigned)index, settle(m));
  }
}

void machine_log_timer(lpod_machine *m, size_t index) {
  lpod_log_follow *log = &m->logs[index];
  if (log->state == LOG_OPEN && m->gone) {
    finish(m, index, true);              /* the pod is gone and its stream hangs */
  } else if (log->state == LOG_SETTLE) { /* it runs on: the end was the kubelet's or the server's (M11) */
    log->broken = true;
    open_log(m, index, true);
  } else if (log->state == LOG_BACKOFF) {
    open_log(m, index, !writer_ended(m, index));
  }
}

void machine_close_logs(lpod_machine *m) {
  for (size_t i = 0; i < m->settings->log_count; i++)
    if (m->logs[i].state != LOG_DONE && m->logs[i].state != LOG_IDLE)
      finish(m, i, false);
    else
      m->logs[i].state = LOG_DONE;
}
