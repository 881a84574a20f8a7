/* Kubeconfig and in-cluster credentials: K1–K26, I1, I2, ACC-1 to ACC-4, EP1, EP2, T1, U37, X57, X58, and what a user
 * gets wrong. */
#include "folder.h"
#include "kube/config.h"
#include "suite.h"

#define MARK "s3cr3t-marker-never-shown"
#define MARK_BASE64 "czNjcjN0LW1hcmtlci1uZXZlci1zaG93bg=="
#define PEM "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
#define PEM_BASE64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCkFBQUEKLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="
#define KEY "-----BEGIN PRIVATE KEY-----\nBBBB\n-----END PRIVATE KEY-----\n"
#define KEY_BASE64 "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCkJCQkIKLS0tLS1FTkQgUFJJVkFURSBLRVktLS0tLQo="

static lpod_config *config;
static lpod_error err;
static lpod_config_options options;

static void setup(void) {
  folder_make();
  memset(variables, 0, sizeof variables);
  config = NULL;
  err = (lpod_error)LPOD_ERROR_INIT;
  options = (lpod_config_options){.environment = variable, .service_account = "/nonexistent"};
}

static void teardown(void) {
  lpod_config_free(config);
  folder_drop();
}

static void set(const char *name, const char *value) {
  size_t at = 0;
  while (variables[at] && strcmp(variables[at], name)) at += 2;
  variables[at] = name;
  variables[at + 1] = value;
}

static lpod_rc load(void) {
  lpod_config_free(config);
  lpod_error_clear(&err);
  lpod_rc rc = lpod_config_load(&options, &config, &err);
  if (rc) {
    ck_assert_ptr_null(config);
    ck_assert_int_eq(rc, err.rc);
    ck_assert_str_eq(err.error_class, "config");
    ck_assert_ptr_null(strpbrk(err.text, "\n\r"));
  }
  ck_assert_msg(!strstr(err.text, MARK) && !strstr(err.text, MARK_BASE64), "secret in \"%s\"", err.text); /* K25 */
  return rc;
}

static lpod_rc load_text(const char *text) {
  options.text = text;
  lpod_rc rc = load();
  options.text = NULL;
  return rc;
}

/* A whole kubeconfig around what a cluster and a user say (each a line of flow style). */
static const char *around(const char *cluster, const char *user) {
  static char text[8192];
  snprintf(text, sizeof text,
           "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
           "contexts:\n- name: c\n  context: {cluster: k, user: u}\n"
           "clusters:\n- name: k\n  cluster: {%s}\n"
           "users:\n- name: u\n  user: {%s}\n",
           cluster, user);
  return text;
}
#define SERVER "server: 'https://api.example:6443'"

static void loads(const char *text) {
  lpod_rc rc = load_text(text);
  ck_assert_msg(rc == LPOD_OK, "%s", err.text);
}

static void refuses(const char *text, const char *message) {
  lpod_rc rc = load_text(text);
  ck_assert_msg(rc == LPOD_E_CONFIG || rc == LPOD_E_PARSE, "rc %s %s", lpod_rc_name(rc), err.text);
  ck_assert_msg(strstr(err.text, message) != NULL, "\"%s\" is not in \"%s\"", message, err.text);
}

static bool is(const lpod_secret *secret, const char *text) {
  return secret->data && secret->len == strlen(text) && !memcmp(secret->data, text, secret->len);
}

/* ---- sources ---- */

#define SMALL(context, server) \
  "current-context: " context "\ncontexts: [{name: " context ", context: {cluster: k, user: u}}]\n" \
  "clusters: [{name: k, cluster: {server: '" server "'}}]\nusers: [{name: u, user: {token: " MARK "}}]\n"

START_TEST(test_bad_input_no_kubeconfig) {
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  ck_assert_str_eq(err.text, "no kubeconfig: none of --kubeconfig, KUBECONFIG, ~/.kube/config names a cluster, and "
                             "this is not inside a cluster");
  set("HOME", folder); /* no .kube/config in it */
  options.context = "x";
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(err.text, "no kubeconfig"));
  options.context = NULL;
  options.in_cluster = LPOD_NO;
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(err.text, "in_cluster is false"));
}
END_TEST

