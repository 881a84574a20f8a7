-- Manifests that the server refuses: its own words, the parameter that a refused field came from, class config, exit
-- status 1, no pod (issue's "Bad input"; ERR-2, E). What is noticed before that is in tests/scripts.
local support = require "cluster.specs.support"

--- The first line of the error of a task with these parameters, which must fail with this status.
local function refused(status, parameters)
  local result = support.expect_status(status, support.lunapod { "run", support.task(parameters) })
  assert.equal("", result.out)
  return result.err:match "^(lunapod: [^\n]*)\n" or error("no message: " .. result.err)
end

local function says(line, ...)
  for _, part in ipairs { ... } do assert.truthy(line:find(part, 1, true), part .. " is not in: " .. line) end
end

describe("a manifest the server refuses:", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  it("an unknown field of the full spec", function()
    says(refused(1, [[full_pod_spec = { spec = { colour = "red", containers = { { name = "base", fo = "x" } } } },]]),
      'unknown field "spec.colour"', 'spec.colour comes from the parameter "full_pod_spec"',
      'unknown field "spec.containers[0].fo"', 'spec.containers[0].fo comes from the parameter "full_pod_spec"',
      "(class config)")
  end)

  it("an unknown field of a template file", function()
    local path = support.file("kind: Pod\nspec: {containers: [{name: base, size: big}]}\n", "sized.yaml")
    says(refused(1, ("pod_template_file = %q,"):format(path)),
      'unknown field "spec.containers[0].size"', 'comes from the parameter "pod_template_file"')
  end)

  it("an unknown field of a parameter's own value", function()
    says(refused(1, [[affinity = { nodeAffinty = {} }, volumes = { { name = "v", emtyDir = {} } },]]),
      'spec.affinity.nodeAffinty comes from the parameter "affinity"',
      'spec.volumes[0].emtyDir comes from the parameter "volumes"')
  end)

  it("a value that is not allowed", function()
    says(refused(1, [[volume_mounts = { { name = "nowhere", mountPath = "/x" } },]]),
      'Not found: "nowhere"', 'spec.containers[0].volumeMounts[0].name comes from the parameter "volume_mounts"')
    says(refused(1, [[tolerations = { { key = "k", operator = "Sometimes" } },]]),
      "Sometimes", 'spec.tolerations[0].operator comes from the parameter "tolerations"')
    says(refused(1, [[security_context = { runAsUser = "root" },]]),
      "runAsUser", 'comes from the parameter "security_context"')
  end)

  it("a service account or priority class that is not there: the server's words", function()
    says(refused(1, [[service_account_name = "nobody-here",]]), "403", '"nobody-here" not found')
    says(refused(1, [[priority_class_name = "nothing-here",]]), "403", "no PriorityClass with name nothing-here")
  end)

  it("what is noticed before anything is sent leaves no request behind", function()
    local counts = support.cluster_program and support.requests_of(function()
      says(refused(2, [[full_pod_spec = { spec = { containers = { { name = "x" }, { name = "base" } } } },]]),
        'spec.containers[1]: the name "base" is taken by spec.containers[0]')
    end) or {}
    assert.is_nil(counts["create pods"])
  end)
end)
