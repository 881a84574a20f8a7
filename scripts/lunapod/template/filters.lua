-- The filters: one table of built-ins (arguments.lua) by name, to which a script may add Lua functions(value, …)
-- (TPL-10). Those on texts and numbers are here, those on lists in list_filters.lua, Airflow's times in times.lua,
-- tojson in json.lua. Left out of Jinja2's: random (not repeatable), urlize and xmlattr (HTML only). Invariant: a
-- filter never changes its value.
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local text = require "lunapod.template.text"
local values = require "lunapod.template.values"
local format = require "lunapod.template.format"
local json = require "lunapod.template.json"
local access = require "lunapod.template.access"
local arguments = require "lunapod.template.arguments"

local filters = {}

local fail = state.fail
local builtin, raw = arguments.builtin, arguments.raw
local str = values.text

local function given(flag)
  return flag ~= nil and values.truth(flag)
end

local function int(value, name, default)
  if value == nil then return default end
  local x, is_int = numbers.raw(value)
  if is_int then return x end
  if values.is_undefined(value) then values.undefined_error(value) end
  fail("runtime", ("'%s' needs an int, not '%s'"):format(name, values.type_name(value)))
end

-- ---- texts ----
for _, name in ipairs { "upper", "lower", "capitalize" } do
  local fn = text[name]
  filters[name] = builtin({}, function(value) return fn(str(value)) end)
