--- Fibers and waiting: the one place in lunapod where anything waits.
-- A turn steps the engine, hands its events to whoever registered for their ids, then resumes the fibers that became
-- ready, fairly and within a bound of CPU time. A wait in a fiber yields to the turn; in the main thread it makes turns
-- itself; in a coroutine of somebody else it parks by the host's adapter. Invariants: a wait finds out that it cannot
-- wait before anything is sent; a cancelled fiber's waits raise, except under a shield; a callback never waits. What a
-- fiber does is none of this file's business; fan-outs are in group.lua.

local core = require "lunapod.core"
local compat = require "lunapod.compat"
local errors = require "lunapod.errors"
local fibers = require "lunapod.fiber"

local unpack, pack = compat.unpack, compat.pack

local Scheduler = {}
Scheduler.__index = Scheduler

local CPU_OF_A_TURN = 0.007 -- seconds; a single fiber may exceed it, a crowd of them may not
local PARK = {}             -- what a waiting fiber yields

--- options: host (adapter, see lunapod.host.*) and the instance it serves, on_idle (called before a turn blocks),
-- on_resume (before code of the user runs), on_unheard (fiber): a fiber failed and nobody will hear of it.
local function new(engine, options)
  options = options or {}
  return setmetatable({
    engine = engine,
    instance = options.instance,
    host = options.host,
    on_idle = options.on_idle,
    on_resume = options.on_resume,
    on_unheard = options.on_unheard,
    waiters = {},                               -- id of something under way → function(kind, …)
    owners = setmetatable({}, { __mode = "k" }), -- coroutine → {fiber, outer, passes}: fibers, and what pcall runs in
    ready = {}, first = 1, last = 0,            -- fibers to resume, oldest first
    alive = {}, alive_count = 0,
    unheard = {},                               -- failed fibers that nobody has waited for
    host_parked = 0,                            -- coroutines of the host's that wait
    unstarted = 0,                              -- items of maps whose turn has not come
  }, Scheduler)
end

-- ---- what is under way ----

--- Events of this id go to fn(kind, …) from now on; fn must not wait. nil: to nobody.
function Scheduler:listen(id, fn)
  self.waiters[id] = fn
end

--- End what has this id.
function Scheduler:forget(id)
  self.waiters[id] = nil
  self.engine:cancel(id)
end

--- Call fn() in so many seconds. Returns the id to forget.
function Scheduler:after(seconds, fn)
  local id, err = self.engine:timer(seconds)
  if not id then error(err, 0) end
  self.waiters[id] = function()
    self.waiters[id] = nil
    fn()
  end
  return id
end

-- ---- who waits, and where ----

--- The coroutine's entry in owners, nil in the main thread; raises when waiting is not possible here. Call it before
-- anything is sent.
function Scheduler:check()
  local co = compat.running()
  if not co then
    if self.turning then errors.usage("cannot wait here: this is a callback of lunapod; start a fiber with spawn") end
    return nil
  end
  local owner = self.owners[co]
  if not owner then
    if not self.host then
      errors.usage("cannot wait in a coroutine that lunapod did not make: use lunapod.spawn, or make the instance with "
        .. "lunapod.new { host = require \"lunapod.host.cqueues\" } (or .luv)")
    end
    owner = { outer = co, passes = true }
  end
  if not owner.passes or not core.can_yield() then
    errors.usage("cannot wait inside pcall, an iterator or a metamethod on this Lua; use lunapod.pcall or "
      .. "lunapod.xpcall, and a plain loop")
  end
  return owner
end

--- The fiber that runs now, or nil.
function Scheduler:current()
  local co = compat.running()
  local owner = co and self.owners[co]
  return owner and owner.fiber
end

function Scheduler:make_ready(fiber)
  if fiber.queued or not self.alive[fiber] then return end
  fiber.queued = true
  self:defer(fiber)
end

--- Have it resumed by a turn: a fiber, or a sleeper of the host's (its coroutine in `co`).
function Scheduler:defer(it)
  local first = self.first > self.last
  self.last = self.last + 1
  self.ready[self.last] = it
  -- A host that watches the descriptor alone has to hear of it.
  if first and not self.turning then self.engine:wake() end
end

