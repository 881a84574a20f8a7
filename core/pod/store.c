/* The shared watch and the lists of earlier pods. A space is one namespace under watch; a history is one task run's
 * list. Events of unknown uids are kept only while a create is under way (they may overtake its answer), so memory is
 * bounded by the pods in flight. */
#include "store.h"
#include "pod_poll.h"

#include "../base/text.h"
#include <stdlib.h>
#include <string.h>

#define LINGER_SECONDS 5 /* a watch that nobody needs any more */
#define BUCKETS 64u

typedef struct early { /* an event that came before its pod's create was answered */
  lpod_link link;
  lpod_pod pod;
  lpod_doc *doc;
  bool gone;
} early;

typedef struct lpod_space {
  lpod_link link;
  lpod_store *store;
  char *ns;
  lpod_watch *watch;
  lpod_link followers[BUCKETS]; /* by uid */
  size_t count;
  lpod_link waiting; /* early events */
  lpod_timer linger;
  unsigned long lists; /* begun so far */
  lpod_error refused;  /* no right to watch here (X59) */
} lpod_space;

typedef struct history {
  lpod_link link;
  lpod_store *store;
  char *ns, *selector;
  lpod_listing *listing; /* NULL when whole */
  lpod_doc **docs;
  size_t count, room;
  lpod_link searches; /* waiting for it, or for the task that answers them */
  lpod_task task;
  lpod_error error;
} history;

struct lpod_store {
  lpod_kube *kube;
  char *selector;
  lpod_link spaces, histories;
  unsigned creating;
  bool told; /* that pods are asked for */
  void (*on_trouble)(void *arg, const char *text);
  void *arg;
};

static size_t bucket_of(const char *uid) {
  size_t hash = 5381;
  for (; *uid; uid++) hash = hash * 33 + (unsigned char)*uid;
  return hash % BUCKETS;
}

static lpod_follower *follower_of(const lpod_space *s, const char *uid) {
  const lpod_link *head = &s->followers[bucket_of(uid)];
  for (lpod_link *l = head->next; l != head; l = l->next) {
    lpod_follower *f = LPOD_CONTAINER(l, lpod_follower, link);
    if (strcmp(f->uid, uid) == 0) return f;
  }
  return NULL;
}

static void free_early(early *e) { /* out of its list already */
  lpod_pod_free(&e->pod);
  lpod_doc_free(e->doc);
  free(e);
}

static void drop_early(lpod_space *s) {
  for (lpod_link *l; (l = lpod_list_take(&s->waiting));) free_early(LPOD_CONTAINER(l, early, link));
}

/* ---- the watch ---- */

static void each_follower(lpod_space *s, void (*visit)(lpod_space *s, lpod_follower *f, const void *arg),
                          const void *arg) {
  for (size_t b = 0; b < BUCKETS; b++)
    for (lpod_link *l = s->followers[b].next, *next; l != &s->followers[b]; l = next) {
      next = l->next;
      visit(s, LPOD_CONTAINER(l, lpod_follower, link), arg);
    }
}

static void forget_listed(lpod_space *s, lpod_follower *f, const void *arg) {
  (void)s, (void)arg;
  f->listed = false;
}

static void report_missing(lpod_space *s, lpod_follower *f, const void *arg) {
  (void)arg;
  if (!f->listed && f->since < s->lists) f->on_gone(f->arg, NULL); /* W11 */
}

static void report_blind(lpod_space *s, lpod_follower *f, const void *error) {
  (void)s;
  f->on_blind(f->arg, error);
}

static void keep_early(lpod_space *s, lpod_pod *pod, lpod_doc *doc, bool gone) {
  early *e = s->store->creating ? calloc(1, sizeof *e) : NULL;
  if (!e) {
    lpod_pod_free(pod);
    lpod_watch_recycle(s->watch, doc);
    return;
  }
  for (lpod_link *l = s->waiting.next, *next; l != &s->waiting; l = next) { /* only the last event of a pod counts */
    next = l->next;
    early *older = LPOD_CONTAINER(l, early, link);
    if (strcmp(older->pod.uid, pod->uid) != 0) continue;
    lpod_list_remove(l);
    free_early(older);
  }
  e->pod = *pod;
  e->doc = doc;
  e->gone = gone;
  lpod_list_add(&s->waiting, &e->link);
}

