/* See exec_frames.h. Invariant: an exit code is only ever read out of a Status that says so; everything else is an
 * error, so that a cut connection can never look like success (EX6, X38). */
#include "exec_frames.h"
#include "status.h"
#include "../base/limits.h"
#include "../base/text.h"
#include <string.h>

enum { STDIN = 0, STDOUT = 1, STDERR = 2, STATUS = 3, RESIZE = 4, CLOSE = 255 };

void lpod_exec_frames_init(lpod_exec_frames *frames) {
  frames->unknown = 0;
  lpod_buf_init(&frames->status, LPOD_LIMIT_ERROR_BODY);
}

void lpod_exec_frames_free(lpod_exec_frames *frames) { lpod_buf_free(&frames->status); }

int lpod_exec_version(const char *protocol) {
  if (!protocol) return 0;
  if (strcmp(protocol, "v5.channel.k8s.io") == 0) return 5;
  return strcmp(protocol, "v4.channel.k8s.io") == 0 ? 4 : 0;
}

lpod_rc lpod_exec_frames_read(lpod_exec_frames *frames, const char *data, size_t len, int *channel,
                              const char **payload, size_t *payload_len, lpod_error *err) {
  *channel = -1;
  *payload = data;
  *payload_len = 0;
  if (!len) return LPOD_OK;
  int found = (unsigned char)data[0];
  switch (found) {
  case STDOUT:
  case STDERR:
    *channel = found;
    *payload = data + 1;
    *payload_len = len - 1;
    return LPOD_OK;
  case STATUS: return lpod_buf_add(&frames->status, data + 1, len - 1, err);
  case STDIN:
  case RESIZE:
  case CLOSE: return LPOD_OK; /* ours to send; from a server they mean nothing */
  default: frames->unknown++; return LPOD_OK;
  }
}

bool lpod_exec_frames_judged(const lpod_exec_frames *frames) { return frames->status.len > 0; }

static lpod_rc read_status(const lpod_value *status, int *exit_code, lpod_error *err) {
  if (!lpod_value_is(lpod_value_get(status, "kind"), "Status") &&
      lpod_value_type(lpod_value_get(status, "status")) != LPOD_STRING)
    return lpod_fail(err, LPOD_E_PARSE, "exec status: found a %s without a status, expected kind: Status",
                     lpod_type_name(lpod_value_type(status)));
  if (lpod_value_is(lpod_value_get(status, "status"), "Success")) {
    *exit_code = 0;
    return LPOD_OK;
  }
  if (lpod_value_is(lpod_value_get(status, "reason"), "NonZeroExitCode")) {
    const char *text = lpod_status_cause(status, "ExitCode");
    int64_t code = text ? lpod_text_int(text, -1) : -1;
    if (code < 1 || code > INT32_MAX)
      return lpod_fail(err, LPOD_E_PARSE,
                       "exec status: found NonZeroExitCode with exit code \"%.32s\", expected a number above 0",
                       text ? text : "");
    *exit_code = (int)code;
    return LPOD_OK;
  }
  if (lpod_status_error(status, err) == LPOD_OK)
    return lpod_fail(err, LPOD_E_PARSE, "exec status: found neither Success nor Failure");
  return err ? err->rc : LPOD_E_API;
}

lpod_rc lpod_exec_frames_verdict(const lpod_exec_frames *frames, int *exit_code, lpod_error *err) {
  *exit_code = -1;
  if (!lpod_exec_frames_judged(frames))
    return lpod_fail(err, LPOD_E_CUT,
                     "the connection ended before the status of the command came: its outcome is unknown");
  lpod_doc *doc;
  lpod_rc rc = lpod_json_parse(frames->status.data, frames->status.len, &doc, err);
  if (rc) {
    lpod_wrap(err, "exec status");
    return rc;
  }
  rc = read_status(lpod_doc_root(doc), exit_code, err);
  lpod_doc_free(doc);
  return rc;
}

lpod_rc lpod_exec_frames_stdin(lpod_buf *out, const void *data, size_t len, lpod_error *err) {
  size_t before = out->len;
  lpod_rc rc = lpod_buf_addc(out, STDIN, err);
  if (!rc && (rc = lpod_buf_add(out, data, len, err))) out->len = before;
  return rc;
}
