-- The template engine's own rules: errors (TPL-5, TPL-8), the sandbox (TPL-9), filters of scripts (TPL-10), values in
-- and out (TPL-3, TPL-6), and rendering of whole tables (TPL-2). What the language renders is in oracle_spec.lua.
package.path = "tests/scripts/template/?.lua;" .. package.path
local template = require "lunapod.template"
local oracle = require "oracle"
local null = oracle.null

local function failure(source, context, options)
  local ok, err = pcall(template.render, source, context, options)
  assert.is_false(ok, "rendered: " .. tostring(err))
  assert.equal("template", err.kind)
  return err
end

local function message(...) return tostring(failure(...)) end

local function array(t) return setmetatable(t, { __jsontype = "array" }) end

describe("errors", function()
  it("TPL-8 name field, line, column and the nearest name", function()
    local err = failure("one\ntwo\n12 {{ params.txet }}", { params = { text = "s3cret" } }, { name = "arguments[1]" })
    assert.equal("undefined", err.class)
    assert.equal("arguments[1]", err.field)
    assert.equal(3, err.line)
    assert.equal(14, err.column)
    assert.equal("arguments[1]:3:14: 'params.txet' is undefined (did you mean 'params.text'?)", err.message)
    assert.equal(err.message, tostring(err))
  end)

  it("TPL-8 know names of the context, of the template and of filters", function()
    assert.equal("template:1:4: 'parmas' is undefined (did you mean 'params'?)",
      message("{{ parmas.x }}", { params = {} }))
    assert.equal("template:1:24: 'nmae' is undefined (did you mean 'name'?)",
      message("{% set name = 1 %}é {{ nmae }}", {}))
    assert.equal("template:1:8: there is no filter named 'uper' (did you mean 'upper'?)", message "{{ 1 | uper }}")
    assert.equal("template:1:4: 'zzzzzz' is undefined", message("{{ zzzzzz }}", {}))
    assert.equal("template:1:5: 'a['b c']' is undefined", message("{{ a['b c'] }}", { a = {} }))
    assert.equal("template:1:8: '….x' is undefined", message("{{ [1].x }}", {}))
    assert.equal("template:1:11: the value has no such attribute or item",
      message("{{ [{}] | map(attribute='x') | join }}", {}))
  end)

  it("TPL-8 count columns in characters and lines after any line end", function()
    local err = failure("a\r\né雪 {{ x }}", {})
    assert.equal(2, err.line)
    assert.equal(7, err.column)
  end)

  it("TPL-8 raise for every use of an undefined name but the few that ask for it", function()
    for _, source in ipairs { "{{ x }}", "{% if x %}{% endif %}", "{% for a in x %}{% endfor %}", "{{ x ~ 'a' }}",
      "{{ x + 1 }}", "{{ x == 1 }}",
      "{{ x | upper }}", "{{ [x] }}", "{{ x.y }}", "{{ x() }}", "{{ x | join }}", "{{ 'a' in x }}", "{{ x | length }}",
        "{{ not x }}" } do
      assert.equal("undefined", failure(source, {}).class, source)
    end
    assert.equal("dTrueFalse", template.render("{{ x | default('d') }}{{ x is undefined }}{{ x is defined }}", {}))
    assert.equal("|0|", template.render("{{ x }}|{{ x | length }}|{% for a in x %}{% endfor %}", {},
      { undefined = "lenient" }))
  end)

  it("TPL-5 never hold a value", function()
    local secret = "s3cr3t-value"
    local context = { params = { s = secret, list = { secret }, map = { k = secret }, n = 12345678 } }
    for _, source in ipairs { "{{ params.s + 1 }}", "{{ params.s.x }}", "{{ params.s() }}", "{{ params.list[5] }}",
      "{{ params.s | round }}",
      "{{ params.s < 1 }}", "{{ params.list | sum }}", "{{ params.s % 1 }}", "{{ params.map.key }}",
        "{{ params.s | ds }}", "{{ params[params.s] }}",
      "{{ params.s.index('q') }}", "{{ '%d' % params.s }}", "{{ params.list.index(1) }}", "{{ range(params.s) }}",
        "{% for a, b in params.list %}{% endfor %}",
      "{{ params | dictsort(by=params.s) }}", "{{ [1] | map(params.s) }}", "{{ params.s | format(1, 2) }}",
        "{{ params.s | attr(params.s) }}",
      "{{ '%(' ~ params.s ~ ')s' % 1 }}", "{{ '{' ~ params.s ~ '}' }}{{ 1 + '' }}", "{{ params.n.x }}",
        "{{ params.n() }}", "{{ params.n ** params.n }}" } do
      local text = message(source, context)
      assert.is_nil(text:find(secret, 1, true), text)
      assert.is_nil(text:find("12345678", 1, true), text)
    end
  end)

  it("TPL-7 say that other files are out of reach", function()
    assert.matches("'include' is not supported", message "{% include 'a' %}", 1, true)
    assert.matches("'extends' is not supported", message "{% extends 'a' %}", 1, true)
  end)

  it("TPL-7 say what is missing and where", function()
    assert.equal("template:2:4: 'if' is not closed: 'endif' is missing", message "a\n{% if true %}b")
    assert.equal("template:1:1: a comment is not closed by '#}'", message "{# a")
    assert.equal("template:1:1: '{{' is not closed by '}}'", message "{{ a")
    assert.equal("template:1:8: the end of the tag found where an expression is expected", message "{{ 1 + }}")
    assert.equal("template:1:4: a string is not closed", message "{{ 'a }}")
  end)

  it("name the function of the context that failed, with its cause", function()
    local cause = setmetatable({}, { __tostring = function() return "no such task" end })
    local err = failure("{{ ti.xcom_pull('a') }}", { ti = { xcom_pull = function() error(cause) end } })
    assert.equal("template:1:7: 'ti.xcom_pull' failed: no such task", err.message)
    assert.equal(cause, err.cause)
  end)

  it("leave the engine ready for the next rendering", function()
    failure("{{ 1 + x }}", {})
    assert.equal("2", template.render("{{ 1 + 1 }}", {}))
    local context = { inner = function() return (pcall(template.render, "{{ nope }}", {})) end, a = 1 }
    assert.equal("False1", template.render("{{ inner() }}{{ a }}", context))
  end)

  it("refuse a template that is no text", function()
    assert.has_error(function() template.parse(5) end)
  end)
end)

