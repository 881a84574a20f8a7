--- What `lunapod run` says at its end: a line for each task's call with its attempts, state, exit code and the time its
-- pod waited and ran. Items of a fan-out that went well share one line when there are many.

local core = require "lunapod.core"
local pods = require "lunapod.cli.pods"

local summary = {}

local MANY = 5 -- items of one task, from which on those that went well are one line

local Summary = {}
Summary.__index = Summary

--- A new one; put its `add` where outcomes are told.
function summary.new()
  return setmetatable({ calls = {}, good = {} }, Summary)
end

local function between(from, to)
  return from and to and math.max(0, to - from) or nil
end

--- One call has ended. context: its own; outcome: its last try's.
function Summary:add(context, outcome)
  local timing = outcome.timing or {}
  local call = {
    task = context.task_id, index = context.map_index, attempts = outcome.attempts, state = outcome.state,
    exit_code = outcome.exit_code, waiting = between(timing.created, timing.started or core.time()),
    running = between(timing.started, timing.ended),
  }
  self.calls[#self.calls + 1] = call
  if call.index and call.state == "succeeded" then
    self.good[call.task] = (self.good[call.task] or 0) + 1
  end
end

local function longest(a, b)
  if not a or not b then return a or b end
  return math.max(a, b)
end

--- The calls to show: those of a large fan-out that went well put together, with the longest of their times.
local function rows_of(self)
  local rows, together = {}, {}
  for _, call in ipairs(self.calls) do
    local count = self.good[call.task]
    if call.index and call.state == "succeeded" and count > MANY then
      local row = together[call.task]
      if not row then
        row = { task = ("%s (%d items)"):format(call.task, count), attempts = 0, state = call.state, exit_code = 0 }
        together[call.task] = row
        rows[#rows + 1] = row
      end
      row.attempts = row.attempts + call.attempts
      row.waiting, row.running = longest(row.waiting, call.waiting), longest(row.running, call.running)
    else
      call.task = call.index and ("%s[%d]"):format(call.task, call.index) or call.task
      rows[#rows + 1] = call
    end
  end
  return rows
end

local function seconds(value)
  return value and ("%.1f s"):format(value) or "-"
end

--- The text, or nil when no task has ended.
function Summary:text()
  if #self.calls == 0 then return nil end
  local lines = { { "TASK", "ATTEMPTS", "STATE", "WAITING", "RUNNING", "EXIT" } }
  for _, row in ipairs(rows_of(self)) do
    lines[#lines + 1] = { row.task, tostring(row.attempts), row.state, seconds(row.waiting), seconds(row.running),
      row.exit_code and tostring(row.exit_code) or "-" }
  end
  return pods.table(lines) .. "\n"
end

return summary
