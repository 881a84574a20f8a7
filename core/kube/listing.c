/* One list, page by page and object by object (W2, W3, W14, X28): no tree of a list is ever built. Leaves repetition of
 * what the client can repeat to the client. Invariants: on_end(NULL) means that every object of one consistent list was
 * delivered since the last on_restart; memory is bounded by one object and one chunk. */
#include "watch.h"
#include "../base/limits.h"
#include "../base/random.h"
#include "../base/text.h"
#include "../data/json.h"
#include <stdio.h>
#include <stdlib.h>

#define PAGE 500u
#define TRIES 5u /* of the whole list, when it is cut in the middle */
#define RETRY_FIRST 0.5
#define RETRY_MOST 30.0

struct lpod_listing {
  lpod_kube *kube;
  lpod_listing_options options;
  char *target, *what, *label_selector, *field_selector;
  lpod_buf continue_token;
  unsigned limit; /* 0: without pages */
  unsigned tries;
  bool any;   /* an object was delivered since the last on_restart */
  bool *gone; /* set when the listing goes away during a callback */
  lpod_kube_call *call;
  lpod_json_reader *reader;
  lpod_doc *list;     /* the map of the page, without its items */
  lpod_error problem; /* why on_data ended the page */
  lpod_timer timer;
};

static void free_listing(lpod_listing *listing) {
  if (listing->gone) *listing->gone = true;
  lpod_timer_stop(lpod_kube_loop(listing->kube), &listing->timer);
  lpod_doc_free(listing->list);
  lpod_json_reader_free(listing->reader);
  lpod_buf_free(&listing->continue_token);
  free(listing->target);
  free(listing->what);
  free(listing->label_selector);
  free(listing->field_selector);
  free(listing);
}

void lpod_listing_cancel(lpod_listing *listing) {
  if (!listing) return;
  lpod_kube_cancel(listing->call);
  free_listing(listing);
}

void lpod_listing_recycle(lpod_listing *listing, lpod_doc *doc) {
  if (listing->reader)
    lpod_json_reader_reuse(listing->reader, doc);
  else
    lpod_doc_free(doc);
}

static void end(lpod_listing *listing, const char *version, const lpod_error *error) {
  lpod_listing_options options = listing->options;
  lpod_doc *list = listing->list; /* version may live in it */
  listing->list = NULL;
  free_listing(listing);
  options.on_end(options.arg, version, error);
  lpod_doc_free(list);
}

/* ---- reading a page ---- */

/* false: the owner cancelled the listing. */
static bool hand_over(lpod_listing *listing, lpod_doc *doc) {
  bool gone = false;
  listing->gone = &gone;
  listing->any = true;
  listing->options.on_item(listing->options.arg, doc);
  if (gone) return false;
  listing->gone = NULL;
  return true;
}

static bool on_data(void *arg, const char *data, size_t len) {
  lpod_listing *listing = arg;
  while (len) {
    size_t used;
    lpod_doc *doc;
    bool is_item;
    if (lpod_json_reader_feed(listing->reader, data, len, &used, &doc, &is_item, &listing->problem)) return false;
    data += used;
    len -= used;
    if (!doc) continue;
    if (is_item) {
      if (!hand_over(listing, doc)) return false;
    } else {
      lpod_doc_free(listing->list);
      listing->list = doc;
    }
  }
  return true;
}

static lpod_rc page_target(const lpod_listing *listing, lpod_buf *target, lpod_error *err) {
  char limit[16];
  snprintf(limit, sizeof limit, "%u", listing->limit);
  lpod_rc rc = lpod_buf_adds(target, listing->target, err);
  if (!rc) rc = lpod_target_query(target, "labelSelector", listing->label_selector, err);
  if (!rc) rc = lpod_target_query(target, "fieldSelector", listing->field_selector, err);
  if (!rc) rc = lpod_target_query(target, "limit", listing->limit ? limit : NULL, err);
  if (!rc)
    rc = lpod_target_query(target, "continue", listing->continue_token.len ? listing->continue_token.data : NULL, err);
  return rc;
}

static void on_done(void *arg, const lpod_kube_answer *answer);

/* Ask for the page that continue_token names. */
static lpod_rc ask(lpod_listing *listing, lpod_error *err) {
  lpod_json_reader_free(listing->reader);
  lpod_doc_free(listing->list);
  listing->list = NULL;
  lpod_error_clear(&listing->problem);
  listing->reader = lpod_json_reader_new(
      &(lpod_json_options){.ceiling = LPOD_LIMIT_LIST_ITEM, .items = "items", .skip = "managedFields"});
  if (!listing->reader) return lpod_nomem(err);
  lpod_buf target = LPOD_BUF_INIT(LPOD_LIMIT_HEADERS);
  lpod_rc rc = page_target(listing, &target, err);
  if (!rc) {
    listing->call = lpod_kube_start(listing->kube,
                                    &(lpod_kube_request){.verb = LPOD_VERB_READ,
                                                         .role = LPOD_ROLE_CALL,
                                                         .method = "GET",
                                                         .target = target.data,
                                                         .what = listing->what,
                                                         .raw = true,
                                                         .budget = listing->options.once ? -1 : 0,
                                                         .on_data = on_data,
                                                         .on_done = on_done,
                                                         .arg = listing},
                                    err);
    if (!listing->call) rc = err->rc;
  }
  lpod_buf_free(&target);
  return rc;
}

