-- What the newest Airflow operator was seen to get wrong (real-server.md M16 to M24), each on the real cluster with its
-- servers killed or its network cut. Shown elsewhere already, and not again here:
--   M16  kubelet killed in mid log                               faults_spec "the kubelet is killed in mid log"
--   M17  API server killed in mid log                            faults_spec "the API server is killed in mid log"
--   M17  API server away while the container ends                faults_spec "the API server is away while …"
--   M18  kill -9, the pod then succeeds, the next start          signals_spec "kill -9, the pod ends meanwhile"
--   M19  SIGTERM with a run id detaches, the next start          signals_spec "SIGTERM with a run id"
--   FND-8  two engines on one run id                             signals_spec "two starts with one run id"
--   M20  failed init container: name, exit code, end of its log  faults_spec "a failing init container"
local cjson = require "cjson"
local support = require "cluster.specs.support"

local task = support.task

-- Passes connections on to the API server: killed, it is a cut network. Arguments: own port, the server's host, port.
local PROXY = [[
local cqueues = require "cqueues"
local socket = require "cqueues.socket"
local loop = cqueues.new()
local server = assert(socket.listen { host = "127.0.0.1", port = tonumber(arg[1]), reuseaddr = true })
server:listen()
local function pump(from, to)
  while true do
    local bytes = from:read(-65536)
    if not bytes or not to:write(bytes) or not to:flush() then break end
  end
  to:shutdown "w"
end
loop:wrap(function()
  io.write "ready\n"
  io.flush()
  for client in server:clients() do
    loop:wrap(function()
      local target = socket.connect(arg[2], tonumber(arg[3]))
      for _, it in ipairs { client, target } do
        it:setmode("bn", "bn")
        it:onerror(function(_, _, why) return why end)
      end
      loop:wrap(pump, target, client)
      pump(client, target)
    end)
  end
end)
assert(loop:loop())
]]

--- Standard error is 1..n in lines of the container's, each once and in order, or with a marked gap; nothing else.
local function numbered(result, n)
  local at, gaps = 0, 0
  for line in result.err:gmatch "[^\n]+" do
    local number = tonumber(line:match "^%[base%] line (%d+)$")
    if number then
      if number ~= at + 1 and not (gaps > 0 and number > at) then
        error(("line %d after line %d"):format(number, at))
      end
      at, gaps = number, 0
    elseif line:find("possible gap", 1, true) then
      gaps = gaps + 1
    elseif line:find("[base]", 1, true) == 1 then
      error("not a line of the container: " .. line) -- M24
    end
  end
  assert.is_true(at == n or gaps > 0, ("ends at line %d of %d"):format(at, n))
end

local function writer(seconds)
  return task(([[arguments = {
    "i=0; while [ $i -lt %d ]; do i=$((i+1)); echo line $i; sleep 0.1; done" },]]):format(seconds * 10))
end

local function running_pod()
  return support.pod_that("runs", function(it)
    return it.status.phase == "Running" and not it.metadata.deletionTimestamp
  end)
end

local function first_line(text) return tostring(text):match "^[^\n]*" end

