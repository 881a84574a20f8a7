-- Building manifests: BLD-1…13, MRG-1…13, PAR-*, RES-1…3, DRY-1, and the cases O01…O26. Pods are compared after
-- dropping what is empty.
local core = require "lunapod.core"
local manifest = require "lunapod.manifest"
local run_options = require "lunapod.run_options"
local parameters = require "lunapod.parameters"
local secret = require "lunapod.secret"

local context = { dag_id = "dag", task_id = "task", run_id = "test", try_number = 1, params = { who = "you" } }
local cluster = { instance = "me", in_cluster = false }

local function operator(given)
  given.task_id = given.task_id or "task"
  local op = parameters.define(given)
  op.BASE_CONTAINER_NAME, op.template_fields = "base", parameters.fields
  return op
end

local function plain(value)
  if type(value) ~= "table" then return value end
  local out, any = {}, false
  for key, item in pairs(value) do
    local kept = plain(item)
    if kept ~= nil then out[key], any = kept, true end
  end
  return any and out or nil
end

local function build(given, in_context)
  if in_context == nil then in_context = context end
  return plain(manifest.build(operator(given), in_context or nil, cluster))
end
local function container(given) return build(given).spec.containers[1] end
local function spec(given) return build(given).spec end
local function fails(pattern, given)
  local ok, err = pcall(build, given)
  assert.is_false(ok)
  assert.truthy(tostring(err):find(pattern), tostring(err))
end

