/* The run's state machine: goals, finding and claiming, the create and its unknown outcomes, the verdict, cleaning and
 * killing. Pure; run.h says how it is driven. Invariants: one request of its own is under way at a time (step); every
 * goal is answered by exactly one PHASE action; what is deleted is ours by uid; after the pod was taken over nothing
 * more is sent. */
#include "machine.h"

#include "../kube/status.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLAIMS_MOST 5u /* FND-8 */
#define GENERATIONS_MOST 100u
#define GRACE_DEFAULT 30 /* the cluster's, when neither pod nor user says: only for how long a kill waits */
#define GONE_EXTRA 30.0
#define RESULT_TRIES 4u /* 7.5 s in all */
#define RESULT_WAIT 0.5

lpod_action *machine_do(lpod_machine *m, lpod_action_kind kind) {
  if (m->count == LPOD_RUN_ACTIONS) m->count--; /* cannot be: the room covers a feed that ends every log */
  lpod_action *action = &m->out[m->count++];
  *action = (lpod_action){.kind = kind, .grace = -1};
  return action;
}

void machine_arm(lpod_machine *m, unsigned timer, double seconds) {
  lpod_action *action = machine_do(m, LPOD_DO_ARM);
  action->timer = timer;
  action->delay = (int64_t)(seconds * 1e9);
}

void machine_disarm(lpod_machine *m, unsigned timer) { machine_do(m, LPOD_DO_DISARM)->timer = timer; }

void machine_fail(lpod_machine *m, const lpod_error *err) {
  if (m->failure.rc == LPOD_OK) m->failure = *err;
}

const lpod_container *machine_task(const lpod_machine *m) {
  return lpod_pod_container(&m->pod, m->settings->container);
}

bool machine_task_over(const lpod_machine *m) {
  return m->gone || lpod_pod_ended(&m->pod) || lpod_container_is(machine_task(m), "terminated");
}

/* Is the rest of the pod waited for (OUT-1)? Where a result is to be read only after that: its sidecar lives until
 * then. */
static bool pod_awaited(const lpod_machine *m) {
  return m->settings->wait_for_pod && !m->gone && !lpod_pod_ended(&m->pod);
}

static void fail(lpod_machine *m, lpod_rc rc, const char *error_class, const char *reason, const char *text) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_fail(&err, rc, "%s", text);
  snprintf(err.error_class, sizeof err.error_class, "%s", error_class);
  snprintf(err.reason, sizeof err.reason, "%s", reason);
  machine_fail(m, &err);
}

static void send(lpod_machine *m, lpod_action_kind kind, lpod_step step) {
  machine_do(m, kind)->generation = m->generation;
  m->step = step;
}

/* ---- what is known of the pod ---- */

/* Take a newer state; a terminal one is never given up again (P1, X23). */
static void see(lpod_machine *m, lpod_pod *pod) {
  bool same = m->has_pod && strcmp(m->pod.uid, pod->uid) == 0;
  const lpod_container *was = machine_task(m), *is = lpod_pod_container(pod, m->settings->container);
  bool older = same && ((lpod_container_is(was, "terminated") && !lpod_container_is(is, "terminated") &&
                         !(is && is->restarts > was->restarts)) ||
                        (lpod_pod_ended(&m->pod) && !lpod_pod_ended(pod)));
  if (older) return;
  lpod_pod_move(&m->pod, pod);
}

static void have(lpod_machine *m, lpod_pod *pod, bool adopted) {
  see(m, pod);
  m->has_pod = true;
  m->candidate = false;
  m->adopted = adopted;
  m->reached = LPOD_PHASE_CREATED;
  m->step = STEP_NONE;
  if (m->settings->deadline > 0) { /* RTY-5 */
    double used = m->pod.first_start ? (double)(m->in->wall - m->pod.first_start) / 1e9 : 0;
    double left = m->settings->deadline - (used > 0 ? used : 0);
    machine_arm(m, LPOD_TIMER_DEADLINE, left > 0 ? left : 0);
  }
}

static void taken_over(lpod_machine *m, const char *engine) {
  char text[256];
  snprintf(text, sizeof text, "pod %s was taken over by another engine (%.64s)", m->pod.name, engine);
  m->taken_over = true;
  m->step = STEP_NONE;
  fail(m, LPOD_E_TASK, "", "TakenOver", text);
}

/* ---- find, claim, create (FND, CRT) ---- */

