-- The real engine from Lua, without a cluster: timers, the descriptor, signals, ids, requests that reach nobody; two
-- engines at once; descriptors closed at the end. Events in all their kinds are in fake_spec.lua.
if (os.getenv "FAKE" or "") ~= "" then return end

local core = require "lunapod.core"
local lfs = require "lfs" -- busted depends on it

local function new(options)
  options = options or {}
  options.state = options.state or ""
  return assert(core.engine(options))
end

-- Steps until an event comes that is no warning.
local function await(engine)
  for _ = 1, 1000 do
    local event = { engine:next_event() }
    if event[1] and event[2] ~= "warning" then return event end
    assert(engine:step(10))
  end
  error "no event came"
end

-- How many descriptors this process has open.
local function descriptors()
  local count = 0
  for _ in lfs.dir "/proc/self/fd" do count = count + 1 end
  return count
end

local kubeconfig = [[
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {token: secret-token}}]
contexts: [{name: here, context: {cluster: c, user: u, namespace: work}}]
]]

describe("engine", function()
  it("tells of timers in the order of their time", function()
    local engine = new()
    local late, early, never = engine:timer(0.02), engine:timer(0.001), engine:timer(3600)
    assert.same({ early, "timer" }, await(engine))
    assert.same({ late, "timer" }, await(engine))
    assert.is_true(engine:cancel(never))
    assert.is_true(engine:step(0))
    assert.is_nil(engine:next_event())
    engine:close()
  end)

  it("has one descriptor and says when to step", function()
    local engine = new()
    assert.is_true(engine:fd() >= 0)
    assert.equal(engine:fd(), engine:pollfd())
    engine:timer(3600)
    assert(engine:step(0))
    local timeout = engine:timeout()
    assert.is_true(timeout == nil or timeout > 0)
    engine:timer(0)
    assert.equal("timer", await(engine)[2])
    engine:close()
  end)

  it("steps at once when it was woken, and waits no longer than asked", function()
    local engine = new()
    engine:wake()
    assert.is_true(engine:step(3600))
    local before = engine:now()
    assert.is_true(engine:step(0.02))
    assert.is_true(engine:now() - before >= 0.015)
    engine:close()
  end)

  it("gives signals as events while they are watched", function()
    local engine = new()
    assert.is_true(engine:watch_signals { "USR1", "WINCH" })
    os.execute "kill -USR1 $PPID"
    local event = await(engine)
    assert.same({ "signal", "USR1" }, { event[2], event[3] })
    assert.is_true(engine:watch_signals {})
    engine:close()
  end)

  it("has an id of its own, known to be alive", function()
    local engine, other = new(), new()
    assert.not_equal(engine:id(), other:id())
    assert.matches("^[a-z0-9]+$", engine:id())
    engine:close()
    other:close()
  end)

  it("takes the instance it is given, else has a random one", function()
    local engine = new { instance = "mine" }
    assert.equal("mine", (engine:instance()))
    engine:close()
    engine = new()
    assert.matches("^[a-z0-9]+$", (engine:instance()))
    engine:close()
  end)

  it("closes its descriptors, with clients still there and after a request was cut off", function()
    collectgarbage()
    local before = descriptors()
    for _ = 1, 3 do
      local engine = new()
      local client = assert(engine:client { config = kubeconfig })
      assert(client:start_request { path = "/api" })
      engine:timer(100)
      engine:step(0)
      engine:close()
    end
    assert.equal(before, descriptors())
  end)

  it("lives beside another", function()
    local one, two = new(), new()
    local id = one:timer(0)
    assert(two:step(0))
    assert.is_nil(two:next_event())
    assert.same({ id, "timer" }, await(one))
    one:close()
    assert(two:timer(0))
    assert.equal("timer", await(two)[2])
    two:close()
  end)
end)

describe("client", function()
  it("reads a kubeconfig given as text", function()
    local engine = new()
    local client = assert(engine:client { config = kubeconfig })
    assert.equal("work", client:namespace())
    assert.equal("http://127.0.0.1:1", client:server())
    assert.is_false(client:in_cluster())
    assert.equal("other", engine:client({ config = kubeconfig, namespace = "other" }):namespace())
    engine:close()
  end)

  it("answers errors for what is wrong in it, without the token", function()
    local engine = new()
    for _, options in ipairs {
      { config = kubeconfig, context = "elsewhere" }, { config = "a: [" }, { config_file = "/nonexistent/kubeconfig" },
    } do
      local client, err = engine:client(options)
      assert.is_nil(client)
      assert.is_true(core.is_error(err))
      assert.is_nil(err.message:find("secret-token", 1, true))
    end
    engine:close()
  end)

  it("says when nobody answers", function()
    local engine = new()
    local client = assert(engine:client { config = kubeconfig })
    local id = assert(client:start_request { path = "/api", once = true, timeout = 5 })
    local event = await(engine)
    assert.same({ id, "response" }, { event[1], event[2] })
    assert.is_nil(event[3])
    assert.equal("CONNECT", event[4].rc)
    assert.equal("api", event[4].kind)
    assert.is_nil(tostring(event[4]):find("secret-token", 1, true))
    engine:close()
  end)

  it("makes runs that send nothing until they are told to", function()
    local engine = new()
    local client = assert(engine:client { config = kubeconfig })
    local run = assert(client:run {
      manifest = { apiVersion = "v1", kind = "Pod", metadata = { name = "p" },
        spec = { containers = { { name = "base", image = "x" } } } },
    })
    assert.is_true(run:id() > 0)
    assert.is_nil(run:result())
    assert.equal(0, run:report().lines)
    assert(engine:step(0))
    assert.is_nil(engine:next_event())
    run:close()
    engine:close()
  end)
end)
