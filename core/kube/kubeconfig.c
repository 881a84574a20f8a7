/* See kubeconfig.h. Leaves to others: which files, and what entries mean (config.c). Invariants: an entry comes whole
 * from one file (K4); messages name values never, but for names of entries and files. */
#include "kubeconfig.h"
#include "../base/file.h"
#include "../base/limits.h"
#include "../base/text.h"
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const sections[] = {"clusters", "users", "contexts"};
enum { SECTIONS = sizeof sections / sizeof *sections };

/* ---- scalars ---- */

/* The text of a scalar as kubectl takes it where text is expected: an integer is one, too. NULL: neither. */
static const char *scalar(const lpod_value *value, char space[24], size_t *len) {
  if (lpod_value_type(value) != LPOD_INT) return lpod_value_string(value, len);
  int written = snprintf(space, 24, "%lld", (long long)lpod_value_int(value, 0));
  *len = (size_t)written;
  return space;
}

static bool names(const lpod_value *item, const char *name) {
  char space[24];
  size_t len = 0;
  const char *text = scalar(lpod_value_get(item, "name"), space, &len);
  return text && len == strlen(name) && !memcmp(text, name, len);
}

static lpod_rc fail_at(const char *path, unsigned line, const char *place, lpod_error *err, const char *what) {
  if (!line) return lpod_fail(err, LPOD_E_CONFIG, "%s: %s: %s", path, place, what);
  return lpod_fail(err, LPOD_E_CONFIG, "%s:%u: %s: %s", path, line, place, what);
}

/* ---- checking a file's shape (K3, K6) ---- */

static lpod_rc wrong_type(const lpod_kubeconfig_file *file, const lpod_value *value, const char *place,
                          const char *expected, lpod_error *err) {
  char what[80];
  snprintf(what, sizeof what, "found a %s, expected %s", lpod_type_name(lpod_value_type(value)), expected);
  return fail_at(file->path, lpod_value_line(value), place, err, what);
}

static lpod_rc check_item(const lpod_kubeconfig_file *file, const char *section, const lpod_value *first,
                          const lpod_value *item, lpod_error *err) {
  char space[24], place[400], what[80];
  size_t len = 0;
  if (lpod_value_type(item) != LPOD_OBJECT) return wrong_type(file, item, section, "a map with name", err);
  const char *name = scalar(lpod_value_get(item, "name"), space, &len);
  if (!name || !len || len != strlen(name))
    return fail_at(file->path, lpod_value_line(item), section, err, "an entry without name");
  for (const lpod_value *other = first; other != item; other = lpod_value_next(other)) {
    if (!names(other, name)) continue;
    snprintf(place, sizeof place, "%s[\"%.300s\"]", section, name);
    snprintf(what, sizeof what, "name occurs twice, first in line %u", lpod_value_line(other));
    return fail_at(file->path, lpod_value_line(item), place, err, what);
  }
  char kind[16];
  snprintf(kind, sizeof kind, "%.*s", (int)strlen(section) - 1, section);
  const lpod_value *body = lpod_value_get(item, kind);
  if (lpod_value_type(body) == LPOD_OBJECT || lpod_value_type(body) == LPOD_NULL) return LPOD_OK;
  snprintf(place, sizeof place, "%s[\"%.300s\"].%s", section, name, kind);
  return wrong_type(file, body, place, "a map", err);
}

static lpod_rc check_file(const lpod_kubeconfig_file *file, lpod_error *err) {
  const lpod_value *kind = lpod_value_get(file->root, "kind");
  if (lpod_value_type(kind) != LPOD_NULL && !lpod_value_is(kind, "Config"))
    return fail_at(file->path, lpod_value_line(kind), "kind", err, "not a kubeconfig, expected \"Config\"");
  for (size_t i = 0; i < SECTIONS; i++) {
    const lpod_value *list = lpod_value_get(file->root, sections[i]), *first = lpod_value_first(list);
    if (lpod_value_type(list) == LPOD_NULL) continue;
    if (lpod_value_type(list) != LPOD_ARRAY) return wrong_type(file, list, sections[i], "a list", err);
    for (const lpod_value *item = first; item; item = lpod_value_next(item)) {
      lpod_rc rc = check_item(file, sections[i], first, item, err);
      if (rc) return rc;
    }
  }
  return LPOD_OK;
}

/* ---- reading ---- */

static char *absolute(const char *path) {
  if (*path == '/') return lpod_text_copy(path);
  char *here = getcwd(NULL, 0);
  char *text = here ? lpod_text_format("%s/%s", here, path) : lpod_text_copy(path);
  free(here);
  return text;
}

static char *folder_of(const char *path) {
  char *text = absolute(path), *slash = text ? strrchr(text, '/') : NULL;
  if (slash) slash[slash == text] = '\0';
  return text;
}

static void drop_file(lpod_kubeconfig_file *file) {
  lpod_doc_wipe(file->doc);
  free(file->path);
  free(file->folder);
}

