/* Tables of options → C structs, by a list of names, types and offsets: a name that nobody knows or a value of the
 * wrong type raises and says which. Texts are borrowed from the Lua strings, which the table on the stack keeps
 * alive. Suggesting the nearest name is left to scripts, which know more names than these. */
#include "binding.h"
#include <limits.h>
#include <math.h>
#include <string.h>

static void wrong(lua_State *L, int index, const char *name, const char *expected) {
  luaL_argerror(L, index, lua_pushfstring(L, "option '%s': expected %s, got %s", name, expected, luaL_typename(L, -1)));
}

/* The text on top of the stack. */
static const char *check_text(lua_State *L, int index, const char *name) {
  if (lua_type(L, -1) != LUA_TSTRING) wrong(L, index, name, "a string");
  size_t len;
  const char *text = lua_tolstring(L, -1, &len);
  if (strlen(text) != len) luaL_argerror(L, index, lua_pushfstring(L, "option '%s': the text holds a NUL byte", name));
  return text;
}

/* The number on top of the stack. */
static double check_number(lua_State *L, int index, const char *name) {
  if (lua_type(L, -1) != LUA_TNUMBER) wrong(L, index, name, "a number");
  double number = lua_tonumber(L, -1);
  if (!isfinite(number)) luaL_argerror(L, index, lua_pushfstring(L, "option '%s': expected a finite number", name));
  return number;
}

static int64_t check_whole(lua_State *L, int index, const char *name, double least, double most) {
  double number = check_number(L, index, name);
  if (number != floor(number) || number < least || number > most)
    luaL_argerror(
        L, index,
        lua_pushfstring(L, "option '%s': expected a whole number from %f to %f, got %f", name, least, most, number));
  return (int64_t)number;
}

static void store(lua_State *L, int index, const lpod_lua_option *option, void *into) {
  void *field = (char *)into + option->offset;
  switch (option->kind) {
  case LPOD_LUA_TEXT: *(const char **)field = check_text(L, index, option->name); break;
  case LPOD_LUA_BOOL:
    if (!lua_isboolean(L, -1)) wrong(L, index, option->name, "a boolean");
    *(bool *)field = lua_toboolean(L, -1);
    break;
  case LPOD_LUA_SECONDS: *(double *)field = check_number(L, index, option->name); break;
  case LPOD_LUA_INT64:
    *(int64_t *)field = check_whole(L, index, option->name, -(double)LPOD_LUA_EXACT, (double)LPOD_LUA_EXACT);
    break;
  case LPOD_LUA_COUNT: *(size_t *)field = (size_t)check_whole(L, index, option->name, 0, (double)INT_MAX); break;
  case LPOD_LUA_UNSIGNED: *(unsigned *)field = (unsigned)check_whole(L, index, option->name, 0, (double)INT_MAX); break;
  case LPOD_LUA_TIME: {
    double seconds = check_number(L, index, option->name);
    if (fabs(seconds) > 9e9)
      luaL_argerror(L, index, lua_pushfstring(L, "option '%s': no time of our era", option->name));
    *(int64_t *)field = lpod_lua_time(seconds);
    break;
  }
  case LPOD_LUA_OTHER: break;
  }
}

void lpod_lua_read_options(lua_State *L, int index, const lpod_lua_option *known, void *into) {
  if (lua_isnoneornil(L, index)) return;
  luaL_checktype(L, index, LUA_TTABLE);
  lua_pushnil(L);
  while (lua_next(L, index)) {
    const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
    const lpod_lua_option *option = known;
    while (name && option->name && strcmp(option->name, name) != 0) option++;
    if (!name)
      luaL_argerror(L, index, lua_pushfstring(L, "a key that is a %s among the options", luaL_typename(L, -2)));
    if (!option->name) luaL_argerror(L, index, lua_pushfstring(L, "unknown option '%s'", name));
    store(L, index, option, into);
    lua_pop(L, 1);
  }
}

void lpod_lua_require_option(lua_State *L, int index, const void *given, const char *name) {
  if (!given) luaL_argerror(L, index, lua_pushfstring(L, "option '%s' is missing", name));
}

int lpod_lua_push_option(lua_State *L, int index, const char *name) {
  if (lua_isnoneornil(L, index)) {
    lua_pushnil(L);
  } else {
    lua_pushstring(L, name);
    lua_rawget(L, index);
  }
  return lua_type(L, -1);
}

int lpod_lua_lists_option(lua_State *L, int index) {
  int type = lpod_lua_push_option(L, index, "lists");
  if (type == LUA_TNIL) return 0;
  if (type != LUA_TTABLE) wrong(L, index, "lists", "a table");
  return lua_gettop(L);
}

int lpod_lua_choice_option(lua_State *L, int index, const char *name, const char *const *choices, int fallback) {
  if (lpod_lua_push_option(L, index, name) == LUA_TNIL) {
    lua_pop(L, 1);
    return fallback;
  }
  const char *text = check_text(L, index, name);
  for (int i = 0; choices[i]; i++) {
    if (strcmp(choices[i], text) != 0) continue;
    lua_pop(L, 1);
    return i;
  }
  return luaL_argerror(L, index, lua_pushfstring(L, "option '%s': '%s' is none of its values", name, text));
}

const char *const *lpod_lua_texts_option(lua_State *L, int index, const char *name) {
  int type = lpod_lua_push_option(L, index, name);
  if (type == LUA_TNIL) {
    lua_pop(L, 1);
    return NULL;
  }
  if (type != LUA_TTABLE) wrong(L, index, name, "a list of strings");
  size_t count = lua_rawlen(L, -1);
  const char **texts = lua_newuserdata(L, (count + 1) * sizeof *texts);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -2, (int)i + 1);
    texts[i] = check_text(L, index, name);
    lua_pop(L, 1);
  }
  texts[count] = NULL;
  lua_remove(L, -2);
  return texts;
}

int64_t lpod_lua_check_integer(lua_State *L, int index) {
  double number = luaL_checknumber(L, index);
  if (number != floor(number) || fabs(number) > (double)LPOD_LUA_EXACT)
    luaL_argerror(L, index, "number has no integer representation");
  return (int64_t)number;
}

double lpod_lua_seconds(int64_t time) {
  int64_t whole = time / 1000000000; /* apart from the rest: together they are more than a double holds exactly */
  return (double)whole + (double)(time - whole * 1000000000) / 1e9;
}
int64_t lpod_lua_time(double seconds) { return (int64_t)llround(seconds * 1e6) * 1000; }