describe("a manifest", function()
  it("of a plain task (O01)", function()
    assert.same({
      apiVersion = "v1", kind = "Pod",
      metadata = { name = "task", namespace = "default", labels = {
        test_label = "x", dag_id = "dag", task_id = "task", run_id = "test", try_number = "1",
        kubernetes_pod_operator = "True", lunapod_version = core.version, lunapod_instance = "me",
        lunapod_in_cluster = "False",
      } },
      spec = { restartPolicy = "Never", containers = { {
        name = "base", image = "ubuntu", command = { "bash", "-cx" }, args = { "echo 10" },
        terminationMessagePolicy = "File",
      } } },
    }, build {
      namespace = "default", image = "ubuntu", cmds = { "bash", "-cx" }, arguments = { "echo 10" },
      labels = { test_label = "x" },
    })
  end)

  it("puts scheduling and network where they belong (O02…O04, O07, O08, O17)", function()
    local it = spec {
      hostnetwork = true, dnspolicy = "ClusterFirstWithHostNet", schedulername = "s", node_selector = { a = "b" },
      tolerations = { { key = "key", operator = "Equal", value = "value" } }, affinity = { nodeAffinity = { x = 1 } },
      priority_class_name = "p", runtime_class_name = "gvisor", termination_grace_period = 300,
      active_deadline_seconds = 3, service_account_name = "sa", hostname = "h", subdomain = "d",
      security_context = { runAsUser = 0, fsGroup = 0 },
    }
    assert.is_true(it.hostNetwork)
    assert.equal("ClusterFirstWithHostNet", it.dnsPolicy)
    assert.equal("s", it.schedulerName)
    assert.same({ a = "b" }, it.nodeSelector)
    assert.same({ { key = "key", operator = "Equal", value = "value" } }, it.tolerations)
    assert.same({ nodeAffinity = { x = 1 } }, it.affinity)
    assert.equal("p", it.priorityClassName)
    assert.equal("gvisor", it.runtimeClassName)
    assert.equal(300, it.terminationGracePeriodSeconds)
    assert.equal(3, it.activeDeadlineSeconds)
    assert.equal("sa", it.serviceAccountName)
    assert.same({ runAsUser = 0, fsGroup = 0 }, it.securityContext) -- zero is a value
    assert.same({ a = "b" }, spec { node_selectors = { a = "b" }, node_selector = { c = "d" } }.nodeSelector)
  end)

  it("has resources in both forms (O05, O06)", function()
    local amounts = { requests = { memory = "64Mi", cpu = "250m" }, limits = { cpu = 0.25 } }
    assert.same({ requests = { memory = "64Mi", cpu = "250m" }, limits = { cpu = 0.25 } },
      container { container_resources = amounts }.resources)
    assert.same({ requests = { memory = "64Mi" }, limits = { ["nvidia.com/gpu"] = 1 } },
      container { resources = { request_memory = "64Mi", limit_gpu = 1 } }.resources)
    fails('"resources": unknown key "request_disk"', { resources = { request_disk = 1 } })
  end)

  it("has ports, volumes, mounts, also in their older forms (O09, O10, O11)", function()
    assert.same({ { name = "http", containerPort = 80 } }, container { ports = { { "http", 80 } } }.ports)
    assert.same({ { name = "http", containerPort = 80 } },
      container { ports = { { name = "http", containerPort = 80 } } }.ports)
    local it = spec {
      volumes = { { "v", { persistentVolumeClaim = { claimName = "c" } } } },
      volume_mounts = { { "v", "/tmp/v", nil, false } },
    }
    assert.same({ { name = "v", persistentVolumeClaim = { claimName = "c" } } }, it.volumes)
    assert.same({ { name = "v", mountPath = "/tmp/v", readOnly = false } }, it.containers[1].volumeMounts)
    local secured = container { container_security_context = { allowPrivilegeEscalation = false } }
    assert.is_false(secured.securityContext.allowPrivilegeEscalation)
  end)

  it("has environment in order (O12, O13, O14)", function()
    assert.same({
      { name = "A", value = "1" },
      { name = "B", value = "true" },
      { name = "IP", valueFrom = { fieldRef = { fieldPath = "status.podIP" } } },
    }, container {
      env_vars = { { name = "A", value = 1 }, { name = "B", value = true } },
      pod_runtime_info_envs = { { "IP", "status.podIP" } },
    }.env)
    assert.same({ { name = "A", value = "2.5" }, { name = "Z", value = "you" } },
      container { env_vars = { Z = "{{ params.who }}", A = 2.5 } }.env)
    assert.same({ { configMapRef = { name = "c" } } }, container { configmaps = { "c" } }.envFrom)
    fails("env_vars%[2%].*has no name", { env_vars = { { name = "a", value = "1" }, { value = "2" } } })
    fails("env_vars%[1%].*neither value nor valueFrom", { env_vars = { { name = "a" } } })
    fails('"env_vars": expected a list or a map', { env_vars = "bad env" })
  end)

  it("hands over secrets (O15)", function()
    local function with(given) return spec { secrets = { secret.new(given) } } end
    assert.same({ { secretRef = { name = "s" } } }, with({ deploy_type = "env", secret = "s" }).containers[1].envFrom)
    assert.same({ { name = "SQL_CONN", valueFrom = { secretKeyRef = { name = "s", key = "k" } } } },
      with({ deploy_type = "env", deploy_target = "sql_conn", secret = "s", key = "k" }).containers[1].env)
    local it = with {
      deploy_type = "volume", deploy_target = "/etc/sql", secret = "s", items = { { key = "k", path = "p" } },
    }
    assert.same({ secretName = "s", items = { { key = "k", path = "p" } } }, it.volumes[1].secret)
    assert.same({ name = it.volumes[1].name, mountPath = "/etc/sql", readOnly = true },
      it.containers[1].volumeMounts[1])
    local twice = { deploy_type = "volume", deploy_target = "/a", secret = "s" }
    assert.equal(1, #spec { secrets = { twice, twice } }.volumes) -- equal descriptors, one volume
    assert.has_error(function() secret.new { deploy_type = "file", secret = "s" } end)
    assert.has_error(function() secret.new { deploy_type = "env", secret = "s", key = "k" } end)
    assert.has_error(function() secret.new { deploy_type = "volume", secret = "s" } end)
  end)

  it("splits pull secrets (O16, BUG-14)", function()
    assert.same({ { name = "fakeSecret" } }, spec { image_pull_secrets = "fakeSecret" }.imagePullSecrets)
    assert.same({ { name = "a" }, { name = "b" } }, spec { image_pull_secrets = "a, b," }.imagePullSecrets)
  end)

  it("refuses a text where a list belongs (PAR-cmds)", function()
    fails('"cmds": expected a list, got the text "ls"', { cmds = "ls" })
  end)

  it("has the result sidecar beside a mounted volume (O19, RES-1)", function()
    local it = spec { do_xcom_push = true, volumes = { { name = "mine", emptyDir = core.object {} } } }
    assert.equal("xcom", manifest.build(operator { do_xcom_push = true }, context, cluster).spec.volumes[1].name)
    assert.equal("airflow-xcom-sidecar", it.initContainers[1].name)
    assert.equal("Always", it.initContainers[1].restartPolicy) -- RES-3
    assert.same({ cpu = "1m", memory = "10Mi" }, it.initContainers[1].resources.requests)
    assert.same({ name = "xcom", mountPath = "/airflow/xcom" }, it.containers[1].volumeMounts[1])
    fails("xcom", { do_xcom_push = true, volumes = { { name = "xcom" } } })
    assert.is_nil(spec { do_xcom_push = true, result_from = "termination_message" }.initContainers)
  end)

  it("is the same when built twice, and changes nothing of the caller's (BLD-12, BUG-13)", function()
    local env = { { name = "A", value = "{{ params.who }}" } }
    local given = {
      env_vars = env, pod_runtime_info_envs = { { "IP", "status.podIP" } }, configmaps = { "c" }, env_from = {},
      labels = { a = "b" },
    }
    local op = operator(given)
    assert.same(manifest.build(op, context, cluster), manifest.build(op, context, cluster))
    assert.same({ { name = "A", value = "{{ params.who }}" } }, env)
    assert.same({}, given.env_from)
  end)

  it("renders nested values, and says where it cannot (TPL-2, TPL-8, O23)", function()
    assert.same({ "hello you", "2" }, container { arguments = { "hello {{ params.who }}", "{{ 1 + 1 }}" } }.args)
    local with_init = spec { init_containers = { { name = "i", args = { "{{ params.who }}" } } } }
    assert.equal("you", with_init.initContainers[1].args[1])
    fails("arguments%[1%]:1:%d+: 'params.wo' is undefined", { arguments = { "{{ params.wo }}" } })
    assert.same({ "" }, manifest.build(operator { arguments = { "{{ run_id }}" } }, nil, {}).spec.containers[1].args)
  end)

  it("without a context has no identity (DRY-1, O32)", function()
    assert.same({ lunapod_version = core.version, a = "b" }, build({ labels = { a = "b" } }, false).metadata.labels)
  end)
end)

describe("merging", function()
  local full = { metadata = { name = "hello", namespace = "podspecnamespace", labels = { foo = "bar" } },
    spec = { containers = { { name = "whatever", image = "ubuntu:16.04", command = { "something" } } } } }

  it("takes what the parameters leave open from the full spec (O20, O21)", function()
    local it = build { full_pod_spec = full }
    assert.equal("hello", it.metadata.name)
    assert.equal("podspecnamespace", it.metadata.namespace)
    assert.equal("base", it.spec.containers[1].name) -- MRG-13
    assert.equal("ubuntu:16.04", it.spec.containers[1].image)
    assert.same({ "something" }, it.spec.containers[1].command)
    assert.equal("bar", it.metadata.labels.foo)
    it = build { full_pod_spec = full, name = "world", image = "other", labels = { hello = "world" } }
    assert.equal("world", it.metadata.name)
    assert.equal("other", it.spec.containers[1].image)
    assert.equal("bar", it.metadata.labels.foo)
    assert.equal("world", it.metadata.labels.hello)
    assert.equal("whatever", full.spec.containers[1].name) -- copied first (PAR-full_pod_spec)
  end)

  it("replaces whole, appends, or merges by key, as the field wants (MRG-3…10, O24)", function()
    local base = {
      metadata = { annotations = { a = "1" }, finalizers = { "f" } },
      spec = {
        nodeSelector = { a = "1" }, tolerations = { { key = "x" } }, volumes = { { name = "v1" } },
        initContainers = { { name = "i1" } },
        containers = {
          {
            name = "b", env = { { name = "A", value = "1" } },
            resources = { limits = { cpu = 1 }, requests = { cpu = 1 } },
          },
          { name = "side" },
        },
      },
    }
    local it = build {
      full_pod_spec = base, node_selector = { b = "2" }, tolerations = { { key = "y" } }, annotations = { b = "2" },
      volumes = { { name = "v2" } }, init_containers = { { name = "i2" } }, env_vars = { B = "2" },
      container_resources = { limits = { cpu = 2 } },
    }
    assert.same({ b = "2" }, it.spec.nodeSelector)
    assert.same({ { key = "y" } }, it.spec.tolerations)
    assert.same({ a = "1", b = "2" }, it.metadata.annotations)
    assert.same({ { name = "v1" }, { name = "v2" } }, it.spec.volumes)
    assert.same({ { name = "i1" }, { name = "i2" } }, it.spec.initContainers)
    assert.same({ { name = "A", value = "1" }, { name = "B", value = "2" } }, it.spec.containers[1].env)
    assert.same({ limits = { cpu = 2 } }, it.spec.containers[1].resources)
    assert.equal("side", it.spec.containers[2].name)
    assert.same({ "f" }, it.metadata.finalizers)
  end)

  it("tells not given from false, and null takes away (MRG-12, DR-8, O25)", function()
    local base = { spec = { hostNetwork = true, nodeSelector = { a = "1" }, containers = { { name = "b" } } } }
    assert.is_true(spec { full_pod_spec = base }.hostNetwork)
    local op = operator { full_pod_spec = base, hostnetwork = false }
    assert.is_false(manifest.build(op, context, cluster).spec.hostNetwork)
    assert.is_true(spec { full_pod_spec = base, hostnetwork = false, merge = "peer" }.hostNetwork)
    assert.is_nil(spec { full_pod_spec = base, node_selector = core.null }.nodeSelector)
  end)

  it("reads a template file, rendered (O22, PAR-pod_template_file)", function()
    local path = os.tmpname()
    local function write(text)
      local file = assert(io.open(path, "w"))
      file:write(text)
      file:close()
    end
    write("apiVersion: v1\nkind: Pod\nmetadata: {labels: {who: '{{ params.who }}'}}\nspec:\n  restartPolicy: Always\n"
      .. "  containers:\n  - {name: x, image: i}\n")
    local it = build { pod_template_file = path }
    assert.equal("you", it.metadata.labels.who)
    assert.equal("i", it.spec.containers[1].image)
    assert.equal("Never", it.spec.restartPolicy) -- BLD-13
    write("kind: Job\n")
    fails("expected a Pod, found a Job", { pod_template_file = path })
    write("kind: Pod\n---\nkind: Pod\n")
    fails("found 2 documents", { pod_template_file = path })
    write("kind: [\n")
    fails(":%d+:", { pod_template_file = path })
    os.remove(path)
    fails("pod_template_file", { pod_template_file = path }) -- O26: an error, not an empty pod
  end)

  it("refuses what the server would, by name (MRG-9, MRG-11)", function()
    fails('"v" is there twice', { volumes = { { name = "v" }, { name = "v" } } })
    fails("must be a list", {
      full_pod_spec = { spec = { volumes = { a = 1 }, containers = {} } }, volumes = { { name = "v" } },
    })
    fails('the name "base" is taken', {
      full_pod_spec = { spec = { containers = { { name = "x" }, { name = "base" } } } },
    })
  end)
end)

describe("parameters", function()
  local function wrong(pattern, given)
    local ok, err = pcall(operator, given)
    assert.is_false(ok)
    assert.truthy(tostring(err):find(pattern), tostring(err))
  end
  it("are checked at definition, with the nearest name and an example (S43)", function()
    wrong('unknown parameter "imagee"; did you mean "image"%?', { imagee = "x" })
    wrong('"image": expected an image such as "busybox:1", got the number 1', { image = 1 })
    wrong('"on_finish_action": expected .*got "delete"', { on_finish_action = "delete" })
    wrong("contradict", { is_delete_operator_pod = false, on_finish_action = "delete_pod" })
    assert.has_error(function() parameters.define { image = "x" } end)
  end)
  it("have the seed's defaults (S04, S36…S41)", function()
    local op = operator {}
    assert.is_true(op.random_name_suffix)
    assert.is_true(op.reattach_on_restart)
    assert.is_true(op.get_logs)
    assert.is_true(op.is_delete_operator_pod)
    assert.is_false(op.do_xcom_push)
    assert.equal(120, op.startup_timeout_seconds)
    assert.equal("keep_pod", operator { is_delete_operator_pod = false }.on_finish_action)
  end)
end)

describe("options of a run", function()
  local function options(given, of)
    local op = operator(given)
    return run_options.of(op, manifest.build(op, of or context, cluster), of or context, cluster)
  end
  it("look for earlier pods only where there can be some (FND-9)", function()
    assert.is_nil(options({}).find)
    local again = { dag_id = "dag", task_id = "task", run_id = "test", try_number = 1, params = {}, has_history = true }
    assert.truthy(options({ labels = { foo = "bar" } }, again).find:find("foo=bar", 1, true))
    assert.is_nil(options({ reattach_on_restart = false }, again).find)
    assert.is_nil(options({ reattach_on_restart = false }, again).attempt)
    again.try_number = 2
    assert.is_nil(options({}, again).find)
  end)
  it("name the containers to follow (LOG-1, O45, O46)", function()
    local pod = { spec = { containers = { { name = "a" }, { name = "b" } }, initContainers = { { name = "i" } } } }
    assert.same({ "base" }, options({ full_pod_spec = pod }).logs)
    assert.same({ "base", "b" }, options({ full_pod_spec = pod, container_logs = true, do_xcom_push = true }).logs)
    assert.same({ "i", "base", "b" },
      options({ full_pod_spec = pod, container_logs = { "b", "base" }, init_container_logs = "i" }).logs)
    assert.same({}, options({ get_logs = false }).logs)
    assert.same({ "base" }, options({ container_logs = { "base", "nobody" } }).logs)
  end)
end)

describe("a field that the server refuses", function()
  local origins = require "lunapod.origins"
  local op = {
    affinity = { nodeAffinty = {} }, volumes = { { name = "v" } }, labels = { a = "b" },
    container_security_context = { privileged = true },
    full_pod_spec = { spec = { colour = "red", containers = { { fo = 1 }, { image = "x", odd = 1 } } } },
  }
  it("is told with the parameter that it came from", function()
    assert.equal("affinity", origins.of(op, "spec.affinity.nodeAffinty"))
    assert.equal("volumes", origins.of(op, "spec.volumes[1].name"))
    assert.equal("full_pod_spec", origins.of(op, "spec.colour"))
    assert.equal("full_pod_spec", origins.of(op, "spec.containers[0].fo"))
    assert.equal("full_pod_spec", origins.of(op, "spec.containers[1].odd"))
    assert.equal("labels", origins.of(op, "metadata.labels"))
    assert.equal("container_security_context", origins.of(op, "spec.containers[0].securityContext.privileged"))
  end)
  it("is told without one when that cannot be known", function()
    assert.is_nil(origins.of(op, "spec.tolerations[0].key"))
    assert.is_nil(origins.of(op, "spec.containers[1].securityContext.privileged"))
    assert.is_nil(origins.of({ image = "x" }, "spec.imagePullSecrets"))
  end)
  it("is found in the server's messages, each once", function()
    assert.equal('; spec.colour comes from the parameter "full_pod_spec"; spec.affinity.nodeAffinty comes from the '
      .. 'parameter "affinity"', origins.explain(op, 'Pod in version "v1" cannot be handled as a Pod: strict decoding '
      .. 'error: unknown field "spec.affinity.nodeAffinty", unknown field "spec.colour", unknown field "spec.colour"')
      :gsub("^(; spec.affinity[^;]*)(.*)$", "%2%1"))
    assert.equal('; spec.volumes[0].name comes from the parameter "volumes"',
      origins.explain(op, 'Pod "t" is invalid: spec.volumes[0].name: Duplicate value: "v"'))
    assert.equal('; metadata.labels comes from the parameter "labels"', origins.explain(op, "json: cannot unmarshal "
      .. "number into Go struct field ObjectMeta.metadata.labels of type string"))
    assert.equal("", origins.explain(op, 'pods "t" is forbidden: no PriorityClass with name high was found'))
  end)
end)
