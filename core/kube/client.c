/* Calls to one cluster: see client.h. A call goes through admission of its credential, one try over HTTP, the verdict
 * of status.c and retry.c, and either waits for its next try or ends. Leaves connections to core/net, the credential to
 * credential.c, streams to their owners. Invariants: on_done runs once, from inside a loop step, after which the call
 * does not exist; nothing is sent without the credential it should have; a user's callback is the last thing a function
 * here does, as it may end the whole client. */
#include "client.h"
#include "../base/limits.h"
#include "../base/random.h"
#include "../base/text.h"
#include "credential.h"
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define DEFAULT_TIMEOUT 60.0 /* T2 */
#define DEFAULT_BUDGET 300.0
#define CREATE_SENDS 5u /* CRT-2 */
#define WAIT_FIRST 0.5
#define WAIT_MOST 30.0
#define WAIT_CONFLICT 0.01 /* E11 */
#define WAIT_REPORTED 1.0  /* T10 */
enum { WARNINGS_KNOWN = 256 };

struct lpod_kube {
  lpod_loop *loop;
  lpod_config *config;
  lpod_credential *credential;
  lpod_http *http;
  uint64_t identity;        /* that http was made with */
  lpod_http_counts earlier; /* of transports retired */
  char *user_agent;
  char **headers; /* of ordinary calls */
  lpod_link calls, accesses;
  void (*on_warning)(void *arg, const char *text);
  void (*on_wait)(void *arg, const lpod_error *error, double wait, unsigned tries);
  void *arg;
  bool said;                       /* the configuration's own warnings are out */
  uint64_t warned[WARNINGS_KNOWN]; /* hashes of texts, the oldest forgotten */
  unsigned warnings;
};

struct lpod_kube_call {
  lpod_link link;
  lpod_kube *kube;
  lpod_kube_request request; /* its strings are our copies */
  char *method, *target, *content_type, *body, *what;
  lpod_http_call *http_call;
  lpod_task begin;
  lpod_timer timer;
  lpod_credential_wait wait;
  uint64_t version; /* of the credential sent */
  int64_t started;
  unsigned tries, sends;
  bool refreshed;    /* since the last answer other than 401 */
  bool reloaded;     /* certificate files, after a TLS failure */
  bool opened;       /* the stream's headers were 2xx */
  lpod_error *first; /* the first failure (E10) */
};

struct lpod_kube_access {
  lpod_link link;
  lpod_kube *kube;
  lpod_task begin;
  lpod_credential_wait wait;
  bool refresh;
  lpod_kube_ready *ready;
  void *arg;
};

static double seconds(int64_t ns) { return (double)ns / (double)LPOD_NS_PER_S; }
static int64_t nanoseconds(double s) {
  const double most = 9e9; /* beyond it int64 nanoseconds end */
  return (int64_t)((s < most ? s : most) * (double)LPOD_NS_PER_S);
}

/* ---- warnings (R11, K2, K16, K26) ---- */