START_TEST(test_K1_order_of_files) {
  mkdir(in_folder(".kube"), 0700);
  put(".kube/config", SMALL("home", "https://home"));
  set("HOME", folder);
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->server, "https://home");
  set("KUBECONFIG", put("b", SMALL("b", "https://b")));
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->server, "https://b");
  options.file = put("a", SMALL("a", "https://a"));
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->server, "https://a");
  ck_assert_str_eq(config->context, "a");
  options.file = in_folder("missing"); /* an error, never the next source */
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(err.text, "/missing"));
}
END_TEST

START_TEST(test_K2_list_of_files) {
  char list[1024];
  put("a", "");
  put("b", SMALL("b", "https://b"));
  snprintf(list, sizeof list, "::%s/none:%s/a:%s/b:%s/a:", folder, folder, folder, folder);
  set("KUBECONFIG", list);
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->server, "https://b");
  ck_assert_ptr_null(config->warnings);
  snprintf(list, sizeof list, "%s/b:%s/b", folder, folder);
  options.context = "x";
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  ck_assert_ptr_null(strstr(err.text, "and others")); /* one file, named twice */
  options.context = NULL;
  set("KUBECONFIG", in_folder("none"));
  ck_assert_int_eq(load(), LPOD_E_CONFIG); /* behaves as empty: ~/.kube/config is not asked */
  ck_assert_ptr_nonnull(strstr(err.text, "no kubeconfig"));
  set("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  set("KUBERNETES_SERVICE_PORT", "443");
  options.service_account = folder;
  put("token", MARK);
  put("ca.crt", PEM);
  options.context = "x"; /* asked for by name: not here */
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  options.context = NULL;
  ck_assert_int_eq(load(), LPOD_OK); /* K22 */
  ck_assert(config->in_cluster);
  ck_assert_ptr_nonnull(strstr(config->warnings[0], "KUBECONFIG"));
}
END_TEST

START_TEST(test_K3_syntax_errors_name_file_and_line) {
  options.file = put("bad", "apiVersion: v1\nclusters:\n  - name: [x\nusers: " MARK "\n");
  ck_assert_int_ne(load(), LPOD_OK);
  ck_assert_ptr_nonnull(strstr(err.text, "/bad:"));
  ck_assert_msg(strstr(err.text, ":3:") || strstr(err.text, ":4:"), "%s", err.text);
  options.file = put("empty", "");
  ck_assert_int_eq(load(), LPOD_E_CONFIG); /* valid, and without a context */
  ck_assert_ptr_nonnull(strstr(err.text, "current-context is not set"));
  options.file = NULL;
  refuses("kind: Pod\n", "not a kubeconfig");
  refuses("- a\n", "expected a map");
  refuses("kind: Config\n---\nkind: Config\n", "expected one");
  refuses("clusters: {a: b}\n", "inline kubeconfig:1: clusters: found a map, expected a list");
  refuses("users:\n- user: {}\n", "inline kubeconfig:2: users: an entry without name");
  refuses("users:\n- name: x\n  user: [a]\n", "users[\"x\"].user: found a list, expected a map");
}
END_TEST

START_TEST(test_K4_K5_K7_merge) {
  char list[512];
  mkdir(in_folder("one"), 0700);
  mkdir(in_folder("two"), 0700);
  put("two/ca.pem", PEM);
  put("one/a", "current-context: ''\nclusters: [{name: k, cluster: {server: 'https://first'}}]\n");
  put("two/b", "current-context: b\ncontexts: [{name: b, context: {cluster: k, user: u, namespace: n}}, {name: d, "
               "context: {cluster: k2}}]\n"
               "clusters: [{name: k, cluster: {server: 'https://second', certificate-authority: ca.pem}},"
               " {name: k2, cluster: {server: 'https://third', certificate-authority: ca.pem}}]\n"
               "users: [{name: u, user: {tokenFile: tok/en}}]\n");
  put("c", "current-context: c\n");
  snprintf(list, sizeof list, "%s/one/a:%s/two/b:%s/c", folder, folder, folder);
  set("KUBECONFIG", list);
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->context, "b");
  ck_assert_str_eq(config->cluster, "k");
  ck_assert_str_eq(config->user, "u");
  ck_assert_str_eq(config->namespace_, "n");
  ck_assert_str_eq(config->server, "https://first"); /* the whole entry: no CA of the second */
  ck_assert_ptr_null(config->ca.data);
  ck_assert_str_eq(config->token_file, in_folder("two/tok/en"));
  options.context = "d"; /* ACC-3 */
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert(is(&config->ca, PEM));
  ck_assert_str_eq(config->ca_file, in_folder("two/ca.pem"));
  ck_assert_str_eq(config->user, "");
}
END_TEST

