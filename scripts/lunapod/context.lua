--- The context of a call: what templates, hooks and policies see, made of what the caller gave and what the instance
-- knows. A table: dag_id, task_id, run_id, map_index, try_number, params, conf, logical_date with its usual forms (ds,
-- ts …), ti, macros, var, env, and whatever the script adds. params are layered: the task's, then the command line's or
-- instance's, then the call's; the later wins.

local core = require "lunapod.core"
local dates = require "lunapod.dates"
local errors = require "lunapod.errors"
local xcom = require "lunapod.xcom"

local context = {}

local function layered(...)
  local out = {}
  for i = 1, select("#", ...) do
    for key, value in pairs((select(i, ...)) or {}) do out[key] = value end
  end
  return out
end

--- Seconds since 1970 of a date of the context.
local function seconds_of(date, name)
  local seconds = dates.seconds(date)
  if not seconds then
    errors.usage('context: %s is "%s", expected seconds since 1970 or text like 2026-01-31T12:00:00+00:00', name,
      tostring(date))
  end
  return seconds
end

--- The forms of a date that templates use: ds, ds_nodash, ts, ts_nodash, ts_nodash_with_tz.
local function add_forms(out, seconds)
  out.ts = dates.iso(seconds)
  out.ds = out.ts:sub(1, 10)
  out.ds_nodash = out.ds:gsub("-", "")
  out.ts_nodash = out.ds_nodash .. "T" .. out.ts:sub(12, 19):gsub(":", "")
  out.ts_nodash_with_tz = out.ts_nodash .. "+0000"
end

--- `env.NAME`: the environment of this process; a name that is not set is undefined.
local environment = setmetatable({}, { __index = function(_, name) return os.getenv(name) end })

--- `var.value.NAME` is text, `var.json.NAME` the value itself, as Airflow has it.
local function variables(instance)
  local given = instance.named_variables or {}
  local as_text = setmetatable({}, { __index = function(_, name)
    local value = given[name]
    if value == nil or type(value) == "string" then return value end
    return core.json.encode(value)
  end })
  return { value = as_text, json = given }
end

--- `ti`: the task instance, of which templates use xcom_pull.
local function task_instance(out, instance)
  return setmetatable({
    dag_id = out.dag_id, task_id = out.task_id, run_id = out.run_id, map_index = out.map_index or -1,
    xcom_pull = function(task_ids, key, more) -- by position, or by name in the last table
      local given = {}
      for _, it in pairs { task_ids, key, more } do
        if type(it) == "table" and core.mark(it) ~= "array" and it[1] == nil then
          for name, value in pairs(it) do given[name] = value end
        end
      end
      if type(task_ids) == "string" or type(task_ids) == "table" and next(given) == nil then
        given.task_ids = task_ids
      end
      if type(key) == "string" then given.key = key end
      return xcom.pull(instance, given, out)
    end,
  }, { __index = function(_, key) return key == "try_number" and out.try_number or nil end }) -- it counts on
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
  out.logical_date = dates.new(logical)
  for _, name in ipairs { "data_interval_start", "data_interval_end" } do
    out[name] = call[name] and dates.new(seconds_of(call[name], name)) or out.logical_date
  end
  out.dag = out.dag or { dag_id = out.dag_id }
  out.task = out.task or { task_id = out.task_id }
  out.dag_run = out.dag_run or { dag_id = out.dag_id, run_id = out.run_id, conf = out.conf,
    logical_date = out.logical_date }
  out.macros, out.env, out.var = dates.macros, environment, variables(instance)
  out.ti = task_instance(out, instance)
  out.task_instance = out.ti
  return out
end

return context
