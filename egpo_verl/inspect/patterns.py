"""What a thought does on its way to the calls: five patterns, each by one rule.

docs/seeing.md says the rules with an example each. A rule has an answer only where the pattern
could be there: a response without calls states no value of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from egpo_verl.calls import Call
from egpo_verl.inspect.stated import Leaf, Text, leaves, stands_in
from egpo_verl.inspect.wording import (
    ANY_VALUE,
    ASK,
    CHECK,
    CORRECTION,
    LACK,
    NO_ASK,
    NO_LACK,
    REJECTION,
)

NAMES_TOOL, REJECTS_TOOL = "names_tool", "rejects_tool"
STATES_VALUES, CHECKS_VALUE = "states_values", "checks_value"
NOTICES_MISSING = "notices_missing"
PATTERNS = {
    NAMES_TOOL: "names the tool",
    REJECTS_TOOL: "rejects another tool",
    STATES_VALUES: "states each value",
    CHECKS_VALUE: "checks a value again",
    NOTICES_MISSING: "notices a missing value",
}
"""Each pattern, and its words after `the thought`."""
NEEDS_TOOLS = (REJECTS_TOOL, NOTICES_MISSING)
"""They have an answer only where the tools offered are known."""

Tools = Mapping[str, Sequence[str]]
"""Name of each tool offered -> its required parameters."""

_CLAUSE = re.compile(r"[,:;，：；、] ?")
_COMMON = {"from", "with", "into", "that", "this"}
"""Words in the names of parameters that name none."""


def patterns(thought: str, calls: Sequence[Call], tools: Tools | None) -> dict[str, bool | None]:
    """Whether `thought` shows each of `PATTERNS`; None where there is no answer.

    >>> shown = patterns("Paris, so get_weather.", [Call("get_weather", {"city": "Paris"})], None)
    >>> shown["names_tool"], shown["states_values"], shown["rejects_tool"]
    (True, True, None)

    Args:
        calls: what the response calls; empty where nothing can be read as a call.
        tools: the tools offered, None where they are not known.
    """
    text = Text(thought)
    values = leaves(calls)
    called = {call.name for call in calls}
    others = [name for name in tools or () if name not in called]
    return {
        NAMES_TOOL: all(_names(name, text.whole) for name in called) if called else None,
        REJECTS_TOOL: (
            any(_rejects(sentence, name) for sentence in text.sentences for name in others)
            if others
            else None
        ),
        STATES_VALUES: all(text.places(leaf) for leaf in values) if values else None,
        CHECKS_VALUE: any(_checks(text, leaf) for leaf in values) if values else None,
        NOTICES_MISSING: None if tools is None else _notices_missing(text, tools),
    }


def _names(tool: str, text: str) -> bool:
    """A tool's name stands in a text, as it is or with blanks for underscores."""
    name = tool.lower()
    return stands_in(name, text) or ("_" in name and stands_in(name.replace("_", " "), text))


def _rejects(sentence: str, name: str) -> bool:
    """A sentence refuses a tool in a clause that names it, or in one behind it.

    Where it says that a value is missing, what stands behind is about the value.
    """
    if not _names(name, sentence):
        return False
    clauses = _CLAUSE.split(sentence)
    naming = [place for place, clause in enumerate(clauses) if _names(name, clause)]
    if not _lacks(sentence):
        naming = list(range(naming[0], len(clauses))) if naming else []
    return any(REJECTION.search(clauses[place]) for place in naming)


def _checks(text: Text, leaf: Leaf) -> bool:
    """A value is stated beside a word of checking, and was before; a correction needs no before."""
    stated = text.sentences_with(leaf)
    first = min(stated, default=0)
    return any(
        CORRECTION.search(text.sentences[place])
        if place == first
        else CHECK.search(text.sentences[place]) or CHECK.search(text.sentences[place - 1])
        for place in stated
    )


def _notices_missing(text: Text, tools: Tools) -> bool:
    """A sentence says of a required parameter, or of any value, that it is not there, or asks."""
    names = {word for required in tools.values() for name in required for word in _words(name)}
    return any(
        _asks(sentence)
        or (
            _lacks(sentence)
            and (ANY_VALUE.search(sentence) or any(stands_in(name, sentence) for name in names))
        )
        for sentence in text.sentences
    )


def _asks(sentence: str) -> bool:
    return bool(ASK.search(sentence)) and not NO_ASK.search(sentence)


def _lacks(sentence: str) -> bool:
    return bool(LACK.search(sentence)) and not NO_LACK.search(sentence)


def _words(name: str) -> Iterator[str]:
    """What a thought may call a parameter: its name, and the longer words in it."""
    words = name.lower().replace("_", " ")
    yield from {name.lower(), words} if len(name) > 2 else ()
    yield from (word for word in words.split() if len(word) > 3 and word not in _COMMON)
