-- For luacheck, run at the root: it must find nothing. Library code runs on Lua 5.1 to 5.5 and
-- LuaJIT, so it may use only what all of them have (std "min"); what differs is asked for by scripts/lunapod/compat.lua.
-- Tests run on each of them too, with busted's globals. Line length is tests/lint/style's matter, which counts letters.
std = "min"
max_line_length = false
codes = true
self = false
unused_secondaries = false
include_files = {
  "**/*.lua", "scripts/bin/lunapod", "tests/cluster/audit", "tests/lint/layers", "tests/lint/style", ".luacheckrc",
}
exclude_files = { "build*", ".luarocks" }

files["**/.luacheckrc"] = { std = "+luacheckrc" }
files["scripts/lunapod/compat.lua"] = { std = "max" } -- these two ask which Lua this is
files["scripts/lunapod/template/numbers.lua"] = { std = "max" }
files["bindings/types"] = { ignore = { "1..", "2..", "5.." } } -- declarations for editors: nothing runs
files["tests"] = { std = "max+busted" }
files["tests/lint"] = { std = "lua54" }
files["tests/cluster/audit"] = { std = "lua54" }
