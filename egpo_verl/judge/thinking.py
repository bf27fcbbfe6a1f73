"""The job of `python -m egpo_verl.clean --thoughts`: demonstrations with a model's thoughts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from egpo_verl.cli import Report
from egpo_verl.datasets.demonstrations.files import BATCH, PREFIX
from egpo_verl.datasets.demonstrations.reasons import Unexplained
from egpo_verl.datasets.demonstrations.rows import DEMONSTRATIONS, demonstration
from egpo_verl.datasets.jobs.folder import output_folder
from egpo_verl.datasets.jobs.report import REPORT, Section, markdown
from egpo_verl.datasets.parquet.view import row_id
from egpo_verl.errors import UserError
from egpo_verl.judge.job import interruptible, rows_of
from egpo_verl.judge.judge import Judge
from egpo_verl.judge.prompts import Prompts
from egpo_verl.judge.results import outcome_lines, use_of
from egpo_verl.judge.run import through
from egpo_verl.judge.thoughts import OUTCOMES, Row, Thought, thought_over

THOUGHTS = "thoughts.jsonl"
"""`{"file", "index", "turn", "outcome", "reason", "stage", "thought_from"}` of each row; the last
is null for a row that has no demonstration."""


def think_files(
    files: Sequence[Path],
    folder: Path,
    judge: Judge,
    prompts: Prompts,
    in_flight: int,
    show: Report,
    overwrite: bool = False,
) -> list[Section]:
    """Write `sft_NAME` for each of `files`, and what became of each row.

    A row whose thought is not accepted has that of the rules, if they have one.

    Args:
        show, overwrite: see `egpo_verl.judge.job.clean_files`.

    Raises:
        Stopped, UserError: see there.
    """
    names = [*(f"{PREFIX}{file.name}" for file in files), THOUGHTS, REPORT]
    done, outcomes, sources = 0, Counter[str](), Counter[str]()
    with output_folder(folder, names, files, overwrite) as scratch, interruptible(judge):
        with (scratch / THOUGHTS).open("w", encoding="utf-8") as lines:
            for file in files:
                steps = partial(thought_over, prompts=prompts)
                rows = through(rows_of(file), judge, steps, _missed, in_flight)
                output = scratch / f"{PREFIX}{file.name}"
                with closing(rows), pq.ParquetWriter(output, DEMONSTRATIONS) as writer:
                    waiting: list[dict[str, Any]] = []
                    for row, thought in rows:
                        line = _demonstration(row, thought)
                        source = line["thought_from"] if line else None
                        outcomes[thought.outcome] += 1
                        sources[source or ""] += 1
                        lines.write(json.dumps(_noted(file, row, thought, source)) + "\n")
                        waiting += [line] if line else []
                        if len(waiting) >= BATCH:
                            _write(writer, waiting)
                        done += 1
                        show(done, judge.progress_note())
                    _write(writer, waiting)
        if sources.total() == sources[""]:
            raise UserError("no row has a demonstration, neither by the model nor by rules.")
        report = _sections(outcomes, sources, judge)
        page = markdown(f"Thoughts by {judge.settings.model}", report)
        (scratch / REPORT).write_text(page, "utf-8")
    return report


def _missed(row: Row, outcome: str, reason: str, stage: str) -> Thought:
    return Thought(outcome, reason=reason, stage=stage)


def _demonstration(row: Row, thought: Thought) -> dict[str, Any] | None:
    if thought.demonstration is not None:
        return thought.demonstration
    try:
        return demonstration(row)
    except Unexplained:
        return None


def _noted(file: Path, row: Row, thought: Thought, source: str | None) -> dict[str, Any]:
    index, turn = row_id(row)
    return {
        "file": file.name,
        "index": index,
        "turn": turn,
        "outcome": thought.outcome,
        "reason": thought.reason,
        "stage": thought.stage,
        "thought_from": source,
    }


def _write(writer: pq.ParquetWriter, waiting: list[dict[str, Any]]) -> None:
    writer.write_table(pa.Table.from_pylist(waiting, schema=DEMONSTRATIONS))
    waiting.clear()


def _sections(outcomes: Counter[str], sources: Counter[str], judge: Judge) -> list[Section]:
    total = outcomes.total() or 1
    lines = outcome_lines(outcomes, OUTCOMES)
    source_lines = tuple(
        (f"thought by {source}" if source else "left out", f"{count:,}", f"{count / total:.1%}")
        for source, count in sources.most_common()
    )
    return [
        Section("Thoughts of the model", ("outcome", "rows", "share", "meaning"), lines),
        Section("Demonstrations", ("rows", "count", "share"), source_lines),
        use_of(judge),
    ]
