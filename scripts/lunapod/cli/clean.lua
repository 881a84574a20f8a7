--- lunapod clean: delete this installation's pods that no running engine owns (KIL-6).
-- Each is deleted by its uid, so never a pod that took the name meanwhile. A pod of a running engine is never touched.

local errors = require "lunapod.errors"
local pods = require "lunapod.cli.pods"

local clean = {
  summary = "Delete pods that no running engine owns.",
  description = "Delete this installation's pods whose engine has ended. Pods of engines on other machines cannot be "
    .. "judged from here: they are deleted only with --all.",
  epilog = "Examples:\n  lunapod clean --older 1h\n  lunapod clean --all -A",
}

function clean.define(parser)
  parser:option("--older", "Only pods older than this: 90s, 10m, 1h30m, 2d."):argname "AGE":convert(function(text)
    local seconds = pods.duration(text)
    if not seconds then return nil, ("--older %s: expected an age such as 90s, 10m, 1h30m or 2d"):format(text) end
    return seconds
  end)
  parser:flag("--all", "Also pods of engines of other machines.")
  parser:flag("-A --all-namespaces", "In all namespaces.")
end

--- Delete what is to be deleted; returns how many, how many were left, and the first error.
local function sweep(instance, arguments)
  local list, err = pods.list(instance, arguments.all_namespaces)
  if not list then error(err, 0) end
  local client = instance:client()
  local failure, left = nil, 0
  for _, it in ipairs(list) do
    local mine = it.owner == "gone" or (it.owner == "unknown" and arguments.all)
    if not mine or (arguments.older and it.age < arguments.older) then
      if it.owner == "unknown" and not arguments.all then left = left + 1 end
    else
      local ok, problem = client:delete("pods", it.name, { namespace = it.namespace, uid = it.uid })
      if ok then
        print(("pod %q deleted (task %s, %s old)"):format(it.name, it.task or "-", pods.age_text(it.age)))
      elseif problem.code ~= 404 and problem.code ~= 409 then
        failure = failure or problem
      end
    end
  end
  return left, failure
end

function clean.run(arguments, lunapod, cli)
  local ok, left, failure = lunapod.pcall(sweep, lunapod.default, arguments)
  if not ok then left, failure = 0, left end
  if left > 0 then
    local one = left == 1
    cli.say("%d %s of other machines left; --all deletes %s", left, one and "pod" or "pods", one and "it" or "them")
  end
  if failure then
    cli.say("%s", tostring(failure))
    return errors.status(failure)
  end
  return 0
end

return clean
