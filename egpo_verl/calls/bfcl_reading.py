"""How BFCL reads an answer: what its decoder makes of a text, with nothing evaluated.

The decoder is milder than our template: it takes whatever follows the thought, forgives a fence and
missing brackets, drops what is given by position, takes a bare word for its letters, and works out
sums. Where it raises, an answer is no call at all, and that decides irrelevance. Two things it does
are not done here: it reads `+5` as `-5`, and it hands sums to `eval`.
"""

from __future__ import annotations

import ast
import warnings
from typing import Any

from egpo_verl.calls.arithmetic import UNKNOWN, Undecodable, binary
from egpo_verl.calls.call import Call
from egpo_verl.calls.forms import Parsed, parse
from egpo_verl.calls.reasons import Reason
from egpo_verl.calls.thought import split_thought

_MOST_CHARS = 4_000
"""Python 3.10's parser runs out of stack on longer texts that are made for it."""


def read_as_bfcl(response: str, form: str = "python") -> Parsed:
    """The calls that BFCL's decoder finds in a response, whatever its template.

    `calls` is None where the decoder raises, with our reader's reason. Values are what Python's
    literals can be: tuples stay tuples, for BFCL tells them from lists.

    >>> read_as_bfcl("<think>Paris, then.</think>\\n```\\nweather(city=Paris)\\n```").calls
    (Call(name='weather', arguments={'city': 'Paris'}),)

    Args:
        form: a name of `FORMS`; calls in another form than Python's are read as BFCL is given them.
    """
    _, text = split_thought(response)
    if form != "python" and (parsed := parse(text.strip(), form)).calls:
        return parsed
    text = text.strip("`\n ")
    opening = "" if text.startswith("[") else "["
    closing = "" if text.endswith("]") else "]"
    return _decoded(f"{opening}{text}{closing}")


def _decoded(text: str) -> Parsed:
    """Our reader's calls where it says what BFCL's does, else those of Python's grammar."""
    parsed = parse(text)
    if len(text) > _MOST_CHARS:
        return parsed
    # Only in parentheses of its own can a value be a tuple, which our reader makes a list.
    if parsed.calls is not None and text.count("(") == len(parsed.calls):
        return parsed
    try:
        return Parsed(_calls(text), None)
    except (Undecodable, SyntaxError, ValueError, RecursionError, MemoryError):
        return Parsed(None, parsed.reason or Reason.SYNTAX)


def _calls(text: str) -> tuple[Call, ...]:
    """The calls of a list, a tuple or one call in Python's grammar; nothing is evaluated."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        body = ast.parse(text, mode="eval").body
    if isinstance(body, ast.Call):
        return (_call(body),)
    if not isinstance(body, ast.List | ast.Tuple):
        raise Undecodable
    return tuple(map(_call, body.elts))


def _call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call):
        raise Undecodable
    # Of a repeated keyword the last counts; `**x` is an argument that nothing declares.
    arguments = {keyword.arg or "**": _value(keyword.value) for keyword in node.keywords}
    return Call(_name(node.func), arguments)


def _name(function: ast.expr) -> str:
    """`a.b.c` in full; of anything else what is dotted at its end."""
    parts: list[str] = []
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    if isinstance(function, ast.Name):
        parts.append(function.id)
    return ".".join(reversed(parts))


def _value(node: ast.expr | None) -> Any:
    """A value as the decoder takes it; raises `Undecodable` where that raises."""
    match node:
        case ast.Constant():
            return "..." if node.value is ... else node.value
        case ast.Name():
            return node.id
        case ast.List():
            return list(map(_value, node.elts))
        case ast.Tuple():
            return tuple(map(_value, node.elts))
        case ast.Dict():
            return _dict(node)
        case ast.UnaryOp(operand=ast.Constant() as operand):
            return _signed(node.op, operand.value)
        case ast.BinOp():
            return binary(node)
        case ast.Call(keywords=[]) | ast.Subscript():
            return ast.unparse(node)
        case ast.Call():
            call = _call(node)
            return {call.name: dict(call.arguments)}
    raise Undecodable


def _signed(sign: ast.unaryop, value: Any) -> Any:
    """A number with its sign; `~5` and `not 5`, both -5 to BFCL, serve nowhere."""
    if not isinstance(value, int | float | complex):
        raise Undecodable
    if isinstance(sign, ast.USub):
        return -value
    return value if isinstance(sign, ast.UAdd) else UNKNOWN


def _dict(node: ast.Dict) -> dict[Any, Any]:
    keys = list(map(_value, node.keys))
    values = list(map(_value, node.values))
    try:
        return dict(zip(keys, values, strict=True))
    except TypeError:  # a list for a key
        raise Undecodable from None
