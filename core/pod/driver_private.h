/* What the files of the driver share: driver.c (actions and answers) and driver_options.c (the driver's own copy of
 * what the run was given). Nobody else includes it. Invariant: the copies live as long as the driver; settings, logs
 * and search borrow from them. */
#ifndef LPOD_POD_DRIVER_PRIVATE_H
#define LPOD_POD_DRIVER_PRIVATE_H

#include "driver.h"
#include "leftovers.h"
#include "naming.h"
#include "pod_poll.h"

typedef struct driver_timer {
  lpod_timer timer;
  lpod_driver *driver;
} driver_timer;

typedef struct driver_log {
  lpod_log *log;
  lpod_driver *driver;
  lpod_error refused; /* it could not be opened: the end that is owed */
} driver_log;

struct lpod_driver {
  lpod_driver_options options;

  /* Made by lpod_driver_copy_options. */
  lpod_settings settings;
  char *engine, *ns, *attempt, *find, *find_run, *container, *result_container;
  char **logs;
  lpod_waiting_rule *rules;
  size_t rule_count;
  lpod_result_from result_from;
  size_t result_limit;
  bool exact_name, log_prefix;
  lpod_doc *manifest;
  char *base_name;

  lpod_machine *machine;
  bool creating, held; /* held: no log is read for now */
  char name[LPOD_POD_NAME]; /* of the create under way or done */

  lpod_kube_call *call; /* the one request of its own */
  lpod_input_kind call_kind;
  lpod_result_reader *reader;
  lpod_error no_exec; /* why the result cannot be read by exec; rc LPOD_OK: it can */
  lpod_watch *by_name;
  lpod_pod_poll *poll; /* where there is no right to watch */
  lpod_search search;
  lpod_leftovers *leftovers; /* NULL: none */
  bool treated;              /* they were dealt with */
  lpod_follower follower;
  char *uid; /* the follower's */
  driver_timer timers[LPOD_RUN_TIMERS];
  driver_log log_states[LPOD_RUN_LOGS];
  lpod_task later; /* feeds answers that are known at once: what could not be started, a result at hand */
  bool owes;
  lpod_input_kind owed_kind;
  lpod_error owed;

  lpod_doc *object;
  char *result;
  size_t result_len;
  unsigned gaps;
  lpod_report report;
};

/* Copies what options point to and checks it: defaults are filled in, options.engine and .ns become the copies, .run is
 * NULL. On an error the driver is freed as it is. LPOD_E_USAGE names the field. */
lpod_rc lpod_driver_copy_options(lpod_driver *driver, const lpod_driver_options *options, lpod_error *err);
void lpod_driver_free_options(lpod_driver *driver);

#endif
