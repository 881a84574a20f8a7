/* Values: what JSON and YAML hold, as one tree. A document owns every value in it (one arena); values are
 * borrowed from their document and live as long as it does. Integers (int64) and doubles are kept apart, an
 * empty list apart from an empty map and from null; strings may hold NUL, so they carry their length (and a
 * closing NUL beyond it). Maps keep the order of their keys; a key occurs once. Not safe across threads. */
#ifndef LUNAPOD_VALUE_H
#define LUNAPOD_VALUE_H

#include <lunapod/error.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum lpod_type {
  LPOD_NULL,
  LPOD_BOOL,
  LPOD_INT,
  LPOD_DOUBLE,
  LPOD_STRING,
  LPOD_ARRAY,
  LPOD_OBJECT,
} lpod_type;

typedef struct lpod_doc lpod_doc;
typedef struct lpod_value lpod_value;

/* ---- documents ---- */

/* ceiling: most bytes the arena may take; 0 = the default of limits.h. NULL on no memory. */
LPOD_API lpod_doc *lpod_doc_new(size_t ceiling);
LPOD_API void lpod_doc_free(lpod_doc *doc); /* NULL is fine */
LPOD_API lpod_value *lpod_doc_root(const lpod_doc *doc);
LPOD_API void lpod_doc_set_root(lpod_doc *doc, lpod_value *root);
/* Forget every value but keep the memory, so that the next document of that size allocates nothing. */
LPOD_API void lpod_doc_reset(lpod_doc *doc);
LPOD_API size_t lpod_doc_bytes(const lpod_doc *doc);

/* ---- reading ---- */

/* All accept NULL (absent) and answer LPOD_NULL, 0, NULL or the fallback. */
LPOD_API lpod_type lpod_value_type(const lpod_value *value);
LPOD_API const char *lpod_type_name(lpod_type type); /* "null" "boolean" "integer" "number" "string" "list" "map" */
LPOD_API bool lpod_value_bool(const lpod_value *value, bool fallback);
LPOD_API int64_t lpod_value_int(const lpod_value *value, int64_t fallback);  /* LPOD_INT only */
LPOD_API double lpod_value_number(const lpod_value *value, double fallback); /* LPOD_INT or LPOD_DOUBLE */
/* NULL unless a string; len may be NULL. */
LPOD_API const char *lpod_value_string(const lpod_value *value, size_t *len);
LPOD_API size_t lpod_value_count(const lpod_value *value); /* items of a list, entries of a map; else 0 */
/* Walk a list or map in order: first child, then next sibling; key of a map's entry. */
LPOD_API const lpod_value *lpod_value_first(const lpod_value *value);
LPOD_API const lpod_value *lpod_value_next(const lpod_value *value);
LPOD_API const char *lpod_value_key(const lpod_value *value, size_t *len);
LPOD_API const lpod_value *lpod_value_at(const lpod_value *list, size_t index); /* from 0 */
LPOD_API const lpod_value *lpod_value_get(const lpod_value *map, const char *key);
/* Down a path of keys: lpod_value_path(pod, "metadata", "uid", NULL). */
LPOD_API const lpod_value *lpod_value_path(const lpod_value *map, ...);
/* The string under a key, or "" when absent or not a string. */
LPOD_API const char *lpod_value_text(const lpod_value *map, const char *key);
LPOD_API bool lpod_value_is(const lpod_value *value, const char *text); /* string equal to text */
/* Same type and content; maps regardless of order. */
LPOD_API bool lpod_value_equal(const lpod_value *a, const lpod_value *b);

/* ---- building (NULL on no memory or ceiling) ---- */

LPOD_API lpod_value *lpod_value_new(lpod_doc *doc, lpod_type type); /* null, false, 0, "", [], {} */
LPOD_API lpod_value *lpod_value_new_bool(lpod_doc *doc, bool value);
LPOD_API lpod_value *lpod_value_new_int(lpod_doc *doc, int64_t value);
LPOD_API lpod_value *lpod_value_new_double(lpod_doc *doc, double value); /* must be finite */
LPOD_API lpod_value *lpod_value_new_string(lpod_doc *doc, const char *text, size_t len);
LPOD_API lpod_value *lpod_value_copy(lpod_doc *doc, const lpod_value *value); /* deep */
/* Append to a list. false when item is NULL (so that the constructors nest). */
LPOD_API bool lpod_value_push(lpod_value *list, lpod_value *item);
/* Set a key (copied); an entry with that key is replaced in its place. */
LPOD_API bool lpod_value_set(lpod_doc *doc, lpod_value *map, const char *key, size_t len, lpod_value *value);
/* Set a key to a string or to an integer. */
LPOD_API bool lpod_value_set_string(lpod_doc *doc, lpod_value *map, const char *key, const char *text);
LPOD_API bool lpod_value_set_int(lpod_doc *doc, lpod_value *map, const char *key, int64_t value);
/* The map under a key, made if it is not there (or null). NULL if something else is there. */
LPOD_API lpod_value *lpod_value_map(lpod_doc *doc, lpod_value *map, const char *key);
LPOD_API bool lpod_value_remove(lpod_value *map, const char *key);

/* ---- text ---- */

/* One JSON text (RFC 8259, strict; nesting, size and int64 limits of limits.h). Errors name line and column.
 * Caller owns *out. */
LPOD_API lpod_rc lpod_json_parse(const char *text, size_t len, lpod_doc **out, lpod_error *err);
/* All documents of a YAML stream (JSON is YAML, too): a list of them is the root of *out. name is put into
 * errors ("name:line:column: ..."); limits of limits.h. Each value remembers its line: lpod_value_line. */
LPOD_API lpod_rc lpod_yaml_parse(const char *text, size_t len, const char *name, lpod_doc **out, lpod_error *err);
LPOD_API unsigned lpod_value_line(const lpod_value *value); /* from 1; 0 = not known */
/* Malloc'ed, closed by NUL; the caller frees *text with lpod_text_free. indent 0 = one line. */
LPOD_API lpod_rc lpod_json_write(const lpod_value *value, int indent, char **text, size_t *len, lpod_error *err);
LPOD_API lpod_rc lpod_yaml_write(const lpod_value *value, char **text, size_t *len, lpod_error *err);
LPOD_API void lpod_text_free(char *text);

#ifdef __cplusplus
}
#endif
#endif
