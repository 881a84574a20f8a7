-- The names every template has: range, dict, namespace, cycler, joiner (Jinja2's, without lipsum).
-- A name of the context hides one of these. Invariant: what they make belongs to the one rendering that made it.
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local values = require "lunapod.template.values"

local globals = {}

local fail = state.fail
local callable = values.callable

local function int(value)
  local x, is_int = numbers.raw(value)
  if is_int then return x end
  if values.is_undefined(value) then values.undefined_error(value) end
  fail("runtime", ("'range' needs ints, not '%s'"):format(values.type_name(value)))
end

local function no_named(name, kwargs)
  if kwargs and next(kwargs) ~= nil then fail("runtime", ("'%s' takes no named arguments"):format(name)) end
end

globals.range = callable(function(args, n, kwargs)
  no_named("range", kwargs)
  if n < 1 or n > 3 then fail("runtime", "'range' takes 1 to 3 arguments") end
  if n == 1 then return values.range(0, int(args[1]), 1) end
  return values.range(int(args[1]), int(args[2]), n == 3 and int(args[3]) or 1)
end, "range")

-- A new map from a map or a list of pairs, and named arguments.
local function make_map(name, args, n, kwargs)
  if n > 1 then fail("runtime", ("'%s' takes one positional argument"):format(name)) end
  local map = {}
  if n == 1 then
    local source = args[1]
    local items, count = values.items(source)
    local is_dict = values.kind(source) == "dict"
    for i = 1, count do
      if is_dict then
        map[items[i]] = source[items[i]]
      else
        local pair, size = values.items(items[i])
        if size ~= 2 then fail("runtime", ("'%s' needs pairs"):format(name)) end
        map[values.key(pair[1])] = pair[2]
      end
    end
  end
  for key, value in next, kwargs or {} do map[key] = value end
  return map
end

globals.dict = callable(function(args, n, kwargs)
  return values.dict(make_map("dict", args, n, kwargs))
end, "dict")

-- An object whose attributes a template may set: {% set ns.count = ns.count + 1 %}.
globals.namespace = callable(function(args, n, kwargs)
  local fields = make_map("namespace", args, n, kwargs)
  return setmetatable({
    get = function(name) return fields[name] end,
    set = function(name, value) fields[name] = value end,
  }, values.Object)
end, "namespace")

globals.cycler = callable(function(args, n, kwargs)
  no_named("cycler", kwargs)
  if n == 0 then fail("runtime", "'cycler' needs at least one item") end
  local at = 1
  local methods = {
    next = callable(function()
      local item = args[at]
      at = at % n + 1
      return item
    end, "next"),
    reset = callable(function()
      at = 1
      return state.current().null
    end, "reset"),
  }
  return setmetatable({
    get = function(name)
      if name == "current" then return args[at] end
      return methods[name]
    end,
  }, values.Object)
end, "cycler")

globals.joiner = callable(function(args, n, kwargs)
  local between = kwargs and kwargs.sep or n > 0 and args[1] or ", "
  local used = false
  return callable(function()
    if used then return between end
    used = true
    return ""
  end, "joiner")
end, "joiner")

return globals
