-- Acceptance, start (O35 to O39): limits, waiting reasons and events of a pod that has not started. A registry of our
-- own, which answers every request for an image with the status in the image's name, gives the kubelet its errors.
local cjson = require "cjson"
local support = require "cluster.specs.support"

-- GET or HEAD /v2/status-503/manifests/1 is answered with 503. Its first argument is the file for its port.
local REGISTRY = [[
local cqueues = require "cqueues"
local socket = require "cqueues.socket"
local server = assert(socket.listen("127.0.0.1", 0))
server:listen()
local words = { ["401"] = "Unauthorized", ["404"] = "Not Found", ["429"] = "Too Many Requests",
  ["502"] = "Bad Gateway", ["503"] = "Service Unavailable", ["504"] = "Gateway Timeout" }
local bodies = { ["404"] = '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}' }
local loop = cqueues.new()
loop:wrap(function()
  local _, _, port = server:localname()
  local file = assert(io.open(arg[1], "w"))
  file:write(port)
  file:close()
  for connection in server:clients() do
    loop:wrap(function()
      connection:setmode("bn", "bn")
      connection:onerror(function(_, _, why) return why end)
      while true do
        local line = connection:read "*l"
        if not line then break end
        repeat local header = connection:read "*l" until not header or header == "" or header == "\r"
        local method, status = line:match "^(%u+) [^ ]*status%-(%d+)"
        method, status = method or line:match "^%u+", status or "200"
        local body = bodies[status] or "{}"
        connection:write(("HTTP/1.1 %s %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
          :format(status, words[status] or "OK", #body, method == "HEAD" and "" or body))
        connection:flush()
      end
      connection:close()
    end)
  end
end)
assert(loop:loop())
]]

describe("start:", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  it("O35 not scheduled in time, and scheduled but not started in time: each named, with the last known reason",
    function()
    local seen = support.report [[
      pod("unscheduled", { task_id = "unscheduled", arguments = { "true" }, node_selector = { ["no-such"] = "node" },
        schedule_timeout_seconds = 5, startup_timeout_seconds = 100 })
      pod("unscheduled-by-start-limit", { task_id = "unscheduled-2", arguments = { "true" },
        node_selector = { ["no-such"] = "node" }, startup_timeout_seconds = 5 })
      pod("unstarted", { task_id = "unstarted", arguments = { "true" }, startup_timeout_seconds = 5,
        configmaps = { "no-such-map" } }) -- its grace is longer
    ]]
    for _, name in ipairs { "unscheduled", "unscheduled-by-start-limit" } do
      local it = seen[name]
      assert.equal("capacity", it.class, it.error)
      local first = it.error:match "^[^\n]*"
      assert.truthy(first:find("took too long to be scheduled", 1, true), first)
      assert.truthy(first:find("didn't match Pod's node affinity/selector", 1, true), first)
    end
    local it = seen.unstarted
    local first = it.error:match "^[^\n]*"
    assert.truthy(first:find("took too long to start", 1, true), first)
    assert.truthy(first:find("CreateContainerConfigError", 1, true), first)
    assert.truthy(first:find("no-such-map", 1, true), first)
  end)

  if support.cluster_program then
    it("O36 pull errors that pass: the kubelet's own repetitions are waited for; others end it at once", function()
      local port_file = support.folder .. "/registry-port"
      local registry = support.start_lua { support.file(REGISTRY, "registry.lua"), port_file }
      finally(function()
        registry:signal "KILL"
        registry:wait()
      end)
      local port = support.eventually(20, "the registry listens", function()
        return tonumber(support.read(port_file))
      end)
      local seen, result = support.report(([[
        local function pull(status, limit)
          pod("pull-" .. status, { task_id = "pull-" .. status, startup_timeout_seconds = limit,
            image = "localhost:%d/status-" .. status .. ":1" })
        end
        for _, status in ipairs { "502", "503", "504", "429" } do pull(status, 4) end
        pull("404", 100)
        pull("401", 100)
        pod("name", { task_id = "name", image = "Not A Name", startup_timeout_seconds = 100 })
        pod("never", { task_id = "never", image = "localhost/never:1", image_pull_policy = "Never",
          startup_timeout_seconds = 100 })
      ]]):format(port), { seconds = 90 })
      assert.is_true(result.seconds < 60)
      for status, words in pairs { ["502"] = "Bad Gateway", ["503"] = "Service Unavailable",
        ["504"] = "Gateway Timeout", ["429"] = "Too Many Requests" } do
        local it = seen["pull-" .. status]
        local first = it.error:match "^[^\n]*"
        assert.equal("image", it.class, it.error)
        assert.truthy(first:find("took too long to start", 1, true), first) -- it was waited for
        assert.truthy(it.error:find(words, 1, true), it.error)
      end
      for name, parts in pairs { ["pull-404"] = { "ErrImagePull", "not found" },
        ["pull-401"] = { "ErrImagePull", "nauthorized" }, name = { "InvalidImageName" },
        never = { "ErrImageNeverPull" } } do
        local it = seen[name]
        assert.equal("image", it.class, it.error)
        for _, part in ipairs(parts) do
          assert.truthy(it.error:match "^[^\n]*":find(part, 1, true), part .. " is not in: " .. it.error)
        end
      end
    end)
  end

  it("O36 image_grace: an error that ends it at once by default is given that time", function()
    local seen, result = support.report [[
      pod("graced", { task_id = "graced", image = "localhost/never:1", image_pull_policy = "IfNotPresent",
        image_grace = 4, startup_timeout_seconds = 100 })
    ]]
    assert.equal("image", seen.graced.class, seen.graced.error)
    assert.is_true(result.seconds >= 4 and result.seconds < 60, result.seconds)
  end)

  it("O37 refused by the node, no container status: at once, before containers started", function()
    local node = cjson.decode((assert(support.kubectl { "get", "nodes", "-o", "json" }))).items[1].metadata.name
    local seen = support.report(([[
      pod("refused", { task_id = "refused", arguments = { "true" }, node_selector = { ["no-such"] = "node" },
        infra_retries = 0, full_pod_spec = { spec = { nodeName = "%s", containers = { { name = "base" } } } } })
    ]]):format(node))
    local it = seen.refused
    assert.equal("failed", it.state)
    assert.equal("infra", it.class, it.error)
    local first = it.error:match "^[^\n]*"
    assert.truthy(first:find("before containers started", 1, true), first)
    assert.truthy(first:find("NodeAffinity", 1, true) or first:find("node affinity", 1, true), first)
  end)

  it("O38 a start limit ends it although init containers' logs are wanted", function()
    local seen, result = support.report [[
      pod("limit", { task_id = "limit", arguments = { "true" }, init_container_logs = true, startup_timeout_seconds = 3,
        init_containers = { { name = "first", image = "busybox:1", command = { "true" },
          volumeMounts = { { name = "v", mountPath = "/v" } } } },
        volumes = { { name = "v", configMap = { name = "no-such-map" } } } })
    ]]
    local first = seen.limit.error:match "^[^\n]*"
    assert.truthy(first:find("took too long to start", 1, true), first)
    assert.is_true(result.seconds < 90)
  end)

  it("O39 events e1, e2, e2 again while it is pending: each is told once", function()
    local script = support.task [[arguments = { "true" }, node_selector = { ["no-such"] = "node" },
      schedule_timeout_seconds = 100, events_after = 0.2,]]
    local process = support.start_lunapod { "run", "-o", "ndjson", script }
    local pod = support.pod_that("is there", function(it) return not it.metadata.deletionTimestamp end)
    local function event(name, label)
      assert(support.kubectl({ "apply", "-f", "-" }, cjson.encode {
        apiVersion = "v1", kind = "Event", type = "Normal", reason = "Told", message = "event " .. name .. ".",
        metadata = { name = pod.metadata.name .. "." .. name, namespace = pod.metadata.namespace,
          labels = { changed = label } },
        involvedObject = { kind = "Pod", name = pod.metadata.name, namespace = pod.metadata.namespace,
          uid = pod.metadata.uid },
        count = 1, firstTimestamp = os.date "!%Y-%m-%dT%H:%M:%SZ", lastTimestamp = os.date "!%Y-%m-%dT%H:%M:%SZ" }))
    end
    local ok, why = pcall(function()
      event "e1"
      event "e2"
      process:until_said("event e2.", 30, "out")
      event("e2", "again")
      event "e3"
      process:until_said("event e3.", 30, "out")
    end)
    if not process:ended() then process:signal "INT" end
    if not ok then
      support.sweep()
      error(why, 0)
    end
    local result = support.expect_status(130, process:wait())
    local told = {}
    for line in result.out:gmatch "[^\n]+" do
      local record = cjson.decode(line)
      if record.kind == "event" then
        local name = record.message:match "event (e%d)%."
        if name then
          told[name] = (told[name] or 0) + 1
          assert.equal("info", record.level)
        end
      end
    end
    assert.same({ e1 = 1, e2 = 1, e3 = 1 }, told)
  end)
end)
