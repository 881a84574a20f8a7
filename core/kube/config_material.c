/* See config_material.h. Leaves the checks that need cryptography to the TLS library; says only what a look at the PEM
 * marks tells, since "no such block" is what a person can put right. Invariant: no message holds any of the material.
 */
#include "config_material.h"
#include "../base/limits.h"
#include "../base/text.h"
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lpod_rc decode(const lpod_entry *entry, const lpod_value *value, const char *field, const lpod_secret *text,
                      lpod_secret *out, lpod_error *err) {
  lpod_buf buf = LPOD_BUF_INIT(LPOD_LIMIT_CONFIG_FILE);
  lpod_rc rc = lpod_base64_decode(&buf, text->data, text->len, NULL);
  if (rc == LPOD_E_NOMEM)
    lpod_nomem(err);
  else if (rc)
    rc = lpod_entry_fail(entry, value, field, err, "not base64 (standard alphabet), expected PEM in base64");
  else
    rc = lpod_secret_set(out, buf.data ? buf.data : "", buf.len, err);
  lpod_buf_wipe(&buf);
  lpod_buf_free(&buf);
  return rc;
}

static lpod_rc check(const lpod_entry *entry, const lpod_value *value, const char *field, lpod_material kind,
                     const lpod_secret *pem, const char *path, lpod_error *err) {
  if (kind == LPOD_MATERIAL_CA && path && !pem->len) return LPOD_OK; /* an empty pool, by the user's will (T1) */
  const char *from = path ? path : "its data", *expected = "a PEM block \"BEGIN CERTIFICATE\"";
  bool good = lpod_secret_holds(pem, "-----BEGIN CERTIFICATE-----") ||
              lpod_secret_holds(pem, "-----BEGIN TRUSTED CERTIFICATE-----");
  if (kind == LPOD_MATERIAL_KEY) {
    if (lpod_secret_holds(pem, "-----BEGIN ENCRYPTED PRIVATE KEY-----") ||
        lpod_secret_holds(pem, "4,ENCRYPTED")) /* K10 */
      return lpod_entry_fail(entry, value, field, err,
                             "%s: an encrypted key, which is not supported; expected one without pass phrase", from);
    good = lpod_secret_holds(pem, "PRIVATE KEY-----");
    expected = "a PEM block \"BEGIN PRIVATE KEY\"";
  }
  return good ? LPOD_OK : lpod_entry_fail(entry, value, field, err, "%s: expected %s", from, expected);
}

lpod_rc lpod_config_read_material(const lpod_entry *entry, const char *field, lpod_material kind, lpod_secret *out,
                                  char **path, lpod_error *err) {
  char data_field[64];
  snprintf(data_field, sizeof data_field, "%s-data", field);
  const lpod_value *file_value = lpod_value_get(entry->body, field),
                   *data_value = lpod_value_get(entry->body, data_field);
  lpod_secret text = LPOD_SECRET_INIT;
  char *name = NULL;
  lpod_rc rc = lpod_entry_string(entry, field, &name, err);
  if (!rc) rc = lpod_entry_secret(entry, data_field, &text, err);
  if (!rc && name && text.data) {
    rc = lpod_entry_fail(entry, data_value, data_field, err, "set together with %s, expected one of them", field);
  } else if (!rc && text.data) {
    rc = decode(entry, data_value, data_field, &text, out, err);
    if (!rc) rc = check(entry, data_value, data_field, kind, out, NULL, err);
  } else if (!rc && name) {
    lpod_error cause = LPOD_ERROR_INIT;
    *path = lpod_entry_resolve(entry, name);
    if (!*path)
      rc = lpod_nomem(err);
    else if ((rc = lpod_secret_read(out, *path, &cause)) == LPOD_E_NOMEM)
      lpod_nomem(err);
    else if (rc)
      rc = lpod_entry_fail(entry, file_value, field, err, "%s, expected a readable file", cause.text);
    else
      rc = check(entry, file_value, field, kind, out, *path, err);
  }
  lpod_secret_clear(&text);
  free(name);
  return rc;
}
