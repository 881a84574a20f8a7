-- require "lunapod.template": Jinja2's template language in plain Lua, for every Lua from 5.1 on and LuaJIT. Parses a
-- text into closures once, renders it often, renders whole tables of texts, and gives errors their place. The language
-- is in docs/templates.md; the other files of this folder do the work, in the order text → lexer → parser → closures →
-- values. Needs nothing of lunapod. Invariant: rendering changes nothing it is given, and ends with a text or an error
-- table.
local state = require "lunapod.template.state"
local values = require "lunapod.template.values"
local lexer = require "lunapod.template.lexer"
local parser = require "lunapod.template.parser"
local expressions = require "lunapod.template.expressions"
local statements = require "lunapod.template.statements"

local template = {}

local find, sub = string.find, string.sub
local DEFAULT_STEPS, DEFAULT_OUTPUT = 1e6, 4 * 1024 * 1024

-- By name; a script adds functions(value, positional…, {named}) (TPL-10). They are looked up when a text is parsed.
template.filters = require "lunapod.template.filters"
template.tests = require "lunapod.template.tests"

-- What null is when options.null names nothing else.
template.none = values.none

-- The metatables put on lists and maps that leave a template; a host may replace `array` and `object` by its own.
template.marks = values.marks

-- Is a table of the context a list? true, false, or nil: then its keys decide. A host may replace this function.
function template.is_list(_)
  return nil
end
local marked_list = values.is_list
function values.is_list(value)
  local answer = template.is_list(value)
  if answer == nil then return marked_list(value) end
  return answer
end

-- ---- errors ----
local function line_and_column(source, pos)
  local line, start = 1, 1
  while true do
    local stop = find(source, "\n", start, true)
    if not stop or stop >= pos then break end
    line, start = line + 1, stop + 1
  end
  local _, column = sub(source, start, pos - 1):gsub("[^\128-\191]", "")
  return line, column + 1
end

