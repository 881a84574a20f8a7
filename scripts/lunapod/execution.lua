--- Running a task: its tries, one after the other, until one succeeds or the policy gives up (FLOW, RTY).
-- A try goes through the operator's methods; whatever ends it, its pod is dealt with before anything goes up: by policy
-- after a failure, killed after a cancellation or a foreign error. What an outcome means for the next try is
-- retry.lua's.

local core = require "lunapod.core"
local contexts = require "lunapod.context"
local collect = require "lunapod.collect"
local errors = require "lunapod.errors"
local hooks = require "lunapod.hooks"
local origins = require "lunapod.origins"
local outcomes = require "lunapod.outcome"
local parameters = require "lunapod.parameters"
local retry = require "lunapod.retry"
local sidecar = require "lunapod.sidecar"
local xcom = require "lunapod.xcom"

local execution = {}

local DEFAULT_GRACE = 30 -- the cluster's, when the task gives none
local BEYOND_GRACE = 30  -- how much longer a clean-up may take (design §6)

--- Seconds that the killing of this task's pod may take.
function execution.kill_limit(op)
  return (op.termination_grace_period or DEFAULT_GRACE) + BEYOND_GRACE
end

-- ---- one try ----

--- What a pod that an earlier process left tells of the task (FND-2, FND-4, RTY-5).
local function take_up(this, context, request)
  local meta = this.pod and this.pod.metadata or {}
  local labels, annotations = meta.labels or {}, meta.annotations or {}
  context.try_number = tonumber(labels.try_number) or context.try_number
  context.first_start = annotations.lunapod_first_start and core.parse_time(annotations.lunapod_first_start)
    or meta.creationTimestamp and core.parse_time(meta.creationTimestamp)
  local name = this.attempt:report().name
  this.attempt:emit({ kind = "state", level = "info", state = "adopted",
    message = ("takes up pod %s, left by an earlier process, at try %d"):format(name, context.try_number) }, true)
  local hash = annotations.lunapod_spec_hash
  if hash and hash ~= request.metadata.annotations.lunapod_spec_hash then
    this.attempt:warning(("pod %s was made from another manifest than this task's is now"):format(name))
  end
  hooks.call(this, "on_operator_resuming")
end

local function publish_result(this, context)
  local value = this.result
  if value == nil then return end
  xcom.push(this.instance, context, xcom.RETURN, value)
  if this.multiple_outputs then
    for key, item in pairs(value) do xcom.push(this.instance, context, key, item) end
  end
end

local function read_result(this, context, ended_well)
  if not this.do_xcom_push then return end
  if ended_well then
    this.result = this:extract_xcom(this.pod)
  else -- RES-7: also of a task that failed, as long as its container ran
    local task = this.attempt:report().task
    if not (task and task.exit_code) then return end
    local read, value = this.instance:pcall(this.extract_xcom, this, this.pod)
    if read then this.result = value elseif errors.is_cancelled(value) then error(value, 0) end
  end
  publish_result(this, context)
end

--- Kill the try's pod, shielded, and say so when it would not go.
local function kill(this)
  local scheduler, attempt = this.instance.scheduler, this.attempt
  local done, why = scheduler:pcall(function()
    scheduler:shielded(execution.kill_limit(this), function() this:on_kill() end)
  end)
  if not attempt.cleaned and not attempt.detached then
    why = done and "it did not go away in time" or tostring(why)
    attempt:emit { kind = "warning", level = "warning",
      message = ("pod %s may still be there: %s"):format(attempt:report().name or "?", why) }
  end
end

--- The server does not know native sidecars: what was made of the pod goes, and it is made anew (RES-3).
local function begin_classic(this)
  this.instance.classic_sidecars[this:client().core] = true
  if this.attempt:report().uid then kill(this) end
  this.attempt:close()
  this.attempt = nil
end

