--- A manifest as specs compare it: a copy without marks, nulls, empty lists and maps.
local null = require("lunapod.core").null

local function plain(value)
  if value == null then return nil end
  if type(value) ~= "table" then return value end
  local out, any = {}, false
  for key, item in pairs(value) do
    item = plain(item)
    if item ~= nil then out[key], any = item, true end
  end
  return any and out or nil
end

return plain
