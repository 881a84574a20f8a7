--- From parameters to a pod: each parameter's own conversion (PAR), in Kubernetes' field names. fields.pod(values,
-- container) makes the operator pod, made of the parameters alone. Values arrive rendered; which parameters there are
-- and their types are parameters.lua's. What has the wrong shape is an error that names parameter and index.

local core = require "lunapod.core"
local errors = require "lunapod.errors"

local fields = {}

local function bad(name, message, ...)
  errors.usage('parameter "%s": ' .. message, name, ...)
end

--- A copy of a list; anything else in its place is an error, and so is a list with named members or holes.
local function list(name, value)
  if type(value) ~= "table" then
    bad(name, "expected a list, got %s", type(value) == "string" and ('the text "%s"'):format(value) or type(value))
  end
  local out, count = core.array {}, #value
  for key, item in next, value do
    if type(key) ~= "number" then
      if value[1] == nil then bad(name, "expected a list, got a map") end
      bad(name, 'is a list and has the named member "%s", too', tostring(key))
    end
    if key < 1 or key > count then bad(name, "the list has a hole before number %s", tostring(key)) end
    out[key] = item
  end
  return out
end

local function map(name, value)
  if type(value) ~= "table" then bad(name, "expected a map, got %s", type(value)) end
  if value[1] ~= nil then bad(name, "expected a map, got a list") end
  return value
end

--- A list of maps in the API's form.
local function maps(name, value)
  local out = list(name, value)
  for i, item in ipairs(out) do
    if type(item) ~= "table" then
      bad(("%s[%d]"):format(name, i), "expected a map, got %s",
        type(item) == "string" and ('the text "%s"'):format(item) or type(item))
    end
  end
  return out
end

local function strings(name, value)
  if type(value) == "string" then bad(name, 'expected a list, got the text "%s"; write { "%s" }', value, value) end
  local out = list(name, value)
  for i, item in ipairs(out) do
    if type(item) ~= "string" and type(item) ~= "number" then
      bad(name .. "[" .. i .. "]", "expected a text, got %s", type(item))
    end
    out[i] = tostring(item)
  end
  return out
end

--- The shortest text of a number that reads back equal; integers without a fraction.
local function number_text(value)
  if value == math.floor(value) and math.abs(value) < 2 ^ 53 then return ("%d"):format(value) end
  for digits = 1, 17 do
    local text = ("%." .. digits .. "g"):format(value)
    if tonumber(text) == value then return text end
  end
  return nil
end

local function kind_of(value)
  return value == core.null and "null" or type(value)
end

local function text_of(value)
  if type(value) == "string" then return value end
  if type(value) == "boolean" then return tostring(value) end
  return type(value) == "number" and number_text(value) or nil
end

local function env_value(name, value)
  return text_of(value) or bad(name, "expected a text, a number or a boolean, got %s", kind_of(value))
end

local function env_entry(name, item)
  if type(item) ~= "table" then bad(name, "expected { name =, value = }, got %s", kind_of(item)) end
  if type(item.name) ~= "string" or item.name == "" then
    local key, value = next(item)
    local hint = type(key) == "string" and item.name == nil and text_of(value) and next(item, key) == nil
    bad(name, "has no name%s", hint and ('; write { name = "%s", value = … }'):format(key) or "")
  end
  if item.value ~= nil and item.valueFrom ~= nil then bad(name, '"%s" has both value and valueFrom', item.name) end
  if type(item.valueFrom) == "table" then return { name = item.name, valueFrom = item.valueFrom } end
  if item.value == nil then bad(name, '"%s" has neither value nor valueFrom', item.name) end
  return { name = item.name, value = env_value(name, item.value) }
end

