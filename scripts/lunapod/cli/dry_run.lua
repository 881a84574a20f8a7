--- lunapod dry-run FILE: print the manifests of a script's pods, without a cluster.
-- The script runs; each execute builds its manifest, prints it and returns nil (there is no result), with an outcome
-- that says skipped.

local core = require "lunapod.core"
local manifest = require "lunapod.manifest"
local naming = require "lunapod.naming"
local origins = require "lunapod.origins"
local program = require "lunapod.cli.program"

local dry_run = {
  takes_rest = true,
  summary = "Print the manifests of a script's pods.",
  description = "Run a script without a cluster: each task prints the manifest of its pod, and its execute returns "
    .. "nil. The script's own print goes to standard error.",
  epilog = "Examples:\n"
    .. "  lunapod dry-run examples/tasks/hello.lua\n"
    .. "  lunapod dry-run -o json report.lua -p day=2024-05-01 | kubectl apply -f -",
}

function dry_run.define(parser, cli)
  parser:argument("file", "The script. What follows -- is its `arg`."):argname "FILE"
  cli.script(parser)
  parser:option("-o --output", "yaml or json."):argname "FORMAT":choices { "yaml", "json" }:default "yaml"
  parser:flag("--server", "Have the server check the pods and fill in what it would; nothing is created.")
end

--- "# needs Secret a, ConfigMap b": what has to be there for the pod to start (DRY-2).
local function needs(pod)
  local found, names = {}, {}
  local function note(kind, ref, key)
    local name = type(ref) == "table" and ref[key]
    if type(name) == "string" and ref.optional ~= true then found[kind .. " " .. name] = true end
  end
  local function walk(value)
    if type(value) ~= "table" then return end
    note("Secret", value.secretKeyRef, "name")
    note("Secret", value.secretRef, "name")
    note("Secret", value.secret, value.secret and value.secret.secretName and "secretName" or "name")
    note("ConfigMap", value.configMapKeyRef, "name")
    note("ConfigMap", value.configMapRef, "name")
    note("ConfigMap", value.configMap, "name")
    for _, ref in ipairs(value.imagePullSecrets or {}) do note("Secret", ref, "name") end
    for _, item in pairs(value) do walk(item) end
  end
  walk(pod.spec)
  for name in pairs(found) do names[#names + 1] = name end
  table.sort(names)
  return #names > 0 and "# needs " .. table.concat(names, ", ") .. "\n" or ""
end

local encoders = {
  yaml = function(pod)
    local text, err = core.yaml.encode(pod)
    return text and "---\n" .. needs(pod) .. text:gsub("\n*$", "\n"), err
  end,
  json = function(pod)
    local text, err = core.json.encode(pod, { indent = 2 })
    return text and text .. "\n", err
  end,
}

--- The pod as the server would make it (R3).
local function checked_by_server(op, pod)
  local client = op:client()
  local answer, err = client:request {
    method = "POST", path = client:path("pods", pod.metadata.namespace), body = pod,
    query = { dryRun = "All", fieldManager = "lunapod", fieldValidation = "Strict" },
  }
  if not answer then
    err.message = err.message .. origins.explain(op, err.message)
    error(err, 0)
  end
  return answer
end

function dry_run.run(arguments, lunapod, cli)
  local instance = lunapod.default
  local encode = encoders[arguments.output]
  instance.dag_id = arguments.flow or program.flow_name(arguments.file)
  instance.terminal.is_tty = false
  function instance.dry_run(_, op, context)
    local pod = op:build_pod_request_obj(context)
    local labels = pod.metadata.labels or {}
    for key in pairs(naming.identity(context, "")) do labels[key] = nil end -- there is no task instance (DRY-1)
    labels.try_number = nil
    pod = manifest.without_empties(pod)
    if arguments.server then pod = checked_by_server(op, pod) end
    local text, err = encode(pod)
    if not text then error(err, 0) end
    core.write(1, text)
    return nil, { state = "skipped", dry_run = true, attempts = 0, gaps = 0, timing = {} }
  end
  return program.run(instance, cli, arguments.file, {
    arguments = arguments.rest, verbose = arguments.verbose, stdout_taken = true,
  })
end

return dry_run
