/* The queue of events between the engine's callbacks and whoever takes them: owned copies, first in first out. */
#ifndef LPOD_EVENT_H
#define LPOD_EVENT_H

#include "base/list.h"
#include "kube/logs.h"
#include <lunapod/engine.h>

typedef struct lpod_queue {
  lpod_link events;
  struct queued *current; /* handed out, freed by the next take */
  size_t count, bytes;    /* bytes: text of logs and execs, objects of watches */
  bool lost;              /* an event could not be kept: out of memory */
} lpod_queue;

void lpod_queue_init(lpod_queue *queue);
void lpod_queue_free(lpod_queue *queue);
/* Copies what event points to; doc (may be NULL) is taken: its root becomes event.value. lines: a log's block in place
 * of event.lines. */
void lpod_queue_add(lpod_queue *queue, const lpod_event *event, lpod_doc *doc, const lpod_log_block *block);
const lpod_event *lpod_queue_take(lpod_queue *queue); /* NULL when empty */
void lpod_queue_drop(lpod_queue *queue, lpod_id id);  /* all of that id */

#endif
