/* Random bytes, names and jitter from OpenSSL. Its per-thread error queue belongs to the host as much as to us, so a
 * failure leaves nothing behind in it. */
#include "random.h"
#include <limits.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <stdint.h>

lpod_rc lpod_random_bytes(void *out, size_t len, lpod_error *err) {
  unsigned char *to = out;
  while (len) {
    int part = len > INT_MAX ? INT_MAX : (int)len;
    ERR_set_mark();
    int good = RAND_bytes(to, part);
    ERR_pop_to_mark();
    if (good != 1) return lpod_fail(err, LPOD_E_IO, "the system gives no random bytes");
    to += part;
    len -= (size_t)part;
  }
  return LPOD_OK;
}

lpod_rc lpod_random_name(char *out, size_t count, lpod_error *err) {
  static const char ALPHABET[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  const unsigned char whole = 252; /* 7 times 36: bytes from here on would favour some characters */
  unsigned char bytes[32];
  size_t next = sizeof bytes;
  for (size_t i = 0; i < count;) {
    if (next == sizeof bytes) {
      lpod_rc rc = lpod_random_bytes(bytes, sizeof bytes, err);
      if (rc) {
        out[0] = '\0';
        return rc;
      }
      next = 0;
    }
    unsigned char byte = bytes[next++];
    if (byte < whole) out[i++] = ALPHABET[byte % 36];
  }
  out[count] = '\0';
  return LPOD_OK;
}

double lpod_random_unit(void) {
  uint64_t bits;
  if (lpod_random_bytes(&bits, sizeof bits, NULL)) return 0.5;
  return (double)(bits >> 11) * 0x1p-53;
}
