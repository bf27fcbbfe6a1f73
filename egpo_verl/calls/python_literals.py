r"""Python's string and number literals, read from a place in a text in linear time.

Strings: single, double and triple quotes, prefixes r and u, escapes, neighbours joined. `\N{name}`
is not read. Numbers: integers in any base, floats, underscores, one sign; never a complex number.
"""

from __future__ import annotations

import math
import re

from egpo_verl.calls.bounds import MAX_NUMBER
from egpo_verl.calls.reasons import Reason, Unreadable

_OPEN = re.compile(r"([rRuU]?)('''|\"\"\"|'|\")")
_NEXT = re.compile(r"[ \t\r\n]*(?=[rRuU]?['\"])")
_STOP = {
    "'": re.compile(r"['\\\r\n\0]"),
    '"': re.compile(r'["\\\r\n\0]'),
    "'''": re.compile(r"'''|[\\\0]"),
    '"""': re.compile(r'"""|[\\\0]'),
}
_ESCAPE = re.compile(
    r"\\(?:(\r\n|[\r\n])|([\\'\"abfnrtv])|([0-7]{1,3})"
    r"|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([^xuUN\0]))"
)
_RAW = re.compile(r"\\(?:\r\n|[^\0])", re.DOTALL)
_SHORT = dict(zip("\\'\"abfnrtv", "\\'\"\a\b\f\n\r\t\v", strict=True))
_LINE_END = re.compile(r"\r\n?")

_INTEGER = re.compile(r"[-+]?(?:0[xX][0-9a-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|[0-9][0-9_]*)(?![\w.])")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*|[0-9][0-9_]*(?=[eE]))"
    r"(?:[eE][-+]?[0-9][0-9_]*)?(?![\w.])"
)
_NUMBER_LIKE = re.compile(r"[-+]?\.?[0-9]")


def string(text: str, at: int) -> tuple[str, int]:
    """The string literal at `at`, with those that follow it joined on, and the place after it."""
    parts: list[str] = []
    opened = _OPEN.match(text, at)
    if opened is None:
        raise Unreadable(Reason.NOT_LITERAL)
    while opened is not None:
        part, at = _body(text, opened.end(), opened[2], raw=opened[1] in ("r", "R"))
        parts.append(part)
        gap = _NEXT.match(text, at)
        opened = _OPEN.match(text, gap.end()) if gap else None
    return "".join(parts), at


def number(text: str, at: int) -> tuple[int | float, int]:
    """The number at `at` and the place after it."""
    literal = _INTEGER.match(text, at) or _FLOAT.match(text, at)
    if literal is None:
        misspelt = _NUMBER_LIKE.match(text, at)
        raise Unreadable(Reason.BAD_NUMBER if misspelt else Reason.NOT_LITERAL)
    if literal.end() - at > MAX_NUMBER:
        raise Unreadable(Reason.BAD_NUMBER)
    try:
        if literal.re is _INTEGER:
            return int(literal[0], 0), literal.end()
        value = float(literal[0])
    except ValueError:
        raise Unreadable(Reason.BAD_NUMBER) from None
    if not math.isfinite(value):
        raise Unreadable(Reason.BAD_NUMBER)
    return value, literal.end()


def _body(text: str, at: int, quote: str, *, raw: bool) -> tuple[str, int]:
    """What stands between the quotes, decoded, and the place after the closing quote."""
    parts: list[str] = []
    while True:
        stop = _STOP[quote].search(text, at)
        if stop is None or stop[0] in "\r\n\0":
            raise Unreadable(Reason.SYNTAX)
        parts.append(_line_ends(text[at : stop.start()]))
        if stop[0] == quote:
            return "".join(parts), stop.end()
        escape = (_RAW if raw else _ESCAPE).match(text, stop.start())
        if escape is None:
            raise Unreadable(Reason.SYNTAX)
        parts.append(_line_ends(escape[0]) if raw else _decoded(escape))
        at = escape.end()


def _line_ends(text: str) -> str:
    """Python reads its source with every line end as a newline."""
    return _LINE_END.sub("\n", text) if "\r" in text else text


def _decoded(escape: re.Match[str]) -> str:
    kind, body = escape.lastindex, escape[escape.lastindex or 0]
    if kind == 1:
        return ""
    if kind == 2:
        return _SHORT[body]
    if kind == 7:
        return escape[0]
    code = int(body, 8 if kind == 3 else 16)
    if code > 0x10FFFF:
        raise Unreadable(Reason.SYNTAX)
    return chr(code)