--- The pod of this try, which may be one that an earlier process left; and the manifest it was asked for with.
local function get_pod(this, context)
  this:render_own_fields(context)
  local request = this:build_pod_request_obj(context)
  hooks.manifest(this, request)
  local ok, pod = this.instance:pcall(this.get_or_create_pod, this, request, context)
  if this.attempt and this.do_xcom_push and sidecar.is_unknown(pod)
    and not this.instance.classic_sidecars[this:client().core] then
    begin_classic(this)
    return get_pod(this, context)
  end
  if ok then return pod, request end
  if this.attempt and pod == this.attempt.error then -- CRT-6
    pod.message = pod.message .. origins.explain(this, pod.message)
    this.attempt:emit { kind = "event", level = "info", message = collect.manifest(request) }
  end
  error(pod, 0)
end

local function flow(this, context)
  local request
  this.pod, request = get_pod(this, context)
  local report = this.attempt:report()
  xcom.push(this.instance, context, "pod_name", report.name)
  xcom.push(this.instance, context, "pod_namespace", report.namespace)
  if report.adopted then take_up(this, context, request) end
  hooks.call(this, "on_pod_creation")
  this:await_pod_start(this.pod)
  hooks.call(this, "on_pod_starting")
  local ok, err = this.instance:pcall(this.await_completion, this, this.pod)
  if not ok and err ~= this.attempt.error then error(err, 0) end
  hooks.call(this, "on_pod_completion")
  hooks.call(this, "on_pod_teardown")
  read_result(this, context, ok)
  if not ok then error(err, 0) end
end

--- The outcome of a try as it stands, with this error.
local function outcome_of(this, err)
  local attempt = this.attempt
  return outcomes.build {
    task_id = this.task_id, report = attempt and attempt:report(), pod = attempt and attempt:pod(), error = err,
    result = this.result, skip_codes = this.skip_on_exit_code, attempts = this.context.try_number,
    log = attempt and attempt.tail, published = xcom.of(this.instance, this.context),
  }
end

--- The end of a try that was cancelled, or in which the script's own code failed: nothing of it stays, and err goes up.
local function abandon(this, err, on_killed)
  local attempt = this.attempt
  local let_go = attempt.detached
  if let_go then
    err = errors.cancelled(("the pod %s was let go and lives on"):format(attempt:report().name or "of the task"))
  else
    kill(this)
  end
  attempt:close()
  if errors.is_cancelled(err) then
    local outcome = outcome_of(this, err)
    err = outcome.error
    err.outcome = outcome
    if attempt.detached and not let_go then err.message = err.message .. "\n  the pod lives on" end
    on_killed(outcome)
  end
  error(err, 0)
end

--- Run one try; returns its outcome. Raises what is not an outcome: a cancellation, an error of the script.
-- settings: handle, on_killed.
local function try(op, context, settings)
  local scheduler = op.instance.scheduler
  local this = setmetatable({ operator = op, context = context, handle = settings.handle }, { __index = op })
  local ok, err = scheduler:pcall(flow, this, context)
  local attempt = this.attempt
  if not attempt then -- the pod was never asked for
    if ok then return outcome_of(this) end
    error(err, 0)
  end
  if ok or (err == attempt.error and not errors.is_cancelled(err)) then
    ok, err = scheduler:pcall(this.cleanup, this, this.pod, attempt:pod())
    hooks.call(this, "on_pod_cleanup")
    if ok or (this.outcome and err == this.outcome.error) then
      attempt:close()
      return this.outcome or outcome_of(this, attempt.error)
    end
  end
  return abandon(this, err, settings.on_killed)
end

-- ---- all tries ----

local function first_line(text)
  return tostring(text):match("^[^\n]*")
end

local function emit(instance, op, context, it)
  it.dag_id, it.task_id, it.run_id = context.dag_id, op.task_id, context.run_id
  it.map_index, it.try = context.map_index, context.try_number
  instance:emit(it)
end

local function tell(instance, op, context, outcome, handle)
  local it = {
    kind = "outcome", level = outcome.error and "error" or "info", state = outcome.state, error = outcome.error,
    message = outcome.error and first_line(outcome.error) or outcome.state,
    exit_code = outcome.exit_code, pod = outcome.pod and outcome.pod.name, attempts = outcome.attempts,
  }
  emit(instance, op, context, it)
  if instance.summary then instance.summary:add(context, outcome) end
  if handle then handle:push_event(it) end
