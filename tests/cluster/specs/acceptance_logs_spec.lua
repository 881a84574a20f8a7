-- Acceptance, logs (O40 to O48): what becomes of a container's bytes on the way to the task's log. How a stream is cut
-- into chunks, a line without a stamp and a window of silence cannot be made here: acceptance_elsewhere.lua says where
-- they are tested.
local cjson = require "cjson"
local support = require "cluster.specs.support"

--- Messages of the log records, and the records themselves.
local function log_of(records)
  local messages, logs = {}, {}
  for _, it in ipairs(records) do
    if it.kind == "log" then
      logs[#logs + 1] = it
      messages[#logs] = it.message
    end
  end
  return messages, logs
end

describe("logs:", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  it("O40 whole lines, two at once, one in two parts, an empty write, and a tail without its end", function()
    local messages = log_of(support.records(support.task [[arguments = { "echo message; printf 'message1\nmessage2\n'; "
      .. "printf first_part; sleep 0.3; printf '_second_part\n'; printf ''; sleep 0.3; printf tail" }]]))
    assert.same({ "message", "message1", "message2", "first_part_second_part", "tail" }, messages)
  end)

  it("O41 the progress callback is called once for each record, with its container, stamp and pod", function()
    local seen = support.report [[
      local calls = {}
      local before = os.time() - 120
      pod("callback", { task_id = "callback", arguments = { "echo one; echo two; sleep 0.2; echo three" },
        progress_callback = function(line, container, timestamp, pod)
          calls[#calls + 1] = { line = line, container = container, pod = pod.metadata.name,
            stamped = type(timestamp) == "number" and timestamp > before and timestamp < os.time() + 120 }
          if #calls == 3 then show("calls", calls) end
          if #calls > 3 then show("more", calls) end
        end })
    ]]
    local expected = {}
    for i, line in ipairs { "one", "two", "three" } do
      expected[i] = { line = line, container = "base", pod = seen.callback.name, stamped = true }
    end
    assert.same(expected, seen.calls)
    assert.is_nil(seen.more)
  end)

  it("O42 a container that is silent while it runs logs nothing, and is followed on", function()
    local messages = log_of(support.records(support.task [[arguments = { "echo before; sleep 4; echo after" }]]))
    assert.same({ "before", "after" }, messages)
  end)

  it("O43 no log can be read, the container ends with 0: succeeded", function()
    local name = "acceptance-" .. support.instance:sub(-12)
    finally(function()
      support.kubectl { "delete", "serviceaccount/" .. name, "role/" .. name, "rolebinding/" .. name,
        "--ignore-not-found" }
    end)
    assert(support.kubectl { "create", "serviceaccount", name })
    assert(support.kubectl { "create", "role", name, "--verb=create,get,list,watch,patch,delete", "--resource=pods" })
    assert(support.kubectl { "create", "rolebinding", name, "--role=" .. name, "--serviceaccount=default:" .. name })
    local token = assert(support.kubectl { "create", "token", name }):gsub("%s", "")
    local tree = cjson.decode((assert(support.kubectl { "config", "view", "--raw", "--flatten", "--minify", "-o",
      "json" })))
    tree.users[1].user = { token = token }
    tree.contexts[1].context.namespace = "default"
    local env = { KUBECONFIG = support.file(cjson.encode(tree), "no-logs-kubeconfig") }
    local script = support.task([[arguments = { "echo never seen; sleep 1" }]],
      "local _, outcome = task:execute() print(outcome.state)")
    local result = support.expect_status(0, support.lunapod({ "run", script }, { env = env }))
    assert.equal("succeeded\n", result.out)
    assert.is_nil(result.err:find("never seen", 1, true))
    assert.not_equal("", result.err) -- it is said
  end)

  local LEVELS = {
    { "ERROR: x", "error" }, { "[ERROR] x", "error" }, { "WARN: x", "warning" }, { "WARNING x", "warning" },
    { "FATAL: x", "critical" }, { "CRITICAL x", "critical" }, { "debug: x", "debug" }, { "[info] x", "info" },
    { "plain", "info" }, { "ERRORS: x", "info" }, { "an ERROR", "info" },
  }
  it("O44 levels from the first word; group markers pass raw", function()
    local lines = { "::group::one", "::endgroup::" }
    for i, row in ipairs(LEVELS) do lines[i + 2] = row[1] end
    local text = table.concat(lines, "\\n")
    local script = support.task(([[arguments = { "printf '%%b\\n' '%s'" }]]):format(text:gsub("\\n", "\\\\n")))
    local messages, logs = log_of((support.records(script, { words = { "-v" } })))
    assert.same(lines, messages)
    for i, row in ipairs(LEVELS) do assert.equal(row[2], logs[i + 2].level, row[1]) end
    local plain = support.expect_status(0, support.lunapod { "run", script })
    assert.truthy(plain.err:find("::group::one\n::endgroup::\n[base] ERROR: x\n", 1, true), plain.err)
  end)

  local CHOICES = { -- container_logs, the containers that are followed, a word of the error line
    { "false", {}, "false" }, { '"side"', { "side" } }, { '{ "side", "base" }', { "base", "side" } },
    { "true", { "base", "other", "side" } }, { '"no-such-container"', {}, "no-such-container" },
    { '{ "base", "no-such-container" }', { "base" }, "no-such-container" },
    { "1", {}, "1" }, { "lunapod.null", {}, "container_logs" }, { "6.8", {}, "6.8" },
  }
  describe("a choice of containers:", function()
    local seen, result
    setup(function()
      local text = { [[
        local function side(name) return { name = name, image = "busybox:1", command = { "echo", "from " .. name } } end
        local heard = {}
        local function case(name, logs)
          heard[name] = lunapod.object {}
          local ok, err = lunapod.pcall(pod, name, { task_id = name, container_logs = logs, do_xcom_push = true,
            arguments = { "echo from base; sleep 2; echo 7 > /airflow/xcom/return.json" },
            progress_callback = function(line, container) heard[name][container] = line end,
            full_pod_spec = { spec = { containers = { { name = "base" }, side "side", side "other" } } } })
          if not ok then show("refused-" .. name, tostring(err)) end
        end
      ]] }
      for i, row in ipairs(CHOICES) do text[#text + 1] = ('case("choice%d", %s)'):format(i, row[1]) end
      text[#text + 1] = [[
        run_pods()
        for name, containers in pairs(heard) do show("heard-" .. name, containers) end
      ]]
      seen, result = support.report(table.concat(text, "\n"))
    end)
    for i, row in ipairs(CHOICES) do
      it("O45 container_logs = " .. row[1], function()
        local outcome = assert(seen["choice" .. i])
        assert.equal("succeeded", outcome.state, outcome.error)
        assert.equal(7, outcome.result)
        local heard = seen["heard-choice" .. i]
        local names = {}
        for container, line in pairs(heard) do
          assert.equal("from " .. container, line)
          names[#names + 1] = container
        end
        table.sort(names)
        assert.same(row[2], names)
        if row[3] then
          local said
          for line in result.err:gmatch "[^\n]+" do
            if line:find("choice" .. i .. ": error: ", 1, true) and line:find(row[3], 1, true) then said = line end
          end
          assert.truthy(said, result.err)
        end
      end)
    end
  end)

  it("O46 init containers' logs asked for in reverse order come in the spec's order, before the main one's", function()
    local messages = log_of(support.records(support.task [[arguments = { "echo main" },
      init_container_logs = { "third", "first" }, init_containers = {
        { name = "first", image = "busybox:1", command = { "echo", "one" } },
        { name = "second", image = "busybox:1", command = { "echo", "two" } },
        { name = "third", image = "busybox:1", command = { "echo", "three" } } },]]))
    assert.same({ "one", "three", "main" }, messages)
  end)

  it("O47 bytes that are no UTF-8 are escaped, an empty line is left out", function()
    local script = support.task [[arguments = { "printf 'a\\377b\\n\\n\\nend\\n'" }]]
    assert.same({ "a\\xffb", "end" }, (log_of(support.records(script))))
    local result = support.expect_status(0, support.lunapod { "run", script })
    assert.equal(1, (result.err:find("[base] a\\xffb\n[base] end\n", 1, true)), result.err)
  end)

  it("O48 another container is followed, and the base container's end awaited; base2 is not base", function()
    local seen = support.report [[
      local lines = {}
      local function two(name, base, base2)
        pod(name, { task_id = name, container_logs = "base2", arguments = { base },
          progress_callback = function(line, container) lines[#lines + 1] = name .. " " .. container .. " " .. line end,
          full_pod_spec = { spec = { containers = { { name = "base" },
            { name = "base2", image = "busybox:1", command = { "sh", "-c", base2 } } } } } })
      end
      two("bad-side", "echo base; sleep 2", "echo side; exit 7")
      two("bad-base", "sleep 2; exit 5", "echo side")
      run_pods()
      table.sort(lines)
      show("lines", lines)
    ]]
    assert.equal("succeeded", seen["bad-side"].state, seen["bad-side"].error)
    assert.equal(0, seen["bad-side"].exit_code)
    assert.equal("failed", seen["bad-base"].state)
    assert.equal(5, seen["bad-base"].exit_code)
    assert.same({ "bad-base base2 side", "bad-side base2 side" }, seen.lines)
  end)
end)
