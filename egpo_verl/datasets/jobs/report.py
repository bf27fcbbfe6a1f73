"""Tables of a job, for the terminal and as Markdown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rich.console import Console

from egpo_verl.cli import markdown_table, table

REPORT = "report.md"
COUNT = re.compile(r"[\d.,]+%?( \([\d.]+%\))?")


@dataclass(frozen=True)
class Section:
    """A table: its title, its columns, its lines of text; the first column is the label."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def show(tables: list[Section], console: Console) -> None:
    """Print the tables."""
    for section in tables:
        places = range(len(section.columns))
        words = [place for place in places if not place or not _counts(section, place)]
        drawn = table(section.title, section.columns, section.lines, words=words)
        console.print(drawn, markup=False)


def _counts(section: Section, column: int) -> bool:
    return all(COUNT.fullmatch(line[column]) for line in section.lines)


def markdown(title: str, tables: list[Section]) -> str:
    """The tables as a Markdown page."""
    parts = [f"# {title}"]
    for section in tables:
        rows = markdown_table(section.columns, section.lines)
        parts.append("\n".join([f"## {section.title}", "", *rows]))
    return "\n\n".join(parts) + "\n"
