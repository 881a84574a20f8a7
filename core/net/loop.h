/* The event loop: libuv behind one descriptor. lpod_loop_fd is readable whenever lpod_loop_step(loop, 0) has work,
 * timers included (an outer epoll over libuv's backend, a timerfd and an eventfd), so that a host with a loop of its
 * own needs to watch nothing else. One thread at a time; lpod_loop_wake alone may be called from any. Timers are a heap
 * of ours on the loop's clock, embedded in their owners: arming one allocates nothing but heap room. */
#ifndef LPOD_NET_LOOP_H
#define LPOD_NET_LOOP_H

#include "../base/clock.h"
#include "../base/list.h"
#include <lunapod/error.h>

typedef struct lpod_loop lpod_loop;

lpod_loop *lpod_loop_new(const lpod_clock *clock, lpod_error *err); /* clock NULL: the system's */
void lpod_loop_free(lpod_loop *loop); /* every timer, task and handle on it must be gone */
int lpod_loop_fd(const lpod_loop *loop);
int lpod_loop_timeout(const lpod_loop *loop); /* milliseconds until a step has work; -1: until the descriptor says so */
/* Run what is ready, first waiting up to timeout_ms (-1: without limit) if nothing is. Runs until nothing new was
 * registered or about 8 ms have passed; what is left then keeps the descriptor readable. A signal during the wait ends
 * it: *interrupted. Refuses (LPOD_E_USAGE) to be entered from inside itself. SIGPIPE is blocked for the thread
 * meanwhile. */
lpod_rc lpod_loop_step(lpod_loop *loop, int timeout_ms, bool *interrupted, lpod_error *err);
void lpod_loop_wake(lpod_loop *loop);  /* from any thread: the current or next wait ends */
void lpod_loop_touch(lpod_loop *loop); /* something was started, cancelled or queued: the descriptor becomes readable */

/* Monotonic time as read at the start of this round, and the clock itself. */
int64_t lpod_loop_now(const lpod_loop *loop);
const lpod_clock *lpod_loop_clock(const lpod_loop *loop);

/* ---- timers: zero-initialised, owned by the caller, must be stopped before their memory goes ---- */
typedef struct lpod_timer {
  int64_t due;  /* monotonic ns */
  size_t place; /* in the heap, from 1; 0 = not armed */
  void (*fire)(void *arg);
  void *arg;
} lpod_timer;
/* Arm or re-arm to fire once, delay ns from now (≤ 0: in the next round). */
lpod_rc lpod_timer_start(lpod_loop *loop, lpod_timer *timer, int64_t delay, lpod_error *err);
void lpod_timer_stop(lpod_loop *loop, lpod_timer *timer); /* fine when not armed */

/* ---- tasks: work to be done in this step, but outside the library callback one is in (M4) ---- */
typedef struct lpod_task {
  lpod_link link;
  void (*run)(void *arg);
  void *arg;
} lpod_task;
void lpod_loop_defer(lpod_loop *loop, lpod_task *task); /* once, even if deferred twice before it runs */
void lpod_task_cancel(lpod_task *task);

/* ---- signals: opt-in, by signalfd; the thread's mask is restored when watching ends ---- */
typedef void lpod_signal_fn(void *arg, int signal);
lpod_rc lpod_loop_watch_signals(lpod_loop *loop, const int *signals, size_t count, lpod_signal_fn *fn, void *arg,
                                lpod_error *err); /* replaces the earlier set; count 0 ends watching */

#endif
