"""The paper's form: a Python list of calls by keyword with literal values, `[f(a=1, b='x')]`.

The grammar is the literal subset of Python's own expressions:

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
from keyword import iskeyword
from typing import Any
from unicodedata import is_normalized

from egpo_verl.calls.bounds import MAX_CALLS, MAX_DEPTH
from egpo_verl.calls.call import Call
from egpo_verl.calls.python_literals import number, string
from egpo_verl.calls.reasons import Reason, Unreadable

_BLANKS = " \t\r\n"
_SPACE = rf"[{_BLANKS}]*"
_NAME = r"[^\W\d]\w*"

_PLAIN_VALUE = (
    r"(?:'([^'\\\r\n\0]*)'"
    r'|"([^"\\\r\n\0]*)"'
    r"|(-?[0-9]{1,17}\.[0-9]{1,17})"
    r"|(-?(?:0|[1-9][0-9]{0,17}))"
    r"|(True|False|None))"
)

_BLANK = re.compile(_SPACE)
_CALLEE = re.compile(rf"({_NAME}(?:\.{_NAME})*){_SPACE}\({_SPACE}")
_PARAMETER = re.compile(rf"({_NAME}){_SPACE}=(?!=){_SPACE}")
# Nearly every argument and element is one of these; the rest takes the longer way.
_PLAIN_ARGUMENT = re.compile(rf"({_NAME}){_SPACE}={_SPACE}{_PLAIN_VALUE}{_SPACE}([,)]){_SPACE}")
_PLAIN = re.compile(rf"{_PLAIN_VALUE}{_SPACE}(?=[,)\]}}:])")
_WORDS = {"True": True, "False": False, "None": None}
_OPEN_TAG, _CLOSE_TAG = "<answer>", "</answer>"
_CLOSERS = {"[": "]", "(": ")", "{": "}"}


def read_python(text: str) -> tuple[Call, ...]:
    """The calls of `text`, which holds nothing else. Raises `Unreadable`."""
    at = _skip(text, 0)
    if not text.startswith("[", at):
        raise Unreadable(Reason.NO_CALL_LIST)
    at = _skip(text, at + 1)
    calls: list[Call] = []
    while not text.startswith("]", at):
        if len(calls) == MAX_CALLS:
            raise Unreadable(Reason.TOO_MANY)
        call, at = _call(text, at)
        calls.append(call)
        at = _separator(text, _skip(text, at), "]")
    if _skip(text, at + 1) != len(text):
        raise Unreadable(Reason.TEXT_BESIDE_CALLS)
    return tuple(calls)


def write_python(calls: Sequence[Call]) -> str:
    """`[f(a=1, b='x'), g()]`."""
    written = (
        f"{call.name}({', '.join(f'{name}={value!r}' for name, value in call.arguments.items())})"
        for call in calls
    )
    return f"[{', '.join(written)}]"


def read_answer_tag(text: str) -> tuple[Call, ...]:
    """The calls of `<answer>[f(a=1)]</answer>`. Raises `Unreadable`."""
    text = text.strip(_BLANKS)
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


def _skip(text: str, at: int) -> int:
    if not text[at : at + 1].isspace():
        return at
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def _separator(text: str, at: int, closer: str) -> int:
    """The start of the next element after a comma, or the place of the closer itself."""
    if text.startswith(",", at):
        return _skip(text, at + 1)
    if text.startswith(closer, at):
        return at
    raise Unreadable(Reason.SYNTAX)


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
            value, at = _plain_value(single, double, decimal, digits, word), plain.end()
        elif text.startswith(")", at):
            return Call(name, arguments), at + 1
        else:
            end = None
            key, at = _parameter(text, at)
            value, at = _value(text, at, 0)
            at = _separator(text, at, ")")
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


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    """A value and the place after it and the space that follows it."""
    plain = _PLAIN.match(text, at)
    if plain is not None:
        return _plain_value(*plain.groups()), plain.end()
    first = text[at : at + 1]
    value: Any
    if first == "":
        raise Unreadable(Reason.SYNTAX)
    if first in _CLOSERS:
        if depth == MAX_DEPTH:
            raise Unreadable(Reason.TOO_DEEP)
        read = _dict if first == "{" else _list if first == "[" else _tuple
        value, at = read(text, _skip(text, at + 1), depth + 1)
    elif first in "'\"rRuU":
        value, at = string(text, at)
    else:
        value, at = number(text, at)
    return value, _skip(text, at)


def _plain_value(
    single: str | None,
    double: str | None,
    decimal: str | None,
    digits: str | None,
    word: str | None,
) -> Any:
    """The value of the groups of `_PLAIN_VALUE`, of which one matched."""
    if single is not None:
        return single
    if double is not None:
        return double
    if digits is not None:
        return int(digits)
    return _WORDS[word] if word else float(decimal or "")


def _list(text: str, at: int, depth: int, closer: str = "]") -> tuple[list[Any], int]:
    values: list[Any] = []
    while not text.startswith(closer, at):
        value, at = _value(text, at, depth)
        values.append(value)
        at = _separator(text, at, closer)
    return values, at + 1


def _tuple(text: str, at: int, depth: int) -> tuple[Any, int]:
    """A tuple as a list; one value without a comma is that value, as in Python."""
    values, end = _list(text, at, depth, ")")
    before = text[at : end - 1].rstrip(_BLANKS)
    return (values[0] if len(values) == 1 and not before.endswith(",") else values), end


def _dict(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    values: dict[str, Any] = {}
    while not text.startswith("}", at):
        key, at = _value(text, at, depth)
        if not isinstance(key, str):
            raise Unreadable(Reason.NOT_LITERAL)
        if key in values:
            raise Unreadable(Reason.DUPLICATE)
        if not text.startswith(":", at):
            raise Unreadable(Reason.NOT_LITERAL)
        values[key], at = _value(text, _skip(text, at + 1), depth)
        at = _separator(text, at, "}")
    return values, at + 1
