--- Host adapter for cqueues: waits in coroutines of a cqueues controller park there.
--   local pods = lunapod.new { host = require "lunapod.host.cqueues" }
-- The first fiber or wait in a controller puts a driver into it, a coroutine that polls the instance (its pollfd,
-- events and timeout are cqueues' protocol) and steps it. The driver ends when nothing of the instance is under way, so
-- that the controller's loop can end, too.

local host = { name = "cqueues" }

local driven = setmetatable({}, { __mode = "k" }) -- instance → true while a driver runs

local function drive(cqueues, instance)
  local ok, err = true, nil
  while ok and not instance.closed and instance.scheduler:busy() do
    cqueues.poll(instance)
    ok, err = pcall(instance.step, instance, 0) -- bare pcall: a step of 0 does not wait
  end
  driven[instance] = nil
  if not ok then error(err, 0) end
end

--- Something is under way from now on. Outside of a controller the driver has to wait for the first call inside one.
function host.keep(instance)
  local cqueues = require "cqueues"
  local controller = cqueues.running()
  instance.engine:wake()
  if driven[instance] or not controller then return end
  driven[instance] = true
  controller:wrap(drive, cqueues, instance)
end

local Sleeper = {}
Sleeper.__index = Sleeper

--- Something that can sleep in this coroutine until it is woken.
function host.sleeper()
  return setmetatable({ condition = require("cqueues.condition").new() }, Sleeper)
end

function Sleeper:sleep(seconds)
  if not self.woken then self.condition:wait(seconds) end
end

function Sleeper:wake()
  self.woken = true
  self.condition:signal()
end

return host
