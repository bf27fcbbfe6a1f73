"""Whether calls are those that a row of BFCL lists, by the rules of its checker.

A row of a benchmark is there to be measured, so its accuracy should be the one that the official
scorer would give. Its types are Python's: a tuple is no list, a whole number serves for a float as
an argument but not inside a list, and below an argument `True` is 1. A text is compared without
case, blanks and `,./-_*^`, down to the elements of a list and the members of an object. Each listed
call takes the first call of the answer that serves for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from egpo_verl.calls.call import Call
from egpo_verl.calls.expected import ExpectedCall
from egpo_verl.calls.reference import Reference
from egpo_verl.calls.tools import PARAMETER_KEYS, ToolSet

_IGNORED = {ord(mark): None for mark in " ,./-_*^"} | {ord("'"): '"'}
_TYPES: Mapping[Any, type] = {
    "string": str,
    "any": str,
    "integer": int,
    "float": float,
    "number": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "object": dict,
}


class Parameter(NamedTuple):
    """A parameter of one listed call.

    Attributes:
        kind: the type of its values, None where neither declared nor listed.
        inner: the type of the elements where a list is declared, None where it is not known.
        takes_tuple: whether a tuple serves for the list.
        values: those listed, and `""` where it may be left out.
        listed: the type of the first of them that is not `""`.
        standard: `values` as they are compared.
    """

    kind: type | None
    inner: type | None
    takes_tuple: bool
    values: Sequence[Any]
    listed: type | None
    standard: Sequence[Any]


class ListedCall(NamedTuple):
    """A listed call: the arguments that must be there, and what each of its parameters takes."""

    name: str
    needed: frozenset[str]
    parameters: Mapping[str, Parameter]


def listed_calls(reference: Reference, tools: ToolSet | None) -> tuple[ListedCall, ...]:
    """A row's reference, ready to be held against answers."""
    return tuple(_listed_call(expected, tools) for expected in reference.calls)


def match_as_bfcl(calls: Sequence[Call], listed: Sequence[ListedCall]) -> bool:
    """Whether `calls`, as `read_as_bfcl` has them, are the listed ones."""
    if len(calls) != len(listed):
        return False
    left = [
        (call, {name: _standard(value) for name, value in call.arguments.items()}) for call in calls
    ]
    for expected in listed:
        # Calls alike in most arguments differ in the same one: it is looked at first.
        refused: str | None = None
        for at, (call, standard) in enumerate(left):
            refused = _refused(call, standard, expected, refused)
            if refused is None:
                del left[at]
                break
        else:
            return False
    return True


def _listed_call(expected: ExpectedCall, tools: ToolSet | None) -> ListedCall:
    specification = (tools and tools.specification(expected.name)) or {}
    schema = next((specification[key] for key in PARAMETER_KEYS if key in specification), None)
    schema = schema if isinstance(schema, dict) else {}
    declared, required = schema.get("properties"), schema.get("required")
    needed = [name for name in expected.arguments if name not in expected.optional]
    if isinstance(required, list):
        needed += map(str, required)
    parameters = {
        name: _parameter(
            declared[name] if isinstance(declared, dict) else {}, values, name in expected.optional
        )
        for name, values in expected.arguments.items()
        if not isinstance(declared, dict) or name in declared
    }
    return ListedCall(expected.name, frozenset(needed), parameters)


def _parameter(specification: Any, values: Sequence[Any], optional: bool) -> Parameter:
    schema = specification if isinstance(specification, dict) else {}
    declared, items = schema.get("type"), schema.get("items")
    listed = next((type(value) for value in values if value != ""), None)
    kind = _type(declared) or listed
    inner = _type(items.get("type")) if kind is list and isinstance(items, dict) else None
    values = [*values, ""] if optional else values
    # To BFCL's checker "" is a list without elements, too.
    standard = [[] if value == "" and kind is list else _standard(value) for value in values]
    return Parameter(kind, inner, declared == "tuple", values, listed, standard)


def _type(name: Any) -> type | None:
    return _TYPES.get(name) if isinstance(name, str) else None


def _refused(
    call: Call, standard: Mapping[str, Any], expected: ListedCall, first: str | None
) -> str | None:
    """What keeps the call from serving as the expected one, None where it serves.

    Args:
        standard: the call's arguments as they are compared.
        first: the argument to look at before the others.
    """
    if call.name != expected.name or not expected.needed <= call.arguments.keys():
        return first or ""
    if first is not None and first in standard and not _takes(expected, first, call, standard):
        return first
    for name in standard:
        if not _takes(expected, name, call, standard):
            return name
    return None


def _takes(expected: ListedCall, name: str, call: Call, standard: Mapping[str, Any]) -> bool:
    parameter = expected.parameters.get(name)
    return parameter is not None and _accepts(parameter, call.arguments[name], standard[name])


def _accepts(parameter: Parameter, value: Any, standard: Any) -> bool:
    """Whether `value`, which is compared as `standard`, serves as the argument."""
    kind: Any = parameter.kind
    values = parameter.values
    if parameter.takes_tuple and type(value) is tuple:
        value, standard = list(value), _standard(list(value))
    if kind is float and type(value) is int:
        return value in values
    if type(value) is not kind:
        return type(value) is parameter.listed and value in values
    if parameter.inner is not None and not _elements_fit(value, parameter):
        return False
    if parameter.listed not in (None, kind):
        return value in values
    if kind is dict or (kind is list and parameter.inner is dict):
        return standard in parameter.standard or _without_empty(standard) in parameter.standard
    return standard in parameter.standard


def _elements_fit(values: Sequence[Any], parameter: Parameter) -> bool:
    """Whether the types of a list's elements are the declared one, or that of a listed list."""
    for listed in parameter.values:
        if not isinstance(listed, list):
            return True
        first = next((type(element) for element in listed if element != ""), None)
        if all(type(value) in (parameter.inner, first) for value in values):
            return True
    return False


def _standard(value: Any) -> Any:
    """`value` as BFCL compares it: its texts without case and marks, as far down as BFCL looks."""
    if isinstance(value, list):
        return [_standard(item) if isinstance(item, str | dict) else item for item in value]
    if isinstance(value, dict):
        return {key: _text(item) if isinstance(item, str) else item for key, item in value.items()}
    return _text(value) if isinstance(value, str) else value


def _text(text: str) -> str:
    return text.translate(_IGNORED).lower()


def _without_empty(standard: Any) -> Any:
    """Objects without the members that are an empty text, which to BFCL is one left out."""
    if isinstance(standard, list):
        return list(map(_without_empty, standard))
    if isinstance(standard, dict):
        return {key: item for key, item in standard.items() if item != ""}
    return standard
