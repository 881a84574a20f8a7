/* A user entry of a kubeconfig (K7–K12, K20, K23; EP1, EP2): which credential it names, contradictions refused. Runs no
 * plugin and reads no token file. Invariant: messages name fields, never their values, but for names of programs and
 * files. */
#include "../base/limits.h"
#include "../base/text.h"
#include "../data/json.h"
#include "config_material.h"
#include "config_read.h"
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const lpod_value *at(const lpod_entry *entry, const char *field) { return lpod_value_get(entry->body, field); }
static bool is_set(const lpod_entry *entry, const char *field) {
  const lpod_value *value = at(entry, field);
  return lpod_value_type(value) != LPOD_NULL && !lpod_value_is(value, "");
}

static lpod_rc add_header(const lpod_entry *entry, const char *field, lpod_config *config, const char *name,
                          const char *value, lpod_error *err) {
  if (!lpod_header_valid(value, strlen(value)))
    return lpod_entry_fail(entry, at(entry, field), field, err, "holds a control character, expected one line of text");
  return lpod_strings_add(&config->impersonation, lpod_text_format("%s: %s", name, value), err);
}

/* K20: a key becomes part of a header's name, so what may not stand there is percent-escaped. */
static lpod_rc extra_name(const char *key, lpod_buf *out, lpod_error *err) {
  static const char allowed[] = "!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  lpod_rc rc = lpod_buf_adds(out, "Impersonate-Extra-", err);
  for (const char *c = key; !rc && *c; c++)
    rc = strchr(allowed, *c) ? lpod_buf_addc(out, *c, err)
                             : lpod_buf_addf(out, err, "%%%02X", (unsigned)(unsigned char)*c);
  return rc;
}

static lpod_rc read_extra(const lpod_entry *entry, lpod_config *config, lpod_error *err) {
  lpod_entry extra;
  bool there;
  lpod_rc rc = lpod_entry_map(entry, "as-user-extra", &extra, &there, err);
  for (const lpod_value *item = rc ? NULL : lpod_value_first(extra.body); !rc && item; item = lpod_value_next(item)) {
    const char *key = lpod_value_key(item, NULL);
    lpod_buf name = LPOD_BUF_INIT(LPOD_LIMIT_HEADERS);
    char **values = NULL;
    rc = lpod_entry_list(&extra, key, &values, err);
    if (!rc) rc = extra_name(key, &name, err);
    for (char **value = values; !rc && value && *value; value++)
      rc = add_header(&extra, key, config, name.data, *value, err);
    lpod_buf_free(&name);
    lpod_strings_free(values);
  }
  return rc;
}

static lpod_rc read_impersonation(const lpod_entry *entry, lpod_config *config, lpod_error *err) {
  static const char *const others[] = {"as-uid", "as-groups", "as-user-extra"};
  char *user = NULL, *uid = NULL, **groups = NULL;
  lpod_rc rc = lpod_entry_string(entry, "as", &user, err);
  for (size_t i = 0; !rc && !user && i < sizeof others / sizeof *others; i++)
    if (is_set(entry, others[i]))
      rc = lpod_entry_fail(entry, at(entry, others[i]), others[i], err, "set without \"as\", expected both");
  if (!rc) rc = lpod_entry_string(entry, "as-uid", &uid, err);
  if (!rc) rc = lpod_entry_list(entry, "as-groups", &groups, err);
  if (!rc && user) rc = add_header(entry, "as", config, "Impersonate-User", user, err);
  if (!rc && uid) rc = add_header(entry, "as-uid", config, "Impersonate-Uid", uid, err);
  for (char **group = groups; !rc && group && *group; group++)
    rc = add_header(entry, "as-groups", config, "Impersonate-Group", *group, err);
  if (!rc) rc = read_extra(entry, config, err);
  free(user);
  free(uid);
  lpod_strings_free(groups);
  return rc;
}

/* ---- exec ---- */

