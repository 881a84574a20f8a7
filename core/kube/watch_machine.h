/* What a watch does next: pure, so that every row of W4–W10, M8 and M9 is a test of its own. Inputs are what the driver
 * saw (a list ended, a watch opened, an event came, the stream ended), the time and a random number; the answer is a
 * step: list, watch or give up, and after how long. Keeps the resume point: it moves with every event and bookmark, and
 * is opaque text (W1). */
#ifndef LPOD_KUBE_WATCH_MACHINE_H
#define LPOD_KUBE_WATCH_MACHINE_H

#include "../base/buf.h"
#include <lunapod/value.h>

typedef struct lpod_watch_machine {
  lpod_buf version;     /* resume point; empty: none, a list must come first */
  bool synthetic;       /* started from "0": ADDED events come in no order and do not move the resume point (W10) */
  int64_t opened;       /* monotonic ns: when the present watch was opened */
  uint64_t events;      /* events and bookmarks of the present watch */
  unsigned failures;    /* steps of the back-off so far */
  unsigned relists;     /* lists in a row since the last event */
  bool excused;         /* the one empty watch that is taken without back-off was there (M8) */
  int64_t last_trouble; /* monotonic ns */
} lpod_watch_machine;

typedef struct lpod_watch_step {
  enum { LPOD_WATCH_DO_LIST, LPOD_WATCH_DO_WATCH, LPOD_WATCH_DO_END } todo;
  int64_t delay; /* ns */
  bool trouble;  /* worth telling the owner */
} lpod_watch_step;

typedef enum lpod_watch_kind {
  LPOD_WATCH_KIND_ADDED,
  LPOD_WATCH_KIND_MODIFIED,
  LPOD_WATCH_KIND_DELETED,
  LPOD_WATCH_KIND_BOOKMARK,
  LPOD_WATCH_KIND_OTHER,  /* an object of another kind: skipped (X24) */
  LPOD_WATCH_KIND_FAILED, /* ERROR or a broken stream: err says which; hand it to _ended */
} lpod_watch_kind;

void lpod_watch_machine_init(lpod_watch_machine *machine);
void lpod_watch_machine_free(lpod_watch_machine *machine);
/* The first step; version NULL or "": a list comes first. */
lpod_rc lpod_watch_machine_begin(lpod_watch_machine *machine, const char *version, lpod_watch_step *step,
                                 lpod_error *err);
void lpod_watch_machine_opened(lpod_watch_machine *machine, int64_t now);
/* One value of the stream. *object is its object (borrowed from event) for all but FAILED. kind NULL: any kind is
 * right. */
lpod_watch_kind lpod_watch_machine_event(lpod_watch_machine *machine, const lpod_value *event, const char *kind,
                                         const lpod_value **object, lpod_error *err);
/* The watch ended; error NULL: cleanly. unit in [0, 1) is the jitter. */
lpod_watch_step lpod_watch_machine_ended(lpod_watch_machine *machine, int64_t now, double unit,
                                         const lpod_error *error);
/* The list ended; version is that of the whole list when error is NULL. */
lpod_watch_step lpod_watch_machine_listed(lpod_watch_machine *machine, int64_t now, double unit, const char *version,
                                          const lpod_error *error);

#endif
