/* Within core/net alone: watching a descriptor on the loop, and asking whether a step has used up its time. The only
 * face of libuv that the other files see. */
#ifndef LPOD_NET_POLL_H
#define LPOD_NET_POLL_H

#include "loop.h"

typedef struct lpod_poll lpod_poll;

enum { LPOD_POLL_IN = 1, LPOD_POLL_OUT = 2 };

/* events: what is ready of what was asked for; an error of the descriptor makes all of it ready, so that the next
 * read or write finds the cause. */
typedef void lpod_poll_fn(void *arg, int events);

lpod_poll *lpod_poll_new(lpod_loop *loop, int fd, lpod_poll_fn *fn, void *arg, lpod_error *err);
lpod_rc lpod_poll_watch(lpod_poll *poll, int events, lpod_error *err); /* 0: nothing for now */
/* At once out of the loop; the descriptor may be closed directly afterwards. Allowed within fn. NULL is fine. */
void lpod_poll_free(lpod_poll *poll);

/* The step in progress has had its time: put off the rest (the loop comes back by itself). */
bool lpod_loop_spent(const lpod_loop *loop);
void *lpod_loop_uv(lpod_loop *loop); /* uv_loop_t */

#endif
