"""What several datasets write alike: tools and calls as JSON text or as values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.datasets.reading.json_text import read_functions
from egpo_verl.datasets.reading.literals import literal
from egpo_verl.datasets.sample import Tool
from egpo_verl.datasets.tools.features import features_of, features_of_all
from egpo_verl.datasets.unusable import Unusable

NAME_KEYS = ("name", "api")
ARGUMENT_KEYS = ("arguments", "parameters")


def tools_from(value: Any) -> tuple[Tool, ...]:
    """Functions from a JSON text or a list; raises `Unusable`."""
    tools = loaded(value, "bad_tools", read_functions)
    if not isinstance(tools, list):
        raise Unusable("bad_tools", f"not a list: {str(tools)[:60]}")
    offered = tuple(tools)
    for features in features_of_all(offered):
        if not features.is_usual:
            return tuple(map(_tool, offered))
    return offered


def _tool(value: Any) -> Tool:
    """A function that may be a JSON text, or have its schema under another key."""
    features = features_of(loaded(value, "bad_tools"))
    if not features.is_named:
        raise Unusable("bad_tools", f"no name in {str(value)[:60]}")
    return features.with_parameters


def calls_from(value: Any) -> tuple[Call, ...]:
    """Calls from a JSON text, a list or one call object; raises `Unusable`."""
    calls = loaded(value, "bad_calls")
    if isinstance(calls, dict):
        calls = [calls]
    if not isinstance(calls, list):
        raise Unusable("bad_calls", f"not a list: {str(calls)[:60]}")
    return tuple(map(call_from, calls))


def call_from(item: Any) -> Call:
    """A call from `{"name", "arguments"}`, by their other names too; arguments may be a text.

    Raises:
        Unusable: it is no call.
    """
    if not isinstance(item, Mapping):
        raise Unusable("bad_calls", f"not an object: {str(item)[:60]}")
    name = _first(item, NAME_KEYS)
    if not isinstance(name, str):
        raise Unusable("bad_calls", f"no name in {str(item)[:60]}")
    arguments = _first(item, ARGUMENT_KEYS)
    if arguments is None or arguments == "":
        return Call(name)
    arguments = loaded(arguments, "bad_calls")
    if isinstance(arguments, str):  # encoded twice
        arguments = loaded(arguments, "bad_calls")
    if not isinstance(arguments, Mapping):
        raise Unusable("bad_calls", f"arguments are not an object: {str(arguments)[:60]}")
    return Call(name, dict(arguments))


def _first(item: Mapping[str, Any], keys: Sequence[str]) -> Any:
    """What the item has under the first of the keys that is there; None where none is."""
    for key in keys:
        value = item.get(key)
        if value is not None:
            return value
    return None


def user(text: Any) -> dict[str, str]:
    """A user's message; raises `Unusable` where there is no text."""
    if not isinstance(text, str) or not text.strip():
        raise Unusable("no_question", repr(text)[:60])
    return {"role": "user", "content": text}


def present(row: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Those of `keys` that the row has, for `Sample.extra`."""
    return {key: row[key] for key in keys if row.get(key) is not None}


def loaded(value: Any, reason: str, read_json: Callable[[str], Any] = json.loads) -> Any:
    """A value that may be written as a text, in JSON or in Python; raises `Unusable`."""
    if isinstance(value, str):
        try:
            return literal(value, read_json)
        except ValueError as error:
            raise Unusable(reason, str(error)) from error
    return list(value) if isinstance(value, Sequence) else value
