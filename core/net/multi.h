/* Within core/net alone: one libcurl multi on the loop. */
#ifndef LPOD_NET_MULTI_H
#define LPOD_NET_MULTI_H

#include "loop.h"

#include <curl/curl.h>

typedef struct lpod_multi lpod_multi;
/* A transfer has ended; called outside libcurl. Must remove the handle (unless it is CONNECT_ONLY) and may not free the
 * multi. */
typedef void lpod_multi_fn(void *arg, CURL *easy, CURLcode code);

lpod_multi *lpod_multi_new(lpod_loop *loop, lpod_multi_fn *fn, void *arg, lpod_error *err);
void lpod_multi_free(lpod_multi *multi); /* all handles are removed, and it is not inside; NULL is fine */
lpod_rc lpod_multi_add(lpod_multi *multi, CURL *easy, lpod_error *err);
void lpod_multi_remove(lpod_multi *multi, CURL *easy);
CURLcode lpod_multi_unpause(lpod_multi *multi, CURL *easy); /* its write callback had answered CURL_WRITEFUNC_PAUSE */
/* In a callback of libcurl: handles can be neither added nor removed (M4). */
bool lpod_multi_inside(const lpod_multi *multi);

lpod_rc lpod_curl_init(lpod_error *err); /* once a process, never undone */

#endif
