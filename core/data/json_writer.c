/* JSON text from values. What it writes, the reader reads back as an equal value: doubles keep a dot or an exponent,
 * NUL and control characters are escaped, text that is not UTF-8 is refused. Depth is bounded as it is for reading. */
#include "../base/limits.h"
#include "../base/text.h"
#include "doc.h"
#include "json.h"
#include "number.h"
#include <inttypes.h>
#include <stdlib.h>

static lpod_rc add_escape(lpod_buf *out, unsigned char c, lpod_error *err) {
  switch (c) {
  case '"': return lpod_buf_add(out, "\\\"", 2, err);
  case '\\': return lpod_buf_add(out, "\\\\", 2, err);
  case '\b': return lpod_buf_add(out, "\\b", 2, err);
  case '\f': return lpod_buf_add(out, "\\f", 2, err);
  case '\n': return lpod_buf_add(out, "\\n", 2, err);
  case '\r': return lpod_buf_add(out, "\\r", 2, err);
  case '\t': return lpod_buf_add(out, "\\t", 2, err);
  default: return lpod_buf_addf(out, err, "\\u%04x", c);
  }
}

static bool needs_escape(char c) { return (unsigned char)c < 0x20 || c == '"' || c == '\\'; }

lpod_rc lpod_json_append_string(lpod_buf *out, const char *text, size_t len, lpod_error *err) {
  if (!lpod_utf8_valid(text, len)) return lpod_fail(err, LPOD_E_PARSE, "text that is not UTF-8");
  lpod_rc rc = lpod_buf_reserve(out, len + 2, err);
  if (!rc) rc = lpod_buf_addc(out, '"', err);
  for (size_t at = 0; at < len && !rc;) {
    size_t end = at;
    while (end < len && !needs_escape(text[end])) end++;
    rc = lpod_buf_add(out, text + at, end - at, err);
    if (!rc && end < len) rc = add_escape(out, (unsigned char)text[end++], err);
    at = end;
  }
  return rc ? rc : lpod_buf_addc(out, '"', err);
}

static lpod_rc new_line(lpod_buf *out, int indent, unsigned depth, lpod_error *err) {
  if (indent <= 0) return LPOD_OK;
  lpod_rc rc = lpod_buf_addc(out, '\n', err);
  for (size_t spaces = (size_t)indent * depth; spaces && !rc; spaces--) rc = lpod_buf_addc(out, ' ', err);
  return rc;
}

static lpod_rc append(lpod_buf *out, const lpod_value *value, int indent, unsigned depth, lpod_error *err);

static lpod_rc append_children(lpod_buf *out, const lpod_value *value, int indent, unsigned depth, lpod_error *err) {
  bool map = value->type == LPOD_OBJECT;
  if (depth == LPOD_LIMIT_JSON_DEPTH) {
    return lpod_fail(err, LPOD_E_LIMIT, "nested deeper than %u levels", LPOD_LIMIT_JSON_DEPTH);
  }
  lpod_rc rc = lpod_buf_addc(out, map ? '{' : '[', err);
  for (const lpod_value *child = value->as.children.first; child && !rc; child = child->next) {
    if (child != value->as.children.first) rc = lpod_buf_addc(out, ',', err);
    if (!rc) rc = new_line(out, indent, depth + 1, err);
    if (!rc && map) {
      rc = lpod_json_append_string(out, child->key, child->key_len, err);
      if (!rc) rc = lpod_buf_add(out, ": ", indent > 0 ? 2 : 1, err);
    }
    if (!rc) rc = append(out, child, indent, depth + 1, err);
  }
  if (!rc && value->count) rc = new_line(out, indent, depth, err);
  return rc ? rc : lpod_buf_addc(out, map ? '}' : ']', err);
}

static lpod_rc append(lpod_buf *out, const lpod_value *value, int indent, unsigned depth, lpod_error *err) {
  char number[LPOD_NUMBER_TEXT];
  switch (lpod_value_type(value)) {
  case LPOD_NULL: return lpod_buf_add(out, "null", 4, err);
  case LPOD_BOOL: return lpod_buf_adds(out, value->boolean ? "true" : "false", err);
  case LPOD_INT: return lpod_buf_addf(out, err, "%" PRId64, value->as.integer);
  case LPOD_DOUBLE: return lpod_buf_add(out, number, lpod_number_format(value->as.number, number), err);
  case LPOD_STRING: return lpod_json_append_string(out, value->as.text, value->count, err);
  case LPOD_ARRAY:
  case LPOD_OBJECT: return append_children(out, value, indent, depth, err);
  }
  return lpod_fail(err, LPOD_E_USAGE, "a value of an unknown type");
}

lpod_rc lpod_json_append(lpod_buf *out, const lpod_value *value, int indent, lpod_error *err) {
  return append(out, value, indent, 0, err);
}

lpod_rc lpod_json_write(const lpod_value *value, int indent, char **text, size_t *len, lpod_error *err) {
  lpod_buf out = LPOD_BUF_INIT(LPOD_LIMIT_TEXT);
  *text = NULL;
  lpod_rc rc = lpod_json_append(&out, value, indent, err);
  if (!rc) *text = lpod_buf_take(&out, len);
  lpod_buf_free(&out);
  return rc;
}

void lpod_text_free(char *text) { free(text); }
