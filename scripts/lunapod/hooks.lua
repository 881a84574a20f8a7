--- Hooks (HOK): functions of the script's that are called at the moments of a pod's life, and the callbacks of the base
-- task. A task has a table of hooks or a list of them, called in the list's order. They observe: a failing one is told
-- as a warning and changes nothing. Only on_pod_manifest_created may change something, the manifest, and fails the
-- launch when it fails (HOK-10).

local core = require "lunapod.core"
local errors = require "lunapod.errors"
local options = require "lunapod.options"

local hooks = {}

local known = {}
for name in ([[
  on_sync_client_creation on_pod_manifest_created on_pod_creation on_pod_starting on_pod_completion on_pod_teardown
  on_pod_cleanup on_operator_resuming progress_callback
]]):gmatch("%S+") do
  known[name] = "function"
end

--- The list of a task's hooks, checked. callbacks: a table of hooks, a list of them, or nil.
function hooks.list(callbacks)
  if callbacks == nil or callbacks == core.null then return {} end
  local list = (callbacks[1] ~= nil or next(callbacks) == nil) and callbacks or { callbacks }
  for _, it in ipairs(list) do options.check(it, known, 'parameter "callbacks"') end
  return list
end

--- A hook that observes failed: say so. this: a try, or the operator.
local function tell(this, name, err)
  local it = { kind = "warning", level = "warning", message = ("%s failed: %s"):format(name, tostring(err)) }
  if this.attempt then this.attempt:emit(it) else this.instance:emit(it) end
end

--- Call fn(…), which may wait; a failure is told, a cancellation goes on.
function hooks.observe(this, name, fn, ...)
  local ok, err = this.instance:pcall(fn, ...)
  if ok then return end
  if errors.is_cancelled(err) then error(err, 0) end
  tell(this, name, err)
end

--- Call this hook of each table that has it, with the try's pod as last seen, context and operator.
function hooks.call(this, name)
  for _, it in ipairs(this.hooks) do
    if it[name] then hooks.observe(this, name, it[name], this.attempt:pod(), this.context, this.operator or this) end
  end
end

--- HOK-1: a client was made.
function hooks.client(this, client)
  for _, it in ipairs(this.hooks) do
    local fn = it.on_sync_client_creation
    if fn then hooks.observe(this, "on_sync_client_creation", fn, client, this.operator or this) end
  end
end

--- HOK-2: may change the manifest in place, and fails the launch.
function hooks.manifest(this, pod_request)
  for _, it in ipairs(this.hooks) do
    if it.on_pod_manifest_created then it.on_pod_manifest_created(pod_request, this.context, this.operator or this) end
  end
end

--- The functions that get each log line: the task's progress_callback and those of its hooks (HOK-9); nil: none.
function hooks.of_lines(op)
  local list = { op.progress_callback }
  for _, it in ipairs(op.hooks or {}) do list[#list + 1] = it.progress_callback end
  return list[1] and list or nil
end

return hooks
