/* HTTP/2: a real server (nghttpx, 100 streams a connection as an API server has them) before the scripted one. 350
 * follows need four connections while calls and watches go on (M1); cancelled streams leave the others alone; a large
 * body; a server that dies and comes back. Skipped, loudly, where nghttpx is not installed (Debian: nghttp2-proxy). */
#include "server.h"

#include "base/limits.h"
#include "net/http.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

extern char **environ;

static char folder[] = "/tmp/lunapod-test-XXXXXX";
static char key_file[64], certificate_file[64];

static void write_file(const char *path, lpod_secret data) {
  FILE *file = fopen(path, "w");
  if (!file || fwrite(data.data, 1, data.len, file) != data.len || fclose(file)) abort();
}

/* ---- the proxy ---- */

static int free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert(bind(fd, (struct sockaddr *)&address, len) == 0);
  getsockname(fd, (struct sockaddr *)&address, &len);
  close(fd);
  return ntohs(address.sin_port);
}
static bool answers(int port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool fine = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
  close(fd);
  return fine;
}
static pid_t proxy_start(int front, int back) {
  char frontend[64], backend[64];
  snprintf(frontend, sizeof frontend, "--frontend=127.0.0.1,%d", front);
  snprintf(backend, sizeof backend, "--backend=127.0.0.1,%d", back);
  const char *argv[] = {"nghttpx",
                        frontend,
                        backend,
                        "--conf=/dev/null",
                        "--errorlog-file=/dev/null",
                        "--workers=1",
                        "--single-process",
                        "--no-ocsp",
                        "--frontend-http2-max-concurrent-streams=100",
                        key_file,
                        certificate_file,
                        NULL};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  int rc = posix_spawnp(&pid, "nghttpx", &actions, NULL, (char *const *)(uintptr_t)argv, environ);
  posix_spawn_file_actions_destroy(&actions);
  ck_assert_int_eq(rc, 0);
  for (int i = 0; i < 500 && !answers(front); i++) usleep(10000);
  ck_assert(answers(front));
  return pid;
}
static void proxy_stop(pid_t pid) {
  kill(pid, SIGKILL);
  waitpid(pid, NULL, 0);
}

/* ---- the test ---- */

typedef struct fixture {
  server server;
  pid_t proxy;
  int port;
  lpod_loop *loop;
  lpod_http *http;
  int descriptors;
} fixture;
typedef struct stream {
  lpod_http_call *call;
  size_t bytes;
  bool done;
  int status;
  lpod_rc rc;
  char text[1024];
  size_t len;
} stream;

