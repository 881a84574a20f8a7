/* Which cluster, as whom: the choice among the sources (ACC-1…3, K1, K2, K21, K22) and the description that comes of
 * it. Reading files is kubeconfig.c's, the meaning of entries config_cluster.c's and config_user.c's. Invariant: an
 * explicit source that fails is an error, never a reason to try the next one. */
#include "config.h"
#include "../base/text.h"
#include "config_read.h"
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lpod_config_variable(const lpod_config_options *options, const char *name) {
  const char *value = options->environment ? options->environment(options->arg, name) : getenv(name);
  return value && *value ? value : NULL;
}

lpod_rc lpod_config_warn(lpod_config *config, lpod_error *err, const char *format, ...) {
  char text[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  return lpod_strings_add(&config->warnings, lpod_text_copy(text), err);
}

void lpod_config_free(lpod_config *config) {
  if (!config) return;
  char *const texts[] = {
      config->context, config->cluster,          config->user,     config->server,      config->namespace_,
      config->ca_file, config->certificate_file, config->key_file, config->server_name, config->token_file};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) free(texts[i]);
  if (config->proxy) lpod_wipe(config->proxy, strlen(config->proxy));
  free(config->proxy);
  lpod_secret *const secrets[] = {&config->ca,    &config->certificate, &config->key,
                                  &config->token, &config->username,    &config->password};
  for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++) lpod_secret_clear(secrets[i]);
  lpod_strings_free(config->impersonation);
  lpod_strings_free(config->warnings);
  if (config->plugin) {
    free(config->plugin->api_version);
    free(config->plugin->command);
    free(config->plugin->install_hint);
    lpod_strings_free(config->plugin->arguments);
    lpod_strings_free(config->plugin->environment);
    free(config->plugin->cluster_config);
    free(config->plugin);
  }
  free(config);
}

/* ---- files ---- */

/* KUBECONFIG: missing files are skipped, but all of them missing is worth a word (K2). */
static lpod_rc add_list(lpod_kubeconfig *kubeconfig, const char *list, lpod_config *config, lpod_error *err) {
  bool any = false;
  lpod_rc rc = LPOD_OK;
  while (*list && !rc) {
    size_t len = strcspn(list, ":");
    if (len) {
      bool found = false;
      char *path = lpod_text_copy_len(list, len);
      rc = path ? lpod_kubeconfig_add(kubeconfig, path, &found, err) : lpod_nomem(err);
      any |= found;
      free(path);
    }
    list += len + (list[len] == ':');
  }
  if (!rc && !any) rc = lpod_config_warn(config, err, "KUBECONFIG: none of the files that it names is there");
  return rc;
}

static lpod_rc add_home(lpod_kubeconfig *kubeconfig, const lpod_config_options *options, lpod_error *err) {
  const char *home = lpod_config_variable(options, "HOME");
  if (!home) return LPOD_OK;
  bool found;
  char *path = lpod_text_format("%s/.kube/config", home);
  lpod_rc rc = path ? lpod_kubeconfig_add(kubeconfig, path, &found, err) : lpod_nomem(err);
  free(path);
  return rc;
}

/* ---- entries ---- */

/* ": did you mean "x"? there are: a, b" or ": there are none". */
static void describe_names(const lpod_kubeconfig *kubeconfig, const char *section, const char *wanted, char *out,
                           size_t size) {
  char **names = NULL;
  lpod_kubeconfig_names(kubeconfig, section, &names, NULL);
  size_t count = 0, len;
  while (names && names[count]) count++;
  if (!count) {
    snprintf(out, size, "there are no %s", section);
    return;
  }
  const char *nearest = wanted ? lpod_text_nearest(wanted, (const char *const *)names, count) : NULL;
  *out = '\0';
  if (nearest) snprintf(out, size, "did you mean \"%s\"? ", nearest);
  len = strlen(out);
  snprintf(out + len, size - len, "%s there are: ", section);
  for (size_t i = 0; i < count; i++) {
    len = strlen(out);
    snprintf(out + len, size - len, "%s%s", i ? ", " : "", names[i]);
  }
  lpod_strings_free(names);
}

static lpod_rc no_context(const lpod_kubeconfig *kubeconfig, const char *name, lpod_error *err) {
  char names[700];
  describe_names(kubeconfig, "contexts", name, names, sizeof names);
  const char *from = kubeconfig->count ? kubeconfig->files[0].path : "kubeconfig";
  const char *more = kubeconfig->count > 1 ? " and others" : "";
  if (name) return lpod_fail(err, LPOD_E_CONFIG, "%s%s: no context \"%s\"; %s", from, more, name, names);
  return lpod_fail(err, LPOD_E_CONFIG, "%s%s: current-context is not set and no context was asked for; %s", from, more,
                   names);
}

/* The entry that a context names (K22, X58). */
static lpod_rc find_named(const lpod_kubeconfig *kubeconfig, const lpod_entry *context, const char *field,
                          const char *section, const char *name, lpod_entry *out, lpod_error *err) {
  if (lpod_kubeconfig_find(kubeconfig, section, name, out)) return LPOD_OK;
  char names[500];
  describe_names(kubeconfig, section, name, names, sizeof names);
  return lpod_entry_fail(context, lpod_value_get(context->body, field), field, err, "no %s \"%.100s\"; %s", field, name,
                         names);
}

static lpod_rc read_namespace(const lpod_entry *context, lpod_config *config, lpod_error *err) {
  lpod_rc rc = lpod_entry_string(context, "namespace", &config->namespace_, err);
  if (rc || !config->namespace_ || lpod_dns_label(config->namespace_)) return rc;
  return lpod_entry_fail(context, lpod_value_get(context->body, "namespace"), "namespace", err,
                         "found \"%.80s\", expected at most 63 of a-z, 0-9 and inner \"-\"", config->namespace_);
}

