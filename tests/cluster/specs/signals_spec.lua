-- Signals and sudden death: who deletes the pods, who leaves them, and who takes them up again
-- (KIL-4, KIL-5, FND-4, FND-8, DR-9, M18, X61, X62, V1, V2).
local cjson = require "cjson"
local support = require "cluster.specs.support"

-- A pod that says it runs, counts until it is told to end, and says so.
local PATIENT = [[arguments = { [=[
  trap 'echo told; exit 0' TERM
  trap 'echo released; echo "[\"the result\"]" > /airflow/xcom/return.json; exit 0' USR1
  n=0; while :; do n=$((n+1)); echo line $n; sleep 0.2; done
]=] }, do_xcom_push = true,]]

local function running(process)
  process:until_said "[base] line 3\n"
  return support.pod_that("runs", function(pod) return pod.status.phase == "Running"
    and not pod.metadata.deletionTimestamp end)
end

--- Tells the pod's own process something, past lunapod.
local function tell(pod, signal)
  assert(support.kubectl { "exec", pod.metadata.name, "-n", pod.metadata.namespace, "-c", "base", "--", "kill", "-"
    .. signal, "1" })
end

local function log_lines(text)
  local numbers = {}
  for number in text:gmatch "%[base%] line (%d+)\n" do numbers[#numbers + 1] = tonumber(number) end
  return numbers
end

local function is_counted_from_one(numbers)
  for i, number in ipairs(numbers) do assert.equal(i, number) end
end

local function gone(pod)
  support.eventually(60, "the pod is gone", function()
    return not support.kubectl { "get", "pod", pod.metadata.name, "-n", pod.metadata.namespace }
  end)
end

describe("a signal to lunapod run", function()
  teardown(support.clean)
  local script
  setup(function() script = support.task(PATIENT) end)
  after_each(function()
    assert.equal("", support.sweep()) -- V4
    support.eventually(60, "no pod is left", function() return #support.pods() == 0 end)
  end)

  it("SIGINT: the pod is deleted with its grace, by its uid; the status is 130 (KIL-5, DR-9)", function()
    local mark = support.cluster_program and support.cluster("audit", "mark"):gsub("%s", "")
    local process = support.start_lunapod { "run", script }
    local pod = running(process)
    process:signal "INT"
    local result = support.expect_status(130, process:wait())
    assert.equal("", result.out)
    assert.truthy(result.err:find("lunapod: deleting 1 pod; once more ends at once and leaves it", 1, true)
      or result.err:find("lunapod: deleting 1 pod; once more ends at once and leaves them", 1, true), result.err)
    assert.truthy(result.err:find("[base] told\n", 1, true), result.err) -- it had its grace
    gone(pod)
    if mark then
      assert.equal(1, #support.audit_lines(mark, "--verb", "delete", "--resource", "pods"))
    end
  end)

  it("SIGINT while 20 pods start: none is left (KIL-4)", function()
    local many = support.task([[arguments = { "sleep 600" },]],
      [[local n = {} for i = 1, 20 do n[i] = i end lunapod.map(n, function() task:execute() end)]])
    local process = support.start_lunapod { "run", many }
    support.eventually(60, "some pods are there", function() return #support.pods() > 0 end)
    process:signal "INT"
    support.expect_status(130, process:wait())
    assert.equal("", support.left())
  end)

  it("SIGTERM without a run id: deletes, 143 (KIL-5)", function()
    local process = support.start_lunapod { "run", script }
    local pod = running(process)
    process:signal "TERM"
    support.expect_status(143, process:wait())
    gone(pod)
  end)

  it("SIGTERM with a run id: lets the pod live, 143, and the same command takes it up (KIL-5, FND-8)", function()
    local process = support.start_lunapod { "run", script, "--run-id", "term" }
    local pod = running(process)
    process:signal "TERM"
    local result = support.expect_status(143, process:wait())
    assert.truthy(result.err:find(pod.metadata.name, 1, true), result.err)
    assert.truthy(result.err:find("--run-id term", 1, true), result.err)
    assert.is_nil(result.err:find("told", 1, true))

    local again = support.start_lunapod { "run", script, "--run-id", "term" }
    again:until_said "[base] line 3\n"
    tell(pod, "USR1")
    local second = support.expect_status(0, again:wait())
    assert.equal('["the result"]\n', second.out)
    is_counted_from_one(log_lines(second.err))
  end)

  it("a second signal ends at once and says which pods are left", function()
    -- The shell does not hear SIGTERM, so that the deletion takes its grace of 20 s.
    local deaf = support.file([[
      local lunapod = require "lunapod"
      lunapod.task { task_id = "task", image = "busybox:1", cmds = { "sh", "-c" }, termination_grace_period = 20,
        arguments = { "trap '' TERM; echo line 3; while :; do sleep 1; done" } }:execute()
    ]])
    local process = support.start_lunapod { "run", deaf }
    local pod = running(process)
    process:signal "INT"
    process:until_said "deleting 1 pod"
    process:signal "INT"
    local result = support.expect_status(130, process:wait(10))
    assert.truthy(result.err:find("1 pod is left: " .. pod.metadata.namespace .. "/" .. pod.metadata.name, 1, true),
      result.err)
    support.kubectl { "delete", "pod", pod.metadata.name, "-n", pod.metadata.namespace, "--grace-period=0", "--force" }
  end)

  it("kill -9 in mid run, then the same run id: adopted, one pod, each log line once (FND-8, X61, V1, V2)", function()
    local process = support.start_lunapod { "run", script, "--run-id", "killed" }
    local pod = running(process)
    process:signal "KILL"
    process:wait()
    local again = support.start_lunapod { "run", script, "--run-id", "killed" }
    again:until_said "[base] line 3\n"
    local pods = support.pods()
    assert.equal(1, #pods)
    assert.equal(pod.metadata.uid, pods[1].metadata.uid)
    assert.not_equal(pod.metadata.labels.lunapod_engine, pods[1].metadata.labels.lunapod_engine)
    tell(pod, "USR1")
    local result = support.expect_status(0, again:wait())
    assert.equal('["the result"]\n', result.out)
    local numbers = log_lines(result.err)
    assert.is_true(#numbers >= 3)
    is_counted_from_one(numbers)
    assert.equal(1, support.count(result.err, "[base] released\n"))
  end)

  it("kill -9, the pod ends meanwhile: the next start takes its result and runs nothing again (FND-4, M18, X62)",
    function()
    local process = support.start_lunapod { "run", script, "--run-id", "meanwhile" }
    local pod = running(process)
    process:signal "KILL"
    process:wait()
    tell(pod, "USR1")
    support.pod_that("has ended", function(it)
      for _, status in ipairs(it.status.containerStatuses or {}) do
        if status.name == "base" and status.state.terminated then return true end
      end
      return false
    end)
    local mark = support.cluster_program and support.cluster("audit", "mark"):gsub("%s", "")
    local result = support.expect_status(0, support.lunapod { "run", script, "--run-id", "meanwhile" })
    assert.equal('["the result"]\n', result.out)
    is_counted_from_one(log_lines(result.err))
    assert.equal(1, support.count(result.err, "[base] released\n"))
    if mark then assert.same({}, support.audit_lines(mark, "--verb", "create", "--resource", "pods")) end
  end)

  it("kill -9, the pod ends with a result too large to be left behind: an error, not nil (RES-10, X41, V3)", function()
    local large = support.task [[arguments = {
      "trap 'exit 0' TERM; while [ ! -e /tmp/go ]; do echo line 3; sleep 0.1; done; "
      .. "head -c 5000 /dev/zero | tr '\\0' 1 > /airflow/xcom/return.json" }, do_xcom_push = true,]]
    local process = support.start_lunapod { "run", large, "--run-id", "large" }
    local pod = running(process)
    process:signal "KILL"
    process:wait()
    assert(support.kubectl { "exec", pod.metadata.name, "-n", pod.metadata.namespace, "-c", "base", "--", "touch",
      "/tmp/go" })
    support.pod_that("has ended", function(it) return it.status.phase == "Succeeded" or it.status.phase == "Failed" end)
    local result = support.expect_status(1, support.lunapod { "run", large, "--run-id", "large" })
    assert.equal("", result.out)
    assert.truthy(result.err:find("(class result)", 1, true), result.err)
  end)

  it("kill -9, the pod fails meanwhile: that is a failed try, not a second run of it (FND-4)", function()
    local failing = support.task [[arguments = { "trap 'exit 9' USR1; echo line 3; while :; do sleep 0.1; done" },]]
    local process = support.start_lunapod { "run", failing, "--run-id", "failed" }
    local pod = running(process)
    process:signal "KILL"
    process:wait()
    tell(pod, "USR1")
    support.pod_that("has failed", function(it) return it.status.phase == "Failed" end)
    local result = support.expect_status(1, support.lunapod { "run", failing, "--run-id", "failed" })
    assert.truthy(result.err:find("Pod " .. pod.metadata.name .. " returned a failure. Container base: exit code 9", 1,
      true), result.err)
  end)

  it("two starts with one run id: the later one owns the pod, the earlier one ends as taken over (FND-8, X64)",
    function()
    local first = support.start_lunapod { "run", script, "--run-id", "two", "-o", "ndjson" }
    first:until_said('"message":"line 3"', 60, "out")
    local pod = support.pod_that("runs", function(it) return it.status.phase == "Running" end)
    local second = support.start_lunapod { "run", script, "--run-id", "two" }
    second:until_said "[base] line 3\n"
    local ended = support.expect_status(1, first:wait())
    local outcome
    for _, line in ipairs(support.lines(ended.out)) do
      local record = cjson.decode(line)
      if record.kind == "outcome" then outcome = record end
    end
    assert.equal("lost", outcome.state)
    assert.equal(1, #support.pods())
    tell(pod, "USR1")
    assert.equal('["the result"]\n', support.expect_status(0, second:wait()).out)
  end)
end)
