/* Paths of the core API, built so that a wrong name can never address something else: an empty name would turn the
 * GET of one object into a list and the DELETE of one into the DELETE of all (R1), and an unescaped one could leave its
 * segment (R2). Everything is checked before the first byte is appended; nothing is sent by anybody when this fails. */
#include "client.h"
#include "../base/text.h"
#include <string.h>

static lpod_rc append_segment(lpod_buf *out, const char *segment, lpod_error *err) {
  lpod_rc rc = lpod_buf_addc(out, '/', err);
  return rc ? rc : lpod_url_escape(out, segment, strlen(segment), err);
}

lpod_rc lpod_target_core(lpod_buf *out, const char *ns, const char *resource, const char *name, const char *sub,
                         lpod_error *err) {
  if (!resource || !*resource)
    return lpod_fail(err, LPOD_E_USAGE, "resource is empty, expected a name such as \"pods\"");
  if (!ns || !*ns) return lpod_fail(err, LPOD_E_USAGE, "namespace of %s is empty, expected a name", resource);
  if (!lpod_dns_label(ns))
    return lpod_fail(err, LPOD_E_USAGE, "namespace \"%.80s\" of %s, expected at most 63 of a-z, 0-9 and inner \"-\"",
                     ns, resource);
  if (name && !*name) return lpod_fail(err, LPOD_E_USAGE, "name of one of %s is empty, expected a name", resource);
  if (name && !lpod_dns_subdomain(name))
    return lpod_fail(err, LPOD_E_USAGE,
                     "name \"%.80s\" of one of %s, expected at most 253 of a-z, 0-9, inner \"-\" and \".\"", name,
                     resource);
  if (sub && (!name || !*sub))
    return lpod_fail(err, LPOD_E_USAGE, "subresource of %s, expected a name before it and one of its own", resource);

  lpod_rc rc = lpod_buf_adds(out, "/api/v1/namespaces", err);
  if (!rc) rc = append_segment(out, ns, err);
  if (!rc) rc = append_segment(out, resource, err);
  if (!rc && name) rc = append_segment(out, name, err);
  if (!rc && sub) rc = append_segment(out, sub, err);
  return rc;
}

lpod_rc lpod_target_query(lpod_buf *out, const char *key, const char *value, lpod_error *err) {
  if (!value) return LPOD_OK;
  bool more = out->len && memchr(out->data, '?', out->len);
  lpod_rc rc = lpod_buf_addc(out, more ? '&' : '?', err);
  if (!rc) rc = lpod_url_escape(out, key, strlen(key), err);
  if (!rc) rc = lpod_buf_addc(out, '=', err);
  if (!rc) rc = lpod_url_escape(out, value, strlen(value), err);
  return rc;
}
