/* Asks for one pod every few seconds: the way of following it where the right to watch is missing (X59). Leaves what an
 * answer means to its owner. */
#ifndef LPOD_POD_POD_POLL_H
#define LPOD_POD_POD_POLL_H

#include "../kube/client.h"
#include "pod.h"

#define LPOD_POLL_SECONDS 5

typedef struct lpod_pod_poll lpod_pod_poll;

typedef struct lpod_pod_poll_options {
  lpod_kube *kube;
  const char *ns, *name;
  void (*on_pod)(void *arg, lpod_pod *pod, lpod_doc *doc); /* pod may be moved from; doc is the callee's to free */
  void (*on_gone)(void *arg, lpod_pod *pod);               /* there is none of that name; pod is NULL */
  void (*on_end)(void *arg, const lpod_error *error);      /* it cannot go on; gone afterwards */
  void *arg;
} lpod_pod_poll_options;

/* Strings are copied. The first question is asked after one interval; callbacks never run inside it. */
lpod_pod_poll *lpod_pod_poll_start(const lpod_pod_poll_options *options, lpod_error *err);
void lpod_pod_poll_stop(lpod_pod_poll *poll); /* no callback follows; also from inside one; NULL is fine */

#endif
