/* The engine as a userdata: stepping it, taking its events, its timers and signals; and what client and run share
 * with it.
 *
 * Events and reports are borrowed from the core while they become Lua values, and making Lua values may run
 * finalizers of the script: meanwhile the engine is busy, and every method on it or its clients and runs raises.
 * Closing an engine closes what hangs on it. Nothing here calls Lua from inside a step. */
#include "binding.h"
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <string.h>

const char *const lpod_lua_phases[] = {"none", "found", "created", "started", "ended", "result", "cleaned", NULL};

static const struct {
  const char *name;
  int number;
} signals[] = {
    {"INT", SIGINT},   {"TERM", SIGTERM}, {"HUP", SIGHUP},   {"QUIT", SIGQUIT},   {"USR1", SIGUSR1},
    {"USR2", SIGUSR2}, {"ALRM", SIGALRM}, {"PIPE", SIGPIPE}, {"WINCH", SIGWINCH}, {"CONT", SIGCONT},
};
#define SIGNAL_COUNT (sizeof signals / sizeof signals[0])

/* ---- classes and handles ---- */

void lpod_lua_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction close) {
  luaL_newmetatable(L, name);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "close");
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__gc");
  lua_pushcfunction(L, close);
  lua_setfield(L, -2, "__close");
  lua_pushliteral(L, "lunapod");
  lua_setfield(L, -2, "__metatable");
  lua_pop(L, 1);
}

lpod_lua_handle *lpod_lua_new_handle(lua_State *L, const char *name, size_t size,
                                     void (*release)(lpod_lua_handle *handle)) {
  lpod_lua_handle *handle = lua_newuserdata(L, size);
  memset(handle, 0, size);
  handle->release = release;
  luaL_getmetatable(L, name);
  lua_setmetatable(L, -2);
  lua_createtable(L, 1, 0); /* Lua 5.1 and 5.2 associate tables only */
  lua_pushvalue(L, 1);
  lua_rawseti(L, -2, 1);
  lua_setuservalue(L, -2);
  return handle;
}

void lpod_lua_attach(lpod_lua_handle *handle, lpod_lua_engine *owner) {
  handle->owner = owner;
  handle->next = owner->handles;
  handle->link = &owner->handles;
  if (handle->next) handle->next->link = &handle->next;
  owner->handles = handle;
}

static void detach(lpod_lua_handle *handle) {
  if (!handle->owner) return;
  *handle->link = handle->next;
  if (handle->next) handle->next->link = handle->link;
  handle->owner = NULL;
  handle->release(handle);
}

static void keep_off(lua_State *L, const lpod_lua_engine *owner) {
  if (owner->busy) luaL_error(L, "the engine cannot be used here: a finalizer runs inside one of its calls");
}

lpod_lua_handle *lpod_lua_check_handle(lua_State *L, const char *name) {
  lpod_lua_handle *handle = luaL_checkudata(L, 1, name);
  if (!handle->owner) return NULL;
  keep_off(L, handle->owner);
  return handle;
}

int lpod_lua_close_handle(lua_State *L, const char *name) {
  detach(luaL_checkudata(L, 1, name));
  lua_pushboolean(L, 1);
  return 1;
}

int lpod_lua_while_busy(lua_State *L, lpod_lua_engine *owner, lua_CFunction function) {
  int top = lua_gettop(L);
  lua_pushcfunction(L, function); /* allocates on Lua 5.1: a finalizer may run here */
  lua_pushvalue(L, 1);
  owner->busy = true;
  int failed = lua_pcall(L, 1, LUA_MULTRET, 0);
  owner->busy = false;
  return failed ? lua_error(L) : lua_gettop(L) - top;
}

/* ---- making and closing ---- */

lpod_lua_engine *lpod_lua_check_engine(lua_State *L) {
  lpod_lua_engine *self = luaL_checkudata(L, 1, LPOD_LUA_ENGINE);
  if (!self->engine) return NULL;
  keep_off(L, self);
  return self;
}

#define OPEN_ENGINE(self) \
  lpod_lua_engine *self = lpod_lua_check_engine(L); \
  if (!self) return lpod_lua_closed(L, "engine")

static int l_engine_close(lua_State *L) {
  lpod_lua_engine *self = luaL_checkudata(L, 1, LPOD_LUA_ENGINE);
  keep_off(L, self);
  while (self->handles) detach(self->handles);
  lpod_engine *engine = self->engine;
  self->engine = NULL;
  lpod_engine_unref(engine);
  lua_pushboolean(L, 1);
  return 1;
}

typedef struct engine_options {
  lpod_engine_options engine;
  int64_t abi;
} engine_options;

