/* Pods for tests, built from a few words: pod_of("phase=Running base=running engine=e1 …"). */
#ifndef TEST_PODS_H
#define TEST_PODS_H

#include "pod/pod.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline lpod_doc *parse_json(const char *text) {
  lpod_doc *doc = NULL;
  lpod_error err = LPOD_ERROR_INIT;
  ck_assert_msg(lpod_json_parse(text, strlen(text), &doc, &err) == LPOD_OK, "%s in %s", err.text, text);
  return doc;
}

static inline lpod_pod pod_from_json(const char *text) {
  lpod_pod pod = lpod_pod_empty();
  lpod_error err = LPOD_ERROR_INIT;
  lpod_doc *doc = parse_json(text);
  ck_assert_msg(lpod_pod_read(lpod_doc_root(doc), &pod, &err) == LPOD_OK, "%s", err.text);
  lpod_doc_free(doc); /* the projection owns its text */
  return pod;
}

static inline const char *word_of(const char *words, const char *key, const char *fallback, char out[256]) {
  size_t len = strlen(key);
  for (const char *at = words; *at; at += strcspn(at, " ") + (at[strcspn(at, " ")] == ' ')) {
    if (strncmp(at, key, len) != 0 || at[len] != '=') continue;
    snprintf(out, 256, "%.*s", (int)strcspn(at + len + 1, " "), at + len + 1);
    for (char *c = out; *c; c++)
      if (*c == '_') *c = ' ';
    return out;
  }
  snprintf(out, 256, "%s", fallback);
  return out;
}

/* A container's state from a word: "running", "waiting:Reason:message", "exit:3:Error". */
static inline void state_json(const char *word, char *out, size_t room) {
  char kind[64] = "", one[128] = "", two[128] = "";
  sscanf(word, "%63[^:]:%127[^:]:%127[^\n]", kind, one, two);
  if (strcmp(kind, "running") == 0)
    snprintf(out, room, "{\"running\":{\"startedAt\":\"2026-01-01T00:00:05Z\"}}");
  else if (strcmp(kind, "waiting") == 0)
    snprintf(out, room, "{\"waiting\":{\"reason\":\"%s\",\"message\":\"%s\"}}", one, two);
  else
    snprintf(out, room, "{\"terminated\":{\"exitCode\":%d,\"reason\":\"%s\",\"finishedAt\":\"2026-01-01T00:00:09Z\"}}",
             atoi(one),
             *two        ? two
             : atoi(one) ? "Error"
                         : "Completed");
}

/* Words (blanks inside a value are written "_"): uid name phase reason message engine attempt checked=True deleted=1
 * try scheduled=1 unschedulable=TEXT sandbox=1 disruption=REASON base=STATE side=STATE init=STATE sidecar=STATE.
 * Scheduled unless phase is missing or Pending. */
static inline lpod_pod pod_of(const char *words) {
  char uid[256], name[256], phase[256], reason[256], message[256], engine[256], attempt[256], checked[256], try[256],
      why[256], w[256];
  char statuses[2048] = "", inits[1024] = "", conditions[1024] = "", text[8192], state[512];
  word_of(words, "phase", "Pending", phase);
  bool scheduled = *word_of(words, "scheduled", strcmp(phase, "Pending") == 0 ? "" : "1", w) != 0;
  if (*word_of(words, "unschedulable", "", why))
    snprintf(conditions, sizeof conditions,
             "{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"Unschedulable\",\"message\":\"%s\"}", why);
  else if (*word_of(words, "gated", "", w))
    snprintf(conditions, sizeof conditions,
             "{\"type\":\"PodScheduled\",\"status\":\"False\",\"reason\":\"SchedulingGated\"}");
  else
    snprintf(conditions, sizeof conditions,
             "{\"type\":\"PodScheduled\",\"status\":\"%s\",\"lastTransitionTime\":\"2026-01-01T00:00:01Z\"}",
             scheduled ? "True" : "False");
  if (*word_of(words, "sandbox", "", w))
    strcat(conditions, ",{\"type\":\"PodReadyToStartContainers\",\"status\":\"True\"}");
  if (*word_of(words, "disruption", "", why))
    snprintf(conditions + strlen(conditions), sizeof conditions - strlen(conditions),
             ",{\"type\":\"DisruptionTarget\",\"status\":\"True\",\"reason\":\"%s\"}", why);
  static const char *const mains[] = {"base", "side"}, *const firsts[] = {"init", "sidecar"};
  for (int i = 0; i < 2; i++) {
    if (*word_of(words, mains[i], "", w)) {
      state_json(w, state, sizeof state);
      snprintf(statuses + strlen(statuses), sizeof statuses - strlen(statuses), "%s{\"name\":\"%s\",\"state\":%s}",
               *statuses ? "," : "", mains[i], state);
    }
    if (*word_of(words, firsts[i], "", w)) {
      state_json(w, state, sizeof state);
      snprintf(inits + strlen(inits), sizeof inits - strlen(inits), "%s{\"name\":\"%s\",\"state\":%s}",
               *inits ? "," : "", firsts[i], state);
    }
  }
  snprintf(text, sizeof text,
           "{\"metadata\":{\"uid\":\"%s\",\"name\":\"%s\",\"namespace\":\"ns\",\"resourceVersion\":\"7\","
           "\"creationTimestamp\":\"2026-01-01T00:00:00Z\"%s,"
           "\"labels\":{\"lunapod_engine\":\"%s\",\"lunapod_attempt\":\"%s\",\"already_checked\":\"%s\",\"try_number\":"
           "\"%s\"}},"
           "\"spec\":{\"initContainers\":[{\"name\":\"init\"},{\"name\":\"sidecar\",\"restartPolicy\":\"Always\"}]},"
           "\"status\":{\"phase\":\"%s\",\"reason\":\"%s\",\"message\":\"%s\",\"conditions\":[%s],"
           "\"containerStatuses\":[%s],\"initContainerStatuses\":[%s]}}",
           word_of(words, "uid", "u1", uid), word_of(words, "name", "pod-1", name),
           *word_of(words, "deleted", "", w) ? ",\"deletionTimestamp\":\"2026-01-01T00:00:08Z\"" : "",
           word_of(words, "engine", "e1", engine), word_of(words, "attempt", "a1", attempt),
           word_of(words, "checked", "", checked), word_of(words, "try", "1", try), phase,
           word_of(words, "reason", "", reason), word_of(words, "message", "", message), conditions, statuses, inits);
  return pod_from_json(text);
}

#endif
