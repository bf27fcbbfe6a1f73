"""Ways to change a right answer: each takes the calls and gives changed ones, or None.

A mutation need not make the answer wrong (the order of arguments does not matter); what counts is
whether two judges think the same of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from egpo_verl.calls import Call

Calls = Sequence[Call]
Mutation = Callable[[Calls], "Calls | None"]


def _first_argument(change: Callable[[Any], Any]) -> Mutation:
    """Change the first value that `change` does not answer with None."""

    def mutate(calls: Calls) -> Calls | None:
        for at, call in enumerate(calls):
            for name, value in call.arguments.items():
                changed = change(value)
                if changed is not None:
                    arguments = {**call.arguments, name: changed}
                    return [*calls[:at], replace(call, arguments=arguments), *calls[at + 1 :]]
        return None

    return mutate


def _deep(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Apply `change` to the first plain value that it changes inside a list or dict."""

    def inside(value: Any) -> Any:
        pairs = enumerate(value) if isinstance(value, list) else getattr(value, "items", tuple)()
        for key, item in pairs:
            changed = inside(item) if isinstance(item, list | dict) else change(item)
            if changed is not None:
                copy = value.copy()
                copy[key] = changed
                return copy
        return None

    return inside


def _wrong(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value} zzz" if isinstance(value, str) else None


def _other_type(value: Any) -> Any:
    if isinstance(value, str):
        return [value]
    return str(value) if isinstance(value, bool | int | float) else None


def _shuffled_marks(value: Any) -> Any:
    return value.replace(" ", "-") + "." if isinstance(value, str) and value else None


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) and value.upper() != value else None


def _as_float(value: Any) -> Any:
    return float(value) if type(value) is int else None


def _as_int(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _bool_as_int(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else None


def _int_as_bool(value: Any) -> Any:
    return bool(value) if type(value) is int and value in (0, 1) else None


def _reversed_list(value: Any) -> Any:
    reversed_ = value[::-1] if isinstance(value, list) else None
    return reversed_ if reversed_ != value else None


def _longer_list(value: Any) -> Any:
    return [*value, value[-1]] if isinstance(value, list) and value else None


def _missing(which: int) -> Mutation:
    def mutate(calls: Calls) -> Calls | None:
        if not calls or not calls[0].arguments:
            return None
        names = list(calls[0].arguments)
        del names[which]
        rest = {name: calls[0].arguments[name] for name in names}
        return [replace(calls[0], arguments=rest), *calls[1:]]

    return mutate


def _swapped(calls: Calls) -> Calls | None:
    names = list(calls[0].arguments) if calls else []
    if len(names) < 2:
        return None
    values = dict(calls[0].arguments)
    values[names[0]], values[names[1]] = values[names[1]], values[names[0]]
    return [replace(calls[0], arguments=values), *calls[1:]]


def _extra(calls: Calls) -> Calls | None:
    if not calls:
        return None
    return [replace(calls[0], arguments={**calls[0].arguments, "zzz": 1}), *calls[1:]]


def _reordered(calls: Calls) -> Calls | None:
    return [replace(c, arguments=dict(reversed(list(c.arguments.items())))) for c in calls]


def _renamed(calls: Calls) -> Calls | None:
    return [replace(calls[0], name=f"{calls[0].name}_x"), *calls[1:]] if calls else None


MUTATIONS: dict[str, Mutation] = {
    "none": lambda calls: calls,
    "wrong value": _first_argument(_wrong),
    "wrong value inside": _first_argument(_deep(_wrong)),
    "first argument missing": _missing(0),
    "last argument missing": _missing(-1),
    "extra argument": _extra,
    "two values swapped": _swapped,
    "wrong type": _first_argument(_other_type),
    "wrong type inside": _first_argument(_deep(_other_type)),
    "case": _first_argument(_upper),
    "case inside": _first_argument(_deep(_upper)),
    "punctuation": _first_argument(_shuffled_marks),
    "float for integer": _first_argument(_as_float),
    "float for integer inside": _first_argument(_deep(_as_float)),
    "integer for float": _first_argument(_as_int),
    "integer for float inside": _first_argument(_deep(_as_int)),
    "integer for boolean": _first_argument(_bool_as_int),
    "boolean for integer": _first_argument(_int_as_bool),
    "boolean for integer inside": _first_argument(_deep(_int_as_bool)),
    "list reversed": _first_argument(_reversed_list),
    "list longer": _first_argument(_longer_list),
    "arguments reordered": _reordered,
    "calls reordered": lambda calls: calls[::-1] if len(calls) > 1 else None,
    "call twice": lambda calls: [*calls, calls[-1]] if calls else None,
    "call for another": lambda calls: [calls[0], *calls[:-1]] if len(calls) > 1 else None,
    "call missing": lambda calls: calls[1:] if calls else None,
    "function renamed": _renamed,
}
