--- What the core needs to run a task's pod, beside the manifest: how to find an earlier one, which logs to follow,
-- where the result is, limits and what becomes of the pod. Pure, as the manifest is.

local core = require "lunapod.core"
local fields = require "lunapod.fields"
local manifest = require "lunapod.manifest"
local naming = require "lunapod.naming"
local sidecar = require "lunapod.sidecar"
local waiting = require "lunapod.waiting"

local run_options = {}

local function shown(value)
  return type(value) == "string" and '"' .. value .. '"' or value == core.null and "null" or tostring(value)
end

--- Names of the containers to follow (LOG-1), in the order of the spec, and what is wrong with those asked for.
local function containers_to_follow(op, pod)
  local names, all, complaints = {}, {}, {}
  local function enter(parameter, containers, wanted)
    local here = {}
    for _, container in ipairs(containers or {}) do
      if container.name ~= sidecar.NAME then
        here[container.name] = true
        all[#all + 1] = container.name
      end
    end
    if wanted == true then
      for name in pairs(here) do names[name] = true end
      return
    end
    for _, name in ipairs(type(wanted) == "table" and wanted or { wanted }) do
      if here[name] then
        names[name] = true
      elseif type(name) == "string" then
        complaints[#complaints + 1] = ("%s: the pod has no container %s"):format(parameter, shown(name))
      else
        complaints[#complaints + 1] = ("%s: expected a name, a list of names or true, got %s: nothing is logged")
          :format(parameter, shown(name))
      end
    end
  end
  local wanted = op.container_logs
  if wanted == nil then wanted = manifest.container_name(op) end
  enter("init_container_logs", pod.spec.initContainers, op.init_container_logs == nil and {} or op.init_container_logs)
  enter("container_logs", pod.spec.containers, wanted)
  local out = {}
  for _, name in ipairs(all) do
    if names[name] then out[#out + 1] = name end
  end
  return out, complaints
end

--- Put on the pod what a later process needs to know of it: a digest of its spec (FND-4), and when the task's first pod
-- was made (RTY-5).
function run_options.annotate(pod, context)
  local annotations = pod.metadata.annotations or {}
  annotations.lunapod_spec_hash = core.digest("sha256", core.json.encode(pod.spec)):sub(1, 16)
  annotations.lunapod_first_start = context and context.first_start and core.format_time(context.first_start, 6) or nil
  pod.metadata.annotations = annotations
end

local ON_FINISH = {
  delete_pod = "delete",
  delete_succeeded_pod = "delete_succeeded",
  delete_active_pod = "delete_active",
  keep_pod = "keep",
}

local function on_finish(op)
  local action = op.on_finish_action or "delete_pod"
  return action == "keep_pod" and op.abandon and "abandon" or ON_FINISH[action]
end

--- The task's own labels, as they are in the pod.
local function labels_of(op, context)
  if not op.labels then return nil end
  return fields.pod({ labels = manifest.render(op, "labels", op.labels, context) }, "base").metadata.labels
end

--- Seconds as the core takes them, where 0 is "not given" (DR-8).
local function given(seconds)
  return seconds == 0 and 1e-6 or seconds
end

--- Options of the core's run for this pod, and complaints about the logs that were asked for. cluster as for
-- manifest.build.
function run_options.of(op, pod, context, cluster)
  local instance = cluster and cluster.instance
  local reattach = context and instance and op.reattach_on_restart ~= false
  local look = reattach and context.has_history and (context.try_number or 1) == 1
  local logs, complaints = {}, {}
  if op.get_logs ~= false then logs, complaints = containers_to_follow(op, pod) end
  return {
    manifest = pod,
    exact_name = op.random_name_suffix == false,
    attempt = reattach and naming.attempt(context, instance) or nil,
    find = look and naming.find_selector(context, instance, labels_of(op, context)) or nil,
    find_run = look and naming.run_selector(context, instance) or nil,
    container = manifest.container_name(op),
    logs = logs,
    log_prefix = op.container_name_log_prefix_enabled ~= false,
    result_from = op.do_xcom_push and sidecar.channel(op) or "none",
    result_limit = op.result_max,
    start_timeout = given(op.startup_timeout_seconds),
    schedule_timeout = given(op.schedule_timeout_seconds),
    deadline = given(op.execution_timeout),
    grace = op.termination_grace_period,
    waiting_rules = waiting.rules(op),
    wait_for_pod = op.wait_for == "pod",
    on_finish = on_finish(op),
    create_tries = op.api_retries,
    create_wait_min = given(op.api_retry_wait_min),
    create_wait_max = given(op.api_retry_wait_max),
  }, complaints
end

return run_options
