/* One command in a container (EX1–EX10, EX13). Leaves frames and the verdict to exec_frames.c, the socket to core/net.
 * Invariants: on_end comes once, after the last output and never with an exit code that no Status gave (EX6); every
 * callback of the owner is the last thing a function does, as the owner may cancel inside it. */
#include "exec.h"
#include "exec_frames.h"
#include "../base/limits.h"
#include "../base/text.h"
#include "../net/websocket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct lpod_exec {
  lpod_kube *kube;
  lpod_exec_options options;
  char *target, *what;
  lpod_kube_access *access;
  lpod_websocket *ws;
  lpod_exec_frames frames;
  lpod_buf waiting; /* stdin written before it is open */
  bool close_waiting, refreshed, held;
  int version; /* 0: not open yet */
  lpod_timer timer;
};

static void free_exec(lpod_exec *exec) {
  lpod_timer_stop(lpod_kube_loop(exec->kube), &exec->timer);
  if (exec->access) lpod_kube_access_cancel(exec->access);
  if (exec->ws) lpod_websocket_cancel(exec->ws);
  lpod_exec_frames_free(&exec->frames);
  lpod_buf_wipe(&exec->waiting);
  free(exec->target);
  free(exec->what);
  free(exec);
}

static void end(lpod_exec *exec, int exit_code, lpod_error *error) {
  void (*on_end)(void *, int, const lpod_error *) = exec->options.on_end;
  void *arg = exec->options.arg;
  if (error) lpod_wrap(error, "%s", exec->what);
  free_exec(exec);
  on_end(arg, exit_code, error);
}

void lpod_exec_cancel(lpod_exec *exec) {
  if (exec) free_exec(exec);
}

void lpod_exec_hold(lpod_exec *exec, bool held) {
  exec->held = held;
  if (exec->ws) lpod_websocket_hold(exec->ws, held);
}

static void time_is_up(void *arg) {
  lpod_exec *exec = arg;
  lpod_error error = LPOD_ERROR_INIT;
  lpod_fail(&error, LPOD_E_TIMEOUT, "no end within %g s: the outcome of the command is unknown", exec->options.timeout);
  end(exec, -1, &error);
}

/* ---- stdin ---- */

static lpod_rc send_stdin(lpod_exec *exec, const char *data, size_t len, lpod_error *err) {
  lpod_rc rc = LPOD_OK;
  while (!rc && len) {
    size_t part = len < LPOD_EXEC_CHUNK ? len : LPOD_EXEC_CHUNK;
    lpod_buf message = LPOD_BUF_INIT(LPOD_EXEC_CHUNK + 1);
    rc = lpod_exec_frames_stdin(&message, data, part, err);
    if (!rc) rc = lpod_websocket_send(exec->ws, message.data, message.len, err);
    lpod_buf_wipe(&message);
    data += part;
    len -= part;
  }
  return rc;
}

static lpod_rc send_close(lpod_exec *exec, lpod_error *err) {
  if (exec->version < 5)
    return lpod_fail(err, LPOD_E_USAGE,
                     "the server speaks v4.channel.k8s.io, which cannot close stdin, expected v5 (Kubernetes 1.30)");
  return lpod_websocket_send(exec->ws, LPOD_EXEC_CLOSE_STDIN, LPOD_EXEC_CLOSE_STDIN_LEN, err);
}

static lpod_rc check_stdin(const lpod_exec *exec, lpod_error *err) {
  if (!exec->options.use_stdin) return lpod_fail(err, LPOD_E_USAGE, "%s: was started without stdin", exec->what);
  if (exec->close_waiting) return lpod_fail(err, LPOD_E_USAGE, "%s: stdin is closed", exec->what);
  return LPOD_OK;
}

lpod_rc lpod_exec_write(lpod_exec *exec, const void *data, size_t len, lpod_error *err) {
  lpod_rc rc = check_stdin(exec, err);
  if (rc || !len) return rc;
  return exec->version ? send_stdin(exec, data, len, err) : lpod_buf_add(&exec->waiting, data, len, err);
}

