-- Names, labels and selectors: NAM-1…5, LBL-1…13, FND-1, FND-9, O27…O30.
local naming = require "lunapod.naming"

describe("naming", function()
  it("makes slugs (NAM-4, O27)", function()
    local rows = {
      ["90AçLbˆˆç˙ßß˜˜˙c*a"] = "90aclb-c-ssss-c-a", ["---task.id---"] = "task-id", ["-90Abc*&"] = "90abc",
      [".hi.-_09HI"] = "hi-09hi", a_very_reasonable_task_name = "a-very-reasonable-task-name", [""] = "", ["日本"] = "",
      ["Žluťoučký kůň"] = "zlutoucky-kun", ["100×2"] = "100-2",
    }
    for text, slug in pairs(rows) do assert.equal(slug, naming.slug(text)) end
    assert.equal(("a"):rep(63), naming.slug(("a"):rep(250)))
    assert.equal(("a"):rep(62), naming.slug(("a"):rep(62) .. "-b")) -- no "-" at the cut
  end)

  it("checks a given name (NAM-1, NAM-2)", function()
    assert.equal("test-extra-123", naming.base("test_extra-123"))
    assert.equal("a-b", naming.base("A..__B"))
    for _, bad in ipairs { "name@extra", ("a"):rep(300), ("a"):rep(221), "" } do assert.is_nil((naming.base(bad))) end
    assert.equal(220, #naming.base(("a"):rep(220)))
  end)

  it("makes label values (LBL-11, O28)", function()
    local rows = {
      ["manual__2016-01-01T01:00:00+01:00"] = "manual__2016-01-01T0100000100-da4d1ce7b",
      ["scheduled__2022-04-01T00:00:00+00:00"] = "scheduled__2022-04-01T0000000000-c41de64a2",
      [("a"):rep(63)] = ("a"):rep(63), [("a"):rep(64)] = ("a"):rep(53) .. "-014842d48",
      ["my group.task 1"] = "mygroup.task1-71aaddfee", _lead_ = "lead-04d33732b", ["tâche"] = "tche-211852bed",
      ["a/b"] = "ab-a7e861365", [""] = "", ["---"] = "9efc314b6",
    }
    for text, value in pairs(rows) do assert.equal(value, naming.label_value(text)) end
  end)

  it("refuses labels the server would refuse (PAR-labels)", function()
    assert.is_nil(naming.label_fault("app.kubernetes.io/name", "x"))
    assert.is_nil(naming.label_fault("a", ""))
    for _, bad in ipairs {
      { "a b", "x" }, { "a", "x y" }, { "a", ("x"):rep(64) }, { "-a", "x" }, { "a", "x-" }, { ("k"):rep(64), "x" },
      { "A_B/c", "x" },
    } do
      assert.is_string(naming.label_fault(bad[1], bad[2]))
    end
  end)

  local context = { dag_id = "dag", task_id = "task", run_id = "test", try_number = 1 }

  it("selects a task's pods (FND-1, O29, O30)", function()
    assert.equal("dag_id=dag,foo=bar,kubernetes_pod_operator=True,lunapod_instance=i,run_id=test,task_id=task,"
      .. "already_checked!=True,!airflow-worker,!lunapod_call", naming.find_selector(context, "i", { foo = "bar" }))
    local mapped = { dag_id = "dag", task_id = "task", run_id = "test", map_index = 10, call = "2" }
    local text = naming.find_selector(mapped, "i")
    assert.truthy(text:find("map_index=10", 1, true))
    assert.truthy(text:find("lunapod_call=2", 1, true))
    assert.falsy(text:find("!lunapod_call", 1, true))
    assert.is_nil(naming.identity({ dag_id = "d", task_id = "t", run_id = "r", map_index = -1 }, "i").map_index)
    assert.equal("dag_id=dag,kubernetes_pod_operator=True,lunapod_instance=i,run_id=test",
      naming.run_selector(context, "i"))
  end)

  it("tells every try apart (NAM-5)", function()
    local seen = {}
    local function enter(changes, instance)
      local it = {}
      for key, value in pairs(context) do it[key] = value end
      for key, value in pairs(changes) do it[key] = value end
      local text = naming.attempt(it, instance or "i")
      assert.is_nil(seen[text])
      seen[text] = true
    end
    enter {}
    enter { try_number = 2 }
    enter { map_index = 0 }
    enter { map_index = 1 }
    enter { call = "2" }
    enter { task_id = "other" }
    enter { run_id = "other" }
    enter { dag_id = "other" }
    enter({}, "j")
    assert.equal(naming.attempt(context, "i"), naming.attempt(context, "i"))
  end)
end)