end
filters.string = builtin({}, str)
filters.safe = filters.string
filters.trim = builtin({ "chars" }, function(value, chars)
  return text.strip(str(value), chars and str(chars))
end)
filters.title = builtin({}, function(value)
  local s = str(value)
  local parts, i = {}, 1
  while i <= #s do
    local first, last = s:find("[-%s({%[<]+", i)
    parts[#parts + 1] = text.capitalize(s:sub(i, (first or #s + 1) - 1))
    if not first then break end
    parts[#parts + 1] = s:sub(first, last)
    i = last + 1
  end
  return table.concat(parts)
end)
filters.replace = builtin({ "old", "new", "count" }, function(value, old, new, count)
  return text.replace(str(value), str(old), str(new), int(count, "replace"))
end, { required = 2 })
filters.center = builtin({ "width" }, function(value, width)
  return text.pad(str(value), int(width, "center", 80), "center")
end)
filters.escape = builtin({}, function(value) return text.escape_html(str(value)) end)
filters.e = filters.escape
filters.forceescape = filters.escape
filters.striptags = builtin({}, function(value)
  local s = str(value)
  for _, mark in ipairs { { "<!--", "-->" }, { "<", ">" } } do
    local parts, i = {}, 1
    while true do
      local first = s:find(mark[1], i, true)
      local _, last = s:find(mark[2], first or #s + 1, true)
      if not (first and last) then break end
      parts[#parts + 1] = s:sub(i, first - 1)
      i = last + 1
    end
    s = table.concat(parts) .. s:sub(i)
  end
  return table.concat(text.split(s), " ")
end)
filters.wordcount = builtin({}, function(value) return text.word_count(str(value)) end)
filters.format = raw(function(value, args, n, kwargs)
  if kwargs and next(kwargs) ~= nil then
    if n > 0 then fail("runtime", "'format' takes positional or named arguments, not both") end
    return format.percent(str(value), values.dict(kwargs))
  end
  local tuple = {}
  for i = 1, n do tuple[i] = args[i] end
  return format.percent(str(value), values.tuple(tuple))
end)

filters.indent = builtin({ "width", "first", "blank" }, function(value, width, first, blank)
  local prefix = type(width) == "string" and width or text.repeated(" ", int(width, "indent", 4))
  local lines = text.splitlines(str(value) .. "\n")
  state.room(#lines * #prefix + #str(value))
  for i = 2, #lines do
    if lines[i] ~= "" or given(blank) then lines[i] = prefix .. lines[i] end
  end
  return (given(first) and prefix or "") .. table.concat(lines, "\n")
end)

filters.truncate = builtin({ "length", "killwords", "end", "leeway" },
  function(value, length, killwords, ending, leeway)
  local s = str(value)
  length, leeway, ending = int(length, "truncate", 255), int(leeway, "truncate", 5), ending and str(ending) or "..."
  local kept = length - text.length(ending)
  if kept < 0 or leeway < 0 then
    fail("runtime", "'truncate' needs a length of at least its end, and no negative leeway")
  end
  if text.length(s) <= length + leeway then return s end
  local start = text.slice(s, 1, kept)
  if given(killwords) then return start .. ending end
  return text.rsplit(start, " ", 1)[1] .. ending
end)

filters.wordwrap = builtin({ "width", "break_long_words", "wrapstring", "break_on_hyphens" },
  function(value, width, break_long, between, break_on_hyphens)
    between = between and str(between) or "\n"
    width = int(width, "wordwrap", 79)
    local lines = text.splitlines(str(value))
    for i = 1, #lines do
      local wrapped = text.wrap(lines[i], width, break_long == nil or values.truth(break_long),
        break_on_hyphens == nil or values.truth(break_on_hyphens))
      lines[i] = table.concat(wrapped, between)
    end
    return table.concat(lines, between)
  end)

local function quote_query(value)
  return (text.quote_url(str(value), false):gsub("%%20", "+"))
end
filters.urlencode = builtin({}, function(value)
  local kind = values.kind(value)
  if kind == "dict" or values.is_sequence[kind] then
    local pairs_list = kind == "dict" and require("lunapod.template.methods").pairs_of(value) or value
    local parts = {}
    for i = 1, #pairs_list do
      local list, n = values.items(pairs_list[i])
      if n ~= 2 then fail("runtime", "'urlencode' needs pairs") end
      parts[i] = quote_query(list[1]) .. "=" .. quote_query(list[2])
    end
    return table.concat(parts, "&")
  end
  return text.quote_url(str(value), true)
end)

filters.tojson = builtin({ "indent" }, function(value, indent)
  return json.encode(value, int(indent, "tojson"))
end)

-- Lists and maps that do not fit in 80 columns get one item a line.
local function pretty(value, column)
  local line = values.repr(value)
  local kind = values.kind(value)
  if column + #line <= 80 or not (values.is_sequence[kind] or kind == "dict") then return line end
  state.down()
  local open, close = line:sub(1, 1), line:sub(-1)
  local parts = {}
  local keys = kind == "dict" and values.keys(value)
  for i = 1, keys and #keys or #value do
    local key = keys and values.repr(keys[i]) .. ": " or ""
    parts[i] = key .. pretty(keys and value[keys[i]] or value[i], column + 1 + #key)
  end
  state.up()
  return open .. table.concat(parts, ",\n" .. (" "):rep(column + 1)) .. close
end
filters.pprint = builtin({}, function(value) return pretty(value, 0) end)

-- ---- numbers ----
filters.abs = builtin({}, function(value)
  local x = numbers.raw(value)
  if values.is_undefined(value) then values.undefined_error(value) end
  if not x then fail("runtime", ("'abs' needs a number, not '%s'"):format(values.type_name(value))) end
  if x < 0 then return numbers.negate(value) end
  return type(value) == "boolean" and x or value
end)

local function text_to_float(s)
  s = text.strip(s):lower()
  local special = s:match("^[+-]?(%a+)$")
  if special == "inf" or special == "infinity" then return s:sub(1, 1) == "-" and -math.huge or math.huge end
  if special == "nan" then return 0 / 0 end
  s = s:gsub("(%d)_(%f[%d])", "%1%2")
  s = s:gsub("^%+", "")
  local mantissa, exponent = s:match("^%-?([%d.]+)(.*)$")
  if not mantissa or not (mantissa:find("^%d+%.?%d*$") or mantissa:find("^%.%d+$")) then return nil end
  if exponent == "" or exponent:find("^e[+-]?%d+$") then return numbers.from_decimal(s) end
end

local function text_to_int(s, base)
  local sign, digits = text.strip(s):lower():match("^([+-]?)([%w_]+)$")
  if not digits or digits:find("^_") or digits:find("_$") or digits:find("__", 1, true) then return nil end
  digits = digits:gsub("_", "")
  local letter = digits:match("^0([box])")
  local bases = { b = 2, o = 8, x = 16 }
  if letter and (base == 0 or bases[letter] == base) then base, digits = bases[letter], digits:sub(3) end
  if base == 0 then base = 10 end
  if digits == "" then return nil end
  if base == 10 then return digits:find("^%d+$") and numbers.from_digits(sign .. digits) or nil end
  local value = numbers.from_base(digits, base)
  return value and (sign == "-" and numbers.negate(value) or value)
end

filters.int = builtin({ "default", "base" }, function(value, default, base)
  if default == nil then default = 0 end
  base = int(base, "int", 10)
  if base ~= 0 and (base < 2 or base > 36) then fail("runtime", "'int' needs a base from 2 to 36") end
  if type(value) == "string" then
    local whole = text_to_int(value, base)
    if whole ~= nil then return whole end
    value = text_to_float(value)
    if value == nil then return default end
  end
  if values.is_undefined(value) then
    values.lenient(value)
    return default
  end
  local x, is_int = numbers.raw(value)
  if x == nil or x ~= x or math.abs(x) == math.huge then return default end
  if is_int then return type(value) == "boolean" and x or value end
  return numbers.make_int(x < 0 and math.ceil(x) or math.floor(x))
end, { keep_none = true })

filters.float = builtin({ "default" }, function(value, default)
  if values.is_undefined(value) then values.lenient(value) end
  local x
  if type(value) == "string" then x = text_to_float(value) else x = numbers.raw(value) end
  if x ~= nil then return numbers.make_float(x) end
  if default == nil then return numbers.make_float(0) end
  return default
end, { keep_none = true })

-- Python's round: to the nearest, halves to even, by the exact value of the double.
local function round_common(x, is_int, precision)
  if precision >= 0 then
    if is_int then return x end
    if precision > 98 then return numbers.make_float(x) end
    return numbers.make_float(tonumber(numbers.fixed(x, precision)))
  end
  local scale = 10 ^ -precision
  local quotient = math.floor(x / scale)
  local rest = x - quotient * scale
  if rest * 2 > scale or (rest * 2 == scale and quotient % 2 == 1) then quotient = quotient + 1 end
  if is_int then return numbers.make_int(quotient * scale) end
  return numbers.make_float(quotient * scale)
end

filters.round = builtin({ "precision", "method" }, function(value, precision, method)
  local x, is_int = numbers.raw(value)
  if values.is_undefined(value) then values.undefined_error(value) end
  if not x then fail("runtime", ("'round' needs a number, not '%s'"):format(values.type_name(value))) end
  precision = int(precision, "round", 0)
  if math.abs(precision) > 308 then fail("runtime", "'round' needs a precision between -308 and 308") end
  method = method or "common"
  if method == "common" then
    if math.abs(x) == math.huge or x ~= x then return value end
    return round_common(x, is_int, precision)
  end
  if method ~= "ceil" and method ~= "floor" then fail("runtime", "'round' has the methods common, ceil and floor") end
  return numbers.make_float(math[method](x * 10 ^ precision) / 10 ^ precision)
end)

filters.filesizeformat = builtin({ "binary" }, function(value, binary)
  local x = numbers.raw(value)
  if type(value) == "string" then x = text_to_float(value) end
  if values.is_undefined(value) then values.undefined_error(value) end
  if not x then fail("runtime", ("'filesizeformat' needs a number, not '%s'"):format(values.type_name(value))) end
  binary = given(binary)
  local base = binary and 1024 or 1000
  if x == 1 then return "1 Byte" end
  if x < base then return ("%.0f Bytes"):format(x < 0 and math.ceil(x) or math.floor(x)) end
  local unit
  for index, letter in ipairs { binary and "K" or "k", "M", "G", "T", "P", "E", "Z", "Y" } do
    unit = base ^ (index + 1)
    if x < unit or letter == "Y" then
      return ("%s %s%s"):format(numbers.fixed(base * x / unit, 1), letter, binary and "iB" or "B")
    end
  end
end)

-- ---- any value ----
filters.default = builtin({ "default_value", "boolean" }, function(value, default, boolean)
  if values.is_undefined(value) or (given(boolean) and not values.truth(value)) then
    return default == nil and "" or default
  end
  return value
end, { keep_none = true })
filters.d = filters.default

filters.attr = builtin({ "name" }, function(value, name)
  local found = access.attribute(value, str(name), nil, state.current().pos)
  local kind = values.kind(value)
  -- Only attributes, not the keys of a map.
  if kind == "dict" and not values.is_undefined(found) and values.kind(found) ~= "function" then
    return values.nothing("the value has no such attribute")
  end
  return found
end, { required = 1 })

filters.length = builtin({}, values.length)
filters.count = filters.length

local list_filters, times = require "lunapod.template.list_filters", require "lunapod.template.times"
for _, more in ipairs { list_filters, times } do
  for name, spec in pairs(more) do filters[name] = spec end
end

return filters
