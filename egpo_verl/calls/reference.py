"""The calls wanted: one set of them, or alternatives per argument."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from egpo_verl.calls.bounds import MAX_DEPTH
from egpo_verl.calls.call import Call
from egpo_verl.calls.fitting import (
    has_inner_defaults,
    stated_defaults,
    widened,
    with_inner_defaults,
)
from egpo_verl.calls.problem import Unreadable
from egpo_verl.calls.tools import Signature, ToolSet
from egpo_verl.calls.type_names import Schema
from egpo_verl.calls.values import check_json, equal, nfc

_LEVELS_AROUND = 5
"""Around a value: the object, its calls, a call, its arguments, the alternatives."""


class Wanted(NamedTuple):
    """One call wanted.

    Attributes:
        name: of the function.
        arguments: parameter -> the values that serve.
        omissible: parameters that may be left out.
        schemas: parameter -> its schema where that states defaults inside the value.
    """

    name: str
    arguments: Mapping[str, Sequence[Any]]
    omissible: frozenset[str]
    schemas: Mapping[str, Schema]


@dataclass(frozen=True)
class Reference:
    """All calls wanted, in any order; none where no call is wanted."""

    calls: tuple[Wanted, ...]

    @classmethod
    def from_calls(cls, calls: Sequence[Call]) -> Reference:
        """Exactly these calls."""
        return cls(
            tuple(
                _wanted(call.name, {name: [value] for name, value in call.arguments.items()})
                for call in calls
            )
        )

    @classmethod
    def from_json(cls, text: str, tools: ToolSet | None = None) -> Reference:
        """From a row's `ground_truth`.

        Args:
            text: a JSON list `[{"name", "arguments": {..}}, ..]`, or with alternatives a JSON
                object `{"calls": [{"name", "arguments": {parameter: [value, ..]},
                "omissible": [parameter, ..]}, ..], "alternatives": true}`.
            tools: where given, `for_tools(tools)` is applied.

        Raises:
            ValueError: `text` is neither.
        """
        try:
            data = json.loads(text)
            check_json(data, MAX_DEPTH + _LEVELS_AROUND)
        except (ValueError, TypeError, RecursionError, Unreadable) as error:
            raise ValueError(f"the reference is no JSON text that can be used: {error}") from None
        if isinstance(data, list):
            reference = cls.from_calls([_call(item) for item in data])
        elif isinstance(data, dict) and isinstance(data.get("calls"), list):
            reference = cls(tuple(_with_alternatives(item) for item in data["calls"]))
        else:
            raise ValueError(
                "the reference must be a JSON list of calls, or an object with the key 'calls'"
            )
        return reference if tools is None else reference.for_tools(tools)

    def for_tools(self, tools: ToolSet) -> Reference:
        """The same wish in the types of `tools`.

        A whole number where a float is declared serves as that float, and a default that the
        schema states may be written or left out.
        """
        return Reference(
            tuple(
                wanted if signature is None else _typed(wanted, signature)
                for wanted in self.calls
                for signature in [tools.signature(wanted.name)]
            )
        )


def _call(item: Any) -> Call:
    if not (
        isinstance(item, dict)
        and isinstance(item.get("name"), str)
        and isinstance(item.get("arguments"), dict)
    ):
        raise ValueError(
            f"a call of the reference must be an object with the keys 'name' and 'arguments': "
            f"{json.dumps(item)[:80]}"
        )
    return Call(item["name"], item["arguments"])


def _with_alternatives(item: Any) -> Wanted:
    call = _call(item)
    omissible = item.get("omissible", [])
    if not isinstance(omissible, list) or not all(
        isinstance(values, list) for values in call.arguments.values()
    ):
        raise ValueError(
            "with alternatives, each argument of the reference must be a list of values and "
            f"'omissible' a list of names: {json.dumps(item)[:80]}"
        )
    return _wanted(call.name, call.arguments, map(str, omissible))


def _wanted(
    name: str, arguments: Mapping[str, Sequence[Any]], omissible: Iterable[str] = ()
) -> Wanted:
    named = {nfc(parameter): values for parameter, values in arguments.items()}
    return Wanted(nfc(name), named, frozenset(map(nfc, omissible)), {})


def _typed(wanted: Wanted, signature: Signature) -> Wanted:
    schemas: Mapping[str, Schema] = signature.schema.get("properties", {})
    deep = {name: schema for name, schema in schemas.items() if has_inner_defaults(schema)}
    arguments = {
        name: [with_inner_defaults(widened(v, schemas.get(name)), deep.get(name)) for v in values]
        for name, values in wanted.arguments.items()
    }
    omissible = set(wanted.omissible)
    for name, default in stated_defaults(signature.schema).items():
        values = arguments.setdefault(name, [])
        if any(equal(default, value) for value in values):
            omissible.add(name)
        elif not values or name in omissible:
            values.append(default)
            omissible.add(name)
    return Wanted(wanted.name, arguments, frozenset(omissible), deep)
