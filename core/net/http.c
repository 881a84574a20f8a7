/* One server under one identity: builds the easy handles, admits requests to lanes, and delivers what ended from a task
 * of the loop, never from inside libcurl. Logs have lanes of their own, calls and watches share theirs; requests fill
 * them from the front, LPOD_LIMIT_STREAMS each; a lane has one connection as long as the server speaks HTTP/2. No limit
 * of libcurl's own is used: those make requests wait in silence (M1).
 * Invariant: a call is in exactly one of waiting, active, done and cancelled. */
#include "http_private.h"

#include "../base/text.h"
#include "poll.h"
#include "websocket_private.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* ---- the identity ---- */

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address) {
  (void)purpose;
  lpod_http *http = arg;
  int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  if (fd < 0) return CURL_SOCKET_BAD;
  unsigned milliseconds = 10000; /* M3 */
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
  http->counts.connections++;
  return fd;
}

/* T1: names and addresses count as subjectAltName alone (libcurl would fall back to the CN), and no renegotiation. */
static CURLcode on_tls_context(CURL *easy, void *context, void *arg) {
  (void)easy;
  lpod_http *http = arg;
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  if (http->certificate.len) {
    if (!http->identity) http->identity = lpod_identity_new(&http->certificate, &http->key);
    if (!http->identity || !lpod_identity_use(http->identity, context)) return CURLE_SSL_CERTPROBLEM;
  }
  if (http->insecure) return CURLE_OK;
  X509_VERIFY_PARAM *parameters = SSL_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_hostflags(parameters,
                                  X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  bool set = X509_VERIFY_PARAM_set1_ip_asc(parameters, http->verify_host) == 1 ||
             X509_VERIFY_PARAM_set1_host(parameters, http->verify_host, 0) == 1;
  return set ? CURLE_OK : CURLE_SSL_CONNECT_ERROR;
}

/* The callback above would check an https proxy's certificate against the server's name. */
static bool proxy_speaks_tls(const lpod_http *http) {
  const char *proxy = http->proxy;
  if (!proxy) proxy = getenv("https_proxy");
  if (!proxy) proxy = getenv("HTTPS_PROXY");
  if (!proxy) proxy = getenv("all_proxy");
  if (!proxy) proxy = getenv("ALL_PROXY");
  return proxy && lpod_text_starts(proxy, "https://");
}

static CURLcode set_blob(CURL *easy, CURLoption option, const lpod_secret *secret) {
  struct curl_blob blob = {secret->data, secret->len, CURL_BLOB_NOCOPY};
  return secret->len ? curl_easy_setopt(easy, option, &blob) : CURLE_OK;
}

static CURLcode set_tls(const lpod_http *http, CURL *easy) {
  CURLcode code = curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  const curl_version_info_data *version = curl_version_info(CURLVERSION_NOW);
  if (http->has_ca) { /* the system's folder would be used besides the blob, were it not taken away */
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    code = code ? code : set_blob(easy, CURLOPT_CAINFO_BLOB, &http->ca);
  } else if (version->cainfo) { /* the file alone: only then does libcurl keep what it has read */
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
  }
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, http->insecure ? 0L : 1L);
  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, http->insecure ? 0L : 2L);
  if (version->ssl_version && lpod_text_starts(version->ssl_version, "OpenSSL") && !proxy_speaks_tls(http)) {
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls_context);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, http);
    return code;
  }
  curl_easy_setopt(easy, CURLOPT_SSLCERTTYPE, "PEM");
  curl_easy_setopt(easy, CURLOPT_SSLKEYTYPE, "PEM");
  code = code ? code : set_blob(easy, CURLOPT_SSLCERT_BLOB, &http->certificate);
  return code ? code : set_blob(easy, CURLOPT_SSLKEY_BLOB, &http->key);
}

