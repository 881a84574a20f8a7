--- Running a task: its tries, one after the other, until one succeeds or the policy gives up (FLOW, RTY).
-- A try goes through the operator's methods; whatever ends it, its pod is dealt with before anything goes up: by policy
-- after a failure, killed after a cancellation or a foreign error. What an outcome means for the next try is
-- retry.lua's.

local core = require "lunapod.core"
local contexts = require "lunapod.context"
local errors = require "lunapod.errors"
local outcomes = require "lunapod.outcome"
local retry = require "lunapod.retry"

local execution = {}

local DEFAULT_GRACE = 30 -- the cluster's, when the task gives none
local BEYOND_GRACE = 30  -- how much longer a clean-up may take (design §6)
local EVENTS_TIMEOUT = 5
local INIT_LINES = 20

--- Seconds that the killing of this task's pod may take.
function execution.kill_limit(op)
  return (op.termination_grace_period or DEFAULT_GRACE) + BEYOND_GRACE
end

-- ---- events ----

local function event_time(event)
  return event.lastTimestamp ~= core.null and event.lastTimestamp or event.eventTime ~= core.null and event.eventTime
    or event.firstTimestamp or ""
end

--- Events of one second in the order in which they were written.
local function earlier(a, b)
  local one, other = tostring(event_time(a)), tostring(event_time(b))
  if one ~= other then return one < other end
  local function version(event) return tonumber(event.metadata and event.metadata.resourceVersion) or 0 end
  return version(a) < version(b)
end

--- The pod's events, oldest first, listed once; nil when there is no pod or they cannot be read.
function execution.last_events(op, attempt)
  local report = attempt:report()
  if not report.uid then return nil end
  local ok, list = attempt.scheduler:pcall(function()
    return op:client():list("events", {
      namespace = report.namespace, field_selector = "involvedObject.uid=" .. report.uid,
      limit = 100, timeout = EVENTS_TIMEOUT,
    })
  end)
  if not ok then
    if errors.is_cancelled(list) then error(list, 0) end
    return nil
  end
  if type(list) ~= "table" then return nil end
  table.sort(list, earlier)
  local events = {}
  for i, event in ipairs(list) do
    events[i] = {
      type = event.type, reason = event.reason, message = event.message,
      count = event.count ~= core.null and event.count or nil, time = core.parse_time(tostring(event_time(event))),
    }
    attempt:emit({
      kind = "event", level = event.type == "Warning" and "warning" or "info", reason = event.reason,
      message = outcomes.event_line(events[i]),
    }, op.log_events_on_failure)
  end
  return events
end

--- The end of the log of the init container that failed (INI-4): {container =, text =}; nil when none did.
function execution.init_log(op, attempt)
  local report = attempt:report()
  for _, container in ipairs(report.containers or {}) do
    if container.init and container.state == "terminated" and (container.exit_code or 0) ~= 0 then
      local ok, text = attempt.scheduler:pcall(function()
        local stream = assert(op:client():logs { namespace = report.namespace, pod = report.name,
          container = container.name, tail_lines = INIT_LINES })
        local lines = {}
        repeat
          local line = stream:next_line(EVENTS_TIMEOUT)
          lines[#lines + 1] = line
        until not line
        stream:close()
        return table.concat(lines, "\n")
      end)
      if not ok and errors.is_cancelled(text) then error(text, 0) end
      return ok and text ~= "" and { container = container.name, text = text } or nil
    end
  end
end

-- ---- one try ----

local function flow(this, context)
  local request = this:build_pod_request_obj(context)
  this.pod = this:get_or_create_pod(request, context)
  local attempt = this.attempt
  local report = attempt:report()
  if report.adopted then
    local labels = this.pod and this.pod.metadata and this.pod.metadata.labels or {}
    context.try_number = tonumber(labels.try_number) or context.try_number
    attempt:emit { kind = "state", level = "info", state = "adopted",
      message = ("takes up pod %s, left by an earlier process"):format(report.name) }
  end
  this:await_pod_start(this.pod)
  local ok, err = this.instance:pcall(this.await_completion, this, this.pod)
  if not ok and err ~= attempt.error then error(err, 0) end
  if this.do_xcom_push then
    if ok then
      this.result = this:extract_xcom(this.pod)
    elseif attempt:report().task and attempt:report().task.exit_code then -- RES-7: also of a task that failed
      local read, value = this.instance:pcall(this.extract_xcom, this, this.pod)
      if read then this.result = value elseif errors.is_cancelled(value) then error(value, 0) end
    end
  end
  if not ok then error(err, 0) end
end

--- The outcome of a try as it stands, with this error.
local function outcome_of(this, err)
  local attempt = this.attempt
  return outcomes.build {
    task_id = this.task_id, report = attempt and attempt:report(), pod = attempt and attempt:pod(), error = err,
    result = this.result, skip_codes = this.skip_on_exit_code, attempts = this.context.try_number,
    log = attempt and attempt.tail,
  }
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
-- settings: handle, deadline_left, on_killed.
local function try(op, context, settings)
  local scheduler = op.instance.scheduler
  local this = setmetatable({
    operator = op, context = context, handle = settings.handle, deadline_left = settings.deadline_left,
  }, { __index = op })
  local ok, err = scheduler:pcall(flow, this, context)
  local attempt = this.attempt
  if not attempt then -- the pod was never asked for
    if ok then return outcome_of(this) end
    error(err, 0)
  end
  if ok or (err == attempt.error and not errors.is_cancelled(err)) then
    ok, err = scheduler:pcall(this.cleanup, this, this.pod, attempt:pod())
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

--- All tries of one call. Returns the last one's outcome.
local function run(op, context, handle)
  local instance = op.instance
  local infra, history, current = 0, {}, op
  local function on_killed(outcome) tell(instance, op, context, outcome, handle) end
  context.history = history
  while true do
    local outcome = try(current, context, {
      handle = handle, deadline_left = time_left(current, context), on_killed = on_killed,
    })
    history[#history + 1] = outcome
    outcome.attempts = math.max(outcome.attempts or 1, #history)
    context.first_start = context.first_start or outcome.timing.created
    local decision
    if outcome.state ~= "succeeded" and outcome.state ~= "skipped" then
      if outcome.error.class == "infra" then infra = infra + 1 end
      decision = retry.decide(current, outcome, math.max(1, context.try_number - infra), infra, context)
    end
    local left = time_left(current, context)
    if not decision or (left and decision.wait >= left) then
      tell(instance, op, context, outcome, handle)
      return outcome
    end
    local reason = decision.reason and (" (%s)"):format(tostring(decision.reason)) or ""
    local message = ("try %d: %s; next try in %g s%s"):format(context.try_number, first_line(outcome.error),
      decision.wait, reason)
    emit(instance, op, context, { kind = "warning", level = "warning", message = message })
    instance.scheduler:sleep(decision.wait)
    if decision.with then current = current:with(decision.with) end
    context.try_number = context.try_number + 1
  end
end

--- The body of execute: result and outcome, or the error is raised, with the outcome in its field `outcome`.
function execution.execute(op, given)
  local instance = op.instance
  if instance.dry_run then return instance:dry_run(op, execution.begin(op, given)) end
  instance.scheduler:check()
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
