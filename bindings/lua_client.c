/* A client of one cluster as a userdata: requests, watches, logs and exec are started here and answer with events of
 * the engine. Option tables become the core's structs; bodies that are tables are written as JSON. Nothing here
 * waits. */
#include "binding.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct client_handle {
  lpod_lua_handle base;
  lpod_client *client;
} client_handle;

static void release_client(lpod_lua_handle *handle) {
  client_handle *self = (client_handle *)handle;
  lpod_client_unref(self->client);
  self->client = NULL;
}

static client_handle *check_client(lua_State *L) { return (client_handle *)lpod_lua_check_handle(L, LPOD_LUA_CLIENT); }

#define OPEN_CLIENT(self) \
  client_handle *self = check_client(L); \
  if (!self) return lpod_lua_closed(L, "client")

static int l_client_close(lua_State *L) { return lpod_lua_close_handle(L, LPOD_LUA_CLIENT); }

lpod_client *lpod_lua_check_client(lua_State *L, lpod_lua_engine **owner) {
  client_handle *self = check_client(L);
  if (!self) return NULL;
  *owner = self->base.owner;
  return self->client;
}

int lpod_lua_new_client(lua_State *L) {
  static const lpod_lua_option known[] = {
      {"config_file", LPOD_LUA_TEXT, offsetof(lpod_client_options, config_file)},
      {"config", LPOD_LUA_TEXT, offsetof(lpod_client_options, config_text)},
      {"context", LPOD_LUA_TEXT, offsetof(lpod_client_options, context)},
      {"namespace", LPOD_LUA_TEXT, offsetof(lpod_client_options, namespace_)},
      {"user_agent", LPOD_LUA_TEXT, offsetof(lpod_client_options, user_agent)},
      {"insecure", LPOD_LUA_BOOL, offsetof(lpod_client_options, insecure)},
      {"in_cluster", LPOD_LUA_OTHER, 0},
      {NULL, 0, 0},
  };
  lpod_client_options options = {.size = sizeof options};
  lpod_error err = LPOD_ERROR_INIT;
  lua_settop(L, 2);
  lpod_lua_read_options(L, 2, known, &options);
  int in_cluster = lpod_lua_push_option(L, 2, "in_cluster");
  luaL_argcheck(L, in_cluster == LUA_TNIL || in_cluster == LUA_TBOOLEAN, 2, "option 'in_cluster': expected a boolean");
  if (in_cluster == LUA_TBOOLEAN) options.in_cluster = lua_toboolean(L, -1) ? 1 : -1;

  client_handle *self = (client_handle *)lpod_lua_new_handle(L, LPOD_LUA_CLIENT, sizeof *self, release_client);
  lpod_lua_engine *owner = lpod_lua_check_engine(L);
  if (!owner) return lpod_lua_closed(L, "engine");
  if (lpod_client_new(owner->engine, &options, &self->client, &err)) return lpod_lua_fail(L, &err);
  lpod_lua_attach(&self->base, owner);
  return 1;
}

static int l_client_namespace(lua_State *L) {
  OPEN_CLIENT(self);
  lua_pushstring(L, lpod_client_namespace(self->client));
  return 1;
}

static int l_client_server(lua_State *L) {
  OPEN_CLIENT(self);
  lua_pushstring(L, lpod_client_server(self->client));
  return 1;
}

static int l_client_in_cluster(lua_State *L) {
  OPEN_CLIENT(self);
  lua_pushboolean(L, lpod_client_in_cluster(self->client));
  return 1;
}

/* ---- requests ---- */

/* The value on top as a query says it, in its place: text, a number (whole ones without fraction), true or false. */
static void make_query_text(lua_State *L, const char *key) {
  double number = lua_tonumber(L, -1);
  switch (lua_type(L, -1)) {
  case LUA_TSTRING: break;
  case LUA_TNUMBER:
    if (number == floor(number) && fabs(number) <= (double)LPOD_LUA_EXACT) {
      char text[32];
      snprintf(text, sizeof text, "%.0f", number);
      lua_pushstring(L, text);
    } else {
      lua_pushvalue(L, -1);
      lua_tostring(L, -1);
    }
    lua_replace(L, -2);
    break;
  case LUA_TBOOLEAN:
    lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
    lua_replace(L, -2);
    break;
  default:
    luaL_argerror(L, 2,
                  lua_pushfstring(L, "option 'query': '%s' is a %s, expected text, a number or a boolean", key,
                                  luaL_typename(L, -1)));
  }
  size_t len;
  const char *text = lua_tolstring(L, -1, &len);
  if (strlen(text) != len) luaL_argerror(L, 2, "option 'query': a text holds a NUL byte");
}

static const char *query_key(lua_State *L, int index) {
  if (lua_type(L, index) != LUA_TSTRING) luaL_argerror(L, 2, "option 'query': a key that is not text");
  return lua_tostring(L, index);
}

