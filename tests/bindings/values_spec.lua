-- Values between Lua and the core: marks, round trips, limits, and what is refused with its path (X69; design: tables
-- and JSON).
local core = require "lunapod.core"

local has_integers = math.type ~= nil
local encode, decode = core.json.encode, core.json.decode

-- The error of a call that must fail: an error object of the kind, its message.
local function refused(kind, ...)
  local value, err = ...
  assert.is_nil(value)
  assert.is_true(core.is_error(err))
  assert.equal(kind, err.kind)
  return err.message
end

describe("marks", function()
  it("tell lists from maps", function()
    assert.equal("array", core.mark(core.array {}))
    assert.equal("object", core.mark(core.object()))
    assert.is_nil(core.mark {})
    assert.is_nil(core.mark "text")
    assert.is_nil(core.mark(setmetatable({}, { __index = {} })))
  end)

  it("mark the table they are given and give it back", function()
    local list = { 1 }
    assert.equal(list, core.array(list))
    assert.equal(list, core.object(list))
    assert.equal("object", core.mark(list))
  end)

  it("are one metatable for all, with __jsontype", function()
    local list, map = core.array(), core.object()
    assert.equal(getmetatable(list), getmetatable(decode "[]"))
    assert.equal(getmetatable(map), getmetatable(decode "{}"))
    assert.equal("array", getmetatable(list).__jsontype)
    assert.equal("object", getmetatable(map).__jsontype)
  end)

  it("refuse a table with a metatable of its own, and what is no table", function()
    assert.has_error(function() core.array(setmetatable({}, {})) end)
    assert.has_error(function() core.object "text" end)
  end)

  it("of other libraries are known by __jsontype", function()
    assert.equal("array", core.mark(setmetatable({}, { __jsontype = "array" })))
    assert.equal("[]", encode(setmetatable({}, { __jsontype = "array" })))
  end)
end)

