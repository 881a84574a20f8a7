-- Tokens to a tree: Jinja2's grammar without what needs other files (extends, include, import, block) (TPL-7). A node
-- is {type = …, pos = byte offset, …}; a body is a list of nodes; the comment before each parse function names the
-- fields. Leaves scopes and meaning to the compilers. Invariant: nesting is limited, so that no text can exhaust the
-- stack.
local state = require "lunapod.template.state"
local lexer = require "lunapod.template.lexer"

local parser = {}

local Parser = {}
Parser.__index = Parser

local NEEDS_FILES = { extends = true, include = true, import = true, from = true, block = true }
local COMPARISONS = { ["=="] = true, ["!="] = true, ["<"] = true, ["<="] = true, [">"] = true, [">="] = true }
local CONSTANTS = { ["true"] = true, ["True"] = true, ["false"] = false, ["False"] = false }

-- ---- tokens ----
local function describe(token)
  if token.type == "name" then return ("'%s'"):format(token.value) end
  if token.type == "end" then return "the end of the tag" end
  if token.type == "eof" then return "the end of the text" end
  if token.type == "string" or token.type == "integer" or token.type == "float" then return "a " .. token.type end
  if token.type == "data" or token.type == "print" or token.type == "tag" then return "text" end
  return ("'%s'"):format(token.type)
end

local function fail(message, token)
  state.fail("syntax", message, token.pos)
end

