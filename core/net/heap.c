/* Binary heap of timers: add, move, remove, the soonest. When to look at it, what time it is and calling a timer that
 * is due are loop.c's.
 * Invariant: no timer is due before its parent; a timer's place is its index + 1, or 0 when it is in no heap. */
#include "heap.h"

#include <stdlib.h>

static void put(lpod_heap *heap, size_t index, lpod_timer *timer) {
  heap->items[index] = timer;
  timer->place = index + 1;
}

static void rise(lpod_heap *heap, size_t index, lpod_timer *timer) {
  while (index > 0) {
    size_t parent = (index - 1) / 2;
    if (heap->items[parent]->due <= timer->due) break;
    put(heap, index, heap->items[parent]);
    index = parent;
  }
  put(heap, index, timer);
}

static void sink(lpod_heap *heap, size_t index, lpod_timer *timer) {
  for (;;) {
    size_t child = 2 * index + 1;
    if (child >= heap->count) break;
    if (child + 1 < heap->count && heap->items[child + 1]->due < heap->items[child]->due) child++;
    if (timer->due <= heap->items[child]->due) break;
    put(heap, index, heap->items[child]);
    index = child;
  }
  put(heap, index, timer);
}

lpod_rc lpod_heap_add(lpod_heap *heap, lpod_timer *timer, lpod_error *err) {
  if (heap->count == heap->cap) {
    size_t cap = heap->cap ? 2 * heap->cap : 16;
    lpod_timer **items = realloc(heap->items, cap * sizeof *items);
    if (!items) return lpod_nomem(err);
    heap->items = items;
    heap->cap = cap;
  }
  rise(heap, heap->count++, timer);
  return LPOD_OK;
}

void lpod_heap_move(lpod_heap *heap, lpod_timer *timer) {
  rise(heap, timer->place - 1, timer);
  sink(heap, timer->place - 1, timer);
}

void lpod_heap_remove(lpod_heap *heap, lpod_timer *timer) {
  if (!timer->place) return;
  size_t index = timer->place - 1;
  lpod_timer *last = heap->items[--heap->count];
  timer->place = 0;
  if (last == timer) return;
  put(heap, index, last);
  lpod_heap_move(heap, last);
}

lpod_timer *lpod_heap_first(const lpod_heap *heap) { return heap->count ? heap->items[0] : NULL; }

void lpod_heap_free(lpod_heap *heap) {
  free(heap->items);
  *heap = (lpod_heap){NULL, 0, 0};
}