describe("sandbox", function()
  it("TPL-9 has no __ names, metatables, globals or string functions of Lua", function()
    local object = setmetatable({ a = 1 }, { __index = { b = 2 } })
    for _, name in ipairs { "os", "io", "_G", "require", "string", "print", "__index", "o.__index", "o['__index']",
      "''.__class__", "''.rep", "''.byte",
      "o.__metatable", "[].__add__", "range.__call__", "(o | attr('__index'))" } do
      assert.equal("undefined", failure("{{ " .. name .. ".x }}", { o = object }).class, name)
    end
    assert.equal("12", template.render("{{ o.a }}{{ o.b }}", { o = object }))
    assert.equal("undefined", failure("{{ f.close }}", { f = io.stdout }).class)
    assert.equal("undefined", failure("{{ f.close() }}", { f = io.stdout }).class)
  end)

  it("TPL-9 does not show the class of an object among its items", function()
    local class = { run = function() end, a = 1 }
    class.__index = class
    class.run = nil
    assert.equal("{'a': 1}", template.render("{{ c }}", { c = class }))
  end)

  it("TPL-9 cannot change the context", function()
    local context = { list = { 1 }, map = { a = 1 }, params = { x = 1 } }
    for _, call in ipairs { "list.append(2)", "list.pop()", "list.extend([1])", "list.clear()", "list.sort()",
      "map.update({'b': 1})", "map.pop('a')",
      "map.setdefault('b', 1)", "map.clear()" } do
      assert.matches("would change a value, which a template cannot do", message("{{ " .. call .. " }}", context))
    end
    assert.equal("runtime", failure("{% set params.x = 2 %}", context).class)
    assert.equal("2", template.render("{% set params = 2 %}{{ params }}", context))
    assert.same({ list = { 1 }, map = { a = 1 }, params = { x = 1 } }, context)
  end)

  it("TPL-9 stops at its limits", function()
    for _, source in ipairs {
      "{% for a in range(1000000000) %}{% endfor %}",
        "{% for a in range(2000) %}{% for b in range(2000) %}{% endfor %}{% endfor %}",
      "{{ 'a' * 10000000000 }}", "{{ 'ab' * 9223372036854775807 }}", "{{ [0] * 10000000 }}",
        "{{ [1, 2] * 9223372036854775807 }}",
      "{% set ns = namespace(x='aaaaaaaaaa') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
      "{% set ns = namespace(x=[1]) %}{% for i in range(90) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}"
        .. "{{ ns.x | tojson }}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% for i in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{{ 'x' | center(100000000) }}",
      "{{ '%100000000d' % 1 }}", "{{ '{:100000000}'.format(1) }}", "{{ 'a' | indent(100000000) }}",
        "{{ 'a'.ljust(9223372036854775807, 'é') }}",
      "{{ ('a' * 4000000) | replace('a', 'a' * 4000000) }}",
        "{{ ('a' * 1000000).find('a' * 500000 ~ 'b') }}{{ ('a' * 1000000).find('a' * 500000 ~ 'b') }}",
      "{{ 'a\tb'.expandtabs(9223372036854775807) }}", "{{ [1] | batch(1000000000, 0) }}", "{{ circular }}",
        "{{ circular | tojson }}", "{{ [circular] == [other] }}",
      ("("):rep(300) .. "1", "{{ " .. ("("):rep(300) .. "1" .. (")"):rep(300) .. " }}", ("{% if true %}"):rep(300)
        .. ("{% endif %}"):rep(300),
      "{{ " .. ("not "):rep(5000) .. "1 }}", "{{ " .. ("-"):rep(5000) .. "1 }}", "{{ " .. ("["):rep(5000)
        .. ("]"):rep(5000) .. " }}",
    } do
      local circular, other = {}, {}
      circular.x, other.x = circular, other
      local ok, err = pcall(template.render, source, { circular = circular, other = other })
      if source:find "{[{%%]" then
        assert.is_false(ok, source:sub(1, 80))
        assert.is_true(err.class == "limit", source:sub(1, 80) .. ": " .. tostring(err))
      end
    end
  end)

  it("TPL-9 takes the limits from the options", function()
    assert.equal("template:1:13: the template takes more than 100 steps",
      message("{% for a in range(200) %}{% endfor %}", {}, { steps = 100 }))
    assert.equal("template:1:4: the template makes more than 10 bytes of text",
      message("{{ x }}", { x = "12345678901" }, { output = 10 }))
    assert.equal("1234567890", template.render("{{ x }}", { x = "1234567890" }, { output = 10 }))
  end)

  it("TPL-9 renders long plain work well within the limits", function()
    local lines = {}
    for i = 1, 5000 do lines[i] = "line " .. i end
    local text = table.concat(lines, "\n")
    assert.equal("5000", template.render("{{ text.splitlines() | map('upper') | list | length }}", { text = text }))
    assert.equal(#text * 3, #template.render("{{ text }}{% for l in lines %}{{ l }}\n{% endfor %}{{ text | upper }}",
      { text = text, lines = lines }) - 1)
  end)
