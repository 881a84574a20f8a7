-- Template text to tokens: data between tags, and inside tags names, numbers, strings and operators, each with its byte
-- offset. Handles comments, raw blocks and whitespace control, so that the parser sees none of them. Leaves meaning to
-- parser.lua. Invariant: offsets count in the text with its line ends made "\n", which is returned too.
local state = require "lunapod.template.state"
local text = require "lunapod.template.text"
local numbers = require "lunapod.template.numbers"

local lexer = {}

local find, sub, match = string.find, string.sub, string.match

local function fail(message, pos)
  state.fail("syntax", message, pos)
end

local CLOSES = { ["("] = ")", ["["] = "]", ["{"] = "}" }
local TWO = { ["//"] = true, ["**"] = true, ["=="] = true, ["!="] = true, [">="] = true, ["<="] = true }
local ESCAPES = { n = "\n", t = "\t", r = "\r", a = "\a", b = "\b", f = "\f", v = "\v", ["\\"] = "\\", ["'"] = "'",
  ['"'] = '"',
  ["\n"] = "" }

-- Line ends to "\n", and the one at the very end dropped, as Jinja2 does.
function lexer.normalize(source)
  if find(source, "\r", 1, true) then
    source = source:gsub("\r\n", "\n"):gsub("\r", "\n")
  end
  if sub(source, -1) == "\n" then source = sub(source, 1, -2) end
  return source
end

local HEX_LENGTH = { x = 2, u = 4, U = 8 }

