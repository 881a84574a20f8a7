/* The pure parts beside the machine: projection (W14), selectors and choice (FND-1…5), verdicts (ERR-1, ERR-2, P6–P9,
 * X47–X53, V7), names (NAM-5, LBL-10, O27), the result's frame (RES-5, EX7, V3). */
#include "pod/naming.h"
#include "pod/result.h"
#include "pods.h"
#include "base/text.h"
#include "suite.h"

START_TEST(test_projection_survives_its_document_W14) {
  lpod_pod pod = pod_of("uid=u7 phase=Running scheduled=1 sandbox=1 base=running side=exit:2 init=exit:0 "
                        "sidecar=running try=3 engine=e5 attempt=a9");
  ck_assert_str_eq(pod.uid, "u7");
  ck_assert_str_eq(pod.phase, "Running");
  ck_assert_str_eq(pod.engine, "e5");
  ck_assert_str_eq(pod.attempt, "a9");
  ck_assert_int_eq(pod.try_number, 3);
  ck_assert(pod.scheduled && pod.sandbox && !pod.terminating && !pod.checked);
  ck_assert_uint_eq(pod.container_count, 4);
  ck_assert(pod.containers[0].init && !pod.containers[0].sidecar);
  ck_assert(pod.containers[1].init && pod.containers[1].sidecar); /* P14 */
  const lpod_container *side = lpod_pod_container(&pod, "side");
  ck_assert_int_eq(side->exit_code, 2);
  ck_assert_str_eq(side->reason, "Error");
  ck_assert_ptr_null(lpod_pod_container(&pod, "sid")); /* O48: exact names */
  lpod_pod_free(&pod);
  ck_assert_str_eq(pod.uid, "");
}
END_TEST

START_TEST(test_odd_times_are_nothing_X67) {
  lpod_pod pod =
      pod_from_json("{\"metadata\":{\"uid\":\"u\",\"name\":\"n\",\"creationTimestamp\":\"0001-01-01T00:00:00Z\"},"
                    "\"status\":{\"containerStatuses\":"
                    "[{\"name\":\"base\",\"state\":{\"terminated\":{\"exitCode\":0,\"finishedAt\":null}}}]}}");
  ck_assert_int_eq(pod.containers[0].finished, 0);
  ck_assert(lpod_container_is(&pod.containers[0], "terminated"));
  lpod_pod_free(&pod);
}
END_TEST

START_TEST(test_not_a_pod) {
  lpod_doc *doc = parse_json("{\"kind\":\"Status\",\"metadata\":{}}");
  lpod_pod pod = lpod_pod_empty();
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_int_eq(lpod_pod_read(lpod_doc_root(doc), &pod, &err), LPOD_E_PARSE);
  lpod_doc_free(doc);
}
END_TEST

