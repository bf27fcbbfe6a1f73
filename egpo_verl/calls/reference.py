"""The calls expected: one set of them, or alternatives per argument."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from egpo_verl.calls.bounds import MAX_DEPTH
from egpo_verl.calls.call import Call
from egpo_verl.calls.candidates import Candidates
from egpo_verl.calls.expected import ExpectedCall
from egpo_verl.calls.reasons import Reason, Unreadable
from egpo_verl.calls.tools import Signature, ToolSet
from egpo_verl.calls.values import TEXT_FORMS, check_json, equal, nfc

_MAX_LEVELS = MAX_DEPTH + 5
"""Around a value: the object, its calls, a call, its arguments, the alternatives."""

RULES = ("", "bfcl")
"""Ours, or those of a benchmark."""


@dataclass(frozen=True)
class Reference:
    """All calls expected, in any order; none where no call is expected.

    Attributes:
        rules: whose rules decide, one of `RULES`.
        any_call: any call serves, as BFCL's relevance has it; `calls` is then empty.
    """

    calls: tuple[ExpectedCall, ...]
    rules: str = ""
    any_call: bool = False
    _candidates: dict[str, Candidates] = field(default_factory=dict, compare=False, repr=False)

    def candidates(self, strings: str) -> Candidates:
        """`calls` with their texts in a form of `TEXT_FORMS`, to find those that a call serves."""
        candidates = self._candidates.get(strings)
        if candidates is None:
            candidates = Candidates(self.calls, TEXT_FORMS[strings])
            self._candidates[strings] = candidates
        return candidates

    @classmethod
    def from_calls(cls, calls: Sequence[Call]) -> Reference:
        """Exactly these calls."""
        return cls(tuple(_expected(call.name, _singles(call.arguments)) for call in calls))

    @classmethod
    def from_json(cls, text: str, tools: ToolSet | None = None) -> Reference:
        """From a row's `ground_truth`.

        Args:
            text: a JSON list `[{"name", "arguments": {..}}, ..]`, or with alternatives a JSON
                object `{"calls": [{"name", "arguments": {parameter: [value, ..]},
                "omissible": [parameter, ..]}, ..], "alternatives": true}`; that of a benchmark's
                row has `"rules"` too, and may have `"any_call": true`.
            tools: where there are some, `for_tools(tools)` is applied, unless a benchmark's rules
                decide.

        Raises:
            ValueError: `text` is neither.
        """
        try:
            data = _DECODER.decode(text)
            if text.count("[") + text.count("{") > _MAX_LEVELS:
                check_json(data, _MAX_LEVELS)
        except (ValueError, TypeError, RecursionError, Unreadable) as error:
            raise ValueError(f"the reference is no JSON text that can be used: {error}") from None
        if isinstance(data, list):
            reference = cls(tuple(map(_exact, data)))
        elif isinstance(data, dict) and isinstance(data.get("calls"), list):
            rules = data.get("rules", "")
            if rules not in RULES:
                raise ValueError(f"the reference names unknown rules: {rules!r}")
            calls = tuple(map(_with_alternatives, data["calls"]))
            reference = cls(calls, rules, data.get("any_call") is True)
        else:
            raise ValueError(
                "the reference must be a JSON list of calls, or an object with the key 'calls'"
            )
        return reference if tools is None or reference.rules else reference.for_tools(tools)

    def for_tools(self, tools: ToolSet) -> Reference:
        """The same calls in the types of `tools`.

        A whole number where a float is declared serves as that float, and a default that the
        schema states may be written or left out.
        """
        calls = tuple(
            call if signature is None else _typed(call, signature)
            for call in self.calls
            for signature in [tools.signature(call.name)]
        )
        return Reference(calls, self.rules, self.any_call)


def _check_call(item: Any) -> None:
    if not (
        isinstance(item, dict)
        and isinstance(item.get("name"), str)
        and isinstance(item.get("arguments"), dict)
    ):
        raise ValueError(
            f"a call of the reference must be an object with the keys 'name' and 'arguments': "
            f"{json.dumps(item)[:80]}"
        )


def _exact(item: Any) -> ExpectedCall:
    _check_call(item)
    return _expected(item["name"], _singles(item["arguments"]))


def _with_alternatives(item: Any) -> ExpectedCall:
    _check_call(item)
    optional = item.get("omissible", [])
    if not isinstance(optional, list) or not all(
        isinstance(values, list) for values in item["arguments"].values()
    ):
        raise ValueError(
            "with alternatives, each argument of the reference must be a list of values and "
            f"'omissible' a list of names: {json.dumps(item)[:80]}"
        )
    return _expected(item["name"], item["arguments"], map(str, optional))


def _singles(arguments: Mapping[str, Any]) -> dict[str, list[Any]]:
    return {name: [value] for name, value in arguments.items()}


def _expected(
    name: str, arguments: Mapping[str, Sequence[Any]], omissible: Iterable[str] = ()
) -> ExpectedCall:
    composed = {nfc(parameter): values for parameter, values in arguments.items()}
    return ExpectedCall(nfc(name), composed, frozenset(map(nfc, omissible)))


def _typed(call: ExpectedCall, signature: Signature) -> ExpectedCall:
    arguments, optional = dict(call.arguments), set(call.optional)
    for name, default in signature.defaults.items():
        values, normal = arguments.get(name, ()), signature.normal(name, default)
        if any(equal(normal, signature.normal(name, value)) for value in values):
            optional.add(name)
        elif not values or name in optional:
            arguments[name] = [*values, default]
            optional.add(name)
    return ExpectedCall(call.name, arguments, frozenset(optional), signature)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise Unreadable(Reason.BAD_NUMBER)
    return value


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
