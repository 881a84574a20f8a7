-- Embedding: the examples run 20 pods in a host's own loop while the host's timer keeps ticking, and no step of lunapod
-- takes 10 ms of CPU (issue's item 7; design §4). The longest gap is printed, not judged: that is the machine's matter.
local support = require "cluster.specs.support"

local function exists(path)
  local file = io.open(path, "rb")
  if file then file:close() end
  return file ~= nil
end

local STEP_MS = 10

describe("embedded", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  local function judge(name, result)
    print(name .. ": " .. result.out:gsub("\n$", ""))
    local pods, lines, ticks, step = result.out:match "(%d+) pods, (%d+) log lines; ticked (%d+) times, .-longest step ([%d.]+) ms of CPU"
    assert.truthy(pods, result.out .. result.err)
    assert.equal(20, tonumber(pods))
    assert.equal(60, tonumber(lines))
    assert.is_true(tonumber(ticks) > 10)
    assert.is_true(tonumber(step) < STEP_MS, step .. " ms")
  end

  for _, host in ipairs { "luv", "cqueues" } do
    local path = ("examples/embed/%s/main.lua"):format(host)
    if exists(support.root .. "/" .. path) and pcall(require, host) then
      it("in " .. host, function()
        judge(host, support.expect_status(0, support.lua { path }))
      end)
    else
      print(path .. " or the Lua module it needs is missing: left out")
    end
  end

  for _, program in ipairs { "poll_lua", "plain" } do
    local path = support.build .. "/embed/" .. program
    if exists(path) then
      it("in C: " .. program, function()
        judge(program, support.expect_status(0, support.start({ path }):wait()))
      end)
    else
      print(path .. " is not built (make embed): left out")
    end
  end
end)