static lpod_rc read_mode(const lpod_entry *entry, lpod_plugin *plugin, lpod_error *err) {
  static const char expected[] = "expected Never, IfAvailable or Always";
  const lpod_value *mode = at(entry, "interactiveMode");
  plugin->interactive = LPOD_PLUGIN_IF_AVAILABLE;
  if (!is_set(entry, "interactiveMode")) {
    if (lpod_text_ends(plugin->api_version, "/v1beta1")) return LPOD_OK;
    return lpod_entry_fail(entry, mode, "interactiveMode", err, "not set, which %s demands; %s", plugin->api_version,
                           expected);
  }
  if (lpod_value_is(mode, "Never"))
    plugin->interactive = LPOD_PLUGIN_NEVER;
  else if (lpod_value_is(mode, "Always"))
    plugin->interactive = LPOD_PLUGIN_ALWAYS;
  else if (!lpod_value_is(mode, "IfAvailable"))
    return lpod_entry_fail(entry, mode, "interactiveMode", err, "found another word, %s", expected);
  return LPOD_OK;
}

static lpod_rc read_command(const lpod_entry *entry, lpod_plugin *plugin, lpod_error *err) {
  static const char group[] = "client.authentication.k8s.io";
  lpod_rc rc = lpod_entry_string(entry, "apiVersion", &plugin->api_version, err);
  if (rc) return rc;
  const char *version = plugin->api_version ? plugin->api_version : "";
  if (strncmp(version, group, sizeof group - 1) ||
      (strcmp(version + sizeof group - 1, "/v1") && strcmp(version + sizeof group - 1, "/v1beta1")))
    return lpod_entry_fail(entry, at(entry, "apiVersion"), "apiVersion", err,
                           "found \"%.80s\", expected \"%s/v1\" or \"%s/v1beta1\"%s", version, group, group,
                           lpod_text_ends(version, "/v1alpha1") ? " (v1alpha1 was removed)" : "");
  char *command = NULL;
  rc = lpod_entry_string(entry, "command", &command, err);
  if (!rc && !command) rc = lpod_entry_fail(entry, at(entry, "command"), "command", err, "not set, expected a program");
  if (!rc && command) { /* a bare name goes through PATH (K8) */
    plugin->command = strchr(command, '/') ? lpod_entry_resolve(entry, command) : lpod_text_copy(command);
    if (!plugin->command) rc = lpod_nomem(err);
  }
  free(command);
  return rc;
}

static lpod_rc read_environment(const lpod_entry *entry, lpod_plugin *plugin, lpod_error *err) {
  const lpod_value *list = at(entry, "env");
  lpod_rc rc = LPOD_OK;
  if (lpod_value_type(list) != LPOD_NULL && lpod_value_type(list) != LPOD_ARRAY)
    return lpod_entry_fail(entry, list, "env", err, "found a %s, expected a list",
                           lpod_type_name(lpod_value_type(list)));
  for (const lpod_value *item = lpod_value_first(list); !rc && item; item = lpod_value_next(item)) {
    lpod_entry one = {.file = entry->file, .body = item, .line = lpod_value_line(item)};
    snprintf(one.path, sizeof one.path, "%.500s.env[]", entry->path);
    char *name = NULL, *value = NULL;
    if (lpod_value_type(item) != LPOD_OBJECT)
      rc = lpod_entry_fail(entry, item, "env", err, "expected maps of name and value");
    if (!rc) rc = lpod_entry_string(&one, "name", &name, err);
    if (!rc && (!name || strchr(name, '=')))
      rc = lpod_entry_fail(&one, at(&one, "name"), "name", err, "expected a name without \"=\"");
    if (!rc) rc = lpod_entry_string(&one, "value", &value, err);
    if (!rc) rc = lpod_strings_add(&plugin->environment, lpod_text_format("%s=%s", name, value ? value : ""), err);
    if (value) lpod_wipe(value, strlen(value));
    free(value);
    free(name);
  }
  return rc;
}

/* The part of the cluster entry that is meant for plugins (EP3). */
static lpod_rc read_extension(const lpod_entry *cluster, lpod_plugin *plugin, lpod_error *err) {
  const lpod_value *item = lpod_value_first(lpod_value_get(cluster->body, "extensions"));
  while (item && !lpod_value_is(lpod_value_get(item, "name"), "client.authentication.k8s.io/exec"))
    item = lpod_value_next(item);
  const lpod_value *extension = lpod_value_get(item, "extension");
  if (!extension) return LPOD_OK;
  return lpod_json_write(extension, 0, &plugin->cluster_config, NULL, err);
}

