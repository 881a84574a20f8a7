-- core.can_yield: what a waiting call asks before it sends anything (design: waiting happens in Lua). Each case asks
-- and then really yields, in one coroutine each, so that the answer is held against what the Lua at hand does.
local core = require "lunapod.core"

-- Runs body(probe) in a coroutine. probe() notes the answer and yields; where that fails, or the coroutine does not
-- stop there, it could not yield.
local function ask(body)
  local said, done
  local function probe(...)
    said = core.can_yield()
    done = true
    return coroutine.yield "probe", ...
  end
  local co = coroutine.create(function() body(probe) end)
  local ok, yielded = coroutine.resume(co)
  assert(done, "the case never asked: " .. tostring(yielded))
  return said, ok and yielded == "probe" and coroutine.status(co) == "suspended"
end

local cases = {
  ["a plain function"] = function(probe) probe() end,
  ["a chain of functions"] = function(probe)
    local function a() probe() return 1 end
    local function b() a() return 2 end
    b()
  end,
  ["a tail call"] = function(probe)
    local function a() return probe() end
    return a()
  end,
  ["a method"] = function(probe)
    local object = { wait = function(self) probe() return self end }
    object:wait()
  end,
  ["a call without a name"] = function(probe)
    local list = { function() probe() return 1 end }
    for i = 1, 1 do (list[i] or print)() end
    return (function() probe() return 1 end)()
  end,
  ["__call"] = function(probe) setmetatable({}, { __call = function() probe() return 1 end })() end,
  ["pcall"] = function(probe) pcall(function() probe() return 1 end) end,
  ["pcall of the asking function itself"] = function(probe) pcall(probe) end,
  ["xpcall"] = function(probe) xpcall(function() probe() return 1 end, tostring) end,
  ["a callback of gsub"] = function(probe) ("x"):gsub("x", function() probe() return "" end) end,
  ["a comparison of table.sort"] = function(probe)
    table.sort({ 2, 1 }, function(a, b) probe() return a < b end)
  end,
  ["an iterator"] = function(probe)
    for _ in function() probe() return nil end do end
  end,
  ["a function called by an iterator"] = function(probe)
    local function deeper() probe() return nil end
    for _ in function() local value = deeper() return value end do end
  end,
  ["__index"] = function(probe)
    return setmetatable({}, { __index = function(t, k) probe(t, k) return 1 end }).x
  end,
  ["__newindex"] = function(probe)
    setmetatable({}, { __newindex = function(t, k, v) probe(t, k, v) end }).x = 1
  end,
  ["__add on the right"] = function(probe)
    local operand = setmetatable({}, { __add = function(a, b) probe(a, b) return 1 end })
    return 1 + operand
  end,
  ["__concat"] = function(probe)
    local operand = setmetatable({}, { __concat = function(a, b) probe(a, b) return "" end })
    return "a" .. operand
  end,
  ["__eq"] = function(probe)
    local mt = { __eq = function(a, b) probe(a, b) return true end }
    return setmetatable({}, mt) == setmetatable({}, mt)
  end,
  ["__tostring"] = function(probe)
    tostring(setmetatable({}, { __tostring = function() probe() return "" end }))
  end,
  ["__index in a function below"] = function(probe)
    local object = setmetatable({}, { __index = function(t)
      local value = (function() probe(t) return 1 end)()
      return value
    end })
    return object.x
  end,
  ["a coroutine in a coroutine"] = function(probe)
    local inner = coroutine.wrap(function() probe() end)
    coroutine.yield(inner())
  end,
}

describe("can_yield", function()
  it("is false on the main thread", function()
    -- busted runs specs on the main thread, or in a coroutine of its own on some Luas
    local _, is_main = coroutine.running()
    if _VERSION == "Lua 5.1" then is_main = coroutine.running() == nil end
    if is_main then assert.is_false(core.can_yield()) end
  end)

  for name, body in pairs(cases) do
    it("agrees with what happens in " .. name, function()
      local said, happened = ask(body)
      assert.equal(happened, said)
    end)
  end

  it("is true in a plain coroutine and false in a gsub callback on every Lua", function()
    assert.is_true((ask(cases["a plain function"])))
    assert.is_true((ask(cases["a call without a name"])))
    assert.is_false((ask(cases["a callback of gsub"])))
    assert.is_false((ask(cases["a comparison of table.sort"])))
  end)

  it("is false in pcall and iterators on Lua 5.1 alone", function()
    local plain51 = _VERSION == "Lua 5.1" and not rawget(_G, "jit")
    for _, name in ipairs { "pcall", "xpcall", "an iterator", "__index" } do assert.equal(not plain51,
      (ask(cases[name]))) end
  end)
end)
