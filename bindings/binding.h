/* What the files of the C module share: errors, values, options, and the userdata of engine, client and run.
 *
 * Rules of this folder: only <lunapod/…>, Lua and libc are included; whatever must be freed hangs on a userdata
 * before a call that can raise; an lpod_error lives on the C stack. Functions that return int and take no other note
 * push that many results. */
#ifndef LPOD_BINDING_H
#define LPOD_BINDING_H

#include "compat.h"
#include <lunapod/engine.h>

/* Numbers of all Luas hold whole numbers up to here exactly (2^53). */
#define LPOD_LUA_EXACT 9007199254740992

/* ---- errors (lua_error.c) ---- */

void lpod_lua_open_errors(lua_State *L); /* puts error and is_error into the table on top */
void lpod_lua_push_error(lua_State *L, const lpod_error *err);
int lpod_lua_fail(lua_State *L, const lpod_error *err);                  /* nil, err */
int lpod_lua_answer(lua_State *L, lpod_rc rc, const lpod_error *err);    /* true, or nil, err */
int lpod_lua_answer_id(lua_State *L, lpod_id id, const lpod_error *err); /* id, or nil, err when it is 0 */
int lpod_lua_nil(lua_State *L);                                          /* nil: not known, not there */
int lpod_lua_closed(lua_State *L, const char *what);                     /* nil, err: it is closed */

/* ---- values (lua_value.c) ---- */

/* Memory of the core that a Lua error must not leak. */
typedef struct lpod_lua_owned {
  lpod_doc *doc;
  char *text;
} lpod_lua_owned;

void lpod_lua_open_values(lua_State *L); /* puts null, array, object, mark, json and yaml into the table on top */
/* Push a userdata that owns what is put into it; release frees it before the collector would. */
lpod_lua_owned *lpod_lua_own(lua_State *L);
void lpod_lua_release(lpod_lua_owned *owned);
/* Push a value as Lua sees it: lists and maps marked. On failure nothing is pushed and err names the path. */
lpod_rc lpod_lua_push_value(lua_State *L, const lpod_value *value, lpod_error *err);
/* Build a value of what is at index. lists: index of a table whose keys are names of fields under which an empty,
 * unmarked table is a list; 0 for none. The value is in doc, also as its root. */
lpod_rc lpod_lua_to_value(lua_State *L, int index, int lists, lpod_doc *doc, const lpod_value **out, lpod_error *err);
/* A new document that `owned` holds, with the value at index. */
lpod_rc lpod_lua_to_doc(lua_State *L, int index, int lists, lpod_lua_owned *owned, const lpod_value **out,
                        lpod_error *err);

/* ---- options (lua_options.c) ---- */

typedef enum lpod_lua_option_kind {
  LPOD_LUA_TEXT,     /* const char *, borrowed from the Lua string; no NUL within */
  LPOD_LUA_BOOL,     /* bool */
  LPOD_LUA_SECONDS,  /* double, finite */
  LPOD_LUA_INT64,    /* int64_t */
  LPOD_LUA_COUNT,    /* size_t */
  LPOD_LUA_UNSIGNED, /* unsigned */
  LPOD_LUA_TIME,     /* int64_t nanoseconds; seconds since 1970 in Lua */
  LPOD_LUA_OTHER,    /* known, read by the caller */
} lpod_lua_option_kind;

typedef struct lpod_lua_option {
  const char *name;
  lpod_lua_option_kind kind;
  size_t offset; /* in the struct that is filled */
} lpod_lua_option;

/* Fill a struct from the table of options at index (or nothing there). An unknown name or a wrong type raises. known
 * ends with name NULL. */
void lpod_lua_read_options(lua_State *L, int index, const lpod_lua_option *known, void *into);
void lpod_lua_require_option(lua_State *L, int index, const void *given,
                             const char *name); /* raises when given is NULL */
