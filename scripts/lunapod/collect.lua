--- What is read of a pod that does not do well: its events while it is long in starting, and of a failed one, before it
-- goes (DR-2), events, the end of a failed init container's log, the state of its containers, its manifest with values
-- masked. Nothing here fails a task: what cannot be read is missing from the report.

local core = require "lunapod.core"
local errors = require "lunapod.errors"
local outcomes = require "lunapod.outcome"

local collect = {}

local TIMEOUT = 5
local MOST_WATCHED = 10 -- pods of an instance whose events are watched at once: many wait for the same thing
local EVENTS_AFTER = 5 -- seconds that a pod may be pending before its events are watched (STA-8)
local INIT_LINES = 20

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

--- Tell of an event of the pod, each once (O39). Returns what an outcome keeps of it.
local function tell(attempt, event, level, loud)
  local it = {
    type = event.type, reason = event.reason, message = event.message,
    count = event.count ~= core.null and event.count or nil, time = core.parse_time(tostring(event_time(event))),
  }
  local seen = attempt.seen_events
  local key = ("%s %s"):format(event.metadata and event.metadata.uid or event.reason, tostring(it.count))
  if not seen[key] then
    seen[key] = true
    attempt:emit({ kind = "event", level = level, reason = event.reason, message = outcomes.event_line(it) }, loud)
  end
  return it
end

local function of_pod(report)
  return { namespace = report.namespace, field_selector = "involvedObject.uid=" .. report.uid }
end

--- Watch the pod's events from events_after seconds on, until the function that is returned is called (STA-8).
function collect.while_pending(op, attempt)
  local scheduler = attempt.scheduler
  local instance, fiber, events = attempt.instance, nil, nil
  local alone = attempt.context.map_index == nil -- items of a fan-out would drown each other
  local function watch()
    local given = of_pod(attempt:report())
    given.kind, given.resource_version = "events", "0" -- those that are there, and then the new ones, in one request
    events = op:client():watch(given)
    while events do
      local item = events:next()
      if not item then break end
      if type(item.object) == "table" and item.object.reason then tell(attempt, item.object, "info", alone) end
    end
  end
  local timer = scheduler:after(op.events_after or EVENTS_AFTER, function()
    if not attempt:report().uid or instance.watched_events >= MOST_WATCHED then return end
    instance.watched_events = instance.watched_events + 1
    fiber = scheduler:spawn(function() scheduler:pcall(watch) end)
    fiber.heard = true
  end)
  return function()
    scheduler:forget(timer)
    if not fiber then return end
    instance.watched_events = instance.watched_events - 1
    fiber:cancel("the pod has started")
    if events then events:close() end
  end
end

--- The pod's events, oldest first, listed once; nil when there is no pod or they cannot be read.
function collect.events(op, attempt)
  local report = attempt:report()
  if not report.uid then return nil end
  local ok, list = attempt.scheduler:pcall(function()
    local given = of_pod(report)
    given.limit, given.timeout = 100, TIMEOUT
    return op:client():list("events", given)
  end)
  if not ok then
    if errors.is_cancelled(list) then error(list, 0) end
    return nil
  end
  if type(list) ~= "table" then return nil end
  table.sort(list, earlier)
  local events = {}
  for i, event in ipairs(list) do
    events[i] = tell(attempt, event, event.type == "Warning" and "warning" or "info", op.log_events_on_failure)
  end
  return events
end

--- The end of the log of the init container that failed (INI-4): {container =, text =}; nil when none did.
function collect.init_log(op, attempt)
  local report = attempt:report()
  for _, container in ipairs(report.containers or {}) do
    if container.init and container.state == "terminated" and (container.exit_code or 0) ~= 0 then
      local ok, text = attempt.scheduler:pcall(function()
        local stream = assert(op:client():logs { namespace = report.namespace, pod = report.name,
          container = container.name, tail_lines = INIT_LINES })
        local lines = {}
        repeat
          local line = stream:next_line(TIMEOUT)
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

-- ---- what is known already ----

local function masked(containers)
  local out = core.array {}
  for i, container in ipairs(containers or {}) do
    local copy = {}
    for key, value in pairs(container) do copy[key] = value end
    if container.env then
      copy.env = core.array {}
      for k, entry in ipairs(container.env) do
        copy.env[k] = entry.value == nil and entry or { name = entry.name, value = "***" }
      end
    end
    out[i] = copy
  end
  return out
end

--- A pod as YAML, the values of its variables masked (CRT-6, OUT-5).
function collect.manifest(pod)
  local copy, spec = {}, {}
  for key, value in pairs(pod) do copy[key] = value end
  for key, value in pairs(pod.spec or {}) do spec[key] = value end
  for _, field in ipairs { "initContainers", "containers" } do
    if spec[field] then spec[field] = masked(spec[field]) end
  end
  copy.spec = spec
  return (core.yaml.encode(copy) or ""):gsub("\n$", "")
end

local LEVELS = { waiting = "warning", running = "info" }

--- Tell of a failed task's pod as its parameters ask (OUT-5, OUT-6): phase, reason and containers with
-- log_events_on_failure, the pod with log_pod_spec_on_failure.
function collect.tell(op, attempt)
  local report = attempt:report()
  if op.log_events_on_failure then
    local why = report.reason and ": " .. report.reason or ""
    if report.message then why = why .. ": " .. report.message end
    attempt:emit({ kind = "event", level = "info",
      message = ("pod %s: phase %s%s"):format(report.name or "?", report.phase or "unknown", why) }, true)
    for _, container in ipairs(report.containers or {}) do
      local failed = container.state == "terminated" and container.exit_code ~= 0
      attempt:emit({ kind = "event", level = failed and "error" or LEVELS[container.state] or "info",
        container = container.name, message = outcomes.container_line(container) }, true)
    end
  end
  local pod = op.log_pod_spec_on_failure and attempt:pod()
  if pod then attempt:emit({ kind = "event", level = "info", message = collect.manifest(pod) }, true) end
end

return collect
