-- Airflow's filters for times: ds, ds_nodash, ts, ts_nodash, ts_nodash_with_tz. A time is seconds since 1970 (UTC), ISO
-- 8601 text (its own offset is kept; none means UTC), or an object of the context whose tostring is such a text. Pure
-- arithmetic: no clock, no time zone of the machine. Invariant: the same time gives the same text everywhere.
local state = require "lunapod.template.state"
local numbers = require "lunapod.template.numbers"
local values = require "lunapod.template.values"
local arguments = require "lunapod.template.arguments"

local times = {}

local floor = math.floor

-- Year, month and day of a day counted from 1970-01-01 (proleptic Gregorian; years start in March, so that leap days
-- come last).
local function civil(days)
  days = days + 719468
  local era = floor(days / 146097)
  local day_of_era = days - era * 146097
  local leap_days = floor(day_of_era / 1460) - floor(day_of_era / 36524) + floor(day_of_era / 146096)
  local year_of_era = floor((day_of_era - leap_days) / 365)
  local day_of_year = day_of_era - (365 * year_of_era + floor(year_of_era / 4) - floor(year_of_era / 100))
  local shifted = floor((5 * day_of_year + 2) / 153)
  local month = shifted < 10 and shifted + 3 or shifted - 9
  return year_of_era + era * 400 + (month <= 2 and 1 or 0), month, day_of_year - floor((153 * shifted + 2) / 5) + 1
end

local function from_epoch(seconds)
  if seconds ~= seconds or seconds < -62135596800 or seconds >= 253402300800 then
    state.fail("runtime", "the time is not between the years 1 and 9999")
  end
  local whole = floor(seconds)
  local micros = floor((seconds - whole) * 1e6 + 0.5)
  if micros == 1e6 then whole, micros = whole + 1, 0 end
  local days = floor(whole / 86400)
  local rest = whole - days * 86400
  local year, month, day = civil(days)
  local date = { year = year, month = month, day = day, hour = floor(rest / 3600), minute = floor(rest / 60) % 60,
    second = rest % 60, fraction = micros > 0 and (".%06d"):format(micros) or "", offset = "+00:00" }
  return date
end

local function from_text(written)
  local year, month, day, rest = written:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
  local hour, minute, second, tail = "0", "0", "0", ""
  if rest and rest ~= "" then
    hour, minute, tail = rest:match("^[Tt ](%d%d):(%d%d)(.*)$")
    if hour then
      local s, after = tail:match("^:(%d%d)(.*)$")
      if s then second, tail = s, after end
    end
  end
  if not (year and hour) then return nil end
  local fraction, offset = tail:match("^%.?(%d*)(.*)$")
  if offset == "" or offset == "Z" or offset == "z" then offset = "+00:00" end
  local sign, offset_hour, offset_minute = offset:match("^([+-])(%d%d):?(%d%d)$")
  if not sign then return nil end
  fraction = tonumber(fraction) and tonumber(fraction) > 0 and "." .. (fraction .. "000000"):sub(1, 6) or ""
  return { year = tonumber(year), month = tonumber(month), day = tonumber(day), hour = tonumber(hour),
    minute = tonumber(minute),
    second = tonumber(second), fraction = fraction, offset = sign .. offset_hour .. ":" .. offset_minute }
end

local function parse(value)
  local seconds = values.kind(value) ~= "bool" and numbers.raw(value)
  if seconds then return from_epoch(seconds) end
  if values.is_undefined(value) then values.undefined_error(value) end
  local date
  if type(value) == "string" or values.kind(value) == "dict" then date = from_text(values.text(value)) end
  if not date then
    local found = values.type_name(value)
    state.fail("runtime", ("'%s' found where a time is expected: seconds since 1970 or ISO 8601 text"):format(found))
  end
  return date
end

local function filter(write)
  return arguments.builtin({}, function(value) return write(parse(value)) end)
end

local function iso(date)
  return ("%04d-%02d-%02dT%02d:%02d:%02d%s%s"):format(date.year, date.month, date.day, date.hour, date.minute,
    date.second,
    date.fraction, date.offset)
end

times.ds = filter(function(d) return ("%04d-%02d-%02d"):format(d.year, d.month, d.day) end)
times.ds_nodash = filter(function(d) return ("%04d%02d%02d"):format(d.year, d.month, d.day) end)
times.ts = filter(iso)
times.ts_nodash = filter(function(d)
  return ("%04d%02d%02dT%02d%02d%02d"):format(d.year, d.month, d.day, d.hour, d.minute, d.second)
end)
-- The offset keeps its sign, which Airflow's loses.
times.ts_nodash_with_tz = filter(function(d)
  return ("%04d%02d%02dT%02d%02d%02d%s%s"):format(d.year, d.month, d.day, d.hour, d.minute, d.second, d.fraction,
    (d.offset:gsub(":", "")))
end)

return times
