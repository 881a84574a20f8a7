/* What the files of the public face share: engine.c (engine, timers, signals), client.c (requests, watches, logs,
 * exec), task_run.c (runs), services.c. Everything under way is an operation: an id, and a function that ends it. */
#ifndef LPOD_ENGINE_PRIVATE_H
#define LPOD_ENGINE_PRIVATE_H

#include "event.h"
#include "kube/exec.h"
#include "kube/watch.h"
#include "net/loop.h"
#include "pod/driver.h"

typedef struct lpod_operation {
  lpod_link link;
  lpod_id id;
  lpod_engine *engine;
  struct lpod_client *client;             /* NULL for timers; the client's end is the operation's */
  void (*end)(struct lpod_operation *op); /* stop it and free it; no event follows */
  /* Stop reading what it brings, or go on; may end it. NULL: it brings a bounded amount. */
  void (*hold)(struct lpod_operation *op, bool held);
  unsigned holds; /* why it is held: */
} lpod_operation;

enum { ENGINE_HOLD_READER = 1, ENGINE_HOLD_QUEUE = 2 };

struct lpod_engine {
  unsigned refs;
  lpod_loop *loop;
  lpod_queue queue;
  bool full; /* too much waits in the queue: streams are held */
  lpod_id last_id;
  lpod_link operations;
  char id[27];       /* random; value of lunapod_engine */
  char *state;       /* folder, or NULL */
  char instance[65]; /* "" until it is asked for */
  lpod_rc instance_rc;
  int lock; /* of state/engines/id; -1: not held */
};

struct lpod_client {
  unsigned refs;
  lpod_engine *engine;
  lpod_kube *kube;
  lpod_store *store; /* made with the first run */
  char *ns;
};

void engine_emit(lpod_engine *engine, const lpod_event *event); /* copied; wakes the host */
void engine_emit_doc(lpod_engine *engine, const lpod_event *event, lpod_doc *doc, const lpod_log_block *block);
/* Enter op (zeroed memory that begins with an lpod_operation) under a new id. */
lpod_id engine_add(lpod_engine *engine, lpod_operation *op, void (*end)(lpod_operation *op));
void engine_end_all(lpod_engine *engine,
                    const lpod_client *client); /* what is under way of one client; NULL: everything */
void engine_remove(lpod_operation *op);         /* it ended by itself: take it out of the list; the caller frees it */
void engine_hold_lock(lpod_engine *engine);     /* before the first pod carries our id (KIL-6) */
/* Option structs may be of an older caller: copy as much as it has, the rest zero. */
bool engine_copy_options(void *to, size_t size, const void *from);

#endif
