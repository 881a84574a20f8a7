/* The decisions of a watch (W4–W10, E11, M8, M9). Leaves requests, timers and callbacks to watch.c. Invariant: the
 * resume point is always that of the last event taken in, so a watch opened from it misses nothing; when that cannot be
 * said any more (410, a stream that makes no sense, a version of the future), the step is a list. */
#include "watch_machine.h"
#include "status.h"
#include "../base/clock.h"
#include <string.h>

#define VERSION_CEILING 4096u
#define SHORT_WATCH (1 * LPOD_NS_PER_S) /* W8 */
#define QUIET (120 * LPOD_NS_PER_S)     /* E11 */
#define BACKOFF_FIRST 0.8
#define BACKOFF_MOST 30.0
#define RELIST_SPREAD 0.5 /* M9: after an API server's restart everybody lists; seconds */

void lpod_watch_machine_init(lpod_watch_machine *machine) {
  memset(machine, 0, sizeof *machine);
  lpod_buf_init(&machine->version, VERSION_CEILING);
}

void lpod_watch_machine_free(lpod_watch_machine *machine) { lpod_buf_free(&machine->version); }

static lpod_rc set_version(lpod_watch_machine *machine, const char *version, lpod_error *err) {
  size_t len = strlen(version);
  if (len > VERSION_CEILING)
    return lpod_fail(err, LPOD_E_PARSE, "resourceVersion of %zu bytes found, expected a short text", len);
  if (lpod_buf_reserve(&machine->version, len, err)) return err ? err->rc : LPOD_E_NOMEM;
  lpod_buf_clear(&machine->version);
  return lpod_buf_add(&machine->version, version, len, err);
}

lpod_rc lpod_watch_machine_begin(lpod_watch_machine *machine, const char *version, lpod_watch_step *step,
                                 lpod_error *err) {
  bool given = version && *version;
  *step = (lpod_watch_step){given ? LPOD_WATCH_DO_WATCH : LPOD_WATCH_DO_LIST, 0, false};
  if (!given) return LPOD_OK;
  machine->synthetic = strcmp(version, "0") == 0;
  return set_version(machine, version, err);
}

void lpod_watch_machine_opened(lpod_watch_machine *machine, int64_t now) {
  machine->opened = now;
  machine->events = 0;
}

static lpod_watch_kind broken(lpod_error *err, const char *found, const char *expected) {
  lpod_fail(err, LPOD_E_PARSE, "watch event: found %s, expected %s", found, expected);
  return LPOD_WATCH_KIND_FAILED;
}

/* err is never NULL here: the driver needs it to go on. */
static lpod_watch_kind failed(const lpod_value *object, lpod_error *err) {
  if (!lpod_value_is(lpod_value_get(object, "kind"), "Status"))
    return broken(err, "an ERROR without a Status", "kind: Status");
  if (lpod_status_error(object, err) == LPOD_OK || !err->code)
    return broken(err, "an ERROR whose Status says neither code nor reason", "a failure");
  return LPOD_WATCH_KIND_FAILED;
}

lpod_watch_kind lpod_watch_machine_event(lpod_watch_machine *machine, const lpod_value *event, const char *kind,
                                         const lpod_value **object, lpod_error *err) {
  static const struct {
    const char *name;
    lpod_watch_kind kind;
  } types[] = {
      {"ADDED", LPOD_WATCH_KIND_ADDED},     {"MODIFIED", LPOD_WATCH_KIND_MODIFIED},
      {"DELETED", LPOD_WATCH_KIND_DELETED}, {"BOOKMARK", LPOD_WATCH_KIND_BOOKMARK},
      {"ERROR", LPOD_WATCH_KIND_FAILED},
  };
  const lpod_value *type = lpod_value_get(event, "type");
  *object = lpod_value_get(event, "object");
  if (lpod_value_type(type) != LPOD_STRING)
    return broken(err, lpod_type_name(lpod_value_type(event)), "a map with a type");
  size_t i = 0;
  while (i < sizeof types / sizeof *types && !lpod_value_is(type, types[i].name)) i++;
  if (i == sizeof types / sizeof *types)
    return broken(err, "an unknown type", "ADDED, MODIFIED, DELETED, BOOKMARK or ERROR");
  if (lpod_value_type(*object) != LPOD_OBJECT)
    return broken(err, lpod_type_name(lpod_value_type(*object)), "a map under object");
  lpod_watch_kind found = types[i].kind;
  if (found == LPOD_WATCH_KIND_FAILED) return failed(*object, err);

  if (found != LPOD_WATCH_KIND_ADDED) machine->synthetic = false;
  const char *version = lpod_value_text(lpod_value_get(*object, "metadata"), "resourceVersion");
  if (*version && !machine->synthetic && set_version(machine, version, err)) return LPOD_WATCH_KIND_FAILED;
  machine->events++;
  machine->relists = 0;
  machine->excused = false;
  const char *is = lpod_value_text(*object, "kind");
  return kind && *is && strcmp(kind, is) != 0 ? LPOD_WATCH_KIND_OTHER : found;
}

