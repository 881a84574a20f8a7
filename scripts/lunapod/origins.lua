--- Which parameter gave a field of the manifest that the server refuses. Its messages name fields (unknown field
-- "spec.containers[0].fo"; spec.volumes[1].name: Duplicate value), a task's author knows parameters. Pure. What cannot
-- be told is left out: a parameter is named when it is laid at the field or above it and has the field's last key.

local core = require "lunapod.core"
local parameters = require "lunapod.parameters"

local origins = {}

local LAYERS = { "full_pod_spec", "pod_template_file", "pod_template_dict" } -- each lies on the next

--- Is the key somewhere in a value? Of a template file the text is looked through.
local function holds(value, key)
  if type(value) == "string" then return value:find(key, 1, true) ~= nil end
  if type(value) ~= "table" then return false end
  for name, item in pairs(value) do
    if name == key or (type(item) == "table" and holds(item, key)) then return true end
  end
  return false
end

local function content(path)
  local file = io.open(path, "r")
  if not file then return nil end
  local text = file:read("*a")
  file:close()
  return text
end

--- Fields that parameters become, without indexes, the longest first: { name =, field = }.
local places = {}
for _, group in ipairs(parameters.groups) do
  for _, row in ipairs(group) do
    local field = row.becomes and row.becomes:match("^%w+%.[%w%[%]%.]*$")
    if field then places[#places + 1] = { name = row.name, field = (field:gsub("%[%d+%]", "")) } end
  end
end
table.sort(places, function(a, b)
  if #a.field ~= #b.field then return #a.field > #b.field end
  return a.name < b.name
end)

--- The parameter of a task that gave this field, or nil. path as the server writes it: spec.containers[0].fo.
function origins.of(op, path)
  local key = path:match("([%w_-]+)[%[%d%]]*$") or path
  local plain = path:gsub("%[%d+%]", "")
  local foreign = path:find("^spec%.containers%[[1-9]") -- parameters are about the task's own container
  for _, it in ipairs(places) do
    local value, rest = op[it.name], plain:sub(#it.field + 1)
    if not foreign and value ~= nil and value ~= core.null and plain:sub(1, #it.field) == it.field
      and (rest == "" or (rest:sub(1, 1) == "." and holds(value, key))) then
      return it.name
    end
  end
  for _, name in ipairs(LAYERS) do
    local value = op[name]
    if type(value) == "string" then value = content(value) end
    if value ~= nil and holds(value, key) then return name end
  end
end

local PATHS = {
  'unknown field "([^"]+)"',             -- strict validation
  "%f[%w](%l%w*%.[%w_.%[%]-]+): %u",     -- spec.volumes[1].name: Duplicate value
  "Go struct field %w+%.([%w_.%[%]-]+)", -- a value of a wrong type
}

--- What to say behind the server's message: the parameters that the fields in it came from; "" when none is known.
function origins.explain(op, message)
  local parts, seen = {}, {}
  for _, pattern in ipairs(PATHS) do
    for path in message:gmatch(pattern) do
      local name = not seen[path] and origins.of(op, path)
      seen[path] = true
      if name then parts[#parts + 1] = ('; %s comes from the parameter "%s"'):format(path, name) end
    end
  end
  return table.concat(parts)
end

return origins
