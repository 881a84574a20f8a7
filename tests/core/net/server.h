/* A scripted server for the suites of core/net: a thread a connection, TLS or plain, HTTP/1.1 by hand. What it says is
 * the handler's affair, down to the byte; certificates are made in memory, good and bad ones. Everything is on
 * 127.0.0.1 and gone after server_stop, which a test's last lines (no descriptor left) prove. */
#ifndef TESTS_NET_SERVER_H
#define TESTS_NET_SERVER_H

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/secret.h"
#include "net/loop.h"
#include "suite.h"

/* ---- certificates ---- */
typedef struct authority {
  X509 *certificate;
  EVP_PKEY *key;
} authority;
typedef struct identity {
  X509 *certificate;
  EVP_PKEY *key;
} identity;
typedef struct leaf {
  const char *san;
  const char *common_name;
  long from, until;
} leaf_of; /* seconds from now */

static __attribute__((unused)) X509 *make_certificate(EVP_PKEY *key, const leaf_of *leaf, const authority *issuer,
                                                      const char *issuer_name) {
  X509 *x = X509_new();
  static long serial = 1;
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
  X509_gmtime_adj(X509_getm_notBefore(x), leaf->from);
  X509_gmtime_adj(X509_getm_notAfter(x), leaf->until);
  X509_set_pubkey(x, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)leaf->common_name, -1,
                             -1, 0);
  X509V3_CTX ctx;
  X509V3_set_ctx(&ctx, issuer ? issuer->certificate : x, x, NULL, NULL, 0);
  if (issuer)
    X509_set_issuer_name(x, X509_get_subject_name(issuer->certificate));
  else
    X509_NAME_add_entry_by_txt(X509_get_issuer_name(x), "CN", MBSTRING_ASC, (const unsigned char *)issuer_name, -1, -1,
                               0);
  X509_EXTENSION *basic =
      X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
  X509_add_ext(x, basic, -1);
  X509_EXTENSION_free(basic);
  if (leaf->san) {
    X509_EXTENSION *san = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, leaf->san);
    X509_add_ext(x, san, -1);
    X509_EXTENSION_free(san);
  }
  X509_sign(x, issuer ? issuer->key : key, EVP_sha256());
  return x;
}
static __attribute__((unused)) authority authority_new(const char *name) {
  leaf_of leaf = {NULL, name, -3600, 86400};
  authority a = {NULL, EVP_EC_gen("P-256")};
  a.certificate = make_certificate(a.key, &leaf, NULL, name);
  return a;
}
static __attribute__((unused)) identity identity_new(const authority *issuer, leaf_of leaf) {
  identity i = {NULL, EVP_EC_gen("P-256")};
  i.certificate = make_certificate(i.key, &leaf, issuer, NULL);
  return i;
}
static __attribute__((unused)) void identity_free(identity i) {
  X509_free(i.certificate);
  EVP_PKEY_free(i.key);
}
static __attribute__((unused)) void authority_free(authority a) {
  X509_free(a.certificate);
  EVP_PKEY_free(a.key);
}
static __attribute__((unused)) lpod_secret pem(X509 *certificate, EVP_PKEY *key) {
  BIO *bio = BIO_new(BIO_s_mem());
  if (certificate) PEM_write_bio_X509(bio, certificate);
  if (key) PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
  char *data;
  long len = BIO_get_mem_data(bio, &data);
  lpod_secret secret = LPOD_SECRET_INIT;
  if (lpod_secret_set(&secret, data, (size_t)len, NULL)) abort(); /* no test runs yet */
  BIO_free(bio);
  return secret;
}
#define LEAF_GOOD ((leaf_of){"IP:127.0.0.1,DNS:cluster.test", "good", -3600, 86400})

/* ---- the server ---- */
typedef struct server server;
typedef struct peer {
  server *server;
  int fd, number;
  SSL *ssl;
  pthread_t thread;
  struct peer *next;
  char *in;
  size_t in_len;
  void *arg;
} peer;
typedef struct incoming {
  char method[16], target[2048];
  char *head, *body;
  size_t body_len;
} incoming;
struct server {
  void (*handler)(peer *peer); /* a whole connection; returning closes it */
  void *arg;
  const identity *identity;   /* NULL: plain */
  const authority *client_ca; /* demand a client certificate signed by it */
  int max_version;            /* of TLS; 0: any */
  bool tiny_records;          /* one byte a TLS record or write */
  int port, fd;
  pthread_t thread;
  pthread_mutex_t lock;
  peer *peers;
  atomic_int connections, requests, open;
  atomic_bool stopping;
};

