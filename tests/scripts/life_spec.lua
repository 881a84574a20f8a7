-- What a script is told of and may change in a pod's life (HOK, RTY-1's callbacks), what tasks hand on to each other
-- (OUT-8, RES-7, TPL), what is reported of a failure (OUT-5, OUT-6, CRT-6, STA-8), on the fake core.
local fake = require "tests.scripts.support.fake_core"

describe("a task's life", function()
  local lunapod, records

  before_each(function()
    lunapod = fake.install()
    records = {}
    lunapod.on_record = function(it) records[#records + 1] = it end
  end)

  local function task(more) return fake.task(lunapod, more) end

  local lives = fake.lives

  local function said(kind)
    local out = {}
    for _, it in ipairs(records) do
      if it.kind == kind then out[#out + 1] = it.level .. " " .. it.message end
    end
    return out
  end

  --- Hooks that write down who was called, with the pod's phase.
  local function noting(log, mark)
    local hooks = {}
    for name in ([[on_sync_client_creation on_pod_manifest_created on_pod_creation on_pod_starting on_pod_completion
      on_pod_teardown on_pod_cleanup on_operator_resuming]]):gmatch("%S+") do
      hooks[name] = function(subject, context, operator)
        if name == "on_sync_client_creation" then context, operator = { task_id = "work" }, context end
        assert.equal("work", operator.task_id)
        assert.equal("work", context.task_id)
        log[#log + 1] = (mark or "") .. name .. " " .. tostring(subject.status and subject.status.phase or "-")
      end
    end
    return hooks
  end

  describe("hooks", function()
    it("are called once each, in their order and the list's (O59, HOK-1 to HOK-8)", function()
      lives { { start = 1, run = 1 } }
      local log = {}
      task { callbacks = { noting(log), noting(log, "2:") } }:execute()
      local first = {}
      for i = 1, #log, 2 do
        first[#first + 1] = log[i]
        assert.equal("2:" .. log[i], log[i + 1])
      end
      assert.same({ "on_sync_client_creation -", "on_pod_manifest_created -", "on_pod_creation Pending",
        "on_pod_starting Running", "on_pod_completion Succeeded", "on_pod_teardown Succeeded",
        "on_pod_cleanup Succeeded" }, first)
    end)

    it("are called for a pod that is taken up, and for one that fails (HOK-7, HOK-8)", function()
      lives { { found = true, exit_code = 3 } }
      local log = {}
      lunapod.pcall(task().execute, task { callbacks = noting(log) })
      local all = table.concat(log, ", ")
      assert.truthy(all:find("on_operator_resuming Pending, on_pod_creation Pending", 1, true), all)
      assert.truthy(all:find("on_pod_teardown Failed, on_pod_cleanup Failed", 1, true), all)
    end)

    it("may change the manifest; one that fails there fails the launch (HOK-2, HOK-10)", function()
      task { callbacks = { on_pod_manifest_created = function(pod) pod.spec.hostname = "mine" end } }:execute()
      assert.equal("mine", fake.runs[1].options.manifest.spec.hostname)
      local ok, err = lunapod.pcall(task().execute, task { callbacks = {
        on_pod_manifest_created = function() error("no good", 0) end } })
      assert.same({ false, "no good" }, { ok, err })
      assert.equal(1, #fake.runs)
    end)

    it("that only observe are told when they fail, and change nothing (HOK-10)", function()
      lives { { result = "5" } }
      local result = task { do_xcom_push = true, callbacks = {
        on_pod_starting = function() error("mine", 0) end } }:execute()
      assert.equal(5, result)
      assert.same({ "warning on_pod_starting failed: mine" }, said "warning")
    end)

    it("may wait", function()
      local slept
      task { callbacks = { on_pod_creation = function() lunapod.sleep(30) slept = true end } }:execute()
      assert.is_true(slept)
      assert.equal(0, fake.live)
    end)

    it("progress_callback gets each line, from the parameter and from the hooks (HOK-9, LOG-8)", function()
      lives { { output = { { text = "one\ntwo\n" } } } }
      local seen = {}
      local function note(line, container, time, pod)
        seen[#seen + 1] = ("%s %s %s %s"):format(line, container, type(time), pod.metadata.name)
      end
      task { progress_callback = note, callbacks = { progress_callback = function() error("mine", 0) end } }:execute()
      assert.equal(2, #seen)
      assert.matches("^two base number work%-", seen[2])
      assert.same({ "warning progress_callback failed: mine" }, said "warning") -- once, and the lines are there
      assert.equal(2, #said "log")
    end)

    it("with a wrong name are refused at definition, the nearest named", function()
      local ok, err = pcall(task, { callbacks = { on_pod_create = print } })
      assert.is_false(ok)
      assert.matches('callbacks.*"on_pod_create".*on_pod_creation', tostring(err))
    end)
  end)

  it("callbacks of the base task: each try, retry, success, failure, skip (RTY-1)", function()
    local log
    local function note(name) return function(context) log[#log + 1] = name .. " " .. context.try_number end end
    local function run(pods, more)
      log = {}
      lives(pods)
      fake.runs = {}
      for name in ("execute success failure retry skipped"):gmatch("%S+") do more["on_" .. name .. "_callback"] = note(
        name) end
      local op = task(more)
      lunapod.pcall(op.execute, op)
      return table.concat(log, ", ")
    end
    assert.equal("execute 1, retry 1, execute 2, success 2", run({ { exit_code = 1 }, {} }, { retries = 1,
      retry_delay = 0 }))
    assert.equal("execute 1, failure 1", run({ { exit_code = 1 } }, {}))
    assert.equal("execute 1, skipped 1", run({ { exit_code = 9 } }, { skip_on_exit_code = 9 }))
    lives { {} }
    local outcome
    task { on_success_callback = function(context) outcome = context.outcome end }:execute()
    assert.equal("succeeded", outcome.state)
  end)

  describe("published values", function()
    it("pod_name and pod_namespace always, also when it fails; the result when there is one (O50, OUT-8)", function()
      lives { { exit_code = 1, result = '{"a":1}' } }
      local ok, err = lunapod.pcall(task().execute, task { do_xcom_push = true })
      assert.is_false(ok)
      assert.matches("^work%-", err.outcome.published.pod_name)
      assert.equal("default", err.outcome.published.pod_namespace)
      assert.same({ a = 1 }, err.outcome.published.return_value)
      assert.equal(err.outcome.published.pod_name, lunapod.xcom_pull { task_ids = "work", key = "pod_name" })
    end)

    it("multiple_outputs: each key apart; what is no map is an error (O49, RES-7)", function()
      lives { { result = '{"a":1,"b":[2]}' } }
      task { do_xcom_push = true, multiple_outputs = true }:execute()
      assert.equal(1, lunapod.xcom_pull { task_ids = "work", key = "a" })
      assert.same({ 2 }, lunapod.xcom_pull { task_ids = "work", key = "b" })
      assert.same({ a = 1, b = { 2 } }, lunapod.xcom_pull "work")
      lives { { result = "[1]" } }
      fake.runs = {}
      local ok, err = lunapod.pcall(task().execute, task { do_xcom_push = true, multiple_outputs = true })
      assert.same({ false, "result" }, { ok, err.class })
      assert.matches("not a map", tostring(err))
    end)

    it("are kept for the last 64 runs of an instance", function()
      local op = task()
      for run = 1, 65 do op:execute { run_id = "r" .. run } end
      assert.is_nil((lunapod.xcom_pull { task_ids = "work", key = "pod_name", run_id = "r1" }))
      assert.truthy((lunapod.xcom_pull { task_ids = "work", key = "pod_name", run_id = "r2" }))
    end)

    it("templates see what is there already, never wait, and get a list of a mapped task (TPL)", function()
      fake.pods = function(options)
        return { result = ('"%s"'):format(options.manifest.metadata.labels.map_index or "one") }
      end
      local early = task { task_id = "early", do_xcom_push = true }
      lunapod.map({ 1, 2, 3 }, function() early:execute() end)
      local late = task { task_id = "late", arguments = {
        "{{ ti.xcom_pull(task_ids='early') }}", "{{ ti.xcom_pull('early', map_indexes=1) }}",
        "{{ task_instance.xcom_pull(task_ids=['early', 'none']) }}", "{{ ti.xcom_pull(task_ids='none') }}",
        "{{ ti.xcom_pull(task_ids='early', key='pod_name', map_indexes=0)[:6] }}" } }
      late:execute()
      assert.same({ "['0', '1', '2']", "1", "[['0', '1', '2'], None]", "None", "early-" },
        fake.runs[4].options.manifest.spec.containers[1].args)
    end)
  end)

  it("templates have dates with methods, macros, variables and the environment", function()
    lunapod.variables { bucket = "b1", sizes = { 1, 2 } }
    task { arguments = {
      "{{ logical_date }} {{ logical_date.strftime('%Y/%m/%d %H:%M:%S %j %a %B') }} {{ logical_date.year + 1 }}",
      "{{ data_interval_start | ds }} {{ data_interval_end.isoformat() }}",
      "{{ macros.ds_add(ds, -31) }} {{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}",
      "{{ macros.datetime.strptime('03/02/2026', '%d/%m/%Y').strftime('%F') }} {{ macros.datetime(2026, 1, 31) | ds }}",
      "{{ logical_date.add(days=1, hours=20).strftime('%F') }} {{ logical_date.subtract(weeks=1) | ds }}",
      "{{ dag.dag_id == dag_id }} {{ task.task_id }} {{ dag_run.run_id == run_id }} {{ dag_run.conf.x }}",
      "{{ var.value.bucket }} {{ var.value.sizes }} {{ var.json.sizes[1] }} {{ var.value.none | default('-') }}",
      "{{ env.HOME is defined }} {{ env.NO_SUCH_NAME | default('unset') }} {{ ti.run_id == run_id }} "
        .. "{{ ti.map_index }}",
    } }:execute { conf = { x = 5 }, logical_date = "2026-03-01T04:05:06+00:00", data_interval_end = "2026-03-02" }
    assert.same({
      "2026-03-01T04:05:06+00:00 2026/03/01 04:05:06 060 Sun March 2027",
      "2026-03-01 2026-03-02T00:00:00+00:00", "2026-01-29 01.03.26", "2026-02-03 2026-01-31",
      "2026-03-03 2026-02-22", "True work True 5",
      "b1 [1,2] 2 -", "True unset True -1",
    }, fake.runs[1].options.manifest.spec.containers[1].args)
  end)

  describe("of a failure is reported", function()
    it("phase, containers and events, with log_events_on_failure (OUT-6, O58)", function()
      lives { { exit_code = 3 } }
      fake.respond = function()
        return { items = { { type = "Normal", reason = "Pulled", message = "here" },
          { type = "Warning", reason = "BackOff", message = "again" } } }
      end
      lunapod.pcall(task().execute, task { log_events_on_failure = true })
      local lines = said "event"
      assert.matches("^info pod work%-%d+: phase Failed$", lines[1])
      assert.equal("error container base: terminated, exit code 3, Error", lines[2])
      assert.same({ "info Normal Pulled: here", "warning Warning BackOff: again" }, { lines[3], lines[4] })
    end)

    it("a manifest that could not be created, values masked (CRT-6)", function()
      lives { { error = { phase = "created", kind = "api", rc = "API", code = 422, message = "refused" } } }
      lunapod.pcall(task().execute, task { env_vars = { TOKEN = "s3cret", FROM = { valueFrom = {
        secretKeyRef = { name = "s", key = "k" } } } } })
      local text = table.concat(said "event", "\n")
      assert.matches('"name":"TOKEN"', text)
      assert.is_nil(text:find("s3cret", 1, true))
      assert.matches("secretKeyRef", text)
    end)
  end)

  it("graces become waiting rules, other rules stay (STA-5)", function()
    task { config_grace = 1, image_grace = 20 }:execute()
    local found = {}
    for _, rule in ipairs(fake.runs[1].options.waiting_rules) do
      found[#found + 1] = ("%s %s %g"):format(rule.reason, rule.message or "-", rule.grace)
    end
    assert.same({ "ErrImagePull qps -1", "ErrImagePull - 20", "CreateContainerConfigError - 1",
      "CreateContainerError - 10" }, found)
    task { task_id = "plain" }:execute()
    assert.is_nil(fake.runs[2].options.waiting_rules)
    local rules = { { reason = "X", grace = 0, class = "user" } }
    local Mine = lunapod.KubernetesPodOperator:extend { waiting_rules = rules }
    Mine { task_id = "mine", image = "i" }:execute()
    assert.equal("X", fake.runs[3].options.waiting_rules[1].reason)
  end)

  it("abandon, wait_for, result_max and a subclass's find_pod reach the core (DEL-5, OUT-1, RES-8, S49)", function()
    task { on_finish_action = "keep_pod", abandon = true, wait_for = "pod", do_xcom_push = true,
      result_max = 4096 }:execute()
    local options = fake.runs[1].options
    assert.same({ "abandon", true, "termination_message", 4096 }, { options.on_finish, options.wait_for_pod,
      options.result_from, options.result_limit })
    assert.is_nil(options.manifest.spec.initContainers)
    task { task_id = "larger", do_xcom_push = true, result_max = 4097 }:execute()
    assert.equal("sidecar", fake.runs[2].options.result_from)
    local chosen = { metadata = { name = "mine", uid = "u" } }
    local Mine = lunapod.KubernetesPodOperator:extend { find_pod = function() return chosen end }
    Mine { task_id = "mine", image = "i" }:execute()
    assert.equal(chosen, fake.runs[3].adopted)
  end)

  describe("on a server before 1.29: the classic sidecar, last of the containers (RES-1, RES-3, O19)", function()
    local function is_classic(run)
      local spec = run.options.manifest.spec
      assert.is_nil(spec.initContainers)
      assert.equal("airflow-xcom-sidecar", spec.containers[2].name)
      assert.is_nil(spec.containers[2].restartPolicy)
    end

    it("that refuses the native one", function()
      fake.pods = function(options)
        if not options.manifest.spec.initContainers then return { result = "5" } end
        return { error = { phase = "created", kind = "api", rc = "API", code = 400,
          message = 'strict decoding error: unknown field "spec.initContainers[0].restartPolicy"' } }
      end
      assert.equal(5, (task { do_xcom_push = true }:execute()))
      is_classic(fake.runs[2])
      assert.equal(5, (task { do_xcom_push = true }:execute()))
      is_classic(fake.runs[3]) -- known from then on
      assert.equal(3, #fake.runs)
      assert.same({}, fake.requests)
      assert.equal(0, fake.live)
    end)

    it("that drops what makes it native: the pod goes and is made anew", function()
      fake.pods = function(options)
        local native = options.manifest.spec.initContainers
        return { result = "5", spec = { initContainers = native and { { name = "airflow-xcom-sidecar" } } } }
      end
      assert.equal(5, (task { do_xcom_push = true }:execute()))
      is_classic(fake.runs[2])
      assert.equal("default", fake.runs[1].killed_with)
      assert.equal(0, fake.live)
    end)

    it("is found out without a request; other failures are what they are", function()
      fake.pods = function() return { error = { phase = "created", kind = "api", rc = "API", code = 400,
        message = 'unknown field "spec.initContainers[0].foo"' } } end
      assert.is_false((lunapod.pcall(task().execute, task { do_xcom_push = true })))
      assert.equal(1, #fake.runs)
    end)
  end)

  it("a subclass's own template fields are rendered for each try, and may be attributes or given (S46)", function()
    local seen = {}
    local fields = { "query", "target" }
    for _, name in ipairs(lunapod.KubernetesPodOperator.template_fields) do fields[#fields + 1] = name end
    local Query = lunapod.KubernetesPodOperator:extend {
      template_fields = fields, target = "t_{{ ds_nodash }}",
      get_or_create_pod = function(self, request, context)
        seen[#seen + 1] = self.query .. " " .. self.target
        return lunapod.KubernetesPodOperator.get_or_create_pod(self, request, context)
      end,
    }
    local op = Query { task_id = "q", image = "i", query = "select {{ params.n }}" }
    lunapod.map({ 1, 2 }, function(n) op:execute { params = { n = n }, logical_date = "2026-01-02" } end)
    table.sort(seen)
    assert.same({ "select 1 t_20260102", "select 2 t_20260102" }, seen)
    assert.equal("select {{ params.n }}", op.query)
  end)

  it("the client is made once for all tries of an operator, the hook called once (API-1, HOK-1)", function()
    local made = 0
    lives { { exit_code = 1 }, {} }
    local function count() made = made + 1 end
    local op = task { retries = 1, retry_delay = 0, callbacks = { on_sync_client_creation = count } }
    op:execute()
    op:execute()
    assert.equal(1, made)
  end)

  it("a connection's settings are checked, and reach the client (ACC-4)", function()
    local ok, err = pcall(lunapod.connections, { staging = { kube_config_pth = "x" } })
    assert.is_false(ok)
    assert.matches('connection "staging": unknown option "kube_config_pth" %(did you mean "kube_config_path"%?%)',
      tostring(err))
    lunapod.connections { staging = { kube_config_path = "/k", disable_verify_ssl = true } }
    task { kubernetes_conn_id = "staging" }:execute()
    assert.same({ "/k", true }, { fake.clients[1].config_file, fake.clients[1].insecure })
  end)

  it("the installation's hook comes last, in a dry run too (BLD-11)", function()
    lunapod.pod_mutation_hook = function(pod) pod.spec.priorityClassName = "low" end
    task():execute()
    assert.equal("low", fake.runs[1].options.manifest.spec.priorityClassName)
    assert.equal("low", task():build_pod_request_obj().spec.priorityClassName)
  end)

  it("a pod of another manifest is taken up with a warning (FND-4)", function()
    lives { { found = true, annotations = { lunapod_spec_hash = "0000" } } }
    task():execute()
    assert.matches("another manifest", said("warning")[1])
  end)

  it("a pod that is long in starting tells its events, each once (STA-8, O39)", function()
    lives { { start = 30 } }
    local event = { type = "Normal", reason = "Scheduled", message = "to node1", metadata = { uid = "e1" } }
    local watched = {}
    fake.stream = function(kind, options)
      watched[#watched + 1] = kind .. " " .. tostring(options.field_selector)
      return { { 1, "watch", "ADDED", event }, { 2, "watch", "ADDED", event } }
    end
    task { events_after = 10 }:execute()
    assert.equal(1, #watched)
    assert.matches("involvedObject.uid=uid%-", watched[1])
    assert.same({ "info Normal Scheduled: to node1" }, said "event")
    fake.runs = {}
    lives { { start = 3 } }
    task():execute()
    assert.equal(1, #watched)
  end)
end)
