--- lunapod ps: list this installation's pods.

local errors = require "lunapod.errors"
local pods = require "lunapod.cli.pods"

local ps = {
  summary = "List this installation's pods.",
  description = "List the pods that carry this installation's instance id: in the namespace, or in all of them.",
  epilog = "OWNER tells whether the engine that drives a pod runs on this machine: alive, gone, or unknown (another\n"
    .. "machine's).",
}

function ps.define(parser)
  parser:flag("-A --all-namespaces", "In all namespaces.")
end

function ps.run(arguments, lunapod, cli)
  local instance = lunapod.default
  local ok, list, err = lunapod.pcall(pods.list, instance, arguments.all_namespaces)
  if not ok then list, err = nil, list end
  if not list then
    cli.say("%s", tostring(err))
    return errors.status(err)
  end
  if #list == 0 then
    local where = arguments.all_namespaces and "" or " in namespace " .. instance:client():namespace()
    cli.say("no pods of this installation%s", where)
    return 0
  end
  local rows = { { "NAME", "TASK", "RUN", "PHASE", "AGE", "OWNER" } }
  for _, it in ipairs(list) do
    local task = (it.task or "-") .. (it.map_index and "[" .. it.map_index .. "]" or "")
    local row = { it.name, task, it.run or "-", it.phase, pods.age_text(it.age), it.owner }
    if arguments.all_namespaces then table.insert(row, 1, it.namespace) end
    rows[#rows + 1] = row
  end
  if arguments.all_namespaces then table.insert(rows[1], 1, "NAMESPACE") end
  print(pods.table(rows))
  return 0
end

return ps
