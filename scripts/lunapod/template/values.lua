-- What a value is to a template: its Python type, truth, text, equality, order, length and items.
-- Context tables are looked at, never changed; a table without a mark is a list when its keys are 1..n, else a map.
-- Leaves attributes, indexes and calls to access.lua, arithmetic on numbers to numbers.lua.
-- Invariant: everything that walks a value counts steps and depth, so that a shared or circular value cannot hang it.
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local text = require "lunapod.template.text"

local values = {}

local fail, step = state.fail, state.step
local concat = table.concat

-- None when the caller names no sentinel of its own.
values.none = setmetatable({}, { __tostring = function() return "None" end, __name = "lunapod.template.none" })

-- What marks the lists and maps that a template hands out (native values, arguments of functions). A host may put its
-- own here.
values.marks = { array = { __name = "lunapod.array", __jsontype = "array" },
  object = { __name = "lunapod.object", __jsontype = "object" } }

-- Metatables of the template's own values, and the kind each stands for.
local List, Tuple, Dict = { __name = "list" }, { __name = "tuple" }, { __name = "dict" }
local View, Range, Undefined = { __name = "view" }, { __name = "range" }, { __name = "undefined" }
local Callable, Object = { __name = "callable" }, { __name = "object" }
local KIND = {
  [List] = "list", [Tuple] = "tuple", [Dict] = "dict", [View] = "list", [Range] = "list", [Undefined] = "undefined",
  [Callable] = "function", [Object] = "object", [numbers.Float] = "float", [numbers.Big] = "int",
}
values.Undefined, values.Callable, values.Object = Undefined, Callable, Object

function values.list(items) return setmetatable(items or {}, List) end
function values.tuple(items) return setmetatable(items or {}, Tuple) end
function values.dict(items) return setmetatable(items or {}, Dict) end
-- A list that Python shows by another name: dict_items([...]).
function values.view(items, name)
  items.name = name
  return setmetatable(items, View)
end
function values.range(start, stop, jump)
  local items = {}
  if jump == 0 then fail("runtime", "range() step must not be zero") end
  local n = math.ceil(((stop + 0.0) - start) / jump)
  if n > 0 then step(n) end
  for i = 1, n do items[i] = start + (i - 1) * jump end
  items.start, items.stop, items.jump = start, stop, jump
  return setmetatable(items, Range)
end
-- A callable of the template's own: call(args, n, kwargs).
function values.callable(call, name)
  return setmetatable({ call = call, name = name }, Callable)
end
-- A name that has no value. path: how the template wrote it; from: the table it is missing in, if it was looked for in
-- one; lenient: usable as nothing even where undefined names are errors.
function values.undefined(path, from, pos, lenient)
  return setmetatable({ path = path, from = from, pos = pos, lenient = lenient }, Undefined)
end
-- An undefined value that never had a name; phrase says what is missing.
function values.nothing(phrase, lenient)
  return setmetatable({ path = "", phrase = phrase, pos = state.current().pos, lenient = lenient }, Undefined)
end

-- Is this unmarked or foreign-marked table a list? true, false, or nil for "look at the keys".
function values.is_list(value)
  local mt = getmetatable(value)
  if type(mt) == "table" then
    local mark = rawget(mt, "__jsontype") or rawget(mt, "__name")
    if mark == "array" or mark == "lunapod.array" then return true end
    if mark == "object" or mark == "lunapod.object" then return false end
  end
end

local function has_sequence_keys(value)
  local n = #value
  if n == 0 then return false end
  for key in next, value do
    if type(key) ~= "number" or key < 1 or key > n or key % 1 ~= 0 then return false end
  end
  return true
end

-- Found once a rendering for each table: a context does not change while one runs.
local function table_kind(value)
  local st = state.current()
  local kinds = st.kinds
  if not kinds then
    kinds = {}
    if st.context then st.kinds = kinds end
  end
  local kind = kinds[value]
  if not kind then
    local is_list = values.is_list(value)
    if is_list == nil then is_list = has_sequence_keys(value) end
    kind = is_list and "list" or "dict"
    kinds[value] = kind
  end
  return kind
end

-- Python's name of the value's type: str int float bool none list tuple dict undefined function object.
local function kind_of(value)
  local t = type(value)
  if t == "string" then return "str" end
  if t == "number" then return numbers.kind(value) end
  if t == "boolean" then return "bool" end
  if rawequal(value, state.current().null) then return "none" end
  if t == "table" then
    local mt = getmetatable(value)
    return mt and KIND[mt] or table_kind(value)
  end
  if t == "function" then return "function" end
  return "object"
