--- Promises of the scheduler (design §4 and §6), on a fake clock.

local fake = require "tests.scripts.support.fake_core"

describe("the scheduler", function()
  local lunapod, core

  before_each(function()
    lunapod = fake.install()
    core = fake.core
  end)

  --- fn must raise; returns what it raised.
  local function raised(fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    return err
  end

  it("starts nothing when required", function()
    fake.engine = nil
    require "lunapod"
    lunapod.task { task_id = "x", image = "i" }
    assert.is_nil(fake.engine)
  end)

  describe("spawn, wait, sleep", function()
    it("runs fibers side by side and gives their values", function()
      local log = {}
      local function worker(name, seconds)
        lunapod.sleep(seconds)
        log[#log + 1] = name
        return name, nil, seconds
      end
      local a, b = lunapod.spawn(worker, "a", 2), lunapod.spawn(worker, "b", 1)
      local values = { n = select("#", a:wait()), a:wait() }
      assert.same({ n = 3, "a", nil, 2 }, values)
      assert.equal("b", (b:wait()))
      assert.same({ "b", "a" }, log)
      assert.equal(2, fake.clock)
      assert.equal("done", a.status)
    end)

    it("waits with a time limit", function()
      local fiber = lunapod.spawn(lunapod.sleep, 10)
      local value, why = fiber:wait(3)
      assert.is_nil(value)
      assert.equal("timeout", why)
      assert.equal(3, fake.clock)
      fiber:wait()
      assert.equal(10, fake.clock)
    end)

    it("waits with a time limit inside a fiber, too, and leaves no timer behind", function()
      lunapod.run(function()
        local slow, quick = lunapod.spawn(lunapod.sleep, 10), lunapod.spawn(lunapod.sleep, 1)
        assert.same({ nil, "timeout" }, { slow:wait(3) })
        assert.equal(3, fake.clock)
        quick:wait(3)
        slow:wait(100)
        assert.equal(10, fake.clock)
      end)
      assert.same({}, fake.engine.due)
      assert.is_nil(next(lunapod.default.scheduler.waiters))
    end)

    it("raises a fiber's error where it is waited for, the same value, for every waiter", function()
      local problem = { my = "error" }
      lunapod.run(function()
        local fiber = lunapod.spawn(function() lunapod.sleep(1) error(problem) end)
        local function waiter() return select(2, lunapod.pcall(fiber.wait, fiber)) end
        local w1, w2 = lunapod.spawn(waiter), lunapod.spawn(waiter)
        assert.equal(problem, w1:wait())
        assert.equal(problem, w2:wait())
        assert.equal("failed", fiber.status)
      end)
    end)

    it("does not let a fiber wait for itself", function()
      local fiber
      fiber = lunapod.spawn(function() fiber:wait() end)
      assert.matches("wait for itself", tostring(raised(fiber.wait, fiber)))
    end)

    it("says so when nothing could end a wait", function()
      local a, b
      a = lunapod.spawn(function() b:wait() end)
      b = lunapod.spawn(function() a:wait() end)
      local err = raised(a.wait, a)
      assert.equal("usage", err.kind)
      assert.matches("nothing is under way", err.message)
    end)

    it("refuses a plain yield in a fiber, and lets users' own coroutines be", function()
      local fiber = lunapod.spawn(coroutine.yield)
      assert.matches("stops only by waiting", tostring(raised(fiber.wait, fiber)))
      assert.equal(6, lunapod.run(function()
        local sum = 0
        for i in coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end) do
          lunapod.sleep(1)
          sum = sum + i
        end
        return sum
      end))
    end)

    it("checks arguments, with the position of the caller", function()
      local err = raised(lunapod.sleep, "soon")
      assert.equal("usage", err.kind)
      assert.matches("expected a number of seconds", err.message)
      err = raised(function() lunapod.map({}, function() end, { paralel = 3 }) end)
      assert.matches("scheduler_spec%.lua:%d+: map: unknown option \"paralel\" %(did you mean \"parallel\"%?%)",
        err.message)
      assert.matches("must be a number, got string", raised(lunapod.map, {}, print, { parallel = "x" }).message)
      assert.matches('"stop" or "continue"', raised(lunapod.map, {}, print, { on_error = "ignore" }).message)
    end)
  end)

  describe("where waiting is not possible", function()
    it("refuses before anything is sent: inside pcall on Lua 5.1", function()
      local client = lunapod.client()
      local fiber = lunapod.spawn(function()
        fake.can_yield = false
        client:request { path = "/api" }
      end)
      local err = raised(fiber.wait, fiber)
      assert.equal("usage", err.kind)
      assert.matches("cannot wait inside pcall", err.message)
      assert.matches("lunapod%.pcall", err.message)
      assert.same({}, fake.requests)
    end)

    it("refuses in a coroutine of somebody else", function()
      local co = coroutine.create(function() lunapod.sleep(1) end)
      local ok, err = coroutine.resume(co)
      assert.is_false(ok)
      assert.matches("coroutine that lunapod did not make", err.message)
      assert.matches("lunapod%.host", err.message)
    end)

    it("refuses in a callback", function()
      local seen
      lunapod.on_record = function() seen = seen or select(2, pcall(lunapod.sleep, 1)) end
      fake.pods = function() return {} end
      lunapod.task { task_id = "x", image = "i" }:start():wait()
      assert.matches("callback", tostring(seen))
    end)

    it("refuses a step from inside itself", function()
      local instance = lunapod.new {}
      local fiber = instance:spawn(function() instance:step(0) end)
      assert.matches("stepped from inside itself", tostring(raised(fiber.wait, fiber)))
    end)
  end)

  describe("pcall and xpcall", function()
    it("are crossed by waits, and catch what is raised after them", function()
      lunapod.run(function()
        local ok, a, b = lunapod.pcall(function(x)
          lunapod.sleep(2)
          return x, nil
        end, 7)
        assert.same({ true, 7, nil }, { ok, a, b })
        local problem = {}
        ok, a = lunapod.pcall(function() lunapod.sleep(1) error(problem) end)
        assert.is_false(ok)
        assert.equal(problem, a)
        assert.equal(3, fake.clock)
      end)
    end)

    it("nest", function()
      assert.equal("inner", lunapod.run(function()
        local _, value = lunapod.pcall(function()
          lunapod.sleep(1)
          local _, inner = lunapod.pcall(function() lunapod.sleep(1) error("inner", 0) end)
          lunapod.sleep(1)
          return inner
        end)
        return value
      end))
      assert.equal(3, fake.clock)
    end)

    it("xpcall gives the error to the handler", function()
      lunapod.run(function()
        local ok, text = lunapod.xpcall(function(word) lunapod.sleep(1) error(word, 0) end,
          function(err) return "handled " .. err end, "x")
        assert.is_false(ok)
        assert.equal("handled x", text)
        ok, text = lunapod.xpcall(function() lunapod.sleep(1) error("deep", 0) end, debug.traceback)
        assert.is_false(ok)
        assert.matches("deep.*traceback", text)
      end)
    end)

    it("work outside of fibers", function()
      local ok, err = lunapod.pcall(function() lunapod.sleep(1) error("x", 0) end)
      assert.is_false(ok)
      assert.equal("x", err)
    end)
  end)

  describe("cancellation", function()
    it("raises an error of kind cancelled in the current wait and in every later one", function()
      local kinds = {}
      local fiber = lunapod.spawn(function()
        for i = 1, 3 do
          local _, err = lunapod.pcall(lunapod.sleep, 100)
          kinds[i] = err.kind
        end
        return "stubborn"
      end)
      lunapod.sleep(1)
      fiber:cancel()
      assert.equal("stubborn", fiber:wait())
      assert.same({ "cancelled", "cancelled", "cancelled" }, kinds)
      assert.equal(1, fake.clock)
    end)

    it("returns at once, ends a fiber that has not begun, and leaves one that has ended alone", function()
      local ran = false
      local fiber = lunapod.spawn(function() lunapod.sleep(0) ran = true end)
      fiber:cancel()
      local err = raised(fiber.wait, fiber)
      assert.is_true(core.is_error(err))
      assert.equal("cancelled", err.kind)
      assert.equal("cancelled", fiber.status)
      assert.is_false(ran)
      local done = lunapod.spawn(function() return 1 end)
      done:wait()
      done:cancel()
      assert.equal(1, done:wait())
    end)

    it("of a waiter leaves the fiber that it waits for", function()
      local slow = lunapod.spawn(function() lunapod.sleep(10) return "end" end)
      local waiter = lunapod.spawn(function() return slow:wait() end)
      lunapod.sleep(1)
      waiter:cancel()
      assert.equal("cancelled", raised(waiter.wait, waiter).kind)
      assert.equal("end", slow:wait())
    end)

    it("does not interrupt a shield, but its limit does", function()
      local scheduler, log = lunapod.default.scheduler, {}
      local fiber = lunapod.spawn(function()
        scheduler:shielded(30, function() lunapod.sleep(20) log[#log + 1] = fake.clock end)
        local ok, err = lunapod.pcall(scheduler.shielded, scheduler, 5, function() lunapod.sleep(100) end)
        log[#log + 1] = tostring(ok) .. " " .. err.kind .. " " .. fake.clock
        lunapod.sleep(1)
      end)
      lunapod.sleep(1)
      fiber:cancel()
      assert.equal("cancelled", raised(fiber.wait, fiber).kind)
      assert.equal(20, log[1])
      assert.matches("^false cancelled 25", log[2])
    end)
  end)

  describe("map", function()
    it("gives results in the list's order, so many at a time", function()
      local running, most = 0, 0
      local results = lunapod.map({ 3, 1, 2, 5, 4 }, function(item, index)
        running = running + 1
        most = math.max(most, running)
        lunapod.sleep(item)
        running = running - 1
        return item * 10 + index / 10
      end, { parallel = 2 })
      assert.same({ n = 5, 30.1, 10.2, 20.3, 50.4, 40.5 }, results)
      assert.equal(2, most)
    end)

    it("one at a time, and of nothing", function()
      assert.same({ n = 3, 1, 2, 3 }, lunapod.map({ 1, 2, 3 }, function(x) lunapod.sleep(1) return x end,
        { parallel = 1 }))
      assert.equal(3, fake.clock)
      assert.same({ n = 0 }, lunapod.map({}, error))
    end)

    it("runs 50 at once unless told otherwise", function()
      local list = {}
      for i = 1, 120 do list[i] = i end
      lunapod.map(list, function() lunapod.sleep(1) end)
      assert.equal(3, fake.clock)
    end)

    it("stop: starts no more, cancels and awaits the running, raises the first error with its index", function()
      local started, cleaned = {}, {}
      local err = raised(lunapod.map, { 5, 1, 7, 9, 9 }, function(item, index)
        started[#started + 1] = index
        local ok, why = lunapod.pcall(lunapod.sleep, item)
        if not ok then
          lunapod.default.scheduler:shielded(60, function() lunapod.sleep(20) end)
          cleaned[#cleaned + 1] = index
          error(why, 0)
        end
        if index == 2 then error(core.error { kind = "task", message = "boom" }, 0) end
      end, { parallel = 3 })
      assert.equal("boom", err.message)
      assert.equal(2, err.index)
      assert.same({ 1, 2, 3 }, started)
      table.sort(cleaned)
      assert.same({ 1, 3 }, cleaned)
      assert.equal(21, fake.clock)
    end)

    it("stop: a string error becomes an object that carries the index and the string", function()
      local err = raised(lunapod.map, { 1, 2 }, function(item) lunapod.sleep(item) error("text", 0) end)
      assert.equal(1, err.index)
      assert.equal("text", tostring(err))
      assert.equal("text", err.cause)
    end)

    it("continue: gives results with holes, and errors by index", function()
      local results, errs = lunapod.map({ 1, 2, 3 }, function(item)
        lunapod.sleep(item)
        if item == 2 then error("two", 0) end
        return item
      end, { on_error = "continue" })
      assert.same({ n = 3, 1, nil, 3 }, results)
      assert.same({ [2] = "two" }, errs)
    end)

    it("cancelled: cancels its fibers, waits for their clean-up, and is cancelled itself", function()
      local cleaned = 0
      local fiber = lunapod.spawn(function()
        lunapod.map({ 1, 2, 3 }, function()
          lunapod.pcall(lunapod.sleep, 100)
          lunapod.default.scheduler:shielded(60, function() lunapod.sleep(10) end)
          cleaned = cleaned + 1
        end, { parallel = 2 })
      end)
      lunapod.sleep(1)
      fiber:cancel()
      assert.equal("cancelled", raised(fiber.wait, fiber).kind)
      assert.equal(2, cleaned)
      assert.equal(11, fake.clock)
      assert.equal(0, lunapod.default.scheduler.unstarted)
    end)

    it("nests", function()
      local results = lunapod.map({ 1, 2 }, function(a)
        return lunapod.map({ 10, 20 }, function(b) lunapod.sleep(1) return a * b end)
      end)
      assert.same({ n = 2, { n = 2, 10, 20 }, { n = 2, 20, 40 } }, results)
      assert.equal(1, fake.clock)
    end)
  end)

  describe("all", function()
    it("gives the first value of each, in order", function()
      local function after(seconds) return lunapod.spawn(function() lunapod.sleep(seconds) return seconds end) end
      local early = after(0)
      early:wait()
      assert.same({ n = 3, 2, 0, 1 }, lunapod.all { after(2), early, after(1) })
    end)

    it("stop cancels the others; continue does not", function()
      local function make(seconds, fails)
        return lunapod.spawn(function() lunapod.sleep(seconds) if fails then error("x", 0) end return seconds end)
      end
      local slow = make(10)
      local err = raised(lunapod.all, { make(1, true), slow })
      assert.equal(1, err.index)
      assert.equal("cancelled", slow.status)
      assert.equal(1, fake.clock)
      local results, errs = lunapod.all({ make(1, true), make(2) }, { on_error = "continue" })
      assert.same({ n = 2, nil, 2 }, results)
      assert.same({ "x" }, errs)
      assert.matches("item 1 is not a fiber", raised(lunapod.all, { 5 }).message)
    end)
  end)

  describe("run", function()
    it("drives until every fiber has ended, and gives the function's values", function()
      local late
      assert.equal(5, lunapod.run(function(x)
        lunapod.spawn(function() lunapod.sleep(9) late = true end)
        return x
      end, 5))
      assert.is_true(late)
      lunapod.spawn(lunapod.sleep, 3)
      lunapod.run()
      assert.equal(12, fake.clock)
    end)

    it("raises the function's error, after cancelling the others", function()
      local other
      local err = raised(lunapod.run, function()
        other = lunapod.spawn(lunapod.sleep, 100)
        lunapod.sleep(1)
        error("main", 0)
      end)
      assert.equal("main", err)
      assert.equal("cancelled", other.status)
      assert.equal(1, fake.clock)
    end)

    it("an error in a fiber that nobody waits for is a record and counts as the script's", function()
      local records = {}
      lunapod.on_record = function(it) records[#records + 1] = it end
      local err = raised(lunapod.run, function()
        lunapod.spawn(function() error("unheard", 0) end)
        lunapod.sleep(5)
      end)
      assert.equal("unheard", err)
      assert.equal(1, #records)
      assert.equal("error", records[1].kind)
      assert.matches("nobody waits.*unheard", records[1].message)
    end)

    it("one that is waited for later is not", function()
      local records = {}
      lunapod.on_record = function(it) records[#records + 1] = it end
      assert.equal("heard", lunapod.run(function()
        local fiber = lunapod.spawn(function() error("heard", 0) end)
        lunapod.sleep(5)
        return select(2, lunapod.pcall(fiber.wait, fiber))
      end))
      assert.same({}, records)
    end)

    it("is for outside of fibers", function()
      assert.matches("outside of coroutines", tostring(raised(lunapod.run, function() lunapod.run() end)))
    end)
  end)

  describe("turns", function()
    it("are fair: a fiber that is always ready does not starve the others", function()
      local spins, done = 0, false
      local spinner = lunapod.spawn(function()
        while not done do
          spins = spins + 1
          lunapod.sleep(0)
        end
      end)
      lunapod.spawn(function() for _ = 1, 10 do lunapod.sleep(0) end done = true end):wait()
      spinner:wait()
      assert.is_true(spins >= 9 and spins <= 13, "spins: " .. spins)
    end)

    it("are bounded in CPU time, and a host's descriptor is woken for the rest", function()
      local instance = lunapod.new {}
      local ran = 0
      for _ = 1, 20 do
        instance:spawn(function()
          local stop = os.clock() + 0.004
          while os.clock() < stop do ran = ran + 0 end
          ran = ran + 1
        end)
      end
      assert.equal(1, fake.engine.wakes) -- who watches the descriptor alone hears of the first
      instance:step(0)
      assert.is_true(ran >= 1 and ran <= 5, "ran: " .. ran)
      assert.equal(2, fake.engine.wakes)
      for _ = 1, 20 do instance:step(0) end
      assert.equal(20, ran)
    end)

    it("drop events of ids that nobody knows", function()
      local instance = lunapod.new {}
      fake.engine:push(4711, "response", {}, nil, 200)
      instance:step(0)
      assert.same({}, fake.engine.queue)
    end)

    it("an observer's error leaves the step, and the scheduler goes on", function()
      local instance = lunapod.new { on_record = function() error("observer", 0) end }
      local fiber = instance:spawn(function()
        instance:emit { kind = "warning", level = "warning", message = "x" }
        instance:sleep(0)
        return "fine"
      end)
      assert.equal("observer", raised(instance.step, instance, 0))
      assert.equal("fine", fiber:wait())
    end)

    it("told by a host at once: a fiber that failed with nobody waiting", function()
      local records = {}
      local instance = lunapod.new { on_record = function(it) records[#records + 1] = it end }
      instance:spawn(function() error("lost", 0) end)
      instance:step(0)
      assert.equal(1, #records)
    end)
  end)

  describe("hosts", function()
    it("park a wait in a coroutine of theirs, and resume it", function()
      local log = {}
      local host = { kept = 0 }
      function host.keep() host.kept = host.kept + 1 end
      function host.sleeper(scheduler, co)
        return {
          sleep = function(self, seconds)
            if seconds then scheduler:after(seconds, function() self:wake() end) end
            coroutine.yield("host")
          end,
          wake = function(self) self.co = co scheduler:defer(self) end,
        }
      end
      local instance = lunapod.new { host = host }
      local co = coroutine.create(function()
        log[#log + 1] = "before"
        local ok, err = instance:pcall(function() instance:sleep(2) error("x", 0) end)
        log[#log + 1] = tostring(ok) .. err
        log[#log + 1] = instance:spawn(function() instance:sleep(1) return "fiber" end):wait()
      end)
      assert.same({ true, "host" }, { coroutine.resume(co) })
      for _ = 1, 10 do instance:step(1) end
      assert.same({ "before", "falsex", "fiber" }, log)
      assert.is_true(host.kept >= 2)
      assert.is_false(instance.scheduler:busy())
    end)
  end)
end)
