-- Acceptance, outcome, deletion and kill (O51 to O53, O55 to O59): what a pod's end is taken for, what becomes of the
-- pod, and who is told when.
local cjson = require "cjson"
local support = require "cluster.specs.support"

describe("outcome:", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  it("O51 skip codes none, a number, lists, 0, against exits 0, 100 and 101", function()
    local codes = { "nil", "100", "{ 100 }", "{ 100, 102 }", "0" }
    local skipped = { ["100 100"] = true, ["{ 100 } 100"] = true, ["{ 100, 102 } 100"] = true, ["0 0"] = true }
    local text = {}
    for i, code in ipairs(codes) do
      for _, exit in ipairs { 0, 100, 101 } do
        text[#text + 1] = ('pod("%s %d", { task_id = "skip-%d-%d", arguments = { "exit %d" }, '
          .. 'skip_on_exit_code = %s })'):format(code, exit, i, exit, exit, code)
      end
    end
    local seen = support.report(table.concat(text, "\n"))
    for _, code in ipairs(codes) do
      for _, exit in ipairs { 0, 100, 101 } do
        local case = code .. " " .. exit
        local expected = skipped[case] and "skipped" or exit == 0 and "succeeded" or "failed"
        assert.equal(expected, seen[case].state, case)
        assert.equal(exit, seen[case].exit_code)
      end
    end
  end)

  it("O52 the termination message is in the error; the pod is deleted", function()
    local seen = support.report [[pod("it", { task_id = "it", termination_message_policy = "File",
      arguments = { "printf my-failure >/dev/termination-log; exit 1" } })]]
    assert.equal("failed", seen.it.state)
    assert.truthy(seen.it.error:find("my-failure", 1, true), seen.it.error)
  end)

  it("O52 what is deleted is the pod that was read, by its uid: another of that name stays", function()
    local seen = support.report(([[
      local name = "o52-%s"
      local Replaced = lunapod.KubernetesPodOperator:extend {
        cleanup = function(self, pod, remote_pod)
          local client = self:client()
          assert(client:delete("pods", name, { grace = 0, uid = pod.metadata.uid }))
          local made, err
          for _ = 1, 200 do
            made, err = client:create("pods", { metadata = { name = name,
              labels = { lunapod_instance = pod.metadata.labels.lunapod_instance } },
              spec = { terminationGracePeriodSeconds = 0, containers = { { name = "main", image = "busybox:1",
                command = { "sleep", "600" } } } } })
            if made then break end
            lunapod.sleep(0.1)
          end
          assert(made, tostring(err))
          show("stranger", made.metadata.uid)
          return lunapod.KubernetesPodOperator.cleanup(self, pod, remote_pod)
        end,
      }
      local op = Replaced { task_id = "task", name = name, random_name_suffix = false, image = "busybox:1",
        cmds = { "sh", "-c" }, arguments = { "true" }, termination_grace_period = 1 }
      show("it", outcome_of(lunapod.pcall(op.execute, op)))
    ]]):format(support.instance:sub(-12)))
    assert.equal("succeeded", seen.it.state, seen.it.error)
    local pods = {}
    for _, pod in ipairs(support.pods()) do -- one of an earlier case may still be going
      if pod.metadata.name == "o52-" .. support.instance:sub(-12) then pods[#pods + 1] = pod end
    end
    assert.equal(1, #pods)
    assert.equal(seen.stranger, pods[1].metadata.uid)
    assert.is_nil(pods[1].metadata.deletionTimestamp)
    assert.is_nil(pods[1].metadata.labels.already_checked)
    support.sweep()
  end)

  it("O53 keep policy: marked after success and after failure; nothing else of the pod is changed", function()
    local seen = support.report [[
      pod("good", { task_id = "good", arguments = { "true" }, on_finish_action = "keep_pod" })
      pod("bad", { task_id = "bad", arguments = { "exit 1" }, on_finish_action = "keep_pod" })
    ]]
    local pods = {}
    for _, pod in ipairs(support.pods()) do pods[pod.metadata.name] = pod end
    for name, state in pairs { good = "succeeded", bad = "failed" } do
      assert.equal(state, seen[name].state)
      local before, after = seen[name].pod, assert(pods[seen[name].name])
      assert.equal("True", after.metadata.labels.already_checked)
      after.metadata.labels.already_checked = nil
      before.metadata.labels.already_checked = nil
      assert.same(before.metadata.labels, after.metadata.labels)
      assert.same(before.metadata.annotations, after.metadata.annotations)
      assert.equal(before.metadata.uid, after.metadata.uid)
      assert.same(before.spec, after.spec) -- nothing of it ran any more: there was nothing to stop
    end
    for name, phase in pairs { good = "Succeeded", bad = "Failed" } do
      support.pod_that("is " .. phase, function(pod)
        return pod.metadata.name == seen[name].name and pod.status.phase == phase
      end)
    end
    support.sweep() -- kept on purpose
  end)

  it("O55 a kill of a running task with grace 0: the pod is gone, the outcome is killed", function()
    local seen, result = support.report [[
      local op = task { task_id = "it", termination_grace_period = 0,
        arguments = { "trap '' TERM; echo runs; while :; do sleep 1; done" } }
      local handle = op:start()
      handle:next_line(60)
      handle:cancel()
      local outcome = handle:wait()
      show("it", { state = outcome.state, exit_code = outcome.exit_code, kind = outcome.error.kind,
        name = outcome.pod.name })
      local _, err = lunapod.client():get("pods", outcome.pod.name)
      show("code", err and err.code)
    ]]
    assert.equal("killed", seen.it.state)
    assert.equal("cancelled", seen.it.kind)
    assert.not_equal(0, seen.it.exit_code)
    assert.equal(404, seen.code)
    assert.is_true(result.seconds < 25, result.seconds) -- it did not have the cluster's grace of 30 s
  end)

  it("O56 active_deadline_seconds: 3 ends a longer command, 60 a quick one does not reach", function()
    local seen = support.report [[
      pod("long", { task_id = "long", arguments = { "sleep 10" }, active_deadline_seconds = 3 })
      pod("quick", { task_id = "quick", arguments = { "true" }, active_deadline_seconds = 60 })
    ]]
    assert.equal("failed", seen.long.state)
    assert.equal("deadline", seen.long.class)
    assert.equal("Failed", seen.long.pod.status.phase)
    assert.truthy(seen.long.error:match "^[^\n]*":find("DeadlineExceeded", 1, true), seen.long.error)
    assert.equal("succeeded", seen.quick.state, seen.quick.error)
  end)

  --- Runs a task whose token comes from a plugin: the n-th answer is `answers[n]` (the last for all later ones), "good"
  -- or "bad"; each is out of date at once, so that every request asks. Returns the result and how often it was asked.
  local function with_plugin(answers, parameters, status)
    local name = "acceptance-" .. support.instance:sub(-12)
    if not support.kubectl { "get", "serviceaccount", name } then
      assert(support.kubectl { "create", "serviceaccount", name })
      assert(support.kubectl { "create", "clusterrolebinding", name, "--clusterrole=cluster-admin",
        "--serviceaccount=default:" .. name })
    end
    local token = assert(support.kubectl { "create", "token", name }):gsub("%s", "")
    local counter = support.file("", "counter")
    local plugin = support.file(([[
#!/bin/sh
echo asked >>'%s'
n=$(wc -l <'%s')
set -- %s
[ $n -le $# ] || n=$#
eval "kind=\${$n}"
token=bad-token-of-the-plugin
[ $kind = bad ] || token='%s'
printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%%s"%%s}}' "$token" \
  ',"expirationTimestamp":"2020-01-01T00:00:00Z"'
]]):format(counter, counter, table.concat(answers, " "), token), "plugin")
    assert(os.execute("chmod +x " .. support.quote(plugin)))
    local tree = cjson.decode((assert(support.kubectl { "config", "view", "--raw", "--flatten", "--minify", "-o",
      "json" })))
    tree.users[1].user = { exec = { apiVersion = "client.authentication.k8s.io/v1", command = plugin,
      interactiveMode = "Never" } }
    local env = { KUBECONFIG = support.file(cjson.encode(tree), "plugin-kubeconfig") }
    local script = support.task(parameters, "local _, outcome = task:execute() print(outcome.state)")
    local result = support.expect_status(status, support.lunapod({ "run", script }, { env = env }))
    assert.is_nil(result.err:find("bad-token", 1, true))
    return result, #support.lines(support.read(counter))
  end

  describe("credentials:", function()
    teardown(function()
      local name = "acceptance-" .. support.instance:sub(-12)
      support.kubectl { "delete", "serviceaccount/" .. name, "clusterrolebinding/" .. name, "--ignore-not-found" }
    end)

    it("O57 401 once: the plugin is asked again, the task goes on", function()
      local result, asked = with_plugin({ "bad", "good" }, [[arguments = { "echo runs; sleep 1" },]], 0)
      assert.equal("succeeded\n", result.out)
      assert.equal(1, support.count(result.err, "[base] runs\n"))
      assert.is_true(asked >= 2)
    end)

    it("O57 401 three separate times: the task goes on", function()
      local result, asked = with_plugin({ "bad", "good", "bad", "good", "bad", "good" },
        [[arguments = { "echo runs; sleep 1" },]], 0)
      assert.equal("succeeded\n", result.out)
      assert.equal(1, support.count(result.err, "[base] runs\n"))
      assert.is_true(asked >= 6, asked)
    end)

    it("O57 401 again on the repetition: an error of class credential", function()
      local result, asked = with_plugin({ "bad" }, [[arguments = { "true" },]], 1)
      local first = result.err:match "^[^\n]*"
      assert.truthy(first:find("401", 1, true) and first:find("(class credential)", 1, true), first)
      assert.is_true(asked <= 4, asked) -- at first, out of date as it was, and after each refusal of the first request
    end)
  end)

  it("O58 the failure report: Normal events are info, Warning ones warnings", function()
    local script = support.task([[configmaps = { "no-such-map" }, config_grace = 1, log_events_on_failure = true,]])
    local records = support.records(script, { status = 1 })
    local levels = {}
    for _, it in ipairs(records) do
      if it.kind == "event" and it.reason then levels[it.reason] = it.level end
    end
    assert.equal("info", levels.Scheduled)
    assert.equal("warning", levels.Failed)
  end)

  it("O59 hooks: each once per table, in the list's order, at their moments, with their arguments", function()
    local seen, result = support.report [[
      local calls = {}
      local function note(table_name, hook, extra)
        calls[#calls + 1] = table_name .. " " .. hook .. (extra and " " .. tostring(extra) or "")
      end
      local names = { "on_pod_creation", "on_pod_starting", "on_pod_completion", "on_pod_teardown", "on_pod_cleanup",
        "on_operator_resuming" }
      local op
      local function hooks(table_name)
        local out = {
          on_sync_client_creation = function(client, operator)
            note(table_name, "on_sync_client_creation", type(client.request) == "function" and operator == op)
          end,
          on_pod_manifest_created = function(pod_request, context, operator)
            note(table_name, "on_pod_manifest_created",
              pod_request.kind == "Pod" and context.task_id == operator.task_id)
            pod_request.metadata.annotations = pod_request.metadata.annotations or {}
            pod_request.metadata.annotations["by-" .. table_name] = "yes"
          end,
          progress_callback = function(line, container, timestamp, pod)
            note(table_name, "progress_callback", line .. " " .. container .. " " .. type(timestamp) .. " "
              .. tostring(pod.metadata.name ~= nil))
          end,
        }
        for _, name in ipairs(names) do
          out[name] = function(pod, context, operator)
            note(table_name, name, pod.kind == "Pod" and context.run_id ~= nil and operator == op)
            if name == "on_pod_starting" and table_name == "a" then error "an observer that fails" end
          end
        end
        return out
      end
      local function run(name, command)
        calls = {}
        op = task { task_id = name, arguments = { command }, callbacks = { hooks "a", hooks "b" } }
        show(name, outcome_of(lunapod.pcall(op.execute, op)))
        show("calls-" .. name, calls)
      end
      run("good", "echo line")
      run("bad", "echo line; exit 4")
      op = task { task_id = "refused", arguments = { "true" },
        callbacks = { on_pod_manifest_created = function() error "not like this" end } }
      show("refused", outcome_of(lunapod.pcall(op.execute, op)))
    ]]
    local expected = {}
    for _, hook in ipairs { "on_sync_client_creation true", "on_pod_manifest_created true", "on_pod_creation true",
      "on_pod_starting true", "progress_callback line base number true", "on_pod_completion true",
      "on_pod_teardown true", "on_pod_cleanup true" } do
      for _, name in ipairs { "a", "b" } do expected[#expected + 1] = name .. " " .. hook end
    end
    -- A line may be there before the script hears of the start: the two are not ordered.
    local function without_lines(calls)
      local rest, lines = {}, {}
      for _, call in ipairs(calls) do
        local list = call:find("progress_callback", 1, true) and lines or rest
        list[#list + 1] = call
      end
      return rest, lines
    end
    local rest, lines = without_lines(expected)
    for _, name in ipairs { "good", "bad" } do
      local its_rest, its_lines = without_lines(seen["calls-" .. name])
      assert.same(rest, its_rest)
      assert.same(lines, its_lines)
      assert.equal("yes", seen[name].pod.metadata.annotations["by-a"])
      assert.equal("yes", seen[name].pod.metadata.annotations["by-b"])
    end
    assert.equal("succeeded", seen.good.state, seen.good.error)
    assert.equal("failed", seen.bad.state)
    assert.equal(4, seen.bad.exit_code)
    assert.truthy(result.err:find("an observer that fails", 1, true), result.err) -- a warning, nothing more
    assert.truthy(seen.refused.error:find("not like this", 1, true), seen.refused.error)
    assert.is_nil(seen.refused.pod)
  end)

  it("O59 on_operator_resuming: when a pod that an earlier process left is taken up", function()
    local script = support.task([[
      arguments = { "trap 'exit 0' USR1; echo runs; while :; do sleep 0.1; done" },
      callbacks = { on_operator_resuming = function(pod, context, operator)
        print("resuming " .. pod.metadata.name .. " " .. context.run_id .. " " .. operator.task_id)
      end },]], "task:execute()")
    local first = support.start_lunapod { "run", script, "--run-id", "resumed" }
    first:until_said "[base] runs\n"
    first:signal "KILL"
    assert.equal("", first:wait().out)
    local second = support.start_lunapod { "run", script, "--run-id", "resumed" }
    second:until_said "[base] runs\n"
    local pod = support.pod_that("runs", function(it)
      return it.status.phase == "Running" and not it.metadata.deletionTimestamp
    end)
    assert(support.kubectl { "exec", pod.metadata.name, "-n", pod.metadata.namespace, "--", "kill", "-USR1", "1" })
    local result = support.expect_status(0, second:wait())
    assert.equal("resuming " .. pod.metadata.name .. " resumed task\n", result.out)
  end)
end)
