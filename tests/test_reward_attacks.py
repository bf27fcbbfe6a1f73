"""Hostile, hacking and merely odd responses, each with the score that it must get.

The rows of peers' failures are here: two call blocks, extra keys, calls after the thought reopened,
fifty copies of one call, `True` for 1, code in a value, bombs for a parser.
"""

# ruff: noqa: E501 (a table reads best with a case a line)

from __future__ import annotations

import json
from typing import Any

import pytest

from egpo_verl.reward import Reason, compute_score

THOUGHT = "<think>They ask for the weather.</think>"
TOOLS = json.dumps(
    [
        {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "integer"},
                    "wind": {"type": "float"},
                    "metric": {"type": "boolean"},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "box": {"type": "dict", "properties": {"w": {"type": "integer"}}},
                    "note": {"type": "any"},
                },
                "required": ["city"],
            },
        },
        {"name": "now", "parameters": {"type": "object", "properties": {}}},
        {"name": "geo.find", "parameters": {"q": {"type": "str"}, "n": {"type": "int, optional"}}},
    ]
)


def call(name: str = "weather", **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


CITY = [call(city="Paris")]
DAYS = [call(city="Paris", days=1)]
WIND = [call(city="Paris", wind=5.0)]
METRIC = [call(city="Paris", metric=True)]
TAGS = [call(city="Paris", tags=["a", "b"])]
BOX = [call(city="Paris", box={"w": 1, "h": [1, {"x": None}]})]
BOTH = [call(city="Paris"), call(city="Rome")]
TRIPLE = [call("now"), call("now"), call("now")]
CAFE = [call(city="Café")]
NONE: list[Any] = []

RIGHT = "[weather(city='Paris')]"

ZERO: list[tuple[str, list[Any], str]] = [
    # The template: one thought, at the start, closed, then only the calls.
    ("empty response", CITY, ""),
    ("blank response", CITY, " \n\t "),
    ("no thought", CITY, RIGHT),
    ("thought only", CITY, THOUGHT),
    ("thought never closed", CITY, "<think>" + RIGHT),
    ("thought never opened", CITY, "They ask.</think>" + RIGHT),
    ("call inside the thought", CITY, f"<think>{RIGHT}</think>"),
    ("call inside the thought, prose after", CITY, f"<think>{RIGHT}</think>Done."),
    ("call before the thought", CITY, RIGHT + THOUGHT),
    ("call before and after", CITY, RIGHT + THOUGHT + RIGHT),
    ("text before the thought", CITY, "Sure! " + THOUGHT + RIGHT),
    ("NUL before the thought", CITY, "\0" + THOUGHT + RIGHT),
    ("byte order mark before the thought", CITY, "\ufeff" + THOUGHT + RIGHT),
    ("no-break space before the thought", CITY, "\xa0" + THOUGHT + RIGHT),
    ("two thoughts", CITY, THOUGHT + THOUGHT + RIGHT),
    ("nested thoughts", CITY, "<think>a<think>b</think>c</think>" + RIGHT),
    ("thought reopened after the call", CITY, THOUGHT + RIGHT + "</think><think>"),
    ("thought after the call", CITY, THOUGHT + RIGHT + THOUGHT),
    ("thought closed twice", CITY, THOUGHT + "</think>" + RIGHT),
    ("closed before opened", CITY, "</think><think>x" + RIGHT),
    ("empty thought", CITY, "<think></think>" + RIGHT),
    ("blank thought", CITY, "<think>\n \n</think>" + RIGHT),
    ("capital tags", CITY, "<THINK>x</THINK>" + RIGHT),
    ("spaced tags", CITY, "< think >x</ think >" + RIGHT),
    ("other tags", CITY, "<thinking>x</thinking>" + RIGHT),
    ("self-closing tag", CITY, "<think/>" + RIGHT),
    ("tag in a value", CITY, THOUGHT + "[weather(city='</think>Paris')]"),
    ("tag as a second argument", CITY, THOUGHT + "[weather(city='Paris', note='<think>')]"),
    ("prose before the call", CITY, THOUGHT + "I call: " + RIGHT),
    ("prose after the call", CITY, THOUGHT + RIGHT + " That is all."),
    ("full stop after the call", CITY, THOUGHT + RIGHT + "."),
    ("comment after the call", CITY, THOUGHT + RIGHT + "  # done"),
    ("comment before the call", CITY, THOUGHT + "# calls\n" + RIGHT),
    ("comment inside the list", CITY, THOUGHT + "[weather(city='Paris') # one\n]"),
    ("code fence", CITY, THOUGHT + f"```python\n{RIGHT}\n```"),
    ("plain fence", CITY, THOUGHT + f"```{RIGHT}```"),
    ("back ticks", CITY, THOUGHT + f"`{RIGHT}`"),
    ("quoted", CITY, THOUGHT + f'"{RIGHT}"'),
    ("same list twice", CITY, THOUGHT + RIGHT + RIGHT),
    ("same list on two lines", CITY, THOUGHT + RIGHT + "\n" + RIGHT),
    ("wrong list, then right", CITY, THOUGHT + "[now()]" + RIGHT),
    ("right list, then wrong", CITY, THOUGHT + RIGHT + "[now()]"),
    ("empty list, then right", CITY, THOUGHT + "[]" + RIGHT),
    ("right list, then empty", CITY, THOUGHT + RIGHT + "[]"),
    ("list in a list", CITY, THOUGHT + f"[{RIGHT}]"),
    ("list in a tuple", CITY, THOUGHT + f"({RIGHT})"),
    ("no list", CITY, THOUGHT + "weather(city='Paris')"),
    ("tuple of calls", CITY, THOUGHT + "(weather(city='Paris'),)"),
    ("assignment", CITY, THOUGHT + f"x = {RIGHT}"),
    ("statement after", CITY, THOUGHT + RIGHT + "; import os"),
    ("indexed", CITY, THOUGHT + RIGHT + "[0]"),
    ("added to", CITY, THOUGHT + RIGHT + " + []"),
    ("answer tags in the python form", CITY, THOUGHT + f"<answer>{RIGHT}</answer>"),
    ("Hermes form", CITY, THOUGHT + f"<tool_call>{json.dumps(CITY[0])}</tool_call>"),
    ("JSON form", CITY, THOUGHT + json.dumps(CITY)),
    ("JSON object", CITY, THOUGHT + json.dumps(CITY[0])),
    ("both forms", CITY, THOUGHT + RIGHT + json.dumps(CITY)),
    ("end of turn spelled out", CITY, THOUGHT + RIGHT + "<|im_end|>"),
    ("next turn invented", CITY, THOUGHT + RIGHT + "\nuser: thanks"),
    ("NUL after the call", CITY, THOUGHT + RIGHT + "\0"),
    ("no-break space after the call", CITY, THOUGHT + RIGHT + "\xa0"),
    ("thought of a no-break space", CITY, "<think>\xa0</think>" + RIGHT),
    ("zero-width space after the call", CITY, THOUGHT + RIGHT + "\u200b"),
    ("no-break space inside the list", CITY, THOUGHT + "[\xa0weather(city='Paris')]"),
    ("form feed inside the list", CITY, THOUGHT + "[\fweather(city='Paris')]"),
    # Calls that are no calls by keyword with literal values.
    ("empty list where calls are wanted", CITY, THOUGHT + "[]"),
    ("None in the list", CITY, THOUGHT + "[None]"),
    ("call and a literal", CITY, THOUGHT + "[weather(city='Paris'), 1]"),
    ("number as the answer", CITY, THOUGHT + "5"),
    ("string that holds the call", CITY, THOUGHT + "[\"weather(city='Paris')\"]"),
    ("the reference quoted", CITY, THOUGHT + f"[{json.dumps(CITY)!r}]"),
    ("positional argument", CITY, THOUGHT + "[weather('Paris')]"),
    ("positional before keyword", DAYS, THOUGHT + "[weather('Paris', days=1)]"),
    ("positional after keyword", CITY, THOUGHT + "[weather(city='Paris', 'Paris')]"),
    ("unpacked dict", CITY, THOUGHT + "[weather(**{'city': 'Paris'})]"),
    ("keyword and unpacked dict", CITY, THOUGHT + "[weather(city='Paris', **{})]"),
    ("unpacked list", CITY, THOUGHT + "[weather(*['Paris'])]"),
    ("star-list of calls", CITY, THOUGHT + f"[*{RIGHT}]"),
    ("multiplied list", TRIPLE, THOUGHT + "[now()] * 3"),
    ("star inside a value", TAGS, THOUGHT + "[weather(city='Paris', tags=[*['a', 'b']])]"),
    ("f-string", CITY, THOUGHT + "[weather(city=f'Paris')]"),
    ("f-string with code", CITY, THOUGHT + "[weather(city=f'{\"Paris\"}')]"),
    ("byte string", CITY, THOUGHT + "[weather(city=b'Paris')]"),
    ("walrus", CITY, THOUGHT + "[weather(city:='Paris')]"),
    ("walrus in a value", CITY, THOUGHT + "[weather(city=(x:='Paris'))]"),
    ("lambda", CITY, THOUGHT + "[weather(city=(lambda: 'Paris')())]"),
    ("lambda called", CITY, THOUGHT + "[(lambda: weather)()(city='Paris')]"),
    ("comprehension of calls", TRIPLE, THOUGHT + "[now() for _ in range(3)]"),
    ("comprehension in a value", TAGS, THOUGHT + "[weather(city='Paris', tags=[c for c in 'ab'])]"),
    ("generator", TAGS, THOUGHT + "[weather(city='Paris', tags=(c for c in 'ab'))]"),
    ("conditional value", CITY, THOUGHT + "[weather(city='Paris' if True else 'Rome')]"),
    ("conditional call", CITY, THOUGHT + "[weather(city='Paris') if 1 else now()]"),
    ("boolean operator", CITY, THOUGHT + "[weather(city='' or 'Paris')]"),
    ("comparison", METRIC, THOUGHT + "[weather(city='Paris', metric=1==1)]"),
    ("negation", METRIC, THOUGHT + "[weather(city='Paris', metric=not False)]"),
    ("await", CITY, THOUGHT + "[await weather(city='Paris')]"),
    ("yield", CITY, THOUGHT + "[(yield weather(city='Paris'))]"),
    ("attribute of a call", CITY, THOUGHT + "[weather(city='Paris').run()]"),
    ("attribute chain", CITY, THOUGHT + "[api.v1.tools.weather(city='Paris')]"),
    ("dunder chain", CITY, THOUGHT + "[().__class__.__mro__[1].weather(city='Paris')]"),
    ("subscripted function", CITY, THOUGHT + "[tools['weather'](city='Paris')]"),
    ("call of a call", CITY, THOUGHT + "[weather(city='Paris')()]"),
    ("nested call", CITY, THOUGHT + "[weather(city=str('Paris'))]"),
    ("method on a literal", CITY, THOUGHT + "[weather(city='paris'.title())]"),
    ("import", CITY, THOUGHT + "[weather(city=__import__('os').getcwd())]"),
    ("exec", CITY, THOUGHT + "[exec(code='import os')]"),
    ("variable", CITY, THOUGHT + "[weather(city=Paris)]"),
    ("ellipsis", CITY, THOUGHT + "[weather(city=...)]"),
    ("addition", DAYS, THOUGHT + "[weather(city='Paris', days=0+1)]"),
    ("string addition", CITY, THOUGHT + "[weather(city='Pa'+'ris')]"),
    ("string repetition", TAGS, THOUGHT + "[weather(city='Paris', tags=['a']*2)]"),
    ("percent formatting", CITY, THOUGHT + "[weather(city='%s' % 'Paris')]"),
    ("complex number", WIND, THOUGHT + "[weather(city='Paris', wind=5+0j)]"),
    ("double sign", DAYS, THOUGHT + "[weather(city='Paris', days=--1)]"),
    ("inverted", DAYS, THOUGHT + "[weather(city='Paris', days=~-2)]"),
    ("set", TAGS, THOUGHT + "[weather(city='Paris', tags={'a', 'b'})]"),
    ("dict with numbers as keys", BOX, THOUGHT + "[weather(city='Paris', box={1: 2})]"),
    ("dict unpacked in a value", BOX, THOUGHT + "[weather(city='Paris', box={**{'w': 1}})]"),
    ("argument twice", CITY, THOUGHT + "[weather(city='Rome', city='Paris')]"),
    ("same argument twice", CITY, THOUGHT + "[weather(city='Paris', city='Paris')]"),
    ("keyword as a name", CITY, THOUGHT + "[weather(city='Paris', from='x')]"),
    ("name in quotes", CITY, THOUGHT + "[weather('city'='Paris')]"),
    ("colon for equals", CITY, THOUGHT + "[weather(city: 'Paris')]"),
    ("JavaScript literals", METRIC, THOUGHT + "[weather(city='Paris', metric=true)]"),
    ("JSON null", CITY, THOUGHT + "[weather(city='Paris', note=null)]"),
    ("curly quotes", CITY, THOUGHT + "[weather(city=‘Paris’)]"),
    ("unterminated string", CITY, THOUGHT + "[weather(city='Paris)]"),
    ("unterminated list", CITY, THOUGHT + "[weather(city='Paris')"),
    ("line end in a string", CITY, THOUGHT + "[weather(city='Pa\nris')]"),
    ("NUL in a string", CITY, THOUGHT + "[weather(city='Paris\0')]"),
    ("escaped NUL in a string", CITY, THOUGHT + r"[weather(city='Paris\0')]"),
    ("missing comma", DAYS, THOUGHT + "[weather(city='Paris' days=1)]"),
    ("missing comma between calls", BOTH, THOUGHT + "[weather(city='Paris') weather(city='Rome')]"),
    ("leading comma", CITY, THOUGHT + "[,weather(city='Paris')]"),
    # Calls that do not fit, or are not those wanted.
    ("unknown function", CITY, THOUGHT + "[wether(city='Paris')]"),
    ("case of the function", CITY, THOUGHT + "[Weather(city='Paris')]"),
    ("homoglyph function (Cyrillic)", CITY, THOUGHT + "[wеather(city='Paris')]"),
    ("fullwidth function", CITY, THOUGHT + "[ｗeather(city='Paris')]"),
    ("homoglyph argument", CITY, THOUGHT + "[weather(сity='Paris')]"),
    ("homoglyph value", CITY, THOUGHT + "[weather(city='Pаris')]"),
    ("fullwidth value", CITY, THOUGHT + "[weather(city='Ｐaris')]"),
    ("bidirectional override in a value", CITY, THOUGHT + "[weather(city='\u202eParis')]"),
    ("bidirectional isolate in a name", CITY, THOUGHT + "[wea\u2066ther(city='Paris')]"),
    ("zero-width joiner in a value", CITY, THOUGHT + "[weather(city='Par\u200dis')]"),
    ("lone surrogate in a value", CITY, THOUGHT + "[weather(city='Paris\ud800')]"),
    ("escaped lone surrogate", CITY, THOUGHT + r"[weather(city='Paris\ud800')]"),
    ("lone surrogate as the value of anything", CITY, THOUGHT + r"[weather(note='\udfff')]"),
    ("accent lost", CAFE, THOUGHT + "[weather(city='Cafe')]"),
    ("case of the value", CITY, THOUGHT + "[weather(city='paris')]"),
    ("blank in the value", CITY, THOUGHT + "[weather(city='Paris ')]"),
    ("punctuation in the value", CITY, THOUGHT + "[weather(city='P.a.r.i.s')]"),
    ("empty value", CITY, THOUGHT + "[weather(city='')]"),
    ("None for a value", CITY, THOUGHT + "[weather(city=None)]"),
    ("list for a value", CITY, THOUGHT + "[weather(city=['Paris'])]"),
    ("tuple for a value", CITY, THOUGHT + "[weather(city=('Paris',))]"),
    ("missing argument", DAYS, THOUGHT + "[weather(days=1)]"),
    ("missing optional argument", DAYS, THOUGHT + "[weather(city='Paris')]"),
    ("declared argument too many", CITY, THOUGHT + "[weather(city='Paris', days=1)]"),
    ("undeclared argument", CITY, THOUGHT + "[weather(city='Paris', x=1)]"),
    ("argument to a function without", [call("now")], THOUGHT + "[now(x=1)]"),
    ("True for 1", DAYS, THOUGHT + "[weather(city='Paris', days=True)]"),
    ("'1' for 1", DAYS, THOUGHT + "[weather(city='Paris', days='1')]"),
    ("1.0 for 1", DAYS, THOUGHT + "[weather(city='Paris', days=1.0)]"),
    ("1e0 for 1", DAYS, THOUGHT + "[weather(city='Paris', days=1e0)]"),
    ("list for 1", DAYS, THOUGHT + "[weather(city='Paris', days=[1])]"),
    ("1 for True", METRIC, THOUGHT + "[weather(city='Paris', metric=1)]"),
    ("'True' for True", METRIC, THOUGHT + "[weather(city='Paris', metric='True')]"),
    ("True for 5.0", WIND, THOUGHT + "[weather(city='Paris', wind=True)]"),
    ("'5.0' for 5.0", WIND, THOUGHT + "[weather(city='Paris', wind='5.0')]"),
    ("almost 5.0", WIND, THOUGHT + "[weather(city='Paris', wind=5.000000000000001)]"),
    ("infinity", WIND, THOUGHT + "[weather(city='Paris', wind=1e999)]"),
    ("minus infinity", WIND, THOUGHT + "[weather(city='Paris', wind=-1e999)]"),
    ("not a number", WIND, THOUGHT + "[weather(city='Paris', wind=nan)]"),
    ("float('nan')", WIND, THOUGHT + "[weather(city='Paris', wind=float('nan'))]"),
    ("string for a list", TAGS, THOUGHT + "[weather(city='Paris', tags=\"['a', 'b']\")]"),
    ("order in a list", TAGS, THOUGHT + "[weather(city='Paris', tags=['b', 'a'])]"),
    ("element too many", TAGS, THOUGHT + "[weather(city='Paris', tags=['a', 'b', 'b'])]"),
    ("element too few", TAGS, THOUGHT + "[weather(city='Paris', tags=['a'])]"),
    ("list nested once more", TAGS, THOUGHT + "[weather(city='Paris', tags=[['a', 'b']])]"),
    ("True deep in a dict", BOX, THOUGHT + "[weather(city='Paris', box={'w': 1, 'h': [True, {'x': None}]})]"),
    ("float deep in a dict", BOX, THOUGHT + "[weather(city='Paris', box={'w': 1, 'h': [1.0, {'x': None}]})]"),
    ("key too many in a dict", BOX, THOUGHT + "[weather(city='Paris', box={'w': 1, 'h': [1, {'x': None}], 'z': 0})]"),
    ("key missing deep in a dict", BOX, THOUGHT + "[weather(city='Paris', box={'w': 1, 'h': [1, {}]})]"),
    ("key twice in a dict", BOX, THOUGHT + "[weather(city='Paris', box={'w': 2, 'w': 1, 'h': [1, {'x': None}]})]"),
    ("call twice", CITY, THOUGHT + "[weather(city='Paris'), weather(city='Paris')]"),
    ("call 50 times", CITY, THOUGHT + "[" + "weather(city='Paris'), " * 50 + "]"),
    ("each of two calls 50 times", BOTH, THOUGHT + "[" + "weather(city='Paris'), weather(city='Rome'), " * 50 + "]"),
    ("one of two calls", BOTH, THOUGHT + RIGHT),
    ("one of two calls, twice", BOTH, THOUGHT + "[weather(city='Paris'), weather(city='Paris')]"),
    ("a third call", BOTH, THOUGHT + "[weather(city='Paris'), weather(city='Rome'), now()]"),
    ("one call for three identical", TRIPLE, THOUGHT + "[now()]"),
    ("two calls for three identical", TRIPLE, THOUGHT + "[now(), now()]"),
    ("four calls for three identical", TRIPLE, THOUGHT + "[now(), now(), now(), now()]"),
    ("two lists for two calls", BOTH, THOUGHT + "[weather(city='Paris')]\n[weather(city='Rome')]"),
    ("every function tried", CITY, THOUGHT + "[weather(city='Paris'), now(), geo.find(q='Paris')]"),
    ("dot read as underscore", [call("geo.find", q="x")], THOUGHT + "[geo_find(q='x')]"),
    ("dot lost", [call("geo.find", q="x")], THOUGHT + "[find(q='x')]"),
    # No call is wanted.
    ("call where none is wanted", NONE, THOUGHT + RIGHT),
    ("call without arguments", NONE, THOUGHT + "[now()]"),
    ("call without a list", NONE, THOUGHT + "now()"),
    ("call by keyword in prose", NONE, THOUGHT + "You could try weather(city='Paris') instead."),
    ("list in prose", NONE, THOUGHT + "I would say [weather(city='Paris')] but no."),
    ("fenced call", NONE, THOUGHT + f"```python\n{RIGHT}\n```"),
    ("broken call", NONE, THOUGHT + "[weather(city='Paris'"),
    ("call with a bare word", NONE, THOUGHT + "[weather(city=Paris)]"),
    ("positional call", NONE, THOUGHT + "[weather('Paris')]"),
    ("bare positional call", NONE, THOUGHT + "weather('Paris')"),
    ("call of an unknown function", NONE, THOUGHT + "[teleport(to='Mars')]"),
    ("Hermes call where none is wanted", NONE, THOUGHT + f"<tool_call>{json.dumps(CITY[0])}</tool_call>"),
    ("broken Hermes call", NONE, THOUGHT + "<tool_call>{'name': 'now'"),
    ("Hermes call after prose", NONE, THOUGHT + f"Sure.\n<tool_call>{json.dumps(CITY[0])}</tool_call>"),
    ("Llama call where none is wanted", NONE, THOUGHT + '{"name": "now", "parameters": {}}'),
    ("Llama call with its tag", NONE, THOUGHT + '<|python_tag|>{"name": "now", "parameters": {}}'),
    ("JSON call where none is wanted", NONE, THOUGHT + json.dumps(CITY)),
    ("JSON call pretty-printed", NONE, THOUGHT + json.dumps(CITY, indent=2)),
    ("JSON call with Python quotes", NONE, THOUGHT + str(CITY)),
    ("JSON call with escaped keys", NONE, THOUGHT + r'{"n\u0061me": "now", "p\u0061rameters": {}}'),
    ("OpenAI call", NONE, THOUGHT + '{"function": {"name": "now", "arguments": "{}"}}'),
    ("answer tags where none is wanted", NONE, THOUGHT + f"<answer>{RIGHT}</answer>"),
    ("Mistral call", NONE, THOUGHT + '[TOOL_CALLS][{"name": "now"}]'),
    ("function tag", NONE, THOUGHT + '<function=now>{}</function>'),
    ("JSON call without arguments", NONE, THOUGHT + '{"name": "now"}'),
    ("JSON list of names", NONE, THOUGHT + "[{'name': 'now'}]"),
    ("JSON name with escaped letters", NONE, THOUGHT + r'{"n\u0061me": "now"}'),
    ("JSON name in a fence", NONE, THOUGHT + '```json\n{"name": "now"}\n```'),
    ("LangChain call", NONE, THOUGHT + '{"action": "now", "action_input": {}}'),
    ("Cohere call", NONE, THOUGHT + '[{"tool_name": "now", "tool_input": {}}]'),
    ("ReAct call", NONE, THOUGHT + 'Action: now\nAction Input: {"x": 1}'),
    ("DeepSeek call", NONE, THOUGHT + "<｜tool▁calls▁begin｜>function<｜tool▁sep｜>now"),
    ("Anthropic call", NONE, THOUGHT + '<invoke name="now"></invoke>'),
    ("Harmony call", NONE, THOUGHT + "commentary to=functions.now<|message|>{}"),
    ("Glaive call", NONE, THOUGHT + '<functioncall> {"name": "now"}'),
    ("no answer where no call is wanted", NONE, THOUGHT),
    ("no thought where no call is wanted", NONE, "None of the functions fits."),
    ("thought closed again in prose", NONE, THOUGHT + "None fits.</think>"),
    ("second thought where no call is wanted", NONE, THOUGHT + "No. <think>x</think>"),
    # Bombs.
    ("100,000 brackets", CITY, THOUGHT + "[" * 100_000),
    ("100,000 brackets inside", CITY, THOUGHT + "[weather(city=" + "[" * 100_000),
    ("4,000 brackets", CITY, THOUGHT + "[weather(city=" + "[" * 4_000),
    ("4,000 parentheses, closed", CITY, THOUGHT + "[weather(city=" + "(" * 2_000 + ")" * 2_000 + ")]"),
    ("nested dicts", CITY, THOUGHT + "[weather(city=" + "{'a':" * 500 + "1" + "}" * 500 + ")]"),
    ("10,000 digits", DAYS, THOUGHT + f"[weather(city='Paris', days={'1' * 10_000})]"),
    ("5,000 zeros, then 1", DAYS, THOUGHT + f"[weather(city='Paris', days={'0' * 5_000}1)]"),
    ("power tower", DAYS, THOUGHT + "[weather(city='Paris', days=10**3000000*7)]"),
    ("shift", DAYS, THOUGHT + "[weather(city='Paris', days=1<<10**9)]"),
    ("hexadecimal bomb", DAYS, THOUGHT + f"[weather(city='Paris', days=0x{'f' * 30_000})]"),
    ("exponent bomb", WIND, THOUGHT + f"[weather(city='Paris', wind=1e{'9' * 20_000})]"),
    ("1 MB string", CITY, THOUGHT + f"[weather(city='{'x' * 1_000_000}')]"),
    ("1 MB of prose", CITY, THOUGHT + "word " * 200_000),
    ("1 MB of prose, none wanted", NONE, THOUGHT + "word " * 200_000),
    ("1 MB of brackets, none wanted", NONE, THOUGHT + "[" * 1_000_000),
    ("1 MB of open tags", CITY, "<think>" * 150_000),
    ("1 MB of close tags", CITY, "<think>x" + "</think>" * 130_000),
    ("minus signs", DAYS, THOUGHT + f"[weather(city='Paris', days={'-' * 30_000}1)]"),
    ("not not not", METRIC, THOUGHT + f"[weather(city='Paris', metric={'not ' * 7_000}True)]"),
    ("attribute bomb", CITY, THOUGHT + f"[weather{'.a' * 16_000}(city='Paris')]"),
    ("lambda bomb", CITY, THOUGHT + f"[weather(city={'lambda:' * 4_000}1)]"),
    ("unterminated escapes", CITY, THOUGHT + "[weather(city='" + "\\'" * 2_000),
    ("quotes only", CITY, THOUGHT + "[weather(city=" + "'" * 30_000),
    ("blanks only inside", CITY, THOUGHT + "[weather(" + " " * 32_000 + "city='Rome')]"),
    ("combining marks", CAFE, THOUGHT + f"[weather(city='Cafe{chr(0x301) + chr(0x323)}{(chr(0x301) + chr(0x323)) * 15_000}')]"),
    ("backslashes", CITY, THOUGHT + "[weather(city='" + "\\" * 30_001 + "')]"),
]  # fmt: skip


@pytest.mark.parametrize(("calls", "response"), [r[1:] for r in ZERO], ids=[r[0] for r in ZERO])
def test_earns_nothing(calls: list[Any], response: str) -> None:
    result = compute_score("demo", response, json.dumps(calls), {"tools": TOOLS})
    assert result["score"] == result["acc"] == 0.0
    assert result["reason"] != Reason.OK


ONE: list[tuple[str, list[Any], str]] = [
    ("plain", CITY, THOUGHT + RIGHT),
    ("blanks around", CITY, f"\n {THOUGHT}\n\n{RIGHT}\n"),
    ("call quoted in the thought", CITY, f"<think>I need {RIGHT}</think>{RIGHT}"),
    ("fake call in the thought", CITY, f"<think>[now()] <answer></answer></think>{RIGHT}"),
    ("line ends in the list", CITY, THOUGHT + "[\r\n\tweather(\n city = 'Paris',\n),\n]"),
    ("other quotes", CITY, THOUGHT + '[weather(city="Paris")]'),
    ("triple quotes", CITY, THOUGHT + "[weather(city='''Paris''')]"),
    ("escapes that say the same", CITY, THOUGHT + r"[weather(city='\x50\u0061ris')]"),
    ("parenthesised value", CITY, THOUGHT + "[weather(city=('Paris'))]"),
    ("order of arguments", DAYS, THOUGHT + "[weather(days=1, city='Paris')]"),
    ("whole number for a float", WIND, THOUGHT + "[weather(city='Paris', wind=5)]"),
    ("float in another spelling", WIND, THOUGHT + "[weather(city='Paris', wind=50e-1)]"),
    ("tuple for a list", TAGS, THOUGHT + "[weather(city='Paris', tags=('a', 'b'))]"),
    ("order of keys", BOX, THOUGHT + "[weather(city='Paris', box={'h': [1, {'x': None}], 'w': 1})]"),
    ("order of calls", BOTH, THOUGHT + "[weather(city='Rome'), weather(city='Paris')]"),
    ("three identical calls", TRIPLE, THOUGHT + "[now(), now(), now()]"),
    ("dotted name", [call("geo.find", q="x")], THOUGHT + "[geo.find(q='x')]"),
    ("composed and decomposed", CAFE, THOUGHT + "[weather(city='Cafe\u0301')]"),
    ("prose where no call is wanted", NONE, THOUGHT + "None of the functions can do this (sorry)."),
    ("function named in prose", NONE, THOUGHT + "The function weather needs a city; which one?"),
    ("refusal that ends in brackets", NONE, THOUGHT + "Sorry (no function can book a table)."),
    ("empty list where no call is wanted", NONE, THOUGHT + "[]"),
    ("brackets in prose", NONE, THOUGHT + "I cannot [see the docs](https://x.org), f(x) = 2 aside."),
]  # fmt: skip


@pytest.mark.parametrize(("calls", "response"), [r[1:] for r in ONE], ids=[r[0] for r in ONE])
def test_earns_one(calls: list[Any], response: str) -> None:
    result = compute_score("demo", response, json.dumps(calls), {"tools": TOOLS})
    assert result["score"] == result["acc"] == 1.0
    assert result["reason"] == Reason.OK


def test_the_table_is_long_and_has_no_row_twice() -> None:
    rows = ZERO + ONE
    assert len(rows) >= 150
    assert len({label for label, _, _ in rows}) == len(rows)
    assert len({(json.dumps(calls), response) for _, calls, response in rows}) == len(rows)
