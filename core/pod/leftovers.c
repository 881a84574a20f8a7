/* Dealing with the other pods of a task that earlier engines left: what is sent for each (pure), and sending it. Which
 * pods these are is the search's to say (store.c). Invariant: one request a pod, with its uid, and none after
 * lpod_leftovers_free. */
#include "leftovers.h"

#include "../base/text.h"
#include <stdlib.h>
#include <string.h>

#define MOST 32u /* of one task; more are left alone */

typedef struct leftover {
  lpod_leftovers *owner;
  char *name, *uid;
  bool ended, succeeded;
  lpod_kube_call *call;
} leftover;

struct lpod_leftovers {
  lpod_kube *kube;
  const char *ns;
  void (*on_warning)(void *arg, const char *text);
  void *arg;
  leftover pods[MOST];
  size_t count;
};

lpod_leftovers *lpod_leftovers_new(lpod_kube *kube, const char *ns, void (*on_warning)(void *arg, const char *text),
                                   void *arg) {
  lpod_leftovers *l = calloc(1, sizeof *l);
  if (l) *l = (lpod_leftovers){.kube = kube, .ns = ns, .on_warning = on_warning, .arg = arg};
  return l;
}

void lpod_leftovers_free(lpod_leftovers *l) {
  if (!l) return;
  for (size_t i = 0; i < l->count; i++) {
    lpod_kube_cancel(l->pods[i].call);
    free(l->pods[i].name);
    free(l->pods[i].uid);
  }
  free(l);
}

lpod_rc lpod_leftovers_add(lpod_leftovers *l, const lpod_pod *pod, const char *container, lpod_error *err) {
  if (l->count == MOST) return LPOD_OK;
  leftover *it = &l->pods[l->count];
  *it = (leftover){.owner = l,
                   .name = lpod_text_copy(pod->name),
                   .uid = lpod_text_copy(pod->uid),
                   .ended = lpod_pod_ended(pod),
                   .succeeded = lpod_container_succeeded(lpod_pod_container(pod, container))};
  l->count++;
  return it->name && it->uid ? LPOD_OK : lpod_nomem(err);
}

const char *lpod_leftover_request(const char *uid, bool ended, bool succeeded, lpod_on_finish on_finish, char **body) {
  if (lpod_finish_deletes(on_finish, ended, succeeded)) {
    *body =
        lpod_text_format("{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"preconditions\":{\"uid\":\"%s\"}}", uid);
    return "DELETE";
  }
  bool stop = !ended && on_finish != LPOD_FINISH_ABANDON;
  *body = lpod_text_format("{\"metadata\":{\"uid\":\"%s\",\"labels\":{\"" LPOD_LABEL_CHECKED "\":\"True\"}}%s}", uid,
                           stop ? ",\"spec\":{\"activeDeadlineSeconds\":1}" : "");
  return "PATCH";
}

static void warn(const leftover *it, const char *why) {
  char *text = lpod_text_format("pod %s, which an earlier process left, could not be dealt with: %s", it->name, why);
  if (text) it->owner->on_warning(it->owner->arg, text);
  free(text);
}

static void on_done(void *arg, const lpod_kube_answer *answer) {
  leftover *it = arg;
  it->call = NULL;
  if (answer->error && answer->error->code != 404 && answer->error->code != 409) warn(it, answer->error->text);
}

static lpod_rc treat(leftover *it, lpod_on_finish on_finish, lpod_error *err) {
  char *body = NULL;
  const char *method = lpod_leftover_request(it->uid, it->ended, it->succeeded, on_finish, &body);
  bool drop = strcmp(method, "DELETE") == 0;
  lpod_buf target = LPOD_BUF_INIT(2048);
  if (!body) return lpod_nomem(err);
  lpod_rc rc = lpod_target_core(&target, it->owner->ns, "pods", it->name, NULL, err);
  if (rc == LPOD_OK) {
    lpod_kube_request request = {.verb = drop ? LPOD_VERB_DELETE : LPOD_VERB_PATCH,
                                 .method = method,
                                 .target = target.data,
                                 .content_type = drop ? "application/json" : "application/merge-patch+json",
                                 .body = body,
                                 .body_len = strlen(body),
                                 .raw = true,
                                 .on_done = on_done,
                                 .arg = it};
    it->call = lpod_kube_start(it->owner->kube, &request, err);
    if (!it->call) rc = err->rc;
  }
  lpod_buf_free(&target);
  free(body);
  return rc;
}

void lpod_leftovers_treat(lpod_leftovers *l, lpod_on_finish on_finish) {
  for (size_t i = 0; l && i < l->count; i++) {
    lpod_error err = LPOD_ERROR_INIT;
    if (treat(&l->pods[i], on_finish, &err) != LPOD_OK) warn(&l->pods[i], err.text);
  }
}
