--- The operator's parameters as data: one row each, from which checks and defaults are made. A name that is not here is
-- an error that suggests the nearest one (S43); a wrong type says what was found and what is expected. What a parameter
-- becomes in the pod is fields.lua's.

local errors = require "lunapod.errors"
local options = require "lunapod.options"

local parameters = {}

-- name, types (joined by "|"), what is expected in words with an example; rendered: templates in it are filled in
-- (TPL-1, TPL-3).
local rows = {
  { "task_id", "string", 'a name such as "load-orders"' },
  -- identity, image, command
  { "namespace", "string", 'a namespace such as "jobs"', rendered = true },
  { "image", "string", 'an image such as "busybox:1"', rendered = true },
  { "name", "string", 'a pod name such as "load-orders"', rendered = true },
  { "random_name_suffix", "boolean", "true or false", default = true },
  { "cmds", "table|string", 'a list of strings such as { "sh", "-c" }', rendered = true },
  { "arguments", "table|string", 'a list of strings such as { "--day", "{{ ds }}" }', rendered = true },
  { "full_pod_spec", "table", "a Pod as a table", rendered = true },
  { "pod_template_file", "string", "the path of a Pod manifest", rendered = true },
  { "pod_template_dict", "table", "a Pod as a table", rendered = true },
  { "merge", "string", '"given" or "peer"', one_of = { given = true, peer = true } },
  -- environment
  { "env_vars", "table|string", 'a map such as { NAME = "value" }, or a list of { name =, value = }', rendered = true },
  { "env_from", "table", "a list of env sources", rendered = true },
  { "configmaps", "table", "a list of ConfigMap names", rendered = true },
  { "pod_runtime_info_envs", "table", 'a list of pairs such as { "POD_IP", "status.podIP" }' },
  { "secrets", "table", "a list of lunapod.Secret { … }" },
  -- resources, storage, ports
  { "resources", "table", 'a map such as { request_memory = "64Mi" }', rendered = true },
  { "container_resources", "table", 'a map such as { requests = { memory = "64Mi" } }', rendered = true },
  { "ports", "table", "a list of ports" },
  { "volumes", "table", "a list of volumes", rendered = true },
  { "volume_mounts", "table", "a list of volume mounts", rendered = true },
  { "init_containers", "table", "a list of containers", rendered = true },
  -- scheduling, security, network, metadata
  { "affinity", "table", "a map in API form", rendered = true },
  { "node_selector", "table", "a map of node labels", rendered = true },
  { "node_selectors", "table", "a map of node labels", rendered = true, replaced_by = "node_selector" },
  { "tolerations", "table", "a list of tolerations" },
  { "security_context", "table", "a map in API form" },
  { "container_security_context", "table", "a map in API form" },
  { "service_account_name", "string", "the name of a service account", rendered = true },
  { "automount_service_account_token", "boolean", "true or false" },
  { "image_pull_secrets", "string|table", 'names separated by commas, or a list of { name = }' },
  { "image_pull_policy", "string", '"Always", "IfNotPresent" or "Never"' },
  { "hostnetwork", "boolean", "true or false" },
  { "hostname", "string", "a host name", rendered = true },
  { "subdomain", "string", "a domain name", rendered = true },
  { "host_aliases", "table", "a list of host aliases" },
  { "dnspolicy", "string", 'a policy such as "ClusterFirst"' },
  { "dns_config", "table", "a map in API form" },
  { "schedulername", "string", "the name of a scheduler" },
  { "priority_class_name", "string", "the name of a priority class" },
  { "runtime_class_name", "string", "the name of a runtime class" },
  { "active_deadline_seconds", "number", "seconds" },
  { "termination_message_policy", "string", '"File" or "FallbackToLogsOnError"' },
  { "labels", "table", "a map of labels", rendered = true },
  { "annotations", "table", "a map of annotations", rendered = true },
  -- cluster access
  { "kubernetes_conn_id", "string", "the name of a connection", rendered = true },
  { "in_cluster", "boolean", "true or false" },
  { "config_file", "string", "the path of a kubeconfig", rendered = true },
  { "cluster_context", "string", "the name of a context", rendered = true },
  -- run behaviour
  { "base_container_name", "string", "a container's name" },
  { "reattach_on_restart", "boolean", "true or false", default = true },
  { "durable", "boolean", "true or false" },
  { "startup_timeout_seconds", "number", "seconds", default = 120 },
  { "schedule_timeout_seconds", "number", "seconds" },
  { "startup_check_interval_seconds", "number", "seconds" },
  { "image_grace", "number", "seconds" },
  { "config_grace", "number", "seconds" },
  { "runtime_grace", "number", "seconds" },
  { "events_after", "number", "seconds" },
  { "wait_for", "string", '"container" or "pod"', one_of = { container = true, pod = true } },
  { "base_container_status_polling_interval", "number", "seconds" },
  { "get_logs", "boolean", "true or false", default = true },
  { "container_logs", "string|table|boolean", "a container's name, a list of names, or true for all" },
  { "init_container_logs", "string|table|boolean", "an init container's name, a list of names, or true for all" },
  { "container_name_log_prefix_enabled", "boolean", "true or false", default = true },
  { "log_formatter", "function", "a function of container and message" },
  { "progress_callback", "function", "a function of line, container, timestamp and pod" },
  { "log_events_on_failure", "boolean", "true or false", default = false },
  { "log_pod_spec_on_failure", "boolean", "true or false", default = false },
  { "do_xcom_push", "boolean", "true or false", default = false },
  { "multiple_outputs", "boolean", "true or false", default = false },
  { "result_from", "string", '"sidecar" or "termination_message"',
    one_of = { sidecar = true, termination_message = true } },
  { "result_max", "number", "bytes" },
  { "xcom_sidecar_container_security_context", "table", "a map in API form" },
  { "is_delete_operator_pod", "boolean", "true or false" },
  { "on_finish_action", "string", '"delete_pod", "delete_succeeded_pod", "delete_active_pod" or "keep_pod"',
    one_of = { delete_pod = true, delete_succeeded_pod = true, delete_active_pod = true, keep_pod = true } },
  { "abandon", "boolean", "true or false" },
  { "on_kill_action", "string", '"delete_pod" or "keep_pod"', one_of = { delete_pod = true, keep_pod = true } },
  { "termination_grace_period", "number", "seconds" },
  { "skip_on_exit_code", "number|table", "an exit code or a list of them" },
  { "api_retries", "number", "a number of tries" },
  { "api_retry_wait_min", "number", "seconds" },
  { "api_retry_wait_max", "number", "seconds" },
  -- the task
  { "params", "table", "a map of values" },
  { "undefined", "string", '"strict" or "lenient"', one_of = { strict = true, lenient = true } },
  { "retries", "number", "a number of retries" },
  { "retry", "function", "a function of outcome, attempt and context" },
  { "retry_delay", "number", "seconds" },
  { "retry_exponential_backoff", "boolean", "true or false" },
  { "max_retry_delay", "number", "seconds" },
  { "infra_retries", "number", "a number of retries" },
  { "execution_timeout", "number", "seconds" },
  { "callbacks", "table", "a table of hooks such as { on_pod_creation = function(pod) … end }, or a list of them" },
  { "on_execute_callback", "function", "a function of the context" },
  { "on_success_callback", "function", "a function of the context" },
  { "on_failure_callback", "function", "a function of the context" },
  { "on_retry_callback", "function", "a function of the context" },
  { "on_skipped_callback", "function", "a function of the context" },
  -- of a scheduler's world or the peer's polling: accepted, without effect
  { "deferrable", "boolean", "true or false" },
  { "poll_interval", "number", "seconds" },
  { "logging_interval", "number", "seconds" },
  { "trigger_kwargs", "table", "a map" },
  { "owner", "string", "a name" },
  { "queue", "string", "a name" },
  { "pool", "string", "a name" },
  { "pool_slots", "number", "a number" },
  { "priority_weight", "number", "a number" },
  { "weight_rule", "string", "a name" },
  { "trigger_rule", "string", "a name" },
  { "depends_on_past", "boolean", "true or false" },
  { "wait_for_downstream", "boolean", "true or false" },
  { "doc", "string", "a text" },
  { "doc_md", "string", "a text" },
}

