/* lpod_value ⇄ Lua values, the marks of lists and maps, and JSON and YAML on top of them.
 *
 * Lists and maps that come from the core carry a metatable with __jsontype = "array" or "object"; both are made once
 * for a Lua state. Tables are read raw, keys of maps in sorted order, so that one table always gives the same text.
 * Everything that JSON cannot say is refused with its path ("spec.containers[1].env: …", counted from 1 as Lua does).
 * Text itself is read and written by the core. */
#include "binding.h"
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWNED_NAME "lunapod.core.owned"
#define DEPTH_LIMIT 1000 /* as the core's reader (T9) */

static const char array_mark, object_mark; /* their addresses are keys of the registry */

/* ---- memory that a Lua error must not leak ---- */

lpod_lua_owned *lpod_lua_own(lua_State *L) {
  lpod_lua_owned *owned = lua_newuserdata(L, sizeof *owned);
  *owned = (lpod_lua_owned){0};
  luaL_getmetatable(L, OWNED_NAME);
  lua_setmetatable(L, -2);
  return owned;
}

void lpod_lua_release(lpod_lua_owned *owned) {
  lpod_doc_free(owned->doc);
  lpod_text_free(owned->text);
  *owned = (lpod_lua_owned){0};
}

static int l_owned_gc(lua_State *L) {
  lpod_lua_release(luaL_checkudata(L, 1, OWNED_NAME));
  return 0;
}

/* ---- marks ---- */

static void push_mark(lua_State *L, const char *mark) {
  lua_pushlightuserdata(L, (void *)(uintptr_t)mark);
  lua_rawget(L, LUA_REGISTRYINDEX);
}

/* The mark of the table at index, whoever made it: LPOD_ARRAY, LPOD_OBJECT, or LPOD_NULL for none. */
static lpod_type mark_of(lua_State *L, int index) {
  if (!lua_getmetatable(L, index)) return LPOD_NULL;
  lua_pushliteral(L, "__jsontype");
  lua_rawget(L, -2);
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  lpod_type mark = strcmp(name, "array") == 0 ? LPOD_ARRAY : strcmp(name, "object") == 0 ? LPOD_OBJECT : LPOD_NULL;
  lua_pop(L, 2);
  return mark;
}

static int set_mark(lua_State *L, const char *mark) {
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_newtable(L);
    lua_replace(L, 1);
  }
  luaL_checktype(L, 1, LUA_TTABLE);
  if (lua_getmetatable(L, 1)) {
    luaL_argcheck(L, mark_of(L, 1) != LPOD_NULL, 1, "the table has a metatable of its own");
    lua_pop(L, 1);
  }
  push_mark(L, mark);
  lua_setmetatable(L, 1);
  return 1;
}

static int l_array(lua_State *L) { return set_mark(L, &array_mark); }
static int l_object(lua_State *L) { return set_mark(L, &object_mark); }

static int l_mark(lua_State *L) {
  luaL_checkany(L, 1);
  lpod_type mark = lua_istable(L, 1) ? mark_of(L, 1) : LPOD_NULL;
  if (mark == LPOD_NULL) return lpod_lua_nil(L);
  lua_pushstring(L, mark == LPOD_ARRAY ? "array" : "object");
  return 1;
}

/* ---- where in a value we are ---- */

typedef struct frame { /* one list or map on the way down, and the entry that is looked at */
  const struct frame *up;
  const void *table; /* Lua's, to find cycles */
  const char *key;   /* NULL: index counts */
  size_t len, index;
  unsigned depth;
} frame;

typedef struct conversion {
  lua_State *L;
  lpod_doc *doc;
  lpod_error *err;
  int lists;         /* stack index, or 0 */
  int array, object; /* stack indexes of the marks */
} conversion;

static size_t append(char *out, size_t room, size_t used, const char *text) {
  int written = snprintf(out + used, room - used, "%s", text);
  return written < 0 || (size_t)written >= room - used ? room - 1 : used + (size_t)written;
}

