--- An instance: one engine with its scheduler, clients and settings, and the functions that scripts call.
-- It holds what tasks share: params, run and flow ids, connections, where records go, the count of calls (LBL-13), the
-- attempts that live. It is made without an engine; the engine comes with the first thing that needs one.

local core = require "lunapod.core"
local errors = require "lunapod.errors"
local options = require "lunapod.options"
local scheduler = require "lunapod.scheduler"
local group = require "lunapod.group"
local clients = require "lunapod.client"
local hooks = require "lunapod.hooks"
local xcom = require "lunapod.xcom"

local Instance = {}

local known = {
  host = "table", engine = "userdata|table", instance = "string", state = "string", on_record = "function",
  abi = "number", params = "table", run_id = "string", dag_id = "string", namespace = "string",
  cluster_context = "string", config_file = "string", connections = "table", variables = "table",
  pod_mutation_hook = "function",
}

local function script_name()
  local name = type(rawget(_G, "arg")) == "table" and arg[0]
  name = type(name) == "string" and name:match("([^/\\]+)$"):gsub("%.lua$", "") or ""
  return name ~= "" and name or "lunapod"
end

--- Fields that are made when they are first looked at; nothing here waits.
local lazy = {}

function lazy.engine(self)
  local given = self.settings
  local engine, err = core.engine {
    instance = given.instance or os.getenv("LUNAPOD_INSTANCE"), state = given.state,
    engine = given.engine, abi = given.engine and (given.abi or core.abi) or nil,
  }
  if not engine then error(err, 0) end
  return engine
end

function lazy.scheduler(self)
  local it = scheduler.new(self.engine, {
    instance = self, host = self.settings.host,
    on_idle = function() self:idle() end,
    on_resume = function() if self.terminal then self.terminal:erase() end end,
    on_unheard = function(fiber) self:unheard(fiber) end,
  })
  it.on_warning = function(text) self:emit { kind = "warning", level = "warning", message = text } end
  return it
end

function lazy.run_id(self)
  self.run_id_given = false
  return core.format_time(core.time(), 0):gsub("[^%dT]", "") .. "-" .. core.random(25) -- 128 random bits (NAM-5)
end

function lazy.dag_id() return script_name() end

function lazy.task(self)
  return require("lunapod.operator"):bind(self)
end

function lazy.KubernetesPodOperator(self) return self.task end

function Instance.__index(self, key)
  local method = Instance[key]
  if method ~= nil then return method end
  local make = lazy[key]
  if make and not rawget(self, "closed") then
    local value = make(self)
    rawset(self, key, value)
    return value
  end
  return nil
end

function Instance.__tostring()
  return "lunapod instance"
end

local connection_fields = {
  in_cluster = "boolean", kube_config_path = "string", kube_config = "string", namespace = "string",
  cluster_context = "string", disable_verify_ssl = "boolean",
  disable_tcp_keepalive = "boolean", -- accepted, and without effect: a dead network is to be noticed (M3)
  xcom_sidecar_container_image = "string", xcom_sidecar_container_resources = "table",
  xcom_sidecar_container_security_context = "table",
}

--- Named connections (ACC-4), checked.
local function connections_of(given, what)
  for name, connection in pairs(given or {}) do
    options.argument(connection, "table", ("%s: %q"):format(what, tostring(name)))
    options.check(connection, connection_fields, ("connection %q"):format(tostring(name)))
  end
  return given or {}
end

--- What lunapod.new takes; the engine is made when it is needed.
local function new(given)
  given = options.check(given, known, "lunapod.new")
  return setmetatable({
    settings = given,
    params = given.params or {},
    run_id = given.run_id, run_id_given = given.run_id ~= nil, dag_id = given.dag_id,
    on_record = given.on_record,
    named_connections = connections_of(given.connections, "lunapod.new"), named_variables = given.variables or {},
    pod_mutation_hook = given.pod_mutation_hook,
    started = core.time(),
    clients = {}, calls = {}, attempts = {}, published = {}, published_order = {},
    watched_events = 0,
    classic_sidecars = setmetatable({}, { __mode = "k" }), -- core client → true: its server is older than 1.29
  }, Instance)
