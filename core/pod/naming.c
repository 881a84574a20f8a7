/* Computed pod names and attempt ids: a digest of what makes a try one of a kind. The two draw on different parts of
 * it, so that neither tells the other. */
#include "naming.h"

#include "../base/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BASE 54u
#define SUFFIX 8u

static void digest(const char *use, const char *attempt, unsigned generation, unsigned char out[32]) {
  char *text = lpod_text_format("%s\n%u\n%s", use, generation, attempt);
  if (text)
    lpod_sha256(text, strlen(text), out);
  else
    memset(out, 0, 32); /* the server refuses a name that is taken; nothing worse can come of it */
  free(text);
}

lpod_rc lpod_pod_name(const char *base, const char *attempt, unsigned generation, bool exact, char out[LPOD_POD_NAME],
                      lpod_error *err) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  size_t len = strlen(base);
  if (exact) {
    snprintf(out, LPOD_POD_NAME, "%s", base);
  } else {
    while (len > 0 && (*base == '-' || *base == '.')) base++, len--;
    if (len > NAME_BASE) len = NAME_BASE;
    while (len > 0 && (base[len - 1] == '-' || base[len - 1] == '.')) len--;
    unsigned char bytes[32];
    digest("name", attempt, generation, bytes);
    char suffix[SUFFIX + 1] = "";
    for (size_t i = 0; i < SUFFIX; i++) { /* two bytes a letter: the remainder's bias is below 0.1 % */
      suffix[i] = letters[(unsigned)(bytes[2 * i] << 8 | bytes[2 * i + 1]) % 36];
    }
    snprintf(out, LPOD_POD_NAME, "%.*s%s%s", (int)len, base, len ? "-" : "", suffix);
  }
  if (!lpod_dns_subdomain(out))
    return lpod_fail(err, LPOD_E_USAGE,
                     "pod name \"%.100s\": expected lower-case letters, digits, '-' and '.', at most 253, beginning "
                     "and ending with a letter or digit",
                     exact ? base : out);
  return LPOD_OK;
}

void lpod_attempt_id(const char *attempt, unsigned generation, char out[LPOD_ATTEMPT_ID]) {
  unsigned char bytes[32];
  digest("attempt", attempt, generation, bytes);
  for (int i = 0; i < 16; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}
