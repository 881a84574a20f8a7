--- Where the default instance and the program write: text to standard error, and on a terminal a status line below it.
-- The line says what the pods wait for. It is drawn only when the process is about to sleep, and erased before anything
-- else may be written, so that it never mixes with the output of the script. Log text passes through in blocks,
-- untouched.

local core = require "lunapod.core"
local record = require "lunapod.record"

local Terminal = {}
Terminal.__index = Terminal

local STDERR = 2
local ERASE = "\r\27[K"

--- options: verbose (debug records and states are written, too), now (clock of the status line).
local function new(options)
  return setmetatable({
    verbose = options.verbose,
    now = options.now,
    is_tty = core.isatty(STDERR),
    pods = {}, order = 0, done = 0, -- attempts that live: attempt → {order, name, state, since}
    shown = nil,                    -- the status line as it stands
  }, Terminal)
end

--- A block of log lines, whole.
function Terminal:text(block)
  if self.shown then
    self.shown = nil
    block = ERASE .. block
  end
  core.write(STDERR, block)
end

local quiet = { state = true, outcome = true, event = true }

function Terminal:record(it, loud)
  local hidden = quiet[it.kind] or (it.level == "debug" and it.kind ~= "log") -- a log's own levels hide nothing
  if hidden and not self.verbose and not loud then return end
  self:text(record.to_text(it))
end

-- ---- the status line ----

--- An attempt's pod waits for `state` now ("" or nil: it runs).
function Terminal:progress(attempt, name, state)
  if not self.is_tty then return end
  local pod = self.pods[attempt]
  if not pod then
    self.order = self.order + 1
    pod = { order = self.order, name = name }
    self.pods[attempt] = pod
  end
  state = state ~= "" and state or "running"
  if pod.state ~= state then pod.state, pod.since = state, self.now() end
end

function Terminal:finished(attempt)
  if self.pods[attempt] then
    self.pods[attempt] = nil
    self.done = self.done + 1
  end
end

local function first_word(state)
  return state:match("^%S+")
end

--- "3 scheduled, 5 running, 12 done of 50"; one pod alone: "hello: pulling busybox:1 3 s".
local function describe(self, unstarted)
  local count, only = 0, nil
  local numbers, oldest = {}, {}
  for _, pod in pairs(self.pods) do
    count, only = count + 1, pod
    local word = first_word(pod.state)
    numbers[word] = (numbers[word] or 0) + 1
    oldest[word] = math.min(oldest[word] or math.huge, pod.order)
  end
  local total = count + self.done + unstarted
  if count == 1 and total == 1 then
    return ("%s: %s %d s"):format(only.name, only.state, math.floor(self.now() - only.since))
  end
  local list = {}
  for word in pairs(numbers) do list[#list + 1] = word end
  table.sort(list, function(a, b) return oldest[a] > oldest[b] end) -- the youngest pods wait for the earliest things
  for i, word in ipairs(list) do list[i] = numbers[word] .. " " .. word end
  list[#list + 1] = ("%d done of %d"):format(self.done, total)
  return table.concat(list, ", ")
end

--- Is there something to show?
function Terminal:active()
  return self.is_tty and next(self.pods) ~= nil
end

function Terminal:draw(unstarted)
  if not self:active() then return self:erase() end
  local line = describe(self, unstarted or 0)
  local columns = core.columns(STDERR) or 80
  if #line >= columns then line = line:sub(1, math.max(1, columns - 2)) .. "~" end
  if line ~= self.shown then
    core.write(STDERR, ERASE .. line)
    self.shown = line
  end
end

function Terminal:erase()
  if self.shown then
    core.write(STDERR, ERASE)
    self.shown = nil
  end
end

return { new = new }
