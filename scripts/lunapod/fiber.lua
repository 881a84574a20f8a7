--- A fiber: a coroutine of the scheduler, as its starter sees it.
-- It can be waited for by any number of others, and cancelled. status: "ready" "running" "waiting", then "done"
-- "failed" "cancelled".

local errors = require "lunapod.errors"
local compat = require "lunapod.compat"

local Fiber = {}
Fiber.__index = Fiber

local function new(scheduler)
  return setmetatable({ scheduler = scheduler, status = "ready" }, Fiber)
end

function Fiber:wake()
  self.scheduler:make_ready(self)
end

local function ended(self)
  if self.values or self.error ~= nil or self.status == "failed" then return true end
  return nil
end

--- Wait for its end, or so many seconds: fn's values, or its error is raised; nil, "timeout".
function Fiber:wait(seconds)
  if self.scheduler:current() == self then errors.usage("a fiber cannot wait for itself") end
  local ok, why = self.scheduler:wait(self, ended, seconds)
  if not ok then return nil, why end
  self.heard = true
  if not self.values then error(self.error, 0) end
  return compat.unpack(self.values, 1, self.values.n)
end

--- Its current wait and every later one raises an error of kind "cancelled". Returns at once; a fiber that has ended is
-- left alone.
function Fiber:cancel(why)
  if ended(self) or self.cancelled then return end
  self.cancelled = type(why) == "string" and why or "cancelled"
  if self.status == "waiting" then self:wake() end
end

return { new = new }
