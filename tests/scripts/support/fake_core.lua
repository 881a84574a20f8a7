--- A lunapod.core in pure Lua for specs of order and time: a fake clock that only steps move, pods that live as a
-- script says. fake.install() puts it in place of the C module. fake.pods(options) decides each run's life: it returns
-- a table {start =, run =, exit_code =, output = {{at =, text =}}, result =, error = {phase =, …}, kill = seconds},
-- times in seconds.

local cjson = require "cjson"

local fake = { error_meta = { __tostring = function(err) return err.message or "?" end } }

local array_mark, object_mark = { name = "array" }, { name = "object" }
local unpack = table.unpack or unpack

-- ---- services ----

--- A decoded value, its lists and maps marked as the core's are.
local function marked(value)
  if type(value) ~= "table" then return value end
  for _, item in pairs(value) do marked(item) end
  return setmetatable(value, (value[1] ~= nil) and array_mark or object_mark)
end

local function install_services(core)
  core.null, core.version, core.abi = cjson.null, "0.0.0-fake", 1
  function core.array(t) return setmetatable(t or {}, array_mark) end
  function core.object(t) return setmetatable(t or {}, object_mark) end
  function core.mark(t) local mark = getmetatable(t) return mark and mark.name end
  function core.error(fields) return setmetatable(fields, fake.error_meta) end
  function core.is_error(value) return type(value) == "table" and getmetatable(value) == fake.error_meta end
  core.json = {
    decode = function(text)
      local ok, value = pcall(cjson.decode, text)
      if ok then return marked(value) end
      return nil, core.error { kind = "parse", rc = "PARSE", message = "line 1, column 1: " .. tostring(value) }
    end,
    encode = function(value)
      local ok, text = pcall(cjson.encode, value)
      if ok then return text end
      return nil, core.error { kind = "usage", rc = "USAGE", message = text }
    end,
  }
  core.yaml = { encode = core.json.encode, decode = function(text) return { cjson.decode(text) } end }
  function core.digest(_, text) return ("%08x"):format(#text):rep(8) end
  function core.random(count)
    fake.randoms = fake.randoms + 1
    return ("%0" .. count .. "d"):format(fake.randoms)
  end
  function core.parse_time(text)
    local y, mo, d, h, mi, s = text:match("^(%d+)%-(%d+)%-(%d+)T(%d+):(%d+):(%d+)")
    if not y or not text:find("[Z+-]", 20) then return nil end
    local here = os.time { year = y, month = mo, day = d, hour = h, min = mi, sec = s, isdst = false }
    return here + os.difftime(here, os.time(os.date("!*t", here)))
  end
  function core.format_time(seconds, digits)
    local whole = math.floor(seconds)
    local text = os.date("!%Y-%m-%dT%H:%M:%S", whole)
    if digits and digits > 0 then text = text .. "." .. ("%06d"):format(math.floor((seconds - whole) * 1e6 + 0.5)) end
    return text .. "Z"
  end
  function core.waiting_rules()
    return { { reason = "ErrImagePull", message = "qps", grace = -1, class = "image" },
      { reason = "ErrImagePull", grace = 0, class = "image" },
      { reason = "CreateContainerConfigError", grace = 30, class = "config" },
      { reason = "CreateContainerError", grace = 10, class = "config" } }
  end
  function core.time() return fake.epoch + fake.clock end
  function core.isatty() return fake.tty end
  function core.columns() return fake.tty and 80 or nil end
  function core.write(fd, text) fake.written[#fake.written + 1] = { fd = fd, text = text } return true end
  function core.can_yield()
    if fake.can_yield ~= nil then return fake.can_yield end
    if coroutine.isyieldable then return coroutine.isyieldable() end
    local co, is_main = coroutine.running()
    return co ~= nil and not is_main
  end
end

-- ---- the engine: a queue of things to happen, and a queue of events ----

local Engine = {}
Engine.__index = Engine

--- Have fn happen in so many seconds; the same moment keeps the order of calls.
function Engine:at(seconds, id, fn)
  self.order = self.order + 1
  local when = fake.clock + seconds
  local i = #self.due
  while i > 0 and self.due[i].when > when do i = i - 1 end
  table.insert(self.due, i + 1, { when = when, id = id, fn = fn })
end

function Engine:push(id, kind, ...)
  self.queue[#self.queue + 1] = { n = select("#", ...) + 2, id, kind, ... }
end

function Engine:new_id()
  self.last_id = self.last_id + 1
  return self.last_id
end

function Engine:step(seconds)
  assert(not self.closed, "the engine is closed")
  assert(not self.inside, "step from inside a step")
  self.steps = self.steps + 1
  if fake.on_step then fake.on_step(self, seconds) end
  if #self.queue > 0 then return true end
  local due = self.due[1]
  local limit = seconds and fake.clock + seconds
  if not due and not limit then error("fake engine: a step without limit and nothing to come", 0) end
  if due and (not limit or due.when <= limit) then
    fake.clock = math.max(fake.clock, due.when)
  else
    fake.clock = limit
    return true
  end
  while self.due[1] and self.due[1].when <= fake.clock do
    local it = table.remove(self.due, 1)
    self.inside = true
    it.fn()
    self.inside = false
  end
  return true
end

function Engine:next_event()
  local event = table.remove(self.queue, 1)
  if event then return unpack(event, 1, event.n) end
end

function Engine:timer(seconds)
  local id = self:new_id()
  fake.timers = fake.timers + 1
  self:at(seconds, id, function() self:push(id, "timer") end)
  return id
end

function Engine:cancel(id)
  for i = #self.due, 1, -1 do
    if self.due[i].id == id then table.remove(self.due, i) end
  end
  for i = #self.queue, 1, -1 do
    if self.queue[i][1] == id then table.remove(self.queue, i) end
  end
end

function Engine:hold(id, held) self.held[id] = held or nil end
function Engine:want_lines(id, yes) self.lines[id] = yes end
function Engine:now() return fake.clock end
function Engine:wake() self.wakes = self.wakes + 1 end
function Engine:id() return "engine-fake" end
function Engine:instance() return self.options.instance or "fake-instance" end
function Engine:alive(id) return fake.engines_alive[id] end
function Engine:watch_signals(names) self.signals = names return true end
function Engine:signal(name, after) self:at(after or 0, 0, function() self:push(0, "signal", name) end) end
function Engine:timeout() return self.due[1] and self.due[1].when - fake.clock end
function Engine:fd() return 3 end
function Engine:close() self.closed = true end

-- ---- client ----

local Client = {}
Client.__index = Client

function Engine:client(options)
  if fake.client_error then return nil, fake.client_error end
  fake.clients[#fake.clients + 1] = options
  return setmetatable({ engine = self, options = options }, Client)
end

function Client:namespace() return self.options.namespace or "default" end
function Client:server() return "https://fake:6443" end
function Client:in_cluster() return false end
function Client:close() self.closed = true end

--- fake.respond(request) → value, err, status, seconds; what it does not know is 200 {}.
function Client:start_request(request)
  fake.requests[#fake.requests + 1] = request
  local id = self.engine:new_id()
  local value, err, status, seconds = nil, nil, nil, nil
  if fake.respond then value, err, status, seconds = fake.respond(request) end
  if value == nil and err == nil then value = { items = {} } end
  self.engine:at(seconds or 0, id, function() self.engine:push(id, "response", value, err, status or (err and err.code)
    or 200, nil) end)
  return id
end

--- fake.stream(kind, options) → list of { seconds, event kind, … }.
local function start(kind)
  return function(self, options)
    fake.requests[#fake.requests + 1] = options
    local id = self.engine:new_id()
    for _, event in ipairs(fake.stream and fake.stream(kind, options) or { { 0, "end" } }) do
      self.engine:at(event[1], id, function() self.engine:push(id, unpack(event, 2, event.n or #event)) end)
    end
    return id
  end
end
Client.start_watch, Client.start_logs, Client.start_exec = start "watch", start "logs", start "exec"
function Client:send(id, data) fake.sent[#fake.sent + 1] = { id, data } return true end
function Client:send_eof(id) fake.sent[#fake.sent + 1] = { id } return true end

-- ---- runs ----

local Run = {}
Run.__index = Run
local order = { found = 1, created = 2, started = 3, ended = 4, result = 5, cleaned = 6 }

function Client:run(options)
  local life = fake.pods and fake.pods(options) or {}
  if life.refused then return nil, fake.core.error(life.refused) end
  local self_run = setmetatable({ engine = self.engine, run_id = self.engine:new_id(), options = options, life = life,
    reached = 0,
    state = { namespace = "default", gaps = 0, containers = {} } }, Run)
  fake.runs[#fake.runs + 1] = self_run
  return self_run
end

function Run:id() return self.run_id end

function Run:fail(fields)
  if not fields then return nil end
  local copy = {}
  for k, v in pairs(fields) do copy[k] = v end
  copy.phase = nil
  return fake.core.error(copy)
end

function Run:task(state, exit_code)
  local life = self.life
  self.state.task = { name = "base", state = state, exit_code = exit_code, reason = state == "terminated"
    and (life.reason or (exit_code == 0
    and "Completed" or "Error")) or nil, message = state == "terminated" and life.message or nil }
  self.state.containers = { self.state.task }
end

function Run:reach(name)
  local life, state = self.life, self.state
  if name == "found" then state.found = life.found and true or false end
  if name == "created" then
    fake.live = fake.live + 1
    fake.most_live = math.max(fake.most_live, fake.live)
    self.exists = true
    state.name = (self.options.manifest.metadata and self.options.manifest.metadata.name or "pod") .. "-" .. self.run_id
    state.uid, state.created, state.adopted = "uid-" .. self.run_id, fake.epoch + fake.clock, life.found or false
    state.phase = "Pending"
    self.engine:push(self.run_id, "state", "scheduled")
  elseif name == "started" then
    state.phase, state.started = "Running", fake.epoch + fake.clock
    self:task("running")
    self.engine:push(self.run_id, "state", "")
    for _, chunk in ipairs(life.output or {}) do
      self.engine:at(chunk.at or 0, self.run_id, function()
        if self.engine.lines[self.run_id] then
          local lines = {}
          for line in chunk.text:gmatch("([^\n]*)\n") do lines[#lines + 1] = { text = line,
            time = fake.epoch + fake.clock } end
          self.engine:push(self.run_id, "output", nil, "base", lines)
        else
          self.engine:push(self.run_id, "output", (chunk.text:gsub("([^\n]*\n)", "[base] %1")), "base")
        end
      end)
    end
  elseif name == "ended" then
    state.phase, state.ended = (life.exit_code or 0) == 0 and "Succeeded" or "Failed", fake.epoch + fake.clock
    self:task("terminated", life.exit_code or 0)
  end
end

local delays = { started = "start", ended = "run" }
local names = { "found", "created", "started", "ended", "result", "cleaned" }

function Run:gone()
  if self.exists and not self.state.deleted then
    self.state.deleted = true
    fake.live = fake.live - 1
  end
end

function Run:advance(phase)
  if self.closed or self.detached then return nil, fake.core.error { kind = "usage", rc = "USAGE",
    message = "closed" } end
  local target = order[phase]
  if self.failed and phase ~= "cleaned" and not (phase == "result" and self.ended_failed) then
    return nil, fake.core.error { kind = "usage", rc = "USAGE", message = "only cleaned can be asked for" }
  end
  local function go(index)
    local name = names[index]
    if phase == "cleaned" and index < 6 and (self.failed or not self.exists) then return go(6) end
    self.engine:at(delays[name] and self.life[delays[name]] or 0, self.run_id, function()
      self:reach(name)
      self.reached = index
      local err = self.life.error and self.life.error.phase == name and self:fail(self.life.error) or nil
      if name == "ended" and not err and (self.life.exit_code or 0) ~= 0 then
        self.ended_failed = true
        err = fake.core.error { kind = "task", rc = "TASK", class = self.life.class or "user",
          reason = self.life.reason or "Error",
          message = "container base of pod " .. self.state.name .. " exited with " .. self.life.exit_code,
            retryable = true }
      end
      if err then
        self.failed = self.failed or err
        return self.engine:push(self.run_id, "phase", phase, err)
      end
      if name == "cleaned" then
        if self.options.on_finish ~= "keep" then self:gone() end
        self.cleaned = true
        return self.engine:push(self.run_id, "phase", "cleaned", self.failed)
      end
      if index == target then return self.engine:push(self.run_id, "phase", phase) end
      go(index + 1)
    end)
  end
  if self.reached >= target then self.engine:push(self.run_id, "phase", phase) else go(self.reached + 1) end
  return true
end

function Run:cancel(grace)
  self.killed_with = grace == nil and "default" or grace
  for i = #self.engine.due, 1, -1 do
    if self.engine.due[i].id == self.run_id then table.remove(self.engine.due, i) end
  end
  self.engine:at(self.life.kill or 1, self.run_id, function()
    self:gone()
    self.engine:push(self.run_id, "phase", "cleaned", fake.core.error { kind = "cancelled", rc = "CANCELLED",
      message = "cancelled" })
  end)
  return true
end

function Run:adopt(pod)
  self.adopted = pod or false
  self.state.found = pod ~= nil
  return true
end
function Run:detach() self.detached = true self.engine:cancel(self.run_id) end
function Run:set_on_finish(on_finish) self.options.on_finish = on_finish end
function Run:report() return self.state end
function Run:pod()
  if not self.exists then return nil end
  return { metadata = { name = self.state.name, namespace = "default", uid = self.state.uid, labels = self.life.labels
    or {}, annotations = self.life.annotations },
    spec = self.life.spec, status = { phase = self.state.phase } }
end
function Run:result() return self.life.result end
function Run:close() self.closed = true end

-- ---- in and out ----

--- Put it in place of lunapod.core, with everything as new. Returns the module lunapod.
function fake.install()
  for name in pairs(package.loaded) do
    if name == "lunapod" or name:find("^lunapod%.") then package.loaded[name] = nil end
  end
  fake.clock, fake.epoch, fake.randoms, fake.timers, fake.live, fake.most_live = 0, 1700000000.5, 0, 0, 0, 0
  fake.written, fake.requests, fake.runs, fake.clients, fake.sent, fake.engines_alive = {}, {}, {}, {}, {}, {}
  fake.tty, fake.can_yield, fake.pods, fake.respond, fake.stream, fake.client_error, fake.on_step = false, nil, nil,
    nil, nil, nil, nil
  local core = {}
  fake.core = core
  install_services(core)
  function core.engine(options)
    fake.engine = setmetatable({ options = options or {}, due = {}, queue = {}, lines = {}, held = {}, last_id = 0,
      order = 0, steps = 0, wakes = 0 },
      Engine)
    return fake.engine
  end
  package.loaded["lunapod.core"] = core
  return require "lunapod"
end

--- The pods to come live one of these lives after the other, and the last one from then on.
function fake.lives(list)
  fake.pods = function() return list[#fake.runs + 1] or list[#list] end
end

--- A task "work" with these parameters, too.
function fake.task(lunapod, more)
  local given = { task_id = "work", image = "busybox:1" }
  for key, value in pairs(more or {}) do given[key] = value end
  return lunapod.task(given)
end

--- All that was written to a descriptor.
function fake.output(fd)
  local texts = {}
  for _, it in ipairs(fake.written) do
    if it.fd == fd then texts[#texts + 1] = it.text end
  end
  return table.concat(texts)
end

return fake