/* A key that reads well behind a dot; others are put into brackets. */
static bool is_plain(const char *key, size_t len) {
  for (size_t i = 0; i < len; i++)
    if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", key[i]) || !key[i]) return false;
  return len > 0;
}

static size_t append_path(char *out, size_t room, const frame *at) {
  if (!at) return 0;
  size_t used = append_path(out, room, at->up);
  char part[128];
  if (!at->key) {
    snprintf(part, sizeof part, "[%zu]", at->index);
  } else {
    bool plain = is_plain(at->key, at->len);
    const char *begin = plain ? (used ? "." : "") : "[\"", *end = plain ? "" : "\"]";
    snprintf(part, sizeof part, "%s%.*s%s", begin, (int)(at->len < 100 ? at->len : 100), at->key, end);
    for (char *c = part; *c; c++)
      if ((unsigned char)*c < 0x20 || (unsigned char)*c > 0x7e) *c = '?';
  }
  return append(out, room, used, part);
}

/* Fail at the place `at`. */
static bool refuse(const conversion *c, const frame *at, lpod_rc rc, const char *format, ...) LPOD_PRINTF(4, 5);
static bool refuse(const conversion *c, const frame *at, lpod_rc rc, const char *format, ...) {
  char path[512] = "", what[256];
  append_path(path, sizeof path, at);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  lpod_fail(c->err, rc, "%s%s%s", path, path[0] ? ": " : "", what);
  return false;
}

/* ---- core → Lua ---- */

static bool push_any(const conversion *c, const lpod_value *value, frame *up);

static bool push_integer(const conversion *c, int64_t integer, const frame *at) {
#if LUA_VERSION_NUM >= 503
  _Static_assert(sizeof(lua_Integer) >= sizeof integer, "Lua's integers are too small");
  (void)at;
  lua_pushinteger(c->L, integer);
#else
  if (integer > LPOD_LUA_EXACT || integer < -LPOD_LUA_EXACT)
    return refuse(c, at, LPOD_E_PARSE, "the integer %lld is beyond ±2^53, which this Lua cannot hold exactly",
                  (long long)integer);
  lua_pushnumber(c->L, (lua_Number)integer);
#endif
  return true;
}

static bool push_children(const conversion *c, const lpod_value *value, bool is_list, frame *up) {
  lua_State *L = c->L;
  size_t count = lpod_value_count(value);
  int room = count > INT_MAX ? INT_MAX : (int)count;
  luaL_checkstack(L, 4, "value nested too deeply");
  lua_createtable(L, is_list ? room : 0, is_list ? 0 : room);
  lua_pushvalue(L, is_list ? c->array : c->object);
  lua_setmetatable(L, -2);
  frame here = {.up = up, .depth = up ? up->depth + 1 : 1};
  for (const lpod_value *child = lpod_value_first(value); child; child = lpod_value_next(child)) {
    here.index++;
    if (is_list) {
      if (!push_any(c, child, &here)) return false;
      lua_rawseti(L, -2, (int)here.index);
    } else {
      here.key = lpod_value_key(child, &here.len);
      lua_pushlstring(L, here.key, here.len);
      if (!push_any(c, child, &here)) return false;
      lua_rawset(L, -3);
    }
  }
  return true;
}

static bool push_any(const conversion *c, const lpod_value *value, frame *up) {
  switch (lpod_value_type(value)) {
  case LPOD_NULL: lua_pushlightuserdata(c->L, NULL); return true;
  case LPOD_BOOL: lua_pushboolean(c->L, lpod_value_bool(value, false)); return true;
  case LPOD_INT: return push_integer(c, lpod_value_int(value, 0), up);
  case LPOD_DOUBLE: lua_pushnumber(c->L, lpod_value_number(value, 0)); return true;
  case LPOD_STRING: {
    size_t len;
    const char *text = lpod_value_string(value, &len);
    lua_pushlstring(c->L, text, len);
    return true;
  }
  case LPOD_ARRAY: return push_children(c, value, true, up);
  case LPOD_OBJECT: return push_children(c, value, false, up);
  }
  return refuse(c, up, LPOD_E_USAGE, "a value of unknown type");
}

