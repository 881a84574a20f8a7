-- Run by poll_lua.c in tests/embed/check: borrows the program's engine, refuses one of another ABI, and waits for
-- timers by nothing but being called when the descriptor is readable.
local pointer = ...
local core = require "lunapod.core"

local refused, err = core.engine { engine = pointer, abi = core.abi + 1 }
assert(refused == nil and err.kind == "usage" and err.message:find("ABI", 1, true))
assert(core.engine { engine = pointer } == nil, "without an ABI nothing is borrowed")

local engine = assert(core.engine { engine = pointer, abi = core.abi })
local expected = { engine:timer(0.01), engine:timer(0.03), engine:timer(0.06) }
local came, calls = 0, 0

return function()
  calls = calls + 1
  assert(engine:step(0))
  local id, kind = engine:next_event()
  while id do
    came = came + 1
    assert(kind == "timer" and id == expected[came])
    id, kind = engine:next_event()
  end
  if came < #expected then return true end
  assert(calls < 50, "the descriptor was readable without work")
  engine:close()
  print "3 timers came in order; the host ticked"
  return false
end
