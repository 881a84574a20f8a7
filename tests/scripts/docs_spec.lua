-- Every example of README.md and docs/*.md does what the page says (templates.md has a spec of its own).
--   ```lua   is run on the fake core, where each pod hands back a number; what it prints is what its "--> " comments
--            say, if it has some. Behind <!-- loaded only: why --> it is only loaded.
--   ```c     compiles.
--   ```sh    names programs, options, files and make targets that exist; a dry-run is run. A ```lua block that begins
--            with "-- name.lua" is that file.
local fake = require "tests.scripts.support.fake_core"

local load_text = loadstring or load -- luacheck: ignore 113
local unpack = table.unpack or unpack -- luacheck: ignore 113
local program = (os.getenv "LUA" or "lua") .. " scripts/bin/lunapod"
local pages = {
  "README.md",
  "docs/airflow.md", "docs/architecture.md", "docs/author.md", "docs/command-line.md", "docs/embedding.md",
  "docs/results.md", "docs/retries.md",
}

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local function write(path, text)
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
end

--- What a command says, and whether it ended well.
local function output(command)
  local pipe = assert(io.popen(command .. " 2>&1; echo \"status $?\""))
  local text = pipe:read "*a"
  pipe:close()
  local said, status = text:match "^(.*)status (%d+)\n$"
  return said, status == "0"
end

local function blocks_of(path)
  local blocks, open, before, number = {}, nil, "", 0
  for line in (read(path) .. "\n"):gmatch "(.-)\r?\n" do
    number = number + 1
    local fence = line:match "^```(%a*)"
    if fence and not open then
      open = { kind = fence, line = number, lines = {}, loaded_only = before:find("^<!%-%- loaded only: ") }
    elseif fence then
      open.text = table.concat(open.lines, "\n") .. "\n"
      blocks[#blocks + 1], open = open, nil
    elseif open then
      open.lines[#open.lines + 1] = line
    end
    before = line
  end
  assert(not open, path .. ": a block without an end")
  return blocks
end

-- ---- Lua ----

--- The life of a pod by its command: `false` fails, `echo` writes its words, a shell exits with what its script says
-- and hands back the JSON that it echoes in quotes. Everything else succeeds and hands back 42.
local function life(options)
  local container = options.manifest.spec.containers[1]
  local command, script = container.command or {}, container.args and container.args[1] or ""
  local exit_code = command[1] == "false" and 1 or tonumber(script:match "exit (%d+)") or 0
  local said = command[1] == "echo" and { { text = table.concat(command, " ", 2) .. "\n" } } or nil
  return { result = script:match "echo '(.-)' >" or "42", exit_code = exit_code, output = said }
end

--- Whole numbers as the core's JSON has them: integers.
local function with_integers(value, err)
  if type(value) == "table" then
    for key, item in pairs(value) do value[key] = with_integers(item) end
  elseif type(value) == "number" and value % 1 == 0 then
    value = math.floor(value)
  end
  return value, err
end

local function run_lua(block, name)
  fake.install()
  local decode = fake.core.json.decode
  fake.core.json.decode = function(text) return with_integers(decode(text)) end
  for _, module in ipairs { "parameters", "context", "manifest", "naming" } do -- no stand-ins
    package.loaded["lunapod." .. module] = nil
  end
  fake.pods = life
  local printed, expected = {}, {}
  for wanted in block.text:gmatch "%-%->%s*([^\n]*)" do expected[#expected + 1] = wanted end
  local saved = print
  _G.print = function(...)
    local words = { ... }
    for i = 1, select("#", ...) do words[i] = tostring(words[i]) end
    printed[#printed + 1] = table.concat(words, "\t")
  end
  local chunk, why = load_text(block.text, "@" .. name)
  local ok, err = pcall(assert(chunk, why))
  _G.print = saved
  assert(ok, tostring(err))
  if #expected > 0 then assert.same(expected, printed) end
end

-- ---- shell ----

--- The words of a command line, without its comment.
local function words_of(line)
  local words = {}
  for word in line:gsub("%s#.*$", ""):gmatch "%S+" do words[#words + 1] = word end
  return words
end

local helps = {}
local function help_of(command)
  helps[command] = helps[command] or output(("%s %s --help"):format(program, command))
  return helps[command]
end

local function check_lunapod(words, files)
  local command = words[2]
  local help = help_of(command)
  assert.truthy(help:find("Usage: lunapod " .. command, 1, true), "no such command: " .. command)
  for i = 3, #words do
    if words[i] == "--" then break end
    local option = words[i]:match "^%-%-?%a[%a-]*"
    if option then
      assert.truthy(help:find("[ ,]" .. option:gsub("%-", "%%-") .. "[ ,\n]"), command .. " has no option " .. option)
    end
  end
  if command ~= "dry-run" then return end
  local line = table.concat({ unpack(words, 2) }, " ")
  line = line:gsub("[%w_/.-]+%.lua", function(file) return files[file] or file end)
  local said, ok = output(("HOME=/nonexistent %s %s"):format(program, line))
  assert(ok, said)
  assert.truthy(said:find "Pod")
end

local function check_shell(text, files)
  for line in text:gmatch "[^\n]+" do
    for part in (line .. " && "):gmatch "(.-)%s&&%s" do
      local words = words_of(part)
      if words[1] == "sudo" then table.remove(words, 1) end
      local name = words[1] and words[1]:match "[^/]+$"
      if name == "lunapod" then
        check_lunapod(words, files)
      elseif name == "make" then
        for i = 2, #words do
          local known = words[i]:find "=" or read "Makefile":find("\n" .. words[i] .. ":", 1, true)
          assert.truthy(known, "no make target " .. words[i])
        end
      elseif name then
        for i = 2, #words do
          if words[i]:find "/" then read(words[i]) end -- a file of the checkout
        end
      end
    end
  end
end

-- ---- C ----

local function check_c(text)
  local file = os.tmpname()
  write(file, text)
  local said, ok = output("cc -std=c11 -Wall -Wextra -Werror -fsyntax-only -Icore/include -x c " .. file)
  os.remove(file)
  assert(ok, said)
end

for _, page in ipairs(pages) do
  describe(page, function()
    local blocks, files = blocks_of(page), {}
    for _, block in ipairs(blocks) do
      local name = block.kind == "lua" and block.text:match "^%-%- (%S+%.lua)\n"
      if name then
        files[name] = os.tmpname()
        write(files[name], block.text)
      end
    end
    teardown(function()
      for _, file in pairs(files) do os.remove(file) end
    end)
    for _, block in ipairs(blocks) do
      local title = ("line %d: the %s example "):format(block.line, block.kind)
      if block.kind == "lua" and block.loaded_only then
        it(title .. "loads", function() assert(load_text(block.text, "@" .. page)) end)
      elseif block.kind == "lua" then
        it(title .. "runs and prints what it says", function() run_lua(block, page) end)
      elseif block.kind == "sh" then
        it(title .. "names what exists", function() check_shell(block.text, files) end)
      elseif block.kind == "c" then
        it(title .. "compiles", function() check_c(block.text) end)
      end
    end
    it("links to files that exist", function()
      for target in read(page):gmatch "%]%(([%w_./-]+)[)#]" do
        local path = target
        if page:find "^docs/" then path = "docs/" .. target end
        local found = io.open(path, "rb")
        assert.truthy(found, "no such file: " .. target)
        found:close()
      end
    end)
  end)
end

describe("docs/command-line.md", function()
  it("has every command and option of the program", function()
    local page = read "docs/command-line.md"
    for _, command in ipairs { "run", "dry-run", "params", "ps", "clean" } do
      assert.truthy(page:find("\n## " .. command .. "\n", 1, true), command)
      for option in help_of(command):gmatch "%s(%-%-[%a-]+)" do
        assert.truthy(page:find(option, 1, true), option .. " of " .. command .. " is not on the page")
      end
    end
  end)
end)

describe("docs/author.md", function()
  it("has every attribute and method of the seed, every hook and callback (S44 to S59, HOK)", function()
    local page = read "docs/author.md"
    for name in ([[
      BASE_CONTAINER_NAME POD_CHECKED_KEY template_fields
      pod_manager client find_pod get_or_create_pod await_pod_start extract_xcom execute cleanup process_pod_deletion
      patch_already_checked on_kill build_pod_request_obj dry_run
      on_sync_client_creation on_pod_manifest_created on_pod_creation on_pod_starting on_pod_completion on_pod_teardown
      on_pod_cleanup on_operator_resuming progress_callback
      on_execute_callback on_success_callback on_failure_callback on_retry_callback on_skipped_callback
    ]]):gmatch "%S+" do
      assert.truthy(page:find("\n| [^|\n]*`" .. name .. "[`(]"), name .. " has no row in a table")
    end
  end)

  it("has every waiting reason of the core's table, and every field of an outcome (STA-5)", function()
    fake.install()
    local page = read "docs/author.md"
    for reason in ([[InvalidImageName ErrImageNeverPull ErrImagePull ImagePullBackOff CreateContainerConfigError
      CreateContainerError RunContainerError StartError]]):gmatch "%S+" do
      assert.truthy(page:find("\n| [^|\n]*`" .. reason .. "`"), reason)
    end
    local outcome = require "lunapod.outcome".build { task_id = "x", pod = {}, published = {}, result = 1,
      report = { name = "x", task = { state = "terminated", exit_code = 1 } },
      error = fake.core.error { kind = "task", rc = "TASK", class = "user", message = "x" } }
    for field in pairs(outcome) do assert.truthy(page:find("\n| [^|\n]*`" .. field .. "`"), field) end
  end)
end)
