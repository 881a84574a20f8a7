/* Kubeconfig files merged into one set of named entries (K1–K7), and typed reads of their fields whose errors name
 * file, line, entry and field. Knows nothing about what the fields mean. */
#ifndef LPOD_KUBE_KUBECONFIG_H
#define LPOD_KUBE_KUBECONFIG_H

#include "../base/secret.h"
#include <lunapod/value.h>
#include <stdarg.h>

typedef struct lpod_kubeconfig_file {
  char *path;   /* as it is shown: as given */
  char *folder; /* absolute; relative paths of its entries start here (K7) */
  lpod_doc *doc;
  const lpod_value *root; /* a map; NULL: the file is empty (K3) */
} lpod_kubeconfig_file;

typedef struct lpod_kubeconfig {
  lpod_kubeconfig_file *files; /* in the order of precedence */
  size_t count;
} lpod_kubeconfig;

/* A place in a file: the body of `users["x"].user`, or of a map below it. */
typedef struct lpod_entry {
  const lpod_kubeconfig_file *file;
  const lpod_value *body; /* a map; NULL when empty */
  unsigned line;
  char path[512];
} lpod_entry;

/* Read one file. *found (may be NULL) tells whether it is there; a missing one is an error only when found is NULL. A
 * file that was added already is not added again (K2). */
lpod_rc lpod_kubeconfig_add(lpod_kubeconfig *kubeconfig, const char *path, bool *found, lpod_error *err);
lpod_rc lpod_kubeconfig_add_text(lpod_kubeconfig *kubeconfig, const char *text, lpod_error *err);
void lpod_kubeconfig_free(lpod_kubeconfig *kubeconfig); /* wipes what was read */

/* current-context: the first that is not empty (K5); malloc'ed into *out, NULL when none is set. */
lpod_rc lpod_kubeconfig_current(const lpod_kubeconfig *kubeconfig, char **out, lpod_error *err);
/* section "clusters", "users" or "contexts": the first file that has the name gives the whole entry (K4). */
bool lpod_kubeconfig_find(const lpod_kubeconfig *kubeconfig, const char *section, const char *name, lpod_entry *out);
/* Names of a section as list ended by NULL (lpod_strings_free); *out stays NULL when there are none. */
lpod_rc lpod_kubeconfig_names(const lpod_kubeconfig *kubeconfig, const char *section, char ***out, lpod_error *err);

/* "FILE:LINE: users["x"].user.FIELD: ...". value gives the line; NULL: the entry's. */
lpod_rc lpod_entry_fail(const lpod_entry *entry, const lpod_value *value, const char *field, lpod_error *err,
                        const char *format, ...) LPOD_PRINTF(5, 6);
/* Each gives NULL or false for absent, null and empty. Strings are malloc'ed. */
lpod_rc lpod_entry_string(const lpod_entry *entry, const char *field, char **out, lpod_error *err);
lpod_rc lpod_entry_secret(const lpod_entry *entry, const char *field, lpod_secret *out, lpod_error *err);
/* yes, no, on and off are taken as YAML 1.1 means them; *word (may be NULL) is then the word found (K26). */
lpod_rc lpod_entry_bool(const lpod_entry *entry, const char *field, bool *out, const char **word, lpod_error *err);
lpod_rc lpod_entry_list(const lpod_entry *entry, const char *field, char ***out, lpod_error *err); /* of strings */
/* The map under field as a place of its own; *there is false when there is none. */
lpod_rc lpod_entry_map(const lpod_entry *entry, const char *field, lpod_entry *out, bool *there, lpod_error *err);
/* path, made absolute against the folder of the entry's file (K7); malloc'ed, NULL on no memory. */
char *lpod_entry_resolve(const lpod_entry *entry, const char *path);

#endif
