-- Faults of a real cluster: servers killed in mid log, pods that vanish, never start or end badly
-- (faults.md X02, X18, X33, X42-X45, X48, X59; M11, M16, M17, M20, M21, M23; V1-V7).
local cjson = require "cjson"
local support = require "cluster.specs.support"

local task = support.task

--- Standard error's numbered lines are 1..n, each once and in order; and no gap was said (V2).
local function numbered(result, n)
  local at = 0
  for number in result.err:gmatch "%[base%] line (%d+)\n" do
    at = at + 1
    if tonumber(number) ~= at then error(("line %d where %d was expected"):format(number, at)) end
  end
  assert.equal(n, at)
  assert.is_nil(result.err:find("possible gap", 1, true))
end

--- A pod that writes numbered lines for `seconds` seconds, ten a second.
local function writer(seconds)
  return task(([[arguments = {
    "i=0; while [ $i -lt %d ]; do i=$((i+1)); echo line $i; sleep 0.1; done" },]]):format(seconds * 10))
end

local function fails(script, seconds)
  return support.expect_status(1, support.lunapod({ "run", script }, { seconds = seconds }))
end

local function says(result, ...)
  for _, part in ipairs { ... } do assert.truthy(result.err:find(part, 1, true), part .. " is not in:\n" .. result.err)
    end
end

