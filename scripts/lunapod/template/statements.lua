-- Statement nodes to Lua closures: f(st, scope), which append to st.out. Makes loops, macros, scopes and captured text.
-- Leaves expressions to expressions.lua. Invariant: every pass of a loop and every body counts steps, and every piece
-- of output counts against the limit before it is kept.
local state = require "lunapod.template.state"
local values = require "lunapod.template.values"
local expressions = require "lunapod.template.expressions"

local statements = {}

local fail = state.fail
local concat, floor = table.concat, math.floor
local compile_expression = expressions.compile
local compilers = {}

local function emit(st, piece)
  local size = #piece
  local n = st.n + 1
  st.n = n
  st.out[n] = piece
  size = st.size + size
  st.size = size
  if size > st.max_output then state.room(size) end
end

-- Runs a body and returns what it wrote.
local function capture(st, body, scope)
  local out, n, size = st.out, st.n, st.size
  st.out, st.n, st.size = {}, 0, 0
  body(st, scope)
  local captured = concat(st.out, "", 1, st.n)
  if st.size > 64 then state.step(floor(st.size / 64)) end
  st.out, st.n, st.size = out, n, size
  return captured
end

-- A body without a scope of its own.
local function compile_body(nodes)
  local parts = {}
  for i, node in ipairs(nodes) do parts[i] = compilers[node.type](node) end
  local count = #parts
  if count == 0 then return function() end end
  return function(st, scope)
    local left = st.steps - count
    st.steps = left
    if left < 0 then state.step(0) end
    for i = 1, count do parts[i](st, scope) end
  end
end
statements.compile_body = compile_body

function compilers.data(node)
  local piece = node.text
  return function(st) emit(st, piece) end
end

