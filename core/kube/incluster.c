/* The service account of the pod we run in (I1–I3). Reads the folder once to be sure that it is whole; the token is
 * read again by credential.c for each use, by its path, as it rotates by a symlink swap. */
#include "../base/file.h"
#include "../base/text.h"
#include "config_read.h"
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usual_folder[] = "/var/run/secrets/kubernetes.io/serviceaccount";

static char *account_file(const lpod_config_options *options, const char *name) {
  return lpod_text_format("%s/%s", options->service_account ? options->service_account : usual_folder, name);
}

bool lpod_config_is_in_cluster(const lpod_config_options *options) {
  if (!lpod_config_variable(options, "KUBERNETES_SERVICE_HOST") ||
      !lpod_config_variable(options, "KUBERNETES_SERVICE_PORT"))
    return false;
  char *token = account_file(options, "token");
  bool there = token && access(token, F_OK) == 0;
  free(token);
  return there;
}

static lpod_rc read_account(const char *path, const char *what, lpod_secret *out, lpod_error *err) {
  lpod_rc rc = path ? lpod_secret_read(out, path, err) : lpod_nomem(err);
  if (!rc && !out->len) rc = lpod_fail(err, LPOD_E_CONFIG, "%s: empty, expected %s", path, what);
  if (!rc) return LPOD_OK;
  if (rc == LPOD_E_IO) rc = LPOD_E_CONFIG;
  if (err) err->rc = rc;
  lpod_wrap(err, "service account of this pod");
  return rc;
}

/* POD_NAMESPACE, else the account's file (K21); neither is no error. */
static lpod_rc read_namespace(const lpod_config_options *options, lpod_config *config, lpod_error *err) {
  const char *set = lpod_config_variable(options, "POD_NAMESPACE");
  if (set) {
    config->namespace_ = lpod_text_copy(set);
    return config->namespace_ ? LPOD_OK : lpod_nomem(err);
  }
  char *path = account_file(options, "namespace");
  lpod_secret text = LPOD_SECRET_INIT;
  lpod_rc rc = path ? LPOD_OK : lpod_nomem(err);
  if (!rc && !lpod_secret_read(&text, path, NULL)) {
    size_t len = strcspn(text.data, " \t\r\n");
    if (len) config->namespace_ = lpod_text_copy_len(text.data, len);
    if (len && !config->namespace_) rc = lpod_nomem(err);
  }
  lpod_secret_clear(&text);
  free(path);
  return rc;
}

lpod_rc lpod_config_in_cluster(const lpod_config_options *options, lpod_config *config, lpod_error *err) {
  const char *host = lpod_config_variable(options, "KUBERNETES_SERVICE_HOST");
  const char *port = lpod_config_variable(options, "KUBERNETES_SERVICE_PORT");
  if (!host || !port)
    return lpod_fail(err, LPOD_E_CONFIG,
                     "not inside a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not both set");
  bool bare = strchr(host, ':') && host[0] != '['; /* IPv6 */
  config->server = lpod_text_format(bare ? "https://[%s]:%s" : "https://%s:%s", host, port);
  config->context = lpod_text_copy("");
  config->cluster = lpod_text_copy("");
  config->user = lpod_text_copy("");
  config->in_cluster = true;
  config->token_file = account_file(options, "token");
  config->ca_file = account_file(options, "ca.crt");
  if (!config->server || !config->context || !config->cluster || !config->user) return lpod_nomem(err);

  lpod_secret token = LPOD_SECRET_INIT; /* a missing one is said now, not by a 401 later */
  lpod_rc rc = read_account(config->token_file, "a token", &token, err);
  lpod_secret_clear(&token);
  if (!rc) rc = read_account(config->ca_file, "certificates", &config->ca, err);
  if (!rc && !lpod_secret_holds(&config->ca, "-----BEGIN CERTIFICATE-----"))
    rc = lpod_fail(err, LPOD_E_CONFIG, "service account of this pod: %s: no PEM certificate in it", config->ca_file);
  if (!rc) rc = read_namespace(options, config, err);
  return rc;
}
