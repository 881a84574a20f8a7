/* The ExecCredential protocol of credential plugins, as text in and out (EP1, EP3, EP5). Pure: runs nothing. */
#ifndef LPOD_KUBE_PLUGIN_H
#define LPOD_KUBE_PLUGIN_H

#include "../base/buf.h"
#include "config.h"

typedef struct lpod_plugin_output {
  lpod_secret token, certificate, key; /* not set when the plugin gave none */
  int64_t expires;                     /* wall ns; INT64_MAX: it did not say */
} lpod_plugin_output;
#define LPOD_PLUGIN_OUTPUT_INIT \
  { LPOD_SECRET_INIT, LPOD_SECRET_INIT, LPOD_SECRET_INIT, INT64_MAX }

/* The value of KUBERNETES_EXEC_INFO. */
lpod_rc lpod_plugin_info(const lpod_config *config, bool interactive, lpod_buf *out, lpod_error *err);
/* The child's environment: inherited, the configured one and KUBERNETES_EXEC_INFO, later ones replacing earlier; ended
 * by NULL, freed by lpod_strings_free. */
lpod_rc lpod_plugin_environment(const lpod_config *config, bool interactive, char **inherited, char ***out,
                                lpod_error *err);
/* LPOD_E_CREDENTIAL when it is not what was asked for. Messages hold nothing of the text. */
lpod_rc lpod_plugin_parse(const lpod_plugin *plugin, const char *text, size_t len, lpod_plugin_output *out,
                          lpod_error *err);
void lpod_plugin_output_clear(lpod_plugin_output *output);

#endif
