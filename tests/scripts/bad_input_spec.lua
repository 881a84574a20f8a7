-- Bad input that is noticed before any server is asked: one clear message on standard error's first line, the right
-- exit status, on every Lua (issue's "Bad input"; K, PAR, TPL-8, S43, design §4 and §6).
local program = (os.getenv "LUA" or "lua") .. " scripts/bin/lunapod"

local files = {}
local function file(text)
  local path = os.tmpname()
  files[#files + 1] = path
  local handle = assert(io.open(path, "w"))
  handle:write(text)
  handle:close()
  return path
end

--- Runs the program: its status, standard output, and standard error.
local function run(words, kubeconfig)
  local out, err, status = os.tmpname(), os.tmpname(), os.tmpname()
  local env = "env -u LUNAPOD_RUN_ID -u LUNAPOD_NAMESPACE -u KUBERNETES_SERVICE_HOST "
    .. (kubeconfig and "KUBECONFIG=" .. kubeconfig or "-u KUBECONFIG") .. " HOME=/nonexistent LUNAPOD_INSTANCE=spec "
  os.execute(("%s %s %s >%s 2>%s </dev/null; echo $? >%s"):format(env, program, words, out, err, status))
  local texts = {}
  for i, path in ipairs { out, err, status } do
    local handle = assert(io.open(path, "rb"))
    texts[i] = handle:read "*a"
    handle:close()
    os.remove(path)
  end
  return tonumber(texts[3]), texts[1], texts[2]
end

--- The first line of standard error of a script that must end with this status and print nothing.
local function refused(status, script, kubeconfig, words)
  local got, out, err = run("run " .. script .. " " .. (words or ""), kubeconfig)
  assert.equal(status, got, err)
  assert.equal("", out)
  return err:match "^(lunapod: [^\n]*)\n" or error("no message: " .. err)
end

local function says(line, ...)
  for _, part in ipairs { ... } do assert.truthy(line:find(part, 1, true), part .. " is not in: " .. line) end
end

local function task(parameters)
  local head = 'local lunapod = require "lunapod"\nlunapod.task { task_id = "t", image = "busybox:1",\n'
  return file(head .. parameters .. " }:execute()\n")
end

local GOOD = [[
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
contexts: [{name: good, context: {cluster: c, user: u}}, {name: lame, context: {cluster: none, user: u}}]
current-context: good
]]

describe("bad input", function()
  teardown(function()
    for _, path in ipairs(files) do os.remove(path) end
  end)

  describe("of the kubeconfig:", function()
    it("there is none (ACC-1)", function()
      local line = refused(1, task "")
      says(line, "kubeconfig")
    end)
    it("it is not there: its path is named (K)", function()
      says(refused(1, task "", "/no/such/kubeconfig"), "/no/such/kubeconfig", "No such file or directory")
    end)
    it("its syntax is wrong: file and line are named (K)", function()
      local path = file "apiVersion: v1\nkind: Config\nclusters: [\n- {{\n"
      local line = refused(1, task "", path)
      says(line, path .. ":")
      assert.truthy(line:find ":%d+", line)
    end)
    it("a context that is unknown: the known ones are named (K, X58)", function()
      says(refused(1, task "", file(GOOD), "--context goood"), "goood", "good")
    end)
    it("a context that names an unknown cluster (X58)", function()
      says(refused(1, task "", file(GOOD), "--context lame"), "lame", "none")
    end)
    it("a certificate file that is missing (X58)", function()
      local path = file((GOOD:gsub("server: \"http:", "certificate-authority: /no/such/ca.crt, server: \"https:")))
      says(refused(1, task "", path), "/no/such/ca.crt")
    end)
  end)

  describe("of a task:", function()
    it("a parameter's name is unknown: the nearest one is suggested, with the script's line (S43)", function()
      local script = task 'imge = "x"'
      says(refused(2, script), script .. ":2: ", 'unknown parameter "imge"', 'did you mean "image"?')
    end)
    it("a parameter has a wrong type: what is expected, and what was found (PAR)", function()
      says(refused(2, task 'retries = "three"'), 'parameter "retries"', "expected a whole number", 'the text "three"')
      says(refused(2, task 'cmds = "sh -c true"', file(GOOD)), "cmds")
      says(refused(2, task 'on_finish_action = "burn"'), 'parameter "on_finish_action"', '"keep_pod"', 'got "burn"')
    end)
    it("a template is wrong: field, line, column and the text (TPL-8)", function()
      says(refused(2, task 'arguments = { "echo\\n{{ 1 + }}" }', file(GOOD)), "arguments[1]:2:")
      says(refused(2, task 'arguments = { "{{ params.missing }}" }', file(GOOD)), "arguments[1]:1:", "missing")
      says(refused(2, task 'env_vars = { A = "{{ nothing | upper }}" }', file(GOOD)), "env_vars", "nothing")
    end)
  end)

  describe("of a pod:", function()
    local function of(parameters, ...) says(refused(2, task(parameters), file(GOOD)), ...) end

    it("a name that is not legal (NAM-1, S03)", function()
      of('name = "no spaces here"', 'parameter "name": "no spaces here"', "expected letters, digits")
      of(('name = %q'):format(("a"):rep(221)), 'parameter "name"', "at most 220 characters, got 221")
      of('name = "---", random_name_suffix = false', 'the pod\'s name "---"', "a letter or digit at both ends")
      of('name = "_"', "the pod's name", "a letter or digit at both ends")
      of('full_pod_spec = { metadata = { name = "Odd_Name" } }', '"Odd_Name", of the template or full spec',
        "lower-case")
      of('task_id = "日本"', "no pod name can be made of it")
    end)
    it("a template file that is missing, or not one Pod (PAR-pod_template_file)", function()
      local function template(text) return ("pod_template_file = %q"):format(file(text)) end
      of('pod_template_file = "/no/such/pod.yaml"', 'parameter "pod_template_file"', "/no/such/pod.yaml: No such file")
      of('pod_template_file = "/"', 'parameter "pod_template_file"', "cannot be read")
      of(template "kind: Job\n", "expected a Pod, found a Job")
      of(template "kind: Pod\n---\nkind: Pod\n", "expected exactly one Pod, found 2 documents")
      of(template "", "expected exactly one Pod, found 0 documents")
      of(template "- a\n- b\n", "expected a Pod, found a list")
      of(template "just text\n", "expected a Pod, found string")
      of(template "kind: [\n", ":2:")
      of(template "kind: Pod\nspec: 5\n", "spec: must be a map, got number")
      of(template "kind: Pod\nspec: {containers: {name: x}}\n", "spec.containers: must be a list, got a map")
      of(template "kind: Pod\nspec: {containers: [x]}\n", "spec.containers[0]: must be a map, got string")
      of(template "kind: Pod\nmetadata: {resourceVersion: '7'}\n", "metadata.resourceVersion is the cluster's to give")
      of('full_pod_spec = { kind = "Job" }', 'parameter "full_pod_spec": expected a Pod, found a Job')
      of('pod_template_dict = { { kind = "Pod" } }', 'parameter "pod_template_dict": expected a Pod, found a list')
    end)
    it("two containers or volumes of one name (MRG-9, MRG-13)", function()
      of('full_pod_spec = { spec = { containers = { { name = "x" }, { name = "base" } } } }',
        'spec.containers[1]: the name "base" is taken by spec.containers[0], the task\'s container')
      of('init_containers = { { name = "base" } }', '"base" is taken by spec.initContainers[0]')
      of('volumes = { { name = "v" }, { name = "v" } }', 'spec.volumes: "v" is there twice')
    end)
    it("a secret that says too little (PAR-secrets)", function()
      of('secrets = { { deploy_type = "volume", secret = "s" } }', "a volume needs deploy_target")
      of('secrets = { { deploy_type = "env", secret = "s", key = "k" } }', "key is given without deploy_target")
      of('secrets = { { deploy_type = "env", deploy_target = "A", secret = "s" } }', "without key")
      of('secrets = { { deploy_type = "disk", secret = "s" } }', '"env" or "volume", got "disk"')
      of('secrets = { { deploy_type = "env" } }', "secret (its name) is not given")
      of('secrets = { "s" }', 'parameter "secrets"[1]: expected lunapod.Secret { … }, got string')
      of('secrets = { deploy_type = "env", secret = "s" }', 'parameter "secrets": expected a list', "got a map")
      of('secrets = { { deploy_type = "env", secert = "s" } }', 'unknown option "secert" (did you mean "secret"?)')
    end)
    it("labels and annotations that are not legal (PAR-labels, R10)", function()
      of('labels = { team = "a b" }', 'parameter "labels"["team"]', 'got "a b"')
      of('labels = { ["a b"] = "x" }', 'parameter "labels"["a b"]', "expected a key")
      of('labels = { ["UPPER.org/a"] = "x" }', "the part before the slash is not a domain name")
      of('labels = { team = {} }', 'parameter "labels["team"]": expected a text, got table')
      of('full_pod_spec = { metadata = { labels = { team = "a b" } } }', 'metadata.labels["team"]', 'got "a b"')
      of('annotations = { ["a b"] = "x" }', 'parameter "annotations"["a b"]', "expected a key")
      of('annotations = { big = ("x"):rep(262144) }', "annotations: 262147 bytes in all, expected at most 262144")
    end)
    it("values that are not what a field takes (PAR)", function()
      of('arguments = { "a", {} }', 'parameter "arguments[2]": expected a text, got table')
      of('arguments = { "a", x = "b" }', 'parameter "arguments": is a list and has the named member "x", too')
      of('env_vars = { A = {} }', '"env_vars.A": "A" has neither value nor valueFrom')
      of('env_vars = { A = lunapod.null }', 'parameter "env_vars.A": expected a text, a number or a boolean, got null')
      of('resources = { request_disk = "1Gi" }', 'unknown key "request_disk"')
      of('resources = { request_memory = true }', '"request_memory": expected an amount such as "64Mi", got boolean')
      of('ports = { { "http", "eighty" } }', 'parameter "ports[1]": expected a number as containerPort, got string')
      of('volumes = { "v" }', 'parameter "volumes[1]": expected a map, got the text "v"')
      of('pod_runtime_info_envs = { { "A" } }', 'expected a pair such as { "POD_IP", "status.podIP" }')
      of('labels = "{{ ds }}"', 'parameter "labels": expected a map such as', "got the text")
    end)
    it("values that conflict (DEL-2, ACC-2, RES-8)", function()
      of('is_delete_operator_pod = true, on_finish_action = "keep_pod"', "contradict each other")
      of('resources = { limit_cpu = 1 }, container_resources = { limits = { cpu = 2 } }', "two names of one thing")
      of('result_from = "termination_message", result_max = 5000', "carries at most 4096 bytes, and result_max is 5000")
      of('api_retry_wait_min = 5, api_retry_wait_max = 1', "api_retry_wait_min is 5, more than api_retry_wait_max, 1")
      of('in_cluster = true, config_file = "x"', "in_cluster = true and config_file exclude each other")
    end)
    it("in_cluster outside of a cluster (ACC-1)", function()
      says(refused(1, task "in_cluster = true", file(GOOD)), "not inside a cluster", "KUBERNETES_SERVICE_HOST")
    end)
  end)

  describe("of the script:", function()
    it("its syntax is wrong: file and line", function()
      local script = file "local x = 1\nlocal y = = 2\n"
      says(refused(2, script), script .. ":2:")
    end)
    it("it is not there", function() says(refused(2, "no-such-script.lua"), "no-such-script.lua") end)
    it("it raises something that is no error of lunapod", function()
      local script = file "\nerror 'my own'\n"
      says(refused(2, script), script .. ":2: my own")
    end)
  end)

  describe("of the command line:", function()
    it("a parameter without a value, and one that is not JSON", function()
      says(refused(2, task "", nil, "-p nothing"), "-p nothing", "KEY=TEXT")
      says(refused(2, task "", nil, "-p 'k:={'"), "k:={", "not JSON")
    end)
  end)

  it("waiting in pcall on Lua 5.1 is refused before anything is sent; lunapod.pcall is named (design §4)", function()
    local script = file [[
      local lunapod = require "lunapod"
      local task = lunapod.task { task_id = "t", image = "busybox:1" }
      print(select(2, pcall(task.execute, task)))
    ]]
    local status, out = run("run " .. script) -- without a kubeconfig, which is noticed next
    assert.equal(0, status)
    if _VERSION == "Lua 5.1" and not rawget(_G, "jit") then
      says(out, "cannot wait inside pcall", "lunapod.pcall")
    else
      says(out, "no kubeconfig")
    end
  end)
end)