START_TEST(test_K6_same_name_twice) {
  refuses("users:\n- name: x\n  user: {}\n- name: x\n  user: {}\n",
          "inline kubeconfig:4: users[\"x\"]: name occurs twice, first in line 2");
}
END_TEST

START_TEST(test_ACC1_ACC2_choice) {
  set("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  set("KUBERNETES_SERVICE_PORT", "443");
  options.service_account = folder;
  put("token", MARK "\n");
  put("ca.crt", PEM);
  mkdir(in_folder(".kube"), 0700);
  put(".kube/config", SMALL("home", "https://home"));
  set("HOME", folder);
  ck_assert_int_eq(load(), LPOD_OK); /* before ~/.kube/config */
  ck_assert(config->in_cluster);
  options.in_cluster = LPOD_NO;
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->server, "https://home");
  options.in_cluster = LPOD_UNSET;
  options.context = "home"; /* an explicit setting */
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->server, "https://home");
  options.context = NULL;
  set("KUBECONFIG", put("b", SMALL("b", "https://b")));
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->server, "https://b");
  options.in_cluster = LPOD_YES;
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert(config->in_cluster);
  options.file = in_folder("b");
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  ck_assert_str_eq(err.text, "in_cluster = true and config_file exclude each other, expected one");
  options.in_cluster = LPOD_UNSET;
  refuses("", "config_file and an inline kubeconfig exclude each other");
  options.file = NULL;
  unlink(in_folder("token")); /* two variables without a token are no cluster */
  set("KUBECONFIG", "");
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->server, "https://home");
}
END_TEST

START_TEST(test_K22_X58_contexts) {
  static const char text[] =
      "contexts:\n- name: prod-eu\n  context: {cluster: k, user: nobody}\n- name: dev\n  context: {cluster: none}\n"
      "- name: odd\n  context: {user: u}\nclusters:\n- name: k\n  cluster: {" SERVER "}\nusers: []\n";
  options.context = "prod-eo";
  refuses(text,
          "inline kubeconfig: no context \"prod-eo\"; did you mean \"prod-eu\"? contexts there are: prod-eu, dev, odd");
  options.context = NULL;
  refuses(text, "current-context is not set and no context was asked for; contexts there are: prod-eu, dev, odd");
  options.context = "prod-eu";
  refuses(text, "inline kubeconfig:3: contexts[\"prod-eu\"].context.user: no user \"nobody\"; there are no users");
  options.context = "dev";
  refuses(text, "inline kubeconfig:5: contexts[\"dev\"].context.cluster: no cluster \"none\"; clusters there are: k");
  options.context = "odd";
  refuses(text, "contexts[\"odd\"].context.cluster: not set");
}
END_TEST

START_TEST(test_K21_namespace) {
  loads("current-context: c\ncontexts: [{name: c, context: {cluster: k, namespace: team-1}}]\nclusters: [{name: k, "
        "cluster: {" SERVER "}}]\n");
  ck_assert_str_eq(config->namespace_, "team-1");
  loads(around(SERVER, ""));
  ck_assert_ptr_null(config->namespace_);
  refuses("current-context: c\ncontexts: [{name: c, context: {cluster: k, namespace: A_b}}]\nclusters: [{name: k, "
          "cluster: {" SERVER "}}]\n",
          "contexts[\"c\"].context.namespace: found \"A_b\"");
}
END_TEST

/* ---- cluster ---- */

START_TEST(test_K19_server) {
  static const char *const good[][2] = {
      {"https://h", "https://h"},
      {"https://h:6443/", "https://h:6443"},
      {"HTTPS://h/a/b//", "https://h/a/b"},
      {"https://h/a?x=1#f", "https://h/a"},
      {"https://[::1]:6443", "https://[::1]:6443"},
      {"http://127.0.0.1:8001", "http://127.0.0.1:8001"},
      {"https://[fe80::1]", "https://[fe80::1]"},
      {"https://h?x", "https://h"},
  };
  static const char *const bad[] = {"h:6443",
                                    "ftp://h",
                                    "https://",
                                    "https:///x",
                                    "https://::1:6443",
                                    "https://h:0",
                                    "https://h:99999",
                                    "https://h:x",
                                    "https://h:",
                                    "https://a b",
                                    "https://[]:1",
                                    "https://[x]",
                                    "https://u:" MARK "@h",
                                    "https://h/a b"};
  char cluster[200];
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    snprintf(cluster, sizeof cluster, "server: '%s'", good[i][0]);
    loads(around(cluster, ""));
    ck_assert_str_eq(config->server, good[i][1]);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    snprintf(cluster, sizeof cluster, "server: '%s'", bad[i]);
    refuses(around(cluster, ""), "inline kubeconfig:9: clusters[\"k\"].cluster.server: ");
  }
  refuses(around("server: 'https://::1:6443'", ""), "brackets");
  refuses(around("", ""), "clusters[\"k\"].cluster.server: not set");
}
END_TEST

