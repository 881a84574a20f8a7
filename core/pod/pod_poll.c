/* GET, wait, GET: repetition after failures is the client's. Invariant: either the timer runs or one call is under way;
 * a callback of the owner is the last thing done, as the owner may stop the poll inside it. */
#include "pod_poll.h"

#include "../base/text.h"
#include <stdlib.h>

struct lpod_pod_poll {
  lpod_pod_poll_options options;
  char *target, *what;
  lpod_kube_call *call;
  lpod_timer timer;
};

void lpod_pod_poll_stop(lpod_pod_poll *poll) {
  if (!poll) return;
  lpod_kube_cancel(poll->call);
  lpod_timer_stop(lpod_kube_loop(poll->options.kube), &poll->timer);
  free(poll->target);
  free(poll->what);
  free(poll);
}

static void end(lpod_pod_poll *poll, const lpod_error *error) {
  lpod_pod_poll_options options = poll->options;
  lpod_pod_poll_stop(poll);
  options.on_end(options.arg, error);
}

static lpod_rc wait(lpod_pod_poll *poll, lpod_error *err) {
  return lpod_timer_start(lpod_kube_loop(poll->options.kube), &poll->timer, LPOD_POLL_SECONDS * LPOD_NS_PER_S, err);
}

static void on_answer(void *arg, const lpod_kube_answer *answer) {
  lpod_pod_poll *poll = arg;
  lpod_error err = LPOD_ERROR_INIT;
  lpod_pod pod = lpod_pod_empty();
  poll->call = NULL;
  bool gone = answer->error && answer->error->code == 404;
  if (answer->error && !gone) {
    end(poll, answer->error);
  } else if (wait(poll, &err) || (!gone && lpod_pod_read(lpod_doc_root(*answer->doc), &pod, &err))) {
    end(poll, &err);
  } else if (gone) {
    poll->options.on_gone(poll->options.arg, NULL);
  } else {
    lpod_doc *doc = *answer->doc;
    *answer->doc = NULL;
    poll->options.on_pod(poll->options.arg, &pod, doc);
    lpod_pod_free(&pod);
  }
}

static void on_timer(void *arg) {
  lpod_pod_poll *poll = arg;
  lpod_error err = LPOD_ERROR_INIT;
  poll->call = lpod_kube_start(poll->options.kube,
                               &(lpod_kube_request){.verb = LPOD_VERB_READ,
                                                    .method = "GET",
                                                    .target = poll->target,
                                                    .what = poll->what,
                                                    .on_done = on_answer,
                                                    .arg = poll},
                               &err);
  if (!poll->call) end(poll, &err);
}

lpod_pod_poll *lpod_pod_poll_start(const lpod_pod_poll_options *options, lpod_error *err) {
  lpod_pod_poll *poll = calloc(1, sizeof *poll);
  if (!poll) {
    lpod_nomem(err);
    return NULL;
  }
  poll->options = *options;
  poll->timer = (lpod_timer){.fire = on_timer, .arg = poll};
  lpod_buf target = LPOD_BUF_INIT(2048);
  lpod_rc rc = lpod_target_core(&target, options->ns, "pods", options->name, NULL, err);
  poll->target = lpod_buf_take(&target, NULL);
  poll->what = lpod_text_format("get pod %s/%s", options->ns, options->name);
  poll->options.ns = poll->options.name = NULL;
  if (!rc && (!poll->target || !poll->what)) rc = lpod_nomem(err);
  if (!rc) rc = wait(poll, err);
  if (!rc) return poll;
  lpod_pod_poll_stop(poll);
  return NULL;
}
