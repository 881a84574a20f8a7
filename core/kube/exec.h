/* Exec in a container over WebSocket, protocols v5 and v4 (EX1–EX10). No Status frame before the end means the outcome
 * is unknown, never success (EX6). The framing of channels is pure and tested apart. */
#ifndef LPOD_KUBE_EXEC_H
#define LPOD_KUBE_EXEC_H

#include "client.h"

typedef struct lpod_exec lpod_exec;
typedef enum lpod_channel { LPOD_STDIN = 0, LPOD_STDOUT = 1, LPOD_STDERR = 2 } lpod_channel;

typedef struct lpod_exec_options {
  const char *ns, *pod, *container; /* container NULL: the pod's default */
  const char *const *command;       /* argv, ended by NULL */
  bool use_stdin, use_stdout, use_stderr, tty;
  double timeout;                          /* seconds in all; 0 = none */
  void (*on_open)(void *arg, int version); /* 5 or 4; may be NULL */
  void (*on_output)(void *arg, lpod_channel channel, const char *data, size_t len);
  /* Once; gone afterwards. error NULL: it ran, exit_code says how it ended. Else CUT (unknown), API (refused), TIMEOUT
   * ... */
  void (*on_end)(void *arg, int exit_code, const lpod_error *error);
  void *arg;
} lpod_exec_options;

/* All is copied. Callbacks never run inside it. */
lpod_exec *lpod_exec_start(lpod_kube *kube, const lpod_exec_options *options, lpod_error *err);
lpod_rc lpod_exec_write(lpod_exec *exec, const void *data, size_t len,
                        lpod_error *err); /* stdin; also before it is open.
                                           * LPOD_E_LIMIT: more than LPOD_LIMIT_WS_OUT would wait to be sent; a part of
                                           * data may have gone out then. */
lpod_rc lpod_exec_close_stdin(lpod_exec *exec,
                              lpod_error *err); /* v4 cannot: LPOD_E_USAGE once open, and
                                                 * when asked for before, the exec ends with it (EX4) */
/* Read no more, or go on: what is not read waits in the network, and then in the command (L15). */
void lpod_exec_hold(lpod_exec *exec, bool held);
void lpod_exec_cancel(lpod_exec *exec); /* no callback follows; also from inside on_output and on_open */

#endif
