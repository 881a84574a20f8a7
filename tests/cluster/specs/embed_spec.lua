-- Embedding: the examples run 20 pods in a host's own loop while the host's timer keeps ticking, and no step of lunapod
-- takes 10 ms of CPU (design §4). The longest gap is printed, not judged: that is the machine's matter.
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

  --- The last line of a host's output: its ticks, and how long a step of lunapod took at most.
  local function judge(name, text)
    local line = text:match "([^\n]*ticked[^\n]*)\n$"
    assert.truthy(line, text)
    print(name .. ": " .. line)
    local ticks, step = line:match "ticked (%d+) times, .-longest step ([%d.]+) ms of CPU"
    assert.is_true(tonumber(ticks) > 10)
    assert.is_true(tonumber(step) < STEP_MS, step .. " ms")
  end

  for _, host in ipairs { "luv", "cqueues" } do
    local path = ("examples/embed/%s/main.lua"):format(host)
    if pcall(require, host) then
      it("in " .. host, function()
        local result = support.expect_status(0, support.lua { path })
        assert.truthy(result.out:find "^20 pods, 60 log lines; ", result.out)
        judge(host, result.out)
      end)
    else
      print(host .. " is not installed for this Lua: left out")
    end
  end

  local programs = support.build .. "/embed/"
  if not (exists(programs .. "poll_lua") and exists(programs .. "plain")) then
    print(programs .. " is not built (make embed): left out")
    return
  end

  it("in C, with a poll loop and a Lua state", function()
    local result = support.expect_status(0, support.start({ programs .. "poll_lua",
      "examples/embed/c/pods.lua" }):wait())
    assert.truthy(result.out:find "^20 pods ran\n", result.out)
    judge("poll_lua", result.out)
  end)

  --- A pod of one shell command for the program without Lua.
  local function manifest(command)
    return support.file(([[
apiVersion: v1
kind: Pod
metadata: {name: plain, labels: {of: %s}}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 1
  containers: [{name: main, image: "busybox:1", command: [sh, -c, %q]}]
]]):format(support.instance, command), "pod.yaml")
  end
  local function none_left()
    support.eventually(60, "the pod is gone", function() return #support.pods("of=" .. support.instance) == 0 end)
  end

  it("in C without Lua: the log, and the container's exit status", function()
    local result = support.expect_status(0, support.start({ programs .. "plain",
      manifest "echo one; echo two" }):wait())
    assert.truthy(result.out:find("one\n", 1, true) and result.out:find("two\n", 1, true), result.out)
    support.expect_status(7, support.start({ programs .. "plain", manifest "exit 7" }):wait())
    none_left()
  end)

  it("in C without Lua: Ctrl-C deletes the pod, 130", function()
    local process = support.start { programs .. "plain", manifest "echo runs; sleep 600" }
    process:until_said("runs\n", 60, "out")
    process:signal "INT"
    support.expect_status(130, process:wait())
    none_left()
  end)
end)
