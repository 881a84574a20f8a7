/* Lists of strings, secrets out of files, wiped documents, words fit for a header: what several files of this layer
 * share. The Status reasons that support.h names too are status.c's.
 * Invariant: no function here leaves a readable copy of a secret in memory that it gives back. */
#include "support.h"
#include "../base/file.h"
#include "../base/limits.h"
#include <stdlib.h>
#include <string.h>

lpod_rc lpod_strings_add(char ***list, char *text, lpod_error *err) {
  if (!text) return lpod_nomem(err);
  size_t count = 0;
  while (*list && (*list)[count]) count++;
  char **grown = realloc(*list, (count + 2) * sizeof *grown);
  if (!grown) {
    lpod_wipe(text, strlen(text));
    free(text);
    return lpod_nomem(err);
  }
  grown[count] = text;
  grown[count + 1] = NULL;
  *list = grown;
  return LPOD_OK;
}

void lpod_strings_free(char **list) {
  for (size_t i = 0; list && list[i]; i++) {
    lpod_wipe(list[i], strlen(list[i]));
    free(list[i]);
  }
  free(list);
}

lpod_rc lpod_secret_read(lpod_secret *out, const char *path, lpod_error *err) {
  lpod_buf buf = LPOD_BUF_INIT(LPOD_LIMIT_CONFIG_FILE);
  lpod_rc rc = lpod_file_read(path, &buf, err);
  if (!rc) rc = lpod_secret_set(out, buf.data ? buf.data : "", buf.len, err);
  lpod_buf_wipe(&buf);
  lpod_buf_free(&buf);
  return rc;
}

bool lpod_secret_holds(const lpod_secret *secret, const char *text) {
  return secret->data && memmem(secret->data, secret->len, text, strlen(text));
}

static void wipe_strings(const lpod_value *value) {
  size_t len = 0;
  const char *text = lpod_value_string(value, &len);
  if (text) lpod_wipe((char *)(uintptr_t)text, len); /* the document is about to go; nobody else borrows from it */
  for (const lpod_value *child = lpod_value_first(value); child; child = lpod_value_next(child)) wipe_strings(child);
}

void lpod_doc_wipe(lpod_doc *doc) {
  if (!doc) return;
  wipe_strings(lpod_doc_root(doc));
  lpod_doc_free(doc);
}

bool lpod_header_valid(const char *text, size_t len) {
  for (size_t i = 0; i < len; i++) {
    unsigned char c = (unsigned char)text[i];
    if (c < 0x20 || c == 0x7f) return false;
  }
  return true;
}
