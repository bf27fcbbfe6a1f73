"""Source rows of one dialogue: files of many datasets give a dialogue anew with every turn."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import pyarrow.compute as pc

from egpo_verl.calls import Call
from egpo_verl.datasets.parquet.columns import wholes
from egpo_verl.datasets.sample import Sample

PLAIN = frozenset((str, int, float, bool))
"""Types of values that hold no others."""


def beginnings(sample: Sample) -> array[int]:
    """A digest of the sample's source row after each of its messages; the last is of all.

    The system's messages are left out, and an assistant's words beside calls. Keys that are null
    count as absent, as they are in the structs of parquet.
    """
    digests, digest = array("q"), b""
    for message in sample.dialogue or sample.messages:
        if message["role"] != "system":
            calls = message.get("calls")
            text = _text(calls) if calls else f"{message['role']} {message['content']}".strip()
            digest = _next(digest, text)
            digests.append(int.from_bytes(digest, "big", signed=True))
    if sample.calls and not sample.dialogue:
        digest = _next(digest, _text(sample.calls))
        digests.append(int.from_bytes(digest, "big", signed=True))
    return digests


def _next(digest: bytes, text: str) -> bytes:
    """The digest after one more message."""
    return blake2b(digest + text.encode("utf-8", "replace"), digest_size=8).digest()


def _text(calls: Iterable[Call]) -> str:
    return repr([(call.name, _members(call.arguments)) for call in calls])


def _members(value: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (key, item if type(item) in PLAIN else _without_nulls(item))
        for key, item in sorted(value.items())
        if item is not None
    ]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _members(value)
    return list(map(_without_nulls, value)) if isinstance(value, list) else value


class Dialogues:
    """Source rows that belong together, because the messages of one begin the other.

    Memory grows by 16 bytes a row and 12 a message.
    """

    def __init__(self) -> None:
        self._groups = array("Q")
        self._ends = array("q")
        self._beginnings = array("q")
        self._owners = array("I")

    def add(self, group: int, digests: Sequence[int]) -> None:
        """Enter a source row by its number and its `beginnings`."""
        *before, end = digests
        self._owners.extend([len(self._groups)] * len(before))
        self._beginnings.extend(before)
        self._groups.append(group)
        self._ends.append(end)

    def joined(self) -> dict[int, int]:
        """Source row -> the one that stands for its dialogue, where that is another."""
        parents = array("I", range(len(self._groups)))

        def root(place: int) -> int:
            while parents[place] != place:
                parents[place] = parents[parents[place]]
                place = parents[place]
            return place

        for place, other in self._pairs():
            one, two = sorted((root(place), root(other)))
            parents[two] = one
        groups = self._groups
        roots = ((group, groups[root(place)]) for place, group in enumerate(groups))
        return {group: other for group, other in roots if group != other}

    def _pairs(self) -> Iterator[tuple[int, int]]:
        """Places of rows of which one begins the other, or is as long."""
        ends = wholes(self._ends).dictionary_encode()
        first = array("I")  # place of the first row with each end, which are numbered as they come
        for place, number in enumerate(ends.indices.to_pylist()):
            if number == len(first):
                first.append(place)
            else:
                yield first[number], place
        numbers = pc.index_in(wholes(self._beginnings), value_set=ends.dictionary)
        inside = numbers.is_valid()
        owners = wholes(self._owners).filter(inside)
        for number, owner in zip(numbers.drop_null().to_pylist(), owners.to_pylist(), strict=True):
            yield first[number], owner