--- Wake all that wait at this place. A place is any table; the scheduler keeps its sleepers in `place.parked`.
function Scheduler:notify(place)
  local parked = place.parked
  if not parked then return end
  place.parked = nil
  for sleeper in pairs(parked) do sleeper:wake() end
end

local function park(place, sleeper)
  local parked = place.parked
  if not parked then
    parked = {}
    place.parked = parked
  end
  parked[sleeper] = true
end

local function unpark(place, sleeper)
  local parked = place.parked
  if parked then
    parked[sleeper] = nil
    if next(parked) == nil then place.parked = nil end
  end
end

--- Raise if this fiber has been cancelled and is not shielded. Returns the time until which the shield holds, if there
-- is one.
function Scheduler:obey(fiber)
  if not fiber.cancelled then return nil end
  local shield = fiber.shield_until
  if shield and self.engine:now() < shield then return shield < math.huge and shield or nil end
  error(errors.cancelled(fiber.cancelled), 0)
end

function Scheduler:park_fiber(fiber, place, deadline)
  local limit = self:obey(fiber)
  if deadline and (not limit or deadline < limit) then limit = deadline end
  local timer
  if limit then
    timer = self:after(math.max(0, limit - self.engine:now()), function()
      timer = nil
      fiber:wake()
    end)
  end
  park(place, fiber)
  fiber.status = "waiting"
  coroutine.yield(PARK)
  fiber.status = "running"
  unpark(place, fiber)
  if timer then self:forget(timer) end
end

--- Park a coroutine of the host's.
function Scheduler:park_host(co, place, seconds)
  local sleeper = self.host.sleeper(self, co)
  park(place, sleeper)
  self.host_parked = self.host_parked + 1
  self.host.keep(self.instance)
  sleeper:sleep(seconds)
  self.host_parked = self.host_parked - 1
  unpark(place, sleeper)
end

--- Does a fiber live, or a coroutine of the host's wait?
function Scheduler:busy()
  return self.alive_count > 0 or self.host_parked > 0
end

--- A turn in the main thread, where an endless wait for nothing would hang the process.
function Scheduler:turn_or_fail(seconds)
  if not seconds and self.first > self.last and next(self.waiters) == nil then
    errors.usage("nothing is under way that could end this wait")
  end
  self:turn(seconds)
end

--- Wait until check(place) is not nil and return what it returns; nil, "timeout" after so many seconds. Whoever changes
-- what check looks at calls notify(place). Raises when the fiber is cancelled.
function Scheduler:wait(place, check, seconds)
  local owner = self:check()
  local fiber = owner and owner.fiber
  local deadline = seconds and self.engine:now() + seconds
  if fiber then self:obey(fiber) end
  while true do
    local value, second = check(place)
    local left = deadline and deadline - self.engine:now()
    if value == nil and left and left <= 0 then second = "timeout" end
    if value ~= nil or second == "timeout" then
      if not owner and self.on_resume then self.on_resume() end
      return value, second
    end
    if fiber then
      self:park_fiber(fiber, place, deadline)
      self:obey(fiber)
    elseif owner then
      self:park_host(owner.outer, place, left)
    else
      self:turn_or_fail(left)
    end
  end
end

local function never() return nil end

function Scheduler:sleep(seconds)
  if type(seconds) ~= "number" or seconds ~= seconds or seconds < 0 then
    errors.usage("sleep: expected a number of seconds, got %s", tostring(seconds))
  end
  if seconds > 0 then
    self:wait({}, never, seconds)
  else
    self:pass()
  end
end

--- Let the others have their turn.
function Scheduler:pass()
  local owner = self:check()
  local fiber = owner and owner.fiber
  if not owner then return self:turn_or_fail(0) end
  if not fiber then return self:wait({}, never, 0) end
  self:obey(fiber)
  fiber.status = "waiting"
  self:make_ready(fiber)
  coroutine.yield(PARK)
  fiber.status = "running"
  self:obey(fiber)
end

-- ---- fibers ----