lpod_rc lpod_lua_push_value(lua_State *L, const lpod_value *value, lpod_error *err) {
  int top = lua_gettop(L);
  luaL_checkstack(L, 6, "no room for a value");
  push_mark(L, &array_mark);
  push_mark(L, &object_mark);
  conversion c = {.L = L, .err = err, .array = top + 1, .object = top + 2};
  if (!push_any(&c, value, NULL)) {
    lua_settop(L, top);
    return err->rc;
  }
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
  return LPOD_OK;
}

/* ---- Lua → core ---- */

static lpod_value *build_any(const conversion *c, frame *up); /* of the top of the stack, which stays */

static lpod_value *built(const conversion *c, const frame *at, lpod_value *value) {
  if (!value) refuse(c, at, LPOD_E_NOMEM, "out of memory, or the value is larger than a document may be");
  return value;
}

/* Well-formed UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(const char *text, size_t len) {
  const unsigned char *at = (const unsigned char *)text, *end = at + len;
  while (at < end) {
    unsigned char c = *at++;
    if (c < 0x80) continue;
    if (c < 0xc2 || c > 0xf4) return false;
    int more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
    if (end - at < more) return false;
    if ((c == 0xe0 && *at < 0xa0) || (c == 0xed && *at > 0x9f) || (c == 0xf0 && *at < 0x90) ||
        (c == 0xf4 && *at > 0x8f))
      return false;
    for (; more; more--)
      if ((*at++ & 0xc0) != 0x80) return false;
  }
  return true;
}

static lpod_value *build_number(const conversion *c, const frame *at) {
  if (lua_isinteger(c->L, -1)) return built(c, at, lpod_value_new_int(c->doc, (int64_t)lua_tointeger(c->L, -1)));
  double number = lua_tonumber(c->L, -1);
  if (!isfinite(number)) {
    refuse(c, at, LPOD_E_USAGE, "found %s, expected a finite number", isnan(number) ? "NaN" : "infinity");
    return NULL;
  }
#if LUA_VERSION_NUM < 503
  if (number == floor(number) && fabs(number) <= (double)LPOD_LUA_EXACT)
    return built(c, at, lpod_value_new_int(c->doc, (int64_t)number));
#endif
  return built(c, at, lpod_value_new_double(c->doc, number));
}

static lpod_value *build_string(const conversion *c, const frame *at) {
  size_t len;
  const char *text = lua_tolstring(c->L, -1, &len);
  if (!is_utf8(text, len)) {
    refuse(c, at, LPOD_E_USAGE, "text that is not UTF-8");
    return NULL;
  }
  return built(c, at, lpod_value_new_string(c->doc, text, len));
}

/* The table on top has keys 1..count and no others? Says what is wrong if not. */
static bool check_list(const conversion *c, const frame *at, bool marked) {
  lua_State *L = c->L;
  size_t keys = 0, last = 0;
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TNUMBER) {
      const char *key = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, -1);
      return refuse(c, at, LPOD_E_USAGE, "%s has the key '%.64s' beside numbers", marked ? "a list" : "a table", key);
    }
    double key = lua_tonumber(L, -1);
    if (key < 1 || key != floor(key))
      return refuse(c, at, LPOD_E_USAGE, "a list has the key %.17g, expected keys from 1 up", key);
    if (key > (double)last) last = key < (double)LPOD_LUA_EXACT ? (size_t)key : (size_t)LPOD_LUA_EXACT;
    keys++;
  }
  if (keys == last) return true;
  size_t hole = 1;
  for (;; hole++) {
    lua_rawgeti(L, -1, (int)hole);
    bool empty = lua_isnil(L, -1);
    lua_pop(L, 1);
    if (empty) break;
  }
  return refuse(c, at, LPOD_E_USAGE, "a list with %zu items has none at %zu (use null for it)", keys, hole);
}

