-- TPL-7: every example of docs/templates.md does what the page says. A ```jinja block is rendered with the page's
-- context (its first ```lua block) and must give the ```text block after it, or fail with the message of the ```error
-- block after it. Every other ```lua block is run, and what it prints must be what its "-->" comments say.
local template = require "lunapod.template"

local load_chunk = loadstring or load -- luacheck: ignore 113

local function blocks_of(path)
  local file = assert(io.open(path, "rb"))
  local page = file:read "*a"
  file:close()
  local blocks, line = {}, 0
  local open
  for text in (page .. "\n"):gmatch "(.-)\n" do
    line = line + 1
    local fence = text:match "^```(%a*)"
    if fence and not open then
      open = { kind = fence, line = line, lines = {} }
    elseif fence then
      open.text = table.concat(open.lines, "\n")
      blocks[#blocks + 1] = open
      open = nil
    elseif open then
      open.lines[#open.lines + 1] = text
    end
  end
  return blocks
end

local function run_lua(code)
  local printed, expected = {}, {}
  for want in code:gmatch "%-%->%s*([^\n]*)" do expected[#expected + 1] = want end
  local environment = setmetatable({ print = function(...)
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = tostring((select(i, ...))) end
    printed[#printed + 1] = table.concat(parts, "\t")
  end }, { __index = _G })
  local chunk
  if setfenv then -- luacheck: ignore 113
    chunk = setfenv(assert(load_chunk(code)), environment) -- luacheck: ignore 113
  else
    chunk = assert(load(code, "example", "t", environment))
  end
  chunk()
  return printed, expected
end

describe("docs/templates.md", function()
  local blocks = blocks_of "docs/templates.md"
  local context
  local examples = 0
  for i, block in ipairs(blocks) do
    local after = blocks[i + 1]
    if block.kind == "lua" and not context then
      context = assert(load_chunk(block.text .. "\nreturn context"))()
    elseif block.kind == "lua" then
      examples = examples + 1
      it(("TPL-7 line %d: the Lua example prints what it says"):format(block.line), function()
        local printed, expected = run_lua(block.text)
        assert.same(expected, printed)
      end)
    elseif block.kind == "jinja" then
      examples = examples + 1
      it(("TPL-7 line %d: the example renders as it says"):format(block.line), function()
        local ok, result = pcall(template.render, block.text, context, { name = "arguments[1]" })
        if after.kind == "error" then
          assert.is_false(ok)
          assert.equal(after.text, tostring(result))
        else
          assert.equal("text", after.kind)
          assert.equal(after.text, ok and result or tostring(result))
        end
      end)
    end
  end

  it("TPL-7 has examples, and names every filter and test", function()
    assert.is_true(examples > 20)
    local file = assert(io.open("docs/templates.md", "rb"))
    local page = file:read "*a"
    file:close()
    for _, kind in ipairs { "filters", "tests" } do
      for name in pairs(template[kind]) do
        if name:find "^%a" then assert.is_truthy(page:find("`" .. name .. "[`(]"), kind .. " " .. name) end
      end
    end
  end)
end)
