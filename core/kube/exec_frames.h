/* The framing of exec over WebSocket (EX3–EX6): a message is a channel byte and its payload. Pure: messages in, output
 * and the verdict out; the socket is exec.c's. */
#ifndef LPOD_KUBE_EXEC_FRAMES_H
#define LPOD_KUBE_EXEC_FRAMES_H

#include "../base/buf.h"
#include <lunapod/value.h>

typedef struct lpod_exec_frames {
  lpod_buf status;  /* what came on the error channel */
  unsigned unknown; /* messages on channels nobody knows: ignored */
} lpod_exec_frames;

void lpod_exec_frames_init(lpod_exec_frames *frames);
void lpod_exec_frames_free(lpod_exec_frames *frames);
/* 5 or 4, or 0: not one that was offered (EX2, EX11). */
int lpod_exec_version(const char *protocol);
#define LPOD_EXEC_PROTOCOLS "v5.channel.k8s.io, v4.channel.k8s.io"

/* One whole message. *channel is 1 or 2 and *payload, *len its output (borrowed from data), or *len is 0: nothing to
 * hand on. */
lpod_rc lpod_exec_frames_read(lpod_exec_frames *frames, const char *data, size_t len, int *channel,
                              const char **payload, size_t *payload_len, lpod_error *err);
/* The verdict at the end of the socket: *exit_code from the Status, or an error; no Status is LPOD_E_CUT (EX6). */
lpod_rc lpod_exec_frames_verdict(const lpod_exec_frames *frames, int *exit_code, lpod_error *err);
bool lpod_exec_frames_judged(const lpod_exec_frames *frames); /* a Status came */

/* Append a message of stdin; at most LPOD_EXEC_CHUNK bytes of data go into one. */
#define LPOD_EXEC_CHUNK (32u * 1024u)
lpod_rc lpod_exec_frames_stdin(lpod_buf *out, const void *data, size_t len, lpod_error *err);
/* The message that closes stdin, v5 alone (EX4). */
#define LPOD_EXEC_CLOSE_STDIN "\377\0"
#define LPOD_EXEC_CLOSE_STDIN_LEN 2u

#endif
