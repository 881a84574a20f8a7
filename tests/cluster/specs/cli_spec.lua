-- The command line against a cluster: options that say where a pod goes and what it carries, records, dry-run, ps,
-- clean
-- (DRY-1, DRY-2, KIL-6, design §6). What needs no cluster is in tests/scripts.
local cjson = require "cjson"
local support = require "cluster.specs.support"

local function labels_of(pod) return pod.metadata.labels or {} end

describe("lunapod", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  it("tells about itself, and refuses what it does not know with 2", function()
    local help = support.expect_status(0, support.lunapod { "--help" })
    for _, word in ipairs { "run", "dry-run", "ps", "clean", "--version", "--namespace", "--kubeconfig", "--context",
      "--instance" } do
      assert.truthy(help.out:find(word, 1, true), word)
    end
    assert.equal("", help.err)
    local run = support.expect_status(0, support.lunapod { "run", "--help" })
    for _, word in ipairs { "--param", "--flow", "--run-id", "ndjson", "Exit status" } do
      assert.truthy(run.out:find(word, 1, true), word)
    end
    assert.truthy(support.expect_status(0, support.lunapod { "--version" }).out:find "^lunapod %d+%.%d+%.%d+[%w.-]*\n$")
    for _, words in ipairs { {}, { "fly" }, { "run" }, { "run", "--sideways", "a.lua" }, { "run",
      "no-such-file.lua" } } do
      local result = support.expect_status(2, support.lunapod(words))
      assert.equal("", result.out)
      assert.truthy(result.err:find "^lunapod: ", result.err)
    end
  end)

  describe("dry-run", function()
    for _, format in ipairs { "yaml", "json" } do
      it("prints " .. format .. " that the API server accepts, without identity labels (DRY-1, DRY-2)", function()
        local result = support.expect_status(0, support.lunapod({ "dry-run", "-o", format, "examples/tasks/hello.lua" },
          { env = { KUBECONFIG = "/dev/null" } }))
        local said, why = support.kubectl({ "apply", "-f", "-", "--dry-run=server", "-o", "json" }, result.out)
        assert.truthy(said, why)
        local pod = cjson.decode(said)
        assert.equal("Pod", pod.kind)
        assert.is_nil(labels_of(pod).run_id)
        assert.is_nil(labels_of(pod).lunapod_instance)
        assert.truthy(pod.spec.containers[1].args[1]:find("$GREETING, world!", 1, true))
      end)
    end

    it("names the Secrets and ConfigMaps that the pod needs (DRY-2)", function()
      local script = support.task [[configmaps = { "settings" }, image_pull_secrets = "registry",
        secrets = { lunapod.Secret { deploy_type = "env", deploy_target = "KEY", secret = "keys", key = "one" },
          lunapod.Secret { deploy_type = "volume", deploy_target = "/certs", secret = "certs" } },]]
      local result = support.expect_status(0, support.lunapod { "dry-run", script })
      local needs = "# needs ConfigMap settings, Secret certs, Secret keys, Secret registry\n"
      assert.truthy(result.out:find(needs, 1, true), result.out)
    end)

    it("--server: the pod as the server would make it, or why it would not; nothing is made (R3)", function()
      local result = support.expect_status(0, support.lunapod { "dry-run", "--server", "-o", "json",
        support.task [[arguments = { "true" },]] })
      local pod = cjson.decode(result.out)
      assert.equal("default-scheduler", pod.spec.schedulerName)
      assert.truthy(pod.metadata.uid)
      assert.equal("", support.left())
      result = support.expect_status(1, support.lunapod { "dry-run", "--server",
        support.task [[full_pod_spec = { spec = { hostnam = "x", containers = { { name = "base" } } } },]] })
      assert.truthy(result.err:find('unknown field "spec.hostnam"', 1, true), result.err)
      assert.truthy(result.err:find('parameter "full_pod_spec"', 1, true), result.err)
    end)

    it("prints every pod of a fan-out", function()
      local result = support.expect_status(0, support.lunapod { "dry-run", "examples/tasks/fan_out.lua" })
      assert.equal(50, select(2, result.out:gsub("\nkind: Pod", "")))
      local said, why = support.kubectl({ "apply", "-f", "-", "--dry-run=server", "-o", "name" }, result.out)
      assert.truthy(said, why)
      assert.equal(50, #support.lines(said))
    end)
  end)

  it("takes namespace, flow, run id, instance and parameters from the command line (design §6, LBL)", function()
    local namespace = "spec-" .. support.instance:sub(-12)
    assert(support.kubectl { "create", "namespace", namespace })
    finally(function() support.kubectl { "delete", "namespace", namespace, "--wait=false" } end)
    support.eventually(30, "its service account", function()
      return support.kubectl { "get", "serviceaccount", "default", "-n", namespace }
    end)
    local script = support.task([[
      arguments = { "echo {{ params.text }} {{ params.list[1] + 1 }} {{ run_id }}" }, on_finish_action = "keep_pod",
    ]], [[
      task:execute()
      print(lunapod.params.text, lunapod.params.list[2], lunapod.run_id, lunapod.dag_id, arg[1], arg[2])
    ]])
    local result = support.expect_status(0, support.lunapod({ "-n", namespace, "run", script, "-p", "text=a=b", "-p",
      "list:=[1,20]",
      "--flow", "nightly", "--run-id", "2024-05-01", "--instance", support.instance .. "-b", "--", "-p", "rest" }))
    assert.equal("[base] a=b 21 2024-05-01\n", result.err)
    assert.equal("a=b\t20\t2024-05-01\tnightly\t-p\trest\n", result.out)
    local pods = support.pods("lunapod_instance=" .. support.instance .. "-b")
    assert.equal(1, #pods)
    assert.equal(namespace, pods[1].metadata.namespace)
    local labels = labels_of(pods[1])
    assert.equal("nightly", labels.dag_id)
    assert.equal("2024-05-01", labels.run_id)
    assert.equal("task", labels.task_id)
    assert.equal("True", labels.already_checked) -- DEL-1
    assert(support.kubectl { "delete", "pod", "-n", namespace, pods[1].metadata.name, "--grace-period=0", "--force" })
  end)

  it("takes kubeconfig and context from the command line", function()
    local config = assert(support.kubectl { "config", "view", "--raw", "--flatten", "--minify", "-o", "json" })
    local tree = cjson.decode(config)
    local one = tree.contexts[1]
    tree.contexts = { { name = "broken", context = { cluster = "none", user = "none" } }, { name = "good",
      context = one.context } }
    tree["current-context"] = "broken"
    local path = support.file(cjson.encode(tree), "other-kubeconfig")
    local script = support.task [[arguments = { "echo here" }]]
    local result = support.expect_status(0, support.lunapod({ "run", "--kubeconfig", path, "--context", "good",
      script },
      { env = { KUBECONFIG = "/no/such/file" } }))
    assert.equal("[base] here\n", result.err)
  end)

  it("-o ndjson: each line of standard output is a record; print goes to standard error (design §4)", function()
    local script = support.task([[arguments = {
      "echo ERROR: first; echo 'WARN second'; echo \"third \\\"quoted\\\"\"" },]],
      [[task:execute() print "from the script" io.write "written\n"]])
    local result = support.expect_status(0, support.lunapod { "run", "-o", "ndjson", script, "--flow", "f", "--run-id",
      "r" })
    local logs, kinds = {}, {}
    for _, line in ipairs(support.lines(result.out)) do
      local record = cjson.decode(line)
      assert.truthy(record.time:find "^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d%d%d%dZ$", line)
      assert.equal("f", record.dag_id)
      assert.equal("r", record.run_id)
      kinds[record.kind] = (kinds[record.kind] or 0) + 1
      if record.kind == "log" then
        assert.equal("task", record.task_id)
        assert.equal("base", record.container)
        assert.equal(1, record.try)
        logs[#logs + 1] = record.level .. " " .. record.message
      end
    end
    assert.same({ "error ERROR: first", "warning WARN second", 'info third "quoted"' }, logs) -- LOG-7
    assert.equal(1, kinds.outcome)
    assert.truthy(kinds.state)
    assert.equal("from the script\nwritten\n", result.err)
  end)

  it("-v says state changes", function()
    local result = support.expect_status(0, support.lunapod { "run", "-v", support.task [[arguments = { "echo x" }]] })
    assert.truthy(result.err:find("lunapod: task: ", 1, true), result.err)
    assert.truthy(result.err:find("succeeded", 1, true), result.err)
  end)

  it("ends with the script's own status, after its pods are gone (design §6)", function()
    local script = support.task([[arguments = { "echo runs; sleep 600" },]],
      [[local handle = task:start() handle:next_line() os.exit(7)]])
    local result = support.expect_status(7, support.lunapod { "run", script })
    assert.equal("", result.out)
    assert.equal("", support.left())
    local failing = support.file "error 'my own mistake'"
    local wrong = support.expect_status(2, support.lunapod { "run", failing })
    assert.truthy(wrong.err:find "^lunapod: [^\n]*:1: my own mistake\n", wrong.err)
  end)

  it("ps lists this installation's pods with their owners; clean deletes those of engines that ended (KIL-6)",
    function()
    local script = support.task [[arguments = { "echo runs; sleep 600" }]]
    local first = support.start_lunapod { "run", script, "--run-id", "orphan" }
    first:until_said "[base] runs"
    first:signal "KILL"
    assert.equal(9, first:wait().signal)
    local second = support.start_lunapod { "run", script, "--run-id", "owned" }
    second:until_said "[base] runs"
    -- one of another machine: its engine's lock is not in this state folder
    local elsewhere = support.start_lunapod({ "run", script, "--run-id", "elsewhere" },
      { env = { XDG_STATE_HOME = support.folder .. "/other-machine" } })
    elsewhere:until_said "[base] runs"

    local listed = support.expect_status(0, support.lunapod { "ps" })
    assert.truthy(listed.out:find "^NAME +TASK +RUN +PHASE +AGE +OWNER\n", listed.out)
    assert.truthy(listed.out:find "task%-%w+ +task +orphan +Running +%d+s +gone\n", listed.out)
    assert.truthy(listed.out:find "task%-%w+ +task +owned +Running +%d+s +alive\n", listed.out)
    assert.truthy(listed.out:find "task%-%w+ +task +elsewhere +Running +%d+s +unknown\n", listed.out)

    assert.equal("", support.expect_status(0, support.lunapod { "clean", "--older", "1h" }).out)
    local cleaned = support.expect_status(0, support.lunapod { "clean" })
    assert.truthy(cleaned.out:find '^pod "task%-%w+" deleted %(task task, %d+s old%)\n$', cleaned.out)
    assert.truthy(cleaned.err:find("1 pod of other machines left", 1, true), cleaned.err)
    support.eventually(60, "the first is gone", function() return #support.pods() == 2 end)
    assert.truthy(support.expect_status(0, support.lunapod { "clean",
      "--all" }).out:find '^pod "task%-%w+" deleted[^\n]*\n$')
    support.eventually(60, "the third is gone", function() return #support.pods() == 1 end)
    assert.equal("", support.expect_status(0, support.lunapod { "clean", "--all" }).out)
    second:signal "INT"
    support.expect_status(130, second:wait())
    support.expect_status(1, elsewhere:wait()) -- its pod was deleted by somebody else
    assert.equal("", support.left())
    support.eventually(60, "no pod is listed", function()
      return support.lunapod({ "ps" }).err:find("no pods of this installation", 1, true)
    end)
  end)
end)