static void claim(lpod_machine *m, lpod_pod *pod) {
  snprintf(m->claimed_from, sizeof m->claimed_from, "%s", pod->engine);
  lpod_pod_move(&m->pod, pod);
  m->candidate = true;
  m->claims++;
  send(m, LPOD_DO_CLAIM, STEP_CLAIM);
}

static void next_generation(lpod_machine *m) {
  if (m->settings->exact_name || m->generation + 1 >= GENERATIONS_MOST) {
    fail(m, LPOD_E_TASK, "config", "AlreadyExists",
         "the name is held by an earlier pod of this task that is not to be used again");
    m->step = STEP_NONE;
    return;
  }
  m->generation++;
  m->tries = 1;
  send(m, LPOD_DO_CREATE, STEP_CREATE);
}

static void on_listed(lpod_machine *m) {
  if (m->step != STEP_LIST) return;
  m->step = STEP_NONE;
  if (m->in->error) {
    machine_fail(m, m->in->error);
    return;
  }
  m->reached = LPOD_PHASE_FOUND;
  if (!m->in->pod) return;
  lpod_pod_move(&m->pod, m->in->pod);
  m->candidate = true;
}

/* The owner's own choice of a pod to take up, in place of what was found. */
static void on_adopt(lpod_machine *m) {
  if (m->step != STEP_NONE || m->reached >= LPOD_PHASE_CREATED || m->has_pod) return;
  m->candidate = m->in->pod != NULL;
  if (m->candidate) lpod_pod_move(&m->pod, m->in->pod);
}

/* A create failed: is it final, not done, or not known (RT-2)? */
static void on_create_error(lpod_machine *m, const lpod_error *err) {
  lpod_next next = lpod_retry_next(LPOD_VERB_CREATE, err);
  if (next == LPOD_NEXT_RESOLVE) { /* also when a kill came in between: there may be a pod (KIL-4) */
    send(m, LPOD_DO_READ, STEP_RESOLVE);
    return;
  }
  m->step = STEP_NONE;
  if (next != LPOD_NEXT_RETRY || m->tries >= m->settings->create_tries) {
    machine_fail(m, err);
    return;
  }
  if (m->cancelling) return; /* it was not done, and is not wanted any more */
  m->step = STEP_CREATE_WAIT;
  machine_arm(m, LPOD_TIMER_CREATE,
              lpod_retry_wait(err, m->tries, m->settings->create_wait_min, m->settings->create_wait_max, m->in->unit));
  m->tries++;
}

static void on_created(lpod_machine *m) {
  if (m->step != STEP_CREATE) return;
  if (m->in->error)
    on_create_error(m, m->in->error);
  else
    have(m, m->in->pod, false);
}

/* What holds the name of a create whose outcome was not known (CRT-3, CRT-4, X03, X04, X17). */
static void on_resolved(lpod_machine *m) {
  const lpod_error not_done = LPOD_ERROR_INIT;
  lpod_pod *pod = m->in->pod;
  if (m->in->error) {
    m->step = STEP_NONE;
    machine_fail(m, m->in->error);
  } else if (!pod) { /* not there: it was not done */
    m->step = STEP_NONE;
    if (m->cancelling) return;
    if (m->tries >= m->settings->create_tries) {
      fail(m, LPOD_E_API, "infra", "CreateUnresolved",
           "the pod could not be created: the server took the request, but no pod came of it");
      return;
    }
    m->step = STEP_CREATE_WAIT;
    machine_arm(
        m, LPOD_TIMER_CREATE,
        lpod_retry_wait(&not_done, m->tries, m->settings->create_wait_min, m->settings->create_wait_max, m->in->unit));
    m->tries++;
  } else if (strcmp(pod->attempt, m->in->attempt) != 0) {
    char text[512];
    snprintf(text, sizeof text,
             "pod %s exists already and is not this task's (lunapod_attempt \"%.64s\", lunapod_engine \"%.64s\"): it "
             "is left alone",
             pod->name, pod->attempt, pod->engine);
    m->step = STEP_NONE;
    fail(m, LPOD_E_API, "config", "AlreadyExists", text);
  } else if (pod->checked || (pod->terminating && m->generation + 1 < GENERATIONS_MOST)) {
    m->step = STEP_NONE;
    if (!m->cancelling) next_generation(m);
  } else if (strcmp(pod->engine, m->settings->engine) == 0) {
    have(m, pod, false);
  } else {
    claim(m, pod);
  }
}

