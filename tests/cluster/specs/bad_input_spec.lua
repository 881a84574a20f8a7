-- Bad input that takes a server to notice: each gives one clear message on standard error's first line, the right exit
-- status, and leaves nothing in the cluster (ERR-2, E, TPL-5, V3, V4). The rest is in
-- tests/scripts.
local cjson = require "cjson"
local support = require "cluster.specs.support"

--- Runs a script that must fail with 1; the first line of its error.
local function refused(script, options, words)
  local all = { "run", script }
  for _, word in ipairs(words or {}) do all[#all + 1] = word end
  local result = support.expect_status(1, support.lunapod(all, options))
  assert.equal("", result.out)
  return result.err:match "^(lunapod: [^\n]*)\n" or error("no message: " .. result.err), result
end

local function says(line, ...)
  for _, part in ipairs { ... } do assert.truthy(line:find(part, 1, true), part .. " is not in: " .. line) end
end

describe("bad input:", function()
  teardown(support.clean)
  after_each(function() assert.equal("", support.sweep()) end) -- V4

  local config
  setup(function()
    config = cjson.decode((assert(support.kubectl { "config", "view", "--raw", "--flatten", "--minify", "-o",
      "json" })))
  end)

  --- A kubeconfig that differs from the good one by what change(cluster, user) does.
  local function with(change)
    local tree = cjson.decode(cjson.encode(config))
    change(tree.clusters[1].cluster, tree.users[1].user)
    return { env = { KUBECONFIG = support.file(cjson.encode(tree), "changed-kubeconfig") } }
  end
  local function script() return support.task [[arguments = { "echo never" }]] end

  it("a server whose certificate is not of that authority (X12)", function()
    local key, certificate = support.folder .. "/other.key", support.folder .. "/other.crt"
    assert(os.execute(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
      .. "-keyout %s -out %s -days 2 -subj /CN=other 2>/dev/null"):format(key, certificate)))
    local line, result = refused(script(), with(function(cluster)
      cluster["certificate-authority-data"] = nil
      cluster["certificate-authority"] = certificate
    end))
    says(line, 'task "task"', "certificate")
    assert.is_true(result.seconds < 10) -- not tried again
  end)

  it("a server that is down (X02)", function()
    local once = support.task [[arguments = { "echo never" }, api_retries = 1]]
    local line, result = refused(once, with(function(cluster) cluster.server = "https://127.0.0.1:1" end), nil)
    says(line, 'task "task"', "127.0.0.1", "refused")
    assert.is_true(result.seconds < 90)
  end)

  it("a token that the server does not know: 401, class credential (X19)", function()
    local line = refused(script(), with(function(_, user)
      for key in pairs(user) do user[key] = nil end
      user.token = "not-a-token-SECRET"
    end))
    says(line, "401", "(class credential)")
    assert.is_nil(line:find("SECRET", 1, true))
  end)

  if support.cluster_program then
    it("a user without rights: 403, which says what right is missing (E, ERR-2)", function()
      local path = os.getenv "KUBECONFIG":gsub("[^/]*$", "nobody")
      local line = refused(script(), { env = { KUBECONFIG = path } })
      says(line, "403", "create", "pods", '"default"', "(class permission)")
    end)
  end

  it("a namespace that does not exist: 404 that names it (O34, CRT-5)", function()
    local line = refused(script(), nil, { "-n", "no-such-namespace" })
    says(line, "404", 'namespaces "no-such-namespace" not found')
  end)

  it("a result that is not JSON: class result, where it is wrong, and the pod is gone (RES-4, V3)", function()
    local line = refused(support.task [[arguments = { "echo '{\"a\": 1,}' > /airflow/xcom/return.json" },
      do_xcom_push = true,]])
    says(line, "the result of pod task-", "not JSON", "(class result)")
  end)

  it("a result over the limit: class result, both sizes named (RES-5, V3)", function()
    local line = refused(support.task [[arguments = {
      "head -c 5000 /dev/zero | tr '\\0' 1 > /airflow/xcom/return.json" },
      do_xcom_push = true, result_from = "sidecar", result_max = 4900,]])
    says(line, "5000", "4900", "(class result)")
  end)

  it("a termination message that does not fit: an error, never what the kubelet left of it (RES-8, V3)", function()
    -- What is left, the last 4,096 bytes, would be good JSON by itself.
    local line = refused(support.task [[arguments = { "printf '[1]%05000d' 2 | tr 0 ' ' > /dev/termination-log" },
      do_xcom_push = true, result_from = "termination_message",]])
    says(line, "limit", "(class result)")
  end)

  it("a template that fails on a parameter of the command line: field, line and column, no values (TPL-5)", function()
    local result = support.expect_status(2, support.lunapod { "run", support.task [[arguments = {
      "echo {{ params.secret.deeper.still }}" }]],
      "-p", "secret=TOPSECRET" })
    assert.equal("", result.out)
    says(result.err, "arguments[1]:1:")
    assert.is_nil(result.err:find("TOPSECRET", 1, true))
  end)
end)
