-- Acceptance, reattach and create (O33, O34): who takes up the pod of an engine that died, and what is asked of the API
-- server meanwhile.
local support = require "cluster.specs.support"

describe("reattach and create:", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  local function marked(pod) return pod.metadata.labels.already_checked == "True" end

  it("O33 keep policy: the engine dies, the next start takes the pod up and fails, the third has a new pod", function()
    local script = support.task [[arguments = { "echo runs; while [ ! -e /tmp/go ]; do sleep 0.1; done; exit 1" },
      on_finish_action = "keep_pod",]]
    local words = { "run", script, "--run-id", "kept" }

    local first = support.start_lunapod(words)
    first:until_said "[base] runs\n"
    first:signal "KILL"
    first:wait()
    local pods = support.pods()
    assert.equal(1, #pods)
    assert.is_false(marked(pods[1]))
    local uid, name = pods[1].metadata.uid, pods[1].metadata.name
    assert(support.kubectl { "exec", name, "-n", pods[1].metadata.namespace, "--", "touch", "/tmp/go" })
    support.pod_that("has failed", function(pod) return pod.status.phase == "Failed" end)

    local second
    local requests = support.cluster_program and support.requests_of(function()
      second = support.expect_status(1, support.lunapod(words))
    end)
    second = second or support.expect_status(1, support.lunapod(words))
    if requests then
      assert.is_nil(requests["create pods"])
      assert.is_nil(requests["delete pods"])
    end
    assert.truthy(second.err:find("Pod " .. name .. " returned a failure. Container base: exit code 1", 1, true),
      second.err)
    pods = support.pods()
    assert.equal(1, #pods)
    assert.equal(uid, pods[1].metadata.uid)
    assert.is_true(marked(pods[1]))

    local third = support.start_lunapod(words)
    local new = support.pod_that("is new and runs", function(pod)
      return pod.metadata.uid ~= uid and pod.status.phase == "Running"
    end)
    assert.is_false(marked(new))
    assert(support.kubectl { "exec", new.metadata.name, "-n", new.metadata.namespace, "--", "touch", "/tmp/go" })
    local ended = support.expect_status(1, third:wait())
    assert.truthy(ended.err:find("Pod " .. new.metadata.name .. " returned a failure.", 1, true), ended.err)
    assert.equal(2, #support.pods())
    support.sweep() -- kept on purpose
  end)

  it("O34 an unknown namespace and an unknown service account: the API's words, and no DELETE", function()
    local function run(parameters)
      local result
      local script = support.task([[arguments = { "true" }, ]] .. parameters)
      local function body() result = support.expect_status(1, support.lunapod { "run", script }) end
      if support.cluster_program then
        local requests = support.requests_of(body)
        assert.is_nil(requests["delete pods"])
        assert.equal(1, requests["create pods"])
      else
        body()
      end
      return result.err:match "^[^\n]*"
    end
    local said = run [[namespace = "no-such-namespace",]]
    assert.truthy(said:find('namespaces "no-such-namespace" not found', 1, true), said)
    said = run [[service_account_name = "no-such-account",]]
    assert.truthy(said:find('serviceaccount "no-such-account" not found', 1, true), said)
  end)
end)
