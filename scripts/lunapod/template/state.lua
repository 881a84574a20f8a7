-- The rendering under way: its limits, its null, its position in the text, and how an error leaves it.
-- One rendering runs at a time (template functions never wait), so the current state is a module-level
-- variable; a rendering started from inside another (a context function that renders) saves and restores it.
-- Leaves positions to be turned into line and column, and messages to get their place, to init.lua.
-- Invariant: no message built here or by a caller of `fail` contains a value of the context (TPL-5).
local state = {}

local MAX_DEPTH = 200

local Error = {}
Error.__index = Error
Error.__name = "lunapod.template.error"
function Error:__tostring()
  return self.message or self.text
end
state.Error = Error

-- What a filter sees when a script calls it outside any rendering.
local idle = { steps = math.huge, max_output = math.huge, max_steps = math.huge, strict = true, depth = 0 }
local current = idle

-- Makes `st` the current state and returns the one before it; hand that back to `enter` when done.
function state.enter(st)
  local previous = current
  current = st
  return previous
end

function state.current()
  return current
end

-- Raises a template error. class: "syntax", "undefined", "runtime" or "limit"; pos: byte offset in the text.
function state.fail(class, text, pos, cause)
  error(setmetatable({ kind = "template", class = class, text = text, pos = pos or current.pos, cause = cause },
    Error), 0)
end
local fail = state.fail

-- Counts n steps of work and stops the rendering when there were too many.
function state.step(n)
  local left = current.steps - n
  current.steps = left
  if left < 0 then
    fail("limit", ("the template takes more than %d steps"):format(current.max_steps))
  end
end

-- A text of `size` bytes is about to be built: refused before the memory is taken.
function state.room(size)
  if size > current.max_output then
    fail("limit", ("the template makes more than %d bytes of text"):format(current.max_output))
  end
  if size > 64 then state.step(math.floor(size / 64)) end
end

-- One level deeper (a macro in a macro, a list in a list); the caller takes it back with `up`.
function state.down()
  local depth = current.depth + 1
  current.depth = depth
  if depth > MAX_DEPTH then
    fail("limit", ("nested more than %d levels deep"):format(MAX_DEPTH))
  end
end

function state.up()
  current.depth = current.depth - 1
end

state.MAX_DEPTH = MAX_DEPTH

return state
