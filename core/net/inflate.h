/* gzip bodies, as they come: several members one behind the other are one body (T6), and a body that is damaged or ends
 * too soon is an error, which libcurl 7.88's own decoder does not always notice (X10). Knows nothing of HTTP; how much
 * may come out is its reader's to say. */
#ifndef LPOD_NET_INFLATE_H
#define LPOD_NET_INFLATE_H

#include <lunapod/error.h>

typedef struct lpod_inflate lpod_inflate;
/* Inflated bytes, borrowed; false: no more are wanted. */
typedef bool lpod_inflate_fn(void *arg, const char *data, size_t len);

lpod_inflate *lpod_inflate_new(lpod_error *err);
void lpod_inflate_free(lpod_inflate *it); /* NULL is fine */
/* Hands over all that the bytes so far tell, also within a member. LPOD_E_CANCELLED: fn wanted no more (err is left
 * alone); LPOD_E_PARSE, reason Compression, retryable: damaged. After an error only _free may follow. */
lpod_rc lpod_inflate_feed(lpod_inflate *it, const char *data, size_t len, lpod_inflate_fn *fn, void *arg,
                          lpod_error *err);
/* There are no more bytes: LPOD_E_PARSE as above if a member has begun and not ended. No byte at all is a body, too. */
lpod_rc lpod_inflate_end(const lpod_inflate *it, lpod_error *err);

#endif