static lpod_rc read_plugin(const lpod_entry *entry, const lpod_entry *cluster, lpod_config *config, lpod_error *err) {
  lpod_plugin *plugin = config->plugin = calloc(1, sizeof *plugin);
  if (!plugin) return lpod_nomem(err);
  lpod_rc rc = read_command(entry, plugin, err);
  if (!rc) rc = read_mode(entry, plugin, err);
  if (!rc) rc = lpod_entry_string(entry, "installHint", &plugin->install_hint, err);
  if (!rc) rc = lpod_entry_bool(entry, "provideClusterInfo", &plugin->provide_cluster_info, NULL, err);
  if (!rc) rc = lpod_entry_list(entry, "args", &plugin->arguments, err);
  if (!rc) rc = read_environment(entry, plugin, err);
  if (!rc) rc = read_extension(cluster, plugin, err);
  return rc;
}

/* ---- the whole ---- */

/* K11, K23 */
static lpod_rc refuse_contradictions(const lpod_entry *entry, lpod_error *err) {
  const char *token = is_set(entry, "tokenFile") ? "tokenFile" : "token";
  const char *basic = is_set(entry, "username") ? "username" : "password";
  if (is_set(entry, token) && is_set(entry, basic))
    return lpod_entry_fail(entry, at(entry, basic), basic, err,
                           "set together with %s, expected one way to authenticate", token);
  if (!is_set(entry, "auth-provider")) return LPOD_OK;
  if (is_set(entry, "exec"))
    return lpod_entry_fail(entry, at(entry, "auth-provider"), "auth-provider", err,
                           "set together with exec, expected one of them");
  return lpod_entry_fail(entry, at(entry, "auth-provider"), "auth-provider", err,
                         "\"%.60s\" was removed from Kubernetes, use a credential plugin (exec)",
                         lpod_value_text(at(entry, "auth-provider"), "name"));
}

static lpod_rc read_certificate(const lpod_entry *entry, lpod_config *config, lpod_error *err) {
  lpod_rc rc = lpod_config_read_material(entry, "client-certificate", LPOD_MATERIAL_CERTIFICATE, &config->certificate,
                                         &config->certificate_file, err);
  if (!rc) rc = lpod_config_read_material(entry, "client-key", LPOD_MATERIAL_KEY, &config->key, &config->key_file, err);
  if (rc || !config->certificate.data == !config->key.data) return rc;
  const char *have = config->key.data ? "client-key" : "client-certificate"; /* K10 */
  return lpod_entry_fail(entry, NULL, have, err, "set without %s, expected both",
                         config->key.data ? "client-certificate" : "client-key");
}

static lpod_rc read_token(const lpod_entry *entry, lpod_config *config, lpod_error *err) {
  char *name = NULL;
  lpod_rc rc = lpod_entry_secret(entry, "token", &config->token, err);
  if (!rc && config->token.data && !lpod_header_valid(config->token.data, config->token.len))
    rc = lpod_entry_fail(entry, at(entry, "token"), "token", err,
                         "holds a control character, expected a token on one line");
  if (!rc) rc = lpod_entry_string(entry, "tokenFile", &name, err);
  if (!rc && name && !(config->token_file = lpod_entry_resolve(entry, name))) rc = lpod_nomem(err);
  free(name);
  return rc;
}

lpod_rc lpod_config_read_user(const lpod_entry *entry, const lpod_entry *cluster, lpod_config *config,
                              lpod_error *err) {
  lpod_entry exec;
  bool has_exec = false;
  lpod_rc rc = refuse_contradictions(entry, err);
  if (!rc) rc = read_certificate(entry, config, err);
  if (!rc) rc = read_token(entry, config, err);
  if (!rc) rc = lpod_entry_secret(entry, "username", &config->username, err);
  if (!rc) rc = lpod_entry_secret(entry, "password", &config->password, err);
  if (!rc) rc = read_impersonation(entry, config, err);
  if (!rc) rc = lpod_entry_map(entry, "exec", &exec, &has_exec, err);
  /* Who has an Authorization already needs no plugin (K12). */
  bool authorized = config->token.data || config->token_file || config->username.data || config->password.data;
  if (!rc && has_exec && !authorized) rc = read_plugin(&exec, cluster, config, err);
  return rc;
}
