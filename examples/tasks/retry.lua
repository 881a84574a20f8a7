-- Trying again: a task that fails twice and then succeeds, and one that gives up.
--   lunapod run examples/tasks/retry.lua
local lunapod = require "lunapod"

-- A policy is a function. It gets the outcome and the number of the try that failed, and returns the seconds to wait
-- before the next one, or nil to give up. A second value is the reason, for the log.
local function patient(outcome, attempt)
  if outcome.exit_code == 75 then return 2 ^ attempt / 4, "temporary failure" end
end

local flaky = lunapod.KubernetesPodOperator {
  task_id = "flaky",
  image = "busybox:1",
  cmds = { "sh", "-c" },
  arguments = { [[
    echo "try {{ try_number }}"
    [ {{ try_number }} -ge 3 ] || { echo "not yet" > /dev/termination-log; exit 75; }
  ]] },
  retries = 5,
  retry = patient,
}

local _, outcome = flaky:execute()
if outcome.state == "succeeded" then print(("flaky succeeded at try %d"):format(outcome.attempts)) end

local hopeless = lunapod.KubernetesPodOperator {
  task_id = "hopeless",
  image = "busybox:1",
  cmds = { "sh", "-c" },
  arguments = { "echo 'the disk is full' > /dev/termination-log; exit 1" },
  retries = 5,
  retry = patient,
}

-- execute raises what a task failed with; lunapod.pcall catches it, on every Lua.
local ok, err = lunapod.pcall(hopeless.execute, hopeless)
if not ok then print("gave up:\n" .. tostring(err)) end
