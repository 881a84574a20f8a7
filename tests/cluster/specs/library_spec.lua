-- The library without the program: execute in plain Lua, the client by itself, map's stop and continue, an
-- instance's end
-- (design §4 and §6; R3, R7, W, L, L15, M2, EX5).
local support = require "cluster.specs.support"

--- Runs a plain Lua script that begins with the library at hand.
local function lua(text, options)
  return support.expect_status(0, support.lua({ support.file([[
    local lunapod = require "lunapod"
    local function show(...) print(...) io.stdout:flush() end
  ]] .. text) }, options))
end

describe("the library in a plain Lua program", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  it("execute steps the engine itself: lua examples/tasks/hello.lua does as lunapod run does", function()
    local result = support.expect_status(0, support.lua { "examples/tasks/hello.lua" })
    assert.equal("world has 5 letters\n", result.out)
    assert.equal("[base] Hello, world!\n", result.err)
  end)

  it("client: create, get, patch, list, delete, request; a refusal is nil and the error (R7, E)", function()
    local result = lua([[
      local client = lunapod.client()
      local made = assert(client:create("configmaps", { metadata = { generateName = "spec-", labels = {
        of = "]] .. support.instance
        .. [[" } }, data = { a = "1" } }))
      local name = made.metadata.name
      show(assert(client:get("configmaps", name)).data.a)
      show(assert(client:patch("configmap", name, { data = { b = "2" } })).data.b)
      show(#assert(client:list("configmaps", { label_selector = "of=]] .. support.instance .. [[" })))
      local _, err = client:delete("configmaps", name, { uid = "00000000-0000-0000-0000-000000000000" })
      show(err.code, err.reason, err.kind)
      assert(client:delete("configmaps", name, { uid = made.metadata.uid }))
      _, err = client:get("configmaps", name)
      show(err.code, err.reason, lunapod.is_error(err))
      local version, status = client:request { path = "/version" }
      show(version.major, status)
      show(select(2, client:request { path = "/healthz", raw = true }))
      local pods, version_seen = client:list("pods", { namespace = "kube-system", limit = 1 })
      show(#pods <= 1, type(version_seen))
    ]])
    assert.equal("1\n2\n1\n409\tConflict\tapi\n404\tNotFound\ttrue\n1\t200\n200\ntrue\tstring\n", result.out)
  end)

  it("client: watch tells of what comes and goes, and waits no longer than it is told (W)", function()
    local result = lua([[
      local client = lunapod.client()
      local watch = assert(client:watch { kind = "configmaps", label_selector = "of=]] .. support.instance .. [[" })
      local function until_type(...)
        local wanted = { ... }
        while true do
          local item, why = watch:next(30)
          if not item then error(tostring(why)) end
          for _, kind in ipairs(wanted) do
            if item.type == kind then return item end
          end
        end
      end
      until_type("LISTED", "SYNCED")
      local made = assert(client:create("configmaps", { metadata = { generateName = "spec-", labels = {
        of = "]] .. support.instance .. [[" } } }))
      show(until_type("ADDED").object.metadata.uid == made.metadata.uid)
      assert(client:patch("configmaps", made.metadata.name, { data = { x = "y" } }))
      show(until_type("MODIFIED").object.data.x)
      assert(client:delete("configmaps", made.metadata.name))
      show(until_type("DELETED").object.metadata.name == made.metadata.name)
      local before = os.time()
      show(watch:next(0.2))
      watch:close()
      show(watch:next(5))
      assert(os.time() - before < 5)
    ]])
    assert.equal("true\ny\ntrue\nnil\ttimeout\nnil\tclosed\n", result.out)
  end)

  it("client: logs and exec of a pod that somebody made (L, EX5, EX7)", function()
    local result = lua([[
      local client = lunapod.client()
      local pod = assert(client:create("pods", { metadata = { generateName = "spec-", labels = {
        lunapod_instance = "]] .. support.instance
        .. [[" } }, spec = { restartPolicy = "Never", terminationGracePeriodSeconds = 0, containers = { {
          name = "main", image = "busybox:1",
          command = { "sh", "-c", "echo one; echo two; trap 'exit 0' TERM; while :; do sleep 0.1; done" } } } } }))
      local watch = assert(client:watch { kind = "pods", field_selector = "metadata.name=" .. pod.metadata.name })
      repeat
        local item = assert(watch:next(60))
        local status = item.object and item.object.status
      until status and status.phase == "Running"
      watch:close()
      local log = assert(client:logs { pod = pod.metadata.name, container = "main", follow = true })
      show(log:next_line(30)) show((log:next_line(30)))
      show(log:next_line(0.2))
      log:close()
      local exec = assert(client:exec { pod = pod.metadata.name, container = "main", command = { "sh", "-c",
        "echo out; echo err >&2; exit 3" } })
      show(exec:wait(30))
      local cat = assert(client:exec { pod = pod.metadata.name, container = "main", command = { "sh", "-c",
        "read a; echo got $a" }, stdin = true })
      cat:send "words\n"
      show(cat:wait(30))
      local big = assert(client:exec { pod = pod.metadata.name, container = "main",
        command = { "sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; sleep 0.1" } })
      local code, text = big:wait(60)
      show(code, #text, (text:find "[^x]"))
      local nothing, err = assert(client:exec { pod = pod.metadata.name, container = "none", command = {
        "true" } }):wait(30)
      show(nothing, lunapod.is_error(err), err.code)
      assert(client:delete("pods", pod.metadata.name, { grace = 0, uid = pod.metadata.uid }))
    ]])
    local lines = support.lines(result.out)
    assert.truthy(lines[1]:find "^one\t", lines[1]) -- with its time
    assert.equal("two", lines[2])
    assert.equal("nil\ttimeout", lines[3])
    assert.equal("3\tout", lines[4])
    assert.equal("\terr", lines[5])
    assert.equal("0\tgot words", lines[7])
    assert.truthy(result.out:find("0\t3000000\tnil\n", 1, true), result.out)
    assert.truthy(result.out:find "nil\ttrue\t%d+\n$", result.out)
  end)

  it("a log that is written faster than it is read: memory is bounded, each line comes once (L15, M2)", function()
    local result = lua([[
      local function resident()
        for line in io.lines "/proc/self/status" do
          local kib = line:match "^VmRSS:%s+(%d+)"
          if kib then return kib / 1024 end
        end
      end
      local client = lunapod.client()
      local write = "seq 1 600000 | sed 's/$/ ]] .. ("x"):rep(90) .. [[/'; sleep 1"
      local pod = assert(client:create("pods", { metadata = { generateName = "spec-", labels = {
        lunapod_instance = "]] .. support.instance
        .. [[" } }, spec = { restartPolicy = "Never", terminationGracePeriodSeconds = 0, containers = { {
          name = "main", image = "busybox:1", command = { "sh", "-c", write } } } } }))
      local watch = assert(client:watch { kind = "pods", field_selector = "metadata.name=" .. pod.metadata.name })
      repeat
        local item = assert(watch:next(60))
        local status = item.object and item.object.status
      until status and status.phase == "Running"
      watch:close()
      local log = assert(client:logs { pod = pod.metadata.name, container = "main", follow = true })
      local before, most, last, gaps = resident(), 0, 0, 0
      for _ = 1, 3 do
        lunapod.sleep(1)
        most = math.max(most, resident())
      end
      while true do
        local line, _, gap = log:next_line(60)
        if not line then break end
        local number = tonumber(line:match "^%d+")
        if gap then gaps = gaps + 1 elseif number ~= last + 1 then show("after", last, "came", number) end
        last = number
        if number % 50000 == 0 then most = math.max(most, resident()) end
      end
      assert(client:delete("pods", pod.metadata.name, { grace = 0, uid = pod.metadata.uid }))
      show(last, gaps == 0 or "gaps", most - before < 20 or most - before)
    ]], { seconds = 180 })
    assert.truthy(result.out:find "^600000\t[%a]+\ttrue\n$", result.out)
  end)

  it("map: on_error continue gives results and errors by index; stop raises the first (design §6)", function()
    local result = lua([[
      local task = lunapod.task { task_id = "task", image = "busybox:1", cmds = { "sh", "-c" },
        termination_grace_period = 1,
        arguments = { "{{ params.run }}" } }
      local results, errors = lunapod.map({ "true", "exit 4", "true" }, function(run, index)
        task:execute { params = { run = run } }
        return index * 10
      end, { on_error = "continue" })
      show(results.n, results[1], results[2], results[3], errors[2].exit_code, errors[2].class, errors[1], errors[3])
      local ok, err = lunapod.pcall(lunapod.map, { "sleep 600", "exit 5", "sleep 600", "true" }, function(run)
        return task:execute { params = { run = run } }
      end, { parallel = 3 })
      show(ok, err.index, err.exit_code)
    ]])
    assert.equal("3\t10\tnil\t30\t4\tuser\tnil\tnil\nfalse\t2\t5\n", result.out)
  end)

  it("a handle gives lines and outcome; cancelling it kills the pod (KIL-3)", function()
    local result = lua([[
      local task = lunapod.task { task_id = "task", image = "busybox:1", cmds = { "sh", "-c" },
        termination_grace_period = 1,
        arguments = { "echo one; echo two; sleep 600" } }
      local handle = task:start()
      show(handle:next_line(60)) show(handle:next_line(60))
      show(handle:wait(0.1))
      handle:cancel()
      local outcome = handle:wait()
      show(outcome.state, outcome.error.kind, outcome.exit_code == 0)
    ]])
    assert.equal("one\tbase\ntwo\tbase\nnil\ttimeout\nkilled\tcancelled\tfalse\n", result.out)
  end)

  it("an instance of its own writes nothing; its close deletes its pods (design §4)", function()
    local result = lua([[
      local records = {}
      local instance = assert(lunapod.new { on_record = function(it) records[#records + 1] = it end })
      local task = instance:task { task_id = "task", image = "busybox:1", cmds = { "sh", "-c" },
        termination_grace_period = 1,
        arguments = { "echo one; sleep 600" } }
      local handle = task:start()
      show(handle:next_line(60))
      show((instance:close { cancel = true, timeout = 60 }))
      local logs = 0
      for _, it in ipairs(records) do
        if it.kind == "log" then logs = logs + 1 end
      end
      show(logs)
    ]])
    assert.equal("one\tbase\ntrue\n1\n", result.out)
    assert.equal("", result.err)
  end)

  it("a result keeps what JSON tells apart: integers, empty lists and maps, null (RES-4, design §6)", function()
    local result = lua([[
      local task = lunapod.task { task_id = "task", image = "busybox:1", cmds = { "sh", "-c" }, do_xcom_push = true,
        arguments = { "printf '%s' \"$RESULT\" > /airflow/xcom/return.json" },
        env_vars = { RESULT = '{"n": 9007199254740993, "f": 3.0, "l": [], "m": {}, "z": null, "s": "a\\u0000é"}' } }
      local r = task:execute()
      show(lunapod.json.encode(r), r.z == lunapod.null, #r.s)
    ]])
    assert.equal('{"f":3.0,"l":[],"m":{},"n":9007199254740993,"s":"a\\u0000é","z":null}\ttrue\t4\n', result.out)
  end)
end)
