/* A libcurl multi driven by socket actions: its sockets are polls, its timeout is a timer of ours. libcurl is entered
 * here alone, so that "are we inside one of its callbacks" has one answer (M4: adding or removing is refused there).
 * Invariant: a poll is freed when libcurl says so, before it closes the socket. */
#include "multi.h"

#include "../base/limits.h"
#include "poll.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct lpod_multi {
  CURLM *curl;
  lpod_loop *loop;
  lpod_timer timer;
  lpod_multi_fn *fn;
  void *arg;
  bool inside;
};

typedef struct watched {
  lpod_multi *multi;
  curl_socket_t fd;
  lpod_poll *poll;
} watched;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode once_code;
static void init_once(void) { once_code = curl_global_init(CURL_GLOBAL_DEFAULT); }

lpod_rc lpod_curl_init(lpod_error *err) {
  pthread_once(&once, init_once);
  if (!once_code) return LPOD_OK;
  return lpod_fail(err, LPOD_E_IO, "libcurl: %s", curl_easy_strerror(once_code));
}

static void act(lpod_multi *multi, curl_socket_t fd, int events) {
  int running, left;
  multi->inside = true;
  curl_multi_socket_action(multi->curl, fd, events, &running);
  multi->inside = false;
  for (CURLMsg *message; (message = curl_multi_info_read(multi->curl, &left));)
    if (message->msg == CURLMSG_DONE) multi->fn(multi->arg, message->easy_handle, message->data.result);
}

static void on_ready(void *arg, int events) {
  watched *socket = arg; /* may be gone after the action */
  act(socket->multi, socket->fd,
      (events & LPOD_POLL_IN ? CURL_CSELECT_IN : 0) | (events & LPOD_POLL_OUT ? CURL_CSELECT_OUT : 0));
}

static void on_timer(void *arg) { act(arg, CURL_SOCKET_TIMEOUT, 0); }

static int on_timeout_change(CURLM *curl, long timeout_ms, void *arg) {
  (void)curl;
  lpod_multi *multi = arg;
  if (timeout_ms < 0)
    lpod_timer_stop(multi->loop, &multi->timer);
  else if (lpod_timer_start(multi->loop, &multi->timer, timeout_ms * LPOD_NS_PER_MS, NULL))
    return -1;
  return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *pointer) {
  (void)easy;
  lpod_multi *multi = arg;
  watched *socket = pointer;
  if (what == CURL_POLL_REMOVE) {
    if (!socket) return 0;
    lpod_poll_free(socket->poll);
    free(socket);
    curl_multi_assign(multi->curl, fd, NULL);
    return 0;
  }
  if (!socket) {
    socket = calloc(1, sizeof *socket);
    if (!socket) return -1;
    socket->multi = multi;
    socket->fd = fd;
    socket->poll = lpod_poll_new(multi->loop, fd, on_ready, socket, NULL);
    if (!socket->poll || curl_multi_assign(multi->curl, fd, socket)) {
      lpod_poll_free(socket->poll);
      free(socket);
      return -1;
    }
  }
  int events = (what & CURL_POLL_IN ? LPOD_POLL_IN : 0) | (what & CURL_POLL_OUT ? LPOD_POLL_OUT : 0);
  return lpod_poll_watch(socket->poll, events, NULL) ? -1 : 0;
}

/* libcurl 7.88 opens a pair of sockets a multi without close-on-exec. They get the two lowest free numbers; a
 * number that does not look like one of them is left alone. */
static CURLM *new_curl_multi(void) {
  int low[2];
  for (int i = 0; i < 2; i++) low[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
  for (int i = 0; i < 2; i++)
    if (low[i] >= 0) close(low[i]);
  CURLM *curl = curl_multi_init();
  for (int i = 0; curl && i < 2; i++) {
    int domain = 0;
    socklen_t len = sizeof domain;
    if (low[i] >= 0 && !getsockopt(low[i], SOL_SOCKET, SO_DOMAIN, &domain, &len) && domain == AF_UNIX)
      fcntl(low[i], F_SETFD, FD_CLOEXEC);
  }
  return curl;
}

lpod_multi *lpod_multi_new(lpod_loop *loop, lpod_multi_fn *fn, void *arg, lpod_error *err) {
  lpod_multi *multi = calloc(1, sizeof *multi);
  if (multi) multi->curl = new_curl_multi();
  if (!multi || !multi->curl) {
    free(multi);
    lpod_nomem(err);
    return NULL;
  }
  multi->loop = loop;
  multi->fn = fn;
  multi->arg = arg;
  multi->timer.fire = on_timer;
  multi->timer.arg = multi;
  /* Idle connections kept; libcurl's own rule (by the number of transfers) closes them between two bursts. */
  curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS, (long)LPOD_LIMIT_STREAMS);
  curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
  curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
  curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timeout_change);
  curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
  return multi;
}

void lpod_multi_free(lpod_multi *multi) {
  if (!multi) return;
  curl_multi_cleanup(multi->curl);
  lpod_timer_stop(multi->loop, &multi->timer);
  free(multi);
}

lpod_rc lpod_multi_add(lpod_multi *multi, CURL *easy, lpod_error *err) {
  CURLMcode code = curl_multi_add_handle(multi->curl, easy);
  if (!code) return LPOD_OK;
  if (code == CURLM_OUT_OF_MEMORY) return lpod_nomem(err);
  return lpod_fail(err, LPOD_E_USAGE, "libcurl: %s", curl_multi_strerror(code));
}

void lpod_multi_remove(lpod_multi *multi, CURL *easy) { curl_multi_remove_handle(multi->curl, easy); }

CURLcode lpod_multi_unpause(lpod_multi *multi, CURL *easy) {
  multi->inside = true; /* it hands over what it holds at once */
  CURLcode code = curl_easy_pause(easy, CURLPAUSE_CONT);
  multi->inside = false;
  return code;
}

bool lpod_multi_inside(const lpod_multi *multi) { return multi->inside; }