/* The pod that was to be taken up is gone. Whether its task was done nobody knows, so nothing is run again (ERR-4). */
static void vanished(lpod_machine *m) {
  char text[256];
  snprintf(text, sizeof text, "pod %s was found, and is gone before it could be taken up", m->pod.name);
  m->candidate = false;
  m->step = STEP_NONE;
  fail(m, LPOD_E_TASK, "", "PodReattachFailure", text);
}

static void on_claimed(lpod_machine *m) {
  if (m->step != STEP_CLAIM) return;
  const lpod_error *err = m->in->error;
  if (!err) {
    have(m, m->in->pod, true);
  } else if (err->code == 409) {
    send(m, LPOD_DO_READ, STEP_RECLAIM);
  } else if (err->code == 404) {
    vanished(m);
  } else if (err->code == 403) { /* FND-8: without the right to patch it is followed by its name */
    lpod_pod pod = lpod_pod_empty();
    lpod_pod_move(&pod, &m->pod);
    have(m, &pod, true);
    machine_do(m, LPOD_DO_WARN)->text = "no right to patch pods: the pod is followed without a claim, by its name";
    machine_do(m, LPOD_DO_FOLLOW);
  } else {
    m->step = STEP_NONE;
    machine_fail(m, err);
  }
}

static void on_reclaim(lpod_machine *m) {
  lpod_pod *pod = m->in->pod;
  if (m->in->error) {
    m->step = STEP_NONE;
    machine_fail(m, m->in->error);
  } else if (!pod || strcmp(pod->uid, m->pod.uid) != 0) { /* gone meanwhile (FND-7) */
    vanished(m);
  } else if (strcmp(pod->engine, m->settings->engine) == 0) { /* the answer to our claim was lost */
    have(m, pod, true);
  } else if (strcmp(pod->engine, m->claimed_from) == 0 && m->claims < CLAIMS_MOST) {
    claim(m, pod); /* only its status had moved on */
  } else {
    taken_over(m, pod->engine);
  }
}

/* Left the watch without a terminal state and without our doing: gone, taken over, or stripped of our label (FND-8)? */
static void on_verified(lpod_machine *m) {
  lpod_pod *pod = m->in->pod;
  m->verifying = false;
  if (m->in->error) {
    machine_fail(m, m->in->error);
  } else if (!pod || strcmp(pod->uid, m->pod.uid) != 0) {
    m->gone = true;
  } else if (*pod->engine && strcmp(pod->engine, m->settings->engine) != 0) {
    taken_over(m, pod->engine);
  } else {
    if (!*pod->engine) {
      machine_do(m, LPOD_DO_WARN)->text = "the label lunapod_engine was taken off the pod: it is followed by its name";
      machine_do(m, LPOD_DO_FOLLOW);
    }
    see(m, pod);
  }
}

static void on_read(lpod_machine *m) {
  if (m->step == STEP_RECLAIM) {
    on_reclaim(m);
  } else if (m->step == STEP_VERDICT) {
    m->step = STEP_NONE;
    if (!m->in->error && (!m->in->pod || strcmp(m->in->pod->uid, m->pod.uid) != 0))
      m->gone = true;
    else if (!m->in->error)
      see(m, m->in->pod);
  } else if (m->verifying) {
    on_verified(m);
  }
}

static void on_pod(lpod_machine *m) {
  if (!m->has_pod || m->taken_over || strcmp(m->in->pod->uid, m->pod.uid) != 0) return;
  see(m, m->in->pod);
}

static void on_gone(lpod_machine *m) {
  if (!m->has_pod || m->taken_over || m->gone) return;
  if (m->in->pod) {
    if (strcmp(m->in->pod->uid, m->pod.uid) != 0) return;
    see(m, m->in->pod);
  }
  bool asked = m->step == STEP_VERDICT || m->step == STEP_STOP || m->step == STEP_MARK; /* its answer comes anyway */
  bool expected = asked || m->deleted || m->pod.terminating || machine_task_over(m);    /* P9, X50 */
  if (expected) {
    m->gone = true;
  } else if (!m->verifying) {
    m->verifying = true;
    machine_do(m, LPOD_DO_READ);
  }
}

