/* Pods of a task that earlier engines left beside the one it takes up (FND-3). The search that found them proved by
 * their labels that they are this installation's and this task's. Each is dealt with by one request that carries its
 * uid: deleted, or marked and, while it is active, stopped, as the task's policy says. A failure is a warning and
 * changes nothing for the task. */
#ifndef LPOD_POD_LEFTOVERS_H
#define LPOD_POD_LEFTOVERS_H

#include "../kube/client.h"
#include "pod.h"

typedef struct lpod_leftovers lpod_leftovers;

/* on_warning may not free it. ns and kube are borrowed. NULL on no memory. */
lpod_leftovers *lpod_leftovers_new(lpod_kube *kube, const char *ns, void (*on_warning)(void *arg, const char *text),
                                   void *arg);
void lpod_leftovers_free(lpod_leftovers *leftovers); /* cancels what is under way; NULL is fine */
/* Note one; container: the task's. Nothing is sent. */
lpod_rc lpod_leftovers_add(lpod_leftovers *leftovers, const lpod_pod *pod, const char *container, lpod_error *err);
/* Deal with all that were noted; once. NULL is fine. */
void lpod_leftovers_treat(lpod_leftovers *leftovers, lpod_on_finish on_finish);

/* What is sent for one (pure): the method, and the body in *body, malloc'ed; NULL on no memory. */
const char *lpod_leftover_request(const char *uid, bool ended, bool succeeded, lpod_on_finish on_finish, char **body);

#endif