static lpod_value *build_list(const conversion *c, frame *up, frame *here, bool marked) {
  if (!check_list(c, up, marked)) return NULL;
  lpod_value *list = built(c, up, lpod_value_new(c->doc, LPOD_ARRAY));
  size_t count = list ? lua_rawlen(c->L, -1) : 0;
  for (here->index = 1; here->index <= count; here->index++) {
    lua_rawgeti(c->L, -1, (int)here->index);
    lpod_value *item = build_any(c, here);
    lua_pop(c->L, 1);
    if (!item) return NULL;
    if (!lpod_value_push(list, item)) return built(c, here, NULL);
  }
  return list;
}

typedef struct key {
  const char *text;
  size_t len;
  int index; /* in the table of keys, which keeps the text alive */
} key;

static int compare_keys(const void *left, const void *right) {
  const key *a = left, *b = right;
  int order = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
  return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* Replace nothing, push two: a table of the keys of the table on top, and a userdata with them sorted. A finalizer
 * that the collector runs in the middle may change the table, so that nothing here relies on it for its keys. */
static key *push_sorted_keys(const conversion *c, const frame *at, int *count) {
  lua_State *L = c->L;
  int table = lua_gettop(L);
  *count = 0;
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, table)) {
    lua_pop(L, 1);
    if (lua_type(L, -1) != LUA_TSTRING) {
      if (lua_type(L, -1) == LUA_TNUMBER)
        refuse(c, at, LPOD_E_USAGE, "a map has the key %.17g, expected text only", lua_tonumber(L, -1));
      else
        refuse(c, at, LPOD_E_USAGE, "a map has a key that is a %s, expected text only", luaL_typename(L, -1));
      return NULL;
    }
    lua_pushvalue(L, -1);
    lua_rawseti(L, table + 1, ++*count);
  }
  key *keys = lua_newuserdata(L, (size_t)*count * sizeof *keys);
  for (int i = 0; i < *count; i++) {
    lua_rawgeti(L, table + 1, i + 1);
    keys[i].index = i + 1;
    keys[i].text = lua_tolstring(L, -1, &keys[i].len);
    lua_pop(L, 1);
  }
  if (*count > 1) qsort(keys, (size_t)*count, sizeof *keys, compare_keys);
  return keys;
}

static lpod_value *build_map(const conversion *c, frame *up, frame *here) {
  lua_State *L = c->L;
  int table = lua_gettop(L), count;
  const key *keys = push_sorted_keys(c, up, &count);
  lpod_value *map = keys ? built(c, up, lpod_value_new(c->doc, LPOD_OBJECT)) : NULL;
  for (int i = 0; map && i < count; i++) {
    here->key = keys[i].text;
    here->len = keys[i].len;
    if (!is_utf8(here->key, here->len)) {
      refuse(c, here, LPOD_E_USAGE, "a key that is not UTF-8");
      return NULL;
    }
    lua_rawgeti(L, table + 1, keys[i].index);
    lua_rawget(L, table);
    lpod_value *entry = build_any(c, here);
    lua_pop(L, 1);
    if (!entry) return NULL;
    if (!lpod_value_set(c->doc, map, here->key, here->len, entry)) return built(c, here, NULL);
  }
  lua_settop(L, table);
  return map;
}

/* Is an empty table without a mark a list, in the entry `at`? */
static bool is_list_field(const conversion *c, const frame *at) {
  if (!c->lists || !at || !at->key) return false;
  lua_pushlstring(c->L, at->key, at->len);
  lua_rawget(c->L, c->lists);
  bool is_list = lua_toboolean(c->L, -1);
  lua_pop(c->L, 1);
  return is_list;
}

