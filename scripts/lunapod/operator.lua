--- KubernetesPodOperator: a task that runs in one pod, and its methods under the names of the peer (S47 to S59).
-- execution.lua runs a task through these methods, each a phase of the pod's life, so that a subclass may override any
-- of them. There `self` is one try: a table of its own that inherits from the operator, as many may run at once. Errors
-- of a phase are raised.

local core = require "lunapod.core"
local errors = require "lunapod.errors"
local attempts = require "lunapod.attempt"
local collect = require "lunapod.collect"
local contexts = require "lunapod.context"
local execution = require "lunapod.execution"
local handles = require "lunapod.handle"
local hooks = require "lunapod.hooks"
local manifest = require "lunapod.manifest"
local outcomes = require "lunapod.outcome"
local parameters = require "lunapod.parameters"
local run_options = require "lunapod.run_options"
local xcom = require "lunapod.xcom"

local Operator = {
  BASE_CONTAINER_NAME = "base",
  POD_CHECKED_KEY = "already_checked",
  template_fields = parameters.fields,
  waiting_rules = false, -- STA-5 in place of the core's: a list of { reason =, message =, grace =, class = }
}
Operator.__index = Operator

-- ---- classes ----

local class_meta = {}

--- Names of a class's template fields that are no parameters: its own, which are rendered for each try (S46).
local function own_fields(class)
  local names = {}
  for _, name in ipairs(class.template_fields) do
    if not parameters.is_name(name) then names[name] = true end
  end
  return names
end

local function make(class, given)
  local own, known = own_fields(class), {}
  for name, value in pairs(given) do
    if not own[name] then known[name] = value end
  end
  local op = setmetatable(parameters.define(known), class)
  for name in pairs(own) do op[name] = given[name] end
  op.definition, op.hooks, op.own_fields = given, hooks.list(given.callbacks), own
  return op
end

--- A try's own copies of those fields, rendered.
function Operator:render_own_fields(context)
  for name in pairs(self.own_fields) do
    if self[name] ~= nil then rawset(self, name, manifest.render(self.operator, name, self[name], context)) end
  end
end

--- Class { parameters } makes a task; also instance:task { … }, where the instance comes first.
function class_meta.__call(class, given, more)
  if given == class.instance and more ~= nil then given = more end
  if type(given) ~= "table" then errors.usage("task: expected a table of parameters, got %s", type(given)) end
  local merged = {}
  for name, value in pairs(class.defaults or {}) do merged[name] = value end
  for name, value in pairs(given) do merged[name] = value end
  return make(class, merged)
end

class_meta.__index = Operator
setmetatable(Operator, { __call = class_meta.__call })

local function derive(parent, members, defaults)
  members.__index = members
  members.defaults = defaults
  return setmetatable(members, { __call = class_meta.__call, __index = parent })
end

--- A subclass: functions and the attributes of the class become its members, everything else defaults of parameters.
function Operator:extend(given)
  local members, defaults = {}, {}
  for name, value in pairs(self.defaults or {}) do defaults[name] = value end
  local own = own_fields({ template_fields = (given or {}).template_fields or self.template_fields })
  for name, value in pairs(given or {}) do
    if Operator[name] ~= nil or own[name] or (type(value) == "function" and not parameters.is_name(name)) then
      members[name] = value
    else
      defaults[name] = value
    end
  end
  return derive(self, members, defaults)
end

--- The class whose tasks run in this instance.
function Operator:bind(instance)
  return derive(self, { instance = instance }, self.defaults)
end

