-- The small services of the C module: digests, random text, times, terminals, writing at once.
local core = require "lunapod.core"

if (os.getenv "FAKE" or "") ~= "" then return end

describe("digest", function()
  it("gives the known values", function()
    assert.equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", core.digest("sha256", "abc"))
    assert.equal("d41d8cd98f00b204e9800998ecf8427e", core.digest("md5", ""))
    assert.not_equal(core.digest("sha256", "a"), core.digest("sha256", "a\0"))
  end)
  it("raises for an algorithm it does not know", function()
    assert.error_matches(function() core.digest("sha1", "") end, "sha1")
    assert.has_error(function() core.digest "sha256" end)
  end)
end)

describe("random", function()
  it("gives as many characters of a-z0-9 as asked for, never the same", function()
    local text = core.random(20)
    assert.matches("^[a-z0-9]+$", text)
    assert.equal(20, #text)
    assert.not_equal(text, core.random(20))
    assert.equal(1024, #core.random(1024))
  end)
  it("raises for counts out of range", function()
    for _, count in ipairs { 0, -1, 1025, 1.5 } do assert.has_error(function() core.random(count) end) end
  end)
end)

describe("times", function()
  it("are read as seconds since 1970", function()
    assert.equal(0, core.parse_time "1970-01-01T00:00:00Z")
    assert.equal(1700000000.5, core.parse_time "2023-11-14T22:13:20.5Z")
    assert.equal(1700000000, core.parse_time "2023-11-15T00:13:20+02:00")
    assert.is_nil(core.parse_time "2023-11-14")
    assert.is_nil(core.parse_time "")
  end)
  it("are written with 0, 6 or 9 digits and come back the same", function()
    assert.equal("2023-11-14T22:13:20Z", core.format_time(1700000000, 0))
    assert.equal("2023-11-14T22:13:20Z", core.format_time(1700000000.9, 0))
    for i = 0, 999 do
      local text = ("2023-11-14T22:13:20.%03d456Z"):format(i)
      assert.equal(text, core.format_time(core.parse_time(text), 6))
    end
    assert.equal("2023-11-14T22:13:20.500000000Z", core.format_time(1700000000.5, 9))
  end)
  it("raise when they are none", function()
    assert.has_error(function() core.format_time(0 / 0) end)
    assert.has_error(function() core.format_time(1e300, 0) end)
    assert.has_error(function() core.format_time(0, 3) end)
  end)
  it("now is near os.time", function() assert.is_true(math.abs(core.time() - os.time()) < 5) end)
end)

describe("terminals and writing", function()
  -- Output of a script under this Lua; %s in the command stands for the call.
  local function output(command, script)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(("package.path, package.cpath = %q, %q\n"):format(package.path, package.cpath), script)
    file:close()
    local pipe = assert(io.popen(command:format(os.getenv "LUA" .. " " .. path), "r"))
    local text = pipe:read "*a"
    pipe:close()
    os.remove(path)
    return text
  end

  it("write all of a text, NULs too, past Lua's buffers", function()
    local text = output("%s", [[
      local core = require "lunapod.core"
      io.write "late"
      assert(core.write(1, "a\0b"))
      assert(core.write(1, ("x"):rep(300000)))
    ]])
    assert.equal("a\0b" .. ("x"):rep(300000) .. "late", text)
  end)

  it("answer an error when the reader is gone, and leave the process alive", function()
    local text = output("{ %s 2>&9 | true; } 9>&1", [[
      local core = require "lunapod.core"
      local ok, err
      repeat ok, err = core.write(1, ("x"):rep(4096)) until not ok
      assert(core.write(2, tostring(ok) .. " " .. err.kind))
    ]])
    assert.equal("nil io", text)
  end)

  it("know what is no terminal", function()
    assert.equal("false nil", output("%s", [[
      local core = require "lunapod.core"
      core.write(1, tostring(core.isatty(1)) .. " " .. tostring(core.columns(1)))
    ]]))
  end)

  it("raise for other descriptors", function()
    assert.has_error(function() core.write(3, "x") end)
    assert.has_error(function() core.write(0, "x") end)
    assert.has_error(function() core.isatty(-1) end)
  end)
end)
