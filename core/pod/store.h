/* One watch for all pods of an engine in a namespace (W13): selects on the label lunapod_engine, opens at the
 * resourceVersion of the first create's answer, hands each event to the run that follows that uid, and ends some
 * seconds after the last one stopped. Also the one list per task run in which earlier engines' pods are looked up
 * (FND-9). */
#ifndef LPOD_POD_STORE_H
#define LPOD_POD_STORE_H

#include "../kube/watch.h"
#include "pod.h"

typedef struct lpod_store lpod_store;

typedef struct lpod_follower {
  lpod_link link;
  const char *uid;                                         /* borrowed, for as long as it follows */
  void (*on_pod)(void *arg, lpod_pod *pod, lpod_doc *doc); /* pod may be moved from; doc is the callee's to free */
  void (*on_gone)(void *arg, lpod_pod *pod);               /* last state, or NULL: missing from a relist */
  void (*on_blind)(void *arg, const lpod_error *error);    /* the watch gave up */
  void *arg;
  struct lpod_space *space; /* the store's own, from here on: where it follows */
  unsigned long since;      /* lists begun before it followed do not count */
  bool listed;
} lpod_follower;

lpod_store *lpod_store_new(lpod_kube *kube, const char *engine, void (*on_trouble)(void *arg, const char *text),
                           void *arg);   /* NULL on no memory */
void lpod_store_free(lpod_store *store); /* nobody follows any more */

/* Between these two, events of pods nobody follows yet are kept: their create's answer is on its way. */
void lpod_store_creating(lpod_store *store);
void lpod_store_created(lpod_store *store);

/* Follow a pod as of resource_version. Callbacks never run inside this function. When the watch was refused before for
 * want of a right, that error again (code 403); the pod counts as followed all the same. */
lpod_rc lpod_store_follow(lpod_store *store, lpod_follower *follower, const char *ns, const char *resource_version,
                          lpod_error *err);
/* Hand over what overtook the create's answer, if anything did; runs the follower's callback. */
void lpod_store_catch_up(lpod_store *store, lpod_follower *follower, const char *ns);
/* on_blind came with a 403, and the pod is asked for instead: say so once. */
void lpod_store_tell_refused(lpod_store *store, const lpod_error *error);
void lpod_store_unfollow(lpod_store *store, lpod_follower *follower); /* fine when it does not follow */
size_t lpod_store_count(const lpod_store *store);                     /* pods that are followed */
bool lpod_store_follows(const lpod_store *store, const char *uid);

/* ---- looking for earlier pods ---- */
typedef struct lpod_search {
  lpod_link link;
  const char *find, *container; /* borrowed: selector of the task's pods, and its container's name */
  void (*on_leftover)(void *arg, const lpod_pod *pod); /* before on_found: one that fits and was not chosen (FND-3) */
  void (*on_found)(void *arg, lpod_pod *pod, lpod_doc *doc,
                   const lpod_error *error); /* pod NULL: none; doc the callee's */
  void *arg;
} lpod_search;
/* List the pods of find_run once, answer every search of that run out of it. What was found is not found again. */
lpod_rc lpod_store_search(lpod_store *store, lpod_search *search, const char *ns, const char *find_run,
                          lpod_error *err);
void lpod_store_search_cancel(lpod_search *search); /* fine when it is not under way */

#endif