CURL *lpod_http_easy(lpod_http *http, lpod_error *err) {
  if (http->pooled) return http->pool[--http->pooled];
  CURL *easy = curl_easy_init();
  if (!easy) {
    lpod_nomem(err);
    return NULL;
  }
  CURLcode code = curl_easy_setopt(easy, CURLOPT_USERAGENT, http->agent);
  if (!code && http->proxy) code = curl_easy_setopt(easy, CURLOPT_PROXY, http->proxy);
  if (!code) code = curl_easy_setopt(easy, CURLOPT_SHARE, http->share);
  if (!code && http->tls) code = set_tls(http, easy);
  if (code) {
    lpod_fail(err, code == CURLE_OUT_OF_MEMORY ? LPOD_E_NOMEM : LPOD_E_CONFIG, "%s: libcurl: %s", http->peer,
              curl_easy_strerror(code));
    curl_easy_cleanup(easy);
    return NULL;
  }
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* cancelling does not wait for a resolver thread */
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECT_TO, http->connect_to);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, (long)LPOD_DIAL_SECONDS);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, 5L); /* T3 */
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, 3L);
  curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, 90L); /* T2 */
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, http);
  return easy;
}

void lpod_http_put_easy(lpod_http *http, CURL *easy) {
  if (!easy) return;
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, NULL); /* the call's, which goes */
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
  if (http->pooled == http->pool_cap) {
    curl_easy_cleanup(easy);
    return;
  }
  http->pool[http->pooled++] = easy;
}

static lpod_rc copy_secret(lpod_secret *out, const lpod_secret *in, lpod_error *err) {
  return in && in->len ? lpod_secret_set(out, in->data, in->len, err) : LPOD_OK;
}

/* Take the server's URL apart: where to connect, what to verify, what a target is put behind. */
static lpod_rc set_server(lpod_http *http, const char *server, const char *server_name, lpod_error *err) {
  char *scheme = NULL, *host = NULL, *port = NULL, *path = NULL, *user = NULL;
  CURLU *url = curl_url();
  lpod_rc rc = LPOD_OK;
  CURLUcode code = url ? curl_url_set(url, CURLUPART_URL, server, 0) : CURLUE_OUT_OF_MEMORY;
  if (!code) code = curl_url_get(url, CURLUPART_SCHEME, &scheme, 0);
  if (!code) code = curl_url_get(url, CURLUPART_HOST, &host, 0);
  if (!code) code = curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
  if (!code) code = curl_url_get(url, CURLUPART_PATH, &path, 0);
  if (code == CURLUE_OUT_OF_MEMORY) {
    rc = lpod_nomem(err);
  } else if (code) {
    rc = lpod_fail(err, LPOD_E_CONFIG, "server \"%s\": %s", server, curl_url_strerror(code));
  } else if (strcmp(scheme, "https") != 0 && strcmp(scheme, "http") != 0) {
    rc = lpod_fail(err, LPOD_E_CONFIG, "server \"%s\": expected an http:// or https:// address", server);
  } else if (!curl_url_get(url, CURLUPART_USER, &user, 0)) {
    rc = lpod_fail(err, LPOD_E_CONFIG, "server %s:%s: a user name in the address is not supported", host, port);
  } else {
    size_t host_len = strlen(host), path_len = strlen(path);
    bool bracketed = host[0] == '[';
    while (path_len && path[path_len - 1] == '/') path_len--;
    http->tls = strcmp(scheme, "https") == 0;
    http->peer = lpod_text_format("%s:%s", host, port);
    http->base =
        lpod_text_format("%s://%s:%s%.*s", scheme, server_name ? server_name : host, port, (int)path_len, path);
    http->verify_host = server_name ? lpod_text_copy(server_name)
                        : bracketed ? lpod_text_copy_len(host + 1, host_len - 2)
                                    : lpod_text_copy(host);
    bool made = http->peer && http->base && http->verify_host;
    if (made && server_name) {
      char *direct = lpod_text_format("::%s:%s", host, port);
      if (direct) http->connect_to = curl_slist_append(NULL, direct);
      free(direct);
      http->host_header = lpod_text_format("Host: %s:%s", host, port);
      made = http->connect_to && http->host_header;
    }
    if (!made) rc = lpod_nomem(err);
  }
  curl_free(scheme);
  curl_free(host);
  curl_free(port);
  curl_free(path);
  curl_free(user);
  curl_url_cleanup(url);
  return rc;
}

/* ---- lanes and admission ---- */

static void free_lane(lpod_lane *lane) {
  lpod_list_remove(&lane->link);
  lpod_multi_free(lane->multi);
  free(lane);
}

static void on_transfer_done(void *arg, CURL *easy, CURLcode code) {
  (void)arg;
  lpod_http_call *call = NULL;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&call);
  if (call->state == LPOD_CALL_ACTIVE) lpod_call_end(call, code); /* else: cancelled, the task removes it */
}

