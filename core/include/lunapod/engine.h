/* lunapod's engine: Kubernetes requests, watches, logs, exec, and the life of pods, driven by one event loop behind
 * one descriptor.
 *
 * Nothing here blocks but lpod_engine_step with a time limit, nothing calls back: work is started, the engine is
 * stepped, events are taken. One thread at a time may use an engine and what hangs on it; lpod_engine_wake alone may be
 * called from any. The library prints nothing, exits never, installs no signal handler, changes no global state. Times
 * are seconds (double) unless they are points in time: int64_t nanoseconds since 1970 UTC, 0 = not known. Option
 * structs begin with their size: `= {.size = sizeof …}`.
 *
 *   lpod_engine *engine; lpod_engine_new(NULL, &engine, &err);
 *   … lpod_client_new, lpod_run_new, lpod_run_advance(run, LPOD_PHASE_CLEANED, &err) …
 *   while (running) {                          // or: when lpod_engine_fd(engine) is readable, step with 0
 *     lpod_engine_step(engine, -1, &err);
 *     for (const lpod_event *event; (event = lpod_engine_next(engine)); ) …
 *   }
 */
#ifndef LUNAPOD_ENGINE_H
#define LUNAPOD_ENGINE_H

#include <lunapod/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lpod_engine lpod_engine;
typedef struct lpod_client lpod_client;
typedef struct lpod_run lpod_run;
typedef uint64_t lpod_id; /* something under way: never 0, never used twice in an engine */

/* ---- engine ---- */

typedef struct lpod_engine_options {
  size_t size;
  const char
      *instance;     /* id of this installation (LBL-9); NULL: the state folder's, read or made on the first create */
  const char *state; /* state folder; NULL: $XDG_STATE_HOME/lunapod; "": none (the id is random, no lock is held) */
} lpod_engine_options;

LPOD_API lpod_rc lpod_engine_new(const lpod_engine_options *options, lpod_engine **out, lpod_error *err);
LPOD_API lpod_engine *lpod_engine_ref(lpod_engine *engine);
/* The last one closes descriptors and connections; sends nothing: pods live on. NULL is fine. */
LPOD_API void lpod_engine_unref(lpod_engine *engine);

/* Readable when lpod_engine_step(engine, 0) has work, timers included. */
LPOD_API int lpod_engine_fd(const lpod_engine *engine);
/* Milliseconds until a step has work; -1: only the descriptor tells. For systems whose loops want a limit as well. */
LPOD_API int lpod_engine_timeout(const lpod_engine *engine);
/* Do what there is to do; if there is nothing, wait up to timeout_ms (-1: without limit). *interrupted (may be NULL): a
 * signal ended the wait. Uses at most about 8 ms of CPU; what is left keeps the descriptor readable. Returns at once
 * while events wait to be taken. */
LPOD_API lpod_rc lpod_engine_step(lpod_engine *engine, int timeout_ms, bool *interrupted, lpod_error *err);
LPOD_API void lpod_engine_wake(lpod_engine *engine);

/* Id of this engine: the value of the label lunapod_engine (LBL-12). */
LPOD_API const char *lpod_engine_id(const lpod_engine *engine);
/* The installation's id; made if need be. LPOD_E_IO: could not be kept, *out is random (still usable). */
LPOD_API lpod_rc lpod_engine_instance(lpod_engine *engine, const char **out, lpod_error *err);
/* Does an engine of this id run on this machine? 1 yes, 0 it has ended, -1 not known here (KIL-6). */
LPOD_API int lpod_engine_alive(const lpod_engine *engine, const char *id);

/* LPOD_EVENT_SIGNAL from now on for these signals (a signalfd; for programs, not for libraries). count 0 ends it. */
LPOD_API lpod_rc lpod_engine_watch_signals(lpod_engine *engine, const int *signals, size_t count, lpod_error *err);
/* LPOD_EVENT_TIMER after so many seconds. 0 on error. */
LPOD_API lpod_id lpod_engine_timer(lpod_engine *engine, double seconds, lpod_error *err);
/* Monotonic seconds of the engine's clock; and its wall clock. */
LPOD_API double lpod_engine_now(const lpod_engine *engine);
LPOD_API int64_t lpod_engine_time(const lpod_engine *engine);
/* End a timer, request, watch, log or exec: its events, also those waiting to be taken, do not come any more.
 * Unknown ids are fine. */
