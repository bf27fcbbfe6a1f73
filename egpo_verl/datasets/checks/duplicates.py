"""Rows that say the same, or nearly the same, as an earlier row."""

from __future__ import annotations

from array import array
from importlib import import_module
from typing import Any

from egpo_verl.datasets.checks.words import runs, words_of
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError

SHINGLE = 3
"""Words of one shingle: what near duplicates are compared by."""
PERMUTATIONS = 128


def signature(sample: Sample) -> Any:
    """MinHash of all that stands in the prompt after the system message, in 3-word shingles.

    Raises:
        UserError: the library is not installed.
    """
    words = [
        word
        for message in sample.messages
        if message["role"] != "system"
        for text in (str(message["content"]), *map(repr, message.get("calls", ())))
        for word in words_of(text)
    ]
    minhash = _library().MinHash(PERMUTATIONS)
    minhash.update_batch([shingle.encode() for shingle in list(runs(words, SHINGLE)) or words])
    return minhash


class Digests:
    """A set of 64-bit digests in 11 to 22 bytes each, where Python's own takes some 80."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 << 10))
        self._count = 0

    def add(self, digest: int) -> bool:
        """Whether it was not there before."""
        if not _put(self._slots, digest or 1):
            return False
        self._count += 1
        if 4 * self._count > 3 * len(self._slots):
            larger = array("Q", bytes(2 * 8 * len(self._slots)))
            for known in filter(None, self._slots):
                _put(larger, known)
            self._slots = larger
        return True


def _put(slots: array[int], digest: int) -> bool:
    """Put `digest` into the first free slot at or after its place, and tell whether it is new.

    A slot of 0 is free; the number of slots is a power of 2.
    """
    last = len(slots) - 1
    place = digest & last
    while slots[place]:
        if slots[place] == digest:
            return False
        place = (place + 1) & last
    slots[place] = digest
    return True


class Duplicates:
    """What has been seen so far; memory grows by some 20 bytes a row, 12 kB with `threshold`."""

    def __init__(self, threshold: float | None = None) -> None:
        """`threshold`: the overlap (Jaccard) of shingles from which rows are near duplicates."""
        self._seen = Digests()
        self.threshold = threshold
        self._near = None
        if threshold is not None:
            self._near = _library().MinHashLSH(threshold=threshold, num_perm=PERMUTATIONS)

    def admit(self, key: int, near: Any = None, dialogue: int | None = None) -> None:
        """Remember a row by its digest and signature; raises `Unusable` where it is not new.

        Each turn of a dialogue repeats the turns before it, so rows of one `dialogue` are no near
        duplicates of one another.
        """
        if not self._seen.add(key):
            raise Unusable("duplicate")
        if self._near is not None and near is not None:
            if any(dialogue is None or other != dialogue for other, _ in self._near.query(near)):
                raise Unusable("near_duplicate")
            self._near.insert((dialogue, key), near, check_duplication=False)


def _library() -> Any:
    try:
        return import_module("datasketch")
    except ImportError as error:
        raise UserError(
            "--near_duplicates needs datasketch; install it with `pip install 'egpo-verl[data]'`."
        ) from error
