/* Credentials kept fit for use: EP1, EP3–EP10, K13–K15, K25, I3, X54–X56. Plugins are shell scripts in a folder of the
 * test; time is a fake clock's. */
#include "folder.h"
#include "kube/credential.h"
#include "kube/plugin.h"
#include "kube/support.h"
#include "suite.h"
#include <lunapod/value.h>

#define MARK "s3cr3t-marker-never-shown"
#define BETA "client.authentication.k8s.io/v1beta1"

static lpod_fake_clock clock_;
static lpod_loop *loop;
static lpod_config *config;
static lpod_credential *credential;
static lpod_error err;

typedef struct waiter {
  lpod_credential_wait wait;
  bool told;
  lpod_error error;
} waiter;

static void ready(void *arg, const lpod_error *error) {
  waiter *w = arg;
  w->told = true;
  w->error = error ? *error : (lpod_error)LPOD_ERROR_INIT;
}

static void setup(void) {
  folder_make();
  lpod_fake_clock_init(&clock_, 1000 * LPOD_NS_PER_S);
  loop = lpod_loop_new(&clock_.clock, NULL);
  ck_assert_ptr_nonnull(loop);
  config = NULL;
  credential = NULL;
  err = (lpod_error)LPOD_ERROR_INIT;
}

static void teardown(void) {
  lpod_credential_free(credential);
  lpod_config_free(config);
  lpod_loop_free(loop);
  folder_drop();
}

static void make(const char *server, const char *user) {
  char text[4096];
  snprintf(text, sizeof text,
           "current-context: c\ncontexts: [{name: c, context: {cluster: k, user: u}}]\n"
           "clusters: [{name: k, cluster: {server: '%s'}}]\nusers: [{name: u, user: {%s}}]\n",
           server, user);
  lpod_config_options options = {.text = text, .environment = variable};
  ck_assert_msg(!lpod_config_load(&options, &config, &err), "%s", err.text);
  credential = lpod_credential_new(loop, config, 60 * LPOD_NS_PER_S, &err);
  ck_assert_ptr_nonnull(credential);
}

/* A credential whose plugin is this script. */
static void make_plugin(const char *script) {
  char user[1000];
  snprintf(user, sizeof user,
           "exec: {apiVersion: " BETA
           ", command: '%s', installHint: 'get it at example.org', env: [{name: MARKED, value: " MARK "}]}",
           script ? put_program("plugin", script) : in_folder("missing"));
  make("https://h", user);
}

static void advance(double s) {
  lpod_fake_clock_advance(&clock_, (int64_t)(s * (double)LPOD_NS_PER_S));
  ck_assert_int_eq(lpod_loop_step(loop, 0, NULL, NULL), LPOD_OK);
}

static void start(waiter *w, bool *pending) {
  *w = (waiter){.wait = {.ready = ready, .arg = w}};
  lpod_rc rc = lpod_credential_get(credential, &w->wait, pending, &err);
  ck_assert_msg(!rc, "%s", err.text);
}

static void wait_for(waiter *w) {
  for (int i = 0; i < 200 && !w->told; i++) lpod_loop_step(loop, 100, NULL, NULL);
  ck_assert(w->told);
  ck_assert_ptr_null(strstr(w->error.text, MARK)); /* K25 */
}

/* What a request would be sent with. */
static const char *get(void) {
  waiter w;
  bool pending;
  start(&w, &pending);
  if (pending) wait_for(&w);
  return lpod_credential_authorization(credential);
}

static lpod_error get_error(void) {
  waiter w = {.wait = {.ready = ready, .arg = &w}};
  bool pending;
  lpod_error error = LPOD_ERROR_INIT;
  if (lpod_credential_get(credential, &w.wait, &pending, &error)) return error;
  ck_assert(pending);
  wait_for(&w);
  return w.error;
}

static int runs(void) { /* lines that the plugin's counter holds */
  int count = 0, c;
  FILE *file = fopen(in_folder("runs"), "r");
  while (file && (c = getc(file)) != EOF) count += c == '\n';
  if (file) fclose(file);
  return count;
}

#define COUNT "cd \"${0%/*}\"; echo x >> runs; "
#define CREDENTIAL(status) "{\"apiVersion\":\"" BETA "\",\"kind\":\"ExecCredential\",\"status\":" status "}"

/* ---- what needs no plugin ---- */