/* A watch is one stream that says little: it goes with the calls, and saves a connection's handshake. */
static lpod_link *lanes_of(lpod_http *http, lpod_role role) {
  return &http->lanes[role == LPOD_ROLE_WATCH ? LPOD_ROLE_CALL : role];
}

static lpod_lane *lane_for(lpod_http *http, lpod_role role, lpod_error *err) {
  lpod_link *lanes = lanes_of(http, role);
  for (lpod_link *link = lanes->next; link != lanes; link = link->next) {
    lpod_lane *lane = LPOD_CONTAINER(link, lpod_lane, link);
    if (!lane->stale && lane->used < LPOD_LIMIT_STREAMS) return lane;
  }
  lpod_lane *lane = calloc(1, sizeof *lane);
  if (!lane) {
    lpod_nomem(err);
    return NULL;
  }
  lane->http = http;
  lane->multi = lpod_multi_new(http->loop, on_transfer_done, lane, err);
  if (!lane->multi) {
    free(lane);
    return NULL;
  }
  lpod_list_add(lanes, &lane->link);
  return lane;
}

void lpod_http_leave(lpod_http_call *call) {
  lpod_http *http = call->http;
  lpod_role role = call->request.role;
  lpod_timer_stop(http->loop, &call->deadline);
  lpod_timer_stop(http->loop, &call->idle);
  lpod_list_remove(&call->link);
  if (!call->lane) return;
  if (call->easy) lpod_multi_remove(call->lane->multi, call->easy);
  lpod_http_put_easy(http, call->easy);
  call->easy = NULL;
  call->lane->used--;
  call->lane = NULL;
  http->running[role]--;
  lpod_loop_defer(http->loop, &http->task); /* somebody may wait for the place */
}

static void admit(lpod_http *http, lpod_http_call *call) {
  lpod_error *err = &call->error;
  lpod_role role = call->request.role;
  call->state = LPOD_CALL_ACTIVE;
  lpod_list_add(&http->active, &call->link);
  call->lane = lane_for(http, role, err);
  if (call->lane) {
    call->lane->used++;
    http->running[role]++;
    http->counts.requests++;
    lpod_rc rc = lpod_call_prepare(call, err);
    if (!rc) rc = lpod_multi_add(call->lane->multi, call->easy, err);
    if (!rc) return;
  }
  lpod_call_end(call, CURLE_FAILED_INIT); /* the error is set */
}

/* Lanes behind the first, and stale ones, go when they are empty, and their connections with them. */
static void prune(lpod_http *http, lpod_role role) {
  lpod_link *head = &http->lanes[role];
  for (lpod_link *link = head->prev; link != head;) {
    lpod_lane *lane = LPOD_CONTAINER(link, lpod_lane, link);
    link = link->prev;
    if (!lane->used && (lane->stale || link != head) && !lpod_multi_inside(lane->multi)) free_lane(lane);
  }
}

static void run_task(void *arg) {
  lpod_http *http = arg;
  lpod_link *link;
  http->busy++;
  while ((link = lpod_list_take(&http->cancelled))) {
    lpod_http_call *call = LPOD_CONTAINER(link, lpod_http_call, link);
    lpod_http_leave(call);
    lpod_call_free(call);
  }
  while (!lpod_loop_spent(http->loop) && (link = lpod_list_take(&http->done)))
    lpod_call_deliver(LPOD_CONTAINER(link, lpod_http_call, link));
  for (int role = 0; role < LPOD_ROLES; role++) {
    while (!lpod_loop_spent(http->loop) && !(role == LPOD_ROLE_CALL && http->running[role] >= LPOD_LIMIT_CALLS) &&
           (link = lpod_list_take(&http->waiting[role])))
      admit(http, LPOD_CONTAINER(link, lpod_http_call, link));
    prune(http, (lpod_role)role);
  }
  bool more = !lpod_list_empty(&http->cancelled) || !lpod_list_empty(&http->done);
  for (int role = 0; role < LPOD_ROLES; role++)
    more = more || (!lpod_list_empty(&http->waiting[role]) &&
                    !(role == LPOD_ROLE_CALL && http->running[role] >= LPOD_LIMIT_CALLS));
  if (more) lpod_loop_defer(http->loop, &http->task);
  http->busy--;
  lpod_http_release(http);
}

/* ---- life ---- */

