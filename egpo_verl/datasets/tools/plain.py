"""Values of arguments in one spelling each, so that values that mean the same look the same."""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from egpo_verl.calls.values import nfc

ONE_SPELLING = frozenset((int, bool, type(None)))
"""Types of values that have one spelling."""
_OTHER_SPELLING = re.compile(r"\\|\.0|e\+|None|\{").search
"""Finds what may be spelled in another way in the text of a list."""


def plain_text(value: Any) -> str:
    """A text that is equal for values that mean the same.

    Numbers go by value, texts are composed with `\n` at line ends, and objects are their members
    in the order of the keys, of which one that is null counts as absent.
    """
    kind = type(value)
    # For values as JSON has them, what follows gives the same as the last line, and faster.
    if kind is int or (kind is str and value.isascii() and "\r" not in value):
        return repr(value)
    if kind is list or kind is dict:
        try:
            text = repr(value if kind is list else sorted(value.items()))
        except TypeError:  # keys that are no texts
            return repr(_plain(value))
        if text.isascii() and not _OTHER_SPELLING(text):
            return text
    return repr(_plain(value))


def _plain(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return nfc(value).replace("\r\n", "\n")
    if kind in ONE_SPELLING:
        return value
    if kind is float:
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        # Keys that are no texts are marks of `egpo_verl.calls.shapes`.
        members = {
            nfc(key): _plain(item)
            for key, item in value.items()
            if item is not None and type(key) is str
        }
        return sorted(members.items(), key=itemgetter(0))
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value
