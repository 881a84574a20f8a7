#!/usr/bin/env python3
"""tests/data/oracle/make.py CASES.json: makes cases.json and the files beside it from the full golden answers.

Of each case it keeps what tests/scripts/oracle_spec.lua compares: parameters, what differs from the usual context, and
one release's answer: the newest's, or the seed's for parameters that only the seed has. Nulls and empties are dropped.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
SEED_ONLY = {"resources", "is_delete_operator_pod", "node_selectors"}


def without_empties(value):
    if isinstance(value, dict):
        value = {key: without_empties(item) for key, item in value.items()}
        return {key: item for key, item in value.items() if item not in (None, {}, [])}
    if isinstance(value, list):
        return [without_empties(item) for item in value]
    return value


def untagged(value):
    if isinstance(value, dict):
        return {key: untagged(item) for key, item in value.items() if key != "__k8s__"}
    if isinstance(value, list):
        return [untagged(item) for item in value]
    return value


full = json.load(open(sys.argv[1]))
for name, text in full["files"].items():
    (HERE / name).write_text(text)
usual = full["cases"][0]["context"]
lines = []
for case in full["cases"]:
    of_seed = "newest" not in case or SEED_ONLY & set(case["kwargs"])
    answer = case["seed" if of_seed and "seed" in case else "newest"]
    out = {"id": case["id"], "shows": case["what_it_shows"], "kwargs": untagged(case["kwargs"])}
    context = {key: item for key, item in case["context"].items() if usual.get(key) != item}
    for key, item in (("context", context), ("connection", case.get("connection")),
                      ("inside", case.get("inside_cluster")), ("native", "dag" in case), ("seed", answer is case.get("seed"))):
        if item:
            out[key] = item
    if "error" in answer:
        out["error"] = answer["error"]["message"].split("\n")[0][:80]
    else:
        out["pod"] = without_empties(answer["expected"])
        out["selector"] = answer["selector"]
        if answer["varies"]:
            out["varies"] = answer["varies"]
        if answer["api"]["status"] != 201:
            out["api"] = answer["api"]["status"]
    lines.append(json.dumps(out, ensure_ascii=False, separators=(",", ":"), sort_keys=True))
context = json.dumps(usual, separators=(",", ":"), sort_keys=True)
(HERE / "cases.json").write_text('{"context":%s,"cases":[\n%s\n]}\n' % (context, ",\n".join(lines)))
