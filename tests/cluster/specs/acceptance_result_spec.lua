-- Acceptance, results (O49, O50, O54): what a task hands on, whatever became of it.
local support = require "cluster.specs.support"

describe("result:", function()
  local seen
  setup(function()
    seen = support.report [[
      local function push(text, rest)
        return { "echo '" .. text .. "' > /airflow/xcom/return.json; " .. (rest or "true") }
      end
      pod("failed", { task_id = "failed", do_xcom_push = true, arguments = push('{"a": 1}', "exit 3") })
      pod("fan", { task_id = "fan", do_xcom_push = true, multiple_outputs = true,
        arguments = push('{"one": 1, "two": [2]}') })
      pod("fan-failed", { task_id = "fan-failed", do_xcom_push = true, multiple_outputs = true,
        arguments = push('{"one": 1, "two": [2]}', "exit 3") })
      pod("none", { task_id = "none", arguments = { "true" } })
      pod("none-failed", { task_id = "none-failed", arguments = { "exit 3" } })
      local function ended(name, rest)
        pod(name, { task_id = name, do_xcom_push = true, arguments = push("5", rest), callbacks = {
          on_pod_completion = function(it) show("phase-" .. name, it.status.phase) end } })
      end
      ended("ended")
      ended("ended-1", "exit 1")
      run_pods()
      for _, id in ipairs { "failed", "fan", "fan-failed", "none", "none-failed", "ended" } do
        local values = lunapod.object {}
        for _, key in ipairs { "pod_name", "pod_namespace", "return_value", "one", "two" } do
          values[key] = lunapod.xcom_pull { task_ids = id, key = key }
        end
        show("pulled-" .. id, values)
      end
      pod("reader", { task_id = "reader", arguments = {
        "echo {{ ti.xcom_pull(task_ids='fan', key='two') }} {{ ti.xcom_pull(task_ids='none', key='pod_name') }} "
        .. "{{ ti.xcom_pull(task_ids='nobody') }}" } })
    ]]
  end)
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  it("O49 a pod that fails after it wrote its result: published, then failed", function()
    local it = seen.failed
    assert.equal("failed", it.state)
    assert.equal(3, it.exit_code)
    assert.same({ a = 1 }, seen["pulled-failed"].return_value)
    assert.same({ a = 1 }, it.published.return_value)
  end)

  it("O49 a fan-out publishes every key, of a task that failed, too", function()
    for id, state in pairs { fan = "succeeded", ["fan-failed"] = "failed" } do
      assert.equal(state, seen[id].state, seen[id].error)
      assert.equal(1, seen["pulled-" .. id].one)
      assert.same({ 2 }, seen["pulled-" .. id].two)
      assert.same({ one = 1, two = { 2 } }, seen["pulled-" .. id].return_value)
    end
  end)

  it("O50 pod_name and pod_namespace are published with and without a result, and on failure", function()
    for _, id in ipairs { "failed", "fan", "fan-failed", "none", "none-failed", "ended" } do
      assert.is_string(seen[id].name)
      assert.equal(seen[id].name, seen["pulled-" .. id].pod_name, id)
      assert.equal("default", seen["pulled-" .. id].pod_namespace, id)
      assert.equal(seen[id].name, seen[id].published.pod_name, id)
    end
    assert.is_nil(seen["pulled-none"].return_value)
    assert.equal("[2] " .. seen.none.name .. " None\n", seen.reader.log)
  end)

  it("an image for the sidecar without sh is an error that says so, and leaves nothing (RES-3, STA-5)", function()
    local result = support.expect_status(1, support.lunapod { "run", support.file [[
      local lunapod = require "lunapod"
      lunapod.connections { kubernetes_default = { xcom_sidecar_container_image = "localhost/pause:1" } }
      lunapod.task { task_id = "task", image = "busybox:1", cmds = { "true" }, do_xcom_push = true,
        runtime_grace = 1, termination_grace_period = 1 }:execute()
    ]] })
    assert.truthy(result.err:find("init container airflow-xcom-sidecar of pod", 1, true), result.err)
    assert.truthy(result.err:find("(class config)", 1, true), result.err)
    assert.truthy(result.err:find('exec: "sh": executable file not found', 1, true), result.err)
  end)

  it("O54 the base container ended, the pod still runs because of its sidecar: its exit code decides", function()
    assert.equal("succeeded", seen.ended.state, seen.ended.error)
    assert.equal(5, seen.ended.result)
    assert.equal("failed", seen["ended-1"].state)
    assert.equal(1, seen["ended-1"].exit_code)
    for _, id in ipairs { "ended", "ended-1" } do assert.equal("Running", seen["phase-" .. id]) end
  end)
end)
