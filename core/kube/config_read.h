/* The parts that lpod_config_load is made of: one reads an entry of each kind into the description, one the pod's own
 * account. */
#ifndef LPOD_KUBE_CONFIG_READ_H
#define LPOD_KUBE_CONFIG_READ_H

#include "config.h"
#include "kubeconfig.h"

lpod_rc lpod_config_read_cluster(const lpod_entry *entry, lpod_config *config, lpod_error *err);
/* cluster: where the plugin's cluster extension is (EP3). */
lpod_rc lpod_config_read_user(const lpod_entry *entry, const lpod_entry *cluster, lpod_config *config, lpod_error *err);

/* Both of I1's variables and the token (ACC-1). */
bool lpod_config_is_in_cluster(const lpod_config_options *options);
lpod_rc lpod_config_in_cluster(const lpod_config_options *options, lpod_config *config, lpod_error *err);
/* A variable of the environment; NULL when it is not set or empty. */
const char *lpod_config_variable(const lpod_config_options *options, const char *name);
/* Append to config->warnings. */
lpod_rc lpod_config_warn(lpod_config *config, lpod_error *err, const char *format, ...) LPOD_PRINTF(3, 4);

#endif