static void on_event(void *arg, lpod_watch_event event, lpod_doc *doc) {
  lpod_space *s = arg;
  lpod_pod pod = lpod_pod_empty();
  if (event == LPOD_WATCH_LISTING) {
    s->lists++;
    each_follower(s, forget_listed, NULL);
    return;
  }
  if (event == LPOD_WATCH_SYNCED) {
    each_follower(s, report_missing, NULL);
    return;
  }
  if (lpod_pod_read(lpod_doc_root(doc), &pod, NULL) != LPOD_OK) { /* another kind (X24) */
    lpod_watch_recycle(s->watch, doc);
    return;
  }
  lpod_follower *f = follower_of(s, pod.uid);
  if (!f) {
    keep_early(s, &pod, doc, event == LPOD_WATCH_DELETED);
    return;
  }
  f->listed = true;
  if (event == LPOD_WATCH_DELETED) {
    f->on_gone(f->arg, &pod);
    lpod_watch_recycle(s->watch, doc);
  } else {
    f->on_pod(f->arg, &pod, doc);
  }
  lpod_pod_free(&pod);
}

static void on_watch_end(void *arg, const lpod_error *error) {
  lpod_space *s = arg;
  s->watch = NULL;
  if (error && error->code == 403) s->refused = *error;
  if (error) each_follower(s, report_blind, error);
}

static void on_watch_trouble(void *arg, const lpod_error *error, double wait) {
  const lpod_space *s = arg;
  if (wait < 1 || !s->store->on_trouble) return;
  char *text = lpod_text_format("the watch of pods is broken (%s); next try in %.0f s",
                                error ? error->text : "it ends at once", wait);
  if (text) s->store->on_trouble(s->store->arg, text);
  free(text);
}

static lpod_rc open_watch(lpod_space *s, const char *resource_version, lpod_error *err) {
  lpod_buf target = LPOD_BUF_INIT(1024);
  lpod_rc rc = lpod_target_core(&target, s->ns, "pods", NULL, NULL, err);
  if (rc == LPOD_OK) {
    lpod_watch_options options = {
        .target = target.data,
        .label_selector = s->store->selector,
        .resource_version = resource_version,
        .on_event = on_event,
        .on_end = on_watch_end,
        .on_trouble = on_watch_trouble,
        .arg = s,
    };
    s->watch = lpod_watch_start(s->store->kube, &options, err);
    if (!s->watch) rc = err ? err->rc : LPOD_E_NOMEM;
  }
  lpod_buf_free(&target);
  return rc;
}

static void on_linger(void *arg) {
  lpod_space *s = arg;
  if (s->count == 0 && s->store->creating == 0 && s->watch) {
    lpod_watch_stop(s->watch);
    s->watch = NULL;
  }
}

static lpod_space *space_of(lpod_store *store, const char *ns, bool make) {
  for (lpod_link *l = store->spaces.next; l != &store->spaces; l = l->next) {
    lpod_space *s = LPOD_CONTAINER(l, lpod_space, link);
    if (strcmp(s->ns, ns) == 0) return s;
  }
  lpod_space *s = make ? calloc(1, sizeof *s) : NULL;
  if (!s) return NULL;
  if (!(s->ns = lpod_text_copy(ns))) {
    free(s);
    return NULL;
  }
  s->store = store;
  lpod_error_clear(&s->refused);
  s->linger = (lpod_timer){.fire = on_linger, .arg = s};
  for (size_t b = 0; b < BUCKETS; b++) lpod_list_init(&s->followers[b]);
  lpod_list_init(&s->waiting);
  lpod_list_add(&store->spaces, &s->link);
  return s;
}

lpod_rc lpod_store_follow(lpod_store *store, lpod_follower *follower, const char *ns, const char *resource_version,
                          lpod_error *err) {
  lpod_space *s = space_of(store, ns, true);
  if (!s) return lpod_nomem(err);
  lpod_timer_stop(lpod_kube_loop(store->kube), &s->linger);
  lpod_rc rc = s->refused.rc;
  if (rc == LPOD_OK && !s->watch && (rc = open_watch(s, resource_version, err))) return rc;
  if (s->refused.rc != LPOD_OK) *err = s->refused;
  follower->space = s;
  follower->since = s->lists;
  follower->listed = true;
  lpod_list_add(&s->followers[bucket_of(follower->uid)], &follower->link);
  s->count++;
  return rc;
}

