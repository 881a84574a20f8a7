-- The work of `make bench` as lunapod's users would write it: one of three, named by the first argument.
--   one              a pod that says hello, its log followed
--   many N           N of them at once
--   log LINES BYTES  one pod that writes that many lines of that many bytes
local lunapod = require "lunapod"
local what, count, size = arg[1], tonumber(arg[2]), tonumber(arg[3])

local function task(id, command)
  return lunapod.KubernetesPodOperator {
    task_id = id, image = "busybox:1", cmds = { "sh", "-c" }, arguments = { command }, termination_grace_period = 1,
  }
end

if what == "one" then
  task("hello", "echo hello"):execute()
elseif what == "many" then
  local items = {}
  for i = 1, count do items[i] = i end
  local hello = task("hello", "echo hello")
  lunapod.map(items, function() hello:execute() end, { parallel = count })
elseif what == "log" then
  local line = ("x"):rep(size - 1)
  task("log", ("yes %s | head -n %d"):format(line, count)):execute()
end
