/* Errors as values: filling, wrapping and naming them. A message is one line of at most 1023 bytes; what is longer
 * ends in an ellipsis, cut between two UTF-8 characters. Text is formatted aside first, because an argument may be
 * the very text that is being replaced. Nothing here allocates, so that it also serves when memory is short. */
#include <lunapod/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_SIZE sizeof(((lpod_error *)0)->text)

static const char ELLIPSIS[] = "\xE2\x80\xA6";

/* Put text that was cut at its end in order: whole UTF-8 characters, then the ellipsis. */
static void mark_cut(char text[TEXT_SIZE]) {
  size_t end = TEXT_SIZE - sizeof ELLIPSIS;
  while (end > 0 && ((unsigned char)text[end] & 0xC0) == 0x80) end--;
  memcpy(text + end, ELLIPSIS, sizeof ELLIPSIS);
}

static void one_line(char *text) {
  for (; *text; text++) {
    if ((unsigned char)*text < 0x20 || *text == 0x7F) *text = ' ';
  }
}

/* A format that cannot be printed leaves what vsnprintf wrote so far, which beats no message at all. */
static void format_text(char text[TEXT_SIZE], const char *format, va_list args) {
  text[0] = '\0';
  int len = vsnprintf(text, TEXT_SIZE, format, args);
  if (len >= 0 && (size_t)len >= TEXT_SIZE) mark_cut(text);
  one_line(text);
}

void lpod_error_clear(lpod_error *err) {
  if (!err) return;
  err->rc = LPOD_OK;
  err->code = 0;
  err->retryable = false;
  err->retry_after = -1.0;
  err->reason[0] = err->error_class[0] = err->text[0] = '\0';
}

lpod_rc lpod_fail(lpod_error *err, lpod_rc rc, const char *format, ...) {
  if (!err) return rc;
  char text[TEXT_SIZE];
  va_list args;
  va_start(args, format);
  format_text(text, format, args);
  va_end(args);
  lpod_error_clear(err);
  err->rc = rc;
  memcpy(err->text, text, strlen(text) + 1);
  return rc;
}

lpod_rc lpod_wrap(lpod_error *err, const char *format, ...) {
  if (!err) return LPOD_E_USAGE;
  char text[TEXT_SIZE];
  va_list args;
  va_start(args, format);
  format_text(text, format, args);
  va_end(args);
  size_t len = strlen(text), rest = strlen(err->text);
  bool cut = len + 2 + rest >= TEXT_SIZE;
  if (len > TEXT_SIZE - 3) len = TEXT_SIZE - 3;
  memcpy(text + len, ": ", 2);
  len += 2;
  if (rest > TEXT_SIZE - 1 - len) rest = TEXT_SIZE - 1 - len;
  memcpy(text + len, err->text, rest);
  text[len + rest] = '\0';
  if (cut) mark_cut(text);
  memcpy(err->text, text, strlen(text) + 1);
  return err->rc;
}

lpod_rc lpod_nomem(lpod_error *err) { return lpod_fail(err, LPOD_E_NOMEM, "out of memory"); }

const char *lpod_rc_name(lpod_rc rc) {
  switch (rc) {
  case LPOD_OK: return "OK";
  case LPOD_E_NOMEM: return "NOMEM";
  case LPOD_E_USAGE: return "USAGE";
  case LPOD_E_CONFIG: return "CONFIG";
  case LPOD_E_PARSE: return "PARSE";
  case LPOD_E_LIMIT: return "LIMIT";
  case LPOD_E_IO: return "IO";
  case LPOD_E_CONNECT: return "CONNECT";
  case LPOD_E_TLS: return "TLS";
  case LPOD_E_CUT: return "CUT";
  case LPOD_E_TIMEOUT: return "TIMEOUT";
  case LPOD_E_API: return "API";
  case LPOD_E_CREDENTIAL: return "CREDENTIAL";
  case LPOD_E_CANCELLED: return "CANCELLED";
  case LPOD_E_TASK: return "TASK";
  }
  return "UNKNOWN";
}