static lpod_value *build_table(const conversion *c, frame *up) {
  lua_State *L = c->L;
  frame here = {.up = up, .table = lua_topointer(L, -1), .depth = up ? up->depth + 1 : 1};
  for (const frame *above = up; above; above = above->up) {
    if (above->table != here.table) continue;
    refuse(c, up, LPOD_E_USAGE, "a table that contains itself");
    return NULL;
  }
  if (here.depth > DEPTH_LIMIT) {
    refuse(c, NULL, LPOD_E_LIMIT, "tables are nested more than %d deep", DEPTH_LIMIT);
    return NULL;
  }
  if (!lua_checkstack(L, 8)) {
    refuse(c, NULL, LPOD_E_LIMIT, "tables are nested too deeply for Lua's stack");
    return NULL;
  }
  lpod_type mark = mark_of(L, -1);
  if (mark == LPOD_NULL) {
    lua_pushnil(L);
    if (lua_next(L, -2)) {
      mark = lua_type(L, -2) == LUA_TNUMBER ? LPOD_ARRAY : LPOD_OBJECT;
      lua_pop(L, 2);
    } else {
      mark = is_list_field(c, up) ? LPOD_ARRAY : LPOD_OBJECT;
    }
    return mark == LPOD_ARRAY ? build_list(c, up, &here, false) : build_map(c, up, &here);
  }
  return mark == LPOD_ARRAY ? build_list(c, up, &here, true) : build_map(c, up, &here);
}

static lpod_value *build_any(const conversion *c, frame *up) {
  lua_State *L = c->L;
  switch (lua_type(L, -1)) {
  case LUA_TNIL: return built(c, up, lpod_value_new(c->doc, LPOD_NULL));
  case LUA_TLIGHTUSERDATA:
    if (lua_touserdata(L, -1)) break;
    return built(c, up, lpod_value_new(c->doc, LPOD_NULL));
  case LUA_TBOOLEAN: return built(c, up, lpod_value_new_bool(c->doc, lua_toboolean(L, -1)));
  case LUA_TNUMBER: return build_number(c, up);
  case LUA_TSTRING: return build_string(c, up);
  case LUA_TTABLE: return build_table(c, up);
  default: break;
  }
  refuse(c, up, LPOD_E_USAGE, "found a %s, expected nil, null, a boolean, number, string or table",
         luaL_typename(L, -1));
  return NULL;
}

lpod_rc lpod_lua_to_value(lua_State *L, int index, int lists, lpod_doc *doc, const lpod_value **out, lpod_error *err) {
  int top = lua_gettop(L);
  conversion c = {.L = L, .doc = doc, .err = err, .lists = lists};
  luaL_checkstack(L, 4, "no room for a value");
  lua_pushvalue(L, index);
  lpod_value *root = build_any(&c, NULL);
  lua_settop(L, top);
  if (!root) return err->rc;
  lpod_doc_set_root(doc, root);
  *out = root;
  return LPOD_OK;
}

lpod_rc lpod_lua_to_doc(lua_State *L, int index, int lists, lpod_lua_owned *owned, const lpod_value **out,
                        lpod_error *err) {
  owned->doc = lpod_doc_new(0);
  if (!owned->doc) return lpod_nomem(err);
  return lpod_lua_to_value(L, index, lists, owned->doc, out, err);
}

/* ---- json and yaml ---- */

static int decoded(lua_State *L, lpod_rc rc, lpod_lua_owned *owned, lpod_error *err) {
  if (!rc) rc = lpod_lua_push_value(L, lpod_doc_root(owned->doc), err);
  lpod_lua_release(owned);
  return rc ? lpod_lua_fail(L, err) : 1;
}

static int l_json_decode(lua_State *L) {
  size_t len;
  lpod_error err = LPOD_ERROR_INIT;
  const char *text = luaL_checklstring(L, 1, &len);
  lpod_lua_owned *owned = lpod_lua_own(L);
  return decoded(L, lpod_json_parse(text, len, &owned->doc, &err), owned, &err);
}

