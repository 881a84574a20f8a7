-- The tests of Jinja2: what may stand after "is". Each is a built-in of arguments.lua or, added by a script (TPL-10), a
-- Lua function(value, …) whose result counts as true or false. Leaves calling them to the compiler. Invariant: a test
-- of what a value is (defined, string, none …) never fails, not even on an undefined one.
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local text = require "lunapod.template.text"
local values = require "lunapod.template.values"
local arguments = require "lunapod.template.arguments"

local builtin = arguments.builtin
local tests = {}

local function kind_test(...)
  local wanted = {}
  for _, kind in ipairs { ... } do wanted[kind] = true end
  return builtin({}, function(value) return wanted[values.kind(value)] == true end)
end

local function remainder(value, by)
  local result = numbers.arithmetic("%", value, by)
  if result == nil then
    if values.is_undefined(value) then values.undefined_error(value) end
    state.fail("runtime", ("the test needs numbers, not '%s'"):format(values.type_name(value)))
  end
  return numbers.raw(result)
end

local ONE = { keep_none = true, required = 1 }
local function comparison(fn)
  return builtin({ "other" }, fn, ONE)
end

tests.defined = builtin({}, function(value) return not values.is_undefined(value) end)
tests.undefined = kind_test "undefined"
tests.none = kind_test "none"
tests.boolean = kind_test "bool"
tests["true"] = builtin({}, function(value) return value == true end)
tests["false"] = builtin({}, function(value) return value == false end)
tests.integer = kind_test "int"
tests.float = kind_test "float"
tests.number = kind_test("int", "float", "bool")
tests.string = kind_test "str"
tests.mapping = kind_test "dict"
tests.sequence = builtin({}, function(value)
  local kind = values.kind(value)
  return kind == "str" or kind == "dict" or values.is_sequence[kind]
    or (kind == "undefined" and not state.current().strict)
end)
tests.iterable = builtin({}, function(value)
  local kind = values.kind(value)
  if kind == "undefined" then return values.lenient(value) end
  return kind == "str" or kind == "dict" or values.is_sequence[kind] or false
end)
tests.callable = builtin({}, function(value) return values.kind(value) == "function" end)
tests.escaped = builtin({}, function() return false end)
tests.lower = builtin({}, function(value) return text.is_lower(values.text(value)) end)
tests.upper = builtin({}, function(value) return text.is_upper(values.text(value)) end)
tests.odd = builtin({}, function(value) return remainder(value, 2) == 1 end)
tests.even = builtin({}, function(value) return remainder(value, 2) == 0 end)
tests.divisibleby = builtin({ "num" }, function(value, by) return remainder(value, by) == 0 end, ONE)
tests.sameas = comparison(function(value, other)
  return rawequal(value, other) and values.kind(value) == values.kind(other)
end)
tests["in"] = comparison(function(value, other) return values.contains(other, value) end)

tests.eq = comparison(values.equal)
tests.ne = comparison(function(a, b) return not values.equal(a, b) end)
tests.lt = comparison(values.less)
tests.le = comparison(values.less_or_equal)
tests.gt = comparison(function(a, b) return values.less(b, a) end)
tests.ge = comparison(function(a, b) return values.less_or_equal(b, a) end)
for name, like in pairs { equalto = "eq", ["=="] = "eq", ["!="] = "ne", ["<"] = "lt", lessthan = "lt", ["<="] = "le",
  [">"] = "gt",
  greaterthan = "gt", [">="] = "ge" } do
  tests[name] = tests[like]
end

tests.filter = builtin({}, function(value)
  return type(value) == "string" and require("lunapod.template.filters")[value] ~= nil
end)
tests.test = builtin({}, function(value) return type(value) == "string" and tests[value] ~= nil end)

return tests
