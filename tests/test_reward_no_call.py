"""Where no call is wanted: prose that explains earns 1, an attempt at a call earns nothing."""

# ruff: noqa: E501 (a table reads best with a case a line)

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median

import pytest

from egpo_verl.reward import Reason, compute_score

ROOT = Path(__file__).parents[1]
T = "<think>So.</think>"


def tool(name: str, *parameters: str) -> dict[str, object]:
    properties = {parameter: {"type": "string"} for parameter in parameters}
    return {"name": name, "parameters": {"type": "object", "properties": properties}}


TOOLS = json.dumps(
    [
        tool("weather", "city", "unit"),
        tool("now"),
        tool("geo.find", "q"),
        tool("get_user_details", "user_id"),
        tool("search", "query"),
        tool("Market Trends API", "country"),
    ]
)

PROSE = [
    # What the reward took for calls.
    "Ohm's law (V = IR) is not covered by any of these functions.",
    "As shown by [Smith (2020)], this needs a laboratory.",
    "[Smith (2020)]",
    "See [Python (programming language)](https://en.wikipedia.org/wiki/Python_(programming_language)).",
    "[Foo (bar)](https://example.org/a?b=c)",
    "Please ask my colleague Catherine (id='USR003') for that.",
    "None of them sorts. In Python:\n```python\nprint(sorted(names, key=len))\n```\nThat is all.",
    "You can write `print(x, end='')` in Python yourself.",
    "I cannot run code, but `df.groupby(by='city')` does it.",
    # More of the kind.
    "The function weather needs a city; which one?",
    "The weather (in Celsius) is not known for Atlantis.",
    "I could use weather(), but it needs a city.",
    "I could use `weather(city, unit)`, but which city?",
    "There is `weather(city: str, unit: str)`; which city do you mean?",
    "There is weather(...) for that; which city?",
    "Your search(es) will not be stored.",
    "now() only tells the time, so I cannot book with it.",
    "I have two functions:\n- now()\n- weather(city)\nNeither books a table.",
    "Use geo.find to look for places (q is the query).",
    "f(x) = 2x is a function in mathematics, not one of mine.",
    "E = mc² (where c = 299792458 m/s) answers it.",
    "The rate is 5% (APR = 5.1%), compounded yearly.",
    "In SQL: SELECT COUNT(*) FROM users WHERE name = 'Ann' (id = 3).",
    "Set the volume (level=5) by hand.",
    "[1](https://a.org) and [2](https://b.org) say so.",
    "Options: [red (default), green (new)].",
    "- [ ] Buy milk (2 l)\n- [x] Call mum (again)",
    "I have no tool for it (sorry).",
    "Which one (a) or (b)?",
    "{'a': 1} is a dictionary.",
    'Here is the record: {"name": "Ann", "age": 31}',
    '{"name": "Ann", "age": 31}',
    'A JSON file has keys like "name": "weather" in it.',
    "Try this yourself:\n```python\nimport requests\nr = requests.get(url='https://x.org')\nprint(r.json())\n```\nI cannot run it.",
    "A class in Python:\n```python\nclass Dog:\n    def __init__(self, name='Rex'):\n        self.name = name\n```\nDoes this help?",
    "In a shell:\n```bash\ncurl 'https://wttr.in/Paris'\n```\nI cannot call it.",
    "To call it in your own program:\n```python\nimport api\nresult = api.weather(city='Paris')\nprint(result)\n```\nI only explain.",
    "The config:\n```json\n{\"name\": \"my-app\", \"version\": \"1.0.0\"}\n```\nwould do.",
    "x < 5 and y > 3 (see <https://example.org>).",
    "I am <b>not</b> able to do so (at all).",
    "Write `sum(range(10))` to get 45.",
    "Le prix (TVA = 20 %) n'est pas connu.",
    "天气(城市)不在功能之内。",
    "Error (code=404): nothing found.",
    "Call me at (555) 123-4567.",
    "The user_id (such as 'u1') is missing; get_user_details needs it.",
    "Do you mean the weather in Paris (France) or Paris (Texas)?",
    "The answer is 42 (the sum of 40 and 2).",
    "Python's [f(x=n) for n in names] makes a list.",
    "Please search (e.g. 'cats') on the web.",
    "Your search (\"cats\") was stopped.",
    "In Python, `re.search('a', text)` finds it, and so does text.search(x=1).",
    "My weather(city=...) function needs a city.",
    "I would need weather(city=<city>, unit='<unit>'); which city?",
    'The report says {"weather": {"temperature": 20}}.',
    '{"weather": {"temperature": 20}}',
    "Weather: sunny (20 °C).",
    # Signatures, with defaults too, in a list of tools.
    "I have weather(city, unit=None) and now() only.",
    "I have:\n- weather(city, unit=None)\n- now()\nNeither books a table.",
    "I have:\n1. `weather(city: str, unit: str = 'metric')`\n2. `now()`\nNeither books a table.",
    "There is weather(city=None, unit=None); which city?",
    "My tools are [weather(city, unit=None), get_user_details(user_id)].",
    # Formulas, citations and plain code of names that are not offered, as the whole answer.
    "O(n)",
    "`O(n log n)`",
    "O(1)",
    "len(x)",
    "Psalm(23)",
    "max(3, 4)",
    "max(3, 4).",
    "**sin(x)**",
    "y = f(x)",
    "print()",
    "f(x), g(x)",
    "```python\nlen(x)\n```",
    "<answer>O(n)</answer>",
    # Functions without parameters, spoken of.
    "You could use now().",
    "I can't call now().",
    "I would call now(), but it has no calendar.",
    "I'll call now() only if you ask me to.",
    "There is one function for it: now().",
    "I'll explain now().",
    "now().hour is an attribute.",
    # Glosses in full-width brackets, and words that end like a name.
    "weather（天气）不在功能之内。",
    "可以使用weather（城市）查询。",
    "The function myweather('Paris') is none of mine, nor is get_now().",
    # Code and data that explain.
    "A program of yours:\n```python\nfrom api import weather\nreport = weather(city='Paris')\nfor line in report:\n    print(line)\n```\nwould do.",
    "A feed has:\n```xml\n<weather><temperature>20</temperature></weather>\n```\nor so.",
    "A feed has:\n```html\n<p>weather</p>\n```\nor so.",
    "A config:\n```js\n// the name\n{\"name\": \"my-app\", \"version\": 1}\n```\nwould do.",
    'OpenAI\'s answers have a key "tool_calls": a list of calls, or {"tool_calls": []}.',
    '{"tool_calls": []}',
    'He said {"name": "Ann"} to me.',
    # Values left open, types for values, lists of functions, data.
    "call weather(city=?)",
    "I would have to call weather(city=?, unit=?); which city?",
    "weather(city: string, unit?: string)",
    "weather(city: string, unit?: string)\nnow()\nsearch(query: string)",
    "```ts\nweather(city: string, unit?: string): string\n```",
    "There is weather(city: Union[str, None], unit: str); which city?",
    "1. weather(city, unit)\n2. now()\n3. search(query)",
    "1. `weather(city: string)`\n2. `search(query: string)`",
    "- weather(city=?)\n- now()",
    '{"name": "get", "type": "verb"}',
    '{"weather": "sunny", "city": "Paris"}',
    "weather: sunny\ncity: Paris",
    'A record may look like {"service": "weather", "city": "Paris"} there.',
    'Here is the record: {"sky": "red", "city": "Paris"}',
    "query: cats\nresult: none",
    '["red", {"city": "Paris"}]',
    "Function: weather\nParameters: city, unit",
    "Weather works with {\"temperature\": 20} and the like.",
    "OK. now() only tells the time.",
    "I have two functions. now() and weather(city).",
    "I have few functions, e.g. now().",
    "Use “search” (“cats” and so on) on the web.",
    "The function is f\\(x\\) = 2x.",
    "Hello! How can I help you?",
    "[]",
    "",
]  # fmt: skip

