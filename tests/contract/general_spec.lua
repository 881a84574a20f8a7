-- The seed's rows 60 to 66: the errors, the rules that hold for all parameters, the documentation, and what the page
-- says of itself.
local cjson = require "cjson"
local pods = require "contract.pods"
local support = require "cluster.specs.support"

local succeeded, says, container = pods.succeeded, pods.says, pods.container

--- The first line of the reference that is about this row of the contract, as its columns.
local function documented(text, row)
  for line in text:gmatch "[^\n]+" do
    if line:find("%f[%w]" .. row .. "%f[%W]") and line:sub(1, 1) == "|" then
      local columns = {}
      for column in line:gmatch "|%s*([^|]-)%s*%f[|]" do columns[#columns + 1] = column end
      return columns
    end
  end
end

describe("the contract: errors and general rules", function()
  local group = pods.group()

  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end)

  it("S60 PodReattachFailure: a pod that was to be taken up and is gone is an error of that name", function()
    local text = [[
      local given = defaults { arguments = { "echo up; sleep " .. nap } }
      local context = { dag_id = "reattaching", run_id = "vanishing" }
    ]]
    local first = pods.start("local nap = 600\n" .. text .. "lunapod.KubernetesPodOperator(given):execute(context)")
    first:until_said "up"
    first:signal "KILL"
    first:wait()
    local result = pods.program("local nap = 0\n" .. text .. [[
      local Late = lunapod.KubernetesPodOperator:extend { find_pod = function(self, ...)
        local pod = lunapod.KubernetesPodOperator.find_pod(self, ...)
        show(pod and "found" or "not found")
        if pod then
          self:client():delete("pods", pod.metadata.name, { grace = 0, uid = pod.metadata.uid })
          repeat local there = self:client():get("pods", pod.metadata.name) until not there
        end
        return pod
      end }
      local ok, err = lunapod.pcall(function() Late(given):execute(context) end)
      show(ok, not ok and err.reason, not ok and err.outcome.state)
    ]])
    assert.equal("found\nfalse\tPodReattachFailure\tlost\n", result.out)
  end)

  local layers = support.file([[
apiVersion: v1
kind: Pod
metadata: {labels: {a: file, b: file, c: file}}
spec:
  hostname: file
  subdomain: file
  nodeSelector: {"no/such": label}
  containers:
  - name: base
    image: absent.invalid/none:1
    env: [{name: A, value: file}, {name: B, value: file}, {name: C, value: file}]
]], "layers.yaml")
  local layered = group:task(([[pod_template_file = "%s",
    full_pod_spec = { metadata = { labels = { b = "spec", c = "spec" } }, spec = {
      subdomain = "spec", hostname = "spec",
      nodeSelector = {}, containers = { { name = "x", image = "absent.invalid/none:2", env = {
        { name = "B", value = "spec" }, { name = "C", value = "spec" } } } } } },
    labels = { c = "own" }, hostname = "own", env_vars = { C = "own" },
    arguments = { "echo $A $B $C $(hostname)" } ]]):format(layers))

  it("S61 precedence: parameter over full pod spec over template file", function()
    assert.equal("file spec own own\n", succeeded(layered()).log)
    local pod = layered().pod
    assert.equal("spec", pod.spec.subdomain)
    local labels = pod.metadata.labels
    assert.same({ "file", "spec", "own" }, { labels.a, labels.b, labels.c })
  end)

  support.file('{"apiVersion":"v1","kind":"Pod","metadata":{"annotations":{"of":"{{ params.word }}"}},'
    .. '"spec":{"containers":[{"name":"base"}]}}', "word.json")
  local eight = group:task(([[image = "{{ params.image }}", cmds = { "{{ params.shell }}", "-c" },
    arguments = { "echo {{ params.word }} $WORD $LIST" }, env_vars = "{{ params.env }}",
    labels = { word = "{{ params.word }}" }, namespace = "{{ params.namespace }}",
    config_file = "%s/{{ params.config }}", pod_template_file = "%s/{{ params.word }}.json"]])
    :format((os.getenv "KUBECONFIG"):match "^(.*)/", support.folder),
    [[params = { image = "busybox:1", shell = "sh", word = "word", env = { WORD = "{not} rendered", LIST = 7 },
      namespace = "default", config = "token" }]])

  it("S62 templating: the eight fields are rendered, with the context, before they are converted", function()
    assert.equal("word {not} rendered 7\n", succeeded(eight()).log)
    local pod = eight().pod
    assert.equal("busybox:1", container(eight()).image)
    assert.equal("sh", container(eight()).command[1])
    assert.equal("word", pod.metadata.labels.word)
    assert.equal("word", pod.metadata.annotations.of) -- and so the path and the content
    assert.equal("default", pod.metadata.namespace)
  end)

  local failing = group:task [[arguments = { "echo the disk is full >/dev/termination-log; exit 28" }]]
  local with_events = group:task [[log_events_on_failure = true, arguments = { "exit 29" }]]

  it("S63 the error of a failed task tells the pod's last status, and its events when S39 is on", function()
    local first = failing().error:match "^[^\n]*"
    says("Pod " .. failing().name .. " returned a failure.", first)
    says("exit code 28", first)
    says("class user", first)
    says("the disk is full", failing().error)
    says("container base: terminated, exit code 28, Error", failing().error)
    says("Started", with_events().error)
    says("exit code 29", with_events().error)
  end)

  it("S64 documentation: each parameter with type, default and an example that works; attributes, methods", function()
    local text = support.read(support.root .. "/docs/parameters.md")
    local missing, examples = {}, {}
    for number = 1, 43 do
      local row = ("S%02d"):format(number)
      local columns = documented(text, row)
      local example = columns and table.concat(columns, " "):match "<br>`([^`]*=[^`]*)`"
      if not columns or not example or columns[3] == "" or columns[4] == "" then
        missing[#missing + 1] = row
      else
        examples[#examples + 1] = ("try(%q, function() return { %s } end)\n"):format(row, example)
      end
    end
    assert.equal("", table.concat(missing, " "))
    local result = pods.program([[
      local function try(row, given)
        local ok, err = lunapod.pcall(function()
          local parameters = given()
          parameters.task_id = "task"
          return lunapod.KubernetesPodOperator(parameters)
        end)
        if not ok then show(row, err) end
      end
    ]] .. table.concat(examples))
    assert.equal("", result.out)
    local guide = support.read(support.root .. "/docs/author.md")
    for _, name in ipairs { "BASE_CONTAINER_NAME", "POD_CHECKED_KEY", "template_fields", "pod_manager", "client",
      "find_pod", "get_or_create_pod", "await_pod_start", "extract_xcom", "execute", "cleanup", "process_pod_deletion",
      "patch_already_checked", "on_kill", "build_pod_request_obj", "dry_run", "PodReattachFailure" } do
      if not guide:find(name, 1, true) then missing[#missing + 1] = name end
    end
    assert.equal("", table.concat(missing, " "))
  end)

  it("S65 KubernetesPodOperator: a definition is a task in one pod; composed, retried, subclassed; a guide", function()
    local result = pods.program [[
      local Greeter = lunapod.KubernetesPodOperator:extend {
        image = "busybox:1", cmds = { "sh", "-c" }, termination_grace_period = 1, do_xcom_push = true,
        retry_delay = 0.1,
        greeting = function() return "hello" end,
        execute = function(self, context)
          return self:greeting() .. " " .. lunapod.KubernetesPodOperator.execute(self, context)
        end,
      }
      local Polite = Greeter:extend { greeting = function() return "good day" end, retries = 1 }
      local first = Polite { task_id = "first", arguments = {
        "[ {{ try_number }} = 2 ] && echo '\"{{ params.name }}\"' > /airflow/xcom/return.json" } }
      local said = first:execute { params = { name = "ann" } }
      local second = Greeter { task_id = "second", arguments = {
        "echo '\"{{ ti.xcom_pull(task_ids='first') }} and {{ params.said }}\"' > /airflow/xcom/return.json" } }
      show(said)
      show(second:execute { params = { said = said } })
      show(lunapod.task == lunapod.KubernetesPodOperator)
    ]]
    assert.equal("good day ann\nhello ann and good day ann\ntrue\n", result.out)
    assert.not_equal("", support.read(support.root .. "/docs/author.md"))
  end)

  it("S66 a managed cluster: the kubeconfig's credential plugin is all there is to configure", function()
    local admin = cjson.decode((assert(support.kubectl { "config", "view", "--raw", "-o", "json" })))
    local token = support.read(((os.getenv "KUBECONFIG"):gsub("[^/]*$", "token"))):match "token: \"?([^\"}%s]+)"
    assert.truthy(token)
    local plugin = support.file(([[#!/bin/sh
echo called $CLUSTER_NAME >>%s/calls
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s"}}'
]]):format(support.folder, token), "plugin")
    os.execute("chmod 755 " .. support.quote(plugin))
    local config = support.file(cjson.encode { apiVersion = "v1", kind = "Config", clusters = admin.clusters,
      users = { { name = "managed", user = { exec = { apiVersion = "client.authentication.k8s.io/v1", command = plugin,
        interactiveMode = "Never", env = { { name = "CLUSTER_NAME", value = "mine" } } } } } },
      contexts = { { name = "managed", context = { cluster = admin.clusters[1].name, user = "managed" } } },
      ["current-context"] = "managed" }, "managed")
    local result = pods.program([[
      local op = task { do_xcom_push = true, arguments = { "echo 1 > /airflow/xcom/return.json" } }
      for _ = 1, 2 do show((op:execute())) end
    ]], { env = { KUBECONFIG = config } })
    assert.equal("1\n1\n", result.out)
    assert.equal("called mine\n", support.read(support.folder .. "/calls")) -- asked once for both
  end)
end)
