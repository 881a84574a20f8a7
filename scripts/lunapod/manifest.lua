--- The manifest of a task's pod (BLD-1…13): render, convert, lay over the template, name, secrets, sidecar, labels, in
-- that order. Pure: it sends nothing, reads no file but the template's, and changes no table of the caller's; built
-- twice for one context it is the same.

local core = require "lunapod.core"
local errors = require "lunapod.errors"
local fields = require "lunapod.fields"
local naming = require "lunapod.naming"
local parameters = require "lunapod.parameters"
local reconcile = require "lunapod.reconcile"
local secrets = require "lunapod.secret"
local sidecar = require "lunapod.sidecar"

local manifest = {}

-- ---- rendering ----

--- Would rendering change it? Most values of a run are plain, and the template engine is not even loaded for them.
local function is_template(value)
  if type(value) == "string" then return value:find("{[{%%#]") ~= nil or value:find("[\r\n]$") ~= nil end
  if type(value) == "function" then return true end
  if type(value) ~= "table" then return false end
  for key, item in pairs(value) do
    if is_template(key) or is_template(item) then return true end
  end
  return false
end

--- The engine, its lists and maps marked as the core's are.
local function engine()
  local template = require "lunapod.template"
  template.marks.array, template.marks.object = getmetatable(core.array {}), getmetatable(core.object {})
  return template
end

--- A value with its templates filled in (TPL); texts are parsed once per operator (TPL-10). undefined: the operator's
-- unless given.
function manifest.render(op, name, value, context, undefined)
  if not is_template(value) then return value end
  op.parsed = op.parsed or {}
  return engine().render_value(value, context, {
    name = name, null = core.null, undefined = undefined or op.undefined or "strict", cache = op.parsed,
  })
end

--- Parameters by name, the templated ones rendered. Without a context there is little to render with: names that are
-- not known are empty.
local function rendered(op, context)
  local values, names = {}, {}
  for _, name in ipairs(parameters.rendered) do names[name] = true end
  for _, name in ipairs(op.template_fields or {}) do names[name] = true end
  for name in pairs(names) do
    local value = op[name]
    if value ~= nil and not (type(value) == "function" and not parameters.is_name(name)) then
      if context then
        values[name] = manifest.render(op, name, value, context)
      else
        local known = { params = op.params or {}, task_id = op.task_id }
        values[name] = manifest.render(op, name, value, known, "lenient")
      end
    end
  end
  return setmetatable(values, { __index = op })
end

-- ---- the base pod ----

local function read_file(path)
  local file, why = io.open(path, "r")
  if not file then errors.usage('parameter "pod_template_file": %s', why) end
  local text = file:read("*a")
  file:close()
  if not text then errors.usage('parameter "pod_template_file": %s cannot be read', path) end
  return text
end

local function pod_of_file(op, path, context)
  local text = read_file(path)
  if context then text = manifest.render(op, path, text, context) end
  local documents, err = core.yaml.decode(text, path)
  if not documents then error(err, 0) end
  if #documents ~= 1 then errors.usage("%s: expected exactly one Pod, found %d documents", path, #documents) end
  local pod = documents[1]
  if type(pod) ~= "table" or (pod.kind and pod.kind ~= "Pod") then
    errors.usage("%s: expected a Pod, found %s", path, type(pod) == "table" and tostring(pod.kind) or type(pod))
  end
  return pod
end

local function base_pod(op, values, context)
  local pod
  if values.pod_template_file then
    pod = pod_of_file(op, values.pod_template_file, context)
  elseif values.pod_template_dict then
    pod = values.pod_template_dict
  end
  return reconcile.pods(pod, values.full_pod_spec, op.merge)
end

-- ---- steps on the merged pod ----

--- The name of the task's container (BLD-4).
function manifest.container_name(op)
  return op.base_container_name or op.BASE_CONTAINER_NAME or "base"
end

local function check_volumes(pod)
  local seen = {}
  for i, volume in ipairs(pod.spec.volumes or {}) do
    if volume.name and seen[volume.name] then
      errors.usage('spec.volumes: "%s" is there twice, as number %d and %d', volume.name, seen[volume.name], i)
    end
    seen[volume.name or i] = i
  end
