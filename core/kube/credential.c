/* See credential.h. Leaves to others: when to ask, and what to do with a new identity. Invariants: at most one plugin
 * run at a time; a request is never let through without the credential it should have (EP9); over plain http there is
 * none (K14); what was good is kept when a re-read fails (K13). */
#include "credential.h"
#include "../base/limits.h"
#include "../base/text.h"
#include "../net/child.h"
#include "plugin.h"
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const int64_t TOKEN_CACHED = 50 * LPOD_NS_PER_S;  /* a minute, refreshed 10 s early (K13) */
static const int64_t FILES_CACHED = 300 * LPOD_NS_PER_S; /* K15 */

struct lpod_credential {
  lpod_loop *loop;
  const lpod_config *config;
  bool secure; /* https: credentials may be sent at all (K14) */
  int64_t plugin_timeout;
  lpod_child *child; /* the plugin's run */
  lpod_link waiting;
  lpod_secret authorization; /* the header's value */
  lpod_secret token;         /* the bare token within, for lpod_credential_hide */
  uint64_t version;
  int64_t token_until;    /* monotonic: the token file's cache; INT64_MIN: re-read */
  bool plugin_fresh;      /* the plugin's answer has not been refused */
  int64_t plugin_expires; /* wall */
  lpod_secret ca, certificate, key;
  uint64_t identity;
  int64_t files_until; /* monotonic */
};

static bool same_secret(const lpod_secret *a, const lpod_secret *b) {
  if (!a->data || !b->data) return !a->data == !b->data;
  return lpod_secret_equal(a, b);
}

/* Take from's content into to; true when it differed. */
static bool replace(lpod_secret *to, lpod_secret *from) {
  bool differs = !same_secret(to, from);
  if (differs) {
    lpod_secret_clear(to);
    *to = *from;
    *from = (lpod_secret)LPOD_SECRET_INIT;
  }
  return differs;
}

static lpod_rc set_authorization(lpod_credential *credential, const char *scheme, const char *text, size_t len,
                                 lpod_error *err) {
  lpod_buf value = LPOD_BUF_INIT(2u * LPOD_LIMIT_CONFIG_FILE);
  lpod_secret fresh = LPOD_SECRET_INIT, token = LPOD_SECRET_INIT;
  lpod_rc rc = lpod_buf_adds(&value, scheme, err);
  if (!rc) rc = lpod_buf_add(&value, text, len, err);
  if (!rc) rc = lpod_secret_set(&fresh, value.data, value.len, err);
  if (!rc) rc = lpod_secret_set(&token, text, len, err);
  if (!rc) {
    if (replace(&credential->authorization, &fresh)) credential->version++;
    replace(&credential->token, &token);
  }
  lpod_secret_clear(&token);
  lpod_secret_clear(&fresh);
  lpod_buf_wipe(&value);
  lpod_buf_free(&value);
  return rc;
}

static lpod_rc set_basic(lpod_credential *credential, lpod_error *err) {
  const lpod_secret *user = &credential->config->username, *password = &credential->config->password;
  lpod_buf pair = LPOD_BUF_INIT(LPOD_LIMIT_CONFIG_FILE), text = LPOD_BUF_INIT(2u * LPOD_LIMIT_CONFIG_FILE);
  lpod_rc rc = lpod_buf_add(&pair, user->data ? user->data : "", user->len, err);
  if (!rc) rc = lpod_buf_addc(&pair, ':', err);
  if (!rc) rc = lpod_buf_add(&pair, password->data ? password->data : "", password->len, err);
  if (!rc) rc = lpod_base64_encode(&text, pair.data, pair.len, err);
  if (!rc) rc = set_authorization(credential, "Basic ", text.data, text.len, err);
  lpod_buf_wipe(&pair);
  lpod_buf_free(&pair);
  lpod_buf_wipe(&text);
  lpod_buf_free(&text);
  return rc;
}

static lpod_rc copy_secret(lpod_secret *to, const lpod_secret *from, lpod_error *err) {
  return from->data ? lpod_secret_set(to, from->data, from->len, err) : LPOD_OK;
}

