-- TPL-9: whatever the text, rendering ends with a string or with a template error, within its limits, and leaves the
-- context as it was. Texts are made of random pieces of the language, and of mutated golden templates, from a fixed
-- seed and a generator of our own, so that every Lua sees the same ones.
package.path = "tests/scripts/template/?.lua;" .. package.path
local template = require "lunapod.template"
local oracle = require "oracle"

local seed = 20261123
local function random(n)
  seed = (seed * 16807) % 2147483647
  return seed % n + 1
end

local NAMES = { "params", "params.list", "params.text", "params.map", "params.n", "nothing", "params.missing", "loop",
  "loop.index", "x",
  "y", "ns", "m", "caller", "call_me", "fails", "circular", "half", "null_value", "params.uni", "varargs", "range",
    "namespace", "dict" }
local FILTERS, TESTS = {}, {}
for name in pairs(template.filters) do FILTERS[#FILTERS + 1] = name end
for name in pairs(template.tests) do TESTS[#TESTS + 1] = name end
table.sort(FILTERS)
table.sort(TESTS)
local METHODS = { "split", "replace", "upper", "format", "join", "items", "keys", "get", "append", "update", "center",
  "zfill", "index",
  "count", "startswith", "rsplit", "partition", "expandtabs", "nomethod", "__index", "__class__", "splitlines", "find",
    "ljust" }
local LITERALS = { "1", "0", "-3", "2.5", "4.0", "99999999999999999999", "9007199254740992", "9223372036854775807",
  "1e308", "'a'", "''",
  "'%s %d'", "'{} {0}'", "[]", "[1, 2]", "(1,)", "{}", "{'a': 1}", "true", "none", "'é雪'", "[[1, 'b'], [2, 'a']]",
    "1000000" }
local OPERATORS = { "+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and",
  "or" }

local expression

local function pick(list) return list[random(#list)] end

local function arguments(depth)
  local parts = {}
  for i = 1, random(4) - 1 do
    parts[i] = (random(8) == 1 and pick { "attribute", "default", "reverse", "sep", "width", "key" } .. "=" or "")
      .. expression(depth - 1)
  end
  return "(" .. table.concat(parts, ", ") .. ")"
end

function expression(depth)
  local kind = depth <= 0 and random(2) or random(13)
  if kind == 1 then return pick(NAMES) end
  if kind == 2 then return pick(LITERALS) end
  if kind <= 5 then return expression(depth - 1) .. " " .. pick(OPERATORS) .. " " .. expression(depth - 1) end
  if kind <= 7 then return expression(depth - 1) .. "|" .. pick(FILTERS)
    .. (random(2) == 1 and arguments(depth) or "") end
  if kind == 8 then return expression(depth - 1) .. " is " .. pick(TESTS)
    .. (random(2) == 1 and arguments(depth) or "") end
  if kind == 9 then return expression(depth - 1) .. "." .. pick(METHODS) .. arguments(depth) end
  if kind == 10 then return expression(depth - 1) .. "[" .. expression(depth - 1) .. (random(2) == 1 and ":" or "")
    .. "]" end
  if kind == 11 then return "(" .. expression(depth - 1) .. ")" end
  if kind == 12 then return pick(NAMES) .. arguments(depth) end
  return expression(depth - 1) .. " if " .. expression(depth - 1) .. " else " .. expression(depth - 1)
end

local body

local STATEMENTS = {
  function() return pick { "text ", "\n", "{ } %} ", "é" } end,
  function() return "{{ " .. expression(3) .. " }}" end,
  function() return "{{" .. pick { "-", "+", "" } .. expression(2) .. pick { "-", "" } .. "}}" end,
  function(d) return "{% if " .. expression(2) .. " %}" .. body(d) .. "{% else %}" .. body(d) .. "{% endif %}" end,
  function(d) return "{% for " .. pick { "x", "x, y" } .. " in " .. expression(2) .. pick { "", " if x", " recursive" }
    .. " %}" .. body(d)
    .. "{% endfor %}" end,
  function() return "{% set " .. pick { "x", "y", "ns", "x, y", "ns.a" } .. " = " .. expression(3) .. " %}" end,
  function(d) return "{% set x %}" .. body(d) .. "{% endset %}" end,
  function(d) return "{% macro m(x, y=" .. expression(1) .. ") %}" .. body(d) .. "{% endmacro %}{{ m(1) }}" end,
  function(d) return "{% call m(" .. expression(1) .. ") %}" .. body(d) .. "{% endcall %}" end,
  function(d) return "{% filter " .. pick(FILTERS) .. " %}" .. body(d) .. "{% endfilter %}" end,
  function(d) return "{% with x = " .. expression(2) .. " %}" .. body(d) .. "{% endwith %}" end,
  function() return "{% raw %}{{ x }}{% endraw %}{#- c -#}" end,
}

function body(depth)
  local parts = {}
  for i = 1, random(3) do parts[i] = STATEMENTS[depth <= 0 and random(3) or random(#STATEMENTS)](depth - 1) end
  return table.concat(parts)
end

local MARKS = { "{{", "}}", "{%", "%}", "{#", "#}", "(", ")", "[", "]", "|", "'", '"', "\\", "-", "\0", "\255", "\n",
  ".", ",", " if ", " in ",
  "endfor", "endif", "%}{%", "1", "is", "*", "**", "=", "é" }

-- Cuts, doubles and inserts at random places.
local function mutate(text)
  for _ = 1, random(4) do
    local at = random(#text + 1)
    local kind = random(3)
    if kind == 1 then text = text:sub(1, at - 1) .. text:sub(at + random(6))
    elseif kind == 2 then text = text:sub(1, at - 1) .. pick(MARKS) .. text:sub(at)
    else text = text:sub(1, at) .. text:sub(math.max(1, at - random(20))) end
  end
  return text
end

local function copy(value, seen)
  if type(value) ~= "table" then return value end
  if seen[value] then return seen[value] end
  local result = {}
  seen[value] = result
  for k, v in pairs(value) do result[k] = copy(v, seen) end
  return result
end

local function new_context()
  local circular = { name = "c" }
  circular.self = circular
  return {
    params = { list = { 3, 1, 2 }, text = "The quick brown fox", map = { a = 1, b = "x" }, n = 3, uni = "naïve – 雪" },
    half = 0.5, null_value = oracle.null, circular = circular,
    call_me = function(...) return select("#", ...) end, fails = function() error("refused", 0) end,
  }
end

local function check(source, context)
  local ok, result = pcall(template.render, source, context,
    { null = oracle.null, undefined = random(2) == 1 and "lenient" or nil, steps = 20000, output = 65536,
      native = random(4) == 1 })
  if ok then return end
  assert(type(result) == "table" and result.kind == "template", ("%q raised %s"):format(source, tostring(result)))
  assert(result.cause == nil or result.cause == "refused", ("%q: %s"):format(source, tostring(result)))
  assert(type(result.line) == "number" and type(result.column) == "number" and tostring(result) == result.message)
end

describe("any text", function()
  local context = new_context()
  local before = copy(context, {})

  it("TPL-9 made of the language ends with a text or a template error", function()
    for _ = 1, 4000 do check(body(2), context) end
  end)

  it("TPL-9 made of golden templates with random changes ends with a text or a template error", function()
    local data = oracle.load "tests/data/templates_more.json"
    for _ = 1, 6000 do check(mutate(data.cases[random(#data.cases)].template), context) end
  end)

  it("TPL-9 made of random bytes ends with a text or a template error", function()
    for _ = 1, 1000 do
      local parts = {}
      for i = 1, random(30) do parts[i] = random(2) == 1 and pick(MARKS) or string.char(random(256) - 1) end
      check("{{" .. table.concat(parts), context)
    end
  end)

  it("TPL-9 leaves the context as it was", function()
    assert.same(before.params, context.params)
    assert.equal(context.circular, context.circular.self)
    local n = 0
    for _ in pairs(context) do n = n + 1 end
    assert.equal(6, n)
  end)
end)