lpod_rc lpod_exec_close_stdin(lpod_exec *exec, lpod_error *err) {
  lpod_rc rc = check_stdin(exec, err);
  if (!rc && exec->version) rc = send_close(exec, err);
  if (!rc) exec->close_waiting = true;
  return rc;
}

/* ---- the socket ---- */

static lpod_rc open_stdin(lpod_exec *exec, const char *protocol, lpod_error *err) {
  exec->version = lpod_exec_version(protocol);
  if (!exec->version)
    return lpod_fail(err, LPOD_E_PARSE, "the server chose subprotocol \"%.40s\", expected one of %s",
                     protocol ? protocol : "", LPOD_EXEC_PROTOCOLS);
  lpod_rc rc = send_stdin(exec, exec->waiting.data, exec->waiting.len, err);
  lpod_buf_wipe(&exec->waiting);
  return rc || !exec->close_waiting ? rc : send_close(exec, err);
}

static void on_open(void *arg, const char *protocol) {
  lpod_exec *exec = arg;
  lpod_error error = LPOD_ERROR_INIT;
  if (open_stdin(exec, protocol, &error))
    end(exec, -1, &error);
  else if (exec->options.on_open)
    exec->options.on_open(exec->options.arg, exec->version);
}

static void on_message(void *arg, const char *data, size_t len) {
  lpod_exec *exec = arg;
  lpod_error error = LPOD_ERROR_INIT;
  int channel;
  const char *payload;
  size_t payload_len;
  if (lpod_exec_frames_read(&exec->frames, data, len, &channel, &payload, &payload_len, &error))
    end(exec, -1, &error);
  else if (payload_len)
    exec->options.on_output(exec->options.arg, (lpod_channel)channel, payload, payload_len);
}

static void on_ready(void *arg, lpod_http *http, const char *authorization, const char *const *headers,
                     const lpod_error *error);

/* The upgrade was refused (EX9, EX10, EX13, X40). */
static void refused(lpod_exec *exec, const lpod_error *error, int status, const char *body, size_t len) {
  static const char hint[] = "; exec needs the right to create pods/exec (before Kubernetes 1.35: get)";
  lpod_error told = LPOD_ERROR_INIT;
  if (status == 401 && !exec->refreshed) { /* it was refused, so nothing ran: E8 */
    exec->refreshed = true;
    exec->access = lpod_kube_get_access(exec->kube, true, on_ready, exec, &told);
    if (!exec->access) end(exec, -1, &told);
    return;
  }
  lpod_http_result answer = {.status = status, .body = body ? body : "", .len = len, .warnings = "", .retry_after = -1};
  if (error->rc != LPOD_E_API) {
    answer.error = error;
  } else if (status / 100 == 2) {
    lpod_fail(
        &told, LPOD_E_API,
        "the server answered %d instead of switching to WebSocket: a proxy in the way that does not pass upgrades?",
        status);
    told.code = status;
    snprintf(told.error_class, sizeof told.error_class, "config");
    end(exec, -1, &told);
    return;
  }
  lpod_status_check("GET", NULL, &answer, &told);
  if (status == 401) told.rc = LPOD_E_CREDENTIAL;
  if (status == 403 && !strstr(told.text, "exec needs")) {
    size_t used = strlen(told.text);
    snprintf(told.text + used, sizeof told.text - used, "%s", hint);
  }
  end(exec, -1, &told);
}

/* After a Status a cut is no news: the server closes first, and answering it may fail (M6). */
static void ended(lpod_exec *exec, const lpod_error *error) {
  lpod_error told = LPOD_ERROR_INIT;
  int exit_code = -1;
  bool judged = lpod_exec_frames_judged(&exec->frames);
  if (!error || (judged && error->rc == LPOD_E_CUT)) {
    lpod_rc rc = lpod_exec_frames_verdict(&exec->frames, &exit_code, &told);
    end(exec, exit_code, rc ? &told : NULL);
    return;
  }
  told = *error;
  lpod_wrap(&told, "the outcome of the command is unknown");
  end(exec, -1, &told);
}

static void on_end(void *arg, const lpod_error *error, int status, const char *body, size_t len) {
  lpod_exec *exec = arg;
  exec->ws = NULL;
  if (!exec->version && error)
    refused(exec, error, status, body, len);
  else
    ended(exec, error);
}