START_TEST(test_K9_K16_certificate_authority) {
  loads(around(SERVER ", certificate-authority-data: " PEM_BASE64, ""));
  ck_assert(is(&config->ca, PEM));
  ck_assert_ptr_null(config->ca_file);
  refuses(around(SERVER ", certificate-authority-data: " PEM_BASE64 ", certificate-authority: x", ""),
          "certificate-authority-data: set together with certificate-authority");
  refuses(around(SERVER ", certificate-authority-data: '*" MARK "*'", ""), "certificate-authority-data: not base64");
  refuses(around(SERVER ", certificate-authority-data: " MARK_BASE64, ""), "expected a PEM block"); /* X57 */
  refuses(around(SERVER ", certificate-authority: /nonexistent/ca", ""), "/nonexistent/ca");
  refuses(around(SERVER ", certificate-authority-data: " PEM_BASE64 ", insecure-skip-tls-verify: true", ""),
          "insecure-skip-tls-verify: true together with certificate-authority-data");
  loads(around(SERVER ", insecure-skip-tls-verify: true", ""));
  ck_assert(config->insecure);
  ck_assert_ptr_nonnull(strstr(config->warnings[0], "insecure-skip-tls-verify"));
  char cluster[200];
  snprintf(cluster, sizeof cluster, SERVER ", certificate-authority: '%s'", put("empty", ""));
  loads(around(cluster, "")); /* T1: an empty pool */
  ck_assert_ptr_nonnull(config->ca.data);
  ck_assert_uint_eq(config->ca.len, 0);
  snprintf(cluster, sizeof cluster, SERVER ", certificate-authority: '%s'",
           put("odd", "text\r\n" PEM "more\n" PEM)); /* X57 */
  loads(around(cluster, ""));
}
END_TEST

START_TEST(test_K17_K18_K24_cluster_options) {
  loads(around(SERVER ", tls-server-name: other, proxy-url: 'socks5://u:" MARK "@p:1', disable-compression: true", ""));
  ck_assert_str_eq(config->server_name, "other");
  ck_assert_str_eq(config->proxy, "socks5://u:" MARK "@p:1");
  ck_assert(config->no_compression);
  refuses(around(SERVER ", proxy-url: 'ftp://u:" MARK "@p'", ""), "clusters[\"k\"].cluster.proxy-url: not an address");
}
END_TEST

START_TEST(test_K26_yaml) {
  loads(around(SERVER ", disable-compression: yes, unknown: {a: [1]}", ""));
  ck_assert(config->no_compression);
  ck_assert_ptr_nonnull(
      strstr(config->warnings[0], "clusters[\"k\"].cluster.disable-compression: \"yes\" is read as true"));
  refuses(around(SERVER ", disable-compression: maybe", ""),
          "disable-compression: found a string, expected true or false");
  refuses("users: []\nusers: []\n", "inline kubeconfig:2");
  loads(
      "x: &anchor {" SERVER
      "}\ncurrent-context: 7\ncontexts: [{name: 7, context: {cluster: k}}]\nclusters: [{name: k, cluster: *anchor}]\n");
  ck_assert_str_eq(config->context, "7");
  refuses(around(SERVER, "token: 1.5"), "users[\"u\"].user.token: found a number, expected text (in quotes)");
}
END_TEST

/* ---- user ---- */

