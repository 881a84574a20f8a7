-- The filter tojson: a value as JSON in Jinja2's form, keys sorted, non-ASCII escaped, and < > & ' written as escapes
-- so that the text is safe inside HTML and single quotes. Leaves reading JSON to others. Invariant: what has no JSON
-- form (functions, undefined values) is an error, never a guess.
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local text = require "lunapod.template.text"
local values = require "lunapod.template.values"

local json = {}

local NAMED = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t", ["\b"] = "\\b",
  ["\f"] = "\\f" }

local function escape(c)
  if NAMED[c] then return NAMED[c] end
  local code = text.code(c) or 0xFFFD
  if code >= 0x10000 then
    code = code - 0x10000
    return ("\\u%04x\\u%04x"):format(0xD800 + math.floor(code / 1024), 0xDC00 + code % 1024)
  end
  return ("\\u%04x"):format(code)
end

local function quoted(s)
  state.room(#s)
  s = s:gsub('[%c\127"\\<>&\']', escape)
  if s:find("[\128-\255]") then s = s:gsub("[\128-\255][\128-\191]*", escape) end
  return '"' .. s .. '"'
end

local FLOATS = { nan = "NaN", inf = "Infinity", ["-inf"] = "-Infinity" }

local function scalar(value, kind)
  if kind == "str" then return quoted(value) end
  if kind == "bool" then return value and "true" or "false" end
  if kind == "none" then return "null" end
  if kind == "int" then return numbers.text(value) end
  if kind == "float" then
    local written = numbers.text(value)
    return FLOATS[written] or written
  end
  if kind == "undefined" then values.undefined_error(value) end
  state.fail("runtime", ("a value of type '%s' has no JSON form"):format(values.type_name(value)))
end

local function key_text(key)
  if type(key) == "string" then return quoted(key) end
  return '"' .. scalar(key, values.kind(key)) .. '"'
end

-- indent: spaces per level, or nil for one line.
local function write(buffer, value, indent, level)
  state.step(1)
  local kind = values.kind(value)
  local is_list, is_dict = values.is_sequence[kind], kind == "dict"
  if not (is_list or is_dict) then
    buffer[#buffer + 1] = scalar(value, kind)
    return
  end
  state.down()
  local keys, n
  if is_dict then keys, n = values.keys(value) else n = #value end
  local open, close = is_list and "[" or "{", is_list and "]" or "}"
  buffer[#buffer + 1] = open
  if indent then state.room((indent + 0.0) * (level + 1)) end
  local between = indent and ",\n" .. (" "):rep(indent * (level + 1)) or ", "
  for i = 1, n do
    if i > 1 then buffer[#buffer + 1] = between
    elseif indent then buffer[#buffer + 1] = between:sub(2) end
    if is_dict then
      buffer[#buffer + 1] = key_text(keys[i]) .. ": "
      write(buffer, value[keys[i]], indent, level + 1)
    else
      write(buffer, value[i], indent, level + 1)
    end
  end
  if indent and n > 0 then buffer[#buffer + 1] = "\n" .. (" "):rep(indent * level) end
  buffer[#buffer + 1] = close
  state.up()
end

function json.encode(value, indent)
  local buffer = {}
  write(buffer, value, indent, 0)
  return table.concat(buffer)
end

return json