static void on_ready(void *arg, lpod_http *http, const char *authorization, const char *const *headers,
                     const lpod_error *error) {
  lpod_exec *exec = arg;
  lpod_error told = LPOD_ERROR_INIT;
  exec->access = NULL;
  if (error) {
    told = *error;
    end(exec, -1, &told);
    return;
  }
  exec->ws = lpod_websocket_open(http,
                                 &(lpod_websocket_options){.target = exec->target,
                                                           .authorization = authorization,
                                                           .headers = headers,
                                                           .protocols = LPOD_EXEC_PROTOCOLS,
                                                           .on_open = on_open,
                                                           .on_message = on_message,
                                                           .on_end = on_end,
                                                           .arg = exec},
                                 &told);
  if (!exec->ws)
    end(exec, -1, &told);
  else if (exec->held)
    lpod_websocket_hold(exec->ws, true);
}

/* ---- start ---- */

static lpod_rc check_options(const lpod_exec_options *options, lpod_error *err) {
  if (!options->command || !options->command[0])
    return lpod_fail(err, LPOD_E_USAGE, "exec: the command is empty, expected its words");
  if (!options->use_stdin && !options->use_stdout && !options->use_stderr)
    return lpod_fail(err, LPOD_E_USAGE, "exec: no stream is used, expected at least one of stdin, stdout, stderr");
  if (options->tty && options->use_stderr)
    return lpod_fail(err, LPOD_E_USAGE, "exec: a tty has no stderr of its own, expected use_stderr to be false");
  return LPOD_OK;
}

static lpod_rc exec_target(const lpod_exec_options *options, lpod_buf *target, lpod_error *err) {
  lpod_rc rc = lpod_target_core(target, options->ns, "pods", options->pod ? options->pod : "", "exec", err);
  for (const char *const *word = options->command; !rc && *word; word++)
    rc = lpod_target_query(target, "command", *word, err);
  if (!rc) rc = lpod_target_query(target, "container", options->container, err);
  if (!rc) rc = lpod_target_query(target, "stdin", options->use_stdin ? "true" : NULL, err);
  if (!rc) rc = lpod_target_query(target, "stdout", options->use_stdout ? "true" : NULL, err);
  if (!rc) rc = lpod_target_query(target, "stderr", options->use_stderr ? "true" : NULL, err);
  if (!rc) rc = lpod_target_query(target, "tty", options->tty ? "true" : NULL, err);
  return rc;
}

static lpod_rc begin(lpod_exec *exec, lpod_error *err) {
  const lpod_exec_options *options = &exec->options;
  lpod_rc rc = check_options(options, err);
  if (rc) return rc;
  lpod_buf target = LPOD_BUF_INIT(LPOD_LIMIT_HEADERS);
  rc = exec_target(options, &target, err);
  exec->target = lpod_buf_take(&target, NULL);
  if (rc) return rc;
  exec->what = lpod_text_format("exec in pod %s/%s", options->ns, options->pod);
  if (!exec->target || !exec->what) return lpod_nomem(err);
  if (options->timeout > 0) {
    rc = lpod_timer_start(lpod_kube_loop(exec->kube), &exec->timer, (int64_t)(options->timeout * (double)LPOD_NS_PER_S),
                          err);
    if (rc) return rc;
  }
  exec->access = lpod_kube_get_access(exec->kube, false, on_ready, exec, err);
  return exec->access ? LPOD_OK : LPOD_E_NOMEM;
}

lpod_exec *lpod_exec_start(lpod_kube *kube, const lpod_exec_options *options, lpod_error *err) {
  lpod_exec *exec = calloc(1, sizeof *exec);
  if (!exec) {
    lpod_nomem(err);
    return NULL;
  }
  exec->kube = kube;
  exec->options = *options;
  exec->timer = (lpod_timer){.fire = time_is_up, .arg = exec};
  lpod_exec_frames_init(&exec->frames);
  lpod_buf_init(&exec->waiting, LPOD_LIMIT_WS_OUT);
  if (begin(exec, err) == LPOD_OK) return exec;
  free_exec(exec);
  return NULL;
}