static lpod_rc read_context(const lpod_kubeconfig *kubeconfig, lpod_config *config, lpod_error *err) {
  lpod_entry context, cluster, user;
  if (!lpod_kubeconfig_find(kubeconfig, "contexts", config->context, &context))
    return no_context(kubeconfig, config->context, err);
  lpod_rc rc = lpod_entry_string(&context, "cluster", &config->cluster, err);
  if (!rc && !config->cluster)
    rc = lpod_entry_fail(&context, lpod_value_get(context.body, "cluster"), "cluster", err,
                         "not set, expected the name of a cluster");
  if (!rc) rc = lpod_entry_string(&context, "user", &config->user, err);
  if (!rc) rc = read_namespace(&context, config, err);
  if (!rc) rc = find_named(kubeconfig, &context, "cluster", "clusters", config->cluster, &cluster, err);
  if (!rc) rc = lpod_config_read_cluster(&cluster, config, err);
  if (!rc && config->user) { /* a context may name no user: then nobody in particular asks */
    rc = find_named(kubeconfig, &context, "user", "users", config->user, &user, err);
    if (!rc) rc = lpod_config_read_user(&user, &cluster, config, err);
  } else if (!rc && !(config->user = lpod_text_copy(""))) {
    rc = lpod_nomem(err);
  }
  return rc;
}

/* ---- the choice ---- */

static bool has_entries(const lpod_kubeconfig *kubeconfig) {
  static const char *const sections[] = {"contexts", "clusters", "users"};
  for (size_t i = 0; i < kubeconfig->count; i++)
    for (size_t j = 0; j < sizeof sections / sizeof *sections; j++)
      if (lpod_value_count(lpod_value_get(kubeconfig->files[i].root, sections[j]))) return true;
  return false;
}

static lpod_rc from_files(const lpod_config_options *options, const lpod_kubeconfig *kubeconfig, lpod_config *config,
                          lpod_error *err) {
  lpod_rc rc = LPOD_OK;
  bool given = options->file || options->text;
  if (options->context && *options->context) {
    config->context = lpod_text_copy(options->context);
    if (!config->context) return lpod_nomem(err);
  } else {
    rc = lpod_kubeconfig_current(kubeconfig, &config->context, err);
  }
  if (rc) return rc;
  if (config->context && (has_entries(kubeconfig) || given)) return read_context(kubeconfig, config, err);
  if (!options->context && !given && options->in_cluster != LPOD_NO && lpod_config_is_in_cluster(options)) {
    free(config->context);
    config->context = NULL;
    return lpod_config_in_cluster(options, config, err);
  }
  if (has_entries(kubeconfig) || given) return no_context(kubeconfig, NULL, err);
  const char *outside = options->in_cluster == LPOD_NO ? "in_cluster is false" : "this is not inside a cluster";
  const char *list = lpod_config_variable(options, "KUBECONFIG");
  if (list && !kubeconfig->count)
    return lpod_fail(err, LPOD_E_CONFIG, "no kubeconfig: KUBECONFIG names %s: No such file or directory; and %s", list,
                     outside);
  return lpod_fail(err, LPOD_E_CONFIG,
                   "no kubeconfig: none of --kubeconfig, KUBECONFIG, ~/.kube/config names a cluster, and %s", outside);
}

static lpod_rc choose(const lpod_config_options *options, lpod_kubeconfig *kubeconfig, lpod_config *config,
                      lpod_error *err) {
  const char *list = lpod_config_variable(options, "KUBECONFIG");
  if (options->in_cluster == LPOD_YES) return lpod_config_in_cluster(options, config, err);
  lpod_rc rc;
  if (options->text)
    rc = lpod_kubeconfig_add_text(kubeconfig, options->text, err);
  else if (options->file)
    rc = lpod_kubeconfig_add(kubeconfig, options->file, NULL, err);
  else if (list)
    rc = add_list(kubeconfig, list, config, err);
  else if (!options->context && options->in_cluster != LPOD_NO && lpod_config_is_in_cluster(options))
    return lpod_config_in_cluster(options, config, err);
  else
    rc = add_home(kubeconfig, options, err);
  return rc ? rc : from_files(options, kubeconfig, config, err);
}

static lpod_rc load(const lpod_config_options *options, lpod_config **out, lpod_error *err) {
  const char *given = options->file ? "config_file" : options->text ? "an inline kubeconfig" : NULL;
  if (options->file && options->text) /* ACC-2 */
    return lpod_fail(err, LPOD_E_CONFIG, "config_file and an inline kubeconfig exclude each other, expected one");
  if (options->in_cluster == LPOD_YES && given)
    return lpod_fail(err, LPOD_E_CONFIG, "in_cluster = true and %s exclude each other, expected one", given);
  lpod_config *config = calloc(1, sizeof *config);
  if (!config) return lpod_nomem(err);
  lpod_kubeconfig kubeconfig = {0};
  lpod_rc rc = choose(options, &kubeconfig, config, err);
  lpod_kubeconfig_free(&kubeconfig);
  if (rc)
    lpod_config_free(config);
  else
    *out = config;
  return rc;
}

lpod_rc lpod_config_load(const lpod_config_options *options, lpod_config **out, lpod_error *err) {
  static const lpod_config_options none;
  *out = NULL;
  lpod_rc rc = load(options ? options : &none, out, err);
  if (rc && rc != LPOD_E_NOMEM && err) snprintf(err->error_class, sizeof err->error_class, "config");
  return rc;
}
