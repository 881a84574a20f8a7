/* What reading JSON costs, beside cJSON: one watch event of a pod (about 4 KB) in a stream, and a list of 1,000 pods of
 * about 6 KB with managedFields. Prints a line a case: CPU time an object, nanoseconds a KB, the best of several
 * rounds. `json CASE COUNT` runs one case alone, for counting instructions from outside: callgrind, run with two
 * counts, gives the difference. */
#include "data/json.h"
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHUNK 16384u
#define ROUNDS 7

/* ---- texts ---- */

static const char SPEC[] =
    "\"spec\":{\"volumes\":[{\"name\":\"xcom\",\"emptyDir\":{}},{\"name\":\"kube-api-access-7xk2p\",\"projected\":{"
    "\"sources\":["
    "{\"serviceAccountToken\":{\"expirationSeconds\":3607,\"path\":\"token\"}},{\"configMap\":{\"name\":\"kube-root-ca."
    "crt\","
    "\"items\":[{\"key\":\"ca.crt\",\"path\":\"ca.crt\"}]}},{\"downwardAPI\":{\"items\":[{\"path\":\"namespace\","
    "\"fieldRef\":"
    "{\"apiVersion\":\"v1\",\"fieldPath\":\"metadata.namespace\"}}]}}],\"defaultMode\":420}}],\"containers\":[{"
    "\"name\":\"base\","
    "\"image\":\"registry.example/team/etl:2024.11.3\",\"command\":[\"sh\",\"-c\"],\"args\":[\"set -e; python -m "
    "etl.load "
    "--date \\\"2024-11-03\\\" --table orders > "
    "/airflow/xcom/return.json\"],\"env\":[{\"name\":\"TABLE\",\"value\":\"orders\"},"
    "{\"name\":\"PASSWORD\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"warehouse\",\"key\":\"password\"}}}],"
    "\"resources\":"
    "{\"limits\":{\"cpu\":\"1\",\"memory\":\"1Gi\"},\"requests\":{\"cpu\":\"250m\",\"memory\":\"256Mi\"}},"
    "\"volumeMounts\":[{\"name\":"
    "\"xcom\",\"mountPath\":\"/airflow/xcom\"},{\"name\":\"kube-api-access-7xk2p\",\"readOnly\":true,\"mountPath\":"
    "\"/var/run/secrets/kubernetes.io/serviceaccount\"}],\"terminationMessagePath\":\"/dev/termination-log\","
    "\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"IfNotPresent\"}],\"initContainers\":[{\"name\":"
    "\"airflow-xcom-sidecar\",\"image\":\"alpine\",\"command\":[\"sh\",\"-c\",\"trap 'exit 0' INT; while true; do "
    "sleep 1; "
    "done\"],\"resources\":{\"requests\":{\"cpu\":\"1m\",\"memory\":\"10Mi\"}},\"volumeMounts\":[{\"name\":\"xcom\","
    "\"mountPath\":"
    "\"/airflow/xcom\"},{\"name\":\"kube-api-access-7xk2p\",\"readOnly\":true,\"mountPath\":"
    "\"/var/run/secrets/kubernetes.io/serviceaccount\"}],\"restartPolicy\":\"Always\",\"terminationMessagePath\":"
    "\"/dev/"
    "termination-log\",\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"Always\"}],\"restartPolicy\":"
    "\"Never\","
    "\"terminationGracePeriodSeconds\":30,\"dnsPolicy\":\"ClusterFirst\",\"serviceAccountName\":\"default\","
    "\"serviceAccount\":"
    "\"default\",\"nodeName\":\"worker-17.example\",\"securityContext\":{},\"affinity\":{},\"schedulerName\":\"default-"
    "scheduler\","
    "\"tolerations\":[{\"key\":\"node.kubernetes.io/not-ready\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","
    "\"tolerationSeconds\":300},{\"key\":\"node.kubernetes.io/"
    "unreachable\",\"operator\":\"Exists\",\"effect\":\"NoExecute\","
    "\"tolerationSeconds\":300}],\"priority\":0,\"enableServiceLinks\":true,\"preemptionPolicy\":"
    "\"PreemptLowerPriority\"}";
