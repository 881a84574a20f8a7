/* Small services that scripts need and Lua lacks: digests, random text, times, terminals, and writing at once to
 * stdout or stderr. None of them knows an engine, none keeps state; a write never raises SIGPIPE in the process. */
#include "binding.h"
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static int l_digest(lua_State *L) {
  static const char *const algorithms[] = {"sha256", "md5", NULL};
  const char *algorithm = algorithms[luaL_checkoption(L, 1, NULL, algorithms)];
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  char hex[65];
  lpod_error err = LPOD_ERROR_INIT;
  if (lpod_digest(algorithm, text, len, hex, sizeof hex, &err)) return lpod_lua_fail(L, &err);
  lua_pushstring(L, hex);
  return 1;
}

static int l_random(lua_State *L) {
  char text[1025];
  int64_t count = lpod_lua_check_integer(L, 1);
  luaL_argcheck(L, count >= 1 && count < (int64_t)sizeof text, 1, "expected 1 to 1024");
  lpod_error err = LPOD_ERROR_INIT;
  if (lpod_random_text(text, (size_t)count, &err)) return lpod_lua_fail(L, &err);
  lua_pushlstring(L, text, (size_t)count);
  return 1;
}

static int l_parse_time(lua_State *L) {
  size_t len;
  int64_t time;
  const char *text = luaL_checklstring(L, 1, &len);
  if (!lpod_parse_time(text, len, &time)) return lpod_lua_nil(L);
  lua_pushnumber(L, lpod_lua_seconds(time));
  return 1;
}

static int l_format_time(lua_State *L) {
  double seconds = luaL_checknumber(L, 1);
  int64_t digits = lua_isnoneornil(L, 2) ? 6 : lpod_lua_check_integer(L, 2);
  luaL_argcheck(L, fabs(seconds) < 9e9, 1, "no time of our era");
  luaL_argcheck(L, digits == 0 || digits == 6 || digits == 9, 2, "expected 0, 6 or 9");
  int64_t time = digits == 0   ? (int64_t)floor(seconds) * 1000000000
                 : digits == 6 ? lpod_lua_time(seconds)
                               : (int64_t)llround(seconds * 1e9);
  char text[36];
  lpod_format_time(time, (int)digits, text);
  lua_pushstring(L, text);
  return 1;
}

static int l_time(lua_State *L) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  lua_pushnumber(L, (double)now.tv_sec + (double)now.tv_nsec / 1e9);
  return 1;
}

static int check_fd(lua_State *L) {
  int64_t fd = lpod_lua_check_integer(L, 1);
  luaL_argcheck(L, fd >= 0 && fd <= 2, 1, "expected 0, 1 or 2");
  return (int)fd;
}

static int l_isatty(lua_State *L) {
  lua_pushboolean(L, isatty(check_fd(L)));
  return 1;
}

static int l_columns(lua_State *L) {
  struct winsize size;
  if (ioctl(check_fd(L), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return lpod_lua_nil(L);
  lua_pushinteger(L, size.ws_col);
  return 1;
}

/* 0, or errno. Waits when the descriptor does not block and is full. */
static int write_all(int fd, const char *text, size_t len) {
  while (len) {
    ssize_t written = write(fd, text, len);
    if (written > 0) {
      text += written;
      len -= (size_t)written;
    } else if (written < 0 && errno == EAGAIN) {
      poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

/* write_all with SIGPIPE held back in this thread, and taken away if the write raised it and nobody else had before. */
static int write_quietly(int fd, const char *text, size_t len) {
  sigset_t pipe_set, before, pending;
  sigemptyset(&pipe_set);
  sigaddset(&pipe_set, SIGPIPE);
  sigpending(&pending);
  bool was_pending = sigismember(&pending, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe_set, &before);
  int failure = write_all(fd, text, len);
  if (failure == EPIPE && !was_pending) {
    const struct timespec at_once = {0, 0};
    while (sigtimedwait(&pipe_set, NULL, &at_once) < 0 && errno == EINTR) continue;
  }
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return failure;
}

static int l_write(lua_State *L) {
  int fd = check_fd(L);
  luaL_argcheck(L, fd != 0, 1, "expected 1 or 2");
  size_t len;
  const char *text = luaL_checklstring(L, 2, &len);
  lpod_error err = LPOD_ERROR_INIT;
  int failure = write_quietly(fd, text, len);
  if (failure) {
    char reason[128];
    if (strerror_r(failure, reason, sizeof reason) != 0) reason[0] = 0;
    lpod_fail(&err, LPOD_E_IO, "writing to %s: %s", fd == 1 ? "stdout" : "stderr", reason);
  }
  return lpod_lua_answer(L, err.rc, &err);
}

void lpod_lua_open_services(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"digest", l_digest},           {"random", l_random}, {"parse_time", l_parse_time},
      {"format_time", l_format_time}, {"time", l_time},     {"isatty", l_isatty},
      {"columns", l_columns},         {"write", l_write},   {NULL, NULL},
  };
  luaL_setfuncs(L, functions, 0);
}
