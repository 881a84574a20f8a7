--- What `ps` and `clean` share: this installation's pods, their owners and ages.
-- It lists and describes; what is printed or deleted is the commands' own. Ages are by the wall clock of this machine.

local core = require "lunapod.core"

local pods = {}

--- "32s", "5m", "3h", "2d": as kubectl does.
function pods.age_text(seconds)
  if seconds < 0 then seconds = 0 end
  if seconds < 120 then return ("%ds"):format(math.floor(seconds)) end
  if seconds < 7200 then return ("%dm"):format(math.floor(seconds / 60)) end
  if seconds < 172800 then return ("%dh"):format(math.floor(seconds / 3600)) end
  return ("%dd"):format(math.floor(seconds / 86400))
end

local units = { s = 1, m = 60, h = 3600, d = 86400 }

--- "90s", "5m", "1h30m", "2d" in seconds, or nil.
function pods.duration(text)
  local total, rest = 0, text
  while rest ~= "" do
    local number, unit, more = rest:match("^(%d+%.?%d*)([smhd])(.*)$")
    if not number then return nil end
    total, rest = total + tonumber(number) * units[unit], more
  end
  return text ~= "" and total or nil
end

--- The instance's pods, oldest first, or nil, err. Each is {name, namespace, uid, task, run, map_index, phase, age,
-- owner = "alive"|"gone"|"unknown"}.
function pods.list(instance, everywhere)
  local engine = instance.engine
  local list, err = instance:client():list("pods", {
    namespace = everywhere and false or nil, label_selector = "lunapod_instance=" .. instance:installation(),
  })
  if not list then return nil, err end
  local now, found = core.time(), {}
  for i, pod in ipairs(list) do
    local meta, labels = pod.metadata, pod.metadata.labels or {}
    local alive = labels.lunapod_engine and engine:alive(labels.lunapod_engine)
    local owner = "unknown"
    if alive == true then owner = "alive" elseif alive == false then owner = "gone" end
    found[i] = {
      name = meta.name, namespace = meta.namespace, uid = meta.uid,
      task = labels.task_id, run = labels.run_id, map_index = labels.map_index,
      phase = meta.deletionTimestamp and "Terminating" or pod.status and pod.status.phase or "?",
      age = now - (core.parse_time(meta.creationTimestamp or "") or now), owner = owner,
    }
  end
  table.sort(found, function(a, b) return a.age > b.age or (a.age == b.age and a.name < b.name) end)
  return found
end

--- Lines of a table, columns padded.
function pods.table(rows)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, #cell) end
  end
  local lines = {}
  for r, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do cells[i] = i == #row and cell or cell .. (" "):rep(widths[i] - #cell) end
    lines[r] = table.concat(cells, "   ")
  end
  return table.concat(lines, "\n")
end

return pods
