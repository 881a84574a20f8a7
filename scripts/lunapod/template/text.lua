-- Strings as Python sees them: characters, not bytes (UTF-8; a byte that is not UTF-8 counts as a part of the character
-- before it), upper and lower case of the Latin, Greek, Cyrillic and Armenian letters, splitting, stripping, repr,
-- wrapping. Leaves formatting with %-signs and braces to format.lua and the methods templates call to methods.lua.
-- Invariant: no text of a caller is ever used as a Lua pattern, so that none is slow or special.
local state = require "lunapod.template.state"

local text = {}

local find, sub, byte, gsub, rep = string.find, string.sub, string.byte, string.gsub, string.rep
local floor, concat = math.floor, table.concat
local CHARACTER = ".[\128-\191]*"
local SPACE = "[ \t\n\r\f\v\28-\31]"
local NOT_SPACE = "[^ \t\n\r\f\v\28-\31]"

local function is_ascii(s)
  return not find(s, "[\128-\255]")
end

-- The UTF-8 bytes of a code point.
function text.char(code)
  if not (code >= 0 and code <= 0x10FFFF and code % 1 == 0) then state.fail("runtime",
    "no character has this number") end
  if code < 0x80 then return string.char(code) end
  if code < 0x800 then return string.char(0xC0 + floor(code / 64), 0x80 + code % 64) end
  if code < 0x10000 then
    return string.char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  end
  return string.char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64,
    0x80 + code % 64)
end
local char = text.char

-- The code point of one character; nil when its bytes are not UTF-8.
local function code_of(character)
  local a, b, c, d, more = byte(character, 1, 5)
  if a < 0x80 then return not b and a or nil end
  if a >= 0xC2 and a < 0xE0 and b and not c then return (a - 0xC0) * 64 + b - 0x80 end
  if a >= 0xE0 and a < 0xF0 and c and not d then return (a - 0xE0) * 4096 + (b - 0x80) * 64 + c - 0x80 end
  if a >= 0xF0 and a < 0xF5 and d and not more then
    return (a - 0xF0) * 262144 + (b - 0x80) * 4096 + (c - 0x80) * 64 + d - 0x80
  end
end
text.code = code_of

function text.length(s)
  if is_ascii(s) then return #s end
  local _, n = gsub(s, CHARACTER, "")
  return n
end
local length = text.length

