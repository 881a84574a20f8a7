/* The texts a credential plugin is given and gives: ExecCredential in KUBERNETES_EXEC_INFO, the child's environment,
 * and what it printed, checked. Running it, its time limit and how long its answer is kept are credential.c's.
 * Invariant: no message holds any part of what a plugin printed but its apiVersion. */
#include "plugin.h"
#include "support.h"
#include "../base/limits.h"
#include "../base/text.h"
#include "../data/json.h"
#include <stdlib.h>
#include <string.h>

#define EXEC_INFO_CEILING (2u * LPOD_LIMIT_CONFIG_FILE) /* it holds a CA in base64 */

static lpod_rc add_ca(lpod_doc *doc, lpod_value *cluster, const lpod_secret *ca, lpod_error *err) {
  lpod_buf text = LPOD_BUF_INIT(EXEC_INFO_CEILING);
  lpod_rc rc = lpod_base64_encode(&text, ca->data, ca->len, err);
  if (!rc && !lpod_value_set_string(doc, cluster, "certificate-authority-data", text.data ? text.data : ""))
    rc = lpod_nomem(err);
  lpod_buf_free(&text);
  return rc;
}

/* EP3: as the plugin sees the cluster; the CA as data even when it came from a file. */
static lpod_rc add_cluster(lpod_doc *doc, lpod_value *spec, const lpod_config *config, lpod_error *err) {
  lpod_value *cluster = lpod_value_map(doc, spec, "cluster");
  bool ok = cluster && lpod_value_set_string(doc, cluster, "server", config->server);
  if (ok && config->server_name) ok = lpod_value_set_string(doc, cluster, "tls-server-name", config->server_name);
  if (ok && config->insecure)
    ok = lpod_value_set(doc, cluster, "insecure-skip-tls-verify", 24, lpod_value_new_bool(doc, true));
  if (ok && config->proxy) ok = lpod_value_set_string(doc, cluster, "proxy-url", config->proxy);
  if (ok && config->no_compression)
    ok = lpod_value_set(doc, cluster, "disable-compression", 19, lpod_value_new_bool(doc, true));
  if (!ok) return lpod_nomem(err);
  if (config->ca.data && config->ca.len) {
    lpod_rc rc = add_ca(doc, cluster, &config->ca, err);
    if (rc) return rc;
  }
  if (!config->plugin->cluster_config) return LPOD_OK;

  lpod_doc *extension = NULL;
  const char *text = config->plugin->cluster_config;
  lpod_rc rc = lpod_json_parse(text, strlen(text), &extension, err);
  if (rc) return rc;
  lpod_value *copy = lpod_value_copy(doc, lpod_doc_root(extension));
  ok = copy && lpod_value_set(doc, cluster, "config", 6, copy);
  lpod_doc_free(extension);
  return ok ? LPOD_OK : lpod_nomem(err);
}

lpod_rc lpod_plugin_info(const lpod_config *config, bool interactive, lpod_buf *out, lpod_error *err) {
  lpod_doc *doc = lpod_doc_new(0);
  lpod_value *root = doc ? lpod_value_new(doc, LPOD_OBJECT) : NULL;
  if (!root) {
    lpod_doc_free(doc);
    return lpod_nomem(err);
  }
  lpod_rc rc = LPOD_OK;
  lpod_value *spec = NULL;
  if (!lpod_value_set_string(doc, root, "apiVersion", config->plugin->api_version) ||
      !lpod_value_set_string(doc, root, "kind", "ExecCredential") || !(spec = lpod_value_map(doc, root, "spec")) ||
      !lpod_value_set(doc, spec, "interactive", 11, lpod_value_new_bool(doc, interactive)))
    rc = lpod_nomem(err);
  if (!rc && config->plugin->provide_cluster_info) rc = add_cluster(doc, spec, config, err);
  if (!rc) rc = lpod_json_append(out, root, 0, err);
  lpod_doc_free(doc);
  return rc;
}

static bool same_name(const char *a, const char *b) {
  size_t len = strcspn(a, "=");
  return !strncmp(a, b, len) && b[len] == '=';
}

static lpod_rc add_all(char ***list, char *const *lines, char *const *overriding, lpod_error *err) {
  for (size_t i = 0; lines && lines[i]; i++) {
    bool replaced = false;
    for (size_t j = 0; overriding && overriding[j] && !replaced; j++) replaced = same_name(overriding[j], lines[i]);
    lpod_rc rc = replaced ? LPOD_OK : lpod_strings_add(list, lpod_text_copy(lines[i]), err);
    if (rc) return rc;
  }
  return LPOD_OK;
}

