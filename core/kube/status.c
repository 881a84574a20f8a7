/* Answers into errors: Status bodies and what stands in their place (E1–E4, E9). Pure. Decides nothing about
 * repetition, which is retry.c's. Invariants: every message is one line; err.code and err.reason agree with what the
 * server said, the reason of a cause taking the place of the Status's own where it alone tells what to do
 * (ResourceVersionTooLarge). */
#include "status.h"
#include "support.h"
#include "../base/limits.h"
#include "../base/text.h"
#include <stdio.h>
#include <string.h>

static const struct {
  const char *reason;
  int code;
} reasons[] = {
    {"BadRequest", 400},
    {"Unauthorized", 401},
    {"Forbidden", 403},
    {"NotFound", 404},
    {"MethodNotAllowed", 405},
    {"NotAcceptable", 406},
    {"AlreadyExists", 409},
    {"Conflict", 409},
    {"Gone", 410},
    {"Expired", 410},
    {"RequestEntityTooLarge", 413},
    {"UnsupportedMediaType", 415},
    {"Invalid", 422},
    {"TooManyRequests", 429},
    {"InternalError", 500},
    {"ServerTimeout", 500},
    {"StoreReadError", 500},
    {"ServiceUnavailable", 503},
    {"Timeout", 504},
};
enum { REASONS = sizeof reasons / sizeof *reasons };

int lpod_reason_code(const char *reason) {
  for (size_t i = 0; i < REASONS; i++)
    if (!strcmp(reason, reasons[i].reason)) return reasons[i].code;
  return 0;
}

/* E2: the reason when only the HTTP status is known. */
static const char *reason_of_code(int code, const char *method) {
  if (code == 409) return method && !strcmp(method, "POST") ? "AlreadyExists" : "Conflict";
  for (size_t i = 0; i < REASONS; i++)
    if (reasons[i].code == code) return reasons[i].reason;
  return code >= 500 ? "InternalError" : "";
}

/* Append text as part of one line: white space and control characters become single blanks, wrong UTF-8 visible. */
static void append_line(lpod_buf *out, const char *text, size_t len) {
  if (len > LPOD_LIMIT_STATUS_TEXT) {
    len = LPOD_LIMIT_STATUS_TEXT;
    while (len && ((unsigned char)text[len] & 0xc0) == 0x80) len--;
  }
  size_t start = 0;
  for (size_t i = 0; i <= len; i++) {
    if (i < len && (unsigned char)text[i] > ' ' && text[i] != 0x7f) continue;
    if (i > start) {
      bool joins = out->len && out->data[out->len - 1] != ' ';
      if (joins && start) lpod_buf_addc(out, ' ', NULL);
      lpod_utf8_escape(out, text + start, i - start, NULL);
    }
    start = i + 1;
  }
}

const char *lpod_status_cause(const lpod_value *status, const char *reason) {
  const lpod_value *cause = lpod_value_first(lpod_value_path(status, "details", "causes", NULL));
  for (; cause; cause = lpod_value_next(cause))
    if (lpod_value_is(lpod_value_get(cause, "reason"), reason)) return lpod_value_text(cause, "message");
  return NULL;
}

/* X18: causes whose field the message does not name already. */
static void append_causes(lpod_buf *out, const lpod_value *status, const char *message) {
  const lpod_value *cause = lpod_value_first(lpod_value_path(status, "details", "causes", NULL));
  bool open = false;
  for (; cause; cause = lpod_value_next(cause)) {
    const char *field = lpod_value_text(cause, "field"), *text = lpod_value_text(cause, "message");
    if (!*field || strstr(message, field)) continue;
    lpod_buf_adds(out, open ? "; " : " (", NULL);
    open = true;
    append_line(out, field, strlen(field));
    lpod_buf_adds(out, ": ", NULL);
    append_line(out, text, strlen(text));
  }
  if (open) lpod_buf_addc(out, ')', NULL);
}

/* The text between before and the next after, which follows it; NULL when it is not there. */
static const char *between(const char *text, const char *before, const char *after, int *len) {
  const char *start = text ? strstr(text, before) : NULL;
  if (!start) return NULL;
  start += strlen(before);
  const char *end = strstr(start, after);
  if (!end) return NULL;
  *len = (int)(end - start);
  return start;
}

/* The authorizer's own words name what is missing: `User "u" cannot create resource "pods/exec" in API group "" in the
 * namespace "x"`. Said again at the end, plainly, since that is what an administrator has to grant. */
static void append_right(lpod_buf *out, const char *message) {
  int verb_len = 0, resource_len = 0, ns_len = 0;
  const char *verb = between(message, "\" cannot ", " ", &verb_len);
  const char *resource = between(verb, " resource \"", "\"", &resource_len);
  if (!resource || verb + verb_len + strlen(" resource \"") != resource) return;
  const char *ns = between(resource, "in the namespace \"", "\"", &ns_len);
  lpod_buf_addf(out, NULL, " (missing right: %.*s %.*s", verb_len, verb, resource_len, resource);
  if (ns)
    lpod_buf_addf(out, NULL, " in namespace %.*s", ns_len, ns);
  else
    lpod_buf_adds(out, " in the whole cluster", NULL);
  if (!strncmp(resource, "pods/exec\"", 10) && !strncmp(verb, "create ", 7)) /* EX10 */
    lpod_buf_adds(out, "; from Kubernetes 1.35 on exec needs create, get is not enough", NULL);
  lpod_buf_addc(out, ')', NULL);
}

static bool is_quota(const char *message) { return strstr(message, "exceeded quota") != NULL; }

