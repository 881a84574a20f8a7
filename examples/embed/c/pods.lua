-- The script of poll_lua.c: runs 20 pods (or as many as the first argument says), 20 at a time, on the engine of the
-- program.
local engine, abi, count = ...
local lunapod = require "lunapod"

local instance = assert(lunapod.new { engine = engine, abi = abi })
local task = instance.KubernetesPodOperator {
  task_id = "embedded",
  image = "busybox:1",
  cmds = { "sh", "-c" },
  arguments = { "for i in 1 2 3; do echo $i; done" },
}

local list = {}
for i = 1, tonumber(count) or 20 do list[i] = i end

local done, failure
instance:spawn(function()
  local ok, err = instance:pcall(instance.map, instance, list, function() return select(2, task:execute()).state end,
    { parallel = 20 })
  done, failure = true, not ok and err or nil
end)

-- Called by the program whenever the engine has work.
return function()
  if not done then instance:step(0) end
  if not done then return true end
  instance:close {}
  if failure then error(failure, 0) end
  print(#list .. " pods ran")
  return false
end
