-- Ready retry policies (RTY-2): pure functions of an outcome; what they answer, and what they refuse to be made of.
local fake = require "tests.scripts.support.fake_core"

describe("a ready retry policy", function()
  local retry, lunapod

  before_each(function()
    lunapod = fake.install()
    retry = lunapod.retry
  end)

  local function failed(fields)
    local it = { class = "user", reason = "Error", container = "base" }
    for key, value in pairs(fields or {}) do it[key] = value end
    return { state = "failed", exit_code = it.exit_code, error = it, snapshot = it.snapshot }
  end

  it("fixed: the same wait, so many times; not for what waiting does not cure (ERR-2)", function()
    local policy = retry.fixed { wait = 7, retries = 2 }
    assert.equal(7, policy(failed(), 1))
    assert.equal(7, policy(failed(), 2))
    assert.is_nil(policy(failed(), 3))
    for _, class in ipairs { "image", "config", "permission", "credential" } do
      assert.is_nil(policy(failed { class = class }, 1))
    end
    assert.equal(0, retry.fixed()(failed(), 1000))
  end)

  it("exponential: grows by the factor, up to max", function()
    local policy = retry.exponential { base = 2, factor = 3, max = 50, retries = 5 }
    local waits = {}
    for attempt = 1, 6 do waits[attempt] = policy(failed(), attempt) or "none" end
    assert.same({ 2, 6, 18, 50, 50, "none" }, waits)
    assert.equal(1024, retry.exponential()(failed(), 11))
  end)

  it("on_exit_codes: those alone, by a wait or by another policy", function()
    local policy = retry.on_exit_codes { codes = { 75, 111 }, wait = 3 }
    assert.equal(3, policy(failed { exit_code = 75 }, 1))
    assert.is_nil(policy(failed { exit_code = 1 }, 1))
    assert.is_nil(policy(failed(), 1)) -- no exit code at all
    policy = retry.on_exit_codes { codes = 75, policy = retry.exponential { base = 1 } }
    assert.equal(4, policy(failed { exit_code = 75 }, 3))
  end)

  local function out_of_memory(resources)
    local pod = { spec = { containers = { { name = "side", resources = { limits = { memory = "1Mi" } } },
      { name = "base", resources = resources } } } }
    return failed { reason = "OOMKilled", snapshot = { pod = pod } }
  end

  it("more_memory: grows what the pod had, after OOMKilled only, and no further than max", function()
    local policy = retry.more_memory { factor = 2, max = "1Gi", wait = 1 }
    local had = { requests = { memory = "64Mi", cpu = "1" }, limits = { memory = "600Mi" } }
    local answer, why = policy(out_of_memory(had), 1)
    assert.equal(1, answer.wait)
    assert.same({ requests = { memory = "128Mi", cpu = "1" }, limits = { memory = "1Gi" } },
      answer.with.container_resources)
    assert.equal("out of memory: now 1Gi", why)
    assert.is_nil(policy(out_of_memory { limits = { memory = "1Gi" } }, 1))    -- there already
    assert.is_nil(policy(out_of_memory { limits = { memory = "2048Mi" } }, 1)) -- or above: it is never made less
    assert.is_nil(policy(out_of_memory { limits = { cpu = "1" } }, 1))
    assert.is_nil(policy(out_of_memory(nil), 1))
    assert.is_nil(policy(failed { reason = "OOMKilled" }, 1))
    assert.is_nil(policy(failed(), 1))
    assert.equal("1610612736", retry.more_memory { factor = 1.5 }(out_of_memory { limits = { memory = "1Gi" } },
      1).with.container_resources.limits.memory)
  end)

  it("first: the first answer counts; false ends the asking", function()
    local asked = {}
    local function policy(name, answer)
      return function() asked[#asked + 1] = name return answer, name end
    end
    local answer, why = retry.first { policy("a"), policy("b", 4), policy("c", 5) } (failed(), 1)
    assert.same({ 4, "b", { "a", "b" } }, { answer, why, asked })
    assert.equal(false, (retry.first { policy("a", false), policy("b", 4) } (failed(), 1)))
    assert.is_nil(retry.first {} (failed(), 1))
  end)

  it("is refused at once when it is made of nonsense", function()
    for part, make in pairs {
      ['unknown option "wiat"'] = function() retry.fixed { wiat = 1 } end,
      ["expected seconds, got -1"] = function() retry.fixed { wait = -1 } end,
      ["codes is not given"] = function() retry.on_exit_codes { wait = 1 } end,
      ['max is "much"'] = function() retry.more_memory { max = "much" } end,
      ["factor is 1, expected more than 1"] = function() retry.more_memory { factor = 1 } end,
      ["policy 1: expected a function"] = function() retry.first { 5 } end,
    } do
      local ok, err = pcall(make)
      assert.is_false(ok)
      assert.truthy(tostring(err):find(part, 1, true), tostring(err))
    end
  end)

  it("drives a task: more memory for one failure, patience for another", function()
    local lives = { { exit_code = 137, reason = "OOMKilled" }, { exit_code = 75 }, {} }
    fake.pods = function() return lives[#fake.runs + 1] end
    local seen = {}
    local _, outcome = lunapod.task { task_id = "work", image = "i", resources = { limit_memory = "64Mi" },
      retry = retry.first {
        function(it) seen[#seen + 1] = it.error.reason end,
        retry.on_exit_codes { codes = 75, wait = 10 },
        retry.fixed { wait = 1, retries = 1 },
      } }:execute()
    assert.equal("succeeded", outcome.state)
    assert.equal(3, outcome.attempts)
    assert.equal(11, fake.clock)
    assert.same({ "OOMKilled", "Error" }, seen)
  end)
end)
