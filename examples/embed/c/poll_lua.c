/* lunapod in a C program that has a poll(2) loop and a Lua state: the program watches one descriptor more,
 * lpod_engine_fd, and tells a script when it is readable. Its own timer ticks every 10 ms all the while; at the end
 * it prints how late a tick ever came.
 *
 *   cc poll_lua.c $(pkg-config --cflags --libs lunapod lua5.4) -o poll_lua
 *   ./poll_lua pods.lua [arguments of the script]
 *
 * The script is called with the engine (which it borrows: lunapod.new{engine = …}) and its arguments. It returns a
 * function that is called whenever the engine has work, and answers true as long as something is to come. */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <lunapod/engine.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define TICK 0.010 /* seconds */

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What a program of its own does besides: here, a tick. */
typedef struct ticker {
  int fd;
  double last, longest_gap;
  unsigned ticks;
} ticker;

static bool ticker_start(ticker *self) {
  struct itimerspec every = {.it_interval = {.tv_nsec = (long)(TICK * 1e9)},
                             .it_value = {.tv_nsec = (long)(TICK * 1e9)}};
  self->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  self->last = seconds(CLOCK_MONOTONIC);
  return self->fd >= 0 && timerfd_settime(self->fd, 0, &every, NULL) == 0;
}

static void ticker_tick(ticker *self) {
  uint64_t expired;
  if (read(self->fd, &expired, sizeof expired) < 0) return;
  double now = seconds(CLOCK_MONOTONIC), gap = now - self->last;
  if (gap > self->longest_gap) self->longest_gap = gap;
  self->last = now;
  self->ticks++;
}

/* Runs the script; its function stays on top of the stack. */
static bool load_script(lua_State *L, lpod_engine *engine, int argc, char **argv) {
  if (luaL_loadfile(L, argv[1])) return false;
  lua_pushlightuserdata(L, engine);
  lua_pushinteger(L, (lua_Integer)lpod_abi()); /* a module of another layout of the core refuses the engine */
  for (int i = 2; i < argc; i++) lua_pushstring(L, argv[i]);
  if (lua_pcall(L, argc, 1, 0)) return false;
  if (lua_isfunction(L, -1)) return true;
  lua_pushliteral(L, "the script returned no function");
  return false;
}

/* Calls the script's function: is there more to come? Its error, if any, is left on the stack. */
static bool call_script(lua_State *L, bool *more) {
  lua_pushvalue(L, -1);
  if (lua_pcall(L, 0, 1, 0)) return false;
  *more = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return true;
}

/* The program's loop. */
static bool loop(lua_State *L, lpod_engine *engine, ticker *ticks, double *longest_step) {
  bool more = true;
  lpod_engine_wake(engine); /* what the script has spawned waits for its first turn */
  while (more) {
    struct pollfd watched[] = {{.fd = ticks->fd, .events = POLLIN}, {.fd = lpod_engine_fd(engine), .events = POLLIN}};
    if (poll(watched, 2, -1) < 0) continue;
    if (watched[0].revents) ticker_tick(ticks);
    if (!watched[1].revents) continue;
    double before = seconds(CLOCK_THREAD_CPUTIME_ID);
    if (!call_script(L, &more)) return false;
    double step = seconds(CLOCK_THREAD_CPUTIME_ID) - before;
    if (step > *longest_step) *longest_step = step;
  }
  return true;
}

int main(int argc, char **argv) {
  if (argc < 2) {
    fprintf(stderr, "usage: %s script.lua [arguments]\n", argv[0]);
    return 2;
  }
  lpod_error err = LPOD_ERROR_INIT;
  lpod_engine *engine = NULL;
  if (lpod_engine_new(NULL, &engine, &err)) {
    fprintf(stderr, "poll_lua: %s\n", err.text);
    return 2;
  }
  lua_State *L = luaL_newstate();
  ticker ticks = {.fd = -1};
  double longest_step = 0;
  bool ok = false;
  if (L) {
    luaL_openlibs(L);
    ok = load_script(L, engine, argc, argv) && ticker_start(&ticks) && loop(L, engine, &ticks, &longest_step);
    if (!ok) {
      luaL_callmeta(L, -1, "__tostring"); /* an error object says it by this */
      const char *text = lua_tostring(L, -1);
      fprintf(stderr, "poll_lua: %s\n", text ? text : "an error without text");
    }
  }
  printf("the timer ticked %u times, longest gap %.1f ms; longest step %.1f ms of CPU\n", ticks.ticks,
         ticks.longest_gap * 1e3, longest_step * 1e3);
  if (L) lua_close(L);
  if (ticks.fd >= 0) close(ticks.fd);
  lpod_engine_unref(engine);
  return ok ? 0 : 1;
}
