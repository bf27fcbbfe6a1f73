"""Refuses answers that hold code, before BFCL's decoder evaluates them."""

from __future__ import annotations

import ast

LARGEST_EXPONENT = 1000


class Refused(ValueError):
    """An answer that holds code, or arithmetic without bound."""


def refuse_code(answer: str) -> None:
    """Raise `Refused` for what BFCL's decoder would evaluate and is more than plain arithmetic.

    The decoder calls `eval` on every operation that it finds. Between numbers, strings and lists
    that is the value which the model meant; anything else is an answer that cannot be decoded.
    """
    # What the decoder makes of the text before it parses it, step by step.
    text = answer.strip("`\n ")
    text = text if text.startswith("[") else f"[{text}"
    text = text if text.endswith("]") else f"{text}]"
    try:
        tree = ast.parse(text.strip().strip("'"), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return  # BFCL's parse fails as well, and says so
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp):
            _must_be_plain(node)


def _must_be_plain(operation: ast.BinOp) -> None:
    plain = (ast.BinOp, ast.UnaryOp, ast.Constant, ast.List, ast.Tuple, ast.Dict)
    for node in ast.walk(operation):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.LShift):
            power = node.right.value if isinstance(node.right, ast.Constant) else None
            if not isinstance(power, int | float) or abs(power) > LARGEST_EXPONENT:
                raise Refused("a power beyond bounds")
            if not isinstance(node.left, ast.Constant):
                raise Refused("a power of a calculation")
        elif isinstance(node, ast.expr) and not isinstance(node, plain):
            raise Refused(f"{type(node).__name__} inside a calculation")
