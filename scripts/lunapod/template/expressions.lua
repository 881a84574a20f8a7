-- Expression nodes to Lua closures: f(st, scope) → value. st is the state of the rendering; a scope is a table of
-- variables whose [1] is the scope around it. Filters and tests are looked up once, here. Leaves statements to
-- statements.lua. Invariant: a closure sets st.pos before doing what can fail, so that an error has a place.
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local text = require "lunapod.template.text"
local values = require "lunapod.template.values"
local format = require "lunapod.template.format"
local access = require "lunapod.template.access"
local arguments = require "lunapod.template.arguments"
local filters = require "lunapod.template.filters"
local tests = require "lunapod.template.tests"
local globals = require "lunapod.template.globals"

local expressions = {}

local fail = state.fail
local truth, to_text = values.truth, values.text
local compilers = {}

local function compile(node)
  return compilers[node.type](node)
end
expressions.compile = compile

-- How the template wrote a value, for messages: "params.rows[0]", "….name"; nil when it is not written with names.
local function path_of(node)
  if node.type == "name" then return node.name end
  if node.type ~= "attribute" and node.type ~= "item" and node.type ~= "slice" then return nil end
  local before = path_of(node.value) or "…"
  if node.type == "attribute" then return before .. "." .. node.name end
  if node.type == "slice" then return before .. "[…:…]" end
  local key = node.key
  if key.type ~= "constant" then return before .. "[…]" end
  if type(key.value) ~= "string" then return before .. "[" .. to_text(key.value) .. "]" end
  return before .. "['" .. text.printable(key.value) .. "']"
end

-- ---- literals and names ----
function compilers.constant(node)
  local value = node.value
  return function() return value end
end

function compilers.none()
  return function(st) return st.null end
end

function compilers.name(node)
  local name, pos = node.name, node.pos
  local reserved = name:find("^__")
  return function(st, scope)
    if not reserved then
      local at = scope
      repeat
        local value = at[name]
        if value ~= nil then return value end
        at = at[1]
      until not at
      st.pos = pos
      local value = st.context[name]
      if value == nil then value = globals[name] end
      if value ~= nil then return value end
    end
    local missing = values.undefined(name, st.context, pos)
    missing.scope = scope
    return missing
  end
end

local function items_compiler(make)
  return function(node)
    local items = {}
    for i, item in ipairs(node.items) do items[i] = compile(item) end
    local n = #items
    return function(st, scope)
      local list = {}
      for i = 1, n do list[i] = items[i](st, scope) end
      state.step(n)
      return make(list)
    end
  end
end
compilers.list, compilers.tuple = items_compiler(values.list), items_compiler(values.tuple)

