--- One attempt of a task as one pod: the C run, and what waits for it.
-- It advances the run by phases, passes on what the pod writes, and keeps the first error. It decides nothing:
-- operator.lua says which phase comes next, outcome.lua what it meant. Invariant: an attempt that was begun ends with
-- close(), whatever happens in between.

local errors = require "lunapod.errors"
local hooks = require "lunapod.hooks"
local record = require "lunapod.record"

local Attempt = {}
Attempt.__index = Attempt

local LOG_TAIL = 4096 -- bytes of the log's end that an outcome keeps (OUT-7)

--- Begin one: makes the run, sends nothing. settings: op, instance, client (core), context, options (of the run),
-- handle or nil.
local function new(settings)
  local run, err = settings.client:run(settings.options)
  if not run then return nil, err end
  local self = setmetatable({
    op = settings.op, instance = settings.instance, scheduler = settings.instance.scheduler, context = settings.context,
    handle = settings.handle, run = run, id = run:id(), reached = {}, seen_events = {},
    name = settings.op.task_id,
    grace = settings.options.grace,
  }, Attempt)
  if settings.context.map_index then self.name = ("%s[%d]"):format(self.name, settings.context.map_index) end
  self.lines_wanted = self.instance:wants_lines(settings.op)
  if self.lines_wanted then self.instance.engine:want_lines(self.id, true) end
  self.instance.attempts[self] = true
  self.scheduler:listen(self.id, function(kind, ...) self[kind](self, ...) end)
  return self
end

--- A record about this attempt. loud: for people, too, where its kind is not usually shown to them.
function Attempt:emit(it, loud)
  local context, report = self.context, self:report()
  it.dag_id, it.task_id, it.run_id = context.dag_id, self.op.task_id, context.run_id
  it.map_index, it.try, it.pod = context.map_index, context.try_number, report.name
  self.instance:emit(it, loud)
  if self.handle then self.handle:push_event(it) end
end

-- ---- events of the run, by their kinds; none of these waits ----

function Attempt:state(waiting)
  self.seen_pod = nil
  local report = self:report()
  local task = report.task
  local ended = task and task.state == "terminated"
  local terminal = self.instance.terminal
  if terminal then terminal:progress(self, self.name, ended and "ending" or waiting) end
  if self.instance.on_record or self.handle or (terminal and terminal.verbose) then
    waiting = ended and "ended" or waiting ~= "" and waiting or "running"
    self:emit { kind = "state", level = "info", state = waiting, message = waiting }
  end
end

function Attempt:output(text, container, lines)
  if text then
    local tail = #text >= LOG_TAIL and text or (self.tail or "") .. text
    self.tail = tail:sub(-LOG_TAIL)
    if self.handle then
      self.handle:push_text(text, container, self.op.container_name_log_prefix_enabled ~= false)
    end
  end
  if lines then
    for _, line in ipairs(lines) do self:line(line.text, container, line.time) end
  elseif text and self.instance.terminal then
    self.instance.terminal:text(text)
  end
end

--- What a function of the script's makes of a line; one that fails is told once, and changes nothing (HOK-10).
local function observed(self, name, fn, ...)
  local ok, value = pcall(fn, ...) -- bare pcall: a callback must not wait
  if ok then return value end
  if not self.told_callback then
    self.told_callback = true
    self:warning(("%s failed: %s"):format(name, tostring(value)))
  end
end

--- A log line, where somebody wants lines: callback, formatter, record (LOG-7, LOG-8).
function Attempt:line(text, container, time)
  local op = self.op
  self.tail = ((self.tail or "") .. text .. "\n"):sub(-LOG_TAIL)
  if self.handle then self.handle:push_text(text .. "\n", container) end
  for _, fn in ipairs(hooks.of_lines(op) or {}) do
    observed(self, "progress_callback", fn, text, container, time, self:pod())
  end
  local it = { kind = "log", level = record.level(text), time = time, container = container, message = text }
  if op.log_formatter then
    local formatted = observed(self, "log_formatter", op.log_formatter, container, text)
    if formatted ~= nil then it.message, it.raw = tostring(formatted), true end
  elseif op.container_name_log_prefix_enabled == false then
    it.raw = true
  end
  local context = self.context
  it.dag_id, it.task_id, it.run_id, it.map_index = context.dag_id, op.task_id, context.run_id, context.map_index
  it.try, it.pod = context.try_number, self:report().name
  self.instance:emit(it)
end

function Attempt:phase(phase, err)
  if phase ~= "cleaned" then self.seen_pod = nil end -- what it was like before it was deleted is what is kept
  self.reached[phase] = true
  if err and not self.error then self.error = err end
  self.last_error = err
  if phase == "cleaned" then
    self.cleaned = true
    if self.instance.terminal then self.instance.terminal:finished(self) end
  end
  self.scheduler:notify(self)
end

function Attempt:warning(text)
  self:emit { kind = "warning", level = "warning", message = text }
end

-- ---- driving ----

local function reached(self)
  if self.detached or self.cleaned or self.reached[self.goal] then return true end
  return nil
end

--- Work towards that phase and wait for it. true, or nil and why it cannot be reached.
function Attempt:advance(phase)
  self.scheduler:check()
  if self.reached[phase] then return true end
  if self.detached then return nil, errors.cancelled("the pod was let go") end
  self.goal = phase
  local ok, err = self.run:advance(phase)
  if ok == nil then return nil, err end
  self.scheduler:wait(self, reached)
  if self.detached then return nil, errors.cancelled("the pod was let go") end
  if self.last_error then return nil, self.last_error end
  return true
end

--- Kill the pod; returns at once. grace nil: the task's.
function Attempt:cancel(grace)
  if self.cleaned or self.detached or self.cancelled then return end
  self.cancelled = true
  self.run:cancel(grace)
end

--- Kill the pod, and wait until that is done.
function Attempt:kill(grace)
  self.goal = "cleaned"
  self:cancel(grace)
  self.scheduler:wait(self, reached)
end

--- Stop following: the pod lives on. Whoever waits finds the attempt detached.
function Attempt:detach()
  if self.detached or self.cleaned then return end
  self:report()
  self.detached = true
  self.run:detach()
  self.scheduler:notify(self)
end

--- What is known of the pod; {} before anything is.
function Attempt:report()
  if self.closed then return self.last_report end
  return self.run:report() or {}
end

--- The pod as of the run's last event, as a table made once.
function Attempt:pod()
  if self.closed then return self.last_pod end
  if not self.seen_pod then self.seen_pod = self.run:pod() end
  return self.seen_pod
end

--- The end, in any case. A pod that has not been dealt with lives on.
function Attempt:close()
  if self.closed then return end
  self.last_report, self.last_pod = self:report(), self:pod()
  if not self.cleaned then self:detach() end
  self.closed = true
  self.scheduler:listen(self.id, nil)
  self.run:close()
  self.instance.attempts[self] = nil
  if self.instance.terminal then self.instance.terminal:finished(self) end
  self.scheduler:notify(self.instance)
end

return { new = new }
