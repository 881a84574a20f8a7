-- lunapod inside a program that has a libuv loop of its own (luv): 20 pods run while a timer of the program keeps
-- ticking.
--   lua examples/embed/luv/main.lua [number of pods]
local uv = require "luv"
local lunapod = require "lunapod"

local COUNT = tonumber(arg and arg[1]) or 20

-- An instance with an engine of its own, which lives in the loop. It writes nothing by itself: on_record gets all it
-- has to say.
local lines = 0
local pods = lunapod.new {
  host = require "lunapod.host.luv",
  on_record = function(record)
    if record.kind == "log" then lines = lines + 1 end
  end,
}

local task = pods.KubernetesPodOperator {
  task_id = "embedded",
  image = "busybox:1",
  cmds = { "sh", "-c" },
  arguments = { "for i in 1 2 3; do echo $i; done" },
}

-- The program's own timer, every 10 ms; the longest gap between two ticks tells how long it was kept waiting.
local ticks, longest_gap, last = 0, 0, uv.hrtime()
local timer = uv.new_timer()
timer:start(10, 10, function()
  local now = uv.hrtime()
  longest_gap, last, ticks = math.max(longest_gap, (now - last) / 1e6), now, ticks + 1
end)

-- The CPU time of each of lunapod's steps.
local longest_step, step = 0, pods.step
function pods.step(...)
  local before = os.clock()
  step(...)
  longest_step = math.max(longest_step, (os.clock() - before) * 1000)
end

local failure
coroutine.wrap(function() -- a coroutine of the program's own: waits in it are parked in the loop
  local ok, err = pods:pcall(function()
    local list = {}
    for i = 1, COUNT do list[i] = i end
    pods:map(list, function() task:execute() end)
  end)
  if not ok then failure = err end
  timer:close()
  pods:close {}
end)()

uv.run()

if failure then error(failure, 0) end
print(("%d pods, %d log lines; ticked %d times, longest gap %.1f ms; longest step %.1f ms of CPU")
  :format(COUNT, lines, ticks, longest_gap, longest_step))