static void on_timer(lpod_machine *m) {
  unsigned timer = m->in->timer;
  if (timer >= LPOD_TIMER_LOG) {
    machine_log_timer(m, timer - LPOD_TIMER_LOG);
  } else if (timer == LPOD_TIMER_CREATE) {
    if (m->step == STEP_CREATE_WAIT) send(m, LPOD_DO_CREATE, STEP_CREATE);
  } else if (timer == LPOD_TIMER_GONE) {
    if (m->step == STEP_GONE) {
      m->step = STEP_NONE;
      m->given_up = true;
      machine_do(m, LPOD_DO_WARN)->text =
          "the pod is deleted but still there (a finalizer, or its node does not answer): not waited for any longer";
    }
  } else if (timer == LPOD_TIMER_RESULT) {
    if (m->step == STEP_RESULT) machine_do(m, LPOD_DO_RESULT);
  } else if (timer == LPOD_TIMER_DEADLINE) {
    bool over = m->reached >= LPOD_PHASE_ENDED || machine_task_over(m);
    if (pod_awaited(m) ? m->reached > LPOD_PHASE_RESULT : over) return;
    char text[256];
    snprintf(text, sizeof text, "pod %s did not end within the execution timeout of %g s", m->pod.name,
             m->settings->deadline);
    fail(m, LPOD_E_TASK, "deadline", "ExecutionTimeout", text);
  } else {
    machine_start_timer(m, timer);
  }
}

/* ---- phases ---- */

static bool end_phase(lpod_machine *m) {
  if (!machine_task_over(m) || (pod_awaited(m) && !m->settings->has_result)) {
    machine_follow(m);
    return false;
  }
  bool silent = !m->gone && lpod_pod_ended(&m->pod) && !lpod_container_is(machine_task(m), "terminated");
  if (silent && strcmp(m->pod.phase, "Succeeded") == 0 && !m->verdict_read) { /* X53 */
    m->verdict_read = true;
    send(m, LPOD_DO_READ, STEP_VERDICT);
    return false;
  }
  if (!machine_follow(m)) return false;
  lpod_error err = LPOD_ERROR_INIT;
  if (lpod_pod_outcome(&m->pod, m->settings->container, m->gone, &err) != LPOD_OK) {
    m->verdict = m->failure.rc == LPOD_OK;
    machine_fail(m, &err);
  }
  return true;
}

static bool succeeded(const lpod_machine *m) { return lpod_container_succeeded(machine_task(m)); }

/* Would the pod go on by itself? Not when all its containers but sidecars have ended: then it is about to. */
static bool is_active(const lpod_machine *m) {
  bool reported = false;
  if (lpod_pod_ended(&m->pod)) return false;
  for (size_t i = 0; i < m->pod.container_count; i++) {
    const lpod_container *c = &m->pod.containers[i];
    if (c->init) continue;
    reported = true;
    if (!lpod_container_is(c, "terminated")) return true;
  }
  return !reported;
}

/* Mark, then delete, stop or keep (DEL-1…7). True when nothing is left to be done. */
static bool clean_phase(lpod_machine *m) {
  if (!m->has_pod || m->gone || m->taken_over) {
    machine_close_logs(m);
    return true;
  }
  if (m->reached == LPOD_PHASE_RESULT && pod_awaited(m) && (m->failure.rc == LPOD_OK || m->verdict)) return false;
  machine_close_logs(m);
  bool drop = lpod_finish_deletes(m->settings->on_finish, lpod_pod_ended(&m->pod), succeeded(m));
  if (!m->marked && (!drop || !succeeded(m))) {
    m->marked = true;
    send(m, LPOD_DO_MARK, STEP_MARK);
    return false;
  }
  if (drop && !m->deleted) {
    m->deleted = true;
    send(m, LPOD_DO_DELETE, STEP_DELETE);
    return false;
  }
  bool leave = m->settings->on_finish == LPOD_FINISH_ABANDON && m->reached >= LPOD_PHASE_STARTED; /* else STA-7 */
  if (!drop && !leave && !m->stopped && is_active(m)) {
    m->stopped = true;
    send(m, LPOD_DO_STOP, STEP_STOP);
    return false;
  }
  return true;
}

/* KIL: delete whatever there is and see it gone. True when done. */
static bool kill_phase(lpod_machine *m) {
  if (!m->has_pod || m->gone || m->taken_over || m->given_up) {
    machine_close_logs(m);
    return true;
  }
  if (!m->deleted) {
    m->deleted = true;
    send(m, LPOD_DO_DELETE, STEP_DELETE);
    m->out[m->count - 1].grace = m->cancel_grace;
    return false;
  }
  if (m->step == STEP_NONE) {
    m->step = STEP_GONE;
    double grace = m->cancel_grace >= 0 ? (double)m->cancel_grace : GRACE_DEFAULT;
    machine_arm(m, LPOD_TIMER_GONE, grace + GONE_EXTRA);
  }
  return false;
}