/* Push options[name]; its type. index may hold nothing. */
int lpod_lua_push_option(lua_State *L, int index, const char *name);
/* options.lists on top of the stack: its index, or 0. */
int lpod_lua_lists_option(lua_State *L, int index);
/* options[name] as one of choices (ended by NULL): its number, or fallback. */
int lpod_lua_choice_option(lua_State *L, int index, const char *name, const char *const *choices, int fallback);
/* options[name] as an array of texts ended by NULL, kept by a userdata that is pushed; NULL (and nothing pushed) when
 * absent. */
const char *const *lpod_lua_texts_option(lua_State *L, int index, const char *name);
int64_t lpod_lua_check_integer(lua_State *L, int index); /* whole number; raises */
/* Seconds since 1970 ⇄ nanoseconds. A double holds today's time to a quarter of a microsecond: rounded to one, it
 * comes back the same. */
double lpod_lua_seconds(int64_t time);
int64_t lpod_lua_time(double seconds);

/* ---- engine, client, run ---- */

#define LPOD_LUA_ENGINE "lunapod.core.engine"
#define LPOD_LUA_CLIENT "lunapod.core.client"
#define LPOD_LUA_RUN "lunapod.core.run"

typedef struct lpod_lua_engine lpod_lua_engine;
typedef struct lpod_lua_handle lpod_lua_handle;

/* A userdata that hangs on an engine: closing the engine closes it. It keeps the engine's userdata alive: owner is
 * valid while it is set. */
struct lpod_lua_handle {
  lpod_lua_engine *owner; /* NULL: closed */
  lpod_lua_handle *next, **link;
  void (*release)(lpod_lua_handle *handle);
};

struct lpod_lua_engine {
  lpod_engine *engine; /* NULL: closed */
  lpod_lua_handle *handles;
  bool busy; /* a borrowed event or report is being turned into Lua values: a finalizer that runs meanwhile must keep
                off */
};

/* Push a userdata with the metatable `name`; size bytes, zeroed, beginning with a handle. It keeps what it is made
 * from, at 1, alive. */
lpod_lua_handle *lpod_lua_new_handle(lua_State *L, const char *name, size_t size,
                                     void (*release)(lpod_lua_handle *handle));
void lpod_lua_attach(lpod_lua_handle *handle, lpod_lua_engine *owner); /* once the C object is there */
/* The handle at 1, or NULL when it is closed. Raises on a wrong type, and inside a finalizer while the engine is
 * busy. */
lpod_lua_handle *lpod_lua_check_handle(lua_State *L, const char *name);
int lpod_lua_close_handle(lua_State *L, const char *name); /* close, __gc and __close */
/* Call function(userdata at 1) with the engine marked busy; its results. What is borrowed from the core is borrowed
 * inside; the object may have been closed by then. */
int lpod_lua_while_busy(lua_State *L, lpod_lua_engine *owner, lua_CFunction function);
/* Register a class: its metatable with methods as __index and close under "close", "__gc" and "__close". */
void lpod_lua_class(lua_State *L, const char *name, const luaL_Reg *methods, lua_CFunction close);

void lpod_lua_open_engine(lua_State *L); /* puts engine into the table on top */
void lpod_lua_open_client(lua_State *L);
void lpod_lua_open_run(lua_State *L);
int lpod_lua_new_client(lua_State *L); /* engine:client */
int lpod_lua_new_run(lua_State *L);    /* client:run */
/* The open engine or client at 1; NULL when it is closed. To be asked for last: whatever allocates in Lua may run a
 * finalizer that closes it. */
lpod_lua_engine *lpod_lua_check_engine(lua_State *L);
lpod_client *lpod_lua_check_client(lua_State *L, lpod_lua_engine **owner);

extern const char *const lpod_lua_phases[]; /* names by lpod_phase */

/* ---- services (lua_services.c, lua_yield.c) ---- */

void lpod_lua_open_services(lua_State *L);
void lpod_lua_open_yield(lua_State *L);

#endif