static void destroy(lpod_http *http) {
  lpod_task_cancel(&http->task);
  for (int role = 0; role < LPOD_ROLES; role++)
    while (!lpod_list_empty(&http->lanes[role])) free_lane(LPOD_CONTAINER(http->lanes[role].next, lpod_lane, link));
  lpod_multi_free(http->exec);
  while (http->pooled) curl_easy_cleanup(http->pool[--http->pooled]);
  free(http->pool);
  curl_share_cleanup(http->share);
  curl_slist_free_all(http->connect_to);
  lpod_secret_clear(&http->ca);
  lpod_secret_clear(&http->certificate);
  lpod_secret_clear(&http->key);
  lpod_identity_free(http->identity);
  free(http->base);
  free(http->peer);
  free(http->host_header);
  free(http->verify_host);
  free(http->proxy);
  free(http->agent);
  free(http);
}

static bool unused(const lpod_http *http) {
  bool empty = lpod_list_empty(&http->active) && lpod_list_empty(&http->done) && lpod_list_empty(&http->cancelled) &&
               lpod_list_empty(&http->sockets);
  for (int role = 0; role < LPOD_ROLES; role++) empty = empty && lpod_list_empty(&http->waiting[role]);
  return empty && !http->busy;
}

void lpod_http_release(lpod_http *http) {
  if (http->retired && unused(http)) destroy(http);
}

lpod_http *lpod_http_new(lpod_loop *loop, const lpod_http_options *options, lpod_error *err) {
  if (lpod_curl_init(err)) return NULL;
  lpod_http *http = calloc(1, sizeof *http);
  if (!http) {
    lpod_nomem(err);
    return NULL;
  }
  http->loop = loop;
  http->task.run = run_task;
  http->task.arg = http;
  for (int role = 0; role < LPOD_ROLES; role++) {
    lpod_list_init(&http->lanes[role]);
    lpod_list_init(&http->waiting[role]);
  }
  lpod_list_init(&http->active);
  lpod_list_init(&http->done);
  lpod_list_init(&http->cancelled);
  lpod_list_init(&http->sockets);
  http->insecure = options->insecure;
  http->no_compression = options->no_compression;
  http->has_ca = options->ca && options->ca->data;
  lpod_rc rc = set_server(http, options->server, options->server_name, err);
  if (!rc) rc = copy_secret(&http->ca, options->ca, err);
  if (!rc) rc = copy_secret(&http->certificate, options->certificate, err);
  if (!rc) rc = copy_secret(&http->key, options->key, err);
  if (!rc && !http->certificate.len != !http->key.len)
    rc = lpod_fail(err, LPOD_E_CONFIG, "%s: a client certificate needs its key, and a key its certificate", http->peer);
  http->pool_cap = LPOD_LIMIT_CALLS;
  http->pool = calloc(http->pool_cap, sizeof *http->pool);
  http->share = curl_share_init();
  http->agent = lpod_text_copy(options->user_agent ? options->user_agent : "lunapod/" LPOD_VERSION);
  http->proxy = lpod_text_copy(options->proxy);
  if (!rc && (!http->pool || !http->share || !http->agent || (options->proxy && !http->proxy))) rc = lpod_nomem(err);
  if (rc) {
    destroy(http);
    return NULL;
  }
  curl_share_setopt(http->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
  return http;
}

void lpod_http_retire(lpod_http *http) {
  if (!http) return;
  http->retired = true;
  lpod_http_release(http);
}

void lpod_http_free(lpod_http *http) {
  if (!http) return;
  http->busy++;
  for (int role = 0; role < LPOD_ROLES; role++)
    while (!lpod_list_empty(&http->waiting[role]))
      lpod_http_cancel(LPOD_CONTAINER(http->waiting[role].next, lpod_http_call, link));
  while (!lpod_list_empty(&http->active)) lpod_http_cancel(LPOD_CONTAINER(http->active.next, lpod_http_call, link));
  while (!lpod_list_empty(&http->done)) lpod_http_cancel(LPOD_CONTAINER(http->done.next, lpod_http_call, link));
  while (!lpod_list_empty(&http->sockets)) lpod_websocket_cancel(lpod_websocket_of(http->sockets.next));
  http->busy--;
  lpod_http_retire(http);
}

lpod_http_counts lpod_http_count(const lpod_http *http) { return http->counts; }
