-- The seed's rows 1 to 8: where the pod runs, its image, name and command, and the layers below its parameters.
local pods = require "contract.pods"
local support = require "cluster.specs.support"

local succeeded, says, container = pods.succeeded, pods.says, pods.container
local other = support.instance -- a namespace of our own, by a name that nobody else has

local template_yaml = [[
apiVersion: v1
kind: Pod
metadata:
  name: from-file
  labels: {of: file, day: "{{ ds }}"}
spec:
  restartPolicy: Always
  hostname: filehost
  containers:
  - name: whatever
    image: alpine:3.20
    env:
    - {name: FROM, value: "file {{ params.word }}"}
]]

describe("the contract: identity, image, command", function()
  local group = pods.group()

  setup(function()
    assert(support.kubectl { "create", "namespace", other })
    support.eventually(60, "the namespace's service account", function()
      return support.kubectl { "get", "serviceaccount", "default", "-n", other }
    end)
  end)
  teardown(function()
    support.kubectl { "delete", "namespace", other, "--wait=false" }
    support.clean()
  end)
  after_each(function() assert.equal("", support.sweep()) end)

  local print_namespace = ([[arguments = { "echo in $NAMESPACE" },
    pod_runtime_info_envs = { { "NAMESPACE", "metadata.namespace" } }, namespace = %s]])
  local there = group:task(print_namespace:format(('"%s"'):format(other)))
  local templated = group:task(print_namespace:format '"{{ params.where }}"',
    ('params = { where = "%s" }'):format(other))
  local default = group:task(print_namespace:format "nil")
  local nowhere = group:task(print_namespace:format '"no-such-namespace"')

  it("S01 namespace: the pod runs there, templated or not; not given: the kubeconfig's, then default", function()
    for _, seen in ipairs { there, templated } do
      assert.equal("in " .. other .. "\n", succeeded(seen()).log)
      assert.equal(other, seen().pod.metadata.namespace)
    end
    assert.equal("in default\n", succeeded(default()).log)
    assert.equal("failed", nowhere().state)
    says('namespaces "no-such-namespace" not found', nowhere().error)
  end)

  local short = group:task [[image = "alpine:3.20", arguments = { "echo hi" }]]
  local elsewhere = group:task [[image = "registry.invalid:5000/team/tool:9", arguments = { "echo hi" }]]
  local full = group:task([[image = "docker.io/library/{{ params.image }}", arguments = { "echo hi" }]],
    'params = { image = "busybox:1" }')

  it("S02 image: a short name, a full address, a template; one that never comes is named", function()
    assert.equal("alpine:3.20", container(succeeded(short())).image)
    says("alpine:3.20", short().pod.status.containerStatuses[1].image)
    assert.equal("docker.io/library/busybox:1", container(succeeded(full())).image)
    assert.equal("image", elsewhere().class)
    says("registry.invalid:5000/team/tool:9", elsewhere().error)
  end)

  local named = group:task [[name = "Test_extra-123", arguments = { "hostname" }]]
  local unnamed = group:task [[task_id = "a_very_reasonable_task_name", arguments = { "hostname" }]]
  local illegal = group:task [[name = "name@extra", arguments = { "hostname" }]]
  local long = group:task [[name = ("a"):rep(220), arguments = { "hostname" }]]

  it("S03 name: the pod's name and host name are made of it, a legal one; a bad one is refused", function()
    local name = succeeded(named()).pod.metadata.name
    assert.truthy(name:find "^test%-extra%-123%-%w%w%w%w%w%w%w%w$", name)
    assert.equal(name .. "\n", named().log)
    name = succeeded(unnamed()).pod.metadata.name
    assert.truthy(name:find "^a%-very%-reasonable%-task%-name%-%w%w%w%w%w%w%w%w$", name)
    name = succeeded(long()).pod.metadata.name
    assert.equal(63, #name)
    assert.equal(name .. "\n", long().log)
    assert.is_nil(illegal().pod)
    says('"name@extra"', illegal().error)
  end)

  local exact = group:task [[name = "exactly-this", random_name_suffix = false, arguments = { "hostname" }]]
  local one = group:task [[name = "twins", arguments = { "hostname" }]]
  local two = group:task [[name = "twins", random_name_suffix = true, arguments = { "hostname" }]]

  it("S04 random_name_suffix: on, two pods of one name differ; off, the name is exactly that", function()
    assert.equal("exactly-this", succeeded(exact()).pod.metadata.name)
    assert.truthy(succeeded(one()).name:find "^twins%-%w%w%w%w%w%w%w%w$")
    assert.truthy(succeeded(two()).name:find "^twins%-%w%w%w%w%w%w%w%w$")
    assert.not_equal(one().name, two().name)
  end)

  local commanded = group:task([[cmds = { "echo", "{{ params.word }}", "two words" }]], 'params = { word = "one" }')
  local own_entry = group:task [[cmds = false]]
  local text_command = group:task [[cmds = "echo hi"]]

  it("S05 cmds: the entrypoint, rendered; not given, the image's own; a text is refused", function()
    assert.equal("one two words\n", succeeded(commanded()).log)
    assert.same({ "echo", "one", "two words" }, container(commanded()).command)
    assert.is_nil(container(succeeded(own_entry())).command) -- the image's sh, whose input is empty, ends
    says("cmds", text_command().error)
    assert.is_nil(text_command().pod)
  end)

  local argued = group:task([[arguments = { "echo \"$0 and $1\"", "{{ params.word }}", "two words" }]],
    'params = { word = "one" }')
  local only_arguments = group:task [[cmds = false, arguments = { "echo", "of", "the", "image" }]]
  local none = group:task [[cmds = { "echo", "alone" }]]
  local text_argument = group:task [[arguments = "echo hi"]]

  it("S06 arguments: the entrypoint's, rendered; not given, the image's own; a text is refused", function()
    assert.equal("one and two words\n", succeeded(argued()).log)
    assert.equal("of the image\n", succeeded(only_arguments()).log)
    assert.is_nil(container(only_arguments()).command)
    assert.equal("alone\n", succeeded(none()).log)
    assert.is_nil(container(none()).args)
    says("arguments", text_argument().error)
  end)

  local full_spec = group:task [[image = nil, cmds = false, full_pod_spec = {
    metadata = { labels = { of = "spec" }, annotations = { note = "kept" } },
    spec = { hostname = "spechost", containers = { { name = "ours", image = "alpine:3.20",
      command = { "sh", "-c", "echo $(hostname) $WORD" }, env = { { name = "WORD", value = "from the spec" } } } } },
  } ]]

  it("S07 full_pod_spec: a whole pod is the base; its first container is the task's", function()
    assert.equal("spechost from the spec\n", succeeded(full_spec()).log)
    local pod = full_spec().pod
    assert.equal("spec", pod.metadata.labels.of)
    assert.equal("kept", pod.metadata.annotations.note)
    assert.equal("base", container(full_spec()).name)
    assert.equal("Never", pod.spec.restartPolicy)
  end)

  local yaml = support.file(template_yaml, "pod-yaml.tmpl")
  local json = support.file('{"apiVersion":"v1","kind":"Pod","metadata":{"name":"from-json"},"spec":{"containers":'
    .. '[{"name":"base","image":"busybox:1","env":[{"name":"FROM","value":"json"}]}]}}', "pod.json")
  local from_yaml = group:task(([[pod_template_file = "%s/pod-{{ params.kind }}.tmpl",
    arguments = { "echo $(hostname) $FROM" }]]):format(support.folder),
    'params = { kind = "yaml", word = "rendered" }, logical_date = "2026-02-03"')
  local from_json = group:task(('pod_template_file = "%s", arguments = { "echo $FROM" }'):format(json))
  local from_nothing = group:task(('pod_template_file = "%s.gone"'):format(yaml))

  it("S08 pod_template_file: YAML or JSON is the lowest layer; path and content are rendered", function()
    assert.equal("filehost file rendered\n", succeeded(from_yaml()).log)
    local metadata = from_yaml().pod.metadata
    assert.equal("file", metadata.labels.of)
    assert.equal("2026-02-03", metadata.labels.day)
    assert.truthy(metadata.name:find "^from%-file%-%w%w%w%w%w%w%w%w$")
    assert.equal("json\n", succeeded(from_json()).log)
    says(yaml .. ".gone", from_nothing().error)
  end)
end)
