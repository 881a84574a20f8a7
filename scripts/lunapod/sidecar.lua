--- The result sidecar (RES-1…3, RES-10): a container beside the task's that keeps /airflow/xcom readable until the
-- result was taken. It is a native sidecar: an init container that goes on beside the others, so that the pod can end
-- without us. It holds on through SIGTERM until it is told to end (SIGINT, by the exec that read the result) or its
-- time is nearly over, and then leaves a small result in its own termination message.

local core = require "lunapod.core"
local errors = require "lunapod.errors"

local sidecar = { NAME = "airflow-xcom-sidecar", VOLUME = "xcom", PATH = "/airflow/xcom", IMAGE = "alpine:3.20" }

local GRACE = 30  -- the cluster's, where the pod sets none
local RESERVE = 5 -- seconds of the grace that are left for ending
local MESSAGE = 4096

local script = [[
f=%s/return.json
leave() {
  if [ ! -s "$f" ]; then exit 0; fi
  if [ $(wc -c <"$f") -le %d ]; then cat "$f"; else echo "LPOD $(wc -c <"$f")"; fi >/dev/termination-log
  exit 0
}
trap leave INT
trap 'end=$(( $(date +%%s) + %d ))' TERM
while [ -z "$end" ] || [ $(date +%%s) -lt $end ]; do sleep 1 & wait $!; done
leave
]]

local function container(op, connection, grace)
  local context = op.xcom_sidecar_container_security_context
  if context == nil then context = connection.xcom_sidecar_container_security_context end
  return {
    name = sidecar.NAME,
    image = connection.xcom_sidecar_container_image or sidecar.IMAGE,
    command = core.array { "sh", "-c", script:format(sidecar.PATH, MESSAGE, math.max(1, grace - RESERVE)) },
    restartPolicy = "Always",
    volumeMounts = core.array { { name = sidecar.VOLUME, mountPath = sidecar.PATH } },
    resources = connection.xcom_sidecar_container_resources or { requests = { cpu = "1m", memory = "10Mi" } },
    securityContext = context,
  }
end

local function prepend(list, item)
  local out = core.array { item }
  for _, other in ipairs(list or {}) do out[#out + 1] = other end
  return out
end

--- Put it into the pod, which is changed. connection: the cluster connection's settings, or {}.
function sidecar.add(pod, op, connection)
  for i, volume in ipairs(pod.spec.volumes or {}) do
    if volume.name == sidecar.VOLUME then
      errors.usage('spec.volumes[%d]: the name "%s" is the result volume\'s; name this volume otherwise', i,
        sidecar.VOLUME)
    end
  end
  local spec, base = pod.spec, pod.spec.containers[1]
  spec.volumes = prepend(spec.volumes, { name = sidecar.VOLUME, emptyDir = core.object {} })
  base.volumeMounts = prepend(base.volumeMounts, { name = sidecar.VOLUME, mountPath = sidecar.PATH })
  local init = core.array {}
  for _, other in ipairs(spec.initContainers or {}) do init[#init + 1] = other end
  init[#init + 1] = container(op, connection, spec.terminationGracePeriodSeconds or GRACE)
  spec.initContainers = init
end

return sidecar
