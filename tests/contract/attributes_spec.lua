-- The seed's rows 44 to 46: what a class of tasks says of itself, and what a subclass may say instead.
local pods = require "contract.pods"
local support = require "cluster.specs.support"

describe("the contract: attributes", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end)

  it("S44 BASE_CONTAINER_NAME: base, or what a subclass says; the pod's container has that name", function()
    local result = pods.program [[
      show(lunapod.KubernetesPodOperator.BASE_CONTAINER_NAME, task {}.BASE_CONTAINER_NAME)
      local Mine = lunapod.KubernetesPodOperator:extend { BASE_CONTAINER_NAME = "main" }
      show(Mine.BASE_CONTAINER_NAME, lunapod.KubernetesPodOperator.BASE_CONTAINER_NAME)
      for _, class in ipairs { lunapod.KubernetesPodOperator, Mine } do
        local _, outcome = class(defaults { arguments = { "echo said" } }):execute()
        local containers = outcome.snapshot.pod.spec.containers
        show(#containers, containers[1].name)
      end
    ]]
    assert.equal("base\tbase\nmain\tbase\n1\tbase\n1\tmain\n", result.out)
    assert.equal("[base] said\n[main] said\n", result.err)
  end)

  it("S45 POD_CHECKED_KEY: already_checked, the label of a pod whose end was dealt with", function()
    local result = pods.program [[
      show(lunapod.KubernetesPodOperator.POD_CHECKED_KEY)
      local op = task { is_delete_operator_pod = false, arguments = { "true" } }
      show(op.POD_CHECKED_KEY)
      local _, first = op:execute { dag_id = "checking", run_id = "checked" }
      show(first.pod.name)
    ]]
    local name = result.out:match "^already_checked\nalready_checked\n([^\n]+)\n$"
    assert.truthy(name, result.out)
    local kept = pods.live()
    assert.equal(1, #kept)
    assert.equal(name, kept[1].metadata.name)
    assert.equal("True", kept[1].metadata.labels.already_checked)
    local again = pods.program [[ -- and so it is not found any more
      local _, second = task { arguments = { "true" } }:execute { dag_id = "checking", run_id = "checked" }
      show(second.pod.uid)
    ]]
    assert.not_equal(kept[1].metadata.uid .. "\n", again.out)
    support.sweep()
  end)

  it("S46 template_fields: the eight of the seed, in order; a subclass may render more", function()
    local result = pods.program [[
      show(table.concat(lunapod.KubernetesPodOperator.template_fields, " "))
      local fields = { "schedulername", "image_pull_policy" }
      for _, name in ipairs(lunapod.KubernetesPodOperator.template_fields) do fields[#fields + 1] = name end
      local More = lunapod.KubernetesPodOperator:extend { template_fields = fields }
      local op = More(defaults {
        image_pull_policy = "{{ params.policy }}", arguments = { "echo {{ params.policy }}" } })
      local _, outcome = op:execute { params = { policy = "Never" } }
      show(outcome.state, outcome.snapshot.pod.spec.containers[1].imagePullPolicy)
      show(#lunapod.KubernetesPodOperator.template_fields)
    ]]
    assert.equal("image cmds arguments env_vars labels config_file pod_template_file namespace\n"
      .. "succeeded\tNever\n8\n", result.out)
    assert.equal("[base] Never\n", result.err)
  end)
end)