describe("what the peer gets wrong:", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  describe("the network is cut", function()
    local tree, port, proxy, env
    local program
    local function up()
      proxy = support.start_lua { program, port, tree.clusters[1].cluster.server:match "//([^:/]+):?(%d*)" }
      proxy:until_said("ready", 20, "out")
    end
    local function cut()
      proxy:signal "KILL"
      proxy:wait()
      proxy = nil
    end
    setup(function()
      tree = cjson.decode((assert(support.kubectl { "config", "view", "--raw", "--flatten", "--minify", "-o",
        "json" })))
      program = support.file(PROXY, "proxy.lua")
      port = 20000 + tonumber(support.instance:sub(-3), 16)
      up()
      cut()
      local changed = cjson.decode(cjson.encode(tree))
      changed.clusters[1].cluster.server = "https://127.0.0.1:" .. port
      changed.clusters[1].cluster["tls-server-name"] = tree.clusters[1].cluster.server:match "//([^:/]+)"
      env = { KUBECONFIG = support.file(cjson.encode(changed), "proxy-kubeconfig") }
    end)
    before_each(up)
    after_each(function()
      if proxy then cut() end
    end)

    it("M17 in mid log, twice: no line is lost or doubled, or the gap is marked", function()
      local process = support.start_lunapod({ "run", writer(8) }, { env = env })
      process:until_said "[base] line 20\n"
      cut()
      up()
      process:until_said "[base] line 40\n"
      cut()
      up()
      numbered(support.expect_status(0, process:wait(180)), 80)
    end)

    it("M17 while the container ends: its last lines and its end are read afterwards", function()
      local process = support.start_lunapod({ "run", writer(4) }, { env = env })
      process:until_said "[base] line 20\n"
      cut()
      support.pod_that("has ended", function(pod)
        return pod.status.phase == "Succeeded" and not pod.metadata.deletionTimestamp
      end)
      assert.is_false(process:ended())
      up()
      numbered(support.expect_status(0, process:wait(180)), 40)
    end)
  end)

  if support.cluster_program then
    it("M16 M24 kubelet killed and away for a while in mid log: every line is the container's own", function()
      finally(function() support.cluster "up" end)
      local process = support.start_lunapod { "run", writer(10) }
      process:until_said "[base] line 20\n"
      support.cluster("kill", "kubelet")
      local pod = running_pod()
      -- The pod writes on; its process is seen from here.
      support.eventually(30, "a log read fails", function()
        return not support.kubectl { "logs", pod.metadata.name, "-n", pod.metadata.namespace, "--tail=1" }
      end)
      support.cluster("start", "kubelet")
      numbered(support.expect_status(0, process:wait(180)), 100)
    end)
  end

  it("M24 the log's file is away: the kubelet's complaint is no line of the container", function()
    local seen, result = support.report [[
      local function without_log(name, command)
        pod(name, { task_id = name, arguments = { command }, container_name_log_prefix_enabled = true,
          pod_runtime_info_envs = { { "POD", "metadata.name" } },
          volumes = { { name = "logs", hostPath = { path = "/var/log/pods" } } },
          volume_mounts = { { name = "logs", mountPath = "/logs" } } })
      end
      without_log("at-once", "rm /logs/*_${POD}_*/base/*; sleep 2")
      without_log("in-between", "echo one; sleep 1; rm /logs/*_${POD}_*/base/*; sleep 2")
    ]]
    for _, name in ipairs { "at-once", "in-between" } do
      assert.equal("succeeded", seen[name].state, seen[name].error)
    end
    for line in result.err:gmatch "[^\n]+" do
      if line:find("[base]", 1, true) == 1 then assert.equal("[base] one", line) end
    end
  end)

  it("M19 SIGTERM without a run id: killed, although the pod's trap exits with 0, and no pod is left", function()
    local process = support.start_lunapod { "run", "-o", "ndjson",
      task [[arguments = { "trap 'exit 0' TERM; echo runs; while :; do sleep 0.1; done" },]] }
    process:until_said('"message":"runs"', 60, "out")
    local pod = running_pod()
    process:signal "TERM"
    local result = support.expect_status(143, process:wait())
    local outcome
    for line in result.out:gmatch "[^\n]+" do
      local record = cjson.decode(line)
      if record.kind == "outcome" then outcome = record end
    end
    assert.equal("killed", outcome.state)
    support.eventually(30, "the pod is gone", function()
      return not support.kubectl { "get", "pod", pod.metadata.name, "-n", pod.metadata.namespace }
    end)
  end)

  it("M21 a missing ConfigMap and a pod that fits nowhere are named within seconds, while they are waited for",
    function()
    local function named(parameters, ...)
      local process = support.start_lunapod { "run", "-o", "ndjson", task(parameters) }
      local ok, why = pcall(function(...)
        for _, part in ipairs { ... } do process:until_said(part, 20, "out") end
      end, ...)
      if not ok then
        support.sweep()
        error(why, 0)
      end
      assert.is_false(process:ended())
      process:signal "INT"
      support.expect_status(130, process:wait())
    end
    named([[configmaps = { "no-such-map" },]], "CreateContainerConfigError", "no-such-map")
    named([[node_selector = { ["no-such"] = "node" },]], "node affinity/selector")
  end)

  it("M21 with config_grace = 1 a missing ConfigMap ends the task within seconds", function()
    local seen, result = support.report [[
      pod("it", { task_id = "it", configmaps = { "no-such-map" }, config_grace = 1 })
    ]]
    local first = first_line(seen.it.error)
    assert.equal("config", seen.it.class, seen.it.error)
    assert.truthy(first:find("no-such-map", 1, true), first)
    assert.is_true(result.seconds < 20, result.seconds)
  end)

  it("M22 an endless container beside the task's does not hold it, and goes with it", function()
    local seen, result = support.report [[
      pod("it", { task_id = "it", arguments = { "echo done" }, container_logs = true,
        full_pod_spec = { spec = { containers = { { name = "base" },
          { name = "endless", image = "busybox:1", command = { "sh", "-c", "while :; do echo beside; sleep 1; done" } },
        } } } })
    ]]
    assert.equal("succeeded", seen.it.state, seen.it.error)
    assert.is_true(result.seconds < 40, result.seconds)
  end)

  it("M22 two pods with the task's labels: one is taken up, the other goes, none is left", function()
    local script = task [[arguments = { "trap 'exit 0' TERM USR1; echo runs; while :; do sleep 0.1; done" },]]
    local words = { "run", script, "--run-id", "twice" }
    local first = support.start_lunapod(words)
    first:until_said "[base] runs\n"
    first:signal "KILL"
    first:wait()
    local left = running_pod()
    local copy = cjson.decode(cjson.encode { apiVersion = "v1", kind = "Pod", spec = left.spec,
      metadata = { name = left.metadata.name .. "-2", namespace = left.metadata.namespace,
        labels = left.metadata.labels } })
    copy.spec.nodeName = nil
    assert(support.kubectl({ "create", "-f", "-" }, cjson.encode(copy)))
    support.eventually(60, "both run", function()
      local running = 0
      for _, pod in ipairs(support.pods()) do
        if pod.status.phase == "Running" and not pod.metadata.deletionTimestamp then running = running + 1 end
      end
      return running == 2
    end)
    local second = support.start_lunapod(words)
    second:until_said "[base] runs\n"
    local alive
    support.eventually(60, "one is left", function()
      alive = {}
      for _, pod in ipairs(support.pods()) do
        if not pod.metadata.deletionTimestamp then alive[#alive + 1] = pod end
      end
      return #alive == 1
    end)
    assert(support.kubectl { "exec", alive[1].metadata.name, "-n", alive[1].metadata.namespace, "--", "kill", "-USR1",
      "1" })
    support.expect_status(0, second:wait())
  end)

  it("M23 the first line of every failure says what happened", function()
    local seen = support.report [[
      local function fails(name, parameters)
        parameters.task_id = name
        pod(name, parameters)
      end
      fails("exit", { arguments = { "exit 3" } })
      fails("image", { image = "localhost/no-such-image:1" })
      fails("result", { do_xcom_push = true, arguments = { "echo '{' > /airflow/xcom/return.json" } })
      fails("init", { init_containers = { { name = "prepare", image = "busybox:1",
        command = { "sh", "-c", "exit 6" } } } })
      fails("memory", { container_resources = { limits = { memory = "16Mi" } },
        arguments = { "x=$(head -c 64000000 /dev/zero | tr '\\0' x); echo $?" } })
      fails("nowhere", { node_selector = { ["no-such"] = "node" }, schedule_timeout_seconds = 2 })
      fails("config", { configmaps = { "no-such-map" }, startup_timeout_seconds = 3 })
      fails("deadline", { arguments = { "sleep 60" }, active_deadline_seconds = 2 })
      fails("timeout", { arguments = { "sleep 60" }, execution_timeout = 5 })
      fails("command", { cmds = { "/no/such/program" }, runtime_grace = 0 })
      fails("refused", { volume_mounts = { { name = "nowhere", mountPath = "/x" } } })
      local handle = task { task_id = "deleted", arguments = { "echo runs; sleep 600" } }:start()
      handle:next_line(60)
      for _, it in ipairs(lunapod.client():list("pods", { label_selector = "task_id=deleted,lunapod_instance="
          .. os.getenv "LUNAPOD_INSTANCE" })) do
        lunapod.client():delete("pods", it.metadata.name, { grace = 0, uid = it.metadata.uid })
      end
      show("deleted", { error = tostring(handle:wait().error) })
    ]]
    local WORDS = {
      exit = { "exit code 3" }, image = { "ErrImage", "localhost/no-such-image:1" },
      result = { "not JSON" }, init = { "init container prepare", " 6" }, memory = { "OOMKilled" },
      nowhere = { "took too long to be scheduled", "node affinity/selector" },
      config = { "took too long to start", "no-such-map" }, deadline = { "DeadlineExceeded" },
      timeout = { "execution timeout" }, command = { "StartError" },
      refused = { "spec.containers[0].volumeMounts[0].name" },
    }
    for name, words in pairs(WORDS) do
      local first = first_line(assert(seen[name], name).error)
      assert.truthy(first:find('task "' .. name .. '"', 1, true), first)
      for _, part in ipairs(words) do assert.truthy(first:find(part, 1, true), part .. " is not in: " .. first) end
    end
    assert.truthy(seen.command.error:find("/no/such/program", 1, true), seen.command.error)
    local first = first_line(seen.deleted.error)
    assert.truthy(first:find("lost", 1, true) or first:find("deleted", 1, true) or first:find("exit code 137", 1, true),
      first)
  end)
end)
