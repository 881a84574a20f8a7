/* Child processes by posix_spawn and a pidfd: no shell, no SIGCHLD handler, waited for by its own pid alone. The child
 * starts with default signals, an empty mask and no descriptor of ours but stdin (if asked), the pipe and stderr (X66).
 * Invariant: a child that was started is reaped: when its pidfd says so, or, cancelled, right after SIGKILL. */
#include "child.h"

#include "../base/limits.h"
#include "../base/secret.h"
#include "../base/text.h"
#include "poll.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct lpod_child {
  lpod_loop *loop;
  char *name;
  int64_t timeout;
  void (*on_done)(void *arg, const lpod_child_result *result);
  void *arg;
  pid_t pid; /* 0: not started, or reaped */
  int pid_fd, pipe_fd;
  lpod_poll *pid_poll, *pipe_poll;
  lpod_timer limit;
  lpod_task task;
  lpod_buf output;
  lpod_error error;
  bool missing, ended;
  int exit_code, signal;
};

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static void close_pipe(lpod_child *child) {
  lpod_poll_free(child->pipe_poll);
  child->pipe_poll = NULL;
  close_fd(&child->pipe_fd);
}

static void kill_child(const lpod_child *child) {
  if (child->pid) syscall(SYS_pidfd_send_signal, child->pid_fd, SIGKILL, NULL, 0);
}

static void reap(lpod_child *child, int options) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  int rc;
  if (!(options & WNOHANG)) fcntl(child->pid_fd, F_SETFL, 0); /* libuv made it non-blocking, for waitid, too */
  do rc = waitid(P_PIDFD, (id_t)child->pid_fd, &info, WEXITED | options);
  while (rc && errno == EINTR);
  if (rc && errno == EAGAIN) return;
  if (!rc && !info.si_pid) return; /* still runs */
  child->pid = 0;
  if (rc) { /* somebody else has reaped it: the exit code is lost */
    if (!child->error.rc) lpod_fail(&child->error, LPOD_E_IO, "%s: waiting for it: %s", child->name, strerror(errno));
  } else if (info.si_code == CLD_EXITED) {
    child->exit_code = info.si_status;
  } else {
    child->signal = info.si_status;
  }
}

static void free_child(lpod_child *child) {
  lpod_timer_stop(child->loop, &child->limit);
  lpod_task_cancel(&child->task);
  lpod_poll_free(child->pid_poll);
  close_pipe(child);
  if (child->pid) {
    kill_child(child);
    reap(child, 0); /* SIGKILL is on its way: short */
  }
  close_fd(&child->pid_fd);
  lpod_buf_wipe(&child->output);
  free(child->name);
  free(child);
}

static void deliver(void *arg) {
  lpod_child *child = arg;
  lpod_child_result result = {
      .error = child->error.rc ? &child->error : NULL,
      .missing = child->missing,
      .exit_code = child->exit_code,
      .signal = child->signal,
      .output = child->output.data ? child->output.data : "",
      .len = child->output.len,
  };
  child->on_done(child->arg, &result);
  free_child(child);
}

/* Take in what the pipe holds: all of it, or as much as this step has time for. */
static void read_pipe(lpod_child *child, bool all) {
  char data[8192];
  while (child->pipe_fd >= 0) {
    ssize_t got = read(child->pipe_fd, data, sizeof data);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got > 0 && lpod_buf_add(&child->output, data, (size_t)got, &child->error)) {
      lpod_wrap(&child->error, "%s: its output", child->name);
      kill_child(child);
      got = 0;
    }
    if (got <= 0)
      close_pipe(child);
    else if (!all && lpod_loop_spent(child->loop))
      break;
  }
  lpod_wipe(data, sizeof data);
}

static void on_pipe(void *arg, int events) {
  (void)events;
  read_pipe(arg, false);
}

static void on_exit_seen(void *arg, int events) {
  (void)events;
  lpod_child *child = arg;
  reap(child, WNOHANG);
  if (child->pid || child->ended) return;
  child->ended = true;
  lpod_poll_free(child->pid_poll);
  child->pid_poll = NULL;
  lpod_timer_stop(child->loop, &child->limit);
  read_pipe(child, true); /* a grandchild may keep it open: what came until here is all */
  lpod_loop_defer(child->loop, &child->task);
}