end)

describe("values", function()
  it("TPL-7 tell lists and maps apart by their marks, else by their keys", function()
    local context = { a = array {}, b = {}, c = { 1, 2 }, d = { [1] = "x", y = 2 },
      e = setmetatable({ "x" }, { __name = "lunapod.object" }),
      f = setmetatable({}, { __name = "lunapod.array" }), g = { [2] = 1 } }
    assert.equal("[] {} [1, 2] {1: 'x', 'y': 2} {1: 'x'} [] {2: 1}",
      template.render("{{ a }} {{ b }} {{ c }} {{ d }} {{ e }} {{ f }} {{ g }}", context))
  end)

  it("TPL-7 ask template.is_list first", function()
    local before = template.is_list
    template.is_list = function(value) if value.list then return true end end
    local ok, out = pcall(template.render, "{{ a is mapping }}{{ b is mapping }}", { a = { list = 1 }, b = {} })
    template.is_list = before
    assert.is_true(ok)
    assert.equal("FalseTrue", out)
  end)

  it("TPL-7 read options.null as None, and another userdata as an opaque object", function()
    assert.equal("NoneTrueFalse", template.render("{{ x }}{{ x is none }}{{ y is none }}", { x = null, y = io.stdout },
      { null = null }))
    assert.equal("[None]", template.render("{{ [x] }}", { x = template.none }))
    assert.equal("runtime", failure("{{ y }}", { y = io.stdout }, { null = null }).class)
  end)

  it("TPL-7 keep ints and floats apart on every Lua", function()
    assert.equal("2.0 4 4.0 2 1e+16 3 [2.0] 0.5", template.render(
      "{{ 4 / 2 }} {{ 2 * 2 }} {{ 2 * 2.0 }} {{ n }} {{ big }} {{ n + 1 }} {{ [4 / 2] }} {{ h }}",
        { n = 2, h = 0.5, big = 1e16 + 0.0 }))
    assert.equal("runtime", failure("{{ 9223372036854775807 + 1 }}", {}).class)
    assert.equal("runtime", failure("{{ 3037000500 * 3037000500 }}", {}).class)
    assert.equal("runtime", failure("{{ 10 ** 30 }}", {}).class)
  end)

  it("TPL-7 iterate maps in the order of their keys, numbers first", function()
    assert.equal("1-10-a-b-true-", template.render("{% for k in m %}{{ k | lower }}-{% endfor %}",
      { m = { b = 1, a = 1, [10] = 1, [1] = 1, [true] = 1 } }))
  end)

  it("TPL-9 call functions of the context with plain values, named arguments last", function()
    local seen
    local context = { f = function(...)
      seen = { n = select("#", ...), ... }
      return { "r" }
    end, map = { items = function() return "own" end } }
    assert.equal("['r']", template.render("{{ f(1, 4 / 2, [1, 'a'], {'k': none}, a=true, b=(1,)) }}", context,
      { null = null }))
    assert.equal(5, seen.n)
    assert.equal(1, seen[1])
    assert.equal(2, seen[2])
    assert.same({ 1, "a" }, seen[3])
    assert.equal("array", getmetatable(seen[3]).__jsontype)
    assert.equal(null, seen[4].k)
    assert.equal("object", getmetatable(seen[4]).__jsontype)
    assert.same({ a = true, b = { 1 } }, seen[5])
    assert.equal("own", template.render("{{ map.items() }}", context))
    assert.equal("None", template.render("{{ g() }}", { g = function() end }))
  end)

  it("TPL-9 read lazy tables of the context", function()
    local env = setmetatable({}, { __index = function(_, key) return key == "HOME" and "/home" or nil end })
    assert.equal("/home True", template.render("{{ env.HOME }} {{ env.NONE is undefined }}", { env = env }))
    assert.equal("2026", template.render("{{ d }}",
      { d = setmetatable({}, { __tostring = function() return "2026" end }) }))
  end)

  it("TPL-6 give native values for one lone expression", function()
    local context = { params = { list = { 1, 2 }, n = 3 } }
    local function native(source, options)
      options = options or {}
      options.native, options.null = true, null
      return template.render(source, context, options)
    end
    assert.equal(context.params.list, native "{{ params.list }}")
    assert.equal(3, native "{{ params.n }}")
    assert.equal(2, native "{{ 4 / 2 }}")
    assert.equal(null, native "{{ none }}")
    assert.is_true(native "{{ 1 < 2 }}")
    assert.equal("3 ", native "{{ params.n }} ")
    assert.equal("x", native "x")
    local made = native "{{ [1, {'a': (2.0, none)}] }}"
    assert.same({ 1, { a = { 2, null } } }, made)
    assert.equal(template.marks.array, getmetatable(made))
    assert.equal(template.marks.object, getmetatable(made[2]))
    assert.equal(null, native("{{ nothing }}", { undefined = "lenient" }))
  end)
end)

