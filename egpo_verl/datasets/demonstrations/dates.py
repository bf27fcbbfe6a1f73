"""The days and the times of day that a text states."""

from __future__ import annotations

import re
from collections.abc import Iterator

from egpo_verl.datasets.demonstrations.numbers import ORDINALS
from egpo_verl.datasets.demonstrations.quotes import WORD, Span

_NAMES = "january february march april may june july august september october november december"
_MONTHS = _NAMES.split()
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" if name[3:] else name for name in _MONTHS)
_DAY = rf"(\d{{1,2}}|{ORDINALS.replace(' ', '|')})(?:st|nd|rd|th)?"
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)")
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.?\s+(?:the\s+)?{_DAY}(?:,?\s+(\d{{4}}))?\b", re.I)
_DAY_FIRST = re.compile(rf"\b{_DAY}\s+(?:of\s+)?({_MONTH})\.?(?:,?\s+(\d{{4}}))?\b", re.I)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_CLOCK = re.compile(
    r"(?<![\d:])(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s*([ap])\.?m\b|(?<![\d:])(\d{1,2}):(\d{2})(?::(\d{2}))?",
    re.I,
)
_BETWEEN = "t z at on to until from and"
"""What may stand between the days and times of a value."""
_NAMED = {"noon": (12, 0, 0), "midday": (12, 0, 0), "midnight": (0, 0, 0)}

Triple = tuple[int, int, int]
"""Year, month and day, or hour, minute and second."""


def find_moment(text: str, value: str) -> Span | None:
    """Where `text` states each day and time of day that `value` is; None where it does not."""
    places: list[Span] = []
    rest = value
    for reader in (days_in, times_in):
        stated = list(reader(text))
        readings = list(reader(value))
        for part in dict.fromkeys(span for _, span in readings):
            moments = {moment for moment, span in readings if span == part}
            place = next((span for moment, span in stated if moment in moments), None)
            if place is None:
                return None
            places.append(place)
            rest = rest.replace(value[slice(*part)], " ")
    others = {word.group().casefold() for word in WORD.finditer(rest)} - set(_BETWEEN.split())
    return places[0] if places and not others else None


def days_in(text: str) -> Iterator[tuple[Triple, Span]]:
    """Days with their places; 5/1/2023 is two of them. A year may stand elsewhere, if one does."""
    years = {int(match.group()) for match in _YEAR.finditer(text)}
    for match in _YEAR_FIRST.finditer(text):
        yield from _day(match, match[1], match[2], match[3])
    for match in _YEAR_LAST.finditer(text):
        yield from _day(match, match[3], match[1], match[2])
        yield from _day(match, match[3], match[2], match[1])
    for pattern, month, day in ((_MONTH_FIRST, 1, 2), (_DAY_FIRST, 2, 1)):
        for match in pattern.finditer(text):
            number = [name[:3] for name in _MONTHS].index(match[month][:3].casefold()) + 1
            for year in [match[3]] if match[3] else sorted(years) if len(years) == 1 else []:
                yield from _day(match, year, number, match[day])


def times_in(text: str) -> Iterator[tuple[Triple, Span]]:
    """Times of day with their places."""
    for match in _CLOCK.finditer(text):
        hour, minute, second = (
            int(part or 0)
            for part in (match[1] or match[5], match[2] or match[6], match[3] or match[7])
        )
        if match[4]:
            hour = hour % 12 + 12 * (match[4].casefold() == "p")
        if hour < 24 and minute < 60 and second < 60:
            yield (hour, minute, second), Span(*match.span())
    for name, time in _NAMED.items():
        for match in re.finditer(rf"\b{name}\b", text, re.I):
            yield time, Span(*match.span())


def _day(
    match: re.Match[str], year: str | int, month: str | int, day: str | int
) -> Iterator[tuple[Triple, Span]]:
    word = str(day).casefold()
    number = ORDINALS.split().index(word) + 1 if word in ORDINALS.split() else int(day)
    triple = int(year), int(month), number
    if 1 <= triple[1] <= 12 and 1 <= triple[2] <= 31:
        yield triple, Span(*match.span())
