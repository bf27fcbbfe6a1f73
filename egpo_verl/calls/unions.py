"""Which branch of a union, `anyOf` or `oneOf`, tells what a value is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from egpo_verl.calls.document import Document
from egpo_verl.calls.type_names import Schema

UNIONS = ("anyOf", "oneOf")


def declares_float(document: Document, schemas: Iterable[Any], seen: list[Schema]) -> bool:
    """Whether a number may be a float, by schemas that hold for it or by any branch of theirs."""
    parts = document.resolved(schemas)
    if any(part.get("type") == "number" for part in parts):
        return True
    new = [part for part in parts if not any(part is old for old in seen)]
    seen += new
    branches = [branch for part in new for key in UNIONS for branch in part.get(key, ())]
    return any(declares_float(document, [branch], seen) for branch in branches)


def deciding_branch(document: Document, branches: Sequence[Schema], value: Any) -> Sequence[Schema]:
    """The first branch that takes a list or an object, as far as there is a choice."""
    open_to_it = [branch for branch in branches if _is_open_to(document, value, [branch], [])]
    if len(open_to_it) > 1:
        taking = (branch for branch in open_to_it if document.takes(branch, value))
        return [next(taking, open_to_it[0])]
    return open_to_it


def _is_open_to(document: Document, value: Any, schemas: Iterable[Any], seen: list[Schema]) -> bool:
    """Whether type and required members leave room for a list or an object."""
    parts = document.resolved(schemas)
    kind = "object" if isinstance(value, dict) else "array"
    if not all(part.get("type", kind) == kind for part in parts):
        return False
    if kind == "object" and not all(
        set(part.get("required", ())) <= value.keys() for part in parts
    ):
        return False
    new = [part for part in parts if not any(part is old for old in seen)]
    seen += new
    return all(
        any(_is_open_to(document, value, [branch], seen) for branch in part[key])
        for part in new
        for key in UNIONS
        if key in part
    )
