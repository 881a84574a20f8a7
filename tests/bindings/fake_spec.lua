-- Engine, client and run against the stand-in of fake_engine.c: how options arrive in the core, how each kind of
-- event looks in Lua, errors, misuse, closed objects, and the order in which the collector takes things. Run with
-- FAKE=1.
if (os.getenv "FAKE" or "") == "" then return end

local core = require "lunapod.core"

local engine, client

before_each(function()
  engine = assert(core.engine())
  client = assert(engine:client())
end)

after_each(function()
  client:close()
  engine:close()
end)

-- The next event as a table with n.
local function event(from)
  return (function(...) return { n = select("#", ...), ... } end)((from or engine):next_event())
end

local function fails(kind, pattern, ...)
  local value, err = ...
  assert.is_nil(value)
  assert.is_true(core.is_error(err))
  assert.equal(kind, err.kind)
  assert.matches(pattern, err.message)
  return err
end

describe("engine", function()
  it("tells what it is and where it waits", function()
    assert.equal("fake-engine", engine:id())
    assert.equal(77, engine:fd())
    assert.equal(77, engine:pollfd())
    assert.equal(77, engine:getfd())
    assert.equal("r", engine:events())
    assert.equal(12.5, engine:now())
    assert.is_nil(engine:timeout())
    assert.is_false(engine:dirty())
    assert(engine:timer(0))
    assert.equal(0, engine:timeout())
    assert.is_true(engine:dirty())
    assert.is_true(engine:wake())
  end)

  it("rounds a step's seconds up to milliseconds; nil and infinity are no limit", function()
    for seconds, text in pairs { [0] = "0", [0.0001] = "1", [0.001] = "1", [1.5] = "1500", [1e9] = "2147483647",
      [math.huge] = "-1" } do
      assert.is_true(engine:step(seconds))
      assert.equal(text, event()[3])
    end
    assert.is_true(engine:step())
    assert.equal("-1", event()[3])
  end)

  it("says when a signal interrupted a step, and when a step failed", function()
    assert.same({ false, "interrupted" }, { engine:step(0.004) })
    fails("io", "^epoll", engine:step(0.666))
  end)

  it("raises for seconds that are none", function()
    for _, seconds in ipairs { -1, 0 / 0, "x" } do assert.has_error(function() engine:step(seconds) end) end
    assert.has_error(function() engine:timer(-1) end)
    assert.has_error(function() engine:timer(1 / 0) end)
  end)

  it("tells whether an engine lives: yes, no, not known here", function()
    assert.is_true(engine:alive "up")
    assert.is_false(engine:alive "down")
    assert.is_nil(engine:alive "elsewhere")
  end)

  it("tells the instance and why it could not be kept", function()
    assert.same({ "fake-instance", "the fake keeps no instance id" }, { engine:instance() })
  end)

  it("answers an error when it cannot be made, raises for unknown options", function()
    fails("api", "^instance", core.engine { instance = "bad" })
    assert.error_matches(function() core.engine { instanc = "x" } end, "unknown option 'instanc'")
    assert.error_matches(function() core.engine { instance = 3 } end, "'instance': expected a string, got number")
    assert.error_matches(function() core.engine { instance = "a\0b" } end, "NUL")
    assert.error_matches(function() core.engine { "x" } end, "key that is a number")
    assert.error_matches(function() core.engine { engine = {} } end, "light userdata")
    assert.error_matches(function() core.engine { engine = core.null, abi = core.abi } end, "light userdata")
  end)
end)

