/* The incremental JSON reader: bytes in as they come, whole values out. Strict RFC 8259: no trailing commas,
 * no leading zeros, UTF-8 checked, duplicate keys refused, int64 exact (an integer beyond it is an error, a number
 * with fraction or exponent is a double). NUL inside strings is kept. Memory: one arena per value plus a token
 * that a chunk boundary cut. Pure: no I/O. */
#ifndef LPOD_DATA_JSON_H
#define LPOD_DATA_JSON_H

#include "../base/buf.h"
#include <lunapod/value.h>

typedef struct lpod_json_reader lpod_json_reader;

typedef struct lpod_json_options { /* its texts are borrowed for the life of the reader */
  size_t ceiling;                  /* arena of one value; 0 = LPOD_LIMIT_DOC */
  bool stream;       /* many values one behind the other (a watch), white space between them optional (W16) */
  const char *items; /* not NULL: the elements of the list under this key of the top-level map are delivered one by
                        one and left out of the map, which is delivered last (W14); ceiling then bounds each */
  const char *skip;  /* not NULL: the value under this key, at any depth, is checked and thrown away
                        ("managedFields") */
} lpod_json_options;

lpod_json_reader *lpod_json_reader_new(const lpod_json_options *options); /* NULL options: one value */
void lpod_json_reader_free(lpod_json_reader *reader);
/* Read on. *used = bytes taken; *out = a value that is complete now, or NULL: more bytes are needed (then *used is
 * len). Call again with the rest until all is used. *out is the caller's to free, or to hand back with
 * lpod_json_reader_reuse. *is_item (may be NULL) tells an element of `items` from the map. After an error the reader
 * only repeats it. Errors name line and column (from 1, in bytes), what was found, and what was expected. */
lpod_rc lpod_json_reader_feed(lpod_json_reader *reader, const char *data, size_t len, size_t *used, lpod_doc **out,
                              bool *is_item, lpod_error *err);
/* End of input: a number at the top ends here (*out); a partial value is LPOD_E_PARSE "unexpected end". */
lpod_rc lpod_json_reader_end(lpod_json_reader *reader, lpod_doc **out, lpod_error *err);
/* Give a document back: its arena serves the next value. */
void lpod_json_reader_reuse(lpod_json_reader *reader, lpod_doc *doc);
bool lpod_json_reader_partial(const lpod_json_reader *reader); /* in the middle of a value */

/* Append as JSON text. indent 0: one line without spaces. Text that is not UTF-8 is LPOD_E_PARSE. */
lpod_rc lpod_json_append(lpod_buf *out, const lpod_value *value, int indent, lpod_error *err);
lpod_rc lpod_json_append_string(lpod_buf *out, const char *text, size_t len, lpod_error *err);

#endif