static bool step_phase(lpod_machine *m, lpod_phase phase) {
  switch (phase) {
  case LPOD_PHASE_FOUND:
    if (!m->settings->look) return true;
    send(m, LPOD_DO_LIST, STEP_LIST);
    return false;
  case LPOD_PHASE_CREATED:
    if (m->candidate) {
      lpod_pod found = lpod_pod_empty();
      lpod_pod_move(&found, &m->pod);
      claim(m, &found);
    } else {
      m->tries = 1;
      send(m, LPOD_DO_CREATE, STEP_CREATE);
    }
    return false;
  case LPOD_PHASE_STARTED:
    if (machine_start(m)) return true;
    machine_follow(m); /* init containers write already (INI-2) */
    return false;
  case LPOD_PHASE_ENDED: return end_phase(m);
  case LPOD_PHASE_RESULT:
    if (!m->settings->has_result || m->result_read || m->gone) return true;
    m->result_read = true;
    send(m, LPOD_DO_RESULT, STEP_RESULT);
    return false;
  case LPOD_PHASE_CLEANED: return clean_phase(m);
  case LPOD_PHASE_NONE: break;
  }
  return true;
}

static void answer(lpod_machine *m) {
  lpod_action *action = machine_do(m, LPOD_DO_PHASE);
  action->phase = m->goal;
  bool of_the_task = m->verdict && m->goal != LPOD_PHASE_ENDED && m->goal != LPOD_PHASE_CLEANED;
  action->error = m->failure.rc != LPOD_OK && !of_the_task ? &m->failure : NULL;
  m->goal_open = false;
}

/* Go on towards the goal as far as it goes without an answer from outside. */
static void pursue(lpod_machine *m) {
  while (m->goal_open && m->step == STEP_NONE && !m->verifying) {
    bool broken = m->failure.rc != LPOD_OK && !m->verdict;
    if (broken || m->cancelling) machine_stop_clocks(m);
    if (m->reached >= m->goal || (broken && m->goal < LPOD_PHASE_CLEANED)) {
      answer(m);
      return;
    }
    lpod_phase next = m->cancelling || broken ? LPOD_PHASE_CLEANED : m->reached + 1;
    if (m->cancelling ? !kill_phase(m) : !step_phase(m, next)) {
      if (m->failure.rc != LPOD_OK && !broken && !m->verdict) continue; /* it has just failed */
      return;
    }
    m->reached = next;
    if (next == LPOD_PHASE_CLEANED && m->settings->deadline > 0 && m->has_pod) machine_disarm(m, LPOD_TIMER_DEADLINE);
  }
}

static void on_cancel(lpod_machine *m) {
  if (m->step == STEP_LIST || m->step == STEP_CREATE_WAIT) {
    if (m->step == STEP_CREATE_WAIT) machine_disarm(m, LPOD_TIMER_CREATE);
    m->step = STEP_NONE; /* nothing was made; a late answer finds no step */
  }
  if (m->step == STEP_RESULT) {
    machine_do(m, LPOD_DO_DROP_RESULT);
    if (m->result_tries) machine_disarm(m, LPOD_TIMER_RESULT);
    m->step = STEP_NONE;
  }
  m->cancelling = m->reached < LPOD_PHASE_CLEANED;
  m->cancel_grace = m->in->grace >= 0 ? m->in->grace : m->settings->grace;
  m->goal = LPOD_PHASE_CLEANED;
  m->goal_open = true;
  lpod_error_clear(&m->failure);
  m->verdict = false;
  fail(m, LPOD_E_CANCELLED, "", "Killed", "the task was killed");
}

static void on_answered(lpod_machine *m, lpod_step step, const char *what) {
  if (m->step != step) return;
  m->step = STEP_NONE;
  if (m->in->error) machine_do(m, LPOD_DO_WARN)->text = what; /* DEL-4, DEL-8: no error here changes the verdict */
}

/* A sidecar that is just ending takes no command any more, and what it leaves behind is not told yet. The watch brings
 * that within a second (M14); then it is read from there (X40, X41, RES-10). */
