/* Within core/net alone: the client's half of a WebSocket upgrade (RFC 6455 §4) and the reading of a refusal. Pure:
 * bytes in, verdict out. */
#ifndef LPOD_NET_HANDSHAKE_H
#define LPOD_NET_HANDSHAKE_H

#include "../base/buf.h"

typedef struct lpod_handshake {
  const char *peer; /* borrowed */
  char *offered;    /* subprotocols, as sent */
  char key[25];
  char accept[29]; /* what the server must answer to it */
  int status;
  char protocol[64]; /* the one chosen */
  lpod_buf body;     /* of a refusal */
  bool chunked;
  long long length; /* Content-Length; negative: none */
} lpod_handshake;

typedef enum lpod_handshake_verdict {
  LPOD_HANDSHAKE_MORE,    /* headers not whole */
  LPOD_HANDSHAKE_BODY,    /* refused, the body not whole */
  LPOD_HANDSHAKE_OPEN,    /* in holds what follows the headers */
  LPOD_HANDSHAKE_REFUSED, /* err is LPOD_E_API; status and body are there */
  LPOD_HANDSHAKE_BROKEN   /* err says how */
} lpod_handshake_verdict;

/* Make a key. protocols: "a, b" as sent. */
lpod_rc lpod_handshake_init(lpod_handshake *handshake, const char *peer, const char *protocols, lpod_error *err);
void lpod_handshake_free(lpod_handshake *handshake);
/* in: all bytes so far that were not consumed (the headers, once whole, are). ended: no more will come. */
lpod_handshake_verdict lpod_handshake_read(lpod_handshake *handshake, lpod_buf *in, bool ended, lpod_error *err);

#endif
