--- What tasks hand on to each other within a run (part of FLOW, OUT-8, RES-7): values by task, map index and key. A
-- pull finds what is there already and never waits. Always there once a pod is known: pod_name and pod_namespace;
-- return_value, and with multiple_outputs each key, when there is a result. Lives in the instance, for the last runs of
-- its own process.

local core = require "lunapod.core"
local errors = require "lunapod.errors"
local options = require "lunapod.options"

local xcom = { RETURN = "return_value" }

local MOST_RUNS = 64 -- of an instance: a host that lives long keeps no more
local SINGLE = -1 -- the map index of a task that is not mapped, as in Airflow

--- What this run has published, from now on; the oldest run makes room.
local function tasks_of(instance, run_id)
  local runs = instance.published
  local tasks = runs[run_id]
  if not tasks then
    tasks = {}
    runs[run_id] = tasks
    local order = instance.published_order
    order[#order + 1] = run_id
    if #order > MOST_RUNS then runs[table.remove(order, 1)] = nil end
  end
  return tasks
end

--- Keep a value. context: of the call that publishes.
function xcom.push(instance, context, key, value)
  local tasks = tasks_of(instance, context.run_id)
  local indexes = tasks[context.task_id] or {}
  tasks[context.task_id] = indexes
  local index = context.map_index or SINGLE
  indexes[index] = indexes[index] or {}
  indexes[index][key] = value
end

--- All that one call has published: a new table of key → value.
function xcom.of(instance, context)
  local tasks = instance.published[context.run_id] or {}
  local indexes = tasks[context.task_id] or {}
  local out = {}
  for key, value in pairs(indexes[context.map_index or SINGLE] or {}) do out[key] = value end
  return out
end

--- Values in the order of the map indexes, those that are nil as null.
local function of_all(indexes, wanted, key)
  local order, out = {}, core.array {}
  for index in pairs(indexes) do order[#order + 1] = index end
  table.sort(order)
  for _, index in ipairs(wanted or order) do
    local value = indexes[index] and indexes[index][key]
    out[#out + 1] = value == nil and core.null or value
  end
  return out
end

--- One task's value: a mapped task gives the list of its items' values, unless one index is asked for.
local function of_task(tasks, task_id, key, map_indexes)
  local indexes = tasks[task_id]
  if not indexes then return nil end
  if type(map_indexes) == "number" then return indexes[map_indexes] and indexes[map_indexes][key] end
  if map_indexes == nil and indexes[SINGLE] then return indexes[SINGLE][key] end
  return of_all(indexes, map_indexes, key)
end

local known = { task_ids = "string|table", key = "string", map_indexes = "number|table", run_id = "string" }

--- What a task of this run has published, or nil. given: task_ids (one: its value; a list: a list of values; nil: the
-- calling task), key ("return_value"), map_indexes (one or a list), run_id; or just the task's id.
function xcom.pull(instance, given, context)
  if type(given) == "string" then given = { task_ids = given } end
  given = options.check(given, known, "xcom_pull")
  local tasks = instance.published[given.run_id or context and context.run_id or instance.run_id] or {}
  local key, ids = given.key or xcom.RETURN, given.task_ids or context and context.task_id
  if type(ids) == "table" then
    local out = core.array {}
    for i, id in ipairs(ids) do
      local value = of_task(tasks, id, key, given.map_indexes)
      out[i] = value == nil and core.null or value
    end
    return out
  end
  if not ids then errors.usage("xcom_pull: task_ids is not given") end
  return of_task(tasks, ids, key, given.map_indexes)
end

return xcom