--- Start fn(…) in a fiber of its own; it runs at the next turn.
function Scheduler:spawn(fn, ...)
  local arguments = pack(...)
  local fiber = fibers.new(self)
  local parent = self:current()
  fiber.scope = parent and parent.scope -- the map item it belongs to (LBL-13)
  fiber.co = coroutine.create(function()
    fiber.values = pack(fn(unpack(arguments, 1, arguments.n)))
  end)
  self.owners[fiber.co] = { fiber = fiber, outer = fiber.co, passes = true }
  self.alive[fiber] = true
  self.alive_count = self.alive_count + 1
  self:make_ready(fiber)
  if self.host then self.host.keep(self.instance) end
  return fiber
end

function Scheduler:finish(fiber, status, err)
  fiber.status, fiber.error = status, err
  self.alive[fiber] = nil
  self.alive_count = self.alive_count - 1
  self.owners[fiber.co] = nil
  local heard = fiber.heard or fiber.parked ~= nil
  if fiber.on_done then fiber.on_done(fiber) end
  if status == "failed" and not heard then
    self.unheard[#self.unheard + 1] = fiber
    if self.hosted then self:report_unheard() end
  end
  self:notify(fiber)
  if self.alive_count == 0 then self:notify(self) end
end

--- Tell of the failed fibers that nobody waited for; returns the first one's error.
function Scheduler:report_unheard()
  local unheard = self.unheard
  self.unheard = {}
  local first
  for _, fiber in ipairs(unheard) do
    if not fiber.heard then
      first = first or fiber
      fiber.heard = true
      if self.on_unheard then
        self.told = fiber.error -- so that whoever gets it raised need not tell it again
        self.on_unheard(fiber)
      end
    end
  end
  return first and first.error
end

function Scheduler:resume(fiber)
  fiber.queued = false
  fiber.status = "running"
  local co = fiber.co
  local ok, what = coroutine.resume(co)
  if coroutine.status(co) == "dead" then
    if ok then return self:finish(fiber, "done") end
    if errors.is_cancelled(what) and fiber.cancelled then return self:finish(fiber, "cancelled", what) end
    fiber.traceback = debug.traceback(co)
    return self:finish(fiber, "failed", what)
  end
  if what ~= PARK then
    self:finish(fiber, "failed", core.error { kind = "usage", rc = "USAGE",
      message = "coroutine.yield in a fiber of lunapod: a fiber stops only by waiting" })
  end
end

--- Cancel all fibers (but one). why is the text of the error that their waits raise.
function Scheduler:cancel_all(why, but)
  local all = {}
  for fiber in pairs(self.alive) do all[#all + 1] = fiber end
  for _, fiber in ipairs(all) do
    if fiber ~= but then fiber:cancel(why) end
  end
end

--- Run fn() so that cancelling does not interrupt its waits, for at most so many seconds.
function Scheduler:shielded(seconds, fn)
  local fiber = self:current()
  if not fiber then return fn() end
  local outer = fiber.shield_until
  local limit = self.engine:now() + seconds
  fiber.shield_until = outer and math.min(outer, limit) or limit
  local results = pack(self:pcall(fn))
  fiber.shield_until = outer
  if not results[1] then error(results[2], 0) end
  return unpack(results, 2, results.n)
end

-- ---- pcall and xpcall that waits can cross ----

local function pass_on(co, handler, ok, ...)
  if not ok then
    local err = ...
    if handler == debug.traceback then return false, debug.traceback(co, err) end
    if handler then return false, handler(err) end
    return false, err
  end
  if coroutine.status(co) == "dead" then return true, ... end
  return pass_on(co, handler, coroutine.resume(co, coroutine.yield(...)))
end

--- In a coroutine of its own, whose yields are passed on.
function Scheduler:protect(owner, handler, fn, ...)
  local co = coroutine.create(fn)
  self.owners[co] = { fiber = owner.fiber, outer = owner.outer, passes = owner.passes and core.can_yield() }
  return pass_on(co, handler, coroutine.resume(co, ...))
end

function Scheduler:pcall(fn, ...)
  local co = compat.running()
  if compat.pcall_yields or not co then return pcall(fn, ...) end -- bare pcall: waits cross it, or make turns
  local owner = self.owners[co] or self.host and { outer = co, passes = true }
  if not owner or type(fn) ~= "function" then return pcall(fn, ...) end -- bare pcall: waits in it are refused
  return self:protect(owner, nil, fn, ...)
end

function Scheduler:xpcall(fn, handler, ...)
  local co = compat.running()
  local owner = co and not compat.pcall_yields and (self.owners[co] or self.host and { outer = co, passes = true })
  if owner and type(fn) == "function" then return self:protect(owner, handler, fn, ...) end
  local arguments = pack(...)
  local function call() return fn(unpack(arguments, 1, arguments.n)) end
  return xpcall(call, handler) -- bare pcall: waits cross it, make turns, or are refused
end

-- ---- turns ----

local clock = os.clock

function Scheduler:dispatch(id, kind, ...)
  if not id then return false end
  local waiter = self.waiters[id]
  if waiter then
    waiter(kind, ...)
  elseif kind == "signal" and self.on_signal then
    self.on_signal(...)
  elseif kind == "warning" and self.on_warning then
    self.on_warning(...)
  end
  return true
end

function Scheduler:work(seconds)
  if self.first <= self.last then seconds = 0 end
  if seconds ~= 0 and self.on_idle then self.on_idle() end
  local stop -- measured from the wake-up on: the wait itself takes no CPU
  local started = clock()
  local ok, why = true, nil
  if not self.undrained then ok, why = self.engine:step(seconds) end -- else the network waits until we have caught up
  if ok == nil then error(why, 0) end
  stop = started + CPU_OF_A_TURN
  local more
  repeat
    more = self:dispatch(self.engine:next_event())
  until not more or clock() > stop
  self.undrained = more
  local last = self.last -- what becomes ready from here on has its turn in the next one
  if self.first <= last and self.on_resume then self.on_resume() end
  while self.first <= last do
    local it = self.ready[self.first]
    self.ready[self.first] = nil
    self.first = self.first + 1
    if it.scheduler == self and it.queued then
      self:resume(it)
    else
      local resumed, err = coroutine.resume(it.co)
      if not resumed and not self.callback_failure then self.callback_failure = { error = err } end
    end
    if clock() > stop then break end
  end
  if self.hosted and (more or self.first <= self.last) then self.engine:wake() end
  return why
end

--- Do what there is to do; wait up to `seconds` (nil: without limit) if there is nothing. Returns "interrupted" when a
-- signal ended it.
function Scheduler:turn(seconds)
  if self.turning then errors.usage("lunapod is stepped from inside itself") end
  self.turning = true
  local ok, why = pcall(self.work, self, seconds) -- bare pcall: a turn is made where nothing can yield
  self.turning = false
  if not ok then error(why, 0) end
  local failure = self.callback_failure
  if failure then
    self.callback_failure = nil
    error(failure.error, 0)
  end
  return why
end

--- A turn made by a host's loop: errors of fibers that nobody waits for are told at once, work left over wakes the
-- descriptor.
function Scheduler:host_turn(seconds)
  self.hosted = true
  local why = self:turn(seconds)
  self.hosted = false
  return why
end

--- Call a function of the user's that observes. Its error leaves the turn that called it, once the turn's work is done.
function Scheduler:observe(fn, ...)
  local ok, err = pcall(fn, ...) -- bare pcall: a callback must not wait
  if not ok and not self.callback_failure then self.callback_failure = { error = err } end
end

local function none_alive(self)
  if self.alive_count == 0 then return true end
  return nil
end

--- Run fn() in a fiber (if given) and drive until every fiber has ended. Returns fn's values, or raises its error, or
-- that of a fiber that nobody waited for. When fn fails, the others are cancelled first.
function Scheduler:run(fn, ...)
  if compat.running() then errors.usage("run drives the fibers: call it outside of coroutines") end
  local root = fn and self:spawn(fn, ...)
  if root then
    root.heard = true
    root.on_done = function(fiber)
      if fiber.status ~= "done" then self:cancel_all("cancelled, because the main fiber failed", fiber) end
    end
  end
  self:wait(self, none_alive)
  local lost = self:report_unheard()
  if root then
    if root.status ~= "done" then
      self.failed_traceback = root.traceback
      error(root.error, 0)
    end
    if lost == nil then return unpack(root.values, 1, root.values.n) end
  end
  if lost ~= nil then error(lost, 0) end
end

return { new = new }
