--- Running tasks (FLOW, ERR, KIL, RTY, OUT, LBL-13, S47 to S60), on the fake core.

local fake = require "tests.scripts.support.fake_core"

describe("a task", function()
  local lunapod, records

  before_each(function()
    lunapod = fake.install()
    records = {}
  end)

  local function record()
    lunapod.on_record = function(it) records[#records + 1] = it end
  end

  local function of_kind(kind)
    local found = {}
    for _, it in ipairs(records) do
      if it.kind == kind then found[#found + 1] = it end
    end
    return found
  end

  local function task(more) return fake.task(lunapod, more) end

  local lives = fake.lives

  local function failure(fn, ...)
    local ok, err = lunapod.pcall(fn, ...)
    assert.is_false(ok)
    return err
  end

  describe("that succeeds", function()
    it("gives its result and the outcome, in the main thread and in a fiber", function()
      lives { { start = 2, run = 3, result = '{"n": 3}', output = { { at = 1, text = "hello\n" } } } }
      local op = task { do_xcom_push = true }
      local result, outcome = op:execute()
      assert.same({ n = 3 }, result)
      assert.equal("succeeded", outcome.state)
      assert.same({ n = 3 }, outcome.result)
      assert.equal(0, outcome.exit_code)
      assert.is_nil(outcome.error)
      assert.matches("^work%-%d+", outcome.pod.name)
      assert.equal(1, outcome.attempts)
      assert.is_true(outcome.timing.ended >= outcome.timing.started)
      assert.equal("[base] hello\n", fake.output(2))
      assert.equal("[base] hello\n", outcome.snapshot.log)
      assert.same({ n = 3 }, lunapod.run(function() return (op:execute()) end))
      assert.equal(0, fake.live)
      assert.is_nil(next(lunapod.default.attempts))
    end)

    it("asks nothing of the API itself (COST-1)", function()
      lives { { run = 1 } }
      task():execute()
      assert.same({}, fake.requests)
    end)

    it("gives nil for a null result and for none", function()
      lives { { result = "null" }, {} }
      assert.is_nil((task { do_xcom_push = true }:execute()))
      assert.is_nil((task { do_xcom_push = true }:execute()))
    end)

    it("layers params: operator, instance, call", function()
      lives { {} }
      lunapod.params.b = "program"
      lunapod.params.c = "program"
      local arguments = { "{{ params.a }} {{ params.b }} {{ params.c }}" }
      local op = task { arguments = arguments, params = { a = "task", b = "task", c = "task" } }
      op:execute { params = { c = "call" } }
      assert.same({ "task program call" }, fake.runs[1].options.manifest.spec.containers[1].args)
    end)
  end)

  describe("that fails", function()
    it("raises an error that names task, pod, container, exit code, reason, message and events (ERR-3, OUT-5)",
      function()
      lives { { run = 1, exit_code = 3, message = "my-failure" } }
      local events = {}
      for i = 1, 12 do
        events[i] = { type = "Warning", reason = "R" .. i, message = "event " .. i, count = i,
          lastTimestamp = ("2024-01-01T00:00:%02dZ"):format(i) }
      end
      fake.respond = function() return { items = events } end
      record()
      local err = failure(task().execute, task())
      assert.equal("task", err.kind)
      assert.equal("user", err.class)
      assert.equal(3, err.exit_code)
      assert.equal("base", err.container)
      assert.equal("Error", err.reason)
      assert.is_true(err.retryable)
      assert.equal("uid-1", err.pod.uid)
      local text = tostring(err)
      local first = text:match("^[^\n]*")
      for _, part in ipairs { 'task "work"', "Pod work%-1 returned a failure%.", "ontainer base", "exit code 3",
        "reason Error" } do
        assert.matches(part, first)
      end
      assert.matches("termination message: my%-failure", text)
      assert.matches("Warning R12: event 12 %(12 times%)", text)
      assert.is_nil(text:find("event 2 ", 1, true)) -- the last ten
      assert.equal(1, #fake.requests)
      assert.equal("involvedObject.uid=uid-1", fake.requests[1].query.fieldSelector)
      assert.equal(12, #of_kind "event")
      assert.equal("failed", err.outcome.state)
      assert.equal(0, fake.live)
    end)

    it("reads the result all the same (RES-7)", function()
      lives { { exit_code = 1, result = "7" } }
      assert.equal(7, failure(task().execute, task { do_xcom_push = true }).outcome.result)
    end)

    it("survives events that cannot be read", function()
      lives { { exit_code = 1 } }
      fake.respond = function() return nil, fake.core.error { kind = "api", rc = "API", code = 403,
        message = "forbidden" } end
      assert.equal(1, failure(task().execute, task()).exit_code)
    end)

    it("does not start: the class and reason of the core", function()
      lives { { error = { phase = "started", kind = "task", rc = "TASK", class = "image", reason = "ErrImagePull",
        message = "no such image" } } }
      local err = failure(task().execute, task { retries = 3 })
      assert.equal("image", err.class)
      assert.equal("ErrImagePull", err.reason)
      assert.matches('^task "work": no such image %(class image%)', tostring(err))
      assert.equal(1, #fake.runs) -- not retried by default
      assert.is_true(fake.runs[1].cleaned)
    end)

    it("is refused by the API: classes of ERR-2", function()
      for code, class in pairs { [401] = "credential", [403] = "permission", [422] = "config", [404] = "config",
        [500] = "infra" } do
        fake.install()
        lunapod = require "lunapod"
        lives { { error = { phase = "created", kind = "api", rc = "API", code = code, message = "refused" } } }
        local err = failure(task().execute, task { infra_retries = 0 })
        assert.equal(class, err.class)
        assert.equal("api", err.kind)
        assert.equal(code, err.code)
      end
    end)

    it("lost and unknown are states of their own, without a class", function()
      lives { { error = { phase = "ended", kind = "task", rc = "TASK", reason = "Lost", message = "gone" } } }
      local err = failure(task().execute, task())
      assert.equal("lost", err.outcome.state)
      assert.is_nil(err.class)
      lives { { error = { phase = "ended", kind = "task", rc = "TASK", reason = "Unknown", message = "no end" } } }
      assert.equal("unknown", failure(task().execute, task()).outcome.state)
    end)

    it("result that is not JSON, or over the limit", function()
      lives { { result = "{oops" } }
      local err = failure(task().execute, task { do_xcom_push = true })
      assert.equal("result", err.class)
      assert.matches("line 1, column 1", tostring(err))
      assert.equal(0, fake.live)
      lives { { error = { phase = "result", kind = "task", rc = "TASK", class = "result",
        message = "over the limit" } } }
      assert.matches("over the limit", tostring(failure(task().execute, task { do_xcom_push = true })))
    end)

    it("skips on exit codes (OUT-3, O51)", function()
      for _, case in ipairs { { 100, 100, true }, { { 100, 102 }, 102, true }, { { 100 }, 101, false }, { 0, 0, true },
        { 0, 1, false } } do
        lives { { exit_code = case[2] } }
        local ok, result, outcome = lunapod.pcall(task().execute, task { skip_on_exit_code = case[1] })
        assert.equal(case[3], ok)
        if ok then
          assert.is_nil(result)
          assert.equal("skipped", outcome.state)
          assert.is_nil(outcome.error)
        end
      end
    end)

    it("an error of the script while it runs kills the pod and goes up as it is", function()
      local Mine = lunapod.KubernetesPodOperator:extend { await_completion = function() error("mine", 0) end }
      lives { { run = 100 } }
      assert.equal("mine", failure(task().execute, Mine { task_id = "x", image = "i" }))
      assert.equal("default", fake.runs[1].killed_with)
      assert.equal(0, fake.live)
      assert.equal(1, fake.clock)
    end)
  end)

  describe("that is cancelled", function()
    it("kills its pod, shielded; the outcome is killed (KIL-3)", function()
      lives { { run = 100, kill = 20 } }
      record()
      local fiber = lunapod.spawn(function() return task { termination_grace_period = 0 }:execute() end)
      lunapod.sleep(5)
      fiber:cancel()
      local err = failure(fiber.wait, fiber)
      assert.equal("cancelled", err.kind)
      assert.equal("killed", err.outcome.state)
      assert.equal(25, fake.clock)
      assert.equal(0, fake.live)
      assert.equal("killed", of_kind("outcome")[1].state)
      assert.same({}, fake.requests)
    end)

    it("waits at most grace + 30 s for the pod to go, and says what is left", function()
      lives { { run = 100, kill = 1000 } }
      record()
      local fiber = lunapod.spawn(function() return task { termination_grace_period = 10 }:execute() end)
      lunapod.sleep(5)
      fiber:cancel()
      failure(fiber.wait, fiber)
      assert.equal(45, fake.clock)
      assert.matches("may still be there", of_kind("warning")[1].message)
    end)

    it("on_kill_action keep_pod leaves the pod", function()
      lives { { run = 100 } }
      local fiber = lunapod.spawn(function() return task { on_kill_action = "keep_pod" }:execute() end)
      lunapod.sleep(5)
      fiber:cancel()
      assert.matches("lives on", tostring(failure(fiber.wait, fiber)))
      assert.is_nil(fake.runs[1].killed_with)
      assert.is_true(fake.runs[1].detached)
    end)

    it("between tries starts no other", function()
      lives { { exit_code = 1 } }
      local fiber = lunapod.spawn(function() return task { retries = 5, retry_delay = 100 }:execute() end)
      lunapod.sleep(5)
      fiber:cancel()
      assert.equal("cancelled", failure(fiber.wait, fiber).kind)
      assert.equal(1, #fake.runs)
    end)

    it("one failing item of a map kills the other items' pods", function()
      fake.pods = function() return #fake.runs == 1 and { run = 2, exit_code = 9 } or { run = 100 } end
      local op = task()
      local err = failure(lunapod.map, { 1, 2, 3 }, function() return op:execute() end)
      assert.equal(2, err.index)
      assert.equal(9, err.exit_code)
      assert.equal(0, fake.live)
    end)
  end)

  describe("retries", function()
    it("by parameters: so many, after retry_delay; hours take no time here", function()
      lives { { exit_code = 1 }, { exit_code = 1 }, {} }
      local _, outcome = task { retries = 2, retry_delay = 7200 }:execute()
      assert.equal("succeeded", outcome.state)
      assert.equal(3, outcome.attempts)
      assert.equal(14400, fake.clock)
      local numbers = {}
      for i, run in ipairs(fake.runs) do numbers[i] = run.options.manifest.metadata.labels.try_number end
      assert.same({ "1", "2", "3" }, numbers)
    end)

    it("defaults: none, and 300 s between (RTY-2)", function()
      lives { { exit_code = 1 } }
      failure(task().execute, task())
      assert.equal(1, #fake.runs)
      lives { { exit_code = 1 } }
      failure(task().execute, task { retries = 1 })
      assert.equal(300, fake.clock)
    end)

    it("exponential back-off with a maximum (RTY-1)", function()
      lives { { exit_code = 1 } }
      failure(task().execute, task { retries = 4, retry_delay = 10, retry_exponential_backoff = true,
        max_retry_delay = 35 })
      assert.equal(10 + 20 + 35 + 35, fake.clock)
    end)

    it("by policy: outcome, attempt from 1, history in the context; nil gives up", function()
      lives { { exit_code = 75 }, { exit_code = 75 }, { exit_code = 4 } }
      local seen = {}
      record()
      local err = failure(task().execute, task { retry = function(outcome, attempt, context)
        seen[#seen + 1] = { outcome.exit_code, attempt, #context.history }
        if outcome.exit_code == 75 then return 2 ^ attempt, "busy" end
      end })
      assert.same({ { 75, 1, 1 }, { 75, 2, 2 }, { 4, 3, 3 } }, seen)
      assert.equal(4, err.exit_code)
      assert.equal(6, fake.clock)
      assert.matches("try 1: .*next try in 2 s %(busy%)", of_kind("warning")[1].message)
    end)

    it("by policy: capped by retries, other parameters for the next try", function()
      lives { { exit_code = 137 } }
      local images = {}
      failure(task().execute, task { retries = 2, retry = function(_, attempt) return { wait = 1,
        with = { image = "big:" .. attempt } } end })
      for i, run in ipairs(fake.runs) do images[i] = run.options.manifest.spec.containers[1].image end
      assert.same({ "busybox:1", "big:1", "big:2" }, images)
    end)

    it("by policy: a wrong answer is wrong use, and no pod is left", function()
      lives { { exit_code = 1 } }
      local err = failure(task().execute, task { retry = function() return "soon" end })
      assert.equal("usage", err.kind)
      assert.matches("policy must return", err.message)
      assert.equal(0, fake.live)
    end)

    it("infra failures have their own counter and do not ask the policy (RTY-3)", function()
      lives { { exit_code = 1, class = "infra", reason = "Evicted" }, { exit_code = 1, class = "infra" },
        { exit_code = 75 }, {} }
      local asked = {}
      local _, outcome = task { retry = function(_, attempt) asked[#asked + 1] = attempt return 0 end }:execute()
      assert.same({ 1 }, asked)
      assert.equal(4, outcome.attempts)
      assert.equal(15, fake.clock)
      lives { { exit_code = 1, class = "infra" } }
      fake.runs = {}
      failure(task().execute, task { infra_retries = 2 })
      assert.equal(3, #fake.runs)
    end)

    it("never after a pod was taken over", function()
      lives { { error = { phase = "ended", kind = "task", rc = "TASK", reason = "TakenOver",
        message = "taken over" } } }
      local err = failure(task().execute, task { retry = function() return 0 end })
      assert.equal("lost", err.outcome.state)
      assert.equal(1, #fake.runs)
    end)

    it("within the execution timeout, counted from the first pod on (RTY-5)", function()
      lives { { run = 40, exit_code = 1 } }
      failure(task().execute, task { retries = 5, retry_delay = 10, execution_timeout = 100 })
      assert.equal(2, #fake.runs)
      assert.equal(100, fake.runs[2].options.deadline) -- the core subtracts what has gone since the first start
      local notes = fake.runs[2].options.manifest.metadata.annotations
      assert.equal(math.floor(fake.runs[1].state.created), fake.core.parse_time(notes.lunapod_first_start))
    end)

    it("an adopted pod's try is where counting goes on", function()
      lives { { found = true, labels = { try_number = "3" }, exit_code = 1 }, {} }
      local attempts = {}
      local _, outcome = task { retry = function(_, attempt) attempts[#attempts + 1] = attempt return 0 end }:execute()
      assert.same({ 3 }, attempts)
      assert.equal("4", fake.runs[2].options.manifest.metadata.labels.try_number)
      assert.equal("succeeded", outcome.state)
    end)
  end)

  describe("calls (LBL-13)", function()
    local function labels()
      local out = {}
      for i, run in ipairs(fake.runs) do
        local it = run.options.manifest.metadata.labels
        out[i] = tostring(it.map_index) .. "/" .. tostring(it.lunapod_call)
      end
      table.sort(out)
      return out
    end

    it("are counted from the second on; map gives the index from 0", function()
      lives { {} }
      local op = task()
      op:execute()
      op:execute()
      lunapod.map({ "a", "b" }, function() op:execute() op:execute() end)
      assert.same({ "0/2", "0/nil", "1/2", "1/nil", "nil/2", "nil/nil" }, labels())
    end)

    it("an explicit map_index wins; nested maps extend the call", function()
      lives { {} }
      local op = task()
      lunapod.map({ 1 }, function() op:execute { map_index = 7 } end)
      lunapod.map({ 1, 2 }, function() lunapod.map({ 1, 2 }, function() op:execute() end) end)
      assert.same({ "0/0.1", "0/1.1", "1/0.1", "1/1.1", "7/nil" }, labels())
    end)

    it("are counted when start is entered", function()
      lives { { run = 1 } }
      local op = task()
      local first = op:start()
      op:execute()
      first:wait()
      local by_run = {}
      for i, run in ipairs(fake.runs) do by_run[i] = tostring(run.options.manifest.metadata.labels.lunapod_call) end
      table.sort(by_run)
      assert.same({ "2", "nil" }, by_run)
      assert.is_nil(first.op and rawget(first, "context"))
    end)
  end)

  describe("start", function()
    it("gives a handle: wait with a limit cancels nothing, and never raises", function()
      lives { { run = 10, exit_code = 2, output = { { text = "one\ntwo\n" }, { at = 1, text = "three\n" } } } }
      local handle = task():start()
      assert.same({ nil, "timeout" }, { handle:wait(3) })
      assert.same({ "one", "base" }, { handle:next_line() })
      assert.equal("two", (handle:next_line()))
      assert.equal("three", (handle:next_line()))
      assert.same({ nil, "timeout" }, { handle:next_line(1) })
      local outcome = handle:wait()
      assert.equal("failed", outcome.state)
      assert.equal(2, outcome.error.exit_code)
      assert.same({ nil, "closed" }, { handle:next_line() })
      local kinds = {}
      while true do
        local event = handle:next_event()
        if not event then break end
        kinds[#kinds + 1] = event.kind .. ":" .. (event.state or "")
      end
      assert.same({ "state:scheduled", "state:running", "outcome:failed" }, kinds)
    end)

    it("cancelling the handle kills; cancelling who waits on it does not", function()
      lives { { run = 50 } }
      local handle = task():start()
      local waiter = lunapod.spawn(function() return handle:wait() end)
      lunapod.sleep(1)
      waiter:cancel()
      failure(waiter.wait, waiter)
      assert.is_nil(fake.runs[1].killed_with)
      handle:cancel()
      assert.equal("killed", handle:wait().state)
      assert.equal(0, fake.live)
    end)

    it("gives an outcome for errors of the script, too", function()
      local Mine = lunapod.KubernetesPodOperator:extend { build_pod_request_obj = function() error("mine", 0) end }
      local outcome = Mine { task_id = "x", image = "i" }:start():wait()
      assert.equal("failed", outcome.state)
      assert.equal("mine", tostring(outcome.error))
    end)
  end)

  describe("subclasses", function()
    it("override methods, defaults and attributes; execute goes through them", function()
      local log = {}
      local Base = lunapod.KubernetesPodOperator
      local Mine = Base:extend { image = "mine:1", retries = 1, retry_delay = 1, BASE_CONTAINER_NAME = "main" }
      for _, name in ipairs { "build_pod_request_obj", "find_pod", "get_or_create_pod", "await_pod_start",
        "await_completion",
        "extract_xcom", "cleanup", "patch_already_checked", "process_pod_deletion" } do
        Mine[name] = function(self, ...)
          log[#log + 1] = name
          return Base[name](self, ...)
        end
      end
      lives { { result = "5" } }
      local op = Mine { task_id = "x", do_xcom_push = true }
      assert.equal(5, (op:execute()))
      assert.same({ "build_pod_request_obj", "get_or_create_pod", "find_pod", "await_pod_start", "await_completion",
        "extract_xcom",
        "cleanup", "patch_already_checked", "process_pod_deletion" }, log)
      assert.equal("mine:1", op.image)
      assert.equal("main", op.BASE_CONTAINER_NAME)
      assert.equal("base", Base.BASE_CONTAINER_NAME)
      assert.equal("already_checked", op.POD_CHECKED_KEY)
      local Deeper = Mine:extend { image = "deeper:1" }
      local deep = Deeper { task_id = "y" }
      assert.same({ "deeper:1", 1 }, { deep.image, deep.retries })
    end)

    it("tries of one operator that run at once do not mix", function()
      fake.pods = function(options) return { run = 1, result = options.manifest.metadata.labels.map_index } end
      local op = task { do_xcom_push = true }
      assert.same({ n = 3, 0, 1, 2 }, lunapod.map({ 1, 2, 3 }, function() return op:execute() end))
    end)
  end)

  it("methods work one by one, as a script may call them (S49 to S56)", function()
    lives { { run = 1, result = "[1]" } }
    local op = task { do_xcom_push = true }
    local context = { task_id = "work", run_id = "r", dag_id = "d", params = {}, try_number = 1 }
    assert.is_nil(op:find_pod("default", context))
    local pod = op:get_or_create_pod(op:build_pod_request_obj(context), context)
    op:await_pod_start(pod)
    op:await_completion(pod)
    assert.same({ 1 }, op:extract_xcom(pod))
    op:patch_already_checked(pod)
    assert.same({ metadata = { uid = pod.metadata.uid, labels = { already_checked = "True" } } },
      fake.requests[#fake.requests].body)
    op:process_pod_deletion(pod)
    assert.equal(0, fake.live)
    assert.is_nil(next(lunapod.default.attempts))
  end)

  describe("misuse", function()
    it("names the parameter; nothing starts", function()
      local err = failure(lunapod.task, { task_id = "x", imagee = "i" })
      assert.equal("usage", err.kind)
      assert.matches("imagee", err.message)
      assert.matches("context must be a table", failure(task().execute, task(), 5).message)
      assert.is_nil(fake.runs[1])
    end)

    it("an unknown connection; settings that exclude each other (ACC-2, ACC-4)", function()
      assert.matches('no connection "x"', tostring(failure(task().execute, task { kubernetes_conn_id = "x" })))
      lunapod.connections { x = { kube_config_path = "/a", kube_config = "{}" } }
      assert.matches("exclude each other", tostring(failure(task().execute, task { kubernetes_conn_id = "x" })))
    end)

    it("no kubeconfig: the client's error", function()
      fake.client_error = fake.core.error { kind = "api", rc = "CONFIG", message = "no kubeconfig" }
      assert.equal("no kubeconfig", tostring(failure(task().execute, task())))
    end)
  end)

  describe("records", function()
    it("of log lines: level, time, container, ids (LOG-7); callback and formatter (LOG-8)", function()
      record()
      local called = {}
      lives { { run = 1, output = { { text = "plain\n[ERROR] bad\nWARN: x\n" } } } }
      task {
        progress_callback = function(line, container, time, pod) called[#called + 1] = { line, container, time ~= nil,
          pod ~= nil } end,
        log_formatter = function(container, message) return container .. ">" .. message end,
      }:execute()
      local logs = of_kind "log"
      assert.same({ "base>plain", "base>[ERROR] bad", "base>WARN: x" },
        { logs[1].message, logs[2].message, logs[3].message })
      assert.same({ "info", "error", "warning" }, { logs[1].level, logs[2].level, logs[3].level })
      assert.same({ "base", "work", 1 }, { logs[1].container, logs[1].task_id, logs[1].try })
      assert.is_string(logs[1].run_id)
      assert.same({ "plain", "base", true, true }, called[1])
      assert.equal("", fake.output(2)) -- who takes records writes himself
    end)

    it("none of them for an instance without on_record, and nothing is written", function()
      lives { { output = { { text = "x\n" } } } }
      local instance = lunapod.new {}
      instance:task { task_id = "x", image = "i" }:execute()
      instance.task { task_id = "x", image = "i" }:execute()
      assert.equal("", fake.output(2))
      assert.equal(2, #fake.runs)
    end)
  end)

  describe("closing an instance", function()
    it("lets pods live on, or kills them", function()
      lives { { run = 100 } }
      local instance = lunapod.new {}
      instance:task { task_id = "x", image = "i" }:start()
      instance:sleep(1)
      assert.is_true(instance:close {})
      assert.is_true(fake.runs[1].detached)
      instance = lunapod.new {}
      local handle = instance:task { task_id = "x", image = "i" }:start()
      instance:sleep(1)
      assert.is_true(instance:close { cancel = true, timeout = 60 })
      assert.equal("default", fake.runs[2].killed_with)
      assert.equal("cancelled", handle.fiber.status)
      assert.is_true(instance:close())
    end)
  end)
end)