static const lpod_lua_option engine_known[] = {
    {"instance", LPOD_LUA_TEXT, offsetof(engine_options, engine.instance)},
    {"state", LPOD_LUA_TEXT, offsetof(engine_options, engine.state)},
    {"abi", LPOD_LUA_INT64, offsetof(engine_options, abi)},
    {"engine", LPOD_LUA_OTHER, 0},
    {NULL, 0, 0},
};

/* A C host's engine, when the host was built against the same layout. */
static lpod_rc borrow(lpod_lua_engine *self, void *engine, int64_t abi, lpod_error *err) {
  if (abi != lpod_abi())
    return lpod_fail(err, LPOD_E_USAGE,
                     "the host's lunapod has ABI %lld, this module has %u: build both from one version", (long long)abi,
                     lpod_abi());
  self->engine = lpod_engine_ref(engine);
  return LPOD_OK;
}

static int l_engine(lua_State *L) {
  engine_options options = {.engine = {.size = sizeof options.engine}};
  lpod_error err = LPOD_ERROR_INIT;
  lua_settop(L, 1);
  lpod_lua_read_options(L, 1, engine_known, &options);
  int host = lpod_lua_push_option(L, 1, "engine");
  luaL_argcheck(L, host == LUA_TNIL || (host == LUA_TLIGHTUSERDATA && lua_touserdata(L, -1)), 1,
                "option 'engine': expected a light userdata");
  void *engine = lua_touserdata(L, -1);

  lpod_lua_engine *self = lua_newuserdata(L, sizeof *self);
  *self = (lpod_lua_engine){0};
  luaL_getmetatable(L, LPOD_LUA_ENGINE);
  lua_setmetatable(L, -2);
  lua_newtable(L); /* ids whose output is wanted as lines */
  lua_setuservalue(L, -2);
  lpod_rc rc = engine ? borrow(self, engine, options.abi, &err) : lpod_engine_new(&options.engine, &self->engine, &err);
  return rc ? lpod_lua_fail(L, &err) : 1;
}

/* ---- waiting ---- */

static int l_engine_fd(lua_State *L) {
  OPEN_ENGINE(self);
  lua_pushinteger(L, lpod_engine_fd(self->engine));
  return 1;
}

static int l_engine_timeout(lua_State *L) {
  OPEN_ENGINE(self);
  int timeout = lpod_engine_timeout(self->engine);
  if (timeout < 0) return lpod_lua_nil(L);
  lua_pushnumber(L, timeout / 1000.0);
  return 1;
}

static int l_engine_events(lua_State *L) {
  OPEN_ENGINE(self);
  lua_pushliteral(L, "r");
  return 1;
}

static int l_engine_dirty(lua_State *L) {
  OPEN_ENGINE(self);
  lua_pushboolean(L, lpod_engine_timeout(self->engine) == 0);
  return 1;
}

/* Seconds → milliseconds, rounded up so that a timer is never asked for too early; nil or infinity: without limit. */
static int check_timeout(lua_State *L, int index) {
  if (lua_isnoneornil(L, index)) return -1;
  double milliseconds = ceil(luaL_checknumber(L, index) * 1000);
  luaL_argcheck(L, milliseconds >= 0, index, "expected seconds, 0 or more");
  if (isinf(milliseconds)) return -1;
  return milliseconds < INT_MAX ? (int)milliseconds : INT_MAX;
}

static int l_engine_step(lua_State *L) {
  int timeout = check_timeout(L, 2);
  OPEN_ENGINE(self);
  lpod_error err = LPOD_ERROR_INIT;
  bool interrupted = false;
  lpod_rc rc = lpod_engine_step(self->engine, timeout, &interrupted, &err);
  if (rc || !interrupted) return lpod_lua_answer(L, rc, &err);
  lua_pushboolean(L, 0);
  lua_pushliteral(L, "interrupted");
  return 2;
}