ATTEMPTS = [
    # What the reward took for prose.
    "<answer>weather('Paris')</answer>",
    "[\"weather('Paris')\"]",
    "I'll call weather('Paris')",
    '{"type": "function", "name": "now"}',
    "```tool_code\nweather('Paris')\n```",
    "```tool_code\nprint(weather('Paris'))\n```",
    "Sure.\n```tool_code\nweather('Paris')\n```",
    "\u00a0weather('Paris')",
    "weather\u00a0(city='Paris')",
    "[weather(city\u00a0=\u00a0'Paris')]",
    # More of the kind.
    "weather('Paris')",
    "weather(city=Paris)",
    "weather (city='Paris')",
    "I use weather (city='Paris').",
    "I use get_user_details ('u1').",
    "weather(\n    city='Paris'\n)",
    "1. weather('Paris')\n2. now()",
    "weather ('Paris')",
    "weather(Paris)",
    "weather(city)",
    "now()",
    "`now()`",
    "Sure:\nnow()",
    "Let me see.\n\nweather(city='Paris')\n\nDone.",
    "weather('Paris')\nweather('Rome')",
    "weather('Paris'); now()",
    "weather('Paris') and weather('Rome')",
    "result = weather('Paris')",
    "await weather('Paris')",
    "print(weather('Paris'))",
    "functions.weather('Paris')",
    "default_api.weather(city='Paris')",
    "call weather('Paris')",
    "call: weather('Paris')",
    "I would say [weather(city='Paris')] but no.",
    "[now()] is what I call.",
    "`weather(city='Paris')` gives it.",
    "\"weather('Paris')\"",
    "'[weather(city=\"Paris\")]'",
    "**weather('Paris')**",
    "(weather('Paris'))",
    "[weather(city='Paris'",
    "weather(city='Par",
    "```\nweather('Paris')\n```",
    "```python\nweather(city='Paris')\n```",
    "Sure.\n```python\nweather(city='Paris')\n```",
    "Sure.\n```\n[weather(city='Paris'), now()]\n```\nThere.",
    "Sure.\n```json\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n```",
    "```python\nresult = weather(city='Paris')\nprint(result)\n```",
    "geo.find(q='Paris')",
    "I use geo.find('Paris').",
    "Market Trends API(country='fr')",
    "I call [Market Trends API(country='fr')].",
    "we\u200bather('Paris')",
    "\ufeffweather('Paris')",
    # Of a function that is not offered, as the whole answer.
    "teleport(to='Mars')",
    "[teleport(to='Mars')]",
    "[teleport('Mars')]",
    "teleport('Mars')",
    "<answer>[teleport(to='Mars')]</answer>",
    "```\nteleport(to='Mars')\n```",
    "[\"teleport('Mars')\"]",
    "[teleport(to='Mars', speed=3), teleport(to='Venus')]",
    "teleport(to='Mars",
    # Of a function that is not offered, as a list of calls by keyword.
    "Sure. [teleport(to='Mars')]",
    "Let me see. [teleport(to='Mars'), teleport(to='Venus')] Done.",
    "teleport('Mars', speed=3)",
    "teleport(3, speed=4)",
    "[teleport(3)]",
    # As JSON and tags.
    '{"name": "weather", "arguments": {"city": "Paris"}}',
    '[{"name": "teleport", "arguments": {}}]',
    'Sure: {"name": "weather", "arguments": {"city": "Paris"}}',
    '{"name": "now"}',
    '{"function": "weather", "parameters": {"city": "Paris"}}',
    '{"tool": "weather", "input": {"city": "Paris"}}',
    '{"type": "tool_use", "id": "1", "name": "teleport"}',
    '{"arguments": {"city": "Paris"}, "name": "weather"}',
    "{'name': 'weather', 'arguments': {'city': 'Paris'}}",
    'weather{"city": "Paris"}',
    'weather {"city": "Paris"}',
    '<weather>{"city": "Paris"}</weather>',
    'weather: {"city": "Paris"}',
    '{"weather": {"city": "Paris"}}',
    "[{'weather': {'city': 'Paris'}}]",
    "now {}",
    'Function: weather\nArguments: {"city": "Paris"}',
    '**Tool:** `weather`\n**Input:** {"city": "Paris"}',
    "<weather>\n<city>Paris</city>\n</weather>",
    '<weather city="Paris"/>',
    # In a code block, behind a comment, an import or an assignment.
    "Sure.\n```python\n# Get the weather\nweather(city='Paris')\n```",
    "Sure.\n```python\nweather(city='Paris')  # the capital\n```",
    "Sure.\n```python\nimport tools\nweather(city='Paris')\n```",
    "Sure.\n```python\nfrom tools import weather\n\nresult = weather(city='Paris')\n```",
    "Sure.\n```python\nimport tools\nprint(tools.weather('Paris'))\n```",
    "Sure.\n```python\ncity = 'Paris'\nweather(city=city)\n```",
    "Sure.\n```python\n# First the city.\ncity = 'Paris'\nweather(city)\n```\nThere.",
    "```python\n# Go\nteleport(to='Mars')\n```",
    "Sure.\n```json\n// call\n{\"name\": \"weather\", \"arguments\": {\"city\": \"Paris\"}}\n```",
    "Sure.\n```json\n{\"tool_calls\": [{\"name\": \"weather\"}]}\n```",
    '// call\n{"name": "teleport", "arguments": {}}',
    "Sure.\n```xml\n<weather><city>Paris</city></weather>\n```",
    'Sure.\n```xml\n<weather city="Paris"/>\n```',
    'Sure.\n```xml\n<!-- call -->\n<weather city="Paris"/>\n```',
    "```xml\n<weather>\n  <city>Paris</city>\n</weather>\n```",
    # Of a function that needs no arguments.
    "I'll call now().",
    "I’ll call `now()`.",
    "I will now call now() to get the time.",
    "Let me use the function now().",
    "I'm calling functions.now()",
    "Calling now()...",
    "Sure: now()",
    "Sure, calling: now()",
    "Okay: `now()`",
    "**Tool call:** now()",
    "- now()",
    "* `now()`",
    "Sure:\n- now()",
    "- now()\n- weather(city='Paris')",
    # With full-width signs, and where a language has no blanks between words.
    'weather（city="北京"）',
    "weather（city＝“北京”）",
    "好的：weather（'北京'）",
    'teleport（to="火星"）',
    "天气weather('北京')",
    "我来调用weather(city='北京')。",
    # As JSON in some words, or in an envelope.
    'Sure: {"name": "now"}',
    'Sure: {"type": "function", "name": "now"}',
    '{"function_call": {"name": "teleport"}}',
    '{"function_call": {"teleport": {"to": "Mars"}}}',
    'Sure: {"function_call": {"name": "teleport"}}',
    '{"tool_calls": [{"name": "teleport"}]}',
    '{"tool_calls": [{"id": "1", "function": {"name": "now"}}]}',
    'Sure: {"tool_calls": [{"name": "now"}]}',
    '{"tool_calls": ["now()"]}',
    '<tool_call>{"name": "teleport"}',
    '<invoke name="weather">',
    '<function name="weather"><city>Paris</city></function>',
    "<start_function_call>call:weather{city:Paris}",
    "Action: now\nAction Input: {}",
    # With Markdown's marks, quotes or escapes about the name.
    '**weather**(city="Paris")',
    "`weather`(city='Paris')",
    "**`weather`**(city='Paris')",
    '"weather"(city="Paris")',
    "weather\\(city='Paris'\\)",
    "get\\_user\\_details(user\\_id='u1')",
    "**teleport**(to='Mars')",
    '<b>weather</b>(city="Paris")',
    "I use <code>weather</code>('Paris').",
    "teleport\\(to='Mars'\\)",
    # By a method of the function.
    'weather.invoke({"city": "Paris"})',
    'I use weather.run(city="Paris").',
    'weather->invoke(["city" => "Paris"])',
    'teleport.invoke({"to": "Mars"})',
    # As JSON with a mistake, in other words for its keys, or as YAML.
    '{name: "weather", arguments: {city: "Paris"}}',
    "Sure: {name: 'weather', arguments: {city: 'Paris'}}",
    'weather {city: "Paris"}',
    "{“name”: “weather”, “arguments”: {“city”: “Paris”}}",
    "weather(‘Paris’)",
    '{"name" => "weather", "arguments" => {"city" => "Paris"}}',
    '{name => "teleport", arguments => {to => "Mars"}}',
    "name: weather\narguments:\n  city: Paris",
    "- name: weather\n  arguments:\n    city: Paris",
    "arguments:\n  city: Paris\nfunction: 'weather'",
    "weather:\n  city: Paris",
    "**Tool:** weather\n**city:** Paris",
    "```yaml\nname: weather\narguments:\n  city: Paris\n```",
    "Sure.\n```yaml\nname: weather\narguments:\n  city: Paris\n```",
    '{"command": "weather", "city": "Paris"}',
    'Sure.\n```json\n{"command": "weather", "city": "Paris"}\n```',
    '["weather", {"city": "Paris"}]',
    'Sure. {"command": "weather", "city": "Paris"}',
    'Sure! Here you go: `["weather", {"city": "Paris"}]`',
    'I call weather with arguments {"city": "Paris"}',
    'I call `weather` with the following parameters: {"city": "Paris"}',
    'Using weather with {"city": "Paris"}.',
    # Of a function that needs no arguments, as a sentence of its own.
    "Let me check: now()",
    "I'll look it up: `now()`.",
    "OK. now()",
    "I need the time! now()",
    "Sure. `now()`.",
    # Placeholders and names for values, alone on their line.
    "weather(city=?)",
    "weather(city: 'Paris')",
]  # fmt: skip


