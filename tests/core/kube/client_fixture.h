/* What the tests of calls share: a client against the scripted server (http_server.h), calls driven to their end, and
 * what the server was sent. Back-off is set to milliseconds. Every error is searched for the secret that all
 * credentials of these tests hold (K25). */
#ifndef LPOD_TEST_CLIENT_FIXTURE_H
#define LPOD_TEST_CLIENT_FIXTURE_H

#include "folder.h"
#include "http_server.h"
#include "kube/client.h"

#define MARK "s3cr3t-marker-never-shown"
#define BETA "client.authentication.k8s.io/v1beta1"
#define OK_POD ANSWER("200 OK", JSON, "{\"kind\":\"Pod\"}")
#define UNAVAILABLE ANSWER("503 Service Unavailable", "", "")
#define UNAUTHORIZED \
  ANSWER("401 Unauthorized", JSON, \
         "{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Unauthorized\",\"message\":\"Unauthorized\"," \
         "\"code\":401}")
#define BUSY ANSWER("429 Too Many Requests", "Retry-After: 0\r\n", "")

static lpod_loop *loop;
static lpod_kube *kube;
static http_server server;
static char warnings[8][1024];
static size_t warned, waits;

typedef struct outcome {
  bool done;
  lpod_error error;
  int status;
  unsigned tries;
  char kind[32], body[256], data[256];
} outcome;

__attribute__((unused)) static void on_warning(void *arg, const char *text) {
  (void)arg;
  if (warned < 8) snprintf(warnings[warned], sizeof *warnings, "%s", text);
  warned++;
}
__attribute__((unused)) static void on_wait(void *arg, const lpod_error *error, double wait, unsigned tries) {
  (void)arg, (void)tries;
  ck_assert_double_gt(wait, 1);
  ck_assert_str_ne(error->text, "");
  waits++;
}

__attribute__((unused)) static void on_done(void *arg, const lpod_kube_answer *answer) {
  outcome *o = arg;
  ck_assert(!o->done);
  o->done = true;
  if (answer->error) o->error = *answer->error;
  ck_assert_ptr_null(strstr(o->error.text, MARK)); /* K25 */
  o->status = answer->status;
  o->tries = answer->tries;
  if (*answer->doc) snprintf(o->kind, sizeof o->kind, "%s", lpod_value_text(lpod_doc_root(*answer->doc), "kind"));
  snprintf(o->body, sizeof o->body, "%s", answer->body);
}

__attribute__((unused)) static bool on_data(void *arg, const char *data, size_t len) {
  outcome *o = arg;
  strncat(o->data, data, len);
  return strcmp(o->data, "stop") != 0;
}

__attribute__((unused)) static void setup(void) {
  folder_make();
  loop = lpod_loop_new(NULL, NULL);
  kube = NULL;
  warned = waits = 0;
  memset(&server, 0, sizeof server);
}

__attribute__((unused)) static void teardown(void) {
  lpod_kube_free(kube);
  for (int i = 0; i < 3; i++) lpod_loop_step(loop, 0, NULL, NULL);
  lpod_loop_free(loop);
  server_free(&server);
  folder_drop();
}

__attribute__((unused)) static lpod_error connect_to(const char *address, const char *cluster, const char *user) {
  char text[4096];
  lpod_error err = LPOD_ERROR_INIT;
  snprintf(text, sizeof text,
           "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
           "clusters: [{name: k, cluster: {server: '%s'%s}}]\nusers: [{name: u, user: {%s}}]\n",
           address, cluster, user);
  lpod_config_options options = {.text = text, .environment = variable};
  lpod_config *config;
  ck_assert_msg(!lpod_config_load(&options, &config, &err), "%s", err.text);
  lpod_kube_options kube_options = {.on_warning = on_warning, .on_wait = on_wait};
  kube = lpod_kube_new(loop, config, &kube_options, &err);
  return err;
}

__attribute__((unused)) static void serve_with(const char *const *script, size_t answers, bool tls, const char *user) {
  char address[64], cluster[200] = "";
  server_start(&server, script, answers, tls);
  snprintf(address, sizeof address, "%s://127.0.0.1:%d", tls ? "https" : "http", server.port);
  if (tls) snprintf(cluster, sizeof cluster, ", certificate-authority: '%s'", put("ca", server.certificate));
  lpod_error err = connect_to(address, cluster, user);
  ck_assert_msg(kube != NULL, "%s", err.text);
}
#define SERVE(tls, user, ...) \
  static const char *const script[] = {__VA_ARGS__}; \
  serve_with(script, sizeof script / sizeof *script, tls, user)

__attribute__((unused)) static lpod_kube_request request_of(lpod_verb verb, outcome *o) {
  static const char *const methods[] = {"GET", "POST", "DELETE", "PATCH", "GET", "GET"};
  memset(o, 0, sizeof *o);
  return (lpod_kube_request){.verb = verb,
                             .method = methods[verb],
                             .target = "/api/v1/namespaces/n/pods/x?a=b",
                             .what = "try pod n/x",
                             .wait_first = 0.001,
                             .wait_most = 0.002,
                             .on_done = on_done,
                             .arg = o};
}

__attribute__((unused)) static void run(outcome *o) {
  for (int i = 0; i < 2000 && !o->done; i++) lpod_loop_step(loop, 100, NULL, NULL);
  ck_assert(o->done);
}

__attribute__((unused)) static lpod_kube_call *start(const lpod_kube_request *request) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_kube_call *call = lpod_kube_start(kube, request, &err);
  ck_assert_msg(call != NULL, "%s", err.text);
  ck_assert(!((outcome *)request->arg)->done); /* never inside start */
  return call;
}

__attribute__((unused)) static outcome call(lpod_verb verb) {
  outcome o;
  lpod_kube_request request = request_of(verb, &o);
  start(&request);
  run(&o);
  return o;
}

__attribute__((unused)) static bool sent(size_t turn, const char *text) {
  return turn < server.served && strstr(server.requests[turn], text) != NULL;
}

#endif
