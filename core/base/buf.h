/* A growing byte buffer with a ceiling. Always closed by a NUL beyond len once it holds memory, so that its
 * data may be handed to functions that want text. Appending past the ceiling is LPOD_E_LIMIT and changes nothing. */
#ifndef LPOD_BASE_BUF_H
#define LPOD_BASE_BUF_H

#include <lunapod/error.h>
#include <stdarg.h>
#include <stdint.h>

typedef struct lpod_buf {
  char *data;
  size_t len;     /* bytes in use */
  size_t cap;     /* bytes of memory, the closing NUL included */
  size_t ceiling; /* most bytes len may reach */
} lpod_buf;

#define LPOD_BUF_INIT(limit) \
  { NULL, 0, 0, (limit) }

void lpod_buf_init(lpod_buf *buf, size_t ceiling);
void lpod_buf_free(lpod_buf *buf);                                     /* memory gone, ceiling kept */
void lpod_buf_clear(lpod_buf *buf);                                    /* len = 0, memory kept */
void lpod_buf_drop(lpod_buf *buf, size_t count);                       /* remove count bytes at the front */
lpod_rc lpod_buf_reserve(lpod_buf *buf, size_t more, lpod_error *err); /* room for more bytes behind len */
lpod_rc lpod_buf_add(lpod_buf *buf, const void *data, size_t len, lpod_error *err);
lpod_rc lpod_buf_adds(lpod_buf *buf, const char *text, lpod_error *err);
lpod_rc lpod_buf_addc(lpod_buf *buf, char c, lpod_error *err);
lpod_rc lpod_buf_addf(lpod_buf *buf, lpod_error *err, const char *format, ...) LPOD_PRINTF(3, 4);
/* The text, malloc'ed, now the caller's; the buffer is empty afterwards. NULL only on no memory. */
char *lpod_buf_take(lpod_buf *buf, size_t *len);
/* Overwrite with zeros before freeing: for buffers that held a secret. */
void lpod_buf_wipe(lpod_buf *buf);

#endif
