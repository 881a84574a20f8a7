/* Carries out what the state machine of one run decides: requests, logs, timers, the place in the shared watch; and
 * feeds the answers back. One idea: every callback becomes an input, every action a call of the layer below. Decides
 * nothing itself. */
#ifndef LPOD_POD_DRIVER_H
#define LPOD_POD_DRIVER_H

#include "../kube/logs.h"
#include "result.h"
#include "run.h"
#include "store.h"

typedef struct lpod_driver lpod_driver;

typedef struct lpod_driver_options {
  lpod_kube *kube;
  lpod_store *store;
  const char *engine, *ns;
  const lpod_run_options *run; /* copied */
  /* The owner's; never from inside a call of its own. The driver may be freed inside none of them. */
  void (*on_phase)(void *arg, lpod_phase phase, const lpod_error *error);
  void (*on_state)(void *arg, const char *waiting);
  void (*on_log)(void *arg, const char *container, const lpod_log_block *block);
  void (*on_warning)(void *arg, const char *text);
  void *arg;
} lpod_driver_options;

lpod_driver *lpod_driver_new(const lpod_driver_options *options, lpod_error *err);
void lpod_driver_free(lpod_driver *driver); /* lets go of everything; the pod lives on */
void lpod_driver_advance(lpod_driver *driver, lpod_phase phase);
void lpod_driver_cancel(lpod_driver *driver, int64_t grace);
lpod_rc lpod_driver_adopt(lpod_driver *driver, const lpod_value *object, lpod_error *err); /* see lpod_run_adopt */
void lpod_driver_hold(lpod_driver *driver, bool held); /* read no more of its logs, or go on (L15); not in a callback */
void lpod_driver_set_on_finish(lpod_driver *driver, lpod_on_finish on_finish);
const lpod_report *lpod_driver_report(lpod_driver *driver);
const lpod_value *lpod_driver_object(const lpod_driver *driver); /* the pod as last seen, or NULL */
const char *lpod_driver_result(const lpod_driver *driver, size_t *len);

#endif
