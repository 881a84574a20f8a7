/* Finding a task's pod among those that earlier engines left: label selectors matched on our side (one list serves a
 * whole run, FND-9), and the choice among several (FND-3…5). Pure. */
#include "pod.h"

#include <string.h>

/* One requirement, text[0..len): key, !key, key=value, key==value, key!=value. */
static bool requirement_fits(const char *text, size_t len, const lpod_value *labels) {
  bool negated = len > 0 && text[0] == '!';
  if (negated) text++, len--;
  const char *equal = memchr(text, '=', len);
  size_t key_len = equal ? (size_t)(equal - text) : len;
  bool differs = false;
  if (equal && key_len > 0 && text[key_len - 1] == '!') differs = true, key_len--;
  if (key_len == 0 || key_len > 320) return false;
  char key[321];
  memcpy(key, text, key_len);
  key[key_len] = 0;
  size_t have_len = 0;
  const char *have = lpod_value_string(lpod_value_get(labels, key), &have_len);
  if (!equal) return negated ? !have : have != NULL;
  const char *want = equal + 1;
  size_t want_len = len - (size_t)(want - text);
  if (!differs && want_len > 0 && *want == '=') want++, want_len--;
  bool same = have && have_len == want_len && memcmp(have, want, want_len) == 0;
  return differs ? !same : same;
}

bool lpod_selector_match(const char *selector, const lpod_value *labels) {
  for (const char *part = selector; *part;) {
    size_t len = strcspn(part, ",");
    if (len > 0 && !requirement_fits(part, len, labels)) return false;
    part += len;
    if (*part == ',') part++;
  }
  return true;
}

static bool task_ended(const lpod_pod *pod, const char *container) {
  return lpod_pod_ended(pod) || lpod_container_is(lpod_pod_container(pod, container), "terminated");
}

/* Is a better than b: live before ended; of live ones the newest; of ended ones the highest try, then the newest. */
static bool better(const lpod_pod *a, const lpod_pod *b, const char *container) {
  bool a_ended = task_ended(a, container), b_ended = task_ended(b, container);
  if (a_ended != b_ended) return b_ended;
  if (a_ended && a->try_number != b->try_number) return a->try_number > b->try_number;
  return a->created > b->created;
}

int lpod_pod_choose(const lpod_pod *pods, size_t count, const char *container) {
  int best = -1;
  for (size_t i = 0; i < count; i++) {
    const lpod_pod *pod = &pods[i];
    if (pod->checked || (pod->terminating && !task_ended(pod, container))) continue;
    if (best < 0 || better(pod, &pods[best], container)) best = (int)i;
  }
  return best;
}
