/* Errors as Lua sees them: tables with the fields of core.error and one metatable whose __tostring is the message.
 * What an lpod_error says is copied; nothing is owned. Which kind an error has is decided here and nowhere else. */
#include "binding.h"

#define ERROR_NAME "lunapod.core.error"

static const char *kind_of(lpod_rc rc) {
  switch (rc) {
  case LPOD_OK:
  case LPOD_E_USAGE: return "usage";
  case LPOD_E_PARSE: return "parse";
  case LPOD_E_IO:
  case LPOD_E_NOMEM: return "io";
  case LPOD_E_CANCELLED: return "cancelled";
  case LPOD_E_TASK: return "task";
  case LPOD_E_CONFIG:
  case LPOD_E_LIMIT:
  case LPOD_E_CONNECT:
  case LPOD_E_TLS:
  case LPOD_E_CUT:
  case LPOD_E_TIMEOUT:
  case LPOD_E_API:
  case LPOD_E_CREDENTIAL: break;
  }
  return "api";
}

static void set_text(lua_State *L, const char *name, const char *text) {
  if (!text[0]) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

void lpod_lua_push_error(lua_State *L, const lpod_error *err) {
  lua_createtable(L, 0, 8);
  set_text(L, "kind", kind_of(err->rc));
  set_text(L, "rc", lpod_rc_name(err->rc));
  set_text(L, "class", err->error_class);
  set_text(L, "reason", err->reason);
  lua_pushstring(L, err->text);
  lua_setfield(L, -2, "message");
  lua_pushboolean(L, err->retryable);
  lua_setfield(L, -2, "retryable");
  if (err->code) {
    lua_pushinteger(L, err->code);
    lua_setfield(L, -2, "code");
  }
  if (err->retry_after >= 0) {
    lua_pushnumber(L, err->retry_after);
    lua_setfield(L, -2, "retry_after");
  }
  luaL_getmetatable(L, ERROR_NAME);
  lua_setmetatable(L, -2);
}

int lpod_lua_fail(lua_State *L, const lpod_error *err) {
  lua_pushnil(L);
  lpod_lua_push_error(L, err);
  return 2;
}

int lpod_lua_answer(lua_State *L, lpod_rc rc, const lpod_error *err) {
  if (rc) return lpod_lua_fail(L, err);
  lua_pushboolean(L, 1);
  return 1;
}

int lpod_lua_answer_id(lua_State *L, lpod_id id, const lpod_error *err) {
  if (!id) return lpod_lua_fail(L, err);
  lua_pushinteger(L, (lua_Integer)id);
  return 1;
}

int lpod_lua_nil(lua_State *L) {
  lua_pushnil(L);
  return 1;
}

int lpod_lua_closed(lua_State *L, const char *what) {
  lpod_error err = LPOD_ERROR_INIT;
  lpod_fail(&err, LPOD_E_USAGE, "the %s is closed", what);
  return lpod_lua_fail(L, &err);
}

static void require_text(lua_State *L, const char *name) {
  lua_pushstring(L, name);
  lua_rawget(L, 1);
  if (lua_type(L, -1) != LUA_TSTRING) luaL_argerror(L, 1, lua_pushfstring(L, "field '%s' is not a string", name));
  lua_pop(L, 1);
}

static int l_error(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  require_text(L, "kind");
  require_text(L, "message");
  luaL_getmetatable(L, ERROR_NAME);
  lua_setmetatable(L, 1);
  return 1;
}

static int l_is_error(lua_State *L) {
  luaL_checkany(L, 1);
  if (lua_type(L, 1) != LUA_TTABLE || !lua_getmetatable(L, 1)) {
    lua_pushboolean(L, 0);
    return 1;
  }
  luaL_getmetatable(L, ERROR_NAME);
  lua_pushboolean(L, lua_rawequal(L, -1, -2));
  return 1;
}

static int l_error_tostring(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_pushliteral(L, "message");
  lua_rawget(L, 1);
  if (lua_type(L, -1) != LUA_TSTRING) lua_pushliteral(L, "(error without message)");
  return 1;
}

void lpod_lua_open_errors(lua_State *L) {
  luaL_newmetatable(L, ERROR_NAME);
  lua_pushcfunction(L, l_error_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
  lua_pushcfunction(L, l_error);
  lua_setfield(L, -2, "error");
  lua_pushcfunction(L, l_is_error);
  lua_setfield(L, -2, "is_error");
}