--- The same task with other parameters (a retry policy's `with`).
function Operator:with(given)
  local merged = {}
  for name, value in pairs(self.definition) do merged[name] = value end
  if given.container_resources ~= nil then merged.resources = nil end -- two names of one thing: the later one counts
  if given.resources ~= nil then merged.container_resources = nil end
  for name, value in pairs(given) do merged[name] = value end
  return make(getmetatable(self), merged)
end

-- ---- access to the cluster ----

--- A parameter that says where the pod goes, rendered if it is a template.
local function rendered(self, name, context)
  local value = self[name]
  if type(value) ~= "string" or not value:find("{", 1, true) then return value end
  local known = context or { params = self.params or {} }
  local out, err = require("lunapod.template").render_value(value, known, { name = name,
    null = core.null, undefined = self.undefined or "strict" })
  if out == nil then error(err, 0) end
  return out
end

--- The named cluster settings of this task (ACC-4); the default ones may be missing.
local function connection_of(self, context)
  local name = rendered(self, "kubernetes_conn_id", context)
  local connection = self.instance.named_connections[name or "kubernetes_default"]
  if not connection and name then
    errors.usage('task "%s": there is no connection "%s"; lunapod.connections { … } defines some', self.task_id, name)
  end
  return connection or {}
end

--- Settings of the client (ACC): the task's own parameters beat those of its connection.
local function client_settings(self, context)
  local connection = connection_of(self, context)
  local in_cluster = self.in_cluster
  if in_cluster == nil then in_cluster = connection.in_cluster end
  local own_file = rendered(self, "config_file", context)
  local file = own_file or connection.kube_config_path
  local config = not own_file and connection.kube_config or nil
  local given = {}
  if in_cluster == true then given[#given + 1] = "in_cluster = true" end
  if file then given[#given + 1] = "config_file" end
  if config then given[#given + 1] = "kube_config" end
  if #given > 1 then errors.usage('task "%s": %s exclude each other', self.task_id, table.concat(given, " and ")) end
  return {
    config_file = file, config = config, in_cluster = in_cluster,
    context = rendered(self, "cluster_context", context) or connection.cluster_context,
    insecure = connection.disable_verify_ssl,
  }
end

--- The client of this task's cluster, made on first use (API-1). The settings may be templates, so a try looks again
-- which one it is.
function Operator:client()
  local client = rawget(self, "cached_client")
  if client then return client end
  local owner = self.operator or self
  local made = self.instance:client(client_settings(self, self.context))
  owner.clients = owner.clients or {}
  client = owner.clients[made.core] or made
  self.cached_client = client
  if client == made then
    owner.clients[made.core] = made
    hooks.client(self, made)
  end
  return client
end

--- What a manifest's labels tell about where it comes from and goes to.
local function cluster_of(self, context)
  local cluster = { connection = connection_of(self, context) }
  if context and not self.instance.dry_run then
    cluster.instance = self.instance:installation()
    local client = self:client().core
    cluster.in_cluster = client:in_cluster()
    cluster.native_sidecar = not self.instance.classic_sidecars[client]
  end
  return cluster
end

--- What creates, watches, logs and deletes pods.
function Operator:pod_manager()
  return self:client()
end

-- ---- the phases of a try ----

--- The attempt a method works on: this try's, or that of the pod, when a script calls the methods itself.
local function attempt_of(self, pod)
  local attempt = self.attempt
  if not attempt and type(pod) == "table" and pod.metadata then
    for it in pairs(self.instance.attempts) do
      if it:report().uid == pod.metadata.uid then attempt = it end
    end
  end
  if not attempt then
    errors.usage('task "%s": this pod was not created or found by get_or_create_pod', self.task_id)
  end
  return attempt
end

local function must(ok, err)
  if not ok then error(err, 0) end
end

--- Begin an attempt with this manifest; it sends nothing.
local function begin(self, request, context)
  if self.attempt then return self.attempt end
  local client = self:pod_manager().core
  run_options.annotate(request, context)
  local options, complaints = run_options.of(self.operator or self, request, context, cluster_of(self, context))
  local attempt, err = attempts.new {
    op = self, instance = self.instance, client = client, context = context, options = options, handle = self.handle,
  }
  if not attempt then error(err, 0) end
  for _, complaint in ipairs(complaints) do
    attempt:emit({ kind = "error", level = "error", message = complaint }, true) -- LOG-1: nothing else comes of it
  end
  if self.operator then
    self.attempt = attempt
    attempt.driven = true
  end
  return attempt
end

--- The context that a script gave to one of the methods, with what execute would have filled in.
local function whole(self, context)
  if context == nil or context.ti then return context end
  return contexts.new(self, context, self.instance)
end

--- The manifest for this context; pure. Without a context: no labels of the task instance.
function Operator:build_pod_request_obj(context)
  context = whole(self, context)
  local pod = manifest.build(self.operator or self, context, cluster_of(self, context))
  local hook = self.instance.pod_mutation_hook
  if hook then hook(pod) end -- BLD-11
  return pod
end

--- The pod that an earlier process left for this task instance, or nil.
function Operator:find_pod(namespace, context)
  local attempt = self.attempt
  if not attempt then
    context = whole(self, context)
    local request = self:build_pod_request_obj(context)
    request.metadata.namespace = namespace or request.metadata.namespace
    attempt = begin(self, request, context)
  end
  must(attempt:advance("found"))
  local found = attempt:report().found
  local pod = found and attempt:pod() or nil
  if not self.attempt then attempt:close() end
  return pod
end

--- The found pod, if there is one, else a new one.
function Operator:get_or_create_pod(pod_request_obj, context)
  local attempt = begin(self, pod_request_obj, whole(self, context))
  if self.operator and self.reattach_on_restart ~= false then
    local namespace = pod_request_obj.metadata.namespace or self:client():namespace()
    local found = self:find_pod(namespace, context)
    if self.find_pod ~= Operator.find_pod then must(attempt.run:adopt(found)) end -- a subclass has chosen
  end
  must(attempt:advance("created"))
  return attempt:pod()
end

--- Returns when the pod has started, or ended already; raises when it does not in time.
function Operator:await_pod_start(pod)
  local attempt = attempt_of(self, pod)
  local stop = collect.while_pending(self, attempt)
  local ok, err = attempt:advance("started")
  stop()
  must(ok, err)
end

--- Returns when the task's container has ended well and its log is read; raises why it failed.
function Operator:await_completion(pod)
  local attempt = attempt_of(self, pod)
  must(attempt:advance("ended"))
end

local function result_error(self, attempt, fault)
  return core.error {
    kind = "task", rc = "TASK", class = "result", reason = "InvalidResult", retryable = true,
    message = ("the result of pod %s is %s"):format(attempt:report().name or self.task_id, fault),
  }
end

--- Reads the result, and stops the sidecar. Top-level null is nil.
function Operator:extract_xcom(pod)
  local attempt = attempt_of(self, pod)
  must(attempt:advance("result"))
  local text = attempt.run:result()
  if text == nil then return nil end
  local value, err = core.json.decode(text)
  local fault
  if value == nil then
    fault = "not JSON: " .. tostring(err)
  elseif self.multiple_outputs and core.mark(value) ~= "object" then
    fault = "not a map, which multiple_outputs asks for"
  end
  if fault then
    local failure = result_error(self, attempt, fault)
    attempt.error = attempt.error or failure
    error(failure, 0)
  end
  if value == core.null then return nil end
  return value
end

--- Marks the pod as dealt with, so that no later try takes it up. In a try the core does it as it cleans up.
function Operator:patch_already_checked(pod)
  if self.operator or not pod then return end
  self:client():patch("pods", pod.metadata.name, {
    metadata = { uid = pod.metadata.uid, labels = { [self.POD_CHECKED_KEY] = "True" } },
  }, { namespace = pod.metadata.namespace })
end

--- Deletes the pod or keeps it, as the task's parameters say; waits until that is done.
function Operator:process_pod_deletion(pod)
  local attempt = attempt_of(self, pod)
  attempt:advance("cleaned") -- its error is the task's, known already
  if not self.operator then attempt:close() end
end

--- What is done at every end but a kill: report, mark, delete, classify. Returns the outcome, or raises its error.
function Operator:cleanup(pod, remote_pod)
  local attempt = attempt_of(self, pod)
  if attempt.error then collect.tell(self, attempt) end
  local events = attempt.error and collect.events(self, attempt) or nil
  local init_log = attempt.error and collect.init_log(self, attempt) or nil
  self:patch_already_checked(remote_pod)
  self:process_pod_deletion(remote_pod)
  local outcome = outcomes.build {
    task_id = self.task_id, report = attempt:report(), error = attempt.error, result = self.result,
    skip_codes = self.skip_on_exit_code,
    events = events, init_log = init_log, pod = remote_pod,
    attempts = self.context and self.context.try_number, log = attempt.tail,
    published = self.context and xcom.of(self.instance, self.context),
  }
  self.outcome = outcome
  if outcome.error then error(outcome.error, 0) end
  return outcome
end

--- The task is killed: nothing of it is left behind, unless on_kill_action says to keep the pod.
function Operator:on_kill()
  local attempt = self.attempt
  if not attempt then
    for it in pairs(self.instance.attempts) do
      if (it.op.operator or it.op) == self then it:cancel() end
    end
    return
  end
  if self.on_kill_action == "keep_pod" then return attempt:detach() end
  attempt:kill(nil, execution.kill_limit(self))
end

-- ---- running it ----

--- Run the task: its result and the outcome, or the error is raised. context: {params =, run_id =, map_index =, …}, all
-- optional.
function Operator:execute(context)
  return execution.execute(self, context)
end

--- Run it in the background; see handle.lua.
function Operator:start(context)
  return handles.start(self, context)
end

--- Print the manifest that would be created, without labels of the task instance; returns it, too. Needs no cluster.
function Operator:dry_run()
  local pod = manifest.without_empties(self:build_pod_request_obj(nil))
  local text, err = core.yaml.encode(pod)
  if not text then error(err, 0) end
  print((text:gsub("\n$", "")))
  return pod
end

Operator.new_context = contexts.new

return Operator
