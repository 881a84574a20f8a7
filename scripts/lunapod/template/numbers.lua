-- Python's two kinds of number on every Lua. Where Lua has integers (5.3 and later) they are used as they are;
-- elsewhere an integral Lua number is an int, and a float that happens to be integral (4 / 2) lives in a box. Integers
-- beyond what the Lua holds exactly (2^63, or 2^53 without integers) exist only as literals that can be printed:
-- arithmetic refuses them. Leaves strings, lists and undefined values to values.lua. Invariant: an int never silently
-- loses a digit.
local state = require "lunapod.template.state"

local numbers = {}

local fail = state.fail
local floor, huge, abs = math.floor, math.huge, math.abs
local mtype, tointeger = math.type, math.tointeger
local EXACT = 2 ^ 53

local Float, Big = { __name = "float" }, { __name = "int" }
numbers.Float, numbers.Big = Float, Big

-- The int whose negative does not exist; nil where ints are doubles.
numbers.LOWEST = math.mininteger -- luacheck: ignore 143

local function too_large()
  fail("runtime", "the integer is too large")
end

local is_int, make_float, make_int
if mtype then
  function is_int(v)
    return mtype(v) == "integer"
  end
  function make_float(x)
    return mtype(x) == "float" and x or x + 0.0 -- adding would lose the sign of -0.0
  end
  function make_int(x)
    return tointeger(x) or too_large()
  end
else
  function is_int(v)
    return v == floor(v) and v < EXACT and v > -EXACT
  end
  function make_float(x)
    if is_int(x) then return setmetatable({ x }, Float) end
    return x
  end
  function make_int(x)
    if x ~= floor(x) or abs(x) >= EXACT then too_large() end
    return x
  end
end
-- Both take a Lua number; make_int wants an integral one.
numbers.make_float, numbers.make_int = make_float, make_int

-- "int", "float" or nil for anything that is not a number (a boolean is not one here).
function numbers.kind(v)
  local t = type(v)
  if t == "number" then return is_int(v) and "int" or "float" end
  if t == "table" then
    local mt = getmetatable(v)
    if mt == Float then return "float" end
    if mt == Big then return "int" end
  end
end

-- The Lua number in a value (booleans count as 0 and 1, as in Python) and whether it is an int; nil for other values.
local function raw(v)
  local t = type(v)
  if t == "number" then return v, is_int(v) end
  if t == "boolean" then return v and 1 or 0, true end
  if t == "table" then
    local mt = getmetatable(v)
    if mt == Float then return v[1], false end
    if mt == Big then return tonumber(v[1]), true, true end
  end
end
numbers.raw = raw

local function exact(a, b)
  if getmetatable(a) == Big or getmetatable(b) == Big then too_large() end
end

local function check_sum(a, b, r)
  if mtype then
    if (a >= 0) == (b >= 0) and (r >= 0) ~= (a >= 0) then too_large() end
  elseif abs(r) >= EXACT then
    too_large()
  end
  return r
end

local function int_mul(a, b)
  local limit = mtype and 2 ^ 63 - 2 ^ 14 or EXACT
  if abs((a + 0.0) * b) >= limit then too_large() end
  return a * b
end

local function int_floordiv(a, b)
  local q = make_int(floor(a / b))
  if abs(a) < EXACT then return q end
  -- The quotient of two doubles is off by a little for large ints; the exact remainder says by how much.
  return q + make_int(floor((a - q * b) / b))
end

local function float_floordiv(a, b)
  local quotient = (a - a % b) / b
  local whole = floor(quotient)
  if quotient - whole > 0.5 then whole = whole + 1 end
  return whole
end

local function int_pow(a, b)
  local result = 1
  while b > 0 do
    if b % 2 == 1 then result = int_mul(result, a) end
    b = floor(b / 2)
    if b > 0 then a = int_mul(a, a) end
  end
  return result
end

local function float_pow(a, b)
  if a == 0 and b < 0 then fail("runtime", "division by zero") end
  if a < 0 and b ~= floor(b) then fail("runtime", "a negative number has no real power with a fractional exponent") end
  local result = a ^ b
  if abs(result) == huge and abs(a) ~= huge and abs(b) ~= huge then fail("runtime", "the result is too large") end
  return result
end

local function nonzero(b)
  if b == 0 then fail("runtime", "division by zero") end
end

-- Each takes the two raw numbers and whether both are ints, and returns a value.
local operations = {
  ["+"] = function(a, b, ints)
    if ints then return check_sum(a, b, a + b) end
    return make_float(a + b)
  end,
  ["-"] = function(a, b, ints)
    if ints then
      local r = a - b
      if mtype then
        if (a >= 0) ~= (b >= 0) and (r >= 0) ~= (a >= 0) then too_large() end
      elseif abs(r) >= EXACT then
        too_large()
      end
      return r
    end
    return make_float(a - b)
  end,
  ["*"] = function(a, b, ints)
    if ints then return int_mul(a, b) end
    return make_float(a * b)
  end,
  ["/"] = function(a, b)
    nonzero(b)
    return make_float(a / b)
  end,
  ["//"] = function(a, b, ints)
    nonzero(b)
    if ints then return int_floordiv(a, b) end
    return make_float(float_floordiv(a, b))
  end,
  ["%"] = function(a, b, ints)
    nonzero(b)
    if ints then return a % b end
    return make_float(a % b)
  end,
  ["**"] = function(a, b, ints)
    if ints and b >= 0 then return int_pow(a, b) end
    return make_float(float_pow(a, b))
  end,
}

