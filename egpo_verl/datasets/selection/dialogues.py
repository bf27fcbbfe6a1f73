"""Source rows of one dialogue: files of many datasets give a dialogue anew with every turn."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow.compute as pc

from egpo_verl.datasets.parquet.columns import wholes
from egpo_verl.datasets.sample import Message, Sample


def beginnings(sample: Sample) -> array[int]:
    """A digest of the sample's source row after each of its messages; the last is of all.

    The system's messages are left out, and an assistant's words beside calls. Keys that are null
    count as absent, as they are in the structs of parquet.
    """
    messages: Sequence[Message] = sample.dialogue or sample.messages
    if not sample.dialogue and sample.calls:
        messages = (*messages, {"role": "assistant", "content": "", "calls": sample.calls})
    digests, digest = array("q"), b""
    for message in messages:
        if message["role"] != "system":
            digest = hashlib.blake2b(digest + _bytes(message), digest_size=8).digest()
            digests.append(int.from_bytes(digest, "big", signed=True))
    return digests


def _bytes(message: Message) -> bytes:
    text: Any = " ".join(str(message["content"]).split())
    if "calls" in message:
        text = repr([(call.name, _without_nulls(call.arguments)) for call in message["calls"]])
    return f"{message['role']}\n{text}".encode("utf-8", "replace")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, Mapping):
        return [
            (key, _without_nulls(value[key])) for key in sorted(value) if value[key] is not None
        ]
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