/* Hand over what overtook the create's answer; called by the follower's owner when it is ready for events. */
void lpod_store_catch_up(lpod_store *store, lpod_follower *follower, const char *ns) {
  lpod_space *s = space_of(store, ns, false);
  if (!s) return;
  for (lpod_link *l = s->waiting.next; l != &s->waiting; l = l->next) {
    early *e = LPOD_CONTAINER(l, early, link);
    if (strcmp(e->pod.uid, follower->uid) != 0) continue;
    lpod_list_remove(&e->link);
    if (e->gone) {
      follower->on_gone(follower->arg, &e->pod);
    } else {
      follower->on_pod(follower->arg, &e->pod, e->doc);
      e->doc = NULL;
    }
    free_early(e);
    return;
  }
}

void lpod_store_tell_refused(lpod_store *store, const lpod_error *error) {
  if (store->told || !store->on_trouble) return;
  store->told = true;
  char *text =
      lpod_text_format("pods cannot be watched and are asked for every %d s: %s", LPOD_POLL_SECONDS, error->text);
  if (text) store->on_trouble(store->arg, text);
  free(text);
}

void lpod_store_unfollow(lpod_store *store, lpod_follower *follower) {
  if (!lpod_list_linked(&follower->link)) return;
  lpod_list_remove(&follower->link);
  lpod_space *s = follower->space;
  if (--s->count == 0 && s->watch)
    lpod_timer_start(lpod_kube_loop(store->kube), &s->linger, LINGER_SECONDS * LPOD_NS_PER_S, NULL);
}

size_t lpod_store_count(const lpod_store *store) {
  size_t count = 0;
  for (const lpod_link *l = store->spaces.next; l != &store->spaces; l = l->next)
    count += LPOD_CONTAINER(l, lpod_space, link)->count;
  return count;
}

bool lpod_store_follows(const lpod_store *store, const char *uid) {
  for (const lpod_link *l = store->spaces.next; l != &store->spaces; l = l->next)
    if (follower_of(LPOD_CONTAINER(l, lpod_space, link), uid)) return true;
  return false;
}

void lpod_store_creating(lpod_store *store) { store->creating++; }

void lpod_store_created(lpod_store *store) {
  if (--store->creating > 0) return;
  for (lpod_link *l = store->spaces.next; l != &store->spaces; l = l->next)
    drop_early(LPOD_CONTAINER(l, lpod_space, link));
}

/* ---- histories ---- */

/* Take the pod a search wants out of the list. */
static void answer_search(history *h, lpod_search *search) {
  lpod_store *store = h->store;
  lpod_pod *pods = calloc(h->count + 1, sizeof *pods);
  size_t *places = calloc(h->count + 1, sizeof *places), count = 0;
  if (!pods || !places) {
    lpod_error err = LPOD_ERROR_INIT;
    lpod_nomem(&err);
    search->on_found(search->arg, NULL, NULL, &err);
  } else {
    for (size_t i = 0; i < h->count; i++) {
      const lpod_value *object = lpod_doc_root(h->docs[i]);
      if (!lpod_selector_match(search->find, lpod_value_path(object, "metadata", "labels", NULL))) continue;
      if (lpod_pod_read(object, &pods[count], NULL) != LPOD_OK) continue;
      if (lpod_store_follows(store, pods[count].uid)) { /* a run of ours holds it */
        lpod_pod_free(&pods[count]);
        continue;
      }
      places[count++] = i;
    }
    int chosen = lpod_pod_choose(pods, count, search->container);
    lpod_doc *doc = NULL;
    if (chosen >= 0) {
      size_t place = places[chosen];
      doc = h->docs[place];
      h->docs[place] = h->docs[--h->count];
    }
    for (size_t i = 0; i < count; i++)
      if ((int)i != chosen && !pods[i].checked && !pods[i].terminating) search->on_leftover(search->arg, &pods[i]);
    search->on_found(search->arg, chosen >= 0 ? &pods[chosen] : NULL, doc, NULL);
    for (size_t i = 0; i < count; i++) lpod_pod_free(&pods[i]);
  }
  free(pods);
  free(places);
}

static void answer_searches(void *arg) {
  history *h = arg;
  for (lpod_link *l; (l = lpod_list_take(&h->searches));) {
    lpod_search *search = LPOD_CONTAINER(l, lpod_search, link);
    if (h->error.rc != LPOD_OK)
      search->on_found(search->arg, NULL, NULL, &h->error);
    else
      answer_search(h, search);
  }
}