START_TEST(test_K9_K10_client_certificate) {
  loads(around(SERVER, "client-certificate-data: " PEM_BASE64 ", client-key-data: " KEY_BASE64));
  ck_assert(is(&config->certificate, PEM));
  ck_assert(is(&config->key, KEY));
  char user[300];
  put("cert.pem", PEM);
  put("key.pem", KEY);
  snprintf(user, sizeof user, "client-certificate: '%s', client-key: '%s'", in_folder("cert.pem"),
           in_folder("key.pem"));
  loads(around(SERVER, user));
  ck_assert(is(&config->key, KEY));
  ck_assert_str_eq(config->key_file, in_folder("key.pem"));
  refuses(around(SERVER, "client-certificate-data: " PEM_BASE64),
          "users[\"u\"].user.client-certificate: set without client-key");
  refuses(around(SERVER, "client-key-data: " KEY_BASE64),
          "users[\"u\"].user.client-key: set without client-certificate");
  refuses(around(SERVER, "client-key-data: " KEY_BASE64 ", client-key: x"),
          "client-key-data: set together with client-key");
  refuses(around(SERVER, "client-certificate-data: " PEM_BASE64 ", client-key-data: " MARK_BASE64),
          "client-key-data: its data: expected a PEM block \"BEGIN PRIVATE KEY\"");
  refuses(around(SERVER, "client-certificate-data: " PEM_BASE64 ", client-key: /nonexistent/key"),
          "inline kubeconfig:12: users[\"u\"].user.client-key: ");
  put("key.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n" MARK "\n-----END ENCRYPTED PRIVATE KEY-----\n");
  refuses(around(SERVER, user), "an encrypted key, which is not supported");
  put("key.pem",
      "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n" MARK "\n-----END RSA PRIVATE KEY-----\n");
  refuses(around(SERVER, user), "an encrypted key, which is not supported");
}
END_TEST

START_TEST(test_K11_K12_K23_ways_to_authenticate) {
  loads(around(SERVER, "token: " MARK ", tokenFile: /t"));
  ck_assert(is(&config->token, MARK));
  ck_assert_str_eq(config->token_file, "/t"); /* not read yet */
  loads(around(SERVER, "username: me, password: " MARK));
  ck_assert(is(&config->username, "me"));
  ck_assert(is(&config->password, MARK));
  refuses(around(SERVER, "token: " MARK ", username: me"), "users[\"u\"].user.username: set together with token");
  refuses(around(SERVER, "tokenFile: /t, password: " MARK), "users[\"u\"].user.password: set together with tokenFile");
  refuses(around(SERVER, "token: \"" MARK "\\nX: y\""), "users[\"u\"].user.token: holds a control character");
  refuses(around(SERVER, "token: [" MARK "]"), "users[\"u\"].user.token: found a list, expected text");
  refuses(around(SERVER, "auth-provider: {name: gcp}"), "\"gcp\" was removed from Kubernetes, use a credential plugin");
  refuses(around(SERVER, "auth-provider: {name: x}, exec: {}"), "auth-provider: set together with exec");
  loads(around(SERVER, "token: " MARK ", exec: {command: x}")); /* a token keeps the plugin from running */
  ck_assert_ptr_null(config->plugin);
}
END_TEST

START_TEST(test_K20_impersonation) {
  loads(around(SERVER, "as: jane, as-uid: 12, as-groups: [a, b], as-user-extra: {'x/y z': [1, two]}"));
  static const char *const expected[] = {"Impersonate-User: jane",         "Impersonate-Uid: 12",
                                         "Impersonate-Group: a",           "Impersonate-Group: b",
                                         "Impersonate-Extra-x%2Fy%20z: 1", "Impersonate-Extra-x%2Fy%20z: two"};
  for (size_t i = 0; i < 6; i++) ck_assert_str_eq(config->impersonation[i], expected[i]);
  ck_assert_ptr_null(config->impersonation[6]);
  refuses(around(SERVER, "as-groups: [a]"), "users[\"u\"].user.as-groups: set without \"as\"");
  refuses(around(SERVER, "as: \"jane\\r\\nX: y\""), "users[\"u\"].user.as: holds a control character");
}
END_TEST

