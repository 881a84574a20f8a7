/* Reads a client certificate, its chain and its key with OpenSSL, and puts them into TLS contexts. Keeps the objects,
 * not the text; OpenSSL counts the references that contexts take. An encrypted key is refused, never asked about
 * (K10). */
#include "identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>

struct lpod_identity {
  X509 *leaf;
  STACK_OF(X509) * chain;
  EVP_PKEY *key;
};

static int no_password(char *buf, int size, int rwflag, void *arg) {
  (void)buf, (void)size, (void)rwflag, (void)arg;
  return -1;
}

static bool read_certificates(lpod_identity *identity, const lpod_secret *text) {
  BIO *bio = BIO_new_mem_buf(text->data, (int)text->len);
  identity->chain = sk_X509_new_null();
  if (bio) identity->leaf = PEM_read_bio_X509(bio, NULL, no_password, NULL);
  for (X509 *next; identity->leaf && identity->chain && (next = PEM_read_bio_X509(bio, NULL, no_password, NULL));)
    if (!sk_X509_push(identity->chain, next)) X509_free(next);
  BIO_free(bio);
  return identity->leaf && identity->chain;
}

static bool read_key(lpod_identity *identity, const lpod_secret *text) {
  BIO *bio = BIO_new_mem_buf(text->data, (int)text->len);
  if (bio) identity->key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
  BIO_free(bio);
  return identity->key && X509_check_private_key(identity->leaf, identity->key) == 1;
}

lpod_identity *lpod_identity_new(const lpod_secret *certificate, const lpod_secret *key) {
  lpod_identity *identity = calloc(1, sizeof *identity);
  if (identity && !(read_certificates(identity, certificate) && read_key(identity, key))) {
    lpod_identity_free(identity);
    identity = NULL;
  }
  ERR_clear_error(); /* the end of the PEM text is one, too */
  return identity;
}

void lpod_identity_free(lpod_identity *identity) {
  if (!identity) return;
  X509_free(identity->leaf);
  sk_X509_pop_free(identity->chain, X509_free);
  EVP_PKEY_free(identity->key);
  free(identity);
}

bool lpod_identity_use(const lpod_identity *identity, SSL_CTX *context) {
  return SSL_CTX_use_cert_and_key(context, identity->leaf, identity->key, identity->chain, 1) == 1;
}
