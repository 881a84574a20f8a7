/* As whom: the credential of one cluster, kept fit for use. Token files are re-read (K13), plugins run once for all who
 * wait and cached until they expire (EP6, EP7), certificate files re-read on change (K15). Two versions tell a user
 * what has changed: that of the authorization (EP7: has somebody rotated it since?) and that of the TLS identity (EP8:
 * connections must be made anew). */
#ifndef LPOD_KUBE_CREDENTIAL_H
#define LPOD_KUBE_CREDENTIAL_H

#include "../net/loop.h"
#include "config.h"

typedef struct lpod_credential lpod_credential;

/* One who waits; zero-initialised, embedded in its owner. */
typedef struct lpod_credential_wait {
  lpod_link link;
  void (*ready)(void *arg, const lpod_error *error); /* error NULL: go on */
  void *arg;
} lpod_credential_wait;

/* config is borrowed and must outlive it. plugin_timeout in ns (EP10). */
lpod_credential *lpod_credential_new(lpod_loop *loop, const lpod_config *config, int64_t plugin_timeout,
                                     lpod_error *err);
void lpod_credential_free(lpod_credential *credential); /* nobody may be waiting any more; NULL is fine */

/* Make it fit for use now. *pending: a plugin runs, and wait->ready follows from inside a later step of the loop. */
lpod_rc lpod_credential_get(lpod_credential *credential, lpod_credential_wait *wait, bool *pending, lpod_error *err);
void lpod_credential_leave(lpod_credential_wait *wait); /* fine when not waiting */

/* The Authorization header's value; NULL: none. Borrowed until the next get. */
const char *lpod_credential_authorization(const lpod_credential *credential);
uint64_t lpod_credential_version(const lpod_credential *credential);
/* The server answered 401 to what had that version: what is cached is dropped, unless it has been rotated since (EP7,
 * K13). */
void lpod_credential_refused(lpod_credential *credential, uint64_t version);

typedef struct lpod_identity {
  const lpod_secret *ca, *certificate, *key; /* NULL: none */
  uint64_t version;
} lpod_identity;
lpod_identity lpod_credential_identity(const lpod_credential *credential); /* borrowed until the next get or reload */
/* Re-read CA, certificate and key files; true when that changed something. */
bool lpod_credential_reload(lpod_credential *credential);

/* Replace every occurrence of the secrets in text by "***": a proxy may echo what it was sent. */
void lpod_credential_hide(const lpod_credential *credential, char *text);

#endif
