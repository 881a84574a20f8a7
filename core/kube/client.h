/* A cluster as lunapod uses it: requests with credentials, time limits and repetition by the table (RT), answers as
 * documents. Owns the HTTP transport and the credential (token files re-read, plugins run once for all who wait: K13,
 * EP6, EP7) and swaps both when they change. GET, LIST, PATCH and DELETE are repeated here; a create only when nothing
 * was sent, after 401, and after answers that say "not done, come back": what else became of it is resolved by who sent
 * it (CRT-3). */
#ifndef LPOD_KUBE_CLIENT_H
#define LPOD_KUBE_CLIENT_H

#include "config.h"
#include "status.h"

typedef struct lpod_kube lpod_kube;
typedef struct lpod_kube_call lpod_kube_call;

typedef struct lpod_kube_options {
  const char *user_agent; /* NULL: lunapod/<version> (<os>/<arch>) (T7) */
  /* Warnings of the server (R11) and our own, each once. May be NULL; must not free the client. */
  void (*on_warning)(void *arg, const char *text);
  /* A call failed and is sent again in wait seconds, more than one (T10); tries = those made. May be NULL; must not
   * free the client. */
  void (*on_wait)(void *arg, const lpod_error *error, double wait, unsigned tries);
  void *arg;
  double plugin_timeout; /* seconds a credential plugin may run; 0 = 60 (EP10) */
} lpod_kube_options;

/* Takes config (also on failure). Sends nothing. */
lpod_kube *lpod_kube_new(lpod_loop *loop, lpod_config *config, const lpod_kube_options *options, lpod_error *err);
/* Cancels what is in flight, without callbacks; watches, logs and execs must be gone. */
void lpod_kube_free(lpod_kube *kube);
const lpod_config *lpod_kube_config(const lpod_kube *kube);
lpod_loop *lpod_kube_loop(const lpod_kube *kube);
lpod_http_counts lpod_kube_count(const lpod_kube *kube);

typedef struct lpod_kube_answer {
  const lpod_error *error; /* NULL: 2xx */
  int status;
  lpod_doc **doc;   /* parsed JSON body; *doc NULL when there is none. Set *doc = NULL to keep it */
  const char *body; /* the bytes, "" when streamed */
  size_t len;
  unsigned tries;
} lpod_kube_answer;

typedef struct lpod_kube_request {
  lpod_verb verb; /* decides about repetition */
  lpod_role role;
  const char *method, *target, *content_type, *body;
  size_t body_len;
  const char *what;             /* "create pod default/x", for messages; NULL: method and target */
  double timeout;               /* seconds for one try; 0 = 60 (T2), negative = none (streams) */
  double idle;                  /* seconds without a byte; 0 = none */
  bool own;                     /* on a connection of its own, so that it can be paused */
  double budget;                /* seconds for all tries; 0 = 300; negative = one try only */
  unsigned sends;               /* most tries that reach the server; 0 = 5 for a create (CRT-2), no cap for others */
  double wait_first, wait_most; /* seconds of back-off; 0 = 0.5 and 30 */
  size_t ceiling;               /* of the body; 0 = default */
  bool raw;                     /* do not parse the body */
  bool (*on_open)(void *arg, int status); /* headers of a 2xx are there; may be NULL */
  /* NULL: buffered. A stream that was opened (2xx) is never repeated. */
  bool (*on_data)(void *arg, const char *data, size_t len);
  /* Once; the call is gone afterwards. What lpod_retry_next calls RESOLVE, RELIST or DONE arrives as the error it is:
   * ask it again. 401 after a refresh is LPOD_E_CREDENTIAL. After several tries the text tells the last and the first
   * failure (E10). */
  void (*on_done)(void *arg, const lpod_kube_answer *answer);
  void *arg;
} lpod_kube_request;

/* Strings and body are copied. on_done never runs inside this function. */
lpod_kube_call *lpod_kube_start(lpod_kube *kube, const lpod_kube_request *request, lpod_error *err);
void lpod_kube_cancel(lpod_kube_call *call);             /* no callback follows; NULL is fine */
void lpod_kube_pause(lpod_kube_call *call, bool paused); /* of own calls: see lpod_http_pause */

/* For streams of other kinds (exec): calls ready with the transport and the Authorization value (NULL: none) once they
 * are known, never inside this function. Cancel by lpod_kube_access_cancel before ready ran. */
typedef struct lpod_kube_access lpod_kube_access;
typedef void lpod_kube_ready(void *arg, lpod_http *http, const char *authorization, const char *const *headers,
                             const lpod_error *error);
lpod_kube_access *lpod_kube_get_access(lpod_kube *kube, bool refresh, lpod_kube_ready *ready, void *arg,
                                       lpod_error *err);
void lpod_kube_access_cancel(lpod_kube_access *access);

/* ---- targets (R1, R2): empty or illegal names are LPOD_E_USAGE, nothing is sent ---- */
#include "../base/buf.h"
/* "/api/v1/namespaces/NS/pods[/NAME[/SUB]]"; resource "pods", "events", ...; name and sub may be NULL. */
lpod_rc lpod_target_core(lpod_buf *out, const char *ns, const char *resource, const char *name, const char *sub,
                         lpod_error *err);
/* Append "?key=value" or "&key=value", escaped; value NULL: nothing is appended. */
lpod_rc lpod_target_query(lpod_buf *out, const char *key, const char *value, lpod_error *err);

#endif
