--- Several fibers as one: map and all.
-- Both wait for every fiber they are responsible for, whatever happens; the errors of those they cancelled themselves
-- are theirs to drop.

local errors = require "lunapod.errors"
local options = require "lunapod.options"

local group = {}

local function changed(place)
  return place.changed or nil
end

local function settled(place)
  if place.active == 0 then return true end
  return nil
end

--- Wait for the group's fibers to end. A cancelled waiter cancels them, waits for their clean-up, and passes the
-- cancellation on.
local function await(scheduler, place, continue)
  local function wait()
    while true do
      continue()
      if place.active == 0 then break end
      scheduler:wait(place, changed)
      place.changed = false
    end
  end
  local ok, err = scheduler:pcall(wait)
  if ok then return end
  place.stopped = true
  for fiber in pairs(place.running) do fiber:cancel(errors.is_cancelled(err) and err.message or nil) end
  scheduler:shielded(math.huge, function() scheduler:wait(place, settled) end) -- each clean-up has a limit of its own
  error(err, 0)
end

--- The first error as it is raised: an object that carries the index.
local function with_index(err, index)
  local object = errors.object(err)
  object.index = index
  return object
end

local function check_on_error(given, what)
  local on_error = given.on_error or "stop"
  if on_error ~= "stop" and on_error ~= "continue" then
    errors.usage('%s: on_error must be "stop" or "continue", got "%s"', what, tostring(on_error))
  end
  return on_error
end

--- Note a fiber's end. first is {error, index} of the first failure.
local function note(place, fiber, index)
  place.running[fiber] = nil
  place.active = place.active - 1
  place.changed = true
  if fiber.status == "done" then
    place.results[index] = fiber.values[1]
  elseif not place.stopped then
    place.errors[index] = fiber.error
    place.first = place.first or { error = fiber.error, index = index }
    if place.on_error == "stop" then
      place.stopped = true
      for other in pairs(place.running) do other:cancel("cancelled, because another one failed") end
    end
  end
end

local function new_place(count, on_error)
  return { active = 0, running = {}, results = { n = count }, errors = {}, on_error = on_error }
end

local function outcome(place)
  if place.on_error == "stop" and place.first then error(with_index(place.first.error, place.first.index), 0) end
  if place.on_error == "continue" then return place.results, place.errors end
  return place.results
end

--- fn(item, index) for each item of the list, in fibers, at most `parallel` at a time. Results in the list's order
-- (`.n` says how many). on_error "stop": start no more, cancel and await the running, raise the first error, with its
-- `.index`; "continue": results and errors by index.
function group.map(scheduler, list, fn, given)
  options.argument(list, "table", "map: the list")
  options.argument(fn, "function", "map: the function")
  given = options.check(given, { parallel = "number", on_error = "string" }, "map")
  local parallel = given.parallel or 50
  if parallel < 1 then errors.usage("map: parallel must be at least 1, got %s", tostring(parallel)) end
  local count = list.n or #list
  local place = new_place(count, check_on_error(given, "map"))
  scheduler:check()
  local current = scheduler:current()
  local outer = current and current.scope
  local next_index = 1
  scheduler.unstarted = scheduler.unstarted + count

  local ok, err = scheduler:pcall(await, scheduler, place, function()
    while next_index <= count and place.active < parallel and not place.stopped do
      local index = next_index
      next_index = index + 1
      scheduler.unstarted = scheduler.unstarted - 1
      local fiber = scheduler:spawn(fn, list[index], index)
      fiber.heard = true
      fiber.scope = { map_index = index - 1, outer = outer }
      fiber.on_done = function(it) note(place, it, index) scheduler:notify(place) end
      place.running[fiber] = true
      place.active = place.active + 1
    end
  end)
  scheduler.unstarted = scheduler.unstarted - (count - next_index + 1)
  if not ok then error(err, 0) end
  return outcome(place)
end

--- Wait for all fibers of a list. Results are the first value of each, in order; errors as in map.
function group.all(scheduler, list, given)
  options.argument(list, "table", "all: the list of fibers")
  given = options.check(given, { on_error = "string" }, "all")
  local count = list.n or #list
  local place = new_place(count, check_on_error(given, "all"))
  scheduler:check()
  for index = 1, count do
    local fiber = list[index]
    if type(fiber) ~= "table" or fiber.scheduler ~= scheduler then
      errors.usage("all: item %d is not a fiber of this instance", index)
    end
  end
  local ended = {}
  for index = 1, count do
    local fiber = list[index]
    place.active = place.active + 1
    fiber.heard = true
    if fiber.values or fiber.error ~= nil or fiber.status == "failed" then
      ended[#ended + 1] = index
    else
      place.running[fiber] = true
      local before = fiber.on_done
      fiber.on_done = function(it)
        if before then before(it) end
        note(place, it, index)
        scheduler:notify(place)
      end
    end
  end
  for _, index in ipairs(ended) do note(place, list[index], index) end
  await(scheduler, place, function() end)
  return outcome(place)
end

return group
