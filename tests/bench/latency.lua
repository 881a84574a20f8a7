-- From the arrival of a watch event to the fiber that waits for it (TG7b): the descriptor is readable → the fiber runs,
-- with so many pods alive (argument 1, default 50). A host's loop of our own takes the time, by the clock and by the
-- CPU of this process alone. What the kubelet takes is told apart: from a container's last log line to the outcome, the
-- delete included. Prints one JSON line.
local cjson = require "cjson"
local cqueues = require "cqueues"
local lunapod = require "lunapod"

local COUNT = tonumber(arg[1]) or 50
local readable, readable_cpu
local wall, cpu, kubelet, last_line = {}, {}, {}, {}
local alive, failure = COUNT, nil

local instance = lunapod.new {
  on_record = function(record)
    if record.kind == "log" then last_line[record.pod] = cqueues.monotime() end
    if record.kind == "error" then failure = record.message end
  end,
}
local sleeper = instance.KubernetesPodOperator {
  task_id = "sleeper", image = "busybox:1", cmds = { "sh", "-c" }, arguments = { "sleep 5; echo end" },
  termination_grace_period = 0,
}

for _ = 1, COUNT do
  instance:spawn(function()
    local handle = sleeper:start {}
    while true do
      local event = handle:next_event()
      if not event then break end
      if event.kind == "state" then
        wall[#wall + 1] = cqueues.monotime() - readable
        cpu[#cpu + 1] = os.clock() - readable_cpu
      elseif event.kind == "outcome" then
        kubelet[#kubelet + 1] = cqueues.monotime() - last_line[event.pod]
      end
    end
    handle:wait()
    alive = alive - 1
  end)
end

local loop = cqueues.new()
loop:wrap(function()
  while alive > 0 and not failure do
    local timeout = instance:timeout()
    if timeout ~= 0 then cqueues.poll({ pollfd = instance:fd(), events = "r" }, timeout) end
    readable, readable_cpu = cqueues.monotime(), os.clock()
    instance:step(0)
  end
end)
assert(loop:loop())
instance:close()
if failure then error(failure, 0) end

local function spread(seconds)
  table.sort(seconds)
  local function at(part) return (seconds[math.ceil(#seconds * part)] or 0) * 1e3 end
  return { count = #seconds, p50_ms = at(0.5), p99_ms = at(0.99), most_ms = at(1) }
end
print(cjson.encode { wall = spread(wall), cpu = spread(cpu), kubelet = spread(kubelet) })
