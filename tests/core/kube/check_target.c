/* Paths of requests: R1 (nothing empty), R2 (checked and escaped). */
#include "kube/client.h"
#include "suite.h"
#include <check.h>
#include <stdlib.h>

static lpod_rc target(lpod_buf *out, const char *ns, const char *resource, const char *name, const char *sub,
                      lpod_error *err) {
  lpod_buf_clear(out);
  return lpod_target_core(out, ns, resource, name, sub, err);
}

START_TEST(test_builds_paths) {
  lpod_buf out = LPOD_BUF_INIT(4096);
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_int_eq(target(&out, "default", "pods", NULL, NULL, &err), LPOD_OK);
  ck_assert_str_eq(out.data, "/api/v1/namespaces/default/pods");
  ck_assert_int_eq(target(&out, "a-1", "pods", "x.y-z", "log", &err), LPOD_OK);
  ck_assert_str_eq(out.data, "/api/v1/namespaces/a-1/pods/x.y-z/log");
  lpod_buf_free(&out);
}
END_TEST

/* R1: an empty name would be a list, or a DELETE of all. R2: nor may a name leave its segment. */
START_TEST(test_R1_R2_refuses_names_that_address_something_else) {
  static const struct {
    const char *ns, *resource, *name, *sub;
  } bad[] = {
      {"", "pods", "x", NULL},        {NULL, "pods", "x", NULL},        {"default", "pods", "", NULL},
      {"default", "", "x", NULL},     {"default", "pods", NULL, "log"}, {"default", "pods", "x", ""},
      {"a/b", "pods", "x", NULL},     {"..", "pods", "x", NULL},        {"default", "pods", "../x", NULL},
      {"default", "pods", "X", NULL}, {"default", "pods", "x?y", NULL}, {"a.b", "pods", "x", NULL},
  };
  lpod_buf out = LPOD_BUF_INIT(4096);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    lpod_error err = LPOD_ERROR_INIT;
    ck_assert_int_eq(target(&out, bad[i].ns, bad[i].resource, bad[i].name, bad[i].sub, &err), LPOD_E_USAGE);
    ck_assert_uint_eq(out.len, 0);
    ck_assert_str_ne(err.text, "");
  }
  lpod_buf_free(&out);
}
END_TEST

START_TEST(test_R2_queries_are_escaped) {
  lpod_buf out = LPOD_BUF_INIT(4096);
  ck_assert_int_eq(lpod_target_core(&out, "default", "pods", NULL, NULL, NULL), LPOD_OK);
  ck_assert_int_eq(lpod_target_query(&out, "labelSelector", "a=b,c in (d)", NULL), LPOD_OK);
  ck_assert_int_eq(lpod_target_query(&out, "absent", NULL, NULL), LPOD_OK);
  ck_assert_int_eq(lpod_target_query(&out, "command", "x&y=\xc3\xa4 /?", NULL), LPOD_OK);
  ck_assert_str_eq(
      out.data,
      "/api/v1/namespaces/default/pods?labelSelector=a%3Db%2Cc%20in%20%28d%29&command=x%26y%3D%C3%A4%20%2F%3F");
  lpod_buf_free(&out);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("kube/target");
  TCase *tcase = tcase_create("all");
  tcase_add_test(tcase, test_builds_paths);
  tcase_add_test(tcase, test_R1_R2_refuses_names_that_address_something_else);
  tcase_add_test(tcase, test_R2_queries_are_escaped);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
