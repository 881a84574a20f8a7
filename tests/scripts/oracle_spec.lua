-- Manifests beside those of the peer (BLD, MRG, PAR, NAM, LBL, FND-1, TPL): tests/data/oracle/cases.json holds which
-- pod the real operator builds of which parameters. Ours are built by the real modules and compared field by field,
-- after dropping what is empty. What differs in every pod by a rule of ours is translated (see `translated`); every
-- other wanted difference is in oracle_differences.lua, line by line, with its rule.
local lunapod = require "lunapod"
local contexts = require "lunapod.context"
local core = require "lunapod.core"
local plain = require "tests.scripts.support.plain"
local naming = require "lunapod.naming"
local differences = require "data.oracle.differences"

local FOLDER = "tests/data/oracle/"
local PATHS = { pod_template_file = true, config_file = true }

local function read(name)
  local file = assert(io.open(FOLDER .. name))
  local text = file:read("*a")
  file:close()
  return text
end

local oracle = assert(core.json.decode(read "cases.json"))

-- ---- a case's parameters and context, in our terms ----

local function or_nil(value)
  if value ~= core.null then return value end
end

local OBJECTS = {
  Secret = function(it)
    return lunapod.Secret {
      deploy_type = it.deploy_type, deploy_target = or_nil(it.deploy_target), secret = it.secret,
      key = or_nil(it.key), items = or_nil(it.items),
    }
  end,
  Port = function(it) return { it.name, it.container_port } end,
  PodRuntimeInfoEnv = function(it) return { it.name, it.field_path } end,
  Volume = function(it) return { it.name, it.configs } end,
  VolumeMount = function(it) return { it.name, it.mount_path, or_nil(it.sub_path), it.read_only } end,
}

local function in_lua(value)
  if type(value) ~= "table" then return value end
  if value.__airflow__ then return OBJECTS[value.__airflow__](value) end
  local out = core.mark(value) == "array" and core.array {} or core.object {}
  for key, item in pairs(value) do out[key] = in_lua(item) end
  return out
end

local function parameters_of(case)
  local out = { task_id = (case.context or {}).task_id or oracle.context.task_id }
  for name, value in pairs(case.kwargs) do
    if PATHS[name] then value = FOLDER .. value end
    if value ~= core.null then out[name] = in_lua(value) end
  end
  return out
end

--- An instance whose default connection is the case's.
local function instance_of(case)
  local connection = {}
  for name, value in pairs(case.connection or {}) do
    if not name:find("^extra__") then -- the old prefix: no connection of ours has it
      connection[name] = value:find("^{") and core.json.decode(value) or value
    end
  end
  return assert(lunapod.new {
    instance = "me", config_file = FOLDER .. "kubeconfig", connections = { kubernetes_default = connection },
  })
end

local function context_of(case, op, instance)
  local call = {}
  for _, source in ipairs { oracle.context, case.context or {} } do
    for name, value in pairs(source) do call[name] = value end
  end
  -- What a flow of theirs has, and a script of ours adds where it wants it: a daily schedule, dag, task and dag_run.
  call.data_interval_end = "2016-01-02T00:00:00+00:00"
  call.dag, call.task = { dag_id = call.dag_id }, { task_id = call.task_id }
  call.dag_run = { run_id = call.run_id, conf = call.conf }
  return contexts.new(op, call, instance)
end

--- Our pod and selector, or nil and the error.
local function ours(case)
  local instance = instance_of(case)
  local ok, pod, selector = pcall(function()
    local op = instance.task(parameters_of(case))
    local client = { -- no server is asked: these two are what the build wants to know of it
      core = case.inside and { in_cluster = function() return true end } or op:client().core,
    }
    op.client = function() return client end
    local context = context_of(case, op, instance)
    local pod = op:build_pod_request_obj(context)
    if not pod.metadata.namespace and not case.inside then
      pod.metadata.namespace = op:client().core:namespace() -- as the core does before it sends (K21)
    end
    return pod, naming.find_selector(context, "me", pod.metadata.labels and op.labels and
      require("lunapod.fields").pod({ labels = require("lunapod.manifest").render(op, "labels", op.labels, context) },
      "base").metadata.labels)
  end)
  instance:close()
  if ok then return pod, selector end
  return nil, tostring(pod)
end

-- ---- comparing ----

