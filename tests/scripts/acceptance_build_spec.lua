-- The acceptance cases of building a manifest, O01 to O32, as far as no cluster is needed to show them: through
-- build_pod_request_obj and dry_run of real operators, rendered in a context. Manifests are compared after dropping
-- what is empty.
local lunapod = require "lunapod"
local contexts = require "lunapod.context"
local core = require "lunapod.core"
local naming = require "lunapod.naming"
local plain = require "tests.scripts.support.plain"

local Secret, null = lunapod.Secret, lunapod.null
local unpack = table.unpack or unpack -- luacheck: ignore 113

--- The manifest of these parameters in the cases' context, or with other things in it. settings: connection, classic
-- (an older server), call (more of the context).
local function build(given, settings)
  settings = settings or {}
  given.task_id = given.task_id or "task"
  local instance = assert(lunapod.new {
    instance = "me", dag_id = "dag", connections = { kubernetes_default = settings.connection or {} },
  })
  local op = instance.task(given)
  local client = { core = { in_cluster = function() return false end } }
  instance.classic_sidecars[client.core] = settings.classic
  op.client = function() return client end
  local call = { dag_id = "dag", run_id = "test", try_number = 1 }
  for name, value in pairs(settings.call or {}) do call[name] = value end
  local ok, pod = pcall(function() return op:build_pod_request_obj(contexts.new(op, call, instance)) end)
  instance:close()
  if not ok then error(pod, 0) end
  return plain(pod), op
end

local function spec(given, settings) return build(given, settings).spec end
local function container(given, settings) return build(given, settings).spec.containers[1] end

local function fails(given, ...)
  local ok, err = pcall(build, given)
  assert.is_false(ok)
  for _, part in ipairs { ... } do assert.truthy(tostring(err):find(part, 1, true), tostring(err)) end
end

local function file(text)
  local path = os.tmpname()
  local handle = assert(io.open(path, "w"))
  handle:write(text)
  handle:close()
  return path
end

--- A manifest's labels without lunapod's own.
local function labels_of(pod)
  local out = {}
  for key, value in pairs(pod.metadata.labels) do
    if not key:find "^lunapod_" then out[key] = value end
  end
  return out
end

local function with_identity(more)
  local out = {
    dag_id = "dag", task_id = "task", run_id = "test", try_number = "1", kubernetes_pod_operator = "True",
  }
  for key, value in pairs(more) do out[key] = value end
  return out
end

