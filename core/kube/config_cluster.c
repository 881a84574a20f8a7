/* A cluster entry of a kubeconfig (K9, K16–K19, K24, X57): where the server is and how it proves itself. Invariant:
 * what is kept as server is an address without user, query and trailing slash, so that it may be printed and have a
 * path appended. */
#include "../base/text.h"
#include "config_read.h"
#include "support.h"
#include "config_material.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* K19. *port is behind the host or at the end; false: not HOST, HOST:PORT or [IPv6]:PORT. */
static bool is_authority(const char *text, size_t len) {
  const char *end = text + len, *host_end;
  if (len && *text == '[') {
    host_end = memchr(text, ']', len);
    if (!host_end || host_end == text + 1) return false;
    for (const char *c = text + 1; c < host_end; c++)
      if (!strchr("0123456789abcdefABCDEF:.%", *c)) return false;
    host_end++;
  } else {
    host_end = memchr(text, ':', len);
    if (!host_end) host_end = end;
    if (host_end == text) return false;
    for (const char *c = text; c < host_end; c++)
      if (*c <= ' ' || strchr("\"<>\\^`{|}@", *c)) return false;
  }
  if (host_end == end) return true;
  if (*host_end != ':' || host_end + 1 == end || end - host_end > 6) return false;
  long port = 0;
  for (const char *c = host_end + 1; c < end; c++) {
    if (*c < '0' || *c > '9') return false;
    port = port * 10 + (*c - '0');
  }
  return port >= 1 && port <= 65535;
}

static lpod_rc read_server(const lpod_entry *entry, lpod_config *config, lpod_error *err) {
  static const char expected[] = "expected \"https://HOST[:PORT][/PATH]\"";
  const lpod_value *value = lpod_value_get(entry->body, "server");
  char *text = NULL;
  lpod_rc rc = lpod_entry_string(entry, "server", &text, err);
  if (rc) return rc;
  if (!text) return lpod_entry_fail(entry, value, "server", err, "not set, %s", expected);

  bool https = !strncasecmp(text, "https://", 8), http = !strncasecmp(text, "http://", 7);
  const char *rest = text + (https ? 8 : 7);
  size_t authority = https || http ? strcspn(rest, "/?#") : 0;
  if (strchr(text, '@')) /* perhaps a password: not repeated */
    rc = lpod_entry_fail(entry, value, "server", err, "holds an \"@\" (a user in an address is not supported), %s",
                         expected);
  else if (!(https || http) || !is_authority(rest, authority))
    rc = lpod_entry_fail(entry, value, "server", err, "found \"%.200s\", %s%s", text, expected,
                         (https || http) && *rest != '[' && memchr(rest, ':', authority) &&
                                 memchr(rest, ':', authority) != memrchr(rest, ':', authority)
                             ? " (an IPv6 address needs brackets)"
                             : "");
  size_t path = rc ? 0 : strcspn(rest + authority, "?#");
  for (size_t i = 0; i < path && !rc; i++)
    if ((unsigned char)rest[authority + i] <= ' ' || rest[authority + i] == 0x7f)
      rc = lpod_entry_fail(entry, value, "server", err, "white space in its path, %s", expected);
  if (!rc) {
    while (path && rest[authority + path - 1] == '/') path--;
    config->server = lpod_text_format("%s%.*s", https ? "https://" : "http://", (int)(authority + path), rest);
    if (!config->server) rc = lpod_nomem(err);
  }
  free(text);
  return rc;
}

/* K18. Its value may hold a password: never repeated. */
static lpod_rc read_proxy(const lpod_entry *entry, lpod_config *config, lpod_error *err) {
  static const char *const schemes[] = {"http://", "https://", "socks5://"};
  lpod_rc rc = lpod_entry_string(entry, "proxy-url", &config->proxy, err);
  if (rc || !config->proxy) return rc;
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
    if (!strncasecmp(config->proxy, schemes[i], strlen(schemes[i])) && config->proxy[strlen(schemes[i])])
      return LPOD_OK;
  return lpod_entry_fail(entry, lpod_value_get(entry->body, "proxy-url"), "proxy-url", err,
                         "not an address that begins with http://, https:// or socks5://");
}

static lpod_rc read_flag(const lpod_entry *entry, const char *field, bool *out, lpod_config *config, lpod_error *err) {
  const char *word;
  lpod_rc rc = lpod_entry_bool(entry, field, out, &word, err);
  if (rc || !word) return rc;
  return lpod_config_warn(config, err, "%s:%u: %s.%s: \"%s\" is read as %s, write that", entry->file->path,
                          lpod_value_line(lpod_value_get(entry->body, field)), entry->path, field, word,
                          *out ? "true" : "false");
}

lpod_rc lpod_config_read_cluster(const lpod_entry *entry, lpod_config *config, lpod_error *err) {
  lpod_rc rc = read_server(entry, config, err);
  if (!rc) rc = lpod_entry_string(entry, "tls-server-name", &config->server_name, err);
  if (!rc) rc = read_proxy(entry, config, err);
  if (!rc) rc = read_flag(entry, "disable-compression", &config->no_compression, config, err);
  if (!rc) rc = read_flag(entry, "insecure-skip-tls-verify", &config->insecure, config, err);
  if (!rc)
    rc =
        lpod_config_read_material(entry, "certificate-authority", LPOD_MATERIAL_CA, &config->ca, &config->ca_file, err);
  if (!rc && config->insecure && config->ca.data)
    rc = lpod_entry_fail(entry, lpod_value_get(entry->body, "insecure-skip-tls-verify"), "insecure-skip-tls-verify",
                         err, "true together with %s, expected one of them",
                         config->ca_file ? "certificate-authority" : "certificate-authority-data");
  if (!rc && config->insecure)
    rc = lpod_config_warn(config, err, "%s: %s: insecure-skip-tls-verify: whoever answers at %s is trusted",
                          entry->file->path, entry->path, config->server);
  return rc;
}