end

local function check_containers(pod)
  local seen = {}
  for _, field in ipairs { "initContainers", "containers" } do
    for i, container in ipairs(pod.spec[field] or {}) do
      if container.name and seen[container.name] then
        errors.usage('spec.%s[%d]: the name "%s" is taken by %s', field, i, container.name, seen[container.name])
      end
      seen[container.name or i] = ("spec.%s[%d]"):format(field, i)
    end
  end
end

--- The base of the name; the core puts the suffix on (NAM-5).
local function name_pod(op, values, pod)
  if values.name then
    local base, fault = naming.base(values.name)
    if not base then errors.usage('parameter "name": "%s": %s', values.name:sub(1, 60), fault) end
    pod.metadata.name = base
  elseif not pod.metadata.name then
    local base = naming.slug(op.task_id)
    if base == "" then
      errors.usage('task_id "%s": no pod name can be made of it, give the parameter "name"', op.task_id)
    end
    pod.metadata.name = base
  end
end

local function add_labels(pod, context, cluster)
  local labels = pod.metadata.labels or {}
  labels.lunapod_version = core.version:gsub("%+", "-")
  if context then
    for key, value in pairs(naming.identity(context, cluster.instance)) do labels[key] = value end
    labels.try_number = ("%d"):format(context.try_number or 1)
    if cluster.in_cluster ~= nil then labels.lunapod_in_cluster = cluster.in_cluster and "True" or "False" end
  end
  pod.metadata.labels = labels
end

local LIST_FIELDS = {}
for name in ([[
  containers initContainers ephemeralContainers volumes imagePullSecrets tolerations hostAliases readinessGates
  topologySpreadConstraints schedulingGates resourceClaims command args env envFrom ports volumeMounts volumeDevices
  items sources supplementalGroups sysctls nameservers searches options hostnames add drop matchExpressions matchFields
  values nodeSelectorTerms requiredDuringSchedulingIgnoredDuringExecution
  preferredDuringSchedulingIgnoredDuringExecution finalizers ownerReferences httpHeaders claims accessModes namespaces
  matchLabelKeys mismatchLabelKeys
]]):gmatch("%S+") do
  LIST_FIELDS[name] = true
end

--- A copy without nulls, and with unmarked empty tables marked by what Kubernetes has under that name.
local function finished(value, name)
  if type(value) ~= "table" then return value end
  local mark = core.mark(value)
    or (value[1] ~= nil and "array")
    or (next(value) == nil and LIST_FIELDS[name] and "array")
    or "object"
  local out = mark == "array" and core.array {} or core.object {}
  for key, item in pairs(value) do
    if item ~= core.null then out[key] = finished(item, key) end
  end
  return out
end

--- The pod for this context. cluster: what is known of where it goes, {instance =, in_cluster =, connection =}; nil:
-- nothing.
function manifest.build(op, context, cluster)
  cluster = cluster or {}
  local connection = cluster.connection or {}
  local values = rendered(op, context)
  if op.secrets and op.secrets[1] == nil and next(op.secrets) ~= nil then
    errors.usage('parameter "secrets": expected a list, got a map')
  end
  local own = fields.pod(values, manifest.container_name(op))
  local pod = finished(reconcile.pods(base_pod(op, values, context), own, op.merge))
  pod.metadata = pod.metadata or core.object {}
  pod.spec.containers[1].name = manifest.container_name(op) -- MRG-13
  name_pod(op, values, pod)
  pod.metadata.namespace = pod.metadata.namespace or connection.namespace
  for i, it in ipairs(op.secrets or {}) do
    if not secrets.is(it) then
      if type(it) ~= "table" then
        errors.usage('parameter "secrets"[%d]: expected lunapod.Secret { … }, got %s', i, type(it))
      end
      it = secrets.new(it)
    end
    secrets.apply(it, pod)
  end
  if op.do_xcom_push and op.result_from ~= "termination_message" then sidecar.add(pod, op, connection) end
  check_volumes(pod)
  check_containers(pod)
  add_labels(pod, context, cluster)
  return finished(pod)
end

return manifest