describe("parsed once", function()
  it("TPL-10 renders often with different contexts and options", function()
    local compiled = template.parse("{{ a }}{% set b = a %}{{ b }}", { name = "image" })
    assert.equal("11", compiled:render { a = 1 })
    assert.equal("xx", compiled:render { a = "x" })
    assert.equal("", compiled:render({}, { undefined = "lenient" }))
    local ok, err = pcall(compiled.render, compiled, {})
    assert.is_false(ok)
    assert.equal("image", err.field)
  end)

  it("TPL-7 gives a text without tags as it is, but its last line end", function()
    assert.equal("a { b } %} }}", template.render("a { b } %} }}", {}))
    assert.equal("a\n", template.render("a\n\n", {}))
    assert.equal("a\nb", template.render("a\r\nb\r\n", {}))
    assert.equal("", template.render("", {}))
  end)

  it("TPL-10 uses filters and tests that a script adds", function()
    template.filters.shout = function(value, mark, named) return value
      .. (mark or "!"):rep(named and named.times or 1) end
    template.tests.short = function(value, limit) return #value < (limit or 5) end
    finally(function() template.filters.shout, template.tests.short = nil, nil end)
    assert.equal("hi! hi??? ['a!', 'b!']", template.render(
      "{{ 'hi' | shout }} {{ 'hi' | shout('?', times=3) }} {{ ['a', 'b'] | map('shout') | list }}", {}))
    assert.equal("TrueFalse['a']", template.render(
      "{{ 'a' is short }}{{ 'abc' is short(2) }}{{ ['a', 'bcdefg'] | select('short') | list }}", {}))
    template.filters.shout = function() error("refused", 0) end
    assert.equal("template:1:11: 'shout' failed: refused", message "{{ 'hi' | shout }}")
  end)
end)

