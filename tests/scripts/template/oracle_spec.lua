-- TPL-7, TPL-8: the golden renderings of Jinja2 (tests/data/templates.json) and our own further ones asked of the same
-- Jinja2 (tests/data/templates_more.json), both in lenient and in strict mode. What differs is wanted and listed here.
package.path = "tests/scripts/template/?.lua;" .. package.path
local oracle = require "oracle"

local FILES = { "tests/data/templates.json", "tests/data/templates_more.json" }

-- The wanted differences: what ours answers instead, with the rule.
local WANTED = {
  T029 = { out = "[('a', 1), ('b', 2)] ['a', 'b'] [('a', 1), ('b', 2)] [1, 2] 4 1", rule = "TPL-7: maps in key order" },
  T043 = { out = "a=1;b=2;ab", rule = "TPL-7: maps in key order" },
  T077 = { out = "", strict_error = "undefined", rule = "TPL-9: no __ names" },
  T079 = { error = "runtime", rule = "TPL-9: the context does not change" },
}

describe("Jinja2's own answers", function()
  for _, path in ipairs(FILES) do
    local data = oracle.load(path)
    for _, case in ipairs(data.cases) do
      for _, mode in ipairs { "lenient", "strict" } do
        it(("TPL-7 %s %s %s"):format(case.id, mode, case.template:gsub("%s+", " "):sub(1, 60)), function()
          local expected = mode == "strict" and case.strict or case.lenient
          local wanted = WANTED[case.id]
          if wanted then
            expected = { out = wanted.out, error = wanted.error }
            if mode == "strict" and wanted.strict_error then expected = { error = wanted.strict_error } end
          end
          local out, err = oracle.render(case.template, data.context, mode)
          if expected.error then
            assert.is_nil(out)
            assert.equal("template", err.kind)
            assert.equal(expected.error, err.class, tostring(err))
            assert.is_nil(err.cause)
            if expected.line then assert.equal(expected.line, err.line) end
          else
            assert.equal(expected.out, out or tostring(err))
          end
        end)
      end
    end
  end

  it("TPL-7 lists no wanted difference that is none", function()
    local data = oracle.load(FILES[1])
    for _, case in ipairs(data.cases) do
      if WANTED[case.id] then assert.are_not.equal(case.lenient.out,
        (oracle.render(case.template, data.context, "lenient"))) end
    end
  end)
end)
