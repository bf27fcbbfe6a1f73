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


def exact_text(given: str, wanted: str) -> bool:
    """The same characters; composed and decomposed spellings (NFC) are the same."""
    return given == wanted or nfc(given) == nfc(wanted)


def bfcl_text(given: str, wanted: str) -> bool:
    """BFCL's tolerant comparison: case, blanks, `,./-_*^` and the kind of quote do not count."""
    return _standardised(given) == _standardised(wanted)


TEXT_COMPARISONS: Mapping[str, SameText] = {"exact": exact_text, "bfcl": bfcl_text}


def equal(given: Any, wanted: Any, same_text: SameText = exact_text) -> bool:
    """Whether `given` serves where `wanted` is wanted.

    A whole number serves for a float of the same value, a float never for a whole number, and a
    boolean is no number. Lists are ordered, tuples are lists, the order of a dict is free.
    """
    if isinstance(wanted, str):
        return isinstance(given, str) and same_text(given, wanted)
    if wanted is None or isinstance(wanted, bool):
        return given is wanted
    if isinstance(wanted, int):
        return type(given) is int and given == wanted
    if isinstance(wanted, float):
        return type(given) in (int, float) and bool(given == wanted)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(given, list | tuple)
            and len(given) == len(wanted)
            and all(map(lambda g, w: equal(g, w, same_text), given, wanted))
        )
    if isinstance(wanted, Mapping) and isinstance(given, Mapping) and len(given) == len(wanted):
        given = {nfc(key): value for key, value in given.items()}
        return all(
            nfc(key) in given and equal(given[nfc(key)], value, same_text)
            for key, value in wanted.items()
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
    """Cached, since an answer's long text may be held against many that are wanted."""
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
