"""The summary of a job: tables for the terminal, and the same as Markdown."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from egpo_verl.datasets.jobs.tally import Tally, quantile
from egpo_verl.datasets.unusable import REASONS

REPORT = "report.md"
CONTAMINATED = "contaminated.jsonl"
"""Rows dropped because a benchmark has them too: place in the source, reason, what was found."""


@dataclass(frozen=True)
class Section:
    """A table: its title, its columns, its lines of text; the first column is the label."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        tally: what was made of the rows.
        written: file name -> rows; `tally.kept == sum(written) + unchosen + spanning`.
        unchosen: kept rows left out for the wanted shares or number of rows.
        spanning: kept rows left out because they need functions of both sides of the split.
        taken: functions taken out of training rows that only offered them.
        replaced: functions replaced in test rows that only offered them.
    """

    tally: Tally
    written: Mapping[str, int]
    unchosen: int = 0
    spanning: int = 0
    taken: int = 0
    replaced: int = 0


def sections(outcome: Outcome) -> list[Section]:
    """The tables that a person wants to see of a job."""
    tally = outcome.tally
    found = [_flow(outcome)]
    if tally.dropped:
        lines = tuple(
            (reason, f"{count:,}", REASONS[reason], tally.seen.get(reason, "")[:120])
            for reason, count in tally.dropped.most_common()
        )
        found.append(Section("Dropped", ("reason", "count", "meaning", "for instance"), lines))
    if tally.repairs:
        repairs = tuple((kind, f"{n:,}") for kind, n in tally.repairs.most_common())
        found.append(Section("Repaired arguments", ("repair", "count"), repairs))
    found.append(_shares("Kinds of rows", "kind", tally.kinds))
    found.append(_shares("Calls per row", "calls", tally.calls))
    if len(tally.turns) > 1:
        found.append(_shares("Messages per row", "messages", tally.turns))
    if tally.tokens:
        shares = (("median", 0.5), ("95 %", 0.95), ("99 %", 0.99), ("longest", 1.0))
        tokens = tuple((label, f"{quantile(tally.tokens, share):,}") for label, share in shares)
        found.append(Section("Prompt length", ("", "tokens"), tokens))
    return found


def _flow(outcome: Outcome) -> Section:
    tally = outcome.tally
    lines = [
        ("rows in", tally.rows),
        ("samples made", tally.samples),
        ("dropped", tally.dropped.total()),
        ("kept", tally.kept),
        ("of these repaired", tally.repaired),
        ("of these with renamed functions or parameters", tally.renamed),
    ]
    perhaps = [
        ("left out for the wanted shares or number", outcome.unchosen),
        ("left out: calls functions of both sides of the split", outcome.spanning),
        ("functions of the test taken out of training rows", outcome.taken),
        ("trained functions replaced in test rows", outcome.replaced),
    ]
    lines += [line for line in perhaps if line[1]]
    lines += [(f"written to {name}", rows) for name, rows in outcome.written.items()]
    return Section("Rows", ("", "count"), tuple((label, f"{n:,}") for label, n in lines))


def _shares(title: str, label: str, counts: Counter[Any]) -> Section:
    total = counts.total()
    lines = tuple((str(key), f"{n:,}", f"{n / total:.1%}") for key, n in sorted(counts.items()))
    return Section(title, (label, "rows", "share"), lines)


def reported(title: str, outcome: Outcome, folder: Path) -> list[Section]:
    """Write `report.md` to `folder`, and `contaminated.jsonl` where a benchmark has rows too."""
    found = sections(outcome)
    (folder / REPORT).write_text(markdown(f"Preprocessed: {title}", found), "utf-8")
    if outcome.tally.found:
        lines = (
            json.dumps({"index": index, "reason": reason, "found": detail}, ensure_ascii=False)
            for reason, index, detail in outcome.tally.found
        )
        (folder / CONTAMINATED).write_text("".join(f"{line}\n" for line in lines), "utf-8")
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
