/* Small services for scripts, which have no digests, random bytes or time stamps of their own: the public names of
 * core/base. */
#include "base/random.h"
#include "base/text.h"
#include <lunapod/engine.h>
#include <string.h>

lpod_rc lpod_digest(const char *algorithm, const void *data, size_t len, char *out, size_t room, lpod_error *err) {
  if (strcmp(algorithm, "sha256") == 0 && room >= LPOD_SHA256_HEX) {
    lpod_sha256_hex(data, len, out);
  } else if (strcmp(algorithm, "md5") == 0 && room >= LPOD_MD5_HEX) {
    lpod_md5_hex(data, len, out);
  } else {
    return lpod_fail(err, LPOD_E_USAGE, "digest \"%.20s\" into %zu bytes: expected \"sha256\" (65) or \"md5\" (33)",
                     algorithm, room);
  }
  return LPOD_OK;
}

lpod_rc lpod_random_text(char *out, size_t count, lpod_error *err) { return lpod_random_name(out, count, err); }

bool lpod_parse_time(const char *text, size_t len, int64_t *ns) {
  size_t used;
  return lpod_time_parse(text, len, ns, &used) && used == len;
}

void lpod_format_time(int64_t ns, int digits, char *out) { lpod_time_format(ns, digits, out); }
