-- The seed's rows 9 to 13: what the container finds in its environment, as the pod itself prints it.
local pods = require "contract.pods"
local support = require "cluster.specs.support"

local succeeded, says = pods.succeeded, pods.says
local name = support.instance -- of the ConfigMap and the Secret

local objects = ([[
{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME-one}, data: {COLOUR: blue, SHARED: first}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME-two}, data: {SHAPE: round, SHARED: second}}
---
{apiVersion: v1, kind: Secret, metadata: {name: NAME-secret}, stringData: {user: alice, password: "s3cret value"}}
]]):gsub("NAME", name)

describe("the contract: environment", function()
  local group = pods.group()

  setup(function() pods.apply(objects) end)
  teardown(function()
    pods.remove(objects)
    support.clean()
  end)
  after_each(function() assert.equal("", support.sweep()) end)

  local map = group:task([[arguments = { "echo $WORD/$COUNT/$SMALL/$FLAG/$rendered" },
    env_vars = { WORD = "{{ params.word }}", COUNT = 3, SMALL = 0.25, FLAG = true, ["{{ params.word }}"] = "key" } ]],
    'params = { word = "rendered" }')
  local list = group:task [[arguments = { "echo $A $B" }, env_vars = { { name = "A", value = "one" },
    { name = "B", value = "$(A) two" }, { name = "A", value = "three" } } ]]
  local text = group:task([[arguments = { "echo $X $Y" }, env_vars = "{{ params.env }}"]],
    'params = { env = { X = "1", Y = "2" } }')
  local nameless = group:task [[env_vars = { { name = "A", value = "a" }, { value = "b" } } ]]

  it("S09 env_vars: a map, a list in its order, a template; a wrong entry is named by its number", function()
    assert.equal("rendered/3/0.25/true/key\n", succeeded(map()).log)
    assert.equal("three one two\n", succeeded(list()).log)
    assert.equal("1 2\n", succeeded(text()).log)
    says("env_vars[2]", nameless().error)
    assert.is_nil(nameless().pod)
  end)

  local from = group:task(([[arguments = { "echo $COLOUR $AT_user $SHARED" }, env_from = {
    { configMapRef = { name = "NAME-one" } }, { prefix = "AT_", secretRef = { name = "NAME-secret" } } } ]])
    :gsub("NAME", name))

  it("S10 env_from: whole ConfigMaps and Secrets, with a prefix", function()
    assert.equal("blue alice first\n", succeeded(from()).log)
  end)

  local maps = group:task(([[arguments = { "echo $COLOUR $SHAPE $SHARED" }, configmaps = { "NAME-two" },
    env_from = { { configMapRef = { name = "NAME-one" } } } ]]):gsub("NAME", name))
  local missing = group:task [[arguments = { "echo hi" }, configmaps = { "no-such-map" }, config_grace = 0]]

  it("S11 configmaps: each is an env source after S10's; a missing one is named", function()
    assert.equal("blue round second\n", succeeded(maps()).log)
    assert.equal("config", missing().class)
    says('"no-such-map"', missing().error)
  end)

  local facts = group:task [[arguments = { "echo $IP $NAME $NODE $PLAIN" },
    env_vars = { PLAIN = "plain" },
    pod_runtime_info_envs = { { "IP", "status.podIP" }, { "NAME", "metadata.name" },
      { name = "NODE", valueFrom = { fieldRef = { fieldPath = "spec.nodeName" } } } } ]]

  it("S12 pod_runtime_info_envs: the pod's own IP, name and node, as pairs or entries", function()
    local pod = succeeded(facts()).pod
    assert.equal(("%s %s %s plain\n"):format(pod.status.podIP, pod.metadata.name, pod.spec.nodeName), facts().log)
  end)

  local secrets = group:task(([[arguments = { "echo $ACCOUNT $password; cd /keys; ls; cat password; echo; "
      .. "cat /some/hers; echo; touch /keys/x 2>&1 | sed 's/.*: //'" }, secrets = {
    lunapod.Secret { deploy_type = "env", deploy_target = "account", secret = "NAME-secret", key = "user" },
    lunapod.Secret { deploy_type = "env", secret = "NAME-secret" },
    lunapod.Secret { deploy_type = "volume", deploy_target = "/keys", secret = "NAME-secret" },
    lunapod.Secret { deploy_type = "volume", deploy_target = "/some", secret = "NAME-secret",
      items = { { key = "user", path = "hers" } } },
  } ]]):gsub("NAME", name))
  local bad = group:task [[secrets = { lunapod.Secret { deploy_type = "volume", secret = "x" } } ]]

  it("S13 secrets: one key, all keys, a folder, some files in a folder; for the container alone", function()
    assert.equal("alice s3cret value\npassword\nuser\ns3cret value\nalice\nRead-only file system\n",
      succeeded(secrets()).log)
    says("deploy_target", bad().error)
    assert.is_nil(bad().pod)
  end)
end)
