/* A child process run by argv (never a shell: EP4), its stdout collected up to a ceiling, killed after a time limit and
 * always reaped by its own pid through a pidfd. Nothing of the process's own SIGCHLD handling is touched. */
#ifndef LPOD_NET_CHILD_H
#define LPOD_NET_CHILD_H

#include "../base/buf.h"
#include "loop.h"

typedef struct lpod_child lpod_child;

typedef struct lpod_child_result {
  const lpod_error *error; /* NULL: it ran and ended by itself. Else IO, TIMEOUT, LIMIT */
  bool missing;            /* the program was not found (EP9) */
  int exit_code;           /* -1 when a signal ended it */
  int signal;              /* 0 when none did */
  const char *output;      /* stdout, closed by NUL; wiped after the callback */
  size_t len;
} lpod_child_result;

typedef struct lpod_child_options {
  const char *const *argv;        /* argv[0] is searched in PATH when it holds no slash */
  const char *const *environment; /* "NAME=value" lines, ended by NULL; NULL: ours */
  bool use_stdin;                 /* hand our stdin over; else /dev/null (EP2). stderr is always ours (EP9) */
  int64_t timeout;                /* ns; 0 = none */
  void (*on_done)(void *arg, const lpod_child_result *result); /* once; the child is gone afterwards */
  void *arg;
} lpod_child_options;

lpod_child *lpod_child_start(lpod_loop *loop, const lpod_child_options *options, lpod_error *err);
void lpod_child_cancel(lpod_child *child); /* killed and reaped; no callback follows */

#endif
