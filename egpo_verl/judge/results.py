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
from egpo_verl.datasets.jobs.convert_sample import turn_of
from egpo_verl.datasets.jobs.report import Section
from egpo_verl.datasets.parquet.rows import from_row, with_sample
from egpo_verl.datasets.parquet.writer import ROW_GROUP, ParquetOut, batch_of
from egpo_verl.datasets.tools.names import Renaming
from egpo_verl.judge.judge import Judge
from egpo_verl.judge.stages import KEPT, OUTCOMES, UNANSWERED, Result

JUDGED = "judged.jsonl"
"""One line per row: its outcome, the judge's reasons, and what changed."""
FAILED = "failed.jsonl"
"""One line per row that got no answer: the stage in which, and why."""
SHOWN = 10
"""Changes that the report shows."""

Row = Mapping[str, Any]


@dataclass
class Results:
    """Takes rows with their results, in order; a context manager over one file.

    Attributes:
        name: of the parquet file.
        outcomes: outcome -> rows.
        changes: the first few changes, for the report.
        last_failure: why a row got no answer, behind a semicolon; empty where all got one.
    """

    folder: Path
    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    changes: list[dict[str, Any]] = field(default_factory=list)
    last_failure: str = ""

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
        if result.outcome in UNANSWERED:
            self._note_failure(row, result)
        before = from_row(row)
        line: dict[str, Any] = {
            "file": self.name,
            "index": row["extra_info"]["index"],
            "turn": turn_of(before),
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
            extra = {**before.extra, "judge": result.outcome}
            sample = replace(before, calls=result.sample.calls, extra=extra)
            way_back = Renaming.from_json(row["extra_info"]["renamed"])
            self._waiting.append(with_sample(row, sample, way_back))
            if len(self._waiting) >= ROW_GROUP:
                self._flush()

    def _note_failure(self, row: Row, result: Result) -> None:
        line = {
            "file": self.name,
            "index": row["extra_info"]["index"],
            "turn": turn_of(result.sample),
            "outcome": result.outcome,
            "stage": result.stage,
            "reason": result.reasons[-1],
        }
        self.last_failure = f"; {result.reasons[-1]}"
        with (self.folder / FAILED).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def _flush(self) -> None:
        if self._waiting:
            self._output.add(batch_of(self._waiting))
            self._waiting = []


def changed(before: tuple[Call, ...], after: tuple[Call, ...]) -> Iterator[str]:
    """The lines of a diff between two answers, written as JSON with an argument on each line."""

    def lines(calls: tuple[Call, ...]) -> list[str]:
        listed = [{"name": call.name, "arguments": dict(call.arguments)} for call in calls]
        return json.dumps(listed, ensure_ascii=False, indent=1).splitlines()

    diff = difflib.unified_diff(lines(before), lines(after), lineterm="", n=2)
    for line in diff:
        if not line.startswith(("---", "+++", "@@")):
            yield line


def outcome_lines(
    outcomes: Counter[str], meanings: Mapping[str, str]
) -> tuple[tuple[str, ...], ...]:
    """Name, rows, share and meaning of each outcome that some row had."""
    total = outcomes.total() or 1
    return tuple(
        (name, f"{outcomes[name]:,}", f"{outcomes[name] / total:.1%}", meaning)
        for name, meaning in meanings.items()
        if outcomes[name]
    )


def sections(results: list[Results], judge: Judge) -> list[Section]:
    """The report's tables."""
    outcomes: Counter[str] = Counter()
    for result in results:
        outcomes += result.outcomes
    lines = outcome_lines(outcomes, OUTCOMES)
    files = tuple(
        (result.name, f"{result.outcomes.total():,}", f"{sum(result.outcomes[k] for k in KEPT):,}")
        for result in results
    )
    return [
        Section("Files", ("file", "rows in", "rows out"), files),
        Section("Outcomes", ("outcome", "rows", "share", "meaning"), lines),
        use_of(judge),
    ]


def use_of(judge: Judge) -> Section:
    """What was asked and what it took."""
    usage = judge.usage
    used = [
        ("requests sent in this run", f"{usage.requests:,}"),
        ("answers taken from the store", f"{usage.reused:,}"),
        ("answers that could not be read in this run", f"{usage.unreadable:,}"),
        ("requests sent again after a failure", f"{judge.client.retries:,}"),
        ("answers paid for, over all runs", f"{usage.answers:,}"),
        ("tokens in, over all runs", f"{usage.tokens_in:,}"),
        ("tokens out, over all runs", f"{usage.tokens_out:,}"),
    ]
    if judge.spent is not None:
        used.append(("cost in dollars, over all runs", f"{judge.spent:.2f}"))
    return Section(f"Use of {judge.settings.model}", ("", "count"), tuple(used))


def shown_changes(results: list[Results]) -> str:
    """The first changes of all files, as Markdown."""
    changes = [change for result in results for change in result.changes][:SHOWN]
    parts = ["## Some changes"] if changes else []
    for change in changes:
        head = f"### {change['file']} row {change['index']}: {change['outcome']}"
        question = " ".join(str(change["question"]).split())[:300]
        diff = "\n".join(change["diff"])
        parts.append(f"{head}\n\n{question}\n\n```diff\n{diff}\n```\n\n{change['reasons'][-1]}")
    return "\n\n".join(parts) + "\n" if parts else ""
