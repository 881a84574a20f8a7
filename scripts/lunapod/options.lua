--- Tables of options given by a caller: an unknown name is an error that suggests the nearest known one; wrong types
-- are named. It knows no option itself. Operators' parameters are checked by parameters.lua, with their own types.

local errors = require "lunapod.errors"

local options = {}

--- Number of single-character edits between two words (two neighbours swapped count as one).
local function distance(a, b)
  local before, above = {}, {}
  for j = 0, #b do above[j] = j end
  for i = 1, #a do
    local row = { [0] = i }
    for j = 1, #b do
      local same = a:byte(i) == b:byte(j)
      row[j] = math.min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (same and 0 or 1))
      if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1) and a:byte(i - 1) == b:byte(j) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, above = above, row
  end
  return above[#b]
end

--- The known name nearest to a wrong one, or nil when none is near. names: a map with the names as keys.
function options.nearest(wrong, names)
  local best, least
  for name in pairs(names) do
    local edits = distance(wrong:lower(), name:lower())
    if not least or edits < least or (edits == least and name < best) then best, least = name, edits end
  end
  if best and least <= math.max(2, math.floor(#wrong / 3)) then return best end
  return nil
end

--- Check a table of options. allowed: name → type, or list of types joined by "|" ("any": all). given may be nil
-- (none). what names the function in messages. Returns the table, never nil.
function options.check(given, allowed, what)
  if given == nil then return {} end
  if type(given) ~= "table" then
    errors.usage("%s: expected a table of options, got %s", what, type(given))
  end
  for name, value in pairs(given) do
    local types = allowed[name]
    if not types then
      local near = type(name) == "string" and options.nearest(name, allowed)
      errors.usage("%s: unknown option %s%s", what, type(name) == "string" and '"' .. name .. '"' or tostring(name),
        near and (' (did you mean "%s"?)'):format(near) or "")
    end
    if types ~= "any" and not ("|" .. types .. "|"):find("|" .. type(value) .. "|", 1, true) then
      errors.usage('%s: option "%s" must be a %s, got %s', what, name, types:gsub("|", " or "), type(value))
    end
  end
  return given
end

--- Check one argument's type.
function options.argument(value, expected, what)
  if type(value) ~= expected then
    errors.usage("%s: expected a %s, got %s", what, expected, type(value))
  end
  return value
end

return options