LPOD_API void lpod_cancel(lpod_engine *engine, lpod_id id);
/* A reader that cannot keep up: read no more of this log, watch or exec (of a run: its logs), or go on. What was read
 * still comes. A log or watch is given up and resumed, each line and event once; what the server cannot tell again is a
 * WARNING of its id (a log's possible gap), or LISTING … SYNCED. An exec's command waits as soon as the network's
 * buffers are full. The engine does the same by itself while more than 16 MiB wait to be taken. Unknown ids are fine.
 */
LPOD_API void lpod_hold(lpod_engine *engine, lpod_id id, bool held);

/* ---- events ---- */

typedef enum lpod_event_kind {
  LPOD_EVENT_TIMER = 1,
  LPOD_EVENT_SIGNAL,   /* number: the signal */
  LPOD_EVENT_RESPONSE, /* a request ended: error, or number (HTTP status), value (JSON), text (raw body) */
  LPOD_EVENT_WATCH,    /* name: ADDED MODIFIED DELETED LISTING LISTED SYNCED; value: the object */
  LPOD_EVENT_OPEN,     /* a log or exec stream is open; number: exec's protocol version */
  LPOD_EVENT_OUTPUT,   /* of a log or exec: text, lines; number: exec's channel (1 stdout, 2 stderr);
                        * name: a log's container */
  LPOD_EVENT_END,      /* of a watch, log, list or exec: error or NULL; number: exec's exit code;
                        * text: a list's resourceVersion */
  LPOD_EVENT_STATE,    /* a run's pod moved on: lpod_run_report tells; name: what it waits for now, in a word or two */
  LPOD_EVENT_PHASE,    /* a run reached the phase it was told to (phase), or could not (error) */
  LPOD_EVENT_WARNING,  /* text; id: the run or client it is about, or 0 */
} lpod_event_kind;

typedef enum lpod_phase {
  LPOD_PHASE_NONE,
  LPOD_PHASE_FOUND,   /* looked for an earlier engine's pod (FND); report.found */
  LPOD_PHASE_CREATED, /* there is a pod: created, or found and claimed (CRT, FND-8); report.adopted */
  LPOD_PHASE_STARTED, /* it started, or has ended already (STA) */
  LPOD_PHASE_ENDED,   /* the task container ended, its log is read (OUT-1, LOG-10).
                       * error: why the task failed; RESULT can still be asked for */
  LPOD_PHASE_RESULT,  /* the result is read (RES) */
  LPOD_PHASE_CLEANED, /* marked, deleted or kept (DEL). error: the first failure of any phase before */
} lpod_phase;

typedef struct lpod_line { /* of a log's text */
  int64_t time;            /* 0: the line had no stamp */
  uint32_t offset, len;    /* of the message, behind the prefix and without the newline */
} lpod_line;

typedef struct lpod_event {
  lpod_event_kind kind;
  lpod_phase phase;
  lpod_id id;
  int number;
  const char *name;
  const char *text;
  size_t len;
  const lpod_line *lines;
  size_t line_count;
  const lpod_value *value;
  const lpod_error *error;
} lpod_event;

/* The next event, or NULL. Borrowed until the next call of lpod_engine_next, lpod_engine_step or lpod_engine_unref. */
LPOD_API const lpod_event *lpod_engine_next(lpod_engine *engine);

/* ---- client: one cluster as one user ---- */

typedef struct lpod_client_options {
  size_t size;
  const char *config_file; /* kubeconfig; NULL: KUBECONFIG, ~/.kube/config */
  const char *config_text; /* kubeconfig as text; excludes config_file */
  const char *context;
  int in_cluster;         /* 1 only, -1 never, 0 as ACC-1 says */
  const char *namespace_; /* default namespace; NULL: the context's (K21) */
  const char *user_agent;
  bool insecure; /* whoever answers is trusted, as with insecure-skip-tls-verify */
} lpod_client_options;

/* Reads the kubeconfig; sends nothing. The client holds the engine. */
LPOD_API lpod_rc lpod_client_new(lpod_engine *engine, const lpod_client_options *options, lpod_client **out,
                                 lpod_error *err);
LPOD_API lpod_client *lpod_client_ref(lpod_client *client);
LPOD_API void lpod_client_unref(lpod_client *client);
LPOD_API const char *lpod_client_namespace(const lpod_client *client);
LPOD_API const char *lpod_client_server(const lpod_client *client); /* "https://host:port" */
LPOD_API bool lpod_client_in_cluster(const lpod_client *client);

typedef struct lpod_request {
  size_t size;
  const char *method;       /* NULL: GET */
  const char *path;         /* "/api/v1/namespaces/x/pods"; may hold a query already, escaped */
  const char *const *query; /* key, value, key, value, …, NULL: escaped and appended; or NULL */
  const char *content_type; /* NULL: application/json */
  const char *body;
  size_t body_len;
  double timeout; /* seconds of one try; 0: 60 */
  bool once;      /* never repeat */
  bool raw;       /* the body as text, not parsed */
} lpod_request;
/* → RESPONSE. GET, PUT, PATCH, DELETE are repeated by the rules (RT); POST is not once it may have been heard.
 * 0 on error. */
