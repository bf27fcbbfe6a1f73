"""References with alternatives, as benchmarks have them.

Their form is `{"calls": [{"name", "arguments": {parameter: [value, ...]}, "omissible":
[parameter, ...]}, ...], "alternatives": true}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from egpo_verl.calls import Call
from egpo_verl.calls.tools import Signature

Reference = Mapping[str, Any]


def first_answer(reference: Reference) -> tuple[Call, ...]:
    """One right answer: the first value of every argument that has one."""
    return tuple(
        Call(item["name"], {key: values[0] for key, values in item["arguments"].items() if values})
        for item in reference["calls"]
    )


def fitting(reference: Reference, signatures: Mapping[str, Signature]) -> Reference:
    """The reference without the values that their parameter's type refuses.

    A call with such a value is wrong by the function's signature, whatever the benchmark
    lists. A parameter that keeps no value stays only if the reference cannot do without it.
    """
    return {**reference, "calls": [_fitting_call(item, signatures) for item in reference["calls"]]}


def _fitting_call(item: Mapping[str, Any], signatures: Mapping[str, Signature]) -> dict[str, Any]:
    signature = signatures.get(item["name"])
    schemas = signature.schema.get("properties", {}) if signature else {}
    arguments = {}
    for name, values in item["arguments"].items():
        is_valid = jsonschema_rs.Draft4Validator(schemas.get(name, {})).is_valid
        valid = [value for value in values if is_valid(value)]
        if valid or name not in item["omissible"]:
            arguments[name] = valid or values
    optional = [name for name in item["omissible"] if name in arguments]
    return {**item, "arguments": arguments, "omissible": optional}