/* Takes path and folder. */
static lpod_rc add(lpod_kubeconfig *kubeconfig, char *path, char *folder, const char *text, size_t len,
                   lpod_error *err) {
  lpod_kubeconfig_file file = {.path = path, .folder = folder};
  lpod_kubeconfig_file *grown = NULL;
  lpod_rc rc = path && folder ? lpod_yaml_parse(text, len, path, &file.doc, err) : lpod_nomem(err);
  if (!rc) {
    const lpod_value *documents = lpod_doc_root(file.doc);
    file.root = lpod_value_at(documents, 0);
    if (lpod_value_count(documents) > 1)
      rc = fail_at(path, lpod_value_line(lpod_value_at(documents, 1)), "a second document", err,
                   "expected one in a kubeconfig");
    else if (lpod_value_type(file.root) == LPOD_NULL)
      file.root = NULL;
    else if (lpod_value_type(file.root) != LPOD_OBJECT)
      rc = wrong_type(&file, file.root, "kubeconfig", "a map", err);
    else
      rc = check_file(&file, err);
  }
  if (!rc) {
    grown = realloc(kubeconfig->files, (kubeconfig->count + 1) * sizeof *grown);
    if (!grown) rc = lpod_nomem(err);
  }
  if (rc || !grown) {
    drop_file(&file);
    return rc;
  }
  kubeconfig->files = grown;
  kubeconfig->files[kubeconfig->count++] = file;
  return LPOD_OK;
}

lpod_rc lpod_kubeconfig_add(lpod_kubeconfig *kubeconfig, const char *path, bool *found, lpod_error *err) {
  if (found) *found = access(path, F_OK) == 0;
  if (found && !*found) return LPOD_OK;
  for (size_t i = 0; i < kubeconfig->count; i++)
    if (!strcmp(kubeconfig->files[i].path, path)) return LPOD_OK;
  lpod_buf text = LPOD_BUF_INIT(LPOD_LIMIT_CONFIG_FILE);
  lpod_rc rc = lpod_file_read(path, &text, err);
  if (rc) {
    if (rc == LPOD_E_IO) rc = LPOD_E_CONFIG;
    if (err) err->rc = rc;
    lpod_wrap(err, "kubeconfig");
  } else
    rc = add(kubeconfig, lpod_text_copy(path), folder_of(path), text.data ? text.data : "", text.len, err);
  lpod_buf_wipe(&text);
  lpod_buf_free(&text);
  return rc;
}

lpod_rc lpod_kubeconfig_add_text(lpod_kubeconfig *kubeconfig, const char *text, lpod_error *err) {
  return add(kubeconfig, lpod_text_copy("inline kubeconfig"), getcwd(NULL, 0), text, strlen(text), err);
}

void lpod_kubeconfig_free(lpod_kubeconfig *kubeconfig) {
  for (size_t i = 0; i < kubeconfig->count; i++) drop_file(&kubeconfig->files[i]);
  free(kubeconfig->files);
  kubeconfig->files = NULL;
  kubeconfig->count = 0;
}

/* ---- entries ---- */

lpod_rc lpod_kubeconfig_current(const lpod_kubeconfig *kubeconfig, char **out, lpod_error *err) {
  lpod_rc rc = LPOD_OK;
  *out = NULL;
  for (size_t i = 0; !rc && !*out && i < kubeconfig->count; i++) {
    lpod_entry top = {.file = &kubeconfig->files[i], .body = kubeconfig->files[i].root};
    rc = lpod_entry_string(&top, "current-context", out, err);
  }
  return rc;
}

bool lpod_kubeconfig_find(const lpod_kubeconfig *kubeconfig, const char *section, const char *name, lpod_entry *out) {
  for (size_t i = 0; i < kubeconfig->count; i++) {
    const lpod_value *item = lpod_value_first(lpod_value_get(kubeconfig->files[i].root, section));
    for (; item; item = lpod_value_next(item)) {
      if (!names(item, name)) continue;
      char kind[16];
      snprintf(kind, sizeof kind, "%.*s", (int)strlen(section) - 1, section);
      out->file = &kubeconfig->files[i];
      out->body = lpod_value_get(item, kind);
      out->line = lpod_value_line(item);
      snprintf(out->path, sizeof out->path, "%s[\"%.400s\"].%s", section, name, kind);
      return true;
    }
  }
  return false;
}

lpod_rc lpod_kubeconfig_names(const lpod_kubeconfig *kubeconfig, const char *section, char ***out, lpod_error *err) {
  lpod_rc rc = LPOD_OK;
  *out = NULL;
  for (size_t i = 0; i < kubeconfig->count; i++) {
    const lpod_value *item = lpod_value_first(lpod_value_get(kubeconfig->files[i].root, section));
    for (; !rc && item; item = lpod_value_next(item)) {
      char space[24];
      size_t len = 0;
      const char *name = scalar(lpod_value_get(item, "name"), space, &len);
      bool known = false;
      for (char **other = *out; other && *other && !known; other++) known = !strcmp(*other, name);
      if (!known) rc = lpod_strings_add(out, lpod_text_copy(name), err);
    }
  }
  if (rc) {
    lpod_strings_free(*out);
    *out = NULL;
  }
  return rc;
}