static int compare_pairs(const void *left, const void *right) {
  return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* options.query as key, value, …, NULL. Pairs keep their order, a map is sorted. What is pushed keeps the texts
 * alive. */
static const char *const *query_option(lua_State *L) {
  int type = lpod_lua_push_option(L, 2, "query");
  if (type == LUA_TNIL) return NULL;
  luaL_argcheck(L, type == LUA_TTABLE, 2, "option 'query': expected a table");
  int table = lua_gettop(L), count = 0;
  bool is_list = lua_rawlen(L, table) > 0;
  lua_newtable(L); /* keeps the texts */
  int kept = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, table)) {
    count++;
    lua_pop(L, 1);
  }
  const char **pairs = lua_newuserdata(L, ((size_t)count * 2 + 1) * sizeof *pairs);
  int used = 0;
  lua_pushnil(L);
  while (!is_list && used < count && lua_next(L, table)) {
    pairs[used * 2] = query_key(L, -2);
    make_query_text(L, pairs[used * 2]);
    pairs[used * 2 + 1] = lua_tostring(L, -1);
    lua_rawseti(L, kept, ++used);
  }
  if (!is_list) qsort(pairs, (size_t)used, 2 * sizeof *pairs, compare_pairs);
  for (; is_list && used < count; used++) {
    lua_rawgeti(L, table, used + 1);
    luaL_argcheck(L, lua_istable(L, -1), 2, "option 'query': expected a map, or a list of pairs");
    lua_rawgeti(L, -1, 1);
    pairs[used * 2] = query_key(L, -1);
    lua_rawgeti(L, -2, 2);
    make_query_text(L, pairs[used * 2]);
    pairs[used * 2 + 1] = lua_tostring(L, -1);
    lua_rawseti(L, kept, used + 1);
    lua_pop(L, 2);
  }
  pairs[used * 2] = NULL;
  return pairs;
}

/* options.body into the request. What is pushed keeps it alive; *owned is set when the core must free it. */
static lpod_rc body_option(lua_State *L, lpod_request *request, lpod_lua_owned **owned, lpod_error *err) {
  int lists = lpod_lua_lists_option(L, 2);
  int type = lpod_lua_push_option(L, 2, "body");
  if (type == LUA_TNIL) return LPOD_OK;
  if (type == LUA_TSTRING) {
    request->body = lua_tolstring(L, -1, &request->body_len);
    return LPOD_OK;
  }
  luaL_argcheck(L, type == LUA_TTABLE, 2, "option 'body': expected a string or a table");
  int body = lua_gettop(L);
  *owned = lpod_lua_own(L);
  const lpod_value *value;
  lpod_rc rc = lpod_lua_to_doc(L, body, lists, *owned, &value, err);
  if (!rc) rc = lpod_json_write(value, 0, &(*owned)->text, &request->body_len, err);
  request->body = (*owned)->text;
  return rc ? lpod_wrap(err, "body") : LPOD_OK;
}

static int l_client_start_request(lua_State *L) {
  static const lpod_lua_option known[] = {
      {"method", LPOD_LUA_TEXT, offsetof(lpod_request, method)},
      {"path", LPOD_LUA_TEXT, offsetof(lpod_request, path)},
      {"content_type", LPOD_LUA_TEXT, offsetof(lpod_request, content_type)},
      {"timeout", LPOD_LUA_SECONDS, offsetof(lpod_request, timeout)},
      {"once", LPOD_LUA_BOOL, offsetof(lpod_request, once)},
      {"raw", LPOD_LUA_BOOL, offsetof(lpod_request, raw)},
      {"query", LPOD_LUA_OTHER, 0},
      {"body", LPOD_LUA_OTHER, 0},
      {"lists", LPOD_LUA_OTHER, 0},
      {NULL, 0, 0},
  };
  lpod_request request = {.size = sizeof request};
  lpod_error err = LPOD_ERROR_INIT;
  lpod_lua_owned *owned = NULL;
  lua_settop(L, 2);
  lpod_lua_read_options(L, 2, known, &request);
  lpod_lua_require_option(L, 2, request.path, "path");
  request.query = query_option(L);
  lpod_rc rc = body_option(L, &request, &owned, &err);
  OPEN_CLIENT(self);
  lpod_id id = rc ? 0 : lpod_client_request(self->client, &request, &err);
  if (owned) lpod_lua_release(owned);
  return lpod_lua_answer_id(L, id, &err);
}

