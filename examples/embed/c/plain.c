/* lunapod in a C program without Lua: runs one pod, prints its log, exits as its container did.
 *
 *   cc plain.c $(pkg-config --cflags --libs lunapod) -o plain
 *   ./plain pod.yaml                                    KUBECONFIG and the current context tell where
 *
 * The pod is created, watched, followed, and deleted at the end; Ctrl-C deletes it, too. Exit status: the
 * container's; 1 when there is none to tell; 2 for a manifest or kubeconfig that cannot be used; 130 after Ctrl-C. */
#include <lunapod/engine.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct program { /* all that must be let go of at the end, in whatever state it is */
  lpod_doc *manifest;
  lpod_engine *engine;
  lpod_client *client;
  lpod_run *run;
} program;

static int fail(const lpod_error *err) {
  fprintf(stderr, "plain: %s\n", err->text);
  return 2;
}

/* The first document of a YAML file, which lives as long as *doc. */
static const lpod_value *read_manifest(const char *path, lpod_doc **doc, lpod_error *err) {
  static char text[1 << 20];
  FILE *file = fopen(path, "r");
  if (!file) {
    lpod_fail(err, LPOD_E_IO, "%s: cannot be opened", path);
    return NULL;
  }
  size_t len = fread(text, 1, sizeof text, file);
  fclose(file);
  if (lpod_yaml_parse(text, len, path, doc, err)) return NULL;
  const lpod_value *pod = lpod_value_first(lpod_doc_root(*doc));
  if (!pod) lpod_fail(err, LPOD_E_PARSE, "%s: holds no document", path);
  return pod;
}

/* Everything that can fail before the first byte is sent. */
static lpod_rc start(program *self, const char *path, lpod_error *err) {
  const lpod_value *pod = read_manifest(path, &self->manifest, err);
  if (!pod) return err->rc;
  const lpod_value *containers = lpod_value_path(pod, "spec", "containers", NULL);
  const char *logs[] = {lpod_value_text(lpod_value_at(containers, 0), "name"), NULL};

  lpod_rc rc = lpod_engine_new(NULL, &self->engine, err);
  if (rc) return rc;
  rc = lpod_engine_watch_signals(self->engine, (const int[]){SIGINT, SIGTERM}, 2, err);
  if (rc) return rc;
  lpod_client_options cluster = {.size = sizeof cluster};
  rc = lpod_client_new(self->engine, &cluster, &self->client, err);
  if (rc) return rc;
  lpod_run_options options = {.size = sizeof options, .manifest = pod, .logs = logs, .grace = -1};
  rc = lpod_run_new(self->client, &options, &self->run, err);
  if (rc) return rc;
  return lpod_run_advance(self->run, LPOD_PHASE_CLEANED, err);
}

/* The exit status, once the pod is cleaned up. */
static int status_of(lpod_run *run, const lpod_error *err) {
  if (err) fprintf(stderr, "plain: %s\n", err->text);
  if (err && err->rc == LPOD_E_CANCELLED) return 130;
  const lpod_container *task = &lpod_run_report(run)->task;
  int status = task->finished ? task->exit_code : 0;
  return status == 0 && err ? 1 : status;
}

/* Steps until the run is done; *status is what to exit with. */
static lpod_rc drive(program *self, int *status, lpod_error *err) {
  for (;;) {
    lpod_rc rc = lpod_engine_step(self->engine, -1, NULL, err);
    if (rc) return rc;
    for (const lpod_event *event; (event = lpod_engine_next(self->engine));) {
      switch (event->kind) {
      case LPOD_EVENT_OUTPUT:
        fwrite(event->text, 1, event->len, stdout);
        fflush(stdout);
        break;
      case LPOD_EVENT_STATE:
        if (event->name && event->name[0]) fprintf(stderr, "plain: waiting: %s\n", event->name);
        break;
      case LPOD_EVENT_WARNING: fprintf(stderr, "plain: %.*s\n", (int)event->len, event->text); break;
      case LPOD_EVENT_SIGNAL:
        rc = lpod_run_cancel(self->run, -1, err);
        if (rc) return rc;
        break;
      case LPOD_EVENT_PHASE: *status = status_of(self->run, event->error); return LPOD_OK;
      default: break;
      }
    }
  }
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s pod.yaml\n", argv[0]);
    return 2;
  }
  program self = {0};
  lpod_error err = LPOD_ERROR_INIT;
  int status = 2;
  if (start(&self, argv[1], &err) || drive(&self, &status, &err)) status = fail(&err);
  lpod_run_unref(self.run);
  lpod_client_unref(self.client);
  lpod_engine_unref(self.engine);
  lpod_doc_free(self.manifest);
  return status;
}
