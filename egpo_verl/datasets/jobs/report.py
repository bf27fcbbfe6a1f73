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

from egpo_verl.datasets.jobs.stats import Stats, quantile
from egpo_verl.datasets.unusable import REASONS

REPORT = "report.md"
CONTAMINATED = "contaminated.jsonl"
"""Rows dropped because a benchmark has them too: place in the source, reason, what matches."""


@dataclass(frozen=True)
class Section:
    """A table: its title, its columns, its lines of text; the first column is the label."""

    title: str
    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class JobResult:
    """What a job made.

    Attributes:
        stats: what was made of the rows.
        written: file name -> rows; `stats.kept == sum(written) + not_chosen + spanning`.
        not_chosen: kept rows left out for `--share` or `--max_samples`.
        spanning: kept rows left out because they need functions of both sides of the split.
        removed_tools: functions removed from training rows that only offered them.
        replaced_tools: functions replaced in test rows that only offered them.
    """

    stats: Stats
    written: Mapping[str, int]
    not_chosen: int = 0
    spanning: int = 0
    removed_tools: int = 0
    replaced_tools: int = 0


def sections(result: JobResult) -> list[Section]:
    """The tables that a person wants to see of a job."""
    stats = result.stats
    tables = [_flow(result)]
    if stats.dropped:
        lines = tuple(
            (reason, f"{count:,}", REASONS[reason], stats.examples.get(reason, "")[:120])
            for reason, count in stats.dropped.most_common()
        )
        tables.append(Section("Dropped", ("reason", "count", "meaning", "for instance"), lines))
    if stats.repairs:
        repairs = tuple((kind, f"{n:,}") for kind, n in stats.repairs.most_common())
        tables.append(Section("Repaired arguments", ("repair", "count"), repairs))
    tables.append(_shares("Kinds of rows", "kind", stats.kinds))
    tables.append(_shares("Calls per row", "calls", stats.calls))
    if len(stats.messages) > 1:
        tables.append(_shares("Messages per row", "messages", stats.messages))
    if stats.tokens:
        shares = (("median", 0.5), ("95 %", 0.95), ("99 %", 0.99), ("longest", 1.0))
        tokens = tuple((label, f"{quantile(stats.tokens, share):,}") for label, share in shares)
        tables.append(Section("Prompt length", ("", "tokens"), tokens))
    return tables


def _flow(result: JobResult) -> Section:
    stats = result.stats
    lines = [
        ("rows in", stats.rows),
        ("samples made", stats.samples),
        ("dropped", stats.dropped.total()),
        ("kept", stats.kept),
        ("of these repaired", stats.repaired),
        ("of these with renamed functions or parameters", stats.renamed),
    ]
    optional = [
        ("left out for --share or --max_samples", result.not_chosen),
        ("left out: calls functions of both sides of the split", result.spanning),
        ("functions of the test removed from training rows", result.removed_tools),
        ("trained functions replaced in test rows", result.replaced_tools),
    ]
    lines += [line for line in optional if line[1]]
    lines += [(f"written to {name}", rows) for name, rows in result.written.items()]
    return Section("Rows", ("", "count"), tuple((label, f"{n:,}") for label, n in lines))


def _shares(title: str, label: str, counts: Counter[Any]) -> Section:
    total = counts.total()
    lines = tuple((str(key), f"{n:,}", f"{n / total:.1%}") for key, n in sorted(counts.items()))
    return Section(title, (label, "rows", "share"), lines)


def write_report(title: str, result: JobResult, folder: Path) -> list[Section]:
    """Write `report.md` to `folder`, and `contaminated.jsonl` where a benchmark has rows too."""
    tables = sections(result)
    (folder / REPORT).write_text(markdown(f"Preprocessed: {title}", tables), "utf-8")
    if result.stats.contaminated:
        lines = (
            json.dumps({"index": index, "reason": reason, "found": detail}, ensure_ascii=False)
            for reason, index, detail in result.stats.contaminated
        )
        (folder / CONTAMINATED).write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return tables


def show(tables: list[Section], console: Console) -> None:
    """Print the tables."""
    for section in tables:
        table = Table(title=section.title, title_justify="left", title_style="bold")
        for number, column in enumerate(section.columns):
            # Counts stand in the columns after the label; long texts only after those.
            is_count = number in (1, 2) and _counts(section, number)
            table.add_column(column, justify="right" if is_count else "left")
        for line in section.lines:
            table.add_row(*line)
        console.print(table)


def _counts(section: Section, column: int) -> bool:
    return all(line[column][:1].isdigit() for line in section.lines)


def markdown(title: str, tables: list[Section]) -> str:
    """The tables as a Markdown page."""
    parts = [f"# {title}"]
    for section in tables:
        lines = [section.columns, tuple("---" for _ in section.columns), *section.lines]
        rows = ["| " + " | ".join(map(_cell, line)) + " |" for line in lines]
        parts.append("\n".join([f"## {section.title}", "", *rows]))
    return "\n\n".join(parts) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