START_TEST(test_K14_credentials_need_https) {
  static const char *const users[] = {"token: " MARK, "tokenFile: /nonexistent", "password: " MARK,
                                      "exec: {apiVersion: " BETA ", command: /nonexistent}"};
  for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
    make("http://127.0.0.1:1", users[i]);
    ck_assert_ptr_null(get());
    lpod_credential_free(credential);
    lpod_config_free(config);
    credential = NULL;
    config = NULL;
  }
}
END_TEST

START_TEST(test_static_credentials) {
  make("https://h", "token: " MARK);
  ck_assert_str_eq(get(), "Bearer " MARK);
  lpod_credential_free(credential);
  lpod_config_free(config);
  make("https://h", "username: me, password: pass");
  ck_assert_str_eq(get(), "Basic bWU6cGFzcw==");
  lpod_credential_free(credential);
  lpod_config_free(config);
  make("https://h", "");
  ck_assert_ptr_null(get());
}
END_TEST

/* K13, I3, X54: cached a minute, 10 s early; trimmed; the last good one kept; dropped by a 401. */
START_TEST(test_K13_token_file) {
  char user[200];
  snprintf(user, sizeof user, "token: inline, tokenFile: '%s'", in_folder("token"));
  make("https://h", user);
  ck_assert_str_eq(get(), "Bearer inline"); /* K12: beaten by a file only once that was read */
  put("token", " one\r\n\n");
  ck_assert_str_eq(get(), "Bearer one");
  uint64_t first = lpod_credential_version(credential);
  put("token", "two\n");
  advance(49);
  ck_assert_str_eq(get(), "Bearer one");
  advance(2);
  ck_assert_str_eq(get(), "Bearer two");
  ck_assert_uint_ne(lpod_credential_version(credential), first);
  put("token", "\n"); /* empty for a while */
  advance(60);
  ck_assert_str_eq(get(), "Bearer two");
  put("token", "three");
  ck_assert_str_eq(get(), "Bearer three"); /* a failed read is not cached */
  put("token", "four");
  ck_assert_str_eq(get(), "Bearer three");
  lpod_credential_refused(credential, lpod_credential_version(credential));
  ck_assert_str_eq(get(), "Bearer four");
  unlink(in_folder("token"));
  lpod_credential_refused(credential, lpod_credential_version(credential));
  ck_assert_str_eq(get(), "Bearer four");
}
END_TEST

START_TEST(test_X54_symlink_swap) {
  char user[200];
  put("a", "one");
  put("b", "two");
  ck_assert_int_eq(symlink("a", in_folder("token")), 0);
  snprintf(user, sizeof user, "tokenFile: '%s'", in_folder("token"));
  make("https://h", user);
  ck_assert_str_eq(get(), "Bearer one");
  ck_assert_int_eq(symlink("b", in_folder("new")), 0);
  ck_assert_int_eq(rename(in_folder("new"), in_folder("token")), 0);
  advance(70);
  ck_assert_str_eq(get(), "Bearer two");
}
END_TEST

START_TEST(test_K13_no_good_token_is_an_error) {
  static const char *const contents[] = {NULL, "", " \n", "two\n" MARK, "a\x01" MARK};
  char user[200];
  snprintf(user, sizeof user, "tokenFile: '%s'", in_folder("token"));
  make("https://h", user);
  for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
    if (contents[i]) put("token", contents[i]);
    lpod_error error = get_error();
    ck_assert_int_eq(error.rc, LPOD_E_CREDENTIAL);
    ck_assert_str_eq(error.error_class, "credential");
    ck_assert_ptr_nonnull(strstr(error.text, in_folder("token")));
    ck_assert_ptr_null(strstr(error.text, MARK));
  }
}
END_TEST

/* K15, X56: files re-read every five minutes and when told; a pair is taken whole. */
START_TEST(test_K15_certificate_files) {
  static const char cert[] = "-----BEGIN CERTIFICATE-----\n", key[] = "-----BEGIN PRIVATE KEY-----\n";
  char user[400];
  put("cert", cert);
  put("key", key);
  snprintf(user, sizeof user, "client-certificate: '%s', client-key: '%s'", in_folder("cert"), in_folder("key"));
  make("https://h", user);
  uint64_t first = lpod_credential_identity(credential).version;
  advance(301);
  get();
  ck_assert_uint_eq(lpod_credential_identity(credential).version, first);
  put("cert", "-----BEGIN CERTIFICATE-----\nnew");
  unlink(in_folder("key"));
  ck_assert(!lpod_credential_reload(credential)); /* in the middle of being replaced */
  ck_assert_uint_eq(lpod_credential_identity(credential).certificate->len, strlen(cert));
  put("key", "-----BEGIN PRIVATE KEY-----\nnew");
  advance(200);
  get();
  ck_assert_uint_eq(lpod_credential_identity(credential).version, first);
  advance(101);
  get();
  lpod_identity identity = lpod_credential_identity(credential);
  ck_assert_uint_ne(identity.version, first);
  ck_assert_str_eq(identity.certificate->data, "-----BEGIN CERTIFICATE-----\nnew");
  ck_assert_str_eq(identity.key->data, "-----BEGIN PRIVATE KEY-----\nnew");
}
END_TEST

