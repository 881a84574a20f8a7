--- The context of a call: what templates, hooks and policies see, made of what the caller gave and what the instance
-- knows. A plain table: dag_id, task_id, run_id, map_index, try_number, params, conf, logical_date with its usual forms
-- (ds, ts …), and whatever the script adds. params are layered: the task's, then the command line's or instance's, then
-- the call's; the later wins.

local core = require "lunapod.core"
local errors = require "lunapod.errors"

local context = {}

local function layered(...)
  local out = {}
  for i = 1, select("#", ...) do
    for key, value in pairs((select(i, ...)) or {}) do out[key] = value end
  end
  return out
end

--- Seconds since 1970 of a date given as a number or as RFC 3339 text; a day alone is midnight UTC.
local function seconds_of(date, name)
  if type(date) == "number" then return date end
  local text = tostring(date)
  if text:match("^%d%d%d%d%-%d%d%-%d%d$") then text = text .. "T00:00:00Z" end
  local seconds = core.parse_time(text) or core.parse_time(text .. "Z")
  if not seconds then
    errors.usage('context: %s is "%s", expected seconds since 1970 or text like 2026-01-31T12:00:00+00:00', name, text)
  end
  return seconds
end

--- The forms of a date that templates use: ds, ds_nodash, ts, ts_nodash, ts_nodash_with_tz.
local function add_forms(out, seconds)
  local day, time = core.format_time(seconds, seconds % 1 == 0 and 0 or 6):match("^(.-)T(.-)Z$")
  out.ds, out.ts = day, ("%sT%s+00:00"):format(day, time)
  out.ds_nodash = day:gsub("-", "")
  out.ts_nodash = out.ds_nodash .. "T" .. time:sub(1, 8):gsub(":", "")
  out.ts_nodash_with_tz = out.ts_nodash .. "+0000"
end

--- op: the task; call: what execute was given, with run_id, map_index and call filled in; instance: whose run this is.
function context.new(op, call, instance)
  local out = layered(call)
  out.dag_id = call.dag_id or instance.dag_id
  out.task_id = op.task_id
  out.run_id = call.run_id
  out.try_number = call.try_number or 1
  out.params = layered(op.params, instance.params, call.params)
  out.conf = call.conf or {}
  -- A run id that was just made up has no earlier pods (FND-9).
  out.has_history = instance.run_id_given or (call.run_id ~= nil and call.run_id ~= instance.run_id)
  local logical = seconds_of(call.logical_date or instance.started or core.time(), "logical_date")
  add_forms(out, logical)
  out.logical_date = call.logical_date or out.ts
  out.data_interval_start = call.data_interval_start or out.logical_date
  out.data_interval_end = call.data_interval_end or out.logical_date
  return out
end

return context
