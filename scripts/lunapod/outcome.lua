--- Outcomes (OUT, ERR): what came of a try, and the error that says so.
-- Pure: made of the run's report, the core's error and the pod's last events. An outcome is {state, result, exit_code,
-- error, pod, attempts, timing, snapshot, gaps}; the error's text is one readable paragraph whose first line says what
-- happened.

local core = require "lunapod.core"

local outcome = {}

local MOST_EVENTS = 10
local ours = { CONFIG = true, TLS = true, USAGE = true, PARSE = true, LIMIT = true } -- nothing that a retry would cure
local of_the_cluster = { API = true, CONNECT = true, TLS = true, CUT = true, TIMEOUT = true, CREDENTIAL = true }

--- Classes of failures that came from the cluster's answers and carry none themselves (ERR-2).
local function class_of(err)
  if err.class then return err.class end
  if err.code == 401 or err.rc == "CREDENTIAL" then return "credential" end
  if err.code == 403 then return "permission" end
  if ours[err.rc] then return "config" end
  if err.code and err.code >= 400 and err.code < 500 and err.code ~= 429 and err.code ~= 408 then return "config" end
  return "infra"
end

local function state_of(err, exit_code)
  if not err then return "succeeded" end
  if err.kind == "cancelled" or err.rc == "CANCELLED" then return "killed" end
  if err.rc == "TASK" and not err.class then return err.reason == "Unknown" and "unknown" or "lost" end
  if (err.rc == "CUT" or err.rc == "TIMEOUT") and not err.class and exit_code == nil then return "unknown" end
  return "failed"
end

local function is_skip(codes, exit_code)
  if codes == nil or exit_code == nil then return false end
  if type(codes) ~= "table" then return codes == exit_code end
  for _, code in ipairs(codes) do
    if code == exit_code then return true end
  end
  return false
end

--- The exit code of the task's container; nil when it has not ended, or when the kubelet lost sight of it and made one
-- up.
local function exit_code_of(task)
  if task.state ~= "terminated" or task.reason == "ContainerStatusUnknown" then return nil end
  return task.exit_code
end

local never_ran = { StartError = true, ContainerCannotRun = true }

--- "container base: terminated, exit code 3, reason Error"
function outcome.container_line(container)
  local rest = {}
  if container.state == "terminated" then rest[#rest + 1] = "exit code " .. tostring(container.exit_code) end
  if container.signal and container.signal ~= 0 then rest[#rest + 1] = "signal " .. container.signal end
  if container.reason then rest[#rest + 1] = container.reason end
  table.insert(rest, 1, container.state or "not reported")
  local what = container.init and "init container" or "container"
  return ("%s %s: %s"):format(what, container.name, table.concat(rest, ", "))
end

--- "Warning BackOff: Back-off pulling image (3 times)"
function outcome.event_line(event)
  local times = event.count and event.count > 1 and (" (%d times)"):format(event.count) or ""
  local message = (event.message or ""):gsub("%s+", " ")
  return ("%s %s: %s%s"):format(event.type or "Normal", event.reason or "?", message, times)
end

local function indented(text)
  return "  " .. text:gsub("%s+$", ""):gsub("\n", "\n    ")
end

local function message_of(task_id, state, err, report, events, init_log)
  local task = report.task or {}
  local exit_code = exit_code_of(task)
  local lines = {}
  local name = ('task "%s"'):format(task_id)
  if state == "failed" and exit_code and exit_code ~= 0 then
    local words = { "exit code " .. exit_code }
    if task.signal and task.signal ~= 0 then words[#words + 1] = "signal " .. task.signal end
    words[#words + 1] = "reason " .. (err.reason or task.reason or "Error")
    words[#words + 1] = "class " .. tostring(err.class)
    local what = table.concat(words, ", ")
    if never_ran[task.reason] then what = ("could not be started: %s (%s)"):format(task.message or "?", what) end
    lines[1] = ("%s: Pod %s returned a failure. Container %s: %s"):format(name, report.name or "?", task.name or "?",
      what)
    if err.class ~= "user" then lines[2] = indented(err.message) end
  elseif state == "failed" then
    lines[1] = ("%s: %s (class %s)"):format(name, err.message, err.class)
    if report.name and not err.message:find(report.name, 1, true) then lines[2] = "  pod " .. report.name end
  else
    lines[1] = ("%s was %s: %s"):format(name, state == "unknown" and "left in an unknown state" or state, err.message)
    if report.name and not err.message:find(report.name, 1, true) then lines[2] = "  pod " .. report.name end
  end
  if task.message and not lines[1]:find(task.message, 1, true) then
    local what = task.state == "terminated" and "termination message: " or "message: "
    lines[#lines + 1] = indented(what .. task.message)
  end
  if state == "failed" then
    for _, it in ipairs(report.containers or {}) do lines[#lines + 1] = "  " .. outcome.container_line(it) end
  end
  if init_log then
    lines[#lines + 1] = ("  end of the log of init container %s:"):format(init_log.container)
    lines[#lines + 1] = "    " .. init_log.text:gsub("\n", "\n    ")
  end
  if events and #events > 0 then
    lines[#lines + 1] = "  last events:"
    for i = math.max(1, #events - MOST_EVENTS + 1), #events do
      lines[#lines + 1] = "    " .. outcome.event_line(events[i])
    end
  end
  return table.concat(lines, "\n")
end

--- given: task_id, report (of the run; {} when there is none), error (the core's, or nil), result, skip_codes, events,
-- pod (as last seen), attempts, log (its end), published (OUT-8).
function outcome.build(given)
  local report, err = given.report or {}, given.error
  local task = report.task or {}
  local exit_code = exit_code_of(task)
  local state = state_of(err, exit_code)
  if (state == "failed" or state == "succeeded") and is_skip(given.skip_codes, exit_code) then state = "skipped" end
  local pod = report.name
    and { namespace = report.namespace, name = report.name, uid = report.uid, node = report.node } or nil
  local it = {
    state = state, exit_code = exit_code, pod = pod, attempts = given.attempts or 1,
    gaps = report.gaps or 0,
    timing = { created = report.created, scheduled = report.scheduled, started = report.started, ended = report.ended },
    snapshot = given.pod and { pod = given.pod, events = given.events or {}, log = given.log } or nil,
  }
  if state ~= "skipped" then it.result = given.result end
  it.published = given.published
  if err and state ~= "skipped" then
    local fields = {
      kind = state == "killed" and "cancelled" or of_the_cluster[err.rc] and "api" or "task",
      rc = err.rc, class = state == "failed" and class_of(err) or nil, reason = err.reason, code = err.code,
      exit_code = exit_code, signal = task.signal ~= 0 and task.signal or nil,
      retryable = err.retryable or false, retry_after = err.retry_after,
      container = task.name, pod = pod, events = given.events, cause = err, task_id = given.task_id,
    }
    local said = { class = fields.class, reason = err.reason, message = err.message }
    fields.message = message_of(given.task_id, state, said, report, given.events, given.init_log)
    it.error = core.error(fields)
  end
  return it
end

return outcome
