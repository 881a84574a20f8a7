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

local NEWLINE, RETURN = 10, 13

--- Would rendering change it? Most values of a run are plain, and the template engine is not even loaded for them.
local function is_template(value)
  local kind = type(value)
  if kind == "string" then
    local last = value:byte(-1)
    return last == NEWLINE or last == RETURN
      or (value:find("{", 1, true) ~= nil and value:find("{[{%%#]") ~= nil)
  elseif kind == "table" then
    for key, item in next, value do
      if is_template(item) or (type(key) == "string" and is_template(key)) then return true end
    end
  end
  return kind == "function"
end

--- The engine, its lists and maps marked as the core's are.
local function engine()
  local template = require "lunapod.template"
  template.marks.array, template.marks.object = getmetatable(core.array {}), getmetatable(core.object {})
  return template
end

--- A value with its templates filled in (TPL); texts are parsed once per operator (TPL-10). undefined: the operator's
-- unless given. A text in place of a list or map gives the value of its expression (TPL-6).
function manifest.render(op, name, value, context, undefined)
  if not is_template(value) then return value end
  op.parsed = op.parsed or {}
  local row = parameters.row(name)
  return engine().render_value(value, context, {
    name = name, null = core.null, undefined = undefined or op.undefined or "strict", cache = op.parsed,
    native = type(value) == "string" and row ~= nil and row.accepts.table,
  })
end

--- The names in a map of environment variables are templates, too (TPL-2).
local function with_names_rendered(op, map, context, undefined)
  local out
  for key, item in pairs(map) do
    if type(key) == "string" and is_template(key) then
      if not out then
        out = {}
        for other, value in pairs(map) do out[other] = value end
      end
      out[key] = nil
      out[manifest.render(op, "env_vars", key, context, undefined)] = item
    end
  end
  return out or map
end

--- Parameters by name, the templated ones rendered. Without a context there is little to render with: names that are
-- not known are empty.
local function rendered(op, context)
  local values, undefined = {}, nil
  if not context then context, undefined = { params = op.params or {}, task_id = op.task_id }, "lenient" end
  local function fill(name)
    local value = op[name]
    if value == nil or not is_template(value) then return end
    value = manifest.render(op, name, value, context, undefined)
    if name == "env_vars" and type(value) == "table" then
      value = with_names_rendered(op, value, context, undefined)
    end
    parameters.check_value(name, value)
    values[name] = value
  end
  for _, name in ipairs(parameters.rendered) do fill(name) end
  for _, name in ipairs(op.template_fields or {}) do -- a subclass may have more
    if not parameters.is_name(name) and type(op[name]) ~= "function" then fill(name) end
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

local function must_be_pod(pod, what)
  if type(pod) ~= "table" or pod[1] ~= nil then
    errors.usage("%s: expected a Pod, found %s", what, type(pod) ~= "table" and type(pod) or "a list")
  end
  if pod.kind ~= nil and pod.kind ~= "Pod" then
    errors.usage("%s: expected a Pod, found a %s", what, tostring(pod.kind))
  end
  if type(pod.metadata) == "table" and pod.metadata.resourceVersion then
    errors.usage("%s: metadata.resourceVersion is the cluster's to give; remove it", what)
  end
  return pod
end

local function pod_of_file(op, path, context)
  local text = read_file(path)
  if context then text = manifest.render(op, path, text, context) end
  local documents, err = core.yaml.decode(text, path)
  if not documents then error(err, 0) end
  if #documents ~= 1 then errors.usage("%s: expected exactly one Pod, found %d documents", path, #documents) end
  return must_be_pod(documents[1], path)
end

local function parameter_pod(values, name)
  return values[name] and must_be_pod(values[name], ('parameter "%s"'):format(name))
end

local function base_pod(op, values, context)
  local pod
  if values.pod_template_file then
    pod = pod_of_file(op, values.pod_template_file, context)
  elseif values.pod_template_dict then
    pod = parameter_pod(values, "pod_template_dict")
  end
  return reconcile.pods(pod, parameter_pod(values, "full_pod_spec"), op.merge)
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
      local name = container.name
      if name and seen[name] then
        errors.usage('spec.%s[%d]: the name "%s" is taken by %s%s', field, i - 1, name, seen[name],
          seen[name] == "spec.containers[0]" and ", the task's container" or "") -- MRG-13: the first one is renamed
      end
      seen[name or i] = ("spec.%s[%d]"):format(field, i - 1)
    end
  end
end

