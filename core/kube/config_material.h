/* Certificates and keys of a kubeconfig: inline in base64 or in a file, into memory (K9, K25). */
#ifndef LPOD_KUBE_CONFIG_MATERIAL_H
#define LPOD_KUBE_CONFIG_MATERIAL_H

#include "kubeconfig.h"

typedef enum lpod_material { LPOD_MATERIAL_CA, LPOD_MATERIAL_CERTIFICATE, LPOD_MATERIAL_KEY } lpod_material;

/* field, or field with "-data". *path is the file it came from, NULL when inline. Neither is set: out stays empty. */
lpod_rc lpod_config_read_material(const lpod_entry *entry, const char *field, lpod_material kind, lpod_secret *out,
                                  char **path, lpod_error *err);

#endif
