"""Numbers that a thought writes out: from `two` to `ninety-nine`, and `两` to `十`."""

from __future__ import annotations

import re
from collections.abc import Iterator

_TO_TEN = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TO_TWENTY = (
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen"),
    *("eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_CHINESE = "二三四五六七八九十"
_NUMBERS = {
    **{word: float(number) for number, word in enumerate(_TO_TEN + _TO_TWENTY, start=1)},
    **{word: 10.0 * number for number, word in enumerate(_TENS, start=2)},
    **{word: float(number) for number, word in enumerate(_CHINESE, start=2)},
    "两": 2.0,
}
# No "one" by itself: it is mostly a pronoun.
_WRITTEN = re.compile(
    rf"\b(?:({'|'.join(_TENS)})(?:[- ]({'|'.join(_TO_TEN)}))?|"
    rf"({'|'.join(_TO_TEN[1:] + _TO_TWENTY)}))\b|([两{_CHINESE}])(?![十百千万])"
)


def number_words(text: str) -> Iterator[tuple[int, float]]:
    """The places and values of numbers in words in a text of small letters.

    >>> list(number_words("twenty-two of seven"))
    [(0, 22.0), (14, 7.0)]
    """
    for match in _WRITTEN.finditer(text):
        yield match.start(), sum(_NUMBERS[word] for word in match.groups() if word)