/* Wait for the server to be stopped, or the peer to go. */
static __attribute__((unused)) void peer_hold(peer *p) {
  while (!p->server->stopping) {
    char c;
    struct pollfd fd = {p->fd, POLLIN, 0};
    if (poll(&fd, 1, 20) > 0 && recv(p->fd, &c, 1, MSG_PEEK) <= 0) return;
    if (fd.revents & POLLIN) usleep(5000);
  }
}
static __attribute__((unused)) bool peer_write(peer *p, const void *data, size_t len) {
  const char *at = data;
  while (len) {
    size_t part = p->server->tiny_records ? 1 : len;
    ssize_t n = p->ssl ? SSL_write(p->ssl, at, (int)part) : send(p->fd, at, part, MSG_NOSIGNAL);
    if (n <= 0) return false;
    at += n;
    len -= (size_t)n;
  }
  return true;
}
static __attribute__((unused)) bool peer_say(peer *p, const char *text) { return peer_write(p, text, strlen(text)); }
static __attribute__((unused)) bool peer_sayf(peer *p, const char *format, ...) {
  char text[65536];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  return peer_say(p, text);
}
static __attribute__((unused)) void peer_answer(peer *p, int status, const char *body) {
  peer_sayf(p, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\n\r\n%s", status, strlen(body), body);
}
/* Bytes that have come, to the end of p->in. */
static __attribute__((unused)) bool peer_fill(peer *p) {
  p->in = realloc(p->in, p->in_len + 16385);
  ssize_t n = p->ssl ? SSL_read(p->ssl, p->in + p->in_len, 16384) : recv(p->fd, p->in + p->in_len, 16384, 0);
  if (n <= 0) return false;
  p->in_len += (size_t)n;
  p->in[p->in_len] = '\0';
  return true;
}
static __attribute__((unused)) void peer_drop(peer *p, size_t count) {
  memmove(p->in, p->in + count, p->in_len - count);
  p->in_len -= count;
  p->in[p->in_len] = '\0';
}
static __attribute__((unused)) bool peer_request(peer *p, incoming *r) {
  char *end;
  memset(r, 0, sizeof *r);
  while (!p->in_len || !(end = strstr(p->in, "\r\n\r\n")))
    if (!peer_fill(p)) return false;
  size_t head = (size_t)(end - p->in) + 4;
  r->head = strndup(p->in, head);
  sscanf(r->head, "%15s %2047s", r->method, r->target);
  char *length = strcasestr(r->head, "\r\nContent-Length:");
  r->body_len = length ? strtoul(length + 17, NULL, 10) : 0;
  peer_drop(p, head);
  while (p->in_len < r->body_len)
    if (!peer_fill(p)) {
      free(r->head);
      return false;
    }
  r->body = strndup(p->in ? p->in : "", r->body_len);
  if (r->body_len) peer_drop(p, r->body_len);
  p->server->requests++;
  return true;
}
static __attribute__((unused)) void incoming_free(incoming *r) {
  free(r->head);
  free(r->body);
}

static __attribute__((unused)) void *peer_run(void *arg) {
  peer *p = arg;
  bool ready = !p->ssl || SSL_accept(p->ssl) == 1;
  if (ready) p->server->handler(p);
  if (p->ssl && ready && !p->server->stopping) SSL_shutdown(p->ssl);
  SSL_free(p->ssl);
  /* Close gently: a reset would take away what the other side has not read yet. */
  shutdown(p->fd, SHUT_WR);
  char rest[4096];
  struct pollfd fd = {p->fd, POLLIN, 0};
  while (!p->server->stopping && poll(&fd, 1, 1000) > 0 && recv(p->fd, rest, sizeof rest, 0) > 0) {
  }
  p->server->open--;
  pthread_mutex_lock(&p->server->lock);
  close(p->fd);
  p->fd = -1;
  pthread_mutex_unlock(&p->server->lock);
  ERR_clear_error();
  return NULL;
}
static __attribute__((unused)) int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
                                               const unsigned char *in, unsigned in_len, void *arg) {
  (void)ssl;
  (void)arg;
  static const unsigned char http1[] = "\x08http/1.1";
  return SSL_select_next_proto((unsigned char **)out, len, http1, 9, in, in_len) == OPENSSL_NPN_NEGOTIATED
             ? SSL_TLSEXT_ERR_OK
             : SSL_TLSEXT_ERR_NOACK;
}
static __attribute__((unused)) void *server_run(void *arg) {
  server *s = arg;
  SSL_CTX *tls = NULL;
  sigset_t all; /* the program's signals are its main thread's affair */
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
  if (s->identity) {
    tls = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(tls, s->identity->certificate);
    SSL_CTX_use_PrivateKey(tls, s->identity->key);
    SSL_CTX_set_alpn_select_cb(tls, select_alpn, NULL);
    if (s->max_version) {
      SSL_CTX_set_security_level(tls, 0);
      SSL_CTX_set_cipher_list(tls, "ALL:@SECLEVEL=0");
      SSL_CTX_set_min_proto_version(tls, TLS1_VERSION);
      SSL_CTX_set_max_proto_version(tls, s->max_version);
    }
    if (s->client_ca) {
      SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
      X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), s->client_ca->certificate);
      SSL_CTX_set_session_id_context(tls, (const unsigned char *)"t", 1);
    }
  }
  for (int fd; (fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
    peer *p = calloc(1, sizeof *p);
    p->server = s;
    p->fd = fd;
    p->number = ++s->connections;
    s->open++;
    if (tls) {
      p->ssl = SSL_new(tls);
      SSL_set_fd(p->ssl, fd);
    }
    pthread_mutex_lock(&s->lock);
    p->next = s->peers;
    s->peers = p;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 512 * 1024);
    pthread_create(&p->thread, &attributes, peer_run, p);
    pthread_attr_destroy(&attributes);
    pthread_mutex_unlock(&s->lock);
  }
  SSL_CTX_free(tls);
  return NULL;
}
static __attribute__((unused)) void server_start(server *s) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  pthread_mutex_init(&s->lock, NULL);
  s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert(bind(s->fd, (struct sockaddr *)&address, len) == 0 && listen(s->fd, 512) == 0);
  getsockname(s->fd, (struct sockaddr *)&address, &len);
  s->port = ntohs(address.sin_port);
  ck_assert(pthread_create(&s->thread, NULL, server_run, s) == 0);
}
static __attribute__((unused)) void server_stop(server *s) {
  s->stopping = true;
  shutdown(s->fd, SHUT_RDWR);
  pthread_join(s->thread, NULL);
  close(s->fd);
  pthread_mutex_lock(&s->lock);
  for (peer *p = s->peers; p; p = p->next)
    if (p->fd >= 0) shutdown(p->fd, SHUT_RDWR);
  pthread_mutex_unlock(&s->lock);
  while (s->peers) {
    peer *p = s->peers;
    s->peers = p->next;
    pthread_join(p->thread, NULL);
    free(p->in);
    free(p);
  }
  pthread_mutex_destroy(&s->lock);
}