LPOD_API lpod_id lpod_client_request(lpod_client *client, const lpod_request *request, lpod_error *err);

typedef struct lpod_watch_request {
  size_t size;
  const char *path; /* of the collection */
  const char *label_selector, *field_selector;
  const char *resource_version; /* NULL: list first */
  double timeout;               /* seconds; 0: until cancelled */
  bool list_only;               /* list in pages, object by object, then END */
} lpod_watch_request;
/* → WATCH …, END. */
LPOD_API lpod_id lpod_client_watch(lpod_client *client, const lpod_watch_request *request, lpod_error *err);

typedef struct lpod_log_request {
  size_t size;
  const char *namespace_, *pod, *container; /* namespace NULL: the client's; container NULL: the only one */
  bool follow, previous, timestamps;        /* timestamps: lines carry their time */
  int64_t since;                            /* 0: from the beginning */
  int64_t tail_lines;                       /* negative or 0: all */
  const char *prefix;
} lpod_log_request;
/* → OPEN, OUTPUT …, END. */
LPOD_API lpod_id lpod_client_logs(lpod_client *client, const lpod_log_request *request, lpod_error *err);

typedef struct lpod_exec_request {
  size_t size;
  const char *namespace_, *pod, *container;
  const char *const *command; /* argv, ended by NULL */
  bool use_stdin, tty;        /* stdout and stderr (without tty) are always read */
  double timeout;
} lpod_exec_request;
/* → OPEN, OUTPUT …, END. */
LPOD_API lpod_id lpod_client_exec(lpod_client *client, const lpod_exec_request *request, lpod_error *err);
LPOD_API lpod_rc lpod_exec_send(lpod_engine *engine, lpod_id exec, const void *data, size_t len, lpod_error *err);
LPOD_API lpod_rc lpod_exec_send_eof(lpod_engine *engine, lpod_id exec, lpod_error *err);

/* ---- run: one attempt of a task as one pod ---- */

typedef enum lpod_result_from {
  LPOD_RESULT_NONE,
  LPOD_RESULT_SIDECAR,
  LPOD_RESULT_TERMINATION_MESSAGE
} lpod_result_from;
typedef enum lpod_on_finish {
  LPOD_FINISH_DELETE,
  LPOD_FINISH_DELETE_SUCCEEDED,
  LPOD_FINISH_DELETE_ACTIVE,
  LPOD_FINISH_KEEP,   /* the object: a pod that is still active is stopped (DEL-5) */
  LPOD_FINISH_ABANDON /* keep it, and leave it running */
} lpod_on_finish;

typedef struct lpod_waiting_rule { /* STA-5: the first rule that fits decides; a table ended by reason NULL */
  const char *reason;              /* "ErrImagePull" */
  const char *message;             /* a part of the message, any case; NULL: any */
  double grace;                    /* seconds it may last; negative: until the start limit */
  const char *error_class;         /* "image" */
} lpod_waiting_rule;

typedef struct lpod_run_options {
  size_t size;
  const lpod_value *manifest; /* a Pod, whole; metadata.name is the base of the name (NAM-5). Copied */
  bool exact_name;            /* NAM-6: no suffix */
  const char *attempt;     /* all that makes this try one of a kind (NAM-5), hashed into name and label; NULL: random */
  const char *find;        /* label selector of earlier engines' pods of this task (FND-1); NULL: never look */
  const char *find_run;    /* selector of the whole run's pods, listed once a run (FND-9); NULL: find */
  const char *container;   /* the task's container; NULL: the first */
  const char *const *logs; /* containers to follow, ended by NULL; NULL: none (LOG-2) */
  bool log_prefix;         /* "[container] " in front of each line (LOG-7) */
  lpod_result_from result_from;
  const char *result_container;           /* the sidecar; NULL: airflow-xcom-sidecar */
  size_t result_limit;                    /* bytes; 0: 64 MiB, or 4,096 by termination message */
  double schedule_timeout, start_timeout; /* STA-2, STA-3; 0: 120 (schedule: as start); negative: none */
  double deadline;                        /* whole life from the pod's first start (RTY-5); 0: none */
  const lpod_waiting_rule *waiting_rules; /* NULL: STA-5's table */
  int64_t grace;                          /* of a kill, seconds (KIL-2); negative: the cluster's */
  lpod_on_finish on_finish;
  bool wait_for_pod;                       /* the end of all containers is awaited, not only the task's (OUT-1) */
  unsigned create_tries;                   /* CRT-2; 0: 5 */
  double create_wait_min, create_wait_max; /* 0: 1 and 15 */
} lpod_run_options;

