"""The numbers that a text states, in digits or in words."""

from __future__ import annotations

import re
from collections.abc import Iterator

from egpo_verl.datasets.demonstrations.quotes import Span

_DIGITS = re.compile(
    r"(?<![\w.])(?P<minus>[-\u2212])?(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:\s?(?P<scale>%|percent\b|k\b|m\b|bn\b|thousand\b|million\b|billion\b|trillion\b))?",
    re.IGNORECASE,
)
_SCALES = {
    "k": 1e3,
    "thousand": 1e3,
    "m": 1e6,
    "million": 1e6,
    "bn": 1e9,
    "billion": 1e9,
    "trillion": 1e12,
}
_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
"""From 1 on."""
_WORDS = {
    **{word: float(number) for number, word in enumerate(_UNITS.split())},
    **{word: 10.0 * (number + 2) for number, word in enumerate(_TENS.split())},
}
_ALONE = {
    **{word: float(number) for number, word in enumerate(ORDINALS.split(), 1)},
    **{"half": 0.5, "once": 1.0, "twice": 2.0, "dozen": 12.0, "single": 1.0, "pair": 2.0},
}
_LARGE = {"hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9}
_NUMBER_WORD = "|".join([*_WORDS, *_LARGE])
_IN_WORDS = re.compile(
    rf"(?<!\w)(?:(?:{_NUMBER_WORD})(?:(?:\s|-|\sand\s)(?=(?:{_NUMBER_WORD})(?!\w)))?)+(?!\w)"
    rf"|(?<!\w)(?:{'|'.join(_ALONE)})(?!\w)",
    re.IGNORECASE,
)


def numbers_in(text: str) -> Iterator[tuple[float, Span]]:
    """Each number that `text` states and where; a percentage as a share too."""
    for match in _DIGITS.finditer(text):
        number = float(match["number"].replace(",", ""))
        scale, span = (match["scale"] or "").casefold(), Span(*match.span())
        for value in (number, number * _SCALES.get(scale, 1.0)):
            yield (-value if match["minus"] else value), span
            if match["minus"]:  # it may be a hyphen
                yield value, span
        if scale in ("%", "percent"):
            yield number / 100, span
    for match in _IN_WORDS.finditer(text):
        yield _in_words(match.group().casefold()), Span(*match.span())


def find_number(text: str, value: float) -> Span | None:
    """Where `text` states the number, None where it does not."""
    try:
        near = abs(float(value)) * 1e-9
    except OverflowError:  # a whole number beyond all floats
        return None
    return next((span for number, span in numbers_in(text) if abs(number - value) <= near), None)


def _in_words(text: str) -> float:
    if text in _ALONE:
        return _ALONE[text]
    total = part = 0.0
    for word in re.split(r"[\s-]+", text):
        if word in _WORDS:
            part += _WORDS[word]
        elif word == "hundred":
            part = (part or 1) * 100
        elif word in _LARGE:
            total, part = total + (part or 1) * _LARGE[word], 0.0
    return total + part
