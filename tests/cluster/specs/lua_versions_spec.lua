-- Each Lua that is built runs the example, by its own program and through `make run`.
local support = require "cluster.specs.support"

describe("examples/tasks/hello.lua", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  for _, version in ipairs(support.versions()) do
    it("runs on Lua " .. version, function()
      local result = support.expect_status(0, support.lunapod({ "run", "examples/tasks/hello.lua" }, { lua = version }))
      assert.equal("world has 5 letters\n", result.out)
      assert.equal("[base] Hello, world!\n", result.err)
    end)
    it("runs on Lua " .. version .. " without the program", function()
      local result = support.expect_status(0, support.lua({ "examples/tasks/hello.lua" }, { lua = version }))
      assert.equal("world has 5 letters\n", result.out)
      assert.equal("[base] Hello, world!\n", result.err)
    end)
    it("fans out and retries on Lua " .. version .. ", a failing pod among them", function()
      local script = support.task([[arguments = { "exit {{ params.code }}" },
        retry = function(outcome, attempt) if outcome.exit_code == 3 and attempt < 2 then return 0.1 end end,]], [[
        local results, errors = lunapod.map({ 0, 3, 0 }, function(code, index)
          local _, outcome = task:execute { params = { code = code } }
          return index .. outcome.state
        end, { on_error = "continue" })
        print(results[1], results[2], results[3], errors[2].exit_code, errors[2].outcome.attempts)
      ]])
      local result = support.expect_status(0, support.lunapod({ "run", script }, { lua = version }))
      assert.equal("1succeeded\tnil\t3succeeded\t3\t2\n", result.out)
    end)
  end

  it("runs by make run and make run-lua, for the Lua that is named", function()
    local folder = support.build -- named as it was built: make knows an object's headers by its very name
    if folder:sub(1, #support.root + 1) == support.root .. "/" then folder = folder:sub(#support.root + 2) end
    local function make(...)
      local result = support.expect_status(0, support.start({ "make", "-s", "B=" .. folder, ... },
        { env = { LUA_PATH = false, LUA_CPATH = false } }):wait())
      assert.equal("world has 5 letters\n", result.out)
      assert.equal("[base] Hello, world!\n", result.err)
    end
    make("run", "ARGS=run examples/tasks/hello.lua")
    make("run-lua", "LUA=5.1", "SCRIPT=examples/tasks/hello.lua")
  end)
end)