static const char STATUS[] =
    "\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"PodReadyToStartContainers\",\"status\":\"True\","
    "\"lastProbeTime\":null,\"lastTransitionTime\":\"2024-11-03T08:15:32Z\"},{\"type\":\"Initialized\",\"status\":"
    "\"True\","
    "\"lastProbeTime\":null,\"lastTransitionTime\":\"2024-11-03T08:15:30Z\"},{\"type\":\"Ready\",\"status\":\"True\","
    "\"lastProbeTime\":null,\"lastTransitionTime\":\"2024-11-03T08:15:32Z\"},{\"type\":\"PodScheduled\",\"status\":"
    "\"True\","
    "\"lastProbeTime\":null,\"lastTransitionTime\":\"2024-11-03T08:15:30Z\"}],\"hostIP\":\"10.1.2.17\",\"podIP\":\"10."
    "244.3.91\","
    "\"podIPs\":[{\"ip\":\"10.244.3.91\"}],\"startTime\":\"2024-11-03T08:15:30Z\",\"initContainerStatuses\":[{\"name\":"
    "\"airflow-xcom-sidecar\","
    "\"state\":{\"running\":{\"startedAt\":\"2024-11-03T08:15:31Z\"}},\"lastState\":{},\"ready\":true,\"restartCount\":"
    "0,"
    "\"image\":\"docker.io/library/alpine:latest\",\"imageID\":\"docker.io/library/alpine@sha256:"
    "beefdbd8a1da6d2915566fde36db9db0b524eb737fc57cd1367effd16dc0d06d\",\"containerID\":\"containerd://"
    "9f8e7d6c5b4a392817060a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f\",\"started\":true}],\"containerStatuses\":[{"
    "\"name\":\"base\","
    "\"state\":{\"running\":{\"startedAt\":\"2024-11-03T08:15:31Z\"}},\"lastState\":{},\"ready\":true,\"restartCount\":"
    "0,"
    "\"image\":\"registry.example/team/etl:2024.11.3\",\"imageID\":\"registry.example/team/etl@sha256:"
    "4f2c1d0e9b8a7f6e5d4c3b2a19080706f5e4d3c2b1a09f8e7d6c5b4a39281706\",\"containerID\":\"containerd://"
    "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9\",\"started\":true}],\"qosClass\":\"Burstable\"}";
