/* Signals by signalfd: no handler is installed, nothing of the process but this thread's mask changes, and that only
 * for as long as somebody watches. Signals must be watched and unwatched on the same thread. */
#include "signals.h"

#include "poll.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct lpod_signals {
  lpod_poll *poll;
  int fd;
  sigset_t watched, ours; /* ours: those that were not blocked before */
  bool dead, busy;
  lpod_signal_fn *fn;
  void *arg;
};

static void on_readable(void *arg, int events) {
  (void)events;
  lpod_signals *signals = arg;
  struct signalfd_siginfo info;
  signals->busy = true;
  while (!signals->dead && read(signals->fd, &info, sizeof info) == (ssize_t)sizeof info)
    signals->fn(signals->arg, (int)info.ssi_signo);
  signals->busy = false;
  if (!signals->dead) return;
  close(signals->fd);
  free(signals);
}

lpod_signals *lpod_signals_new(lpod_loop *loop, const int *numbers, size_t count, lpod_signal_fn *fn, void *arg,
                               lpod_error *err) {
  sigset_t wanted, before;
  sigemptyset(&wanted);
  for (size_t i = 0; i < count; i++) {
    if (!sigaddset(&wanted, numbers[i])) continue;
    lpod_fail(err, LPOD_E_USAGE, "%d is not a signal", numbers[i]);
    return NULL;
  }
  lpod_signals *signals = calloc(1, sizeof *signals);
  if (!signals) {
    lpod_nomem(err);
    return NULL;
  }
  signals->fn = fn;
  signals->arg = arg;
  signals->fd = signalfd(-1, &wanted, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signals->fd < 0) lpod_fail(err, LPOD_E_IO, "signalfd: %s", strerror(errno));
  if (signals->fd >= 0) signals->poll = lpod_poll_new(loop, signals->fd, on_readable, signals, err);
  if (!signals->poll || lpod_poll_watch(signals->poll, LPOD_POLL_IN, err)) {
    lpod_poll_free(signals->poll);
    if (signals->fd >= 0) close(signals->fd);
    free(signals);
    return NULL;
  }
  signals->watched = wanted;
  pthread_sigmask(SIG_BLOCK, &wanted, &before);
  sigemptyset(&signals->ours);
  for (size_t i = 0; i < count; i++)
    if (!sigismember(&before, numbers[i])) sigaddset(&signals->ours, numbers[i]);
  return signals;
}

void lpod_signals_free(lpod_signals *signals, lpod_signals *successor) {
  if (!signals) return;
  lpod_poll_free(signals->poll);
  for (int number = 1; successor && number < NSIG; number++) {
    if (sigismember(&signals->ours, number) != 1 || sigismember(&successor->watched, number) != 1) continue;
    sigdelset(&signals->ours, number);
    sigaddset(&successor->ours, number);
  }
  pthread_sigmask(SIG_UNBLOCK, &signals->ours, NULL);
  if (signals->busy) {
    signals->dead = true; /* on_readable frees it */
    return;
  }
  close(signals->fd);
  free(signals);
}
