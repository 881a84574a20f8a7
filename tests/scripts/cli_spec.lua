--- The program: command line, exit statuses, signals, ps, clean, dry-run (design §6, KIL-5, KIL-6), on the fake core.

local fake = require "tests.scripts.support.fake_core"

describe("the program", function()
  local lunapod, cli, files, real_exit, real_print

  before_each(function()
    lunapod = fake.install()
    cli = require "lunapod.cli"
    files, real_exit, real_print = {}, os.exit, print
    fake.pods = function() return { run = 10 } end
  end)

  after_each(function()
    for _, name in ipairs(files) do os.remove(name) end
    rawset(os, "exit", real_exit)
    rawset(_G, "print", real_print)
  end)

  local function script(text)
    local name = os.tmpname()
    files[#files + 1] = name
    local file = assert(io.open(name, "w"))
    file:write("local lunapod = require 'lunapod'\n", text)
    file:close()
    return name
  end

  --- Run the program; returns its status and what it said.
  local function run(...)
    local status = cli.status { ... }
    return status, fake.output(2), fake.output(1)
  end

  local function run_script(text, ...)
    return run("run", script(text), ...)
  end

  local task = "local op = lunapod.task { task_id = 'work', image = 'i' }\n"

  --- Run it with print caught; returns the lines.
  local function printed(...)
    local lines = {}
    rawset(_G, "print", function(...)
      local words = { ... }
      for i = 1, #words do words[i] = tostring(words[i]) end
      lines[#lines + 1] = table.concat(words, "\t")
    end)
    local status = run(...)
    rawset(_G, "print", real_print)
    return table.concat(lines, "\n"), status
  end

  describe("exit status", function()
    it("0 when the script returns, its pods gone", function()
      local status, said = run_script(task .. "op:execute()")
      assert.equal(0, status)
      assert.equal("TASK   ATTEMPTS   STATE       WAITING   RUNNING   EXIT\n"
        .. "work   1          succeeded   0.0 s     10.0 s    0\n", said)
      assert.equal(0, fake.live)
    end)

    it("and a summary: the items of a large fan-out that went well share a line", function()
      fake.pods = function() return { start = #fake.runs % 3, run = 2, exit_code = #fake.runs == 4 and 3 or 0 } end
      local _, said = run_script(task
        .. "lunapod.map({ 1, 2, 3, 4, 5, 6, 7, 8 }, function() op:execute() end, { on_error = 'continue' })")
      assert.matches("\nwork %(7 items%) +7 +succeeded +2%.0 s +2%.0 s +0\n", said)
      assert.matches("\nwork%[%d%] +1 +failed +%d%.0 s +2%.0 s +3\n", said)
      local _, lines = said:gsub("\nwork", "")
      assert.equal(2, lines)
    end)

    it("no summary with -o ndjson, or when no task ended", function()
      local _, said = run_script("return 1")
      assert.equal("", said)
      run_script(task .. "op:execute()", "-o", "ndjson")
      assert.equal("", fake.output(2))
    end)

    it("1 when a task's error leaves it, told once", function()
      fake.pods = function() return { exit_code = 3 } end
      local status, said = run_script(task .. "op:execute()")
      assert.equal(1, status)
      assert.matches('^lunapod: task "work": Pod work%-%d+ returned a failure', said)
      assert.equal(1, select(2, said:gsub("returned a failure", "")))
    end)

    it("1 when the cluster's does", function()
      fake.client_error = fake.core.error { kind = "api", rc = "CONNECT", message = "connection refused" }
      assert.equal(1, (run_script(task .. "op:execute()")))
    end)

    it("2 for any other Lua error, with its position; a traceback with -v only", function()
      local status, said = run_script("error 'oops'")
      assert.equal(2, status)
      assert.matches(":2: oops\n$", said)
      assert.is_nil(said:find("traceback"))
      fake.written = {}
      lunapod = fake.install()
      cli = require "lunapod.cli"
      assert.matches("traceback", select(2, run_script("error 'oops'", "-v")))
    end)

    it("2 for wrong use, a syntax error, a missing file", function()
      assert.equal(2, (run_script("lunapod.sleep 'x'")))
      local status, said = run("run", script("local = 5"))
      assert.equal(2, status)
      assert.matches(":2:", said)
      status, said = run("run", "/nonexistent/x.lua")
      assert.equal(2, status)
      assert.matches("/nonexistent/x.lua", said)
    end)

    it("n for os.exit(n), after clean-up", function()
      local status = run_script(task .. "local h = op:start() lunapod.sleep(1) os.exit(7)")
      assert.equal(7, status)
      assert.equal("default", fake.runs[1].killed_with)
      assert.equal(0, fake.live)
      assert.equal(real_exit, os.exit)
    end)

    it("counts an error in a fiber that nobody waits for; told once", function()
      fake.pods = function() return { exit_code = 3 } end
      local status, said = run_script(task .. "lunapod.spawn(op.execute, op) lunapod.sleep(20)")
      assert.equal(1, status)
      assert.equal(1, select(2, said:gsub("returned a failure", "")))
      assert.matches("nobody waits", said)
    end)

    it("waits for all fibers", function()
      run_script(task .. "op:start()")
      assert.equal(10, fake.clock)
    end)
  end)

  describe("the script", function()
    it("sees arg, ..., params, run and flow ids", function()
      rawset(_G, "seen", {})
      local name = script([[
        seen.arg, seen.rest = arg, { ... }
        seen.params, seen.run_id, seen.dag_id = lunapod.params, lunapod.run_id, lunapod.dag_id
      ]])
      local status = run("run", name, "-p", "a=1", "--param", "b:=[1,2]", "-p", "c:={\"d\":true}", "-p", "e=x=y",
        "--run-id", "r1", "--",
        "one", "-p")
      local seen = rawget(_G, "seen")
      rawset(_G, "seen", nil)
      assert.equal(0, status)
      assert.same({ [0] = name, "one", "-p" }, seen.arg)
      assert.same({ "one", "-p" }, seen.rest)
      assert.same({ a = "1", b = { 1, 2 }, c = { d = true }, e = "x=y" }, seen.params)
      assert.equal("r1", seen.run_id)
      assert.is_true(lunapod.default.run_id_given)
      assert.equal((name:match("[^/]+$")), seen.dag_id)
    end)

    it("has a flow id and a made-up run id of its own", function()
      run_script(task .. "op:execute()", "--flow", "nightly")
      local labels = fake.runs[1].options.manifest.metadata.labels
      assert.equal("nightly", labels.dag_id)
      assert.matches("^%d+T%d+%-%w+$", labels.run_id)
      assert.is_false(lunapod.default.run_id_given)
    end)

    it("gets -n, --context, --kubeconfig, before or after the command", function()
      run("-n", "jobs", "run", script(task .. "op:execute()"), "--context", "dev", "--kubeconfig", "/k", "--instance",
        "mine")
      assert.same({ namespace = "jobs", context = "dev", config_file = "/k" }, fake.clients[1])
      assert.equal("mine", fake.engine.options.instance)
    end)
  end)

  describe("wrong command lines", function()
    for _, case in ipairs {
      { { "rum" }, "unknown command 'rum'" }, { { "run" }, "file" }, { {}, "command" },
        { { "run", "x", "--nope" }, "unknown option '%-%-nope'" },
      { { "run", "x", "-o", "xml" }, "must be one of" }, { { "run", "x", "-p", "novalue" }, "KEY=TEXT" },
      { { "run", "x", "-p", "k:={" }, "not JSON" }, { { "clean", "--older", "soon" }, "expected an age" },
        { { "ps", "--", "x" }, "after %-%-" },
    } do
      it("2: lunapod " .. table.concat(case[1], " "), function()
        local status = cli.status(case[1])
        assert.equal(2, status)
        assert.matches(case[2], fake.output(2))
      end)
    end
  end)

  describe("ndjson", function()
    it("is a record a line on standard output; print goes to standard error", function()
      fake.pods = function() return { run = 1, output = { { text = "hello\nERROR: x\n" } }, exit_code = 1 } end
      local status, said, out = run_script(task .. "print('mine', 1) op:execute()", "-o", "ndjson")
      assert.equal(1, status)
      assert.equal("mine\t1\n", said)
      local kinds = {}
      for line in out:gmatch("([^\n]*)\n") do
        local it = assert(require("cjson").decode(line))
        assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%dZ$", it.time)
        kinds[#kinds + 1] = it.kind .. ":" .. it.level
      end
      assert.same({ "state:info", "state:info", "log:info", "log:error", "state:info", "outcome:error", "error:error" },
        (function(list) -- how often the state is told is the core's matter
          local seen = {}
          for _, kind in ipairs(list) do seen[#seen + 1] = kind end
          if #seen == 6 then table.insert(seen, 5, "state:info") end
          return seen
        end)(kinds))
    end)
  end)

  describe("signals (KIL-5)", function()
    local function with_signals(signals, text, ...)
      fake.on_step = function(engine)
        fake.on_step = nil
        for _, it in ipairs(signals) do engine:signal(it[1], it[2]) end
      end
      return run_script(text, ...)
    end

    it("SIGINT: pods are deleted, 130", function()
      local status, said = with_signals({ { "INT", 5 } }, task .. "op:execute()")
      assert.equal(130, status)
      assert.equal("default", fake.runs[1].killed_with)
      assert.equal(6, fake.clock)
      assert.equal(0, fake.live)
      assert.matches("deleting 1 pod", said)
    end)

    it("SIGTERM without a run id: the same, 143", function()
      assert.equal(143, (with_signals({ { "TERM", 5 } }, task .. "op:execute()")))
      assert.equal(0, fake.live)
    end)

    it("SIGTERM with a run id: pods live on and are named, 143", function()
      local status, said = with_signals({ { "TERM", 5 } }, task .. "op:execute()", "--run-id", "r1")
      assert.equal(143, status)
      assert.is_nil(fake.runs[1].killed_with)
      assert.is_true(fake.runs[1].detached)
      assert.equal(5, fake.clock)
      assert.matches("1 pod is left: default/work%-%d+; .*%-%-run%-id r1", said)
    end)

    it("a second one ends at once and says which pods are left", function()
      fake.pods = function() return { run = 100, kill = 50 } end
      local exited
      rawset(os, "exit", function(code)
        exited = code
        error("exited", 0)
      end)
      local _, said = with_signals({ { "INT", 5 }, { "TERM", 6 } }, task .. "op:execute()")
      assert.equal(130, exited)
      assert.matches("1 pod is left: default/work%-%d+", said)
    end)

    it("leaves a script's own clean-up its time", function()
      with_signals({ { "INT", 5 } }, task .. [[
        local ok, err = lunapod.pcall(op.execute, op)
        lunapod.params.kind = err.kind
      ]])
      assert.equal("cancelled", lunapod.params.kind)
    end)
  end)

  describe("dry-run", function()
    it("prints manifests only, needs no cluster, and execute gives nil", function()
      fake.client_error = fake.core.error { kind = "api", rc = "CONFIG", message = "no kubeconfig" }
      local status, said, out = run("dry-run", script(task .. [[
        local result, outcome = op:execute()
        print(result, outcome.state)
        lunapod.map({ 1 }, function() op:execute() end)
      ]]))
      assert.equal(0, status)
      assert.equal("nil\tskipped\n", said)
      assert.equal(2, select(2, out:gsub("%-%-%-\n", "")))
      assert.is_nil(out:find("map_index", 1, true))
      assert.same({}, fake.runs)
    end)

    it("as JSON", function()
      local _, _, out = run("dry-run", "-o", "json", script(task .. "op:execute()"))
      assert.equal("Pod", require("cjson").decode(out).kind)
    end)
  end)

  describe("ps and clean", function()
    local pods

    before_each(function()
      local function pod(name, age, engine)
        return { metadata = { name = name, namespace = "default", uid = "u-" .. name,
          creationTimestamp = fake.core.format_time(fake.epoch - age),
          labels = { task_id = "t", run_id = "r", lunapod_engine = engine } }, status = { phase = "Running" } }
      end
      pods = { pod("young", 60, "dead"), pod("old", 7300, "dead"), pod("mine", 9000, "live"),
        pod("far", 90000, "elsewhere") }
      fake.core.parse_time = function(text) -- of UTC, whatever the machine's zone
        local y, mo, d, h, mi, s = text:match("(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)")
        local there = { year = y, month = mo, day = d, hour = h, min = mi, sec = s, isdst = false }
        local guess = os.time(there)
        return guess + (guess - os.time((function() local t = os.date("!*t", guess) t.isdst = false return t end)()))
      end
      fake.engines_alive = { dead = false, live = true }
      fake.stream = function(_, options)
        assert.is_true(options.list_only)
        assert.equal("lunapod_instance=fake-instance", options.label_selector)
        local events = {}
        for i, it in ipairs(pods) do events[i] = { 0, "watch", "ADDED", it } end
        events[#events + 1] = { 0, "end", nil, "77", n = 4 }
        return events
      end
    end)

    it("ps lists name, task, run, phase, age, owner, oldest first", function()
      local text, status = printed("ps")
      assert.equal(0, status)
      local rows = {}
      for line in text:gmatch("[^\n]+") do rows[#rows + 1] = line:gsub("%s+", " ") end
      assert.same({ "NAME TASK RUN PHASE AGE OWNER", "far t r Running 25h unknown", "mine t r Running 2h alive",
        "old t r Running 2h gone",
        "young t r Running 60s gone" }, rows)
    end)

    it("ps of nothing says so; an error of the API is 1", function()
      pods = {}
      local status, said = run("ps")
      assert.equal(0, status)
      assert.matches("no pods of this installation in namespace default", said)
      fake.stream = function() return { { 0, "end", fake.core.error { kind = "api", rc = "API", code = 403,
        message = "forbidden" } } } end
      assert.equal(1, (run("ps")))
    end)

    local function deleted()
      local names = {}
      for _, it in ipairs(fake.requests) do
        if it.method == "DELETE" then
          assert.equal("u-" .. it.path:match("[^/]+$"), it.body.preconditions.uid)
          names[#names + 1] = it.path:match("[^/]+$")
        end
      end
      return names
    end

    it("clean deletes what no running engine owns, by uid", function()
      local text, status = printed("clean")
      assert.equal(0, status)
      assert.same({ "old", "young" }, deleted())
      assert.matches('pod "old" deleted', text)
      assert.matches("1 pod of other machines left", fake.output(2))
    end)

    it("clean --older and --all", function()
      printed("clean", "--older", "1h30m")
      assert.same({ "old" }, deleted())
      fake.requests = {}
      printed("clean", "--all")
      assert.same({ "far", "old", "young" }, deleted())
    end)
  end)

  describe("on a terminal", function()
    it("a status line says what pods wait for, is erased before output, ticks, and is gone at the end", function()
      fake.tty = true
      lunapod.default.terminal.is_tty = true
      fake.pods = function() return { start = 3, run = 12, output = { { at = 1, text = "hi\n" } } } end
      assert.equal(0, (run_script(task .. "op:execute()")))
      local drawn = {}
      for _, it in ipairs(fake.written) do drawn[#drawn + 1] = it.text end
      local all = table.concat(drawn, "|")
      assert.matches("work: scheduled 2 s", all, 1, true)
      assert.matches("\r\27[K[base] hi\n", all, 1, true)
      assert.matches("work: running 11 s", all, 1, true)
      local _, ticks = all:gsub("running %d+ s", "")
      assert.is_true(ticks >= 11 and ticks <= 14, "ticks: " .. ticks)
      assert.equal("\r\27[K", drawn[#drawn - 1])
      assert.matches("^TASK", drawn[#drawn])
    end)

    it("several pods are counted", function()
      fake.tty = true
      lunapod.default.terminal.is_tty = true
      local n = 0
      fake.pods = function() n = n + 1 return { start = 1, run = n } end
      run_script(task .. "lunapod.map({1, 2, 3, 4, 5, 6}, function() op:execute() end, { parallel = 4 })")
      local all = fake.output(2)
      assert.matches("4 scheduled, 0 done of 6", all, 1, true)
      assert.matches("1 scheduled, 3 running, 1 done of 6", all, 1, true)
    end)

    it("none without a terminal", function()
      run_script(task .. "op:execute()")
      assert.is_nil(fake.output(2):find("\27", 1, true))
    end)
  end)
end)
