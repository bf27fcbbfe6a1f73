"""A thought that leads to a row's reference, by rules: which function, where values stand."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import Any

from egpo_verl.calls import ToolSet
from egpo_verl.calls.call import Call
from egpo_verl.datasets.demonstrations import wording
from egpo_verl.datasets.demonstrations.places import Place, place_of
from egpo_verl.datasets.demonstrations.quotes import Speech
from egpo_verl.datasets.demonstrations.reasons import Unexplained
from egpo_verl.datasets.demonstrations.words import ended, first_words, purpose_of, shortened
from egpo_verl.datasets.sample import Sample

MOST_OTHERS = 2
"""Functions that a thought says of why they do not fit."""
MOST_LEFT_OUT = 3
"""Parameters left out that a thought names."""
LONGEST_VALUE = 50
SAYING = {
    "question": wording.QUESTION,
    "result": wording.RESULT,
    "earlier": wording.EARLIER,
    "default": wording.DEFAULT,
    "choice": wording.CHOICE,
}
"""Where a value stands -> how that is said."""


def thought_of(sample: Sample, tools: ToolSet, rng: Random) -> str:
    """The thought before the calls of a sample; raises `Unexplained`.

    Args:
        tools: those of the sample.
    """
    speeches = speeches_of(sample)
    about = [_about(call, tools, speeches, rng) for call in sample.calls]
    sentences = [_opening(sample, rng)] if rng.random() < 0.8 else []
    others = list(_others(sample, tools, rng))
    if rng.random() < 0.4:
        sentences += others
        others = []
    if len(about) > 1 and rng.random() < 0.6:
        sentences.append(rng.choice(wording.COUNTS).format(count=len(about)))
    named = set[str]()
    for call, values in zip(sample.calls, about, strict=True):
        sentences.append(_pick(call.name, tools, call.name in named, rng))
        sentences += values
        named.add(call.name)
    return ended(" ".join([*sentences, *others]))


def speeches_of(sample: Sample) -> list[Speech]:
    """What is said in the dialogue: the question, results of tools, then the rest, latest first."""
    messages = list(reversed(sample.messages))
    questions = [message for message in messages if message["role"] == "user"][:1]
    results = [message for message in messages if message["role"] == "tool"]
    rest = [message for message in messages if message not in (*questions, *results)]
    groups = (("question", questions), ("result", results), ("earlier", rest))
    return [Speech(name, str(one["content"])) for name, group in groups for one in group]


def _opening(sample: Sample, rng: Random) -> str:
    last = sample.messages[-1]
    if last["role"] != "user":
        return rng.choice(wording.GOING_ON)
    question = f'"{first_words(str(last["content"]), 14)}"'
    return rng.choice(wording.OPENINGS).format(question=question) + "."


def _pick(name: str, tools: ToolSet, again: bool, rng: Random) -> str:
    if again:
        return rng.choice(wording.REPEATS).format(tool=name)
    about = purpose_of(tools.specification(name))
    ways = wording.PICKS if about and rng.random() < 0.8 else wording.PLAIN_PICKS
    return rng.choice(ways).format(tool=name, about=about)


def _others(sample: Sample, tools: ToolSet, rng: Random) -> Iterator[str]:
    """Why functions that are not called do not fit, by what they say of themselves."""
    called = {call.name for call in sample.calls}
    others = [name for name in tools.names if name not in called]
    rng.shuffle(others)
    for name in others[:MOST_OTHERS]:
        if about := purpose_of(tools.specification(name)):
            yield rng.choice(wording.OTHERS).format(tool=name, about=about)
    if len(others) > MOST_OTHERS:
        yield rng.choice(wording.MORE_OTHERS).format(count=len(others))


def _about(call: Call, tools: ToolSet, speeches: Sequence[Speech], rng: Random) -> list[str]:
    """What is said of the values of a call; raises `Unexplained` for one that stands nowhere."""
    signature = tools.signature(call.name)
    schemas = {} if signature is None else signature.schema.get("properties", {})
    sentences = []
    for name, value in call.arguments.items():
        schema = schemas.get(name, {})
        places = place_of(value, name, schema if isinstance(schema, Mapping) else {}, speeches)
        if places is None:
            raise Unexplained("value_not_found", f"{call.name}({name}={json.dumps(value)[:80]})")
        sentences.append(_value(name, value, places, rng))
    rng.shuffle(sentences)
    left_out = [name for name in schemas if name not in call.arguments][:MOST_LEFT_OUT]
    if left_out and rng.random() < 0.7:
        sentences.append(rng.choice(wording.LEFT_OUT).format(names=_listed(left_out, rng)))
    if not call.arguments:
        sentences.append(rng.choice(wording.NO_VALUES))
    return sentences


def _listed(names: Sequence[str], rng: Random) -> str:
    return rng.choice((" and ", " or ", ", ")).join(names)


def _value(name: str, value: Any, places: Sequence[Place], rng: Random) -> str:
    first = places[0]
    quote = '" and "'.join(place.quote for place in places[:3])
    written = shortened(json.dumps(value, ensure_ascii=False), LONGEST_VALUE)
    return rng.choice(SAYING[first.speaker]).format(name=name, value=written, quote=quote)
