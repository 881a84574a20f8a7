-- A fan-out: 50 pods at once, one for each item of a list; results come in the order of the list.
--   lunapod run examples/tasks/fan_out.lua
local lunapod = require "lunapod"

local square = lunapod.KubernetesPodOperator {
  task_id = "square",
  image = "busybox:1",
  cmds = { "sh", "-c" },
  arguments = { "echo $(( {{ params.number }} * {{ params.number }} )) > /airflow/xcom/return.json" },
  do_xcom_push = true,
}

local numbers = {}
for i = 1, 50 do numbers[i] = i end

local squares = lunapod.map(numbers, function(number)
  return square:execute { params = { number = number } }
end, { parallel = 50 })

local sum = 0
for i = 1, squares.n do sum = sum + (squares[i] or 0) end
print("1² + 2² + … + 50² = " .. sum)
