"""The forms that write calls as JSON: Hermes and Qwen, Llama 3, a plain list.

JSON is read by the standard library's `raw_decode`, so a closing tag inside a string is only text.
A key written twice, a number that is not finite and any key beyond the form's own are refused.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from egpo_verl.calls.bounds import MAX_CALLS, MAX_NUMBER
from egpo_verl.calls.call import Call
from egpo_verl.calls.reasons import Reason, Unreadable
from egpo_verl.calls.values import check_json

_BLANKS = " \t\r\n"
_OPEN_TAG, _CLOSE_TAG = "<tool_call>", "</tool_call>"
_PYTHON_TAG = "<|python_tag|>"


def read_json(text: str) -> tuple[Call, ...]:
    """The calls of `[{"name": .., "arguments": {..}}, ..]`. Raises `Unreadable`."""
    at = _skip(text, 0)
    if not text.startswith("[", at):
        raise Unreadable(Reason.NO_CALL_LIST)
    data, at = _decoded(text, at)
    if _skip(text, at) != len(text):
        raise Unreadable(Reason.TEXT_BESIDE_CALLS)
    if len(data) > MAX_CALLS:
        raise Unreadable(Reason.TOO_MANY)
    return tuple(_call(item, "arguments") for item in data)


def write_json(calls: Sequence[Call]) -> str:
    """`[{"name": "f", "arguments": {"a": 1}}]`."""
    return f"[{', '.join(_written(call, 'arguments') for call in calls)}]"


def read_hermes(text: str) -> tuple[Call, ...]:
    """The calls of `<tool_call>{"name": .., "arguments": {..}}</tool_call>`, one block each."""
    calls: list[Call] = []
    at = _skip(text, 0)
    while at < len(text):
        if not text.startswith(_OPEN_TAG, at):
            raise Unreadable(Reason.TEXT_BESIDE_CALLS if calls else Reason.NO_CALL_LIST)
        data, at = _decoded(text, _skip(text, at + len(_OPEN_TAG)))
        at = _skip(text, at)
        if not text.startswith(_CLOSE_TAG, at):
            raise Unreadable(Reason.SYNTAX)
        _append(calls, data, "arguments")
        at = _skip(text, at + len(_CLOSE_TAG))
    return tuple(calls)


def write_hermes(calls: Sequence[Call]) -> str:
    """`<tool_call>`, a line of JSON, `</tool_call>`, one block per call."""
    return "\n".join(f"{_OPEN_TAG}\n{_written(call, 'arguments')}\n{_CLOSE_TAG}" for call in calls)


def read_llama(text: str) -> tuple[Call, ...]:
    """The calls of `{"name": .., "parameters": {..}}; ..`, perhaps after `<|python_tag|>`."""
    calls: list[Call] = []
    at = _skip(text, 0)
    if text.startswith(_PYTHON_TAG, at):
        at = _skip(text, at + len(_PYTHON_TAG))
    elif at == len(text):
        return ()
    while True:
        if not text.startswith("{", at):
            raise Unreadable(Reason.SYNTAX if calls else Reason.NO_CALL_LIST)
        data, at = _decoded(text, at)
        _append(calls, data, "parameters")
        at = _skip(text, at)
        if at == len(text):
            return tuple(calls)
        if not text.startswith(";", at):
            raise Unreadable(Reason.TEXT_BESIDE_CALLS)
        at = _skip(text, at + 1)


def write_llama(calls: Sequence[Call]) -> str:
    """`{"name": "f", "parameters": {"a": 1}}; {..}`."""
    return "; ".join(_written(call, "parameters") for call in calls)


def _append(calls: list[Call], data: Any, key: str) -> None:
    if len(calls) == MAX_CALLS:
        raise Unreadable(Reason.TOO_MANY)
    calls.append(_call(data, key))


def _call(data: Any, key: str) -> Call:
    if not isinstance(data, dict) or data.keys() != {"name", key}:
        raise Unreadable(Reason.BAD_SHAPE)
    name, arguments = data["name"], data[key]
    if not isinstance(name, str) or not isinstance(arguments, dict):
        raise Unreadable(Reason.BAD_SHAPE)
    if not name:
        raise Unreadable(Reason.BAD_NAME)
    for value in arguments.values():
        check_json(value)
    return Call(name, arguments)


def _written(call: Call, key: str) -> str:
    return json.dumps({"name": call.name, key: dict(call.arguments)}, ensure_ascii=False)


def _decoded(text: str, at: int) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError:
        raise Unreadable(Reason.TOO_DEEP) from None
    except ValueError:
        raise Unreadable(Reason.SYNTAX) from None


def _skip(text: str, at: int) -> int:
    """The first place from `at` on that is not blank."""
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def _integer(digits: str) -> int:
    if len(digits) > MAX_NUMBER:
        raise Unreadable(Reason.BAD_NUMBER)
    return int(digits)


def _float(digits: str) -> float:
    value = float(digits)
    if len(digits) > MAX_NUMBER or not math.isfinite(value):
        raise Unreadable(Reason.BAD_NUMBER)
    return value


def _constant(name: str) -> float:
    raise Unreadable(Reason.BAD_NUMBER)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise Unreadable(Reason.DUPLICATE)
    return members


_DECODER = json.JSONDecoder(
    parse_int=_integer, parse_float=_float, parse_constant=_constant, object_pairs_hook=_object
)