/* A handler: an HTTP proxy that knows CONNECT alone. server->arg, if set, is its answer instead. */
static __attribute__((unused)) void proxy_connect(peer *p) {
  incoming r;
  char *port, data[16384];
  if (!peer_request(p, &r)) return;
  port = strrchr(r.target, ':');
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  address.sin_port = htons((uint16_t)(port ? atoi(port + 1) : 0));
  bool connects = !strcmp(r.method, "CONNECT") && !p->server->arg;
  incoming_free(&r);
  if (!connects) {
    peer_say(p, p->server->arg ? p->server->arg : "HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n");
    return;
  }
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct pollfd fds[2] = {{p->fd, POLLIN, 0}, {fd, POLLIN, 0}};
  bool more = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 && peer_say(p, "HTTP/1.1 200 Go\r\n\r\n");
  while (more && poll(fds, 2, -1) > 0)
    for (int i = 0; i < 2; i++) {
      if (!fds[i].revents) continue;
      ssize_t got = recv(fds[i].fd, data, sizeof data, 0);
      if (got <= 0 || send(fds[1 - i].fd, data, (size_t)got, MSG_NOSIGNAL) != got) more = false;
    }
  close(fd);
}

/* ---- around a test ---- */
static __attribute__((unused)) int count_descriptors(void) {
  int count = 0;
  DIR *dir = opendir("/proc/self/fd");
  while (readdir(dir)) count++;
  closedir(dir);
  return count;
}
/* All that was opened is closed again. A thread on its way out (libcurl's resolver, a server's) may still hold one for
 * a moment: it is waited for, not excused. */
static __attribute__((unused)) void expect_descriptors(int before) {
  int64_t stop = lpod_system_clock.monotonic(&lpod_system_clock) + 5 * LPOD_NS_PER_S;
  while (count_descriptors() > before && lpod_system_clock.monotonic(&lpod_system_clock) < stop) usleep(1000);
  ck_assert_int_eq(count_descriptors(), before);
}
/* Step until *done is true; the test fails after half a minute. */
static __attribute__((unused)) void drive_until(lpod_loop *loop, const bool *done) {
  int64_t stop = lpod_system_clock.monotonic(&lpod_system_clock) + 30 * LPOD_NS_PER_S;
  while (!*done) {
    bool interrupted;
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert_msg(!lpod_loop_step(loop, 100, &interrupted, &err), "%s", err.text);
    ck_assert_msg(lpod_system_clock.monotonic(&lpod_system_clock) < stop, "not done within 30 s");
  }
}

/* ---- around a program ---- */
static authority ca;
static identity good; /* of 127.0.0.1 and cluster.test */
static lpod_secret ca_pem;

/* Before the first test: certificates, no proxy from outside, and what libuv keeps for the process. */
static __attribute__((unused)) void make_identities(void) {
  const char *proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
  for (size_t i = 0; i < sizeof proxies / sizeof *proxies; i++) unsetenv(proxies[i]);
  ca = authority_new("test authority");
  good = identity_new(&ca, LEAF_GOOD);
  ca_pem = pem(ca.certificate, NULL);
  lpod_loop_free(lpod_loop_new(NULL, NULL)); /* libuv keeps a pipe for the process */
}
static __attribute__((unused)) void free_identities(void) {
  lpod_secret_clear(&ca_pem);
  identity_free(good);
  authority_free(ca);
}

#endif