function Parser:peek()
  return self.tokens[self.at + 1] or self.tokens[#self.tokens]
end

function Parser:next()
  local token = self.token
  self.at = self.at + 1
  self.token = self.tokens[self.at] or self.tokens[#self.tokens]
  return token
end

function Parser:is_name(name)
  return self.token.type == "name" and self.token.value == name
end

function Parser:skip(kind)
  if self.token.type == kind then return self:next() end
end

function Parser:skip_name(name)
  if self:is_name(name) then return self:next() end
end

function Parser:expect(kind, what)
  if self.token.type ~= kind then
    fail(("%s found where %s is expected"):format(describe(self.token), what or ("'" .. kind .. "'")), self.token)
  end
  return self:next()
end

function Parser:expect_name(name)
  if not self:is_name(name) then
    fail(("%s found where '%s' is expected"):format(describe(self.token), name), self.token)
  end
  return self:next()
end

function Parser:down()
  self.depth = self.depth + 1
  if self.depth > state.MAX_DEPTH then
    state.fail("limit", ("nested more than %d levels deep"):format(state.MAX_DEPTH), self.token.pos)
  end
end

function Parser:up()
  self.depth = self.depth - 1
end

local function node(kind, token, fields)
  fields.type, fields.pos = kind, token.pos
  return fields
end

-- ---- expressions, from the loosest binding to the tightest ----
-- if: test, yes, no (nil: undefined)
function Parser:expression(without_condition)
  if without_condition then return self:either() end
  self:down()
  local first = self.token
  local result = self:either()
  while self:skip_name "if" do
    local test = self:either()
    local no
    if self:skip_name "else" then no = self:expression() end
    result = node("if_expression", first, { test = test, yes = result, no = no })
  end
  self:up()
  return result
end

-- or, and: left, right
function Parser:either()
  local left = self:both()
  while self:is_name "or" do
    local token = self:next()
    left = node("or", token, { left = left, right = self:both() })
  end
  return left
end

function Parser:both()
  local left = self:negation()
  while self:is_name "and" do
    local token = self:next()
    left = node("and", token, { left = left, right = self:negation() })
  end
  return left
end

-- not: value
function Parser:negation()
  if self:is_name "not" then
    self:down()
    local token = self:next()
    local result = node("not", token, { value = self:negation() })
    self:up()
    return result
  end
  return self:comparison()
end

-- compare: value, chain = {{operator, value}, …}
function Parser:comparison()
  local first = self.token
  local value = self:sum()
  local chain
  while true do
    local token = self.token
    local operator
    if COMPARISONS[token.type] then
      operator = token.type
      self:next()
    elseif self:is_name "in" then
      operator = "in"
      self:next()
    elseif self:is_name "not" and self:peek().type == "name" and self:peek().value == "in" then
      operator = "not in"
      self:next()
      self:next()
    else
      break
    end
    chain = chain or {}
    chain[#chain + 1] = { operator = operator, value = self:sum(), pos = token.pos }
  end
  return chain and node("compare", first, { value = value, chain = chain }) or value
end

-- binary: operator, left, right
function Parser:binary(operators, operand)
  local left = operand(self)
  while operators[self.token.type] do
    local token = self:next()
    left = node("binary", token, { operator = token.type, left = left, right = operand(self) })
  end
  return left
end

local SUM, PRODUCT, POWER = { ["+"] = true, ["-"] = true },
  { ["*"] = true, ["/"] = true, ["//"] = true, ["%"] = true }, { ["**"] = true }

function Parser:sum() return self:binary(SUM, self.concatenation) end

-- concat: items
function Parser:concatenation()
  local first = self.token
  local items = { self:product() }
  while self:skip "~" do items[#items + 1] = self:product() end
  return #items == 1 and items[1] or node("concat", first, { items = items })
end

function Parser:product() return self:binary(PRODUCT, self.power) end
function Parser:power() return self:binary(POWER, self.unary) end

-- negative, positive: value
function Parser:unary(without_filters)
  local token = self.token
  if token.type == "-" or token.type == "+" then
    self:down()
    self:next()
    local result = node(token.type == "-" and "negative" or "positive", token, { value = self:unary(true) })
    if not without_filters then result = self:filters_and_tests(result) end
    self:up()
    return result
  end
  local value = self:postfix(self:primary())
  if without_filters then return value end
  return self:filters_and_tests(value)
end

-- constant: value; none; name: name; tuple, list: items; dict: items = {{key, value}, …}
function Parser:primary()
  local token = self.token
  local kind = token.type
  if kind == "name" then
    self:next()
    local constant = CONSTANTS[token.value]
    if constant ~= nil then return node("constant", token, { value = constant }) end
    if token.value == "none" or token.value == "None" then return node("none", token, {}) end
    return node("name", token, { name = token.value })
  elseif kind == "string" then
    local parts = {}
    while self.token.type == "string" do parts[#parts + 1] = self:next().value end
    return node("constant", token, { value = table.concat(parts) })
  elseif kind == "integer" or kind == "float" then
    self:next()
    return node("constant", token, { value = token.value })
  elseif kind == "(" then
    self:down()
    self:next()
    local result = self:tuple { explicit = true }
    self:expect ")"
    self:up()
    return result
  elseif kind == "[" then
    self:down()
    self:next()
    local items = self:sequence("]", self.expression)
    self:up()
    return node("list", token, { items = items })
  elseif kind == "{" then
    self:down()
    self:next()
    local items = self:sequence("}", function()
      local key = self:expression()
      self:expect ":"
      return { key = key, value = self:expression() }
    end)
    self:up()
    return node("dict", token, { items = items })
  end
  fail(("%s found where an expression is expected"):format(describe(token)), token)
end

-- Items separated by commas up to the closing token, a comma at the end being allowed.
function Parser:sequence(close, item)
  local items = {}
  while self.token.type ~= close do
    if #items > 0 then
      self:expect ","
      if self.token.type == close then break end
    end
    items[#items + 1] = item(self)
  end
  self:expect(close)
  return items
end

-- One expression, or several with commas (a tuple). options: explicit (inside parentheses, may be empty), no_condition,
-- stop (a name that ends it).
function Parser:tuple(options)
  local first = self.token
  local items, is_tuple = {}, false
  while true do
    local kind = self.token.type
    if kind == "end" or kind == ")" or (options.stop and self:is_name(options.stop)) then break end
    items[#items + 1] = self:expression(options.no_condition)
    if self.token.type ~= "," then break end
    is_tuple = true
    self:next()
  end
  if not is_tuple then
    if items[1] then return items[1] end
    if not options.explicit then fail(("%s found where an expression is expected"):format(describe(first)), first) end
  end
  return node("tuple", first, { items = items })
end

-- attribute: value, name; item: value, key; slice: value, start, stop, jump; call: value, args
function Parser:postfix(value)
  while true do
    local token = self.token
    if token.type == "." then
      self:next()
      local name = self:next()
      if name.type == "name" then
        value = node("attribute", token, { value = value, name = name.value })
      elseif name.type == "integer" then
        value = node("item", token, { value = value, key = node("constant", name, { value = name.value }) })
      else
        fail(("%s found where a name is expected"):format(describe(name)), name)
      end
      value.pos = name.pos
    elseif token.type == "[" then
      value = self:subscript(value)
    elseif token.type == "(" then
      value = node("call", token, { value = value, args = self:arguments() })
    else
      return value
    end
  end
end

function Parser:subscript(value)
  local token = self:next()
  self:down()
  local key = self:subscript_part(value, token)
  if self.token.type == "," then
    local items = { key }
    while self:skip "," do
      if self.token.type ~= "]" then items[#items + 1] = self:subscript_part(value, token) end
    end
    key = node("tuple", token, { items = items })
  end
  self:up()
  self:expect "]"
  if key.type == "slice" then return key end
  return node("item", token, { value = value, key = key })
end

function Parser:subscript_part(value, token)
  if self.token.type == "]" then fail("']' found where an index is expected", self.token) end
  local parts, n = {}, 1
  while true do
    local kind = self.token.type
    if kind == ":" then
      self:next()
      n = n + 1
      if n > 3 then fail("a slice has at most three parts", token) end
    elseif kind == "]" or kind == "," then
      break
    elseif parts[n] then
      fail(("%s found where ']' is expected"):format(describe(self.token)), self.token)
    else
      parts[n] = self:expression()
    end
  end
  if n == 1 then return parts[1] end
  return node("slice", token, { value = value, start = parts[1], stop = parts[2], jump = parts[3] })
end

-- "(…)" of a call: {positional = {…}, named = {{name, value}, …}, rest, named_rest}
function Parser:arguments()
  self:expect "("
  self:down()
  local args = { positional = {}, named = {} }
  while self.token.type ~= ")" do
    if args.count then
      self:expect ","
      if self.token.type == ")" then break end
    end
    args.count = true
    local token = self.token
    if self:skip "*" then
      if args.rest or args.named_rest then fail("an argument list has one '*'", token) end
      args.rest = self:expression()
    elseif self:skip "**" then
      if args.named_rest then fail("an argument list has one '**'", token) end
      args.named_rest = self:expression()
    elseif token.type == "name" and self:peek().type == "=" then
      self:next()
      self:next()
      args.named[#args.named + 1] = { name = token.value, value = self:expression() }
    else
      if #args.named > 0 or args.rest or args.named_rest then
        fail("a positional argument comes after a named one", token)
      end
      args.positional[#args.positional + 1] = self:expression()
    end
    if #args.positional + #args.named > 100 then fail("more than 100 arguments", token) end
  end
  self:up()
  self:expect ")"
  args.count = nil
  return args
end

-- Names with dots, as filters and tests may have.
function Parser:dotted_name()
  local token = self:expect("name", "a name")
  local name = token.value
  while self:skip "." do name = name .. "." .. self:expect("name", "a name").value end
  return name, token
end

local NO_ARGUMENTS = { positional = {}, named = {} }

-- filter: value (nil: the text of a block), name, args
function Parser:filter(value)
  local name, token = self:dotted_name()
  local args = self.token.type == "(" and self:arguments() or NO_ARGUMENTS
  return node("filter", token, { value = value, name = name, args = args })
end

local TEST_ARGUMENT = { name = true, string = true, integer = true, float = true, ["("] = true, ["["] = true,
  ["{"] = true }
local AFTER_TEST = { ["else"] = true, ["or"] = true, ["and"] = true }

-- test: value, name, args, wrapped in "not" for "is not"
function Parser:test(value)
  local is = self:next()
  local negated = self:skip_name "not"
  local name = self:dotted_name()
  local args = NO_ARGUMENTS
  if self.token.type == "(" then
    args = self:arguments()
  elseif TEST_ARGUMENT[self.token.type] and not (self.token.type == "name" and AFTER_TEST[self.token.value]) then
    if self:is_name "is" then fail("tests cannot be chained with 'is'", self.token) end
    args = { positional = { self:postfix(self:primary()) }, named = {} }
  end
  local result = node("test", is, { value = value, name = name, args = args })
  if negated then result = node("not", is, { value = result }) end
  return result
end

function Parser:filters_and_tests(value)
  while true do
    local token = self.token
    if token.type == "|" then
      self:next()
      value = self:filter(value)
    elseif self:is_name "is" then
      value = self:test(value)
    elseif token.type == "(" then
      value = node("call", token, { value = value, args = self:arguments() })
    else
      return value
    end
  end
end

-- ---- statements ----
local RESERVED = { ["true"] = true, ["false"] = true, none = true, True = true, False = true, None = true,
  ["not"] = true,
  ["and"] = true, ["or"] = true, ["in"] = true, ["is"] = true, ["if"] = true, ["else"] = true }

local function check_target(name, token)
  if RESERVED[name] or name:find("^__") then fail(("'%s' cannot be given a value"):format(name), token) end
  return name
end

-- One target: {name = …}, {namespace = …, name = …} or {targets = {…}}.
function Parser:single_target(with_namespace)
  local token = self.token
  if self:skip "(" then
    self:down()
    local target = self:target(")", with_namespace)
    self:up()
    self:expect ")"
    return target
  end
  self:expect("name", "a name")
  if with_namespace and self:skip "." then
    local name = self:expect("name", "a name")
    return { namespace = token.value, name = check_target(name.value, name), pos = token.pos }
  end
  return { name = check_target(token.value, token), pos = token.pos }
end

-- Targets up to `stop` (a token type or a name): one, or several to be unpacked into.
function Parser:target(stop, with_namespace)
  local first = self.token
  local targets = { self:single_target(with_namespace) }
  local several = false
  while self:skip "," do
    several = true
    if self.token.type == stop or self:is_name(stop) then break end
    targets[#targets + 1] = self:single_target(with_namespace)
  end
  if not several then return targets[1] end
  return { targets = targets, pos = first.pos }
end

-- Closes the tag, then the body up to a tag named in `ends` (its name is not skipped).
function Parser:body_until(token, ends)
  self:expect("end", "the end of the tag")
  self:down()
  self.open[#self.open + 1] = { name = token.value, ends = ends }
  local body = self:body(ends)
  if self.token.type == "eof" then
    fail(("'%s' is not closed: '%s' is missing"):format(token.value, ends[#ends]), token)
  end
  self.open[#self.open] = nil
  self:up()
  return body
end

local statements = {}

-- for: target, items, test, recursive, body, otherwise
statements["for"] = function(self, token)
  local target = self:target "in"
  self:expect_name "in"
  local items = self:tuple { no_condition = true, stop = "recursive" }
  local test = self:skip_name "if" and self:expression() or nil
  local recursive = self:skip_name "recursive" ~= nil
  local body = self:body_until(token, { "else", "endfor" })
  local otherwise
  if self:next().value == "else" then
    otherwise = self:body_until(token, { "endfor" })
    self:next()
  end
  return node("for", token, { target = target, items = items, test = test, recursive = recursive, body = body,
    otherwise = otherwise })
end

-- if: branches = {{test, body}, …}, otherwise
statements["if"] = function(self, token)
  local branches = {}
  while true do
    local test = self:tuple { no_condition = true }
    branches[#branches + 1] = { test = test, body = self:body_until(token, { "elif", "else", "endif" }) }
    local word = self:next().value
    if word == "endif" then return node("if", token, { branches = branches }) end
    if word == "else" then
      local otherwise = self:body_until(token, { "endif" })
      self:next()
      return node("if", token, { branches = branches, otherwise = otherwise })
    end
  end
end

-- set: target, value; set_block: target, filters, body
function statements.set(self, token)
  local target = self:target("=", true)
  if self:skip "=" then
    return node("set", token, { target = target, value = self:tuple {} })
  end
  local filters = {}
  while self:skip "|" do filters[#filters + 1] = self:filter() end
  local body = self:body_until(token, { "endset" })
  self:next()
  return node("set_block", token, { target = target, filters = filters, body = body })
end

-- with: targets = {{target, value}, …}, body
function statements.with(self, token)
  local targets = {}
  while self.token.type ~= "end" do
    if #targets > 0 then self:expect "," end
    local target = self:target "="
    self:expect "="
    targets[#targets + 1] = { target = target, value = self:expression() }
  end
  local body = self:body_until(token, { "endwith" })
  self:next()
  return node("with", token, { targets = targets, body = body })
end

-- "(a, b=1)" of a macro: {{name, default}, …}
function Parser:parameters()
  self:expect "("
  local seen_default
  return self:sequence(")", function()
    local token = self:expect("name", "a name")
    local parameter = { name = check_target(token.value, token), pos = token.pos }
    if self:skip "=" then
      parameter.default, seen_default = self:expression(), true
    elseif seen_default then
      fail("a parameter without a default comes after one with", token)
    end
    return parameter
  end)
end

-- macro: name, parameters, body
function statements.macro(self, token)
  local name = self:expect("name", "a name")
  check_target(name.value, name)
  local parameters = self:parameters()
  local body = self:body_until(token, { "endmacro" })
  self:next()
  return node("macro", token, { name = name.value, parameters = parameters, body = body })
end

-- call: call (a call node), parameters, body
function statements.call(self, token)
  local parameters = self.token.type == "(" and self:parameters() or {}
  local call = self:expression()
  if call.type ~= "call" then fail("'call' needs a call of a macro", token) end
  local body = self:body_until(token, { "endcall" })
  self:next()
  return node("call_block", token, { call = call, parameters = parameters, body = body })
end

-- filter_block: filters, body
function statements.filter(self, token)
  local filters = { self:filter() }
  while self:skip "|" do filters[#filters + 1] = self:filter() end
  local body = self:body_until(token, { "endfilter" })
  self:next()
  return node("filter_block", token, { filters = filters, body = body })
end

function Parser:unknown_tag(token)
  if NEEDS_FILES[token.value] then
    fail(("'%s' is not supported: a template here is one text without other files"):format(token.value), token)
  end
  local open = self.open[#self.open]
  fail(("unknown tag '%s'%s"):format(token.value, open and (" (inside '%s', which '%s' would close)"):format(open.name,
    open.ends[#open.ends]) or ""), token)
end

-- data: text; print: value; and the statements. Stops at a tag whose name is in `ends` (with its name as the current
-- token) or at the end.
function Parser:body(ends)
  local body = {}
  while true do
    local token = self:next()
    if token.type == "data" then
      body[#body + 1] = node("data", token, { text = token.value })
    elseif token.type == "print" then
      body[#body + 1] = node("print", token, { value = self:tuple {} })
      self:expect("end", "'}}'")
    elseif token.type == "tag" then
      local name = self.token
      if name.type ~= "name" then fail(("%s found where the name of a tag is expected"):format(describe(name)),
        name) end
      for i = 1, #ends do
        if ends[i] == name.value then return body end
      end
      if not statements[name.value] then self:unknown_tag(name) end
      self:next()
      body[#body + 1] = statements[name.value](self, name)
      self:expect("end", "'%}'")
    else
      return body
    end
  end
end

-- The tree of a normalized text.
function parser.parse(source)
  local tokens = lexer.lex(source)
  local self = setmetatable({ tokens = tokens, at = 1, token = tokens[1], depth = 0, open = {} }, Parser)
  return self:body({})
end

return parser
