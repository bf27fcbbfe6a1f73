"""Rows whose structs Arrow merged, as they were before.

A struct column has the same keys in every row, so that a key which one row has is null in all
others: `{"x": 3}` comes back as `{"city": null, "x": 3}`. The functions' own schemas tell most of
these nulls from those that somebody wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.datasets.checks.repair import admits_null
from egpo_verl.datasets.sample import Message, Sample
from egpo_verl.datasets.tools.features import Features, features_of
from egpo_verl.datasets.unusable import Unusable

Schema = Mapping[str, Any]


def unmerged(sample: Sample) -> Sample:
    """The sample without null-filled keys, or the sample itself where it has none.

    Raises:
        Unusable: a null of a call may be a value or an absent key.
    """
    tools = tuple([_without_nulls(tool) for tool in sample.tools])
    offered = {features.name: features for features in map(features_of, tools)}
    calls = tuple([_call(call, offered) for call in sample.calls])
    messages = tuple([_message(message, offered) for message in sample.messages])
    if (tools, calls, messages) == (sample.tools, sample.calls, sample.messages):
        return sample
    return replace(sample, tools=tools, calls=calls, messages=messages)


def _without_nulls(value: Any) -> Any:
    """A part of a function's specification; only a default may be null in a JSON Schema."""
    if isinstance(value, Mapping):
        keep_default = ("type" in value or "anyOf" in value) and admits_null(value)
        return {
            key: _without_nulls(item)
            for key, item in value.items()
            if item is not None or (key == "default" and keep_default)
        }
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def _message(message: Message, offered: Mapping[str, Features]) -> Message:
    if "calls" not in message:
        return message
    return {**message, "calls": tuple([_call(call, offered) for call in message["calls"]])}


def _call(call: Call, offered: Mapping[str, Features]) -> Call:
    if not _has_null(call.arguments):
        return call
    schema = offered[call.name].signature.schema if call.name in offered else {}
    try:
        return Call(call.name, _object(call.arguments, schema))
    except _Ambiguous as error:
        where = {"call": call.name, "argument": str(error)}
        raise Unusable("merged_structs", f"{call.name}({error}=None)", where) from error


class _Ambiguous(Exception):
    """A key whose null may be a value or a filled gap."""


def _object(value: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    properties, required = schema.get("properties", {}), schema.get("required", ())
    if not properties and any(item is None for item in value.values()):
        raise _Ambiguous(next(key for key, item in value.items() if item is None))
    result = {}
    for key, item in value.items():
        declared = properties.get(key)
        if item is not None:
            result[key] = _value(item, declared)
        elif not isinstance(declared, Mapping) or not admits_null(declared):
            continue  # nobody can have written it
        elif key in required:
            result[key] = None  # it cannot be absent
        elif declared.get("default", ...) is not None:
            raise _Ambiguous(key)
    return result


def _value(value: Any, schema: Any) -> Any:
    schema = schema if isinstance(schema, Mapping) else {}
    if isinstance(value, Mapping):
        return _object(value, _object_schema(schema))
    if isinstance(value, list):
        return [_value(item, schema.get("items")) for item in value]
    return value


def _object_schema(schema: Schema) -> Schema:
    """The schema's alternative that declares an object's keys, where there is exactly one."""
    alternatives = schema.get("anyOf")
    if "properties" in schema or not isinstance(alternatives, list):
        return schema
    objects = [one for one in alternatives if isinstance(one, Mapping) and "properties" in one]
    return objects[0] if len(objects) == 1 else {}


def _has_null(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_null, value.values()))
    return any(map(_has_null, value)) if isinstance(value, list) else value is None
