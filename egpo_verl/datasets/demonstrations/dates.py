"""The days and the times of day that a text states."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from egpo_verl.datasets.demonstrations.quotes import Span

_NAMES = "january february march april may june july august september october november december"
_MONTHS = _NAMES.split()
_MONTH = "|".join(f"{name[:3]}(?:{name[3:]})?" if name[3:] else name for name in _MONTHS)
_DAY = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})[-/.]?(\d{2})[-/.]?(\d{2})(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?!\d)")
_MONTH_FIRST = re.compile(rf"\b({_MONTH})\.?\s+(?:the\s+)?{_DAY}(?:,?\s+(\d{{4}}))?\b", re.I)
_DAY_FIRST = re.compile(rf"\b{_DAY}\s+(?:of\s+)?({_MONTH})\.?(?:,?\s+(\d{{4}}))?\b", re.I)
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")
_CLOCK = re.compile(
    r"(?<![\d:])(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?\s*([ap])\.?m\b|(?<![\d:])(\d{1,2}):(\d{2})(?::(\d{2}))?",
    re.I,
)
_NAMED = {"noon": (12, 0, 0), "midday": (12, 0, 0), "midnight": (0, 0, 0)}

Triple = tuple[int, int, int]
"""Year, month and day, or hour, minute and second."""


def find_moment(text: str, value: str) -> Span | None:
    """Where `text` states the day and the time of day that `value` is; None where it does not."""
    day, time = (_first_of(value, reader) for reader in (days_in, times_in))
    if not day and not time:
        return None
    letters = re.sub(r"(?:[T\sZ:+.-]|\d)+|AM|PM", "", value, flags=re.I)
    if len(letters) > len("September"):
        return None
    spans = []
    for wanted, reader in ((day, days_in), (time, times_in)):
        if wanted:
            span = next((span for triple, span in reader(text) if triple in wanted), None)
            if span is None:
                return None
            spans.append(span)
    return spans[0]


def days_in(text: str) -> Iterator[tuple[Triple, Span]]:
    """Days with their places; 5/1/2023 is two of them. A year may stand elsewhere, if one does."""
    years = {int(found.group()) for found in _YEAR.finditer(text)}
    for found in _YEAR_FIRST.finditer(text):
        yield from _day(found, found[1], found[2], found[3])
    for found in _YEAR_LAST.finditer(text):
        yield from _day(found, found[3], found[1], found[2])
        yield from _day(found, found[3], found[2], found[1])
    for pattern, month, day in ((_MONTH_FIRST, 1, 2), (_DAY_FIRST, 2, 1)):
        for found in pattern.finditer(text):
            number = [name[:3] for name in _MONTHS].index(found[month][:3].casefold()) + 1
            for year in [found[3]] if found[3] else sorted(years) if len(years) == 1 else []:
                yield from _day(found, year, number, found[day])


def times_in(text: str) -> Iterator[tuple[Triple, Span]]:
    """Times of day with their places."""
    for found in _CLOCK.finditer(text):
        hour, minute, second = (
            int(part or 0)
            for part in (found[1] or found[5], found[2] or found[6], found[3] or found[7])
        )
        if found[4]:
            hour = hour % 12 + 12 * (found[4].casefold() == "p")
        if hour < 24 and minute < 60 and second < 60:
            yield (hour, minute, second), Span(*found.span())
    for name, time in _NAMED.items():
        for found in re.finditer(rf"\b{name}\b", text, re.I):
            yield time, Span(*found.span())


def _first_of(value: str, reader: Callable[[str], Iterator[tuple[Triple, Span]]]) -> set[Triple]:
    return {triple for triple, _ in reader(value)}


def _day(
    found: re.Match[str], year: str | int, month: str | int, day: str | int
) -> Iterator[tuple[Triple, Span]]:
    triple = int(year), int(month), int(day)
    if 1 <= triple[1] <= 12 and 1 <= triple[2] <= 31:
        yield triple, Span(*found.span())
