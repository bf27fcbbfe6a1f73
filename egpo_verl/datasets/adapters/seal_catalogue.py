"""Seal-Tools' plain files: questions and calls, the functions in a catalogue beside them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.reading.folder import files_of
from egpo_verl.errors import UserError

CATALOGUE = "tool"
NO_ROWS = (CATALOGUE, "field")
"""Files of the dataset's folder that hold no rows, by their names without endings."""
OFFERED = 5
"""Functions that a row offers, as many as the fine-tuning files' retriever finds."""


class CatalogueRows(Rows):
    """Rows of a file or a folder; those without functions get some of the catalogue's.

    A row is offered the functions that it calls and others of the same fields, in random order:
    the same ones for the same question every time.
    """

    def rows_of(self, path: Path) -> Iterator[Any]:
        if _stem(path) in NO_ROWS and self.path.is_dir():
            return
        catalogue: _Catalogue | None = None
        for row in super().rows_of(path):
            # The older files write a list: the calls, and the question at its end.
            if isinstance(row, list) and row and isinstance(row[-1], str):
                row = {"query": row[-1], "calling": row[:-1]}
            if isinstance(row, dict) and "calling" in row and "query" in row:
                catalogue = catalogue or self._catalogue(path)
                row = {**row, "tools": catalogue.offered(row)}
            yield row

    def _catalogue(self, path: Path) -> _Catalogue:
        files = [file for file in files_of(path.parent) if _stem(file) == CATALOGUE]
        if not files:
            raise UserError(
                f"{path} has no functions in it; put Seal-Tools' {CATALOGUE}.jsonl beside it."
            )
        return _Catalogue(super().rows_of(files[0]))


class _Catalogue:
    def __init__(self, tools: Iterator[Any]) -> None:
        self._tools: dict[str, Mapping[str, Any]] = {}
        self._fields: dict[str, list[str]] = defaultdict(list)
        for tool in tools:
            if isinstance(tool, Mapping) and isinstance(tool.get("api_name"), str):
                self._tools[tool["api_name"]] = tool
                self._fields[str(tool.get("field"))].append(tool["api_name"])

    def offered(self, row: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        """The functions called, as far as the catalogue has them, and others up to `OFFERED`."""
        calling = row["calling"] if isinstance(row["calling"], list) else []
        names = [str(item.get("api")) for item in calling if isinstance(item, Mapping)]
        called = [name for name in dict.fromkeys(names) if name in self._tools]
        chooser = random.Random(f"seal_tools:{row['query']}")
        fields = {str(self._tools[name].get("field")): None for name in called}
        near = [name for field in fields for name in self._fields[field]]
        others = [name for name in dict.fromkeys(near) if name not in called]
        missing = max(0, OFFERED - len(called))
        chosen = [*called, *chooser.sample(others, min(missing, len(others)))]
        chooser.shuffle(chosen)
        return [self._tools[name] for name in chosen]


def _stem(path: Path) -> str:
    return path.name.split(".")[0].lower()