-- The value of a quoted string's inside. Unknown escapes stay as they are, as in Python.
local function unescape(quoted, pos)
  if not find(quoted, "\\", 1, true) then return quoted end
  local parts, i = {}, 1
  while true do
    local s = find(quoted, "\\", i, true)
    if not s then break end
    parts[#parts + 1] = sub(quoted, i, s - 1)
    local c = sub(quoted, s + 1, s + 1)
    i = s + 2
    if ESCAPES[c] then
      parts[#parts + 1] = ESCAPES[c]
    elseif HEX_LENGTH[c] then
      local digits = sub(quoted, i, i + HEX_LENGTH[c] - 1)
      if #digits ~= HEX_LENGTH[c] or find(digits, "%X") then fail(("malformed \\%s escape in a string"):format(c),
        pos) end
      local code = tonumber(digits, 16)
      if code > 0x10FFFF then fail(("malformed \\%s escape in a string"):format(c), pos) end
      parts[#parts + 1] = text.char(code)
      i = i + #digits
    elseif find(c, "[0-7]") then
      local digits = match(quoted, "^[0-7][0-7]?[0-7]?", s + 1)
      parts[#parts + 1] = text.char(tonumber(digits, 8))
      i = s + 1 + #digits
    else
      parts[#parts + 1] = "\\" .. c
    end
  end
  parts[#parts + 1] = sub(quoted, i)
  return table.concat(parts)
end

local function number_token(source, pos)
  state.current().pos = pos
  local prefix, digits = match(source, "^0([bBoOxX])([%x_]+)", pos)
  if prefix then
    local base = ({ b = 2, o = 8, x = 16 })[prefix:lower()]
    local value = numbers.from_base((digits:gsub("_", "")), base)
    if not value then fail("malformed number", pos) end
    return "integer", value, pos + 2 + #digits
  end
  local whole = match(source, "^%d[%d_]*", pos)
  local stop = pos + #whole
  local is_float = false
  if sub(source, pos - 1, pos - 1) ~= "." then
    local fraction = match(source, "^%.%d[%d_]*", stop)
    if fraction then stop, is_float = stop + #fraction, true end
    local exponent = match(source, "^[eE][+-]?%d[%d_]*", stop)
    if exponent then stop, is_float = stop + #exponent, true end
  end
  local written = sub(source, pos, stop - 1)
  if find(written, "_$") or find(written, "__", 1, true) or (not is_float and find(whole, "^0.*[1-9]")) then
    fail("malformed number", pos)
  end
  written = written:gsub("_", "")
  if is_float then return "float", numbers.make_float(numbers.from_decimal(written)), stop end
  return "integer", numbers.from_digits(written), stop
end

local function string_token(source, pos)
  local quote = sub(source, pos, pos)
  local i = pos + 1
  while true do
    local s = find(source, "[\\" .. quote .. "]", i)
    if not s then fail("a string is not closed", pos) end
    if sub(source, s, s) == quote then
      return "string", unescape(sub(source, pos + 1, s - 1), pos), s + 1
    end
    i = s + 2
  end
end

-- Tokens of one tag's inside, from `pos` to its end mark ("}}" or "%}"); returns where the text goes on.
local function lex_inside(source, pos, ending, tokens, start)
  local open = {}
  local length = #source
  while true do
    pos = find(source, "%S", pos)
    if not pos or pos > length then
      fail(ending == "}}" and "'{{' is not closed by '}}'" or "'{%' is not closed by '%}'", start)
    end
    local c = sub(source, pos, pos)
    if #open == 0 then
      local sign = match(source, ending == "}}" and "^(%-?)}}" or "^([%-%+]?)%%}", pos)
      if sign then
        tokens[#tokens + 1] = { type = "end", pos = pos }
        pos = pos + #sign + 2
        if sign == "-" then pos = find(source, "%S", pos) or length + 1 end
        return pos
      end
    end
    local kind, value, stop
    if find(c, "[%a_\128-\255]") then
      value = match(source, "^[%w_\128-\255]+", pos)
      kind, stop = "name", pos + #value
    elseif find(c, "%d") then
      kind, value, stop = number_token(source, pos)
    elseif c == '"' or c == "'" then
      kind, value, stop = string_token(source, pos)
    else
      local two = sub(source, pos, pos + 1)
      if TWO[two] then
        kind, stop = two, pos + 2
      elseif find(c, "[-+/*%%~%[%](){}<>=.:|,;]") then
        kind, stop = c, pos + 1
        if CLOSES[c] then
          open[#open + 1] = CLOSES[c]
        elseif c == ")" or c == "]" or c == "}" then
          local expected = table.remove(open)
          if expected ~= c then
            fail(expected and ("'%s' found where '%s' is expected"):format(c, expected)
              or ("unexpected '%s'"):format(c), pos)
          end
        end
      else
        fail(("unexpected character '%s'"):format(text.printable(c)), pos)
      end
    end
    tokens[#tokens + 1] = { type = kind, value = value, pos = pos }
    pos = stop
  end
end

-- The tokens of a whole text (already normalized). Types: "data", "print" and "tag" (what follows is inside one, up to
-- "end"), "name", "string", "integer", "float", "eof", and each operator as itself.
function lexer.lex(source)
  local tokens = {}
  local pos, length = 1, #source

  local function data(from, to, strip)
    local piece = sub(source, from, to)
    if strip then piece = text.rstrip(piece) end
    if piece ~= "" then tokens[#tokens + 1] = { type = "data", value = piece, pos = from } end
  end

  while pos <= length do
    local s = find(source, "{[{%%#]", pos)
    if not s then
      data(pos, length)
      break
    end
    local mark = sub(source, s + 1, s + 1)
    local sign = match(source, "^[-+]", s + 2) or ""
    data(pos, s - 1, sign == "-")
    local inside = s + 2 + #sign
    if mark == "#" then
      local stop = find(source, "#}", inside, true)
      if not stop then fail("a comment is not closed by '#}'", s) end
      pos = stop + 2
      if stop > inside and sub(source, stop - 1, stop - 1) == "-" then pos = find(source, "%S", pos) or length + 1 end
    elseif mark == "{" then
      tokens[#tokens + 1] = { type = "print", pos = s }
      pos = lex_inside(source, inside, "}}", tokens, s)
    else
      local raw_sign, raw_start = match(source, "^%s*raw%s*([-+]?)%%}()", inside)
      if raw_start then
        if raw_sign == "-" then raw_start = find(source, "%S", raw_start) or length + 1 end
        local from, stop, before, after = find(source, "{%%([-+]?)%s*endraw%s*([-+]?)%%}", raw_start)
        if not from then fail("'raw' is not closed by 'endraw'", s) end
        data(raw_start, from - 1, before == "-")
        pos = stop + 1
        if after == "-" then pos = find(source, "%S", pos) or length + 1 end
      else
        tokens[#tokens + 1] = { type = "tag", pos = s }
        pos = lex_inside(source, inside, "%}", tokens, s)
      end
    end
  end
  tokens[#tokens + 1] = { type = "eof", pos = length + 1 }
  return tokens
end

return lexer
