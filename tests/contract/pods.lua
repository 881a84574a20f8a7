-- What the contract's specs share. A group collects tasks, each written beside the test that looks at it, and runs all
-- of them at once in one Lua program when the first is asked for; their pods are kept, read by kubectl, then removed.
-- So a test sees what lunapod says of a task, what the pod printed, and what the server holds, at the price of one
-- program for a whole file. program() is for the rows that need a program of their own.
local cjson = require "cjson"
local support = require "cluster.specs.support"

local pods = {}

local group_program = [[
local lunapod = require "lunapod"
local tasks = {}
%s
local seen = lunapod.array {}
local function run(define)
  local parameters, context = define()
  if parameters.cmds == nil then parameters.cmds = { "sh", "-c" } end
  if parameters.cmds == false then parameters.cmds = nil end
  if parameters.is_delete_operator_pod == nil then parameters.is_delete_operator_pod = false end
  parameters.image = parameters.image or "busybox:1"
  parameters.termination_grace_period = parameters.termination_grace_period or 1
  local task = lunapod.KubernetesPodOperator(parameters)
  return task:start(context):wait()
end
local fibers = {}
for i, define in ipairs(tasks) do
  fibers[i] = lunapod.spawn(function()
    local ok, it = lunapod.pcall(run, define)
    if not ok then
      seen[i] = { state = "raised", error = tostring(it) }
      return
    end
    local err = it.error or {}
    seen[i] = {
      state = it.state, result = it.result, exit_code = it.exit_code, error = it.error and tostring(it.error) or nil,
      class = err.class, reason = err.reason, kind = err.kind, log = it.snapshot and it.snapshot.log or "",
      name = it.pod and it.pod.name or "none",
    }
  end)
end
lunapod.all(fibers)
print(lunapod.json.encode(seen))
]]

--- A group of tasks. group:task(parameters, context) takes the inside of two Lua tables as text (or none), and returns
-- a function that gives what was seen: {state, result, exit_code, error, class, reason, log, pod}, pod as kubectl reads
-- it.
-- Defaults: busybox:1, cmds sh -c (false: not given), the pod is kept. options: as for program.
function pods.group(options)
  local group = { definitions = {} }

  local function run()
    local result = support.expect_status(0, support.lua({ support.file(group_program:format(
      table.concat(group.definitions))) }, options))
    local all, by_name = cjson.decode(result.out), {}
    for _, pod in ipairs(support.pods()) do by_name[pod.metadata.name] = pod end
    support.sweep()
    for _, it in ipairs(all) do
      it.pod, it.said = by_name[it.name], result.err
      it.log = it.log and ("\n" .. it.log):gsub("\n%[base%] ", "\n"):sub(2)
    end
    return all
  end

  function group:task(parameters, context)
    local number = #self.definitions + 1
    self.definitions[number] = ("tasks[%d] = function() return { task_id = 't%d',\n%s }, { %s } end\n"):format(number,
      number, parameters, context or "")
    return function()
      if self.failure then error(self.failure, 0) end
      if not self.seen then
        local ok, seen = pcall(run)
        if not ok then
          self.failure = seen
          error(seen, 0)
        end
        self.seen = seen
      end
      return self.seen[number]
    end
  end

  return group
end

--- What was seen of a task that must have succeeded.
function pods.succeeded(it)
  if it.state ~= "succeeded" then
    error(("the task is %s: %s\nlog: %s"):format(it.state, tostring(it.error), tostring(it.log)), 2)
  end
  return it
end

--- This spec's pods that nobody has deleted yet.
function pods.live()
  local live = {}
  for _, pod in ipairs(support.pods()) do
    if not pod.metadata.deletionTimestamp then live[#live + 1] = pod end
  end
  return live
end

function pods.container(it)
  return it.pod.spec.containers[1]
end

--- Fails unless the text holds this part, and shows the text.
function pods.says(part, text)
  if not (text or ""):find(part, 1, true) then error(("not said: %s\nin: %s"):format(part, tostring(text)), 2) end
end

--- Runs a plain Lua program; it has lunapod, task { … } with a busybox shell and a short grace, and show(…). Returns
-- its end; an exit status other than 0 is an error.
function pods.program(text, options)
  return support.expect_status(0, pods.start(text, options):wait(options and options.seconds))
end

pods.head = [[
local lunapod = require "lunapod"
local function defaults(given)
  given.task_id = given.task_id or "task"
  given.image = given.image or "busybox:1"
  given.cmds = given.cmds or { "sh", "-c" }
  given.termination_grace_period = given.termination_grace_period or 1
  return given
end
local function task(given) return lunapod.KubernetesPodOperator(defaults(given)) end
local function show(...) print(...) io.stdout:flush() end
]]

function pods.start(text, options)
  return support.start_lua({ support.file(pods.head .. text) }, options)
end

--- Makes objects of YAML in the cluster; undone by pods.remove with the same text.
function pods.apply(text)
  assert(support.kubectl({ "apply", "-f", "-" }, text))
end

function pods.remove(text)
  support.kubectl({ "delete", "--ignore-not-found", "--wait=false", "-f", "-" }, text)
end

return pods
