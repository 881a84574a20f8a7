--- Laying one pod over another (MRG): reconcile.pods(base, client) gives what results; `client` has the higher
-- precedence. Pure: neither table is changed, and the result shares no table that is merged with them. "Given" is not
-- nil: false, 0, "" and {} are given; core.null takes away what the lower layer set. mode "peer": what is empty or
-- false keeps the base, as Airflow does (MRG-12).

local core = require "lunapod.core"
local errors = require "lunapod.errors"

local reconcile = {}

local function set(names)
  local out = {}
  for name in names:gmatch("%S+") do out[name] = true end
  return out
end

local MERGED_METADATA = set "labels annotations"
local APPENDED_METADATA = set "finalizers ownerReferences managedFields"
local APPENDED_SPEC = set "initContainers volumes"
local APPENDED_CONTAINER = set "env envFrom ports volumeMounts volumeDevices"

local function is_given(value, mode)
  if value == nil then return false end
  if mode ~= "peer" then return true end
  return value ~= false and value ~= 0 and value ~= "" and value ~= core.null
    and not (type(value) == "table" and next(value) == nil)
end

local function copy(map)
  local out = {}
  for key, value in next, map or {} do
    if value ~= core.null then out[key] = value end
  end
  return out
end

local function check(map, path)
  if map ~= nil and map ~= core.null and type(map) ~= "table" then
    errors.usage("%s: must be a map, got %s", path, type(map))
  end
  return map ~= core.null and map or nil
end

local function append(base, client, path)
  for _, list in ipairs { base or false, client or false } do
    if list and (type(list) ~= "table" or core.mark(list) == "object" or (next(list) ~= nil and list[1] == nil)) then
      errors.usage("%s: must be a list, got %s", path, type(list) == "table" and "a map" or type(list)) -- MRG-11
    end
  end
  local out = core.array {}
  for _, list in ipairs { base or {}, client or {} } do
    for _, item in ipairs(list) do out[#out + 1] = item end
  end
  return out
end

--- Every field the client's if given, but for those that have a rule of their own:
-- rule(key, base value, client value) → handled, value.
local function merge(base, client, mode, rule)
  local out = copy(base)
  for key, value in pairs(client or {}) do
    if value == core.null and mode ~= "peer" then
      out[key] = nil
    elseif is_given(value, mode) then
      local handled, merged = rule(key, out[key] ~= core.null and out[key] or nil, value)
      if handled then out[key] = merged else out[key] = value end
    end
  end
  return out
end

local function merge_labels(base, client)
  local out = copy(base)
  for key, value in pairs(client) do out[key] = value == core.null and "" or value end
  return out
end

local function merge_metadata(base, client, mode)
  return merge(check(base, "metadata"), check(client, "metadata"), mode, function(key, below, above)
    if MERGED_METADATA[key] then
      return true, merge_labels(check(below, "metadata." .. key), check(above, "metadata." .. key))
    end
    if APPENDED_METADATA[key] then return true, append(below, above, "metadata." .. key) end
  end)
end

local function merge_container(base, client, mode, path)
  return merge(check(base, path), check(client, path), mode, function(key, below, above)
    if APPENDED_CONTAINER[key] then return true, append(below, above, path .. "." .. key) end
  end)
end

local function by_unique_name(list)
  local names = {}
  for i = 2, #list do
    local name = list[i].name
    if not name or names[name] then return nil end
    names[name] = i
  end
  return names
end

--- Pairwise: the first with the first; the others by name where names tell them apart on both sides, else by place
-- (MRG-6).
local function merge_containers(base, client, mode)
  local out = append(base, nil, "spec.containers")
  append(client, nil, "spec.containers")
  local names = base and by_unique_name(base)
  local paired = names and by_unique_name(client) and names or nil
  for i, container in ipairs(client) do
    local place = i
    if i > 1 and paired then place = paired[container.name] or #out + 1 end
    out[place] = merge_container(out[place], container, mode, ("spec.containers[%d]"):format(i - 1))
  end
  return out
end

local function merge_spec(base, client, mode)
  return merge(check(base, "spec"), check(client, "spec"), mode, function(key, below, above)
    if key == "containers" then return true, merge_containers(below, above, mode) end
    if APPENDED_SPEC[key] then return true, append(below, above, "spec." .. key) end
  end)
end

--- The pod that results of laying client over base, which may be nil.
function reconcile.pods(base, client, mode)
  if client == nil then return base end
  return merge(base, client, mode, function(key, below, above)
    if key == "metadata" then return true, merge_metadata(below, above, mode) end
    if key == "spec" then return true, merge_spec(below, above, mode) end
  end)
end

return reconcile
