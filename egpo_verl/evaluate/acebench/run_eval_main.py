"""Runs ACEBench's eval_main.py: `run_eval_main.py FOLDER ARGUMENTS...`, in the sandbox.

eval_main.py reads and writes by relative paths, some of them beside its folder, so it needs a
folder to write in around its own. Its decoder hands every calculation in an answer to `eval`; what
is more than plain arithmetic counts as an answer that cannot be decoded, instead of being run.
"""

from __future__ import annotations

import ast
import operator
import os
import runpy
import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Any

DECODER = "model_inference.utils"
OPERATIONS: dict[type[ast.operator], Any] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def arithmetic(text: str) -> Any:
    """The value of a calculation with numbers; ValueError for anything else."""
    return _value(ast.parse(text, mode="eval").body)


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return number
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            return OPERATIONS[type(op)](_value(left), _value(right))
    raise ValueError(f"no plain arithmetic: {type(node).__name__}")


def main() -> None:
    """Become `python eval_main.py ARGUMENTS...` in `FOLDER`."""
    os.chdir(sys.argv[1])
    sys.path.insert(0, os.getcwd())
    if find_spec(DECODER):
        # Its own `eval` is found before Python's.
        import_module(DECODER).__dict__["eval"] = arithmetic
    sys.argv = ["eval_main.py", *sys.argv[2:]]
    runpy.run_path("eval_main.py", run_name="__main__")


if __name__ == "__main__":
    main()
