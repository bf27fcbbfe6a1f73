"""`[Market Trends API(country="us"), f(a-b=1)]`: calls in brackets with names of any kind.

Python's grammar cannot read such names, and the call form of training renames them; here they
are read as they stand, guided by the names of the functions offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from egpo_verl.calls.call import Call
from egpo_verl.datasets.reading.literals import literal
from egpo_verl.datasets.unusable import Unusable

BARE = re.compile(r"\w[^\"'()\[\]{}=]*")
OPEN, CLOSE, QUOTES = "([{", ")]}", "\"'"


def is_bracketed(text: str) -> bool:
    """Whether the text means to be calls in brackets (well written or not)."""
    text = text.strip()
    return text.startswith("[") and text.endswith(")]") and "(" in text


def bracketed_calls(text: str, names: Iterable[str], bare: bool = False) -> tuple[Call, ...]:
    """The calls.

    Args:
        names: those of the functions offered.
        bare: read `city=New York` as a text, where the dataset forgets quotes.

    Raises:
        Unusable: it cannot be read.
    """
    offered = sorted(names, key=len, reverse=True)
    inside, calls = text.strip()[1:-1], []
    for piece in _split(inside):
        name = next((name for name in offered if _calls(piece, name)), piece.partition("(")[0])
        rest = piece[len(name) :].strip()
        if not name.strip() or not rest.startswith("(") or not rest.endswith(")"):
            raise Unusable("bad_calls", f"not a call: {piece[:60]!r}")
        calls.append(Call(name.strip(), dict(_argument(item, bare) for item in _split(rest[1:-1]))))
    return tuple(calls)


def _calls(piece: str, name: str) -> bool:
    return piece.startswith(name) and piece[len(name) :].lstrip().startswith("(")


def _argument(piece: str, bare: bool) -> tuple[str, object]:
    name, equals, value = piece.partition("=")
    if not equals:
        raise Unusable("bad_calls", f"no name before {piece[:60]!r}")
    try:
        return name.strip(), literal(value.strip())
    except ValueError as error:
        if bare and BARE.fullmatch(value.strip()):
            return name.strip(), value.strip()
        raise Unusable("bad_calls", str(error)) from error


def _split(text: str) -> list[str]:
    """The parts between commas that stand in no bracket and in no quotes; raises `Unusable`.

    A quote opens a text only inside brackets or after `=`: a function may be called
    "User's Feed".
    """
    parts, start, depth, quote, last, escaped = [], 0, 0, "", "", False
    for position, sign in enumerate(text):
        if quote:
            quote = "" if sign == quote and not escaped else quote
            escaped = sign == "\\" and not escaped
        elif sign in QUOTES and (depth or last == "="):
            quote = sign
        elif sign in OPEN:
            depth += 1
        elif sign in CLOSE:
            depth -= 1
        elif sign == "," and not depth:
            parts.append(text[start:position].strip())
            start = position + 1
        last = last if sign.isspace() else sign
    if depth or quote:
        raise Unusable("bad_calls", f"brackets or quotes are left open in {text[:60]!r}")
    parts.append(text[start:].strip())
    return [part for part in parts if part]
