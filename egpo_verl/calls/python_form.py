"""The paper's form: a Python list of calls by keyword with literal values, `[f(a=1, b='x')]`.

The grammar is the literal subset of Python's expressions:

    list   = "[" [call {"," call} [","]] "]"
    call   = name {"." name} "(" [name "=" value {"," name "=" value} [","]] ")"
    value  = string | number | "True" | "False" | "None"
           | "[" values "]" | "(" values ")" | "{" {string ":" value} "}"

What it accepts, `ast.parse` reads as the same values (tests/test_calls_python_form.py holds the two
against each other). It is read here token by token because `ast.parse` takes 20 ms for 32 kB of
list, needs a deep C stack, and from Python 3.12 prints a warning for every `'\\d'` in an answer.
Space between tokens is blank, tab or line end; comments, bytes and f-strings are no part of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from keyword import iskeyword
from math import isfinite
from typing import Any
from unicodedata import is_normalized

from egpo_verl.calls.bounds import MAX_CALLS
from egpo_verl.calls.call import Call
from egpo_verl.calls.python_values import (
    BLANKS,
    PLAIN_VALUE,
    SPACE,
    plain_value,
    separator,
    skip,
    value_at,
)
from egpo_verl.calls.reasons import Reason, Unreadable

_NAME = r"[^\W\d]\w*(?:[^\w\s\x00-\x7f]\w*)*"
"""A word, also of a script whose vowel signs are no letters; `is_python_name` has the last word."""


_CALLEE = re.compile(rf"({_NAME}(?:\.{_NAME})*){SPACE}\({SPACE}")
_PARAMETER = re.compile(rf"({_NAME}){SPACE}=(?!=){SPACE}")
# Nearly every argument and element is one of these; the rest takes the longer way.
_PLAIN_ARGUMENT = re.compile(rf"({_NAME}){SPACE}={SPACE}{PLAIN_VALUE}{SPACE}([,)]){SPACE}")
_PLAIN_INT = 10**17
_OPEN_TAG, _CLOSE_TAG = "<answer>", "</answer>"


def read_python(text: str) -> tuple[Call, ...]:
    """The calls of `text`, which holds nothing else. Raises `Unreadable`."""
    at = skip(text, 0)
    if not text.startswith("[", at):
        raise Unreadable(Reason.NO_CALL_LIST)
    at = skip(text, at + 1)
    calls: list[Call] = []
    while not text.startswith("]", at):
        if len(calls) == MAX_CALLS:
            raise Unreadable(Reason.TOO_MANY)
        call, at = _call(text, at)
        calls.append(call)
        at = separator(text, skip(text, at), "]")
    if skip(text, at + 1) != len(text):
        raise Unreadable(Reason.TEXT_BESIDE_CALLS)
    return tuple(calls)


def write_python(calls: Sequence[Call]) -> str:
    """`[f(a=1, b='x'), g()]`."""
    written = (
        f"{call.name}({', '.join(f'{name}={value!r}' for name, value in call.arguments.items())})"
        for call in calls
    )
    return f"[{', '.join(written)}]"


def is_plain(calls: Sequence[Call]) -> bool:
    """Whether what is written of `calls` surely reads back as it is; False leaves that open.

    Most calls are so plain: identifiers for names; numbers, words, texts without escapes, and lists
    of these for values; nothing of a class derived from these, which may write itself otherwise.
    """
    return len(calls) <= MAX_CALLS and all(map(_is_plain_call, calls))


def read_answer_tag(text: str) -> tuple[Call, ...]:
    """The calls of `<answer>[f(a=1)]</answer>`. Raises `Unreadable`."""
    text = text.strip(BLANKS)
    if not text.startswith(_OPEN_TAG):
        raise Unreadable(Reason.NO_CALL_LIST)
    if not text.endswith(_CLOSE_TAG):
        raise Unreadable(Reason.TEXT_BESIDE_CALLS if _CLOSE_TAG in text else Reason.SYNTAX)
    return read_python(text[len(_OPEN_TAG) : -len(_CLOSE_TAG)])


def write_answer_tag(calls: Sequence[Call]) -> str:
    """`<answer>[f(a=1, b='x'), g()]</answer>`."""
    return f"{_OPEN_TAG}{write_python(calls)}{_CLOSE_TAG}"


def is_python_name(name: str, *, dotted: bool = False) -> bool:
    """Whether Python spells `name` as it is: as a keyword argument, or (`dotted`) as a function."""
    if dotted and "." in name:
        return all(map(is_python_name, name.split(".")))
    if iskeyword(name) or not name.isidentifier():
        return False
    # Python folds identifiers to NFKC, so any other spelling would mean another name.
    return name.isascii() or is_normalized("NFKC", name)


def _is_plain_call(call: Call) -> bool:
    names = (call.name, *call.arguments)
    return (
        type(call) is Call
        and type(call.arguments) is dict
        and set(map(type, names)) == {str}
        and all(map(_is_plain_name, names))
        and all(map(_is_plain_value, call.arguments.values()))
    )


@lru_cache(maxsize=4096)
def _is_plain_name(name: str) -> bool:
    return name.isascii() and is_python_name(name)


def _is_plain_value(value: Any) -> bool:
    return all(map(_is_plain_scalar, value)) if type(value) is list else _is_plain_scalar(value)


def _is_plain_scalar(value: Any) -> bool:
    if type(value) is str:
        return value.isprintable() and "'" not in value and "\\" not in value
    if type(value) is int:
        return -_PLAIN_INT < value < _PLAIN_INT
    return value is None or type(value) is bool or (type(value) is float and isfinite(value))


def _call(text: str, at: int) -> tuple[Call, int]:
    callee = _CALLEE.match(text, at)
    if callee is None:
        raise Unreadable(Reason.NO_CALL_LIST)
    name, at = callee[1], callee.end()
    if not is_python_name(name, dotted=True):
        raise Unreadable(Reason.BAD_NAME)
    arguments: dict[str, Any] = {}
    while True:
        plain = _PLAIN_ARGUMENT.match(text, at)
        if plain is not None:
            key, single, double, decimal, digits, word, end = plain.groups()
            value, at = plain_value(single, double, decimal, digits, word), plain.end()
        elif text.startswith(")", at):
            return Call(name, arguments), at + 1
        else:
            end = None
            key, at = _parameter(text, at)
            value, at = value_at(text, at)
            at = separator(text, at, ")")
        if key in arguments:
            raise Unreadable(Reason.DUPLICATE)
        # Its pattern leaves an ASCII name only one way to be wrong.
        if iskeyword(key) or not (key.isascii() or is_python_name(key)):
            raise Unreadable(Reason.BAD_NAME)
        arguments[key] = value
        if end == ")":
            return Call(name, arguments), at


def _parameter(text: str, at: int) -> tuple[str, int]:
    parameter = _PARAMETER.match(text, at)
    if parameter is None:
        raise Unreadable(Reason.POSITIONAL if at < len(text) else Reason.SYNTAX)
    return parameter[1], parameter.end()