function text.chars(s)
  state.step(#s)
  local list = {}
  local i = 0
  for c in s:gmatch(CHARACTER) do
    i = i + 1
    list[i] = c
  end
  return list, i
end

-- Characters first..last, counted from 1.
function text.slice(s, first, last)
  if first < 1 then first = 1 end
  if last < first then return "" end
  if is_ascii(s) then return sub(s, first, last) end
  local list, n = text.chars(s)
  return concat(list, "", first, last < n and last or n)
end

-- ---- case ----
local UPPER, LOWER = {}, {}

local function pair(upper, lower)
  UPPER[char(lower)], LOWER[char(upper)] = char(upper), char(lower)
end
local function shifted(from, to, distance)
  for code = from, to do pair(code, code + distance) end
end
local function alternating(from, to)
  for code = from, to, 2 do pair(code, code + 1) end
end
shifted(0xC0, 0xD6, 32) shifted(0xD8, 0xDE, 32) pair(0x178, 0xFF)
alternating(0x100, 0x12E) alternating(0x132, 0x136) alternating(0x139, 0x147) alternating(0x14A,
  0x176) alternating(0x179, 0x17D)
alternating(0x1CD, 0x1DB) alternating(0x1DE, 0x1EE) alternating(0x1F8, 0x21E) alternating(0x222, 0x232)
pair(0x386, 0x3AC) shifted(0x388, 0x38A, 37) pair(0x38C, 0x3CC) shifted(0x38E, 0x38F, 63)
shifted(0x391, 0x3A1, 32) shifted(0x3A3, 0x3AB, 32)
shifted(0x400, 0x40F, 80) shifted(0x410, 0x42F, 32) alternating(0x460, 0x480) alternating(0x48A,
  0x4BE) alternating(0x4D0, 0x52E)
shifted(0x531, 0x556, 48) alternating(0x1E00, 0x1E94) alternating(0x1EA0, 0x1EFE)
UPPER[char(0xB5)], UPPER[char(0xDF)], UPPER[char(0x131)], UPPER[char(0x17F)] = char(0x39C), "SS", "I", "S"
UPPER[char(0x3C2)], LOWER[char(0x130)] = char(0x3A3), "i" .. char(0x307)

local function ascii_upper(s) return (gsub(s, "%l", string.upper)) end
local function ascii_lower(s) return (gsub(s, "%u", string.lower)) end

function text.upper(s)
  if is_ascii(s) then return s:upper() end
  return (gsub(ascii_upper(s), "[\194-\244][\128-\191]+", UPPER))
end
function text.lower(s)
  if is_ascii(s) then return s:lower() end
  return (gsub(ascii_lower(s), "[\194-\244][\128-\191]+", LOWER))
end
local upper, lower = text.upper, text.lower

function text.swapcase(s)
  return (gsub(s, CHARACTER, function(c)
    local up = upper(c)
    return up ~= c and up or lower(c)
  end))
end

local function is_cased(c) return upper(c) ~= c or lower(c) ~= c end

-- A letter: exact for ASCII; elsewhere everything but the blocks of signs and punctuation.
local function is_alpha(c)
  if #c == 1 then return find(c, "%a") ~= nil end
  if is_cased(c) then return true end
  local code = code_of(c)
  if not code then return false end
  return code == 0xAA or code == 0xBA or (code >= 0x100 and not (code >= 0x2000 and code < 0x2C00)
    and not (code >= 0x2E00 and code < 0x3005) and not (code >= 0xFE00 and code < 0xFE70)
      and not (code >= 0xFF00 and code < 0xFF21)
    and not (code >= 0xD800 and code < 0xF900) and not (code >= 0x1F000 and code < 0x20000)
      and not (code >= 0x300 and code < 0x370))
end
local function is_digit(c) return find(c, "^%d$") ~= nil end

-- First character in upper case, the others in lower case.
function text.capitalize(s)
  local first = s:match("^" .. CHARACTER)
  if not first then return s end
  return upper(first) .. lower(sub(s, #first + 1))
end

-- Each run of letters capitalized (str.title).
function text.title(s)
  local parts, inside = {}, false
  for i, c in ipairs(text.chars(s)) do
    parts[i] = inside and lower(c) or upper(c)
    inside = is_cased(c)
  end
  return concat(parts)
end

-- Is the text not empty and every character of the kind? Kinds are those of Python's str.is… methods.
local KINDS = {
  alpha = is_alpha,
  digit = is_digit,
  alnum = function(c) return is_alpha(c) or is_digit(c) end,
  space = function(c) return find(c, SPACE) ~= nil end,
  ascii = function(c) return #c == 1 and byte(c) < 128 end,
}
KINDS.numeric, KINDS.decimal = is_digit, is_digit
function text.all(s, kind)
  local test = KINDS[kind]
  for _, c in ipairs(text.chars(s)) do
    if not test(c) then return false end
  end
  return s ~= "" or kind == "ascii"
end
function text.is_lower(s) return lower(s) == s and upper(s) ~= s end
function text.is_upper(s) return upper(s) == s and lower(s) ~= s end

-- The runs of word characters in a text.
function text.word_count(s)
  local n, inside = 0, false
  for _, c in ipairs(text.chars(s)) do
    local word = c == "_" or is_digit(c) or is_alpha(c)
    if word and not inside then n = n + 1 end
    inside = word
  end
  return n
end

-- ---- strip, split, find ----
-- Counts the work of looking for needle in s, which in the worst case is their product.
function text.search(s, needle)
  state.step(floor((#s + 0.0) * (64 + #needle) / 4096))
end

local function set_of(characters)
  local set = {}
  for _, c in ipairs(text.chars(characters)) do set[c] = true end
  return set
end

local function strip_set(s, characters, left, right)
  local set = set_of(characters)
  local list, n = text.chars(s)
  local first, last = 1, n
  while left and first <= last and set[list[first]] do first = first + 1 end
  while right and last >= first and set[list[last]] do last = last - 1 end
  return concat(list, "", first, last)
end

function text.lstrip(s, characters)
  if characters then return strip_set(s, characters, true, false) end
  local first = find(s, NOT_SPACE)
  return first and sub(s, first) or ""
end
function text.rstrip(s, characters)
  if characters then return strip_set(s, characters, false, true) end
  local last = #s
  while last > 0 and find(s, SPACE, last) == last do last = last - 1 end
  return sub(s, 1, last)
end
function text.strip(s, characters)
  if characters then return strip_set(s, characters, true, true) end
  return text.lstrip(text.rstrip(s))
end

-- Pieces between whitespace, at most `most` splits (nil: all).
local function split_space(s, most)
  local parts, i = {}, 1
  while true do
    local first = find(s, NOT_SPACE, i)
    if not first then break end
    state.step(1)
    if most and #parts >= most then
      parts[#parts + 1] = sub(s, first)
      break
    end
    local stop = find(s, SPACE, first) or #s + 1
    parts[#parts + 1] = sub(s, first, stop - 1)
    i = stop
  end
  return parts
end

local function rsplit_space(s, most)
  local reversed = {}
  s = text.rstrip(s)
  while s ~= "" do
    local last = #s
    if #reversed >= most then
      reversed[#reversed + 1] = s
      break
    end
    while last > 0 and not find(sub(s, last, last), SPACE) do last = last - 1 end
    state.step(1 + floor(#s / 64))
    reversed[#reversed + 1] = sub(s, last + 1)
    s = text.rstrip(sub(s, 1, last))
  end
  return reversed
end

-- Byte offset of the last `needle` that ends at or before `stop`.
function text.rfind(s, needle, stop)
  text.search(s, needle)
  for i = (stop or #s) - #needle + 1, 1, -1 do
    if sub(s, i, i + #needle - 1) == needle then return i end
  end
end

local function reverse_list(list)
  local n = #list
  for i = 1, floor(n / 2) do list[i], list[n - i + 1] = list[n - i + 1], list[i] end
  return list
end

local function separator(sep)
  if sep == "" then state.fail("runtime", "empty separator") end
  return sep
end

function text.split(s, sep, most)
  if most and most < 0 then most = nil end
  if not sep then return split_space(s, most) end
  separator(sep)
  text.search(s, sep)
  local parts, i = {}, 1
  while not most or #parts < most do
    local first, last = find(s, sep, i, true)
    if not first then break end
    state.step(1)
    parts[#parts + 1] = sub(s, i, first - 1)
    i = last + 1
  end
  parts[#parts + 1] = sub(s, i)
  return parts
end

function text.rsplit(s, sep, most)
  if not most or most < 0 then return text.split(s, sep) end
  if not sep then return reverse_list(rsplit_space(s, most)) end
  separator(sep)
  local reversed, stop = {}, #s
  while #reversed < most do
    local first = text.rfind(s, sep, stop)
    if not first then break end
    reversed[#reversed + 1] = sub(s, first + #sep, stop)
    stop = first - 1
  end
  reversed[#reversed + 1] = sub(s, 1, stop)
  return reverse_list(reversed)
end

function text.splitlines(s, keep_ends)
  local parts, i = {}, 1
  while i <= #s do
    state.step(1)
    local first = find(s, "[\n\r\v\f\28-\30]", i)
    if not first then
      parts[#parts + 1] = sub(s, i)
      break
    end
    local last = sub(s, first, first + 1) == "\r\n" and first + 1 or first
    parts[#parts + 1] = sub(s, i, keep_ends and last or first - 1)
    i = last + 1
  end
  return parts
end

-- How often needle occurs, not overlapping.
function text.count(s, needle)
  if needle == "" then return length(s) + 1 end
  text.search(s, needle)
  local n, i = 0, 1
  while true do
    local _, last = find(s, needle, i, true)
    if not last then return n end
    n, i = n + 1, last + 1
  end
end

-- Replaces the first `most` (nil or negative: all).
function text.replace(s, old, new, most)
  if most and most < 0 then most = nil end
  local n = text.count(s, old)
  if most and most < n then n = most end
  state.room(#s + n * (#new - #old))
  state.step(n)
  if n == 0 then return s end
  local parts = {}
  if old == "" then
    local list, count = text.chars(s)
    for i = 1, count + 1 do
      parts[#parts + 1] = (i <= n and new or "") .. (list[i] or "")
    end
    return concat(parts)
  end
  local i = 1
  for _ = 1, n do
    local first, last = find(s, old, i, true)
    parts[#parts + 1] = sub(s, i, first - 1)
    parts[#parts + 1] = new
    i = last + 1
  end
  parts[#parts + 1] = sub(s, i)
  return concat(parts)
end

function text.repeated(s, n)
  if n <= 0 then return "" end
  state.room(#s * (n + 0.0)) -- as a float: the product of two ints may wrap
  return rep(s, n)
end

-- Fills up to `width` characters: side "left" puts the text on the left.
function text.pad(s, width, side, fill)
  fill = fill or " "
  if length(fill) ~= 1 then state.fail("runtime", "the fill character must be exactly one character") end
  local missing = width - length(s)
  if missing <= 0 then return s end
  state.room(#s + (missing + 0.0) * #fill)
  if side == "left" then return s .. rep(fill, missing) end
  if side == "right" then return rep(fill, missing) .. s end
  local before = floor(missing / 2) + (missing % 2 == 1 and width % 2 == 1 and 1 or 0)
  return rep(fill, before) .. s .. rep(fill, missing - before)
end

-- ---- writing ----
local function is_printable(c)
  local code = code_of(c)
  if not code then return false end
  return not (code < 0x20 or (code >= 0x7F and code <= 0xA0) or code == 0xAD or (code >= 0x2000 and code <= 0x200F)
    or (code >= 0x2028 and code <= 0x202F) or (code >= 0x205F and code <= 0x206F) or code == 0x3000 or code == 0xFEFF
    or (code >= 0xD800 and code < 0xF900))
end

local NAMED = { ["\n"] = "\\n", ["\t"] = "\\t", ["\r"] = "\\r" }
local function escaped(c)
  if NAMED[c] then return NAMED[c] end
  if is_printable(c) then return c end
  local code = code_of(c)
  if not code then return (gsub(c, ".", function(b) return ("\\x%02x"):format(byte(b)) end)) end
  if code < 0x100 then return ("\\x%02x"):format(code) end
  if code < 0x10000 then return ("\\u%04x"):format(code) end
  return ("\\U%08x"):format(code)
end

-- The text with what cannot be printed escaped; for messages.
function text.printable(s)
  return (gsub(s, CHARACTER, escaped))
end

-- As Python writes a string inside a list.
function text.repr(s)
  local quote = find(s, "'", 1, true) and not find(s, '"', 1, true) and '"' or "'"
  if find(s, "[%c\127-\255\\']") then
    s = gsub(s, "\\", "\\\\")
    s = gsub(s, CHARACTER, escaped)
    if quote == "'" then s = gsub(s, "'", "\\'") end
  end
  return quote .. s .. quote
end

local HTML = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&#34;", ["'"] = "&#39;" }
function text.escape_html(s)
  return (gsub(s, "[&<>\"']", HTML))
end

-- Percent-encodes all but letters, digits, "_.-~" and, where `slash`, "/".
function text.quote_url(s, slash)
  return (gsub(s, slash and "[^%w_.~/-]" or "[^%w_.~-]", function(c) return ("%%%02X"):format(byte(c)) end))
end

-- ---- wrapping ----
-- Splits a line where it may be broken: at whitespace, and after a hyphen between letters.
local function chunks(line, break_on_hyphens)
  local list = {}
  for space, word in line:gmatch("([ \t\n\r\f\v]*)([^ \t\n\r\f\v]*)") do
    if space ~= "" then list[#list + 1] = space end
    local from = 1
    while break_on_hyphens do
      local _, last = find(word, "^[^-]*[%a\128-\255_]%-+%f[%a_\128-\255]", from)
      if not last then break end
      list[#list + 1] = sub(word, from, last)
      from = last + 1
    end
    if from <= #word then list[#list + 1] = sub(word, from) end
  end
  return list
end

-- One line to lines of at most `width` characters.
function text.wrap(line, width, break_long_words, break_on_hyphens)
  if width <= 0 then state.fail("runtime", "the width must be greater than 0") end
  local pieces = reverse_list(chunks(line, break_on_hyphens))
  local lines = {}
  while #pieces > 0 do
    state.step(1)
    if #lines > 0 and not find(pieces[#pieces], NOT_SPACE) then pieces[#pieces] = nil end
    local current, used = {}, 0
    while #pieces > 0 do
      local size = length(pieces[#pieces])
      if used + size > width then break end
      current[#current + 1] = table.remove(pieces)
      used = used + size
    end
    local long = pieces[#pieces]
    if long and length(long) > width then
      state.step(floor(#long / 64))
      local room = width - used
      if break_long_words then
        current[#current + 1] = text.slice(long, 1, room)
        pieces[#pieces] = text.slice(long, room + 1, length(long))
      elseif #current == 0 then
        current[1] = table.remove(pieces)
      end
    end
    if #current > 0 and not find(current[#current], NOT_SPACE) then current[#current] = nil end
    if #current > 0 then lines[#lines + 1] = concat(current) end
  end
  return lines
end

return text
