/* The retry table (RT-1…5): what to do after an error, by kind of request. It decides; waiting, counting and budgets
 * are the caller's. Invariant: a create whose outcome is unknown is resolved, never repeated blindly (E6); a DELETE or
 * PATCH carries the uid, so sending it again asks and acts in one request, and the answers 404 and 409 tell that it is
 * done or not ours. */
#include "status.h"
#include "support.h"
#include <string.h>

/* Bytes may have reached the server, or it failed in the middle: nobody knows what it did. */
static lpod_next after_unknown(lpod_verb verb) {
  switch (verb) {
  case LPOD_VERB_CREATE: return LPOD_NEXT_RESOLVE;
  case LPOD_VERB_EXEC: return LPOD_NEXT_FAIL;
  case LPOD_VERB_READ:
  case LPOD_VERB_DELETE:
  case LPOD_VERB_PATCH:
  case LPOD_VERB_LOG: break;
  }
  return LPOD_NEXT_RETRY;
}

static lpod_next after_conflict(lpod_verb verb, const lpod_error *err) {
  if (verb == LPOD_VERB_DELETE) return LPOD_NEXT_DONE; /* another uid: not ours (R6) */
  if (verb != LPOD_VERB_CREATE) return LPOD_NEXT_FAIL;
  return strcmp(err->reason, "Conflict") ? LPOD_NEXT_RESOLVE : LPOD_NEXT_RETRY; /* quota being updated (E9) */
}

static lpod_next after_answer(lpod_verb verb, const lpod_error *err) {
  int code = lpod_reason_code(err->reason); /* the reason decides, the code only in its absence (E1) */
  if (!code) code = err->code;
  if (!strcmp(err->reason, "ResourceVersionTooLarge") && verb == LPOD_VERB_READ) return LPOD_NEXT_RELIST; /* W7 */
  switch (code) {
  case 401: return LPOD_NEXT_REFRESH;
  case 404: return verb == LPOD_VERB_DELETE ? LPOD_NEXT_DONE : LPOD_NEXT_FAIL;
  case 409: return after_conflict(verb, err);
  case 410: return verb == LPOD_VERB_READ ? LPOD_NEXT_RELIST : LPOD_NEXT_FAIL;
  case 429: return LPOD_NEXT_RETRY;
  case 503: return err->retry_after >= 0 ? LPOD_NEXT_RETRY : after_unknown(verb);
  default: break;
  }
  if (code < 500) return LPOD_NEXT_FAIL;
  return strcmp(err->reason, "ServerTimeout") ? after_unknown(verb) : LPOD_NEXT_RETRY;
}

lpod_next lpod_retry_next(lpod_verb verb, const lpod_error *err) {
  switch (err->rc) {
  case LPOD_OK: return LPOD_NEXT_DONE;
  case LPOD_E_CONNECT: return LPOD_NEXT_RETRY;
  case LPOD_E_CUT:
  case LPOD_E_TIMEOUT: return after_unknown(verb);
  case LPOD_E_API: return after_answer(verb, err);
  case LPOD_E_PARSE: /* there was an answer, but not one that can be read: the server may well have acted */
  case LPOD_E_LIMIT: return verb == LPOD_VERB_CREATE ? LPOD_NEXT_RESOLVE : LPOD_NEXT_FAIL;
  case LPOD_E_NOMEM:
  case LPOD_E_USAGE:
  case LPOD_E_CONFIG:
  case LPOD_E_IO:
  case LPOD_E_TLS:
  case LPOD_E_CREDENTIAL:
  case LPOD_E_CANCELLED:
  case LPOD_E_TASK: break;
  }
  return LPOD_NEXT_FAIL;
}

double lpod_retry_wait(const lpod_error *err, unsigned attempt, double first, double most, double unit) {
  double step = first;
  for (unsigned i = 1; i < attempt && step < most; i++) step *= 2;
  double wait = unit * (step < most ? step : most);
  double asked = err->retry_after * (1 + 0.1 * unit); /* negative when the server asked for nothing */
  return asked > wait ? asked : wait;
}
