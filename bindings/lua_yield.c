/* May the running coroutine yield? Found out without trying, so that a waiting call can refuse before it sends
 * anything (design: waiting).
 *
 * Lua 5.3 and newer and LuaJIT know. Lua 5.2 yields across pcall, iterators and metamethods but across no other C
 * function; Lua 5.1 across nothing but plain Lua calls. There the call stack is walked. Its limit, in 5.1 alone: a
 * metamethod is recognised by the metatables of its arguments, so that one that takes none, has overwritten them or
 * waits in a tail call is not; Lua then raises its own error at the yield. */
#include "binding.h"
#include <string.h>

#if LUA_VERSION_NUM >= 503 || defined(LPOD_LUAJIT)

static bool can_yield(lua_State *L) { return lua_isyieldable(L); }

#elif LUA_VERSION_NUM == 502

/* Is the function on top one of the C functions, kept as upvalues, that Lua 5.2 can yield across? */
static bool is_transparent(lua_State *L) {
  return lua_rawequal(L, -1, lua_upvalueindex(1)) || lua_rawequal(L, -1, lua_upvalueindex(2));
}

static bool can_yield(lua_State *L) {
  lua_Debug frame;
  for (int level = 1; lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "Sf", &frame);
    bool passes = frame.what[0] != 'C' || is_transparent(L);
    lua_pop(L, 1);
    if (!passes) return false;
  }
  return true;
}

#else

/* Is the function on top a metamethod (but __call, which is a plain call) of the value below it? */
static bool is_metamethod_of_value(lua_State *L) {
  bool found = false;
  if (lua_getmetatable(L, -2)) {
    lua_pushnil(L);
    while (!found && lua_next(L, -2)) {
      found = lua_rawequal(L, -1, -4) && lua_type(L, -2) == LUA_TSTRING && strncmp(lua_tostring(L, -2), "__", 2) == 0 &&
              strcmp(lua_tostring(L, -2), "__call") != 0;
      lua_pop(L, found ? 2 : 1);
    }
    lua_pop(L, 1);
  }
  return found;
}

/* Is the function on top, running in this frame, a metamethod of its first or second argument? */
static bool is_metamethod(lua_State *L, const lua_Debug *frame) {
  bool found = false;
  for (int i = 1; i <= 2 && !found && lua_getlocal(L, frame, i); i++) {
    lua_pushvalue(L, -2);
    found = is_metamethod_of_value(L);
    lua_pop(L, 2);
  }
  return found;
}

static bool can_yield(lua_State *L) {
  lua_Debug frame;
  luaL_checkstack(L, 8, "no room to walk the stack");
  for (int level = 1; lua_getstack(L, level, &frame); level++) {
    lua_getinfo(L, "Snf", &frame);
    bool passes = frame.what[0] != 'C';
    if (frame.name && strcmp(frame.name, "(for generator)") == 0) passes = false;
    /* Lua 5.1 has no name for a function called by an operator; tail calls have no function */
    if (passes && !frame.name && lua_isfunction(L, -1)) passes = !is_metamethod(L, &frame);
    lua_pop(L, 1);
    if (!passes) return false;
  }
  return true;
}

#endif

static int l_can_yield(lua_State *L) {
  bool is_main = lua_pushthread(L);
  lua_pushboolean(L, !is_main && can_yield(L));
  return 1;
}

void lpod_lua_open_yield(lua_State *L) {
  lua_getglobal(L, "pcall");
  lua_getglobal(L, "xpcall");
  lua_pushcclosure(L, l_can_yield, 2);
  lua_setfield(L, -2, "can_yield");
}