describe("a manifest", function()
  it("of a plain task (O01)", function()
    local pod = build {
      namespace = "default", image = "ubuntu", cmds = { "bash", "-cx" }, arguments = { "echo 10" },
      labels = { test_label = "x" },
    }
    assert.same(with_identity { test_label = "x" }, labels_of(pod))
    assert.equal("task", pod.metadata.name)
    assert.equal("default", pod.metadata.namespace)
    assert.same({ restartPolicy = "Never", containers = { {
      name = "base", image = "ubuntu", command = { "bash", "-cx" }, args = { "echo 10" },
      terminationMessagePolicy = "File",
    } } }, pod.spec)
  end)

  it("with the node's network (O02)", function()
    assert.is_true(spec { hostnetwork = true }.hostNetwork)
    assert.is_nil(spec { hostnetwork = true }.dnsPolicy)
    assert.equal("ClusterFirstWithHostNet",
      spec { hostnetwork = true, dnspolicy = "ClusterFirstWithHostNet" }.dnsPolicy)
  end)

  it("with a scheduler (O03)", function()
    assert.equal("default-scheduler", spec { schedulername = "default-scheduler" }.schedulerName)
  end)

  it("with a node selector, also by its older name (O04)", function()
    local wanted = { ["beta.kubernetes.io/os"] = "linux" }
    assert.same(wanted, spec { node_selector = wanted }.nodeSelector)
    assert.same(wanted, spec { node_selectors = wanted, node_selector = { a = "b" } }.nodeSelector)
    assert.truthy(require("lunapod.parameters").notes { node_selectors = wanted }[1].message:find "deprecated")
  end)

  it("with resources in the API's form (O05)", function()
    local wanted = {
      requests = { memory = "64Mi", cpu = "250m", ["ephemeral-storage"] = "1Gi" },
      limits = { memory = "64Mi", cpu = 0.25, ["ephemeral-storage"] = "2Gi" },
    }
    assert.same(wanted, container { container_resources = wanted }.resources)
    assert.same(wanted, container { resources = wanted }.resources)
  end)

  it("with resources in the seed's form (O06)", function()
    assert.same({ requests = { memory = "64Mi" }, limits = { ["nvidia.com/gpu"] = 1 } },
      container { resources = { request_memory = "64Mi", limit_gpu = 1 } }.resources)
    fails({ resources = { request_disk = "1Gi" } }, 'parameter "resources"', '"request_disk"')
  end)

  it("with affinity (O07)", function()
    local wanted = { podAffinity = { requiredDuringSchedulingIgnoredDuringExecution = { { topologyKey = "zone" } } } }
    assert.same(wanted, spec { affinity = wanted }.affinity)
    fails({ affinity = 1 }, 'parameter "affinity": expected a map', "got the number 1")
    fails({ affinity = "zone" }, 'parameter "affinity": expected a map', 'got the text "zone"')
    fails({ affinity = { wanted } }, 'parameter "affinity": expected a map', "got a list")
  end)

  it("with tolerations (O08)", function()
    local wanted = { { key = "key", operator = "Equal", value = "value" } }
    assert.same(wanted, spec { tolerations = wanted }.tolerations)
  end)

  it("with a port, as a pair and as a table (O09)", function()
    local wanted = { { name = "http", containerPort = 80 } }
    assert.same(wanted, container { ports = { { "http", 80 } } }.ports)
    assert.same(wanted, container { ports = wanted }.ports)
    fails({ ports = { 80 } }, 'parameter "ports[1]": expected a port or a pair', "got number")
  end)

  it("with a volume and its mount (O10)", function()
    local pod = spec {
      volumes = { { name = "v", persistentVolumeClaim = { claimName = "claim" } } },
      volume_mounts = { { name = "v", mountPath = "/tmp/test_volume", readOnly = false } },
    }
    assert.equal("claim", pod.volumes[1].persistentVolumeClaim.claimName)
    assert.same({ { name = "v", mountPath = "/tmp/test_volume", readOnly = false } }, pod.containers[1].volumeMounts)
  end)

  it("with a security context of the container (O11)", function()
    assert.is_false(container {
      container_security_context = { allowPrivilegeEscalation = false },
    }.securityContext.allowPrivilegeEscalation)
  end)

  it("with a list of variables, in order (O12)", function()
    local wanted = {
      { name = "ENV1", value = "val1" }, { name = "ENV2", value = "val2" },
      { name = "ENV3", valueFrom = { fieldRef = { fieldPath = "status.podIP" } } },
    }
    assert.same(wanted, container { env_vars = wanted }.env)
  end)

  it("with a map of variables, also of a template (O13)", function()
    assert.same({ { name = "ENV", value = "value" } }, container { env_vars = { ENV = "value" } }.env)
    assert.same({ { name = "ENV", value = "value" } }, container {
      env_vars = "{{ params.env }}", params = { env = { ENV = "value" } },
    }.env)
    assert.same({ { name = "A", value = "test" } }, container { env_vars = "{{ {'A': run_id} }}" }.env)
    fails({ env_vars = "bad env" }, 'parameter "env_vars"', 'the text "bad env"')
    fails({ env_vars = "{{ run_id }}" }, 'parameter "env_vars"', 'the text "test"')
  end)

  it("with a list of variables that is mixed up (O14)", function()
    fails({ env_vars = { { name = "A", value = "1" }, B = "2" } }, "env_vars", '"B"')
    fails({ env_vars = { { name = "A", value = "1" }, { B = "2" } } }, '"env_vars[2]"', "has no name",
      '{ name = "B", value = … }')
    fails({ env_vars = { { name = "A", value = "1" }, { value = "2" } } }, '"env_vars[2]"', "has no name")
    fails({ env_vars = { { name = "A", value = "1" }, "B=2" } }, '"env_vars[2]"', "got string")
    fails({ env_vars = { { name = "A" } } }, '"env_vars[1]"', "neither value nor valueFrom")
    fails({ env_vars = { { name = "A", value = "1", valueFrom = {} } } }, '"env_vars[1]"', "both")
  end)

  it("with secrets (O15)", function()
    local function with(given) return spec { secrets = { Secret(given) } } end
    assert.same({ { secretRef = { name = "s" } } }, with({ deploy_type = "env", secret = "s" }).containers[1].envFrom)
    assert.same({ { name = "SQL_CONN", valueFrom = { secretKeyRef = { name = "s", key = "k" } } } },
      with({ deploy_type = "env", deploy_target = "sql_conn", secret = "s", key = "k" }).containers[1].env)
    local pod = with {
      deploy_type = "volume", deploy_target = "/etc/sql", secret = "s", items = { { key = "k", path = "p" } },
    }
    assert.same({ secretName = "s", items = { { key = "k", path = "p" } } }, pod.volumes[1].secret)
    assert.same({ { name = pod.volumes[1].name, mountPath = "/etc/sql", readOnly = true } },
      pod.containers[1].volumeMounts)
    fails({ secrets = { { deploy_type = "file", deploy_target = "/a", secret = "s" } } }, '"env" or "volume"', "file")
    fails({ secrets = { { deploy_type = "env", secret = "s", key = "k" } } }, "key is given without deploy_target")
    fails({ secrets = { { deploy_type = "volume", secret = "s" } } }, "a volume needs deploy_target")
  end)

  it("with pull secrets (O16)", function()
    assert.same({ { name = "fakeSecret" } }, spec { image_pull_secrets = "fakeSecret" }.imagePullSecrets)
    assert.same({ { name = "a" }, { name = "b" } }, spec { image_pull_secrets = "a, b," }.imagePullSecrets)
    assert.same({ { name = "a" } }, spec { image_pull_secrets = { { name = "a" } } }.imagePullSecrets)
  end)

  it("with what is one field each (O17)", function()
    local pod = spec {
      image_pull_policy = "Always", priority_class_name = "high", runtime_class_name = "gvisor",
      termination_message_policy = "FallbackToLogsOnError", termination_grace_period = 300, active_deadline_seconds = 3,
    }
    assert.same({
      restartPolicy = "Never", priorityClassName = "high", runtimeClassName = "gvisor",
      terminationGracePeriodSeconds = 300, activeDeadlineSeconds = 3,
      containers = { {
        name = "base", imagePullPolicy = "Always", terminationMessagePolicy = "FallbackToLogsOnError",
      } },
    }, pod)
    assert.same({ restartPolicy = "Never", containers = { { name = "base", terminationMessagePolicy = "File" } } },
      spec {})
  end)

  it("with an init container (O18)", function()
    local init = {
      name = "init", image = "i:1", command = { "sh" }, env = { { name = "A", value = "1" } },
      volumeMounts = { { name = "v", mountPath = "/v" } },
    }
    local pod = spec { init_containers = { init }, volumes = { { name = "v", emptyDir = { medium = "Memory" } } } }
    assert.same({ init }, pod.initContainers)
    assert.same({ { name = "v", emptyDir = { medium = "Memory" } } }, pod.volumes)
  end)

  it("with the result's sidecar (O19)", function()
    local given = { do_xcom_push = true, volumes = { { name = "v", hostPath = { path = "/x" } } },
      volume_mounts = { { name = "v", mountPath = "/v" } } }
    local function sidecar(settings, context)
      given.xcom_sidecar_container_security_context = context
      local pod = spec(given, settings)
      assert.equal("xcom", pod.volumes[1].name)
      assert.same({ name = "xcom", mountPath = "/airflow/xcom" }, pod.containers[1].volumeMounts[1])
      local list = settings and settings.classic and pod.containers or pod.initContainers
      assert.equal("airflow-xcom-sidecar", list[#list].name)
      return list[#list]
    end
    local native, classic = sidecar(), sidecar { classic = true }
    assert.equal("Always", native.restartPolicy)
    assert.is_nil(classic.restartPolicy)
    for _, it in ipairs { native, classic } do
      assert.same({ requests = { cpu = "1m", memory = "10Mi" } }, it.resources)
      assert.same({ { name = "xcom", mountPath = "/airflow/xcom" } }, it.volumeMounts)
      assert.is_nil(it.securityContext)
    end
    local connection = {
      xcom_sidecar_container_image = "mine:1", xcom_sidecar_container_security_context = { runAsUser = 7 },
    }
    assert.equal("mine:1", sidecar({ connection = connection }).image)
    assert.same({ runAsUser = 7 }, sidecar({ connection = connection }).securityContext)
    assert.same({ runAsUser = 8 }, sidecar({ connection = connection }, { runAsUser = 8 }).securityContext)
    assert.is_nil(sidecar({ connection = connection }, {}).securityContext) -- explicit {}, empty
  end)
end)

describe("layers:", function()
  local full = {
    metadata = { name = "hello", namespace = "podspecnamespace", labels = { foo = "bar" } },
    spec = { containers = { { name = "base", image = "ubuntu:16.04", command = { "something" } } } },
  }

  it("a full spec alone (O20)", function()
    local pod, op = build { full_pod_spec = full }
    assert.equal("hello", pod.metadata.name) -- the core puts the suffix on
    assert.is_true(op.random_name_suffix)
    assert.equal("hello", build({ full_pod_spec = full, random_name_suffix = false }).metadata.name)
    assert.equal("podspecnamespace", pod.metadata.namespace)
    assert.equal("ubuntu:16.04", pod.spec.containers[1].image)
    assert.same({ "something" }, pod.spec.containers[1].command)
    assert.same(with_identity { foo = "bar" }, labels_of(pod))
  end)

  it("a full spec under parameters (O21)", function()
    local pod = build { full_pod_spec = full, name = "world", image = "other:1", labels = { hello = "world" } }
    assert.equal("world", pod.metadata.name)
    assert.equal("other:1", pod.spec.containers[1].image)
    assert.same({ "something" }, pod.spec.containers[1].command)
    assert.same(with_identity { foo = "bar", hello = "world" }, labels_of(pod))
  end)

  it("a template file (O22)", function()
    local path = file [[
apiVersion: v1
kind: Pod
metadata: {namespace: templated, labels: {a: "1"}}
spec:
  serviceAccountName: foo
  automountServiceAccountToken: false
  restartPolicy: Always
  affinity: {nodeAffinity: {x: 1}}
  containers: [{name: base, image: "template:1", imagePullPolicy: Always, command: [something]}]
]]
    local pod = build { pod_template_file = path, labels = { b = "2" } }
    os.remove(path)
    assert.equal("templated", pod.metadata.namespace)
    assert.same(with_identity { a = "1", b = "2" }, labels_of(pod))
    assert.same({
      serviceAccountName = "foo", automountServiceAccountToken = false, restartPolicy = "Never",
      affinity = { nodeAffinity = { x = 1 } },
      containers = { {
        name = "base", image = "template:1", imagePullPolicy = "Always", command = { "something" },
        terminationMessagePolicy = "File",
      } },
    }, pod.spec)
  end)

  it("a template as a table is rendered (O23)", function()
    local pod = build {
      pod_template_dict = { spec = { initContainers = { { name = "i", args = { "{{ params.who }}" } } },
        containers = { { name = "base" } } } },
      params = { who = "you" },
    }
    assert.same({ "you" }, pod.spec.initContainers[1].args)
  end)

  it("replaced whole, or merged by key (O24)", function()
    local base = {
      metadata = { labels = { a = "1", both = "template" }, annotations = { a = "1" } },
      spec = { nodeSelector = { a = "1" }, tolerations = { { key = "a" } }, containers = { { name = "base" } } },
    }
    local pod = build {
      pod_template_dict = base, node_selector = { b = "2" }, tolerations = { { key = "b" } },
      labels = { both = "mine" }, annotations = { b = "2" },
    }
    assert.same({ b = "2" }, pod.spec.nodeSelector)
    assert.same({ { key = "b" } }, pod.spec.tolerations)
    assert.same(with_identity { a = "1", both = "mine" }, labels_of(pod))
    assert.same({ a = "1", b = "2" }, pod.metadata.annotations)
  end)

  it("false is given; the peer's way keeps the template's true (O25)", function()
    local base = { spec = { hostNetwork = true, containers = { { name = "base" } } } }
    assert.is_false(spec { pod_template_dict = base, hostnetwork = false }.hostNetwork)
    assert.is_true(spec { pod_template_dict = base, hostnetwork = false, merge = "peer" }.hostNetwork)
    assert.is_true(spec { pod_template_dict = base }.hostNetwork)
  end)

  it("a template file that is not there (O26)", function()
    fails({ pod_template_file = "/no/such/pod.yaml" }, 'parameter "pod_template_file"', "/no/such/pod.yaml")
  end)
end)

describe("names, labels, namespace:", function()
  local function a(count) return ("a"):rep(count) end

  it("every row of the name table, in front of the suffix (O27)", function()
    local function name_of(given) return build(given).metadata.name end
    assert.equal("test-extra-123", name_of { name = "test_extra-123" })
    for _, name in ipairs { "name@extra", a(300), a(221), "has space", "" } do
      fails({ name = name }, 'parameter "name"', "expected")
    end
    assert.equal("hi-09hi", name_of { task_id = ".hi.-_09HI" })
    assert.equal(a(63), name_of { task_id = a(250) }) -- the core cuts it to 54
    assert.equal("90aclb-c-ssss-c-a", naming.slug "90AçLbˆˆç˙ßß˜˜˙c*a")
    assert.equal("task-id", naming.slug "---task.id---")
    assert.equal("90abc", naming.slug "-90Abc*&")
    assert.equal("a-very-reasonable-task-name", name_of { task_id = "a_very_reasonable_task_name" })
    assert.equal("hello", name_of {
      pod_template_dict = { metadata = { name = "hello" }, spec = { containers = { {} } } }, random_name_suffix = false,
    })
  end)

  it("every row of the label table (O28)", function()
    for _, row in ipairs {
      { "manual__2016-01-01T01:00:00+01:00", "manual__2016-01-01T0100000100-da4d1ce7b" },
      { "scheduled__2022-04-01T00:00:00+00:00", "scheduled__2022-04-01T0000000000-c41de64a2" },
      { a(63), a(63) }, { a(64), a(53) .. "-014842d48" }, { "my group.task 1", "mygroup.task1-71aaddfee" },
      { "_lead_", "lead-04d33732b" }, { "tâche", "tche-211852bed" }, { "a/b", "ab-a7e861365" }, { "---", "9efc314b6" },
    } do
      local value, wanted = unpack(row)
      assert.equal(wanted, build({}, { call = { run_id = value } }).metadata.labels.run_id)
    end
    assert.equal("", naming.label_value "")
  end)

  it("a map index, and none (O29)", function()
    assert.equal("10", build({}, { call = { map_index = 10 } }).metadata.labels.map_index)
    assert.equal("0", build({}, { call = { map_index = 0 } }).metadata.labels.map_index)
    assert.is_nil(build({}, { call = { map_index = -1 } }).metadata.labels.map_index)
    assert.is_nil(build({}).metadata.labels.map_index)
  end)

  it("the selector (O30)", function()
    local text = naming.find_selector({ dag_id = "dag", task_id = "task", run_id = "test", try_number = 1 }, "me",
      { foo = "bar" })
    assert.equal("dag_id=dag,foo=bar,kubernetes_pod_operator=True,run_id=test,task_id=task,already_checked!=True,"
      .. "!airflow-worker", (text:gsub("lunapod_instance=me,", ""):gsub(",!lunapod_call", "")))
    assert.equal("foo=", naming.find_selector({ dag_id = "d", task_id = "t", run_id = "r" }, "me", { foo = "" })
      :match "foo=[^,]*")
  end)

  it("where the namespace comes from, as far as the manifest knows (O31)", function()
    local full = { metadata = { namespace = "full" } }
    local template = { metadata = { namespace = "template" }, spec = { containers = { { name = "base" } } } }
    local connection = { namespace = "connection" }
    local function namespace(given, with_connection)
      return build(given, { connection = with_connection }).metadata.namespace
    end
    local all = { full_pod_spec = full, pod_template_dict = template }
    assert.equal("full", namespace(all, connection))
    all.namespace = "parameter"
    assert.equal("parameter", namespace(all, connection))
    assert.equal("template", namespace({ pod_template_dict = template }, connection))
    assert.equal("connection", namespace({}, connection))
    assert.is_nil(namespace {}) -- the core fills in the kubeconfig context's, POD_NAMESPACE, the account's, or default
    -- null removes what lower layers set
    assert.equal("connection", namespace({ namespace = null, full_pod_spec = full }, connection))
  end)

  it("a dry run with no cluster and no kubeconfig (O32)", function()
    local instance = assert(lunapod.new { instance = "me", config_file = "/no/such/kubeconfig" })
    local printed, saved = {}, print
    local op = instance.task { task_id = "task", image = "busybox:1", labels = { a = "b" } }
    _G.print = function(text) printed[#printed + 1] = text end
    local ok, pod = pcall(op.dry_run, op)
    _G.print = saved
    instance:close()
    assert.is_true(ok, tostring(pod))
    assert.same({ a = "b", lunapod_version = core.version }, pod.metadata.labels)
    local documents = assert(core.yaml.decode(table.concat(printed, "\n")))
    assert.same(plain(pod), plain(documents[1]))
  end)
end)
