-- The seed's rows 33 to 35: which cluster, as whom. For in_cluster lunapod itself runs in a pod of the test cluster,
-- with the interpreter and the checkout mounted from the node, and nothing but that pod's service account.
local cjson = require "cjson"
local pods = require "contract.pods"
local support = require "cluster.specs.support"

local says = pods.says
local name = support.instance

local objects = ([[
{apiVersion: v1, kind: ServiceAccount, metadata: {name: NAME}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: NAME}
rules:
- {apiGroups: [""], resources: [pods], verbs: [create, get, list, watch, patch, delete]}
- {apiGroups: [""], resources: [pods/log, events], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [pods/exec], verbs: [create, get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: NAME}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: NAME}
subjects: [{kind: ServiceAccount, name: NAME}]
]]):gsub("NAME", name)

--- A pod in which lunapod runs: like the host's user space, but with no credentials beside its service account's.
local function runner_pod(script)
  local mounts, volumes = {}, {}
  local function mount(at, from)
    volumes[#volumes + 1] = { name = "v" .. #volumes, hostPath = { path = from or at } }
    mounts[#mounts + 1] = { name = volumes[#volumes].name, mountPath = at, readOnly = at ~= support.folder }
  end
  mount "/usr"
  mount("/lib", "/usr/lib")
  mount("/lib64", "/usr/lib64")
  mount(support.root)
  if support.build:sub(1, #support.root) ~= support.root then mount(support.build) end
  mount(support.folder)
  local env = {}
  for key, value in pairs {
    LUA_PATH = ("%s/scripts/?.lua;%s/scripts/?/init.lua;;"):format(support.root, support.root),
    LUA_CPATH = support.build .. "/lua/5.4/?.so;;", LUNAPOD_INSTANCE = name, HOME = "/nowhere",
    KUBERNETES_SERVICE_HOST = "127.0.0.1", KUBERNETES_SERVICE_PORT = "6443", -- no proxy serves the usual address
  } do
    env[#env + 1] = { name = key, value = value }
  end
  local container = { name = "main", image = "busybox:1", command = { "/usr/bin/lua5.4", script },
    volumeMounts = mounts, env = env }
  return cjson.encode { apiVersion = "v1", kind = "Pod",
    metadata = { name = name, labels = { lunapod_instance = name } },
    spec = { restartPolicy = "Never", serviceAccountName = name, hostNetwork = true, volumes = volumes,
      containers = { container } } }
end

describe("the contract: cluster access", function()
  local admin, inside_said

  setup(function()
    admin = cjson.decode((assert(support.kubectl { "config", "view", "--raw", "-o", "json" })))
    pods.apply(objects)
    assert(support.kubectl { "create", "namespace", name })
    support.eventually(60, "the service accounts", function()
      return support.kubectl { "get", "serviceaccount", name }
        and support.kubectl { "get", "serviceaccount", "default", "-n", name }
    end)
  end)
  teardown(function()
    support.kubectl { "delete", "namespace", name, "--wait=false" }
    pods.remove(objects)
    support.clean()
  end)
  after_each(function() assert.equal("", support.sweep()) end)

  --- What a program that runs tasks with these settings inside the cluster writes.
  local function inside()
    if not inside_said then
      local script = support.file(pods.head .. [[
        local function try(what, given)
          given.arguments = { "printf '\"as-%s\"' $ACCOUNT > /airflow/xcom/return.json" }
          given.pod_runtime_info_envs = { { "ACCOUNT", "spec.serviceAccountName" } }
          given.do_xcom_push = true
          local ok, result, outcome = lunapod.pcall(function() return task(given):execute() end)
          local labels = ok and outcome.snapshot.pod.metadata.labels or {}
          show(what, ok, tostring(result):gsub("\n.*", ""), ok and outcome.pod.namespace, labels.lunapod_in_cluster)
        end
        try("true", { in_cluster = true })
        try("not given", {})
        try("false", { in_cluster = false })
        try("context", { in_cluster = true, cluster_context = "no-such-context" })
        try("both", { in_cluster = true, config_file = "/some/file" })
        try("elsewhere", { in_cluster = true, namespace = "kube-public" })
      ]])
      pods.apply(runner_pod(script))
      local phase
      support.eventually(120, "the end of lunapod's own pod", function()
        phase = support.kubectl { "get", "pod", name, "-o", "jsonpath={.status.phase}" }
        return phase == "Succeeded" or phase == "Failed"
      end)
      inside_said = assert(support.kubectl { "logs", name })
      assert(support.kubectl { "delete", "pod", name, "--now" })
      assert.equal("Succeeded", phase, inside_said)
    end
    return inside_said
  end

  it("S33 in_cluster: true uses the service account of the pod it runs in; outside it is an error", function()
    local said = inside()
    says("\ntrue\ttrue\tas-default\tdefault\tTrue\n", "\n" .. said)
    says("\nnot given\ttrue\tas-default\tdefault\tTrue\n", said)
    local refusal = said:match "\n(false\tfalse\t[^\n]*)"
    says("~/.kube/config", refusal or said)
    says("\nboth\tfalse\t", said)
    says("in_cluster = true and config_file exclude each other", said)
    says(("User \"system:serviceaccount:default:%s\" cannot create resource \"pods\""):format(name), said)
    local outside = pods.program [[
      show(select(2, lunapod.pcall(function() task { in_cluster = true }:execute() end)))
    ]]
    says("not inside a cluster: KUBERNETES_SERVICE_HOST", outside.out)
  end)

  --- Writes a kubeconfig of the administrator's with these changes.
  local function kubeconfig(path, change)
    local config = cjson.decode(cjson.encode(admin))
    change(config)
    os.execute("mkdir -p " .. support.quote((support.folder .. "/" .. path):match "^.*/"))
    return support.file(cjson.encode(config), path)
  end
  local function in_namespace(namespace)
    return function(config) config.contexts[1].context.namespace = namespace end
  end

  it("S34 config_file: that kubeconfig, rendered; not given: KUBECONFIG, then ~/.kube/config", function()
    kubeconfig("home/.kube/config", in_namespace(name))
    kubeconfig("given", in_namespace "default")
    local text = ([[
      local function try(given)
        given.arguments = { "true" }
        local context = { params = { file = "given" } }
        local ok, why, outcome = lunapod.pcall(function() return task(given):execute(context) end)
        show(ok and outcome.pod.namespace or why)
      end
      try { }
      try { config_file = "FOLDER/{{ params.file }}" }
      try { config_file = "FOLDER/gone" }
    ]]):gsub("FOLDER", support.folder)
    local by_home = pods.program(text, { env = { KUBECONFIG = false, HOME = support.folder .. "/home" } })
    assert.truthy(by_home.out:find("^" .. name:gsub("%-", "%%-") .. "\ndefault\n"), by_home.out)
    says(support.folder .. "/gone", by_home.out)
    local by_variable = pods.program(text, { env = { KUBECONFIG = support.folder .. "/given" } })
    assert.truthy(by_variable.out:find "^default\ndefault\n", by_variable.out)
  end)

  it("S35 cluster_context: that context of the kubeconfig, else its current one; nothing in a cluster", function()
    local file = kubeconfig("contexts", function(config)
      local one = config.contexts[1]
      config.contexts = { { name = "one", context = one.context }, { name = "two", context = {
        cluster = one.context.cluster, user = one.context.user, namespace = name } } }
      config["current-context"] = "one"
    end)
    local result = pods.program(([[
      for _, context in ipairs { "one", "two", "three", false } do
        local given = { config_file = "%s", cluster_context = context or nil, arguments = { "true" } }
        local ok, why, outcome = lunapod.pcall(function() return task(given):execute() end)
        show(ok and outcome.pod.namespace or why)
      end
    ]]):format(file))
    local said = support.lines(result.out)
    assert.equal("default", said[1])
    assert.equal(name, said[2])
    says('"three"', said[3])
    assert.equal("default", said[#said])
    says("\ncontext\ttrue\tas-default\tdefault\tTrue\n", inside())
  end)
end)