START_TEST(test_EP1_EP2_K8_plugin) {
  static const char *const v1 = "apiVersion: client.authentication.k8s.io/v1, ";
  char user[1000];
  options.file = NULL;
  snprintf(user, sizeof user,
           "exec: {%scommand: aws, args: [a, 'b c'], env: [{name: N, value: " MARK "}], interactiveMode: Never, "
           "provideClusterInfo: true, installHint: get it}",
           v1);
  loads(
      around(SERVER ", extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: x, n: 1}}]", user));
  ck_assert_str_eq(config->plugin->command, "aws");
  ck_assert_str_eq(config->plugin->arguments[1], "b c");
  ck_assert_ptr_null(config->plugin->arguments[2]);
  ck_assert_str_eq(config->plugin->environment[0], "N=" MARK);
  ck_assert_int_eq(config->plugin->interactive, LPOD_PLUGIN_NEVER);
  ck_assert(config->plugin->provide_cluster_info);
  ck_assert_str_eq(config->plugin->install_hint, "get it");
  ck_assert_str_eq(config->plugin->cluster_config, "{\"audience\":\"x\",\"n\":1}");
  put("config", around(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: ./bin/plug}"));
  options.file = in_folder("config");
  ck_assert_int_eq(load(), LPOD_OK);
  options.file = NULL;
  ck_assert_str_eq(config->plugin->command, in_folder("./bin/plug"));
  ck_assert_int_eq(config->plugin->interactive, LPOD_PLUGIN_IF_AVAILABLE);
  refuses(around(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1, command: x}"),
          "users[\"u\"].user.exec.interactiveMode: not set");
  refuses(around(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1, command: x, interactiveMode: " MARK "}"),
          "interactiveMode: found another word");
  refuses(around(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1alpha1, command: x}"),
          "(v1alpha1 was removed)");
  refuses(around(SERVER, "exec: {command: x}"), "users[\"u\"].user.exec.apiVersion: found \"\"");
  refuses(around(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1}"),
          "users[\"u\"].user.exec.command: not set");
  refuses(around(SERVER,
                 "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: x, env: [{name: N, value: [" MARK
                 "]}]}"),
          "env[].value: found a list");
  refuses(
      around(SERVER, "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: x, env: [{value: " MARK "}]}"),
      "env[].name: expected a name");
  refuses(around(SERVER, "exec: [" MARK "]"), "users[\"u\"].user.exec: found a list, expected a map");
}
END_TEST

/* ---- in cluster ---- */

START_TEST(test_I1_I2_U37_in_cluster) {
  options.in_cluster = LPOD_YES;
  options.service_account = folder;
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(err.text, "not inside a cluster: KUBERNETES_SERVICE_HOST"));
  set("KUBERNETES_SERVICE_HOST", "fd00::1");
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  set("KUBERNETES_SERVICE_PORT", "6443");
  ck_assert_int_eq(load(), LPOD_E_CONFIG); /* U37: no token is an error at once */
  ck_assert_ptr_nonnull(strstr(err.text, in_folder("token")));
  put("token", "");
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  put("token", MARK "\n");
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  ck_assert_ptr_nonnull(strstr(err.text, in_folder("ca.crt")));
  put("ca.crt", MARK);
  ck_assert_int_eq(load(), LPOD_E_CONFIG);
  put("ca.crt", PEM);
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->server, "https://[fd00::1]:6443");
  ck_assert_str_eq(config->token_file, in_folder("token"));
  ck_assert_str_eq(config->ca_file, in_folder("ca.crt"));
  ck_assert_ptr_null(config->namespace_);
  put("namespace", "team\n");
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->namespace_, "team");
  set("POD_NAMESPACE", "other"); /* K21 */
  set("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  ck_assert_int_eq(load(), LPOD_OK);
  ck_assert_str_eq(config->namespace_, "other");
  ck_assert_str_eq(config->server, "https://10.0.0.1:6443");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("kube/config");
  TCase *tcase = tcase_create("all");
  tcase_add_checked_fixture(tcase, setup, teardown);
  tcase_add_test(tcase, test_bad_input_no_kubeconfig);
  tcase_add_test(tcase, test_K1_order_of_files);
  tcase_add_test(tcase, test_K2_list_of_files);
  tcase_add_test(tcase, test_K3_syntax_errors_name_file_and_line);
  tcase_add_test(tcase, test_K4_K5_K7_merge);
  tcase_add_test(tcase, test_K6_same_name_twice);
  tcase_add_test(tcase, test_ACC1_ACC2_choice);
  tcase_add_test(tcase, test_K22_X58_contexts);
  tcase_add_test(tcase, test_K21_namespace);
  tcase_add_test(tcase, test_K19_server);
  tcase_add_test(tcase, test_K9_K16_certificate_authority);
  tcase_add_test(tcase, test_K17_K18_K24_cluster_options);
  tcase_add_test(tcase, test_K26_yaml);
  tcase_add_test(tcase, test_K9_K10_client_certificate);
  tcase_add_test(tcase, test_K11_K12_K23_ways_to_authenticate);
  tcase_add_test(tcase, test_K20_impersonation);
  tcase_add_test(tcase, test_EP1_EP2_K8_plugin);
  tcase_add_test(tcase, test_I1_I2_U37_in_cluster);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
