/* Credentials in memory. Every path that lets go of a secret wipes it first; comparing takes the same time wherever
 * two secrets of one length differ. */
#include "secret.h"
#include "text.h"
#include <openssl/crypto.h>
#include <stdlib.h>

void lpod_wipe(void *data, size_t len) {
  if (data) OPENSSL_cleanse(data, len);
}

lpod_rc lpod_secret_set(lpod_secret *secret, const void *data, size_t len, lpod_error *err) {
  char *copy = lpod_text_copy_len(data ? data : "", data ? len : 0);
  if (!copy) return lpod_nomem(err);
  lpod_secret_clear(secret);
  secret->data = copy;
  secret->len = data ? len : 0;
  return LPOD_OK;
}

void lpod_secret_clear(lpod_secret *secret) {
  lpod_wipe(secret->data, secret->len);
  free(secret->data);
  *secret = (lpod_secret)LPOD_SECRET_INIT;
}

bool lpod_secret_equal(const lpod_secret *a, const lpod_secret *b) {
  if (!a->data != !b->data || a->len != b->len) return false;
  return a->len == 0 || CRYPTO_memcmp(a->data, b->data, a->len) == 0;
}