local by_name = {}
parameters.rendered = {} -- in a fixed order, so that the first error is always the same one
for _, row in ipairs(rows) do
  row.name, row.types, row.expected = row[1], row[2], row[3]
  by_name[row.name] = row
  if row.rendered then parameters.rendered[#parameters.rendered + 1] = row.name end
end

--- The seed's template fields (S46); a subclass may have more.
parameters.fields = {
  "image", "cmds", "arguments", "env_vars", "labels", "config_file", "pod_template_file", "namespace",
}

function parameters.is_name(name)
  return by_name[name] ~= nil
end

local function found(value)
  if type(value) == "string" then return ('the text "%s"'):format(#value > 40 and value:sub(1, 40) .. "…" or value) end
  return value == nil and "nothing" or "a " .. type(value)
end

local function check(name, value)
  local row = by_name[name]
  if not row then
    local near = type(name) == "string" and options.nearest(name, by_name)
    errors.usage("task: unknown parameter %s%s", type(name) == "string" and '"' .. name .. '"' or tostring(name),
      near and ('; did you mean "%s"?'):format(near) or "")
  end
  local fits = ("|" .. row.types .. "|"):find("|" .. type(value) .. "|", 1, true)
  local computed = type(value) == "function" and row.rendered -- TPL-3
  local unset = type(value) == "userdata"                     -- lunapod.null: takes away what a lower layer set
  if not fits and not computed and not unset then
    errors.usage('parameter "%s": expected %s, got %s', name, row.expected, found(value))
  end
  if row.one_of and type(value) == "string" and not row.one_of[value] then
    errors.usage('parameter "%s": expected %s, got "%s"', name, row.expected, value)
  end
end

local function contradicts(a, b)
  if a == nil or b == nil then return false end
  return (a and "delete_pod" or "keep_pod") ~= b
end

--- Check what a task was given and fill in defaults. Returns a new table.
function parameters.define(given)
  local out = {}
  for _, row in ipairs(rows) do out[row.name] = row.default end
  for name, value in pairs(given) do
    check(name, value)
    out[name] = value
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
  return out
end

return parameters