end
values.kind = kind_of

local SEQUENCE = { list = true, tuple = true }
values.is_sequence = SEQUENCE

local NAMES = { none = "NoneType" }
-- For messages.
function values.type_name(value)
  local kind = kind_of(value)
  return NAMES[kind] or kind
end
local type_name = values.type_name

-- ---- undefined ----
local function similar(a, b)
  -- Edit distance with swapped neighbours, of short names only.
  local n, m = #a, #b
  if n > 40 or m > 40 or math.abs(n - m) > 3 then return 99 end
  local rows = { [0] = {} }
  for j = 0, m do rows[0][j] = j end
  for i = 1, n do
    local row = { [0] = i }
    for j = 1, m do
      local same = a:byte(i) == b:byte(j)
      local best = math.min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        best = math.min(best, rows[i - 2][j - 2] + 1)
      end
      row[j] = best
    end
    rows[i] = row
  end
  return rows[n][m]
end

-- The name among the string keys of the tables that is most like `name`; nil when none is near.
function values.nearest(name, tables)
  local best, least = nil, math.max(1, math.floor(#name / 3)) + 1
  local looked = 0
  for _, names in ipairs(tables) do
    for key in next, names do
      looked = looked + 1
      if looked > 500 then break end
      if type(key) == "string" and not key:find("^__") then
        local distance = similar(name, key)
        if distance < least or (distance == least and best and key < best) then best, least = key, distance end
      end
    end
  end
  return best
end

-- Raises "'params.txet' is undefined (did you mean 'params.text'?)".
function values.undefined_error(value)
  if value.phrase then fail("undefined", value.phrase, value.pos) end
  local hint = ""
  local before, name = value.path:match("^(.*%.)([^.]+)$")
  if not before then before, name = "", value.path end
  local tables = { value.from }
  local scope = value.scope
  while scope do
    tables[#tables + 1] = scope
    scope = scope[1]
  end
  local nearest = values.nearest(name, tables)
  if nearest then hint = (" (did you mean '%s%s'?)"):format(before, nearest) end
  fail("undefined", ("'%s' is undefined%s"):format(value.path, hint), value.pos)
end
local undefined_error = values.undefined_error

local function is_undefined(value)
  return type(value) == "table" and getmetatable(value) == Undefined
end
values.is_undefined = is_undefined

-- True for an undefined value that may be used as nothing; raises for one that may not.
local function lenient(value)
  if value.lenient or not state.current().strict then return true end
  undefined_error(value)
end
values.lenient = lenient

-- ---- truth, keys, items ----
function values.truth(value)
  if value == true or value == false then return value end
  local t = type(value)
  if t == "string" then return value ~= "" end
  if t == "number" then return value ~= 0 end
  local kind = kind_of(value)
  if kind == "none" then return false end
  if SEQUENCE[kind] then return value[1] ~= nil end
  if kind == "dict" then return next(value) ~= nil end
  if kind == "undefined" then return not lenient(value) end
  if kind == "float" then return value[1] ~= 0 end
  return true
end

-- Functions under metamethod names are the class of an object, not data.
local function hidden(key, value)
  return type(key) == "string" and key:find("^__") and (type(value) == "function" or key == "__index"
    or key == "__metatable")
end

local RANK = { number = 1, string = 2, boolean = 3 }
local function key_before(a, b)
  local ta, tb = type(a), type(b)
  if ta == tb and (ta == "string" or ta == "number") then return a < b end
  if ta ~= tb then return (RANK[ta] or 4) < (RANK[tb] or 4) end
  return ta == "boolean" and not a and b
end

-- The keys of a map, sorted.
function values.keys(map)
  local keys, n = {}, 0
  for key, value in next, map do
    if not hidden(key, value) then
      n = n + 1
      keys[n] = key
    end
  end
  step(n)
  table.sort(keys, key_before)
  return keys, n
end
local sorted_keys = values.keys

-- A value as a key of a map; raises for what cannot be one.
function values.key(value)
  local t = type(value)
  if t == "string" or t == "number" or t == "boolean" then return value end
  local kind = kind_of(value)
  if kind == "float" or kind == "int" then return numbers.plain(value) end
  if kind == "none" then return value end
  if kind == "undefined" then undefined_error(value) end
  fail("runtime", ("a '%s' cannot be the key of a map"):format(type_name(value)))
end

-- The items of a value that can be looped over, as an array not to be changed, and their number.
function values.items(value)
  local kind = kind_of(value)
  if SEQUENCE[kind] then
    local n = #value
    step(n)
    return value, n
  end
  if kind == "str" then return text.chars(value) end
  if kind == "dict" then return sorted_keys(value) end
  if kind == "undefined" and lenient(value) then return {}, 0 end
  fail("runtime", ("'%s' is not a list, map or text and cannot be looped over"):format(type_name(value)))
end

function values.length(value)
  local kind = kind_of(value)
  if kind == "str" then return text.length(value) end
  if SEQUENCE[kind] then return #value end
  if kind == "dict" then
    local _, n = sorted_keys(value)
    return n
  end
  if kind == "undefined" and lenient(value) then return 0 end
  fail("runtime", ("'%s' has no length"):format(type_name(value)))
end

-- ---- text ----
local function own_tostring(value)
  local mt = getmetatable(value)
  return type(mt) == "table" and rawget(mt, "__tostring")
end

local write

local function write_items(buffer, value, open, close)
  state.down()
  buffer[#buffer + 1] = open
  for i = 1, #value do
    if i > 1 then buffer[#buffer + 1] = ", " end
    write(buffer, value[i])
  end
  buffer[#buffer + 1] = close
  state.up()
end

local function write_dict(buffer, value)
  state.down()
  buffer[#buffer + 1] = "{"
  local keys, n = sorted_keys(value)
  for i = 1, n do
    if i > 1 then buffer[#buffer + 1] = ", " end
    write(buffer, keys[i])
    buffer[#buffer + 1] = ": "
    write(buffer, value[keys[i]])
  end
  buffer[#buffer + 1] = "}"
  state.up()
end

local function no_text(value)
  fail("runtime", kind_of(value) == "function" and "a function has no text; call it with ()"
    or ("a value of type '%s' has no text"):format(type_name(value)))
end

local function write_table(buffer, value)
  local mt = getmetatable(value)
  if mt == View then
    buffer[#buffer + 1] = value.name .. "("
    write_items(buffer, value, "[", "])")
  elseif mt == Range then
    local jump = value.jump ~= 1 and ", " .. numbers.text(value.jump) or ""
    buffer[#buffer + 1] = ("range(%s, %s%s)"):format(numbers.text(value.start), numbers.text(value.stop), jump)
  elseif mt == Tuple then
    write_items(buffer, value, "(", #value == 1 and ",)" or ")")
  elseif mt ~= nil and mt ~= Dict and mt ~= List and KIND[mt] then
    no_text(value)
  elseif kind_of(value) == "list" then
    write_items(buffer, value, "[", "]")
  elseif own_tostring(value) then
    buffer[#buffer + 1] = tostring(value)
  else
    write_dict(buffer, value)
  end
end

-- Appends repr(value).
function write(buffer, value)
  step(1)
  local kind = kind_of(value)
  if kind == "str" then
    state.room(#value)
    buffer[#buffer + 1] = text.repr(value)
  elseif kind == "int" or kind == "float" then
    buffer[#buffer + 1] = numbers.text(value)
  elseif kind == "bool" then
    buffer[#buffer + 1] = value and "True" or "False"
  elseif kind == "none" then
    buffer[#buffer + 1] = "None"
  elseif kind == "undefined" then
    lenient(value)
    buffer[#buffer + 1] = "Undefined"
  elseif type(value) == "table" then
    write_table(buffer, value)
  else
    no_text(value)
  end
end

function values.repr(value)
  local buffer = {}
  write(buffer, value)
  return concat(buffer)
end

-- The text a value has in the output.
function values.text(value)
  local t = type(value)
  if t == "string" then return value end
  if t == "number" then return numbers.text(value) end
  if is_undefined(value) then
    lenient(value)
    return ""
  end
  return values.repr(value)
end

-- ---- equality and order ----
local equal

local function equal_items(a, b)
  if #a ~= #b then return false end
  state.down()
  for i = 1, #a do
    if not equal(a[i], b[i]) then
      state.up()
      return false
    end
  end
  state.up()
  return true
end

local function equal_dicts(a, b)
  local keys, n = sorted_keys(a)
  local _, m = sorted_keys(b)
  if n ~= m then return false end
  state.down()
  for i = 1, n do
    local other = b[keys[i]]
    if other == nil or not equal(a[keys[i]], other) then
      state.up()
      return false
    end
  end
  state.up()
  return true
end

function equal(a, b)
  local ta, tb = type(a), type(b)
  if ta == tb and (ta == "string" or ta == "number" or ta == "boolean") then
    if ta == "string" and #a > 1000 then step(math.floor(#a / 64)) end
    return a == b
  end
  step(1)
  local kind, other = kind_of(a), kind_of(b)
  if kind == "undefined" or other == "undefined" then
    if kind == "undefined" then lenient(a) end
    if other == "undefined" then lenient(b) end
    return kind == other
  end
  local x, y = numbers.raw(a), numbers.raw(b)
  if x and y then
    if getmetatable(a) == numbers.Big and getmetatable(b) == numbers.Big then return a[1] == b[1] end
    return x == y
  end
  if kind ~= other then return false end
  if SEQUENCE[kind] then return equal_items(a, b) end
  if kind == "dict" then return rawequal(a, b) or equal_dicts(a, b) end
  return rawequal(a, b)
end
values.equal = equal

-- a < b; raises for values without an order between them.
local function less(a, b)
  local ta, tb = type(a), type(b)
  if ta == tb and (ta == "string" or ta == "number") then
    if ta == "string" and #a > 1000 then step(math.floor(#a / 64)) end
    return a < b
  end
  step(1)
  local x, y = numbers.raw(a), numbers.raw(b)
  if x and y then return x < y end
  local kind, other = kind_of(a), kind_of(b)
  if kind == "undefined" then undefined_error(a) end
  if other == "undefined" then undefined_error(b) end
  if kind == other and SEQUENCE[kind] then
    state.down()
    for i = 1, math.min(#a, #b) do
      if not equal(a[i], b[i]) then
        local result = less(a[i], b[i])
        state.up()
        return result
      end
    end
    state.up()
    return #a < #b
  end
  fail("runtime", ("'%s' and '%s' have no order"):format(type_name(a), type_name(b)))
end
values.less = less

function values.less_or_equal(a, b)
  return less(a, b) or equal(a, b)
end

-- item in container
function values.contains(container, item)
  local kind = kind_of(container)
  if kind == "str" then
    if is_undefined(item) then undefined_error(item) end
    if type(item) ~= "string" then
      fail("runtime", ("'in' of a text needs a text on its left, not '%s'"):format(type_name(item)))
    end
    text.search(container, item)
    return container:find(item, 1, true) ~= nil
  end
  if kind == "dict" then
    local item_kind = kind_of(item)
    if item_kind == "tuple" or (item_kind == "undefined" and lenient(item)) then return false end
    return container[values.key(item)] ~= nil
  end
  local list, n = values.items(container)
  for i = 1, n do
    if equal(list[i], item) then return true end
  end
  return false
end

-- A new list sorted by less(key(item)), equal ones staying in order.
function values.sort(list, n, key, reverse)
  local items, keys = {}, {}
  for i = 1, n do
    items[i] = i
    keys[i] = key and key(list[i]) or list[i]
  end
  local before = less
  if reverse then before = function(a, b) return less(b, a) end end
  -- Bottom-up merge sort: stable, and no C function between the comparison and its error.
  local width, from, to = 1, items, {}
  while width < n do
    for low = 1, n, 2 * width do
      local middle, high = math.min(low + width, n + 1), math.min(low + 2 * width, n + 1)
      local i, j = low, middle
      for k = low, high - 1 do
        if i < middle and (j >= high or not before(keys[from[j]], keys[from[i]])) then
          to[k], i = from[i], i + 1
        else
          to[k], j = from[j], j + 1
        end
      end
    end
    step(n)
    from, to = to, from
    width = width * 2
  end
  local sorted = {}
  for i = 1, n do sorted[i] = list[from[i]] end
  return sorted
end

-- ---- out of the template ----
-- What a script gets for a template's value: plain numbers, and fresh marked tables for lists and maps made in the
-- template. Tables of the context are handed back as they are.
function values.plain(value)
  if type(value) ~= "table" then return value end
  local mt = getmetatable(value)
  local kind = mt and KIND[mt]
  if not kind then return value end
  if kind == "float" or kind == "int" then return numbers.plain(value) end
  if kind == "undefined" then
    lenient(value)
    return state.current().null
  end
  if SEQUENCE[kind] or kind == "dict" then
    state.down()
    local copy = {}
    if kind == "dict" then
      for key, item in next, value do copy[key] = values.plain(item) end
    else
      for i = 1, #value do copy[i] = values.plain(value[i]) end
    end
    step(1)
    state.up()
    return setmetatable(copy, values.marks[kind == "dict" and "object" or "array"])
  end
  fail("runtime", "a function or object of the template has no value outside of it")
end

return values