describe("Airflow's filters", function()
  it("TPL-7 write times from seconds, ISO text and objects", function()
    local context = { epoch = 1795395723, iso = "2026-11-23T01:02:03+00:00", zulu = "2026-11-23T01:02:03Z",
      offset = "2026-11-23T01:02:03.5-05:30",
      day = "2026-11-23", fraction = 1795395723.25, before = -1, leap = 951782400,
      object = setmetatable({}, { __tostring = function() return "2026-11-23T01:02:03+01:00" end }) }
    local function render(source) return template.render(source, context) end
    assert.equal("2026-11-23 20261123 2026-11-23T01:02:03+00:00 20261123T010203 20261123T010203+0000",
      render("{{ epoch | ds }} {{ epoch | ds_nodash }} {{ epoch | ts }} {{ epoch | ts_nodash }} " ..
        "{{ epoch | ts_nodash_with_tz }}"))
    assert.equal("2026-11-23 2026-11-23T01:02:03+00:00 2026-11-23T01:02:03+00:00 20261123T010203", render
      "{{ iso | ds }} {{ iso | ts }} {{ zulu | ts }} {{ zulu | ts_nodash }}")
    assert.equal("2026-11-23T01:02:03.500000-05:30 20261123T010203.500000-0530",
      render "{{ offset | ts }} {{ offset | ts_nodash_with_tz }}")
    assert.equal("2026-11-23T00:00:00+00:00 2026-11-23T01:02:03.250000+00:00",
      render "{{ day | ts }} {{ fraction | ts }}")
    assert.equal("1969-12-31T23:59:59+00:00 2000-02-29 2026-11-23T01:02:03+01:00",
      render "{{ before | ts }} {{ leap | ds }} {{ object | ts }}")
    assert.equal("runtime", failure("{{ 'soon' | ds }}", {}).class)
    assert.equal("runtime", failure("{{ 1e300 | ds }}", {}).class)
    assert.equal("runtime", failure("{{ [1] | ds }}", {}).class)
  end)
end)

describe("render_value", function()
  it("TPL-2 renders every text in nested tables and changes nothing of the caller's", function()
    local mark = { __jsontype = "array" }
    local inner = { same = "x" }
    local value = { cmds = setmetatable({ "sh", "{{ a }}" }, mark), inner = inner, n = 5,
      deep = { { v = "{{ a }}-{{ b }}" } }, null = null }
    local result = template.render_value(value, { a = "A", b = 2 }, { null = null })
    assert.same({ cmds = { "sh", "A" }, inner = { same = "x" }, n = 5, deep = { { v = "A-2" } }, null = null }, result)
    assert.equal(mark, getmetatable(result.cmds))
    assert.equal(inner, result.inner)
    assert.equal("{{ a }}", value.cmds[2])
    local plain = { "a", { "b" } }
    assert.equal(plain, template.render_value(plain, {}))
    assert.equal("A", template.render_value("{{ a }}", { a = "A" }))
  end)

  it("TPL-3 calls functions with the context; their result is not rendered again", function()
    local result = template.render_value({ f = function(context) return context.a .. "{{ a }}" end,
      list = { "x", function() end, "y" },
      gone = function() end }, { a = "A" })
    assert.same({ f = "A{{ a }}", list = { "x", "y" } }, result)
    local ok, err = pcall(template.render_value, { f = { function() error("bad", 0) end } }, {}, { name = "volumes" })
    assert.is_false(ok)
    assert.equal("volumes.f[1]:1:1: the function failed: bad", tostring(err))
  end)

  it("TPL-8 names the field inside", function()
    local ok, err = pcall(template.render_value, { "a", { HOME = "{{ x }}" } }, {}, { name = "env_vars" })
    assert.is_false(ok)
    assert.equal("env_vars[2].HOME", err.field)
    assert.equal("env_vars[2].HOME:1:4: 'x' is undefined", tostring(err))
  end)

  it("TPL-6 keeps native values", function()
    local result = template.render_value({ n = "{{ 1 + 1 }}", s = "{{ 1 }}!" }, {}, { native = true })
    assert.same({ n = 2, s = "1!" }, result)
  end)

  it("TPL-10 parses a text once where a cache is given", function()
    local cache = {}
    assert.equal("1", template.render_value("{{ a }}", { a = 1 }, { cache = cache }))
    local compiled = cache["{{ a }}"]
    assert.is_table(compiled)
    assert.equal("2", template.render_value("{{ a }}", { a = 2 }, { cache = cache }))
    assert.equal(compiled, cache["{{ a }}"])
  end)

  it("TPL-9 stops at a table that holds itself", function()
    local circular = {}
    circular[1] = circular
    local ok, err = pcall(template.render_value, circular, {}, { name = "volumes" })
    assert.is_false(ok)
    assert.equal("limit", err.class)
  end)
end)
