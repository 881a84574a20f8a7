--- Handles of what goes on for a while: a watch, a log, a command in a container.
-- Events are queued as they come and taken one at a time. A handle ends once: after that next() gives nil and "closed",
-- or the error. Invariant: what waits in a handle is bounded; at the bound the engine reads no more of it, and goes on
-- when all has been taken (L15). Of what a log could not be told again, the next line has gap = true.

local core = require "lunapod.core"

local Stream = {}
Stream.__index = Stream

local MOST = 256 * 1024             -- what may wait in a handle (LPOD_LIMIT_LOG_STREAM)
local MOST_OF_WAIT = 64 * 1024 * 1024 -- what wait() may collect
local OBJECT = 2048                 -- what an item without text counts as

local start = { watch = "start_watch", logs = "start_logs", exec = "start_exec" }

--- Start it. nil, err when it cannot be started.
local function new(client, kind, options)
  local scheduler = client.scheduler
  scheduler:check()
  local id, err = client.core[start[kind]](client.core, options)
  if not id then return nil, err end
  local self = setmetatable({ scheduler = scheduler, core = client.core,
    engine = client.instance.engine, id = id, first = 1, last = 0, waiting = 0, most = MOST }, Stream)
  if kind == "logs" then self.engine:want_lines(id, true) end
  scheduler:listen(id, function(event, ...)
    self[event](self, ...)
    scheduler:notify(self)
  end)
  return self
end

local function weight(item)
  return item.text and #item.text + 64 or OBJECT
end

function Stream:hold(held)
  self.held = held
  self.engine:hold(self.id, held)
end

function Stream:push(item)
  if self.gap then item.gap, self.gap = true, nil end
  self.last = self.last + 1
  self[self.last] = item
  self.waiting = self.waiting + weight(item)
  if self.waiting >= self.most and not self.held then self:hold(true) end
end

-- ---- events ----

function Stream:watch(kind, object) self:push { type = kind, object = object } end

function Stream:output(text, channel, lines)
  if not lines then return self:push { text = text, channel = channel } end
  for _, line in ipairs(lines) do self:push(line) end
end

function Stream:open() self.opened = true end

function Stream:warning() self.gap = true end

Stream["end"] = function(self, err, value)
  self.scheduler:listen(self.id, nil)
  self.ended, self.error, self.ended_with = true, err, value
end

-- ---- taking ----

local function take(self)
  local item = self[self.first]
  if item ~= nil then
    self[self.first] = nil
    self.first = self.first + 1
    self.waiting = self.waiting - weight(item)
    if self.held and self.first > self.last and not self.ended then self:hold(false) end
    return item
  end
  if self.ended then return false end
  return nil
end

--- The next item; nil and "timeout", "closed" or an error.
function Stream:next(seconds)
  local item, why = self.scheduler:wait(self, take, seconds)
  if item then return item end
  if item == nil then return nil, why end
  return nil, self.error or "closed"
end

--- The next line of a log, its time, and whether lines may be missing in front of it.
function Stream:next_line(seconds)
  local line, why = self:next(seconds)
  if not line then return nil, why end
  return line.text, line.time, line.gap
end

local function ended(self)
  if self.ended then return true end
  if self.waiting < MOST_OF_WAIT then return nil end
  self:close()
  self.error = core.error { kind = "usage", rc = "LIMIT", retryable = false,
    message = ("wait: more than %d MiB of output were not taken; take it with next()"):format(MOST_OF_WAIT / 2 ^ 20) }
  return true
end

--- Wait for a command's end: exit code, stdout, stderr (what has not been taken by next, at most 64 MiB); nil,
-- "timeout" or an error.
function Stream:wait(seconds)
  self.most = MOST_OF_WAIT
  if self.held and not self.ended then self:hold(false) end
  local ok, why = self.scheduler:wait(self, ended, seconds)
  if not ok then return nil, why end
  if self.error then return nil, self.error end
  local texts = { stdout = {}, stderr = {} }
  for i = self.first, self.last do
    local list = texts[self[i].channel]
    if list then list[#list + 1] = self[i].text end
    self[i] = nil
  end
  self.first, self.waiting = self.last + 1, 0
  return self.ended_with, table.concat(texts.stdout), table.concat(texts.stderr)
end

function Stream:send(text) return self.core:send(self.id, text) end
function Stream:send_eof() return self.core:send_eof(self.id) end

--- End it; nothing more comes.
function Stream:close()
  if self.ended then return end
  self.scheduler:forget(self.id)
  self.ended = true
  self.scheduler:notify(self)
end

return { new = new }