START_TEST(test_selectors_FND_1) {
  lpod_doc *doc = parse_json("{\"a\":\"1\",\"b\":\"\",\"already_checked\":\"True\"}");
  const lpod_value *labels = lpod_doc_root(doc);
  static const struct {
    const char *selector;
    bool fits;
  } rows[] = {{"a=1", true},    {"a==1", true},
              {"a=2", false},   {"a!=2", true},
              {"a!=1", false},  {"b=", true},
              {"c=", false},    {"c!=x", true},
              {"a", true},      {"c", false},
              {"!c", true},     {"!a", false},
              {"a=1,b=", true}, {"a=1,already_checked!=True", false},
              {"", true},       {"a=1,!lunapod_call", true},
              {"=x", false}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    ck_assert_msg(lpod_selector_match(rows[i].selector, labels) == rows[i].fits, "%s", rows[i].selector);
  ck_assert(lpod_selector_match("!a", NULL));
  ck_assert(!lpod_selector_match("a=1", NULL));
  lpod_doc_free(doc);
}
END_TEST

static int choose(const char *const *words) {
  lpod_pod pods[8] = {0};
  size_t count = 0;
  for (; words[count]; count++) pods[count] = pod_of(words[count]);
  int chosen = lpod_pod_choose(pods, count, "base");
  for (size_t i = 0; i < count; i++) lpod_pod_free(&pods[i]);
  return chosen;
}

START_TEST(test_choice_among_leftovers_FND_3_FND_4_FND_5) {
  ck_assert_int_eq(choose((const char *[]){NULL}), -1);
  ck_assert_int_eq(choose((const char *[]){"phase=Failed base=exit:1 try=2", "phase=Running base=running try=1", NULL}),
                   1); /* live first */
  ck_assert_int_eq(choose((const char *[]){"phase=Failed base=exit:1 try=1", "phase=Failed base=exit:1 try=3",
                                           "phase=Failed base=exit:1 try=2", NULL}),
                   1);
  ck_assert_int_eq(choose((const char *[]){"phase=Failed base=exit:1 checked=True", NULL}), -1);
  ck_assert_int_eq(choose((const char *[]){"phase=Running base=running deleted=1", NULL}), -1);
  ck_assert_int_eq(choose((const char *[]){"phase=Succeeded base=exit:0 deleted=1", NULL}),
                   0); /* it ended: its outcome counts */
}
END_TEST

START_TEST(test_verdicts_ERR_2_X47_X48_X49_X51) {
  static const struct {
    const char *pod;
    bool gone;
    const char *error_class, *reason;
  } rows[] = {
      {"phase=Succeeded base=exit:0", false, NULL, NULL},
      {"phase=Succeeded base=exit:0", true, NULL, NULL}, /* success seen stays success */
      {"phase=Running base=exit:0 side=running", false, NULL, NULL},
      {"phase=Succeeded base=exit:0:OOMKilled", false, NULL, NULL}, /* P8 */
      {"phase=Failed base=exit:1", false, "user", "Error"},
      {"phase=Failed base=exit:137:OOMKilled", false, "user", "OOMKilled"},
      {"phase=Failed reason=Evicted base=exit:137", false, "infra", "Evicted"},
      {"phase=Failed reason=Evicted", false, "infra", "Evicted"},
      {"phase=Failed disruption=PreemptionByScheduler base=exit:143", false, "infra", "PreemptionByScheduler"},
      {"phase=Failed reason=OutOfmemory", false, "infra", "OutOfmemory"},
      {"phase=Failed reason=UnexpectedAdmissionError", false, "infra", "UnexpectedAdmissionError"},
      {"phase=Failed reason=DeadlineExceeded", false, "deadline", "DeadlineExceeded"},
      {"phase=Failed reason=DeadlineExceeded base=exit:137", false, "deadline", "DeadlineExceeded"},
      {"phase=Failed base=exit:137:ContainerStatusUnknown", false, "infra", "ContainerStatusUnknown"},
      {"phase=Failed base=exit:128:StartError", false, "config", "StartError"},
      {"phase=Failed init=exit:4 base=waiting:PodInitializing", false, "user", "Error"},
      {"phase=Running base=running", true, "", "Lost"},
      {"phase=Succeeded", false, "", "Unknown"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lpod_pod pod = pod_of(rows[i].pod);
    lpod_error err = LPOD_ERROR_INIT;
    lpod_rc rc = lpod_pod_outcome(&pod, "base", rows[i].gone, &err);
    if (!rows[i].reason) {
      ck_assert_msg(rc == LPOD_OK, "%s: %s", rows[i].pod, err.text);
    } else {
      ck_assert_msg(rc == LPOD_E_TASK && strcmp(err.error_class, rows[i].error_class) == 0 &&
                        strcmp(err.reason, rows[i].reason) == 0,
                    "%s: %s %s %s", rows[i].pod, err.error_class, err.reason, err.text);
      ck_assert_ptr_nonnull(strstr(err.text, "pod-1"));
    }
    lpod_pod_free(&pod);
  }
}
END_TEST

START_TEST(test_success_only_by_exit_0_V7) {
  static const char *const phases[] = {"Pending", "Running", "Succeeded", "Failed", "Unknown", ""};
  static const char *const states[] = {"", "base=running", "base=waiting:X", "base=exit:1", "base=exit:255"};
  for (size_t p = 0; p < 6; p++)
    for (size_t s = 0; s < 5; s++)
      for (int gone = 0; gone < 2; gone++) {
        char words[128];
        snprintf(words, sizeof words, "phase=%s %s", phases[p], states[s]);
        lpod_pod pod = pod_of(words);
        ck_assert_int_ne(lpod_pod_outcome(&pod, "base", gone, NULL), LPOD_OK);
        lpod_pod_free(&pod);
      }
}
END_TEST

START_TEST(test_names_NAM_5_O27) {
  char name[LPOD_POD_NAME], again[LPOD_POD_NAME], long_name[251];
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_int_eq(lpod_pod_name("hello", "x", 0, false, name, &err), LPOD_OK);
  ck_assert_uint_eq(strlen(name), 5 + 1 + 8);
  ck_assert_int_eq(strncmp(name, "hello-", 6), 0);
  lpod_pod_name("hello", "x", 0, false, again, &err);
  ck_assert_str_eq(name, again); /* computed, not random */
  lpod_pod_name("hello", "x", 1, false, again, &err);
  ck_assert_str_ne(name, again);
  lpod_pod_name("hello", "y", 0, false, again, &err);
  ck_assert_str_ne(name, again);
  memset(long_name, 'a', 250);
  long_name[250] = 0;
  ck_assert_int_eq(lpod_pod_name(long_name, "x", 0, false, name, &err), LPOD_OK);
  ck_assert_uint_eq(strlen(name), 63);
  ck_assert_int_eq(lpod_pod_name("-.a-.", "x", 0, false, name, &err), LPOD_OK);
  ck_assert_int_eq(strncmp(name, "a-", 2), 0);
  ck_assert_int_eq(lpod_pod_name("hello", "x", 0, true, name, &err), LPOD_OK);
  ck_assert_str_eq(name, "hello");
  ck_assert_int_eq(lpod_pod_name("Hello_x", "x", 0, true, name, &err), LPOD_E_USAGE);
  ck_assert_int_eq(lpod_pod_name("", "x", 0, true, name, &err), LPOD_E_USAGE);
}
END_TEST

START_TEST(test_attempt_ids_tell_tries_apart_LBL_10) {
  char a[LPOD_ATTEMPT_ID], b[LPOD_ATTEMPT_ID];
  lpod_attempt_id("i\nd\nr\nt\n\n\n1", 0, a);
  lpod_attempt_id("i\nd\nr\nt\n\n\n2", 0, b);
  ck_assert_str_ne(a, b);
  lpod_attempt_id("i\nd\nr\nt\n\n\n1", 1, b);
  ck_assert_str_ne(a, b);
  ck_assert_uint_eq(strlen(a), 32);
}
END_TEST

static lpod_rc feed_frame(const char *text, size_t len, size_t piece, bool *whole, lpod_buf *body, lpod_error *err) {
  lpod_frame frame;
  lpod_rc rc = LPOD_OK;
  lpod_frame_init(&frame, 1000);
  *whole = false;
  for (size_t at = 0; at < len && rc == LPOD_OK && !*whole; at += piece)
    rc = lpod_frame_feed(&frame, text + at, len - at < piece ? len - at : piece, whole, err);
  if (*whole) lpod_buf_add(body, frame.body.data, frame.body.len, NULL);
  lpod_frame_free(&frame);
  return rc;
}

START_TEST(test_frame_whole_at_every_split_RES_5_V3) {
  char digest[LPOD_SHA256_HEX], text[256];
  lpod_sha256_hex("{\"a\":1}\n", 8, digest);
  int len = snprintf(text, sizeof text, "LPOD 8 %s\n{\"a\":1}\n", digest);
  for (size_t piece = 1; piece <= (size_t)len; piece++) {
    lpod_buf body = LPOD_BUF_INIT(1000);
    bool whole;
    ck_assert_int_eq(feed_frame(text, (size_t)len, piece, &whole, &body, NULL), LPOD_OK);
    ck_assert(whole);
    ck_assert_str_eq(body.data, "{\"a\":1}\n");
    lpod_buf_free(&body);
  }
  for (int cut = 0; cut < len; cut++) { /* never whole when it is short */
    bool whole;
    ck_assert_int_eq(feed_frame(text, (size_t)cut, 7, &whole, NULL, NULL), LPOD_OK);
    ck_assert(!whole);
  }
}
END_TEST

START_TEST(test_frame_faults_RES_5_X38) {
  static const struct {
    const char *text;
    lpod_rc rc;
  } rows[] = {
      {"LPOD 3 0000000000000000000000000000000000000000000000000000000000000000\nabc", LPOD_E_PARSE},
      {"LPOD 2000 0000000000000000000000000000000000000000000000000000000000000000\n", LPOD_E_LIMIT},
      {"LPOD x\n", LPOD_E_PARSE},
      {"sh: sha256sum: not found\n", LPOD_E_PARSE},
      {"LPOD 3 short\nabc", LPOD_E_PARSE},
      {"LPOD 1 0000000000000000000000000000000000000000000000000000000000000000\nabc", LPOD_E_PARSE},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    lpod_error err = LPOD_ERROR_INIT;
    bool whole;
    ck_assert_int_eq(feed_frame(rows[i].text, strlen(rows[i].text), 1000, &whole, NULL, &err), rows[i].rc);
    ck_assert(!whole);
  }
  bool whole;
  lpod_buf body = LPOD_BUF_INIT(10);
  ck_assert_int_eq(feed_frame("LPOD 0 -\n", 9, 9, &whole, &body, NULL), LPOD_OK);
  ck_assert(whole); /* nothing written: null, not an error */
  lpod_buf_free(&body);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("pod");
  TCase *tests = tcase_create("pod");
#define ADD(name) tcase_add_test(tests, test_##name)
  ADD(projection_survives_its_document_W14);
  ADD(odd_times_are_nothing_X67);
  ADD(not_a_pod);
  ADD(selectors_FND_1);
  ADD(choice_among_leftovers_FND_3_FND_4_FND_5);
  ADD(verdicts_ERR_2_X47_X48_X49_X51);
  ADD(success_only_by_exit_0_V7);
  ADD(names_NAM_5_O27);
  ADD(attempt_ids_tell_tries_apart_LBL_10);
  ADD(frame_whole_at_every_split_RES_5_V3);
  ADD(frame_faults_RES_5_X38);
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
