"""What a function says of itself, in a few words, and which words it shares with a question."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from egpo_verl.datasets.demonstrations.places import words_of

PURPOSE = 9
"""Words of a function's purpose."""
_SENTENCE = re.compile(r"(?<=[.!?])\s")
_EMPTY = (
    "the a an and or of for to in on at by with from is are was be been it its this that these "
    "those i me my you your we us our they them their what which who how when where why can could "
    "would will should do does did have has had please get gets given find need want tell give "
    "show using use used return returns retrieve retrieves fetch provide provides specified based "
    "function api data information value number string list name id any all some not no if as "
    "also about like into out up more most than then there here"
)


def first_words(text: str, count: int) -> str:
    """The first sentence, or its first `count` words."""
    words = _SENTENCE.split(" ".join(text.split()), maxsplit=1)[0].split(" ")
    cut = " ".join(words[:count]).rstrip(".,;: ").replace('"', "'")
    return f"{cut} ..." if len(words) > count else cut


def purpose_of(specification: Mapping[str, Any] | None) -> str:
    """What a function is for, by the first words of its description; empty where it has none."""
    described = (specification or {}).get("description")
    return first_words(described, PURPOSE) if isinstance(described, str) else ""


def ended(sentence: str) -> str:
    """The sentence with one full stop, also where it ends in a part that was left out."""
    return sentence.replace("....", "...")


def shortened(text: str, longest: int) -> str:
    """The text, its end left out where it is longer."""
    return text if len(text) <= longest else f"{text[:longest].rstrip()} ..."


def topics(text: str) -> set[str]:
    """The stems of the words that say what a text is about."""
    return {word[:5] for word in words_of(text) if len(word) > 2 and word not in _EMPTY.split()}
