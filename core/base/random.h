/* Random bytes from OpenSSL. Failing to get them is an error, never a weaker source. */
#ifndef LPOD_BASE_RANDOM_H
#define LPOD_BASE_RANDOM_H

#include <lunapod/error.h>

lpod_rc lpod_random_bytes(void *out, size_t len, lpod_error *err);
/* count characters of a-z0-9, each equally likely, and a closing NUL: out has count + 1 bytes. */
lpod_rc lpod_random_name(char *out, size_t count, lpod_error *err);
/* In [0, 1): for jitter; 0.5 when no random bytes are to be had. */
double lpod_random_unit(void);

#endif
