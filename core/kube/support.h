/* Small things that several files of this layer need and nobody outside does: lists of strings ended by NULL, reading a
 * file into a secret, wiping what a parsed document holds, and the server's own words for errors. */
#ifndef LPOD_KUBE_SUPPORT_H
#define LPOD_KUBE_SUPPORT_H

#include "../base/secret.h"
#include <lunapod/value.h>

/* Append text (malloc'ed, taken also on failure; NULL counts as no memory) to a list ended by NULL, which grows from
 * NULL. */
lpod_rc lpod_strings_add(char ***list, char *text, lpod_error *err);
void lpod_strings_free(char **list); /* each string wiped first; NULL is fine */

/* Read a whole file of at most LPOD_LIMIT_CONFIG_FILE bytes; no copy stays behind. LPOD_E_IO names path and cause. */
lpod_rc lpod_secret_read(lpod_secret *out, const char *path, lpod_error *err);
bool lpod_secret_holds(const lpod_secret *secret, const char *text);

/* Overwrite every string below value, then free the document: for kubeconfigs and plugins' answers (K25). */
void lpod_doc_wipe(lpod_doc *doc);

/* A word fit for a header: no control character, no NUL within len. */
bool lpod_header_valid(const char *text, size_t len);

/* HTTP status that belongs to a Status reason ("NotFound": 404); 0 when the reason is not known (E4). */
int lpod_reason_code(const char *reason);

#endif