end

--- Begin a call: its map index and ordinal are counted now (LBL-13), its context is made.
function execution.begin(op, given)
  local instance = op.instance
  if given ~= nil and type(given) ~= "table" then
    errors.usage('task "%s": the context must be a table, got %s', op.task_id, type(given))
  end
  local call = {}
  for name, value in pairs(given or {}) do call[name] = value end
  call.run_id = call.run_id or instance.run_id
  call.map_index, call.call = instance:next_call(op.task_id, call.run_id, call.map_index)
  local context = contexts.new(op, call, instance)
  context.call = call.call
  context.map_index = call.map_index
  context.try_number = context.try_number or 1
  return context
end

--- Seconds left of the task's execution timeout, counted from its first pod on (RTY-5); nil: no limit.
local function time_left(op, context)
  local limit = op.execution_timeout
  if not limit or not context.first_start then return limit end
  return limit - (core.time() - context.first_start)
end

--- The base task's callback of this name.
local function call_back(op, name, context)
  if op[name] then hooks.observe(op, name, op[name], context) end
end

local ENDINGS = { succeeded = "on_success_callback", skipped = "on_skipped_callback" }

--- What comes after this outcome: nil (it stands), or what retry.decide answered.
local function next_try(op, outcome, context, infra)
  if outcome.state == "succeeded" or outcome.state == "skipped" then return nil end
  local decision = retry.decide(op, outcome, math.max(1, context.try_number - infra), infra, context)
  local left = time_left(op, context)
  if decision and left and decision.wait >= left then return nil end
  return decision
end

--- All tries of one call. Returns the last one's outcome.
local function run(op, context, handle)
  local instance = op.instance
  local infra, history, current = 0, {}, op
  local function on_killed(outcome) tell(instance, op, context, outcome, handle) end
  context.history = history
  while true do
    call_back(current, "on_execute_callback", context)
    local outcome = try(current, context, { handle = handle, on_killed = on_killed })
    history[#history + 1] = outcome
    outcome.attempts = math.max(outcome.attempts or 1, #history)
    context.outcome, context.error = outcome, outcome.error
    context.first_start = context.first_start or outcome.timing.created
    if outcome.error and outcome.error.class == "infra" then infra = infra + 1 end
    local decision = next_try(current, outcome, context, infra)
    if not decision then
      tell(instance, op, context, outcome, handle)
      call_back(current, ENDINGS[outcome.state] or "on_failure_callback", context)
      return outcome
    end
    call_back(current, "on_retry_callback", context)
    local reason = decision.reason and (" (%s)"):format(tostring(decision.reason)) or ""
    local message = ("try %d: %s; next try in %g s%s"):format(context.try_number, first_line(outcome.error),
      decision.wait, reason)
    emit(instance, op, context, { kind = "warning", level = "warning", message = message })
    instance.scheduler:sleep(decision.wait)
    if decision.with then current = current:with(decision.with) end
    context.try_number = context.try_number + 1
  end
end

--- Tell once what is deprecated among a task's parameters, or does nothing (S21, RTY-7).
local function tell_notes(op)
  if op.noted then return end
  op.noted = true
  for _, note in ipairs(parameters.notes(op.definition)) do
    op.instance:emit { kind = "warning", level = note.level, task_id = op.task_id, message = note.message }
  end
end

--- The body of execute: result and outcome, or the error is raised, with the outcome in its field `outcome`.
function execution.execute(op, given)
  local instance = op.instance
  if instance.dry_run then return instance:dry_run(op, execution.begin(op, given)) end
  instance.scheduler:check()
  tell_notes(op)
  local fiber = instance.scheduler:current()
  local handle = fiber and fiber.handle
  local context
  if handle and handle.context and handle.op == op then
    context, handle.context = handle.context, nil -- counted when start was called
  else
    context, handle = execution.begin(op, given), nil
  end
  local outcome = run(op, context, handle)
  if outcome.error then
    outcome.error.outcome = outcome
    error(outcome.error, 0)
  end
  return outcome.result, outcome
end

return execution