-- a <op> b for two numeric values; nil when one of them is not a number.
function numbers.arithmetic(op, a, b)
  local x, x_int = raw(a)
  local y, y_int = raw(b)
  if x == nil or y == nil then return nil end
  exact(a, b)
  return operations[op](x, y, x_int and y_int)
end

function numbers.negate(v)
  local x, int, big = raw(v)
  if x == nil then return nil end
  if big then
    local digits = v[1]
    return setmetatable({ digits:sub(1, 1) == "-" and digits:sub(2) or "-" .. digits }, Big)
  end
  if int then
    if mtype and x == numbers.LOWEST then too_large() end
    return -x
  end
  return make_float(-x)
end

-- Shortest text that reads back as the same double, written as Python writes it.
local function float_text(x)
  if x ~= x then return "nan" end
  if x == huge then return "inf" end
  if x == -huge then return "-inf" end
  local text = ("%.15g"):format(x)
  if tonumber(text) ~= x then
    text = ("%.16g"):format(x)
    if tonumber(text) ~= x then text = ("%.17g"):format(x) end
  elseif abs(x) < 2.3e-308 then
    for precision = 1, 15 do
      text = ("%%.%dg"):format(precision):format(x)
      if tonumber(text) == x then break end
    end
  end
  local mantissa, exponent = text:match("^(.-)e(.+)$")
  local sign, digits
  local point
  if mantissa then
    sign, digits = mantissa:match("^(%-?)(.*)$")
    point = 1 + tonumber(exponent)
    digits = digits:gsub("%.", "")
  else
    local whole, fraction
    sign, whole, fraction = text:match("^(%-?)(%d*)%.?(%d*)$")
    digits, point = whole .. fraction, #whole
    if whole == "0" then
      local zeros = #fraction:match("^0*")
      digits, point = fraction:sub(zeros + 1), -zeros
      if digits == "" then return sign .. "0.0" end
    end
  end
  point = floor(point)
  if point > 16 or point < -3 then
    digits = digits:gsub("0+$", "")
    local tail = #digits > 1 and "." .. digits:sub(2) or ""
    return ("%s%s%se%s%02d"):format(sign, digits:sub(1, 1), tail, point < 1 and "-" or "+", abs(point - 1))
  end
  if point <= 0 then return sign .. "0." .. ("0"):rep(-point) .. digits end
  if #digits <= point then return sign .. digits .. ("0"):rep(point - #digits) .. ".0" end
  return sign .. digits:sub(1, point) .. "." .. digits:sub(point + 1)
end
numbers.float_text = float_text

-- x with a fixed number of decimals (at most 98), exact halves going to the even digit on every Lua (LuaJIT's own
-- format does not).
function numbers.fixed(x, decimals)
  if abs(x) < EXACT and x * 2 ^ (decimals + 1) % 1 == 0 then
    local longer = ("%%.%df"):format(decimals + 1):format(x)
    if longer:sub(-1) == "5" then
      local down = longer:sub(1, -2):gsub("%.$", "")
      if down:match("%d$") % 2 == 0 then return down end
      x = x * (1 + 2 ^ -52)
    end
  end
  return (("%%.%df"):format(decimals):format(x))
end

local function int_text(x)
  if x == 0 then return "0" end
  if mtype then return ("%d"):format(x) end
  return ("%.0f"):format(x)
end

function numbers.text(v)
  if type(v) == "table" then
    if getmetatable(v) == Big then return v[1] end
    return float_text(v[1])
  end
  if is_int(v) then return int_text(v) end
  return float_text(v)
end

-- An int from decimal digits (with an optional sign), of any length.
function numbers.from_digits(digits)
  local n = tonumber(digits)
  if mtype then
    if mtype(n) == "integer" then return n end
  elseif abs(n) < EXACT then
    return n
  end
  local sign, rest = digits:match("^([+-]?)0*(%d+)$")
  return setmetatable({ (sign == "-" and "-" or "") .. rest }, Big)
end

-- An int from digits of a base up to 36; nil when a character is not a digit of it.
function numbers.from_base(digits, base)
  local value = 0
  for i = 1, #digits do
    local digit = tonumber(digits:sub(i, i), 36)
    if not digit or digit >= base then return nil end
    value = int_mul(value, base)
    value = check_sum(value, digit, value + digit)
  end
  return value
end

-- The double of a well-formed decimal text, whatever its exponent (LuaJIT's tonumber gets very large ones wrong).
function numbers.from_decimal(written)
  local mantissa, sign, exponent = written:match("^(.-)[eE]([+-]?)0*(%d*)$")
  if not mantissa or #exponent < 6 then return tonumber(written) end
  if sign == "-" or not mantissa:find("[1-9]") then return 0 end
  return written:sub(1, 1) == "-" and -huge or huge
end

-- What a script gets: boxes become Lua numbers.
function numbers.plain(v)
  local mt = getmetatable(v)
  if mt == Float then return v[1] end
  if mt == Big then return tonumber(v[1]) end
  return v
end

return numbers