static int l_yaml_decode(lua_State *L) {
  size_t len;
  lpod_error err = LPOD_ERROR_INIT;
  const char *text = luaL_checklstring(L, 1, &len);
  const char *name = luaL_optstring(L, 2, "yaml");
  lpod_lua_owned *owned = lpod_lua_own(L);
  return decoded(L, lpod_yaml_parse(text, len, name, &owned->doc, &err), owned, &err);
}

static int encoded(lua_State *L, lpod_rc rc, lpod_lua_owned *owned, size_t len, lpod_error *err) {
  if (!rc) lua_pushlstring(L, owned->text, len);
  lpod_lua_release(owned);
  return rc ? lpod_lua_fail(L, err) : 1;
}

static int l_json_encode(lua_State *L) {
  struct {
    unsigned indent;
  } options = {0};
  static const lpod_lua_option known[] = {{"indent", LPOD_LUA_UNSIGNED, 0}, {"lists", LPOD_LUA_OTHER, 0}, {NULL, 0, 0}};
  lpod_error err = LPOD_ERROR_INIT;
  const lpod_value *value = NULL;
  size_t len = 0;
  lua_settop(L, 2);
  lpod_lua_read_options(L, 2, known, &options);
  luaL_argcheck(L, options.indent <= 16, 2, "option 'indent': more than 16");
  int lists = lpod_lua_lists_option(L, 2);
  lpod_lua_owned *owned = lpod_lua_own(L);
  lpod_rc rc = lpod_lua_to_doc(L, 1, lists, owned, &value, &err);
  if (!rc) rc = lpod_json_write(value, (int)options.indent, &owned->text, &len, &err);
  return encoded(L, rc, owned, len, &err);
}

static int l_yaml_encode(lua_State *L) {
  static const lpod_lua_option known[] = {{"lists", LPOD_LUA_OTHER, 0}, {NULL, 0, 0}};
  lpod_error err = LPOD_ERROR_INIT;
  const lpod_value *value = NULL;
  size_t len = 0;
  lua_settop(L, 2);
  lpod_lua_read_options(L, 2, known, NULL);
  int lists = lpod_lua_lists_option(L, 2);
  lpod_lua_owned *owned = lpod_lua_own(L);
  lpod_rc rc = lpod_lua_to_doc(L, 1, lists, owned, &value, &err);
  if (!rc) rc = lpod_yaml_write(value, &owned->text, &len, &err);
  return encoded(L, rc, owned, len, &err);
}

static void make_mark(lua_State *L, const char *mark, const char *type, const char *name) {
  push_mark(L, mark);
  bool made = lua_istable(L, -1);
  lua_pop(L, 1);
  if (made) return;
  lua_pushlightuserdata(L, (void *)(uintptr_t)mark);
  lua_createtable(L, 0, 2);
  lua_pushstring(L, type);
  lua_setfield(L, -2, "__jsontype");
  lua_pushstring(L, name);
  lua_setfield(L, -2, "__name");
  lua_rawset(L, LUA_REGISTRYINDEX);
}

static void add_codec(lua_State *L, const char *name, lua_CFunction decode, lua_CFunction encode) {
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, decode);
  lua_setfield(L, -2, "decode");
  lua_pushcfunction(L, encode);
  lua_setfield(L, -2, "encode");
  lua_setfield(L, -2, name);
}

void lpod_lua_open_values(lua_State *L) {
  static const luaL_Reg functions[] = {{"array", l_array}, {"object", l_object}, {"mark", l_mark}, {NULL, NULL}};
  luaL_newmetatable(L, OWNED_NAME);
  lua_pushcfunction(L, l_owned_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  make_mark(L, &array_mark, "array", "lunapod.array");
  make_mark(L, &object_mark, "object", "lunapod.object");
  luaL_setfuncs(L, functions, 0);
  lua_pushlightuserdata(L, NULL);
  lua_setfield(L, -2, "null");
  add_codec(L, "json", l_json_decode, l_json_encode);
  add_codec(L, "yaml", l_yaml_decode, l_yaml_encode);
}
