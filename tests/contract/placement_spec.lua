-- The seed's rows 19 to 32: where the pod is placed, as whom it runs, its network, and what is written on it. The
-- node is labelled and tainted for the tests and given back as it was.
local pods = require "contract.pods"
local support = require "cluster.specs.support"

local succeeded, says, container = pods.succeeded, pods.says, pods.container
local name = support.instance
local label = "lunapod.test/" .. name

local objects = ([[
{apiVersion: v1, kind: ServiceAccount, metadata: {name: NAME}}
---
{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, metadata: {name: NAME}, value: 4321}
]]):gsub("NAME", name)

local function node()
  return assert(support.kubectl { "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}" })
end

describe("the contract: scheduling, security, network, metadata", function()
  local group = pods.group()

  setup(function()
    pods.apply(objects)
    assert(support.kubectl { "label", "node", node(), label .. "=here" })
    support.eventually(60, "the service account", function()
      return support.kubectl { "get", "serviceaccount", name }
    end)
  end)
  teardown(function()
    support.kubectl { "label", "node", node(), label .. "-" }
    pods.remove(objects)
    support.clean()
  end)
  after_each(function() assert.equal("", support.sweep()) end)

  --- A task with this parameter, where LABEL is the node's label.
  local function placed(parameters)
    return group:task((parameters:gsub("LABEL", label)) .. [[,
      arguments = { "echo placed" }, schedule_timeout_seconds = 2]])
  end
  local function unplaced(seen, what)
    assert.equal("failed", seen.state, seen.log)
    assert.equal("capacity", seen.class, seen.error)
    says(what, seen.error)
    says("scheduled", seen.error)
  end

  local affinity = [[affinity = { nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution = {
    nodeSelectorTerms = { { matchExpressions = { { key = "LABEL", operator = "In", values = { "%s" } } } } } } } }]]
  local near, far = placed(affinity:format "here"), placed(affinity:format "elsewhere")

  it("S19 affinity: a pod runs on the node it asks for, and nowhere else", function()
    assert.equal("placed\n", succeeded(near()).log)
    unplaced(far(), "node affinity")
  end)

  local chosen = placed [[node_selector = { ["LABEL"] = "{{ 'here' }}" }]]
  local unmatched = placed [[node_selector = { ["LABEL"] = "elsewhere" }]]

  it("S20 node_selector: a pod runs on the node that has the label, and nowhere else", function()
    assert.same({ [label] = "here" }, succeeded(chosen()).pod.spec.nodeSelector)
    unplaced(unmatched(), "selector")
  end)

  local plural = placed [[node_selectors = { ["LABEL"] = "here" }, node_selector = { ["LABEL"] = "elsewhere" }]]

  it("S21 node_selectors: the older spelling wins, and is said to be old", function()
    assert.same({ [label] = "here" }, succeeded(plural()).pod.spec.nodeSelector)
    says("node_selectors", plural().said)
    says("node_selector", (plural().said:gsub("node_selectors", "")))
  end)

  it("S22 tolerations: a pod runs on a tainted node only if it tolerates the taint", function()
    local tainted = pods.group()
    local toleration = ([[tolerations = { { key = "%s", operator = "Exists", effect = "NoSchedule" } },
      arguments = { "echo placed" }, schedule_timeout_seconds = 20]]):format(label)
    local tolerant = tainted:task(toleration)
    local intolerant = tainted:task [[arguments = { "echo placed" }, schedule_timeout_seconds = 2]]
    finally(function() assert(support.kubectl { "taint", "node", node(), label .. "-" }) end)
    assert(support.kubectl { "taint", "node", node(), label .. "=x:NoSchedule" })
    assert.equal("placed\n", succeeded(tolerant()).log)
    unplaced(intolerant(), "taint")
  end)

  local secure = group:task [[security_context = { runAsUser = 1234, runAsGroup = 2345, fsGroup = 3456 },
    arguments = { "id -u; id -g; touch /x/y; stat -c %g /x/y" }, volumes = { { name = "x", emptyDir = {} } },
    volume_mounts = { { name = "x", mountPath = "/x" } } ]]
  local zero = group:task [[security_context = { runAsUser = 0, fsGroup = 0 }, arguments = { "id -u" }]]
  local refused = group:task [[security_context = { runAsNonRoot = true }, arguments = { "id -u" }, config_grace = 0]]

  it("S23 security_context: ids are those of the process and its files, zero is one; the kubelet checks", function()
    assert.equal("1234\n2345\n3456\n", succeeded(secure()).log)
    assert.equal("0\n", succeeded(zero()).log)
    assert.equal(0, zero().pod.spec.securityContext.runAsUser)
    assert.equal(0, zero().pod.spec.securityContext.fsGroup)
    assert.equal("config", refused().class)
    says("runAsNonRoot", refused().error)
  end)

  local account = group:task(([[service_account_name = "%s", arguments = { "echo $ACCOUNT; cut -d . -f 2 "
    .. "/var/run/secrets/kubernetes.io/serviceaccount/token | tr _- /+ | base64 -d 2>/dev/null; true" },
    pod_runtime_info_envs = { { "ACCOUNT", "spec.serviceAccountName" } }]]):format(name))
  local stranger = group:task [[service_account_name = "no-such-account", arguments = { "true" }]]

  it("S24 service_account_name: the pod has that account's token; an unknown one is named", function()
    assert.equal(name, succeeded(account()).log:match "^[^\n]*")
    says(('"sub":"system:serviceaccount:default:%s'):format(name), account().log)
    assert.equal("permission", stranger().class)
    says("no-such-account", stranger().error)
  end)

  local comma = group:task [[image_pull_secrets = "secret_a, secret_b,,", arguments = { "true" }]]
  local listed = group:task [[image_pull_secrets = { { name = "secret-c" } }, arguments = { "true" }]]

  it("S25 image_pull_secrets: a text with commas or a list is in the pod's spec", function()
    assert.same({ { name = "secret_a" }, { name = "secret_b" } }, succeeded(comma()).pod.spec.imagePullSecrets)
    assert.same({ { name = "secret-c" } }, succeeded(listed()).pod.spec.imagePullSecrets)
  end)

  local present = group:task [[image_pull_policy = "IfNotPresent", arguments = { "echo cached" }]]
  local always = group:task [[image_pull_policy = "Always", arguments = { "echo never" }]]
  local never = group:task [[image_pull_policy = "Never", image = "absent.invalid/none:1"]]
  local unsaid = group:task [[arguments = { "true" }]]

  it("S26 image_pull_policy: from the node's cache, the registry, or never; not given: the cluster's", function()
    assert.equal("cached\n", succeeded(present()).log)
    assert.equal("image", always().class) -- there is no registry to be reached from here
    assert.equal("image", never().class)
    assert.equal("ErrImageNeverPull", never().reason, never().error)
    assert.equal("IfNotPresent", container(succeeded(unsaid())).imagePullPolicy)
  end)

  local addresses = [[arguments = { "hostname -i; cat /sys/class/net/lo/ifindex; ls /sys/class/net" } ]]
  local on_host = group:task("hostnetwork = true, " .. addresses)
  local off_host = group:task("hostnetwork = false, " .. addresses)
  local by_default = group:task(addresses)

  it("S27 hostnetwork: the pod has the node's network, or one of its own", function()
    local pod = succeeded(on_host()).pod
    assert.is_true(pod.spec.hostNetwork)
    assert.equal(pod.status.hostIP, pod.status.podIP)
    for _, seen in ipairs { off_host, by_default } do
      pod = succeeded(seen()).pod
      assert.not_equal(pod.status.hostIP, pod.status.podIP)
      says(pod.status.podIP .. "\n", seen().log)
      assert.not_equal(on_host().log, seen().log)
    end
  end)

  local dns = group:task [[dnspolicy = "None", dns_config = { nameservers = { "192.0.2.53" },
    searches = { "jobs.test" } }, arguments = { "cat /etc/resolv.conf" }]]
  local cluster_dns = group:task [[dnspolicy = "ClusterFirst", arguments = { "cat /etc/resolv.conf" }]]

  it("S28 dnspolicy: what the pod's resolver is set to", function()
    says("nameserver 192.0.2.53", succeeded(dns()).log)
    says("search jobs.test", dns().log)
    assert.equal("None", dns().pod.spec.dnsPolicy)
    assert.equal("ClusterFirst", succeeded(cluster_dns()).pod.spec.dnsPolicy)
    assert.is_nil(cluster_dns().log:find("192.0.2.53", 1, true))
  end)

  local usual = placed [[schedulername = "default-scheduler"]]
  local unmanned = placed [[schedulername = "nobody-schedules"]]

  it("S29 schedulername: that scheduler places the pod; one that is not there never does", function()
    assert.equal("placed\n", succeeded(usual()).log)
    assert.equal("default-scheduler", usual().pod.spec.schedulerName)
    unplaced(unmanned(), "took too long")
    assert.equal("nobody-schedules", unmanned().pod.spec.schedulerName)
  end)

  local urgent = group:task(([[priority_class_name = "%s", arguments = { "true" }]]):format(name))
  local classless = group:task [[priority_class_name = "no-such-class", arguments = { "true" }]]

  it("S30 priority_class_name: the pod has the class's priority; an unknown class is named", function()
    assert.equal(4321, succeeded(urgent()).pod.spec.priority)
    says("no-such-class", classless().error)
    assert.is_nil(classless().pod)
  end)

  local written = [[arguments = { "echo $SEEN" },
    pod_runtime_info_envs = { { "SEEN", "metadata.%s['lunapod.test/note']" } }, ]]
  local labelled = group:task(written:format "labels" .. [[labels = { ["lunapod.test/note"] = "{{ params.word }}",
    empty = lunapod.null, number = 7 } ]], 'params = { word = "noted" }')
  local badly = group:task [[labels = { team = "not legal!" } ]]

  it("S31 labels: the pod carries and sees them, rendered; an illegal one is refused before sending", function()
    assert.equal("noted\n", succeeded(labelled()).log)
    local labels = labelled().pod.metadata.labels
    assert.equal("noted", labels["lunapod.test/note"])
    assert.equal("", labels.empty)
    assert.equal("7", labels.number)
    assert.equal("True", labels.kubernetes_pod_operator)
    assert.is_nil(badly().pod)
    says("labels", badly().error)
    says("not legal!", badly().error)
  end)

  local annotated = group:task(written:format "annotations" .. [[annotations = {
    ["lunapod.test/note"] = "any text: ü, spaces & {signs}", long = ("x"):rep(1000) } ]])

  it("S32 annotations: the pod carries and sees them; long and free text is allowed", function()
    assert.equal("any text: ü, spaces & {signs}\n", succeeded(annotated()).log)
    assert.equal(1000, #annotated().pod.metadata.annotations.long)
  end)
end)