static const char MANAGED[] =
    "\"managedFields\":[{\"manager\":\"lunapod\",\"operation\":\"Update\",\"apiVersion\":\"v1\",\"time\":\"2024-11-"
    "03T08:15:30Z\","
    "\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:metadata\":{\"f:annotations\":{\".\":{},\"f:example.io/"
    "owner\":{}},\"f:labels\":"
    "{\".\":{},\"f:dag_id\":{},\"f:run_id\":{},\"f:task_id\":{},\"f:try_number\":{}}},\"f:spec\":{\"f:containers\":{"
    "\"k:{\\\"name\\\":\\\"base\\\"}\":{\".\":{},\"f:args\":{},\"f:command\":{},\"f:env\":{\".\":{},\"k:{\\\"name\\\":"
    "\\\"TABLE\\\"}\":"
    "{\".\":{},\"f:name\":{},\"f:value\":{}},\"k:{\\\"name\\\":\\\"PASSWORD\\\"}\":{\".\":{},\"f:name\":{},\"f:"
    "valueFrom\":{\".\":{},"
    "\"f:secretKeyRef\":{}}}},\"f:image\":{},\"f:imagePullPolicy\":{},\"f:name\":{},\"f:resources\":{\".\":{},\"f:"
    "limits\":{\".\":"
    "{},\"f:cpu\":{},\"f:memory\":{}},\"f:requests\":{\".\":{},\"f:cpu\":{},\"f:memory\":{}}},\"f:"
    "terminationMessagePath\":{},"
    "\"f:terminationMessagePolicy\":{},\"f:volumeMounts\":{\".\":{},\"k:{\\\"mountPath\\\":\\\"/airflow/"
    "xcom\\\"}\":{\".\":{},"
    "\"f:mountPath\":{},\"f:name\":{}}}}},\"f:dnsPolicy\":{},\"f:enableServiceLinks\":{},\"f:restartPolicy\":{},"
    "\"f:schedulerName\":{},\"f:securityContext\":{},\"f:terminationGracePeriodSeconds\":{},\"f:volumes\":{\".\":{},"
    "\"k:{\\\"name\\\":\\\"xcom\\\"}\":{\".\":{},\"f:emptyDir\":{},\"f:name\":{}}}}}},{\"manager\":\"kubelet\","
    "\"operation\":\"Update\","
    "\"apiVersion\":\"v1\",\"time\":\"2024-11-03T08:15:32Z\",\"fieldsType\":\"FieldsV1\",\"fieldsV1\":{\"f:status\":{"
    "\"f:conditions\":"
    "{\"k:{\\\"type\\\":\\\"Initialized\\\"}\":{\".\":{},\"f:lastProbeTime\":{},\"f:lastTransitionTime\":{},\"f:"
    "status\":{},\"f:type\":"
    "{}},\"k:{\\\"type\\\":\\\"Ready\\\"}\":{\".\":{},\"f:lastProbeTime\":{},\"f:lastTransitionTime\":{},\"f:status\":{"
    "},\"f:type\":{}},"
    "\"k:{\\\"type\\\":\\\"PodReadyToStartContainers\\\"}\":{\".\":{},\"f:lastProbeTime\":{},\"f:lastTransitionTime\":{"
    "},"
    "\"f:status\":{},\"f:type\":{}}},\"f:containerStatuses\":{},\"f:hostIP\":{},\"f:phase\":{},\"f:podIP\":{},\"f:"
    "podIPs\":{\".\":"
    "{},\"k:{\\\"ip\\\":\\\"10.244.3.91\\\"}\":{\".\":{},\"f:ip\":{}}},\"f:startTime\":{}}},\"subresource\":\"status\"}"
    "],";

static lpod_buf text = LPOD_BUF_INIT(64u << 20);

static void add_pod(unsigned number, bool managed) {
  lpod_buf_addf(
      &text, NULL,
      "{%s\"metadata\":{\"name\":\"etl-load-orders-%04u-k3x9q2vm\",\"namespace\":\"data-team\",\"uid\":"
      "\"2f0c7b1e-9d7a-4b64-8a0e-%012u\",\"resourceVersion\":\"%u\",\"creationTimestamp\":"
      "\"2024-11-03T08:15:30Z\",\"labels\":{\"dag_id\":\"orders\",\"run_id\":\"scheduled-2024-11-03\",\"task_id\":"
      "\"load\",\"try_number\":\"1\",\"map_index\":\"%u\",\"lunapod_engine\":\"x8f2k1m0p9q3r7s5\"},\"annotations\":"
      "{\"example.io/owner\":\"data-platform@example.com\"},%s\"generation\":1},%s,%s}",
      managed ? "" : "\"kind\":\"Pod\",\"apiVersion\":\"v1\",", number, number, 1000000 + number, number,
      managed ? MANAGED : "", SPEC, STATUS);
}

static void make_event(void) {
  lpod_buf_clear(&text);
  lpod_buf_adds(&text, "{\"type\":\"MODIFIED\",\"object\":", NULL);
  add_pod(17, false);
  lpod_buf_adds(&text, "}\n", NULL);
}

static void make_list(void) {
  lpod_buf_clear(&text);
  lpod_buf_adds(
      &text, "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"2000000\"},\"items\":[",
      NULL);
  for (unsigned i = 0; i < 1000; i++) {
    if (i) lpod_buf_addc(&text, ',', NULL);
    add_pod(i, true);
  }
  lpod_buf_adds(&text, "]}\n", NULL);
}