static bool result_again(lpod_machine *m) {
  const lpod_error *error = m->in->error;
  if (!error || m->gone) return false;
  if (error->code == 403) { /* no right to exec: the sidecar ends by itself and leaves the result behind (RES-10) */
    double grace = m->settings->grace >= 0 ? (double)m->settings->grace : GRACE_DEFAULT; /* it holds on for that long */
    if (lpod_pod_ended(&m->pod) || m->result_tries >= (unsigned)(grace + GONE_EXTRA)) return false;
    m->result_tries++;
    machine_arm(m, LPOD_TIMER_RESULT, 1);
    return true;
  }
  if (m->result_tries >= RESULT_TRIES) return false;
  bool passing = error->rc == LPOD_E_CONNECT ||
                 (error->rc == LPOD_E_API && (error->code == 400 || error->code == 404 || error->code >= 500));
  if (!passing) return false;
  machine_arm(m, LPOD_TIMER_RESULT, RESULT_WAIT * (1u << m->result_tries++));
  return true;
}

size_t lpod_machine_feed(lpod_machine *m, const lpod_input *input, lpod_action *actions) {
  char before[sizeof m->waiting];
  m->in = input;
  m->out = actions;
  m->count = 0;
  memcpy(before, m->waiting, sizeof before);
  switch (input->kind) {
  case LPOD_IN_ADVANCE:
    m->goal = m->cancelling || input->phase > LPOD_PHASE_CLEANED ? LPOD_PHASE_CLEANED : input->phase;
    m->goal_open = true;
    break;
  case LPOD_IN_CANCEL: on_cancel(m); break;
  case LPOD_IN_LISTED: on_listed(m); break;
  case LPOD_IN_ADOPT: on_adopt(m); break;
  case LPOD_IN_CREATED: on_created(m); break;
  case LPOD_IN_READ:
    if (m->step == STEP_RESOLVE)
      on_resolved(m);
    else
      on_read(m);
    break;
  case LPOD_IN_CLAIMED: on_claimed(m); break;
  case LPOD_IN_POD: on_pod(m); break;
  case LPOD_IN_GONE:
    on_gone(m);
    if (m->gone && m->step == STEP_GONE) {
      machine_disarm(m, LPOD_TIMER_GONE);
      m->step = STEP_NONE;
    }
    break;
  case LPOD_IN_BLIND: machine_fail(m, input->error); break;
  case LPOD_IN_TIMER: on_timer(m); break;
  case LPOD_IN_LOG_OPEN: machine_log_open(m, input->index); break;
  case LPOD_IN_LOG_END: machine_log_end(m, input->index, input->error); break;
  case LPOD_IN_RESULT:
    if (m->step != STEP_RESULT || result_again(m)) break;
    m->step = STEP_NONE;
    if (input->error) machine_fail(m, input->error); /* after the task's own failure, that one stays (RES-7) */
    break;
  case LPOD_IN_MARKED: on_answered(m, STEP_MARK, "the pod could not be marked as already checked"); break;
  case LPOD_IN_STOPPED: on_answered(m, STEP_STOP, "the pod could not be stopped: it may go on running"); break;
  case LPOD_IN_DELETED:
    m->given_up = input->error != NULL;
    on_answered(m, STEP_DELETE, "the pod could not be deleted: it is left behind");
    break;
  }
  pursue(m);
  machine_describe(m);
  if (strcmp(before, m->waiting) != 0 && m->reached < LPOD_PHASE_CLEANED) machine_do(m, LPOD_DO_STATE);
  m->in = NULL;
  return m->count;
}

lpod_machine *lpod_machine_new(const lpod_settings *settings) {
  lpod_machine *m = calloc(1, sizeof *m);
  if (!m) return NULL;
  m->settings = settings;
  m->pod = lpod_pod_empty();
  lpod_error_clear(&m->failure);
  return m;
}

void lpod_machine_free(lpod_machine *m) {
  if (!m) return;
  lpod_pod_free(&m->pod);
  free(m);
}

bool lpod_machine_owns(const lpod_machine *m) { return m->has_pod && !m->taken_over; }
const lpod_pod *lpod_machine_pod(const lpod_machine *m) { return &m->pod; }
unsigned lpod_machine_generation(const lpod_machine *m) { return m->generation; }
bool lpod_machine_adopted(const lpod_machine *m) { return m->adopted; }
bool lpod_machine_found(const lpod_machine *m) { return m->candidate || m->adopted; }
bool lpod_machine_gone(const lpod_machine *m) { return m->gone; }
const char *lpod_machine_waiting(const lpod_machine *m) { return m->waiting; }
