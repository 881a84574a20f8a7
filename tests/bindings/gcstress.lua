-- A helper for busted (make gcstress): full collections all the time, so that whatever a binding forgot to hold on to
-- is gone when it is touched next.
local count = 0
debug.sethook(function()
  count = count + 1
  if count % 20 == 0 then collectgarbage() else collectgarbage "step" end
end, "", 500)
