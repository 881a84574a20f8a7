-- The smallest task: one pod that says something and hands back a result.
--   lunapod run examples/tasks/hello.lua            or, with no program at all: lua examples/tasks/hello.lua
local lunapod = require "lunapod"

local hello = lunapod.KubernetesPodOperator {
  task_id = "hello",
  image = "busybox:1",
  cmds = { "sh", "-c" },
  -- Rendered before the pod is made: {{ … }} is an expression, params are given to execute (or with -p on the command
  -- line).
  arguments = { [[
    echo "$GREETING, {{ params.name }}!"
    echo '{"greeted": "{{ params.name }}", "letters": {{ params.name | length }}}' > /airflow/xcom/return.json
  ]] },
  env_vars = { GREETING = "Hello" },
  params = { name = "world" },
  do_xcom_push = true, -- what the container writes to /airflow/xcom/return.json is the result
}

local result = hello:execute()

if result then print(("%s has %d letters"):format(result.greeted, result.letters)) end
