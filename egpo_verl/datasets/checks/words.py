"""Texts compared by their words: case, punctuation, width and spacing do not count."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

WORD = re.compile(r"\w+")


def words_of(text: str) -> list[str]:
    """The words of a text, folded."""
    if text.isascii():  # the same, and faster
        return WORD.findall(text.lower())
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def runs(words: list[str], length: int) -> Iterator[str]:
    """Every run of `length` words, joined by blanks; none where there are fewer."""
    for start in range(len(words) - length + 1):
        yield " ".join(words[start : start + length])