static void serve(peer *p) {
  incoming r;
  while (peer_request(p, &r)) {
    bool follow = strstr(r.target, "follow"), silent = strstr(r.target, "silent");
    size_t body = r.body_len;
    incoming_free(&r);
    if (silent) {
      peer_hold(p);
      return;
    }
    if (follow) {
      peer_say(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nline\n\r\n");
      peer_hold(p);
      return;
    }
    peer_sayf(p, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n%010zu", body);
  }
}
static void set_up(fixture *f) {
  char url[64];
  lpod_error err = LPOD_ERROR_INIT;
  f->descriptors = count_descriptors();
  f->server.handler = serve;
  server_start(&f->server);
  f->port = free_port();
  f->proxy = proxy_start(f->port, f->server.port);
  snprintf(url, sizeof url, "https://127.0.0.1:%d", f->port);
  f->loop = lpod_loop_new(NULL, &err);
  f->http = lpod_http_new(f->loop, &(lpod_http_options){.server = url, .ca = &ca_pem}, &err);
  ck_assert_msg(f->http != NULL, "%s", err.text);
}
static void tear_down(fixture *f) {
  lpod_http_free(f->http);
  lpod_loop_step(f->loop, 0, NULL, NULL);
  lpod_loop_free(f->loop);
  proxy_stop(f->proxy);
  server_stop(&f->server);
  expect_descriptors(f->descriptors);
}
static bool on_data(void *arg, const char *data, size_t len) {
  (void)data;
  ((stream *)arg)->bytes += len;
  return true;
}
static void on_done(void *arg, const lpod_http_result *result) {
  stream *s = arg;
  s->done = true;
  s->status = result->status;
  s->len = (size_t)atoi(result->body);
  if (!result->error) return;
  s->rc = result->error->rc;
  snprintf(s->text, sizeof s->text, "%s", result->error->text);
}
static void follow(fixture *f, stream *s, lpod_role role) {
  s->call = lpod_http_start(
      f->http,
      &(lpod_http_request){
          .role = role, .method = "GET", .target = "/follow", .on_data = on_data, .on_done = on_done, .arg = s},
      NULL);
  ck_assert(s->call != NULL);
}
static void call(fixture *f, stream *s, const char *body, size_t len) {
  *s = (stream){0};
  s->call = lpod_http_start(f->http,
                            &(lpod_http_request){.method = body ? "POST" : "GET",
                                                 .target = "/call",
                                                 .body = body,
                                                 .body_len = len,
                                                 .on_done = on_done,
                                                 .arg = s},
                            NULL);
  ck_assert(s->call != NULL);
}
static void drive_all(fixture *f, stream *streams, int count, bool ended) {
  int64_t stop = lpod_system_clock.monotonic(&lpod_system_clock) + 30 * LPOD_NS_PER_S;
  for (int ready = 0; ready < count;) {
    if (lpod_system_clock.monotonic(&lpod_system_clock) > stop) ck_abort_msg("%d of %d after 30 s", ready, count);
    lpod_loop_step(f->loop, 100, NULL, NULL);
    for (ready = 0; ready < count && (streams[ready].done || (!ended && streams[ready].bytes)); ready++) {
    }
  }
}

enum { FOLLOWS = 350, WATCHES = 3, CALLS = 300 };
static stream follows[FOLLOWS], watches[WATCHES], calls[CALLS];

START_TEST(test_350_follows_on_four_connections_while_calls_go_on_M1) {
  fixture f = {0};
  memset(follows, 0, sizeof follows);
  memset(watches, 0, sizeof watches);
  set_up(&f);
  for (int i = 0; i < FOLLOWS; i++) follow(&f, &follows[i], LPOD_ROLE_LOG);
  for (int i = 0; i < WATCHES; i++) follow(&f, &watches[i], LPOD_ROLE_WATCH);
  for (int i = 0; i < CALLS; i++) call(&f, &calls[i], i % 2 ? "{}" : NULL, i % 2 ? 2 : 0);
  drive_all(&f, calls, CALLS, true);
  drive_all(&f, follows, FOLLOWS, false);
  drive_all(&f, watches, WATCHES, false);
  for (int i = 0; i < CALLS; i++) {
    ck_assert_msg(calls[i].rc == LPOD_OK, "%s", calls[i].text);
    ck_assert_int_eq(calls[i].status, 200);
  }
  for (int i = 0; i < FOLLOWS; i++)
    ck_assert_msg(!follows[i].done && follows[i].bytes == 5, "follow %d: %s", i, follows[i].text);
  ck_assert_uint_eq(lpod_http_count(f.http).connections, 4 + 1); /* watches and calls share one */

  /* Half of them go; the others and their connections stay, and new ones take the places. */
  for (int i = 0; i < FOLLOWS; i += 2) {
    lpod_http_cancel(follows[i].call);
    follows[i] = (stream){0};
  }
  for (int i = 0; i < 10; i++) lpod_loop_step(f.loop, 10, NULL, NULL);
  for (int i = 0; i < FOLLOWS; i += 2) follow(&f, &follows[i], LPOD_ROLE_LOG);
  drive_all(&f, follows, FOLLOWS, false);
  for (int i = 0; i < FOLLOWS; i++)
    ck_assert_msg(!follows[i].done && follows[i].bytes == 5, "follow %d: %s", i, follows[i].text);
  ck_assert_uint_eq(lpod_http_count(f.http).connections, 4 + 1); /* watches and calls share one */
  tear_down(&f);
}
END_TEST

START_TEST(test_large_request_body_R10) {
  fixture f = {0};
  set_up(&f);
  char *body = malloc(LPOD_LIMIT_REQUEST);
  memset(body, 'x', LPOD_LIMIT_REQUEST);
  for (int i = 0; i < 3; i++) call(&f, &calls[i], body, LPOD_LIMIT_REQUEST);
  drive_all(&f, calls, 3, true);
  for (int i = 0; i < 3; i++) {
    ck_assert_msg(calls[i].rc == LPOD_OK, "%s", calls[i].text);
    ck_assert_uint_eq(calls[i].len, LPOD_LIMIT_REQUEST);
  }
  ck_assert_uint_eq(lpod_http_count(f.http).connections, 1);
  free(body);
  tear_down(&f);
}
END_TEST

START_TEST(test_server_dies_and_comes_back) {
  fixture f = {0};
  memset(follows, 0, sizeof follows);
  set_up(&f);
  for (int i = 0; i < FOLLOWS; i++) follow(&f, &follows[i], LPOD_ROLE_LOG);
  drive_all(&f, follows, FOLLOWS, false);
  proxy_stop(f.proxy);
  drive_all(&f, follows, FOLLOWS, true);
  for (int i = 0; i < FOLLOWS; i++)
    ck_assert_msg(follows[i].rc == LPOD_E_CUT, "%s %s", lpod_rc_name(follows[i].rc), follows[i].text);
  call(&f, &calls[0], NULL, 0);
  drive_all(&f, calls, 1, true);
  ck_assert_msg(calls[0].rc == LPOD_E_CONNECT, "%s", calls[0].text);
  f.proxy = proxy_start(f.port, f.server.port);
  unsigned long before = lpod_http_count(f.http).connections;
  memset(follows, 0, sizeof follows);
  for (int i = 0; i < FOLLOWS; i++) follow(&f, &follows[i], LPOD_ROLE_LOG);
  drive_all(&f, follows, FOLLOWS, false);
  ck_assert_uint_eq(lpod_http_count(f.http).connections, before + 4);
  tear_down(&f);
}
END_TEST

START_TEST(test_after_a_time_out_another_connection_is_used_T3) {
  fixture f = {0};
  stream slow = {0}, kept = {0};
  set_up(&f);
  follow(&f, &kept, LPOD_ROLE_CALL);
  drive_all(&f, &kept, 1, false);
  slow.call = lpod_http_start(
      f.http,
      &(lpod_http_request){
          .method = "GET", .target = "/silent", .timeout = 50 * LPOD_NS_PER_MS, .on_done = on_done, .arg = &slow},
      NULL);
  drive_all(&f, &slow, 1, true);
  ck_assert_int_eq(slow.rc, LPOD_E_TIMEOUT);
  ck_assert_uint_eq(lpod_http_count(f.http).connections, 1);
  call(&f, &calls[0], NULL, 0);
  drive_all(&f, calls, 1, true);
  ck_assert_msg(calls[0].rc == LPOD_OK, "%s", calls[0].text);
  ck_assert_uint_eq(lpod_http_count(f.http).connections, 2);
  ck_assert(!kept.done);
  lpod_http_cancel(kept.call);
  tear_down(&f);
}
END_TEST

int main(void) {
  if (system("command -v nghttpx >/dev/null 2>&1") != 0) {
    fprintf(stderr,
            "SKIPPED: check_http2 needs nghttpx (Debian: apt-get install nghttp2-proxy); HTTP/2 is NOT tested here\n");
    return EXIT_SUCCESS;
  }
  make_identities();
  lpod_secret key = pem(NULL, good.key), certificate = pem(good.certificate, NULL);
  if (!mkdtemp(folder)) abort();
  snprintf(key_file, sizeof key_file, "%s/key", folder);
  snprintf(certificate_file, sizeof certificate_file, "%s/certificate", folder);
  write_file(key_file, key);
  write_file(certificate_file, certificate);
  Suite *suite = suite_create("http2");
  TCase *tests = tcase_create("http2");
  tcase_set_timeout(tests, 90);
  tcase_add_test(tests, test_350_follows_on_four_connections_while_calls_go_on_M1);
  tcase_add_test(tests, test_large_request_body_R10);
  tcase_add_test(tests, test_server_dies_and_comes_back);
  tcase_add_test(tests, test_after_a_time_out_another_connection_is_used_T3);
  suite_add_tcase(suite, tests);
  int failed = run_suite(suite);
  unlink(key_file);
  unlink(certificate_file);
  rmdir(folder);
  lpod_secret_clear(&key);
  lpod_secret_clear(&certificate);
  free_identities();
  return failed;
}