end

-- ---- fibers and waiting: see scheduler.lua and group.lua ----

function Instance:spawn(fn, ...)
  options.argument(fn, "function", "spawn")
  return self.scheduler:spawn(fn, ...)
end

function Instance:map(list, fn, given) return group.map(self.scheduler, list, fn, given) end
function Instance:all(list, given) return group.all(self.scheduler, list, given) end
function Instance:sleep(seconds) self.scheduler:sleep(seconds) end
function Instance:run(fn, ...)
  if fn ~= nil then options.argument(fn, "function", "run") end
  return self.scheduler:run(fn, ...)
end
function Instance:pcall(fn, ...) return self.scheduler:pcall(fn, ...) end
function Instance:xpcall(fn, handler, ...) return self.scheduler:xpcall(fn, handler, ...) end

-- ---- for a host's loop ----

--- Do what there is to do (seconds: wait that long for it; 0, the default, not at all).
function Instance:step(seconds) return self.scheduler:host_turn(seconds or 0) end
function Instance:fd() return self.engine:fd() end
function Instance:timeout() return self.engine:timeout() end
function Instance:pollfd() return self.engine:pollfd() end
function Instance:events() return self.engine:events() end
function Instance:getfd() return self.engine:getfd() end
function Instance:dirty() return self.engine:dirty() end

-- ---- settings ----

--- Id of this installation, as it stands in its pods' labels (LBL-9). One that cannot be kept is random: then a given
-- run id finds nothing later, which is said once.
function Instance:installation()
  if not self.label then
    local id, problem = self.engine:instance()
    if problem and self.run_id_given then
      self:emit { kind = "warning", level = "warning", message = tostring(problem)
        .. "; pods of this run id will not be found again" }
    end
    self.label = require("lunapod.naming").label_value(id)
  end
  return self.label
end

--- Named cluster settings (ACC-4): connections{ name = {…} } adds some; connections() returns all.
function Instance:connections(given)
  if given ~= nil then
    options.argument(given, "table", "connections")
    for name, connection in pairs(connections_of(given, "connections")) do self.named_connections[name] = connection end
  end
  return self.named_connections
end

--- Values for `var` of templates: variables { name = value } adds some; variables() returns all.
function Instance:variables(given)
  if given ~= nil then
    options.argument(given, "table", "variables")
    for name, value in pairs(given) do self.named_variables[name] = value end
  end
  return self.named_variables
end

--- What a task of this run has published already, or nil: see xcom.lua.
function Instance:xcom_pull(given)
  return xcom.pull(self, given)
end

--- The core client for these settings; equal settings share one, and with it its connections and its watch.
function Instance:core_client(given)
  local wanted = {
    config_file = given.config_file, config = given.config, in_cluster = given.in_cluster,
    context = given.context, namespace = self.settings.namespace, user_agent = given.user_agent,
    insecure = given.insecure,
  }
  if given.in_cluster ~= true then
    wanted.config_file = wanted.config_file or (not given.config and self.settings.config_file) or nil
    wanted.context = wanted.context or self.settings.cluster_context
  end
  local key = {}
  for i, name in ipairs { "config_file", "config", "in_cluster", "context", "user_agent", "insecure" } do
    key[i] = tostring(wanted[name])
  end
  key = table.concat(key, "\0")
  local client = self.clients[key]
  if not client then
    local err
    client, err = self.engine:client(wanted)
    if not client then
      if err.kind == "parse" then err.kind = "api" end -- a broken kubeconfig is no fault of the script's
      error(err, 0)
    end
    self.clients[key] = client
  end
  return client
end

local client_options = {
  config_file = "string", config = "string", context = "string", in_cluster = "boolean", namespace = "string",
  user_agent = "string", insecure = "boolean",
}

