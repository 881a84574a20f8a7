-- Attributes, indexes, slices and calls: what a template reaches from a value, and what it does not (TPL-9). Tables are
-- read with an ordinary index, so that a lazy table of the context works; metatables, "__" names, Lua's own string
-- functions and userdata are out of reach. Leaves the methods themselves to methods.lua. Invariant: nothing here writes
-- to a value.
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local text = require "lunapod.template.text"
local values = require "lunapod.template.values"
local arguments = require "lunapod.template.arguments"
local methods = require "lunapod.template.methods"

local access = {}

local fail = state.fail
local undefined = values.undefined

local function reserved(name)
  return type(name) == "string" and name:find("^__")
end

local function bound_method(value, kind, name)
  local method = methods.find(kind, name)
  if not method then return nil end
  return values.callable(function(args, n, kwargs)
    return arguments.call(method, name, value, args, n, kwargs)
  end, name)
end


local function list_item(value, key)
  local n = #value
  local index = numbers.plain(key)
  if type(index) == "boolean" then index = index and 1 or 0 end
  if index < 0 then index = index + n end
  if index < 0 or index >= n then return nil end
  return value[index + 1]
end

-- value[key] without falling back to attributes; nil when there is none.
local function item(value, kind, key)
  local key_kind = values.kind(key)
  local is_index = key_kind == "int" or key_kind == "bool"
  if kind == "dict" then
    if key_kind == "list" or key_kind == "dict" or key_kind == "tuple" then return nil end
    return value[values.key(key)]
  elseif values.is_sequence[kind] then
    if is_index then return list_item(value, key) end
  elseif kind == "str" and is_index then
    local n = text.length(value)
    local index = numbers.plain(key)
    if index == true or index == false then index = index and 1 or 0 end
    if index < 0 then index = index + n end
    if index < 0 or index >= n then return nil end
    return text.slice(value, index + 1, index + 1)
  end
end

-- An attribute that is not an item: a method, or what an object of the template offers.
local function attribute(value, kind, name)
  if kind == "object" then
    if type(value) == "table" and value.get then return value.get(name) end
  elseif kind == "tuple" then
    return rawget(value, name)
  elseif kind == "function" and type(value) == "table" then
    return value.attributes and value.attributes[name]
  end
end

-- What is missing: under the path the template wrote, or without a name where that was computed and may be a value
-- (TPL-5).
local function missing(path, value, kind, pos)
  if not path then return values.nothing("the value has no such attribute or item") end
  return undefined(path, kind == "dict" and value or nil, pos)
end

-- value.name. path: how the template wrote the whole; pos: where. Both are for the error of what is missing.
function access.attribute(value, name, path, pos)
  if type(value) == "table" and getmetatable(value) == nil and not reserved(name) then
    local found = value[name]
    if found ~= nil then return found end
  end
  local kind = values.kind(value)
  if kind == "undefined" then values.undefined_error(value) end
  local found
  if not reserved(name) then
    found = attribute(value, kind, name)
    if found == nil then found = item(value, kind, name) end
    if found == nil then found = bound_method(value, kind, name) end
  end
  if found == nil then return missing(path, value, kind, pos) end
  return found
end

-- value[key]
function access.item(value, key, path, pos)
  local kind = values.kind(value)
  if kind == "undefined" then values.undefined_error(value) end
  local found
  if values.is_undefined(key) and values.lenient(key) then return missing(path, nil, nil, pos) end
  if not reserved(key) then
    found = item(value, kind, key)
    if found == nil and type(key) == "string" then
      found = attribute(value, kind, key)
      if found == nil then found = bound_method(value, kind, key) end
    end
  end
  if found == nil then return missing(path, value, kind, pos) end
  return found
end

-- "a.b.0" as filters take it: a function that follows it from a value. default: what stands in for what is missing
-- (nil: undefined).
function access.getter(path, default)
  local steps = {}
  if type(path) == "string" then
    for part in (path .. "."):gmatch("([^.]*)%.") do
      steps[#steps + 1] = part:find("^%d+$") and numbers.from_digits(part) or part
    end
  else
    steps[1] = path
  end
  return function(value)
    for i = 1, #steps do
      value = access.item(value, steps[i])
      if default ~= nil and values.is_undefined(value) then value = default end
    end
    return value
  end
end

local function bound(value, default)
  if value == nil or values.kind(value) == "none" then return default end
  local x, is_int = numbers.raw(value)
  if not is_int then fail("runtime", ("a slice needs ints, not '%s'"):format(values.type_name(value))) end
  return x
end

-- value[start:stop:jump], each nil when not given.
function access.slice(value, start, stop, jump, path, pos)
  local kind = values.kind(value)
  if kind == "undefined" then values.undefined_error(value) end
  local list, n
  if kind == "str" then
    list, n = text.chars(value)
  elseif values.is_sequence[kind] then
    list, n = value, #value
  else
    return missing(path, nil, nil, pos)
  end
  jump = bound(jump, 1)
  if jump == 0 then fail("runtime", "a slice cannot have step 0") end
  local lowest, highest = jump > 0 and 0 or -1, jump > 0 and n or n - 1
  local function clip(position, default)
    position = bound(position, default)
    if position == default then return default end
    if position < 0 then position = position + n end
    return math.max(lowest, math.min(highest, position))
  end
  local first = start == nil and (jump > 0 and 0 or n - 1) or clip(start, jump > 0 and 0 or n - 1)
  local last = stop == nil and (jump > 0 and n or -1) or clip(stop, nil) or (jump > 0 and n or -1)
  local result = {}
  for i = first, jump > 0 and last - 1 or last + 1, jump do
    result[#result + 1] = list[i + 1]
  end
  state.step(#result)
  if kind == "str" then return table.concat(result) end
  return kind == "tuple" and values.tuple(result) or values.list(result)
end

-- callee(args…); path: how the template wrote it.
function access.call(callee, args, n, kwargs, path)
  state.step(1)
  if type(callee) == "function" then
    return arguments.call_function(callee, path or "function", nil, args, n, kwargs)
  end
  local kind = values.kind(callee)
  if kind == "undefined" then values.undefined_error(callee) end
  if type(callee) == "table" and callee.call and (getmetatable(callee) == values.Callable
    or getmetatable(callee) == values.Object) then
    return callee.call(args, n, kwargs)
  end
  fail("runtime", ("%s of type '%s' cannot be called"):format(path and "'" .. path .. "'" or "a value",
    values.type_name(callee)))
end

-- value.name(args…): methods come before keys of a map, as in Jinja2, unless the key holds a function.
function access.call_method(value, name, args, n, kwargs, path, pos)
  local kind = values.kind(value)
  if reserved(name) then kind = nil end
  if kind == "dict" then
    local own = value[name]
    if type(own) == "function" then
      state.step(1)
      return arguments.call_function(own, path or name, nil, args, n, kwargs)
    end
  end
  local method = kind and methods.find(kind, name)
  if method then
    return arguments.call(method, name, value, args, n, kwargs)
  end
  local callee = access.attribute(value, name, path, pos)
  return access.call(callee, args, n, kwargs, path)
end

return access
