-- Running the examples as a person does: a pod from a script, a fan-out, a policy (COST-1,
-- LOG-7, RES-4, RTY-2).
local support = require "cluster.specs.support"

local example = function(name) return "examples/tasks/" .. name .. ".lua" end

describe("lunapod run", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  it("hello: log lines to standard error, the result to the script, the pod is gone (LOG-7, RES-4, DEL-3)", function()
    local result = support.expect_status(0, support.lunapod { "run", example "hello" })
    assert.equal("world has 5 letters\n", result.out)
    assert.equal("[base] Hello, world!\n", result.err) -- and so no status line without a terminal
  end)

  it("shows a line when the pod writes it, not when the pod ends (LOG-4)", function()
    local script = support.task [[
      arguments = { "echo early; trap 'echo told; exit 0' TERM; i=0; "
        .. "while [ $i -lt 600 ]; do sleep 0.1; i=$((i+1)); done; echo late" },
    ]]
    local process = support.start_lunapod { "run", script }
    process:until_said "[base] early\n"
    local pod = support.pod_that("runs", function(it) return it.status.phase == "Running" end)
    assert.is_nil(pod.metadata.deletionTimestamp)
    assert.is_nil(process:err():find("late", 1, true))
    assert(support.kubectl { "exec", pod.metadata.name, "-n", pod.metadata.namespace, "--", "sh", "-c",
      "kill -TERM 1" })
    process:until_said "[base] told\n"
    support.expect_status(0, process:wait())
  end)

  it("shows on a terminal what the pod waits for, and leaves nothing of it behind", function()
    local command = "lua5.4 " .. support.root .. "/scripts/bin/lunapod run "
      .. support.task [[arguments = { "echo one; sleep 1.5; echo two" }]]
    local words = { "script", "--quiet", "--return", "--command", command, "/dev/null" }
    local result = support.expect_status(0, support.start(words):wait())
    local seen = result.out
    assert.truthy(seen:find("\r\27[Ktask: ", 1, true), seen)
    assert.truthy(seen:find "task: running %d s", seen)
    assert.truthy(seen:find("\r\27[K[base] one\r\n", 1, true), seen) -- erased before a line
    local last = seen:match ".*\27%[K(.*)$"
    assert.truthy(last:find "^null\r\nTASK ", last)
    assert.is_nil(seen:find("[base] two task", 1, true))
  end)

  it("fan_out: 50 results in the order of the list, none taken from another call (LBL-13)", function()
    local result = support.expect_status(0, support.lunapod({ "run", example "fan_out" }, { seconds = 240 }))
    assert.equal("1² + 2² + … + 50² = 42925\n", result.out)
    assert.equal("", result.err)
  end)

  it("two calls of one operator in one run have a pod each (LBL-13)", function()
    local script = support.task([[
      arguments = { "echo '\"{{ params.word }}\"' > /airflow/xcom/return.json" }, do_xcom_push = true,
    ]], [[
      local one = task:start { params = { word = "one" } }
      local two = task:start { params = { word = "two" } }
      local a, b = one:wait(), two:wait()
      print(a.result, b.result, a.pod.uid ~= b.pod.uid)
      print((task:execute { params = { word = "three" } }))
    ]])
    local result = support.expect_status(0, support.lunapod { "run", script, "--run-id", "calls" })
    assert.equal("one\ttwo\ttrue\nthree\n", result.out)
  end)

  it("retry: tries as the policy says; the error of one that gives up says all (RTY-2, OUT-5, ERR-3)", function()
    local result = support.expect_status(0, support.lunapod { "run", example "retry" })
    assert.truthy(result.out:find("^flaky succeeded at try 3\n"), result.out)
    for i = 1, 3 do assert.equal(1, support.count(result.err, "[base] try " .. i .. "\n")) end
    local why = result.out:match "gave up:\n(.*)"
    local pod = why:match "^task \"hopeless\": Pod (hopeless%-%w+) returned a failure%."
    assert.truthy(pod, why)
    assert.truthy(why:find("Container base: exit code 1, reason Error, class user\n", 1, true), why)
    assert.truthy(why:find("termination message: the disk is full\n", 1, true), why)
    local events = why:match "last events:\n(.*)"
    assert.truthy(events and events:find "Normal Scheduled: Successfully assigned [%w-]+/hopeless%-", why)
    assert.truthy(events:find("Normal Started: Started container base", 1, true), why)
  end)

  it("a failed task that nobody catches ends the program with 1, its error on standard error", function()
    local result = support.expect_status(1, support.lunapod { "run", support.task [[arguments = { "exit 3" }]] })
    assert.equal("", result.out)
    assert.truthy(result.err:find('^lunapod: task "task": Pod task%-%w+ returned a failure%. Container base: exit '
      .. "code 3"), result.err)
  end)

  it("an init container and an environment are the pod's; a numbered log comes whole and in order (V2)", function()
    local result = support.expect_status(0, support.lunapod { "run", support.task [[
      arguments = { "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $WORD $i; done" }, env_vars = { WORD = "line" },
      init_containers = { { name = "first", image = "busybox:1", command = { "true" } } },
    ]] })
    local n = 0
    for line in result.err:gmatch "([^\n]*)\n" do
      n = n + 1
      assert.equal("[base] line " .. n, line)
    end
    assert.equal(20000, n)
  end)
end)