describe("json.decode", function()
  it("gives null, booleans, text and numbers", function()
    assert.equal(core.null, decode "null")
    assert.is_true(decode "true")
    assert.equal("ä\0b", decode '"\\u00e4\\u0000b"')
    assert.equal(-12, decode "-12")
    assert.equal(0.5, decode "0.5")
  end)

  it("keeps integers apart from floats where Lua does", function()
    if not has_integers then return end
    assert.equal("integer", math.type(decode "3"))
    assert.equal("float", math.type(decode "3.0"))
    assert.equal(math.maxinteger, decode "9223372036854775807")
  end)

  it("refuses integers beyond 2^53 with their path on Luas that have only doubles", function()
    if has_integers then return end
    assert.equal(2 ^ 53, decode "9007199254740992")
    local message = refused("parse", decode '{"items":[{"a":1},{"b c":9007199254740993}]}')
    assert.matches('^items%[2%]%["b c"%]: ', message)
    assert.matches("9007199254740993", message, 1, true)
  end)

  it("marks lists and maps, empty ones too, and keeps null inside them", function()
    local value = decode '{"list":[1,null,{}],"map":{"x":null}}'
    assert.equal("object", core.mark(value))
    assert.equal("array", core.mark(value.list))
    assert.equal("object", core.mark(value.list[3]))
    assert.equal(3, #value.list)
    assert.equal(core.null, value.list[2])
    assert.equal(core.null, value.map.x)
  end)

  it("answers nil and a parse error for what is not JSON", function()
    for _, text in ipairs { "", "[1,]", "{", "nul", "1 2", '{"a":1,"a":2}', "\255" } do refused("parse",
      decode(text)) end
  end)

  it("survives deep nesting, or says where it stops", function()
    local deep = ("["):rep(900) .. ("]"):rep(900)
    assert.equal(deep, encode(decode(deep)))
    local value, err = decode(("["):rep(100000))
    assert.is_nil(value)
    assert.is_true(core.is_error(err))
  end)

  it("raises for what is no text", function()
    assert.has_error(function() decode {} end)
    assert.has_error(function() decode() end)
  end)
end)

describe("json.encode", function()
  it("writes scalars", function()
    assert.equal("null", encode(nil))
    assert.equal("null", encode(core.null))
    assert.equal("true", encode(true))
    assert.equal("3", encode(3))
    assert.equal('"a\\u0000b"', encode "a\0b")
  end)

  it("writes integers as integers, and whole floats as the Lua at hand knows them", function()
    assert.equal("9007199254740992", encode(has_integers and 9007199254740992 or 2 ^ 53))
    if has_integers then
      assert.equal("9223372036854775807", encode(math.maxinteger))
      assert.equal("float", math.type(decode(encode(3.0))))
    else
      assert.equal("3", encode(3.0))
    end
  end)

  it("takes keys 1..n as a list, an empty table as a map unless it is marked or named a list field", function()
    assert.equal("[1,2]", encode { 1, 2 })
    assert.equal("{}", encode {})
    assert.equal("[]", encode(core.array {}))
    local lists = { args = true }
    assert.equal('{"args":[],"labels":{}}', encode({ args = {}, labels = {} }, { lists = lists }))
    assert.equal('{"args":{}}', encode({ args = core.object {} }, { lists = lists }))
    assert.equal('[{"args":[]}]', encode({ { args = {} } }, { lists = lists }))
  end)

  it("writes the keys of a map in order, so that one table always gives one text", function()
    local map = {}
    for i = 1, 50 do map[("k%02d"):format(51 - i)] = i end
    local keys = {}
    for key in encode(map):gmatch '"(k%d+)"' do keys[#keys + 1] = key end
    assert.equal(50, #keys)
    for i = 2, #keys do assert.is_true(keys[i - 1] < keys[i]) end
    assert.equal('{"a":1,"a\\u0000":3,"ab":2}', encode { ab = 2, a = 1, ["a\0"] = 3 })
  end)

  it("indents", function() assert.equal('{\n  "a": [\n    1\n  ]\n}', (encode({ a = { 1 } },
    { indent = 2 }):gsub("\n$", ""))) end)

  it("gives back what was decoded", function()
    for _, text in ipairs {
      "[]", "{}", "[[],{},null]", '{"a":{"b":[{"c":[]}]}}', '"\\u0000"', "[true,false]", '["ä€𝄞"]',
        "-9007199254740991", "0.1",
    } do
      assert.equal(text, encode(decode(text)))
    end
  end)

  it("takes cjson's null, and its lists and maps", function()
    local found, cjson = pcall(require, "cjson")
    if not found then return end
    assert.equal(cjson.null, core.null)
    assert.equal('{"a":[1,null]}', encode(cjson.decode '{"a":[1,null]}'):gsub("1%.0", "1"))
  end)

  it("refuses with the path what JSON cannot say (X69)", function()
    local cycle = { spec = { containers = { {} } } }
    cycle.spec.containers[1].env = cycle.spec
    local cases = {
      { "^spec%.containers%[1%]%.env: .*contains itself", cycle },
      { "^spec%.containers%[2%]%.env: .*function", { spec = { containers = { {}, { env = print } } } } },
      { "^a%[2%]: .*NaN", { a = { 1, 0 / 0 } } },
      { "^a: .*infinity", { a = math.huge } },
      { "^a: .*infinity", { a = -math.huge } },
      { "^a: .*UTF%-8", { a = "\255" } },
      { "^a: .*UTF%-8", { a = "\237\160\128" } },
      { "^a: .*UTF%-8", { a = "\192\128" } },
      { "^a: .*UTF%-8", { a = "ok\240\159" } },
      { "key that is not UTF%-8", { a = { ["\254"] = 1 } } },
      { "^a: .*'x' beside numbers", { a = { 1, x = 2 } } },
      { "^a: .*key", { a = { [1] = 1, [true] = 2 } } },
      { "^a: .*none at 2", { a = { 1, nil, 3 } } },
      { "^a: .*none at 1", { a = { [2] = 1 } } },
      { "^a: .*1%.5", { a = { [1.5] = 1 } } },
      { "^a: .*key 0", { a = { [0] = 1 } } },
      { "^a: .*'x'", { a = core.array { x = 1 } } },
      { "^a: .*key 1", { a = core.object { "x" } } },
      { "^a: .*userdata", { a = io.stdout } },
      { "^a: .*thread", { a = coroutine.create(function() end) } },
      { '^metadata%["a.b/c"%]: .*function', { metadata = { ["a.b/c"] = print } } },
      { "^found a function", print },
    }
    for _, case in ipairs(cases) do assert.matches(case[1], refused("usage", encode(case[2]))) end
  end)

  it("does not call a table twice in different places a cycle", function()
    local shared = { 1 }
    assert.equal('{"a":[1],"b":[1]}', encode { a = shared, b = shared })
  end)

  it("refuses bottomless nesting", function()
    local value = {}
    for _ = 1, 5000 do value = { value } end
    local text, err = encode(value)
    assert.is_nil(text)
    assert.matches("nested", err.message)
  end)

  it("raises for wrong options, with the name", function()
    assert.error_matches(function() encode({}, { indentt = 2 }) end, "indentt")
    assert.error_matches(function() encode({}, { indent = "x" }) end, "indent")
    assert.error_matches(function() encode({}, { indent = -1 }) end, "indent")
    assert.error_matches(function() encode({}, { lists = 1 }) end, "lists")
    assert.error_matches(function() encode({}, 2) end, "table")
  end)

  it("reads tables raw", function()
    local trap = setmetatable({ a = 1 }, { __index = error, __pairs = error, __len = error })
    assert.equal('{"a":1}', encode(trap))
  end)
end)

describe("yaml", function()
  it("decodes all documents of a stream", function()
    local documents = core.yaml.decode "a: [1, x]\n---\nb: ~\n"
    assert.equal("array", core.mark(documents))
    assert.equal(2, #documents)
    assert.equal("x", documents[1].a[2])
    assert.equal(core.null, documents[2].b)
  end)

  it("names the file and line in errors", function()
    assert.matches("^pod%.yaml:2", refused("parse", core.yaml.decode("a: 1\na: 2\n", "pod.yaml")))
  end)

  it("encodes so that decoding gives the same", function()
    local value = { name = "yes", list = { "1", 1, true, "true", core.null, core.array {} }, text = "two\nlines\n" }
    local text = assert(core.yaml.encode(value))
    assert.same(value, core.yaml.decode(text)[1])
  end)

  it("refuses what JSON would refuse, too", function() assert.matches("^a: ", refused("usage",
    core.yaml.encode { a = print })) end)
end)

describe("under a busy collector", function()
  it("values stay whole", function()
    local pause, multiplier = collectgarbage("setpause", 1), collectgarbage("setstepmul",
      100000) -- collect all the time
    local text = '{"a":[1,{"b":"' .. ("x"):rep(100) .. '"},[[],{}]],"c":{"d":null,"e":"f"}}'
    for _ = 1, 5 do
      assert.equal(text, encode(decode(text)))
      decode '["unfinished", {'
      encode { a = { b = { print } } }
      collectgarbage()
    end
    collectgarbage("setpause", pause)
    collectgarbage("setstepmul", multiplier)
  end)

  it("weak tables lose entries without harm", function()
    local weak = setmetatable({}, { __mode = "v" })
    for _ = 1, 50 do
      for i = 1, 40 do weak["key" .. i .. ("y"):rep(50)] = { i } end
      assert(encode(weak))
    end
  end)
end)

describe("error objects", function()
  it("show their message", function()
    local err = core.error { kind = "task", message = "it broke", exit_code = 3 }
    assert.equal("it broke", tostring(err))
    assert.is_true(core.is_error(err))
    assert.equal(3, err.exit_code)
    local ok, raised = pcall(error, err)
    assert.is_false(ok)
    assert.equal(err, raised)
  end)

  it("are told from other tables", function()
    assert.is_false(core.is_error {})
    assert.is_false(core.is_error "x")
    assert.is_false(core.is_error(nil))
    assert.is_false(core.is_error(core.array()))
  end)

  it("carry kind, code's name and message", function()
    local _, err = decode "["
    assert.equal("parse", err.kind)
    assert.equal("PARSE", err.rc)
    assert.is_false(err.retryable)
    assert.is_nil(err.code)
    assert.is_nil(err.retry_after)
  end)

  it("need a kind and a message", function()
    assert.error_matches(function() core.error { kind = "task" } end, "message")
    assert.error_matches(function() core.error { message = "x" } end, "kind")
    assert.has_error(function() core.error "x" end)
  end)
end)
