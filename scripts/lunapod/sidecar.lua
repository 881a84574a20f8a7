--- The result sidecar (RES-1…3, RES-10): a container beside the task's that keeps /airflow/xcom readable until the
-- result was taken. On servers from 1.29 on it is a native one: an init container that goes on beside the others, so
-- that the pod can end without us. It holds on through SIGTERM until it is told to end (SIGINT, by the exec that read
-- the result) or its time is nearly over, and then leaves the result behind. Older servers get the classic one, which
-- sleeps until it is told to end.

local core = require "lunapod.core"
local errors = require "lunapod.errors"

local sidecar = { NAME = "airflow-xcom-sidecar", VOLUME = "xcom", PATH = "/airflow/xcom", IMAGE = "alpine:3.20" }

local GRACE = 30  -- the cluster's, where the pod sets none
local RESERVE = 5 -- seconds of the grace that are left for ending
local MESSAGE = 4096            -- bytes of a termination message
local LOGGED = 6 * 1024 * 1024  -- bytes of a result that fits into a log before the node rotates it

-- Leaves a small result in the termination message; a larger one in the log, framed, and a mark in the message.
local NATIVE = [[
f=%s/return.json
leave() {
  [ -s "$f" ] || exit 0
  n=$(wc -c <"$f")
  if [ $n -le %d ]; then cat "$f" >/dev/termination-log
  elif [ $n -le %d ]; then
    set -- $(sha256sum "$f")
    echo "LPOD $n $1"
    base64 "$f"
    echo "LPOD $n $1" >/dev/termination-log
  else echo "LPOD $n" >/dev/termination-log; fi
  exit 0
}
trap leave INT
trap 'end=$(( $(date +%%s) + %d ))' TERM
while [ -z "$end" ] || [ $(date +%%s) -lt $end ]; do sleep 1 & wait $!; done
leave
]]
local CLASSIC = "trap 'exit 0' INT TERM; while :; do sleep 1 & wait $!; done"

--- Where the result of this task comes from (RES-8): "sidecar" or "termination_message".
function sidecar.channel(op)
  if op.result_from then return op.result_from end
  return op.result_max and op.result_max <= MESSAGE and "termination_message" or "sidecar"
end

local function container(op, connection, command)
  local context = op.xcom_sidecar_container_security_context
  if context == nil then context = connection.xcom_sidecar_container_security_context end
  return {
    name = sidecar.NAME,
    image = connection.xcom_sidecar_container_image or sidecar.IMAGE,
    command = core.array { "sh", "-c", command },
    volumeMounts = core.array { { name = sidecar.VOLUME, mountPath = sidecar.PATH } },
    resources = connection.xcom_sidecar_container_resources or { requests = { cpu = "1m", memory = "10Mi" } },
    securityContext = context,
  }
end

--- The list with the item at its beginning; and, put together from two lists, at its end.
local function joined(first, second)
  local out = core.array {}
  for _, item in ipairs(first or {}) do out[#out + 1] = item end
  for _, item in ipairs(second or {}) do out[#out + 1] = item end
  return out
end

--- Put it into the pod, which is changed. cluster: { connection = its settings, native_sidecar = false: an older
-- server }.
function sidecar.add(pod, op, cluster)
  for i, volume in ipairs(pod.spec.volumes or {}) do
    if volume.name == sidecar.VOLUME then
      errors.usage('spec.volumes[%d]: the name "%s" is the result volume\'s; name this volume otherwise', i,
        sidecar.VOLUME)
    end
  end
  local spec, base, connection = pod.spec, pod.spec.containers[1], cluster.connection or {}
  spec.volumes = joined({ { name = sidecar.VOLUME, emptyDir = core.object {} } }, spec.volumes)
  base.volumeMounts = joined({ { name = sidecar.VOLUME, mountPath = sidecar.PATH } }, base.volumeMounts)
  if cluster.native_sidecar == false then
    spec.containers = joined(spec.containers, { container(op, connection, CLASSIC) })
  else
    local held = math.max(1, (spec.terminationGracePeriodSeconds or GRACE) - RESERVE)
    local it = container(op, connection, NATIVE:format(sidecar.PATH, MESSAGE, LOGGED, held))
    it.restartPolicy = "Always"
    spec.initContainers = joined(spec.initContainers, { it })
  end
end

--- Is the server older than 1.29, and does not know native sidecars? It says so by refusing the pod, or by dropping
-- what makes the container one. No request is spent on asking. answer: of the create, the pod or the error.
function sidecar.is_unknown(answer)
  if core.is_error(answer) then
    return answer.code == 400 and tostring(answer):find("initContainers%[%d+%]%.restartPolicy") ~= nil
  end
  for _, it in ipairs(type(answer) == "table" and answer.spec and answer.spec.initContainers or {}) do
    if it.name == sidecar.NAME then return it.restartPolicy ~= "Always" end
  end
  return false
end

return sidecar
