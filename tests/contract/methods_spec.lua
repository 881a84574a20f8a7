-- The seed's rows 47 to 59: the operator's methods, each called by a script itself, and each overridden in a subclass
-- through which the task's own flow then goes.
local pods = require "contract.pods"
local support = require "cluster.specs.support"

local says = pods.says

local METHODS = { "pod_manager", "client", "find_pod", "get_or_create_pod", "await_pod_start", "extract_xcom",
  "execute", "cleanup", "process_pod_deletion", "patch_already_checked", "on_kill", "build_pod_request_obj", "dry_run" }
local called

--- Does the task's own flow go through a subclass's method of this name? All are overridden at once, each goes on to
-- the original; one task ends by itself, one is killed, one is only printed.
local function overridden(method)
  if not called then
    local result = pods.program(([[
      local called, members = {}, {}
      for name in ("%s"):gmatch "%%S+" do
        members[name] = function(self, ...)
          called[name] = true
          return lunapod.KubernetesPodOperator[name](self, ...)
        end
      end
      local Mine = lunapod.KubernetesPodOperator:extend(members)
      Mine(defaults { arguments = { "true" }, do_xcom_push = true }):execute()
      local handle = Mine(defaults { arguments = { "echo up; sleep 600" } }):start()
      handle:next_line(60)
      handle:cancel()
      handle:wait()
      Mine(defaults { arguments = { "true" } }):dry_run()
      for name in pairs(called) do show("called " .. name) end
    ]]):format(table.concat(METHODS, " ")))
    called = {}
    for name in result.out:gmatch "called (%S+)\n" do called[name] = true end
  end
  return called[method] == true
end

local step_by_step = [[
  local context = { dag_id = "steps", task_id = "task", run_id = "steps-%s", try_number = 1 }
  local op = task { do_xcom_push = true, is_delete_operator_pod = %s,
    arguments = { "echo '[1, 2]' > /airflow/xcom/return.json; echo said" } }
]]