function compilers.dict(node)
  local keys, items = {}, {}
  for i, item in ipairs(node.items) do keys[i], items[i] = compile(item.key), compile(item.value) end
  local pos = node.pos
  return function(st, scope)
    local map = {}
    for i = 1, #keys do
      local key = keys[i](st, scope)
      st.pos = pos
      map[values.key(key)] = items[i](st, scope)
    end
    state.step(#keys)
    return values.dict(map)
  end
end

-- ---- access ----
function compilers.attribute(node)
  local get, name, pos, path = compile(node.value), node.name, node.pos, path_of(node)
  local reserved = name:find("^__")
  return function(st, scope)
    local value = get(st, scope)
    st.pos = pos
    if not reserved and type(value) == "table" and getmetatable(value) == nil then
      local found = value[name]
      if found ~= nil then return found end
    end
    return access.attribute(value, name, path, pos)
  end
end

function compilers.item(node)
  local get, get_key, pos, path = compile(node.value), compile(node.key), node.pos, path_of(node)
  return function(st, scope)
    local value, key = get(st, scope), get_key(st, scope)
    st.pos = pos
    return access.item(value, key, path, pos)
  end
end

function compilers.slice(node)
  local get, pos, path = compile(node.value), node.pos, path_of(node)
  local start, stop, jump = node.start and compile(node.start), node.stop and compile(node.stop), node.jump
    and compile(node.jump)
  return function(st, scope)
    local value = get(st, scope)
    local first = start and start(st, scope)
    local last = stop and stop(st, scope)
    local by = jump and jump(st, scope)
    st.pos = pos
    return access.slice(value, first or nil, last or nil, by or nil, path, pos)
  end
end

local NONE = {}

-- The arguments of a call: a closure returning positional ones, their number, and the named ones or nil.
local function compile_arguments(args)
  local positional, names, named = {}, {}, {}
  for i, item in ipairs(args.positional) do positional[i] = compile(item) end
  for i, item in ipairs(args.named) do
    names[i], named[i] = item.name, compile(item.value)
    if item.name:find("^__") then fail("syntax", "an argument's name cannot begin with '__'", item.value.pos) end
  end
  local rest, named_rest = args.rest and compile(args.rest), args.named_rest and compile(args.named_rest)
  local n, m = #positional, #named
  if n == 0 and m == 0 and not rest and not named_rest then
    return function() return NONE, 0, nil end
  end
  return function(st, scope)
    local list, kwargs = {}, nil
    local count = n
    for i = 1, n do list[i] = positional[i](st, scope) end
    if rest then
      local items, more = values.items(rest(st, scope))
      if more > 100 then fail("limit", "more than 100 arguments") end
      for i = 1, more do list[count + i] = items[i] end
      count = count + more
    end
    if m > 0 or named_rest then
      kwargs = {}
      for i = 1, m do
        if kwargs[names[i]] ~= nil then fail("runtime", ("the argument '%s' is given twice"):format(names[i])) end
        kwargs[names[i]] = named[i](st, scope)
      end
    end
    if named_rest then
      local map = named_rest(st, scope)
      if values.kind(map) ~= "dict" then fail("runtime",
        ("'**' needs a map, not '%s'"):format(values.type_name(map))) end
      local keys, more = values.keys(map)
      for i = 1, more do
        if type(keys[i]) ~= "string" then fail("runtime", "'**' needs a map with names as keys") end
        kwargs[keys[i]] = map[keys[i]]
      end
    end
    return list, count, kwargs
  end
end

-- A call; `extra(st, scope)`, if given, adds named arguments (the caller of a call block).
function expressions.compile_call(node, extra)
  local callee, get_arguments, pos = node.value, compile_arguments(node.args), node.value.pos
  local function evaluate_arguments(st, scope)
    local args, n, kwargs = get_arguments(st, scope)
    if extra then
      kwargs = kwargs or {}
      kwargs.caller = extra(st, scope)
    end
    st.pos = pos
    return args, n, kwargs
  end
  if callee.type == "attribute" then
    local get, name, path = compile(callee.value), callee.name, path_of(callee)
    return function(st, scope)
      local value = get(st, scope)
      local args, n, kwargs = evaluate_arguments(st, scope)
      return access.call_method(value, name, args, n, kwargs, path, pos)
    end
  end
  local get, path = compile(callee), path_of(callee)
  return function(st, scope)
    local value = get(st, scope)
    local args, n, kwargs = evaluate_arguments(st, scope)
    return access.call(value, args, n, kwargs, path)
  end
end
compilers.call = expressions.compile_call

local function find(kind, table_of, node)
  local spec = table_of[node.name]
  if spec then return spec end
  local nearest = values.nearest(node.name, { table_of })
  fail("syntax", ("there is no %s named '%s'%s"):format(kind, node.name, nearest
    and (" (did you mean '%s'?)"):format(nearest) or ""),
    node.pos)
end

-- A filter without its value: f(st, scope, value).
function expressions.compile_filter(node)
  local spec, name, pos = find("filter", filters, node), node.name, node.pos
  local get_arguments = compile_arguments(node.args)
  return function(st, scope, value)
    local args, n, kwargs = get_arguments(st, scope)
    st.pos = pos
    return arguments.call(spec, name, value, args, n, kwargs)
  end
end

function compilers.filter(node)
  local get, apply = compile(node.value), expressions.compile_filter(node)
  return function(st, scope)
    return apply(st, scope, get(st, scope))
  end
end

function compilers.test(node)
  local get, spec, name, pos = compile(node.value), find("test", tests, node), node.name, node.pos
  local get_arguments = compile_arguments(node.args)
  return function(st, scope)
    local value = get(st, scope)
    local args, n, kwargs = get_arguments(st, scope)
    st.pos = pos
    local result = arguments.call(spec, name, value, args, n, kwargs)
    return truth(result)
  end
end

-- ---- operators ----
compilers["if_expression"] = function(node)
  local test, yes, no = compile(node.test), compile(node.yes), node.no and compile(node.no)
  local pos = node.pos
  return function(st, scope)
    local result = test(st, scope)
    st.pos = pos
    if truth(result) then return yes(st, scope) end
    if no then return no(st, scope) end
    -- Nothing, even where undefined names are errors: so does Jinja2.
    return values.nothing("the condition is false and there is no 'else'", true)
  end
end

compilers["and"] = function(node)
  local left, right, pos = compile(node.left), compile(node.right), node.pos
  return function(st, scope)
    local value = left(st, scope)
    st.pos = pos
    if truth(value) then return right(st, scope) end
    return value
  end
end

compilers["or"] = function(node)
  local left, right, pos = compile(node.left), compile(node.right), node.pos
  return function(st, scope)
    local value = left(st, scope)
    st.pos = pos
    if truth(value) then return value end
    return right(st, scope)
  end
end

compilers["not"] = function(node)
  local get, pos = compile(node.value), node.pos
  return function(st, scope)
    local value = get(st, scope)
    st.pos = pos
    return not truth(value)
  end
end

local COMPARE = {
  ["=="] = values.equal,
  ["!="] = function(a, b) return not values.equal(a, b) end,
  ["<"] = values.less,
  ["<="] = values.less_or_equal,
  [">"] = function(a, b) return values.less(b, a) end,
  [">="] = function(a, b) return values.less_or_equal(b, a) end,
  ["in"] = function(a, b) return values.contains(b, a) end,
  ["not in"] = function(a, b) return not values.contains(b, a) end,
}

function compilers.compare(node)
  local first, operations, operands, positions = compile(node.value), {}, {}, {}
  for i, link in ipairs(node.chain) do
    operations[i], operands[i], positions[i] = COMPARE[link.operator], compile(link.value), link.pos
  end
  return function(st, scope)
    local left = first(st, scope)
    for i = 1, #operations do
      local right = operands[i](st, scope)
      st.pos = positions[i]
      if not operations[i](left, right) then return false end
      left = right
    end
    return true
  end
end

local function repeat_list(list, times, make)
  local n, result = #list, {}
  if n == 0 or times <= 0 then return make(result) end
  state.step((n + 0.0) * times) -- as a float: the product of two ints may wrap
  for i = 0, times - 1 do
    for j = 1, n do result[i * n + j] = list[j] end
  end
  return make(result)
end

local function joined(a, b, make)
  local n, result = #a, {}
  state.step(n + #b)
  for i = 1, n do result[i] = a[i] end
  for i = 1, #b do result[n + i] = b[i] end
  return make(result)
end

local function makers(kind) return kind == "tuple" and values.tuple or values.list end

-- What + * and % do with texts and lists; nil when they do nothing with them.
local SPECIAL = {
  ["+"] = function(a, b, kind, other)
    if kind == "str" and other == "str" then
      state.room(#a + #b)
      return a .. b
    end
    if kind == other and values.is_sequence[kind] then return joined(a, b, makers(kind)) end
  end,
  ["*"] = function(a, b, kind, other)
    if other == "str" or values.is_sequence[other] then a, b, kind, other = b, a, other, kind end
    if other ~= "int" and other ~= "bool" then return nil end
    local times = numbers.raw(b)
    if kind == "str" then return text.repeated(a, times) end
    if values.is_sequence[kind] then return repeat_list(a, times, makers(kind)) end
  end,
  ["%"] = function(a, b, kind)
    if kind == "str" then return format.percent(a, b) end
  end,
}

function compilers.binary(node)
  local operator, left, right, pos = node.operator, compile(node.left), compile(node.right), node.pos
  local arithmetic, special = numbers.arithmetic, SPECIAL[node.operator]
  return function(st, scope)
    local a, b = left(st, scope), right(st, scope)
    st.pos = pos
    local result = arithmetic(operator, a, b)
    if result ~= nil then return result end
    local kind, other = values.kind(a), values.kind(b)
    if kind == "undefined" then values.undefined_error(a) end
    if other == "undefined" then values.undefined_error(b) end
    result = special and special(a, b, kind, other)
    if result ~= nil then return result end
    fail("runtime", ("'%s' cannot be used between '%s' and '%s'"):format(operator, values.type_name(a),
      values.type_name(b)))
  end
end

local function sign_compiler(operator)
  return function(node)
    local get, pos = compile(node.value), node.pos
    return function(st, scope)
      local value = get(st, scope)
      st.pos = pos
      local result
      if operator == "-" then result = numbers.negate(value) else result = numbers.raw(value) and value end
      if type(result) == "boolean" then return result and 1 or 0 end
      if result ~= nil then return result end
      if values.is_undefined(value) then values.undefined_error(value) end
      fail("runtime", ("'%s' needs a number, not '%s'"):format(operator, values.type_name(value)))
    end
  end
end
compilers.negative, compilers.positive = sign_compiler "-", sign_compiler "+"

function compilers.concat(node)
  local items, pos = {}, node.pos
  for i, item in ipairs(node.items) do items[i] = compile(item) end
  return function(st, scope)
    local parts, size = {}, 0
    for i = 1, #items do
      local value = items[i](st, scope)
      st.pos = pos
      parts[i] = to_text(value)
      size = size + #parts[i]
    end
    state.room(size)
    return table.concat(parts)
  end
end

return expressions
