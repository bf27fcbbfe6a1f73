"""Functions that are spoken of, with brackets behind their names, but not called.

Prose names a function and its parameters: `weather()`, `weather(city)`, `weather(city=...)`,
`weather(city, unit=None)`. None of these is a call, unless it stands alone on its line without
types, or, where the function needs no arguments, is announced or a sentence of its own: `I'll call
now().`, `OK. now()`.
"""

from __future__ import annotations

import re

from egpo_verl.calls.announcements import announced_places, stands_apart
from egpo_verl.calls.signatures import NOTHING, is_signature, is_typed
from egpo_verl.calls.type_names import Schema

_BLANKS = " \t\r\xa0;`"
# What is in brackets; and behind them the end of the line, or of what is said of the function.
_BRACKETS = re.compile(
    rf"""(?P<content>[^()]{{0,200}})\)(?:
        (?P<line>[{_BLANKS}]*(?:\n|\Z))
        | (?P<sentence>[`'"*]*(?:[.!;…。！]+(?=\s|\Z)|[ \t]*\r?(?:\n|\Z)))
        | (?P<clause>[`'"*]*[ \t]+(?:to|for|and)\b)
    )?""",
    re.VERBOSE,
)


class Mentions:
    """What speaks of functions in one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._announced: frozenset[int] | None = None

    def hold(self, start: int, inside: int, schema: Schema) -> bool:
        """Whether a name with brackets is one of them.

        Args:
            start: where the name starts.
            inside: the place behind its opening bracket.
            schema: of its arguments.
        """
        brackets = _BRACKETS.match(self._text, inside)
        if brackets is None:
            return False
        content = brackets["content"].strip()
        if not content and self._text[start - 1 : start] == "[":
            return False
        if content not in NOTHING and not is_signature(content, schema.get("properties", ())):
            return False
        behind = brackets.lastgroup
        if behind == "content" or is_typed(content):
            return True
        if behind == "line" and opens_line(self._text, start):
            return False
        if content or schema.get("required"):
            return True
        if behind != "clause" and stands_apart(self._text, start):
            return False
        if self._announced is None:
            self._announced = announced_places(self._text)
        return start not in self._announced


def opens_line(text: str, start: int) -> bool:
    """Whether nothing but blanks stands before `start` on its line."""
    while start and text[start - 1] in _BLANKS:
        start -= 1
    return not start or text[start - 1] == "\n"
