"""When two argument values are the same."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any
from unicodedata import combining, normalize

from egpo_verl.calls.bounds import MAX_DEPTH
from egpo_verl.calls.reasons import Reason, Unreadable

SameText = Callable[[str, str], bool]

_LONG = 31
_LONG_RUN = re.compile(rb"[^\0]{%d}" % _LONG)
_BFCL_IGNORED = re.compile(r"[ \,\.\/\-\_\*\^]")


def exact_text(text: str, expected: str) -> bool:
    """The same characters; composed and decomposed spellings (NFC) are the same."""
    return text == expected or nfc(text) == nfc(expected)


def bfcl_text(text: str, expected: str) -> bool:
    """BFCL's tolerant comparison: case, blanks, `,./-_*^` and the kind of quote do not count."""
    return _standardised(text) == _standardised(expected)


TEXT_COMPARISONS: Mapping[str, SameText] = {"exact": exact_text, "bfcl": bfcl_text}


def equal(value: Any, expected: Any, same_text: SameText = exact_text) -> bool:
    """Whether `value` serves where `expected` is expected.

    A whole number serves for a float of the same value, a float never for a whole number, and a
    boolean is no number. Lists are ordered, tuples are lists, the order of a dict is free.
    """
    if isinstance(expected, str):
        return isinstance(value, str) and same_text(value, expected)
    if expected is None or isinstance(expected, bool):
        return value is expected
    if isinstance(expected, int):
        return type(value) is int and value == expected
    if isinstance(expected, float):
        return type(value) in (int, float) and bool(value == expected)
    if isinstance(expected, list | tuple):
        return (
            isinstance(value, list | tuple)
            and len(value) == len(expected)
            and all(map(lambda v, e: equal(v, e, same_text), value, expected))
        )
    if isinstance(expected, Mapping) and isinstance(value, Mapping) and len(value) == len(expected):
        value = {nfc(key): member for key, member in value.items()}
        return all(
            nfc(key) in value and equal(value[nfc(key)], member, same_text)
            for key, member in expected.items()
        )
    return False


def nfc(text: str) -> str:
    """`text` with composed characters.

    Normalising takes time quadratic in a run of combining marks, so a text with a longer run than
    Unicode's stream-safe format has (30) is left as it is.
    """
    if text.isascii():
        return text
    return normalize("NFC", text) if len(text) < _LONG else _composed(text)


@lru_cache(maxsize=64)
def _composed(text: str) -> str:
    """Cached, since an answer's long text may be held against many expected ones."""
    if _LONG_RUN.search(bytes(map(combining, text))):
        return text
    return normalize("NFC", text)


def check_json(value: Any, levels: int = MAX_DEPTH) -> None:
    """Raise `Unreadable` where `value` is not finite or has more than `levels` levels."""
    if isinstance(value, float):
        if not math.isfinite(value):
            raise Unreadable(Reason.BAD_NUMBER)
    elif isinstance(value, list | dict):
        if levels == 0:
            raise Unreadable(Reason.TOO_DEEP)
        for inner in value.values() if isinstance(value, dict) else value:
            check_json(inner, levels - 1)


@lru_cache(maxsize=64)
def _standardised(text: str) -> str:
    return _BFCL_IGNORED.sub("", nfc(text)).lower().replace("'", '"')
