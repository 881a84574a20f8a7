/* YAML text from values, in the block style people know from kubectl: lists at their key's level, long text as a
 * literal block, double quotes where plain text could be misread. What it writes, our own reader and any reader of
 * YAML 1.1 read back as the same value. */
#include "../base/limits.h"
#include "../base/text.h"
#include "doc.h"
#include "number.h"
#include "yaml.h"
#include "yaml_scalar.h"
#include <inttypes.h>
#include <string.h>

#define SIMPLE_KEY_MAX 128 /* bytes of a key on one line with its value; YAML's own limit is 1024 characters */

static lpod_rc spaces(lpod_buf *out, unsigned count, lpod_error *err) {
  lpod_rc rc = LPOD_OK;
  for (; count && !rc; count--) rc = lpod_buf_addc(out, ' ', err);
  return rc;
}

/* ---- text ---- */

/* The character at text, which is valid UTF-8, and its length. */
static unsigned code_at(const char *text, size_t *len) {
  unsigned char lead = (unsigned char)text[0];
  *len = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  unsigned code = *len == 1 ? lead : lead & (0x7Fu >> *len);
  for (size_t i = 1; i < *len; i++) code = code << 6 | ((unsigned char)text[i] & 0x3F);
  return code;
}

/* May it stand for itself in any YAML stream? Not: controls, NEL, line and paragraph separators, byte order marks. */
static bool is_printable(unsigned code) {
  if (code < 0x20 || (code >= 0x7F && code < 0xA0)) return false;
  return code != 0x2028 && code != 0x2029 && code != 0xFEFF && code != 0xFFFE && code != 0xFFFF;
}

static lpod_rc append_quoted(lpod_buf *out, const char *text, size_t len, lpod_error *err) {
  lpod_rc rc = lpod_buf_addc(out, '"', err);
  size_t count;
  for (size_t at = 0; at < len && !rc; at += count) {
    unsigned code = code_at(text + at, &count);
    if (code == '"' || code == '\\') {
      rc = lpod_buf_add(out, (char[]){'\\', (char)code}, 2, err);
    } else if (code == '\n' || code == '\t' || code == '\r') {
      rc = lpod_buf_add(out, (char[]){'\\', code == '\n' ? 'n' : code == '\t' ? 't' : 'r'}, 2, err);
    } else if (is_printable(code)) {
      rc = lpod_buf_add(out, text + at, count, err);
    } else {
      rc = lpod_buf_addf(out, err, "\\u%04x", code);
    }
  }
  return rc ? rc : lpod_buf_addc(out, '"', err);
}

static bool may_be_plain(const char *text, size_t len) {
  if (!len || text[0] == ' ' || text[len - 1] == ' ' || lpod_yaml_ambiguous(text, len)) return false;
  if (strchr("?:,[]{}#&*!|>'\"%@`", text[0])) return false;
  if (text[0] == '-' && (len == 1 || text[1] == ' ')) return false;
  if (len >= 3 && (memcmp(text, "---", 3) == 0 || memcmp(text, "...", 3) == 0)) return false;
  size_t count;
  for (size_t at = 0; at < len; at += count) {
    if (!is_printable(code_at(text + at, &count))) return false;
    if (text[at] == ':' && (at + 1 == len || text[at + 1] == ' ')) return false;
    if (text[at] == '#' && text[at - 1] == ' ') return false;
  }
  return true;
}

/* Lines without a blank at either end of the text or at the end of a line need no hints for the reader. */
static bool may_be_literal(const char *text, size_t len) {
  if (!len || !memchr(text, '\n', len) || strchr(" \t\n", text[0])) return false;
  size_t count;
  for (size_t at = 0; at < len; at += count) {
    unsigned code = code_at(text + at, &count);
    bool blank = code == ' ' || code == '\t';
    if (blank && (at + 1 == len || text[at + 1] == '\n')) return false;
    if (code != '\n' && code != '\t' && !is_printable(code)) return false;
  }
  return true;
}

static lpod_rc append_literal(lpod_buf *out, const char *text, size_t len, unsigned column, lpod_error *err) {
  bool ends = text[len - 1] == '\n', keeps = ends && text[len - 2] == '\n';
  lpod_rc rc = lpod_buf_adds(out, keeps ? "|+" : ends ? "|" : "|-", err);
  for (size_t at = 0; at < len && !rc;) {
    const char *end = memchr(text + at, '\n', len - at);
    size_t count = end ? (size_t)(end - text) - at : len - at;
    rc = lpod_buf_addc(out, '\n', err);
    if (!rc && count) rc = spaces(out, column, err);
    if (!rc) rc = lpod_buf_add(out, text + at, count, err);
    at += count + 1;
  }
  return rc;
}

static lpod_rc check_utf8(const char *text, size_t len, lpod_error *err) {
  return lpod_utf8_valid(text, len) ? LPOD_OK : lpod_fail(err, LPOD_E_PARSE, "text that is not UTF-8");
}

static lpod_rc append_string(lpod_buf *out, const char *text, size_t len, unsigned column, lpod_error *err) {
  lpod_rc rc = check_utf8(text, len, err);
  if (rc) return rc;
  if (may_be_plain(text, len)) return lpod_buf_add(out, text, len, err);
  if (may_be_literal(text, len)) return append_literal(out, text, len, column, err);
  return append_quoted(out, text, len, err);
}

