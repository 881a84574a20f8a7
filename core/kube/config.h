/* Which cluster, as whom: kubeconfig files and in-cluster credentials turned into one plain description (rules K1–K26,
 * I1–I3, ACC-1…3). Reads files, never the network; runs no plugin. Errors name file, entry and field. */
#ifndef LPOD_KUBE_CONFIG_H
#define LPOD_KUBE_CONFIG_H

#include "../base/secret.h"
#include <lunapod/value.h>

typedef struct lpod_plugin { /* users[].user.exec */
  char *api_version, *command, *install_hint;
  char **arguments;   /* ended by NULL */
  char **environment; /* "NAME=value", ended by NULL; values are secrets */
  enum { LPOD_PLUGIN_NEVER, LPOD_PLUGIN_IF_AVAILABLE, LPOD_PLUGIN_ALWAYS } interactive;
  bool provide_cluster_info;
  char *cluster_config; /* JSON text of the cluster extension, or NULL */
} lpod_plugin;

typedef struct lpod_config {
  char *context, *cluster, *user;              /* names; "" in cluster */
  char *server;                                /* no trailing slash */
  char *namespace_;                            /* the context's or service account's; NULL when none is set (K21) */
  lpod_secret ca;                              /* PEM; data NULL: not set */
  lpod_secret certificate, key;                /* PEM, inline or read */
  char *ca_file, *certificate_file, *key_file; /* where they came from, NULL when inline: re-read on change (K15) */
  bool insecure, no_compression, in_cluster;
  char *server_name, *proxy; /* or NULL */
  lpod_secret token;
  char *token_file;               /* beats token (K12) */
  lpod_secret username, password; /* basic */
  char **impersonation;           /* header lines (K20), ended by NULL; or NULL */
  lpod_plugin *plugin;            /* or NULL */
  char **warnings;                /* to be shown once (K2, K16, K26), ended by NULL; or NULL */
} lpod_config;

typedef enum lpod_choice { LPOD_UNSET = 0, LPOD_NO, LPOD_YES } lpod_choice;

typedef struct lpod_config_options {
  const char *file;    /* explicit kubeconfig (K1) */
  const char *text;    /* inline kubeconfig (ACC-4); excludes file */
  const char *context; /* instead of current-context (ACC-3) */
  lpod_choice in_cluster;
  /* For tests: environment (NULL: getenv) and the service account's folder (NULL: the usual one). */
  const char *(*environment)(void *arg, const char *name);
  void *arg;
  const char *service_account;
} lpod_config_options;

/* Caller frees *out. LPOD_E_CONFIG / LPOD_E_PARSE. */
lpod_rc lpod_config_load(const lpod_config_options *options, lpod_config **out, lpod_error *err);
void lpod_config_free(lpod_config *config);

#endif
