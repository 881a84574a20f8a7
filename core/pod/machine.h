/* The inside of the run's state machine, for the files that make it up: run.c (goals, create, claim, clean), start.c
 * (clocks and waiting reasons), follow.c (logs). Nobody else includes this. */
#ifndef LPOD_POD_MACHINE_H
#define LPOD_POD_MACHINE_H

#include "../base/clock.h"
#include "run.h"

/* The request whose answer the machine waits for; a log or the watch is not one. */
typedef enum lpod_step {
  STEP_NONE,
  STEP_LIST,
  STEP_CREATE,
  STEP_CREATE_WAIT, /* between two sends */
  STEP_RESOLVE,     /* reading what holds the name (CRT-3) */
  STEP_CLAIM,
  STEP_RECLAIM, /* reading after a lost precondition (FND-8) */
  STEP_VERDICT, /* reading an ended pod again whose container reported no end (X53) */
  STEP_RESULT,
  STEP_MARK,
  STEP_STOP,
  STEP_DELETE,
  STEP_GONE, /* waiting for the pod to go */
} lpod_step;

typedef enum lpod_log_state {
  LOG_IDLE,
  LOG_OPEN,
  LOG_SETTLE, /* clean end, container not yet ended: the watch gets 2 s (L7) */
  LOG_BACKOFF,
  LOG_DONE,
} lpod_log_state;

typedef struct lpod_log_follow {
  lpod_log_state state;
  bool following; /* the open stream follows; else it is a read to the end */
  bool broken;    /* an end that was not the container's: the tail has to be read once more */
  unsigned tries;
} lpod_log_follow;

struct lpod_machine {
  const lpod_settings *settings;
  lpod_phase goal, reached;
  bool goal_open;     /* the owner waits for a PHASE event */
  lpod_error failure; /* the first one; rc LPOD_OK: none */
  bool verdict;       /* failure is the task's own end: RESULT is still possible */
  lpod_step step;

  lpod_pod pod;
  bool has_pod;   /* ours to follow and to delete */
  bool candidate; /* found, not claimed yet */
  bool adopted, gone, taken_over, verifying, verdict_read;
  char claimed_from[64]; /* engine label the claim rests on */
  unsigned generation, tries, claims, result_tries;

  bool schedule_armed, start_armed, grace_armed, pull_transient;
  int64_t start_left, start_since; /* ns: what clock 2 has left, and since when it runs */
  char waiting_for[80];            /* container and reason the grace timer is armed for */
  char waiting[256];               /* for people */

  lpod_log_follow logs[LPOD_RUN_LOGS];
  bool result_read, marked, stopped, deleted, cancelling, told_gone;
  bool given_up; /* a kill that cannot see the pod go */
  int64_t cancel_grace;

  const lpod_input *in; /* during a feed */
  lpod_action *out;
  size_t count;
};

lpod_action *machine_do(lpod_machine *m, lpod_action_kind kind);
void machine_arm(lpod_machine *m, unsigned timer, double seconds);
void machine_disarm(lpod_machine *m, unsigned timer);
void machine_fail(lpod_machine *m, const lpod_error *err); /* the first failure stays */
const lpod_container *machine_task(const lpod_machine *m);
bool machine_task_over(const lpod_machine *m); /* task container ended, or the pod did, or it is gone */

/* start.c: true when the pod has started or ended; may fail the machine. */
bool machine_start(lpod_machine *m);
void machine_start_timer(lpod_machine *m, unsigned timer);
void machine_stop_clocks(lpod_machine *m);
void machine_describe(lpod_machine *m); /* fills waiting */

/* follow.c: bring every log on; true when none is left to be read. */
bool machine_follow(lpod_machine *m);
void machine_log_open(lpod_machine *m, size_t index);
void machine_log_end(lpod_machine *m, size_t index, const lpod_error *error);
void machine_log_timer(lpod_machine *m, size_t index);
void machine_close_logs(lpod_machine *m);

#endif
