"""Sums of literals, as models write them for values: `2 * 3`, `'a' + 'b'`, `[0.5] * 4`.

They are worked out node by node, within bounds, and only from literals: no name has a value here
and nothing is called. What is left open is an `UNKNOWN`, which serves for no value.
"""

from __future__ import annotations

import ast
import builtins
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

UNKNOWN = object()
"""A value that Python would work out and we do not: too large, or that of a function."""

_MAX_DEPTH = 48
_MAX_BITS = 4_096
_MAX_ITEMS = 512
_FILLED_WIDE = re.compile(r"%[^%sdi]")
"""A place in a text that says how wide it is filled."""

_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
    ast.Not: operator.not_,
}
_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
}


class Undecodable(Exception):
    """Python has no value for this."""


def binary(node: ast.BinOp, depth: int = 0) -> Any:
    """The value of a sum of literals; raises `Undecodable` where Python would raise."""
    left, right = _operand(node.left, depth + 1), _operand(node.right, depth + 1)
    if left is UNKNOWN or right is UNKNOWN or _is_too_large(node.op, left, right):
        return UNKNOWN
    try:
        return _BINARY[type(node.op)](left, right)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        raise Undecodable from None


def _operand(node: ast.expr, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise Undecodable
    match node:
        case ast.Constant():
            return node.value
        case ast.UnaryOp():
            value = _operand(node.operand, depth + 1)
            return UNKNOWN if value is UNKNOWN else _unary(node.op, value)
        case ast.BinOp():
            return binary(node, depth)
        case ast.List():
            return [_operand(element, depth + 1) for element in node.elts]
        case ast.Tuple():
            return tuple([_operand(element, depth + 1) for element in node.elts])
        case ast.Dict(keys=keys) if None not in keys:
            names = [_operand(key, depth + 1) for key in keys if key is not None]
            values = [_operand(value, depth + 1) for value in node.values]
            return _dict(names, values)
        case ast.Call(func=ast.Name(id=name)) if hasattr(builtins, name):
            return UNKNOWN
    raise Undecodable


def _unary(sign: ast.unaryop, value: Any) -> Any:
    try:
        return _UNARY[type(sign)](value)
    except TypeError:
        raise Undecodable from None


def _dict(names: list[Any], values: list[Any]) -> dict[Any, Any]:
    try:
        return dict(zip(names, values, strict=True))
    except TypeError:  # a list for a key
        raise Undecodable from None


def _is_too_large(sign: ast.operator, left: Any, right: Any) -> bool:
    """Whether the result may be larger than an answer can say."""
    if isinstance(left, int) and isinstance(right, int):
        bits = {ast.Pow: left.bit_length() * right, ast.LShift: left.bit_length() + right}
        largest = bits.get(type(sign), left.bit_length() + right.bit_length())
        return largest > _MAX_BITS
    if isinstance(sign, ast.Mod) and isinstance(left, str):
        return _is_filled_with_more(left, right)
    if isinstance(sign, ast.Mult):
        count, items = (left, right) if isinstance(left, int) else (right, left)
        return isinstance(count, int) and _size(items) * count > _MAX_ITEMS
    return isinstance(left, bytes)


def _is_filled_with_more(text: str, value: Any) -> bool:
    """Whether a text is filled in with more than some words and numbers, or says how wide."""
    values = value if isinstance(value, tuple) else (value,)
    if _FILLED_WIDE.search(text) or not all(isinstance(v, str | int | float) for v in values):
        return True
    return sum(map(_size, values)) > _MAX_ITEMS


def _size(value: Any) -> int:
    """Characters and values in a value, on every level."""
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, list | tuple):
        return 1 + sum(map(_size, value))
    if isinstance(value, dict):
        return 1 + sum(map(_size, value.keys())) + sum(map(_size, value.values()))
    return 1