function compilers.print(node)
  local get, pos = compile_expression(node.value), node.pos
  return function(st, scope)
    local value = get(st, scope)
    if type(value) ~= "string" then
      st.pos = pos
      value = values.text(value)
    elseif #value > 64 then
      state.step(floor(#value / 64))
    end
    emit(st, value)
  end
end

compilers["if"] = function(node)
  local tests, bodies, positions = {}, {}, {}
  for i, branch in ipairs(node.branches) do
    tests[i], bodies[i], positions[i] = compile_expression(branch.test), compile_body(branch.body), branch.test.pos
  end
  local otherwise = node.otherwise and compile_body(node.otherwise)
  return function(st, scope)
    for i = 1, #tests do
      local value = tests[i](st, scope)
      st.pos = positions[i]
      if values.truth(value) then return bodies[i](st, scope) end
    end
    if otherwise then otherwise(st, scope) end
  end
end

-- ---- assignment ----
local function find_namespace(st, scope, name)
  local at = scope
  repeat
    if at[name] ~= nil then return at[name] end
    at = at[1]
  until not at
  return st.context[name]
end

-- assign(st, scope, value): stores into a target, unpacking a list where there are several.
local function compile_target(target)
  local name, pos = target.name, target.pos
  if target.namespace then
    local namespace = target.namespace
    return function(st, scope, value)
      local object = find_namespace(st, scope, namespace)
      st.pos = pos
      if type(object) ~= "table" or getmetatable(object) ~= values.Object or not object.set then
        fail("runtime", ("'%s' is not a namespace(), so its attributes cannot be set"):format(namespace))
      end
      object.set(name, value)
    end
  elseif name then
    return function(_, scope, value) scope[name] = value end
  end
  local targets = {}
  for i, part in ipairs(target.targets) do targets[i] = compile_target(part) end
  local count = #targets
  return function(st, scope, value)
    st.pos = pos
    local items, n = values.items(value)
    if n ~= count then fail("runtime", ("%d names are given %d values"):format(count, n)) end
    for i = 1, count do targets[i](st, scope, items[i]) end
  end
end

function compilers.set(node)
  local assign, get = compile_target(node.target), compile_expression(node.value)
  return function(st, scope) assign(st, scope, get(st, scope)) end
end

local function compile_filters(nodes)
  local list = {}
  for i, node in ipairs(nodes) do list[i] = expressions.compile_filter(node) end
  return function(st, scope, value)
    for i = 1, #list do value = list[i](st, scope, value) end
    return value
  end
end

function compilers.set_block(node)
  local assign, apply, body = compile_target(node.target), compile_filters(node.filters), compile_body(node.body)
  return function(st, scope)
    assign(st, scope, apply(st, scope, capture(st, body, { scope })))
  end
end

function compilers.filter_block(node)
  local apply, body, pos = compile_filters(node.filters), compile_body(node.body), node.pos
  return function(st, scope)
    local value = apply(st, scope, capture(st, body, { scope }))
    st.pos = pos
    emit(st, values.text(value))
  end
end

compilers["with"] = function(node)
  local assigns, gets = {}, {}
  for i, target in ipairs(node.targets) do
    assigns[i], gets[i] = compile_target(target.target), compile_expression(target.value)
  end
  local body = compile_body(node.body)
  return function(st, scope)
    local inner = { scope }
    for i = 1, #gets do assigns[i](st, inner, gets[i](st, scope)) end
    body(st, inner)
  end
end

-- ---- for ----
local LOOP = {
  index = function(loop) return loop.at end,
  index0 = function(loop) return loop.at - 1 end,
  revindex = function(loop) return loop.count - loop.at + 1 end,
  revindex0 = function(loop) return loop.count - loop.at end,
  first = function(loop) return loop.at == 1 end,
  last = function(loop) return loop.at == loop.count end,
  length = function(loop) return loop.count end,
  depth = function(loop) return loop.level + 1 end,
  depth0 = function(loop) return loop.level end,
  previtem = function(loop) return loop.items[loop.at - 1] end,
  nextitem = function(loop) return loop.items[loop.at + 1] end,
  cycle = function(loop)
    return values.callable(function(args, n)
      if n == 0 then fail("runtime", "'loop.cycle' needs at least one item") end
      return args[(loop.at - 1) % n + 1]
    end, "cycle")
  end,
  changed = function(loop)
    return values.callable(function(args, n)
      local now = {}
      for i = 1, n do now[i] = args[i] end
      now = values.list(now)
      local before = loop.seen
      if before ~= nil and values.equal(before, now) then return false end
      loop.seen = now
      return true
    end, "changed")
  end,
}

local function new_loop(items, count, level)
  local loop = { items = items, count = count, level = level, at = 0 }
  function loop.get(name)
    local read = LOOP[name]
    if read then return read(loop) end
  end
  return setmetatable(loop, values.Object)
end

-- The items that pass the test of "for … if …".
local function filtered(st, scope, assign, test, items, count)
  local kept, n = {}, 0
  for i = 1, count do
    local inner = { scope }
    assign(st, inner, items[i])
    if values.truth(test(st, inner)) then
      n = n + 1
      kept[n] = items[i]
    end
  end
  return kept, n
end

compilers["for"] = function(node)
  local get_items, assign = compile_expression(node.items), compile_target(node.target)
  local test, body = node.test and compile_expression(node.test), compile_body(node.body)
  local otherwise = node.otherwise and compile_body(node.otherwise)
  local pos, recursive = node.items.pos, node.recursive

  local function run(st, scope, value, level)
    st.pos = pos
    local items, count = values.items(value)
    if test then items, count = filtered(st, scope, assign, test, items, count) end
    if count == 0 then
      if otherwise then otherwise(st, { scope }) end
      return
    end
    local loop = new_loop(items, count, level)
    if recursive then
      loop.call = function(args, n)
        if n ~= 1 then fail("runtime", "'loop' takes one argument: the items of the next level") end
        state.down()
        local written = capture(st, function() run(st, scope, args[1], level + 1) end)
        state.up()
        return written
      end
    end
    for i = 1, count do
      loop.at = i
      local inner = { scope, loop = loop }
      assign(st, inner, items[i])
      body(st, inner)
    end
  end

  return function(st, scope)
    run(st, scope, get_items(st, scope), 0)
  end
end

-- ---- macros ----
local SPECIAL = { varargs = true, kwargs = true, caller = true }

-- Which of varargs, kwargs and caller a macro's body uses.
local function special_names(tree, found)
  if tree.type == "name" and SPECIAL[tree.name] then found[tree.name] = true end
  for _, part in pairs(tree) do
    if type(part) == "table" and getmetatable(part) == nil then special_names(part, found) end
  end
  return found
end

local function take_named(kwargs, name)
  local value = kwargs[name]
  kwargs[name] = nil
  return value
end

-- make(scope) → the callable, whose body sees that scope.
local function compile_macro(name, parameters, body_nodes)
  local body, used = compile_body(body_nodes), special_names({ body_nodes, parameters }, {})
  local names, defaults = {}, {}
  for i, parameter in ipairs(parameters) do
    names[i], defaults[i] = parameter.name, parameter.default and compile_expression(parameter.default)
    used[parameter.name] = nil
  end

  local function bind(st, scope, args, n, kwargs)
    for i, parameter in ipairs(names) do
      local value = take_named(kwargs, parameter)
      if i <= n then
        if value ~= nil then fail("runtime", ("the macro '%s' is given '%s' twice"):format(name, parameter)) end
        value = args[i]
      end
      if value == nil and defaults[i] then value = defaults[i](st, scope) end
      if value == nil then
        value = values.nothing(("the macro '%s' is not given its argument '%s'"):format(name, parameter))
      end
      scope[parameter] = value
    end
    if used.varargs then
      local rest = {}
      for i = #names + 1, n do rest[#rest + 1] = args[i] end
      scope.varargs = values.tuple(rest)
    elseif n > #names then
      fail("runtime", ("the macro '%s' takes at most %d arguments, %d were given"):format(name, #names, n))
    end
    if used.caller then
      scope.caller = take_named(kwargs, "caller") or values.nothing(("the macro '%s' has no caller here"):format(name))
    end
    if used.kwargs then
      scope.kwargs = values.dict(kwargs)
    elseif next(kwargs) ~= nil then
      fail("runtime", ("the macro '%s' has no argument '%s'"):format(name, (next(kwargs))))
    end
  end

  return function(defined_in)
    local attributes = { name = name, catch_kwargs = used.kwargs == true, catch_varargs = used.varargs == true,
      caller = used.caller == true, arguments = values.tuple(names) }
    local macro = values.callable(function(args, n, kwargs)
      local st, scope = state.current(), { defined_in }
      state.down()
      local named = {}
      for key, value in next, kwargs or {} do named[key] = value end
      bind(st, scope, args, n, named)
      local written = capture(st, body, scope)
      state.up()
      return written
    end, name)
    macro.attributes = attributes
    return macro
  end
end

function compilers.macro(node)
  local name, make = node.name, compile_macro(node.name, node.parameters, node.body)
  return function(_, scope) scope[name] = make(scope) end
end

function compilers.call_block(node)
  local make = compile_macro("caller", node.parameters, node.body)
  local call = expressions.compile_call(node.call, function(_, scope) return make(scope) end)
  local pos = node.pos
  return function(st, scope)
    local value = call(st, scope)
    st.pos = pos
    emit(st, values.text(value))
  end
end

return statements
