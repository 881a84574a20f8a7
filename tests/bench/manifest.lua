--- What building one manifest costs: render and build of a typical operator, in microseconds and in bytes allocated
-- (target of issue and ME: 300 µs on Lua 5.4). Needs no cluster. As a module it returns measure(), as a program it
-- prints a line: LUA_PATH=… LUA_CPATH=… lua5.4 tests/bench/manifest.lua
local lunapod = require "lunapod"
local contexts = require "lunapod.context"
local manifest = require "lunapod.manifest"

local ROUNDS, BUILDS = 15, 500

local instance = assert(lunapod.new { instance = "bench", dag_id = "orders", run_id = "nightly" })
local op = instance.task {
  task_id = "load-orders",
  image = "registry.example.org/orders/load:1.4",
  cmds = { "python", "-m", "orders.load" },
  arguments = { "--day", "{{ ds }}", "--verbose" },
  env_vars = { REGION = "eu", LEVEL = "info", DAY = "{{ ds_nodash }}", WORKERS = 4, DRY_RUN = false },
  labels = { team = "orders", tier = "batch" },
  container_resources = { requests = { cpu = "250m", memory = "256Mi" }, limits = { memory = "512Mi" } },
  secrets = { lunapod.Secret { deploy_type = "env", deploy_target = "token", secret = "orders", key = "token" } },
  volumes = { { name = "scratch", emptyDir = lunapod.object {} } },
  volume_mounts = { { name = "scratch", mountPath = "/scratch" } },
  do_xcom_push = true,
}
local context = contexts.new(op, { run_id = "nightly", logical_date = "2024-05-01" }, instance)
local cluster = { instance = "bench", in_cluster = false, connection = {} }

local function build()
  return manifest.build(op, context, cluster)
end

--- { us = median of the rounds, least_us =, bytes = allocated by one build }.
local function measure()
  for _ = 1, BUILDS do build() end
  local times = {}
  for round = 1, ROUNDS do
    local start = os.clock()
    for _ = 1, BUILDS do build() end
    times[round] = (os.clock() - start) / BUILDS * 1e6
  end
  table.sort(times)
  collectgarbage()
  collectgarbage "stop"
  local before = collectgarbage "count"
  for _ = 1, BUILDS do build() end
  local bytes = (collectgarbage "count" - before) * 1024 / BUILDS
  collectgarbage "restart"
  return { us = times[math.ceil(ROUNDS / 2)], least_us = times[1], bytes = bytes }
end

if arg and arg[0] and arg[0]:find "manifest%.lua$" then
  local it = measure()
  print(("manifest of a typical operator: %.0f µs (least %.0f), %.0f bytes; target 300 µs"):format(it.us, it.least_us,
    it.bytes))
end

return { measure = measure, build = build }
