/* What the API server's answers mean: Status bodies into typed errors (E1–E4, E9), and the retry table of each kind of
 * request (§12, RT-1…5). Pure. */
#ifndef LPOD_KUBE_STATUS_H
#define LPOD_KUBE_STATUS_H

#include "../net/http.h"
#include <lunapod/value.h>

/* Is this answer an error? (non-2xx, or 2xx with a Status of Failure: E3; or no answer at all). If so fill err: code,
 * reason, text with the server's message and causes, retryable, retry_after, error_class; what = "create pod default/x"
 * is put in front. A 403 names verb, resource and namespace (the server's own words do). Returns LPOD_OK when it is no
 * error. */
lpod_rc lpod_status_check(const char *method, const char *what, const lpod_http_result *result, lpod_error *err);
/* A Status object from inside a stream (ERROR event W6, exec's channel 3). LPOD_OK when it says Success. Here as above,
 * a cause ResourceVersionTooLarge becomes the reason (W7), as it alone tells a relist from a retry. */
lpod_rc lpod_status_error(const lpod_value *status, lpod_error *err);
/* The value of a cause's message, or NULL: lpod_status_cause(status, "ExitCode"). */
const char *lpod_status_cause(const lpod_value *status, const char *reason);

typedef enum lpod_verb {
  LPOD_VERB_READ,
  LPOD_VERB_CREATE,
  LPOD_VERB_DELETE,
  LPOD_VERB_PATCH,
  LPOD_VERB_EXEC,
  LPOD_VERB_LOG
} lpod_verb;
typedef enum lpod_next {
  LPOD_NEXT_FAIL,    /* final */
  LPOD_NEXT_RETRY,   /* the same again, after the wait */
  LPOD_NEXT_RESOLVE, /* a write whose outcome is unknown, or a name that is taken: read the object first (R5, E6) */
  LPOD_NEXT_REFRESH, /* 401: refresh the credential once, then replay (E8) */
  LPOD_NEXT_DONE,    /* as good as success: DELETE of what is gone (R6) */
  LPOD_NEXT_RELIST,  /* 410 (W6) */
} lpod_next;
/* What to do after err. A 429, 503 or ServerTimeout that says when (retry_after ≥ 0) means "not done". A DELETE or
 * PATCH of unknown outcome is RETRY: it must carry the uid, so that sending it again is also the question what became
 * of the first. */
lpod_next lpod_retry_next(lpod_verb verb, const lpod_error *err);
/* Seconds before try number attempt (1 = first repetition): first × 2^(attempt-1) up to most, full jitter by unit in
 * [0,1); never less than the server's retry_after (plus up to a tenth of it). */
double lpod_retry_wait(const lpod_error *err, unsigned attempt, double first, double most, double unit);

#endif
