--- The client whose calls wait: requests, kinds, lists, watches, logs, exec; and records' texts.

local fake = require "tests.scripts.support.fake_core"

describe("the client", function()
  local lunapod, client

  before_each(function()
    lunapod = fake.install()
    client = lunapod.client { namespace = "jobs" }
  end)

  it("gives value and status, or nil and the error", function()
    fake.respond = function(request)
      if request.path == "/bad" then return nil, fake.core.error { kind = "api", rc = "API", code = 404,
        message = "no" } end
      return { major = "1" }, nil, 200, 3
    end
    local value, status = client:request { path = "/version" }
    assert.same({ { major = "1" }, 200, 3 }, { value, status, fake.clock })
    local none, err = client:request { path = "/bad" }
    assert.is_nil(none)
    assert.equal(404, err.code)
  end)

  it("knows the usual kinds by any of their names, and paths", function()
    assert.equal("/api/v1/namespaces/jobs/pods", client:path("Pod"))
    assert.equal("/api/v1/namespaces/x/configmaps", client:path("configmaps", "x"))
    assert.equal("/api/v1/pods", client:path("pods", false))
    assert.equal("/api/v1/nodes", client:path("node"))
    assert.equal("/apis/batch/v1/namespaces/jobs/cronjobs", client:path("cronjob"))
    assert.equal("/apis/x.io/v1/things", client:path("/apis/x.io/v1/things"))
    local ok, err = pcall(client.path, client, "podz")
    assert.is_false(ok)
    assert.matches('did you mean "pod', err.message)
  end)

  it("creates, gets, patches and deletes", function()
    client:create("pods", { metadata = { name = "a" } })
    client:get("pods", "a")
    client:patch("pods", "a", { x = 1 }, { type = "strategic" })
    client:delete("pods", "a", { uid = "u", grace = 0 })
    local r = fake.requests
    assert.same({ "POST", "/api/v1/namespaces/jobs/pods" }, { r[1].method, r[1].path })
    assert.equal("/api/v1/namespaces/jobs/pods/a", r[2].path)
    assert.equal("application/strategic-merge-patch+json", r[3].content_type)
    assert.same({ "DELETE", "u", 0 }, { r[4].method, r[4].body.preconditions.uid, r[4].body.gracePeriodSeconds })
  end)

  it("lists all pages, object by object", function()
    fake.stream = function() return { { 0, "watch", "ADDED", { n = 1 } }, { 1, "watch", "ADDED", { n = 2 } },
      { 1, "end", nil, "9", n = 4 } } end
    local list, version = client:list("pods", { label_selector = "a=b" })
    assert.same({ { { n = 1 }, { n = 2 } }, "9" }, { list, version })
    assert.is_true(fake.requests[1].list_only)
  end)

  it("a watch gives items, a time limit, its end", function()
    fake.stream = function() return { { 1, "watch", "ADDED", { n = 1 } }, { 5, "end", nil } } end
    local watch = client:watch { kind = "pods" }
    assert.same({ type = "ADDED", object = { n = 1 } }, watch:next())
    assert.same({ nil, "timeout" }, { watch:next(1) })
    assert.same({ nil, "closed" }, { watch:next() })
    assert.is_nil(next(lunapod.default.scheduler.waiters))
  end)

  it("a watch that is closed, or breaks", function()
    fake.stream = function() return { { 1, "watch", "ADDED", {} },
      { 2, "end", fake.core.error { kind = "api", rc = "CUT", message = "cut" } } } end
    local watch = client:watch { kind = "pods" }
    watch:next()
    assert.equal("cut", tostring(select(2, watch:next())))
    watch = client:watch { kind = "pods" }
    watch:close()
    assert.same({ nil, "closed" }, { watch:next() })
    assert.same({}, fake.engine.due)
  end)

  it("logs come line by line", function()
    fake.stream = function() return { { 0, "open" }, { 1, "output", nil, "base",
      { { text = "a", time = 5 }, { text = "b", time = 6 } }, n = 5 },
      { 2, "end" } } end
    local log = client:logs { pod = "p", follow = true }
    assert.same({ "a", 5 }, { log:next_line() })
    assert.same({ "b", 6 }, { log:next_line() })
    assert.same({ nil, "closed" }, { log:next_line() })
    assert.equal("jobs", fake.requests[1].namespace)
  end)

  it("a log that nobody reads is held at its bound, and goes on when all of it is taken (L15, M2)", function()
    local line = ("x"):rep(1000)
    fake.stream = function()
      local events = {}
      for i = 1, 300 do events[i] = { i, "output", nil, "base", { { text = line, time = i } }, n = 5 } end
      events[301] = { 400, "warning", "possible gap" }
      events[302] = { 400, "output", nil, "base", { { text = "late", time = 400 } }, n = 5 }
      return events
    end
    local log = client:logs { pod = "p", follow = true }
    lunapod.sleep(200)
    assert.same({}, fake.engine.held)
    lunapod.sleep(150)
    assert.is_true(fake.engine.held[log.id])
    for i = 1, 300 do
      assert.is_true(fake.engine.held[log.id])
      assert.same({ line, i }, { log:next_line() })
    end
    assert.same({}, fake.engine.held)
    assert.same({ "late", 400, true }, { log:next_line() })
    log:close()
  end)

  it("a watch that nobody reads is held, too (L15)", function()
    fake.stream = function()
      local events = {}
      for i = 1, 200 do events[i] = { 0, "watch", "ADDED", { n = i } } end
      return events
    end
    local watch = client:watch { kind = "pods" }
    lunapod.sleep(1)
    assert.is_true(fake.engine.held[watch.id])
    for i = 1, 200 do assert.equal(i, watch:next().object.n) end
    assert.same({}, fake.engine.held)
    watch:close()
  end)

  it("exec: wait goes on with a command that was held, and collects no more than its limit (L15)", function()
    local text, count = ("x"):rep(1024 * 1024), 3
    fake.stream = function()
      local events = {}
      for i = 1, count do events[i] = { i, "output", text, "stdout" } end
      events[count + 1] = { count + 1, "end", nil, 0, n = 4 }
      return events
    end
    local exec = client:exec { pod = "p", command = { "x" } }
    lunapod.sleep(1.5)
    assert.is_true(fake.engine.held[exec.id])
    local code, out = exec:wait()
    assert.same({ 0, 3 * #text }, { code, #out })
    assert.same({}, fake.engine.held)
    count = 70
    exec = client:exec { pod = "p", command = { "x" } }
    local none, err = exec:wait()
    assert.is_nil(none)
    assert.equal("LIMIT", err.rc)
    assert.same({}, fake.engine.due)
  end)

  it("exec gives exit code and output, and takes input", function()
    fake.stream = function() return { { 0, "open", "v5" }, { 1, "output", "out", "stdout" },
      { 1, "output", "err", "stderr" }, { 2, "end", nil, 3,
      n = 4 } } end
    local exec = client:exec { pod = "p", command = { "cat" }, stdin = true }
    exec:send("x")
    exec:send_eof()
    assert.same({ 3, "out", "err" }, { exec:wait() })
    assert.equal(2, #fake.sent)
  end)

  it("a cancelled fiber's request is ended", function()
    fake.respond = function() return {}, nil, 200, 100 end
    local fiber = lunapod.spawn(function() client:request { path = "/x" } end)
    lunapod.sleep(1)
    fiber:cancel()
    pcall(fiber.wait, fiber)
    assert.same({}, fake.engine.due)
  end)

  it("checks its options", function()
    for _, case in ipairs {
      { function() client:request { path = 5 } end, 'option "path" must be a string' },
      { function() client:request {} end, "path is missing" },
      { function() client:list("pods", { labelselector = "x" }) end, 'did you mean "label_selector"' },
      { function() client:exec { pod = "p" } end, "command" },
      { function() client:patch("pods", "x", {}, { type = "odd" }) end, "unknown type" },
      { function() lunapod.client { contxt = "x" } end, 'did you mean "context"' },
      { function() lunapod.new { on_record = 5 } end, "must be a function" },
    } do
      local ok, err = pcall(case[1])
      assert.is_false(ok)
      assert.matches(case[2], tostring(err))
      assert.matches("client_spec%.lua:%d+:", tostring(err))
    end
  end)

  it("is shared in the core by equal settings", function()
    lunapod.client {}
    lunapod.client { namespace = "other" }
    assert.equal(1, #fake.clients)
    lunapod.client { context = "dev" }
    assert.equal(2, #fake.clients)
  end)
end)

describe("records", function()
  local record

  before_each(function()
    fake.install()
    record = require "lunapod.record"
  end)

  it("take their level from the line's first word (LOG-7, O44)", function()
    for line, level in pairs {
      ["ERROR: x"] = "error", ["[ERROR] x"] = "error", ["WARN: x"] = "warning", ["FATAL: x"] = "critical",
        ["warning x"] = "warning",
      ["Critical"] = "critical", ["debug: x"] = "debug", ["INFO x"] = "info", ["plain"] = "info",
        ["ERRORS: 3"] = "info", [""] = "info",
      ["error_code=3"] = "info", [" ERROR"] = "info", ["[WARN]x"] = "warning",
    } do
      assert.equal(level, record.level(line), line)
    end
  end)

  it("become lines for people; group markers pass raw", function()
    assert.equal("[base] x\n", record.to_text { kind = "log", container = "base", message = "x" })
    assert.equal("::group::A\n", record.to_text { kind = "log", container = "base", message = "::group::A" })
    assert.equal("lunapod: work[3]: warning: x\n", record.to_text { kind = "warning", level = "warning",
      task_id = "work", map_index = 3,
      message = "x" })
  end)

  it("become JSON, errors as their text", function()
    local it = require("cjson").decode(record.to_json { time = 1700000000.25, kind = "error",
      error = fake.core.error { message = "m" } })
    assert.same({ time = "2023-11-14T22:13:20.250000Z", kind = "error", error = "m" }, it)
  end)
end)
