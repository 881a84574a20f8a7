/* One descriptor over libuv: an outer epoll holds libuv's backend, a timerfd for the soonest timer and an eventfd for
 * what libuv does not yet know of (it registers changes only while it runs). A step runs rounds (timers, tasks, libuv)
 * until nothing new was registered or its time is spent. Leaves HTTP, children and signals to their own files.
 * Invariant: between steps, the outer descriptor is readable whenever a step would do anything. */
#include "loop.h"

#include "heap.h"
#include "poll.h"
#include "signals.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#define STEP_TIME (8 * LPOD_NS_PER_MS)

struct lpod_loop {
  uv_loop_t uv;
  const lpod_clock *clock;
  int outer, timer_fd, event_fd;
  bool inside;   /* in a step */
  bool touched;  /* new work since libuv last ran; outside a step the eventfd says so, too */
  int64_t now;   /* start of this round */
  int64_t spent; /* system time at which this step's time is over */
  int64_t armed; /* what the timerfd is set to, on our clock; 0: not set */
  lpod_heap timers;
  lpod_link tasks;
  lpod_signals *signals;
};

static int64_t system_time(void) { return lpod_system_clock.monotonic(&lpod_system_clock); }

static lpod_rc fail_errno(lpod_error *err, const char *what) {
  return lpod_fail(err, LPOD_E_IO, "event loop: %s: %s", what, strerror(errno));
}

static lpod_rc join_outer(lpod_loop *loop, int fd, lpod_error *err) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  return epoll_ctl(loop->outer, EPOLL_CTL_ADD, fd, &event) ? fail_errno(err, "epoll_ctl") : LPOD_OK;
}

