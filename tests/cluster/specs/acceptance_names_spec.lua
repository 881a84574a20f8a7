-- Acceptance, names, labels and namespaces (O27 to O32): pods' names and labels as the cluster has them, and the
-- namespace that each way of naming one leads to: a namespace that does not exist is named by the server's refusal.
local cjson = require "cjson"
local support = require "cluster.specs.support"

local NAMES = { -- parameters, the name without its suffix
  { [[name = "test_extra-123"]], "test-extra-123" },
  { [[task_id = ".hi.-_09HI"]], "hi-09hi" },
  { [[task_id = ("a"):rep(250)]], ("a"):rep(54) },
  { [[task_id = "90AçLbˆˆç˙ßß˜˜˙c*a"]], "90aclb-c-ssss-c-a" },
  { [[task_id = "---task.id---"]], "task-id" },
  { [[task_id = "-90Abc*&"]], "90abc" },
  { [[task_id = "a_very_reasonable_task_name"]], "a-very-reasonable-task-name" },
}
local LABELS = {
  { "manual__2016-01-01T01:00:00+01:00", "manual__2016-01-01T0100000100-da4d1ce7b" },
  { "scheduled__2022-04-01T00:00:00+00:00", "scheduled__2022-04-01T0000000000-c41de64a2" },
  { ("a"):rep(63), ("a"):rep(63) },
  { ("a"):rep(64), ("a"):rep(53) .. "-014842d48" },
  { "my group.task 1", "mygroup.task1-71aaddfee" },
  { "_lead_", "lead-04d33732b" },
  { "tâche", "tche-211852bed" },
  { "a/b", "ab-a7e861365" },
  { "", "" },
  { "---", "9efc314b6" },
}

