"""BFCL's questions without an answer file: no function fits, or some call must be made.

The benchmark asks only whether an answer decodes to calls, and our reward asks the same of rows
that say `"rules": "bfcl"`, as `python -m egpo_verl.preprocess bfcl` writes them. By our own rules,
those of training rows, an attempt at a call that does not decode is no refusal either.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any, NamedTuple

from bfcl_entries import read_rows

from egpo_verl.calls import Call
from egpo_verl.calls.python_form import is_python_name
from egpo_verl.datasets.adapters.bfcl import convert

CATEGORIES = ("irrelevance", "live_irrelevance", "live_relevance")
_VALUES: Mapping[str, Any] = {
    "integer": 3,
    "float": 1.5,
    "number": 1.5,
    "boolean": True,
    "array": ["a"],
    "tuple": ["a"],
    "dict": {"a": 1},
}


class RelevanceQuestion(NamedTuple):
    """One question: `truth` as the row's `ground_truth`, `call` an invented call of a function."""

    identity: str
    category: str
    tools: str
    truth: str
    call: Call


def questions() -> Iterator[RelevanceQuestion]:
    """Every question of the three categories, from the installed wheel."""
    for category in CATEGORIES:
        for row in read_rows(resources.files("bfcl_eval") / "data" / f"BFCL_v4_{category}.json"):
            (sample,) = convert(row)
            yield RelevanceQuestion(
                row["id"],
                category,
                json.dumps(row["function"], ensure_ascii=False),
                json.dumps(sample.reference, ensure_ascii=False),
                _invented(row["function"]),
            )


def _invented(functions: list[dict[str, Any]]) -> Call:
    """A call of the first function that Python can spell, with its required arguments."""
    for function in functions:
        parameters = function["parameters"]
        names = [name for name in parameters.get("required", ()) if is_python_name(name)]
        if is_python_name(function["name"], dotted=True):
            kinds = {name: parameters["properties"][name].get("type") for name in names}
            return Call(function["name"], {n: _VALUES.get(kinds[n], "x") for n in names})
    return Call("help", {"topic": "x"})
