/* Names that can be computed again (NAM-5, LBL-10): the same try of the same task gives the same pod name and attempt
 * id in every process, so that a create whose answer was lost is resolved by reading it. Pure. */
#ifndef LPOD_POD_NAMING_H
#define LPOD_POD_NAMING_H

#include <lunapod/error.h>

#define LPOD_POD_NAME 254
#define LPOD_ATTEMPT_ID 33

/* base cut to 54, '-' and '.' stripped at both ends, "-" and 8 characters of a-z0-9 from SHA-256 over (attempt,
 * generation). exact: base as it is. LPOD_E_USAGE when no legal name comes of it (R2). */
lpod_rc lpod_pod_name(const char *base, const char *attempt, unsigned generation, bool exact, char out[LPOD_POD_NAME],
                      lpod_error *err);
/* The value of the label lunapod_attempt: 32 hex digits over the same. */
void lpod_attempt_id(const char *attempt, unsigned generation, char out[LPOD_ATTEMPT_ID]);

#endif
