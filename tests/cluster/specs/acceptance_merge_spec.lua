-- Acceptance, base pod and merging (O20 to O26): full spec, template file and parameters laid over each other, in pods
-- that live in a namespace of their own where they can, else as the API server checks them.
local support = require "cluster.specs.support"

describe("merge:", function()
  local seen
  local own = support.instance:gsub("spec%-", "s")
  local namespace = "podspecnamespace-" .. own

  setup(function()
    assert(support.kubectl { "create", "namespace", namespace })
    assert(support.kubectl { "create", "serviceaccount", "hello", "-n", namespace })
    support.eventually(30, "the namespace has its service account", function()
      return support.kubectl { "get", "serviceaccount", "default", "-n", namespace }
    end)
    local template = support.file(([[
apiVersion: v1
kind: Pod
metadata:
  namespace: %s
  name: from-template
  labels: {foo: bar, both: template}
spec:
  serviceAccountName: hello
  automountServiceAccountToken: false
  affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
    {matchExpressions: [{key: kubernetes.io/os, operator: In, values: [linux]}]}]}}}
  restartPolicy: OnFailure
  containers:
  - {name: main, image: "busybox:1", imagePullPolicy: Always, command: [sh, -c, "echo from the template"]}
]]):format(namespace), "template.yaml")
    seen = support.report(([[
local namespace, template = "%s", "%s"
local ctx = { dag_id = "dag", task_id = "task", run_id = "test", try_number = 1 }
local none = { "image", "cmds" }
local function hello()
  return { metadata = { name = "hello", namespace = namespace, labels = { foo = "bar" } },
    spec = { containers = { { name = "base", image = "busybox:1", command = { "echo", "of the full spec" } } } } }
end
pod("O20-on", { task_id = "o20", full_pod_spec = hello(), without = none })
pod("O20-off", { task_id = "o20-off", full_pod_spec = hello(), without = none, random_name_suffix = false })
for _, suffix in ipairs { true, false } do
  pod("O21-" .. tostring(suffix), { task_id = "o21-" .. tostring(suffix), full_pod_spec = hello(), name = "world",
    image = "alpine:3.20", labels = { hello = "world" }, random_name_suffix = suffix, without = { "cmds" } })
end
request("O22", { pod_template_file = template, labels = { own = "x", both = "parameter" }, without = none }, ctx)
pod("O22-life", { task_id = "o22", pod_template_file = template, image_pull_policy = "IfNotPresent", without = none })
pod("O23", { task_id = "o23", params = { word = "rendered" }, init_container_logs = true, arguments = { "true" },
  pod_template_dict = { spec = { containers = { { name = "base" } }, initContainers = { { name = "first",
    image = "busybox:1", command = { "echo" }, args = { "was", "{{ params.word }}" } } } } } })
request("O24", { node_selector = { b = "2" }, tolerations = { { key = "b", operator = "Exists" } },
  labels = { both = "parameter", p = "1" }, annotations = { both = "parameter", p = "1" },
  pod_template_dict = { metadata = { labels = { both = "template", t = "1" },
      annotations = { both = "template", t = "1" } },
    spec = { nodeSelector = { a = "1" }, tolerations = { { key = "a", operator = "Exists" } },
      containers = { { name = "base" } } } } }, ctx)
local networked = { spec = { hostNetwork = true, containers = { { name = "base" } } } }
pod("O25", { task_id = "o25", arguments = { "true" }, pod_template_dict = networked, hostnetwork = false })
pod("O25-kept", { task_id = "o25-kept", arguments = { "true" }, pod_template_dict = networked })
pod("O26", { task_id = "o26", arguments = { "true" }, pod_template_file = "/no/such/template.yaml" })
]]):format(namespace, template))
  end)
  teardown(function()
    support.kubectl { "delete", "namespace", namespace, "--wait=false" }
    support.clean()
  end)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  local function lived(name)
    local it = assert(seen[name], name)
    assert.equal("succeeded", it.state, tostring(it.error))
    return it.pod, it.log
  end
  local function checked(name)
    local it = assert(seen[name], name)
    assert.is_nil(it.error)
    return it.pod
  end
  local function is_suffixed(base, name)
    assert.equal(base .. "-", name:sub(1, #base + 1))
    assert.truthy(name:sub(#base + 2):find "^[a-z0-9]+$", name)
    assert.equal(8, #name - #base - 1)
  end

  it("O20 a full spec keeps its name, namespace, image, command and labels; suffix on and off", function()
    local pod, log = lived "O20-on"
    is_suffixed("hello", pod.metadata.name)
    assert.equal("hello", lived "O20-off".metadata.name)
    assert.equal(namespace, pod.metadata.namespace)
    assert.same({ "echo", "of the full spec" }, pod.spec.containers[1].command)
    assert.equal("of the full spec\n", log)
    assert.equal("bar", pod.metadata.labels.foo)
    assert.equal("o20", pod.metadata.labels.task_id)
    assert.equal("True", pod.metadata.labels.kubernetes_pod_operator)
  end)

  it("O21 parameters over a full spec: name, image, labels of both", function()
    local pod, log = lived "O21-true"
    is_suffixed("world", pod.metadata.name)
    assert.equal("world", lived "O21-false".metadata.name)
    assert.equal(namespace, pod.metadata.namespace)
    assert.equal("alpine:3.20", pod.spec.containers[1].image)
    assert.equal("of the full spec\n", log)
    assert.equal("bar", pod.metadata.labels.foo)
    assert.equal("world", pod.metadata.labels.hello)
    assert.equal("o21-true", pod.metadata.labels.task_id)
  end)

  it("O22 a template file keeps all that parameters do not say; labels are merged; it never restarts", function()
    local pod = checked "O22"
    assert.equal(namespace, pod.metadata.namespace)
    assert.truthy(pod.metadata.name:find "^from%-template")
    assert.equal("hello", pod.spec.serviceAccountName)
    assert.is_false(pod.spec.automountServiceAccountToken)
    assert.equal("kubernetes.io/os", pod.spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution
      .nodeSelectorTerms[1].matchExpressions[1].key)
    assert.equal("Never", pod.spec.restartPolicy)
    local container = pod.spec.containers[1]
    assert.equal("base", container.name)
    assert.equal("busybox:1", container.image)
    assert.equal("Always", container.imagePullPolicy)
    local labels = pod.metadata.labels
    assert.same({ "bar", "x", "parameter", "task" }, { labels.foo, labels.own, labels.both, labels.task_id })
    local life, log = lived "O22-life"
    assert.equal("from the template\n", log)
    assert.equal("hello", life.spec.serviceAccountName)
    assert.equal("Never", life.spec.restartPolicy)
  end)

  it("O23 a template's init container is rendered before use", function()
    local pod, log = lived "O23"
    assert.same({ "was", "rendered" }, pod.spec.initContainers[1].args)
    assert.equal("was rendered\n", log)
  end)

  it("O24 maps and lists of the spec are replaced whole; labels and annotations merged by key", function()
    local pod = checked "O24"
    assert.same({ b = "2" }, pod.spec.nodeSelector)
    assert.equal("b", pod.spec.tolerations[1].key)
    for _, toleration in ipairs(pod.spec.tolerations) do assert.not_equal("a", toleration.key) end
    for _, map in ipairs { pod.metadata.labels, pod.metadata.annotations } do
      assert.same({ "parameter", "1", "1" }, { map.both, map.p, map.t })
    end
  end)

  it("O25 hostnetwork = false given takes the template's true away; not given, it stays", function()
    assert.is_falsy(lived "O25".spec.hostNetwork)
    assert.is_true(lived "O25-kept".spec.hostNetwork)
  end)

  it("O26 a template that is not there: an error naming the path, nothing created", function()
    local it = seen.O26
    assert.is_nil(it.pod)
    assert.truthy(it.error:match "^[^\n]*":find("/no/such/template.yaml", 1, true), it.error)
    assert.same({}, support.pods("task_id=o26"))
  end)
end)
