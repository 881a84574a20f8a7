--- Making and recognising error objects.
-- An error of lunapod is a table with the fields of rule ERR-3 and a readable tostring; the C module gives it its
-- metatable. Misuse is reported with the position of the caller. Whoever writes a message here keeps values of
-- credentials and variables out of it.

local core = require "lunapod.core"

local errors = {}

local here = debug.getinfo(1, "S").source:match("^(@.*[/\\])errors%.lua$")

--- "file:line: " of the nearest caller outside of lunapod's scripts, or "".
local function position()
  for level = 3, 60 do
    local info = debug.getinfo(level, "Sl")
    if not info then break end
    if info.currentline > 0 and not (here and info.source:sub(1, #here) == here) then
      return ("%s:%d: "):format(info.short_src, info.currentline)
    end
  end
  return ""
end

--- Raise wrong use; the message begins with the position of the user's code that led here.
function errors.usage(message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  error(core.error { kind = "usage", rc = "USAGE", message = position() .. message, retryable = false }, 0)
end

--- The error that a cancelled fiber's waits raise.
function errors.cancelled(why)
  return core.error { kind = "cancelled", rc = "CANCELLED", message = why or "cancelled", retryable = false }
end

function errors.is_cancelled(value)
  return core.is_error(value) and value.kind == "cancelled"
end

--- Any raised value as an error object: a string or a stranger's table is wrapped (kind "lua", the value itself in
-- `cause`).
function errors.object(value)
  if core.is_error(value) then return value end
  return core.error { kind = "lua", rc = "LUA", message = tostring(value), cause = value, retryable = false }
end

local cluster_codes = { CONNECT = true, TLS = true, CUT = true, TIMEOUT = true, API = true, CREDENTIAL = true,
  TASK = true }

--- Exit status of a program that this error leaves: 1 a task's or the cluster's, 2 anything else.
function errors.status(value)
  if core.is_error(value) and (value.kind == "task" or value.kind == "api" or cluster_codes[value.rc]) then return 1 end
  return 2
end

return errors
