--- Dates as templates and scripts use them: an object that is written as ISO 8601 text and has Python's methods
-- (strftime, isoformat …), and the date functions of Airflow's `macros`. All in UTC, from core's own calendar.

local compat = require "lunapod.compat"
local core = require "lunapod.core"
local errors = require "lunapod.errors"

local dates = {}

local DAYS = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }
local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December" }

--- Seconds since 1970 of a date given as a number, as a date object or as RFC 3339 text; a day alone is midnight UTC.
-- nil when it is none.
function dates.seconds(date)
  if type(date) == "number" then return date end
  local text = tostring(date)
  if text:match("^%d%d%d%d%-%d%d%-%d%d$") then text = text .. "T00:00:00Z" end
  return core.parse_time(text) or core.parse_time(text .. "Z")
end

local function fields_of(seconds)
  local text = core.format_time(seconds, 6)
  local year, month, day, hour, minute, second, micro = text:match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)%.(%d+)")
  local days = math.floor(seconds / 86400)
  return {
    year = tonumber(year), month = tonumber(month), day = tonumber(day), hour = tonumber(hour),
    minute = tonumber(minute), second = tonumber(second), microsecond = tonumber(micro), weekday = (days + 3) % 7,
  }
end

local function day_of_year(seconds, year)
  return math.floor((seconds - dates.seconds(("%04d-01-01"):format(year))) / 86400) + 1
end

local LETTERS = {
  Y = function(f) return ("%04d"):format(f.year) end,
  y = function(f) return ("%02d"):format(f.year % 100) end,
  m = function(f) return ("%02d"):format(f.month) end,
  d = function(f) return ("%02d"):format(f.day) end,
  H = function(f) return ("%02d"):format(f.hour) end,
  I = function(f) return ("%02d"):format((f.hour + 11) % 12 + 1) end,
  M = function(f) return ("%02d"):format(f.minute) end,
  S = function(f) return ("%02d"):format(f.second) end,
  f = function(f) return ("%06d"):format(f.microsecond) end,
  p = function(f) return f.hour < 12 and "AM" or "PM" end,
  A = function(f) return DAYS[(f.weekday + 1) % 7 + 1] end,
  a = function(f) return DAYS[(f.weekday + 1) % 7 + 1]:sub(1, 3) end,
  B = function(f) return MONTHS[f.month] end,
  b = function(f) return MONTHS[f.month]:sub(1, 3) end,
  w = function(f) return ("%d"):format((f.weekday + 1) % 7) end,
  u = function(f) return ("%d"):format(f.weekday + 1) end,
  j = function(f, seconds) return ("%03d"):format(day_of_year(seconds, f.year)) end,
  z = function() return "+0000" end,
  Z = function() return "UTC" end,
  s = function(_, seconds) return ("%d"):format(math.floor(seconds)) end,
  F = function(f) return ("%04d-%02d-%02d"):format(f.year, f.month, f.day) end,
  T = function(f) return ("%02d:%02d:%02d"):format(f.hour, f.minute, f.second) end,
  ["%"] = function() return "%" end,
}

--- Python's strftime, by those letters that mean the same everywhere.
function dates.format(seconds, format)
  local fields = fields_of(seconds)
  return (format:gsub("%%(.)", function(letter)
    local write = LETTERS[letter]
    if not write then errors.usage("strftime: %%%s in %q is not known", letter, format) end
    return write(fields, seconds)
  end))
end

--- Python's strptime for numbers: seconds since 1970 of a text in that format.
local function parse(text, format)
  local found = { Y = 1900, m = 1, d = 1, H = 0, M = 0, S = 0 }
  local order = {}
  local pattern = format:gsub("[%^%$%(%)%.%[%]%*%+%-%?]", "%%%0"):gsub("%%(.)", function(letter)
    if not found[letter] then return nil end
    order[#order + 1] = letter
    return letter == "Y" and "(%d%d%d%d)" or "(%d%d?)"
  end)
  local parts = { tostring(text):match("^" .. pattern .. "$") }
  if not parts[1] then errors.usage("macros: %q is not a date in the format %q", tostring(text), format) end
  for i, letter in ipairs(order) do found[letter] = tonumber(parts[i]) end
  local seconds = core.parse_time(("%04d-%02d-%02dT%02d:%02d:%02dZ"):format(found.Y, found.m, found.d, found.H,
    found.M, found.S))
  if not seconds then errors.usage("macros: %q is not a date", tostring(text)) end
  return seconds
end

--- "2026-01-31T12:00:00+00:00"
local function iso(seconds)
  local day, time = core.format_time(seconds, seconds % 1 == 0 and 0 or 6):match("^(.-)T(.-)Z$")
  return ("%sT%s+00:00"):format(day, time)
end
dates.iso = iso

local UNITS = { weeks = 604800, days = 86400, hours = 3600, minutes = 60, seconds = 1 }

--- The date so much later: add(days=1, hours=2), as pendulum has it; sign -1: earlier.
local function moved(from, sign)
  return function(given)
    local seconds = from
    for unit, count in pairs(type(given) == "table" and given or {}) do
      if not UNITS[unit] then
        errors.usage("dates: unknown unit %q, expected weeks, days, hours, minutes or seconds", tostring(unit))
      end
      seconds = seconds + sign * count * UNITS[unit]
    end
    return dates.new(seconds)
  end
end

local Date = { __tostring = function(self) return iso(rawget(self, "seconds")) end }
Date.__index = function(self, key)
  local seconds = rawget(self, "seconds")
  if key == "strftime" then return function(format) return dates.format(seconds, format) end end
  if key == "add" then return moved(seconds, 1) end
  if key == "subtract" then return moved(seconds, -1) end
  if key == "isoformat" then return function() return iso(seconds) end end
  if key == "timestamp" then return function() return seconds end end
  if key == "date" then return function() return dates.format(seconds, "%F") end end
  return fields_of(seconds)[key]
end
Date.__eq = function(a, b) return a.seconds == b.seconds end
Date.__lt = function(a, b) return a.seconds < b.seconds end
Date.__le = function(a, b) return a.seconds <= b.seconds end

--- A date object; it cannot be changed.
function dates.new(seconds)
  return setmetatable({ seconds = seconds }, Date)
end

--- `macros.datetime(2026, 1, 31)` and `macros.datetime.strptime(text, format)`; only a template needs it.
local function datetime()
  local values = require "lunapod.template.values"
  local plain = values.plain
  local it = values.callable(function(args, n)
    local parts = { 1970, 1, 1, 0, 0, 0 }
    for i = 1, n do parts[i] = plain(args[i]) end
    return dates.new(parse(("%04d-%02d-%02d %02d:%02d:%02d"):format(compat.unpack(parts)), "%Y-%m-%d %H:%M:%S"))
  end, "datetime")
  it.attributes = { strptime = function(text, format) return dates.new(parse(text, format)) end }
  return it
end

--- `macros` of templates.
dates.macros = setmetatable({
  ds_add = function(ds, days) return dates.format(parse(ds, "%Y-%m-%d") + days * 86400, "%F") end,
  ds_format = function(ds, from, to) return dates.format(parse(ds, from), to) end,
}, {
  __index = function(macros, name)
    if name ~= "datetime" then return nil end
    rawset(macros, name, datetime())
    return macros.datetime
  end,
})

return dates