lpod_credential *lpod_credential_new(lpod_loop *loop, const lpod_config *config, int64_t plugin_timeout,
                                     lpod_error *err) {
  lpod_credential *credential = calloc(1, sizeof *credential);
  if (!credential) {
    lpod_nomem(err);
    return NULL;
  }
  credential->loop = loop;
  credential->config = config;
  credential->secure = lpod_text_starts(config->server, "https://");
  credential->plugin_timeout = plugin_timeout;
  credential->token_until = INT64_MIN;
  credential->files_until = lpod_loop_now(loop) + FILES_CACHED;
  lpod_list_init(&credential->waiting);
  lpod_rc rc = LPOD_OK;
  if (credential->secure) {
    rc = copy_secret(&credential->ca, &config->ca, err);
    if (!rc) rc = copy_secret(&credential->certificate, &config->certificate, err);
    if (!rc) rc = copy_secret(&credential->key, &config->key, err);
    if (!rc && config->token.data) /* with a token file: until that has been read (K12) */
      rc = set_authorization(credential, "Bearer ", config->token.data, config->token.len, err);
    if (!rc && (config->username.data || config->password.data)) rc = set_basic(credential, err);
  }
  if (rc) {
    lpod_credential_free(credential);
    return NULL;
  }
  return credential;
}

void lpod_credential_free(lpod_credential *credential) {
  if (!credential) return;
  if (credential->child) lpod_child_cancel(credential->child);
  lpod_secret_clear(&credential->authorization);
  lpod_secret_clear(&credential->token);
  lpod_secret_clear(&credential->ca);
  lpod_secret_clear(&credential->certificate);
  lpod_secret_clear(&credential->key);
  free(credential);
}

/* ---- token file (K13, I3) ---- */

/* White space around the token is no part of it: editors and projected volumes end files with a newline. */
static void trim(const lpod_secret *text, size_t *start, size_t *end) {
  static const char blank[] = " \t\r\n";
  *start = 0;
  *end = text->len;
  while (*start < *end && strchr(blank, text->data[*start]) && text->data[*start]) ++*start;
  while (*end > *start && strchr(blank, text->data[*end - 1]) && text->data[*end - 1]) --*end;
}

static lpod_rc read_token(lpod_credential *credential, lpod_error *err) {
  const char *path = credential->config->token_file;
  lpod_secret text = LPOD_SECRET_INIT;
  lpod_rc rc = lpod_secret_read(&text, path, err);
  size_t start = 0, end = 0;
  if (!rc) trim(&text, &start, &end);
  if (!rc && start == end) rc = lpod_fail(err, LPOD_E_CREDENTIAL, "%s: empty, expected a token", path);
  if (!rc && !lpod_header_valid(text.data + start, end - start))
    rc = lpod_fail(err, LPOD_E_CREDENTIAL, "%s: control characters inside, expected a token on one line", path);
  if (!rc) rc = set_authorization(credential, "Bearer ", text.data + start, end - start, err);
  lpod_secret_clear(&text);
  return rc;
}

static lpod_rc get_token(lpod_credential *credential, lpod_error *err) {
  int64_t now = lpod_loop_now(credential->loop);
  if (now < credential->token_until) return LPOD_OK;
  lpod_rc rc = read_token(credential, err);
  if (!rc) {
    credential->token_until = now + TOKEN_CACHED;
    return LPOD_OK;
  }
  if (credential->authorization.data) { /* the last good one; asked for again with the next request */
    if (err) lpod_error_clear(err);
    return LPOD_OK;
  }
  if (err && rc == LPOD_E_IO) err->rc = LPOD_E_CREDENTIAL;
  if (rc != LPOD_E_NOMEM) rc = LPOD_E_CREDENTIAL;
  lpod_wrap(err, "token file");
  return rc;
}

/* ---- plugin (EP1–EP10) ---- */