local function env_vars(name, value)
  if type(value) ~= "table" then
    bad(name, "expected a list or a map, got %s", type(value) == "string" and ('the text "%s"'):format(value)
      or kind_of(value))
  end
  if value[1] ~= nil then
    local out = list(name, value)
    for i, item in ipairs(out) do out[i] = env_entry(("%s[%d]"):format(name, i), item) end
    return out
  end
  local out = core.array {}
  for key, item in next, value do
    if type(key) ~= "string" or key == "" then bad(name, "expected names as keys, got %s", tostring(key)) end
    out[#out + 1] = type(item) == "table"
      and env_entry(name .. "." .. key, { name = key, value = item.value, valueFrom = item.valueFrom })
      or { name = key, value = text_of(item) or env_value(name .. "." .. key, item) }
  end
  table.sort(out, function(a, b) return a.name < b.name end)
  return out
end

local function runtime_envs(name, value)
  local out = maps(name, value)
  for i, item in ipairs(out) do
    local key, path = item[1] or item.name, item[2] or item.field_path
    if not item.valueFrom then
      if type(key) ~= "string" or type(path) ~= "string" then
        bad(("%s[%d]"):format(name, i), 'expected a pair such as { "POD_IP", "status.podIP" }')
      end
      item = { name = key, valueFrom = { fieldRef = { fieldPath = path } } }
    end
    out[i] = item
  end
  return out
end

local RESOURCES = {
  request_memory = { "requests", "memory" },
  request_cpu = { "requests", "cpu" },
  request_ephemeral_storage = { "requests", "ephemeral-storage" },
  limit_memory = { "limits", "memory" },
  limit_cpu = { "limits", "cpu" },
  limit_ephemeral_storage = { "limits", "ephemeral-storage" },
  limit_gpu = { "limits", "nvidia.com/gpu" },
}

local function resources(name, value)
  local out = {}
  for key, amount in next, map(name, value) do
    local place = RESOURCES[key]
    if place then
      if type(amount) ~= "string" and type(amount) ~= "number" then
        bad(name, '"%s": expected an amount such as "64Mi", got %s', key, kind_of(amount))
      end
      out[place[1]] = out[place[1]] or {}
      out[place[1]][place[2]] = amount
    elseif key == "requests" or key == "limits" or key == "claims" then
      if type(amount) ~= "table" then bad(name, '"%s": expected a map, got %s', key, kind_of(amount)) end
      out[key] = amount
    else
      bad(name, 'unknown key "%s", expected request_memory, request_cpu, limit_memory, limit_cpu, limit_gpu or '
        .. "requests, limits", tostring(key))
    end
  end
  return out
end

local function ports(name, value)
  local out = list(name, value)
  for i, port in ipairs(out) do
    local place = ("%s[%d]"):format(name, i)
    if type(port) ~= "table" then
      bad(place, "expected a port or a pair (name, number), got %s", kind_of(port))
    end
    if port[1] ~= nil then out[i] = { name = port[1], containerPort = port[2] } end
    local number = out[i].containerPort
    if type(number) ~= "number" then
      bad(place, "expected a number as containerPort, got %s", number == nil and "nothing" or kind_of(number))
    end
  end
  return out
end

local function volumes(name, value)
  local out = maps(name, value)
  for i, volume in ipairs(out) do
    if volume[1] ~= nil then -- the older pair (name, config)
      local made = { name = volume[1] }
      for key, config in pairs(volume[2] or {}) do made[key] = config end
      out[i] = made
    end
  end
  return out
end

local function volume_mounts(name, value)
  local out = maps(name, value)
  for i, mount in ipairs(out) do
    if mount[1] ~= nil then
      out[i] = { name = mount[1], mountPath = mount[2], subPath = mount[3], readOnly = mount[4] }
    end
  end
  return out
end

local function pull_secrets(name, value)
  if type(value) ~= "string" then return maps(name, value) end
  local out = core.array {}
  for part in value:gmatch("[^,]+") do
    part = part:match("^%s*(.-)%s*$")
    if part ~= "" then out[#out + 1] = { name = part } end
  end
  return out
end

--- Values as text; null is an empty one.
local function texts(name, value)
  local out = {}
  for key, item in next, map(name, value) do
    local text = item == core.null and "" or text_of(item)
    if not text then bad(("%s[%q]"):format(name, tostring(key)), "expected a text, got %s", kind_of(item)) end
    out[key] = text
  end
  return out
end

-- Parameter → where it goes, and how it is converted.
local SPEC = {
  { "affinity", "affinity", map },
  { "node_selector", "nodeSelector", map },
  { "node_selectors", "nodeSelector", map },
  { "tolerations", "tolerations", maps },
  { "security_context", "securityContext", map },
  { "service_account_name", "serviceAccountName" },
  { "automount_service_account_token", "automountServiceAccountToken" },
  { "image_pull_secrets", "imagePullSecrets", pull_secrets },
  { "hostname", "hostname" },
  { "subdomain", "subdomain" },
  { "host_aliases", "hostAliases", maps },
  { "dnspolicy", "dnsPolicy" },
  { "dns_config", "dnsConfig", map },
  { "schedulername", "schedulerName" },
  { "priority_class_name", "priorityClassName" },
  { "runtime_class_name", "runtimeClassName" },
  { "active_deadline_seconds", "activeDeadlineSeconds" },
  { "hostnetwork", "hostNetwork" },
  { "volumes", "volumes", volumes },
  { "init_containers", "initContainers", maps },
  { "termination_grace_period", "terminationGracePeriodSeconds" },
}
local CONTAINER = {
  { "image", "image" },
  { "cmds", "command", strings },
  { "arguments", "args", strings },
  { "image_pull_policy", "imagePullPolicy" },
  { "env_vars", "env", env_vars },
  { "env_from", "envFrom", maps },
  { "resources", "resources", resources },
  { "container_resources", "resources", resources },
  { "ports", "ports", ports },
  { "volume_mounts", "volumeMounts", volume_mounts },
  { "container_security_context", "securityContext", map },
}
local METADATA = {
  { "labels", "labels", texts },
  { "annotations", "annotations", texts },
  { "namespace", "namespace" },
}

local function fill(out, table_of_fields, values)
  for _, row in ipairs(table_of_fields) do
    local name, field, convert = row[1], row[2], row[3]
    local value = values[name]
    if value == core.null then
      out[field] = core.null
    elseif value ~= nil then
      if convert then value = convert(name, value) end
      out[field] = value
    end
  end
  return out
end

--- The operator pod (BLD-4). values: parameters by name, rendered. container: the name of the task's container.
function fields.pod(values, container)
  local named = { name = container, terminationMessagePolicy = values.termination_message_policy or "File" }
  local base = fill(named, CONTAINER, values)
  if values.pod_runtime_info_envs then
    base.env = base.env or core.array {}
    for _, entry in ipairs(runtime_envs("pod_runtime_info_envs", values.pod_runtime_info_envs)) do
      table.insert(base.env, entry)
    end
  end
  if values.configmaps then
    base.envFrom = base.envFrom or core.array {}
    for _, name in ipairs(strings("configmaps", values.configmaps)) do
      table.insert(base.envFrom, { configMapRef = { name = name } })
    end
  end
  local spec = fill({ containers = core.array { base }, restartPolicy = "Never" }, SPEC, values)
  return { apiVersion = "v1", kind = "Pod", metadata = fill({}, METADATA, values), spec = spec }
end

return fields
