--- require "lunapod": the functions that scripts use.
-- They work on a default instance, which is made here but starts nothing: its engine comes with the first thing that
-- needs one. lunapod.new makes instances of their own, with the same functions as methods. See docs/ for what each of
-- them takes.

local core = require "lunapod.core"
local instances = require "lunapod.instance"
local policies = require "lunapod.policies"
local terminal = require "lunapod.terminal"

local lunapod = {
  null = core.null, array = core.array, object = core.object,
  json = core.json, yaml = core.yaml,
  version = core.version,
  error = core.error, is_error = core.is_error,
  retry = policies,
  PodReattachFailure = "PodReattachFailure", -- an error's reason (ERR-4)
}

--- The instance that the module's own functions use. Only this one writes: log lines and messages to standard error.
local default = instances.new {
  run_id = os.getenv("LUNAPOD_RUN_ID"),
  namespace = os.getenv("LUNAPOD_NAMESPACE"),
}
default.terminal = terminal.new { now = function() return default.engine:now() end }
lunapod.default = default

--- An instance with an engine of its own. Returns nil, err when the engine cannot be made.
function lunapod.new(options)
  local instance = instances.new(options)
  local ok, err = pcall(function() return instance.scheduler end) -- bare pcall: it does not wait
  if not ok then return nil, err end
  local host = instance.settings.host
  if host and host.attach then host.attach(instance) end
  return instance
end

for _, name in ipairs { "spawn", "all", "map", "sleep", "run", "client", "connections", "variables", "xcom_pull",
  "close" } do
  lunapod[name] = function(...) return default[name](default, ...) end
end
function lunapod.pcall(...) return default.scheduler:pcall(...) end
function lunapod.xpcall(...) return default.scheduler:xpcall(...) end

--- A Secret descriptor (PAR-secrets).
function lunapod.Secret(given) return require("lunapod.secret").new(given) end

local fields = { task = true, KubernetesPodOperator = true, params = true, run_id = true, dag_id = true, engine = true,
  on_record = true, pod_mutation_hook = true }

return setmetatable(lunapod, {
  __index = function(_, key)
    if fields[key] then return default[key] end
    return nil
  end,
  __newindex = function(module, key, value)
    if fields[key] then default[key] = value else rawset(module, key, value) end
  end,
})
