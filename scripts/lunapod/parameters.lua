--- The operator's parameters as data: one row each, from which come the checks at definition, defaults, `lunapod
-- params` and docs/parameters.md. A name that is not here is an error that suggests the nearest one (S43); a wrong
-- value says what was found and what is expected. The rows stand in parameters/*.lua, in groups. What a parameter
-- becomes in the pod is fields.lua's.
--
-- A row: name, types (joined by "|"), what is expected in words, its meaning in a line; and
--   id        the seed's row (S01…), or the rule or case that wants it
--   since     "seed" (if nothing is said), "newer" (a later Airflow) or "lunapod"
--   rendered  templates in it are filled in (TPL-1, TPL-3)
--   becomes   the field of the pod
--   default, or in words what holds when it is not given: otherwise
--   example   a value that works, as Lua
--   one_of    the texts it may be; min, integer: bounds of a number; list, map: which kind of table
--   instead   deprecated, and what to use; alias: the other spelling of the same; no_effect: accepted, and why it does
--             nothing

local core = require "lunapod.core"
local errors = require "lunapod.errors"
local naming = require "lunapod.naming"
local options = require "lunapod.options"
local secrets = require "lunapod.secret"

-- rendered: names in a fixed order, so that the first error is always the same one
local parameters = { groups = {}, rendered = {} }

local by_name, rows = {}, {}

local function enter(row)
  row.name, row.types, row.expected, row.meaning = row[1], row[2], row[3], row[4]
  row.since = row.since or "seed"
  row.accepts = {}
  for kind in row.types:gmatch("[^|]+") do row.accepts[kind] = true end
  if row.one_of then
    row.choice = {}
    for _, word in ipairs(row.one_of) do row.choice[word] = true end
  end
  by_name[row.name], rows[#rows + 1] = row, row
  if row.rendered then parameters.rendered[#parameters.rendered + 1] = row.name end
end

for _, file in ipairs { "pod", "life", "task" } do
  for _, group in ipairs(require("lunapod.parameters." .. file)) do
    parameters.groups[#parameters.groups + 1] = group
    for _, row in ipairs(group) do enter(row) end
  end
end

--- The seed's template fields (S46); a subclass may have more.
parameters.fields = {
  "image", "cmds", "arguments", "env_vars", "labels", "config_file", "pod_template_file", "namespace",
}

--- The row of a parameter, or nil.
function parameters.row(name)
  return by_name[name]
end

function parameters.is_name(name)
  return by_name[name] ~= nil
end

--- The known name nearest to a wrong one, or nil.
function parameters.nearest(name)
  return options.nearest(name, by_name)
end

-- ---- checks ----

--- What a row expects, in words, with an example.
function parameters.expected(row)
  if row.one_of then
    local words = {}
    for _, word in ipairs(row.one_of) do
      if word ~= "" then words[#words + 1] = ('"%s"'):format(word) end
    end
    local last = table.remove(words)
    return table.concat(words, ", ") .. " or " .. last
  end
  if row.types == "boolean" then return row.expected end
  return ("%s such as %s"):format(row.expected, row.example)
end

local function found(value)
  if type(value) == "string" then return ('the text "%s"'):format(#value > 40 and value:sub(1, 40) .. "…" or value) end
  if type(value) == "number" then return "the number " .. tostring(value) end
  if type(value) == "boolean" then return tostring(value) end
  if type(value) ~= "table" then return "a " .. type(value) end
  return (core.mark(value) == "array" or value[1] ~= nil) and "a list" or "a map"
end

local function is_list(value)
  local mark = core.mark(value)
  return mark == "array" or (mark == nil and (value[1] ~= nil or next(value) == nil))
end

local function number_fault(row, value)
  if row.integer and value % 1 ~= 0 then return "a whole number" end
  if value ~= value or (row.min and value < row.min) then return ("%s or more"):format(tostring(row.min or 0)) end
end

local function exit_code_fault(value)
  for _, code in ipairs(type(value) == "table" and value or { value }) do
    if type(code) ~= "number" or code % 1 ~= 0 or code < 0 or code > 255 then
      return "whole numbers from 0 to 255", code
    end
  end
end

--- What is expected instead of this value, and what was found; nil when it is fine.
local function fault(row, value)
  if not row.accepts[type(value)] then return parameters.expected(row), found(value) end
  if row.choice and not row.choice[value] then return parameters.expected(row), ('"%s"'):format(value) end
  if type(value) == "number" and not row.exit_codes then
    local wanted = number_fault(row, value)
    if wanted then return wanted, tostring(value) end
  end
  if row.exit_codes then
    local wanted, code = exit_code_fault(value)
    if wanted then return wanted, found(code) end
  end
  if type(value) == "table" and next(value) ~= nil then
    if row.list and not is_list(value) then return parameters.expected(row), "a map" end
    if row.map and is_list(value) then return parameters.expected(row), "a list" end
  end
end

--- Check a value, at definition or after its templates were filled in. A text where a list belongs is answered with how
-- to write it.
function parameters.check_value(name, value)
  local row = by_name[name]
  if not row then return end
  local wanted, got = fault(row, value)
  if wanted then errors.usage('parameter "%s": expected %s, got %s', name, wanted, got) end
end

--- May its value be told only when templates are filled in?
local function is_open(row, value)
  return row.rendered and (type(value) == "function" or (type(value) == "string" and value:find("{[{%%]") ~= nil))
end

local function check(name, value)
  local row = by_name[name]
  if not row then
    local near = type(name) == "string" and parameters.nearest(name)
    errors.usage("task: unknown parameter %s%s", type(name) == "string" and '"' .. name .. '"' or tostring(name),
      near and ('; did you mean "%s"?'):format(near) or "")
  end
  if value ~= core.null and not is_open(row, value) then -- null takes away what a lower layer set
    parameters.check_value(name, value)
  end
end

--- Errors of one value with another, or of a value's content, that need no template and no cluster to be known.
local CONTENT = {}

function CONTENT.name(value)
  local base, why = naming.base(value)
  if not base then errors.usage('parameter "name": "%s": %s', value:sub(1, 60), why) end
end

function CONTENT.secrets(value)
  for i, it in ipairs(value) do secrets.of(it, i) end
end

local function contradicts(a, b)
  if a == nil or b == nil then return false end
  return (a and "delete_pod" or "keep_pod") ~= b
end

local tointeger = rawget(math, "tointeger") -- where integers are a type of their own

--- 5.0 is 5: the cluster takes no fraction for a whole number.
local function whole(value)
  return tointeger and tointeger(value) or value
end

local LONGEST_MESSAGE = 4096 -- bytes that a container's termination message holds

local function conflicts(out)
  local function clash(text, ...) errors.usage('task "%s": ' .. text, out.task_id, ...) end
  if out.resources and out.container_resources then
    clash "resources and container_resources are two names of one thing; give one of them"
  end
  if out.result_from == "termination_message" and (out.result_max or 0) > LONGEST_MESSAGE then
    clash('result_from = "termination_message" carries at most %d bytes, and result_max is %s', LONGEST_MESSAGE,
      tostring(out.result_max))
  end
  if (out.api_retry_wait_min or 0) > (out.api_retry_wait_max or math.huge) then
    clash("api_retry_wait_min is %s, more than api_retry_wait_max, %s", tostring(out.api_retry_wait_min),
      tostring(out.api_retry_wait_max))
  end
end

--- Check what a task was given and fill in defaults. Returns a new table.
function parameters.define(given)
  local out = {}
  for _, row in ipairs(rows) do out[row.name] = row.default end
  for name, value in pairs(given) do
    check(name, value)
    if value ~= core.null and CONTENT[name] and not is_open(by_name[name], value) then CONTENT[name](value) end
    out[name] = by_name[name].integer and whole(value) or value
  end
  if out.task_id == nil and out.name == nil then
    errors.usage("task: task_id is not given: the name of the task in its run")
  end
  out.task_id = out.task_id or out.name
  if contradicts(given.is_delete_operator_pod, given.on_finish_action) then -- DEL-2
    errors.usage('task "%s": is_delete_operator_pod = %s and on_finish_action = "%s" contradict each other',
      out.task_id, tostring(given.is_delete_operator_pod), given.on_finish_action)
  end
  if given.durable ~= nil then out.reattach_on_restart = given.durable end -- FND-6
  out.on_finish_action = given.on_finish_action
    or (given.is_delete_operator_pod == false and "keep_pod" or "delete_pod")
  out.is_delete_operator_pod = out.on_finish_action == "delete_pod"
  conflicts(out)
  return out
end

--- What to tell the author of a definition, { level =, message = } each, in the order of the rows: what is deprecated,
-- and what does nothing here.
function parameters.notes(given)
  local notes = {}
  for _, row in ipairs(rows) do
    if given[row.name] ~= nil and row.instead then
      notes[#notes + 1] = { level = "warning",
        message = ('parameter "%s" is deprecated, use "%s"'):format(row.name, row.instead) }
    elseif given[row.name] ~= nil and row.no_effect then
      notes[#notes + 1] = { level = "info",
        message = ('parameter "%s" has no effect: %s'):format(row.name, row.no_effect) }
    end
  end
  return notes
end

return parameters
