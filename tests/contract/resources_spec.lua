-- The seed's rows 14 to 18: resources as the kubelet tells them to the container, ports, volumes, mounts and what
-- runs first.
local pods = require "contract.pods"
local support = require "cluster.specs.support"

local succeeded, says, container = pods.succeeded, pods.says, pods.container
local name = support.instance

local objects = ([[
{apiVersion: v1, kind: ConfigMap, metadata: {name: NAME}, data: {greeting: "hello", other: "other"}}
---
apiVersion: v1
kind: PersistentVolume
metadata: {name: NAME}
spec:
  capacity: {storage: 1Mi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: NAME
  hostPath: {path: FOLDER, type: DirectoryOrCreate}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: NAME}
spec:
  accessModes: [ReadWriteOnce]
  storageClassName: NAME
  resources: {requests: {storage: 1Mi}}
]]):gsub("NAME", name):gsub("FOLDER", support.folder .. "/claimed")

describe("the contract: resources, storage, ports", function()
  local group = pods.group()

  setup(function()
    pods.apply(objects)
    support.eventually(60, "the claim is bound", function()
      return support.kubectl { "get", "pvc", name, "-o", "jsonpath={.status.phase}" } == "Bound"
    end)
  end)
  teardown(function()
    pods.remove(objects)
    support.clean()
  end)
  after_each(function() assert.equal("", support.sweep()) end)

  -- What the kubelet gives this container, through the downward API.
  local amounts = [[env_vars = {
    { name = "A", valueFrom = { resourceFieldRef = { resource = "requests.memory", divisor = "1Mi" } } },
    { name = "B", valueFrom = { resourceFieldRef = { resource = "requests.cpu", divisor = "1m" } } },
    { name = "C", valueFrom = { resourceFieldRef = { resource = "limits.memory", divisor = "1Mi" } } },
    { name = "D", valueFrom = { resourceFieldRef = { resource = "limits.cpu", divisor = "1m" } } },
    { name = "E", valueFrom = { resourceFieldRef = { resource = "requests.ephemeral-storage", divisor = "1Mi" } } },
    { name = "F", valueFrom = { resourceFieldRef = { resource = "limits.ephemeral-storage", divisor = "1Mi" } } },
  }, arguments = { "echo $A $B $C $D $E $F" }, ]]
  local flat = group:task(amounts .. [[resources = { request_memory = "16Mi", request_cpu = 0.05,
    limit_memory = "48Mi", limit_cpu = "250m", request_ephemeral_storage = "1Mi", limit_ephemeral_storage = "9Mi" } ]])
  local api_form = group:task(amounts .. [[resources = {
    requests = { memory = "16Mi", cpu = "50m", ["ephemeral-storage"] = "1Mi" },
    limits = { memory = "48Mi", cpu = "250m", ["ephemeral-storage"] = "9Mi" } } ]])
  local enforced = group:task [[resources = { request_memory = "8Mi", limit_memory = "16Mi" },
    arguments = { "head -c 64m /dev/zero | tail" } ]]
  local gpu = group:task [[resources = { limit_gpu = 1 }, arguments = { "true" }, schedule_timeout_seconds = 1]]
  local unknown = group:task [[resources = { memory_limit = "1Gi" } ]]

  it("S14 resources: flat keys and the API's form reach the container; a limit is a limit", function()
    for _, seen in ipairs { flat, api_form } do assert.equal("16 50 48 250 1 9\n", succeeded(seen()).log) end
    assert.equal("failed", enforced().state)
    assert.equal("OOMKilled", enforced().reason, enforced().error)
    says("nvidia.com/gpu", gpu().error)
    assert.equal("capacity", gpu().class)
    says("memory_limit", unknown().error)
  end)

  local ports = group:task [[arguments = { "true" }, ports = { { "metrics", 9100 },
    { containerPort = 8080, name = "web", protocol = "UDP" } } ]]
  local probed = group:task [[cmds = { "sh", "-c" },
    arguments = { "mkdir w; echo ok >w/index.html; httpd -p 8080 -h w; "
      .. "until [ -e /shared/asked ]; do sleep 0.1; done" },
    ports = { { "web", 8080 } }, volumes = { { name = "shared", emptyDir = {} } },
    volume_mounts = { { name = "shared", mountPath = "/shared" } },
    full_pod_spec = { spec = { containers = { { name = "base", lifecycle = { postStart = { exec = { command = {
      "sh", "-c", "until wget -q -O /shared/asked http://$(hostname -i):8080; do sleep 0.1; done" } } } } } } } } ]]

  it("S15 ports: pairs and API form are the container's, and what listens there answers", function()
    local seen = container(succeeded(ports())).ports
    assert.same({ name = "metrics", containerPort = 9100, protocol = "TCP" }, seen[1])
    assert.same({ name = "web", containerPort = 8080, protocol = "UDP" }, seen[2])
    assert.equal(8080, container(succeeded(probed())).ports[1].containerPort)
  end)

  local volumes = group:task(([[
    arguments = { "cat /map/greeting; echo; echo kept >/claim/file; echo x >/tmp/e/x; ls /tmp/e" },
    volumes = { { name = "map", configMap = { name = "NAME" } }, { name = "scratch", emptyDir = {} },
      { "claim", { persistentVolumeClaim = { claimName = "NAME" } } } },
    volume_mounts = { { name = "map", mountPath = "/map" }, { name = "scratch", mountPath = "/tmp/e" },
      { name = "claim", mountPath = "/claim" } } ]]):gsub("NAME", name))

  it("S16 volumes: a ConfigMap's, an empty one, a PersistentVolumeClaim's are in the pod", function()
    assert.equal("hello\nx\n", succeeded(volumes()).log)
    assert.equal("kept\n", support.read(support.folder .. "/claimed/file")) -- what the claim's volume now holds
  end)

  local mounts = group:task(([[volumes = { { name = "map", configMap = { name = "NAME" } },
      { name = "scratch", emptyDir = {} } },
    volume_mounts = { { name = "map", mountPath = "/one/{{ params.file }}", subPath = "greeting", readOnly = true },
      { "scratch", "/two", "deep/er", false }, { name = "scratch", mountPath = "/whole" } },
    arguments = { "ls /one; cat /one/g; echo; echo w >/two/f; cat /whole/deep/er/f" } ]]):gsub("NAME", name),
    'params = { file = "g" }')

  it("S17 volume_mounts: where and what part, read-only or not, as tables and pairs", function()
    assert.equal("g\nhello\nw\n", succeeded(mounts()).log)
    for _, mount in ipairs(container(mounts()).volumeMounts) do
      if mount.mountPath == "/one/g" then assert.is_true(mount.readOnly) end
    end
  end)

  local init = group:task [[volumes = { { name = "shared", emptyDir = {} } },
    volume_mounts = { { name = "shared", mountPath = "/shared" } }, arguments = { "cat /shared/log" },
    init_containers = {
      { name = "first", image = "busybox:1", command = { "sh", "-c", "sleep 0.3; echo first >>/shared/log" },
        volumeMounts = { { name = "shared", mountPath = "/shared" } } },
      { name = "second", image = "busybox:1", command = { "sh", "-c", "echo second {{ params.word }} >>/shared/log" },
        volumeMounts = { { name = "shared", mountPath = "/shared" } } } }, params = { word = "rendered" } ]]
  local failing = group:task [[arguments = { "echo never" }, init_containers = { { name = "check", image = "busybox:1",
    command = { "sh", "-c", "echo no input here; exit 4" } } } ]]

  it("S18 init_containers: they end before the main one starts; a failing one is named", function()
    assert.equal("first\nsecond rendered\n", succeeded(init()).log)
    assert.equal("user", failing().class, failing().error)
    says("check", failing().error)
    says("exit code 4", failing().error)
    says("no input here", failing().error)
    assert.is_nil(failing().log:find("never", 1, true))
  end)
end)
