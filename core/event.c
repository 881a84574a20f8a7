/* The event queue: copies what the engine's callbacks say, gives it out in order, and drops what was cancelled. One
 * allocation an event for text and lines together, errors apart as they are rare and large. To stop reading when too
 * much waits is engine.c's affair, by the counts kept here.
 * Invariant: count and bytes are those of the events that wait; the one handed out is in neither. */
#include "event.h"

#include "data/doc.h"
#include <stdlib.h>
#include <string.h>

typedef struct queued {
  lpod_link link;
  lpod_event event;
  lpod_doc *doc;
  lpod_error *error;
  size_t bytes;
  char memory[];
} queued;

void lpod_queue_init(lpod_queue *queue) {
  *queue = (lpod_queue){0};
  lpod_list_init(&queue->events);
}

static void free_queued(queued *q) {
  if (!q) return;
  lpod_doc_free(q->doc);
  free(q->error);
  free(q);
}

void lpod_queue_free(lpod_queue *queue) {
  for (lpod_link *l; (l = lpod_list_take(&queue->events));) free_queued(LPOD_CONTAINER(l, queued, link));
  free_queued(queue->current);
  lpod_queue_init(queue);
}

void lpod_queue_add(lpod_queue *queue, const lpod_event *event, lpod_doc *doc, const lpod_log_block *block) {
  size_t name_size = event->name ? strlen(event->name) + 1 : 0;
  size_t len = block ? block->len : event->len, count = block ? block->count : 0;
  size_t lines_size = count * sizeof(lpod_line); /* first: it wants alignment */
  queued *q = malloc(sizeof *q + lines_size + len + 1 + name_size);
  lpod_error *error = event->error ? malloc(sizeof *error) : NULL;
  if (!q || (event->error && !error)) {
    queue->lost = true;
    free(q);
    free(error);
    lpod_doc_free(doc);
    return;
  }
  *q = (queued){.event = *event, .doc = doc, .error = error};
  lpod_line *lines = (lpod_line *)(void *)q->memory;
  char *text = q->memory + lines_size, *name = text + len + 1;
  const char *source = block ? block->text : event->text;
  if (len) memcpy(text, source, len);
  text[len] = 0;
  for (size_t i = 0; i < count; i++) {
    const lpod_log_line *line = &block->lines[i];
    lines[i] = (lpod_line){.time = line->time == INT64_MIN ? 0 : line->time, .offset = line->offset, .len = line->len};
  }
  if (name_size) memcpy(name, event->name, name_size);
  if (error) *error = *event->error;
  q->event.name = name_size ? name : NULL;
  q->event.text = source ? text : NULL;
  q->event.len = len;
  q->event.lines = count ? lines : NULL;
  q->event.line_count = count;
  q->event.error = error;
  q->event.value = doc ? lpod_doc_root(doc) : NULL;
  if (event->kind == LPOD_EVENT_OUTPUT) q->bytes = len + lines_size;
  if (event->kind == LPOD_EVENT_WATCH && doc) q->bytes = doc->bytes;
  queue->bytes += q->bytes;
  queue->count++;
  lpod_list_add(&queue->events, &q->link);
}

static void unlink_queued(lpod_queue *queue, queued *q) {
  lpod_list_remove(&q->link);
  queue->count--;
  queue->bytes -= q->bytes;
}

const lpod_event *lpod_queue_take(lpod_queue *queue) {
  free_queued(queue->current);
  queue->current = NULL;
  if (lpod_list_empty(&queue->events)) return NULL;
  queued *q = LPOD_CONTAINER(queue->events.next, queued, link);
  unlink_queued(queue, q);
  queue->current = q;
  return &q->event;
}

void lpod_queue_drop(lpod_queue *queue, lpod_id id) {
  for (lpod_link *l = queue->events.next, *next; l != &queue->events; l = next) {
    next = l->next;
    queued *q = LPOD_CONTAINER(l, queued, link);
    if (q->event.id != id) continue;
    unlink_queued(queue, q);
    free_queued(q);
  }
}
