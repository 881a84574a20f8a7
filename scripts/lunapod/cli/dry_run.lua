--- lunapod dry-run FILE: print the manifests of a script's pods, without a cluster.
-- The script runs; each execute builds its manifest, prints it and returns nil (there is no result), with an outcome
-- that says skipped.

local core = require "lunapod.core"
local manifest = require "lunapod.manifest"
local naming = require "lunapod.naming"
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
end

local encoders = {
  yaml = function(pod)
    local text, err = core.yaml.encode(pod)
    return text and "---\n" .. text:gsub("\n*$", "\n"), err
  end,
  json = function(pod)
    local text, err = core.json.encode(pod, { indent = 2 })
    return text and text .. "\n", err
  end,
}

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
    local text, err = encode(manifest.without_empties(pod))
    if not text then error(err, 0) end
    core.write(1, text)
    return nil, { state = "skipped", dry_run = true, attempts = 0, gaps = 0, timing = {} }
  end
  return program.run(instance, cli, arguments.file, {
    arguments = arguments.rest, verbose = arguments.verbose, stdout_taken = true,
  })
end

return dry_run