-- The error table for whatever came out of a failed parse or render.
local function finish(err, source, options, st)
  if getmetatable(err) ~= state.Error or err.message then
    local raw = tostring(err)
    if type(err) == "string" and find(raw, "stack overflow", 1, true) then
      err = setmetatable({ kind = "template", class = "limit", text = "nested too deeply", pos = st.pos }, state.Error)
    else
      err = setmetatable({ kind = "template", class = "runtime", text = "failed: " .. raw, pos = st.pos, cause = err },
        state.Error)
    end
  end
  err.line, err.column = line_and_column(source, math.min(err.pos or 1, #source + 1))
  err.field = options.name or "template"
  err.message = ("%s:%d:%d: %s"):format(err.field, err.line, err.column, err.text)
  err.pos, err.text = nil, nil
  return err
end

-- ---- one text ----
local Compiled = {}
Compiled.__index = Compiled

local NO_OPTIONS, NO_CONTEXT = {}, {}

local function new_state(context, options)
  local steps = options.steps or DEFAULT_STEPS
  local null = options.null
  if null == nil then null = values.none end
  return {
    context = context, null = null, strict = options.undefined ~= "lenient",
    steps = steps, max_steps = steps, max_output = options.output or DEFAULT_OUTPUT,
    out = {}, n = 0, size = 0, depth = 0, pos = 1,
  }
end

local function compile(source)
  local tree = parser.parse(source)
  local lone = #tree == 1 and tree[1].type == "print" and expressions.compile(tree[1].value)
  return statements.compile_body(tree), lone
end

-- Parses a text. options.name is the field that errors name; the others are those of render, and the default for it.
-- Raises an error table {kind = "template", class, field, line, column, message}.
function template.parse(source, options)
  options = options or NO_OPTIONS
  if type(source) ~= "string" then
    error(("a template is a string, not a %s"):format(type(source)), 2)
  end
  source = lexer.normalize(source)
  local self = setmetatable({ source = source, options = options }, Compiled)
  if not find(source, "{[{%%#]") then
    self.plain = source
    return self
  end
  local st = new_state(NO_CONTEXT, NO_OPTIONS)
  local previous = state.enter(st)
  local ok, body, lone = pcall(compile, source) -- bare pcall: nothing in it waits
  state.enter(previous)
  if not ok then error(finish(body, source, options, st), 0) end
  self.body, self.lone = body, lone
  return self
end

local function run(self, st, native)
  if native and self.lone then return values.plain(self.lone(st, {})) end
  self.body(st, {})
  return table.concat(st.out, "", 1, st.n)
end

-- Renders with a context, a table of names. options: see template.render; those given to parse count where this has
-- none.
function Compiled:render(context, options)
  if self.plain then return self.plain end
  options = options or self.options
  local st = new_state(context or NO_CONTEXT, options)
  local previous = state.enter(st)
  local ok, result = pcall(run, self, st, options.native) -- bare pcall: rendering never waits
  state.enter(previous)
  if ok then return result end
  error(finish(result, self.source, options, st), 0)
end

-- Renders a text. options:
--   undefined  "strict" (default: an undefined name is an error) or "lenient" (it is empty)
--   name       the field, for errors
--   null       the value that stands for None, both in the context and in native results
--   native     a text that is one lone {{ expression }} gives the expression's value instead of its text
--   steps, output   limits: units of work (1e6), bytes of text (4 MiB)
function template.render(source, context, options)
  if type(source) == "string" and not find(source, "[{\r]") and sub(source, -1) ~= "\n" then return source end
  return template.parse(source, options):render(context, options)
end

-- ---- tables of texts ----
local walk

local function child_name(name, key)
  if type(key) == "number" then return ("%s[%d]"):format(name, key) end
  local written = tostring(key)
  if name == "" then return written end
  return name .. "." .. written
end

-- A copy of the table with what changed, or the table itself when nothing did.
local function walk_table(value, walker, name, depth)
  local mt = getmetatable(value)
  if mt ~= nil and type(mt) ~= "table" then return value end
  if depth > state.MAX_DEPTH then
    error(finish(setmetatable({ kind = "template", class = "limit", text = "nested too deeply" }, state.Error), "",
      { name = name }, {}), 0)
  end
  local changed
  for key, item in next, value do
    local new = walk(item, walker, child_name(name, key), depth + 1)
    if not rawequal(new, item) then
      changed = changed or {}
      changed[key] = new == nil and walker or new
    end
  end
  if not changed then return value end
  local copy, count = {}, #value
  local dropped = false
  for key, item in next, value do
    local new = changed[key]
    if new == nil then
      copy[key] = item
    elseif new ~= walker then
      copy[key] = new
    else
      dropped = true
    end
  end
  if dropped and count > 0 then
    -- A list closes the gap that a function without a result leaves.
    local at = 0
    for i = 1, count do
      local item = copy[i]
      copy[i] = nil
      if item ~= nil then
        at = at + 1
        copy[at] = item
      end
    end
  end
  return setmetatable(copy, mt)
end

function walk(value, walker, name, depth)
  local kind = type(value)
  if kind == "string" then
    if not find(value, "[{\r]") and sub(value, -1) ~= "\n" then return value end
    local cache = walker.cache
    local compiled = cache and cache[value]
    walker.options.name = name
    if not compiled then
      compiled = template.parse(value, walker.options)
      if cache then cache[value] = compiled end
    end
    return compiled:render(walker.context, walker.options)
  elseif kind == "table" then
    return walk_table(value, walker, name, depth)
  elseif kind == "function" then
    local ok, result = pcall(value, walker.context) -- bare pcall: rendering never waits
    if ok then return result end
    local err = setmetatable({ kind = "template", class = "runtime", text = "the function failed: "
      .. tostring(result), cause = result },
      state.Error)
    error(finish(err, "", { name = name }, {}), 0)
  end
  return value
end

-- Renders every text in a value, however nested, and replaces each function by what it returns for the context (TPL-2,
-- TPL-3; a result is not rendered again). Changes nothing of the caller's: a table in which something changed is
-- copied, with its metatable. options as for render; name is the field of the whole, to which keys are added
-- (arguments[1], env_vars.HOME); cache, a table of the caller's, keeps parsed texts for the next call.
function template.render_value(value, context, options)
  local own = {}
  for key, option in next, options or NO_OPTIONS do own[key] = option end
  return walk(value, { context = context or NO_CONTEXT, options = own, cache = own.cache }, own.name or "", 0)
end

return template
