/* What is not plain ASCII inside a JSON string. */
#ifndef LPOD_DATA_JSON_ESCAPE_H
#define LPOD_DATA_JSON_ESCAPE_H

#include <stddef.h>

#define LPOD_JSON_ESCAPE_MAX 12 /* two halves of a surrogate pair */

/* Read the escape or the UTF-8 character at text. Returns the bytes read, and writes the character as UTF-8; 0 when
 * len bytes do not decide it yet; -1 when it is wrong: then *expected says what should have been there. */
int lpod_json_unescape(const char *text, size_t len, char out[4], size_t *wrote, const char **expected);

#endif
