--- A script as a program: its body in a fiber, signals, os.exit, the exit status (design §6, KIL-5).
-- What is changed of the process for the script's sake (print, os.exit, arg, signals) is changed here and nowhere else.

local core = require "lunapod.core"
local compat = require "lunapod.compat"
local errors = require "lunapod.errors"

local program = {}

local SIGNALS = { INT = 130, TERM = 143 }

local function say_left(cli, names, more)
  if #names == 0 then return end
  cli.say("%d %s left: %s%s", #names, #names == 1 and "pod is" or "pods are", table.concat(names, ", "), more or "")
end

--- What a signal does: the first ends the work, the second the process.
local function signal_handler(instance, cli, state, exit)
  return function(name)
    if state.signal then
      local left = instance:pods()
      if instance.terminal then instance.terminal:erase() end
      say_left(cli, left, "; `lunapod clean` deletes them")
      io.stdout:flush()
      return exit(state.status)
    end
    state.signal, state.status = name, SIGNALS[name]
    local names = instance:pods()
    if instance.terminal then instance.terminal:erase() end
    if name == "TERM" and instance.run_id_given then
      instance:detach()
      instance.scheduler:cancel_all("terminated; the pods live on")
      say_left(cli, names, ("; the same command with --run-id %s takes them up again"):format(instance.run_id))
    else
      if #names > 0 then
        cli.say("deleting %d %s; once more ends at once and leaves them", #names, #names == 1 and "pod" or "pods")
      end
      instance.scheduler:cancel_all(name == "INT" and "interrupted" or "terminated")
    end
  end
end

--- os.exit for the script: everything is cancelled and cleaned up, then the process ends with that status.
local function exit_for_script(instance, state)
  return function(code)
    if code == nil or code == true then code = 0 elseif code == false then code = 1 end
    state.status = state.status or math.floor(tonumber(code) or 0)
    local scheduler = instance.scheduler
    scheduler:cancel_all("the script called os.exit", scheduler:current())
    local fiber = scheduler:current()
    if fiber then fiber:cancel("the script called os.exit") end
    error(errors.cancelled("the script called os.exit"), 0)
  end
end

--- A print that writes to standard error, when standard output belongs to records or manifests.
local function print_to_stderr(instance)
  return function(...)
    local words = compat.pack(...)
    for i = 1, words.n do words[i] = tostring(words[i]) end
    if instance.terminal then instance.terminal:erase() end
    core.write(2, table.concat(words, "\t") .. "\n")
  end
end

--- Say an error that ends the script: once, readable.
local function tell(instance, cli, err, traceback)
  if instance.terminal then instance.terminal:erase() end
  local text = tostring(err)
  if traceback and not (core.is_error(err) and err.kind == "task") then text = text .. "\n" .. traceback end
  if instance.on_record then
    instance:emit { kind = "error", level = "error", message = text, error = err }
  else
    cli.say("%s", text)
  end
end

--- The script's name as a flow's id.
function program.flow_name(file)
  return (file:match("([^/\\]+)$") or file):gsub("%.lua$", "")
end

--- Run the script file. options: arguments (for `arg` and `...`), verbose, stdout_taken. Returns the exit status.
function program.run(instance, cli, file, options)
  local chunk, err = loadfile(file)
  if not chunk then
    cli.say("%s", err)
    return 2
  end
  local globals = _G
  local state, exit = {}, os.exit
  local saved = { arg = globals.arg, print = globals.print }
  local script_arg = { [0] = file }
  for i, value in ipairs(options.arguments or {}) do script_arg[i] = value end

  local started, scheduler = pcall(function() return instance.scheduler end) -- bare pcall: it does not wait
  if not started then
    cli.say("%s", tostring(scheduler))
    return errors.status(scheduler)
  end
  local watched, problem = instance.engine:watch_signals { "INT", "TERM" }
  if watched == nil and problem then
    cli.say("%s", tostring(problem))
    return 2
  end
  scheduler.on_signal = signal_handler(instance, cli, state, exit)
  rawset(globals, "arg", script_arg)
  rawset(os, "exit", exit_for_script(instance, state)) -- luacheck: ignore
  if options.stdout_taken then
    rawset(globals, "print", print_to_stderr(instance))
    io.output(io.stderr)
  end

  local body = function() return scheduler:run(chunk, compat.unpack(script_arg)) end
  local ok, failure = pcall(body) -- bare pcall: in the main thread waits do not yield

  rawset(os, "exit", exit) -- luacheck: ignore
  rawset(globals, "arg", saved.arg)
  rawset(globals, "print", saved.print)
  if options.stdout_taken then io.output(io.stdout) end

  local status = state.status
  if not status then
    status = ok and 0 or errors.status(failure)
    if not ok and failure ~= scheduler.told then
      tell(instance, cli, failure, options.verbose and scheduler.failed_traceback)
    end
  end
  if not (state.signal == "TERM" and instance.run_id_given) then
    say_left(cli, instance:pods(), "; `lunapod clean` deletes them")
  end
  instance.engine:watch_signals {}
  instance:close {}
  return status
end

return program
