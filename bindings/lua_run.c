/* A run (one attempt of a task as one pod) as a userdata: made of a manifest and options, advanced from phase to
 * phase, looked at. What to do between phases is Lua's to decide; what happens inside one is the core's. Letting go
 * of a run leaves its pod alive. */
#include "binding.h"
#include <string.h>

typedef struct run_handle {
  lpod_lua_handle base;
  lpod_run *run;
} run_handle;

static const char *const result_sources[] = {"none", "sidecar", "termination_message", NULL};
static const char *const finishes[] = {"delete", "delete_succeeded", "delete_active", "keep", "abandon", NULL};

static void release_run(lpod_lua_handle *handle) {
  run_handle *self = (run_handle *)handle;
  lpod_run_unref(self->run);
  self->run = NULL;
}

static run_handle *check_run(lua_State *L) { return (run_handle *)lpod_lua_check_handle(L, LPOD_LUA_RUN); }

#define OPEN_RUN(self) \
  run_handle *self = check_run(L); \
  if (!self) return lpod_lua_closed(L, "run")

static int l_run_close(lua_State *L) { return lpod_lua_close_handle(L, LPOD_LUA_RUN); }

/* ---- making ---- */

/* options.waiting_rules as an array that a rule without reason ends; what is pushed keeps it alive. */
static const lpod_waiting_rule *rules_option(lua_State *L) {
  static const lpod_lua_option known[] = {
      {"reason", LPOD_LUA_TEXT, offsetof(lpod_waiting_rule, reason)},
      {"message", LPOD_LUA_TEXT, offsetof(lpod_waiting_rule, message)},
      {"grace", LPOD_LUA_SECONDS, offsetof(lpod_waiting_rule, grace)},
      {"class", LPOD_LUA_TEXT, offsetof(lpod_waiting_rule, error_class)},
      {NULL, 0, 0},
  };
  int type = lpod_lua_push_option(L, 2, "waiting_rules");
  if (type == LUA_TNIL) return NULL;
  luaL_argcheck(L, type == LUA_TTABLE, 2, "option 'waiting_rules': expected a list");
  int list = lua_gettop(L);
  size_t count = lua_rawlen(L, list);
  lpod_waiting_rule *rules = lua_newuserdata(L, (count + 1) * sizeof *rules);
  memset(rules, 0, (count + 1) * sizeof *rules);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, list, (int)i + 1);
    luaL_argcheck(L, lua_istable(L, -1), 2, "option 'waiting_rules': expected a list of tables");
    lpod_lua_read_options(L, lua_gettop(L), known, &rules[i]);
    if (!rules[i].error_class) rules[i].error_class = "";
    luaL_argcheck(L, rules[i].reason != NULL, 2, "option 'waiting_rules': a rule without reason");
    lua_pop(L, 1);
  }
  return rules;
}

