"""What an adapter is: how one dataset's row becomes samples, and what a user must know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import Unusable

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """One dataset of the field.

    Attributes:
        name: what a user types, and `data_source` in the rows.
        title: one line on what it is.
        licence: of the data, not of the adapter.
        size: rows as published, in words.
        home: hub name or address.
        columns: what each row must have; several tuples where the dataset goes in several forms.
        convert: row -> its samples, or `Unusable` objects for turns that cannot be used; may
            raise `Unusable` where the whole row cannot.
        benchmark: its rows are for evaluation, not for training.
        rows: how its file is read.
        on_hub: `home` is a name on the Hugging Face hub.
        notes: more on its schema, for `--help`.
        nullable: columns that may be null.
    """

    name: str
    title: str
    licence: str
    size: str
    home: str
    columns: tuple[tuple[str, ...], ...]
    convert: Callable[[Row], Iterable[Sample | Unusable]]
    benchmark: bool = False
    rows: Callable[[Path], Rows] = Rows
    on_hub: bool = False
    notes: str = ""
    nullable: tuple[str, ...] = ()

    def samples(self, row: Any) -> list[Sample | Unusable]:
        """All samples of one row of the file, whatever stands there; never raises `Unusable`."""
        if isinstance(row, Unusable):
            return [row]
        if not isinstance(row, Mapping):
            return [Unusable("not_an_object", repr(row)[:60])]
        missing = [[name for name in form if self._lacks(row, name)] for form in self.columns]
        if all(missing):
            needed = " or ".join(", ".join(names) for names in missing)
            columns = ", ".join(map(str, row)) or "none"
            return [Unusable("missing_column", f"{needed} (columns of the row: {columns})")]
        try:
            samples = list(self.convert(row))
        except Unusable as error:
            return [error]
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            # A column of another shape than the schema's: the row's fault, and counted as such.
            return [Unusable("foreign_row", f"{type(error).__name__}: {error}"[:200])]
        return samples or [
            Unusable("bad_dialogue", "there is no turn of the assistant to learn from")
        ]

    def _lacks(self, row: Row, name: str) -> bool:
        return row.get(name) is None and not (name in self.nullable and name in row)
