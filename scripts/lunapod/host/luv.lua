--- Host adapter for luv: an instance that lives in libuv's default loop.
--   local pods = lunapod.new { host = require "lunapod.host.luv" }
-- The loop watches the engine's one descriptor; a wait in any coroutine parks it until the loop brings the answer. The
-- loop is kept running exactly as long as a fiber lives or a coroutine waits.

local host = { name = "luv" }

local polls = setmetatable({}, { __mode = "k" }) -- instance → uv_poll_t

--- Called by lunapod.new.
function host.attach(instance)
  local uv = require "luv"
  local poll, err = uv.new_poll(instance:fd())
  if not poll then error(err, 0) end
  polls[instance] = poll
  poll:start("r", function()
    instance:step(0)
    if not instance.closed and not instance.scheduler:busy() then poll:unref() end
  end)
  poll:unref()
end

--- Something is under way from now on.
function host.keep(instance)
  local poll = polls[instance]
  if poll then poll:ref() end
  instance.engine:wake()
end

--- Called by instance:close.
function host.detach(instance)
  local poll = polls[instance]
  polls[instance] = nil
  if poll and not poll:is_closing() then
    poll:stop()
    poll:close()
  end
end

local Sleeper = {}
Sleeper.__index = Sleeper

--- Something that can sleep in this coroutine until it is woken; `outer` is the coroutine that the scheduler resumes.
function host.sleeper(scheduler, outer)
  return setmetatable({ scheduler = scheduler, co = outer }, Sleeper)
end

function Sleeper:sleep(seconds)
  local timer
  if seconds then
    timer = self.scheduler:after(seconds, function()
      timer = nil
      self:wake()
    end)
  end
  self.asleep = true
  coroutine.yield()
  if timer then self.scheduler:forget(timer) end
end

function Sleeper:wake()
  if not self.asleep then return end
  self.asleep = false
  self.scheduler:defer(self)
end

return host