local ANNOTATIONS_MAX = 256 * 1024 -- bytes, R10

local function check_metadata(values, metadata)
  local function place(name, key)
    local own = type(values[name]) == "table" and values[name][key] ~= nil
    return (own and 'parameter "%s"[%q]' or "metadata.%s[%q]"):format(name, key)
  end
  local function check(name, fault_of)
    local least, why -- of several faults the first by name: always the same one
    for key, value in next, metadata[name] or {} do
      local fault = fault_of(tostring(key), tostring(value))
      if fault and (not least or tostring(key) < least) then least, why = tostring(key), fault end
    end
    if why then errors.usage("%s: %s", place(name, least), why) end
  end
  check("labels", naming.label_fault)
  check("annotations", naming.key_fault)
  local size = 0
  for key, value in next, metadata.annotations or {} do size = size + #tostring(key) + #tostring(value) end
  if size > ANNOTATIONS_MAX then
    errors.usage('annotations: %d bytes in all, expected at most %d (256 KiB)', size, ANNOTATIONS_MAX)
  end
end

--- The base of the name; the core puts the suffix on (NAM-5).
local function name_pod(op, values, metadata)
  local from = "the template or full spec"
  if values.name then
    local base, fault = naming.base(values.name)
    if not base then errors.usage('parameter "name": "%s": %s', values.name:sub(1, 60), fault) end
    metadata.name, from = base, 'the parameter "name"'
  elseif not metadata.name then
    local base = naming.slug(op.task_id)
    if base == "" then
      errors.usage('task_id "%s": no pod name can be made of it, give the parameter "name"', op.task_id)
    end
    metadata.name, from = base, "task_id"
  end
  local name = tostring(metadata.name)
  local fault = (op.random_name_suffix == false and naming.name_fault or naming.stem_fault)(name)
  if fault then errors.usage('the pod\'s name "%s", of %s: %s', name:sub(1, 80), from, fault) end
end

local function add_labels(metadata, context, cluster)
  local labels = {}
  for key, value in next, metadata.labels or {} do labels[key] = value end
  labels.lunapod_version = core.version:gsub("%+", "-")
  if context then
    for key, value in next, naming.identity(context, cluster.instance) do labels[key] = value end
    labels.try_number = ("%d"):format(context.try_number or 1)
    if cluster.in_cluster ~= nil then labels.lunapod_in_cluster = cluster.in_cluster and "True" or "False" end
  end
  metadata.labels = labels
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

local array_mark, object_mark = getmetatable(core.array {}), getmetatable(core.object {})

--- A copy without nulls, and with unmarked empty tables marked by what Kubernetes has under that name.
local function finished(value, name)
  local mark = getmetatable(value)
  if mark ~= array_mark and mark ~= object_mark then
    mark = (value[1] ~= nil or (LIST_FIELDS[name] and next(value) == nil)) and array_mark or object_mark
  end
  local out = setmetatable({}, mark)
  for key, item in next, value do
    if type(item) == "table" then
      out[key] = finished(item, key)
    elseif item ~= core.null then
      out[key] = item
    end
  end
  return out
end

--- The pod for this context. cluster: what is known of where it goes, {instance =, in_cluster =, connection =}; nil:
-- nothing.
function manifest.build(op, context, cluster)
  cluster = cluster or {}
  local values, container = rendered(op, context), manifest.container_name(op)
  local pod = reconcile.pods(base_pod(op, values, context), fields.pod(values, container), op.merge)
  local metadata = pod.metadata or {}
  pod.metadata = metadata
  pod.spec.containers[1].name = container -- MRG-13
  name_pod(op, values, metadata)
  check_metadata(values, metadata)
  metadata.namespace = metadata.namespace or (cluster.connection or {}).namespace
  for i, it in ipairs(values.secrets or {}) do secrets.apply(secrets.of(it, i), pod) end
  if op.do_xcom_push and sidecar.channel(op) == "sidecar" then sidecar.add(pod, op, cluster) end
  check_volumes(pod)
  check_containers(pod)
  add_labels(metadata, context, cluster)
  return finished(pod)
end

--- What a dry run shows (DRY-2): the pod without empty lists and maps, but where being empty says something.
function manifest.without_empties(value, name)
  if type(value) ~= "table" then return value end
  local out = core.mark(value) == "array" and core.array {} or core.object {}
  for key, item in pairs(value) do out[key] = manifest.without_empties(item, key) end
  if next(out) == nil and name ~= nil and name ~= "emptyDir" then return nil end
  return out
end

return manifest
