-- What the lint scripts share: which files there are, how a finding is printed, and the self-test that shows that a
-- check can fail. A check is a pure function of a path and a text, so its self-test needs no files. Findings are
-- `path:line: message` on stdout; the exit status is 1 if there is one.
local lint = {}

-- Iterates the lines of a text, without their ends; the last one need not have an end.
function lint.lines(text)
  if text ~= "" and text:sub(-1) ~= "\n" then text = text .. "\n" end
  return text:gmatch("(.-)\n")
end

-- Tracked files and those about to be; in a tree without git, all but build folders.
local function all_files()
  local command = "git ls-files --cached --others --exclude-standard 2>/dev/null"
  if not os.execute("git rev-parse --is-inside-work-tree >/dev/null 2>&1") then
    command = "find . -type f -not -path './build*' | sed 's,^./,,'"
  end
  local paths = {}
  for path in assert(io.popen(command)):lines() do
    paths[#paths + 1] = path
  end
  table.sort(paths)
  return paths
end

local function read(path)
  local file = io.open(path, "rb") -- a tracked file may be deleted, or a link to nothing
  local text = file and file:read("a")
  if file then file:close() end
  return text
end

local function selftest(check, wanted, cases)
  local passed, failed = 0, 0
  for number, case in ipairs(cases) do
    local path, text, expected = case[1], case[2], case[3]
    local found = {}
    check(path, text, function(_, message) found[#found + 1] = message end)
    local all, good = table.concat(found, "\n")
    if expected then good = all:find(expected) ~= nil and #found == 1 else good = #found == 0 end
    if good and wanted(path) then
      passed = passed + 1
    else
      failed = failed + 1
      print(("self-test %d (%s): expected %s, found %s"):format(number, path, expected or "nothing", all))
    end
  end
  print(("%d passed, %d failed"):format(passed, failed))
  os.exit(failed == 0)
end

-- Runs check(path, text, report) on each file for which wanted(path); or with --selftest on the cases, which are
-- { path, text, pattern of the one message expected, or nil }.
function lint.main(check, wanted, cases)
  if arg[1] == "--selftest" then return selftest(check, wanted, cases) end
  local findings = 0
  for _, path in ipairs(all_files()) do
    local text = wanted(path) and read(path)
    if text then
      check(path, text, function(line, message)
        findings = findings + 1
        print(("%s:%d: %s"):format(path, line, message))
      end)
    end
  end
  os.exit(findings == 0)
end

return lint
