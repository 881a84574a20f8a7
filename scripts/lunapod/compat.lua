--- What differs between Lua 5.1, LuaJIT and 5.2 to 5.5, in one place.
-- Everything else in scripts/ is written for all of them alike. It keeps no state and touches no global.

local compat = {}

compat.unpack = table.unpack or unpack

--- All arguments, with their number in `n` (nils count).
function compat.pack(...)
  return { n = select("#", ...), ... }
end

--- The running coroutine, or nil in the main thread.
function compat.running()
  local co, is_main = coroutine.running()
  if is_main then return nil end
  return co
end

--- Can a coroutine yield across pcall here? (Not on Lua 5.1; lunapod.pcall makes up for it.)
compat.pcall_yields = (function()
  local co = coroutine.create(function() return pcall(coroutine.yield) end) -- bare pcall: to find out
  return coroutine.resume(co) and coroutine.status(co) == "suspended"
end)()

return compat
