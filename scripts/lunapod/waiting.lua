--- Which waiting reasons end the start, and after how long (STA-5): the core's table, with this task's graces in it.
-- A subclass may bring a table of its own as its attribute `waiting_rules`.

local core = require "lunapod.core"

local waiting = {}

-- Reason → the parameter that says how long it may last.
local GRACES = {
  ErrImagePull = "image_grace", ImagePullBackOff = "image_grace",
  CreateContainerConfigError = "config_grace",
  CreateContainerError = "runtime_grace", RunContainerError = "runtime_grace", StartError = "runtime_grace",
  CrashLoopBackOff = "runtime_grace",
}

--- The rules for the core's run; nil: the shipped ones.
function waiting.rules(op)
  if op.waiting_rules then return op.waiting_rules end
  if not (op.image_grace or op.config_grace or op.runtime_grace) then return nil end
  local rules = core.waiting_rules()
  for _, rule in ipairs(rules) do
    local grace = GRACES[rule.reason] and op[GRACES[rule.reason]]
    if grace and rule.grace >= 0 then rule.grace = grace end -- what passes by itself is waited for in any case
  end
  return rules
end

return waiting