static const char *class_of(int code, const char *reason, const lpod_value *status, const char *message) {
  switch (code) {
  case 401: return "credential";
  case 403:
    if (is_quota(message)) return "capacity";
    return lpod_status_cause(status, "NamespaceTerminating") ? "config" : "permission";
  case 404: return lpod_value_is(lpod_value_path(status, "details", "kind", NULL), "namespaces") ? "config" : "";
  case 409: return strcmp(reason, "Conflict") ? "config" : "infra";
  case 410: return "";
  case 408:
  case 429: return "infra";
  default: return code >= 500 ? "infra" : "config";
  }
}

/* Everything about an answer of this code; status is NULL when the body was something else, which is body then. */
static lpod_rc fill(lpod_error *err, int code, const char *method, const lpod_value *status, const char *body,
                    size_t len, double retry_after) {
  const char *reason = lpod_value_text(status, "reason");
  int known = lpod_reason_code(reason);
  if (!*reason) reason = reason_of_code(code, method);
  if (!known) known = code;
  const char *message = lpod_value_text(status, "message");
  if (retry_after < 0) {
    double details = lpod_value_number(lpod_value_path(status, "details", "retryAfterSeconds", NULL), 0);
    retry_after = details > 0 ? details : -1;
  }

  lpod_buf text = LPOD_BUF_INIT(8 * LPOD_LIMIT_STATUS_TEXT);
  lpod_buf_addf(&text, NULL, "%d%s%.64s", code, *reason ? " " : "", reason);
  if (*message) {
    lpod_buf_adds(&text, ": ", NULL);
    append_line(&text, message, strlen(message));
  } else if (status) {
    lpod_buf_adds(&text, ": the server gave no message", NULL);
  } else if (len) {
    lpod_buf_adds(&text,
                  code < 400 ? ": a redirect, which is not followed: "
                             : ": not an answer of Kubernetes (a proxy in the way?): ",
                  NULL);
    append_line(&text, body, len);
  } else {
    lpod_buf_adds(&text, code < 400 ? ": a redirect, which is not followed" : ": an answer without text", NULL);
  }
  append_causes(&text, status, message);
  if (known == 403) append_right(&text, message);

  const char *error_class = class_of(known, reason, status, message);
  if (lpod_status_cause(status, "ResourceVersionTooLarge")) reason = "ResourceVersionTooLarge"; /* W7 */
  lpod_fail(err, LPOD_E_API, "%s", text.data ? text.data : reason);
  lpod_buf_free(&text);
  err->code = code;
  err->retry_after = retry_after;
  err->retryable =
      known >= 500 || known == 429 || known == 408 || !strcmp(reason, "Conflict") || !strcmp(error_class, "capacity");
  snprintf(err->reason, sizeof err->reason, "%s", reason);
  snprintf(err->error_class, sizeof err->error_class, "%s", error_class);
  return LPOD_E_API;
}

static bool is_status(const lpod_value *value) { return lpod_value_is(lpod_value_get(value, "kind"), "Status"); }

lpod_rc lpod_status_error(const lpod_value *status, lpod_error *err) {
  lpod_error scratch = LPOD_ERROR_INIT;
  if (lpod_value_is(lpod_value_get(status, "status"), "Success")) return LPOD_OK;
  int code = (int)lpod_value_int(lpod_value_get(status, "code"), 0);
  if (!code) code = lpod_reason_code(lpod_value_text(status, "reason"));
  return fill(err ? err : &scratch, code, NULL, status, "", 0, -1);
}

/* No answer at all: the transport's words, with what follows from the kind of failure. */
static lpod_rc no_answer(const lpod_error *error, lpod_error *err) {
  *err = *error;
  const char *error_class = err->error_class;
  switch (err->rc) {
  case LPOD_E_CONNECT:
  case LPOD_E_CUT:
  case LPOD_E_TIMEOUT:
    err->retryable = true;
    error_class = "infra";
    break;
  case LPOD_E_TLS:
  case LPOD_E_CONFIG: error_class = "config"; break;
  case LPOD_E_CREDENTIAL: error_class = "credential"; break;
  case LPOD_E_PARSE:
  case LPOD_E_LIMIT: error_class = "infra"; break;
  default: break;
  }
  if (error_class != err->error_class) snprintf(err->error_class, sizeof err->error_class, "%s", error_class);
  return err->rc;
}

/* E3: a success whose body is a failed Status. The words are looked for first, so that ordinary answers are not parsed
 * twice. */
static bool may_be_failure(const lpod_http_result *result) {
  return memmem(result->body, result->len, "\"Status\"", 8) && memmem(result->body, result->len, "\"Failure\"", 9);
}

lpod_rc lpod_status_check(const char *method, const char *what, const lpod_http_result *result, lpod_error *err) {
  lpod_error scratch = LPOD_ERROR_INIT;
  if (!err) err = &scratch;
  lpod_rc rc = LPOD_OK;
  bool good = result->status >= 200 && result->status < 300;
  if (result->error) {
    rc = no_answer(result->error, err);
  } else if (!good || may_be_failure(result)) {
    lpod_doc *doc = NULL;
    if (result->len) lpod_json_parse(result->body, result->len, &doc, NULL);
    const lpod_value *root = doc ? lpod_doc_root(doc) : NULL;
    const lpod_value *status = is_status(root) ? root : NULL;
    int code = result->status;
    if (good) code = (int)lpod_value_int(lpod_value_get(status, "code"), code);
    if (!good || (status && lpod_value_is(lpod_value_get(status, "status"), "Failure")))
      rc = fill(err, code, method, status, result->body, result->len, result->retry_after);
    lpod_doc_free(doc);
  }
  return rc && what ? lpod_wrap(err, "%s", what) : rc;
}