describe("the contract: methods", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end)

  it("S47 pod_manager: makes, watches, logs and deletes pods; made once; the flow goes through it", function()
    local result = pods.program [[
      local op = task { arguments = { "true" } }
      local manager = op:pod_manager()
      show(manager == op:pod_manager())
      local pod = assert(manager:create("pods", { metadata = { generateName = "managed-" }, spec = {
        restartPolicy = "Never",
        containers = { { name = "base", image = "busybox:1", command = { "sh", "-c", "echo managed" } } } } }))
      local name = pod.metadata.name
      local watch = assert(manager:watch { kind = "pods", field_selector = "metadata.name=" .. name })
      repeat
        local item = assert(watch:next(60))
        local phase = item.object and item.object.status and item.object.status.phase
      until phase == "Succeeded"
      watch:close()
      local log = assert(manager:logs { pod = name, container = "base" })
      show((log:next_line(30)))
      show((manager:delete("pods", name, { grace = 0, uid = pod.metadata.uid })) ~= nil)
      repeat local there = manager:get("pods", name) until not there
    ]]
    assert.equal("true\nmanaged\ntrue\n", result.out)
    assert.is_true(overridden "pod_manager")
  end)

  it("S48 client: of this task's cluster settings, made once; the flow goes through it", function()
    local result = pods.program(([[
      local op = task {}
      show(op:client() == op:client(), op:client():namespace(), op:client():server())
      local nobody = task { config_file = "%s" }
      show(nobody:client() == op:client(), (select(2, nobody:client():list "pods")).code)
    ]]):format((os.getenv "KUBECONFIG"):gsub("[^/]*$", "nobody")))
    assert.is_true(overridden "client")
    says("true\tdefault\thttps://", result.out)
    says("false\t403", result.out)
  end)

  it("S49 find_pod: the pod that runs for this task instance in that namespace, or nothing", function()
    local text = [[
      local context = { dag_id = "finding", task_id = "task", run_id = "find-me" }
      local op = task { arguments = { "echo up; trap 'exit 0' TERM; while :; do sleep 0.1; done" } }
    ]]
    local first = pods.start(text .. "op:execute(context)")
    first:until_said "up"
    local pod = support.pod_that("runs", function(it) return it.status.phase == "Running" end)
    first:signal "KILL"
    first:wait()
    local result = pods.program(text .. [[
      local pod = op:find_pod("default", context)
      show(pod and pod.metadata.uid)
      show(op:find_pod("default", { dag_id = "finding", task_id = "task", run_id = "another" }))
      show(op:find_pod("kube-public", context))
      show(task { task_id = "other", arguments = { "true" } }:find_pod("default", context))
    ]])
    assert.equal(pod.metadata.uid .. "\nnil\nnil\nnil\n", result.out)
    support.sweep()
    assert.is_true(overridden "find_pod")
  end)

  it("S50 get_or_create_pod: the pod of the given manifest, or the one that is there already", function()
    local text = [[
      local context = { dag_id = "getting", task_id = "task", run_id = "get-me", try_number = 1 }
      local op = task { arguments = { "echo up; trap 'exit 0' TERM; while :; do sleep 0.1; done" } }
      local request = op:build_pod_request_obj(context)
      request.metadata.annotations = { mine = "changed" }
      local pod = op:get_or_create_pod(request, context)
      show(pod.metadata.uid, pod.metadata.annotations.mine)
    ]]
    local first, second = pods.program(text).out, pods.program(text).out
    assert.truthy(first:find "^[%x-]+\tchanged\n$", first)
    assert.equal(first, second)
    assert.equal(1, #pods.live())
    support.sweep()
    assert.is_true(overridden "get_or_create_pod")
  end)

  it("S51 await_pod_start: returns when the pod has started or ended, raises after the limit", function()
    local result = pods.program((step_by_step:format("start", "true")) .. [[
      local pod = op:get_or_create_pod(op:build_pod_request_obj(context), context)
      op:await_pod_start(pod)
      local phase = op:client():get("pods", pod.metadata.name).status.phase
      show(phase == "Running" or phase == "Succeeded" or phase)
      op:process_pod_deletion(pod)
      local late = task { task_id = "late", startup_timeout_seconds = 1, arguments = { "true" },
        volumes = { { name = "late", configMap = { name = "does-not-come" } } },
        volume_mounts = { { name = "late", mountPath = "/late" } } }
      context.task_id = "late"
      pod = late:get_or_create_pod(late:build_pod_request_obj(context), context)
      local ok, err = lunapod.pcall(late.await_pod_start, late, pod)
      show(ok, err)
      lunapod.pcall(late.process_pod_deletion, late, pod)
    ]])
    assert.truthy(result.out:find "^true\nfalse\t", result.out)
    says("took too long to start", result.out)
    assert.is_true(overridden "await_pod_start")
  end)

  it("S52 extract_xcom: the result, and then the sidecar is stopped", function()
    local result = pods.program((step_by_step:format("extract", "false")) .. [[
      local pod = op:get_or_create_pod(op:build_pod_request_obj(context), context)
      op:await_pod_start(pod)
      local value = op:extract_xcom(pod)
      show(value[1], value[2])
      op:process_pod_deletion(pod)
    ]])
    assert.equal("1\t2\n", result.out)
    support.eventually(60, "the sidecar has ended", function()
      local pod = pods.live()[1]
      local sidecar = pod and (pod.status.initContainerStatuses or pod.status.containerStatuses)[1]
      return sidecar and sidecar.name == "airflow-xcom-sidecar" and sidecar.state.terminated
        and sidecar.state.terminated.exitCode == 0
    end)
    support.sweep()
    assert.is_true(overridden "extract_xcom")
  end)

  it("S53 execute: the whole task; its result and outcome; templates see the context that it is given", function()
    local result = pods.program [[
      local op = task { do_xcom_push = true, arguments = {
        "echo '{{ mine.deep[0] | tojson }}' > /airflow/xcom/return.json; "
        .. "echo {{ dag_id }} {{ run_id }} {{ ds }} {{ params.p }}" } }
      local value, outcome = op:execute { dag_id = "flow", run_id = "run", logical_date = "2026-05-06",
        params = { p = 1 }, mine = { deep = { { a = "b" } } } }
      show(value.a, outcome.state, outcome.exit_code, outcome.attempts)
      show(lunapod.pcall(op.execute, task { arguments = { "exit 9" } }))
    ]]
    says("[base] flow run 2026-05-06 1\n", result.err)
    says("b\tsucceeded\t0\t1\n", result.out)
    says('false\ttask "task": Pod task-', result.out)
    assert.is_true(overridden "execute")
  end)

  it("S54 cleanup: marks, classifies, reports, deletes, raises on failure", function()
    local result = pods.program [[
      for _, code in ipairs { 0, 6 } do
        local context = { dag_id = "cleaning", task_id = "task", run_id = "clean-" .. code, try_number = 1 }
        local op = task { arguments = { "exit " .. code } }
        local pod = op:get_or_create_pod(op:build_pod_request_obj(context), context)
        op:await_pod_start(pod)
        lunapod.pcall(op.await_completion, op, pod)
        local remote = op:client():get("pods", pod.metadata.name)
        local ok, it = lunapod.pcall(op.cleanup, op, pod, remote)
        show(ok, ok and it.state or it.exit_code, remote.metadata.uid == pod.metadata.uid)
      end
    ]]
    assert.equal("true\tsucceeded\ttrue\nfalse\t6\ttrue\n", result.out)
    assert.equal("", support.left())
    assert.is_true(overridden "cleanup")
  end)

  it("S55 process_pod_deletion: deletes or keeps, as is_delete_operator_pod says", function()
    for delete, left in pairs { ["true"] = 0, ["false"] = 1 } do
      pods.program((step_by_step:format("deletion-" .. delete, delete)) .. [[
        local pod = op:get_or_create_pod(op:build_pod_request_obj(context), context)
        op:await_pod_start(pod)
        op:extract_xcom(pod)
        op:process_pod_deletion(pod)
      ]])
      support.eventually(60, delete .. " leaves " .. left, function() return #pods.live() == left end)
      support.sweep()
    end
    assert.is_true(overridden "process_pod_deletion")
  end)

  it("S56 patch_already_checked: the label is on the pod, and no retry adopts it", function()
    local text = [[
      local context = { dag_id = "marking", task_id = "task", run_id = "mark-me", try_number = 1 }
      local op = task { arguments = { "trap 'exit 0' TERM; while :; do sleep 0.1; done" } }
      local pod = op:get_or_create_pod(op:build_pod_request_obj(context), context)
      show(pod.metadata.uid)
    ]]
    local first = pods.program(text .. "op:patch_already_checked(pod)").out
    local pod = pods.live()[1]
    assert.equal(first, pod.metadata.uid .. "\n")
    assert.equal("True", pod.metadata.labels.already_checked)
    assert.not_equal(first, pods.program(text).out)
    support.sweep()
    assert.is_true(overridden "patch_already_checked")
    support.sweep()
  end)

  it("S57 on_kill: nothing of the task runs on: no pod, and execute ends as killed", function()
    local result = pods.program [[
      local op = task { arguments = { "echo up; sleep 600" } }
      local handle = op:start()
      show((handle:next_line(60)))
      op:on_kill()
      local outcome = handle:wait(20)
      show(outcome.state, next(lunapod.default.attempts))
    ]]
    assert.equal("up\nkilled\tnil\n", result.out)
    assert.equal("", support.left())
    assert.is_true(overridden "on_kill")
  end)

  it("S58 build_pod_request_obj: the manifest, as the server takes it; without a context no task labels", function()
    local result = pods.program [[
      local op = task { labels = { team = "a" }, arguments = { "echo {{ run_id }}" } }
      local pod = op:build_pod_request_obj { dag_id = "building", task_id = "task", run_id = "build", try_number = 2 }
      show(pod.metadata.labels.dag_id, pod.metadata.labels.try_number, pod.spec.containers[1].args[1])
      local answer, err = op:client():create("pods", pod, { namespace = "default",
        query = { dryRun = "All", fieldValidation = "Strict" } })
      show(answer and answer.kind or err, #(op:client():list("pods", { label_selector = "dag_id=building" })))
      local bare = op:build_pod_request_obj()
      show(bare.metadata.labels.team, bare.metadata.labels.dag_id, bare.metadata.labels.kubernetes_pod_operator)
    ]]
    assert.equal("building\t2\techo build\nPod\t0\na\tnil\tnil\n", result.out)
    says("mine", pods.program [[
      local Mine = lunapod.KubernetesPodOperator:extend { build_pod_request_obj = function(self, context)
        local pod = lunapod.KubernetesPodOperator.build_pod_request_obj(self, context)
        pod.spec.hostname = "mine"
        return pod
      end }
      Mine(defaults { arguments = { "hostname" } }):execute()
    ]].err)
  end)

  it("S59 dry_run: prints a manifest without task labels and empty elements that the server accepts", function()
    local result = pods.program([[
      task { arguments = { "echo dry" }, env_vars = {}, volumes = {}, labels = { team = "a" }, ports = {} }:dry_run()
    ]], { env = { KUBECONFIG = false, HOME = "/nowhere" } }) -- needs no cluster
    says("kind: Pod", result.out)
    says("team: a", result.out)
    for _, absent in ipairs { "dag_id", "run_id", "env:", "volumes:", "ports:", "null", "{}", "[]" } do
      assert.is_nil(result.out:find(absent, 1, true), absent .. " in\n" .. result.out)
    end
    local made, why = support.kubectl({ "create", "--dry-run=server", "--validate=strict", "-n", "default", "-f", "-",
      "-o", "jsonpath={.kind}" }, result.out)
    assert.equal("Pod", made, why)
    assert.equal(0, #pods.live())
    assert.is_true(overridden "dry_run")
  end)
end)
