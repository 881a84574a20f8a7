/* Text: encodings, escapes, digests, time stamps and Kubernetes' rules for names. All pure. */
#ifndef LPOD_BASE_TEXT_H
#define LPOD_BASE_TEXT_H

#include "buf.h"

char *lpod_text_copy(const char *text); /* malloc'ed; NULL for NULL or no memory */
char *lpod_text_copy_len(const char *text, size_t len);
char *lpod_text_format(const char *format, ...) LPOD_PRINTF(1, 2); /* malloc'ed; NULL on no memory */
bool lpod_text_starts(const char *text, const char *prefix);
bool lpod_text_ends(const char *text, const char *suffix);
bool lpod_text_same(const char *a, const char *b);         /* equal regardless of ASCII case */
int64_t lpod_text_int(const char *text, int64_t fallback); /* whole text a decimal int64, else fallback */

/* Bytes of the one character at text (1 to 4); 0 when that is not valid UTF-8 within len. */
size_t lpod_utf8_length(const char *text, size_t len);
/* Valid UTF-8? Appending with every byte that is not UTF-8 as \xNN (LOG-6). */
bool lpod_utf8_valid(const char *text, size_t len);
lpod_rc lpod_utf8_escape(lpod_buf *out, const char *text, size_t len, lpod_error *err);

/* Standard alphabet, padded; decoding skips ASCII white space and refuses anything else (K9). */
lpod_rc lpod_base64_encode(lpod_buf *out, const void *data, size_t len, lpod_error *err);
lpod_rc lpod_base64_decode(lpod_buf *out, const char *text, size_t len, lpod_error *err);
/* Percent-escape all but RFC 3986's unreserved characters (R2, EX1). */
lpod_rc lpod_url_escape(lpod_buf *out, const char *text, size_t len, lpod_error *err);

#define LPOD_SHA256_HEX 65
#define LPOD_MD5_HEX 33
void lpod_sha256_hex(const void *data, size_t len, char out[LPOD_SHA256_HEX]);
void lpod_sha256(const void *data, size_t len, unsigned char out[32]);
void lpod_md5_hex(const void *data, size_t len, char out[LPOD_MD5_HEX]);

/* RFC 3339 with any number of fraction digits (beyond 9 cut) and Z or an offset (L3, X67). On success true and
 * *ns since 1970 UTC; *used = bytes read. Years 1 to 9999; what int64 nanoseconds do not
 * reach (before 1677, after 2262) becomes INT64_MIN or INT64_MAX; a leap second counts as :59. */
bool lpod_time_parse(const char *text, size_t len, int64_t *ns, size_t *used);
#define LPOD_TIME_TEXT 36
/* digits of fraction: 0, 6 or 9; always Z. */
void lpod_time_format(int64_t ns, int digits, char out[LPOD_TIME_TEXT]);

/* DNS-1123 label (≤63) and subdomain (≤253) (R2). */
bool lpod_dns_label(const char *text);
bool lpod_dns_subdomain(const char *text);

/* The item of a closed list of words nearest to word within an edit distance of a third of its length; NULL if none. */
const char *lpod_text_nearest(const char *word, const char *const *words, size_t count);

#endif
