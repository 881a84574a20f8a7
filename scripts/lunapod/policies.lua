--- Ready retry policies, `lunapod.retry` (RTY-2), written as a script would write its own: each makes a function
-- (outcome, attempt, context) that returns seconds to wait, { wait =, with = }, or nil for "no answer": give up, or,
-- inside of first, ask the next one. Pure: a policy looks only at what it is given.

local core = require "lunapod.core"
local errors = require "lunapod.errors"
local options = require "lunapod.options"
local retry = require "lunapod.retry"

local policies = {}

local function seconds(value, place)
  if type(value) ~= "number" or value ~= value or value < 0 then
    errors.usage("%s: expected seconds, got %s", place, tostring(value))
  end
  return value
end

--- May it help to try again? Not when the image, the manifest or a right is wrong (ERR-2).
local function curable(outcome)
  return outcome.error ~= nil and not retry.is_hopeless(outcome.error)
end

--- The same wait each time. given: wait (seconds), retries (how many at most; nil: no limit).
function policies.fixed(given)
  given = options.check(given, { wait = "number", retries = "number" }, "retry.fixed")
  local wait, most = seconds(given.wait or 0, "retry.fixed: wait"), given.retries or math.huge
  return function(outcome, attempt)
    if curable(outcome) and attempt <= most then return wait end
  end
end

--- base, base·factor, base·factor² … seconds, up to max. given: base (1), factor (2), max, retries.
function policies.exponential(given)
  given = options.check(given, { base = "number", factor = "number", max = "number", retries = "number" },
    "retry.exponential")
  local base, factor = seconds(given.base or 1, "retry.exponential: base"), given.factor or 2
  local longest, most = given.max or math.huge, given.retries or math.huge
  return function(outcome, attempt)
    if curable(outcome) and attempt <= most then return math.min(base * factor ^ (attempt - 1), longest) end
  end
end

--- Only after these exit codes. given: codes (a number or a list), and wait (seconds) or policy (another policy, which
-- says how long).
function policies.on_exit_codes(given)
  given = options.check(given, { codes = "number|table", wait = "number", policy = "function", retries = "number" },
    "retry.on_exit_codes")
  if not given.codes then errors.usage("retry.on_exit_codes: codes is not given") end
  local policy = given.policy or policies.fixed { wait = given.wait, retries = given.retries }
  local listed = {}
  for _, code in ipairs(type(given.codes) == "table" and given.codes or { given.codes }) do listed[code] = true end
  return function(outcome, attempt, context)
    if outcome.exit_code and listed[outcome.exit_code] then return policy(outcome, attempt, context) end
  end
end

-- ---- more memory ----

local UNITS = { [""] = 1, m = 1e-3, k = 1e3, M = 1e6, G = 1e9, T = 1e12, P = 1e15, E = 1e18,
  Ki = 2 ^ 10, Mi = 2 ^ 20, Gi = 2 ^ 30, Ti = 2 ^ 40, Pi = 2 ^ 50, Ei = 2 ^ 60 }

--- A quantity such as "64Mi": its number, its unit and the bytes; nil when it is none.
local function quantity(text)
  local number, unit = tostring(text):match("^([%d.]+)(%a*)$")
  number = tonumber(number)
  if not number or not UNITS[unit] then return nil end
  return number, unit, number * UNITS[unit]
end

--- That quantity, grown and no larger than `most` bytes (whose text is most_text).
local function grown(text, factor, most, most_text)
  local number, unit, bytes = quantity(text)
  if not number then return text end
  if bytes * factor >= most then return bytes >= most and text or most_text end
  number = number * factor
  if number % 1 == 0 then return ("%d%s"):format(number, unit) end
  return ("%d"):format(math.ceil(bytes * factor))
end

local function copied(map)
  local out = {}
  for key, value in pairs(type(map) == "table" and map ~= core.null and map or {}) do out[key] = value end
  return out
end

--- After the container was killed for its memory: again with more of it. given: factor (2), max (a quantity such as
-- "4Gi"), wait (0), retries. Gives no answer once the limit is reached, or where the pod has no memory limit to grow.
function policies.more_memory(given)
  given = options.check(given, { factor = "number", max = "string", wait = "number", retries = "number" },
    "retry.more_memory")
  local factor, wait = given.factor or 2, seconds(given.wait or 0, "retry.more_memory: wait")
  local _, _, most = quantity(given.max or "1024Ei")
  if not most then errors.usage('retry.more_memory: max is "%s", expected a quantity such as "4Gi"', given.max) end
  if factor <= 1 then errors.usage("retry.more_memory: factor is %s, expected more than 1", tostring(factor)) end
  return function(outcome, attempt)
    local err = outcome.error
    if not err or err.reason ~= "OOMKilled" or attempt > (given.retries or math.huge) then return nil end
    local pod = outcome.snapshot and outcome.snapshot.pod
    for _, container in ipairs(pod and pod.spec and pod.spec.containers or {}) do
      local own = container.name == err.container and container.resources
      if own and own ~= core.null then
        local more, changed = { requests = copied(own.requests), limits = copied(own.limits) }, false
        for _, part in pairs(more) do
          local memory = part.memory and grown(part.memory, factor, most, given.max)
          changed = changed or memory ~= part.memory
          part.memory = memory
        end
        if not changed then return nil end
        local size = more.limits.memory or more.requests.memory
        return { wait = wait, with = { container_resources = more } }, ("out of memory: now %s"):format(size)
      end
    end
  end
end

--- The answer of the first policy that has one: first { policy, policy, … }. `false` of one ends the asking.
function policies.first(list)
  options.argument(list, "table", "retry.first")
  for i, policy in ipairs(list) do options.argument(policy, "function", ("retry.first: policy %d"):format(i)) end
  return function(outcome, attempt, context)
    for _, policy in ipairs(list) do
      local answer, reason = policy(outcome, attempt, context)
      if answer ~= nil then return answer, reason end
    end
  end
end

return policies
