--- When to try again (RTY). Pure: it gets an outcome and answers what to do; waiting and trying is execution.lua's.
-- Infra failures have a counter of their own and never ask the user's policy; a kill, a skip and a pod taken over by
-- another engine end the task. A policy is a function: seconds to wait, or nil to give up.

local errors = require "lunapod.errors"

local retry = {}

-- ERR-2: not retryable by default
local hopeless = { image = true, config = true, credential = true, permission = true }
local INFRA_WAIT, INFRA_WAIT_MAX = 5, 60

--- Would another try end as this one did, whatever the waiting?
function retry.is_hopeless(err)
  return hopeless[err.class or ""] or false
end

--- What the parameters say when there is no policy: retries, retry_delay, exponential back-off with a maximum.
local function by_parameters(op, outcome, attempt)
  local err = outcome.error
  if outcome.state == "unknown" or (err and retry.is_hopeless(err)) then return nil end
  if attempt > (op.retries or 0) then return nil end
  local delay = op.retry_delay or 300
  if op.retry_exponential_backoff then delay = delay * 2 ^ (attempt - 1) end
  if op.max_retry_delay then delay = math.min(delay, op.max_retry_delay) end
  return { wait = delay }
end

local function checked(answer, reason)
  if answer == nil or answer == false then return nil, reason end
  if type(answer) == "number" then answer = { wait = answer } end
  if type(answer) ~= "table" then
    errors.usage("retry: the policy must return seconds, {wait =, with =} or nil, got a %s", type(answer))
  end
  local wait = answer.wait or 0
  if type(wait) ~= "number" or wait ~= wait or wait < 0 or wait == math.huge then
    errors.usage("retry: the policy returned %s where seconds to wait were expected", tostring(wait))
  end
  if answer.with ~= nil and type(answer.with) ~= "table" then
    errors.usage("retry: the policy returned `with` as a %s, expected a table of parameters", type(answer.with))
  end
  return { wait = wait, with = answer.with, reason = reason }
end

--- After a try that did not succeed: nil (stop), or {wait = seconds, with = parameters?, reason = text?, infra =
-- true?}. attempt: the try that ended, from 1, infra failures not counted; infra: how many of those there were, this
-- one included.
function retry.decide(op, outcome, attempt, infra, context)
  local err = outcome.error
  if outcome.state == "killed" or outcome.state == "skipped" or (err and err.reason == "TakenOver") then return nil end
  if err and err.class == "infra" then
    if infra > (op.infra_retries or 3) then return nil end
    return { wait = math.min(INFRA_WAIT * 2 ^ (infra - 1), INFRA_WAIT_MAX), infra = true, reason = "infra failure" }
  end
  if not op.retry then return by_parameters(op, outcome, attempt) end
  if op.retries and attempt > op.retries then return nil end
  return checked(op.retry(outcome, attempt, context))
end

return retry
