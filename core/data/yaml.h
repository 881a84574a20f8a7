/* YAML in through libyaml, and out. In: the YAML 1.1 subset that Kubernetes' files use (plain scalars resolved as
 * kubectl does: null ~ true false, int64 (also 0644, 0o644, 0xff, 0b1, 1_000), floats; yes/no/on/off, dates and 1:30
 * stay text), anchors and merge keys within a budget, duplicate keys refused, lines kept (K26). Out: block style,
 * strings that some reader would take for something else quoted, key order kept. */
#ifndef LPOD_DATA_YAML_H
#define LPOD_DATA_YAML_H

#include "../base/buf.h"
#include <lunapod/value.h>

/* Append one document (no leading "---"). */
lpod_rc lpod_yaml_append(lpod_buf *out, const lpod_value *value, lpod_error *err);

#endif
