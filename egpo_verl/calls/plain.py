"""Signatures of plain parameters, checked without compiling a schema.

Nine signatures of ten declare nothing but text, numbers, booleans and choices of words. What the
schema library says of their arguments, a look at the types says too, at a tenth of what compiling
the schema would cost; tests/test_calls_plain.py holds the two against each other. All other
signatures are the library's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from egpo_verl.calls.type_names import Schema, basic_type

_WHOLE = frozenset({"type", "properties", "required", "additionalProperties"})
_KEYS = frozenset({"type", "default", "enum"})
_SAID = _KEYS | {"description", "title"}
_SAID_OF_ALL = frozenset({"type", "properties", "required", "description", "title"})
_TYPES: Mapping[str, frozenset[type]] = {
    "string": frozenset({str}),
    "integer": frozenset({int}),
    "number": frozenset({int, float}),
    "boolean": frozenset({bool}),
}


class Plain(NamedTuple):
    """What a plain parameter takes: values of these types, of these words if it lists any."""

    types: frozenset[type]
    words: frozenset[str] | None

    def takes(self, value: Any) -> bool:
        """Whether `value`, as JSON has it, fits."""
        kind = type(value)
        return (
            kind in self.types
            and (self.words is None or value in self.words)
            and (kind is not float or math.isfinite(value))
        )


_WORDLESS = {name: Plain(types, None) for name, types in _TYPES.items()}


def plain_parameters(schema: Schema) -> Mapping[str, Plain] | None:
    """Parameter -> what it takes, where a signature is closed and all its parameters are plain."""
    if not schema.keys() <= _WHOLE or schema.get("additionalProperties") is not False:
        return None
    parameters = {}
    for name, member in schema.get("properties", {}).items():
        plain = plain_parameter(member)
        if plain is None:
            return None
        parameters[name] = plain
    return parameters


def plain_schema(parameters: Any) -> tuple[Schema, Mapping[str, Plain]] | None:
    """What `parameters_schema` and `plain_parameters` say of a plain JSON Schema, in one pass.

    None where `parameters` is anything else; most tools are offered like this, each prompt anew.
    """
    if not isinstance(parameters, dict) or not parameters.keys() <= _SAID_OF_ALL:
        return None
    properties, required = parameters.get("properties"), parameters.get("required", [])
    if basic_type(parameters.get("type")) != "object" or not isinstance(properties, dict):
        return None
    if not isinstance(required, list) or not all(map(_is_plain_name, required)):
        return None
    members: dict[str, Schema] = {}
    plain: dict[str, Plain] = {}
    for name, spec in properties.items():
        if not _is_plain_name(name) or not isinstance(spec, dict) or not spec.keys() <= _SAID:
            return None
        member: Schema = {"type": basic_type(spec.get("type"))}
        found = _WORDLESS.get(member["type"])
        if "default" in spec:
            member["default"] = spec["default"]
        if "enum" in spec:
            member["enum"] = spec["enum"]
            found = plain_parameter(member)
        if found is None:
            return None
        members[name], plain[name] = member, found
    schema: Schema = {"type": "object", "properties": members, "additionalProperties": False}
    if required:
        schema["required"] = list(dict.fromkeys(required))
    return schema, plain


def _is_plain_name(name: Any) -> bool:
    return isinstance(name, str) and name.isascii()


def plain_parameter(schema: Schema) -> Plain | None:
    """What a parameter of this schema takes, None where the schema says more than a plain one."""
    wordless = _WORDLESS.get(schema.get("type", ""))
    if wordless is None or not schema.keys() <= _KEYS:
        return None
    if "enum" not in schema:
        return wordless
    words = schema["enum"]
    if str in wordless.types and isinstance(words, list) and set(map(type, words)) == {str}:
        return Plain(wordless.types, frozenset(words))
    return None
