/* A small scripted HTTP/1.1 server in a thread of the test program, on 127.0.0.1, over TLS when asked to: one request a
 * connection, answered by the next line of the script, its text kept. For order and content of requests; not for
 * concurrency or HTTP/2. */
#ifndef LPOD_TEST_HTTP_SERVER_H
#define LPOD_TEST_HTTP_SERVER_H

#include <arpa/inet.h>
#include <check.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Answers of a script: a whole response; HANG_UP: close after the request was read; STALL: say nothing until the peer
 * leaves. The last one is repeated. */
#define HANG_UP "hang up"
#define STALL "stall"
#define ANSWER(status, headers, body) "HTTP/1.1 " status "\r\nConnection: close\r\n" headers "\r\n" body
#define JSON "Content-Type: application/json\r\n"

typedef struct http_server {
  const char *const *script;
  size_t answers;
  _Atomic size_t served;
  char *requests[64]; /* head and body; "[CN=x] " in front when the client showed a certificate */
  int listener, port;
  SSL_CTX *tls;      /* NULL: plain */
  char *certificate; /* PEM: what a client has to trust */
  pthread_t thread;
} http_server;

/* A self-signed certificate for a name (and 127.0.0.1), as PEM; the caller frees both. */
static void make_certificate(const char *name, char **certificate, char **key) {
  EVP_PKEY *pair = EVP_EC_gen("P-256");
  X509 *x509 = X509_new();
  ck_assert(pair && x509);
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), 86400);
  X509_set_pubkey(x509, pair);
  X509_NAME *subject = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
  X509_set_issuer_name(x509, subject);
  X509V3_CTX context;
  X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
  static const char *const extensions[][2] = {{"subjectAltName", "IP:127.0.0.1"},
                                              {"basicConstraints", "critical,CA:TRUE"}};
  for (size_t i = 0; i < 2; i++) {
    X509_EXTENSION *extension = X509V3_EXT_conf(NULL, &context, extensions[i][0], extensions[i][1]);
    ck_assert_ptr_nonnull(extension);
    X509_add_ext(x509, extension, -1);
    X509_EXTENSION_free(extension);
  }
  ck_assert_int_gt(X509_sign(x509, pair, EVP_sha256()), 0);
  BIO *bio = BIO_new(BIO_s_mem());
  char *text;
  PEM_write_bio_X509(bio, x509);
  long len = BIO_get_mem_data(bio, &text);
  *certificate = strndup(text, (size_t)len);
  (void)BIO_reset(bio);
  PEM_write_bio_PrivateKey(bio, pair, NULL, NULL, 0, NULL, NULL);
  len = BIO_get_mem_data(bio, &text);
  *key = strndup(text, (size_t)len);
  BIO_free(bio);
  X509_free(x509);
  EVP_PKEY_free(pair);
}

static int server_trust_anybody(int ok, X509_STORE_CTX *context) {
  (void)ok, (void)context;
  return 1;
}

static void server_use_tls(http_server *server) {
  char *key;
  make_certificate("server", &server->certificate, &key);
  server->tls = SSL_CTX_new(TLS_server_method());
  BIO *bio = BIO_new_mem_buf(server->certificate, -1);
  X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
  SSL_CTX_use_certificate(server->tls, x509);
  X509_free(x509);
  BIO_free(bio);
  bio = BIO_new_mem_buf(key, -1);
  EVP_PKEY *pair = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
  SSL_CTX_use_PrivateKey(server->tls, pair);
  EVP_PKEY_free(pair);
  BIO_free(bio);
  free(key);
  SSL_CTX_set_verify(server->tls, SSL_VERIFY_PEER, server_trust_anybody);
  SSL_CTX_set_session_cache_mode(server->tls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(server->tls, 0);
}

static int server_read(SSL *tls, int fd, char *data, size_t room) {
  return tls ? SSL_read(tls, data, (int)room) : (int)recv(fd, data, room, 0);
}

/* Head and as much body as it announces; false: the peer left before. */
static bool server_take(http_server *server, SSL *tls, int fd) {
  enum { ROOM = 65536 };
  char *text = calloc(1, ROOM), *end = NULL;
  size_t len = 0;
  X509 *peer = tls ? SSL_get0_peer_certificate(tls) : NULL;
  if (peer) {
    char name[64] = "";
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer), NID_commonName, name, sizeof name);
    len = (size_t)snprintf(text, ROOM, "[CN=%s] ", name);
  }
  size_t wanted = 0;
  while (!end || len < wanted) {
    int got = server_read(tls, fd, text + len, ROOM - 1 - len);
    if (got <= 0) break;
    len += (size_t)got;
    if (!end && (end = strstr(text, "\r\n\r\n"))) {
      const char *length = strcasestr(text, "\r\nContent-Length:");
      wanted = (size_t)(end + 4 - text) + (length ? strtoul(length + 17, NULL, 10) : 0);
    }
  }
  if (!end || server->served == 64) {
    free(text);
    return false;
  }
  server->requests[server->served++] = text;
  return true;
}

static void server_answer(http_server *server, SSL *tls, int fd) {
  size_t turn = server->served - 1;
  const char *answer = server->script[turn < server->answers ? turn : server->answers - 1];
  if (!strcmp(answer, HANG_UP)) return;
  char rest[256];
  if (strcmp(answer, STALL)) {
    if (tls)
      SSL_write(tls, answer, (int)strlen(answer));
    else if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
      return;
    if (tls) SSL_shutdown(tls);
    shutdown(fd, SHUT_WR); /* and wait for the peer, so that no reset overtakes the answer */
  }
  while (recv(fd, rest, sizeof rest, 0) > 0) continue;
}

static void *server_run(void *arg) {
  http_server *server = arg;
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, NULL);
  for (int fd; (fd = accept(server->listener, NULL, NULL)) >= 0; close(fd)) {
    struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    SSL *tls = NULL;
    if (server->tls) {
      tls = SSL_new(server->tls);
      SSL_set_fd(tls, fd);
      if (SSL_accept(tls) <= 0) {
        SSL_free(tls);
        continue;
      }
    }
    if (server_take(server, tls, fd)) server_answer(server, tls, fd);
    SSL_free(tls);
  }
  return NULL;
}

static void server_start(http_server *server, const char *const *script, size_t answers, bool tls) {
  *server = (http_server){.script = script, .answers = answers};
  if (tls) server_use_tls(server);
  server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  ck_assert_int_eq(bind(server->listener, (struct sockaddr *)&address, len), 0);
  ck_assert_int_eq(listen(server->listener, 128), 0);
  getsockname(server->listener, (struct sockaddr *)&address, &len);
  server->port = ntohs(address.sin_port);
  ck_assert_int_eq(pthread_create(&server->thread, NULL, server_run, server), 0);
}

/* Ends the thread; the requests stay for reading. */
static void server_stop(http_server *server) {
  if (!server->listener) return;
  shutdown(server->listener, SHUT_RDWR);
  pthread_join(server->thread, NULL);
  close(server->listener);
  server->listener = 0;
}

static void server_free(http_server *server) {
  server_stop(server);
  for (size_t i = 0; i < server->served; i++) free(server->requests[i]);
  SSL_CTX_free(server->tls);
  free(server->certificate);
  *server = (http_server){0};
}

#endif
