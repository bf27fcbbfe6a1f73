"""One normal form of dialogues, by which rows are compared: for duplicates and for the split.

Texts are the same where their words are, calls where they mean the same: numbers by value, nulls
and stated defaults left out, texts with composed characters and one kind of line end. Several
calls of one turn are the same as as many turns of one call. An assistant's words beside calls do
not count.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.calls.values import nfc
from egpo_verl.datasets.checks.words import words_of
from egpo_verl.datasets.sample import Message, Sample, Tool
from egpo_verl.datasets.tools.features import Features, features_of_all
from egpo_verl.datasets.tools.plain import plain_text


def beginnings(sample: Sample) -> array[int]:
    """`steps` of the sample's whole dialogue, with its answer; the last is of all."""
    if sample.dialogue:
        return steps(sample.dialogue, (), sample.tools)
    return steps(sample.messages, sample.calls, sample.tools)


def steps(
    messages: Iterable[Message], calls: Iterable[Call], tools: tuple[Tool, ...]
) -> array[int]:
    """A digest of the dialogue after each message and each call, the system's messages left out.

    Args:
        calls: what answers the messages.
        tools: the functions offered, whose defaults are left out of calls.
    """
    digests, digest = array("q"), b""
    for text in _texts(messages, calls, tools):
        digest = blake2b(digest + text.encode("utf-8", "replace"), digest_size=8).digest()
        digests.append(int.from_bytes(digest, "big", signed=True))
    return digests


def _texts(
    messages: Iterable[Message], calls: Iterable[Call], tools: tuple[Tool, ...]
) -> Iterator[str]:
    """A text for each message without calls, and one for each call."""
    for message in messages:
        if message.get("calls"):
            yield from _call_texts(message["calls"], tools)
        elif message["role"] != "system":
            yield f"{message['role']} {_words(str(message['content']))}"
    yield from _call_texts(calls, tools)


def _call_texts(calls: Iterable[Call], tools: tuple[Tool, ...]) -> Iterator[str]:
    offered = features_of_all(tools)
    for call in calls:
        features = next((tool for tool in offered if tool.name == call.name), None)
        arguments = _without_defaults(call.arguments, features) if features else call.arguments
        yield f"{nfc(call.name)} {plain_text(arguments)}"


def _without_defaults(arguments: Mapping[str, Any], features: Features) -> Mapping[str, Any]:
    """The arguments that say more than their default."""
    signature, defaults = features.signature, features.plain_defaults
    if not signature.with_defaults_inside.isdisjoint(arguments):
        arguments = {name: signature.normal(name, value) for name, value in arguments.items()}
    if defaults.keys().isdisjoint(arguments):
        return arguments
    return {
        name: value
        for name, value in arguments.items()
        if name not in defaults or plain_text(value) != defaults[name]
    }


def row_digest(sample: Sample, last: int) -> int:
    """64 bits that are equal for rows with the same system message, dialogue, functions and calls.

    Functions are the same where their names and parameters are, whatever describes them.

    Args:
        last: the last of the `steps` of the sample's messages and calls.
    """
    system = [_words(str(m["content"])) for m in sample.messages if m["role"] == "system"]
    offered = sorted([features.digest for features in features_of_all(sample.tools)])
    text = repr((last, system, offered))
    key = blake2b(text.encode("utf-8", "replace"), digest_size=8)
    return int.from_bytes(key.digest(), "big")


@lru_cache(maxsize=1024)
def _words(text: str) -> str:
    """The words of a text; those of the latest are remembered, since turns repeat their history."""
    return " ".join(words_of(text))
