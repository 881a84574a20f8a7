/* List and watch of one collection (W1–W10, W16; M8, M9): survives clean ends, cuts, 410 and silence by itself. Objects
 * are handed over one at a time; no tree of a list is ever built (W14). managedFields are dropped while reading. All is
 * copied from the options. Callbacks never run inside _start. */
#ifndef LPOD_KUBE_WATCH_H
#define LPOD_KUBE_WATCH_H

#include "client.h"

typedef struct lpod_watch lpod_watch;

typedef enum lpod_watch_event {
  LPOD_WATCH_ADDED,
  LPOD_WATCH_MODIFIED,
  LPOD_WATCH_DELETED, /* gone, or out of the selector: doc is the last state (W5) */
  LPOD_WATCH_LISTING, /* a list begins: what is not LISTED until SYNCED is gone (W11); doc NULL */
  LPOD_WATCH_LISTED,  /* one object of it */
  LPOD_WATCH_SYNCED,  /* the list is whole; doc NULL */
} lpod_watch_event;

typedef struct lpod_watch_options {
  const char *target;                          /* "/api/v1/namespaces/x/pods", no query */
  const char *label_selector, *field_selector; /* or NULL */
  const char *resource_version;                /* start right here; NULL: list first */
  const char *kind; /* "Pod": an object of another kind is skipped and counted (X24); NULL: any */
  double timeout;   /* stop after so many seconds (on_end with no error); 0 = never */
  void (*on_event)(void *arg, lpod_watch_event event,
                   lpod_doc *doc);                    /* doc is the callee's to free (lpod_watch_recycle) */
  void (*on_end)(void *arg, const lpod_error *error); /* it gave up: 401, 403, 404 ...; gone afterwards */
  void (*on_trouble)(void *arg, const lpod_error *error,
                     double wait); /* broken, comes back in wait seconds; may be NULL */
  void *arg;
} lpod_watch_options;

lpod_watch *lpod_watch_start(lpod_kube *kube, const lpod_watch_options *options, lpod_error *err);
void lpod_watch_stop(lpod_watch *watch); /* no callback follows; also from inside on_event */
/* A reader that cannot keep up (L15): the stream is given up after the event delivered last, and gone on with from
 * there when it can; a list is finished first. Not from inside a callback. */
void lpod_watch_hold(lpod_watch *watch, bool held);
const char *lpod_watch_version(const lpod_watch *watch);   /* resume point; "" before the first list */
uint64_t lpod_watch_skipped(const lpod_watch *watch);      /* events of another kind */
void lpod_watch_recycle(lpod_watch *watch, lpod_doc *doc); /* give a document back; not after the watch has ended */

/* A list alone, object by object in pages (W3); on_end is called once, error NULL when whole. What the client cannot
 * repeat (a list cut in the middle) and a list whose continue token has expired (410 on page ≥ 2) begin again from the
 * first page, the latter without pages, so that it cannot expire again: on_restart says that what was delivered so far
 * counts for nothing. */
typedef struct lpod_listing lpod_listing;
typedef struct lpod_listing_options {
  const char *target, *label_selector, *field_selector;
  unsigned limit;                            /* page size; 0 = 500 */
  bool once;                                 /* no repetition: the first failure but an expired token ends it */
  void (*on_item)(void *arg, lpod_doc *doc); /* doc is the callee's to free (lpod_listing_recycle) */
  void (*on_restart)(void *arg);             /* may be NULL */
  void (*on_end)(void *arg, const char *resource_version, const lpod_error *error);
  void *arg;
} lpod_listing_options;
lpod_listing *lpod_listing_start(lpod_kube *kube, const lpod_listing_options *options, lpod_error *err);
void lpod_listing_cancel(lpod_listing *listing); /* no callback follows; also from inside on_item; NULL is fine */
void lpod_listing_recycle(lpod_listing *listing, lpod_doc *doc);

#endif
