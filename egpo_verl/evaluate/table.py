"""A table of results: for the terminal, as Markdown and as JSON, quoted rows marked as quoted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from egpo_verl.cli import RIGHT, markdown_table, table, write_file_aside
from egpo_verl.errors import STOPPED

PAPER = "quoted, arXiv:2508.05118v4"


@dataclass(frozen=True)
class Row:
    """A line: its label, and a value for each column (None where there is none).

    Attributes:
        quoted: where the figures were published; None for figures measured here.
    """

    label: str
    values: tuple[float | int | str | None, ...]
    quoted: str | None = None

    def cells(self) -> tuple[str, ...]:
        """The line as text: floats with two decimals, `-` for None."""
        label = f"{self.label} ({self.quoted})" if self.quoted else self.label
        return (label, *map(_cell, self.values))


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        title: says what was measured; that it is a subset, if it is one.
        columns: names of the columns after the label.
        notes: sentences below it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()

    def show(self, console: Console) -> None:
        """Print it."""
        drawn = table(self.title, ("", *self.columns), frame=False)
        drawn.columns[0].min_width = 16
        for row in self.rows:
            drawn.add_row(*row.cells(), style="dim" if row.quoted else None)
        console.print(drawn)
        for note in self.notes:
            console.print(note, highlight=False, markup=False)

    def markdown(self) -> str:
        """It as a section of a Markdown page."""
        lines = (row.cells() for row in self.rows)
        drawn = markdown_table(("", *self.columns), lines, RIGHT)
        notes = [f"- {note}" for note in self.notes]
        return "\n".join([f"## {self.title}", "", *drawn, *([""] if notes else []), *notes]) + "\n"

    def data(self) -> dict[str, Any]:
        """It as values for JSON: a row is `{"label", "quoted", column: value, ...}`."""
        rows = [
            {
                "label": row.label,
                "quoted": row.quoted,
                **dict(zip(self.columns, row.values, strict=True)),
            }
            for row in self.rows
        ]
        return {"title": self.title, "rows": rows, "notes": list(self.notes)}


def write(folder: Path, stem: str, tables: list[Table], details: Mapping[str, Any]) -> list[Path]:
    """Write `stem.json` (`details` and the tables) and `stem.md`, each whole or not at all.

    Raises:
        UserError: the disk is full, or `folder` cannot be written.
    """
    whole = {**details, "tables": [table.data() for table in tables]}
    texts = {
        folder / f"{stem}.json": json.dumps(whole, ensure_ascii=False, indent=2) + "\n",
        folder / f"{stem}.md": "\n".join(table.markdown() for table in tables),
    }
    for path, text in texts.items():
        with write_file_aside(path) as part:
            part.write_text(text, encoding="utf-8")
    return list(texts)


def publish(
    folder: Path,
    stem: str,
    tables: list[Table],
    details: Mapping[str, Any],
    missing: int,
    console: Console,
) -> int:
    """Show the tables and `write` them; the exit code, `STOPPED` where answers are missing."""
    for each in tables:
        each.show(console)
    for path in write(folder, stem, tables, details):
        console.print(f"written: {path}", highlight=False, markup=False, soft_wrap=True)
    if missing:
        console.print(f"{missing:,} answers are missing; run the command again.")
    return STOPPED if missing else 0


def _cell(value: float | int | str | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.2f}"
    return f"{value:,}" if isinstance(value, int) else value