static int l_engine_wake(lua_State *L) {
  OPEN_ENGINE(self);
  lpod_engine_wake(self->engine);
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- events ---- */

static void push_error_or_nil(lua_State *L, const lpod_error *err) {
  if (err)
    lpod_lua_push_error(L, err);
  else
    lua_pushnil(L);
}

static void push_text_or_nil(lua_State *L, const char *text, size_t len) {
  if (text)
    lua_pushlstring(L, text, len);
  else
    lua_pushnil(L);
}

/* value, err: at most one of them is not nil. */
static void push_value_or_error(lua_State *L, const lpod_event *event) {
  lpod_error err = LPOD_ERROR_INIT;
  if (event->error || !event->value) {
    lua_pushnil(L);
    push_error_or_nil(L, event->error);
  } else if (lpod_lua_push_value(L, event->value, &err)) {
    lua_pushnil(L);
    lpod_lua_push_error(L, &err);
  } else {
    lua_pushnil(L);
  }
}

static void push_lines(lua_State *L, const lpod_event *event) {
  lua_createtable(L, event->line_count < INT_MAX ? (int)event->line_count : 0, 0);
  for (size_t i = 0; i < event->line_count; i++) {
    const lpod_line *line = &event->lines[i];
    lua_createtable(L, 0, 2);
    if (line->time) {
      lua_pushnumber(L, lpod_lua_seconds(line->time));
      lua_setfield(L, -2, "time");
    }
    lua_pushlstring(L, event->text + line->offset, line->len);
    lua_setfield(L, -2, "text");
    lua_rawseti(L, -2, (int)i + 1);
  }
}

static void push_signal(lua_State *L, int number) {
  for (size_t i = 0; i < SIGNAL_COUNT; i++)
    if (signals[i].number == number) {
      lua_pushstring(L, signals[i].name);
      return;
    }
  lua_pushfstring(L, "%d", number);
}

/* The table of ids whose output is wanted as lines, of the engine at 1. */
static void push_wanted(lua_State *L) { lua_getuservalue(L, 1); }

static void set_wanted(lua_State *L, lpod_id id, bool wanted) {
  push_wanted(L);
  lua_pushnumber(L, (lua_Number)id);
  if (wanted)
    lua_pushboolean(L, 1);
  else
    lua_pushnil(L);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

static bool is_wanted(lua_State *L, lpod_id id) {
  push_wanted(L);
  lua_pushnumber(L, (lua_Number)id);
  lua_rawget(L, -2);
  bool wanted = lua_toboolean(L, -1);
  lua_pop(L, 2);
  return wanted;
}

static void push_output(lua_State *L, const lpod_event *event) {
  bool as_lines = is_wanted(L, event->id) && event->line_count;
  push_text_or_nil(L, as_lines ? NULL : event->text, event->len);
  if (event->name && event->name[0])
    lua_pushstring(L, event->name);
  else
    lua_pushstring(L, event->number == 2 ? "stderr" : "stdout");
  if (as_lines) push_lines(L, event);
}

/* Everything of an event behind its id and kind. */
static void push_details(lua_State *L, const lpod_event *event) {
  switch (event->kind) {
  case LPOD_EVENT_TIMER: break;
  case LPOD_EVENT_SIGNAL: push_signal(L, event->number); break;
  case LPOD_EVENT_RESPONSE:
    push_value_or_error(L, event);
    if (event->number)
      lua_pushinteger(L, event->number);
    else
      lua_pushnil(L);
    push_text_or_nil(L, event->text, event->len);
    break;
  case LPOD_EVENT_WATCH:
    lua_pushstring(L, event->name);
    push_value_or_error(L, event);
    break;
  case LPOD_EVENT_OPEN: lua_pushinteger(L, event->number); break;
  case LPOD_EVENT_OUTPUT: push_output(L, event); break;
  case LPOD_EVENT_END:
    set_wanted(L, event->id, false);
    push_error_or_nil(L, event->error);
    if (event->text)
      lua_pushlstring(L, event->text, event->len);
    else
      lua_pushinteger(L, event->number);
    break;
  case LPOD_EVENT_STATE: lua_pushstring(L, event->name); break;
  case LPOD_EVENT_PHASE:
    if (event->phase == LPOD_PHASE_CLEANED) set_wanted(L, event->id, false);
    lua_pushstring(L, lpod_lua_phases[event->phase]);
    push_error_or_nil(L, event->error);
    break;
  case LPOD_EVENT_WARNING: push_text_or_nil(L, event->text, event->len); break;
  }
}

/* engine → the next event's values */
static int push_event(lua_State *L) {
  static const char *const kinds[] = {"",       "timer", "signal", "response", "watch",  "open",
                                      "output", "end",   "state",  "phase",    "warning"};
  const lpod_lua_engine *self = lua_touserdata(L, 1);
  if (!self->engine) return lpod_lua_closed(L, "engine");
  luaL_checkstack(L, 10, "no room for an event");
  const lpod_event *event = lpod_engine_next(self->engine);
  if (!event) return 0;
  if (event->kind < LPOD_EVENT_TIMER || event->kind > LPOD_EVENT_WARNING)
    return luaL_error(L, "the core sent an event of unknown kind %d", (int)event->kind);
  lua_pushinteger(L, (lua_Integer)event->id);
  lua_pushstring(L, kinds[event->kind]);
  push_details(L, event);
  return lua_gettop(L) - 1;
}

static int l_engine_next_event(lua_State *L) {
  OPEN_ENGINE(self);
  return lpod_lua_while_busy(L, self, push_event);
}

static int l_engine_want_lines(lua_State *L) {
  int64_t id = lpod_lua_check_integer(L, 2);
  bool wanted = lua_isnone(L, 3) || lua_toboolean(L, 3);
  OPEN_ENGINE(self);
  set_wanted(L, (lpod_id)id, wanted);
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- timers, signals, identity ---- */

static int l_engine_timer(lua_State *L) {
  double seconds = luaL_checknumber(L, 2);
  luaL_argcheck(L, isfinite(seconds) && seconds >= 0, 2, "expected seconds, 0 or more");
  OPEN_ENGINE(self);
  lpod_error err = LPOD_ERROR_INIT;
  return lpod_lua_answer_id(L, lpod_engine_timer(self->engine, seconds, &err), &err);
}

static int l_engine_cancel(lua_State *L) {
  int64_t id = lpod_lua_check_integer(L, 2);
  OPEN_ENGINE(self);
  lpod_cancel(self->engine, (lpod_id)id);
  set_wanted(L, (lpod_id)id, false);
  lua_pushboolean(L, 1);
  return 1;
}

static int l_engine_hold(lua_State *L) {
  int64_t id = lpod_lua_check_integer(L, 2);
  bool held = lua_isnone(L, 3) || lua_toboolean(L, 3);
  OPEN_ENGINE(self);
  lpod_hold(self->engine, (lpod_id)id, held);
  lua_pushboolean(L, 1);
  return 1;
}

static int signal_number(lua_State *L) {
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, -1);
  for (size_t i = 0; i < SIGNAL_COUNT; i++)
    if (strcmp(signals[i].name, name) == 0) return signals[i].number;
  return luaL_argerror(L, 2, lua_pushfstring(L, "'%s' is no signal to watch", name));
}

static int l_engine_watch_signals(lua_State *L) {
  int numbers[SIGNAL_COUNT];
  luaL_checktype(L, 2, LUA_TTABLE);
  size_t count = lua_rawlen(L, 2);
  luaL_argcheck(L, count <= SIGNAL_COUNT, 2, "too many signals");
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, 2, (int)i + 1);
    numbers[i] = signal_number(L);
    lua_pop(L, 1);
  }
  OPEN_ENGINE(self);
  lpod_error err = LPOD_ERROR_INIT;
  return lpod_lua_answer(L, lpod_engine_watch_signals(self->engine, numbers, count, &err), &err);
}