/* ---- fields ---- */

lpod_rc lpod_entry_fail(const lpod_entry *entry, const lpod_value *value, const char *field, lpod_error *err,
                        const char *format, ...) {
  char place[640], what[700];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  snprintf(place, sizeof place, "%s%s%s", entry->path, *entry->path && *field ? "." : "", field);
  unsigned line = lpod_value_line(value);
  return fail_at(entry->file->path, line ? line : entry->line, place, err, what);
}

/* Borrowed text of a field, in the document or in space; *text NULL when absent, null or empty. */
static lpod_rc read_text(const lpod_entry *entry, const lpod_value *value, const char *field, char space[24],
                         const char **text, size_t *len, lpod_error *err) {
  *text = NULL;
  *len = 0;
  lpod_type type = lpod_value_type(value);
  if (type == LPOD_NULL) return LPOD_OK;
  const char *found = scalar(value, space, len);
  if (!found)
    return lpod_entry_fail(entry, value, field, err, "found a %s, expected text%s", lpod_type_name(type),
                           type == LPOD_BOOL || type == LPOD_DOUBLE ? " (in quotes)" : "");
  if (memchr(found, '\0', *len))
    return lpod_entry_fail(entry, value, field, err, "holds a NUL character, expected plain text");
  if (*len) *text = found;
  return LPOD_OK;
}

lpod_rc lpod_entry_string(const lpod_entry *entry, const char *field, char **out, lpod_error *err) {
  char space[24];
  const char *text;
  size_t len;
  *out = NULL;
  lpod_rc rc = read_text(entry, lpod_value_get(entry->body, field), field, space, &text, &len, err);
  if (rc || !text) return rc;
  *out = lpod_text_copy(text);
  return *out ? LPOD_OK : lpod_nomem(err);
}

lpod_rc lpod_entry_secret(const lpod_entry *entry, const char *field, lpod_secret *out, lpod_error *err) {
  char space[24];
  const char *text;
  size_t len;
  lpod_rc rc = read_text(entry, lpod_value_get(entry->body, field), field, space, &text, &len, err);
  if (!rc && text) rc = lpod_secret_set(out, text, len, err);
  lpod_wipe(space, sizeof space);
  return rc;
}

lpod_rc lpod_entry_bool(const lpod_entry *entry, const char *field, bool *out, const char **word, lpod_error *err) {
  static const struct {
    const char *word;
    bool value;
  } words[] = {{"yes", true}, {"on", true}, {"no", false}, {"off", false}};
  const lpod_value *value = lpod_value_get(entry->body, field);
  *out = lpod_value_bool(value, false);
  if (word) *word = NULL;
  if (lpod_value_type(value) == LPOD_BOOL || lpod_value_type(value) == LPOD_NULL) return LPOD_OK;
  const char *text = lpod_value_string(value, NULL);
  for (size_t i = 0; text && i < sizeof words / sizeof *words; i++) {
    if (!lpod_text_same(text, words[i].word)) continue;
    *out = words[i].value;
    if (word) *word = words[i].word;
    return LPOD_OK;
  }
  return lpod_entry_fail(entry, value, field, err, "found a %s, expected true or false",
                         lpod_type_name(lpod_value_type(value)));
}

lpod_rc lpod_entry_list(const lpod_entry *entry, const char *field, char ***out, lpod_error *err) {
  const lpod_value *list = lpod_value_get(entry->body, field);
  lpod_rc rc = LPOD_OK;
  *out = NULL;
  if (lpod_value_type(list) != LPOD_NULL && lpod_value_type(list) != LPOD_ARRAY)
    return lpod_entry_fail(entry, list, field, err, "found a %s, expected a list",
                           lpod_type_name(lpod_value_type(list)));
  for (const lpod_value *item = lpod_value_first(list); !rc && item; item = lpod_value_next(item)) {
    char space[24];
    const char *text;
    size_t len;
    rc = read_text(entry, item, field, space, &text, &len, err);
    if (!rc) rc = lpod_strings_add(out, lpod_text_copy(text ? text : ""), err);
  }
  if (rc) {
    lpod_strings_free(*out);
    *out = NULL;
  }
  return rc;
}

lpod_rc lpod_entry_map(const lpod_entry *entry, const char *field, lpod_entry *out, bool *there, lpod_error *err) {
  const lpod_value *value = lpod_value_get(entry->body, field);
  *there = lpod_value_type(value) == LPOD_OBJECT;
  if (!*there && lpod_value_type(value) != LPOD_NULL)
    return lpod_entry_fail(entry, value, field, err, "found a %s, expected a map",
                           lpod_type_name(lpod_value_type(value)));
  unsigned line = lpod_value_line(value);
  *out = (lpod_entry){.file = entry->file, .body = value, .line = line ? line : entry->line};
  snprintf(out->path, sizeof out->path, "%.440s.%.60s", entry->path, field);
  return LPOD_OK;
}

char *lpod_entry_resolve(const lpod_entry *entry, const char *path) {
  return *path == '/' ? lpod_text_copy(path) : lpod_text_format("%s/%s", entry->file->folder, path);
}
