"""One cleaning job: parquet files in, cleaned ones out, every answer kept in a store."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from egpo_verl.cli import Report
from egpo_verl.client.endpoint import Stopped
from egpo_verl.datasets.jobs.folder import output_folder
from egpo_verl.datasets.jobs.report import REPORT, Section, markdown
from egpo_verl.datasets.parquet.reader import open_parquet
from egpo_verl.datasets.parquet.rows import BEFORE_LIVE, SCHEMA
from egpo_verl.errors import UserError
from egpo_verl.judge.judge import Judge
from egpo_verl.judge.prompts import Prompts
from egpo_verl.judge.results import FAILED, JUDGED, Results, sections, shown_changes
from egpo_verl.judge.run import judged
from egpo_verl.judge.stages import KEPT, UNANSWERED


def clean_files(
    files: Sequence[Path],
    folder: Path,
    judge: Judge,
    prompts: Prompts,
    in_flight: int,
    show: Report,
    overwrite: bool = False,
) -> list[Section]:
    """Write a cleaned file of the same name for each of `files`, and what became of each row.

    Args:
        show: is told the rows done, and the dollars spent over all runs where prices are known.
        overwrite: files of these names in `folder` may be anybody's.

    Raises:
        Stopped: the job was interrupted, ran out of budget, or the endpoint keeps failing; the
            store has all answers so far and the files in `folder` are unchanged.
        UserError: a file, the folder or the endpoint is unfit, or no row is left.
    """
    names = [*(file.name for file in files), JUDGED, FAILED, REPORT]
    done, results = 0, []
    with output_folder(folder, names, files, overwrite) as scratch, interruptible(judge):
        for file in files:
            rows = judged(rows_of(file), judge, prompts, in_flight)
            # Closed also where a row cannot be written: nothing more is asked then.
            with closing(rows), Results(scratch, file.name) as result:
                results.append(result)
                for row, outcome in rows:
                    result.add(row, outcome)
                    done += 1
                    show(done, judge.progress_note())
            if not any(result.outcomes[outcome] for outcome in KEPT):
                raise UserError(_nothing_left(result, judge))
        report = sections(results, judge)
        page = markdown(f"Cleaned by {judge.settings.model}", report)
        (scratch / REPORT).write_text(page + "\n" + shown_changes(results), "utf-8")
    return report


def _nothing_left(result: Results, judge: Judge) -> str:
    unanswered = sum(result.outcomes[outcome] for outcome in UNANSWERED)
    return (
        f"no row of {result.name} is left after the judge, {unanswered:,} of "
        f"{result.outcomes.total():,} for want of an answer; see whether {judge.settings.model} "
        f"at {judge.client.url} understands the prompts{result.last_failure}."
    )


@contextmanager
def interruptible(judge: Judge) -> Iterator[None]:
    """Let Ctrl-C or SIGTERM end the job in order: what is paid for is still kept."""

    def stop(number: int, frame: object) -> None:
        judge.client.stop(Stopped("it was interrupted"))

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def rows_of(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a file that `egpo_verl.preprocess` wrote; UserError on any other."""
    file = open_parquet(path)
    if not any(file.schema_arrow.equals(schema) for schema in (SCHEMA, BEFORE_LIVE)):
        raise UserError(
            f"{path} has other columns than `python -m egpo_verl.preprocess` writes; "
            "preprocess the dataset first."
        )
    for batch in file.iter_batches(batch_size=500):
        for row in batch.to_pylist():
            row["extra_info"].setdefault("env", "")
            if not row["reward_model"]["ground_truth"].startswith("["):
                raise UserError(f"{path} holds a benchmark's alternatives, which are not judged.")
            yield row


def count_rows(files: Sequence[Path]) -> int:
    """Rows of all files; UserError where one is unfit."""
    for path in files:
        next(rows_of(path), None)
    return sum(pq.ParquetFile(path).metadata.num_rows for path in files)
