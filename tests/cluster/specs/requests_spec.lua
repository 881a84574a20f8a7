-- What tasks ask of the API server, counted in its audit log (COST-1, M8): create, log and delete for each pod, and
-- a share
-- of one watch; no list and no get. Only on our own cluster, as only there the audit log can be read.
local core = require "lunapod.core"
local support = require "cluster.specs.support"
if not support.cluster_program then return end

--- Runs a script; its requests, and how many logs were opened again as L7 has it: the stream had ended, the watch told
-- of no end of the container for 2 s (a busy kubelet), and the log is read on from its last second. These are left out
-- of the count; opened again for any other reason, they are not.
local function requests_of(words)
  local requests, _, mark = support.requests_of(function()
    support.expect_status(0, support.lunapod(words, { seconds = 300 }))
  end)
  local opened, again = {}, 0
  for _, event in ipairs(support.audit_lines(mark, "--resource", "pods/log")) do
    local at, before = core.parse_time(event.requestReceivedTimestamp), opened[event.objectRef.name]
    if before and at - before >= 2 and event.requestURI:find("sinceTime=", 1, true) then again = again + 1 end
    opened[event.objectRef.name] = at
  end
  if again > 0 then requests["get pods/log"] = requests["get pods/log"] - again end
  return requests, again
end

describe("requests", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  it("of one short pod with its log: 3 and one watch (COST-1)", function()
    local requests = requests_of { "run", "-o", "ndjson", support.task [[arguments = { "echo hello" }]] }
    assert.same({ ["create pods"] = 1, ["get pods/log"] = 1, ["delete pods"] = 1, ["watch pods"] = 1 }, requests)
  end)

  it("without logs: 2 and one watch (COST-1)", function()
    local requests = requests_of { "run", "-o", "ndjson", support.task [[arguments = { "echo hello" },
      get_logs = false]] }
    assert.same({ ["create pods"] = 1, ["delete pods"] = 1, ["watch pods"] = 1 }, requests)
  end)

  it("with a result through the sidecar: 4 and one watch (COST-1, C4)", function()
    local requests = requests_of { "run", "-o", "ndjson", "examples/tasks/hello.lua" }
    assert.same({ ["create pods"] = 1, ["get pods/log"] = 1, ["get pods/exec"] = 1, ["delete pods"] = 1,
      ["watch pods"] = 1 }, requests)
  end)

  it("with a result in the termination message: 3 and one watch (RES-8, C1)", function()
    local requests = requests_of { "run", "-o", "ndjson", support.task([[
      arguments = { "echo 17 > /dev/termination-log" }, do_xcom_push = true, result_from = "termination_message",
    ]], "assert(task:execute() == 17)") }
    assert.same({ ["create pods"] = 1, ["get pods/log"] = 1, ["delete pods"] = 1, ["watch pods"] = 1 }, requests)
  end)

  it("with a given run id: one list in the run (FND-9)", function()
    local script = support.task([[arguments = { "true" }]], [[for _ = 1, 2 do task:execute() end]])
    local requests = requests_of { "run", "-o", "ndjson", script, "--run-id", "given" }
    assert.equal(1, requests["list pods"])
    assert.equal(2, requests["create pods"])
    assert.equal(2, requests["delete pods"])
    assert.is_nil(requests["get pods"])
  end)

  it("of 50 pods at once: 3 each, and a share of one watch (COST-1)", function()
    local script = support.task([[arguments = { "echo hello {{ params.n }}" },]], [[
      local numbers = {}
      for i = 1, 50 do numbers[i] = i end
      lunapod.map(numbers, function(n) task:execute { params = { n = n } } end, { parallel = 50 })
    ]])
    local requests, again = requests_of { "run", "-o", "ndjson", script }
    print(("50 pods: %d watches, %d logs opened again after a break"):format(requests["watch pods"], again))
    assert.is_true(requests["watch pods"] >= 1) -- M8: a server ends one whenever it likes
    requests["watch pods"] = nil
    assert.is_true((requests["watch events"] or 0) <= 10) -- of pods that are pending for 5 s (STA-8)
    requests["watch events"] = nil
    assert.same({ ["create pods"] = 50, ["get pods/log"] = 50, ["delete pods"] = 50 }, requests)
  end)

  it("of a failed pod: its events are listed once (OUT-6, COST-1)", function()
    local requests
    local script = support.task([[arguments = { "exit 1" }]], [[print((lunapod.pcall(task.execute, task)))]])
    requests = support.requests_of(function() support.expect_status(0, support.lunapod { "run", script }) end)
    assert.equal(1, requests["list events"])
    assert.equal(1, requests["create pods"])
    assert.equal(1, requests["delete pods"])
    assert.is_nil(requests["get pods"])
  end)
end)
