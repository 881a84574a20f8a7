/* The life of one pod as a pure state machine: inputs in (an answer, a watch event, a timer, a goal), actions out (send
 * this, arm that, tell the owner). No I/O, no clock, no allocation but the projection of the pod: whoever drives it
 * passes the time in and carries the actions out, in order (driver.c does). Rules: FND, CRT, STA, LOG, OUT, RES, DEL,
 * KIL of the operator. */
#ifndef LPOD_POD_RUN_H
#define LPOD_POD_RUN_H

#include "pod.h"

#define LPOD_RUN_LOGS 16u                           /* containers followed at most */
#define LPOD_RUN_ACTIONS (16u + 4u * LPOD_RUN_LOGS) /* actions one input can cause at most */

typedef struct lpod_settings { /* the numbers decisions need; borrowed, must outlive the machine. Seconds; see
                                  lpod_run_options */
  const char *container;       /* the task's */
  const char *engine;          /* our id */
  bool look;                   /* look for an earlier engine's pod */
  bool exact_name;             /* NAM-6: there is no other generation to turn to */
  bool has_result;             /* something is to be read at RESULT */
  bool wait_for_pod; /* OUT-1 */
  double settle;    /* how long a clean end of a log waits for the watch to tell of the container's (L7); 0: 2 s */
  size_t log_count; /* ≤ LPOD_RUN_LOGS */
  const char *const *logs;                          /* names of the containers to follow */
  double schedule_timeout, start_timeout, deadline; /* ≤ 0: none */
  const lpod_waiting_rule *waiting_rules;           /* ended by reason NULL */
  int64_t grace;                                    /* of a kill; negative: the cluster's */
  lpod_on_finish on_finish;
  unsigned create_tries;
  double create_wait_min, create_wait_max;
} lpod_settings;

typedef enum lpod_input_kind {
  LPOD_IN_ADVANCE,  /* phase: work towards it */
  LPOD_IN_CANCEL,   /* grace */
  LPOD_IN_LISTED,   /* pod: the one to take over, or NULL */
  LPOD_IN_ADOPT,    /* the same, chosen by the owner */
  LPOD_IN_CREATED,  /* pod; or error */
  LPOD_IN_READ,     /* pod as read by name, or NULL: 404; or error */
  LPOD_IN_CLAIMED,  /* pod; or error */
  LPOD_IN_POD,      /* pod: a watch event, or seen in a relist */
  LPOD_IN_GONE,     /* pod: last state, or NULL: a DELETED event, or missing from a relist */
  LPOD_IN_BLIND,    /* error: the watch cannot go on, nothing more will be heard of the pod */
  LPOD_IN_TIMER,    /* timer */
  LPOD_IN_LOG_OPEN, /* index */
  LPOD_IN_LOG_END,  /* index, error */
  LPOD_IN_RESULT,   /* error */
  LPOD_IN_MARKED,   /* error */
  LPOD_IN_STOPPED,  /* error */
  LPOD_IN_DELETED,  /* error; the object may still be terminating */
} lpod_input_kind;

typedef enum lpod_run_timer {
  LPOD_TIMER_CREATE,   /* send the create again */
  LPOD_TIMER_SCHEDULE, /* STA-2 */
  LPOD_TIMER_START,    /* STA-3 */
  LPOD_TIMER_GRACE,    /* of a waiting reason, STA-5 */
  LPOD_TIMER_DEADLINE, /* RTY-5 */
  LPOD_TIMER_GONE,     /* how long a kill waits for the pod to go (DEL-7) */
  LPOD_TIMER_RESULT,   /* read the result again (X40, X41) */
  LPOD_TIMER_LOG,      /* + index: open the log again, or stop waiting for the watch (L7) */
  LPOD_RUN_TIMERS = LPOD_TIMER_LOG + LPOD_RUN_LOGS,
} lpod_run_timer;

typedef struct lpod_input {
  lpod_input_kind kind;
  int64_t now;  /* monotonic ns */
  int64_t wall; /* wall ns: only RTY-5 needs it */
  lpod_phase phase;
  int64_t grace;
  unsigned timer;
  size_t index;
  lpod_pod *pod;           /* moved into the machine: left empty, or left to the caller when it is not wanted */
  const char *attempt;     /* with READ: our attempt id of this generation (LBL-10) */
  const lpod_error *error; /* NULL: it worked */
  double unit;             /* random in [0, 1), for jitter */
} lpod_input;

typedef enum lpod_action_kind {
  LPOD_DO_LIST,        /* → LISTED */
  LPOD_DO_CREATE,      /* generation → CREATED */
  LPOD_DO_READ,        /* by name → READ */
  LPOD_DO_CLAIM,       /* the pod just seen, by uid and resourceVersion → CLAIMED */
  LPOD_DO_OPEN_LOG,    /* index, follow → LOG_OPEN, LOG_END */
  LPOD_DO_CLOSE_LOG,   /* index; its last incomplete line is handed over */
  LPOD_DO_RESULT,      /* → RESULT */
  LPOD_DO_DROP_RESULT, /* stop reading it */
  LPOD_DO_MARK,        /* already_checked → MARKED */
  LPOD_DO_STOP,        /* activeDeadlineSeconds = 1 (DEL-5) → STOPPED */
  LPOD_DO_DELETE,      /* grace → DELETED */
  LPOD_DO_FOLLOW,      /* watch this pod by name: our label was taken off (FND-8, X29) */
  LPOD_DO_ARM,         /* timer, delay (ns) */
  LPOD_DO_DISARM,      /* timer */
  LPOD_DO_PHASE,       /* tell the owner: phase reached, or failed with error */
  LPOD_DO_STATE,       /* tell the owner that the report has changed */
  LPOD_DO_GAP,         /* index: lines of this log may be missing for good */
  LPOD_DO_WARN,        /* text */
} lpod_action_kind;

typedef struct lpod_action {
  lpod_action_kind kind;
  lpod_phase phase;
  unsigned generation, timer;
  size_t index;
  bool follow;
  int64_t delay, grace;
  const lpod_error *error; /* borrowed from the machine */
  const char *text;
} lpod_action;

typedef struct lpod_machine lpod_machine;

lpod_machine *lpod_machine_new(const lpod_settings *settings); /* NULL on no memory */
void lpod_machine_free(lpod_machine *machine);
/* Feed one input; returns how many actions were put into actions (room for LPOD_RUN_ACTIONS). They are to be carried
 * out in order, and inputs that they cause fed afterwards, never from inside. */
size_t lpod_machine_feed(lpod_machine *machine, const lpod_input *input, lpod_action *actions);

bool lpod_machine_owns(const lpod_machine *machine);           /* there is a pod that is ours to follow */
const lpod_pod *lpod_machine_pod(const lpod_machine *machine); /* as last seen; uid "" before there is one */
unsigned lpod_machine_generation(const lpod_machine *machine);
bool lpod_machine_adopted(const lpod_machine *machine);
bool lpod_machine_found(const lpod_machine *machine); /* a pod to take over is there, claimed or not */
bool lpod_machine_gone(const lpod_machine *machine);
/* What the pod waits for, for people; "" when its task runs or has ended. Valid until the next feed. */
const char *lpod_machine_waiting(const lpod_machine *machine);

#endif
