-- The filters that take or give lists and maps: join, map, select, sort, groupby, batch … Where Jinja2 gives a
-- generator (map, select, batch …) these give a list, which can be printed and counted. Leaves the other filters to
-- filters.lua. Invariant: sorting is stable, and text is compared without case unless asked.
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local text = require "lunapod.template.text"
local values = require "lunapod.template.values"
local access = require "lunapod.template.access"
local arguments = require "lunapod.template.arguments"
local tests = require "lunapod.template.tests"

local filters = {}

local fail = state.fail
local builtin, raw = arguments.builtin, arguments.raw
local list = values.list

local function given(flag)
  return flag ~= nil and values.truth(flag)
end

local function int(value, name)
  local x, is_int = numbers.raw(value)
  if is_int then return x end
  fail("runtime", ("'%s' needs an int, not '%s'"):format(name, values.type_name(value)))
end

local function fold(value)
  if type(value) ~= "string" then return value end
  if #value > 64 then state.step(math.floor(#value / 64)) end
  return text.lower(value)
end

-- The key a filter compares by: an attribute (or several, "a,b", where `several`), without case unless `sensitive`.
local function key_function(attribute, sensitive, several, default)
  local function finish(value)
    if given(sensitive) then return value end
    return fold(value)
  end
  if attribute == nil then return finish end
  if several and type(attribute) == "string" and attribute:find(",", 1, true) then
    local getters = {}
    for i, part in ipairs(text.split(attribute, ",")) do getters[i] = access.getter(part, default) end
    return function(value)
      local keys = {}
      for i = 1, #getters do keys[i] = finish(getters[i](value)) end
      return list(keys)
    end
  end
  local get = access.getter(attribute, default)
  return function(value) return finish(get(value)) end
end

filters.list = builtin({}, function(value)
  local items, n = values.items(value)
  local copy = {}
  for i = 1, n do copy[i] = items[i] end
  return list(copy)
end)

filters.join = builtin({ "d", "attribute" }, function(value, between, attribute)
  local items, n = values.items(value)
  between = between and values.text(between) or ""
  local get = attribute ~= nil and access.getter(attribute)
  local parts, size = {}, 0
  for i = 1, n do
    parts[i] = values.text(get and get(items[i]) or not get and items[i])
    size = size + #parts[i] + #between
  end
  state.room(size)
  return table.concat(parts, between)
end)

local function end_of(which)
  return builtin({}, function(value)
    local items, n = values.items(value)
    local found = items[which == "first" and 1 or n]
    if found ~= nil then return found end
    return values.nothing(("there is no %s item: the list is empty"):format(which))
  end)
end
filters.first, filters.last = end_of "first", end_of "last"

filters.reverse = builtin({}, function(value)
  local items, n = values.items(value)
  local reversed = {}
  for i = 1, n do reversed[i] = items[n + 1 - i] end
  return type(value) == "string" and table.concat(reversed) or list(reversed)
end)

filters.sort = builtin({ "reverse", "case_sensitive", "attribute" }, function(value, reverse, sensitive, attribute)
  local items, n = values.items(value)
  return list(values.sort(items, n, key_function(attribute, sensitive, true), given(reverse)))
end)

