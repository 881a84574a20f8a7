-- Parameters as data (issue's part 1, S64): every row says all that is asked of it; its example is accepted by the
-- definition and builds a manifest; the rows cover the seed; `lunapod params` and docs/parameters.md come from them.
local lunapod = require "lunapod"
local contexts = require "lunapod.context"
local core = require "lunapod.core"
local parameters = require "lunapod.parameters"

local load_text = loadstring or load -- luacheck: ignore 113
local program = (os.getenv "LUA" or "lua") .. " scripts/bin/lunapod"

local rows = {}
for _, group in ipairs(parameters.groups) do
  for _, row in ipairs(group) do rows[#rows + 1] = row end
end

local function output(words)
  local pipe = assert(io.popen(program .. " " .. words .. " 2>&1; echo \"status $?\""))
  local text = pipe:read "*a"
  pipe:close()
  local said, status = text:match "^(.*)status (%d+)\n$"
  return said, tonumber(status)
end

local function define(name, value)
  return parameters.define { task_id = name ~= "task_id" and "t" or nil, [name] = value }
end

local function refusal(name, value)
  local ok, err = pcall(define, name, value)
  assert.is_false(ok, name)
  return (tostring(err):gsub("^%S+:%d+: ", ""))
end

describe("each parameter", function()
  for _, row in ipairs(rows) do
    it(("%s has a row that is whole, and its example builds a manifest (%s)"):format(row.name, row.id), function()
      assert.truthy(row.meaning:find "^%u.*%.$", row.meaning)
      assert.truthy(row.expected and row.example and row.id)
      assert.truthy(row.since == "seed" or row.since == "newer" or row.since == "lunapod")
      assert.equal(row.since == "seed", row.id:find "^S%d%d$" ~= nil)
      if row.instead or row.alias then assert.truthy(parameters.is_name(row.instead or row.alias)) end

      local chunk = assert(load_text("local lunapod = ...; return { " .. row.name .. " = " .. row.example .. " }"))
      local given = chunk(lunapod)
      assert.not_nil(given[row.name])
      if row.name == "pod_template_file" then given.pod_template_file = "tests/data/oracle/basic.yaml" end
      if row.name ~= "task_id" then given.task_id = "t" end
      given.image = given.image or "busybox:1"
      local instance = assert(lunapod.new { instance = "me", connections = { kubernetes_default = {} } })
      instance.dry_run = true -- no client is made
      local op = instance.task(given)
      local pod = op:build_pod_request_obj(contexts.new(op, { run_id = "r" }, instance))
      instance:close()
      assert(core.json.encode(pod))
      local field = row.becomes and row.becomes:match "^[%w%[%]%.]+$"
      if field then -- the field that the row names is there
        local at = pod
        for step in field:gmatch "[^.]+" do
          at = at[step:match "^%w+"]
          if step:find "%[0%]$" then at = at[1] end
          assert.not_nil(at, field)
        end
      end
    end)
  end

  it("of the seed is there: S01 to S42 once each, in its order (seed.md, 1 to 6)", function()
    local seen = {}
    for _, row in ipairs(rows) do
      if row.id:find "^S%d%d$" and row.id ~= "S43" then
        assert.is_nil(seen[row.id], row.id)
        seen[row.id] = row.name
      end
    end
    for i = 1, 42 do assert.truthy(seen[("S%02d"):format(i)], i) end
  end)

  it("with a wrong type is refused with what was found, what is expected, and an example", function()
    for _, row in ipairs(rows) do
      local wrong = row.accepts.boolean and 7 or true
      if row.accepts.boolean and row.accepts.number then wrong = print end -- LOG-1: what is no name is said at launch
      local said = refusal(row.name, wrong)
      assert.truthy(said:find('parameter "' .. row.name .. '": expected ', 1, true), said)
      local got = wrong == 7 and "got the number 7" or wrong == true and "got true" or "got a function"
      assert.truthy(said:find(got, 1, true), said)
      if row.types ~= "boolean" and not row.one_of then assert.truthy(said:find(row.example, 1, true), said) end
    end
    assert.equal('parameter "volumes": expected a list of volumes such as { { name = "scratch", emptyDir = '
      .. "lunapod.object {} } }, got a map", refusal("volumes", { name = "v" }))
    assert.truthy(refusal("affinity", { { x = 1 } }):find "expected a map such as .* got a list")
    assert.truthy(refusal("env_from", "text"):find 'got the text "text"')
  end)

  it("that is a number has bounds: exit codes, seconds, whole numbers", function()
    assert.equal('parameter "retry_delay": expected 0 or more, got -1', refusal("retry_delay", -1))
    assert.equal('parameter "retry_delay": expected 0 or more, got ' .. tostring(0 / 0), refusal("retry_delay", 0 / 0))
    assert.equal('parameter "retries": expected a whole number, got 1.5', refusal("retries", 1.5))
    assert.equal('parameter "active_deadline_seconds": expected 1 or more, got 0',
      refusal("active_deadline_seconds", 0))
    assert.equal('parameter "skip_on_exit_code": expected whole numbers from 0 to 255, got the number 256',
      refusal("skip_on_exit_code", { 0, 256 }))
    assert.equal('parameter "skip_on_exit_code": expected whole numbers from 0 to 255, got the text "1"',
      refusal("skip_on_exit_code", { "1" }))
    assert.equal("5", tostring(define("termination_grace_period", 5.0).termination_grace_period))
    assert.equal(0.5, define("retry_delay", 0.5).retry_delay)
    assert.equal(0, define("skip_on_exit_code", 0).skip_on_exit_code)
  end)

  it("that is unknown is answered with the nearest (S43)", function()
    assert.equal('task: unknown parameter "imgae"; did you mean "image"?', refusal("imgae", "x"))
    assert.equal('task: unknown parameter "xcom_push"; did you mean "do_xcom_push"?', refusal("xcom_push", true))
    assert.equal('task: unknown parameter "zzzzzzzzzz"', refusal("zzzzzzzzzz", true))
  end)

  it("may be lunapod.null, a function or a template where it is rendered (MRG-12, TPL-3, TPL-6)", function()
    define("node_selector", core.null)
    define("labels", function() return {} end)
    define("labels", "{{ params.labels }}")
    assert.truthy(refusal("labels", "plain text"):find "expected a map")
    assert.truthy(refusal("tolerations", 1):find "expected a list")
    assert.truthy(refusal("retries", "{{ 3 }}"):find "expected a whole number") -- not rendered
  end)

  it("that is deprecated or without effect is told of, once each, in order (RTY-7, S21)", function()
    assert.same({
      { level = "warning", message = 'parameter "node_selectors" is deprecated, use "node_selector"' },
      { level = "info",
        message = 'parameter "deferrable" has no effect: there is one way of waiting, which polls nothing' },
    }, parameters.notes { deferrable = true, node_selectors = {}, image = "x" })
  end)
end)

describe("lunapod params", function()
  it("lists every parameter in its group", function()
    local text, status = output "params"
    assert.equal(0, status)
    for _, group in ipairs(parameters.groups) do assert.truthy(text:find(group.title .. "\n", 1, true), group.title) end
    for _, row in ipairs(rows) do assert.truthy(text:find("\n  " .. row.name .. " ", 1, true), row.name) end
    for line in text:gmatch "[^\n]+" do assert.truthy(#line <= 110, line) end
  end)

  it("tells everything about one", function()
    local text, status = output "params schedule_timeout_seconds"
    assert.equal(0, status)
    for _, part in ipairs { "number, 0 or more", "startup_timeout_seconds", "STA-2", "later versions of Airflow",
      "schedule_timeout_seconds = 600" } do
      assert.truthy(text:find(part, 1, true), part)
    end
    assert.truthy(output "params node_selectors":find("deprecated: use node_selector", 1, true))
    assert.truthy(output "params env_vars":find("spec.containers[0].env", 1, true))
    assert.truthy(output "params pool":find "note +no effect")
  end)

  it("answers an unknown name with the nearest, and exit status 2", function()
    local text, status = output "params imgae"
    assert.equal('lunapod: there is no parameter "imgae"; did you mean "image"?\n', text)
    assert.equal(2, status)
  end)

  it("makes docs/parameters.md, which is what it makes now", function()
    local file = assert(io.open("docs/parameters.md"))
    local page = file:read "*a"
    file:close()
    local text, status = output "params --markdown"
    assert.equal(0, status)
    assert.truthy(page == text, "docs/parameters.md is not up to date: lunapod params --markdown >docs/parameters.md")
  end)
end)
