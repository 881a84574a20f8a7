/* The driver's own copy of what its run was given, so that the caller's may go: texts, lists, rules and the manifest,
 * with defaults filled in (NAM-5, STA-2, STA-3, CRT-2), and from them the machine's settings. What the values mean in
 * the pod's life is the machine's affair.
 * Invariant: whatever fails half-way, lpod_driver_free_options frees what there is. */
#include "driver_private.h"

#include "../base/limits.h"
#include "../base/random.h"
#include "../base/text.h"
#include <stdlib.h>

#define ATTEMPT_RANDOM 26 /* of a-z0-9: 134 bits */

static char **copy_list(const char *const *list, size_t *count) {
  *count = 0;
  while (list && list[*count]) ++*count;
  char **out = calloc(*count + 1, sizeof *out);
  for (size_t i = 0; out && i < *count; i++)
    if (!(out[i] = lpod_text_copy(list[i]))) {
      for (size_t k = 0; k < i; k++) free(out[k]);
      free((void *)out);
      return NULL;
    }
  return out;
}

static bool copy_rules(lpod_driver *d, const lpod_waiting_rule *rules) {
  while (rules[d->rule_count].reason) d->rule_count++;
  d->rules = calloc(d->rule_count + 1, sizeof *d->rules);
  if (!d->rules) {
    d->rule_count = 0;
    return false;
  }
  bool whole = true;
  for (size_t i = 0; i < d->rule_count; i++) {
    lpod_waiting_rule *to = &d->rules[i];
    to->grace = rules[i].grace;
    to->reason = lpod_text_copy(rules[i].reason);
    to->message = lpod_text_copy(rules[i].message);
    to->error_class = lpod_text_copy(rules[i].error_class ? rules[i].error_class : "infra");
    if (!to->reason || !to->error_class || (rules[i].message && !to->message)) whole = false;
  }
  return whole;
}

static bool copy_manifest(lpod_driver *d, const lpod_value *manifest) {
  d->manifest = lpod_doc_new(0);
  lpod_value *root = d->manifest ? lpod_value_copy(d->manifest, manifest) : NULL;
  if (!root) return false;
  lpod_doc_set_root(d->manifest, root);
  return true;
}

static double or_default(double value, double fallback) { return value == 0 ? fallback : value; }

lpod_rc lpod_driver_copy_options(lpod_driver *d, const lpod_driver_options *options, lpod_error *err) {
  const lpod_run_options *o = options->run;
  d->options = *options;
  d->options.run = NULL;
  d->options.engine = d->engine = lpod_text_copy(options->engine);
  d->options.ns = d->ns = lpod_text_copy(options->ns);
  if (!d->engine || !d->ns) return lpod_nomem(err);
  const lpod_value *containers = lpod_value_path(o->manifest, "spec", "containers", NULL);
  const char *first = lpod_value_text(lpod_value_first(containers), "name");
  const char *base = lpod_value_text(lpod_value_get(o->manifest, "metadata"), "name");
  if (lpod_value_type(o->manifest) != LPOD_OBJECT || !*first)
    return lpod_fail(err, LPOD_E_USAGE, "manifest: expected a Pod with spec.containers[1].name, found %s",
                     lpod_type_name(lpod_value_type(o->manifest)));
  char made_up[ATTEMPT_RANDOM + 1];
  if (!o->attempt && lpod_random_name(made_up, ATTEMPT_RANDOM, err) != LPOD_OK) return err->rc;
  size_t log_count;
  d->attempt = lpod_text_copy(o->attempt ? o->attempt : made_up);
  d->find = lpod_text_copy(o->find);
  d->find_run = lpod_text_copy(o->find_run);
  d->container = lpod_text_copy(o->container ? o->container : first);
  d->base_name = lpod_text_copy(base);
  d->result_container = lpod_text_copy(o->result_container ? o->result_container : LPOD_RESULT_CONTAINER);
  d->logs = copy_list(o->logs, &log_count);
  const lpod_waiting_rule *rules = o->waiting_rules ? o->waiting_rules : lpod_run_waiting_rules();
  if (!d->attempt || (o->find && !d->find) || (o->find_run && !d->find_run) || !d->container || !d->base_name ||
      !d->result_container || !d->logs || !copy_rules(d, rules) ||
      !copy_manifest(d, o->manifest))
    return lpod_nomem(err);
  if (log_count > LPOD_RUN_LOGS)
    return lpod_fail(err, LPOD_E_USAGE, "logs: %zu containers to follow, expected at most %u", log_count,
                     LPOD_RUN_LOGS);
  d->exact_name = o->exact_name;
  d->log_prefix = o->log_prefix;
  d->result_from = o->result_from;
  d->result_limit = o->result_limit                                     ? o->result_limit
                    : o->result_from == LPOD_RESULT_TERMINATION_MESSAGE ? 4096
                                                                        : LPOD_LIMIT_RESULT;
  double start = or_default(o->start_timeout, 120);
  d->settings = (lpod_settings){
      .container = d->container,
      .engine = d->engine,
      .look = d->find != NULL,
      .exact_name = o->exact_name,
      .has_result = o->result_from != LPOD_RESULT_NONE,
      .log_count = log_count,
      .logs = (const char *const *)d->logs,
      .schedule_timeout = or_default(o->schedule_timeout, start),
      .start_timeout = start,
      .deadline = o->deadline,
      .waiting_rules = d->rules,
      .grace = o->grace,
      .on_finish = o->on_finish,
      .wait_for_pod = o->wait_for_pod,
      .create_tries = o->create_tries ? o->create_tries : 5,
      .create_wait_min = or_default(o->create_wait_min, 1),
      .create_wait_max = or_default(o->create_wait_max, 15),
  };
  return LPOD_OK;
}

void lpod_driver_free_options(lpod_driver *d) {
  for (size_t i = 0; i < d->rule_count; i++) {
    free((void *)d->rules[i].reason);
    free((void *)d->rules[i].message);
    free((void *)d->rules[i].error_class);
  }
  free(d->rules);
  for (char **log = d->logs; log && *log; log++) free(*log);
  free((void *)d->logs);
  lpod_doc_free(d->manifest);
  char *texts[] = {d->engine, d->ns, d->attempt, d->find, d->find_run, d->container, d->result_container, d->base_name};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
}
