"""Values of arguments in one spelling each, so that values that mean the same look the same."""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

from egpo_verl.calls.values import nfc

PLAIN = frozenset((int, bool, type(None)))
"""Types of values that have one spelling."""


def plain_members(members: Mapping[Any, Any]) -> list[str]:
    """The members of an object as texts, in the order of their keys; nulls count as absent."""
    return [repr(member) for member in _members(members)]


def _members(members: Mapping[Any, Any]) -> list[tuple[str, Any]]:
    # Keys that are no texts are marks of `egpo_verl.calls.shapes`.
    named = [
        (nfc(key), _plain(value))
        for key, value in members.items()
        if value is not None and type(key) is str
    ]
    return sorted(named, key=itemgetter(0))


def _plain(value: Any) -> Any:
    """Numbers by value, texts composed and with `\n` at line ends, objects as sorted members."""
    kind = type(value)
    if kind is str:
        return nfc(value).replace("\r\n", "\n")
    if kind in PLAIN:
        return value
    if kind is float:
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return _members(value)
    return list(map(_plain, value)) if isinstance(value, list | tuple) else value
