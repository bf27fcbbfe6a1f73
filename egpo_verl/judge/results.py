"""What a cleaning leaves: rows, a line on each of them, and a report."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.datasets.jobs.report import Section
from egpo_verl.datasets.parquet.rows import from_row, with_sample
from egpo_verl.datasets.parquet.writer import ROW_GROUP, ParquetOut, batch_of
from egpo_verl.datasets.tools.names import Renaming
from egpo_verl.judge.endpoint import Meter, Settings
from egpo_verl.judge.stages import KEPT, OUTCOMES, Result

JUDGED = "judged.jsonl"
"""One line per row: its outcome, the judge's reasons, and what changed."""
SHOWN = 10
"""Changes that the report shows."""

Row = Mapping[str, Any]


@dataclass
class Results:
    """Takes rows with their results, in order; a context manager over one file.

    Attributes:
        folder: where the files go.
        name: of the parquet file.
        outcomes: outcome -> rows.
        changes: the first few changes, for the report.
    """

    folder: Path
    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    changes: list[dict[str, Any]] = field(default_factory=list)

    def __enter__(self) -> Results:
        self._output = ParquetOut(self.folder / self.name)
        self._lines = (self.folder / JUDGED).open("a", encoding="utf-8")
        self._waiting: list[dict[str, Any]] = []
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._flush()
        self._lines.close()
        self._output.__exit__(kind)

    def add(self, row: Row, result: Result) -> None:
        """Note what became of a row, and keep it if it is to be kept."""
        self.outcomes[result.outcome] += 1
        before = from_row(row)
        line: dict[str, Any] = {
            "file": self.name,
            "index": row["extra_info"]["index"],
            "outcome": result.outcome,
            "attempts": result.attempts,
            "reasons": list(result.reasons),
        }
        if result.sample.calls != before.calls:
            line["diff"] = list(changed(before.calls, result.sample.calls))
        self._lines.write(json.dumps(line, ensure_ascii=False) + "\n")
        if "diff" in line and len(self.changes) < SHOWN:
            self.changes.append({**line, "question": before.messages[-1]["content"]})
        if result.outcome in KEPT:
            facts = {**before.extra, "judge": result.outcome}
            kept = replace(before, calls=result.sample.calls, extra=facts)
            way_back = Renaming.from_json(row["extra_info"]["renamed"])
            self._waiting.append(with_sample(row, kept, way_back))
            if len(self._waiting) >= ROW_GROUP:
                self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._output.add(batch_of(self._waiting))
            self._waiting = []


def changed(before: tuple[Call, ...], after: tuple[Call, ...]) -> Iterator[str]:
    """The lines of a diff between two answers, written as JSON with an argument on each line."""

    def lines(calls: tuple[Call, ...]) -> list[str]:
        listed = [{"name": call.name, "arguments": dict(call.arguments)} for call in calls]
        return json.dumps(listed, ensure_ascii=False, indent=1).splitlines()

    found = difflib.unified_diff(lines(before), lines(after), lineterm="", n=2)
    for line in found:
        if not line.startswith(("---", "+++", "@@")):
            yield line


def sections(results: list[Results], meter: Meter, settings: Settings) -> list[Section]:
    """The report's tables."""
    outcomes: Counter[str] = Counter()
    for result in results:
        outcomes += result.outcomes
    total = outcomes.total() or 1
    lines = tuple(
        (name, f"{outcomes[name]:,}", f"{outcomes[name] / total:.1%}", meaning)
        for name, meaning in OUTCOMES.items()
        if outcomes[name]
    )
    kept = tuple(
        (result.name, f"{result.outcomes.total():,}", f"{sum(result.outcomes[k] for k in KEPT):,}")
        for result in results
    )
    cost = settings.cost(meter.tokens_in, meter.tokens_out)
    used = (
        ("questions asked in this run", f"{meter.asked:,}"),
        ("answers taken from the store", f"{meter.reused:,}"),
        ("questions asked again after a failure", f"{meter.retries:,}"),
        ("answers paid for, over all runs", f"{meter.answers:,}"),
        ("tokens in, over all runs", f"{meter.tokens_in:,}"),
        ("tokens out, over all runs", f"{meter.tokens_out:,}"),
        (
            "cost in dollars, over all runs",
            f"{cost:.2f}",
        ),
    )
    return [
        Section("Files", ("file", "rows in", "rows out"), kept),
        Section("Outcomes", ("outcome", "rows", "share", "meaning"), lines),
        Section(f"Use of {settings.model}", ("", "count"), used),
    ]


def shown_changes(results: list[Results]) -> str:
    """The first changes of all files, as Markdown."""
    found = [change for result in results for change in result.changes][:SHOWN]
    parts = ["## Some changes"] if found else []
    for change in found:
        head = f"### {change['file']} row {change['index']}: {change['outcome']}"
        question = " ".join(str(change["question"]).split())[:300]
        diff = "\n".join(change["diff"])
        parts.append(f"{head}\n\n{question}\n\n```diff\n{diff}\n```\n\n{change['reasons'][-1]}")
    return "\n\n".join(parts) + "\n" if parts else ""
