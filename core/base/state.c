/* The folder of state that outlives a process: the id of this installation and one locked file per running engine.
 * Both appear under their final name by link(2), complete and locked, so that no reader ever sees a half-made one.
 * A lock is flock(2)'s: it ends with the process, however that ends. */
#include "file.h"
#include "random.h"
#include "text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_LEN ((size_t)LPOD_INSTANCE_ID - 1)

char *lpod_state_folder(void) {
  const char *state = getenv("XDG_STATE_HOME");
  if (state && state[0] == '/') return lpod_text_format("%s/lunapod", state);
  const char *home = getenv("HOME");
  return home && home[0] == '/' ? lpod_text_format("%s/.local/state/lunapod", home) : NULL;
}

static lpod_rc failed(lpod_error *err, const char *path, const char *what) {
  return lpod_fail(err, LPOD_E_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* The folder and those above it, for this user alone. */
static lpod_rc make_folders(const char *folder, lpod_error *err) {
  char *path = lpod_text_copy(folder);
  if (!path) return lpod_nomem(err);
  lpod_rc rc = LPOD_OK;
  for (char *slash = path + 1; !rc; slash++) {
    slash += strcspn(slash, "/");
    char end = *slash;
    *slash = '\0';
    struct stat info;
    if (mkdir(path, 0700) && (errno != EEXIST || stat(path, &info) || !S_ISDIR(info.st_mode))) {
      rc = failed(err, path, "folder cannot be made");
    }
    *slash = end;
    if (!end) break;
  }
  free(path);
  return rc;
}

/* ---- the id of this installation ---- */

static bool is_id(const char *text, size_t len) {
  if (len != ID_LEN) return false;
  for (size_t i = 0; i < len; i++) {
    if (!((text[i] >= 'a' && text[i] <= 'z') || (text[i] >= '0' && text[i] <= '9'))) return false;
  }
  return true;
}

static lpod_rc read_id(const char *path, char out[LPOD_INSTANCE_ID], lpod_error *err) {
  lpod_buf text = LPOD_BUF_INIT(256);
  lpod_rc rc = lpod_file_read(path, &text, err);
  if (!rc) {
    if (text.len && text.data[text.len - 1] == '\n') text.len--;
    if (is_id(text.data ? text.data : "", text.len)) {
      memcpy(out, text.data, ID_LEN);
      out[ID_LEN] = '\0';
    } else {
      rc = lpod_fail(err, LPOD_E_IO, "%s: found %zu bytes, expected %zu of a-z and 0-9", path, text.len, ID_LEN);
    }
  }
  lpod_buf_free(&text);
  return rc;
}

/* A new file for this user alone, written and closed. */
static lpod_rc write_new(const char *path, const char *text, size_t len, lpod_error *err) {
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed(err, path, "cannot be made");
  ssize_t written;
  do {
    written = write(fd, text, len);
  } while (written < 0 && errno == EINTR);
  if (written >= 0 && (size_t)written < len) errno = ENOSPC;
  bool good = written >= 0 && (size_t)written == len;
  if (!good) failed(err, path, "cannot be written");
  close(fd);
  if (good) return LPOD_OK;
  unlink(path);
  return LPOD_E_IO;
}

/* Keep the id in out; if another process was first, out becomes the other's. */
static lpod_rc keep_id(const char *folder, const char *path, char out[LPOD_INSTANCE_ID], lpod_error *err) {
  lpod_rc rc = make_folders(folder, err);
  if (rc) return rc;
  char *made = lpod_text_format("%s.%s", path, out);
  if (!made) return lpod_nomem(err);
  char line[LPOD_INSTANCE_ID];
  memcpy(line, out, ID_LEN);
  line[ID_LEN] = '\n';
  rc = write_new(made, line, sizeof line, err);
  if (!rc) {
    if (link(made, path)) rc = errno == EEXIST ? read_id(path, out, err) : failed(err, path, "cannot be made");
    unlink(made);
  }
  free(made);
  return rc;
}

lpod_rc lpod_state_instance(const char *folder, char out[LPOD_INSTANCE_ID], lpod_error *err) {
  lpod_rc rc = lpod_random_name(out, ID_LEN, err);
  if (rc) return rc;
  if (!folder) return lpod_fail(err, LPOD_E_IO, "no folder for state: neither XDG_STATE_HOME nor HOME is set");
  char *path = lpod_text_format("%s/instance", folder);
  if (!path) return lpod_nomem(err);
  rc = access(path, F_OK) == 0 ? read_id(path, out, err) : keep_id(folder, path, out, err);
  free(path);
  return rc;
}

/* ---- running engines ---- */

/* An id becomes a file's name: no way out of the folder, and no hidden file. */
static bool is_file_name(const char *id) {
  size_t len = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
  return len && len <= 200 && !id[len] && id[0] != '.';
}

static char *engine_path(const char *folder, const char *id, const char *suffix) {
  return lpod_text_format("%s/engines/%s%s", folder, id, suffix);
}

/* Give the locked file its final name. A file of that name whose engine is dead makes way. */
static lpod_rc publish(const char *folder, const char *id, const char *made, const char *path, lpod_error *err) {
  for (int tries = 0; link(made, path); tries++) {
    if (errno != EEXIST) return failed(err, path, "cannot be made");
    if (tries || lpod_state_engine(folder, id) != LPOD_ENGINE_DEAD) {
      return lpod_fail(err, LPOD_E_IO, "%s: held by another engine", path);
    }
    unlink(path);
  }
  return LPOD_OK;
}

static lpod_rc hold(const char *folder, const char *id, const char *made, const char *path, int *out, lpod_error *err) {
  int fd = open(made, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return failed(err, made, "cannot be made");
  lpod_rc rc = flock(fd, LOCK_EX | LOCK_NB) ? failed(err, made, "cannot be locked") : LPOD_OK;
  if (!rc) rc = publish(folder, id, made, path, err);
  unlink(made);
  if (rc) {
    close(fd);
  } else {
    *out = fd;
  }
  return rc;
}

lpod_rc lpod_state_hold(const char *folder, const char *id, int *fd, lpod_error *err) {
  *fd = -1;
  if (!folder) return lpod_fail(err, LPOD_E_IO, "no folder for state: neither XDG_STATE_HOME nor HOME is set");
  if (!is_file_name(id)) return lpod_fail(err, LPOD_E_USAGE, "engine id: expected letters, digits, '-', '_' and '.'");
  char suffix[2 + 8 + 1] = ".~";
  lpod_rc rc = lpod_random_name(suffix + 2, 8, err);
  if (rc) return rc;
  char *engines = lpod_text_format("%s/engines", folder);
  char *path = engine_path(folder, id, ""), *made = engine_path(folder, id, suffix);
  bool named = engines && path && made;
  rc = named ? make_folders(engines, err) : lpod_nomem(err);
  if (named && !rc) rc = hold(folder, id, made, path, fd, err);
  free(engines);
  free(path);
  free(made);
  return rc;
}

/* The name goes first: a file without a lock means an engine that died. */
void lpod_state_release(const char *folder, const char *id, int fd) {
  if (fd < 0) return;
  char *path = folder && is_file_name(id) ? engine_path(folder, id, "") : NULL;
  if (path) unlink(path);
  free(path);
  close(fd);
}

lpod_engine_life lpod_state_engine(const char *folder, const char *id) {
  char *path = folder && is_file_name(id) ? engine_path(folder, id, "") : NULL;
  int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
  free(path);
  if (fd < 0) return LPOD_ENGINE_UNKNOWN;
  lpod_engine_life life = LPOD_ENGINE_DEAD;
  if (flock(fd, LOCK_SH | LOCK_NB)) life = errno == EWOULDBLOCK ? LPOD_ENGINE_ALIVE : LPOD_ENGINE_UNKNOWN;
  close(fd);
  return life;
}