static int l_engine_now(lua_State *L) {
  OPEN_ENGINE(self);
  lua_pushnumber(L, lpod_engine_now(self->engine));
  return 1;
}

static int l_engine_id(lua_State *L) {
  OPEN_ENGINE(self);
  lua_pushstring(L, lpod_engine_id(self->engine));
  return 1;
}

static int l_engine_instance(lua_State *L) {
  OPEN_ENGINE(self);
  lpod_error err = LPOD_ERROR_INIT;
  const char *instance = NULL;
  lpod_rc rc = lpod_engine_instance(self->engine, &instance, &err);
  if (!instance) return lpod_lua_fail(L, &err);
  lua_pushstring(L, instance);
  if (!rc) return 1;
  lua_pushstring(L, err.text);
  return 2;
}

static int l_engine_alive(lua_State *L) {
  const char *id = luaL_checkstring(L, 2);
  OPEN_ENGINE(self);
  int alive = lpod_engine_alive(self->engine, id);
  if (alive < 0) return lpod_lua_nil(L);
  lua_pushboolean(L, alive);
  return 1;
}

void lpod_lua_open_engine(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"fd", l_engine_fd},
      {"timeout", l_engine_timeout},
      {"step", l_engine_step},
      {"wake", l_engine_wake},
      {"next_event", l_engine_next_event},
      {"want_lines", l_engine_want_lines},
      {"timer", l_engine_timer},
      {"cancel", l_engine_cancel},
      {"hold", l_engine_hold},
      {"watch_signals", l_engine_watch_signals},
      {"now", l_engine_now},
      {"id", l_engine_id},
      {"instance", l_engine_instance},
      {"alive", l_engine_alive},
      {"pollfd", l_engine_fd}, /* cqueues' names, and luasocket's */
      {"events", l_engine_events},
      {"getfd", l_engine_fd},
      {"dirty", l_engine_dirty},
      {"client", lpod_lua_new_client},
      {NULL, NULL},
  };
  lpod_lua_class(L, LPOD_LUA_ENGINE, methods, l_engine_close);
  lua_pushcfunction(L, l_engine);
  lua_setfield(L, -2, "engine");
}