/* core.waiting_rules(): the shipped ones as a new list, to be changed and given back as an option. */
static int l_waiting_rules(lua_State *L) {
  lua_newtable(L);
  int count = 0;
  for (const lpod_waiting_rule *rule = lpod_run_waiting_rules(); rule->reason; rule++) {
    lua_createtable(L, 0, 4);
    lua_pushstring(L, rule->reason);
    lua_setfield(L, -2, "reason");
    if (rule->message) {
      lua_pushstring(L, rule->message);
      lua_setfield(L, -2, "message");
    }
    lua_pushnumber(L, rule->grace);
    lua_setfield(L, -2, "grace");
    lua_pushstring(L, rule->error_class);
    lua_setfield(L, -2, "class");
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

int lpod_lua_new_run(lua_State *L) {
  static const lpod_lua_option known[] = {
      {"manifest", LPOD_LUA_OTHER, 0},
      {"lists", LPOD_LUA_OTHER, 0},
      {"exact_name", LPOD_LUA_BOOL, offsetof(lpod_run_options, exact_name)},
      {"attempt", LPOD_LUA_TEXT, offsetof(lpod_run_options, attempt)},
      {"find", LPOD_LUA_TEXT, offsetof(lpod_run_options, find)},
      {"find_run", LPOD_LUA_TEXT, offsetof(lpod_run_options, find_run)},
      {"container", LPOD_LUA_TEXT, offsetof(lpod_run_options, container)},
      {"logs", LPOD_LUA_OTHER, 0},
      {"log_prefix", LPOD_LUA_BOOL, offsetof(lpod_run_options, log_prefix)},
      {"result_from", LPOD_LUA_OTHER, 0},
      {"result_container", LPOD_LUA_TEXT, offsetof(lpod_run_options, result_container)},
      {"result_limit", LPOD_LUA_COUNT, offsetof(lpod_run_options, result_limit)},
      {"schedule_timeout", LPOD_LUA_SECONDS, offsetof(lpod_run_options, schedule_timeout)},
      {"start_timeout", LPOD_LUA_SECONDS, offsetof(lpod_run_options, start_timeout)},
      {"deadline", LPOD_LUA_SECONDS, offsetof(lpod_run_options, deadline)},
      {"waiting_rules", LPOD_LUA_OTHER, 0},
      {"grace", LPOD_LUA_INT64, offsetof(lpod_run_options, grace)},
      {"on_finish", LPOD_LUA_OTHER, 0},
      {"wait_for_pod", LPOD_LUA_BOOL, offsetof(lpod_run_options, wait_for_pod)},
      {"create_tries", LPOD_LUA_UNSIGNED, offsetof(lpod_run_options, create_tries)},
      {"create_wait_min", LPOD_LUA_SECONDS, offsetof(lpod_run_options, create_wait_min)},
      {"create_wait_max", LPOD_LUA_SECONDS, offsetof(lpod_run_options, create_wait_max)},
      {NULL, 0, 0},
  };
  lpod_run_options options = {.size = sizeof options, .grace = -1};
  lpod_error err = LPOD_ERROR_INIT;
  lua_settop(L, 2);
  luaL_checktype(L, 2, LUA_TTABLE);
  lpod_lua_read_options(L, 2, known, &options);
  options.logs = lpod_lua_texts_option(L, 2, "logs");
  options.waiting_rules = rules_option(L);
  options.result_from = (lpod_result_from)lpod_lua_choice_option(L, 2, "result_from", result_sources, LPOD_RESULT_NONE);
  options.on_finish = (lpod_on_finish)lpod_lua_choice_option(L, 2, "on_finish", finishes, LPOD_FINISH_DELETE);
  int lists = lpod_lua_lists_option(L, 2);
  luaL_argcheck(L, lpod_lua_push_option(L, 2, "manifest") == LUA_TTABLE, 2, "option 'manifest': expected a table");
  int manifest = lua_gettop(L);

  run_handle *self = (run_handle *)lpod_lua_new_handle(L, LPOD_LUA_RUN, sizeof *self, release_run);
  lpod_lua_owned *owned = lpod_lua_own(L);
  lpod_rc rc = lpod_lua_to_doc(L, manifest, lists, owned, &options.manifest, &err);
  if (rc) lpod_wrap(&err, "manifest");
  lpod_lua_engine *owner;
  lpod_client *client = lpod_lua_check_client(L, &owner);
  if (!client) return lpod_lua_closed(L, "client");
  if (!rc) rc = lpod_run_new(client, &options, &self->run, &err);
  lpod_lua_release(owned);
  lua_pop(L, 1);
  if (rc) return lpod_lua_fail(L, &err);
  lpod_lua_attach(&self->base, owner);
  return 1;
}

/* ---- driving ---- */

static int l_run_id(lua_State *L) {
  OPEN_RUN(self);
  lua_pushinteger(L, (lua_Integer)lpod_run_id(self->run));
  return 1;
}

static int l_run_advance(lua_State *L) {
  lpod_phase phase = (lpod_phase)luaL_checkoption(L, 2, NULL, lpod_lua_phases);
  luaL_argcheck(L, phase != LPOD_PHASE_NONE, 2, "expected a phase to reach");
  OPEN_RUN(self);
  lpod_error err = LPOD_ERROR_INIT;
  return lpod_lua_answer(L, lpod_run_advance(self->run, phase, &err), &err);
}

static int l_run_cancel(lua_State *L) {
  int64_t grace = lua_isnoneornil(L, 2) ? -1 : lpod_lua_check_integer(L, 2);
  OPEN_RUN(self);
  lpod_error err = LPOD_ERROR_INIT;
  return lpod_lua_answer(L, lpod_run_cancel(self->run, grace, &err), &err);
}

/* run:adopt(pod or nil) */
static int l_run_adopt(lua_State *L) {
  const lpod_value *pod = NULL;
  lpod_error err = LPOD_ERROR_INIT;
  lpod_rc rc = LPOD_OK;
  if (!lua_isnoneornil(L, 2)) luaL_checktype(L, 2, LUA_TTABLE);
  OPEN_RUN(self);
  lpod_lua_owned *owned = lpod_lua_own(L);
  if (lua_istable(L, 2)) rc = lpod_lua_to_doc(L, 2, 0, owned, &pod, &err);
  if (!rc) rc = lpod_run_adopt(self->run, pod, &err);
  lpod_lua_release(owned);
  return lpod_lua_answer(L, rc, &err);
}

static int l_run_detach(lua_State *L) {
  OPEN_RUN(self);
  lpod_run_detach(self->run);
  lua_pushboolean(L, 1);
  return 1;
}

static int l_run_set_on_finish(lua_State *L) {
  lpod_on_finish on_finish = (lpod_on_finish)luaL_checkoption(L, 2, NULL, finishes);
  OPEN_RUN(self);
  lpod_run_set_on_finish(self->run, on_finish);
  lua_pushboolean(L, 1);
  return 1;
}

/* ---- looking ---- */

static void set_text(lua_State *L, const char *name, const char *text) {
  if (!text || !text[0]) return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, name);
}

static void set_time(lua_State *L, const char *name, int64_t time) {
  if (!time) return;
  lua_pushnumber(L, lpod_lua_seconds(time));
  lua_setfield(L, -2, name);
}

static void set_integer(lua_State *L, const char *name, lua_Integer integer) {
  lua_pushinteger(L, integer);
  lua_setfield(L, -2, name);
}

static void set_bool(lua_State *L, const char *name, bool yes) {
  lua_pushboolean(L, yes);
  lua_setfield(L, -2, name);
}

static void push_container(lua_State *L, const lpod_container *container) {
  lua_createtable(L, 0, 8);
  set_text(L, "name", container->name);
  set_text(L, "state", container->state);
  set_text(L, "reason", container->reason);
  set_text(L, "message", container->message);
  if (container->state && strcmp(container->state, "terminated") == 0) {
    set_integer(L, "exit_code", container->exit_code);
    if (container->signal) set_integer(L, "signal", container->signal);
  }
  set_time(L, "started", container->started);
  set_time(L, "finished", container->finished);
  set_integer(L, "restarts", container->restarts);
  set_bool(L, "init", container->init);
}

/* run → its report as a table */
static int push_report(lua_State *L) {
  const run_handle *self = lua_touserdata(L, 1);
  if (!self->run) return lpod_lua_closed(L, "run");
  const lpod_report *report = lpod_run_report(self->run);
  luaL_checkstack(L, 6, "no room for a report");
  lua_createtable(L, 0, 20);
  set_text(L, "namespace", report->namespace_);
  set_text(L, "name", report->name);
  set_text(L, "uid", report->uid);
  set_text(L, "node", report->node);
  set_text(L, "phase", report->phase);
  set_text(L, "reason", report->reason);
  set_text(L, "message", report->message);
  set_text(L, "waiting", report->waiting);
  set_bool(L, "found", report->found);
  set_bool(L, "adopted", report->adopted);
  set_bool(L, "deleted", report->deleted);
  push_container(L, &report->task);
  lua_setfield(L, -2, "task");
  lua_createtable(L, (int)report->container_count, 0);
  for (size_t i = 0; i < report->container_count; i++) {
    push_container(L, &report->containers[i]);
    lua_rawseti(L, -2, (int)i + 1);
  }
  lua_setfield(L, -2, "containers");
  set_time(L, "created", report->created);
  set_time(L, "scheduled", report->scheduled);
  set_time(L, "started", report->started);
  set_time(L, "ended", report->ended);
  set_integer(L, "lines", (lua_Integer)report->lines);
  set_integer(L, "gaps", (lua_Integer)report->gaps);
  set_integer(L, "generation", (lua_Integer)report->generation);
  return 1;
}

static int l_run_report(lua_State *L) {
  OPEN_RUN(self);
  return lpod_lua_while_busy(L, self->base.owner, push_report);
}

/* run → its pod as a table, or nil; or nil, err */
static int push_pod(lua_State *L) {
  const run_handle *self = lua_touserdata(L, 1);
  if (!self->run) return lpod_lua_closed(L, "run");
  const lpod_value *pod = lpod_run_pod(self->run);
  if (!pod) return lpod_lua_nil(L);
  lpod_error err = LPOD_ERROR_INIT;
  return lpod_lua_push_value(L, pod, &err) ? lpod_lua_fail(L, &err) : 1;
}

static int l_run_pod(lua_State *L) {
  OPEN_RUN(self);
  return lpod_lua_while_busy(L, self->base.owner, push_pod);
}

/* run → its result as text, or nil */
static int push_result(lua_State *L) {
  const run_handle *self = lua_touserdata(L, 1);
  if (!self->run) return lpod_lua_closed(L, "run");
  size_t len = 0;
  const char *result = lpod_run_result(self->run, &len);
  if (!result) return lpod_lua_nil(L);
  lua_pushlstring(L, result, len);
  return 1;
}

static int l_run_result(lua_State *L) {
  OPEN_RUN(self);
  return lpod_lua_while_busy(L, self->base.owner, push_result);
}

void lpod_lua_open_run(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"id", l_run_id},
      {"advance", l_run_advance},
      {"cancel", l_run_cancel},
      {"adopt", l_run_adopt},
      {"detach", l_run_detach},
      {"set_on_finish", l_run_set_on_finish},
      {"report", l_run_report},
      {"pod", l_run_pod},
      {"result", l_run_result},
      {NULL, NULL},
  };
  lpod_lua_class(L, LPOD_LUA_RUN, methods, l_run_close);
  lua_pushcfunction(L, l_waiting_rules);
  lua_setfield(L, -2, "waiting_rules");
}
