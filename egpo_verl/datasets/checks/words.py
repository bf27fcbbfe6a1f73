"""Texts compared by their words: case, punctuation, width and spacing do not count.

Chinese, Japanese, Thai, Lao, Khmer and Burmese put no blanks between words. There every character
counts by itself, as that share of a word which it is on average.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache

_FOLDED = bytes(
    ord(sign.lower()) if sign.isalnum() or sign == "_" else ord(" ")
    for sign in map(chr, range(128))
) + bytes(range(128, 256))
"""ASCII in lower case, with blanks for what is in no word."""
WHOLE = 12
"""The size of a word; that of one character of a script without blanks is a part of it."""
_HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3040-\u30ff\u31f0-\u31ff"
_SOUTH_EAST = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ua9e0-\ua9ff\uaa60-\uaa7f"
_SIZES = tuple(
    (re.compile(f"[{characters}]"), size)
    for characters, size in ((_HAN, 8), (_KANA, 6), (_SOUTH_EAST, 3))
)


def words_of(text: str) -> list[str]:
    """The words of a text, folded; single characters of scripts that have no blanks."""
    if text.isascii():  # the same, and faster
        return text.encode().translate(_FOLDED).decode().split()
    word, part = _patterns()
    words = []
    for clause in word.findall(unicodedata.normalize("NFKC", text).casefold()):
        words += [clause] if clause.isascii() else part.findall(clause)
    return words


def size_of(words: list[str]) -> float:
    """How many words of a language with blanks say as much."""
    return sum(map(_size, words)) / WHOLE


def runs(words: list[str], length: int) -> Iterator[str]:
    """Every shortest run of the size of `length` words, joined by blanks; none in shorter texts."""
    sizes = list(map(_size, words))
    end, size = 0, 0
    for start in range(len(words)):
        while size < length * WHOLE:
            if end == len(words):
                return
            size += sizes[end]
            end += 1
        yield " ".join(words[start:end])
        size -= sizes[start]


def _size(word: str) -> int:
    if word.isascii():
        return WHOLE
    return next((size for script, size in _SIZES if script.match(word)), WHOLE)


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Words with their combining marks, and what a word that has no blanks in it falls into.

    Python's `\\w` has no marks, without which a word of Hindi falls into its consonants.
    """
    codes = range(0x300, 0x10000)
    marks = "".join(c for c in map(chr, codes) if unicodedata.category(c).startswith("M"))
    alone = _HAN + _KANA + _SOUTH_EAST
    return re.compile(rf"[\w{marks}]+"), re.compile(rf"[{alone}][{marks}]*|[^{alone}]+")
