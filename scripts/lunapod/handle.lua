--- The handle of a task that runs in the background (op:start): wait for its outcome, cancel it, follow its lines and
-- events. Lines are kept from the start on, up to a limit; then the oldest go and next_line says so once. A handle's
-- wait never raises for what became of the task. Cancelling a fiber that waits here leaves the pod alone; cancelling
-- the handle kills it.

local errors = require "lunapod.errors"
local execution = require "lunapod.execution"

local Handle = {}
Handle.__index = Handle

local MOST_TEXT = 1024 * 1024 -- bytes of log kept for next_line
local MOST_EVENTS = 1000

--- Start op. The call is counted now, the try begins at the next turn.
local function start(op, given)
  local instance = op.instance
  local self = setmetatable({ op = op, scheduler = instance.scheduler, context = execution.begin(op, given),
    blocks = {}, first = 1, last = 0, bytes = 0, events = {}, first_event = 1, last_event = 0 }, Handle)
  local fiber = self.scheduler:spawn(function()
    local result, outcome = op:execute(given)
    return outcome or { state = "succeeded", result = result }
  end)
  fiber.handle, fiber.heard = self, true
  fiber.on_done = function() self.scheduler:notify(self) end
  self.fiber = fiber
  return self
end

local function ended(self)
  local status = self.fiber.status
  if status == "done" or status == "failed" or status == "cancelled" then return true end
  return nil
end

--- The outcome, whatever it is; nil, "timeout" after so many seconds, with nothing cancelled.
function Handle:wait(seconds)
  local ok, why = self.scheduler:wait(self, ended, seconds)
  if not ok then return nil, why end
  local fiber = self.fiber
  if fiber.values then return fiber.values[1] end
  local err = errors.object(fiber.error)
  if err.outcome then return err.outcome end
  return { state = errors.is_cancelled(err) and "killed" or "failed", error = err, attempts = 0, gaps = 0, timing = {} }
end

--- Kill the task: its pod is deleted, its outcome is `killed`. Returns at once.
function Handle:cancel(why)
  self.fiber:cancel(why)
end

-- ---- lines and events ----

--- Lines of a container's log; prefixed: each begins with "[container] ".
function Handle:push_text(text, container, prefixed)
  self.last = self.last + 1
  self.blocks[self.last] = { text = text, container = container, prefix = prefixed and "[" .. container .. "] " }
  self.bytes = self.bytes + #text
  while self.bytes > MOST_TEXT and self.first < self.last do
    self.bytes = self.bytes - #self.blocks[self.first].text
    self.blocks[self.first] = nil
    self.first = self.first + 1
    self.dropped = true
  end
  self.scheduler:notify(self)
end

function Handle:push_event(it)
  self.last_event = self.last_event + 1
  self.events[self.last_event] = it
  if self.last_event - self.first_event >= MOST_EVENTS then
    self.events[self.first_event] = nil
    self.first_event = self.first_event + 1
  end
  self.scheduler:notify(self)
end

local function take_line(self)
  if self.dropped then
    self.dropped, self.rest = false, nil
    return "(lines were dropped: they were not read in time)"
  end
  while true do
    local rest = self.rest
    if rest then
      local stop = rest.text:find("\n", rest.at, true)
      local line = rest.text:sub(rest.at, (stop or #rest.text + 1) - 1)
      if stop and stop < #rest.text then rest.at = stop + 1 else self.rest = nil end
      local prefix = rest.prefix
      if prefix and line:sub(1, #prefix) == prefix then line = line:sub(#prefix + 1) end
      return line, rest.container
    end
    local block = self.blocks[self.first]
    if not block then break end
    self.blocks[self.first] = nil
    self.first = self.first + 1
    self.bytes = self.bytes - #block.text
    if #block.text > 0 then block.at, self.rest = 1, block end
  end
  if ended(self) then return false end
  return nil
end

--- The next log line and its container; nil and "timeout" or "closed" (the task has ended).
function Handle:next_line(seconds)
  local line, second = self.scheduler:wait(self, take_line, seconds)
  if line == false then return nil, "closed" end
  return line, second
end

local function take_event(self)
  local event = self.events[self.first_event]
  if event then
    self.events[self.first_event] = nil
    self.first_event = self.first_event + 1
    return event
  end
  if ended(self) then return false end
  return nil
end

--- The next record about this task that is not a log line; nil and "timeout" or "closed".
function Handle:next_event(seconds)
  local event, why = self.scheduler:wait(self, take_event, seconds)
  if event == false then return nil, "closed" end
  return event, why
end

return { start = start }
