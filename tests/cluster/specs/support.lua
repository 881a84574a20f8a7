-- What the acceptance specs share: programs under test are started as processes of their own, with files for their
-- output, and awaited with a deadline; the cluster is asked through kubectl, and requests are counted in its audit log.
-- Each spec file has an instance id and a state folder of its own, so that its pods are told apart and the user's state
-- is not touched. A spec file calls support.clean at its end. Waiting is always for a condition, never for time to
-- pass.
local cjson = require "cjson"
local system = require "system"

local support = {}

local here = debug.getinfo(1, "S").source:match "^@(.*/)" or "./"

local function output_of(command)
  local pipe = assert(io.popen(command, "r"))
  local text = pipe:read "*a"
  local ok, _, status = pipe:close()
  return text, ok == true, status
end

support.root = output_of("cd '" .. here .. "../../..' && pwd"):gsub("\n$", "")
support.build = os.getenv "B" or support.root .. "/build"
if support.build:sub(1, 1) ~= "/" then support.build = support.root .. "/" .. support.build end
support.cluster_program = os.getenv "LUNAPOD_CLUSTER" -- nil: not our own cluster, its servers cannot be killed
support.folder = output_of "mktemp -d":gsub("\n$", "")
support.instance = "spec-" .. output_of "od -An -N6 -tx1 /dev/urandom":gsub("%s", "")

-- ---- small things ----

function support.quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function command_line(words)
  local quoted = {}
  for i, word in ipairs(words) do quoted[i] = support.quote(word) end
  return table.concat(quoted, " ")
end

function support.read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read "*a"
  file:close()
  return text
end

local files = 0

--- Writes a file in the spec's own folder and returns its path; without a name, a task script of a new name.
function support.file(text, name)
  files = files + 1
  local path = support.folder .. "/" .. (name or ("task_" .. files .. ".lua"))
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

--- Polls until fn returns something true, and returns it; an error that says what was awaited after so many seconds.
function support.eventually(seconds, what, fn)
  local deadline = system.monotime() + seconds
  while true do
    local value = fn()
    if value then return value end
    if system.monotime() > deadline then error(("not so after %d s: %s"):format(seconds, what), 2) end
    system.sleep(0.02)
  end
end

