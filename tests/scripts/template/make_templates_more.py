#!/usr/bin/env python3
"""Asks Jinja2 (pip install jinja2) what it renders for the templates below and writes the answers as JSON.

usage: make_templates_more.py > tests/data/templates_more.json
       make_templates_more.py --all > FILE     (every pair of operands, not a sample)

The form is that of templates.json: lenient, and strict where it differs; error is syntax, undefined or runtime.
Maps are written with their keys sorted, since ours iterate in that order.
"""
import json
import random
import sys

import jinja2

CONTEXT = {
    "params": {
        "big": 12345678901, "deep": {"a": [{"b": {"c": "leaf"}}]}, "empty": "", "emptylist": [], "half": 0.5,
        "items_": [{"n": 1, "s": "x", "t": "B"}, {"n": 2, "s": "y", "t": "a"}, {"n": 1, "s": "z", "t": "b"}],
        "lines": "one\n\n  two\nthree", "list": [3, 1, 2], "map": {"a": 1, "b": 2, "c": 3}, "n": 3, "neg": -7, "no": False,
        "none": None, "text": "The quick brown-fox, jumps over the lazy dog", "uni": "Ünïcödé ß λόγος дом 雪 😀", "who": "world",
        "words": ["b", "A", "c", "a"], "yes": True,
    },
    "ds": "2026-11-23",
    "greeting": "hi",
}

