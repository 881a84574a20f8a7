--- Records: all that lunapod says, as tables.
-- {time, level, kind = "log"|"state"|"event"|"warning"|"error"|"outcome", dag_id, task_id, run_id, map_index, try, pod,
-- container, message, …}. Time is in seconds since 1970. Here they get their level and their two texts: a line for
-- people, a line of JSON.

local core = require "lunapod.core"

local record = {}

local words = {
  DEBUG = "debug", INFO = "info", WARN = "warning", WARNING = "warning", ERROR = "error", CRITICAL = "critical",
  FATAL = "critical",
}

--- Level of a log line by the word it begins with, which may stand in brackets (LOG-7). "info" when it begins with
-- none.
function record.level(line)
  local word, after = line:match("^%[(%a+)(%])")
  if not word then word, after = line:match("^(%a+)(.?)") end
  if word and (after == "]" or not after:find("[%w_]")) then return words[word:upper()] or "info" end
  return "info"
end

--- One line of JSON: RFC 3339 UTC with microseconds; the error as its readable text.
function record.to_json(it)
  local out = core.object {}
  for key, value in pairs(it) do
    if type(value) ~= "function" then out[key] = value end
  end
  if it.time then out.time = core.format_time(it.time, 6) end
  if it.error ~= nil then out.error = tostring(it.error) end
  local text, err = core.json.encode(out)
  if not text then
    text = core.json.encode(core.object { time = out.time, level = "error", kind = "error",
      message = "a record cannot be written as JSON: "
      .. tostring(err) })
  end
  return text .. "\n"
end

local function who(it)
  local name = it.task_id
  if not name then return "lunapod: " end
  if it.map_index then name = name .. "[" .. it.map_index .. "]" end
  return "lunapod: " .. name .. ": "
end

--- A line for people. Log lines carry their container in brackets (LOG-7), group markers pass raw.
function record.to_text(it)
  local message = tostring(it.message or "")
  if it.kind == "log" then
    if it.raw or message:find("^::group::") or message:find("^::endgroup::") then return message .. "\n" end
    return ("[%s] %s\n"):format(it.container or "?", message)
  end
  local level = it.level == "info" and "" or it.level .. ": "
  return who(it) .. level .. message .. "\n"
end

return record