/* ---- cases: each reads the text once and returns how many objects it saw ---- */

static lpod_json_reader *reader;

static void check(bool good) {
  if (good) return;
  fprintf(stderr, "json: the benchmark's own text was refused\n");
  exit(1);
}

static size_t feed(void) {
  size_t objects = 0;
  for (size_t at = 0; at < text.len;) {
    size_t part = text.len - at < CHUNK ? text.len - at : CHUNK, used;
    lpod_doc *doc;
    check(lpod_json_reader_feed(reader, text.data + at, part, &used, &doc, NULL, NULL) == LPOD_OK);
    at += used;
    if (doc) objects++;
    lpod_json_reader_reuse(reader, doc);
  }
  return objects;
}

static size_t read_stream(void) { return feed(); }

static size_t read_items(const char *skip) {
  lpod_json_options options = {.items = "items", .skip = skip};
  reader = lpod_json_reader_new(&options);
  size_t objects = feed() - 1;
  lpod_json_reader_free(reader);
  return objects;
}

static size_t read_items_all(void) { return read_items(NULL); }
static size_t read_items_less(void) { return read_items("managedFields"); }

static size_t read_whole(void) {
  lpod_doc *doc;
  check(lpod_json_parse(text.data, text.len, &doc, NULL) == LPOD_OK);
  size_t objects = lpod_value_count(lpod_value_get(lpod_doc_root(doc), "items"));
  lpod_doc_free(doc);
  return objects ? objects : 1;
}

static size_t read_cjson(void) {
  cJSON *tree = cJSON_ParseWithLength(text.data, text.len);
  check(tree != NULL);
  size_t objects = (size_t)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(tree, "items"));
  cJSON_Delete(tree);
  return objects ? objects : 1;
}

typedef struct test_case {
  const char *name;
  size_t (*run)(void);
  void (*make)(void);
  unsigned repeat;
  bool stream;
} test_case;

static const test_case CASES[] = {
    {"event-stream", read_stream, make_event, 5000, true},     {"event-parse", read_whole, make_event, 5000, false},
    {"event-cjson", read_cjson, make_event, 5000, false},      {"list-items", read_items_all, make_list, 3, false},
    {"list-items-skip", read_items_less, make_list, 3, false}, {"list-whole", read_whole, make_list, 3, false},
    {"list-cjson", read_cjson, make_list, 3, false},
};

static double cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static size_t run(const test_case *test, unsigned count) {
  lpod_json_options options = {.stream = true};
  if (test->stream) reader = lpod_json_reader_new(&options);
  size_t objects = 0;
  for (unsigned i = 0; i < count; i++) objects += test->run();
  if (test->stream) lpod_json_reader_free(reader);
  return objects;
}

int main(int argc, char **argv) {
  bool known = argc < 2;
  if (argc < 2) printf("%-16s %9s %10s %12s %10s\n", "case", "bytes", "objects", "us/object", "ns/KB");
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    const test_case *test = &CASES[i];
    if (argc > 1 && strcmp(argv[1], test->name) != 0) continue;
    known = true;
    test->make();
    if (argc > 1) {
      printf("%zu objects\n", run(test, argc > 2 ? (unsigned)atoi(argv[2]) : 1));
      continue;
    }
    double best = 0;
    size_t objects = 0;
    for (int round = 0; round < ROUNDS; round++) {
      double start = cpu_ns();
      objects = run(test, test->repeat);
      double ns = cpu_ns() - start;
      if (!round || ns < best) best = ns;
    }
    double bytes = (double)text.len * test->repeat;
    printf("%-16s %9zu %10zu %12.2f %10.0f\n", test->name, text.len, objects, best / (double)objects / 1000,
           best / bytes * 1024);
  }
  lpod_buf_free(&text);
  if (!known) fprintf(stderr, "json: no such case\n");
  return known ? 0 : 1;
}