/* STA-5 as shipped: what waiting_rules is when it is NULL. */
LPOD_API const lpod_waiting_rule *lpod_run_waiting_rules(void);

/* One container of the pod as last seen. */
typedef struct lpod_container {
  const char *name;
  const char *state;            /* "waiting" "running" "terminated", "" not reported */
  const char *reason, *message; /* of the state; "" */
  int exit_code, signal;
  int64_t started, finished;
  int restarts;
  bool init;
  bool sidecar; /* an init container that goes on beside the others (P14) */
} lpod_container;

/* What is known of a run's pod; strings are "" when not known. Borrowed until the next step or call on the run. */
typedef struct lpod_report {
  const char *namespace_, *name, *uid, *node;
  const char *phase, *reason, *message; /* of the pod's status */
  const char *waiting; /* what it waits for now, for people: "scheduled", "pulling busybox:1", "started", "" running */
  bool found, adopted, deleted;     /* deleted: known to be gone */
  lpod_container task;              /* the task's container */
  const lpod_container *containers; /* all, init containers first */
  size_t container_count;
  int64_t created, scheduled, started, ended;
  uint64_t lines;      /* log lines delivered */
  unsigned gaps;       /* places where lines may be missing (L8) */
  unsigned generation; /* NAM-5 */
} lpod_report;

/* Sends nothing. The run holds its client. */
LPOD_API lpod_rc lpod_run_new(lpod_client *client, const lpod_run_options *options, lpod_run **out, lpod_error *err);
LPOD_API lpod_run *lpod_run_ref(lpod_run *run);
LPOD_API void lpod_run_unref(lpod_run *run); /* the last one lets go of the pod: it lives on */
LPOD_API lpod_id lpod_run_id(const lpod_run *run);
/* Work towards that phase, then emit one PHASE event (also when it has been reached already). A phase that cannot be
 * reached gives the PHASE event with the error; only CLEANED can be asked for then, and it works from wherever the run
 * is. OUTPUT and STATE come meanwhile. */
LPOD_API lpod_rc lpod_run_advance(lpod_run *run, lpod_phase phase, lpod_error *err);
/* Take up this pod (an object as the API gives it, with uid and resourceVersion) instead of looking for one; before
 * LPOD_PHASE_CREATED was asked for. NULL: none, whatever was found. */
LPOD_API lpod_rc lpod_run_adopt(lpod_run *run, const lpod_value *pod, lpod_error *err);
/* Kill (KIL-1…4): delete the pod whatever on_finish says, once there is one; then PHASE CLEANED with an error of
 * LPOD_E_CANCELLED. grace in seconds, negative: the options'. Comes through also between a create and its answer. */
LPOD_API lpod_rc lpod_run_cancel(lpod_run *run, int64_t grace, lpod_error *err);
/* Stop following; nothing is sent, the pod lives on; no event follows. */
LPOD_API void lpod_run_detach(lpod_run *run);
/* What is done with the pod at CLEANED; may be changed until then. */
LPOD_API void lpod_run_set_on_finish(lpod_run *run, lpod_on_finish on_finish);
LPOD_API const lpod_report *lpod_run_report(lpod_run *run);
/* The pod object (without managedFields) as last seen, or NULL. Borrowed until the next step. */
LPOD_API const lpod_value *lpod_run_pod(const lpod_run *run);
/* The result's bytes, or NULL: none was written. Borrowed as long as the run lives. */
LPOD_API const char *lpod_run_result(const lpod_run *run, size_t *len);

/* ---- small services scripts need and Lua lacks ---- */

/* Lower-case hex of a digest: "sha256" (65 bytes with NUL) or "md5" (33). */
LPOD_API lpod_rc lpod_digest(const char *algorithm, const void *data, size_t len, char *out, size_t room,
                             lpod_error *err);
/* count characters of a-z0-9 and a NUL. */
LPOD_API lpod_rc lpod_random_text(char *out, size_t count, lpod_error *err);
/* RFC 3339 text → ns since 1970; false when it is not. And back: digits 0, 6 or 9 of fraction; out has 36 bytes. */
LPOD_API bool lpod_parse_time(const char *text, size_t len, int64_t *ns);
LPOD_API void lpod_format_time(int64_t ns, int digits, char *out);

#ifdef __cplusplus
}
#endif
#endif
