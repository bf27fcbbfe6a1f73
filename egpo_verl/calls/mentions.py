"""Functions that are spoken of, with brackets behind their names, but not called.

Prose names a function and its parameters: `weather()`, `weather(city)`, `weather(city=...)`,
`weather(city, unit=None)`. None of these is a call, unless it stands alone on its line, or is
announced where the function needs no arguments: `I'll call now().`
"""

from __future__ import annotations

import re
from collections.abc import Collection

from egpo_verl.calls.announcements import announced_places
from egpo_verl.calls.type_names import Schema

_BLANKS = " \t\r\xa0;`"
# What is in brackets; and behind them the end of the line, or of what is said of the function.
_BRACKETS = re.compile(
    rf"""(?P<content>[^()]{{0,200}})\)(?:
        (?P<line>[{_BLANKS}]*(?:\n|\Z))
        | (?P<sentence>[`'"*]*(?:[.!;…。！]+(?=\s|\Z)|[ \t]*\r?(?:\n|\Z)|[ \t]+(?:to|for|and)\b))
    )?""",
    re.VERBOSE,
)
_NOTHING = frozenset({"", "...", "…"})
_PLURALS = frozenset({"s", "es", "ies"})
_PLACEHOLDER = re.compile(r"[\"']?(?:\.\.\.|…|<[^<>]*>)[\"']?|None|null")


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
        if content not in _NOTHING and not _is_signature(content, schema.get("properties", ())):
            return False
        behind = brackets.lastgroup
        if behind == "content":
            return True
        if behind == "line" and opens_line(self._text, start):
            return False
        if content or schema.get("required"):
            return True
        if self._announced is None:
            self._announced = announced_places(self._text)
        return start not in self._announced


def opens_line(text: str, start: int) -> bool:
    """Whether nothing but blanks stands before `start` on its line."""
    while start and text[start - 1] in _BLANKS:
        start -= 1
    return not start or text[start - 1] == "\n"


def _is_signature(content: str, parameters: Collection[str]) -> bool:
    """Whether brackets hold names of parameters, or the ending of a plural.

    Some may have a default, where another has none: no call has a parameter's bare name for a
    value.

    >>> [_is_signature(text, {"city", "unit"}) for text in ("city: str", "city, unit='C'", "es")]
    [True, True, True]
    >>> [_is_signature(text, {"city", "unit"}) for text in ("'Paris'", "city='Paris'", "town")]
    [False, False, False]
    """
    if content in _PLURALS:
        return True
    has_values, has_names = False, False
    for part in content.split(","):
        parameter, equals, value = part.partition("=")
        if parameter.partition(":")[0].strip() not in parameters:
            return False
        if not equals:
            has_names = True
        elif not _PLACEHOLDER.fullmatch(value.strip()):
            has_values = True
    return has_names or not has_values
