rockspec_format = "3.0"
package = "lunapod"
version = "scm-1"
source = { url = "git+file://." }
description = {
  summary = "Run tasks as Kubernetes pods, from Lua",
  detailed = [[
    lunapod runs a task as a Kubernetes pod: it creates the pod, follows its log, reads its result, tells why it failed, tries again by a
    policy that is a Lua function, and leaves nothing behind. One C engine with an event loop of its own behind one descriptor, so that
    it lives in any host; a program, `lunapod`, runs task scripts from the command line.]],
  license = "MIT",
  labels = { "kubernetes", "pods", "airflow", "workflow" },
}
supported_platforms = { "linux" }
dependencies = { "lua >= 5.1, < 5.6", "lua-cjson >= 2.1", "argparse >= 0.7" }
-- By library, not by header: under multiarch the headers are in folders that LuaRocks does not look into.
external_dependencies = {
  UV = { library = "uv" },
  CURL = { library = "curl" },
  WSLAY = { library = "wslay" },
  YAML = { library = "yaml" },
  CRYPTO = { library = "crypto" },
  ZLIB = { library = "z" },
}
build = {
  type = "make",
  build_target = "rock-build",
  install_target = "rock-install",
  build_variables = { CFLAGS = "$(CFLAGS)", LUA_INCDIR = "$(LUA_INCDIR)", B = "build-rocks" },
  install_variables = { INST_LIBDIR = "$(LIBDIR)", INST_LUADIR = "$(LUADIR)", INST_BINDIR = "$(BINDIR)", B = "build-rocks" },
}