TEMPLATES = r'''
{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 0o17 }} {{ 1.5e3 }} {{ 1e-5 }} {{ .5 if false else 2 }}
{{ 1.5e3 }} {{ 1e-5 }} {{ 123456789012345680.0 }} {{ 1e22 }} {{ 1.0 }} {{ 100.0 }} {{ 0.1 + 0.2 }} {{ 1/3 }} {{ 2/3*3 }}
{{ 1e15 }} {{ 1e16 }} {{ 123456.789e3 }} {{ 5e-324 }} {{ 1.7976931348623157e308 }} {{ 0.00001 }} {{ 0.0001 }} {{ -0.0 }}
{{ 3.0 }} {{ 3.0 == 3 }} {{ 3.0|int }} {{ 3|float }} {{ 7.0 // 2 }} {{ -7.5 // 2 }} {{ 7.5 % 2 }} {{ -7.5 % 2 }} {{ 7 % -3 }} {{ -7 // -2 }}
{{ 1e400 }} {{ 1.5e-999999 }} {{ 1.5e31348623157 }} {{ "1e400"|float }} {{ "-1e99999999999"|float }} {{ "1e"|float(7) }} {{ "1.2.3"|float(7) }}
{{ 2 ** 0.5 }} {{ 4 ** 0.5 }} {{ 2 ** 10 }} {{ 2 ** -2 }} {{ 10 ** 2 }} {{ 2.0 ** 3 }} {{ 0 ** 0 }}
{{ 9 / 3 }} {{ 10 // 3.0 }} {{ 1 - 1.0 }} {{ 3 * 1.0 }} {{ -3 }} {{ +3 }} {{ - 3 }} {{ --3 }} {{ -3|abs }} {{ -(3) }}
{{ true + true }} {{ true * 3 }} {{ false - 1 }} {{ -true }} {{ +true }} {{ true == 1 }} {{ false == 0 }} {{ true < 2 }}
{{ 4611686018427387904 }} {{ 9007199254740991 + 0 }} {{ 9007199254740993 }} {{ 123456789012345678901234567890 }} {{ -100000000000000000000 }}
{{ "a" "b" 'c' }} {{ "\x41\u00e9\U0001F600" }} {{ "\101" }} {{ "\q" }} {{ 'it''s' }} {{ "a\
b" }}
{{ ["it's", 'say "x"', "b\\s", "n\n", "t\t", "é", "\x00", "both'\""] }}
{{ (1,) }} {{ (1, 2)[0] }} {{ 1, 2 }} {{ () }} {{ (1) }} {{ [1, 2,] }} {{ {"a": 1,} }} {{ [[], {}, ()] }}
{{ {"a": {"b": [1, {"c": (2,)}]}} }} {{ {1: "x"}[1] }} {{ {true: 1}[true] }} {{ {1: "x", 2: none} }}
{{ {"a": 1}.a }} {{ {"a": 1}["a"] }} {{ [1, 2, 3][-1] }} {{ "abc"[-1] }} {{ "abc"[1:] }} {{ "abcdef"[1:4] }} {{ "abcdef"[::2] }} {{ "abc"[::-1] }}
{{ [1,2,3,4][1:3] }} {{ [1,2,3,4][:-1] }} {{ [1,2,3,4][-2:] }} {{ [1,2,3,4][::-1] }} {{ [1,2,3,4][3:0:-1] }} {{ [1,2,3][5:] }} {{ [1,2,3][-9:2] }} {{ (1,2,3)[1:] }}
{{ params.list[0] }} {{ params.list.0 }} {{ params["list"][1] }} {{ params.items_[0].s }} {{ params.deep.a.0.b.c }} {{ params.deep.a[0]["b"].c }}
{{ params.list[1:] }} {{ params.list[none:2] }} {{ params.text[4:9] }} {{ params.uni[0] }} {{ params.uni[-1] }} {{ params.uni[8:9] }} {{ params.list[true] }}
{{ 1 < 2 < 3 < 4 }} {{ 1 < 2 > 1 }} {{ 1 == 1 == 1 }} {{ 3 > 2 > 2 }} {{ "a" < "b" < "c" }} {{ [1,2] < [1,3] }} {{ [1] < [1, 0] }} {{ (1,2) == (1,2) }} {{ [1] == (1,) }} {{ "a" == 1 }}
{{ 1 in (1,2) }} {{ "x" in "abc" }} {{ "a" in {"a": 1} }} {{ 1 not in [2] }} {{ "" in "abc" }} {{ none in [none] }} {{ 1.0 in [1] }} {{ [1] in [[1]] }} {{ 3 in range(5) }}
{{ not true }} {{ not not 1 }} {{ 1 and 2 }} {{ 0 and 2 }} {{ 0 or "x" }} {{ "" or none or [] or "last" }} {{ 1 or undefinedthing }} {{ not 1 == 2 }} {{ not (1 in [1]) }}
{{ "a" if true }}|{{ "a" if false }}|{{ "a" if 0 else "b" }}|{{ 1 if [] else 2 if {} else 3 }}|{{ ("a" if false) is defined }}
{{ "a" ~ 1 ~ 2.0 ~ [1] ~ none ~ true }} {{ 1 ~ 2 }} {{ "x" ~ (1 + 2) }} {{ "a" ~ "b" * 2 }} {{ 1 + 2 ~ 3 }}
{{ "ab" * 3 }} {{ 3 * "ab" }} {{ "ab" * 0 }} {{ "ab" * -1 }} {{ [0] * 3 }} {{ (1,) * 2 }} {{ [1] + [2] }} {{ (1,) + (2,) }} {{ [1] * 0 }}
{{ "%s" % 1 }} {{ "%d %s" % (1, "x") }} {{ "%5d|%-5d|%05d|%+d|% d" % (1, 2, 3, 4, 5) }} {{ "%x %X %o %#x" % (255, 255, 8, 255) }} {{ "%.3f %e %g" % (3.14159, 1234.5, 0.0001) }} {{ "%%" % () }} {{ "%r" % "a" }} {{ "%c%c" % ("a", 98) }}
{{ "%(a)s-%(b)03d" % {"a": 1, "b": 2} }} {{ "%s" % [1] }} {{ "%.2s" % "abc" }} {{ "%10s|%-10s|" % ("a", "b") }} {{ "%*d" % (5, 1) }} {{ "%d" % 3.99 }} {{ "%i" % -3.99 }} {{ "%s %s" % (none, true) }}
{{ "%d" % "x" }}
{{ "%s %s" % (1,) }}
{{ "%s" % (1, 2) }}
{{ "%y" % 1 }}
{{ "{} {}".format(1, 2) }} {{ "{1} {0}".format("a", "b") }} {{ "{x}-{y}".format(x=1, y="z") }} {{ "{:>5}|{:<5}|{:^5}|{:*^7}".format("a", "b", "c", "d") }} {{ "{:05d} {:.2f} {:,} {:x} {:b}".format(42, 3.14159, 1234567, 255, 5) }}
{{ "{0[b]} {1[0]} {{}}".format({"a": 1, "b": 2}, [7]) }} {{ "{!r}".format("a") }} {{ "{:{}}|".format("a", 4) }} {{ "{:+d} {: d} {:-d}".format(1, 2, -3) }} {{ "{:8.3f}|{:e}|{:%}|{:.1%}".format(3.14159, 1234.5, 0.5, 0.123) }} {{ "{:_}".format(1234567) }} {{ "{:#x} {:#b} {:o}".format(255, 5, 8) }} {{ "{:10}|{:10}|".format(1, "a") }} {{ "{:g} {:g}".format(1.0, 1e20) }} {{ "{}".format(1.0) }} {{ "{:.3}".format("abcdef") }} {{ "{:=+6d}".format(42) }} {{ "{:^9,}".format(1234) }}
{{ "{}".format() }}
{{ "{x}".format() }}
{{ "{".format() }}
{{ "{:d}".format("a") }}
{{ "Hello World".swapcase() }} {{ "hello world".title() }} {{ "they're bill's".title() }} {{ "hELLO".capitalize() }} {{ "ß".upper() }} {{ "ÀÉ".lower() }} {{ params.uni.upper() }} {{ params.uni.lower() }} {{ params.uni.swapcase() }}
{{ "  a b ".strip() }}|{{ " a ".lstrip() }}|{{ " a ".rstrip() }}|{{ "xxaxx".strip("x") }}|{{ "abcab".lstrip("ba") }}|{{ "a/b/".rstrip("/") }}|{{ "éaé".strip("é") }}
{{ "a,b,,c".split(",") }} {{ "a,b,c".split(",", 1) }} {{ " a  b ".split() }} {{ " a  b  c ".split(none, 1) }} {{ "a,b,c".rsplit(",", 1) }} {{ "".split() }} {{ "".split(",") }} {{ "a b c".rsplit(none, 1) }} {{ "a--b--c".split("--") }} {{ "a,b".split(",", maxsplit=0) }} {{ "aaa".rsplit("aa", 1) }}
{{ "a\nb\r\nc\n".splitlines() }} {{ "a\nb".splitlines(true) }} {{ "".splitlines() }} {{ "\n".splitlines() }} {{ "a\n\nb".splitlines() }}
{{ "abcabc".find("c") }} {{ "abc".find("x") }} {{ "abcabc".rfind("b") }} {{ "abc".index("b") }} {{ "abcabc".find("a", 1) }} {{ "aaa".count("a") }} {{ "abcabc".count("bc") }} {{ "éa".find("a") }} {{ "abc".find("") }} {{ "abc".find("c", -1) }}
{{ "abc".index("x") }}
{{ "aXbX".replace("X", "-") }} {{ "aaa".replace("a", "b", 2) }} {{ "abc".replace("", "-") }} {{ "abc".replace("b", "") }} {{ "a.b".replace(".", "%") }}
{{ "abc".startswith("ab") }} {{ "abc".startswith(("x", "a")) }} {{ "abc".endswith("bc") }} {{ "abc".endswith("") }} {{ "abc".startswith("b", 1) }} {{ "abc".endswith("b", 0, 2) }}
{{ ",".join(["a", "b"]) }} {{ "".join(("x",)) }} {{ "-".join("abc") }} {{ ",".join({"a": 1, "b": 2}) }}
{{ ",".join([1, 2]) }}
{{ "5".zfill(3) }} {{ "-5".zfill(4) }} {{ "abc".zfill(2) }} {{ "a".center(5) }}| {{ "ab".center(5, "*") }} {{ "a".ljust(3, "-") }} {{ "a".rjust(3) }} {{ "abc".center(2) }} {{ "a".center(4, "*") }} {{ "ab".center(7, "*") }}
{{ "12".isdigit() }} {{ "1a".isdigit() }} {{ "".isdigit() }} {{ "ab".isalpha() }} {{ "a1".isalnum() }} {{ "  ".isspace() }} {{ "Ab".islower() }} {{ "ab1".islower() }} {{ "AB".isupper() }} {{ "1".isupper() }} {{ "Ab Cd".istitle() }} {{ "é".isalpha() }} {{ "a_b".isidentifier() }} {{ "1a".isidentifier() }} {{ "12".isnumeric() }} {{ "12".isdecimal() }} {{ "a".isascii() }}
{{ "a=b=c".partition("=") }} {{ "a=b=c".rpartition("=") }} {{ "abc".partition("=") }} {{ "abc".rpartition("=") }} {{ "prefix-x".removeprefix("prefix-") }} {{ "x.txt".removesuffix(".txt") }} {{ "a\tb".expandtabs(4) }} {{ "Straße".casefold()|length }}
{{ [1, 2, 1].count(1) }} {{ [1, 2].index(2) }} {{ (1, 1).count(1) }} {{ [1].copy() }}
{{ [1].index(5) }}
{{ {"a": 1}.get("a") }} {{ {"a": 1}.get("b") }} {{ {"a": 1}.get("b", 2) }} {{ {"a": 1}.keys() }} {{ {"a": 1}.values() }} {{ {"a": 1}.items() }} {{ {"a": 1}.copy() }} {{ params.map.items()|list }} {{ params.map.keys()|join(",") }} {{ params.map.values()|sum }}
{{ params.map|length }} {{ params.map|list }} {{ params.map|first }} {{ params.map|last }} {{ params.map|join("-") }} {{ "a" in params.map }} {{ params.map }}
{{ (2.0).is_integer() }} {{ (2.5).is_integer() }}
{{ range(3) }} {{ range(3)|list }} {{ range(1, 4)|list }} {{ range(10, 0, -3)|list }} {{ range(0)|list }} {{ range(2, 8, 2) }} {{ range(5)|length }} {{ range(5)[1] }} {{ range(3)|sum }} {{ range(1,1)|list }}
{{ range(1, 2, 0) }}
{{ dict(a=1, b=2) }} {{ dict([("a", 1)]) }} {{ dict({"a": 1}, b=2) }} {{ dict() }}
{{ "abc"|first }} {{ "abc"|last }} {{ [1]|first }} {{ []|first is defined }} {{ [] | first }}
{{ []|first }}
{{ []|last }}|{{ []|min }}|{{ []|max }}
{{ "a b"|title }} {{ "foo-bar (baz) [x] {y} <z>"|title }} {{ "HELLO"|title }} {{ "it's"|title }} {{ "hELLO wORLD"|capitalize }} {{ 1|upper }} {{ none|upper }} {{ [1]|string }} {{ 2.0|string ~ "x" }} {{ 1|string is string }}
{{ " x "|trim }}| {{ "xxaxx"|trim("x") }} {{ "abc"|center(9) }}| {{ "a"|center(4) }}| {{ 5|center(3) }}|
{{ "abcabc"|replace("b", "X") }} {{ "abcabc"|replace("b", "X", 1) }} {{ 121|replace(1, 9) }} {{ "a"|replace("", "-") }}
{{ [1, 2, 3]|join }} {{ [1, 2]|join(", ") }} {{ params.items_|join(",", attribute="s") }} {{ "abc"|join("-") }} {{ []|join(",") }} {{ [none, true, 1.0]|join("/") }} {{ params.items_|map(attribute="s")|join }}
{{ params.words|sort }} {{ params.words|sort(case_sensitive=true) }} {{ params.words|sort(reverse=true) }} {{ params.items_|sort(attribute="t")|map(attribute="s")|join }} {{ params.items_|sort(attribute="n,s", reverse=true)|map(attribute="s")|join }} {{ params.items_|sort(attribute="n")|map(attribute="s")|join }} {{ "cab"|sort }} {{ params.map|sort(reverse=true) }} {{ [3, 1.5, 2]|sort }}
{{ [1, "a"]|sort }}
{{ params.words|unique|list }} {{ [1, 1.0, 2, true]|unique|list }} {{ params.items_|unique(attribute="n")|map(attribute="s")|join }} {{ ["a", "A"]|unique(case_sensitive=true)|list }} {{ [[1], [1], [2]]|unique(true)|length if false else "" }}
{{ params.words|min }} {{ params.words|max }} {{ [3, 1, 2]|min }} {{ params.items_|max(attribute="n") }} {{ ["a", "B"]|min }} {{ ["a", "B"]|min(case_sensitive=true) }} {{ [1.5, 2]|max }}
{{ [1, 2, 3]|sum }} {{ [1, 2]|sum(start=10) }} {{ params.items_|sum(attribute="n") }} {{ [1.5, 2]|sum }} {{ []|sum }} {{ [true, true]|sum }} {{ [0.5, 0.5]|sum }}
{{ ["a"]|sum }}
{{ [3, 1, 2]|reverse|list }} {{ "abc"|reverse }} {{ "éa"|reverse }} {{ (1, 2)|reverse|list }}
{{ [1, 2, 3, 4, 5]|batch(2)|list }} {{ [1, 2, 3]|batch(2, "x")|list }} {{ []|batch(2)|list }} {{ [1, 2, 3, 4]|batch(2, 0)|list }}
{{ [1, 2, 3, 4, 5]|slice(3)|list }} {{ [1, 2, 3, 4, 5]|slice(3, "x")|list }} {{ [1]|slice(3)|list }} {{ range(7)|slice(2)|list }}
{{ params.items_|groupby("n") }} {% for k, l in params.items_|groupby("n") %}{{ k }}:{{ l|map(attribute="s")|join }};{% endfor %} {% for g in params.items_|groupby("t") %}{{ g.grouper }}={{ g.list|length }} {% endfor %} {{ params.items_|groupby("t", case_sensitive=true)|map("first")|list }} {{ [{"a": 1}, {}]|groupby("a", default=0)|map(attribute="grouper")|list }}
{{ {"b": 1, "a": 2, "C": 0}|dictsort }} {{ {"b": 1, "a": 2}|dictsort(by="value") }} {{ {"b": 1, "a": 2}|dictsort(reverse=true) }} {{ {"b": 1, "B2": 2, "a": 0}|dictsort(true) }}
{{ [1]|dictsort }}
{{ params.map|items|list }} {{ {}|items|list }} {{ nothing|items|list }}
{{ [1]|items|list }}
{{ params.items_|map(attribute="n")|list }} {{ params.words|map("upper")|list }} {{ [1, 2]|map("string")|list }} {{ params.items_|map(attribute="zz", default="?")|list }} {{ ["a,b", "c"]|map("replace", ",", "-")|list }} {{ [[1, 2], [3]]|map("sum")|list }} {{ [[1, 2], [3, 4]]|map("last")|list }} {{ ["1", "x"]|map("int", default=9)|list }} {{ params.deep.a|map(attribute="b.c")|list }} {{ [[1, 2]]|map(attribute=1)|list }} {{ [[1, 2]]|map(attribute="0")|list }}
{{ [1]|map("nofilter")|list }}
{{ [1]|map|list }}
{{ [0, 1, "", "a"]|select|list }} {{ [0, 1]|reject|list }} {{ [1, 2, 3, 4]|select("even")|list }} {{ [1, 2, 3]|select(">", 1)|list }} {{ [1, 2, 3, 4]|reject("divisibleby", 2)|list }} {{ ["a", 1, none]|select("string")|list }} {{ [1, 2]|select("in", [2, 3])|list }} {{ ["a", "b"]|select("equalto", "b")|list }}
{{ params.items_|selectattr("n", "eq", 1)|map(attribute="s")|list }} {{ params.items_|rejectattr("n", "gt", 1)|map(attribute="s")|list }} {{ params.items_|selectattr("n")|list|length }} {{ params.items_|selectattr("zz", "defined")|list }} {{ params.items_|rejectattr("zz")|list|length if false else 3 }} {{ params.items_|selectattr("s", "in", ["x", "z"])|map(attribute="s")|join }}
{{ [1]|select("notest")|list }}
{{ 3.7|round }} {{ 3.2|round }} {{ 2.5|round }} {{ 3.5|round }} {{ -2.5|round }} {{ 3.14159|round(3) }} {{ 2.675|round(2) }} {{ 1234|round(-2) }} {{ 1250.0|round(-2) }} {{ 5|round }} {{ 3.2|round(0, "ceil") }} {{ 3.7|round(method="floor") }} {{ 3.14159|round(2, "ceil") }} {{ -3.5|round(0, "floor") }} {{ 5|round(1, "ceil") }} {{ 42.0|round|int }} {{ 150|round(-2) }} {{ 250|round(-2) }}
{{ 1|round(1, "bad") }}
{{ "x"|round }}
{{ "42"|int }} {{ "x"|int }} {{ "x"|int(7) }} {{ "3.9"|int }} {{ -3.9|int }} {{ "0x1f"|int(base=16) }} {{ "ff"|int(0, 16) }} {{ "101"|int(base=2) }} {{ " 5 "|int }} {{ none|int }} {{ true|int }} {{ [1]|int }} {{ "1_000"|int }} {{ ""|int }} {{ "1e3"|int }} {{ "-7"|int }} {{ "+7"|int }} {{ "0b11"|int(base=0) }} {{ "12abc"|int(-1) }} {{ none|int(none) }}
{{ "1.5"|float }} {{ "x"|float }} {{ "x"|float(1) }} {{ 2|float }} {{ "1e3"|float }} {{ none|float }} {{ "inf"|float }} {{ "nan"|float }} {{ ".5"|float }} {{ "5."|float }} {{ true|float }} {{ " 2 "|float }} {{ "-1.25"|float }} {{ "1_0.5"|float }}
{{ -1|abs }} {{ -1.5|abs }} {{ true|abs }} {{ 3|abs }}
{{ "x"|abs }}
{{ 0|filesizeformat }} {{ 1|filesizeformat }} {{ 999|filesizeformat }} {{ 1000|filesizeformat }} {{ 1024|filesizeformat(true) }} {{ 1500000|filesizeformat }} {{ 123456789012|filesizeformat }} {{ 1048576|filesizeformat(binary=true) }} {{ "2048"|filesizeformat }} {{ 12.5|filesizeformat }}
{{ "one two  three"|wordcount }} {{ ""|wordcount }} {{ "a-b_c é"|wordcount }} {{ 5|wordcount }}
{{ params.text|wordwrap(15) }}
{{ params.text|wordwrap(10, wrapstring="|") }} / {{ "abcdefghijkl mno"|wordwrap(5) }} / {{ "abcdefghijkl mno"|wordwrap(5, false) }} / {{ "a-b-c-d-e-f"|wordwrap(4) }} / {{ "well-known fact-of-life"|wordwrap(8, break_on_hyphens=false) }} / {{ params.lines|wordwrap(20) }} / {{ "  lead  and   more"|wordwrap(6) }}
{{ params.text|truncate(20) }} / {{ params.text|truncate(20, true) }} / {{ params.text|truncate(20, end="…") }} / {{ "short"|truncate(3) }} / {{ "short"|truncate(3, leeway=0) }} / {{ "abcdefghijkl"|truncate(5, true, "..", 0) }} / {{ params.text|truncate }} / {{ params.uni|truncate(8, true, "", 0) }}
{{ "abc"|truncate(2) }}
{{ params.lines|indent }}|{{ params.lines|indent(2, true) }}|{{ params.lines|indent(2, blank=true) }}|{{ params.lines|indent("> ") }}|{{ "a\n"|indent(2) }}|{{ "a"|indent }}|{{ ""|indent(first=true) }}
{{ "a b&c=d/é"|urlencode }} {{ {"a": 1, "b c": "x y", "d": none}|urlencode }} {{ [("a", 1), ("b", "é")]|urlencode }} {{ "~-_."|urlencode }} {{ 5|urlencode }}
{{ "<a href='x'>\"&\"</a>"|e }} {{ "<b>"|escape|length }} {{ "<p>Hello   <b>x</b></p><!-- c -->y"|striptags }} {{ "a < b"|striptags }} {{ "<i>"|safe }} {{ 5|e }} {{ none|e }} {{ "x"|forceescape }}
{{ {"a": [1, 2.0, none, true, "x"], "b": {}} | tojson }} {{ "it's <b> & \"q\""|tojson }} {{ "é😀\n"|tojson }} {{ []|tojson }} {{ 1.0|tojson }} {{ [1, [2]]|tojson(2) }} {{ {"a": 1, "b": []}|tojson(indent=1) }} {{ "\x7f\x01"|tojson }} {{ (1, 2)|tojson }} {{ {1: 2}|tojson }}
{{ "abc"|list }} {{ {"a": 1}|list }} {{ (1, 2)|list }} {{ range(2)|list }} {{ nothing|list }}
{{ 5|list }}
{{ "abc"|length }} {{ [1, 2]|count }} {{ params.uni|length }} {{ {}|length }} {{ nothing|length }}
{{ 5|length }}
{{ nothing|default("x") }} {{ none|default("x") }} {{ ""|default("x", true) }} {{ 0|d(5, boolean=true) }} {{ params.zz|default(params.who) }} {{ nothing|default }}| {{ params.zz.yy|default("z") if false }} {{ nothing|d(none) }} {{ false|default("x") }} {{ nothing|default(nothing2)|default("y") }}
{{ params|attr("get") is callable }} {{ "x"|attr("upper") is callable }} {{ params|attr("n") is defined }}
{{ "%s and %s"|format("a", 1) }} {{ "%(x)s"|format(x=1) }} {{ "%s"|format("x", "y") if false }} {{ "100%%"|format }}
{{ [1, "a", {"b": none}]|pprint }} {{ "x"|pprint }} {{ 1.0|pprint }}
{{ 1 is odd }} {{ 2 is odd }} {{ 2 is even }} {{ 3.0 is odd }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ -3 is odd }} {{ 0 is even }}
{{ "x" is odd }}
{{ 5 is divisibleby 0 }}
{{ "a" is string }} {{ 1 is string }} {{ 1 is number }} {{ 1.5 is number }} {{ true is number }} {{ "1" is number }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is integer }} {{ 1.0 is float }} {{ 1 is float }} {{ true is boolean }} {{ 1 is boolean }} {{ true is true }} {{ 1 is true }} {{ false is false }} {{ none is none }} {{ 0 is none }}
{{ [] is sequence }} {{ "a" is sequence }} {{ {} is sequence }} {{ 1 is sequence }} {{ [] is iterable }} {{ "a" is iterable }} {{ 1 is iterable }} {{ {} is mapping }} {{ [] is mapping }} {{ (1,) is sequence }} {{ none is iterable }} {{ range(2) is iterable }} {{ range(2) is sequence }}
{{ "abc" is lower }} {{ "ABC" is upper }} {{ "Abc" is lower }} {{ "1" is lower }} {{ range is callable }} {{ 1 is callable }} {{ "a".upper is callable }} {{ 1 is sameas 1 }} {{ true is sameas true }} {{ 1 is sameas true }} {{ none is sameas none }} {{ 1 is escaped }}
{{ 1 is eq 1 }} {{ 1 is equalto 2 }} {{ 1 is == 1 }}
{{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 1 is le 1 }} {{ 2 is gt 1 }} {{ 2 is ge 3 }} {{ 1 is lessthan 2 }} {{ 1 is greaterthan 2 }} {{ 1 is in [1] }} {{ 1 is in([2]) }} {{ "a" is in "abc" }} {{ 3 is not in [3] }}
{{ nothing is defined }} {{ nothing is undefined }} {{ params.zz is defined }} {{ params.n is defined }} {{ params.deep.zz is defined }} {{ params.list[9] is defined }} {{ params.none is defined }} {{ nothing is none }} {{ nothing is string }} {{ nothing is number }} {{ nothing is mapping }}
{{ nothing is iterable }}
{{ nothing is sequence }}
{{ nothing is odd }}
{{ "upper" is filter }} {{ "nofilter" is filter }} {{ "odd" is test }} {{ "x" is test }}
{{ params.zz.yy is defined }}
{{ 1 is odd is even }}
{{ not nothing }}
{{ nothing == 1 }}
{{ nothing == nothing2 }}
{{ nothing + 1 }}
{{ 1 + nothing }}
{{ nothing ~ "x" }}
{{ nothing|upper }}|
{{ nothing.x }}
{{ nothing["x"] }}
{{ nothing() }}
{{ nothing < 1 }}
{{ 1 in nothing }}
{{ -nothing }}
{{ nothing and 1 }}|{{ nothing or 1 }}
{{ params.n() }}
{{ params.nothing() }}
{{ params[nothing] }}
{{ params.list["x"] }}|
{{ params.n.x }}|
{{ params.none.x }}|
{{ "abc".nomethod() }}
{{ "abc".nomethod }}|
{% if nothing %}a{% else %}b{% endif %}
{% for x in nothing %}a{% else %}b{% endfor %}
{% for x in none %}{% endfor %}
{% for x in 5 %}{% endfor %}
{% if params.n > 2 %}big{% elif params.n > 1 %}mid{% else %}small{% endif %}
{% if [] or {} or "" or 0 or 0.0 or none or () %}t{% else %}f{% endif %}{% if [0] and {"a": 0} and " " and -1 and 0.1 and (0,) %}t{% else %}f{% endif %}
{% for x in [1,2,3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.depth }}{{ loop.depth0 }};{% endfor %}
{% for x in [1,2,3] if x is odd %}{{ x }}{{ loop.index }}{{ loop.last }} {% else %}none{% endfor %}{% for x in [2] if x is odd %}a{% else %}none{% endfor %}
{% for a, b in [(1, 2), (3, 4)] %}{{ a }}{{ b }} {% endfor %}{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}
{% for a, b in [(1, 2, 3)] %}{% endfor %}
{% for a, b in [1] %}{% endfor %}
{% for k in params.map %}{{ k }}{% endfor %}{% for k, v in params.map.items() %}{{ k }}{{ v }}{% endfor %}{% for k, v in params.map|dictsort(reverse=true) %}{{ k }}{% endfor %}{% for c in "abc" %}{{ c }}-{% endfor %}
{% for x in 1, 2, 3 %}{{ x }}{% endfor %}{% for x in [1,2,3][1:] %}{{ x }}{% endfor %}{% for x in range(3) %}{{ loop.cycle("a", "b") }}{% endfor %}{% for x in [1,1,2,2,1] %}{{ "c" if loop.changed(x) else "-" }}{% endfor %}
{% for i in range(2) %}{% for j in range(2) %}{{ loop.index }}/{{ loop.length }}{% endfor %}{{ loop.index }}{% endfor %}
{% for i in range(2) %}{% set outer = loop %}{% for j in range(2) %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}
{% for n in [{"v": 1, "c": [{"v": 2, "c": []}]}, {"v": 3, "c": []}] recursive %}{{ loop.depth }}{{ n.v }}{% if n.c %}({{ loop(n.c) }}){% endif %}{% endfor %}
{% for x in [1, 2, 3] %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }} {% endfor %}
{% for x in [] %}a{% endfor %}|{{ x }}|{% for x in [1] %}{% endfor %}{{ x is defined }}
{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = i + 10 %}{{ x }} {% endfor %}{{ x }}
{% set x = 1 %}{% if true %}{% set x = 2 %}{% endif %}{{ x }}
{% if false %}{% set y = 2 %}{% endif %}{{ y is defined }}
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, d) = [3, 4] %}{{ c }}{{ d }}{% set t = 1, %}{{ t }}{% set e = (1, 2) %}{{ e }}
{% set a, b = 1 %}
{% set greeting = greeting ~ "!" %}{{ greeting }}
{% set x %}block {{ 1 + 1 }}{% endset %}{{ x }}|{% set y | upper | trim %} abc {% endset %}{{ y }}|{% set z | replace("a", "b") %}aaa{% endset %}{{ z }}
{% set x %}{% set inner = 1 %}{{ inner }}{% endset %}{{ x }}{{ inner is defined }}
{% set ns = namespace(a=1, b=[]) %}{% for i in range(3) %}{% set ns.a = ns.a + i %}{% set ns.b = ns.b + [i] %}{% endfor %}{{ ns.a }}{{ ns.b }}{% set ns.c %}blk{% endset %}{{ ns.c }}{{ ns.zz is defined }}
{% set ns = namespace({"x": 1}) %}{{ ns.x }}{{ ns["x"] }}
{% set params.x = 1 %}
{% set nons.x = 1 %}
{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}{% with %}{% set q = 3 %}{{ q }}{% endwith %}{{ q is defined }}
{% set a = 5 %}{% with a = 1, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}
{% macro m(a, b=2, c="x") %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c="y") }}{{ m(a=0) }}{{ m(*[7, 8]) }}{{ m(**{"a": 9}) }}{{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}
{% macro m() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, x=3) }}
{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}
{% macro m() %}{{ caller() }}!{% endmacro %}{% call m() %}body{% endcall %}
{% macro m(items) %}{% for i in items %}<{{ caller(i, loop.index) }}>{% endfor %}{% endmacro %}{% call(x, n) m([5, 6]) %}{{ x }}@{{ n }}{% endcall %}
{% macro m() %}x{% endmacro %}{% call m() %}body{% endcall %}
{% macro m() %}{% if caller %}with{% else %}without{% endif %}{% endmacro %}{{ m() }}
{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}
{% macro fact(n) %}{{ n if n <= 1 else n * fact(n - 1)|int }}{% endmacro %}{{ fact(5) }}
{% macro m(a, b) %}{% endmacro %}{{ m.name }} {{ m.arguments }} {{ m.catch_kwargs }} {{ m.catch_varargs }} {{ m.caller }}
{% macro m() %}{{ g }}{% endmacro %}{% set g = 1 %}{{ m() }}
{% set g = 1 %}{% macro m() %}{{ g }}{% set g = 2 %}{{ g }}{% endmacro %}{{ m() }}{{ g }}
{% macro a() %}A{% endmacro %}{% macro b() %}{{ a() }}B{% endmacro %}{{ b() }}{{ a()|lower }}{{ a() ~ b() }}
{% for i in [1, 2] %}{% macro m() %}{{ i }}{% endmacro %}{{ m() }}{% endfor %}
{% filter upper %}abc {{ params.who }}{% endfilter %}|{% filter replace("a", "b")|upper %}aaa{% endfilter %}
{% filter indent(2) %}a
b{% endfilter %}
{% raw %}{{ x }}{% if %}{# c #}{% endraw %}|{% raw -%}  a  {%- endraw %}|{%- raw %} b {% endraw -%}  c
{# comment #}a{# multi
line #}b{##}c{#- x -#}  d  {#- y #}e
a  {{- 1 -}}  b  {{ 2 }}  c {%- if true -%} d {%- endif -%} e {%+ if true +%} f {% endif %}
a
  {%- if true %}
b
  {%- endif %}
c
{{- "x" }}
    {{ "y" -}}
    z
{{ "a}}b" }} {{ "%}" }} {{ {"a": {"b": 1}} }} {{ '{{' }} {{ "{%" }} { { } } {} {a} %} }} #}
{{ [1,
2] }} {{
"x"
}}
{% if
true %}a{%
endif %}
{{ params.who|upper|lower|title|length }} {{ (params.n + 1)|string|length }} {{ -params.n|abs }} {{ 2 * params.n|float }} {{ params.n|string + "x" }} {{ "a" if params.yes and not params.no else "b" }}
{% set c = cycler("a", "b", "c") %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.reset() }}{{ c.next() }}{% set j = joiner("|") %}{% for i in range(3) %}{{ j() }}{{ i }}{% endfor %}{% set k = joiner() %}{{ k() }}{{ k() }}
{{ true }} {{ True }} {{ false }} {{ False }} {{ none }} {{ None }} {{ null is defined }}
{{ [true, none, 1.0, -1, "a"] }} {{ {"k": true} }}
{{ params.list }} {{ params.none }} {{ params.half }} {{ params.big }} {{ params.big * 2 }} {{ params.yes }}
{{ 1 }
{{ 1 }} }} {{
{% if true %}
{% if true %}{% else %}{% else %}{% endif %}
{% for x in [1] %}{% endif %}
{% endif %}
{% for in [1] %}{% endfor %}
{% for x [1] %}{% endfor %}
{% set %}
{% set 1 = 2 %}
{% set x = %}
{% macro %}{% endmacro %}
{% macro m(a=1, b) %}{% endmacro %}
{% if %}{% endif %}
{{ }}
{{ 1 2 }}
{{ (1 }}
{{ [1 }}
{{ 1) }}
{{ [1) }}
{{ a.b. }}
{{ a | }}
{{ a is }}
{{ f(a=1, 2) }}
{{ {1} }}
{{ {"a" 1} }}
{{ "abc }}
{{ 1 $ 2 }}
{{ a..b }}
{{ not }}
{{ if }}
{{ x if }}
{{ 1 if true else }}
{% unknown %}
{% raw %}abc
{# abc
{{ a b }}
{{ 1 = 2 }}
{{ a := 1 }}
{{ a ! b }}
{{ lambda }}|
a
b
{{ nothing.x }}
{% if true %}

{{ 1 + }}{% endif %}
{{ "a" + 1 }}
{{ 1 + "a" }}
{{ [1] + (2,) }}
{{ {} + {} }}
{{ "a" - "b" }}
{{ [1] * [2] }}
{{ none + 1 }}
{{ "a" < 1 }}
{{ [1] < "a" }}
{{ {} < {} }}
{{ none < 1 }}
{{ 1 in 5 }}
{{ 1 in "abc" }}
{{ 1 // 0 }}
{{ 1 % 0 }}
{{ 0 ** -1 }}
{{ 1.0 / 0 }}
{{ {[]: 1} }}
{{ "abc"|replace("a") }}
{{ "abc"|upper(1) }}
{{ "abc"|join(x=1) }}
{{ [1, 2]|batch }}
{{ range("a") }}
{{ range() }}
{{ "abc"["x"] }}|
{{ 5[0] }}|
'''

