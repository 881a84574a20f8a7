-- Python's two ways to fill a text: "%05.2f" % value, and "{:>8}".format(value). Leaves the text of values to
-- values.lua. Invariant: widths and precisions are limited before anything of that size is built.
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local text = require "lunapod.template.text"
local values = require "lunapod.template.values"

local format = {}

local fail = state.fail
local sub, match, find = string.sub, string.match, string.find
local MAX_PRECISION = 98

local function bad(message)
  fail("runtime", message)
end

local function joined(parts)
  local size = 0
  for i = 1, #parts do size = size + #parts[i] end
  state.room(size)
  return table.concat(parts)
end

local function need_number(value, letter)
  local x, is_int = numbers.raw(value)
  if values.is_undefined(value) then values.undefined_error(value) end
  if x == nil then bad(("format '%s' needs a number, not '%s'"):format(letter, values.type_name(value))) end
  return x, is_int
end

local function check_precision(precision)
  if precision and precision > MAX_PRECISION then bad(("a precision of more than %d digits"):format(MAX_PRECISION)) end
  return precision
end

local function check_width(width)
  if width then state.room(width) end
  return width
end

-- Digits of a whole number in base 2, 8, 10 or 16, without sign.
local function digits_of(value, x, letter)
  if x ~= x or math.abs(x) == math.huge then bad("infinity and nan have no digits") end
  if letter == "d" then
    if getmetatable(value) == numbers.Big then return (value[1]:gsub("^%-", "")) end
    x = x < 0 and math.ceil(x) or math.floor(x)
    if math.abs(x) >= 2 ^ 53 and numbers.kind(x) == "float" then return (("%.0f"):format(x):gsub("^%-", "")) end
    return (numbers.text(numbers.make_int(x)):gsub("^%-", ""))
  end
  local base = ({ b = 2, o = 8, x = 16, X = 16 })[letter]
  if numbers.kind(x) ~= "int" or getmetatable(value) == numbers.Big or x == numbers.LOWEST then
    bad(("format '%s' needs an int that is not too large"):format(letter))
  end
  local reversed = {}
  x = math.abs(x)
  repeat
    local digit = x % base
    reversed[#reversed + 1] = ("%x"):format(digit)
    x = numbers.arithmetic("//", x, base)
  until x == 0
  local digits = table.concat(reversed):reverse()
  return letter == "X" and digits:upper() or digits
end

-- The unsigned text of a float under one of the letters f e g (either case).
local function float_digits(x, letter, precision, alternate)
  x = math.abs(x)
  if x ~= x then return "nan" end
  if x == math.huge then return "inf" end
  if letter == "f" and not alternate then return numbers.fixed(x, precision or 6) end
  return (("%%%s.%d%s"):format(alternate and "#" or "", precision or 6, letter):format(x))
end

local function is_negative(value, x)
  return x < 0 or (x == 0 and 1 / x < 0 and numbers.kind(value) == "float")
end

local function grouped(digits, mark)
  local whole, rest = match(digits, "^(%d+)(.*)$")
  if not whole then return digits end
  whole = whole:reverse():gsub("(%d%d%d)", "%1" .. mark):reverse():gsub("^" .. mark, "")
  return whole .. rest
end

-- ---- % ----
local function percent_field(value, flags, width, precision, letter)
  local body
  local sign = ""
  if letter == "s" or letter == "r" or letter == "a" then
    body = letter == "s" and values.text(value) or values.repr(value)
    if precision then body = text.slice(body, 1, precision) end
  elseif letter == "c" then
    body = type(value) == "string" and value or text.char(need_number(value, "%c"))
  else
    check_precision(precision)
    local x = need_number(value, "%" .. letter)
    if find(letter, "[diu]") then
      body = digits_of(value, x, "d")
    elseif find(letter, "[oxX]") then
      body = digits_of(value, x, letter)
      if find(flags, "#", 1, true) then body = "0" .. letter .. body end
    else
      body = float_digits(x, letter, precision, find(flags, "#", 1, true))
      precision = nil
    end
    if precision and #body < precision then body = ("0"):rep(precision - #body) .. body end
    sign = is_negative(value, x) and "-" or find(flags, "+", 1, true) and "+" or find(flags, " ", 1, true) and " " or ""
    if width and find(flags, "0", 1, true) and not find(flags, "-", 1, true) then
      body = text.pad(body, width - #sign, "right", "0")
    end
  end
  body = sign .. body
  if not width then return body end
  return text.pad(body, width, find(flags, "-", 1, true) and "left" or "right")
end

-- template % argument. A tuple gives several arguments, a map gives them by name.
function format.percent(template, argument)
  local kind = values.kind(argument)
  local arguments = kind == "tuple" and argument or { argument }
  local count = kind == "tuple" and #argument or 1
  local used = 0
  local function next_argument()
    used = used + 1
    if used > count then bad("not enough arguments for the format") end
    return arguments[used]
  end
  local parts, i = {}, 1
  while true do
    local s = find(template, "%", i, true)
    if not s then break end
    parts[#parts + 1] = sub(template, i, s - 1)
    local name, after = match(template, "^%(([^)]*)%)()", s + 1)
    local flags, width, dot, precision, letter, stop = match(template, "^([-+ #0]*)([%d*]*)(%.?)([%d*]*)[hlL]?(.)()",
      after or s + 1)
    if not letter then bad("incomplete format") end
    if letter == "%" then
      parts[#parts + 1] = "%"
    else
      if not find(letter, "[sradiuoxXcfFeEgG]") then bad("unsupported format character") end
      if width == "*" then
        width = next_argument()
        if numbers.kind(width) ~= "int" then bad("* needs an int") end
        if width < 0 then flags, width = flags .. "-", -width end
      end
      if precision == "*" then precision = next_argument() end
      width = check_width(tonumber(width))
      precision = dot == "." and (tonumber(precision) or 0) or nil
      local value
      if name then
        if kind ~= "dict" then bad("the format needs a map") end
        value = argument[name]
        if value == nil then bad("the format names an argument that is not given") end
        used = count
      else
        value = next_argument()
      end
      parts[#parts + 1] = percent_field(value, flags, width, precision, letter == "F" and "f" or letter)
    end
    i = stop
  end
  if used < count and kind ~= "dict" and kind ~= "list" then bad("not all arguments are used by the format") end
  parts[#parts + 1] = sub(template, i)
  return joined(parts)
end

-- ---- {} ----
local function split_spec(spec)
  local fill, align, rest
  local first = match(spec, "^(.[\128-\191]*)[<>=^]")
  if first then
    fill, align, rest = first, sub(spec, #first + 1, #first + 1), sub(spec, #first + 2)
  else
    align, rest = match(spec, "^([<>=^]?)(.*)$")
  end
  local sign, alternate, zero, width, group, precision,
    letter = match(rest, "^([-+ ]?)(#?)(0?)(%d*)([,_]?)%.?(%d*)(%a?%%?)$")
  if not sign then bad("invalid format specifier") end
  if zero == "0" then
    if not fill then fill = "0" end
    if align == "" then align = "=" end
  end
  return fill or " ", align, sign, alternate, check_width(tonumber(width)), group,
    check_precision(tonumber(precision)), letter
end

local function number_body(value, x, is_int, letter, precision, alternate)
  if letter == "%" then return float_digits(x * 100, "f", precision) .. "%" end
  if is_int and find(letter, "^[dbxXon]?$") and not precision then
    local prefix = alternate ~= "" and find(letter, "^[bxXo]$") and "0" .. letter or ""
    return prefix .. digits_of(value, x, (letter == "" or letter == "n") and "d" or letter)
  end
  if letter == "c" then return text.char(x) end
  if letter == "" and not precision then return (numbers.float_text(math.abs(x))) end
  if letter == "" then
    local body = float_digits(x, "g", precision)
    return find(body, "[.en]") and body or body .. ".0"
  end
  if not find(letter, "^[fFeEgGn]$") then bad("unknown format code for a number") end
  if letter == "n" then letter = "g" end
  return float_digits(x, letter == "F" and "f" or letter, precision)
end

-- One value under a format specifier such as ">8.2f".
function format.value(value, spec)
  if spec == "" then return values.text(value) end
  local fill, align, sign_flag, alternate, width, group, precision, letter = split_spec(spec)
  local kind = values.kind(value)
  if kind ~= "int" and kind ~= "float" and not (kind == "bool" and letter ~= "" and letter ~= "s") then
    local body = values.text(value)
    if kind ~= "str" and kind ~= "bool" then
      bad(("a '%s' takes no format specifier"):format(values.type_name(value)))
    end
    if letter ~= "" and letter ~= "s" then bad("unknown format code for a text") end
    if align == "=" then align = "<" end
    if precision then body = text.slice(body, 1, precision) end
    return text.pad(body, width or 0, align == "^" and "center" or align == ">" and "right" or "left", fill)
  end
  if letter == "s" then bad("unknown format code 's' for a number") end
  local x, is_int = need_number(value, letter)
  local body = number_body(value, x, is_int, letter, precision, alternate)
  if group ~= "" then body = grouped(body, group) end
  local sign = is_negative(value, x) and "-" or sign_flag ~= "-" and sign_flag or ""
  if align == "=" then return sign .. text.pad(body, (width or 0) - #sign, "right", fill) end
  body = sign .. body
  local side = align == "<" and "left" or align == "^" and "middle" or "right"
  if side == "middle" and width and width > text.length(body) then
    local before = math.floor((width - text.length(body)) / 2)
    return text.pad(text.pad(body, text.length(body) + before, "right", fill), width, "left", fill)
  end
  return text.pad(body, width or 0, side, fill)
end

-- template.format(*args, **kwargs); get(value, name, is_index) follows ".name" and "[name]".
function format.braces(template, args, n, kwargs, get)
  local automatic = 0
  local function field_value(field)
    local name, path = match(field, "^([^.%[]*)(.*)$")
    local value
    if name == "" then
      automatic = automatic + 1
      name = tostring(automatic - 1)
    end
    if find(name, "^%d+$") then
      local index = tonumber(name) + 1
      if index > n then bad("not enough arguments for the format") end
      value = args[index]
    else
      value = kwargs and kwargs[name]
      if value == nil then bad("the format names an argument that is not given") end
    end
    while path ~= "" do
      local kind, key, rest = match(path, "^([.%[])([^.%[%]]+)%]?(.*)$")
      if not kind then bad("malformed field in the format") end
      value = get(value, find(key, "^%d+$") and kind == "[" and tonumber(key) or key, kind == "[")
      path = rest
    end
    return value
  end

  local function expand(spec)
    local parts, i = {}, 1
    while true do
      local s, e, field = find(spec, "{([^{}]*)}", i)
      if not s then break end
      parts[#parts + 1] = sub(spec, i, s - 1)
      parts[#parts + 1] = values.text(field_value(field))
      i = e + 1
    end
    parts[#parts + 1] = sub(spec, i)
    return table.concat(parts)
  end

  local parts, i = {}, 1
  while true do
    local s = find(template, "[{}]", i)
    if not s then break end
    parts[#parts + 1] = sub(template, i, s - 1)
    local c = sub(template, s, s)
    if sub(template, s + 1, s + 1) == c then
      parts[#parts + 1] = c
      i = s + 2
    else
      if c == "}" then bad("single '}' in the format") end
      local stop, depth, at = nil, 1, s + 1
      while not stop do
        at = find(template, "[{}]", at)
        if not at then bad("a '{' of the format is not closed") end
        depth = depth + (sub(template, at, at) == "{" and 1 or -1)
        if depth == 0 then stop = at end
        at = at + 1
      end
      local field, conversion, spec = match(sub(template, s + 1, stop - 1), "^([^:!]*)!?([^:]*):?(.*)$")
      local value = field_value(field)
      if conversion == "r" then value = values.repr(value) elseif conversion == "s" then value = values.text(value) end
      parts[#parts + 1] = format.value(value, expand(spec))
      i = stop + 1
    end
    state.step(1)
  end
  parts[#parts + 1] = sub(template, i)
  return joined(parts)
end

return format