/* ---- plugins ---- */

START_TEST(test_EP6_X55_one_run_for_all_and_cached_until_expiry) {
  make_plugin("#!/bin/sh\n" COUNT "echo '" CREDENTIAL(
      "{\"token\":\"one\",\"expirationTimestamp\":\"1970-01-01T00:17:40Z\"}") "'\n"); /* 60 s from now */
  waiter waiters[100];
  bool pending;
  for (size_t i = 0; i < 100; i++) {
    start(&waiters[i], &pending);
    ck_assert(pending);
  }
  for (size_t i = 0; i < 100; i++) wait_for(&waiters[i]);
  ck_assert_int_eq(runs(), 1);
  ck_assert_str_eq(get(), "Bearer one");
  advance(59);
  get();
  ck_assert_int_eq(runs(), 1);
  advance(1);
  get();
  ck_assert_int_eq(runs(), 2);
}
END_TEST

START_TEST(test_EP6_without_expiry_once) {
  make_plugin("#!/bin/sh\n" COUNT "echo '" CREDENTIAL("{\"token\":\"one\"}") "'\n");
  get();
  advance(1e8);
  ck_assert_str_eq(get(), "Bearer one");
  ck_assert_int_eq(runs(), 1);
}
END_TEST

START_TEST(test_EP7_refused_once_by_many_runs_once) {
  make_plugin("#!/bin/sh\n" COUNT "echo '" CREDENTIAL("{\"token\":\"same\"}") "'\n");
  get();
  uint64_t sent = lpod_credential_version(credential);
  for (int i = 0; i < 3; i++) lpod_credential_refused(credential, sent);
  get();
  ck_assert_int_eq(runs(), 2);
  lpod_credential_refused(credential, sent); /* a late 401 to the old one: rotated since */
  get();
  ck_assert_int_eq(runs(), 2);
}
END_TEST

START_TEST(test_EP5_EP8_certificate_from_plugin) {
  make_plugin("#!/bin/sh\n" COUNT "n=$(wc -l < runs); echo \"{\\\"apiVersion\\\":\\\"" BETA
              "\\\",\\\"kind\\\":\\\"ExecCredential\\\",\\\"status\\\":"
              "{\\\"clientCertificateData\\\":\\\"cert$n\\\",\\\"clientKeyData\\\":\\\"key\\\"}}\"\n");
  uint64_t before = lpod_credential_identity(credential).version;
  ck_assert_ptr_null(get());
  lpod_identity identity = lpod_credential_identity(credential);
  ck_assert_uint_ne(identity.version, before);
  ck_assert_str_eq(identity.certificate->data, "cert1");
  ck_assert_str_eq(identity.key->data, "key");
  lpod_credential_refused(credential, lpod_credential_version(credential));
  get();
  ck_assert_uint_ne(lpod_credential_identity(credential).version, identity.version);
  ck_assert_str_eq(lpod_credential_identity(credential).certificate->data, "cert2");
}
END_TEST

/* EP3, EP4: environment and argv as they are, no shell in between. */
START_TEST(test_EP3_EP4_what_the_plugin_is_given) {
  char user[1000];
  put_program("plugin", "#!/bin/sh\ncd \"${0%/*}\"; printf '%s|' \"$@\" \"$N\" \"$LPOD_TEST_INHERITED\" > given; "
                        "printf '%s' \"$KUBERNETES_EXEC_INFO\" > info\n"
                        "echo '" CREDENTIAL("{\"token\":\"one\"}") "'\n");
  snprintf(user, sizeof user,
           "exec: {apiVersion: " BETA
           ", command: '%s', args: ['a b', '$(false)', ''], env: [{name: N, value: 'v;w'}], interactiveMode: Never}",
           in_folder("plugin"));
  setenv("LPOD_TEST_INHERITED", "yes", 1);
  setenv("N", "replaced", 1);
  make("https://h", user);
  ck_assert_str_eq(get(), "Bearer one");
  unsetenv("LPOD_TEST_INHERITED");
  unsetenv("N");
  char text[1000] = "";
  FILE *file = fopen(in_folder("given"), "r");
  ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
  fclose(file);
  ck_assert_str_eq(text, "a b|$(false)||v;w|yes|");
  file = fopen(in_folder("info"), "r");
  ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
  fclose(file);
  ck_assert_str_eq(text, "{\"apiVersion\":\"" BETA "\",\"kind\":\"ExecCredential\",\"spec\":{\"interactive\":false}}");
}
END_TEST

