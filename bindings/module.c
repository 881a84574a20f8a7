/* The C module `lunapod.core`: opens its parts and exports luaopen_lunapod_core, its only symbol. types/core.lua is
 * its contract. */
#include "binding.h"

__attribute__((visibility("default"))) int luaopen_lunapod_core(lua_State *L);

int luaopen_lunapod_core(lua_State *L) {
  luaL_checkversion(L);
  lua_newtable(L);
  lua_pushstring(L, lpod_version());
  lua_setfield(L, -2, "version");
  lua_pushinteger(L, (lua_Integer)lpod_abi());
  lua_setfield(L, -2, "abi");
  lpod_lua_open_errors(L);
  lpod_lua_open_values(L);
  lpod_lua_open_services(L);
  lpod_lua_open_yield(L);
  lpod_lua_open_engine(L);
  lpod_lua_open_client(L);
  lpod_lua_open_run(L);
  return 1;
}
