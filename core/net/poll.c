/* Descriptors on the loop, by uv_poll. The memory goes in libuv's close callback; stopping takes the descriptor out of
 * libuv's epoll at once, so that its owner may close it and the number be used anew within the same step.
 * Invariant: each change is followed by lpod_loop_touch, as libuv registers changes only in its next run. */
#include "poll.h"

#include <stdlib.h>
#include <uv.h>

struct lpod_poll {
  uv_poll_t uv;
  lpod_loop *loop;
  lpod_poll_fn *fn;
  void *arg;
  int events;
};

static void on_ready(uv_poll_t *uv, int status, int ready) {
  lpod_poll *poll = uv->data;
  if (lpod_loop_spent(poll->loop)) { /* level-triggered: it will be told again */
    if (status < 0) uv_poll_start(uv, poll->events, on_ready);
    lpod_loop_touch(poll->loop);
    return;
  }
  if (status < 0) { /* libuv has stopped watching */
    ready = poll->events;
    uv_poll_start(uv, poll->events, on_ready);
    lpod_loop_touch(poll->loop);
  }
  int events = (ready & UV_READABLE ? LPOD_POLL_IN : 0) | (ready & UV_WRITABLE ? LPOD_POLL_OUT : 0);
  poll->fn(poll->arg, events);
}

lpod_poll *lpod_poll_new(lpod_loop *loop, int fd, lpod_poll_fn *fn, void *arg, lpod_error *err) {
  lpod_poll *poll = calloc(1, sizeof *poll);
  if (!poll) {
    lpod_nomem(err);
    return NULL;
  }
  int rc = uv_poll_init(lpod_loop_uv(loop), &poll->uv, fd);
  if (rc) {
    lpod_fail(err, LPOD_E_IO, "cannot watch descriptor %d: %s", fd, uv_strerror(rc));
    free(poll);
    return NULL;
  }
  poll->uv.data = poll;
  poll->loop = loop;
  poll->fn = fn;
  poll->arg = arg;
  return poll;
}

lpod_rc lpod_poll_watch(lpod_poll *poll, int events, lpod_error *err) {
  int wanted = (events & LPOD_POLL_IN ? UV_READABLE : 0) | (events & LPOD_POLL_OUT ? UV_WRITABLE : 0);
  if (wanted == poll->events) return LPOD_OK;
  poll->events = wanted;
  int rc = wanted ? uv_poll_start(&poll->uv, wanted, on_ready) : uv_poll_stop(&poll->uv);
  lpod_loop_touch(poll->loop);
  return rc ? lpod_fail(err, LPOD_E_IO, "cannot watch a descriptor: %s", uv_strerror(rc)) : LPOD_OK;
}

static void on_closed(uv_handle_t *uv) { free(uv->data); }

void lpod_poll_free(lpod_poll *poll) {
  if (!poll) return;
  uv_poll_stop(&poll->uv);
  uv_close((uv_handle_t *)&poll->uv, on_closed);
  lpod_loop_touch(poll->loop);
}
