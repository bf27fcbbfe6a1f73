"""A call written as a record, whatever its keys are: JSON, or YAML's lines of `key: value`.

No form of calls says `{"command": "weather", "city": "Paris"}`, but who runs a model's answers
reads it. What tells it from data: an offered name is a value, and one of its parameters is a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from egpo_verl.calls.json_keys import ARGUMENT_KEYS
from egpo_verl.calls.tools import ToolSet

_TEXT = re.compile(r"\"((?:[^\"\\\n]|\\.)*)\"?(\s*:)?|'((?:[^'\\\n]|\\.)*)'?(\s*:)?")
_LINE = re.compile(r"(?:-[ \t]+)?[*\"']{0,3}([\w.-]+)[*\"']{0,3}:[*]{0,2}(?:[ \t]+(.*))?")
_KEYS = frozenset(ARGUMENT_KEYS)


def is_record_call(text: str, tools: ToolSet) -> bool:
    """Whether an unwrapped text is a record with an offered name and arguments for it.

    >>> tools = ToolSet({"weather": {"name": "weather", "parameters": {"city": "str"}}})
    >>> is_record_call('["weather", {"city": "Paris"}]', tools)
    True
    >>> is_record_call("tool: weather\\nparameters:\\n  city: Paris", tools)
    True
    >>> is_record_call("weather: sunny\\ncity: Paris", tools)
    False
    """
    if text[:1] in ("{", "[") and text.rstrip(";.")[-1:] in ("}", "]"):
        members = _of_json(text)
    elif "\n" in text:
        members = _of_lines(text)
    else:
        return False
    keys, values = set[str](), set[str]()
    for word, is_key in members:
        (keys if is_key else values).add(word)
    return any(_takes(tools, name, keys) for name in values.intersection(tools.names))


def record_at_the_end(text: str) -> str:
    """What stands from the first bracket on, where a text ends with one that closes, else nothing.

    >>> record_at_the_end('Sure: {"a": 1}'), record_at_the_end('{"a": 1} is data.')
    ('{"a": 1}', '')
    """
    text = text.rstrip(" \t\r\n`")
    if text[-1:] not in ("}", "]"):
        return ""
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    return text[min(starts) :] if starts else ""


def _takes(tools: ToolSet, name: str, keys: set[str]) -> bool:
    signature = tools.signature(name)
    parameters = signature.schema.get("properties", {}) if signature else {}
    return not keys.isdisjoint(parameters) or not keys.isdisjoint(_KEYS)


def _of_json(text: str) -> Iterator[tuple[str, bool]]:
    """The texts in JSON, or in Python's spelling of it, and whether each is a key."""
    for double, colon, single, other in _TEXT.findall(text):
        yield double or single, bool(colon or other)


def _of_lines(text: str) -> Iterator[tuple[str, bool]]:
    """The keys and values of lines; nothing where a line has another form."""
    members = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        member = _LINE.fullmatch(line)
        if member is None:
            return
        members.append((member[1], bool(member[2])))
        if member[2]:
            members.append((member[2].strip("\"'` "), False))
        else:  # a key with lines inside may be the name itself
            members.append((member[1], True))
    yield from members