VALUES = ["1", "2.0", "-3", "0", "'ab'", "''", "[1, 2]", "(1,)", "{'a': 1}", "true", "none", "nothing"]
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">=", "in", "not in", "and", "or"]


def split_templates():
    """One template a line; a line that opens a tag, string or macro it does not end goes on in the next ones (marked below)."""
    lines = TEMPLATES.strip("\n").split("\n")
    joined = ["b\" }}", "b{% endfilter %}", "line #}b", "  {%- if true %}", "b", "  {%- endif %}", "c", "{{- \"x\" }}", "    {{ \"y\" -}}",
              "    z", "2] }} {{", "\"x\"", "}}", "true %}a{%", "endif %}", "{{ nothing.x }}", "", "{{ 1 + }}{% endif %}"]
    result = []
    for line in lines:
        starts_with = any(line == j or (line.startswith(j) and len(j) > 7) for j in joined)
        if result and starts_with and not (line == "{{ nothing.x }}" and result[-1] != "a\nb"):
            result[-1] += "\n" + line
        else:
            result.append(line)
    return result


def answer(source, undefined):
    environment = jinja2.Environment(undefined=undefined, autoescape=False)
    try:
        return {"out": environment.from_string(source).render(CONTEXT)}
    except jinja2.exceptions.TemplateSyntaxError as error:
        return {"error": "syntax", "line": error.lineno, "message": "TemplateSyntaxError"}
    except jinja2.exceptions.UndefinedError as error:
        return {"error": "undefined", "message": type(error).__name__}
    except Exception as error:  # whatever Python raises is "runtime"
        return {"error": "runtime", "message": type(error).__name__}


def main():
    sources = split_templates()
    pairs = ["{{ %s %s %s }}" % (a, o, b) for a in VALUES for o in OPERATORS for b in VALUES]
    # Accidents of Python: the class of the error, and what Undefined's methods happen to do.
    accidents = ["{{ %s %s %s }}" % case for case in [("''", "%", "nothing"), ("'ab'", "%", "nothing")] + [
        ("nothing", o, b) for o in ("in", "not in") for b in ("'ab'", "''")]]
    pairs = [p for p in pairs if p not in accidents]
    if "--all" not in sys.argv:
        pairs = random.Random(7).sample(pairs, 300)
    cases = []
    for number, source in enumerate(sources + pairs, 1):
        case = {"id": "M%03d" % number, "template": source, "lenient": answer(source, jinja2.Undefined)}
        strict = answer(source, jinja2.StrictUndefined)
        if strict != case["lenient"]:
            case["strict"] = strict
        cases.append(case)
    json.dump({"jinja2": jinja2.__version__, "context": CONTEXT, "cases": cases}, sys.stdout, indent=1, ensure_ascii=False)
    print()


main()
