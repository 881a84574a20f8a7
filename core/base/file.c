/* Whole files into a buffer, within its ceiling. Pipes and devices work, too, since a kubeconfig may be one. A file
 * that fails half-way leaves nothing of itself in the buffer: it may hold a key. */
#include "file.h"
#include "secret.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_SIZE 16384u

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* A file of a known size gets its memory at once, so that growing leaves no copies of a key behind. */
static lpod_rc reserve_size(int fd, lpod_buf *out, lpod_error *err) {
  struct stat info;
  if (fstat(fd, &info) || !S_ISREG(info.st_mode) || info.st_size <= 0) return LPOD_OK;
  return lpod_buf_reserve(out, smaller((size_t)info.st_size + 1, out->ceiling - out->len), err);
}

/* Bytes read into the buffer's free memory; at the ceiling a byte more is only looked for. */
static lpod_rc read_some(int fd, lpod_buf *out, size_t *count, lpod_error *err) {
  char probe;
  size_t left = out->ceiling - out->len;
  size_t room = out->cap ? out->cap - out->len - 1 : 0;
  if (left && !room) {
    lpod_rc rc = lpod_buf_reserve(out, smaller(READ_SIZE, left), err);
    if (rc) return rc;
    room = out->cap - out->len - 1;
  }
  ssize_t got;
  do {
    got = read(fd, left ? out->data + out->len : &probe, left ? smaller(room, left) : 1);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return lpod_fail(err, LPOD_E_IO, "%s", strerror(errno));
  if (!left && got) return lpod_fail(err, LPOD_E_LIMIT, "larger than the limit of %zu bytes", out->ceiling);
  *count = (size_t)got;
  out->len += *count;
  if (out->data) out->data[out->len] = '\0';
  return LPOD_OK;
}

lpod_rc lpod_file_read(const char *path, lpod_buf *out, lpod_error *err) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return lpod_fail(err, LPOD_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
  size_t before = out->len, count = 1;
  lpod_rc rc = reserve_size(fd, out, err);
  while (!rc && count) rc = read_some(fd, out, &count, err);
  close(fd);
  if (!rc) return LPOD_OK;
  if (out->data) {
    lpod_wipe(out->data + before, out->len - before);
    out->len = before;
  }
  lpod_wrap(err, "%s: cannot be read", path);
  return rc;
}
