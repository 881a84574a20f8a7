/* A credential in memory: wiped before its memory is given back, never part of a message (K25). */
#ifndef LPOD_BASE_SECRET_H
#define LPOD_BASE_SECRET_H

#include <lunapod/error.h>

typedef struct lpod_secret {
  char *data; /* closed by NUL; NULL when not set */
  size_t len;
} lpod_secret;

#define LPOD_SECRET_INIT \
  { NULL, 0 }
lpod_rc lpod_secret_set(lpod_secret *secret, const void *data, size_t len, lpod_error *err); /* replaces (wiping) */
void lpod_secret_clear(lpod_secret *secret);
bool lpod_secret_equal(const lpod_secret *a, const lpod_secret *b); /* time does not depend on content */
void lpod_wipe(void *data, size_t len);                             /* NULL is fine */

#endif