static lpod_rc take_output(lpod_credential *credential, lpod_plugin_output *output, lpod_error *err) {
  lpod_rc rc = LPOD_OK;
  if (output->token.data) {
    rc = set_authorization(credential, "Bearer ", output->token.data, output->token.len, err);
  } else if (credential->authorization.data) {
    lpod_secret_clear(&credential->authorization);
    lpod_secret_clear(&credential->token);
    credential->version++;
  }
  if (rc) return rc;
  if (!credential->config->certificate.data) { /* one of the configuration's own takes precedence */
    bool changed = replace(&credential->certificate, &output->certificate);
    changed |= replace(&credential->key, &output->key);
    if (changed) credential->identity++;
  }
  credential->version++; /* also the same token again is the answer to a refusal: not to be asked for twice (EP7) */
  credential->plugin_fresh = true;
  credential->plugin_expires = output->expires;
  return LPOD_OK;
}

static lpod_rc explain(const lpod_plugin *plugin, const lpod_child_result *result, lpod_error *err) {
  const char *hint = plugin->install_hint ? plugin->install_hint : "";
  if (result->missing)
    return lpod_fail(err, LPOD_E_CREDENTIAL, "credential plugin \"%s\": program not found%s%s", plugin->command,
                     *hint ? ": " : "", hint);
  if (result->error)
    return lpod_fail(err, LPOD_E_CREDENTIAL, "credential plugin: %s", result->error->text); /* names it */
  if (result->signal)
    return lpod_fail(err, LPOD_E_CREDENTIAL, "credential plugin \"%s\": ended by signal %d", plugin->command,
                     result->signal);
  return lpod_fail(err, LPOD_E_CREDENTIAL, "credential plugin \"%s\": exit status %d (what it says is on stderr)",
                   plugin->command, result->exit_code);
}

static void on_plugin_done(void *arg, const lpod_child_result *result) {
  lpod_credential *credential = arg;
  const lpod_plugin *plugin = credential->config->plugin;
  lpod_error error = LPOD_ERROR_INIT;
  lpod_plugin_output output = LPOD_PLUGIN_OUTPUT_INIT;
  lpod_rc rc;
  credential->child = NULL;
  if (result->missing || result->error || result->exit_code != 0)
    rc = explain(plugin, result, &error);
  else
    rc = lpod_plugin_parse(plugin, result->output, result->len, &output, &error);
  if (!rc) rc = take_output(credential, &output, &error);
  lpod_plugin_output_clear(&output);
  if (rc) snprintf(error.error_class, sizeof error.error_class, "%s", rc == LPOD_E_CREDENTIAL ? "credential" : "");

  /* Whoever is told may end the whole client: from here on only the list on this stack is touched. */
  lpod_link told, *link;
  lpod_list_init(&told);
  while ((link = lpod_list_take(&credential->waiting))) lpod_list_add(&told, link);
  while ((link = lpod_list_take(&told))) {
    lpod_credential_wait *wait = LPOD_CONTAINER(link, lpod_credential_wait, link);
    wait->ready(wait->arg, rc ? &error : NULL);
  }
}

static lpod_rc start_plugin(lpod_credential *credential, lpod_error *err) {
  const lpod_plugin *plugin = credential->config->plugin;
  bool terminal = isatty(STDIN_FILENO) == 1;
  if (plugin->interactive == LPOD_PLUGIN_ALWAYS && !terminal)
    return lpod_fail(err, LPOD_E_CREDENTIAL,
                     "credential plugin \"%s\": interactiveMode is Always, but stdin is no terminal", plugin->command);
  bool interactive = terminal && plugin->interactive != LPOD_PLUGIN_NEVER;
  char **argv = NULL, **environment = NULL;
  lpod_rc rc = lpod_strings_add(&argv, lpod_text_copy(plugin->command), err);
  for (size_t i = 0; !rc && plugin->arguments && plugin->arguments[i]; i++)
    rc = lpod_strings_add(&argv, lpod_text_copy(plugin->arguments[i]), err);
  if (!rc) rc = lpod_plugin_environment(credential->config, interactive, environ, &environment, err);
  if (!rc) {
    lpod_child_options options = {
        .argv = (const char *const *)argv,
        .environment = (const char *const *)environment,
        .use_stdin = interactive,
        .timeout = credential->plugin_timeout,
        .on_done = on_plugin_done,
        .arg = credential,
    };
    credential->child = lpod_child_start(credential->loop, &options, err);
    if (!credential->child) {
      rc = LPOD_E_CREDENTIAL;
      if (err) err->rc = rc;
      lpod_wrap(err, "credential plugin");
    }
  }
  lpod_strings_free(argv);
  lpod_strings_free(environment);
  return rc;
}

