--- The program `lunapod`: reads the command line and hands over to the command's own file.
-- Each command is cli/<name>.lua with `define(parser)` and `run(arguments, lunapod)`, which returns the exit status.
-- Modules of a command are loaded when it runs. Only the program sets things of the process; the library below it does
-- not.

local core = require "lunapod.core"

local cli = {}

local commands = { "run", "dry-run", "params", "ps", "clean" }

local function module_of(command)
  return require("lunapod.cli." .. command:gsub("-", "_"))
end

local STDERR = 2

--- Write a message to standard error: one that the program says itself.
function cli.say(message, ...)
  if select("#", ...) > 0 then message = message:format(...) end
  core.write(STDERR, "lunapod: " .. message .. "\n")
end

local common_options = {
  { "-n --namespace", "Namespace of pods that name none (default: the context's).", "NAME" },
  { "--context", "Context of the kubeconfig.", "NAME" },
  { "--kubeconfig", "Kubeconfig file (default: $KUBECONFIG, then ~/.kube/config).", "FILE" },
  { "--instance", "Id of this installation, which marks its pods (default: $LUNAPOD_INSTANCE, then one kept in the "
    .. "state folder).", "ID" },
  { "-v --verbose", "Say more: state changes, events, tracebacks of Lua errors." },
}

--- Options that every command takes, before its name or after it. What comes before goes to targets of its own: see
-- merge_common.
local function add_common(parser, prefix)
  for _, it in ipairs(common_options) do
    local target = prefix .. it[1]:match("%-%-(%w+)")
    if it[3] then
      parser:option(it[1], it[2]):argname(it[3]):target(target)
    else
      parser:flag(it[1], it[2]):target(target)
    end
  end
end

local function merge_common(arguments)
  for _, it in ipairs(common_options) do
    local name = it[1]:match("%-%-(%w+)")
    if arguments[name] == nil then arguments[name] = arguments["before_" .. name] end
  end
end

--- Options of commands that run a script.
function cli.script(parser)
  parser:option("-p --param",
    "A parameter for templates and lunapod.params: KEY=TEXT, or KEY:=JSON for a number, list or map. "
    .. "May be given several times."):argname "KEY=VALUE":count "*"
  parser:option("--flow", "Flow (dag_id) that the tasks belong to (default: the script's name)."):argname "NAME"
  parser:option("--run-id", "Run id. With the same one, a later start takes up the pods of an earlier one "
    .. "(default: $LUNAPOD_RUN_ID, then a new one)."):argname "ID"
end

local function new_parser()
  local parser = require "argparse"("lunapod", "Run tasks as Kubernetes pods, from Lua.",
    "Examples:\n"
    .. "  lunapod run task.lua                     run a script\n"
    .. "  lunapod run task.lua -p day=2024-05-01   with a parameter\n"
    .. "  lunapod dry-run task.lua                 print its pods' manifests, without a cluster\n"
    .. "  lunapod ps                               list this installation's pods\n"
    .. "\n`lunapod COMMAND --help` tells more about a command.")
  parser:command_target "command":require_command(true):help_max_width(100):help_description_margin(28)
  parser:flag("--version", "Print the version and exit."):action(function()
    print("lunapod " .. core.version)
    os.exit(0)
  end)
  add_common(parser, "before_")
  for _, name in ipairs(commands) do
    local module = module_of(name)
    local command = parser:command(name):summary(module.summary):description(module.description)
    if module.epilog then command:epilog(module.epilog) end
    add_common(command, "")
    module.define(command, cli)
  end
  return parser
end

--- What stands before and after the first "--" that comes after the command's name.
local function split(argv)
  local own, rest = {}, {}
  local target = own
  for i = 1, #argv do
    if target == own and argv[i] == "--" then target = rest else target[#target + 1] = argv[i] end
  end
  return own, rest
end

local function parse_param(text)
  local key, json = text:match("^([^=:]+):=(.*)$")
  if key then
    local value, err = core.json.decode(json)
    if value == nil then return nil, ("-p %s: not JSON: %s"):format(text, tostring(err)) end
    return key, value
  end
  local name, value = text:match("^([^=]+)=(.*)$")
  if not name then return nil, ("-p %s: expected KEY=TEXT or KEY:=JSON"):format(text) end
  return name, value
end

--- Set up the default instance. Returns nil and a message when an argument is wrong.
local function configure(arguments, lunapod)
  local instance = lunapod.default
  local settings = instance.settings
  settings.namespace = arguments.namespace or settings.namespace
  settings.cluster_context = arguments.context
  settings.config_file = arguments.kubeconfig
  settings.instance = arguments.instance
  if arguments.run_id then instance.run_id = arguments.run_id end
  instance.run_id_given = rawget(instance, "run_id") ~= nil
  instance.terminal.verbose = arguments.verbose
  for _, text in ipairs(arguments.param or {}) do
    local key, value = parse_param(text)
    if not key then return nil, value end
    instance.params[key] = value
  end
  return true
end

--- The whole program but its end: the exit status.
function cli.status(argv)
  local own, rest = split(argv)
  local parser = new_parser()
  local ok, arguments = parser:pparse(own)
  if not ok then
    cli.say("%s\nTry `lunapod --help`.", arguments)
    return 2
  end
  if #rest > 0 and not module_of(arguments.command).takes_rest then
    cli.say("%s takes no arguments after --", arguments.command)
    return 2
  end
  merge_common(arguments)
  arguments.rest = rest
  local lunapod = require "lunapod"
  local configured, why = configure(arguments, lunapod)
  if not configured then
    cli.say("%s", why)
    return 2
  end
  return module_of(arguments.command).run(arguments, lunapod, cli)
end

function cli.main(argv)
  local exit = os.exit
  local status = cli.status(argv)
  io.stdout:flush()
  exit(status)
end

return cli
