"""Names of types, in every spelling that tool datasets use, as JSON Schema (draft 4).

Draft 4 is the last draft in which `5.0` is no integer, which is what a typed function means.
A name that is not known becomes the empty schema: unchecked, and the caller is told so.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Schema = dict[str, Any]
Note = Callable[[str], None]

_SPELLINGS = {
    "string": "str string text char character",
    "integer": "int integer long short byte bigint biginteger int32 int64",
    "number": "float double number decimal bigdecimal",
    "boolean": "bool boolean",
    "array": "array list tuple set frozenset sequence iterable collection arraylist",
    "object": "object dict dictionary map mapping hashmap",
    "null": "null none nonetype",
}
_BASIC = {name: kind for kind, names in _SPELLINGS.items() for name in names.split()}
_ANYTHING = frozenset({"any", "typing.any"})
_UNIONS = frozenset({"union", "either"})
_OPTIONAL = re.compile(r"(?:,\s*optional|\s\(optional\))\s*\Z", re.IGNORECASE)
_TOKEN = re.compile(r"\s*([\w.]+|[\[\]<>(),|]|\S)")
_ELLIPSIS: Schema = {"...": True}
_OPENERS = {"[": "]", "<": ">", "(": ")"}
_MAX_NESTING = 16
_MAX_CHARS = 400


def basic_type(name: Any) -> str | None:
    """The type of JSON Schema that `name` spells without parameters or blanks, None for another."""
    return _BASIC.get(name) if isinstance(name, str) else None


def is_optional(name: str) -> bool:
    """xLAM writes `str, optional` where a parameter may be left out."""
    return _OPTIONAL.search(name) is not None


def schema_of_name(name: str, note: Note) -> Schema:
    """`List[Union[int, float]], optional` and its like as a schema.

    Args:
        name: the type as its dataset writes it.
        note: told of every name that stays unchecked.
    """
    kind = _BASIC.get(name)
    if kind is not None:
        return {"type": kind}
    tokens = _TOKEN.findall((_OPTIONAL.sub("", name) or name)[:_MAX_CHARS])
    try:
        schema, rest = _alternatives(tokens, note, 0)
    except _NotAType:
        schema, rest = {}, ["?"]
    if rest:
        note(f"type {name!r:.60}")
        return {}
    return schema


class _NotAType(Exception):
    """The tokens spell no type."""


def _alternatives(tokens: list[str], note: Note, depth: int) -> tuple[Schema, list[str]]:
    """`A | B | ...`."""
    schema, tokens = _single(tokens, note, depth)
    choices = [schema]
    while tokens[:1] == ["|"]:
        schema, tokens = _single(tokens[1:], note, depth)
        choices.append(schema)
    return any_of(choices), tokens


def _single(tokens: list[str], note: Note, depth: int) -> tuple[Schema, list[str]]:
    """A name, perhaps with parameters in brackets, perhaps Java's `int[]`."""
    if not tokens or depth > _MAX_NESTING:
        raise _NotAType
    name, tokens = tokens[0].lower().removeprefix("typing."), tokens[1:]
    if not name[:1].isalpha():
        raise _NotAType
    inner: list[Schema] | None = None
    if tokens[:1] and tokens[0] in _OPENERS and tokens[1:2] != [_OPENERS[tokens[0]]]:
        inner, tokens = _parameters(tokens[1:], _OPENERS[tokens[0]], note, depth + 1)
    schema = _combined(name, inner, note)
    while tokens[:2] == ["[", "]"]:
        schema, tokens = {"type": "array", "items": schema}, tokens[2:]
    return schema, tokens


def _parameters(
    tokens: list[str], closer: str, note: Note, depth: int
) -> tuple[list[Schema], list[str]]:
    schemas: list[Schema] = []
    while True:
        if tokens[:1] == ["..."]:
            schema, tokens = _ELLIPSIS, tokens[1:]
        else:
            schema, tokens = _alternatives(tokens, note, depth)
        schemas.append(schema)
        if tokens[:1] == [closer]:
            return schemas, tokens[1:]
        if tokens[:1] != [","]:
            raise _NotAType
        tokens = tokens[1:]


def _combined(name: str, inner: list[Schema] | None, note: Note) -> Schema:
    """The schema of a generic type and its parameters."""
    if name in _ANYTHING:
        return {}
    if inner and name == "optional":
        return any_of([*inner, {"type": "null"}])
    if inner and name in _UNIONS:
        return any_of(inner)
    kind = _BASIC.get(name)
    if kind is None:
        note(f"type {name!r:.60}")
        return {}
    if not inner or kind not in ("array", "object"):
        return {"type": kind}
    if kind == "object":
        return (
            {"type": "object", "additionalProperties": inner[-1]} if inner[-1] else {"type": kind}
        )
    if name == "tuple" and _ELLIPSIS not in inner:
        count = len(inner)
        return {"type": kind, "items": inner, "minItems": count, "maxItems": count}
    return {"type": kind, "items": inner[0]}


def any_of(schemas: list[Schema]) -> Schema:
    """The union of schemas; one that checks nothing makes the union check nothing."""
    if len(schemas) == 1:
        return schemas[0]
    return {} if {} in schemas else {"anyOf": schemas}
