"""What a model writes where it means a call: texts that stray from the form, by kind.

Each kind takes the right calls of a question and writes them in another way, some of them wrong.
Where one argument or call is changed, a seed and the question's name choose which, so that a run
can be repeated.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from egpo_verl.calls import Call

SEED = 20260323

Spelling = Callable[[Any], "str | None"]
"""A value -> another way to write it, None where there is none."""


class Question(NamedTuple):
    """What the kinds may use.

    Attributes:
        calls: right ones.
        omissible: name of a function -> its parameters that may be left out.
        defaults: name of a function -> parameter -> the default that its description states.
    """

    identity: str
    calls: Sequence[Call]
    omissible: Mapping[str, Sequence[str]]
    defaults: Mapping[str, Mapping[str, Any]]


def _string(spell: Callable[[str], str | None]) -> Spelling:
    return lambda value: spell(value) if isinstance(value, str) else None


def _whole(spell: Callable[[int], str | None]) -> Spelling:
    return lambda value: spell(value) if type(value) is int else None


def _number(spell: Callable[[Any], str | None]) -> Spelling:
    return lambda value: spell(value) if type(value) in (int, float) else None


def _list(spell: Callable[[list[Any]], str | None]) -> Spelling:
    return lambda value: spell(value) if isinstance(value, list) else None


def _dict(spell: Callable[[dict[str, Any]], str | None]) -> Spelling:
    return lambda value: spell(value) if isinstance(value, dict) else None


def _bare(value: str) -> str | None:
    return value if value.isidentifier() else None


def _halves(value: str) -> tuple[str, str]:
    return value[: len(value) // 2], value[len(value) // 2 :]


def _keyword_dict(value: dict[str, Any]) -> str:
    return f"dict({', '.join(f'{key}={item!r}' for key, item in value.items())})"


def _bare_keys(value: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{key}: {item!r}" for key, item in value.items()) + "}"


def _nested_tuples(value: list[Any]) -> str | None:
    if not any(isinstance(item, list) for item in value):
        return None
    return repr([tuple(item) if isinstance(item, list) else item for item in value])


_NAUGHTS = ("len('')", "math.floor(0)", "offset()", "datetime.now().year")


SPELLINGS: Mapping[str, Spelling] = {
    "bare word": _string(_bare),
    "bare words": _string(lambda v: v if " " in v else None),
    "bare word in capitals": _string(lambda v: _bare(v.upper())),
    "dotted bare word": _string(lambda v: f"Unit.{v}" if v.isidentifier() else None),
    "double quotes": _string(json.dumps),
    "triple quotes": _string(lambda v: f'"""{v}"""'),
    "raw text": _string(lambda v: f"r{v!r}"),
    "bytes": _string(lambda v: f"b{v!r}" if v.isascii() else None),
    "f-string": _string(lambda v: f"f{v!r}"),
    "curly quotes": _string(lambda v: f"“{v}”"),
    "backquotes": _string(lambda v: f"`{v}`"),
    "texts added": _string(lambda v: "{!r} + {!r}".format(*_halves(v))),
    "texts side by side": _string(lambda v: "{!r} {!r}".format(*_halves(v))),
    "text and name added": _string(lambda v: f"{v!r} + name"),
    "text repeated": _string(lambda v: f"{v!r} * 1"),
    "text filled in": _string(lambda v: f"{v!r} % ()"),
    "text by a function": _string(lambda v: f"str({v!r})"),
    "text by a method": _string(lambda v: f"{v!r}.strip()"),
    "text and a function's added": _string(lambda v: f"{v!r} + str(1)"),
    "other case": _string(lambda v: repr(v.swapcase())),
    "other marks": _string(lambda v: repr(v.replace(" ", "-") + ".")),
    "blanks around": _string(lambda v: repr(f" {v} ")),
    "line end behind": _string(lambda v: repr(f"{v}\n")),
    "quotes inside": _string(lambda v: repr(f"'{v}'")),
    "escapes": _string(
        lambda v: "'" + "".join(f"\\u{ord(c):04x}" for c in v[:1]) + repr(v[1:])[1:]
    ),
    "text with another word": _string(lambda v: repr(f"{v}s")),
    "text in a list": _string(lambda v: f"[{v!r}]"),
    "text in parentheses": _string(lambda v: f"({v!r})"),
    "text in a tuple": _string(lambda v: f"({v!r},)"),
    "text as a lambda": _string(lambda v: f"lambda x: {v}"),
    "sum of ones": _whole(lambda v: f"{v - 1} + 1"),
    "product": _number(lambda v: f"{v} * 1"),
    "product with a float": _number(lambda v: f"{v} * 1.0"),
    "quotient": _number(lambda v: f"{v} / 1"),
    "floor quotient": _number(lambda v: f"{v * 2} // 2"),
    "quotient by nothing": _number(lambda v: f"{v} / 0"),
    "power": _number(lambda v: f"{v} ** 1"),
    "difference with a sign": _number(lambda v: f"-1 + {v + 1}"),
    "sum in parentheses": _number(lambda v: f"({v} + 2) - 2"),
    "sum with a name": _number(lambda v: f"x + {v}"),
    "sum with a function": _number(lambda v: f"{v} + {_NAUGHTS[int(v) % len(_NAUGHTS)]}"),
    "plus": _number(lambda v: f"+{v}"),
    "minus twice": _number(lambda v: f"--{v}"),
    "minus apart": _number(lambda v: f"- {v}"),
    "minus in parentheses": _number(lambda v: f"-({v})"),
    "inverted": _whole(lambda v: f"~{v}"),
    "negated": _number(lambda v: f"not {v}"),
    "whole number as float": _whole(lambda v: f"{v}.0"),
    "float as whole number": lambda v: str(int(v)) if type(v) is float else None,
    "exponent": _number(lambda v: f"{v}e0"),
    "underscores": _whole(lambda v: f"{v:_}"),
    "comma in a number": _whole(lambda v: f"{v:,}"),
    "hexadecimal": _whole(hex),
    "zeros before": _whole(lambda v: f"00{v}"),
    "per cent": _number(lambda v: f"{v}%"),
    "number in a text": _number(lambda v: repr(str(v))),
    "number by a function": _number(lambda v: f"int({v})"),
    "number in a list": _number(lambda v: f"[{v}]"),
    "imaginary": _number(lambda v: f"{v}j"),
    "true for one": lambda v: "True" if v in (0, 1) and type(v) is not bool else None,
    "one for true": lambda v: str(int(v)) if isinstance(v, bool) else None,
    "true of JSON": lambda v: str(v).lower() if isinstance(v, bool) else None,
    "true in a text": lambda v: repr(str(v)) if isinstance(v, bool) else None,
    "not true": lambda v: f"not {not v}" if isinstance(v, bool) else None,
    "tuple for a list": _list(lambda v: repr(tuple(v))),
    "tuples inside a list": _list(_nested_tuples),
    "set for a list": _list(lambda v: "{" + repr(v)[1:-1] + "}" if v else None),
    "list by a function": _list(lambda v: f"list({v!r})"),
    "list repeated": _list(lambda v: f"{v!r} * 1"),
    "lists added": _list(lambda v: f"{v[:1]!r} + {v[1:]!r}"),
    "list with a star": _list(lambda v: f"[*{v!r}]"),
    "list by comprehension": _list(lambda v: f"[x for x in {v!r}]"),
    "list of JSON in a text": _list(lambda v: repr(json.dumps(v))),
    "list of bare words": _list(
        lambda v: f"[{', '.join(map(str, v))}]" if any(isinstance(i, str) for i in v) else None
    ),
    "list of floats": _list(
        lambda v: repr([float(i) for i in v]) if v and {*map(type, v)} == {int} else None
    ),
    "list of whole numbers": _list(
        lambda v: repr([int(i) for i in v]) if v and {*map(type, v)} == {float} else None
    ),
    "list with a sum": _list(
        lambda v: f"[{v[0]} + 0, {repr(v[1:])[1:]}" if v and type(v[0]) is int else None
    ),
    "list of one for itself": _list(lambda v: repr(v[0]) if len(v) == 1 else None),
    "list with a comma more": _list(lambda v: repr(v)[:-1] + ",]" if v else None),
    "list reversed": _list(lambda v: repr(v[::-1]) if v != v[::-1] else None),
    "dict by keywords": _dict(_keyword_dict),
    "dict with bare keys": _dict(_bare_keys),
    "dict of JSON": _dict(json.dumps),
    "dict with a star": _dict(lambda v: f"{{**{v!r}}}"),
    "dict with a key twice": _dict(lambda v: repr(v)[:-1] + f", {repr(v)[1:]}" if v else None),
    "dict with numbers for keys": _dict(lambda v: repr(dict(enumerate(v.values())))),
    "None": lambda v: "None",
    "null": lambda v: "null",
    "empty text": lambda v: "''",
    "ellipsis": lambda v: "...",
    "value of another call": lambda v: "other()",
    "value of another call with arguments": lambda v: f"other(a={v!r})",
    "element of a name": lambda v: "result[0]",
    "member of a name": lambda v: "result.value",
    "choice": lambda v: f"{v!r} if True else None",
    "comparison": lambda v: f"{v!r} == 1",
    "assignment": lambda v: f"(x := {v!r})",
    "value in parentheses": lambda v: f"({v!r})",
    "placeholder": lambda v: "<value>",
}


def texts(question: Question) -> Iterator[tuple[str, str]]:
    """Kind and text, for every kind that the question allows."""
    chosen = random.Random(f"{SEED} {question.identity}")
    for kind, spell in SPELLINGS.items():
        places = [
            (at, name, spelling)
            for at, call in enumerate(question.calls)
            for name, value in call.arguments.items()
            if (spelling := spell(value)) is not None
        ]
        if places:
            at, name, spelling = chosen.choice(places)
            written = {key: repr(value) for key, value in question.calls[at].arguments.items()}
            yield (
                f"value: {kind}",
                _listed(_changed(question.calls, at, written | {name: spelling})),
            )
    for kind, arguments in _argument_kinds(question, chosen):
        yield f"argument: {kind}", arguments
    calls = list(map(_written, question.calls))
    for kind, text in _around(calls).items():
        yield f"around: {kind}", text


def _argument_kinds(question: Question, chosen: random.Random) -> Iterator[tuple[str, str]]:
    calls = question.calls
    at = chosen.randrange(len(calls)) if calls else 0
    if not calls:
        return
    name, arguments = calls[at].name, calls[at].arguments
    pairs = [f"{key}={value!r}" for key, value in arguments.items()]
    values = list(map(repr, arguments.values()))

    def within(written: Sequence[str]) -> str:
        others = list(map(_written, calls))
        others[at] = f"{name}({', '.join(written)})"
        return _listed(others)

    yield "a position more", within(["'x'", *pairs])
    yield "a position behind", within([*pairs, "'x'"])
    yield "positions", within(values)
    yield "none", within([])
    yield "unpacked list", within(["*args", *pairs])
    yield "unpacked dict", within([*pairs, "**options"])
    yield "all in a dict", within([f"**{dict(arguments)!r}"])
    yield "all in an object", within([repr(dict(arguments))])
    yield "an unknown one", within([*pairs, "verbose=True"])
    yield "a comma more", within([*pairs, ""]) if pairs else within([])
    yield "colons", within([f"{key}: {value!r}" for key, value in arguments.items()])
    yield "quoted names", within([f"'{key}'={value!r}" for key, value in arguments.items()])
    yield "two equals", within([f"{key}=={value!r}" for key, value in arguments.items()])
    yield "blanks around equals", within([f"{key} = {value!r}" for key, value in arguments.items()])
    yield "types", within([f"{key}: str = {value!r}" for key, value in arguments.items()])
    if pairs:
        first, key = pairs[0], next(iter(arguments))
        yield "position first", within([values[0], *pairs[1:]])
        yield "repeated", within([first, *pairs])
        yield "repeated, first another", within([f"{key}='zzz'", *pairs])
        yield "repeated, last another", within([*pairs, f"{key}='zzz'"])
        yield "left out", within(pairs[1:])
        yield "in another case", within([first.capitalize(), *pairs[1:]])
        yield "comment behind", within([*pairs[:-1], f"{pairs[-1]} # as asked\n"])
        yield "reversed", within(pairs[::-1])
    for omissible in list(question.omissible.get(name, ()))[:1]:
        rest = [pair for pair in pairs if not pair.startswith(f"{omissible}=")]
        for kind, text in {
            "empty text": "''",
            "None": "None",
            "empty list": "[]",
            "dot": "'.'",
        }.items():
            yield f"{kind} for one that may be left out", within([*rest, f"{omissible}={text}"])
        yield "one that may be left out left out", within(rest)
    for key, default in list(question.defaults.get(name, {}).items())[:2]:
        rest = [pair for pair in pairs if not pair.startswith(f"{key}=")]
        yield f"default written ({key})"[:15], within([*rest, f"{key}={default!r}"])
        yield "default left out", within(rest)


def _around(calls: Sequence[str]) -> dict[str, str]:
    joined = ", ".join(calls)
    right = f"[{joined}]"
    lines = ",\n    ".join(calls)
    return {
        "lines": f"[\n    {lines}\n]",
        "lines with comments": "[\n" + "".join(f"    {c},  # call\n" for c in calls) + "]",
        "comment behind": f"{right}  # as asked",
        "comment with a bracket behind": f"{right}  # the [list]",
        "comment in the line behind": f"{right}\n# as asked",
        "comment before": f"# as asked\n{right}",
        "comment in the list": f"[# as asked\n{joined}]",
        "words behind": f"{right} is the call.",
        "words in the line behind": f"{right}\n\nThis calls it.",
        "words before": f"Sure: {right}",
        "words before the line": f"Sure, here it is:\n{right}",
        "full stop": f"{right}.",
        "semicolon": f"{right};",
        "no brackets": joined,
        "no opening bracket": f"{joined}]",
        "no closing bracket": f"[{joined}",
        "two brackets": f"[{right}]",
        "closing bracket more": f"{right}]",
        "comma more": f"[{joined},]",
        "comma behind": f"{right},",
        "parentheses": f"({joined})",
        "braces": f"{{{joined}}}",
        "lines without commas": "\n".join(calls),
        "lists": "".join(f"[{call}]" for call in calls),
        "lists in lines": "\n".join(f"[{call}]" for call in calls),
        "lists with commas": ", ".join(f"[{call}]" for call in calls),
        "semicolons between": f"[{'; '.join(calls)}]",
        "and between": f"[{' and '.join(calls)}]",
        "lists added": " + ".join(f"[{call}]" for call in calls),
        "list twice": f"{right}\n{right}",
        "every call twice": f"[{joined}, {joined}]",
        "call of nothing behind": f"[{joined}, done()]",
        "none behind": f"[{joined}, None]",
        "fence": f"```\n{right}\n```",
        "python fence": f"```python\n{right}\n```",
        "fence in a line": f"`{right}`",
        "fence left open": f"```\n{right}",
        "single quotes": f"'{right}'",
        "double quotes": f'"{right}"',
        "calls in quotes": json.dumps(calls if isinstance(calls, list) else list(calls)),
        "assigned": f"result = {right}",
        "printed": f"print({right})",
        "awaited": f"[{', '.join(f'await {call}' for call in calls)}]",
        "numbered": "\n".join(f"{n}. {call}" for n, call in enumerate(calls, 1)),
        "dashes": "\n".join(f"- {call}" for call in calls),
        "bold": f"**{right}**",
        "tags": f"<tool_call>{right}</tool_call>",
        "answer tags": f"<answer>{right}</answer>",
        "blanks before": f"   {right}   ",
        "tab before": f"\t{right}",
        "no-break space before": f"\u00a0{right}",
        "no-break space inside": right.replace("(", "(\u00a0", 1),
        "windows lines": f"[\r\n{joined}\r\n]",
        "cut off": right[: len(right) * 2 // 3],
        "functions in a module": f"[{', '.join(f'functions.{call}' for call in calls)}]",
        "calls of a result": f"[{', '.join(f'api().{call}' for call in calls)}]",
        "calls called": f"[{', '.join(f'{call}()' for call in calls)}]",
        "member of the call": f"[{', '.join(f'{call}.result' for call in calls)}]",
        "first of the list": f"{right}[0]",
        "names only": f"[{', '.join(call.partition('(')[0] for call in calls)}]",
        "dots as underscores": _listed(
            [
                call.partition("(")[0].replace(".", "_") + "(" + call.partition("(")[2]
                for call in calls
            ]
        ),
        "thought in words": f"I need to call one function. {right}",
        "nothing": "",
        "empty list": "[]",
        "refusal": "None of the functions can be used for this.",
        "question": "Which city do you mean?",
    }


def _listed(calls: Sequence[str]) -> str:
    return f"[{', '.join(calls)}]"


def _written(call: Call) -> str:
    return f"{call.name}({', '.join(f'{k}={v!r}' for k, v in call.arguments.items())})"


def _changed(calls: Sequence[Call], at: int, written: Mapping[str, str]) -> list[str]:
    others = list(map(_written, calls))
    others[at] = f"{calls[at].name}({', '.join(f'{k}={v}' for k, v in written.items())})"
    return others
