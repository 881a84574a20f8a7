-- The methods of texts, lists, maps and numbers that templates call: "a,b".split(","), params.get("x", 1) …
-- Leaves reaching them to access.lua. Invariant: none changes the value it is called on; those that would in Python
-- (append, update, pop …) are refused with a message that says what to do instead (TPL-9).
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local text = require "lunapod.template.text"
local values = require "lunapod.template.values"
local format = require "lunapod.template.format"
local arguments = require "lunapod.template.arguments"

local methods = {}

local fail = state.fail
local builtin, raw = arguments.builtin, arguments.raw

local function need_text(value, method)
  if type(value) == "string" then return value end
  if values.is_undefined(value) then values.undefined_error(value) end
  fail("runtime", ("'%s' needs a text, not '%s'"):format(method, values.type_name(value)))
end

local function need_int(value, method, default)
  if value == nil then return default end
  local x, is_int = numbers.raw(value)
  if is_int then return x end
  if values.is_undefined(value) then values.undefined_error(value) end
  fail("runtime", ("'%s' needs an int, not '%s'"):format(method, values.type_name(value)))
end

local REQUIRED = { required = 1 }
local TWO_REQUIRED = { required = 2 }

-- ---- texts ----
local str = {}
for _, name in ipairs { "upper", "lower", "capitalize", "title", "swapcase" } do
  local fn = text[name]
  str[name] = builtin({}, fn)
end
str.casefold = builtin({}, function(s) return text.lower(text.replace(s, "ß", "ss")) end)
for _, name in ipairs { "strip", "lstrip", "rstrip" } do
  local fn = text[name]
  str[name] = builtin({ "chars" }, function(s, chars)
    return fn(s, chars and need_text(chars, name))
  end)
end
for name, kind in pairs { isalpha = "alpha", isdigit = "digit", isalnum = "alnum", isspace = "space",
  isnumeric = "numeric",
  isdecimal = "decimal", isascii = "ascii" } do
  str[name] = builtin({}, function(s) return text.all(s, kind) end)
end
str.islower = builtin({}, text.is_lower)
str.isupper = builtin({}, text.is_upper)
str.istitle = builtin({}, function(s) return text.title(s) == s and text.lower(s) ~= s end)
str.isidentifier = builtin({}, function(s) return s:find("^[%a_\128-\255][%w_\128-\255]*$") ~= nil end)

for _, name in ipairs { "split", "rsplit" } do
  local fn = text[name]
  str[name] = builtin({ "sep", "maxsplit" }, function(s, sep, most)
    return values.list(fn(s, sep and need_text(sep, name), need_int(most, name)))
  end)
end
str.splitlines = builtin({ "keepends" }, function(s, keep)
  return values.list(text.splitlines(s, keep ~= nil and values.truth(keep)))
end)
str.replace = builtin({ "old", "new", "count" }, function(s, old, new, count)
  return text.replace(s, need_text(old, "replace"), need_text(new, "replace"), need_int(count, "replace"))
end, TWO_REQUIRED)

