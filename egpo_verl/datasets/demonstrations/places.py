"""Where the value of an argument stands, by rules: what a thought may say of it.

A value stands in the dialogue as it is, as the same number, day or time in other words, or in
parts; a flag or a choice may be meant by words for it; what is not said is its schema's default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from egpo_verl.calls.values import equal
from egpo_verl.datasets.demonstrations.dates import find_moment
from egpo_verl.datasets.demonstrations.numbers import find_number
from egpo_verl.datasets.demonstrations.quotes import Span, Speech

STEM = 4
"""Letters that words of one stem share at least."""
BEFORE = 4
"""Words before another in which a negation turns it around."""
_NEGATIONS = (
    "no not without don dont doesn doesnt never exclude excluding skip avoid disable off omit hide "
    "ignore neither nor"
)
_FLAG_WORDS = (
    "is are has have should include includes including enable enabled use used using show with "
    "only return get set the and for whether allow flag value"
)
_PARTS = re.compile(r"\s*[,;|/&+]\s*")
_NUMERIC = re.compile(r"[-+]?[$\u20ac\u00a3]?\d[\d,]*(?:\.\d+)?%?")


class Place(NamedTuple):
    """Where a value stands.

    Attributes:
        speaker: of the `Speech` that has it; `default` for the schema's, `choice` where the schema
            allows no other.
        quote: the words that have it, empty for a default.
    """

    speaker: str
    quote: str = ""


def place_of(
    value: Any, name: str, schema: Mapping[str, Any], speeches: Sequence[Speech]
) -> list[Place] | None:
    """Where the value of the argument `name` stands: one place, or one for each of its parts.

    Args:
        schema: of the argument, JSON Schema.
        speeches: the dialogue, what counts most first.

    Returns:
        None where it stands nowhere.
    """
    if isinstance(value, bool):
        places = _flag(value, name, speeches)
    else:
        places = _in_speeches(value, speeches) or _choice(value, schema, speeches)
    if places is None and "default" in schema and equal(value, schema["default"]):
        return [Place("default")]
    return places


def _in_speeches(value: Any, speeches: Sequence[Speech]) -> list[Place] | None:
    if isinstance(value, list | tuple | Mapping):
        parts = list(value.values()) if isinstance(value, Mapping) else list(value)
        return _each(parts, speeches) if parts else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _first(speeches, lambda speech: find_number(speech.text, value))
    if not isinstance(value, str) or not value.strip():
        return None
    if _NUMERIC.fullmatch(value.strip()):
        number = float(re.sub(r"[^\d.-]", "", value))
        return _first(
            speeches,
            lambda speech: speech.find(value) or find_number(speech.text, number),
        )
    place = _first(speeches, lambda speech: speech.find(value) or find_moment(speech.text, value))
    if place is None and len(parts := [part for part in _PARTS.split(value) if part]) > 1:
        return _each(parts, speeches)
    return place


def _each(parts: Iterable[Any], speeches: Sequence[Speech]) -> list[Place] | None:
    places: list[Place] = []
    for part in parts:
        place = _in_speeches(part, speeches)
        if place is None:
            return None
        places += [one for one in place if one not in places]
    return places


def _first(speeches: Sequence[Speech], find: Callable[[Speech], Span | None]) -> list[Place] | None:
    for speech in speeches:
        span = find(speech)
        if span is not None:
            return [Place(speech.speaker, speech.quote(span))]
    return None


def _choice(
    value: Any, schema: Mapping[str, Any], speeches: Sequence[Speech]
) -> list[Place] | None:
    """A choice that the words of the dialogue mean, and none of the other choices."""
    choices = schema.get("enum")
    if not isinstance(choices, list) or not isinstance(value, str):
        return None
    if len(choices) == 1:
        return [Place("choice")]
    for speech in speeches:
        meant = {
            choice: span
            for choice in choices
            if isinstance(choice, str) and (span := _stem(choice, speech)) is not None
        }
        if len(meant) == 1 and value in meant:
            return [Place(speech.speaker, speech.quote(meant[value]))]
    return None


def _stem(choice: str, speech: Speech) -> Span | None:
    """A word of the stem of all that the choice says."""
    stem = re.sub(r"[\W_]+", "", choice).casefold()
    stem = stem[: max(STEM, len(stem) - 3)]
    if len(stem) < STEM:
        return None
    words = speech.words
    return next((Span(start, end) for word, start, end in words if word.startswith(stem)), None)


def _flag(value: bool, name: str, speeches: Sequence[Speech]) -> list[Place] | None:
    """A flag whose name the dialogue has words for, negated for a false one."""
    stems = [
        word[:6] for word in words_of(name) if len(word) > 2 and word not in _FLAG_WORDS.split()
    ]
    for speech in speeches:
        words = speech.words
        for number, (word, start, end) in enumerate(words):
            if any(word.startswith(stem) for stem in stems):
                before = [earlier for earlier, _, _ in words[max(0, number - BEFORE) : number]]
                negated = not set(_NEGATIONS.split()).isdisjoint(before)
                if negated != value:
                    first = words[number - 1][1] if negated and number else start
                    return [Place(speech.speaker, speech.quote(Span(first, end)))]
    return None


def words_of(name: str) -> list[str]:
    """The words that a name is made of: `maxResults` and `max_results` of two."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return [word.casefold() for word in re.findall(r"[^\W_]+", spaced)]
