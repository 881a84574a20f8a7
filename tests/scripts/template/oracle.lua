-- Helper of the template specs: reads a file of cases that Jinja2 answered, and renders one of them in one mode.
-- A context from JSON holds whole numbers as floats on Lua 5.3 and later (lua-cjson); they are made ints again.
local cjson = require "cjson"
local template = require "lunapod.template"

local oracle = {}

local function integers(value)
  if type(value) == "number" and math.tointeger then return math.tointeger(value) or value end
  if type(value) ~= "table" then return value end
  local copy = {}
  for key, item in pairs(value) do copy[key] = integers(item) end
  return copy
end

function oracle.load(path)
  local file = assert(io.open(path, "rb"))
  local data = cjson.decode(file:read "*a")
  file:close()
  data.context = integers(data.context)
  return data
end

-- The text, or nil and the error table.
function oracle.render(source, context, mode)
  local ok, result = pcall(template.render, source, context, { undefined = mode, null = cjson.null, name = "field" })
  if ok then return result end
  return nil, result
end

oracle.null = cjson.null

return oracle
