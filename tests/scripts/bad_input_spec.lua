-- Bad input that is noticed before any server is asked: one clear message on standard error's first line, the right
-- exit status, on every Lua (issue's "Bad input"; K, PAR, TPL-8, S43, design §4 and §6).
local program = (os.getenv "LUA" or "lua") .. " scripts/bin/lunapod"

local files = {}
local function file(text)
  local path = os.tmpname()
  files[#files + 1] = path
  local handle = assert(io.open(path, "w"))
  handle:write(text)
  handle:close()
  return path
end

--- Runs the program: its status, standard output, and standard error.
local function run(words, kubeconfig)
  local out, err, status = os.tmpname(), os.tmpname(), os.tmpname()
  local env = "env -u LUNAPOD_RUN_ID -u LUNAPOD_NAMESPACE -u KUBERNETES_SERVICE_HOST "
    .. (kubeconfig and "KUBECONFIG=" .. kubeconfig or "-u KUBECONFIG") .. " HOME=/nonexistent LUNAPOD_INSTANCE=spec "
  os.execute(("%s %s %s >%s 2>%s </dev/null; echo $? >%s"):format(env, program, words, out, err, status))
  local texts = {}
  for i, path in ipairs { out, err, status } do
    local handle = assert(io.open(path, "rb"))
    texts[i] = handle:read "*a"
    handle:close()
    os.remove(path)
  end
  return tonumber(texts[3]), texts[1], texts[2]
end

--- The first line of standard error of a script that must end with this status and print nothing.
local function refused(status, script, kubeconfig, words)
  local got, out, err = run("run " .. script .. " " .. (words or ""), kubeconfig)
  assert.equal(status, got, err)
  assert.equal("", out)
  return err:match "^(lunapod: [^\n]*)\n" or error("no message: " .. err)
end

local function says(line, ...)
  for _, part in ipairs { ... } do assert.truthy(line:find(part, 1, true), part .. " is not in: " .. line) end
end

local function task(parameters)
  local head = 'local lunapod = require "lunapod"\nlunapod.task { task_id = "t", image = "busybox:1",\n'
  return file(head .. parameters .. " }:execute()\n")
end

local GOOD = [[
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:1"}}]
users: [{name: u, user: {}}]
contexts: [{name: good, context: {cluster: c, user: u}}, {name: lame, context: {cluster: none, user: u}}]
current-context: good
]]

describe("bad input", function()
  teardown(function()
    for _, path in ipairs(files) do os.remove(path) end
  end)

  describe("of the kubeconfig:", function()
    it("there is none (ACC-1)", function()
      local line = refused(1, task "")
      says(line, "kubeconfig")
    end)
    it("it is not there: its path is named (K)", function()
      says(refused(1, task "", "/no/such/kubeconfig"), "/no/such/kubeconfig", "No such file or directory")
    end)
    it("its syntax is wrong: file and line are named (K)", function()
      local path = file "apiVersion: v1\nkind: Config\nclusters: [\n- {{\n"
      local line = refused(1, task "", path)
      says(line, path .. ":")
      assert.truthy(line:find ":%d+", line)
    end)
    it("a context that is unknown: the known ones are named (K, X58)", function()
      says(refused(1, task "", file(GOOD), "--context goood"), "goood", "good")
    end)
    it("a context that names an unknown cluster (X58)", function()
      says(refused(1, task "", file(GOOD), "--context lame"), "lame", "none")
    end)
    it("a certificate file that is missing (X58)", function()
      local path = file((GOOD:gsub("server: \"http:", "certificate-authority: /no/such/ca.crt, server: \"https:")))
      says(refused(1, task "", path), "/no/such/ca.crt")
    end)
  end)

  describe("of a task:", function()
    it("a parameter's name is unknown: the nearest one is suggested, with the script's line (S43)", function()
      local script = task 'imge = "x"'
      says(refused(2, script), script .. ":2: ", 'unknown parameter "imge"', 'did you mean "image"?')
    end)
    it("a parameter has a wrong type: what is expected, and what was found (PAR)", function()
      says(refused(2, task 'retries = "three"'), 'parameter "retries"', "expected a number", 'the text "three"')
      says(refused(2, task 'cmds = "sh -c true"', file(GOOD)), "cmds")
      says(refused(2, task 'on_finish_action = "burn"'), 'parameter "on_finish_action"', '"keep_pod"', 'got "burn"')
    end)
    it("a template is wrong: field, line, column and the text (TPL-8)", function()
      says(refused(2, task 'arguments = { "echo\\n{{ 1 + }}" }', file(GOOD)), "arguments[1]:2:")
      says(refused(2, task 'arguments = { "{{ params.missing }}" }', file(GOOD)), "arguments[1]:1:", "missing")
      says(refused(2, task 'env_vars = { A = "{{ nothing | upper }}" }', file(GOOD)), "env_vars", "nothing")
    end)
  end)

  describe("of the script:", function()
    it("its syntax is wrong: file and line", function()
      local script = file "local x = 1\nlocal y = = 2\n"
      says(refused(2, script), script .. ":2:")
    end)
    it("it is not there", function() says(refused(2, "no-such-script.lua"), "no-such-script.lua") end)
    it("it raises something that is no error of lunapod", function()
      local script = file "\nerror 'my own'\n"
      says(refused(2, script), script .. ":2: my own")
    end)
  end)

  describe("of the command line:", function()
    it("a parameter without a value, and one that is not JSON", function()
      says(refused(2, task "", nil, "-p nothing"), "-p nothing", "KEY=TEXT")
      says(refused(2, task "", nil, "-p 'k:={'"), "k:={", "not JSON")
    end)
  end)

  it("waiting in pcall on Lua 5.1 is refused before anything is sent; lunapod.pcall is named (design §4)", function()
    local script = file [[
      local lunapod = require "lunapod"
      local task = lunapod.task { task_id = "t", image = "busybox:1" }
      print(select(2, pcall(task.execute, task)))
    ]]
    local status, out = run("run " .. script) -- without a kubeconfig, which is noticed next
    assert.equal(0, status)
    if _VERSION == "Lua 5.1" and not rawget(_G, "jit") then
      says(out, "cannot wait inside pcall", "lunapod.pcall")
    else
      says(out, "no kubeconfig")
    end
  end)
end)
