"""Literal values of the Python form, read from a place in a text, and the space around them."""

from __future__ import annotations

import re
from typing import Any

from egpo_verl.calls.bounds import MAX_DEPTH
from egpo_verl.calls.python_literals import number, string
from egpo_verl.calls.reasons import Reason, Unreadable

BLANKS = " \t\r\n"
SPACE = rf"[{BLANKS}]*"
PLAIN_VALUE = (
    r"(?:'([^'\\\r\n\0]*)'"
    r'|"([^"\\\r\n\0]*)"'
    r"|(-?[0-9]{1,17}\.[0-9]{1,17})"
    r"|(-?(?:0|[1-9][0-9]{0,17}))"
    r"|(True|False|None))"
)
"""Nearly every argument and element is one of these; its groups are what `plain_value` takes."""

_BLANK = re.compile(SPACE)
_PLAIN = re.compile(rf"{PLAIN_VALUE}{SPACE}(?=[,)\]}}:])")
_WORDS = {"True": True, "False": False, "None": None}
_CLOSERS = {"[": "]", "(": ")", "{": "}"}


def skip(text: str, at: int) -> int:
    """The first place from `at` on that is not blank."""
    if not text[at : at + 1].isspace():
        return at
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


def separator(text: str, at: int, closer: str) -> int:
    """The start of the next element after a comma, or the place of the closer itself."""
    if text.startswith(",", at):
        return skip(text, at + 1)
    if text.startswith(closer, at):
        return at
    raise Unreadable(Reason.SYNTAX)


def value_at(text: str, at: int, depth: int = 0) -> tuple[Any, int]:
    """A value and the place after it and the space that follows it."""
    plain = _PLAIN.match(text, at)
    if plain is not None:
        return plain_value(*plain.groups()), plain.end()
    first = text[at : at + 1]
    value: Any
    if first == "":
        raise Unreadable(Reason.SYNTAX)
    if first in _CLOSERS:
        if depth == MAX_DEPTH:
            raise Unreadable(Reason.TOO_DEEP)
        read = _dict if first == "{" else _list if first == "[" else _tuple
        value, at = read(text, skip(text, at + 1), depth + 1)
    elif first in "'\"rRuU":
        value, at = string(text, at)
    else:
        value, at = number(text, at)
    return value, skip(text, at)


def plain_value(
    single: str | None,
    double: str | None,
    decimal: str | None,
    digits: str | None,
    word: str | None,
) -> Any:
    """The value of the groups of `PLAIN_VALUE`, of which one matched."""
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
        value, at = value_at(text, at, depth)
        values.append(value)
        at = separator(text, at, closer)
    return values, at + 1


def _tuple(text: str, at: int, depth: int) -> tuple[Any, int]:
    """A tuple as a list; one value without a comma is that value, as in Python."""
    values, end = _list(text, at, depth, ")")
    before = text[at : end - 1].rstrip(BLANKS)
    return (values[0] if len(values) == 1 and not before.endswith(",") else values), end


def _dict(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    values: dict[str, Any] = {}
    while not text.startswith("}", at):
        key, at = value_at(text, at, depth)
        if not isinstance(key, str):
            raise Unreadable(Reason.NOT_LITERAL)
        if key in values:
            raise Unreadable(Reason.DUPLICATE)
        if not text.startswith(":", at):
            raise Unreadable(Reason.NOT_LITERAL)
        values[key], at = value_at(text, skip(text, at + 1), depth)
        at = separator(text, at, "}")
    return values, at + 1
