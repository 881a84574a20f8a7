/* The timers of a loop as a binary heap, soonest first: pure, no clock. A timer knows its place, so that stopping one
 * is O(log n). The heap borrows the timers; it owns its array alone. */
#ifndef LPOD_NET_HEAP_H
#define LPOD_NET_HEAP_H

#include "loop.h"

typedef struct lpod_heap {
  lpod_timer **items; /* items[0] is place 1 */
  size_t count, cap;
} lpod_heap;

/* timer->due is set and it is in no heap. Fails on no memory alone. */
lpod_rc lpod_heap_add(lpod_heap *heap, lpod_timer *timer, lpod_error *err);
void lpod_heap_move(lpod_heap *heap, lpod_timer *timer);   /* its due has changed */
void lpod_heap_remove(lpod_heap *heap, lpod_timer *timer); /* fine when it is in none */
lpod_timer *lpod_heap_first(const lpod_heap *heap);        /* NULL when empty */
void lpod_heap_free(lpod_heap *heap);

#endif