def verdict(answer: str, tools: str | None = TOOLS) -> dict[str, float | int]:
    info = {} if tools is None else {"tools": tools}
    return compute_score("demo", T + answer, "[]", info)


@pytest.mark.parametrize("answer", PROSE)
def test_prose_that_explains_is_no_call(answer: str) -> None:
    # An answer must say something; that nothing is said is another reason.
    expected = Reason.OK if answer else Reason.EMPTY_ANSWER
    assert verdict(answer)["reason"] == expected


@pytest.mark.parametrize("answer", ATTEMPTS)
def test_an_attempt_is_a_call(answer: str) -> None:
    result = verdict(answer)
    assert (result["reason"], result["score"]) == (Reason.CALL_NOT_WANTED, 0.0)


def test_without_functions_every_name_is_one_of_theirs() -> None:
    for answer in PROSE[:8]:
        assert verdict(answer, None)["reason"] == Reason.OK
    assert verdict('{"name": "get", "type": "verb"}', None)["reason"] == Reason.OK
    for answer in ("Try f(a=1).", "Sure: [f()] it is.", "f('x')", '{"name": "f"}'):
        assert verdict(answer, None)["reason"] == Reason.CALL_NOT_WANTED


HOSTILE = {
    "names": "weather ",
    "names of one letter": "a ",
    "names with brackets": "weather() ",
    "open calls": "weather(",
    "open lists": "[f(a=",
    "calls": "f(a=1);",
    "parameters": "weather(city, ",
    "open quotes": "weather('",
    "escaped quotes": "f('\\'",
    "quotes in lines": "f('\n",
    "JSON names": '{"name": "weather", ',
    "JSON keys": '"name": ',
    "tags": "<weather",
    "closing tags": "</answer>",
    "fences": "```",
    "blocks": "x```\nf(a=1)\n",
    "blanks behind a name": "weather          ",
    "lines behind a name": "weather\n\n\n\n\n\n\n\n\n",
    "dots": "a.",
    "hyphens": "[a-",
    "words": "await ",
    "unseen": "\u200b(",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_four_times_the_prose_takes_four_times_the_steps(piece: str) -> None:
    tools = json.dumps([*json.loads(TOOLS), tool("a"), tool("f", "a")])

    def steps(times: int) -> int:
        count = 0

        def counted(frame: object, event: str, argument: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        verdict("compile the row", tools)
        answer = f"{piece * times}(".strip()
        sys.setprofile(counted)
        try:
            verdict(answer, tools)
        finally:
            sys.setprofile(None)
        return count

    assert steps(1_000) <= 4 * steps(250) + 100


LONG_LINES: dict[str, Callable[[int], str]] = {
    "blanks, then mentions": lambda n: "x\n" + " " * (n // 2) + "a() " * (n // 8),
    "no-break spaces, then mentions": lambda n: "x\n" + "\u00a0" * (n // 2) + "a() " * (n // 8),
    "backticks, then mentions": lambda n: "x\n" + "` " * (n // 4) + "a() " * (n // 8),
    "mentions, then blanks": lambda n: "x\n" + "a() " * (n // 8) + " " * (n // 2) + "x",
    "mentions in sentences": lambda n: "x " + "a(). " * (n // 5),
    "announcements": lambda n: "I'll call a() or " * (n // 17),
    "names inside brackets": lambda n: ("a(f:" * 40 + ")" + " " * 240) * (n // 401),
    "words of one letter": lambda n: "a b= " * (n // 5) + "(",
    "one long word": lambda n: "a" * n + "(",
    "words without blanks": lambda n: "天a" * (n // 2) + "(",
    "full-width brackets": lambda n: "天（'" * (n // 3),
    "formulas": lambda n: "g(x);" * (n // 5),
    "blocks": lambda n: "x```\ng(a)\n" * (n // 10),
    "a block with an import": lambda n: "x\n```\nimport b\n" + "g()\n" * (n // 4) + "```",
    "comments": lambda n: "x <!-- " * (n // 7) + "(",
    "assignments": lambda n: "x = 1\n" * (n // 6) + "(",
    "bullets": lambda n: "- a\n" * (n // 4) + "(",
    "many blocks": lambda n: "".join(f"```g({at})```x" for at in range(n // 12)),
    "an import, then calls": lambda n: "x\n```\nimport b\n" + "f()\n" * (n // 4) + "```",
    "bare keys": lambda n: "{a" + ", b" * (n // 3) + ": {",
    "blanks behind a comma": lambda n: "{" + "," + " " * n,
    "names with words": lambda n: "a with b " * (n // 9) + "{",
    "announcements without an end": lambda n: "I'm " * (n // 4) + "a()",
    "lines of a record": lambda n: "a: b\n" * (n // 5) + "b",
    "texts of a record": lambda n: "[" + '"a", ' * (n // 5) + "{}]",
    "quotes of a record": lambda n: "[" + '"\\' * (n // 2) + "]",
    "typed signatures": lambda n: "f(a: string)\n" * (n // 13),
    "one long signature": lambda n: "f(a: string" + ", a: b" * (n // 6) + ")",
    "marks about brackets": lambda n: "a**(" * (n // 4),
    "methods": lambda n: "a.run(" * (n // 6),
}


@pytest.mark.parametrize("shape", LONG_LINES.values(), ids=LONG_LINES)
def test_one_long_answer_takes_about_as_long_as_its_eighths(shape: Callable[[int], str]) -> None:
    # Searches inside one call of a regular expression take no steps, so time is what tells: where a
    # line is looked at for each name in it, the whole takes 8 times as long as its eighths. Both
    # are measured side by side, because a machine's speed changes.
    tools = json.dumps([*json.loads(TOOLS), tool("a"), tool("f", "a")])

    def seconds(answers: Iterable[str]) -> float:
        start = time.thread_time()
        for answer in answers:
            verdict(answer, tools)
        return time.thread_time() - start

    verdict("compile the row", tools)
    ratios = []
    for number in range(7):  # no answer twice: what is known of one is kept
        eighths = seconds(shape(4_000) + " " * (8 * number + at) + "x" for at in range(8))
        ratios.append(seconds([shape(32_000) + " " * number + "x"]) / eighths)
    assert median(ratios) <= 3


def test_more_functions_than_prose_names_are_no_prose() -> None:
    assert verdict("I have now() and more. " * 900)["reason"] == Reason.OK
    assert verdict("I have now() and more. " * 1_100)["reason"] == Reason.CALL_NOT_WANTED


def test_prose_of_real_dialogues_is_hardly_ever_taken_for_a_call(real_rows: Path) -> None:
    script = ROOT / "benchmarks" / "no_call_turns.py"
    ran = subprocess.run(
        [sys.executable, str(script), str(real_rows)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    share = re.search(r"taken for a call: (\d+) of ([\d,]+)", ran.stdout)
    assert share is not None, ran.stdout[-2000:]
    taken, turns = (int(number.replace(",", "")) for number in share.groups())
    assert turns >= 1_300
    assert taken <= turns / 200