describe("a fault:", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  if support.cluster_program then
    it("the kubelet is killed in mid log: no line is lost or doubled, the task succeeds (M11, M16, X33)", function()
      finally(function() support.cluster "up" end)
      local process = support.start_lunapod { "run", writer(12) }
      process:until_said "[base] line 20\n"
      support.cluster("kill", "kubelet")
      support.cluster("start", "kubelet")
      numbered(support.expect_status(0, process:wait(180)), 120)
    end)

    it("the API server is killed in mid log, and comes back: no line is lost or doubled (M17, X02)", function()
      finally(function() support.cluster "up" end)
      local process = support.start_lunapod { "run", writer(12) }
      process:until_said "[base] line 20\n"
      support.cluster("kill", "kube-apiserver")
      process:until_said("[base] line 2", 1) -- it lives
      support.cluster("start", "kube-apiserver")
      numbered(support.expect_status(0, process:wait(180)), 120)
    end)

    it("the API server is away while the container ends: its last lines and its end are read afterwards (M17)",
      function()
      finally(function() support.cluster "up" end)
      local process = support.start_lunapod { "run", writer(4) }
      process:until_said "[base] line 20\n"
      support.cluster("kill", "kube-apiserver")
      -- the container ends by itself; its process is seen from here
      support.eventually(30, "the container has ended", function()
        return os.execute "pgrep -f '[l]t 40 ]; do i=' >/dev/null" ~= true
      end)
      assert.is_false(process:ended())
      support.cluster("start", "kube-apiserver")
      numbered(support.expect_status(0, process:wait(180)), 40)
    end)
  end

  it("the pod is deleted by force: lost, and said so (DR-4, ERR-1)", function()
    local process = support.start_lunapod { "run", task [[arguments = { "echo runs; sleep 600" }]] }
    process:until_said "[base] runs\n"
    local pod = support.pods()[1]
    assert(support.kubectl { "delete", "pod", pod.metadata.name, "-n", pod.metadata.namespace, "--grace-period=0",
      "--force" })
    local result = support.expect_status(1, process:wait())
    says(result, 'task "task" was lost', pod.metadata.name)
  end)

  it("the pod is deleted by somebody, with grace: its container's own end decides (OUT-1, P9, V7)", function()
    local process = support.start_lunapod { "run",
      task [[arguments = { "trap 'echo last words; exit 5' TERM; echo runs; while :; do sleep 0.1; done" }]] }
    process:until_said "[base] runs\n"
    local pod = support.pods()[1]
    assert(support.kubectl { "delete", "pod", pod.metadata.name, "-n", pod.metadata.namespace, "--wait=false" })
    local result = support.expect_status(1, process:wait())
    says(result, "[base] last words\n", "exit code 5")
  end)

  it("an image that does not exist: class image, within seconds, with what the kubelet says (STA-5, X43, M23)",
    function()
    local result = fails(task [[image = "busybox:no-such-tag"]], 60)
    says(result, "busybox:no-such-tag", "(class image)")
    assert.is_true(result.seconds < 30)
  end)

  it("an image name that cannot be: at once, class image (STA-5, X43)", function()
    says(fails(task [[image = "Not A Name"]], 60), "InvalidImageName", "(class image)")
  end)

  it("a missing ConfigMap: class config after its grace, and it is named (STA-5, X44, M21)", function()
    local result = fails(task [[configmaps = { "no-such-map" }]], 120)
    says(result, "no-such-map", "(class config)")
    assert.is_true(result.seconds >= 29 and result.seconds < 90, result.seconds)
  end)

  it("a pod that fits nowhere: class capacity with the scheduler's reason (STA-2, X42, M21)", function()
    local result = fails(task [[node_selector = { ["no-such-label"] = "x" }, schedule_timeout_seconds = 3,]], 60)
    says(result, "took too long to be scheduled", "node affinity/selector", "(class capacity)")
  end)

  local failing_init = [[arguments = { "true" }, init_containers = { { name = "prepare", image = "busybox:1",
    command = { "sh", "-c", "echo nothing to work on; exit 6" } } },]]
  it("a failing init container: class user, its name and exit code (INI-4, X45)", function()
    says(fails(task(failing_init)), "init container prepare", "exit code 6", "class user")
  end)
  it("a failing init container: the end of its log is in the error (INI-4, M20)", function()
    says(fails(task(failing_init)), "nothing to work on")
  end)

  it("the container needs more memory than its limit: OOMKilled (ERR-2, P8)", function()
    local result = fails(task [[arguments = { "x=$(head -c 64000000 /dev/zero | tr '\\0' x); echo $?" },
      container_resources = { limits = { memory = "16Mi" } },]])
    says(result, "exit code 137, reason OOMKilled, class user")
  end)

  it("active_deadline_seconds: class deadline (X48, O56)", function()
    says(fails(task [[arguments = { "sleep 600" }, active_deadline_seconds = 2,]]), "DeadlineExceeded", "deadline")
  end)

  it("execution_timeout: class deadline, the pod is stopped (RTY-5, V6)", function()
    local process = support.start_lunapod { "run", task [[arguments = { "echo runs; sleep 600" },
      execution_timeout = 8,]] }
    local result = support.expect_status(1, process:wait())
    says(result, "execution timeout", "deadline")
  end)

  it("a manifest that the server refuses: one error with the fields' paths, nothing created (X18)", function()
    says(fails(task [[container_resources = { limits = { memory = "-1" } }]]),
      "spec.containers[0].resources.limits[memory]",
      "(class config)")
    says(fails(task [[volume_mounts = { { name = "nowhere", mountPath = "/x" } }]]),
      "spec.containers[0].volumeMounts[0].name")
  end)

  it("keep_pod leaves the pod, marked; without it the next run takes no marked pod (DEL-1, DEL-3, O33, FND-5)",
    function()
    local script = task [[arguments = { "exit 1" }, on_finish_action = "keep_pod",]]
    fails(script)
    local function kept()
      local count = 0
      for _, pod in ipairs(support.pods()) do
        if pod.metadata.labels.already_checked == "True" and not pod.metadata.deletionTimestamp then count = count + 1
          end
      end
      return count
    end
    assert.equal(1, kept())
    for _ = 1, 2 do support.expect_status(1, support.lunapod { "run", script, "--run-id", "again" }) end
    assert.equal(3, kept()) -- a new pod each time
    support.sweep()
  end)

  it("keep_pod of a task that ran out of time: the pod is stopped, not left running (DEL-5)", function()
    fails(task [[arguments = { "echo runs; sleep 600" }, on_finish_action = "keep_pod", execution_timeout = 6,]])
    support.pod_that("was stopped", function(pod) return pod.status.phase == "Failed" end)
    support.sweep()
  end)

  it("skip_on_exit_code: skipped, status 0 (OUT-3)", function()
    local result = support.expect_status(0, support.lunapod { "run", task([[arguments = { "exit 99" },
      skip_on_exit_code = 99,]],
      "local result, outcome = task:execute() print(result, outcome.state)") })
    assert.equal("nil\tskipped\n", result.out)
  end)

  -- ---- a user with some rights only (X59): a service account and a role of its own ----

  --- Environment of a user with these rights: {{verb,verb}, {resource,…}}, …
  local function user_with(name, rules)
    local role = {}
    for i, rule in ipairs(rules) do role[i] = { apiGroups = { "" }, verbs = rule[1], resources = rule[2] } end
    local account = { kind = "ServiceAccount", name = name, namespace = "default" }
    local made = { apiVersion = "v1", kind = "List", items = {
      { apiVersion = "v1", kind = "ServiceAccount", metadata = { name = name } },
      { apiVersion = "rbac.authorization.k8s.io/v1", kind = "Role", metadata = { name = name }, rules = role },
      { apiVersion = "rbac.authorization.k8s.io/v1", kind = "RoleBinding", metadata = { name = name },
        roleRef = { apiGroup = "rbac.authorization.k8s.io", kind = "Role", name = name }, subjects = { account } },
    } }
    assert(support.kubectl({ "apply", "-n", "default", "-f", "-" }, cjson.encode(made)))
    finally(function()
      support.kubectl { "delete", "-n", "default", "serviceaccount,role,rolebinding", name }
    end)
    local token = support.kubectl { "create", "token", name, "-n", "default" }:gsub("%s", "")
    local config = cjson.decode((assert(support.kubectl { "config", "view", "--raw", "-o", "json" })))
    for _, user in ipairs(config.users) do user.user = { token = token } end
    return { KUBECONFIG = support.file(cjson.encode(config), name .. ".kubeconfig") }
  end

  local life = [[arguments = { "for i in 1 2 3; do echo line $i; sleep 1; done; exit 0" },]]

  it("no right to watch or list: pods are asked for every 5 s, which is said once (X59)", function()
    local env = user_with("no-watch", { { { "create", "get", "patch", "delete" }, { "pods" } },
      { { "get" }, { "pods/log" } } })
    local script = task(life, [[
      lunapod.map({ 1, 2, 3 }, function() task:execute() end)
      print "done"]])
    local result = support.expect_status(0, support.lunapod({ "run", script }, { env = env, seconds = 60 }))
    assert.equal("done\n", result.out)
    says(result, "pods cannot be watched and are asked for every 5 s", "forbidden")
    assert.equal(1, support.count(result.err, "cannot be watched"))
    for i = 1, 3 do assert.equal(3, support.count(result.err, "[base] line " .. i .. "\n")) end
    assert.equal(0, support.count(result.err, "possible gap"))
  end)

  it("no right to read logs: the task runs without, and it is said (X59)", function()
    local env = user_with("no-logs", { { { "create", "get", "list", "watch", "patch", "delete" }, { "pods" } } })
    local result = support.expect_status(0, support.lunapod({ "run", task(life) }, { env = env, seconds = 30 }))
    says(result, "pods/log", "forbidden")
    assert.equal(0, support.count(result.err, "[base]"))
  end)

  it("no right to delete: the pod is left, and it is said (X59)", function()
    local env = user_with("no-delete", { { { "create", "get", "list", "watch", "patch" }, { "pods" } },
      { { "get" }, { "pods/log" } } })
    local result = support.expect_status(0, support.lunapod({ "run", task(life) }, { env = env, seconds = 30 }))
    says(result, "could not be deleted: it is left behind")
    assert.not_equal("", support.sweep())
  end)

  it("no right to see events: a failure is told without them (X59)", function()
    local env = user_with("no-events", { { { "create", "get", "list", "watch", "patch", "delete" }, { "pods" } },
      { { "get" }, { "pods/log" } } })
    local result = support.lunapod({ "run", task [[arguments = { "exit 3" },]] }, { env = env, seconds = 30 })
    says(support.expect_status(1, result), "exit code 3")
  end)
end)
