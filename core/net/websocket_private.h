/* Within core/net alone: so that an lpod_http can cancel its sockets. */
#ifndef LPOD_NET_WEBSOCKET_PRIVATE_H
#define LPOD_NET_WEBSOCKET_PRIVATE_H

#include "websocket.h"

lpod_websocket *lpod_websocket_of(lpod_link *link); /* link: its place in http->sockets */

#endif