describe("events", function()
  it("timer: id and kind alone; a cancelled one does not come; hold is passed on", function()
    local first, second = engine:timer(1), engine:timer(0.5)
    assert.is_true(engine:cancel(first))
    assert.same({ n = 2, second, "timer" }, event())
    assert.equal(0, event().n)
    for _, held in ipairs { true, false } do
      assert.is_true(engine:hold(9, held))
      assert.same({ n = 3, 9, "warning", held and "held" or "gone" }, event())
    end
    fails("api", "that long", engine:timer(2e6))
  end)

  it("signal: by name", function()
    assert.is_true(engine:watch_signals { "INT", "TERM" })
    assert.equal("INT", event()[3])
    assert.equal("TERM", event()[3])
    assert.is_true(engine:watch_signals {})
    assert.error_matches(function() engine:watch_signals { "KILL" } end, "KILL")
    assert.has_error(function() engine:watch_signals "INT" end)
    assert.has_error(function() engine:watch_signals { 2 } end)
  end)

  it("response: value, nil, status; what was asked for arrived", function()
    local id = assert(client:start_request {
      method = "PATCH", path = "/api/v1/pods", content_type = "application/merge-patch+json", timeout = 2.5,
        once = true,
      query = { limit = 500, b = true, a = "x&y", c = 0.25 }, body = { spec = { args = {} } }, lists = { args = true },
    })
    local got = event()
    assert.equal(6, got.n)
    assert.same({ id, "response" }, { got[1], got[2] })
    assert.is_nil(got[4])
    assert.equal(200, got[5])
    assert.same({
      method = "PATCH", path = "/api/v1/pods", content_type = "application/merge-patch+json", timeout = 2.5,
        once = true,
      raw = false, query = { "a", "x&y", "b", "true", "c", "0.25", "limit", "500" }, body = '{"spec":{"args":[]}}',
    }, got[3])
    assert.equal("object", core.mark(got[3]))
  end)

  it("response: pairs of a query keep their order, bodies of text their bytes", function()
    assert(client:start_request { path = "/x", query = { { "command", "b" }, { "command", "a" }, { "n", 3 } },
      body = "a\0b" })
    local value = event()[3]
    assert.same({ "command", "b", "command", "a", "n", "3" }, value.query)
    assert.equal("a\0b", value.body)
  end)

  it("response: nil, an error with all it says, status", function()
    assert(client:start_request { path = "/missing" })
    local got = event()
    local err = fails("api", "not found", got[3], got[4])
    assert.same({ "API", 404, "NotFound", "user", true, 1.5 },
      { err.rc, err.code, err.reason, err.class, err.retryable, err.retry_after })
    assert.equal(404, got[5])
  end)

  it("response: raw text", function()
    assert(client:start_request { path = "/text", raw = true })
    local got = event()
    assert.is_nil(got[3])
    assert.equal("a\0b", got[6])
  end)

  it("response: an integer that this Lua cannot hold is an error with its path", function()
    assert(client:start_request { path = "/big" })
    local got = event()
    if math.type then
      assert.equal(math.maxinteger, got[3].metadata.generation)
    else
      fails("parse", "^metadata%.generation: ", got[3], got[4])
    end
  end)

  it("watch: name and object; end: resourceVersion", function()
    local id = assert(client:start_watch {
      path = "/pods", label_selector = "a=b", field_selector = "c=d", resource_version = "7", timeout = 3,
        list_only = true,
    })
    assert.same({ n = 5, id, "watch", "LISTING" }, event())
    local added = event()
    assert.equal("ADDED", added[3])
    assert.same({ path = "/pods", labels = "a=b", fields = "c=d", from = "7", timeout = 3, list_only = true }, added[4])
    assert.same({ n = 4, id, "end", nil, "4711" }, event())
  end)

  it("output: the block and its container; end: the error", function()
    local id = assert(client:start_logs {
      namespace = "n", pod = "p", container = "c", follow = true, timestamps = true, since = 1700000000.25,
        tail_lines = 10, prefix = "[c] ",
    })
    assert.same({ n = 3, id, "open", 0 }, event())
    assert.same({ n = 4, id, "output", "[base] one\n[base] t\0o\n", "base" }, event())
    assert.equal("n p c 101 1700000000250000000 10 [c] ", event()[3])
    local last = event()
    assert.equal("end", last[2])
    assert.equal("CUT", last[3].rc)
  end)

  it("output: lines when they are wanted, until the stream ends", function()
    local id = assert(client:start_logs { pod = "p" })
    assert.is_true(engine:want_lines(id, true))
    event()
    local output = event()
    assert.is_nil(output[3])
    assert.equal("base", output[4])
    assert.same({ { time = 1700000000.5, text = "one" }, { text = "t\0o" } }, output[5])
    assert.is_true(engine:want_lines(id, false))
    assert.is_true(engine:want_lines(id))
  end)

  it("exec: protocol, stdout, stderr, exit code; sending", function()
    local id = assert(client:start_exec { pod = "p", command = { "sh", "-c" }, stdin = true })
    assert.same({ n = 3, id, "open", 5 }, event())
    assert.same({ n = 4, id, "output", "sh", "stdout" }, event())
    assert.same({ n = 4, id, "output", "-c", "stderr" }, event())
    assert.same({ n = 4, id, "end", nil, 7 }, event())
    assert.is_true(client:send(1, "a\0b"))
    fails("usage", "unexpected bytes", client:send(1, "x"))
    assert.is_true(client:send_eof(1))
    fails("usage", "no exec 9", client:send_eof(9))
  end)

  it("raises for missing, unknown and wrong options", function()
    local wrong = {
      { "start_request", {}, "'path' is missing" },
      { "start_request", { path = 1 }, "'path': expected a string" },
      { "start_request", { path = "/", body = 3 }, "'body'" },
      { "start_request", { path = "/", query = "x" }, "'query'" },
      { "start_request", { path = "/", query = { a = {} } }, "'a' is a table" },
      { "start_request", { path = "/", query = { "a" } }, "pairs" },
      { "start_request", { path = "/", query = { a = "x\0" } }, "NUL" },
      { "start_request", { path = "/", once = 1 }, "'once': expected a boolean" },
      { "start_request", { path = "/", timeout = 0 / 0 }, "finite" },
      { "start_watch", {}, "'path' is missing" },
      { "start_logs", {}, "'pod' is missing" },
      { "start_logs", { pod = "p", tail_lines = 1.5 }, "whole number" },
      { "start_logs", { pod = "p", since = 1e12 }, "'since'" },
      { "start_exec", { pod = "p" }, "'command' is missing" },
      { "start_exec", { pod = "p", command = "sh" }, "list of strings" },
      { "start_exec", { pod = "p", command = { "sh", {} } }, "'command'" },
      { "run", { manifest = "x" }, "'manifest'" },
      { "run", { manifest = {}, on_finish = "never" }, "'never' is none" },
      { "run", { manifest = {}, waiting_rules = { {} } }, "without reason" },
      { "run", { manifest = {}, create_tries = -1 }, "'create_tries'" },
    }
    for _, case in ipairs(wrong) do
      assert.error_matches(function() client[case[1]](client, case[2]) end, case[3], 1, true)
    end
    assert.has_error(function() client.start_request(engine, { path = "/" }) end)
    assert.has_error(function() client.start_request(io.stdout, { path = "/" }) end)
    assert.has_error(function() client:run() end)
  end)

  it("answer nil and an error when nothing was started", function()
    fails("api", "too many", client:start_request { path = "/refused" })
    fails("usage", "^body: a: .*function", client:start_request { path = "/", body = { a = print } })
  end)
end)