static lpod_rc open_descriptors(lpod_loop *loop, lpod_error *err) {
  if ((loop->outer = epoll_create1(EPOLL_CLOEXEC)) < 0) return fail_errno(err, "epoll_create1");
  if ((loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) < 0)
    return fail_errno(err, "timerfd_create");
  if ((loop->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0) return fail_errno(err, "eventfd");
  lpod_rc rc = join_outer(loop, uv_backend_fd(&loop->uv), err);
  if (!rc) rc = join_outer(loop, loop->timer_fd, err);
  return rc ? rc : join_outer(loop, loop->event_fd, err);
}

static void close_descriptors(const lpod_loop *loop) {
  if (loop->outer >= 0) close(loop->outer);
  if (loop->timer_fd >= 0) close(loop->timer_fd);
  if (loop->event_fd >= 0) close(loop->event_fd);
}

lpod_loop *lpod_loop_new(const lpod_clock *clock, lpod_error *err) {
  lpod_loop *loop = calloc(1, sizeof *loop);
  if (!loop) {
    lpod_nomem(err);
    return NULL;
  }
  loop->clock = clock ? clock : &lpod_system_clock;
  loop->outer = loop->timer_fd = loop->event_fd = -1;
  lpod_list_init(&loop->tasks);
  int rc = uv_loop_init(&loop->uv);
  if (rc) {
    lpod_fail(err, LPOD_E_IO, "event loop: %s", uv_strerror(rc));
    free(loop);
    return NULL;
  }
  if (open_descriptors(loop, err)) {
    close_descriptors(loop);
    uv_loop_close(&loop->uv);
    free(loop);
    return NULL;
  }
  return loop;
}

void lpod_loop_free(lpod_loop *loop) {
  if (!loop) return;
  lpod_signals_free(loop->signals, NULL);
  loop->inside = true; /* nothing needs waking any more */
  while (uv_run(&loop->uv, UV_RUN_NOWAIT)) {
  } /* handles that are closing */
  uv_loop_close(&loop->uv);
  close_descriptors(loop);
  lpod_heap_free(&loop->timers);
  free(loop);
}

int lpod_loop_fd(const lpod_loop *loop) { return loop->outer; }
void *lpod_loop_uv(lpod_loop *loop) { return &loop->uv; }
const lpod_clock *lpod_loop_clock(const lpod_loop *loop) { return loop->clock; }
int64_t lpod_loop_now(const lpod_loop *loop) { return loop->inside ? loop->now : loop->clock->monotonic(loop->clock); }
bool lpod_loop_spent(const lpod_loop *loop) { return system_time() >= loop->spent; }

int lpod_loop_timeout(const lpod_loop *loop) {
  if (loop->touched || !lpod_list_empty(&loop->tasks)) return 0;
  const lpod_timer *first = lpod_heap_first(&loop->timers);
  if (!first) return -1;
  int64_t left = first->due - loop->clock->monotonic(loop->clock);
  if (left <= 0) return 0;
  int64_t ms = (left + LPOD_NS_PER_MS - 1) / LPOD_NS_PER_MS;
  return ms > 1000000000 ? 1000000000 : (int)ms;
}

void lpod_loop_wake(lpod_loop *loop) {
  uint64_t one = 1;
  ssize_t n = write(loop->event_fd, &one, sizeof one); /* fails only when full: readable already */
  (void)n;
}

void lpod_loop_touch(lpod_loop *loop) {
  if (!loop->touched && !loop->inside) lpod_loop_wake(loop);
  loop->touched = true;
}

/* ---- timers and tasks ---- */

lpod_rc lpod_timer_start(lpod_loop *loop, lpod_timer *timer, int64_t delay, lpod_error *err) {
  timer->due = lpod_loop_now(loop) + (delay > 0 ? delay : 0);
  if (timer->place) {
    lpod_heap_move(&loop->timers, timer);
  } else {
    lpod_rc rc = lpod_heap_add(&loop->timers, timer, err);
    if (rc) return rc;
  }
  /* Inside a step the timerfd is armed at its end; outside, a step must come first when it is set too late. */
  if (!loop->inside && (!loop->armed || timer->due < loop->armed)) lpod_loop_touch(loop);
  return LPOD_OK;
}

void lpod_timer_stop(lpod_loop *loop, lpod_timer *timer) { lpod_heap_remove(&loop->timers, timer); }

void lpod_loop_defer(lpod_loop *loop, lpod_task *task) {
  if (!lpod_list_linked(&task->link)) lpod_list_add(&loop->tasks, &task->link);
  lpod_loop_touch(loop);
}

void lpod_task_cancel(lpod_task *task) { lpod_list_remove(&task->link); }

static bool timer_due(const lpod_loop *loop) {
  const lpod_timer *first = lpod_heap_first(&loop->timers);
  return first && first->due <= loop->now;
}

static void run_timers(lpod_loop *loop) {
  /* At most as many as there were: a timer that arms itself anew without delay waits for the next round. */
  for (size_t most = loop->timers.count; most && timer_due(loop) && !lpod_loop_spent(loop); most--) {
    lpod_timer *timer = lpod_heap_first(&loop->timers);
    lpod_heap_remove(&loop->timers, timer);
    timer->fire(timer->arg);
  }
}

static void run_tasks(lpod_loop *loop) {
  lpod_link batch; /* what is deferred meanwhile waits for the next round */
  if (lpod_list_empty(&loop->tasks)) return;
  batch = loop->tasks;
  batch.next->prev = batch.prev->next = &batch;
  lpod_list_init(&loop->tasks);
  while (!lpod_list_empty(&batch)) {
    if (lpod_loop_spent(loop)) { /* put the rest back in front */
      batch.prev->next = loop->tasks.next;
      loop->tasks.next->prev = batch.prev;
      loop->tasks.next = batch.next;
      batch.next->prev = &loop->tasks;
      return;
    }
    lpod_task *task = LPOD_CONTAINER(lpod_list_take(&batch), lpod_task, link);
    task->run(task->arg);
  }
}

/* ---- steps ---- */

static void run_rounds(lpod_loop *loop) {
  loop->spent = system_time() + STEP_TIME;
  bool more;
  do {
    loop->now = loop->clock->monotonic(loop->clock);
    run_timers(loop);
    run_tasks(loop);
    loop->touched = false; /* libuv registers now what was touched so far */
    uv_run(&loop->uv, UV_RUN_NOWAIT);
    more = loop->touched || !lpod_list_empty(&loop->tasks) || timer_due(loop);
  } while (more && !lpod_loop_spent(loop));
  loop->touched = more;
}

static void arm_timer(lpod_loop *loop) {
  const lpod_timer *first = lpod_heap_first(&loop->timers);
  int64_t due = first ? first->due : 0;
  if (due == loop->armed) return;
  struct itimerspec spec = {{0, 0}, {0, 0}};
  if (first) {
    int64_t left = due - loop->clock->monotonic(loop->clock);
    if (left < 1) left = 1; /* zero would disarm */
    spec.it_value.tv_sec = (time_t)(left / LPOD_NS_PER_S);
    spec.it_value.tv_nsec = (long)(left % LPOD_NS_PER_S);
  }
  timerfd_settime(loop->timer_fd, 0, &spec, NULL);
  loop->armed = due;
}

/* Before the loop sleeps or returns: what was left over or is unknown to libuv keeps the descriptor readable. */
static void settle(lpod_loop *loop) {
  loop->inside = false;
  arm_timer(loop);
  if (loop->touched) lpod_loop_wake(loop);
}

static void drain(int fd) {
  uint64_t count;
  ssize_t n = read(fd, &count, sizeof count);
  (void)n;
}

/* Wait for the outer descriptor; *ready when there is work. */
static lpod_rc await(lpod_loop *loop, int timeout_ms, bool *ready, bool *interrupted, lpod_error *err) {
  struct epoll_event events[3];
  int count = epoll_wait(loop->outer, events, 3, timeout_ms);
  if (count < 0) {
    if (errno != EINTR) return fail_errno(err, "epoll_wait");
    *interrupted = true;
    return LPOD_OK;
  }
  for (int i = 0; i < count; i++) {
    if (events[i].data.fd == loop->event_fd) drain(loop->event_fd);
    if (events[i].data.fd == loop->timer_fd) {
      drain(loop->timer_fd);
      loop->armed = 0;
    }
  }
  *ready = count > 0 || (!lpod_loop_timeout(loop));
  return LPOD_OK;
}

/* SIGPIPE is this thread's while rounds run: blocked, and one that a write of ours raised is consumed. */
static bool hold_sigpipe(sigset_t *pipe_only) {
  sigset_t before;
  sigemptyset(pipe_only);
  sigaddset(pipe_only, SIGPIPE);
  return pthread_sigmask(SIG_BLOCK, pipe_only, &before) == 0 && !sigismember(&before, SIGPIPE);
}

static void release_sigpipe(const sigset_t *pipe_only) {
  struct timespec now = {0, 0};
  while (sigtimedwait(pipe_only, NULL, &now) > 0) {
  }
  pthread_sigmask(SIG_UNBLOCK, pipe_only, NULL);
}

lpod_rc lpod_loop_step(lpod_loop *loop, int timeout_ms, bool *interrupted, lpod_error *err) {
  bool ready = false, unused = false;
  if (!interrupted) interrupted = &unused;
  *interrupted = false;
  if (loop->inside)
    return lpod_fail(err, LPOD_E_USAGE, "the event loop is already running: a step was entered from inside a step");
  lpod_rc rc = await(loop, timeout_ms, &ready, interrupted, err);
  if (!ready) return rc;
  sigset_t pipe_only;
  bool held = hold_sigpipe(&pipe_only);
  loop->inside = true;
  run_rounds(loop);
  settle(loop);
  if (held) release_sigpipe(&pipe_only);
  return rc;
}

lpod_rc lpod_loop_watch_signals(lpod_loop *loop, const int *signals, size_t count, lpod_signal_fn *fn, void *arg,
                                lpod_error *err) {
  lpod_signals *earlier = loop->signals, *now = NULL;
  if (count && !(now = lpod_signals_new(loop, signals, count, fn, arg, err))) return err ? err->rc : LPOD_E_IO;
  loop->signals = now;
  lpod_signals_free(earlier, now);
  return LPOD_OK;
}
