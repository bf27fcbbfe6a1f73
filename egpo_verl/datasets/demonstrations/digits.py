"""Whether words state the numbers of a value: `1,500` is 1500, and neither 15.00 nor 500."""

from __future__ import annotations

import re

SIGNS = "-\u2212"
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_BETWEEN = re.compile(r"(?<=\d)[\W_]*(?=\d)")
_LOOSE = re.compile(rf"[{SIGNS}\u2013\s()/:_]*")
"""What may stand between the digits of a date, a time or a telephone number, or be left out."""
_SIGN = re.compile(rf"[\s,(=:$][{SIGNS}]$")
_SIGNED = re.compile(rf"\s*[{SIGNS}]\s?\d")
_NUMBER_BEFORE = re.compile(r"\d\.$")
_NUMBER_AFTER = re.compile(r"\.\d|,\d{3}(?!\d)")


def same_numbers(text: str, start: int, end: int, value: str) -> bool:
    """Whether `text[start:end]`, of the letters and digits of `value`, has its numbers too.

    A minus in the text may be a hyphen; one in the value has to stand in the text.
    """
    said = text[start:end]
    if _SIGNED.match(value) and not (
        _SIGNED.match(said) or text[:start].rstrip().endswith(tuple(SIGNS))
    ):
        return False
    return _is_whole(text, start, end) and all(
        _alike(one, other) for one, other in zip(_between(said), _between(value), strict=True)
    )


def _is_whole(text: str, start: int, end: int) -> bool:
    """Whether the part is no end of a longer number: the 5 of 12.5, the 500 of 1,500."""
    if text[start].isdigit() and (
        _NUMBER_BEFORE.search(text[:start])
        or any(comma.end() == start for comma in _THOUSANDS.finditer(text))
    ):
        return False
    return not (text[end - 1].isdigit() and _NUMBER_AFTER.match(text, end))


def _between(text: str) -> list[str]:
    """What stands between each two digits that no letter parts."""
    return _BETWEEN.findall(_THOUSANDS.sub("", text))


def _alike(one: str, other: str) -> bool:
    if "".join(one.split()) == "".join(other.split()):
        return True
    loose = _LOOSE.fullmatch(one) and _LOOSE.fullmatch(other)
    return bool(loose) and bool(_SIGN.search(one)) == bool(_SIGN.search(other))
