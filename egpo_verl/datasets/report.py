"""The summary of a job: tables for the terminal, and the same as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from egpo_verl.datasets.errors import REASONS
from egpo_verl.datasets.tally import Tally, quantile


@dataclass(frozen=True)
class Section:
    """A table: its title, its columns, its lines of text; the first column is the label."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def sections(tally: Tally, written: Mapping[str, int]) -> list[Section]:
    """What a person wants to know of a job; `written` maps a file's name to its rows."""
    flow = [
        ("rows in", tally.rows),
        ("samples made", tally.samples),
        ("kept", tally.kept),
        ("of these repaired", tally.repaired),
        ("of these with renamed functions or parameters", tally.renamed),
        ("dropped", tally.dropped.total()),
        *((f"written to {name}", rows) for name, rows in written.items()),
    ]
    found = [Section("Rows", ("", "count"), tuple((label, f"{n:,}") for label, n in flow))]
    if tally.dropped:
        lines = tuple(
            (reason, f"{count:,}", REASONS[reason], tally.seen.get(reason, "")[:120])
            for reason, count in tally.dropped.most_common()
        )
        found.append(Section("Dropped", ("reason", "count", "meaning", "for instance"), lines))
    if tally.repairs:
        repairs = tuple((kind, f"{n:,}") for kind, n in tally.repairs.most_common())
        found.append(Section("Repaired arguments", ("repair", "count"), repairs))
    calls = tuple(
        (str(calls), f"{n:,}", f"{n / tally.kept:.1%}") for calls, n in sorted(tally.calls.items())
    )
    found.append(Section("Calls per row", ("calls", "rows", "share"), calls))
    if tally.tokens:
        shares = (("median", 0.5), ("95 %", 0.95), ("99 %", 0.99), ("longest", 1.0))
        tokens = tuple((label, f"{quantile(tally.tokens, share):,}") for label, share in shares)
        found.append(Section("Prompt length", ("", "tokens"), tokens))
    return found


def show(found: list[Section], console: Console) -> None:
    """Print the tables."""
    for section in found:
        table = Table(title=section.title, title_justify="left", title_style="bold")
        for number, column in enumerate(section.columns):
            # Counts stand in the columns after the label; long texts only after those.
            table.add_column(
                column, justify="right" if number in (1, 2) and _counts(section, number) else "left"
            )
        for line in section.lines:
            table.add_row(*line)
        console.print(table)


def _counts(section: Section, column: int) -> bool:
    return all(line[column][:1].isdigit() for line in section.lines)


def markdown(title: str, found: list[Section]) -> str:
    """The tables as a Markdown page."""
    parts = [f"# {title}"]
    for section in found:
        lines = [section.columns, tuple("---" for _ in section.columns), *section.lines]
        rows = ["| " + " | ".join(map(_cell, line)) + " |" for line in lines]
        parts.append("\n".join([f"## {section.title}", "", *rows]))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