static void on_limit(void *arg) {
  lpod_child *child = arg;
  if (!child->error.rc)
    lpod_fail(&child->error, LPOD_E_TIMEOUT, "%s: did not end within %.6g s", child->name,
              (double)child->timeout / (double)LPOD_NS_PER_S);
  kill_child(child); /* its pidfd tells the end */
}

static int spawn(lpod_child *child, const lpod_child_options *options, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  int rc = posix_spawn_file_actions_init(&actions);
  if (rc) return rc;
  rc = posix_spawnattr_init(&attributes);
  if (rc) {
    posix_spawn_file_actions_destroy(&actions);
    return rc;
  }
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (!rc && !options->use_stdin)
    rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (!rc) rc = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  if (!rc) rc = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  char *const *environment = options->environment ? (char *const *)(uintptr_t)options->environment : environ;
  if (!rc) {
    rc = posix_spawnp(&child->pid, child->name, &actions, &attributes, (char *const *)(uintptr_t)options->argv,
                      environment);
    if (rc) child->pid = 0;
  }
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return rc;
}

static lpod_rc watch(lpod_child *child, lpod_error *err) {
  child->pid_fd = (int)syscall(SYS_pidfd_open, child->pid, 0); /* close-on-exec by itself */
  if (child->pid_fd < 0) {
    int cause = errno;
    kill(child->pid, SIGKILL);
    waitpid(child->pid, NULL, 0);
    child->pid = 0;
    return lpod_fail(err, LPOD_E_IO, "%s: pidfd_open: %s", child->name, strerror(cause));
  }
  child->pid_poll = lpod_poll_new(child->loop, child->pid_fd, on_exit_seen, child, err);
  if (child->pid_poll) child->pipe_poll = lpod_poll_new(child->loop, child->pipe_fd, on_pipe, child, err);
  if (!child->pipe_poll) return err->rc;
  lpod_rc rc = lpod_poll_watch(child->pid_poll, LPOD_POLL_IN, err);
  if (!rc) rc = lpod_poll_watch(child->pipe_poll, LPOD_POLL_IN, err);
  if (!rc && child->timeout > 0) rc = lpod_timer_start(child->loop, &child->limit, child->timeout, err);
  return rc;
}

lpod_child *lpod_child_start(lpod_loop *loop, const lpod_child_options *options, lpod_error *err) {
  lpod_error unused = LPOD_ERROR_INIT;
  if (!err) err = &unused;
  lpod_child *child = calloc(1, sizeof *child);
  if (!child) {
    lpod_nomem(err);
    return NULL;
  }
  child->loop = loop;
  child->name = lpod_text_copy(options->argv[0]);
  child->timeout = options->timeout;
  child->on_done = options->on_done;
  child->arg = options->arg;
  child->pid_fd = child->pipe_fd = -1;
  child->exit_code = -1;
  child->error = (lpod_error)LPOD_ERROR_INIT;
  child->task.run = deliver;
  child->limit.fire = on_limit;
  child->task.arg = child->limit.arg = child;
  lpod_buf_init(&child->output, LPOD_LIMIT_CHILD_OUTPUT);
  int ends[2];
  if (!child->name) {
    lpod_nomem(err);
    free_child(child);
    return NULL;
  }
  if (pipe2(ends, O_CLOEXEC)) {
    lpod_fail(err, LPOD_E_IO, "%s: pipe: %s", options->argv[0], strerror(errno));
    free_child(child);
    return NULL;
  }
  child->pipe_fd = ends[0]; /* libuv makes this end non-blocking; the child's stays as programs expect it */
  int rc = spawn(child, options, ends[1]);
  close(ends[1]);
  if (rc == ENOMEM) {
    lpod_nomem(err);
    free_child(child);
    return NULL;
  }
  if (rc) {
    child->missing = rc == ENOENT;
    lpod_fail(&child->error, LPOD_E_IO, "cannot run %s: %s", options->argv[0], strerror(rc));
    lpod_loop_defer(loop, &child->task);
    return child;
  }
  if (watch(child, err)) {
    free_child(child);
    return NULL;
  }
  return child;
}

void lpod_child_cancel(lpod_child *child) {
  if (child) free_child(child);
}
