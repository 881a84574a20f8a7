/* Reading a task's result out of the sidecar: a shell in it prints length, SHA-256 and the bytes; once the frame is
 * checked the shell is told so on its stdin and ends the sidecar (RES-4…6). Out of one that has ended already: from its
 * log, where it left the same frame in base64 (RES-10). A cut or a mismatch is read once more, then it is an error,
 * never a short value (V3). */
#ifndef LPOD_POD_RESULT_H
#define LPOD_POD_RESULT_H

#include "../base/buf.h"
#include "../kube/exec.h"

#define LPOD_RESULT_PATH "/airflow/xcom/return.json"
#define LPOD_RESULT_CONTAINER "airflow-xcom-sidecar"

typedef struct lpod_result_reader lpod_result_reader;

typedef struct lpod_result_options {
  const char *ns, *pod, *container;
  bool from_log; /* the container has ended */
  size_t limit;  /* bytes; a longer one is an error (LPOD_E_LIMIT) and is not read */
  /* Once; the reader is gone afterwards. data NULL without error: nothing was written, or an empty file. Ownership of
   * *data passes (malloc'ed). */
  void (*on_done)(void *arg, char *data, size_t len, const lpod_error *error);
  void *arg;
} lpod_result_options;

lpod_result_reader *lpod_result_read(lpod_kube *kube, const lpod_result_options *options, lpod_error *err);
void lpod_result_cancel(lpod_result_reader *reader); /* no callback follows; NULL is fine */

/* The pure part: a frame "LPOD <length> <sha256>\n<bytes>" put together from pieces. */
typedef struct lpod_frame {
  char head[96];
  size_t head_len;
  bool headed;
  size_t length; /* of the bytes, once headed */
  char digest[65];
  lpod_buf body;
} lpod_frame;
void lpod_frame_init(lpod_frame *frame, size_t limit);
void lpod_frame_free(lpod_frame *frame);
/* *whole: all is there and the digest is right. LPOD_E_PARSE: no frame, or a wrong digest; LPOD_E_LIMIT: longer than
 * allowed. */
lpod_rc lpod_frame_feed(lpod_frame *frame, const char *data, size_t len, bool *whole, lpod_error *err);

#endif