local function affix(name, at_end)
  local function has(s, wanted)
    wanted = need_text(wanted, name)
    if at_end then return wanted == "" or s:sub(-#wanted) == wanted end
    return s:sub(1, #wanted) == wanted
  end
  return builtin({ "prefix", "start", "end" }, function(s, wanted, start, stop)
    if start or stop then
      local n = text.length(s)
      start, stop = need_int(start, name, 0), need_int(stop, name, n)
      if start < 0 then start = math.max(0, start + n) end
      if stop < 0 then stop = stop + n end
      s = text.slice(s, start + 1, math.min(stop, n))
    end
    if values.kind(wanted) ~= "tuple" then return has(s, wanted) end
    for i = 1, #wanted do
      if has(s, wanted[i]) then return true end
    end
    return false
  end, REQUIRED)
end
str.startswith, str.endswith = affix("startswith", false), affix("endswith", true)

str.removeprefix = builtin({ "prefix" }, function(s, prefix)
  prefix = need_text(prefix, "removeprefix")
  return s:sub(1, #prefix) == prefix and s:sub(#prefix + 1) or s
end, REQUIRED)
str.removesuffix = builtin({ "suffix" }, function(s, suffix)
  suffix = need_text(suffix, "removesuffix")
  return suffix ~= "" and s:sub(-#suffix) == suffix and s:sub(1, -#suffix - 1) or s
end, REQUIRED)

-- find, rfind, index, rindex: the character position in the slice start:stop; -1 or an error when it is not there.
local function finder(name, from_right, must)
  return builtin({ "sub", "start", "end" }, function(s, wanted, start, stop)
    wanted = need_text(wanted, name)
    text.search(s, wanted)
    local n = text.length(s)
    start, stop = need_int(start, name, 0), need_int(stop, name, n)
    if start < 0 then start = math.max(0, start + n) end
    if stop < 0 then stop = stop + n end
    local part = text.slice(s, start + 1, math.min(stop, n))
    local at
    if start <= n and start <= stop then
      at = from_right and text.rfind(part, wanted) or not from_right and part:find(wanted, 1, true)
    end
    if at then return start + text.length(part:sub(1, at - 1)) end
    if must then fail("runtime", ("'%s': the text is not in it"):format(name)) end
    return -1
  end, REQUIRED)
end
str.find, str.rfind = finder("find", false, false), finder("rfind", true, false)
str.index, str.rindex = finder("index", false, true), finder("rindex", true, true)
str.count = builtin({ "sub" }, function(s, wanted)
  return text.count(s, need_text(wanted, "count"))
end, REQUIRED)

str.join = builtin({ "items" }, function(s, items)
  local list, n = values.items(items)
  local parts, size = {}, 0
  for i = 1, n do
    if type(list[i]) ~= "string" then
      fail("runtime", ("'join' needs texts; item %d is '%s' (the filter join takes anything)"):format(i - 1,
        values.type_name(list[i])))
    end
    parts[i] = list[i]
    size = size + #list[i] + #s
  end
  state.room(size)
  return table.concat(parts, s)
end, REQUIRED)

for name, side in pairs { ljust = "left", rjust = "right", center = "center" } do
  str[name] = builtin({ "width", "fillchar" }, function(s, width, fill)
    return text.pad(s, need_int(width, name), side, fill and need_text(fill, name))
  end, REQUIRED)
end
str.zfill = builtin({ "width" }, function(s, width)
  local sign, rest = s:match("^([-+]?)(.*)$")
  return sign .. text.pad(rest, need_int(width, "zfill") - #sign, "right", "0")
end, REQUIRED)
str.expandtabs = builtin({ "tabsize" }, function(s, size)
  size = need_int(size, "expandtabs", 8)
  state.room(#s + text.count(s, "\t") * (math.max(size, 0) + 0.0))
  local parts, column = {}, 0
  for i, c in ipairs(text.chars(s)) do
    if c == "\t" then
      parts[i] = size > 0 and (" "):rep(size - column % size) or ""
      column = size > 0 and column + size - column % size or column
    else
      parts[i] = c
      column = (c == "\n" or c == "\r") and 0 or column + 1
    end
  end
  return table.concat(parts)
end)

str.partition = builtin({ "sep" }, function(s, sep)
  sep = need_text(sep, "partition")
  if sep == "" then fail("runtime", "empty separator") end
  text.search(s, sep)
  local first, last = s:find(sep, 1, true)
  if not first then return values.tuple { s, "", "" } end
  return values.tuple { s:sub(1, first - 1), sep, s:sub(last + 1) }
end, REQUIRED)
str.rpartition = builtin({ "sep" }, function(s, sep)
  sep = need_text(sep, "rpartition")
  if sep == "" then fail("runtime", "empty separator") end
  local first = text.rfind(s, sep)
  if not first then return values.tuple { "", "", s } end
  return values.tuple { s:sub(1, first - 1), sep, s:sub(first + #sep) }
end, REQUIRED)
str.format = raw(function(s, args, n, kwargs)
  local access = require "lunapod.template.access"
  return format.braces(s, args, n, kwargs, function(value, key, is_index)
    if is_index then return access.item(value, key) end
    return access.attribute(value, key)
  end)
end)

-- ---- lists and tuples ----
local list = {}
list.index = builtin({ "item" }, function(self, wanted)
  for i = 1, #self do
    if values.equal(self[i], wanted) then return i - 1 end
  end
  fail("runtime", "'index': the item is not in the list")
end, { keep_none = true, required = 1 })
list.count = builtin({ "item" }, function(self, wanted)
  local n = 0
  for i = 1, #self do
    if values.equal(self[i], wanted) then n = n + 1 end
  end
  return n
end, { keep_none = true, required = 1 })
list.copy = builtin({}, function(self)
  local copy = {}
  for i = 1, #self do copy[i] = self[i] end
  return values.list(copy)
end)

-- ---- maps ----
local dict = {}
dict.get = builtin({ "key", "default" }, function(self, key, default)
  local value
  if not (type(key) == "string" and key:find("^__")) then value = self[values.key(key)] end
  if value ~= nil then return value end
  if default ~= nil then return default end
  return state.current().null
end, { keep_none = true, required = 1 })
dict.keys = builtin({}, function(self)
  return values.view((values.keys(self)), "dict_keys")
end)
dict.values = builtin({}, function(self)
  local keys, n = values.keys(self)
  for i = 1, n do keys[i] = self[keys[i]] end
  return values.view(keys, "dict_values")
end)
-- [(key, value), …] in the order of the keys.
function methods.pairs_of(self)
  local keys, n = values.keys(self)
  for i = 1, n do keys[i] = values.tuple { keys[i], self[keys[i]] } end
  return keys
end
dict.items = builtin({}, function(self)
  return values.view(methods.pairs_of(self), "dict_items")
end)
dict.copy = builtin({}, function(self)
  local copy = {}
  for key, value in next, self do copy[key] = value end
  return values.dict(copy)
end)

local function refused(kind, names, instead)
  for _, name in ipairs(names) do
    kind[name] = raw(function()
      fail("runtime", ("'%s' would change a value, which a template cannot do; %s"):format(name, instead))
    end)
  end
end
refused(list, { "append", "extend", "insert", "pop", "remove", "sort", "reverse", "clear" },
  "make a new list: 'a + [b]', or the filters sort, reverse, reject")
refused(dict, { "update", "pop", "popitem", "setdefault", "clear" }, "make a new map: 'dict(a, key=value)'")

-- ---- numbers ----
local float = {}
float.is_integer = builtin({}, function(self)
  local x = numbers.raw(self)
  return x == math.floor(x) and math.abs(x) ~= math.huge
end)

local KINDS = { str = str, list = list, tuple = { index = list.index, count = list.count }, dict = dict, float = float }

-- The method of a kind of value, or nil.
function methods.find(kind, name)
  local kind_methods = KINDS[kind]
  return kind_methods and kind_methods[name]
end

return methods