static void free_history(history *h) { /* out of its list already */
  lpod_task_cancel(&h->task);
  if (h->listing) lpod_listing_cancel(h->listing);
  for (size_t i = 0; i < h->count; i++) lpod_doc_free(h->docs[i]);
  free((void *)h->docs);
  free(h->ns);
  free(h->selector);
  free(h);
}

static void on_item(void *arg, lpod_doc *doc) {
  history *h = arg;
  if (h->count == h->room) {
    size_t room = h->room ? 2 * h->room : 16;
    lpod_doc **docs = realloc((void *)h->docs, room * sizeof *docs);
    if (!docs) {
      lpod_nomem(&h->error);
      lpod_doc_free(doc);
      return;
    }
    h->docs = docs;
    h->room = room;
  }
  h->docs[h->count++] = doc;
}

static void on_list_end(void *arg, const char *resource_version, const lpod_error *error) {
  (void)resource_version;
  history *h = arg;
  h->listing = NULL;
  if (error) h->error = *error;
  bool failed = h->error.rc != LPOD_OK;
  answer_searches(h);
  if (!failed) return;
  lpod_list_remove(&h->link); /* the next search lists anew */
  free_history(h);
}

lpod_rc lpod_store_search(lpod_store *store, lpod_search *search, const char *ns, const char *find_run,
                          lpod_error *err) {
  history *h = NULL;
  for (lpod_link *l = store->histories.next; l != &store->histories; l = l->next) {
    history *known = LPOD_CONTAINER(l, history, link);
    if (strcmp(known->ns, ns) == 0 && strcmp(known->selector, find_run) == 0) h = known;
  }
  if (h) {
    lpod_list_add(&h->searches, &search->link);
    if (!h->listing) lpod_loop_defer(lpod_kube_loop(store->kube), &h->task);
    return LPOD_OK;
  }
  if (!(h = calloc(1, sizeof *h))) return lpod_nomem(err);
  h->store = store;
  h->ns = lpod_text_copy(ns);
  h->selector = lpod_text_copy(find_run);
  h->task = (lpod_task){.run = answer_searches, .arg = h};
  lpod_error_clear(&h->error);
  lpod_list_init(&h->searches);
  lpod_list_add(&store->histories, &h->link);
  lpod_buf target = LPOD_BUF_INIT(1024);
  lpod_rc rc = h->ns && h->selector ? lpod_target_core(&target, ns, "pods", NULL, NULL, err) : lpod_nomem(err);
  if (rc == LPOD_OK) {
    lpod_listing_options options = {
        .target = target.data, .label_selector = find_run, .on_item = on_item, .on_end = on_list_end, .arg = h};
    h->listing = lpod_listing_start(store->kube, &options, err);
    if (!h->listing) rc = err ? err->rc : LPOD_E_NOMEM;
  }
  lpod_buf_free(&target);
  if (rc == LPOD_OK)
    lpod_list_add(&h->searches, &search->link);
  else {
    lpod_list_remove(&h->link);
    free_history(h);
  }
  return rc;
}

void lpod_store_search_cancel(lpod_search *search) { lpod_list_remove(&search->link); }

/* ---- the store ---- */

lpod_store *lpod_store_new(lpod_kube *kube, const char *engine, void (*on_trouble)(void *arg, const char *text),
                           void *arg) {
  lpod_store *store = calloc(1, sizeof *store);
  if (!store) return NULL;
  store->kube = kube;
  store->on_trouble = on_trouble;
  store->arg = arg;
  lpod_list_init(&store->spaces);
  lpod_list_init(&store->histories);
  store->selector = lpod_text_format(LPOD_LABEL_ENGINE "=%s", engine);
  if (!store->selector) {
    free(store);
    return NULL;
  }
  return store;
}

void lpod_store_free(lpod_store *store) {
  if (!store) return;
  for (lpod_link *l; (l = lpod_list_take(&store->histories));) free_history(LPOD_CONTAINER(l, history, link));
  for (lpod_link *l; (l = lpod_list_take(&store->spaces));) {
    lpod_space *s = LPOD_CONTAINER(l, lpod_space, link);
    drop_early(s);
    lpod_timer_stop(lpod_kube_loop(store->kube), &s->linger);
    if (s->watch) lpod_watch_stop(s->watch);
    free(s->ns);
    free(s);
  }
  free(store->selector);
  free(store);
}
