/* What lunapod keeps of a pod object: a projection in one block of memory (W14), a selector that is matched against
 * labels, and the choice among pods that earlier engines left (FND-1…5). Pure. */
#ifndef LPOD_POD_POD_H
#define LPOD_POD_POD_H

#include <lunapod/engine.h>

#define LPOD_LABEL_ENGINE "lunapod_engine"   /* LBL-12 */
#define LPOD_LABEL_ATTEMPT "lunapod_attempt" /* LBL-10 */
#define LPOD_NOTE_FIRST_START "lunapod_first_start"
#define LPOD_LABEL_CHECKED "already_checked" /* LBL-6 */

/* Strings are "" when absent. All memory is one block that belongs to the struct. */
typedef struct lpod_pod {
  const char *uid, *name, *ns, *version, *node;
  const char *phase, *reason, *message;
  const char *engine, *attempt;                   /* our labels */
  const char *schedule_reason, *schedule_message; /* of PodScheduled=False */
  const char *disruption;                         /* reason of DisruptionTarget=True (P3) */
  bool checked, terminating, scheduled, sandbox;  /* sandbox: condition PodReadyToStartContainers */
  int try_number;                                 /* label try_number; 0 = none */
  int64_t created, start_time, scheduled_at;      /* ns since 1970; 0 = not known */
  int64_t first_start; /* when the task's first pod was made (RTY-5): our annotation, else created */
  lpod_container *containers;                     /* init containers first */
  size_t container_count;
  void *memory;
} lpod_pod;

/* Project a Pod object. LPOD_E_PARSE: it has no uid or name. Free with lpod_pod_free. */
lpod_rc lpod_pod_read(const lpod_value *object, lpod_pod *out, lpod_error *err);
void lpod_pod_free(lpod_pod *pod);                                               /* leaves it empty */
lpod_pod lpod_pod_empty(void);                                                   /* every string "" */
void lpod_pod_move(lpod_pod *to, lpod_pod *from);                                /* frees to, leaves from empty */
const lpod_container *lpod_pod_container(const lpod_pod *pod, const char *name); /* NULL: not reported */

bool lpod_pod_ended(const lpod_pod *pod);                                   /* phase Succeeded or Failed */
bool lpod_container_is(const lpod_container *container, const char *state); /* NULL is in no state */
bool lpod_container_succeeded(const lpod_container *container);             /* ended with 0; NULL has not */

/* Is a pod deleted at its task's end (DEL-3)? ended: the pod; succeeded: its task container. */
bool lpod_finish_deletes(lpod_on_finish on_finish, bool ended, bool succeeded);

/* Do these labels (a map, or NULL) fit a selector: "a=b,c!=d,e,!f"? A key with a value that is not text does not fit.
 */
bool lpod_selector_match(const char *selector, const lpod_value *labels);

/* Which of the pods found is this task's: the newest live one, else of the ended ones the highest try, then the newest
 * (FND-3, FND-4). Passed over: marked ones, and terminating ones whose task container has not ended (FND-5). -1: none.
 */
int lpod_pod_choose(const lpod_pod *pods, size_t count, const char *container);

/* Why a task whose pod looks like this failed, by ERR-1 and ERR-2; LPOD_OK: its container ended with 0 (OUT-1, OUT-2,
 * V7). gone: the pod is no more (then, without a terminal state, it is lost). err->reason and error_class are set. */
lpod_rc lpod_pod_outcome(const lpod_pod *pod, const char *container, bool gone, lpod_error *err);

#endif