static int l_client_start_watch(lua_State *L) {
  static const lpod_lua_option known[] = {
      {"path", LPOD_LUA_TEXT, offsetof(lpod_watch_request, path)},
      {"label_selector", LPOD_LUA_TEXT, offsetof(lpod_watch_request, label_selector)},
      {"field_selector", LPOD_LUA_TEXT, offsetof(lpod_watch_request, field_selector)},
      {"resource_version", LPOD_LUA_TEXT, offsetof(lpod_watch_request, resource_version)},
      {"timeout", LPOD_LUA_SECONDS, offsetof(lpod_watch_request, timeout)},
      {"list_only", LPOD_LUA_BOOL, offsetof(lpod_watch_request, list_only)},
      {NULL, 0, 0},
  };
  lpod_watch_request request = {.size = sizeof request};
  lpod_error err = LPOD_ERROR_INIT;
  lua_settop(L, 2);
  lpod_lua_read_options(L, 2, known, &request);
  lpod_lua_require_option(L, 2, request.path, "path");
  OPEN_CLIENT(self);
  return lpod_lua_answer_id(L, lpod_client_watch(self->client, &request, &err), &err);
}

static int l_client_start_logs(lua_State *L) {
  static const lpod_lua_option known[] = {
      {"namespace", LPOD_LUA_TEXT, offsetof(lpod_log_request, namespace_)},
      {"pod", LPOD_LUA_TEXT, offsetof(lpod_log_request, pod)},
      {"container", LPOD_LUA_TEXT, offsetof(lpod_log_request, container)},
      {"follow", LPOD_LUA_BOOL, offsetof(lpod_log_request, follow)},
      {"previous", LPOD_LUA_BOOL, offsetof(lpod_log_request, previous)},
      {"timestamps", LPOD_LUA_BOOL, offsetof(lpod_log_request, timestamps)},
      {"since", LPOD_LUA_TIME, offsetof(lpod_log_request, since)},
      {"tail_lines", LPOD_LUA_INT64, offsetof(lpod_log_request, tail_lines)},
      {"prefix", LPOD_LUA_TEXT, offsetof(lpod_log_request, prefix)},
      {NULL, 0, 0},
  };
  lpod_log_request request = {.size = sizeof request};
  lpod_error err = LPOD_ERROR_INIT;
  lua_settop(L, 2);
  lpod_lua_read_options(L, 2, known, &request);
  lpod_lua_require_option(L, 2, request.pod, "pod");
  OPEN_CLIENT(self);
  return lpod_lua_answer_id(L, lpod_client_logs(self->client, &request, &err), &err);
}

static int l_client_start_exec(lua_State *L) {
  static const lpod_lua_option known[] = {
      {"namespace", LPOD_LUA_TEXT, offsetof(lpod_exec_request, namespace_)},
      {"pod", LPOD_LUA_TEXT, offsetof(lpod_exec_request, pod)},
      {"container", LPOD_LUA_TEXT, offsetof(lpod_exec_request, container)},
      {"command", LPOD_LUA_OTHER, 0},
      {"stdin", LPOD_LUA_BOOL, offsetof(lpod_exec_request, use_stdin)},
      {"tty", LPOD_LUA_BOOL, offsetof(lpod_exec_request, tty)},
      {"timeout", LPOD_LUA_SECONDS, offsetof(lpod_exec_request, timeout)},
      {NULL, 0, 0},
  };
  lpod_exec_request request = {.size = sizeof request};
  lpod_error err = LPOD_ERROR_INIT;
  lua_settop(L, 2);
  lpod_lua_read_options(L, 2, known, &request);
  lpod_lua_require_option(L, 2, request.pod, "pod");
  request.command = lpod_lua_texts_option(L, 2, "command");
  lpod_lua_require_option(L, 2, request.command, "command");
  OPEN_CLIENT(self);
  return lpod_lua_answer_id(L, lpod_client_exec(self->client, &request, &err), &err);
}

static int l_client_send(lua_State *L) {
  int64_t id = lpod_lua_check_integer(L, 2);
  size_t len;
  const char *data = luaL_checklstring(L, 3, &len);
  OPEN_CLIENT(self);
  lpod_error err = LPOD_ERROR_INIT;
  return lpod_lua_answer(L, lpod_exec_send(self->base.owner->engine, (lpod_id)id, data, len, &err), &err);
}

static int l_client_send_eof(lua_State *L) {
  int64_t id = lpod_lua_check_integer(L, 2);
  OPEN_CLIENT(self);
  lpod_error err = LPOD_ERROR_INIT;
  return lpod_lua_answer(L, lpod_exec_send_eof(self->base.owner->engine, (lpod_id)id, &err), &err);
}

void lpod_lua_open_client(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"namespace", l_client_namespace},
      {"server", l_client_server},
      {"in_cluster", l_client_in_cluster},
      {"start_request", l_client_start_request},
      {"start_watch", l_client_start_watch},
      {"start_logs", l_client_start_logs},
      {"start_exec", l_client_start_exec},
      {"send", l_client_send},
      {"send_eof", l_client_send_eof},
      {"run", lpod_lua_new_run},
      {NULL, NULL},
  };
  lpod_lua_class(L, LPOD_LUA_CLIENT, methods, l_client_close);
}
