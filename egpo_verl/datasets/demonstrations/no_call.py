"""Thought and reply of a row that expects no call: what is missing, or that nothing fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from egpo_verl.calls import ToolSet
from egpo_verl.datasets.demonstrations import wording
from egpo_verl.datasets.demonstrations.dates import days_in
from egpo_verl.datasets.demonstrations.numbers import numbers_in
from egpo_verl.datasets.demonstrations.quotes import Speech
from egpo_verl.datasets.demonstrations.reasons import Unexplained
from egpo_verl.datasets.demonstrations.thought import speeches_of
from egpo_verl.datasets.demonstrations.words import ended, first_words, purpose_of, topics
from egpo_verl.datasets.sample import Sample

NEAR = 2
"""Topics that a question shares with a function that may be meant by it."""


def refusal_of(sample: Sample, tools: ToolSet, rng: Random) -> tuple[str, str]:
    """The thought and the sentence that answers; raises `Unexplained`."""
    if sample.messages[-1]["role"] != "user":
        raise Unexplained("in_words")
    speeches = speeches_of(sample)
    question_topics = topics(speeches[0].text)
    shared = {name: len(question_topics & _topics(name, tools)) for name in tools.names}
    nearest = max(shared, key=lambda name: shared[name])
    question = f'"{first_words(speeches[0].text, 14)}"'
    opening = f"{rng.choice(wording.OPENINGS).format(question=question)}."
    lacking = _lacking(nearest, tools, speeches)
    if shared[nearest] >= NEAR and lacking:
        why = rng.choice(wording.LACKING).format(tool=nearest, name=lacking)
        return ended(f"{opening} {why}"), rng.choice(wording.QUERIES).format(name=lacking)
    if shared[nearest] >= NEAR:
        raise Unexplained("no_call_unclear", nearest)
    about = purpose_of(tools.specification(nearest))
    other = rng.choice(wording.OTHERS).format(tool=nearest, about=about) if about else ""
    sentences = [other, rng.choice(wording.NONE_FITS)]
    rng.shuffle(sentences)
    thought = " ".join(filter(None, [opening, *sentences]))
    return ended(thought), rng.choice(wording.REFUSALS)


def _topics(name: str, tools: ToolSet) -> set[str]:
    specification = tools.specification(name) or {}
    return topics(f"{name} {specification.get('description', '')}")


def _lacking(name: str, tools: ToolSet, speeches: Sequence[Speech]) -> str:
    """A required parameter that nothing in the dialogue can be the value of; empty for none."""
    signature = tools.signature(name)
    schema = {} if signature is None else signature.schema
    for parameter in schema.get("required", ()):
        declared = schema.get("properties", {}).get(parameter, {})
        if isinstance(declared, Mapping) and not _has_candidate(declared, speeches):
            return str(parameter)
    return ""


def _has_candidate(declared: Mapping[str, Any], speeches: Sequence[Speech]) -> bool:
    if declared.get("type") in ("integer", "number"):
        return any(True for speech in speeches for _ in numbers_in(speech.text))
    if declared.get("format") == "date":
        return any(True for speech in speeches for _ in days_in(speech.text))
    if isinstance(declared.get("enum"), list):
        choices = [choice for choice in declared["enum"] if isinstance(choice, str)]
        return any(speech.find(choice) for speech in speeches for choice in choices)
    return True