static void ask_or_end(void *arg) {
  lpod_listing *listing = arg;
  lpod_error error = LPOD_ERROR_INIT;
  if (ask(listing, &error)) end(listing, NULL, &error);
}

/* false: the owner cancelled the listing. */
static bool tell_restart(lpod_listing *listing) {
  bool any = listing->any, gone = false;
  listing->any = false;
  if (!any || !listing->options.on_restart) return true;
  listing->gone = &gone;
  listing->options.on_restart(listing->options.arg);
  if (gone) return false;
  listing->gone = NULL;
  return true;
}

/* From the first page again, after delay. */
static void restart(lpod_listing *listing, int64_t delay) {
  lpod_error error = LPOD_ERROR_INIT;
  lpod_buf_clear(&listing->continue_token);
  if (!tell_restart(listing)) return;
  if (!delay)
    ask_or_end(listing);
  else if (lpod_timer_start(lpod_kube_loop(listing->kube), &listing->timer, delay, &error))
    end(listing, NULL, &error);
}

/* What the page was: the metadata of a list, or an error. */
static const lpod_value *page_metadata(const lpod_listing *listing, lpod_error *err) {
  const lpod_value *list = listing->list ? lpod_doc_root(listing->list) : NULL;
  const lpod_value *metadata = lpod_value_get(list, "metadata");
  if (lpod_value_is(lpod_value_get(list, "kind"), "Status") && lpod_status_error(list, err)) return NULL; /* E3 */
  if (*lpod_value_text(metadata, "resourceVersion")) return metadata;
  lpod_fail(err, LPOD_E_PARSE, "found a %s without metadata.resourceVersion, expected a list",
            lpod_type_name(lpod_value_type(list)));
  return NULL;
}

static const lpod_value *finish_page(lpod_listing *listing, const lpod_kube_answer *answer, lpod_error *err) {
  if (listing->problem.rc) {
    *err = listing->problem;
  } else if (answer->error) {
    *err = *answer->error;
    return NULL; /* names the request already */
  } else {
    lpod_doc *doc = NULL;
    if (lpod_json_reader_end(listing->reader, &doc, err)) { /* it ended too early */
      if (err->rc == LPOD_E_PARSE) err->rc = LPOD_E_CUT;
    } else {
      lpod_doc_free(doc);
      const lpod_value *metadata = page_metadata(listing, err);
      if (metadata) return metadata;
    }
  }
  lpod_wrap(err, "%s", listing->what);
  return NULL;
}

static void on_done(void *arg, const lpod_kube_answer *answer) {
  lpod_listing *listing = arg;
  lpod_error error = LPOD_ERROR_INIT;
  listing->call = NULL;
  const lpod_value *metadata = finish_page(listing, answer, &error);
  if (metadata) {
    const char *token = lpod_value_text(metadata, "continue");
    lpod_buf_clear(&listing->continue_token);
    if (!*token)
      end(listing, lpod_value_text(metadata, "resourceVersion"), NULL);
    else if (lpod_buf_adds(&listing->continue_token, token, &error))
      end(listing, NULL, &error);
    else
      ask_or_end(listing);
    return;
  }
  lpod_next next = lpod_retry_next(LPOD_VERB_READ, &error);
  if (next == LPOD_NEXT_RELIST && listing->continue_token.len) { /* 410 on page 2 or later (W3) */
    listing->limit = 0;
    restart(listing, 0);
  } else if (next == LPOD_NEXT_RETRY && !listing->options.once && answer->status / 100 == 2 &&
             ++listing->tries < TRIES) {
    double wait = lpod_retry_wait(&error, listing->tries, RETRY_FIRST, RETRY_MOST, lpod_random_unit());
    restart(listing, 1 + (int64_t)(wait * (double)LPOD_NS_PER_S));
  } else {
    end(listing, NULL, &error);
  }
}

static bool copied(char **copy, const char *text) { return !text || (*copy = lpod_text_copy(text)); }

lpod_listing *lpod_listing_start(lpod_kube *kube, const lpod_listing_options *options, lpod_error *err) {
  lpod_error scratch;
  if (!err) err = &scratch;
  lpod_listing *listing = calloc(1, sizeof *listing);
  if (!listing) {
    lpod_nomem(err);
    return NULL;
  }
  listing->kube = kube;
  listing->options = *options;
  listing->limit = options->limit ? options->limit : PAGE;
  listing->timer.fire = ask_or_end;
  listing->timer.arg = listing;
  lpod_buf_init(&listing->continue_token, LPOD_LIMIT_HEADERS / 2);
  lpod_rc rc = LPOD_OK;
  if (!copied(&listing->target, options->target) || !copied(&listing->label_selector, options->label_selector) ||
      !copied(&listing->field_selector, options->field_selector) ||
      !(listing->what = lpod_text_format("list %s", options->target)))
    rc = lpod_nomem(err);
  if (!rc) rc = ask(listing, err);
  if (!rc) return listing;
  free_listing(listing);
  return NULL;
}
