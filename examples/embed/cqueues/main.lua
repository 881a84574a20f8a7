-- lunapod inside a program that runs cqueues: 20 pods run while a coroutine of the program keeps ticking.
--   lua examples/embed/cqueues/main.lua [number of pods]
local cqueues = require "cqueues"
local lunapod = require "lunapod"

local COUNT = tonumber(arg and arg[1]) or 20

-- An instance with an engine of its own. It writes nothing by itself: on_record gets all it has to say.
local lines = 0
local pods = lunapod.new {
  host = require "lunapod.host.cqueues",
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

-- The CPU time of each of lunapod's steps.
local longest_step, step = 0, pods.step
function pods.step(...)
  local before = os.clock()
  step(...)
  longest_step = math.max(longest_step, (os.clock() - before) * 1000)
end

local controller = cqueues.new()
local running, failure = true, nil

-- The program's own work: it ticks every 10 ms, and the longest gap tells how long it was kept waiting.
local ticks, longest_gap = 0, 0
controller:wrap(function()
  local last = cqueues.monotime()
  while running do
    cqueues.sleep(0.01)
    local now = cqueues.monotime()
    longest_gap, last, ticks = math.max(longest_gap, (now - last) * 1000), now, ticks + 1
  end
end)

controller:wrap(function() -- a wait here parks this coroutine; the others go on
  local ok, err = pods:pcall(function()
    local list = {}
    for i = 1, COUNT do list[i] = i end
    pods:map(list, function() task:execute() end)
  end)
  if not ok then failure = err end
  running = false
end)

assert(controller:loop())
pods:close {}

if failure then error(failure, 0) end
print(("%d pods, %d log lines; ticked %d times, longest gap %.1f ms; longest step %.1f ms of CPU")
  :format(COUNT, lines, ticks, longest_gap, longest_step))
