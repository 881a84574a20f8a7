--- lunapod.Secret: a Kubernetes Secret handed to the task's container, as environment or as files (PAR-secrets).
--   lunapod.Secret { deploy_type = "env", deploy_target = "SQL_CONN", secret = "airflow-secrets", key = "sql_conn" }
-- It names a Secret; its content is never read here.

local core = require "lunapod.core"
local errors = require "lunapod.errors"
local options = require "lunapod.options"

local secret = {}
local Secret = {}
Secret.__index = Secret

local FIELDS = { deploy_type = "string", deploy_target = "string", secret = "string", key = "string", items = "table" }

--- A checked descriptor of a table of fields.
function secret.new(given)
  options.check(given, FIELDS, "Secret")
  local kind, target = given.deploy_type, given.deploy_target
  if kind ~= "env" and kind ~= "volume" then
    errors.usage('Secret: deploy_type must be "env" or "volume", got %s',
      kind == nil and "nothing" or ('"%s"'):format(kind))
  end
  if not given.secret then errors.usage("Secret: secret (its name) is not given") end
  if kind == "env" and given.key and not target then
    errors.usage("Secret %s: key is given without deploy_target", given.secret)
  end
  if kind == "env" and target and not given.key then
    errors.usage("Secret %s: deploy_target is given without key", given.secret)
  end
  if kind == "volume" and not target then
    errors.usage("Secret %s: a volume needs deploy_target, the folder it appears in", given.secret)
  end
  if kind == "env" and given.items then
    errors.usage("Secret %s: items are for volumes; an environment variable takes key", given.secret)
  end
  for i, item in ipairs(given.items or {}) do
    if type(item) ~= "table" or type(item.key) ~= "string" or type(item.path) ~= "string" then
      errors.usage('Secret %s: items[%d]: expected { key = "…", path = "…" }', given.secret, i)
    end
  end
  local out = {}
  for name, value in pairs(given) do out[name] = value end
  return setmetatable(out, Secret)
end

function secret.is(value)
  return getmetatable(value) == Secret
end

--- The descriptor of a member of the parameter `secrets`, which may be a plain table.
function secret.of(value, index)
  if secret.is(value) then return value end
  if type(value) ~= "table" then
    errors.usage('parameter "secrets"[%d]: expected lunapod.Secret { … }, got %s', index, type(value))
  end
  return secret.new(value)
end

local function volume_name(it)
  local parts = { it.secret, it.deploy_target }
  for _, item in ipairs(it.items or {}) do
    parts[#parts + 1] = ("%s=%s=%s"):format(item.key, item.path, tostring(item.mode))
  end
  -- Stable: equal descriptors, one volume.
  return "secretvol" .. core.digest("sha256", table.concat(parts, "\n")):sub(1, 10)
end

--- A list with one more at its end; the list itself may be somebody else's.
local function add(owner, field, item)
  local out = core.array {}
  for i, other in ipairs(owner[field] or {}) do out[i] = other end
  out[#out + 1] = item
  owner[field] = out
end

--- Put one into a pod: its first container, and spec.volumes.
function secret.apply(it, pod)
  local container = pod.spec.containers[1]
  if it.deploy_type == "env" and it.key then
    add(container, "env", {
      name = it.deploy_target:upper(), valueFrom = { secretKeyRef = { name = it.secret, key = it.key } },
    })
  elseif it.deploy_type == "env" then
    add(container, "envFrom", { secretRef = { name = it.secret } })
  else
    local name = volume_name(it)
    for _, volume in ipairs(pod.spec.volumes or {}) do
      if volume.name == name then return end
    end
    add(pod.spec, "volumes", {
      name = name, secret = { secretName = it.secret, items = it.items and core.array(it.items) or nil },
    })
    add(container, "volumeMounts", { name = name, mountPath = it.deploy_target, readOnly = true })
  end
end

return secret
