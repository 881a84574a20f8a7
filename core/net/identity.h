/* A client certificate and its key, taken out of their PEM text once and handed to every TLS connection: libcurl would
 * read them again for each, which costs as much as the handshake. Within core/net alone. */
#ifndef LPOD_NET_IDENTITY_H
#define LPOD_NET_IDENTITY_H

#include "../base/secret.h"

#include <openssl/ssl.h>

typedef struct lpod_identity lpod_identity;

/* NULL: not a certificate (with its chain) and the key that belongs to it, or no memory. */
lpod_identity *lpod_identity_new(const lpod_secret *certificate, const lpod_secret *key);
void lpod_identity_free(lpod_identity *identity); /* NULL is fine */
bool lpod_identity_use(const lpod_identity *identity, SSL_CTX *context);

#endif