static bool plugin_is_fresh(const lpod_credential *credential) {
  const lpod_clock *clock = lpod_loop_clock(credential->loop);
  return credential->plugin_fresh && clock->wall(clock) < credential->plugin_expires;
}

/* ---- for users ---- */

lpod_rc lpod_credential_get(lpod_credential *credential, lpod_credential_wait *wait, bool *pending, lpod_error *err) {
  *pending = false;
  if (!credential->secure) return LPOD_OK;
  lpod_rc rc = LPOD_OK;
  if (lpod_loop_now(credential->loop) >= credential->files_until) lpod_credential_reload(credential);
  if (credential->config->token_file) {
    rc = get_token(credential, err);
  } else if (credential->config->plugin && !plugin_is_fresh(credential)) {
    if (!credential->child) rc = start_plugin(credential, err);
    *pending = !rc;
    if (!rc) lpod_list_add(&credential->waiting, &wait->link);
  }
  if (rc == LPOD_E_CREDENTIAL && err) snprintf(err->error_class, sizeof err->error_class, "credential");
  return rc;
}

void lpod_credential_leave(lpod_credential_wait *wait) { lpod_list_remove(&wait->link); }

const char *lpod_credential_authorization(const lpod_credential *credential) { return credential->authorization.data; }
uint64_t lpod_credential_version(const lpod_credential *credential) { return credential->version; }

void lpod_credential_refused(lpod_credential *credential, uint64_t version) {
  credential->token_until = INT64_MIN;
  if (version == credential->version) credential->plugin_fresh = false;
  lpod_credential_reload(credential);
}

lpod_identity lpod_credential_identity(const lpod_credential *credential) {
  lpod_identity identity = {NULL, NULL, NULL, credential->identity};
  if (credential->ca.data) identity.ca = &credential->ca;
  if (credential->certificate.data && credential->key.data) {
    identity.certificate = &credential->certificate;
    identity.key = &credential->key;
  }
  return identity;
}

bool lpod_credential_reload(lpod_credential *credential) {
  const lpod_config *config = credential->config;
  credential->files_until = lpod_loop_now(credential->loop) + FILES_CACHED;
  if (!credential->secure) return false;
  lpod_secret ca = LPOD_SECRET_INIT, certificate = LPOD_SECRET_INIT, key = LPOD_SECRET_INIT;
  bool changed = false;
  if (config->ca_file && !lpod_secret_read(&ca, config->ca_file, NULL) && ca.len)
    changed |= replace(&credential->ca, &ca);
  /* A pair is taken whole or not at all: while it is being replaced one of the two may be missing. */
  bool pair = config->certificate.data && (config->certificate_file || config->key_file);
  if (pair && config->certificate_file)
    pair = !lpod_secret_read(&certificate, config->certificate_file, NULL) && certificate.len;
  if (pair && config->key_file) pair = !lpod_secret_read(&key, config->key_file, NULL) && key.len;
  if (pair && config->certificate_file) changed |= replace(&credential->certificate, &certificate);
  if (pair && config->key_file) changed |= replace(&credential->key, &key);
  lpod_secret_clear(&ca);
  lpod_secret_clear(&certificate);
  lpod_secret_clear(&key);
  if (changed) credential->identity++;
  return changed;
}

static void hide(char *text, const lpod_secret *secret) {
  enum { SHORTEST = 8 }; /* a shorter one would only mangle ordinary words */
  if (!secret->data || secret->len < SHORTEST) return;
  for (char *at = text; (at = strstr(at, secret->data)); at += 3) {
    memmove(at + 3, at + secret->len, strlen(at + secret->len) + 1);
    memcpy(at, "***", 3);
  }
}

void lpod_credential_hide(const lpod_credential *credential, char *text) {
  hide(text, &credential->token);
  hide(text, &credential->config->token);
  hide(text, &credential->config->password);
}
