/* Values: reading, walking, comparing and building the tree. Every reader takes NULL for "absent", so that a path
 * into a document needs no checks on the way. A value is in one container at most; its key lies in the document. */
#include "../base/limits.h"
#include "doc.h"
#include <math.h>
#include <stdarg.h>
#include <string.h>

/* ---- reading ---- */

lpod_type lpod_value_type(const lpod_value *value) { return value ? (lpod_type)value->type : LPOD_NULL; }

const char *lpod_type_name(lpod_type type) {
  static const char *const NAMES[] = {"null", "boolean", "integer", "number", "string", "list", "map"};
  return (unsigned)type < sizeof NAMES / sizeof *NAMES ? NAMES[type] : "unknown";
}

static bool has_type(const lpod_value *value, lpod_type type) { return value && value->type == type; }

bool lpod_value_bool(const lpod_value *value, bool fallback) {
  return has_type(value, LPOD_BOOL) ? value->boolean : fallback;
}

int64_t lpod_value_int(const lpod_value *value, int64_t fallback) {
  return has_type(value, LPOD_INT) ? value->as.integer : fallback;
}

double lpod_value_number(const lpod_value *value, double fallback) {
  if (has_type(value, LPOD_INT)) return (double)value->as.integer;
  return has_type(value, LPOD_DOUBLE) ? value->as.number : fallback;
}

const char *lpod_value_string(const lpod_value *value, size_t *len) {
  bool text = has_type(value, LPOD_STRING);
  if (len) *len = text ? value->count : 0;
  return text ? value->as.text : NULL;
}

static bool is_container(const lpod_value *value) {
  return has_type(value, LPOD_ARRAY) || has_type(value, LPOD_OBJECT);
}

size_t lpod_value_count(const lpod_value *value) { return is_container(value) ? value->count : 0; }

const lpod_value *lpod_value_first(const lpod_value *value) {
  return is_container(value) ? value->as.children.first : NULL;
}

const lpod_value *lpod_value_next(const lpod_value *value) { return value ? value->next : NULL; }

const char *lpod_value_key(const lpod_value *value, size_t *len) {
  if (len) *len = value && value->key ? value->key_len : 0;
  return value ? value->key : NULL;
}

const lpod_value *lpod_value_at(const lpod_value *list, size_t index) {
  if (!has_type(list, LPOD_ARRAY)) return NULL;
  const lpod_value *item = list->as.children.first;
  for (; item && index; index--) item = item->next;
  return item;
}

static bool key_is(const lpod_value *entry, const char *key, size_t len) {
  return entry->key_len == len && memcmp(entry->key, key, len) == 0;
}

/* The entry under a key and the one before it; NULL when there is none. */
static lpod_value *find(const lpod_value *map, const char *key, size_t len, lpod_value **previous) {
  lpod_value *before = NULL;
  lpod_value *entry = has_type(map, LPOD_OBJECT) ? map->as.children.first : NULL;
  for (; entry && !key_is(entry, key, len); entry = entry->next) before = entry;
  if (previous) *previous = before;
  return entry;
}

const lpod_value *lpod_value_get(const lpod_value *map, const char *key) { return find(map, key, strlen(key), NULL); }

const lpod_value *lpod_value_path(const lpod_value *map, ...) {
  va_list keys;
  va_start(keys, map);
  for (const char *key; map && (key = va_arg(keys, const char *));) map = lpod_value_get(map, key);
  va_end(keys);
  return map;
}

const char *lpod_value_text(const lpod_value *map, const char *key) {
  const char *text = lpod_value_string(lpod_value_get(map, key), NULL);
  return text ? text : "";
}

bool lpod_value_is(const lpod_value *value, const char *text) {
  size_t len;
  const char *own = lpod_value_string(value, &len);
  return own && len == strlen(text) && memcmp(own, text, len) == 0;
}

unsigned lpod_value_line(const lpod_value *value) { return value ? value->line : 0; }

static bool equal(const lpod_value *a, const lpod_value *b, unsigned depth);

static bool equal_lists(const lpod_value *a, const lpod_value *b, unsigned depth) {
  const lpod_value *item = a->as.children.first, *other = b->as.children.first;
  for (; item; item = item->next, other = other->next) {
    if (!equal(item, other, depth)) return false;
  }
  return true;
}

/* Maps mostly have their keys in the same order: the next entry is tried before a search. */
static bool equal_maps(const lpod_value *a, const lpod_value *b, unsigned depth) {
  const lpod_value *guess = b->as.children.first;
  for (const lpod_value *entry = a->as.children.first; entry; entry = entry->next) {
    if (!guess || !key_is(guess, entry->key, entry->key_len)) guess = find(b, entry->key, entry->key_len, NULL);
    if (!guess || !equal(entry, guess, depth)) return false;
    guess = guess->next;
  }
  return true;
}

/* Beyond the depth that can be read or written, nothing is equal. */
static bool equal(const lpod_value *a, const lpod_value *b, unsigned depth) {
  lpod_type type = lpod_value_type(a);
  if (type != lpod_value_type(b) || depth > LPOD_LIMIT_JSON_DEPTH) return false;
  switch (type) {
  case LPOD_NULL: return true;
  case LPOD_BOOL: return a->boolean == b->boolean;
  case LPOD_INT: return a->as.integer == b->as.integer;
  case LPOD_DOUBLE: return !(a->as.number < b->as.number) && !(a->as.number > b->as.number);
  case LPOD_STRING: return a->count == b->count && memcmp(a->as.text, b->as.text, a->count) == 0;
  case LPOD_ARRAY: return a->count == b->count && equal_lists(a, b, depth + 1);
  case LPOD_OBJECT: return a->count == b->count && equal_maps(a, b, depth + 1);
  }
  return false;
}

