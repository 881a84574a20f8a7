-- Puts the arguments of a call ("3, reverse=true") in the order a built-in's Lua function takes them. A built-in is
-- {params = names, fn = fn(self, a, b, …)} or {raw = fn(self, args, n, kwargs)}; a plain Lua function of a script gets
-- the positional arguments and, if there are any, the named ones in a final table, all as plain Lua values. Invariant:
-- a built-in never sees an argument it does not name.
local state = require "lunapod.template.state"
local values = require "lunapod.template.values"

local arguments = {}

local unpack = table.unpack or unpack -- luacheck: ignore 143 113
local fail = state.fail

-- A built-in with named parameters, up to four besides the value it works on. options.keep_none: None is a value and
-- not the same as "not given"; options.required: how many must be given.
function arguments.builtin(params, fn, options)
  return { params = params, fn = fn, keep_none = options and options.keep_none, required = options and options.required
    or 0 }
end

function arguments.raw(fn)
  return { raw = fn }
end

local function given(spec, value, null)
  if not spec.keep_none and rawequal(value, null) then return nil end
  return value
end

local function call_builtin(spec, name, self, args, n, kwargs)
  local params = spec.params
  if n > #params then
    fail("runtime", ("'%s' takes at most %d arguments, %d were given"):format(name, #params, n))
  end
  local null = state.current().null
  local bound = {}
  for i = 1, n do bound[i] = given(spec, args[i], null) end
  if kwargs then
    for key, value in next, kwargs do
      local index
      for i = 1, #params do
        if params[i] == key then index = i end
      end
      if not index then fail("runtime", ("'%s' has no argument named '%s'"):format(name, key)) end
      if index <= n then fail("runtime", ("'%s' is given its argument '%s' twice"):format(name, key)) end
      bound[index] = given(spec, value, null)
    end
  end
  for i = 1, spec.required do
    if bound[i] == nil then fail("runtime", ("'%s' needs its argument '%s'"):format(name, params[i])) end
  end
  return spec.fn(self, bound[1], bound[2], bound[3], bound[4])
end

-- Calls a function of a script. first: a value to go before the arguments (a filter's), or nil.
function arguments.call_function(fn, name, first, args, n, kwargs)
  local list, count = {}, 0
  if first ~= nil then list[1], count = values.plain(first), 1 end
  for i = 1, n do list[count + i] = values.plain(args[i]) end
  count = count + n
  if kwargs and next(kwargs) ~= nil then
    local named = {}
    for key, value in next, kwargs do named[key] = values.plain(value) end
    count = count + 1
    list[count] = named
  end
  local st = state.current()
  state.down()
  local ok, result = pcall(fn, unpack(list, 1, count)) -- bare pcall: functions in templates never wait
  state.up()
  state.enter(st)
  if not ok then
    fail("runtime", ("'%s' failed: %s"):format(name, tostring(result)), nil, result)
  end
  if result == nil then return st.null end
  return result
end

-- Calls a filter, test or method: a built-in or a script's function. Long texts count as more than one step.
function arguments.call(spec, name, self, args, n, kwargs)
  state.step(type(self) == "string" and #self > 64 and 1 + math.floor(#self / 64) or 1)
  local result
  if type(spec) == "function" then
    result = arguments.call_function(spec, name, self, args, n, kwargs)
  elseif spec.raw then
    result = spec.raw(self, args, n, kwargs)
  else
    result = call_builtin(spec, name, self, args, n, kwargs)
  end
  if type(result) == "string" and #result > 64 then state.room(#result) end
  return result
end

return arguments