static bool is_new_warning(lpod_kube *kube, const char *text) {
  uint64_t hash = 14695981039346656037u; /* FNV-1a */
  for (const char *c = text; *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  for (unsigned i = 0; i < WARNINGS_KNOWN && i < kube->warnings; i++)
    if (kube->warned[i] == hash) return false;
  kube->warned[kube->warnings++ % WARNINGS_KNOWN] = hash;
  return true;
}

static void warn(lpod_kube *kube, const char *text, size_t len) {
  char line[sizeof((lpod_error *)0)->text];
  snprintf(line, sizeof line, "%.*s", (int)(len < sizeof line ? len : sizeof line), text);
  lpod_credential_hide(kube->credential, line);
  if (*line && is_new_warning(kube, line) && kube->on_warning) kube->on_warning(kube->arg, line);
}

static void warn_lines(lpod_kube *kube, const char *lines) {
  while (lines && *lines) {
    size_t len = strcspn(lines, "\n");
    warn(kube, lines, len);
    lines += len + (lines[len] == '\n');
  }
}

static bool has_credentials(const lpod_config *config) {
  return config->token.data || config->token_file || config->username.data || config->password.data || config->plugin ||
         config->certificate.data;
}

static void warn_of_config(lpod_kube *kube) {
  static const char plain[] = "the server's address is http://: credentials are not sent over it"; /* K14 */
  if (kube->said) return;
  kube->said = true;
  for (char **text = kube->config->warnings; text && *text; text++) warn(kube, *text, strlen(*text));
  if (!lpod_text_starts(kube->config->server, "https://") && has_credentials(kube->config))
    warn(kube, plain, strlen(plain));
}

/* ---- the client ---- */

/* The transport for the identity as it is now; the one before ends with its last request (EP8, K15). */
static lpod_rc use_identity(lpod_kube *kube, lpod_error *err) {
  lpod_identity identity = lpod_credential_identity(kube->credential);
  if (kube->http && identity.version == kube->identity) return LPOD_OK;
  lpod_http_options options = {
      .server = kube->config->server,
      .ca = identity.ca,
      .certificate = identity.certificate,
      .key = identity.key,
      .insecure = kube->config->insecure,
      .server_name = kube->config->server_name,
      .proxy = kube->config->proxy,
      .no_compression = kube->config->no_compression,
      .user_agent = kube->user_agent,
  };
  lpod_error error = LPOD_ERROR_INIT;
  lpod_http *fresh = lpod_http_new(kube->loop, &options, &error);
  if (!fresh && !kube->http) {
    if (err) *err = error;
    return error.rc;
  }
  kube->identity = identity.version;
  if (!fresh) { /* files caught in the middle of being replaced: what worked goes on until they change again */
    warn(kube, error.text, strlen(error.text));
    return LPOD_OK;
  }
  if (kube->http) {
    lpod_http_counts counts = lpod_http_count(kube->http);
    kube->earlier.connections += counts.connections;
    kube->earlier.requests += counts.requests;
    lpod_http_retire(kube->http);
  }
  kube->http = fresh;
  return LPOD_OK;
}

static char *default_user_agent(void) { /* T7 */
  struct utsname name;
  if (uname(&name) < 0) return lpod_text_copy("lunapod/" LPOD_VERSION);
  char *text = lpod_text_format("lunapod/%s (%s/%s)", LPOD_VERSION, name.sysname, name.machine);
  for (char *c = text; c && *c; c++)
    if (*c >= 'A' && *c <= 'Z') *c = (char)(*c - 'A' + 'a');
  return text;
}

/* Accept comes first: streams of other kinds leave it out. */
static lpod_rc build_headers(lpod_kube *kube, lpod_error *err) {
  lpod_rc rc = lpod_strings_add(&kube->headers, lpod_text_copy("Accept: application/json, */*"), err);
  for (char **line = kube->config->impersonation; !rc && line && *line; line++)
    rc = lpod_strings_add(&kube->headers, lpod_text_copy(*line), err);
  return rc;
}

lpod_kube *lpod_kube_new(lpod_loop *loop, lpod_config *config, const lpod_kube_options *options, lpod_error *err) {
  static const lpod_kube_options none;
  if (!options) options = &none;
  lpod_kube *kube = calloc(1, sizeof *kube);
  if (!kube) {
    lpod_config_free(config);
    lpod_nomem(err);
    return NULL;
  }
  kube->loop = loop;
  kube->config = config;
  lpod_list_init(&kube->calls);
  lpod_list_init(&kube->accesses);
  kube->on_warning = options->on_warning;
  kube->on_wait = options->on_wait;
  kube->arg = options->arg;
  double limit = options->plugin_timeout > 0 ? options->plugin_timeout : 60;
  lpod_rc rc = LPOD_OK;
  kube->user_agent = options->user_agent ? lpod_text_copy(options->user_agent) : default_user_agent();
  if (!kube->user_agent) rc = lpod_nomem(err);
  if (!rc) rc = build_headers(kube, err);
  if (!rc) {
    kube->credential = lpod_credential_new(loop, config, nanoseconds(limit), err);
    if (!kube->credential) rc = LPOD_E_NOMEM;
  }
  if (!rc && !config->plugin) rc = use_identity(kube, err); /* a certificate that is no good is said at once */
  if (rc) {
    lpod_kube_free(kube);
    return NULL;
  }
  return kube;
}

static void free_call(lpod_kube_call *call) {
  lpod_kube *kube = call->kube;
  lpod_list_remove(&call->link);
  lpod_task_cancel(&call->begin);
  lpod_timer_stop(kube->loop, &call->timer);
  lpod_credential_leave(&call->wait);
  if (call->http_call) lpod_http_cancel(call->http_call);
  if (call->body) lpod_wipe(call->body, call->request.body_len); /* manifests carry secrets, too */
  free(call->method);
  free(call->target);
  free(call->content_type);
  free(call->body);
  free(call->what);
  free(call->first);
  free(call);
}

static void free_access(lpod_kube_access *access) {
  lpod_list_remove(&access->link);
  lpod_task_cancel(&access->begin);
  lpod_credential_leave(&access->wait);
  free(access);
}

void lpod_kube_free(lpod_kube *kube) {
  if (!kube) return;
  while (!lpod_list_empty(&kube->calls)) free_call(LPOD_CONTAINER(kube->calls.next, lpod_kube_call, link));
  while (!lpod_list_empty(&kube->accesses)) free_access(LPOD_CONTAINER(kube->accesses.next, lpod_kube_access, link));
  lpod_http_free(kube->http);
  lpod_credential_free(kube->credential);
  lpod_config_free(kube->config);
  lpod_strings_free(kube->headers);
  free(kube->user_agent);
  free(kube);
}

const lpod_config *lpod_kube_config(const lpod_kube *kube) { return kube->config; }
lpod_loop *lpod_kube_loop(const lpod_kube *kube) { return kube->loop; }

lpod_http_counts lpod_kube_count(const lpod_kube *kube) {
  lpod_http_counts counts = {0};
  if (kube->http) counts = lpod_http_count(kube->http);
  counts.connections += kube->earlier.connections;
  counts.requests += kube->earlier.requests;
  return counts;
}

/* ---- one call ---- */

static void finish(lpod_kube_call *call, lpod_kube_answer *answer) {
  void (*on_done)(void *, const lpod_kube_answer *) = call->request.on_done;
  void *arg = call->request.arg;
  lpod_doc *none = NULL;
  if (!answer->doc) answer->doc = &none;
  if (!answer->body) answer->body = "";
  answer->tries = call->tries;
  free_call(call);
  if (on_done) on_done(arg, answer);
  lpod_doc_free(*answer->doc);
  answer->doc = NULL;
}

/* The end in failure. Several tries: what came last, and what came first (E10). */
static void fail(lpod_kube_call *call, lpod_error *error, int status, const char *body, size_t len) {
  lpod_credential_hide(call->kube->credential, error->text);
  if (call->first && call->tries > 1) {
    double spent = seconds(lpod_loop_now(call->kube->loop) - call->started);
    lpod_error told = *error;
    if (strcmp(call->first->text, error->text))
      lpod_fail(&told, error->rc, "gave up after %u tries in %.1f s: last %.450s, first %.350s", call->tries, spent,
                error->text, call->first->text);
    else
      lpod_fail(&told, error->rc, "gave up after %u tries in %.1f s: %.850s", call->tries, spent, error->text);
    memcpy(error->text, told.text, sizeof error->text);
  }
  lpod_wrap(error, "%s", call->what);
  lpod_kube_answer answer = {.error = error, .status = status, .body = body, .len = len};
  finish(call, &answer);
}

static void fail_early(lpod_kube_call *call, lpod_error *error) { fail(call, error, 0, NULL, 0); }

static void admit(lpod_kube_call *call);

static void succeed(lpod_kube_call *call, const lpod_http_result *result) {
  lpod_doc *doc = NULL;
  lpod_error error = LPOD_ERROR_INIT;
  if (!call->request.raw && !call->request.on_data && result->len &&
      lpod_json_parse(result->body, result->len, &doc, &error)) {
    lpod_wrap(&error, "the answer of the server");
    fail(call, &error, result->status, result->body, result->len);
    return;
  }
  lpod_kube_answer answer = {.status = result->status, .doc = &doc, .body = result->body, .len = result->len};
  finish(call, &answer);
}

/* Send again after a wait, if the budget and the number of sends allow. false: they do not. */
static bool send_later(lpod_kube_call *call, const lpod_error *error) {
  const lpod_kube_request *request = &call->request;
  if (request->budget < 0 || (request->sends && call->sends >= request->sends)) return false;
  bool conflict = error->rc == LPOD_E_API && !strcmp(error->reason, "Conflict");
  double first = conflict ? WAIT_CONFLICT : request->wait_first, most = conflict ? WAIT_CONFLICT : request->wait_most;
  double wait = lpod_retry_wait(error, call->tries, first, most, lpod_random_unit());
  double spent = seconds(lpod_loop_now(call->kube->loop) - call->started);
  if (spent + wait >= request->budget) return false;
  if (!call->first) {
    call->first = malloc(sizeof *call->first);
    if (!call->first) return false;
    *call->first = *error;
    lpod_credential_hide(call->kube->credential, call->first->text);
  }
  if (lpod_timer_start(call->kube->loop, &call->timer, nanoseconds(wait), NULL)) return false;
  if (wait > WAIT_REPORTED && call->kube->on_wait) {
    lpod_error told = *error;
    lpod_credential_hide(call->kube->credential, told.text);
    lpod_wrap(&told, "%s", call->what);
    call->kube->on_wait(call->kube->arg, &told, wait, call->tries);
  }
  return true;
}

/* RT-*: "401: refresh once, replay"; a second one in a row is a credential that the server does not take (E8). */
static bool refresh(lpod_kube_call *call, lpod_error *error) {
  if (!call->refreshed) {
    call->refreshed = true;
    lpod_credential_refused(call->kube->credential, call->version);
    return true;
  }
  error->rc = LPOD_E_CREDENTIAL;
  lpod_wrap(error, "credentials refused twice");
  return false;
}

static void on_http_done(void *arg, const lpod_http_result *result) {
  lpod_kube_call *call = arg;
  lpod_kube *kube = call->kube;
  call->http_call = NULL;
  if (result->warnings && *result->warnings) warn_lines(kube, result->warnings);

  lpod_error error = LPOD_ERROR_INIT;
  bool ours =
      result->status >= 200 && result->status < 300 && !result->error && (call->request.raw || call->request.on_data);
  lpod_rc rc = ours ? LPOD_OK : lpod_status_check(call->method, NULL, result, &error);
  if (rc != LPOD_E_CONNECT) call->sends++;
  if (!rc) {
    succeed(call, result);
    return;
  }
  lpod_next next = lpod_retry_next(call->request.verb, &error);
  bool again = false;
  if (call->request.on_data && call->opened) {
    /* what it means that a stream ended is its owner's to say */
  } else if (rc == LPOD_E_TLS && !call->reloaded && lpod_credential_reload(kube->credential)) { /* K15 */
    call->reloaded = again = true;
  } else if (next == LPOD_NEXT_REFRESH) {
    again = refresh(call, &error);
  } else if (next == LPOD_NEXT_RETRY && send_later(call, &error)) {
    call->refreshed = false;
    return;
  }
  if (again)
    admit(call);
  else
    fail(call, &error, result->status, result->body, result->len);
}

static bool on_http_open(void *arg, int status) {
  lpod_kube_call *call = arg;
  if (status < 200 || status >= 300) return true;
  call->opened = true;
  return call->request.on_open ? call->request.on_open(call->request.arg, status) : true;
}

static bool on_http_data(void *arg, const char *data, size_t len) {
  lpod_kube_call *call = arg;
  return call->request.on_data(call->request.arg, data, len);
}

static void send_now(lpod_kube_call *call) {
  lpod_kube *kube = call->kube;
  lpod_error error = LPOD_ERROR_INIT;
  if (use_identity(kube, &error)) {
    fail_early(call, &error);
    return;
  }
  double timeout = call->request.timeout;
  if (timeout > 0 && call->request.budget > 0) {
    double left = call->request.budget - seconds(lpod_loop_now(kube->loop) - call->started);
    if (left < timeout) timeout = left > 0.001 ? left : 0.001;
  }
  call->version = lpod_credential_version(kube->credential);
  call->tries++;
  lpod_http_request request = {
      .role = call->request.role,
      .method = call->method,
      .target = call->target,
      .authorization = lpod_credential_authorization(kube->credential),
      .headers = (const char *const *)kube->headers,
      .content_type = call->content_type,
      .body = call->body,
      .body_len = call->request.body_len,
      .ceiling = call->request.ceiling,
      .timeout = timeout > 0 ? nanoseconds(timeout) : 0,
      .idle = call->request.idle > 0 ? nanoseconds(call->request.idle) : 0,
      .own = call->request.own,
      .on_open = on_http_open,
      .on_data = call->request.on_data ? on_http_data : NULL,
      .on_done = on_http_done,
      .arg = call,
  };
  call->http_call = lpod_http_start(kube->http, &request, &error);
  if (!call->http_call) fail_early(call, &error);
}

static void on_credential(void *arg, const lpod_error *error) {
  lpod_kube_call *call = arg;
  if (!error) {
    send_now(call);
    return;
  }
  lpod_error copy = *error;
  fail_early(call, &copy);
}

static void admit(lpod_kube_call *call) {
  lpod_error error = LPOD_ERROR_INIT;
  bool pending = false;
  lpod_rc rc = lpod_credential_get(call->kube->credential, &call->wait, &pending, &error);
  if (rc)
    fail_early(call, &error);
  else if (!pending)
    send_now(call);
}

static void on_begin(void *arg) {
  lpod_kube_call *call = arg;
  warn_of_config(call->kube);
  admit(call);
}

static void on_timer(void *arg) { admit(arg); }

/* "GET /api/v1/…" without the query. */
static char *name_of(const lpod_kube_request *request) {
  if (request->what) return lpod_text_copy(request->what);
  return lpod_text_format("%s %.*s", request->method, (int)strcspn(request->target, "?"), request->target);
}

lpod_kube_call *lpod_kube_start(lpod_kube *kube, const lpod_kube_request *request, lpod_error *err) {
  if (!request->method || !request->target || request->target[0] != '/') {
    lpod_fail(err, LPOD_E_USAGE, "request: method and target are needed, the target beginning with \"/\"");
    return NULL;
  }
  if (request->body_len > LPOD_LIMIT_REQUEST) { /* R10 */
    lpod_fail(err, LPOD_E_LIMIT, "%s: body of %zu bytes, the server takes at most %u",
              request->what ? request->what : request->method, request->body_len, LPOD_LIMIT_REQUEST);
    return NULL;
  }
  lpod_kube_call *call = calloc(1, sizeof *call);
  if (!call) {
    lpod_nomem(err);
    return NULL;
  }
  call->kube = kube;
  call->request = *request;
  call->method = lpod_text_copy(request->method);
  call->target = lpod_text_copy(request->target);
  call->content_type = lpod_text_copy(request->content_type);
  call->body = request->body ? lpod_text_copy_len(request->body, request->body_len) : NULL;
  call->what = name_of(request);
  call->begin = (lpod_task){.run = on_begin, .arg = call};
  call->timer = (lpod_timer){.fire = on_timer, .arg = call};
  call->wait = (lpod_credential_wait){.ready = on_credential, .arg = call};
  call->started = lpod_loop_now(kube->loop);
  if (request->timeout == 0) call->request.timeout = DEFAULT_TIMEOUT;
  if (request->budget == 0) call->request.budget = DEFAULT_BUDGET;
  if (request->sends == 0 && request->verb == LPOD_VERB_CREATE) call->request.sends = CREATE_SENDS;
  if (request->wait_first <= 0) call->request.wait_first = WAIT_FIRST;
  if (request->wait_most <= 0) call->request.wait_most = WAIT_MOST;
  lpod_list_add(&kube->calls, &call->link);
  if (!call->method || !call->target || !call->what || (request->content_type && !call->content_type) ||
      (request->body && !call->body)) {
    free_call(call);
    lpod_nomem(err);
    return NULL;
  }
  lpod_loop_defer(kube->loop, &call->begin);
  return call;
}

void lpod_kube_cancel(lpod_kube_call *call) {
  if (call) free_call(call);
}

void lpod_kube_pause(lpod_kube_call *call, bool paused) {
  if (call->http_call) lpod_http_pause(call->http_call, paused);
}

/* ---- access for streams of other kinds ---- */

static void hand_over(lpod_kube_access *access, const lpod_error *error) {
  lpod_kube *kube = access->kube;
  lpod_kube_ready *ready = access->ready;
  void *arg = access->arg;
  lpod_error own = LPOD_ERROR_INIT;
  free_access(access);
  if (!error && use_identity(kube, &own)) error = &own;
  if (error)
    ready(arg, NULL, NULL, NULL, error);
  else
    ready(arg, kube->http, lpod_credential_authorization(kube->credential), (const char *const *)(kube->headers + 1),
          NULL);
}

static void on_access_credential(void *arg, const lpod_error *error) { hand_over(arg, error); }

static void on_access_begin(void *arg) {
  lpod_kube_access *access = arg;
  lpod_credential *credential = access->kube->credential;
  lpod_error error = LPOD_ERROR_INIT;
  bool pending = false;
  warn_of_config(access->kube);
  if (access->refresh) lpod_credential_refused(credential, lpod_credential_version(credential));
  lpod_rc rc = lpod_credential_get(credential, &access->wait, &pending, &error);
  if (!pending) hand_over(access, rc ? &error : NULL);
}

lpod_kube_access *lpod_kube_get_access(lpod_kube *kube, bool refresh_first, lpod_kube_ready *ready, void *arg,
                                       lpod_error *err) {
  lpod_kube_access *access = calloc(1, sizeof *access);
  if (!access) {
    lpod_nomem(err);
    return NULL;
  }
  access->kube = kube;
  access->refresh = refresh_first;
  access->ready = ready;
  access->arg = arg;
  access->begin = (lpod_task){.run = on_access_begin, .arg = access};
  access->wait = (lpod_credential_wait){.ready = on_access_credential, .arg = access};
  lpod_list_add(&kube->accesses, &access->link);
  lpod_loop_defer(kube->loop, &access->begin);
  return access;
}

void lpod_kube_access_cancel(lpod_kube_access *access) {
  if (access) free_access(access);
}