--- The peer's pod as ours would be: what is otherwise in every pod, by these rules.
local function translated(case)
  local pod = case.pod
  local labels = pod.metadata.labels
  labels.lunapod_version, labels.airflow_version = core.version:gsub("%+", "-"), nil -- LBL-7
  labels.lunapod_in_cluster = labels.airflow_kpo_in_cluster or "False" -- LBL-8; the seed had none
  labels.airflow_kpo_in_cluster = nil
  labels.lunapod_instance = "me" -- LBL-9
  local base = pod.spec.containers[1]
  base.terminationMessagePolicy = base.terminationMessagePolicy or "File" -- BLD-13; the seed left it to the cluster
  local given = case.kwargs.hostnetwork
  if given == nil or given == core.null then pod.spec.hostNetwork = pod.spec.hostNetwork or nil end -- MRG-12: a default
  local last = #pod.spec.containers
  local side = pod.spec.containers[last]
  if side.name == "airflow-xcom-sidecar" then -- RES-3: the same container as a native sidecar, RES-10: its script
    pod.spec.containers[last] = nil
    pod.spec.initContainers = pod.spec.initContainers or {}
    side.restartPolicy, side.command = "Always", "ours"
    if not (case.connection or {}).xcom_sidecar_container_image then side.image = "ours" end -- RES-2
    table.insert(pod.spec.initContainers, side)
  end
  return pod
end

local function with_our_sidecar_named(pod)
  for _, container in ipairs(pod.spec.initContainers or {}) do
    if container.name == "airflow-xcom-sidecar" then
      assert.truthy(container.command[3]:find "return.json")
      container.command = "ours"
      if container.image:find "^alpine:" then container.image = "ours" end
    end
  end
  return pod
end

local function compare(theirs, mine, path, out)
  if type(theirs) == "table" and type(mine) == "table" then
    local keys = {}
    for key in pairs(theirs) do keys[key] = true end
    for key in pairs(mine) do keys[key] = true end
    for key in pairs(keys) do
      local step = type(key) == "number" and ("[%d]"):format(key) or (path == "" and key or "." .. key)
      compare(theirs[key], mine[key], path .. step, out)
    end
  elseif theirs ~= mine then
    local function text(value)
      if value == nil then return "nothing" end
      return (core.json.encode(value))
    end
    out[#out + 1] = ("%s: %s, ours %s"):format(path, text(theirs), text(mine))
  end
  return out
end

--- Names that differ from build to build: compared by what is in front of the suffix (NAM-5), and the volumes of
-- secrets by their kind of name (PAR-secrets-name).
local function same_by_pattern(case, pod)
  local names = {}
  for _, path in ipairs(case.varies or {}) do
    if path == "$.metadata.name" then
      local base = pod.metadata.name:sub(1, 54):gsub("^[-.]+", ""):gsub("[-.]+$", "")
      case.pod.metadata.name = case.pod.metadata.name:gsub("[.-]" .. ("%w"):rep(case.seed and 32 or 8) .. "$", "")
      pod.metadata.name = base
    end
  end
  local function rename(volumes)
    for _, it in ipairs(volumes or {}) do
      if it.name:find("^secretvol") then
        names[it.name] = names[it.name] or "secretvol"
        it.name = "secretvol"
      end
    end
  end
  for _, it in ipairs { case.pod, pod } do
    rename(it.spec.volumes)
    rename(it.spec.containers[1].volumeMounts)
  end
end

local function selector_of(text)
  return (text:gsub("lunapod_instance=me,", ""):gsub(",!lunapod_call", "")) -- LBL-9, LBL-13
end

local function differences_of(case)
  local pod, other = ours(case)
  if case.error then
    if pod then return { "an error, ours a pod" } end
    return {}, other
  end
  if not pod then return { "a pod, ours an error: " .. other:gsub("^%S+:%d+: ", "") }, other end
  pod = with_our_sidecar_named(plain(pod))
  case.pod = translated(case)
  same_by_pattern(case, pod)
  local out = compare(plain(case.pod), pod, "", {})
  if case.selector ~= selector_of(other) then
    out[#out + 1] = ("selector %q, ours %q"):format(case.selector, selector_of(other))
  end
  table.sort(out)
  return out
end

describe("the peer's manifest and ours", function()
  for _, case in ipairs(oracle.cases) do
    local wanted = differences[case.id] or {}
    it(("%s: %s%s"):format(case.id, case.shows, wanted.rule and (" (%s)"):format(wanted.rule) or ""), function()
      local found, why = differences_of(case)
      if why then assert.truthy(#why > 20 and why:find " ", why) end
      local lines = {}
      for i, line in ipairs(wanted) do lines[i] = line end
      assert.same(lines, found)
    end)
  end

  it("has no wanted difference of a case that is not there, and none without a rule", function()
    local known = {}
    for _, case in ipairs(oracle.cases) do known[case.id] = true end
    for id, wanted in pairs(differences) do
      assert.truthy(known[id], id)
      assert.truthy(wanted.rule and wanted.rule:find "%u+%-?%d" or wanted.rule:find "PAR%-%l", id)
      assert.truthy(#wanted > 0, id)
    end
  end)
end)
