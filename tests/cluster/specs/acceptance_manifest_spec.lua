-- Acceptance, manifest (O01 to O19): parameters as the API server keeps them, and as a running pod sees them. Where one
-- life can show it the pod is created, all of them in one program at once; where a pod cannot run here (another
-- runtime, a processor of a kind that is not there, an image to be pulled) the server checks the manifest and creates
-- nothing.
local support = require "cluster.specs.support"

local function container(pod) return pod.spec.containers[1] end

--- Every field of `expected` is in `found`; the server adds others.
local function has(expected, found, path)
  path = path or "pod"
  if type(expected) ~= "table" then return assert.equal(expected, found, path) end
  if type(found) ~= "table" then error(path .. " is " .. tostring(found)) end
  for key, value in pairs(expected) do has(value, found[key], path .. "." .. tostring(key)) end
end

describe("manifest:", function()
  local seen, result
  local s = support.instance:gsub("spec%-", "s")
  local kept = {
    { "secret", "generic", s, "--from-literal=k=value-of-k", "--from-literal=WHOLE=all-of-it" },
    { "priorityclass", s, "--value=1000" },
  }

  setup(function()
    for _, words in ipairs(kept) do
      table.insert(words, 1, "create")
      assert(support.kubectl(words))
    end
    assert(support.kubectl({ "create", "-f", "-" }, ([[
{apiVersion: node.k8s.io/v1, kind: RuntimeClass, metadata: {name: gvisor-%s}, handler: gvisor}
---
{apiVersion: v1, kind: PersistentVolume, metadata: {name: %s}, spec: {capacity: {storage: 1Mi},
  accessModes: [ReadWriteOnce], storageClassName: "", persistentVolumeReclaimPolicy: Retain,
  claimRef: {namespace: default, name: %s}, hostPath: {path: /run/%s, type: DirectoryOrCreate}}}
---
{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: %s}, spec: {accessModes: [ReadWriteOnce],
  storageClassName: "", volumeName: %s, resources: {requests: {storage: 1Mi}}}}
]]):format(s, s, s, s, s, s)))
    seen, result = support.report(([[
local s = "%s"
local ctx = { dag_id = "dag", task_id = "task", run_id = "test", try_number = 1 }
local function dry(name, parameters) request(name, parameters, ctx) end
local function echo(name, parameters)
  parameters.task_id = name
  parameters.arguments = parameters.arguments or { "echo runs" }
  pod(name, parameters)
end

dry("O01", { namespace = "default", image = "ubuntu", cmds = { "bash", "-cx" }, arguments = { "echo 10" },
  labels = { test_label = "x" }, without = { "termination_grace_period" } })
echo("O01-life", { cmds = { "sh", "-cx" }, arguments = { "echo 10" }, labels = { test_label = "x" } })
echo("O02", { hostnetwork = true })
echo("O02-dns", { hostnetwork = true, dnspolicy = "ClusterFirstWithHostNet" })
echo("O03", { schedulername = "default-scheduler" })
echo("O04", { node_selector = { ["beta.kubernetes.io/os"] = "linux" } })
echo("O04-plural", { node_selectors = { ["beta.kubernetes.io/os"] = "linux" } })
echo("O05", { container_resources = {
  requests = { memory = "64Mi", cpu = "250m", ["ephemeral-storage"] = "1Gi" },
  limits = { memory = "64Mi", cpu = 0.25, ["ephemeral-storage"] = "2Gi" } } })
dry("O06", { resources = { request_memory = "64Mi", limit_gpu = 1 } })
dry("O06-bad", { resources = { request_disk = "1Gi" } })
local affinity = { nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution = { nodeSelectorTerms = { {
  matchExpressions = { { key = "kubernetes.io/os", operator = "In", values = { "linux" } } } } } } } }
echo("O07", { affinity = affinity })
for i, value in ipairs { 7, "node" } do
  show("O07-bad-" .. i, { error = tostring(select(2, pcall(task, { affinity = value }))) })
end
echo("O08", { tolerations = { { key = "key", operator = "Equal", value = "value" } } })
echo("O09", { ports = { { "http", 80 }, { name = "https", containerPort = 443 } } })
echo("O10", { volumes = { { name = "test-volume", persistentVolumeClaim = { claimName = s } } },
  volume_mounts = { { name = "test-volume", mountPath = "/tmp/test_volume", readOnly = false } },
  arguments = { "echo 'retrieved from mount' >/tmp/test_volume/test.txt && cat /tmp/test_volume/test.txt" } })
echo("O11", { container_security_context = { allowPrivilegeEscalation = false } })
echo("O12", { env_vars = { { name = "ENV1", value = "val1" }, { name = "ENV2", value = "val2" },
  { name = "ENV3", valueFrom = { fieldRef = { fieldPath = "status.podIP" } } } },
  arguments = { "echo $ENV1 $ENV2 $ENV3" } })
echo("O13", { env_vars = { ENV = "value" }, arguments = { "echo is $ENV" } })
echo("O13-text", { env_vars = "{{ params.env }}", params = { env = { ENV = "value" } },
  arguments = { "echo is $ENV" } })
echo("O13-bad", { env_vars = "bad env" })
echo("O13-bad-rendered", { env_vars = "{{ params.env }}", params = { env = "bad env" } })
echo("O14-mixed", { env_vars = { { name = "A", value = "1" }, { B = "2" } } })
echo("O14-nameless", { env_vars = { { name = "A", value = "1" }, { value = "2" } } })
echo("O15-whole", { secrets = { lunapod.Secret { deploy_type = "env", secret = s } }, arguments = { "echo $WHOLE" } })
echo("O15-key", { secrets = {
  lunapod.Secret { deploy_type = "env", deploy_target = "sql_conn", secret = s, key = "k" } },
  arguments = { "echo $SQL_CONN" } })
echo("O15-files", { secrets = { lunapod.Secret { deploy_type = "volume", deploy_target = "/etc/sql", secret = s,
  items = { { key = "k", path = "below/conn" } } } },
  arguments = { "cat /etc/sql/below/conn; echo; touch /etc/sql/x || echo not written" } })
for name, given in pairs { file = { deploy_type = "file", deploy_target = "/x", secret = "s" },
  aimless = { deploy_type = "env", secret = "s", key = "k" } } do
  show("O15-" .. name, { error = tostring(select(2, pcall(lunapod.Secret, given))) })
end
echo("O16", { image_pull_secrets = "fakeSecret" })
echo("O16-two", { image_pull_secrets = "a, b," })
dry("O17", { image_pull_policy = "Always", priority_class_name = s, runtime_class_name = "gvisor-" .. s,
  termination_message_policy = "FallbackToLogsOnError", termination_grace_period = 300, active_deadline_seconds = 3 })
dry("O17-none", { without = { "termination_grace_period" } })
echo("O18", { volumes = { { name = "shared", emptyDir = {} } },
  volume_mounts = { { name = "shared", mountPath = "/shared" } }, arguments = { "cat /shared/word" },
  init_containers = { { name = "prepare", image = "busybox:1", env = { { name = "WORD", value = "from init" } },
    command = { "sh", "-c", "echo $WORD >/shared/word" },
    volumeMounts = { { name = "shared", mountPath = "/shared" } } } } })
lunapod.connections {
  other_image = { xcom_sidecar_container_image = "alpine:3.24.2" },
  hardened = { xcom_sidecar_container_security_context = { runAsUser = 1000 } },
}
local push = "echo '[1]' > /airflow/xcom/return.json"
echo("O19", { do_xcom_push = true, arguments = { push },
  volumes = { { name = "own", emptyDir = {} } }, volume_mounts = { { name = "own", mountPath = "/own" } },
  init_containers = { { name = "first", image = "busybox:1", command = { "true" } } } })
echo("O19-image", { do_xcom_push = true, arguments = { push }, kubernetes_conn_id = "other_image" })
dry("O19-connection", { do_xcom_push = true, kubernetes_conn_id = "hardened" })
dry("O19-parameter", { do_xcom_push = true, kubernetes_conn_id = "hardened",
  xcom_sidecar_container_security_context = { runAsUser = 2000 } })
dry("O19-empty", { do_xcom_push = true, kubernetes_conn_id = "hardened",
  xcom_sidecar_container_security_context = {} })
]]):format(s))
  end)
  teardown(function()
    support.kubectl { "delete", "secret/" .. s, "priorityclass/" .. s, "runtimeclass/gvisor-" .. s, "pvc/" .. s,
      "pv/" .. s, "--wait=false" }
    support.clean()
  end)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  --- The pod of a case that ran and succeeded.
  local function lived(name)
    local it = assert(seen[name], name)
    assert.equal("succeeded", it.state, tostring(it.error))
    return it.pod, it.log, it
  end
  local function checked(name)
    local it = assert(seen[name], name)
    assert.is_nil(it.error)
    return it.pod, it.built
  end
  local function refused(name, ...)
    local it = assert(seen[name], name)
    assert.is_string(it.error)
    assert.is_nil(it.pod) -- nothing was created
    local first = it.error:match "^[^\n]*"
    for _, part in ipairs { ... } do assert.truthy(first:find(part, 1, true), part .. " is not in: " .. first) end
  end

  it("O01 the whole manifest of image, command, arguments and label", function()
    local pod, built = checked "O01"
    assert.truthy(built.metadata.name:find "^task")
    built.metadata.name = nil
    local labels = built.metadata.labels
    for key in pairs(labels) do
      if key:find "^lunapod_" then labels[key] = nil end
    end
    built.spec.hostNetwork = built.spec.hostNetwork or nil
    assert.same({
      apiVersion = "v1", kind = "Pod",
      metadata = { namespace = "default", labels = { test_label = "x", dag_id = "dag", task_id = "task",
        run_id = "test", kubernetes_pod_operator = "True", try_number = "1" } },
      spec = { restartPolicy = "Never", containers = { { name = "base", image = "ubuntu", command = { "bash", "-cx" },
        args = { "echo 10" }, terminationMessagePolicy = "File" } } },
    }, built)
    has(built, pod)
    local life, log = lived "O01-life"
    assert.truthy(log:find("10\n", 1, true), log)
    assert.truthy(life.metadata.name:find "^o01%-life%-[a-z0-9]+$", life.metadata.name)
    assert.equal(8, #life.metadata.name:match "[^-]*$")
    assert.equal("x", life.metadata.labels.test_label)
  end)

  it("O02 hostnetwork, alone and with a DNS policy", function()
    local pod = lived "O02"
    assert.is_true(pod.spec.hostNetwork)
    assert.equal(pod.status.hostIP, pod.status.podIP)
    assert.equal("ClusterFirstWithHostNet", lived "O02-dns".spec.dnsPolicy)
  end)

  it("O03 schedulername", function() assert.equal("default-scheduler", lived "O03".spec.schedulerName) end)

  it("O04 node_selector, and node_selectors with a warning", function()
    for _, name in ipairs { "O04", "O04-plural" } do
      assert.same({ ["beta.kubernetes.io/os"] = "linux" }, lived(name).spec.nodeSelector)
    end
  end)
  it("O04 node_selectors is said to be deprecated", function()
    local said
    for line in result.err:gmatch "[^\n]+" do
      if line:find("node_selectors", 1, true) then said = line end
    end
    assert.is_string(said, result.err)
    assert.truthy(said:find "node_selector%f[^%w_]", said)
  end)

  it("O05 resources in API form", function()
    assert.same({ requests = { memory = "64Mi", cpu = "250m", ["ephemeral-storage"] = "1Gi" },
      limits = { memory = "64Mi", cpu = "250m", ["ephemeral-storage"] = "2Gi" } }, container(lived "O05").resources)
  end)

  it("O06 resources in the seed's form; an unknown key is named", function()
    local pod, built = checked "O06"
    assert.same({ requests = { memory = "64Mi" }, limits = { ["nvidia.com/gpu"] = 1 } }, container(built).resources)
    assert.equal("1", container(pod).resources.limits["nvidia.com/gpu"])
    refused("O06-bad", "resources", "request_disk")
  end)

  it("O07 affinity as given; another type is an error", function()
    has({ { key = "kubernetes.io/os", operator = "In", values = { "linux" } } }, lived "O07".spec.affinity.nodeAffinity
      .requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[1].matchExpressions)
    refused("O07-bad-1", "affinity", "number")
    refused("O07-bad-2", "affinity", '"node"')
  end)

  it("O08 tolerations", function()
    assert.same({ key = "key", operator = "Equal", value = "value" }, lived "O08".spec.tolerations[1])
  end)

  it("O09 a port as a pair and as a table", function()
    assert.same({ { name = "http", containerPort = 80, protocol = "TCP" },
      { name = "https", containerPort = 443, protocol = "TCP" } }, container(lived "O09").ports)
  end)

  it("O10 a claimed volume: mounted, written to and read", function()
    local pod, log = lived "O10"
    assert.equal(s, pod.spec.volumes[1].persistentVolumeClaim.claimName)
    local mount = container(pod).volumeMounts[1]
    assert.equal("/tmp/test_volume", mount.mountPath)
    assert.is_falsy(mount.readOnly)
    assert.equal("retrieved from mount\n", log)
  end)
  it("O10 readOnly = false is in the request", function()
    local built = support.report([[request("it", { volumes = { { name = "v", emptyDir = {} } },
      volume_mounts = { { name = "v", mountPath = "/v", readOnly = false } } }, { dag_id = "d", task_id = "task",
      run_id = "r" })]]).it.built
    assert.is_false(container(built).volumeMounts[1].readOnly)
  end)

  it("O11 allowPrivilegeEscalation = false is kept", function()
    assert.is_false(container(lived "O11").securityContext.allowPrivilegeEscalation)
  end)

  it("O12 environment in the order given, and the pod's address in the pod", function()
    local pod, log = lived "O12"
    local names = {}
    for i, entry in ipairs(container(pod).env) do names[i] = entry.name end
    assert.same({ "ENV1", "ENV2", "ENV3" }, names)
    assert.equal("val1 val2 " .. pod.status.podIP .. "\n", log)
  end)

  it("O13 environment as a map, and as a text that renders to one; another text is an error", function()
    for _, name in ipairs { "O13", "O13-text" } do
      local pod, log = lived(name)
      assert.same({ { name = "ENV", value = "value" } }, container(pod).env)
      assert.equal("is value\n", log)
    end
    refused("O13-bad", "env_vars")
    refused("O13-bad-rendered", "env_vars")
  end)

  it("O14 a list of mixed entries, and one without a name: errors that name the index", function()
    refused("O14-mixed", "env_vars", "[2]")
    refused("O14-nameless", "env_vars", "[2]")
  end)

  it("O15 secrets as variables and files; wrong descriptors", function()
    local pod, log = lived "O15-whole"
    assert.equal(s, container(pod).envFrom[1].secretRef.name)
    assert.equal("all-of-it\n", log)
    pod, log = lived "O15-key"
    assert.same({ { name = "SQL_CONN", valueFrom = { secretKeyRef = { name = s, key = "k" } } } }, container(pod).env)
    assert.equal("value-of-k\n", log)
    pod, log = lived "O15-files"
    assert.same({ { key = "k", path = "below/conn" } }, pod.spec.volumes[1].secret.items)
    has({ mountPath = "/etc/sql", readOnly = true }, container(pod).volumeMounts[1])
    assert.truthy(log:find("value-of-k\n", 1, true) and log:find("not written\n", 1, true), log)
    refused("O15-file", '"file"')
    refused("O15-aimless", "deploy_target")
  end)

  it("O16 pull secrets: one, and several with blanks and a comma too many", function()
    assert.same({ { name = "fakeSecret" } }, lived "O16".spec.imagePullSecrets)
    assert.same({ { name = "a" }, { name = "b" } }, lived "O16-two".spec.imagePullSecrets)
  end)

  it("O17 policies, classes and times in their places; absent when not given", function()
    local pod = checked "O17"
    has({ priorityClassName = s, runtimeClassName = "gvisor-" .. s, terminationGracePeriodSeconds = 300,
      activeDeadlineSeconds = 3, containers = { { imagePullPolicy = "Always",
        terminationMessagePolicy = "FallbackToLogsOnError" } } }, pod.spec)
    local _, built = checked "O17-none"
    for _, field in ipairs { "priorityClassName", "runtimeClassName", "terminationGracePeriodSeconds",
      "activeDeadlineSeconds" } do assert.is_nil(built.spec[field], field) end
    assert.is_nil(container(built).imagePullPolicy)
    assert.equal("File", container(built).terminationMessagePolicy)
  end)

  it("O18 an init container with its own environment, mount and command runs first", function()
    local pod, log = lived "O18"
    has({ name = "prepare", env = { { name = "WORD", value = "from init" } },
      command = { "sh", "-c", "echo $WORD >/shared/word" }, volumeMounts = { { mountPath = "/shared" } } },
      pod.spec.initContainers[1])
    assert.equal("from init\n", log)
  end)

  it("O19 the result sidecar is a native one, with its volume and mount first; its image", function()
    local pod, _, outcome = lived "O19"
    assert.same({ 1 }, outcome.result)
    assert.equal("xcom", pod.spec.volumes[1].name)
    has({ name = "xcom", mountPath = "/airflow/xcom" }, container(pod).volumeMounts[1])
    local inits = pod.spec.initContainers
    assert.equal(2, #inits)
    has({ name = "airflow-xcom-sidecar", restartPolicy = "Always",
      resources = { requests = { cpu = "1m", memory = "10Mi" } },
      volumeMounts = { { name = "xcom", mountPath = "/airflow/xcom" } } }, inits[2])
    assert.is_nil(inits[2].securityContext)
    assert.truthy(inits[2].image:find "^alpine", inits[2].image)
    pod, _, outcome = lived "O19-image"
    assert.same({ 1 }, outcome.result)
    assert.equal("alpine:3.24.2", pod.spec.initContainers[1].image)
  end)

  it("O19 the sidecar's security context: the connection's, the parameter's, and an empty one", function()
    assert.same({ runAsUser = 1000 }, checked "O19-connection".spec.initContainers[1].securityContext)
    assert.same({ runAsUser = 2000 }, checked "O19-parameter".spec.initContainers[1].securityContext)
    local context = checked "O19-empty".spec.initContainers[1].securityContext
    assert.is_true(context == nil or next(context) == nil)
  end)
end)
