"""Where a text states a value of a call: by value, whatever the words around it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.inspect.number_words import number_words

_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；;])|\n+")
_BLANKS = re.compile(r"\s+")
# A number by itself: no part of a word, of a date, of a time or of a longer number.
_NUMBER = re.compile(
    r"(?<![a-z0-9_.:/])(?<![0-9]-)-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?![\d:/]|[.,-]\d|[a-z_]+\d)"
)
_DIGITS = re.compile(r"-?\d{1,15}(?:\.\d+)?")


@dataclass(frozen=True)
class Leaf:
    """A value of a call that holds no other, and the parameter or member that has it."""

    name: str
    value: Any


def leaves(calls: Sequence[Call]) -> list[Leaf]:
    """The values that `calls` give, those inside lists and objects one by one.

    >>> leaves([Call("f", {"a": [1, 2], "b": {"c": "x"}})])
    [Leaf(name='a', value=1), Leaf(name='a', value=2), Leaf(name='c', value='x')]
    """
    return [
        leaf
        for call in calls
        for name, value in call.arguments.items()
        for leaf in _inside(name, value)
    ]


def _inside(name: str, value: Any) -> Iterator[Leaf]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _inside(str(key), inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _inside(name, inner)
    elif value != "":
        yield Leaf(name, value)


class Text:
    """A thought in small letters with single blanks, and its sentences.

    >>> text = Text("It costs 1,000.\\nThe New York one.")
    >>> text.places(Leaf("price", 1000.0)), text.places(Leaf("city", "new_york"))
    ([9], [20])
    """

    def __init__(self, text: str) -> None:
        sentences = (_BLANKS.sub(" ", sentence).strip() for sentence in _END.split(text.lower()))
        self.sentences = [sentence.replace("’", "'") for sentence in sentences if sentence]
        self.whole = " ".join(self.sentences)

    def sentences_with(self, leaf: Leaf) -> set[int]:
        """The sentences, counted from 0, in which a value is stated."""
        return {bisect_right(self._starts, place) - 1 for place in self.places(leaf)}

    def places(self, leaf: Leaf) -> list[int]:
        """Where a value is stated; a boolean also by its parameter's name."""
        value = leaf.value
        if isinstance(value, bool):
            opposite = self.places_of("false" if value else "true")
            return self.places_of(str(value)) or ([] if opposite else self.places_of(leaf.name))
        if value is None:
            return self.places_of("null") or self.places_of("none") or self.places_of(leaf.name)
        if isinstance(value, (int, float)) or _DIGITS.fullmatch(value):
            return self._numbers.get(float(value), [])
        return self.places_of(value)

    def places_of(self, words: str) -> list[int]:
        """Where `words` stand as whole words, with blanks for underscores."""
        words = _BLANKS.sub(" ", words.lower().replace("_", " ").replace("’", "'")).strip()
        return list(occurrences(words, self._spaced)) if words else []

    @cached_property
    def _spaced(self) -> str:
        """As long as `whole`, so that places in one are places in the other."""
        return self.whole.replace("_", " ")

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for sentence in self.sentences[:-1]:
            starts.append(starts[-1] + len(sentence) + 1)
        return starts

    @cached_property
    def _numbers(self) -> Mapping[float, list[int]]:
        numbers: dict[float, list[int]] = {}
        for match in _NUMBER.finditer(self.whole):
            numbers.setdefault(float(match[0].replace(",", "")), []).append(match.start())
        for place, number in number_words(self.whole):
            numbers.setdefault(number, []).append(place)
        return numbers


def stands_in(words: str, text: str) -> bool:
    """Whether `words` stand in `text`, as `occurrences` has it."""
    return next(occurrences(words, text), None) is not None


def occurrences(words: str, text: str) -> Iterator[int]:
    """Where `words` stand in `text`, inside no longer Latin word or number."""
    place = text.find(words)
    while place >= 0:
        end = place + len(words)
        before, after = text[place - 1 : place], text[end : end + 1]
        if not (_joins(before, words[0]) or _joins(words[-1], after)):
            yield place
        place = text.find(words, place + 1)


def _joins(left: str, right: str) -> bool:
    """Whether two neighbours belong to one word; Chinese is written without blanks."""
    return _is_latin(left) and _is_latin(right)


def _is_latin(character: str) -> bool:
    return (character.isalnum() or character == "_") and character < "\u0250"