--- A client whose calls wait as fibers do: see client.lua.
function Instance:client(given)
  given = options.check(given, client_options, "client")
  return clients.new(self, self:core_client(given), given.namespace)
end

-- ---- records ----

--- Give a record to whoever listens. loud: to people, too, whatever its kind.
function Instance:emit(it, loud)
  it.time = it.time or core.time()
  it.dag_id = it.dag_id or self.dag_id
  it.run_id = it.run_id or self.run_id
  if self.on_record then
    if self.terminal then self.terminal:erase() end
    self.scheduler:observe(self.on_record, it)
  elseif self.terminal then
    self.terminal:record(it, loud)
  end
end

--- Must log text be cut into lines? Blocks are enough when it only goes to the terminal.
function Instance:wants_lines(op)
  return self.on_record ~= nil or op.log_formatter ~= nil or hooks.of_lines(op) ~= nil
end

function Instance:unheard(fiber)
  local err = fiber.error
  if errors.is_cancelled(err) then return end
  self:emit { kind = "error", level = "error", message = "a fiber failed, and nobody waits for it: " .. tostring(err),
    error = err }
end

--- Before a turn sleeps: show the status line, and tick once a second as long as there is one.
function Instance:idle()
  local terminal = self.terminal
  if not terminal then return end
  terminal:draw(self.scheduler.unstarted)
  if terminal:active() and not self.ticking then
    self.ticking = true
    self.scheduler:after(1, function() self.ticking = false end)
  end
end

-- ---- calls (LBL-13) ----

--- Map index and call of an execution that begins now. A map gives the index; within a nested map the call begins with
-- the outer ones'.
function Instance:next_call(task_id, run_id, explicit_index)
  local fiber = self.scheduler:current()
  local scope = fiber and fiber.scope
  local index, outer = explicit_index, nil
  if scope then
    if index == nil then index = scope.map_index end
    local above = scope.outer
    while above do
      outer = above.map_index .. (outer and "." .. outer or "")
      above = above.outer
    end
  end
  local key = ("%s\0%s\0%s\0%s"):format(run_id, task_id, tostring(index), outer or "")
  local ordinal = (self.calls[key] or 0) + 1
  self.calls[key] = ordinal
  local call
  if outer then
    call = outer .. "." .. ordinal
  elseif ordinal > 1 then
    call = tostring(ordinal)
  end
  return index, call
end

-- ---- the end ----

--- Names of the pods that live runs of this instance hold.
function Instance:pods()
  local names = {}
  for attempt in pairs(self.attempts) do
    local report = attempt:report()
    if report.name and not report.deleted then names[#names + 1] = report.namespace .. "/" .. report.name end
  end
  table.sort(names)
  return names
end

--- Let go of all pods: they live on, and a later start with the same run id takes them up.
function Instance:detach()
  for attempt in pairs(self.attempts) do attempt:detach() end
end

local function none_left(self)
  if next(self.attempts) == nil and self.scheduler.alive_count == 0 then return true end
  return nil
end

--- End the instance. cancel = true: kill its pods first, waiting up to `timeout` seconds; else they live on.
-- Returns true; or nil, "timeout" when some were still there.
function Instance:close(given)
  given = options.check(given, { cancel = "boolean", timeout = "number" }, "close")
  if self.closed then return true end
  local ok, why = true, nil
  if rawget(self, "scheduler") then
    if given.cancel then
      self.scheduler:check()
      self.scheduler:cancel_all("the instance is closed", self.scheduler:current())
      for attempt in pairs(self.attempts) do
        if not attempt.driven then attempt:cancel() end
      end
      ok, why = self.scheduler:wait(self, none_left, given.timeout or 60)
    end
    self:detach()
    self.scheduler:report_unheard()
    local host = self.settings.host
    if host and host.detach then host.detach(self) end
  end
  if self.terminal then self.terminal:erase() end
  self.closed = true
  for _, client in pairs(self.clients) do client:close() end
  if rawget(self, "engine") then self.engine:close() end
  return ok, why
end

return { new = new }
