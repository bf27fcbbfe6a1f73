"""One normal form of dialogues, by which rows are compared: for duplicates and for the split.

Texts are the same where their words are, calls where they mean the same: numbers by value, nulls
and stated defaults left out, texts with composed characters and one kind of line end. Several
calls of one turn are the same as as many turns of one call. An assistant's words beside calls do
not count.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from egpo_verl.calls import Call
from egpo_verl.calls.values import nfc
from egpo_verl.datasets.checks.words import words_of
from egpo_verl.datasets.sample import Message, Sample, Tool
from egpo_verl.datasets.tools.features import Features, features_by_name, features_of_all
from egpo_verl.datasets.tools.plain import plain_text

_LAST_64_BITS = (1 << 64) - 1
_ODD = 0x9E3779B97F4A7C15
"""A factor that parts a digest from others that are added to it."""


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
    digests, digest = [], b""
    for text in _texts(messages, calls, tools):
        digest = _digest(digest + text.encode("utf-8", "replace"))
        digests.append(digest)
    return array("q", b"".join(digests))


def _texts(
    messages: Iterable[Message], calls: Iterable[Call], tools: tuple[Tool, ...]
) -> list[str]:
    """A text for each message without calls, and one for each call."""
    offered = features_by_name(tools)
    texts = []
    for message in messages:
        if message.get("calls"):
            texts += [_call_text(call, offered.get(call.name)) for call in message["calls"]]
        elif message["role"] != "system":
            texts.append(f"{message['role']} {_words(str(message['content']))}")
    return texts + [_call_text(call, offered.get(call.name)) for call in calls]


def _call_text(call: Call, features: Features | None) -> str:
    """The name, and each argument that says more than its default, in the order of their names."""
    if features is None:
        return f"{nfc(call.name)} {plain_text(call.arguments)}"
    signature, defaults = features.signature, features.plain_defaults
    inside, arguments = signature.with_defaults_inside, []
    for name, value in call.arguments.items():
        text = plain_text(signature.normal(name, value) if name in inside else value)
        if value is not None and text != defaults.get(name):
            arguments.append(f"{nfc(name)!r}: {text}")
    arguments.sort()
    return f"{nfc(call.name)} {', '.join(arguments)}"


def row_digest(sample: Sample, last: int) -> int:
    """64 bits that are equal for rows with the same system message, dialogue, functions and calls.

    Functions are the same where their names and parameters are, whatever describes them.

    Args:
        last: the last of the `steps` of the sample's messages and calls.
    """
    offered = sum([features.digest for features in features_of_all(sample.tools)])
    key = last * _ODD + offered  # digests are spread evenly already, so a sum of them is
    for message in sample.messages:
        if message["role"] == "system":
            text = f"{key} {_words(str(message['content']))}"
            key = int.from_bytes(_digest(text.encode("utf-8", "replace")), "big")
    return key & _LAST_64_BITS


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=8).digest()


@lru_cache(maxsize=1024)
def _words(text: str) -> str:
    """The words of a text; those of the latest are remembered, since turns repeat their history."""
    return " ".join(words_of(text))