describe("client", function()
  it("tells namespace, server, where it runs", function()
    assert.equal("default/0", client:namespace())
    assert.equal("https://fake:6443", client:server())
    assert.is_false(client:in_cluster())
    assert.equal("n/1", engine:client({ namespace = "n", in_cluster = true }):namespace())
    assert.equal("default/-1", engine:client({ in_cluster = false }):namespace())
    fails("api", "unknown", engine:client { context = "unknown" })
    assert.has_error(function() engine:client { in_cluster = 1 } end)
  end)
end)

describe("run", function()
  local manifest = { metadata = { name = "p" }, spec = { containers = { { name = "base", args = {} } } } }

  it("takes all options", function()
    local run = assert(client:run {
      manifest = manifest, lists = { args = true }, exact_name = true, attempt = "a", find = "f", find_run = "r",
        container = "base",
      logs = { "base", "side" }, log_prefix = true, result_from = "termination_message", result_container = "side",
        result_limit = 4096,
      schedule_timeout = 1, start_timeout = -1, deadline = 2.5, grace = 0, on_finish = "keep", create_tries = 3,
        create_wait_min = 0.5,
      create_wait_max = 4, waiting_rules = { { reason = "ErrImagePull", message = "denied", grace = 10,
        class = "image" }, { reason = "X" } },
    })
    local got = event()
    assert.equal(run:id(), got[1])
    assert.same({
      exact_name = true, attempt = "a", find = "f", find_run = "r", container = "base", logs = { "base", "side" },
        log_prefix = true,
      result_from = 2, result_container = "side", result_limit = 4096, schedule_timeout = 1, start_timeout = -1,
        deadline = 2.5,
      grace = 0, on_finish = 3, create_tries = 3, create_wait_min = 0.5, create_wait_max = 4,
      ErrImagePull = "denied|10|image", X = "-|0|",
    }, got[3])
    local pod = run:pod()
    assert.equal("array", core.mark(pod.spec.containers[1].args))
    run:close()
  end)

  it("has sensible defaults, the cluster's grace among them", function()
    local run = assert(client:run { manifest = manifest })
    local value = event()[3]
    assert.same({ -1, 0, 0, 0 }, { value.grace, value.on_finish, value.result_from, value.create_tries })
    run:close()
  end)

  it("names the place in a manifest that cannot be sent (X69)", function()
    fails("usage", "^manifest: spec%.containers%[1%]%.env%[1%]%.value: .*NaN",
      client:run { manifest = { spec = { containers = { { env = { { name = "A", value = 0 / 0 } } } } } } })
    fails("usage", "^spec: not there", client:run { manifest = {} })
  end)

  it("advances from phase to phase", function()
    local run = assert(client:run { manifest = manifest })
    event()
    fails("usage", "not now", run:advance "found")
    assert.is_true(run:advance "started")
    assert.same({ n = 4, run:id(), "phase", "started" }, event())
    assert.is_true(run:advance "created")
    assert.equal("task", event()[4].kind)
    assert.is_true(engine:want_lines(run:id(), true))
    assert.is_true(run:advance "cleaned")
    assert.same({ n = 3, run:id(), "state", "pulling busybox:1" }, event())
    assert.equal("one", event()[5][1].text)
    assert.equal("cleaned", event()[3])
    assert.is_true(run:cancel(5))
    local _, _, phase, err = engine:next_event()
    assert.equal("cleaned", phase)
    assert.same({ "cancelled", "cancelled with grace 5" }, { err.kind, err.message })
    run:cancel()
    assert.equal("cancelled with grace -1", event()[4].message)
    assert.has_error(function() run:advance "none" end)
    assert.has_error(function() run:advance "done" end)
    assert.has_error(function() run:cancel(0.5) end)
    run:close()
  end)

  it("reports without what is not known", function()
    local run = assert(client:run { manifest = manifest })
    run:set_on_finish "delete_active"
    local report = run:report()
    assert.same({
      namespace = "default", name = "p", uid = "u-1", phase = "Failed", waiting = "2", found = true, adopted = false,
        deleted = false,
      created = 1700000000.25, lines = 12, gaps = 1, generation = 3,
      task = { name = "base", state = "terminated", reason = "Error", message = "bad", exit_code = 137, signal = 9,
        restarts = 2, init = false },
      containers = {
        { name = "setup", state = "terminated", reason = "Completed", exit_code = 0, started = 1700000000,
          restarts = 0, init = true },
        { name = "base", state = "terminated", reason = "Error", message = "bad", exit_code = 137, signal = 9,
          restarts = 2, init = false },
        { name = "side", state = "running", restarts = 0, init = false },
      },
    }, report)
    assert.equal('{"a":\0}', run:result())
    assert.has_error(function() run:set_on_finish "never" end)
    run:detach()
    assert.equal(0, event().n)
    run:close()
  end)
end)

