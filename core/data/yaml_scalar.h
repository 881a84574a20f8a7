/* What a plain YAML scalar means. */
#ifndef LPOD_DATA_YAML_SCALAR_H
#define LPOD_DATA_YAML_SCALAR_H

#include "doc.h"

/* Resolve text as kubectl would and set type and content of value; text that is nothing else stays LPOD_STRING with no
 * content set. A number outside int64 or double is LPOD_E_PARSE. */
lpod_rc lpod_yaml_resolve(const char *text, size_t len, lpod_value *value, lpod_error *err);
/* May any YAML 1.1 or 1.2 reader take this plain text for something that is not a string? */
bool lpod_yaml_ambiguous(const char *text, size_t len);

#endif
