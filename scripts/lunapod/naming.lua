--- Names and labels: slugs, label values, and the selectors by which a task's pods are found again (NAM-1…4, LBL,
-- FND-1). Pure. The suffix of a pod's name is computed by the core (NAM-5); here is what goes in front of it.

local core = require "lunapod.core"

local naming = {}

-- Latin letters with marks, as plain ASCII ("" = none), in the order of their code points from U+00C0 and U+0100.
local LATIN_1 = "A A A A A A AE C E E E E I I I I D N O O O O O * O U U U U Y TH ss "
  .. "a a a a a a ae c e e e e i i i i d n o o o o o * o u u u u y th y"
local EXTENDED_A = "A a A a A a C c C c C c C c D d D d E e E e E e E e E e G g G g G g G g H h H h "
  .. "I i I i I i I i I i IJ ij J j K k k L l L l L l L l L l N n N n N n n NG ng O o O o O o OE oe "
  .. "R r R r R r S s S s S s S s T t T t T t U u U u U u U u U u U u W w Y y Y Z z Z z Z z s"

local ascii = {}
local function enter(first, letters)
  local code = first
  for letter in letters:gmatch("%S+") do
    local utf8 = string.char(0xC0 + math.floor(code / 64), 0x80 + code % 64)
    ascii[utf8] = letter ~= "*" and letter or nil
    code = code + 1
  end
end
enter(0xC0, LATIN_1)
enter(0x100, EXTENDED_A)

--- A legal DNS label of any text (NAM-4): ASCII, lower case, runs of anything else one "-", at most 63.
function naming.slug(text)
  text = text:gsub("[\195-\197][\128-\191]", ascii):lower():gsub("[^a-z0-9]+", "-"):gsub("^%-+", "")
  return (text:sub(1, 63):gsub("%-+$", ""))
end

--- The base of a pod's name from the parameter `name` (NAM-1, NAM-2), or nil and what is wrong with it.
function naming.base(name)
  if not name:match("^[A-Za-z0-9_.-]+$") then return nil, 'expected letters, digits, "_", "." and "-"' end
  if #name > 220 then return nil, ("expected at most 220 characters, got %d"):format(#name) end
  return (name:lower():gsub("[^a-z0-9-]+", "-"))
end

--- A legal label value of any text (LBL-11); what had to be changed carries a digest of the original.
function naming.label_value(text)
  local safe = text:gsub("^[^%w]+", ""):gsub("[^%w]+$", ""):gsub("[^%w_.-]+", "")
  if safe == text and #safe <= 63 then return safe end
  local digest = core.digest("md5", text):sub(1, 9)
  return safe == "" and digest or safe:sub(1, 53) .. "-" .. digest
end

--- What is wrong with a pod's whole name, or nil: the cluster takes DNS subdomains only (S03).
function naming.name_fault(name)
  if #name > 253 then return ("expected at most 253 characters, got %d"):format(#name) end
  local ends_well = name:find("^[a-z0-9][a-z0-9.-]*$") and name:find("[a-z0-9]$")
  if not ends_well or name:find("[.-]%.") or name:find("%.%-") then
    return 'expected lower-case letters, digits, "-" and ".", with a letter or digit at both ends'
  end
end

--- What is wrong with the name in front of the suffix that the core will put on (NAM-5), or nil.
function naming.stem_fault(name)
  return naming.name_fault((name:sub(1, 54):gsub("^[-.]+", ""):gsub("[-.]+$", "")))
end

--- What is wrong with a key of labels or annotations, or nil.
function naming.key_fault(key)
  local prefix, name = key:match("^(.-)/(.*)$")
  if prefix and naming.name_fault(prefix) then return "the part before the slash is not a domain name" end
  name = name or key
  if #name > 63 or not name:find("^%w[%w_.-]*$") or not name:find("%w$") then
    return 'expected a key of at most 63 letters, digits, "_", "." and "-"'
  end
end

--- What is wrong with a label's key or value, or nil (PAR-labels: refused before sending).
function naming.label_fault(key, value)
  if value ~= "" and (#value > 63 or not value:find("^%w[%w_.-]*$") or not value:find("%w$")) then
    return ('expected a value of at most 63 letters, digits, "_", "." and "-", beginning and ending with a letter or '
      .. 'digit, got "%s"'):format(#value > 80 and value:sub(1, 80) .. "…" or value)
  end
  return naming.key_fault(key)
end

--- Labels by which a try's pod says whose it is (LBL-1…13), without try_number's company: see naming.try_labels.
function naming.identity(context, instance)
  local labels = {
    dag_id = naming.label_value(tostring(context.dag_id)),
    task_id = naming.label_value(tostring(context.task_id)),
    run_id = naming.label_value(tostring(context.run_id)),
    kubernetes_pod_operator = "True",
    lunapod_instance = instance,
  }
  if context.map_index and context.map_index >= 0 then labels.map_index = ("%d"):format(context.map_index) end
  if context.parent_dag_id then labels.parent_dag_id = naming.label_value(tostring(context.parent_dag_id)) end
  if context.call then labels.lunapod_call = naming.label_value(tostring(context.call)) end
  return labels
end

local function selector(labels)
  local parts = {}
  for key, value in pairs(labels) do parts[#parts + 1] = key .. "=" .. value end
  table.sort(parts)
  return table.concat(parts, ",")
end

--- Selector of the pods that this task instance may have left (FND-1). own: the labels of the task's author.
function naming.find_selector(context, instance, own)
  local labels = {}
  for key, value in pairs(own or {}) do labels[key] = value end
  for key, value in pairs(naming.identity(context, instance)) do labels[key] = value end
  local text = selector(labels) .. ",already_checked!=True,!airflow-worker"
  return context.call and text or text .. ",!lunapod_call"
end

--- Selector of all pods of this run, listed once (FND-9).
function naming.run_selector(context, instance)
  local all = naming.identity(context, instance)
  return selector {
    dag_id = all.dag_id, run_id = all.run_id, kubernetes_pod_operator = "True", lunapod_instance = instance,
  }
end

--- All that makes a try one of a kind (NAM-5): the core hashes it into the name's suffix and the label lunapod_attempt.
function naming.attempt(context, instance)
  local map_index = context.map_index and context.map_index >= 0 and ("%d"):format(context.map_index) or ""
  return table.concat({
    instance or "", tostring(context.dag_id), tostring(context.run_id), tostring(context.task_id), map_index,
    tostring(context.call or ""), tostring(context.try_number or 1),
  }, "\n")
end

return naming