describe("names:", function()
  local seen
  local own = support.instance:gsub("spec%-", "s")
  setup(function()
    local text = {}
    for i, row in ipairs(NAMES) do
      text[#text + 1] = ('pod("name%d", { arguments = { "true" }, %s })'):format(i, row[1])
    end
    for i, row in ipairs(LABELS) do
      text[#text + 1] = ('request("label%d", {}, { dag_id = %q, task_id = "task", run_id = "r", try_number = 1 })')
        :format(i, row[1])
    end
    text[#text + 1] = ([[
for i, name in ipairs { "name@extra", ("a"):rep(300), ("a"):rep(221) } do
  pod("bad" .. i, { name = name, arguments = { "true" } })
end
pod("exact", { task_id = "exact", random_name_suffix = false, arguments = { "true" },
  pod_template_dict = { metadata = { name = "hello-%s" }, spec = { containers = { { name = "base" } } } } })
pod("index", { task_id = "index", arguments = { "true" } }, { map_index = 10 })
pod("no-index", { task_id = "no-index", arguments = { "true" } }, { map_index = -1 })
pod("O30", { task_id = "task", labels = { foo = "bar" }, arguments = { "true" }, on_finish_action = "keep_pod" },
  { dag_id = "dag", run_id = "test" })
]]):format(own)
    seen = support.report(table.concat(text, "\n"))
  end)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  local function lived(name)
    local it = assert(seen[name], name)
    assert.equal("succeeded", it.state, tostring(it.error))
    return it.pod
  end

  -- first of all, as the other cases sweep away the pod that this one kept
  it("O30 the selector of a task's pods finds the pod, and no other task's", function()
    local pod = lived "O30"
    local naming = require "lunapod.naming"
    local selector = naming.find_selector({ dag_id = "dag", task_id = "task", run_id = "test" }, support.instance,
      { foo = "bar" })
    local plain = {}
    for part in selector:gmatch "[^,]+" do
      if not part:find "lunapod_" then plain[#plain + 1] = part end
    end
    assert.equal("dag_id=dag,foo=bar,kubernetes_pod_operator=True,run_id=test,task_id=task,already_checked!=True,"
      .. "!airflow-worker", table.concat(plain, ","))
    assert.equal(0, #support.pods(selector)) -- it was dealt with, and is marked
    assert(support.kubectl { "label", "pod", pod.metadata.name, "already_checked-" })
    local found = support.pods(selector)
    assert.equal(1, #found)
    assert.equal(pod.metadata.uid, found[1].metadata.uid)
    support.sweep()
  end)

  for i, row in ipairs(NAMES) do
    it("O27 name: " .. row[1], function()
      local name = lived("name" .. i).metadata.name
      assert.equal(row[2] .. "-", name:sub(1, -9))
      assert.truthy(name:sub(-8):find "^[a-z0-9]+$", name)
      assert.is_true(#name <= 63)
    end)
  end
  it("O27 names that cannot be are errors; a template's name without suffix is exact", function()
    for i = 1, 3 do
      assert.is_nil(seen["bad" .. i].pod)
      assert.truthy(seen["bad" .. i].error:find('parameter "name"', 1, true), seen["bad" .. i].error)
    end
    assert.equal("hello-" .. own, lived "exact".metadata.name)
  end)

  for i, row in ipairs(LABELS) do
    it(("O28 label of %q, as the server takes it"):format(row[1]), function()
      local it = seen["label" .. i]
      assert.is_nil(it.error)
      assert.equal(row[2], it.pod.metadata.labels.dag_id)
    end)
  end

  it("O29 map index 10 is a label, -1 is none", function()
    assert.equal("10", lived "index".metadata.labels.map_index)
    assert.is_nil(lived "no-index".metadata.labels.map_index)
  end)
end)

describe("namespace:", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  local TASK = [[
    lunapod.connections { named = { namespace = "of-connection", kube_config_path = os.getenv "GOOD" } }
    local template = { metadata = { namespace = "of-template" }, spec = { containers = { { name = "base" } } } }
    local spec = { metadata = { namespace = "of-full-spec" }, spec = { containers = { { name = "base" } } } }
    local function try(name, parameters)
      parameters.task_id, parameters.arguments, parameters.api_retries = name, { "true" }, 1
      pod(name, parameters)
    end
  ]]
  local function config()
    return cjson.decode((assert(support.kubectl { "config", "view", "--raw", "--flatten", "--minify", "-o", "json" })))
  end

  --- The namespace that the server says does not exist.
  local function asked_for(seen, name)
    local it = assert(seen[name], name)
    return tostring(it.error):match 'namespaces "([^"]+)" not found' or tostring(it.error)
  end

  it("O31 parameter, full spec, template, connection, the kubeconfig's context, default: the first that is given",
    function()
    local tree = config()
    tree.contexts[1].context.namespace = "of-context"
    local good = support.file(cjson.encode(tree), "namespace-kubeconfig")
    local env = { KUBECONFIG = good, GOOD = good }
    local seen = support.report(TASK .. [[
      try("all", { namespace = "of-parameter", full_pod_spec = spec, pod_template_dict = template,
        kubernetes_conn_id = "named" })
      try("parameter", { namespace = "of-parameter" })
      try("spec", { full_pod_spec = spec, pod_template_dict = template, kubernetes_conn_id = "named" })
      try("template", { pod_template_dict = template, kubernetes_conn_id = "named" })
      try("connection", { kubernetes_conn_id = "named" })
      try("context", {})
    ]], { env = env })
    assert.equal("of-parameter", asked_for(seen, "all"))
    assert.equal("of-parameter", asked_for(seen, "parameter"))
    assert.equal("of-full-spec", asked_for(seen, "spec"))
    assert.equal("of-template", asked_for(seen, "template"))
    assert.equal("of-connection", asked_for(seen, "connection"))
    assert.equal("of-context", asked_for(seen, "context"))
    tree.contexts[1].context.namespace = nil
    env.KUBECONFIG = support.file(cjson.encode(tree), "no-namespace-kubeconfig")
    assert.equal("default", support.report(TASK .. [[try("none", {})]], { env = env }).none.namespace)
  end)

  if support.cluster_program then
    it("O31 in the cluster: POD_NAMESPACE, then the service account's file", function()
      local name = "acceptance-" .. support.instance:sub(-12)
      finally(function()
        support.kubectl { "delete", "clusterrolebinding/" .. name, "serviceaccount/" .. name, "--ignore-not-found" }
      end)
      assert(support.kubectl { "create", "serviceaccount", name })
      assert(support.kubectl { "create", "clusterrolebinding", name, "--clusterrole=cluster-admin",
        "--serviceaccount=default:" .. name })
      local token = assert(support.kubectl { "create", "token", name })
      local tree = config()
      -- The folder of a pod's service account, seen by this one program alone.
      local launch = support.file(([[
set -e
mount -t tmpfs none /run
folder=/run/secrets/kubernetes.io/serviceaccount
mkdir -p $folder
printf %%s '%s' >$folder/token
printf %%s '%s' | base64 -d >$folder/ca.crt
printf %%s of-file >$folder/namespace
exec lua5.4 scripts/bin/lunapod run "$@"
]]):format(token:gsub("%s", ""), tree.clusters[1].cluster["certificate-authority-data"]), "launch.sh")
      local script = support.task [[arguments = { "true" }, api_retries = 1, in_cluster = true,]]
      local host, port = tree.clusters[1].cluster.server:match "https://([^:/]+):?(%d*)"
      local function run(pod_namespace)
        local env = { KUBECONFIG = false, KUBERNETES_SERVICE_HOST = host, KUBERNETES_SERVICE_PORT = port,
          POD_NAMESPACE = pod_namespace }
        local process = support.start({ "unshare", "--mount", "sh", launch, script }, { env = env })
        local result = support.expect_status(1, process:wait())
        return result.err:match 'namespaces "([^"]+)" not found' or result.err
      end
      assert.equal("of-environment", run "of-environment")
      assert.equal("of-file", run(false))
    end)
  end

  it("O32 a dry run with no cluster and no kubeconfig prints a manifest without identity", function()
    local script = support.task([[arguments = { "echo runs" },]], "task:dry_run()")
    local env = { KUBECONFIG = false, HOME = support.folder .. "/nobody", KUBERNETES_SERVICE_HOST = false }
    local runs = {
      support.lunapod({ "dry-run", support.task [[arguments = { "echo runs" },]] }, { env = env }),
      support.lua({ script }, { env = env }),
    }
    for _, result in ipairs(runs) do
      support.expect_status(0, result)
      local yaml = require "lunapod.core".yaml
      local pod = assert(yaml.decode(result.out))[1]
      assert.equal("Pod", pod.kind)
      assert.equal("echo runs", pod.spec.containers[1].args[1])
      local labels = pod.metadata.labels
      for _, key in ipairs { "dag_id", "task_id", "run_id", "try_number", "kubernetes_pod_operator",
        "lunapod_in_cluster", "lunapod_instance" } do assert.is_nil(labels[key], key) end
    end
  end)
end)