bool lpod_value_equal(const lpod_value *a, const lpod_value *b) { return equal(a, b, 0); }

/* ---- building ---- */

lpod_value *lpod_value_new(lpod_doc *doc, lpod_type type) {
  lpod_value *value = lpod_doc_alloc(doc, sizeof *value);
  if (!value) return NULL;
  memset(value, 0, sizeof *value);
  value->type = (uint8_t)type;
  if (type == LPOD_STRING) value->as.text = "";
  if (type == LPOD_DOUBLE) value->as.number = 0;
  return value;
}

lpod_value *lpod_value_new_bool(lpod_doc *doc, bool boolean) {
  lpod_value *value = lpod_value_new(doc, LPOD_BOOL);
  if (value) value->boolean = boolean;
  return value;
}

lpod_value *lpod_value_new_int(lpod_doc *doc, int64_t integer) {
  lpod_value *value = lpod_value_new(doc, LPOD_INT);
  if (value) value->as.integer = integer;
  return value;
}

lpod_value *lpod_value_new_double(lpod_doc *doc, double number) {
  lpod_value *value = isfinite(number) ? lpod_value_new(doc, LPOD_DOUBLE) : NULL;
  if (value) value->as.number = number;
  return value;
}

lpod_value *lpod_value_new_string(lpod_doc *doc, const char *text, size_t len) {
  const char *copy = lpod_doc_text(doc, text, len);
  lpod_value *value = copy ? lpod_value_new(doc, LPOD_STRING) : NULL;
  if (!value) return NULL;
  value->as.text = copy;
  value->count = (uint32_t)len;
  return value;
}

static lpod_value *copy(lpod_doc *doc, const lpod_value *from, unsigned depth) {
  if (depth > LPOD_LIMIT_JSON_DEPTH) return NULL;
  if (!from) return lpod_value_new(doc, LPOD_NULL);
  lpod_type type = lpod_value_type(from);
  lpod_value *to =
      type == LPOD_STRING ? lpod_value_new_string(doc, from->as.text, from->count) : lpod_value_new(doc, type);
  if (!to) return NULL;
  to->line = from->line;
  to->boolean = from->boolean;
  if (type == LPOD_INT || type == LPOD_DOUBLE) to->as = from->as;
  for (const lpod_value *child = lpod_value_first(from); child; child = child->next) {
    lpod_value *item = copy(doc, child, depth + 1);
    if (!item) return NULL;
    if (type == LPOD_OBJECT) {
      item->key = lpod_doc_text(doc, child->key, child->key_len);
      if (!item->key) return NULL;
      item->key_len = child->key_len;
    }
    lpod_value_link(to, item);
  }
  return to;
}

lpod_value *lpod_value_copy(lpod_doc *doc, const lpod_value *value) { return copy(doc, value, 0); }

bool lpod_value_push(lpod_value *list, lpod_value *item) {
  if (!item || !has_type(list, LPOD_ARRAY)) return false;
  item->key = NULL;
  item->key_len = 0;
  item->next = NULL;
  lpod_value_link(list, item);
  return true;
}

bool lpod_value_set(lpod_doc *doc, lpod_value *map, const char *key, size_t len, lpod_value *value) {
  if (!value || !has_type(map, LPOD_OBJECT)) return false;
  lpod_value *previous, *old = find(map, key, len, &previous);
  if (old == value) return true;
  const char *own = old ? old->key : lpod_doc_text(doc, key, len);
  if (!own) return false;
  value->key = own;
  value->key_len = (uint32_t)len;
  value->next = NULL;
  if (!old) {
    lpod_value_link(map, value);
    return true;
  }
  value->next = old->next;
  if (previous) {
    previous->next = value;
  } else {
    map->as.children.first = value;
  }
  if (map->as.children.last == old) map->as.children.last = value;
  return true;
}

bool lpod_value_set_string(lpod_doc *doc, lpod_value *map, const char *key, const char *text) {
  return lpod_value_set(doc, map, key, strlen(key), lpod_value_new_string(doc, text, strlen(text)));
}

bool lpod_value_set_int(lpod_doc *doc, lpod_value *map, const char *key, int64_t integer) {
  return lpod_value_set(doc, map, key, strlen(key), lpod_value_new_int(doc, integer));
}

lpod_value *lpod_value_map(lpod_doc *doc, lpod_value *map, const char *key) {
  lpod_value *entry = find(map, key, strlen(key), NULL);
  if (has_type(entry, LPOD_OBJECT)) return entry;
  if (entry && entry->type != LPOD_NULL) return NULL;
  lpod_value *made = lpod_value_new(doc, LPOD_OBJECT);
  return lpod_value_set(doc, map, key, strlen(key), made) ? made : NULL;
}

void lpod_value_unlink(lpod_value *parent, lpod_value *previous, lpod_value *child) {
  if (previous) {
    previous->next = child->next;
  } else {
    parent->as.children.first = child->next;
  }
  if (parent->as.children.last == child) parent->as.children.last = previous;
  parent->count--;
  child->next = NULL;
}

bool lpod_value_remove(lpod_value *map, const char *key) {
  lpod_value *previous, *entry = find(map, key, strlen(key), &previous);
  if (!entry) return false;
  lpod_value_unlink(map, previous, entry);
  return true;
}
