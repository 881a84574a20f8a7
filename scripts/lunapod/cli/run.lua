--- lunapod run FILE: run a task script.

local core = require "lunapod.core"
local program = require "lunapod.cli.program"
local summary = require "lunapod.cli.summary"

local run = {
  takes_rest = true,
  summary = "Run a task script.",
  description = "Run a Lua script that runs tasks as pods. Log lines and messages go to standard error, standard "
    .. "output is the script's.",
  epilog = "Examples:\n"
    .. "  lunapod run examples/tasks/hello.lua\n"
    .. "  lunapod run report.lua -n batch -p day=2024-05-01 -p sizes:=[1,2,3] -- more arguments\n"
    .. "  lunapod run report.lua -o ndjson | jq .message\n"
    .. "\nExit status: 0 the script ended; 1 a task failed or the cluster refused; 2 any other\n"
    .. "error; 130 or 143 after SIGINT or SIGTERM. SIGINT deletes the run's pods. SIGTERM does so,\n"
    .. "too, unless --run-id was given: then they live on, and the next start with that id takes\n"
    .. "them up.",
}

function run.define(parser, cli)
  parser:argument("file", "The script. What follows -- is its `arg`."):argname "FILE"
  cli.script(parser)
  parser:option("-o --output",
    "What is written: text, or ndjson (a record a line to standard output; the script's print then goes to "
    .. "standard error)."):argname "FORMAT":choices { "text", "ndjson" }:default "text"
end

function run.run(arguments, lunapod, cli)
  local instance = lunapod.default
  instance.dag_id = arguments.flow or program.flow_name(arguments.file)
  local ndjson = arguments.output == "ndjson"
  if ndjson then
    local record = require "lunapod.record"
    instance.terminal = nil
    instance.on_record = function(it)
      if it.level ~= "debug" or arguments.verbose then core.write(1, record.to_json(it)) end
    end
  end
  local ended = not ndjson and summary.new() or nil
  instance.summary = ended
  local status = program.run(instance, cli, arguments.file, {
    arguments = arguments.rest, verbose = arguments.verbose, stdout_taken = ndjson,
  })
  local text = ended and ended:text()
  if text then core.write(2, text) end
  return status
end

return run
