/* Within core/net alone: signals as events of the loop (lpod_loop_watch_signals). */
#ifndef LPOD_NET_SIGNALS_H
#define LPOD_NET_SIGNALS_H

#include "loop.h"

typedef struct lpod_signals lpod_signals;

/* Blocks the signals for this thread and reads them from a signalfd. */
lpod_signals *lpod_signals_new(lpod_loop *loop, const int *numbers, size_t count, lpod_signal_fn *fn, void *arg,
                               lpod_error *err);
/* Unblocks those that were not blocked before, but for what its successor (or NULL) watches on. NULL is fine. */
void lpod_signals_free(lpod_signals *signals, lpod_signals *successor);

#endif