lpod_rc lpod_plugin_environment(const lpod_config *config, bool interactive, char **inherited, char ***out,
                                lpod_error *err) {
  lpod_buf info = LPOD_BUF_INIT(EXEC_INFO_CEILING);
  char **own = NULL, **all = NULL;
  lpod_rc rc = lpod_buf_adds(&info, "KUBERNETES_EXEC_INFO=", err);
  if (!rc) rc = lpod_plugin_info(config, interactive, &info, err);
  if (!rc) rc = lpod_strings_add(&own, lpod_buf_take(&info, NULL), err);
  if (!rc) rc = add_all(&own, config->plugin->environment, own, err);
  if (!rc) rc = add_all(&all, inherited, own, err);
  if (!rc) rc = add_all(&all, own, NULL, err);
  lpod_buf_free(&info);
  lpod_strings_free(own);
  if (rc)
    lpod_strings_free(all);
  else
    *out = all;
  return rc;
}

static lpod_rc bad_output(const lpod_plugin *plugin, lpod_error *err, const char *what) {
  return lpod_fail(err, LPOD_E_CREDENTIAL, "credential plugin \"%s\": its output %s", plugin->command, what);
}

static lpod_rc take(const lpod_value *status, const char *key, lpod_secret *out, lpod_error *err) {
  size_t len = 0;
  const char *text = lpod_value_string(lpod_value_get(status, key), &len);
  return text && len ? lpod_secret_set(out, text, len, err) : LPOD_OK;
}

static lpod_rc read_status(const lpod_plugin *plugin, const lpod_value *status, lpod_plugin_output *out,
                           lpod_error *err) {
  lpod_rc rc = take(status, "token", &out->token, err);
  if (!rc) rc = take(status, "clientCertificateData", &out->certificate, err);
  if (!rc) rc = take(status, "clientKeyData", &out->key, err);
  if (rc) return rc;
  if (!out->certificate.data != !out->key.data)
    return bad_output(plugin, err, "has one of clientCertificateData and clientKeyData, expected both or neither");
  if (!out->token.data && !out->certificate.data)
    return bad_output(plugin, err, "has neither status.token nor a client certificate with its key");
  if (out->token.data && !lpod_header_valid(out->token.data, out->token.len))
    return bad_output(plugin, err, "has control characters in status.token");

  const lpod_value *expiry = lpod_value_get(status, "expirationTimestamp");
  if (lpod_value_type(expiry) == LPOD_NULL) return LPOD_OK;
  size_t len = 0, used = 0;
  const char *text = lpod_value_string(expiry, &len);
  if (!text || !lpod_time_parse(text, len, &out->expires, &used) || used != len)
    return bad_output(plugin, err, "has a status.expirationTimestamp that is no RFC 3339 time");
  return LPOD_OK;
}

lpod_rc lpod_plugin_parse(const lpod_plugin *plugin, const char *text, size_t len, lpod_plugin_output *out,
                          lpod_error *err) {
  lpod_doc *doc = NULL;
  lpod_rc rc = lpod_json_parse(text, len, &doc, NULL);
  if (rc) return rc == LPOD_E_NOMEM ? lpod_nomem(err) : bad_output(plugin, err, "is not one JSON text");
  const lpod_value *root = lpod_doc_root(doc);
  const lpod_value *status = lpod_value_get(root, "status");
  if (!lpod_value_is(lpod_value_get(root, "kind"), "ExecCredential"))
    rc = bad_output(plugin, err, "is not of kind ExecCredential");
  else if (!lpod_value_is(lpod_value_get(root, "apiVersion"), plugin->api_version))
    rc = lpod_fail(err, LPOD_E_CREDENTIAL,
                   "credential plugin \"%s\": its output has apiVersion \"%.80s\", expected \"%s\"", plugin->command,
                   lpod_value_text(root, "apiVersion"), plugin->api_version);
  else if (lpod_value_type(status) != LPOD_OBJECT)
    rc = bad_output(plugin, err, "has no status");
  else
    rc = read_status(plugin, status, out, err);
  lpod_doc_wipe(doc);
  if (rc) lpod_plugin_output_clear(out);
  return rc;
}

void lpod_plugin_output_clear(lpod_plugin_output *output) {
  lpod_secret_clear(&output->token);
  lpod_secret_clear(&output->certificate);
  lpod_secret_clear(&output->key);
  output->expires = INT64_MAX;
}
