/* Errors: a code to return and a caller-owned struct that says the rest. Nothing to free, so a host may
 * drop one at any point. Messages never hold a secret: whoever writes one leaves values of credentials out. */
#ifndef LUNAPOD_ERROR_H
#define LUNAPOD_ERROR_H

#include <lunapod/version.h>
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lpod_rc {
  LPOD_OK = 0,
  LPOD_E_NOMEM,      /* out of memory */
  LPOD_E_USAGE,      /* the caller's arguments or the order of its calls are wrong */
  LPOD_E_CONFIG,     /* kubeconfig or options: not there, not readable, contradicting */
  LPOD_E_PARSE,      /* text that is not what it should be: JSON, YAML, a header, a frame */
  LPOD_E_LIMIT,      /* a stated ceiling was reached */
  LPOD_E_IO,         /* file or process of this machine */
  LPOD_E_CONNECT,    /* nothing was sent: name not found, refused, dial or TLS handshake time limit */
  LPOD_E_TLS,        /* certificate verification or TLS set-up: trying again does not help */
  LPOD_E_CUT,        /* connection lost after bytes were sent: what the server did is unknown */
  LPOD_E_TIMEOUT,    /* a time limit of ours; what the server did is unknown */
  LPOD_E_API,        /* the server answered with an error: code and reason say which */
  LPOD_E_CREDENTIAL, /* no credentials, or refused twice */
  LPOD_E_CANCELLED,  /* the caller cancelled it */
  LPOD_E_TASK,       /* the pod ran and the task failed, was lost, or could not start */
} lpod_rc;

typedef struct lpod_error {
  lpod_rc rc;
  int code;             /* HTTP status when rc is LPOD_E_API, else 0 */
  bool retryable;       /* the same call may succeed later */
  double retry_after;   /* seconds the server asked for; negative: none */
  char reason[64];      /* Status reason, or a short word of ours: "Unschedulable", "OOMKilled" */
  char error_class[16]; /* user infra capacity image config deadline credential permission result; "" otherwise */
  char text[1024];      /* one readable line, cut with an ellipsis when longer */
} lpod_error;

/* Empty error: LPOD_OK, no text. */
#define LPOD_ERROR_INIT \
  { LPOD_OK, 0, false, -1.0, "", "", "" }
LPOD_API void lpod_error_clear(lpod_error *err);

/* Fill err (may be NULL) and return rc: `return lpod_fail(err, LPOD_E_PARSE, "%s:%d: ...", file, line)`. */
LPOD_API lpod_rc lpod_fail(lpod_error *err, lpod_rc rc, const char *format, ...) LPOD_PRINTF(3, 4);
/* Put "what: " before the text on the way out; returns err->rc (LPOD_E_USAGE if err is NULL). */
LPOD_API lpod_rc lpod_wrap(lpod_error *err, const char *format, ...) LPOD_PRINTF(2, 3);
LPOD_API lpod_rc lpod_nomem(lpod_error *err);
/* "NOMEM", "API" ...: the name of a code without its prefix. */
LPOD_API const char *lpod_rc_name(lpod_rc rc);

#ifdef __cplusplus
}
#endif
#endif