START_TEST(test_EP9_failures_fail_the_request) {
  static const struct {
    const char *script, *message;
  } rows[] = {
      {NULL, "program not found: get it at example.org"},
      {"#!/bin/sh\necho " MARK "; exit 3\n", "exit status 3"},
      {"#!/bin/sh\nkill -9 $$\n", "ended by signal 9"},
      {"#!/bin/sh\necho " MARK "\n", "its output is not one JSON text"},
      {"#!/bin/sh\nexit 0\n", "its output is not one JSON text"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    make_plugin(rows[i].script);
    lpod_error error = get_error();
    ck_assert_int_eq(error.rc, LPOD_E_CREDENTIAL);
    ck_assert_str_eq(error.error_class, "credential");
    ck_assert_msg(strstr(error.text, rows[i].message) != NULL, "%s", error.text);
    ck_assert_ptr_null(lpod_credential_authorization(credential));
    lpod_credential_free(credential);
    lpod_config_free(config);
    credential = NULL;
    config = NULL;
  }
}
END_TEST

START_TEST(test_EP10_time_limit) {
  make_plugin("#!/bin/sh\nexec sleep 1000\n");
  waiter w;
  bool pending;
  start(&w, &pending);
  ck_assert(pending);
  advance(59);
  ck_assert(!w.told);
  advance(2);
  wait_for(&w);
  ck_assert_int_eq(w.error.rc, LPOD_E_CREDENTIAL);
}
END_TEST

START_TEST(test_EP2_always_needs_a_terminal) {
  char user[300];
  put_program("plugin", "#!/bin/sh\n");
  snprintf(user, sizeof user, "exec: {apiVersion: " BETA ", command: '%s', interactiveMode: Always}",
           in_folder("plugin"));
  make("https://h", user);
  int saved = dup(0);
  ck_assert_ptr_nonnull(freopen("/dev/null", "r", stdin));
  lpod_error error = get_error();
  dup2(saved, 0);
  close(saved);
  ck_assert_int_eq(error.rc, LPOD_E_CREDENTIAL);
  ck_assert_ptr_nonnull(strstr(error.text, "stdin is no terminal"));
}
END_TEST

/* A waiter that leaves is not told; freeing with a plugin under way kills it. */
START_TEST(test_leaving_and_freeing_while_a_plugin_runs) {
  make_plugin("#!/bin/sh\nexec sleep 1000\n");
  waiter a, b;
  bool pending;
  start(&a, &pending);
  start(&b, &pending);
  lpod_credential_leave(&a.wait);
  lpod_credential_leave(&b.wait);
  lpod_credential_free(credential);
  credential = NULL;
  lpod_loop_step(loop, 0, NULL, NULL);
  ck_assert(!a.told && !b.told);
}
END_TEST

/* EP1, EP5: the pure part. */
START_TEST(test_EP1_EP5_output) {
  static const struct {
    const char *text, *message;
  } rows[] = {
      {"{\"kind\":\"Secret\",\"apiVersion\":\"" BETA "\"}", "not of kind ExecCredential"},
      {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"" MARK
       "\"}}",
       "has apiVersion \"client.authentication.k8s.io/v1\", expected"},
      {"{\"kind\":\"ExecCredential\",\"apiVersion\":\"" BETA "\"}", "has no status"},
      {CREDENTIAL("{}"), "has neither status.token"},
      {CREDENTIAL("{\"token\":\"\"}"), "has neither status.token"},
      {CREDENTIAL("{\"token\":\"" MARK "\",\"clientKeyData\":\"" MARK "\"}"), "expected both or neither"},
      {CREDENTIAL("{\"clientCertificateData\":\"" MARK "\"}"), "expected both or neither"},
      {CREDENTIAL("{\"token\":\"" MARK "\\n\"}"), "control characters"},
      {CREDENTIAL("{\"token\":\"" MARK "\",\"expirationTimestamp\":\"" MARK "\"}"), "no RFC 3339 time"},
      {CREDENTIAL("{\"token\":\"" MARK "\"}") MARK, "not one JSON text"},
      {"{\"token\":\"" MARK "\",", "not one JSON text"},
      {"[]", "not of kind"},
  };
  lpod_plugin plugin = {.api_version = BETA, .command = "aws"};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lpod_plugin_output output = LPOD_PLUGIN_OUTPUT_INIT;
    ck_assert_int_eq(lpod_plugin_parse(&plugin, rows[i].text, strlen(rows[i].text), &output, &err), LPOD_E_CREDENTIAL);
    ck_assert_msg(strstr(err.text, rows[i].message) && strstr(err.text, "credential plugin \"aws\": "), "%s", err.text);
    ck_assert_ptr_null(strstr(err.text, MARK));
    ck_assert_ptr_null(output.token.data);
  }
  static const char good[] = CREDENTIAL("{\"token\":\"t\",\"clientCertificateData\":\"c\",\"clientKeyData\":\"k\","
                                        "\"expirationTimestamp\":\"1970-01-01T01:00:00+01:00\"}") "\n";
  lpod_plugin_output output = LPOD_PLUGIN_OUTPUT_INIT;
  ck_assert_int_eq(lpod_plugin_parse(&plugin, good, strlen(good), &output, &err), LPOD_OK);
  ck_assert_str_eq(output.token.data, "t");
  ck_assert_str_eq(output.key.data, "k");
  ck_assert_int_eq(output.expires, 0);
  lpod_plugin_output_clear(&output);
}
END_TEST