/* Readers of YAML 1.1 want a dot in every number that is not whole. */
static lpod_rc append_double(lpod_buf *out, double number, lpod_error *err) {
  char text[LPOD_NUMBER_TEXT];
  size_t len = lpod_number_format(number, text);
  const char *exponent = memchr(text, 'e', len);
  if (!exponent || memchr(text, '.', len)) return lpod_buf_add(out, text, len, err);
  return lpod_buf_addf(out, err, "%.*s.0%s", (int)(exponent - text), text, exponent);
}

/* ---- the tree ---- */

static bool is_block(const lpod_value *value) {
  return (lpod_value_type(value) == LPOD_ARRAY || lpod_value_type(value) == LPOD_OBJECT) && value->count;
}

/* On the current line; literal text goes on at column. */
static lpod_rc append_scalar(lpod_buf *out, const lpod_value *value, unsigned column, lpod_error *err) {
  switch (lpod_value_type(value)) {
  case LPOD_NULL: return lpod_buf_adds(out, "null", err);
  case LPOD_BOOL: return lpod_buf_adds(out, value->boolean ? "true" : "false", err);
  case LPOD_INT: return lpod_buf_addf(out, err, "%" PRId64, value->as.integer);
  case LPOD_DOUBLE: return append_double(out, value->as.number, err);
  case LPOD_STRING: return append_string(out, value->as.text, value->count, column, err);
  case LPOD_ARRAY: return lpod_buf_adds(out, "[]", err);
  case LPOD_OBJECT: return lpod_buf_adds(out, "{}", err);
  }
  return lpod_fail(err, LPOD_E_USAGE, "a value of an unknown type");
}

static lpod_rc append_key(lpod_buf *out, const lpod_value *entry, unsigned column, lpod_error *err) {
  lpod_rc rc = check_utf8(entry->key, entry->key_len, err);
  bool simple = entry->key_len <= SIMPLE_KEY_MAX;
  if (!rc && !simple) rc = lpod_buf_adds(out, "? ", err);
  if (rc) return rc;
  if (may_be_plain(entry->key, entry->key_len)) {
    rc = lpod_buf_add(out, entry->key, entry->key_len, err);
  } else {
    rc = append_quoted(out, entry->key, entry->key_len, err);
  }
  if (!rc && !simple) rc = lpod_buf_addc(out, '\n', err);
  if (!rc && !simple) rc = spaces(out, column, err);
  return rc ? rc : lpod_buf_addc(out, ':', err);
}

static lpod_rc append_block(lpod_buf *out, const lpod_value *value, unsigned column, unsigned depth, lpod_error *err);

static lpod_rc append_entry(lpod_buf *out, const lpod_value *entry, unsigned column, unsigned depth, lpod_error *err) {
  lpod_rc rc = append_key(out, entry, column, err);
  if (rc) return rc;
  if (!is_block(entry)) {
    rc = lpod_buf_addc(out, ' ', err);
    return rc ? rc : append_scalar(out, entry, column + 2, err);
  }
  unsigned inner = entry->type == LPOD_ARRAY ? column : column + 2;
  rc = lpod_buf_addc(out, '\n', err);
  if (!rc) rc = spaces(out, inner, err);
  return rc ? rc : append_block(out, entry, inner, depth, err);
}

/* A list or map that has children, from column on; the first line is indented already, the last one not yet ended. */
static lpod_rc append_block(lpod_buf *out, const lpod_value *value, unsigned column, unsigned depth, lpod_error *err) {
  if (depth == LPOD_LIMIT_JSON_DEPTH) {
    return lpod_fail(err, LPOD_E_LIMIT, "nested deeper than %u levels", LPOD_LIMIT_JSON_DEPTH);
  }
  lpod_rc rc = LPOD_OK;
  for (const lpod_value *child = value->as.children.first; child && !rc; child = child->next) {
    if (child != value->as.children.first) {
      rc = lpod_buf_addc(out, '\n', err);
      if (!rc) rc = spaces(out, column, err);
    }
    if (!rc && value->type == LPOD_OBJECT) {
      rc = append_entry(out, child, column, depth + 1, err);
    } else if (!rc) {
      rc = lpod_buf_add(out, "- ", 2, err);
      if (!rc && is_block(child))
        rc = append_block(out, child, column + 2, depth + 1, err);
      else if (!rc)
        rc = append_scalar(out, child, column + 2, err);
    }
  }
  return rc;
}

lpod_rc lpod_yaml_append(lpod_buf *out, const lpod_value *value, lpod_error *err) {
  lpod_rc rc = is_block(value) ? append_block(out, value, 0, 0, err) : append_scalar(out, value, 2, err);
  return rc ? rc : lpod_buf_addc(out, '\n', err);
}

lpod_rc lpod_yaml_write(const lpod_value *value, char **text, size_t *len, lpod_error *err) {
  lpod_buf out = LPOD_BUF_INIT(LPOD_LIMIT_TEXT);
  *text = NULL;
  lpod_rc rc = lpod_yaml_append(&out, value, err);
  if (!rc) *text = lpod_buf_take(&out, len);
  lpod_buf_free(&out);
  return rc;
}