static int64_t in_ns(double seconds) { return (int64_t)(seconds * (double)LPOD_NS_PER_S); }

static void forget_old_trouble(lpod_watch_machine *machine, int64_t now) {
  if (now - machine->last_trouble >= QUIET) {
    machine->failures = machine->relists = 0;
    machine->excused = false;
  }
  machine->last_trouble = now;
}

static lpod_watch_step again(lpod_watch_machine *machine, bool list, double unit, const lpod_error *error) {
  static const lpod_error clean_end = LPOD_ERROR_INIT;
  machine->failures++;
  double wait = lpod_retry_wait(error ? error : &clean_end, machine->failures, BACKOFF_FIRST, BACKOFF_MOST, unit);
  return (lpod_watch_step){list ? LPOD_WATCH_DO_LIST : LPOD_WATCH_DO_WATCH, in_ns(wait), true};
}

/* The first relist is the normal road after a restart (M9) and only spread; one behind the other without an event in
 * between is trouble like any other. */
static lpod_watch_step relist(lpod_watch_machine *machine, double unit, const lpod_error *error) {
  if (machine->relists++) return again(machine, true, unit, error);
  return (lpod_watch_step){LPOD_WATCH_DO_LIST, in_ns(RELIST_SPREAD * unit), error->rc != LPOD_E_API};
}

static const lpod_watch_step give_up = {LPOD_WATCH_DO_END, 0, false};

lpod_watch_step lpod_watch_machine_ended(lpod_watch_machine *machine, int64_t now, double unit,
                                         const lpod_error *error) {
  const lpod_watch_step at_once = {LPOD_WATCH_DO_WATCH, 0, false};
  if (!error && (machine->events || now - machine->opened >= SHORT_WATCH)) return at_once;
  forget_old_trouble(machine, now);
  if (!error) {
    if (machine->excused) return again(machine, false, unit, NULL);
    machine->excused = true;
    return at_once;
  }
  switch (error->rc) {
  case LPOD_E_PARSE: /* a stream that makes no sense: nothing of it can be relied on (W5) */
  case LPOD_E_LIMIT:
    return relist(machine, unit, error); /* the same event would come again: an object apart may be smaller */
  case LPOD_E_NOMEM: return again(machine, false, unit, error); /* not taken in, so it comes again */
  default: break;
  }
  switch (lpod_retry_next(LPOD_VERB_READ, error)) {
  case LPOD_NEXT_RELIST:
    return relist(machine, unit, error); /* 410, or a version the server does not know yet (W6, W7) */
  case LPOD_NEXT_RETRY: return again(machine, false, unit, error);
  default: return give_up;
  }
}

lpod_watch_step lpod_watch_machine_listed(lpod_watch_machine *machine, int64_t now, double unit, const char *version,
                                          const lpod_error *error) {
  lpod_error problem = LPOD_ERROR_INIT;
  if (!error) {
    machine->synthetic = false;
    if (set_version(machine, version, &problem) == LPOD_OK) return (lpod_watch_step){LPOD_WATCH_DO_WATCH, 0, false};
    error = &problem;
  }
  forget_old_trouble(machine, now);
  if (error->rc == LPOD_E_PARSE || error->rc == LPOD_E_NOMEM) return again(machine, true, unit, error);
  if (error->rc == LPOD_E_LIMIT) return give_up; /* an absurd object (X28): it would be listed again and again */
  switch (lpod_retry_next(LPOD_VERB_READ, error)) {
  case LPOD_NEXT_RETRY:
  case LPOD_NEXT_RELIST: return again(machine, true, unit, error);
  default: return give_up;
  }
}