/* EP3: all of spec.cluster, the CA as data. */
START_TEST(test_EP3_cluster_info) {
  lpod_plugin plugin = {.api_version = BETA, .provide_cluster_info = true, .cluster_config = "{\"a\":[1,null]}"};
  lpod_config full = {.server = "https://h",
                      .server_name = "n",
                      .proxy = "http://p",
                      .insecure = true,
                      .no_compression = true,
                      .plugin = &plugin};
  lpod_buf out = LPOD_BUF_INIT(4096);
  lpod_secret_set(&full.ca, "ca", 2, NULL);
  ck_assert_int_eq(lpod_plugin_info(&full, true, &out, NULL), LPOD_OK);
  ck_assert_str_eq(
      out.data, "{\"apiVersion\":\"" BETA
                "\",\"kind\":\"ExecCredential\",\"spec\":{\"interactive\":true,\"cluster\":{\"server\":\"https://h\","
                "\"tls-server-name\":\"n\",\"insecure-skip-tls-verify\":true,\"proxy-url\":\"http://"
                "p\",\"disable-compression\":true,"
                "\"certificate-authority-data\":\"Y2E=\",\"config\":{\"a\":[1,null]}}}}");
  lpod_secret_clear(&full.ca);
  lpod_buf_free(&out);
}
END_TEST

START_TEST(test_K25_hide) {
  make("https://h", "token: " MARK);
  char text[200] = "echo " MARK " and " MARK MARK "!";
  lpod_credential_hide(credential, text);
  ck_assert_str_eq(text, "echo *** and ******!");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("kube/credential");
  TCase *tcase = tcase_create("all");
  tcase_set_timeout(tcase, 60);
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_add_test(tcase, test_K14_credentials_need_https);
  tcase_add_test(tcase, test_static_credentials);
  tcase_add_test(tcase, test_K13_token_file);
  tcase_add_test(tcase, test_X54_symlink_swap);
  tcase_add_test(tcase, test_K13_no_good_token_is_an_error);
  tcase_add_test(tcase, test_K15_certificate_files);
  tcase_add_test(tcase, test_EP2_always_needs_a_terminal);
  tcase_add_test(tcase, test_EP1_EP5_output);
  tcase_add_test(tcase, test_EP3_cluster_info);
  tcase_add_test(tcase, test_K25_hide);
  if (children_work()) {
    tcase_add_test(tcase, test_EP6_X55_one_run_for_all_and_cached_until_expiry);
    tcase_add_test(tcase, test_EP6_without_expiry_once);
    tcase_add_test(tcase, test_EP7_refused_once_by_many_runs_once);
    tcase_add_test(tcase, test_EP5_EP8_certificate_from_plugin);
    tcase_add_test(tcase, test_EP3_EP4_what_the_plugin_is_given);
    tcase_add_test(tcase, test_EP9_failures_fail_the_request);
    tcase_add_test(tcase, test_EP10_time_limit);
    tcase_add_test(tcase, test_leaving_and_freeing_while_a_plugin_runs);
  }
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
