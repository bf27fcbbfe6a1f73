"""What stands in brackets behind a function's name without a value for any parameter.

Prose names parameters so, with their types, some with a default, or with values left open; a list
of functions does it line by line.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from egpo_verl.calls.tools import ToolSet
from egpo_verl.calls.type_names import basic_type

NOTHING = frozenset({"", "...", "…"})
_PLURALS = frozenset({"s", "es", "ies"})
_OPEN = re.compile(r"[\"']?(?:\.\.\.|…|\?+|_+|<[^<>]*>)[\"']?")
_NO_VALUE = re.compile(rf"{_OPEN.pattern}|None|null")
# The commas between parameters, not those inside a type: `tags: Dict[str, int], days: int`.
_COMMA = re.compile(r",(?=\s*(?:[^\W\d]\w*\??\s*(?:[:=,]|\Z)|\Z))")
_TYPE = re.compile(r"[^\W\d]\w*\??\s*:\s*([^\W\d]\w*)")


def is_signature(content: str, parameters: Collection[str]) -> bool:
    """Whether brackets hold names of parameters, or the ending of a plural.

    Some may have a default, where another has none: no call has a parameter's bare name for a
    value.

    >>> [is_signature(text, {"city", "unit"}) for text in ("city: str", "city, unit='C'", "es")]
    [True, True, True]
    >>> [is_signature(text, {"city", "unit"}) for text in ("'Paris'", "city='Paris'", "town")]
    [False, False, False]
    """
    if content in _PLURALS:
        return True
    has_values, has_names = False, False
    for part in _COMMA.split(content):
        parameter, equals, value = part.partition("=")
        if parameter.partition(":")[0].strip().removesuffix("?") not in parameters:
            return False
        if not equals:
            has_names = True
        elif not _NO_VALUE.fullmatch(value.strip()):
            has_values = True
    return has_names or not has_values


def is_typed(content: str) -> bool:
    """Whether a signature says the type of its first parameter.

    >>> is_typed("city: string, unit?: string"), is_typed("city: Paris"), is_typed("city")
    (True, False, False)
    """
    typed = _TYPE.match(content)
    return typed is not None and basic_type(typed[1].lower()) is not None


def is_open(call: str) -> bool:
    """Whether a call leaves open every value that it names: `weather(city=?)`."""
    values = [part.partition("=")[2].strip() for part in _content(call).split(",")]
    return all(map(_OPEN.fullmatch, values))


def are_signatures(calls: Sequence[tuple[str, str]], tools: ToolSet, in_list: bool) -> bool:
    """Whether calls, each behind its name, describe functions of `tools` and make no call.

    They have types, or are several points of a list, and none has a value.
    """
    contents = [_content(call).strip() for _, call in calls]
    if not (any(map(is_typed, contents)) or (in_list and len(calls) > 1 and any(contents))):
        return False
    for (name, _), content in zip(calls, contents, strict=True):
        signature = tools.signature(name)
        if signature is None:
            return False
        if content not in NOTHING and not is_signature(
            content, signature.schema.get("properties", ())
        ):
            return False
    return True


def _content(call: str) -> str:
    return call.partition("(")[2].rpartition(")")[0]
