--- lunapod params [NAME]: the operator's parameters, or one of them with all that is known about it. --markdown writes
-- docs/parameters.md. Everything comes from the rows of parameters.lua; here is how it looks.

local core = require "lunapod.core"
local parameters = require "lunapod.parameters"

local params = {
  summary = "List the parameters of a task, or tell about one.",
  description = "List the parameters of lunapod.task { … } in groups, or tell all about one: its type, default, what "
    .. "it becomes in the pod, and an example.",
  epilog = "Examples:\n"
    .. "  lunapod params\n"
    .. "  lunapod params env_vars",
}

function params.define(parser)
  parser:argument("name", "A parameter."):argname "NAME":args "?"
  parser:flag("--markdown", "Write the reference page (docs/parameters.md).")
end

-- ---- a row in words ----

local SINCE = {
  seed = "Airflow's operator of 2022", newer = "later versions of Airflow's operator", lunapod = "lunapod",
}

--- What holds when it is not given.
local function default_of(row)
  if row.otherwise then return row.otherwise end
  if row.default == nil then return "none" end
  return type(row.default) == "string" and ('"%s"'):format(row.default) or tostring(row.default)
end

local function type_of(row)
  local text = row.types:gsub("table", row.list and "list" or row.map and "map" or "table"):gsub("|", " or ")
  if row.one_of then return parameters.expected(row) end
  if row.integer then text = text .. ", whole" end
  if row.min then text = ("%s, %s or more"):format(text, tostring(row.min)) end
  return text
end

--- The remark that a row needs, or nil.
local function remark(row)
  if row.no_effect then return "no effect: " .. row.no_effect end
  if row.instead then return "deprecated: use " .. row.instead end
  if row.alias then return "another spelling of " .. row.alias end
end

local function written(row)
  return ("%s = %s"):format(row.name, row.example)
end

-- ---- for people ----

local function columns(text) return #text:gsub("[\128-\191]", "") end

--- A text in lines of at most so many columns.
local function wrapped(text, width)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    if line ~= "" and columns(line) + columns(word) + 1 > width then
      lines[#lines + 1], line = line, word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return lines
end

local WIDTH, MARGIN = 100, 40

local function listed()
  local out = {}
  for _, group in ipairs(parameters.groups) do
    out[#out + 1] = (#out > 0 and "\n" or "") .. group.title
    for _, row in ipairs(group) do
      local note = remark(row)
      local lines = wrapped(row.meaning .. (note and (" (" .. note .. ")") or ""), WIDTH - MARGIN)
      out[#out + 1] = "  " .. row.name .. (" "):rep(math.max(1, MARGIN - 2 - #row.name)) .. lines[1]
      for i = 2, #lines do out[#out + 1] = (" "):rep(MARGIN) .. lines[i] end
    end
  end
  return table.concat(out, "\n") .. "\n\n`lunapod params NAME` tells more about one.\n"
end

local function told(row)
  local out = { row.name, "" }
  for _, line in ipairs(wrapped(row.meaning, WIDTH - 2)) do out[#out + 1] = "  " .. line end
  out[#out + 1] = ""
  local function say(name, value)
    if value then out[#out + 1] = ("  %-10s %s"):format(name, value) end
  end
  say("type", type_of(row))
  say("default", default_of(row))
  say("templates", row.rendered and "filled in" or "not filled in")
  say("becomes", row.becomes)
  say("from", ("%s (%s)"):format(SINCE[row.since], row.id))
  say("note", remark(row))
  say("example", written(row))
  return table.concat(out, "\n") .. "\n"
end

-- ---- the page ----

local HEAD = [[
# Parameters

Every parameter of `lunapod.task { … }`, which is also called `lunapod.KubernetesPodOperator { … }`.
This page is generated: `lunapod params --markdown` writes it, and `lunapod params NAME` tells about one parameter.
All are given by name, and all but `task_id` may be left out (`name` stands in for it).

- **templates**: texts in it, however nested, are [templates](templates.md); a function in its place is called with
  the context; a text in place of a list or map, such as `env_vars = "{{ params.variables }}"`, gives the value of its
  expression.
- A default in words says what holds when the parameter is not given. `false`, `0`, `""` and `{}` are given;
  `lunapod.null` takes away what a template or full spec has there.
- **from** is where the parameter comes from: *seed* is Airflow's KubernetesPodOperator of 2022, *newer* a later one,
  *lunapod* its own.]]

local TABLE = "\n## %s\n\n| parameter | meaning | type | default | from |\n|---|---|---|---|---|"

local function cell(text)
  return (text:gsub("|", "\\|"))
end

--- Paths in a text as code.
local function fields_marked(text)
  return (text:gsub("[%w%[%]]*%.[%w%.%[%]]*[%w%]]", "`%0`"))
end

local function page()
  local out = { HEAD }
  for _, group in ipairs(parameters.groups) do
    out[#out + 1] = TABLE:format(group.title)
    for _, row in ipairs(group) do
      local meaning, note = row.meaning, remark(row)
      if row.becomes then meaning = ("%s → %s"):format(meaning, fields_marked(row.becomes)) end
      if note then meaning = ("%s *%s.*"):format(meaning, note:gsub("^%l", string.upper)) end
      out[#out + 1] = ("| `%s`%s | %s<br>`%s` | %s | %s | %s, %s |"):format(row.name,
        row.rendered and "<br>templates" or "", cell(meaning), cell(written(row)), cell(type_of(row)),
        cell(default_of(row)), row.since, row.id)
    end
  end
  return table.concat(out, "\n") .. "\n"
end

function params.run(arguments, _, cli)
  if arguments.markdown then
    core.write(1, page())
    return 0
  end
  if not arguments.name then
    core.write(1, listed())
    return 0
  end
  local row = parameters.row(arguments.name)
  if row then
    core.write(1, told(row))
    return 0
  end
  local near = parameters.nearest(arguments.name)
  cli.say("there is no parameter %q%s", arguments.name, near and ("; did you mean %q?"):format(near) or "")
  return 2
end

return params
