"""Functions that are spoken of, with brackets behind their names, but not called.

Prose names a function and its parameters: `weather()`, `weather(city)`, `weather(city=...)`,
`weather(city, unit=None)`. None of these is a call, unless it stands alone on its line, or is
announced where the function needs no arguments: `I'll call now().`
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cached_property

from egpo_verl.calls.type_names import Schema

_LONGEST = 200
_PLURALS = frozenset({"s", "es", "ies"})
_PLACEHOLDER = re.compile(r"[\"']?(?:\.\.\.|…|<[^<>]*>)[\"']?|None|null")
_BLANKS = " \t\r\xa0;`"
_LINE_END = re.compile(rf"[{_BLANKS}]*(?:\n|\Z)")
_AHEAD = r"I(?:['’]|\s+wi)ll|I(?:['’]|\s+a)m|let\s+me|let['’]s|let\s+us"
_ADVERBS = r"(?:now|just|first|then|also|next|be|going\s+to|go\s+ahead\s+and)"
_CALLING = r"(?:call|run|use|using|invok|execut)(?:e|ing)?"
_LABELS = (
    r"sure|ok|okay|yes|alright|certainly|of\s+course|done|here|here\s+you\s+go|here\s+it\s+is|"
    r"(?:the\s+)?(?:function|tool)(?:\s+call)?|call|calling|action|answer|output|response|"
    r"result|executing|running|invoking|next|now|first|then"
)
_ANNOUNCEMENT = re.compile(
    rf"""(?:
        \b(?:{_AHEAD})\s+(?:{_ADVERBS}\s+)*{_CALLING}\s+(?:the\s+)?(?:(?:function|tool|api)\s+)?
        | ^[ \t>*_#-]*(?:calling|running|using|invoking|executing)\s+
        | ^[ \t>*_#-]*(?:{_LABELS})(?:[,.!]\s+(?:{_LABELS}))?[*_]*\s*:[*_]*\s*(?:[-*•]\s+)?
    )[`'"*]*""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_CONCLUSION = re.compile(
    r"[`'\"*]*(?:[.!;…。！]+(?=\s|\Z)|[ \t\r]*(?:\n|\Z)|[ \t]+(?:to|for|and|then)\b)"
)


class Mentions:
    """What speaks of functions in one text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def is_mention(self, start: int, inside: int, schema: Schema) -> bool:
        """Whether a name with brackets is only spoken of.

        Args:
            start: where the name starts.
            inside: the place behind its opening bracket.
            schema: of its arguments.
        """
        text = self._text
        end = text.find(")", inside, inside + _LONGEST)
        if end < 0:
            return False
        content = text[inside:end].strip()
        if not content and text[start - 1 : start] == "[":
            return False
        if content not in _PLURALS and not _is_signature(content, schema.get("properties", ())):
            return False
        if _LINE_END.match(text, end + 1) and opens_line(text, start):
            return False
        needs_nothing = not content and not schema.get("required")
        return not (needs_nothing and self._is_announced(start, end + 1))

    def _is_announced(self, start: int, end: int) -> bool:
        """Whether a call is announced by what stands before it, and nothing is said of it after."""
        return _CONCLUSION.match(self._text, end) is not None and start in self._announced

    @cached_property
    def _announced(self) -> frozenset[int]:
        """The places behind all announcements."""
        return frozenset(match.end() for match in _ANNOUNCEMENT.finditer(self._text))


def opens_line(text: str, start: int) -> bool:
    """Whether nothing but blanks stands before `start` on its line."""
    while start and text[start - 1] in _BLANKS:
        start -= 1
    return not start or text[start - 1] == "\n"


def _is_signature(content: str, parameters: Collection[str]) -> bool:
    """Whether brackets hold nothing, dots, or names of parameters.

    Some may have a default, where another has none: no call has a parameter's bare name for a
    value.

    >>> [_is_signature(text, {"city", "unit"}) for text in ("...", "city: str", "city, unit='C'")]
    [True, True, True]
    >>> [_is_signature(text, {"city", "unit"}) for text in ("'Paris'", "city='Paris'", "town")]
    [False, False, False]
    """
    if content in ("", "...", "…"):
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
