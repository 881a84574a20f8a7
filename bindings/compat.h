/* One source for Lua 5.1 to 5.5 and LuaJIT: the few calls that not all of them have, under the names of the newer
 * ones. What needs a decision of ours (may this coroutine yield, integers apart from floats) is not here but where it
 * is decided. */
#ifndef LPOD_BINDING_COMPAT_H
#define LPOD_BINDING_COMPAT_H

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM < 502

#define lua_rawlen lua_objlen
#define luaL_checkversion(L) ((void)(L))
/* The environment of a userdata serves as its one associated table; it must be set before it is asked for. */
#define lua_setuservalue lua_setfenv
#define lua_getuservalue lua_getfenv

#ifdef luaL_newlib
#define LPOD_LUAJIT 1 /* 2.1: Lua 5.1's version with some of the later calls */
#else
static inline void luaL_setfuncs(lua_State *L, const luaL_Reg *functions, int upvalues) {
  (void)upvalues; /* always 0 in this module */
  for (; functions->name; functions++) {
    lua_pushcfunction(L, functions->func);
    lua_setfield(L, -2, functions->name);
  }
}
#endif

#endif

#if LUA_VERSION_NUM < 503
/* Every number is a double. */
#define lua_isinteger(L, index) 0
#endif

#endif