filters.unique = builtin({ "case_sensitive", "attribute" }, function(value, sensitive, attribute)
  local items, n = values.items(value)
  local key = key_function(attribute, sensitive)
  local seen, others, result = {}, {}, {}
  for i = 1, n do
    local k = key(items[i])
    local known
    k = numbers.raw(k) or k
    if type(k) == "string" or type(k) == "number" then
      known = seen[k]
      seen[k] = true
    else
      for j = 1, #others do
        if values.equal(others[j], k) then known = true break end
      end
      if not known then others[#others + 1] = k end
    end
    if not known then result[#result + 1] = items[i] end
  end
  return list(result)
end)

local function extreme(name, better)
  return builtin({ "case_sensitive", "attribute" }, function(value, sensitive, attribute)
    local items, n = values.items(value)
    if n == 0 then return values.nothing(("there is no %s: the list is empty"):format(name)) end
    local key = key_function(attribute, sensitive)
    local best, best_key = items[1], key(items[1])
    for i = 2, n do
      local k = key(items[i])
      if better(k, best_key) then best, best_key = items[i], k end
    end
    return best
  end)
end
filters.min = extreme("min", values.less)
filters.max = extreme("max", function(a, b) return values.less(b, a) end)

filters.sum = builtin({ "attribute", "start" }, function(value, attribute, start)
  local items, n = values.items(value)
  local get = attribute ~= nil and access.getter(attribute)
  local total = start == nil and 0 or start
  for i = 1, n do
    local item = items[i]
    if get then item = get(item) end
    if values.is_undefined(item) then values.undefined_error(item) end
    local sum = numbers.arithmetic("+", total, item)
    if sum == nil then fail("runtime", ("'sum' needs numbers, not '%s'"):format(values.type_name(item))) end
    total = sum
  end
  return total
end)

filters.dictsort = builtin({ "case_sensitive", "by", "reverse" }, function(value, sensitive, by, reverse)
  if values.kind(value) ~= "dict" then
    if values.is_undefined(value) then values.undefined_error(value) end
    fail("runtime", ("'dictsort' needs a map, not '%s'"):format(values.type_name(value)))
  end
  if by ~= nil and by ~= "key" and by ~= "value" then fail("runtime", "'dictsort' sorts by 'key' or by 'value'") end
  local position = by == "value" and 2 or 1
  local items = require("lunapod.template.methods").pairs_of(value)
  return list(values.sort(items, #items, function(item)
    return given(sensitive) and item[position] or not given(sensitive) and fold(item[position])
  end, given(reverse)))
end)

filters.items = builtin({}, function(value)
  if values.is_undefined(value) then return list {} end -- even where undefined names are errors: so does Jinja2
  if values.kind(value) ~= "dict" then fail("runtime",
    ("'items' needs a map, not '%s'"):format(values.type_name(value))) end
  return list(require("lunapod.template.methods").pairs_of(value))
end)

filters.groupby = builtin({ "attribute", "default", "case_sensitive" }, function(value, attribute, default, sensitive)
  local items, n = values.items(value)
  local get = access.getter(attribute, default)
  local key = key_function(attribute, sensitive, false, default)
  local sorted = values.sort(items, n, key)
  local groups = {}
  local last_key
  for i = 1, n do
    local k = key(sorted[i])
    local group = groups[#groups]
    if not group or not values.equal(k, last_key) then
      local members = list {}
      group = values.tuple { get(sorted[i]), members }
      group.grouper, group.list = group[1], members
      groups[#groups + 1] = group
      last_key = k
    end
    group.list[#group.list + 1] = sorted[i]
  end
  return list(groups)
end, { required = 1 })

filters.batch = builtin({ "linecount", "fill_with" }, function(value, size, fill)
  local items, n = values.items(value)
  size = int(size, "batch")
  if size < 1 then fail("runtime", "'batch' needs a size of at least 1") end
  local rows = {}
  for i = 1, n do
    if (i - 1) % size == 0 then rows[#rows + 1] = list {} end
    local row = rows[#rows]
    row[#row + 1] = items[i]
  end
  if fill ~= nil and n > 0 then
    local row = rows[#rows]
    state.step(size - #row)
    for i = #row + 1, size do row[i] = fill end
  end
  return list(rows)
end, { required = 1 })

filters.slice = builtin({ "slices", "fill_with" }, function(value, slices, fill)
  local items, n = values.items(value)
  slices = int(slices, "slice")
  if slices < 1 then fail("runtime", "'slice' needs at least 1 slice") end
  state.step(slices)
  local size = math.floor(n / slices)
  local extra = n - size * slices
  local rows, at = {}, 0
  for i = 1, slices do
    local row = list {}
    for j = 1, size + (i <= extra and 1 or 0) do row[j] = items[at + j] end
    at = at + #row
    if fill ~= nil and i > extra then row[#row + 1] = fill end
    rows[i] = row
  end
  return list(rows)
end, { required = 1 })

-- ---- filters that apply a filter or test ----
-- args from the second on, for the filter or test that the first one names.
local function rest_of(args, n, from)
  local rest = {}
  for i = from, n do rest[i - from + 1] = args[i] end
  return rest, math.max(n - from + 1, 0)
end

filters.map = raw(function(value, args, n, kwargs)
  local items, count = values.items(value)
  local result = {}
  if n == 0 and kwargs and kwargs.attribute ~= nil then
    local get = access.getter(kwargs.attribute, kwargs.default)
    for key in next, kwargs do
      if key ~= "attribute" and key ~= "default" then fail("runtime",
        ("'map' has no argument named '%s'"):format(key)) end
    end
    for i = 1, count do result[i] = get(items[i]) end
    return list(result)
  end
  if n == 0 then fail("runtime", "'map' needs the name of a filter, or attribute=") end
  local name = args[1]
  local filter = type(name) == "string" and require("lunapod.template.filters")[name]
  if not filter then fail("runtime", "'map' finds no filter of the name that it is given") end
  local rest, more = rest_of(args, n, 2)
  for i = 1, count do result[i] = arguments.call(filter, name, items[i], rest, more, kwargs) end
  return list(result)
end)

local function selector(name, keep, by_attribute)
  return raw(function(value, args, n, kwargs)
    local items, count = values.items(value)
    local first = 1
    local get
    if by_attribute then
      if n == 0 then fail("runtime", ("'%s' needs the name of an attribute"):format(name)) end
      get, first = access.getter(args[1]), 2
    end
    local test_name, test = args[first], nil
    if test_name ~= nil then
      test = type(test_name) == "string" and tests[test_name]
      if not test then
        fail("runtime", ("'%s' finds no test of the name that it is given"):format(name))
      end
    end
    local rest, more = rest_of(args, n, first + 1)
    local result = {}
    for i = 1, count do
      local item = items[i]
      if get then item = get(item) end
      if test then item = arguments.call(test, test_name, item, rest, more, kwargs) end
      if values.truth(item) == keep then result[#result + 1] = items[i] end
    end
    return list(result)
  end)
end
filters.select, filters.reject = selector("select", true, false), selector("reject", false, false)
filters.selectattr, filters.rejectattr = selector("selectattr", true, true), selector("rejectattr", false, true)

return filters