describe("closing", function()
  local manifest = { spec = {} }

  it("may be done twice; a closed object answers nil and an error, whatever is called", function()
    local run = assert(client:run { manifest = manifest })
    local arguments = {
      step = { 0 }, want_lines = { 1, true }, timer = { 1 }, cancel = { 1 }, watch_signals = { {} }, alive = { "x" },
        client = {},
      start_request = { { path = "/" } }, start_watch = { { path = "/" } }, start_logs = { { pod = "p" } },
      start_exec = { { pod = "p", command = { "x" } } }, send = { 1, "x" }, send_eof = { 1 },
        run = { { manifest = manifest } },
      advance = { "ended" }, set_on_finish = { "keep" },
    }
    local methods = {
      [engine] = { "fd", "timeout", "step", "wake", "next_event", "want_lines", "timer", "cancel", "watch_signals",
        "now", "id",
        "instance", "alive", "pollfd", "events", "getfd", "dirty", "client" },
      [client] = { "namespace", "server", "in_cluster", "start_request", "start_watch", "start_logs", "start_exec",
        "send",
        "send_eof", "run" },
      [run] = { "id", "advance", "cancel", "detach", "set_on_finish", "report", "pod", "result" },
    }
    for _, object in ipairs { run, client, engine } do
      assert.is_true(object:close())
      assert.is_true(object:close())
      for _, method in ipairs(methods[object]) do
        fails("usage", "is closed", object[method](object, (table.unpack or unpack)(arguments[method] or {})))
      end
    end
  end)

  it("an engine closes its clients and runs", function()
    local run = assert(client:run { manifest = manifest })
    assert.is_true(engine:close())
    fails("usage", "is closed", client:server())
    fails("usage", "is closed", run:report())
  end)

  it("a client leaves its runs", function()
    local run = assert(client:run { manifest = manifest })
    client:close()
    assert.equal("p", run:report().name)
    run:close()
  end)

  it("a client keeps the engine it came from", function()
    local kept = assert(assert(core.engine()):client())
    collectgarbage()
    collectgarbage()
    assert.equal("https://fake:6443", kept:server())
    assert(kept:start_request { path = "/" })
  end)

  it("by the collector comes in any order", function()
    for i = 1, 60 do
      local objects = { assert(core.engine()) }
      objects[2] = assert(objects[1]:client())
      objects[3] = assert(objects[2]:run { manifest = manifest })
      objects[4] = assert(objects[2]:run { manifest = manifest })
      objects[5] = assert(objects[1]:client())
      objects[1]:next_event()
      for _ = 1, 4 do
        table.remove(objects, (i * 7) % #objects + 1)
        collectgarbage()
      end
    end
    collectgarbage()
  end)

  it("by __close at the end of a block, on Luas that have it", function()
    if _VERSION < "Lua 5.4" then return end
    local block = assert(load [[
      local core, kept = ...
      do
        local engine <close> = core.engine()
        local client <close> = engine:client()
        kept.engine, kept.client = engine, client
      end
    ]])
    local kept = {}
    block(core, kept)
    fails("usage", "is closed", kept.engine:id())
    fails("usage", "is closed", kept.client:server())
  end)

  it("cannot be done by others' hands: the metatable is locked, methods check their object", function()
    assert.equal("lunapod", getmetatable(engine))
    assert.has_error(function() setmetatable(engine, {}) end)
    assert.has_error(function() engine.close(client) end)
    assert.has_error(function() engine.close(io.stdout) end)
    assert.has_error(function() engine.next_event {} end)
    assert.has_error(function() engine.fd() end)
  end)
end)

describe("two engines", function()
  it("do not see each other's events", function()
    local other = assert(core.engine())
    engine:timer(1)
    assert.equal(0, event(other).n)
    assert.equal("timer", event()[2])
    other:close()
    assert.equal("fake-engine", engine:id())
  end)
end)

describe("a finalizer that runs in the middle", function()
  -- An object whose collection calls fn: a table on 5.2 and newer, a proxy on 5.1 and LuaJIT.
  local function on_collect(fn)
    if newproxy then
      getmetatable(newproxy(true)).__gc = fn
    else
      setmetatable({}, { __gc = fn })
    end
  end

  it("cannot take the event that is being read, nor close its engine", function()
    local multiplier = collectgarbage("setstepmul", 100000) -- a step is a whole cycle
    local taking, refused, taken, wrong = false, 0
    local function intrude()
      if not taking then return end
      local ok, err = pcall(engine.next_event, engine)
      if ok then -- before the event was borrowed: then it is fairly ours
        taken = true
      elseif not tostring(err):find("finalizer", 1, true) or pcall(engine.close, engine) then
        wrong = err
      else
        refused = refused + 1
      end
    end
    local query = {} -- much to be made while the event is read
    for i = 1, 3000 do query[i] = { "key", "value " .. i } end
    for _ = 1, 10 do
      collectgarbage "stop"
      client:start_request { path = "/", query = query }
      for _ = 1, 5 do on_collect(intrude) end
      taking, taken = true, false
      collectgarbage "restart"
      local _, _, value = engine:next_event()
      taking = false
      assert.is_nil(wrong)
      assert.equal(taken and 0 or 6000, value and #value.query or 0)
      assert.is_nil(engine:next_event())
    end
    collectgarbage("setstepmul", multiplier)
    assert.is_true(refused > 0)
  end)
end)
