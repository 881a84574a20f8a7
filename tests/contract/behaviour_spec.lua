-- The seed's rows 36 to 43: what happens as a task runs, ends, is interrupted and tried again.
local pods = require "contract.pods"
local support = require "cluster.specs.support"

local says = pods.says

local function running(pod)
  return pod.status.phase == "Running" and not pod.metadata.deletionTimestamp
end

describe("the contract: run behaviour", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end)

  it("S36 reattach_on_restart: the next start watches the pod of a killed one; off: it starts another", function()
    local text = [[
      local op = task { reattach_on_restart = %s, arguments = { "echo begun; trap 'echo told; exit 0' TERM; "
        .. "i=0; while [ $i -lt 1200 ]; do sleep 0.1; i=$((i+1)); done" } }
      local _, outcome = op:execute { dag_id = "reattaching", run_id = "%s" }
      show(outcome.pod.uid)
    ]]
    for run, reattach in pairs { again = "nil", apart = "false" } do
      local first = pods.start(text:format(reattach, run))
      first:until_said "begun"
      local pod = support.pod_that("runs", running)
      first:signal "KILL"
      first:wait()
      local second = pods.start(text:format(reattach, run))
      local mine = pod
      if reattach == "false" then
        mine = support.pod_that("is another", function(it)
          return it.metadata.uid ~= pod.metadata.uid and running(it)
        end)
      end
      second:until_said "begun"
      assert(support.kubectl { "exec", mine.metadata.name, "--", "kill", "-TERM", "1" })
      local result = support.expect_status(0, second:wait())
      assert.equal(mine.metadata.uid .. "\n", result.out)
      assert.equal(1, support.count(result.err, "told\n"))
      support.sweep() -- of `apart`: the pod that nobody watches any more
    end
  end)

  it("S37 startup_timeout_seconds: a pod that does not start in time is an error, and is stopped", function()
    local result = pods.program [[
      local ok, err = lunapod.pcall(function()
        task { startup_timeout_seconds = 2, infra_retries = 0, arguments = { "true" }, is_delete_operator_pod = false,
          volumes = { { name = "late", configMap = { name = "does-not-come" } } },
          volume_mounts = { { name = "late", mountPath = "/late" } } }:execute()
      end)
      show(ok, err)
      show(lunapod.KubernetesPodOperator { task_id = "x" }.startup_timeout_seconds)
      local _, outcome = task { startup_timeout_seconds = 6, arguments = { "sleep 7" } }:execute()
      show(outcome.state)
    ]]
    says("took too long to start", result.out)
    says("does-not-come", result.out)
    assert.truthy(result.out:find "\n120\nsucceeded\n$", result.out) -- the limit ends with the start
    for _, pod in ipairs(support.pods()) do -- kept, but it must not start later (STA-7)
      assert.truthy(pod.metadata.deletionTimestamp or pod.spec.activeDeadlineSeconds == 1, pod.metadata.name)
    end
    support.sweep()
  end)

  it("S38 get_logs: the container's output is the task's log; off: nothing is read, the outcome is known", function()
    local result = pods.program [[
      task { task_id = "heard", arguments = { "echo spoken; echo complained >&2" } }:execute()
      local _, outcome = task { task_id = "unheard", get_logs = false, arguments = { "echo whispered" } }:execute()
      show(outcome.state)
      local ok, err = lunapod.pcall(function()
        task { task_id = "bad", get_logs = false, arguments = { "echo whispered; exit 3" } }:execute()
      end)
      show(ok, err.exit_code)
    ]]
    says("[base] spoken\n", result.err)
    says("[base] complained\n", result.err)
    assert.is_nil(result.err:find("whispered", 1, true))
    assert.equal("succeeded\nfalse\t3\n", result.out)
  end)

  it("S39 log_events_on_failure: a failed pod's containers and events are in the log, only when asked for", function()
    local text = [[
      for _, code in ipairs { 5, 0 } do
        lunapod.pcall(function()
          task { log_events_on_failure = %s, arguments = { "exit " .. code } }:execute()
        end)
        io.stderr:write("-- end\n")
      end
    ]]
    local asked = pods.program(text:format "true")
    local failed, fine = asked.err:match "^(.-)%-%- end\n(.-)%-%- end\n$"
    says("Started", failed)
    says("Scheduled", failed)
    says("exit code 5", failed)
    assert.is_nil(fine:find("Scheduled", 1, true), fine)
    local default = pods.program(text:format "nil")
    assert.is_nil(default.err:find("Scheduled", 1, true), default.err)
  end)

  it("S40 do_xcom_push: what is in /airflow/xcom/return.json is the result; off: there is none", function()
    local result = pods.program [[
      local write = "mkdir -p /airflow/xcom; echo '{\"rows\": [1, 2.5, \"three\", null]}' > /airflow/xcom/return.json"
      local value, outcome = task { do_xcom_push = true, arguments = { write } }:execute()
      show(lunapod.json.encode(value), lunapod.json.encode(outcome.result))
      show(lunapod.xcom_pull { task_ids = "task" }.rows[3])
      show((task { arguments = { write } }:execute()))
      show((task { do_xcom_push = true, arguments = { "true" } }:execute()))
      local ok, err = lunapod.pcall(function()
        task { do_xcom_push = true, arguments = { "echo 'no json' > /airflow/xcom/return.json" } }:execute()
      end)
      show(ok, err.class)
      local big = task { do_xcom_push = true, arguments = {
        "(echo '\"'; head -c 1000000 /dev/zero | tr '\\0' y; echo '\"') | tr -d '\\n' > /airflow/xcom/return.json" } }
      show(#big:execute())
    ]]
    local json = [[{"rows":[1,2.5,"three",null]}]]
    assert.equal(("%s\t%s\nthree\nnil\nnil\nfalse\tresult\n1000000\n"):format(json, json), result.out)
  end)

  it("S41 is_delete_operator_pod: at the end or when interrupted, true deletes the pod, false leaves it", function()
    local text = [[
      for name, run in pairs { good = "exit 0", bad = "exit 1", slow = "sleep 600" } do
        lunapod.spawn(lunapod.pcall, function()
          task { name = name, is_delete_operator_pod = %s, arguments = { run },
            execution_timeout = name == "slow" and 4 or nil }:execute()
        end)
      end
      lunapod.run()
    ]]
    pods.program(text:format "nil")
    assert.equal("", support.left())
    pods.program(text:format "true")
    assert.equal("", support.left())
    pods.program(text:format "false")
    local kept = {}
    for _, pod in ipairs(support.pods()) do
      if not pod.metadata.deletionTimestamp then -- those of the programs before may still be going
        assert.equal("True", pod.metadata.labels.already_checked)
        kept[#kept + 1] = pod.metadata.name:match "^%a+"
      end
    end
    table.sort(kept)
    assert.same({ "bad", "good", "slow" }, kept)
    support.eventually(60, "the interrupted pod is stopped", function() -- kept is the object, nothing runs (DEL-5)
      for _, pod in ipairs(support.pods()) do
        if running(pod) then return false end
      end
      return true
    end)
    support.sweep()
    local program = support.start_lunapod { "run", support.task [[arguments = { "echo up; sleep 600" }]] }
    program:until_said "up"
    program:signal "INT"
    assert.equal(130, program:wait().status)
    assert.equal("", support.left())
  end)

  it("S42 termination_grace_period: of a killed task's pod; 0 is a value; not given: the cluster's", function()
    local result = pods.program [[
      -- It says farewell for longer than this test takes to look.
      local run = "echo up; trap 'sleep 3; exit 0' TERM; while :; do sleep 0.1; done"
      local function grace(given)
        given.arguments = { run }
        given.image, given.cmds = "busybox:1", { "sh", "-c" }
        local handle = lunapod.KubernetesPodOperator(given):start()
        handle:next_line(60)
        local name
        for _, pod in ipairs((lunapod.client():list("pods", { label_selector = "task_id=" .. given.task_id }))) do
          if pod.metadata.labels.lunapod_instance == os.getenv "LUNAPOD_INSTANCE" then name = pod.metadata.name end
        end
        handle:cancel()
        local seen
        repeat
          local pod = lunapod.client():get("pods", name)
          seen = pod and pod.metadata.deletionGracePeriodSeconds
        until not pod or seen
        local outcome = handle:wait()
        return given.task_id, seen or "gone at once", outcome.state
      end
      local fibers = {
        lunapod.spawn(function() show(grace { task_id = "seven", termination_grace_period = 7 }) end),
        lunapod.spawn(function() show(grace { task_id = "zero", termination_grace_period = 0 }) end),
        lunapod.spawn(function() show(grace { task_id = "default" }) end),
      }
      lunapod.all(fibers)
    ]]
    says("seven\t7\tkilled\n", result.out)
    assert.truthy(result.out:find "zero\t0\tkilled\n" or result.out:find "zero\tgone at once\tkilled\n", result.out)
    says("default\t30\tkilled\n", result.out)
    support.eventually(60, "the pods are gone", function() return #support.pods() == 0 end)
  end)

  it("S43 base options: retries, delays, backoff, timeout, queueing; an unknown one is an error", function()
    local result = pods.program [[
      local started = {}
      local op = task { retries = 3, retry_delay = 0.2, retry_exponential_backoff = true, max_retry_delay = 0.3,
        arguments = { "exit $(( {{ try_number }} < 3 ? 75 : 0 ))" },
        on_retry_callback = function(context) started[#started + 1] = context.try_number end,
        queue = "fast", pool = "small", pool_slots = 2, priority_weight = 3, weight_rule = "absolute",
        trigger_rule = "all_done", depends_on_past = true, wait_for_downstream = true, owner = "ann", doc = "text",
        doc_md = "# text" }
      local _, outcome = op:execute()
      show(outcome.state, outcome.attempts, table.concat(started, " "))
      local ok, err = lunapod.pcall(function()
        task { execution_timeout = 3, arguments = { "sleep 600" } }:execute()
      end)
      show(ok, err.class)
      show(tostring(select(2, pcall(task, { retry_dely = 3 }))))
      show(tostring(select(2, pcall(task, { retries = "many" }))))
    ]]
    says("succeeded\t3\t1 2\n", result.out)
    says("false\tdeadline\n", result.out)
    says('"retry_dely"', result.out)
    says('did you mean "retry_delay"', result.out)
    says('"retries"', result.out)
  end)
end)