function support.lines(text)
  local lines = {}
  for line in text:gmatch "([^\n]*)\n" do lines[#lines + 1] = line end
  return lines
end

function support.count(text, part)
  local count, at = 0, 1
  while true do
    local from, to = text:find(part, at, true)
    if not from then return count end
    count, at = count + 1, to + 1
  end
end

--- Ends of a text that may be long, for messages.
local function ends(text)
  if #text <= 2000 then return text end
  return text:sub(1, 500) .. "\n… " .. #text - 2000 .. " bytes …\n" .. text:sub(-1500)
end

local function said(process_or_result)
  local out, err = process_or_result.out, process_or_result.err
  if type(out) == "function" then out, err = out(process_or_result), err(process_or_result) end
  return "\nstdout: " .. ends(out) .. "\nstderr: " .. ends(err)
end

-- ---- processes ----

local interpreters = { jit = "luajit" }
local function interpreter(version) return interpreters[version] or "lua" .. version end

--- The versions of Lua that are built and can be started here.
function support.versions()
  local found = {}
  for _, version in ipairs { "5.1", "5.2", "5.3", "5.4", "5.5", "jit" } do
    local module = io.open(support.build .. "/lua/" .. version .. "/lunapod/core.so", "rb")
    if module then
      module:close()
      local _, ok = output_of("command -v " .. interpreter(version) .. " >/dev/null")
      if ok then found[#found + 1] = version end
    end
  end
  return found
end

--- Environment of a program under test on that Lua.
local function environment(version, more)
  local env = {
    LUA_PATH = ("%s/scripts/?.lua;%s/scripts/?/init.lua;;"):format(support.root, support.root),
    LUA_CPATH = ("%s/lua/%s/?.so;;"):format(support.build, version),
    LUNAPOD_INSTANCE = support.instance,
    XDG_STATE_HOME = support.folder .. "/state",
    TZ = "UTC",
  }
  for name, value in pairs(more or {}) do env[name] = value end
  local words = { "env", "-u", "LUNAPOD_RUN_ID", "-u", "LUNAPOD_NAMESPACE" }
  for name, value in pairs(env) do
    if value == false then
      table.insert(words, 2, name)
      table.insert(words, 2, "-u")
    else
      words[#words + 1] = name .. "=" .. value
    end
  end
  return words
end

local Process = {}
Process.__index = Process

--- Starts a program; options: lua (version, else 5.4), env (name → value, false removes it), input (path).
function support.start(words, options)
  options = options or {}
  files = files + 1
  local out, err = support.folder .. "/out_" .. files, support.folder .. "/err_" .. files
  local all = environment(options.lua or "5.4", options.env)
  for _, word in ipairs(words) do all[#all + 1] = word end
  -- The shell becomes the program: its id is the program's, and closing the pipe gives the program's own status.
  local pipe = assert(io.popen(("cd %s && echo $$ && exec %s <%s >%s 2>%s"):format(support.quote(support.root),
    command_line(all), support.quote(options.input or "/dev/null"), out, err), "r"))
  local process = setmetatable({ pipe = pipe, out_path = out, err_path = err, started = system.monotime(),
    words = words },
    Process)
  process.pid = assert(tonumber(pipe:read "*l"))
  return process
end

function Process:out() return support.read(self.out_path) end
function Process:err() return support.read(self.err_path) end

function Process:ended()
  local state = support.read("/proc/" .. self.pid .. "/stat"):match "%) (%a)"
  return state == nil or state == "Z"
end

function Process:signal(name)
  os.execute(("kill -%s %d 2>/dev/null"):format(name, self.pid))
end

--- The program's end: {status, signal, out, err, summary, seconds}; err is without the summary of `lunapod run`. One
-- that does not end in time is killed, and an error.
function Process:wait(seconds)
  local ok, why = pcall(support.eventually, seconds or 120, "the end of " .. table.concat(self.words, " "),
    function() return self:ended() end)
  local took = system.monotime() - self.started
  if not ok then self:signal "KILL" end
  local _, how, code = self.pipe:close()
  if not ok then error(why .. said(self), 2) end
  local err = self:err()
  local summary = err:match "TASK +ATTEMPTS.*$" or ""
  return { status = how == "exit" and code or 128 + code, signal = how == "signal" and code or nil, out = self:out(),
    err = err:sub(1, #err - #summary), summary = summary, seconds = took }
end

--- Waits until standard error (or, with `stream` "out", output) holds this text.
function Process:until_said(text, seconds, stream)
  local found
  pcall(support.eventually, seconds or 60, text, function()
    local over = self:ended()
    found = self[stream or "err"](self):find(text, 1, true)
    return found or over
  end)
  if found then return end
  local state = self:ended() and "ended" or "lives"
  self:signal "KILL"
  self.pipe:close()
  error(("%q was not said; the program %s"):format(text, state) .. said(self), 2)
end

--- The program lunapod with these arguments.
function support.start_lunapod(words, options)
  local all = { interpreter(options and options.lua or "5.4"), support.root .. "/scripts/bin/lunapod" }
  for _, word in ipairs(words) do all[#all + 1] = word end
  return support.start(all, options)
end

function support.lunapod(words, options)
  return support.start_lunapod(words, options):wait(options and options.seconds)
end

--- A plain Lua program.
function support.start_lua(words, options)
  local all = { interpreter(options and options.lua or "5.4") }
  for _, word in ipairs(words) do all[#all + 1] = word end
  return support.start(all, options)
end

function support.lua(words, options)
  return support.start_lua(words, options):wait(options and options.seconds)
end

--- Fails with the program's whole output when its status is another.
function support.expect_status(status, result)
  if result.status ~= status then
    error(("exit status %d, expected %d"):format(result.status, status) .. said(result), 2)
  end
  return result
end

-- ---- the cluster ----

--- kubectl with these words: its standard output, or nil and what it said.
function support.kubectl(words, input)
  local all = support.cluster_program and { support.cluster_program, "kubectl" } or { "kubectl" }
  for _, word in ipairs(words) do all[#all + 1] = word end
  local path = input and support.file(input, "kubectl_input") or "/dev/null"
  local complaint = support.folder .. "/kubectl_stderr"
  local text, ok = output_of(command_line(all) .. " <" .. support.quote(path) .. " 2>" .. complaint)
  if not ok then return nil, support.read(complaint) end
  return text
end

--- This spec's pods as tables, those being deleted, too; or of all that match a selector.
function support.pods(selector)
  local text = assert(support.kubectl { "get", "pods", "--all-namespaces", "-o", "json", "-l",
    selector or "lunapod_instance=" .. support.instance })
  return cjson.decode(text).items
end

--- Waits for the only pod of the spec that answers test(pod), and returns it.
function support.pod_that(what, test, seconds)
  return support.eventually(seconds or 60, "a pod that " .. what, function()
    for _, pod in ipairs(support.pods()) do
      if test(pod) then return pod end
    end
  end)
end

--- Names of this spec's pods that nobody has deleted yet.
function support.left()
  local names = {}
  for _, pod in ipairs(support.pods()) do
    if not pod.metadata.deletionTimestamp then names[#names + 1] = pod.metadata.name end
  end
  return table.concat(names, " ")
end

--- The end of a case: what left() says, after these pods were removed, so that one failure does not make others.
function support.sweep()
  local names = support.left()
  if names ~= "" then
    support.kubectl { "delete", "pods", "--all-namespaces", "-l", "lunapod_instance=" .. support.instance,
      "--grace-period=0", "--force" }
  end
  return names
end

--- The cluster script with these words (only where support.cluster_program is set).
function support.cluster(...)
  return output_of(command_line { support.cluster_program, ... })
end

--- Runs fn; returns what lunapod asked of the API server meanwhile, {"create pods" = 1, …}, and fn's result.
function support.requests_of(fn)
  local mark = support.cluster("audit", "mark"):gsub("%s", "")
  local result = fn()
  return cjson.decode((support.cluster("audit", "count", "--agent", "lunapod", "--json", "--since", mark))), result,
    mark
end

--- Audit events of those requests as tables.
function support.audit_lines(mark, ...)
  local found = {}
  for line in support.cluster("audit", "lines", "--since", mark, "--agent", "lunapod", ...):gmatch "[^\n]+" do
    found[#found + 1] = cjson.decode(line)
  end
  return found
end

--- The end of a spec file: its pods and its folder go.
function support.clean()
  support.kubectl { "delete", "pods", "--all-namespaces", "-l", "lunapod_instance=" .. support.instance,
    "--grace-period=1",
    "--ignore-not-found", "--wait=true" }
  os.execute("rm -rf " .. support.quote(support.folder))
end

-- ---- pods that the specs use ----

--- A task script: one operator "task" with these lines among its parameters, executed; the result is printed.
function support.task(parameters, after)
  return support.file(([[
local lunapod = require "lunapod"
local task = lunapod.KubernetesPodOperator {
  task_id = "task", image = "busybox:1", cmds = { "sh", "-c" }, termination_grace_period = 1,
  %s
}
%s
]]):format(parameters, after or "print(lunapod.json.encode((task:execute())))"))
end

-- ---- programs that report ----

-- What a script finds when it runs by support.report: pod(name, parameters, context) lists a pod to run, all of them at
-- once at the script's end; request(name, parameters, context) builds a manifest and has the server check it without
-- creating anything; show(name, value) reports any value.
local PRELUDE = [[
local lunapod = require "lunapod"
local function show(name, value) print(lunapod.json.encode { name = name, value = value }) end
local function plain(value)
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = item end
  return out
end
local function task(parameters)
  local all = { task_id = "task", image = "busybox:1", cmds = { "sh", "-c" }, termination_grace_period = 1,
    container_name_log_prefix_enabled = false }
  for key, value in pairs(parameters) do all[key] = value end
  if parameters.without then
    for _, key in ipairs(parameters.without) do all[key] = nil end
    all.without = nil
  end
  return lunapod.KubernetesPodOperator(all)
end
local function outcome_of(ok, result, outcome)
  local err
  if not ok then
    outcome, err = type(result) == "table" and result.outcome or { state = "raised" }, result
    result = outcome.result
  end
  local snapshot = outcome.snapshot or {}
  local said = type(err) == "table" and err or {}
  return { state = outcome.state, exit_code = outcome.exit_code, result = result, error = err and tostring(err),
    class = said.class, reason = said.reason, kind = said.kind, pod = snapshot.pod, log = snapshot.log,
    events = snapshot.events, published = plain(outcome.published), name = outcome.pod and outcome.pod.name,
    namespace = outcome.pod and outcome.pod.namespace, attempts = outcome.attempts }
end
local jobs = {}
local function pod(name, parameters, context) jobs[#jobs + 1] = { name, parameters, context } end
local function request(name, parameters, context)
  local ok, built = lunapod.pcall(function() return task(parameters):build_pod_request_obj(context) end)
  if not ok then return show(name, { error = tostring(built) }) end
  local namespace = built.metadata.namespace or "default"
  local answer, err = lunapod.client():request { method = "POST", body = built,
    path = "/api/v1/namespaces/" .. namespace .. "/pods", query = { dryRun = "All", fieldValidation = "Strict" } }
  show(name, { built = built, pod = answer, error = not answer and tostring(err) or nil })
end
local function run_pods()
  local fibers = {}
  for i, job in ipairs(jobs) do
    fibers[i] = lunapod.spawn(function()
      show(job[1], outcome_of(lunapod.pcall(function() return task(job[2]):execute(job[3]) end)))
    end)
  end
  lunapod.all(fibers)
  jobs = {}
end
]]

--- Runs a script with the functions above by `lunapod run`: what it reported, by name, and its end. Anything else that
-- the script prints is left out. options: as for start, words (more arguments), status.
function support.report(text, options)
  options = options or {}
  local words = { "run", support.file(PRELUDE .. text .. "\nrun_pods()\n") }
  for _, word in ipairs(options.words or {}) do words[#words + 1] = word end
  local result = support.expect_status(options.status or 0, support.lunapod(words, options))
  local reported = {}
  for line in result.out:gmatch "[^\n]+" do
    local ok, it = pcall(cjson.decode, line)
    if ok and type(it) == "table" and it.name then reported[it.name] = it.value end
  end
  return reported, result
end

--- Runs a script (a path) with records as output: the list of them, and the program's end.
function support.records(script, options)
  options = options or {}
  local words = { "run", "-o", "ndjson", script }
  for _, word in ipairs(options.words or {}) do words[#words + 1] = word end
  local result = support.expect_status(options.status or 0, support.lunapod(words, options))
  local records = {}
  for line in result.out:gmatch "[^\n]+" do records[#records + 1] = cjson.decode(line) end
  return records, result
end

return support
