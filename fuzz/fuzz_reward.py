"""Coverage-guided fuzzing of the reward: `python fuzz/fuzz_reward.py fuzz/corpus -runs=1000000`.

Needs atheris (wheels for Python 3.11 and 3.12). The first byte of an input and the length of the
response choose the row, the byte also the form and who opens the thought, or puts one before; the
rest is the response.

Besides an exception, a finding is: keys that change, a score that is neither 0 nor 1, a stage
passed after one that failed, an answer that only the exact comparison takes, calls that cannot be
written and read back, or calls that Python's parser reads differently.
"""

from __future__ import annotations

import ast
import json
import sys
import warnings
from typing import Any

import atheris

with atheris.instrument_imports(include=["egpo_verl"]):
    from egpo_verl.calls import FORMS, Call, contains_call, parse, render
    from egpo_verl.calls.thought import answer_of
    from egpo_verl.reward import Reason, compute_score

TOOLS = json.dumps(
    [
        {"name": "f", "parameters": {"a": {"type": "int"}, "b": {"type": "str", "default": "x"}}},
        {
            "name": "g",
            "parameters": {"l": {"type": "List[float]"}, "d": {"type": "dict, optional"}},
        },
        {
            "name": "h",
            "parameters": {
                "type": "object",
                "properties": {
                    "é": {"type": ["integer", "null"], "minimum": 0},
                    "k": {"type": "string", "enum": ["x", "é"], "default": "é"},
                },
                "additionalProperties": {"type": "string"},
            },
        },
        {
            "name": "m",
            "parameters": {
                "type": "object",
                "properties": {
                    "n": {"anyOf": [{"$ref": "#/$defs/N"}, {"type": "null"}], "default": None},
                    "o": {"$ref": "#/$defs/N", "default": {}},
                    "u": {
                        "oneOf": [
                            {"type": "array", "items": {"type": "number"}},
                            {"type": "string"},
                        ]
                    },
                },
                "allOf": [{"properties": {"p": {"type": "number", "default": 1}}}],
                "$defs": {
                    "N": {
                        "type": "object",
                        "properties": {
                            "x": {"type": "number", "default": 0},
                            "n": {"$ref": "#/$defs/N"},
                        },
                    }
                },
            },
        },
    ]
)
ROWS = [
    '[{"name": "f", "arguments": {"a": 1, "b": "é"}}, {"name": "g", "arguments": {"l": [0.5, 1]}}]',
    '[{"name": "g", "arguments": {"l": [], "d": {"k": [null, true, {"m": "x"}]}}}]',
    '{"calls": [{"name": "f", "arguments": {"a": [1, 2], "b": [""]}, "omissible": ["b"]}]}',
    "[]",
    '{"calls": [{"name": "f", "arguments": {"a": [1], "b": ["x y", 1.5]}}], "rules": "bfcl"}',
    '{"calls": [], "rules": "bfcl"}',
    '{"calls": [], "rules": "bfcl", "any_call": true}',
    '{"calls": [{"name": "f", "arguments": {"a": [1, 2]}}, {"name": "f", "arguments": {"a": [1]}},'
    ' {"name": "h", "arguments": {"é": [3], "z": ["A-b"]}, "omissible": ["z"]}]}',
    '[{"name": "m", "arguments": {"n": {"n": {"x": 5}}, "u": [1, 2.5]}}]',
    '{"calls": [{"name": "m", "arguments": {"o": [{}, {"x": 3}], "p": [2]}, "omissible": ["o"]}]}',
]
KEYS = ["score", "acc", "format_ok", "parse_ok", "schema_ok", "match_ok", "num_calls", "reason"]
STAGES = KEYS[2:6]


def test_one_input(data: bytes) -> None:
    """One input of the fuzzer; any exception is a finding."""
    if not data:
        return
    choice, response = data[0], data[1:].decode("utf-8", "replace")
    row = ROWS[(choice % 4 + (4 if choice & 32 else 0) + len(response)) % len(ROWS)]
    form, opened = FORMS[choice // 4 % len(FORMS)], choice >= 128
    if choice & 64:
        response = f"<think>So.</think>{response}"
    info = {"tools": TOOLS, "call_form": form, "think_in_prompt": opened}
    result = compute_score("fuzz", response, row, info)
    stages = [result[name] for name in STAGES]
    assert list(result) == KEYS
    assert result["score"] in (0.0, 1.0)
    assert (result["score"] == 1.0) == (Reason(result["reason"]) is Reason.OK)
    assert stages == sorted(stages, reverse=True) or "rules" in row
    tolerant = compute_score("fuzz", response, row, info, strings="bfcl")
    assert tolerant["score"] >= result["score"]
    check_calls(response, form)
    answer = answer_of(response, opened)
    if result["num_calls"] and isinstance(answer, str):
        check_calls(answer, form)


def check_calls(text: str, form: str) -> None:
    """What is read can be written and read again, and Python reads the same."""
    calls = parse(text, form).calls
    if not calls:
        return
    assert contains_call(text)
    assert plain(parse(render(calls, form), form).calls or ()) == plain(calls)
    if form == "python":
        assert plain(by_ast(text)) == plain(calls)


def plain(calls: Any) -> str:
    """As text that tells True from 1 and 1 from 1.0."""
    return repr([(call.name, call.arguments) for call in calls])


def by_ast(text: str) -> list[Call]:
    """A literal-only walk over Python's syntax tree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree: Any = ast.parse(text.strip(" \t\r\n"), mode="eval").body
        return [
            Call(ast.unparse(c.func), {k.arg: lists(ast.literal_eval(k.value)) for k in c.keywords})
            for c in tree.elts
        ]


def lists(value: Any) -> Any:
    """`value` with tuples as lists."""
    if isinstance(value, list | tuple):
        return [lists(item) for item in value]
    if isinstance(value, dict):
        return {key: lists(item) for key, item in value.items()}
    return value


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
