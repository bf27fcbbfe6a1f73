"""One cleaning job: parquet files in, cleaned ones out, every answer kept in a store."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from egpo_verl.cli import write_aside
from egpo_verl.datasets.jobs.report import Section, markdown
from egpo_verl.datasets.parquet.reader import open_parquet
from egpo_verl.datasets.parquet.rows import SCHEMA, from_row
from egpo_verl.errors import UserError
from egpo_verl.judge.commit import Committer
from egpo_verl.judge.endpoint import Endpoint, Settings, Stopped
from egpo_verl.judge.prompts import Prompts
from egpo_verl.judge.results import Results, sections, shown_changes
from egpo_verl.judge.run import judged
from egpo_verl.judge.stages import KEPT, Question, cleaned
from egpo_verl.judge.store import Store

Progress = Callable[[int, float], None]
"""Told the rows done and the dollars spent over all runs."""
LETTERS_PER_TOKEN = 4
ANSWER_TOKENS = 80
"""What an answer is taken to cost in an estimate."""


def clean_files(
    files: Sequence[Path],
    folder: Path,
    store: Store,
    prompts: Prompts,
    settings: Settings,
    in_flight: int,
    progress: Progress = lambda rows, cost: None,
) -> list[Section]:
    """Write a cleaned file of the same name for each of `files`, `judged.jsonl` and `report.md`.

    Raises:
        Stopped: the job was interrupted, ran out of budget, or the endpoint keeps failing; the
            store has all answers so far and `folder` is unchanged.
        UserError: a file or the endpoint is unfit, or no row is left.
    """
    return asyncio.run(_clean(files, folder, store, prompts, settings, in_flight, progress))


async def _clean(
    files: Sequence[Path],
    folder: Path,
    store: Store,
    prompts: Prompts,
    settings: Settings,
    in_flight: int,
    progress: Progress,
) -> list[Section]:
    committer = Committer(store)
    endpoint = Endpoint(settings, store, committer, in_flight)
    meter, done, results = endpoint.meter, 0, []
    try:
        with write_aside(folder) as scratch, _interruptible(endpoint):
            for file in files:
                with Results(scratch, file.name) as result:
                    results.append(result)
                    async for row, found in judged(rows_of(file), endpoint, prompts, in_flight):
                        result.add(row, found)
                        done += 1
                        progress(done, settings.cost(meter.tokens_in, meter.tokens_out))
                if not any(result.outcomes[outcome] for outcome in KEPT):
                    raise UserError(
                        f"no row of {file} is left after the judge; "
                        f"see whether {settings.model} understands the prompts."
                    )
            report = sections(results, meter, settings)
            page = markdown(f"Cleaned by {settings.model}", report) + "\n" + shown_changes(results)
            (scratch / "report.md").write_text(page, "utf-8")
            return report
    finally:
        await committer.close()
        await endpoint.close()


@contextmanager
def _interruptible(endpoint: Endpoint) -> Iterator[None]:
    """Let a first Ctrl-C or SIGTERM end the job in order: what is paid for is still committed."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, endpoint.stop, Stopped("it was interrupted"))
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def rows_of(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a file that `egpo_verl.preprocess` wrote; UserError on any other."""
    file = open_parquet(path)
    if not file.schema_arrow.equals(SCHEMA):
        raise UserError(
            f"{path} has other columns than `python -m egpo_verl.preprocess` writes; "
            "preprocess the dataset first."
        )
    for batch in file.iter_batches(batch_size=500):
        for row in batch.to_pylist():
            if not row["reward_model"]["ground_truth"].startswith("["):
                raise UserError(f"{path} holds a benchmark's alternatives, which are not judged.")
            yield row


def count_rows(files: Sequence[Path]) -> int:
    """Rows of all files; UserError where one is unfit."""
    for path in files:
        next(rows_of(path), None)
    return sum(pq.ParquetFile(path).metadata.num_rows for path in files)


@dataclass(frozen=True)
class Estimate:
    """What a job will use.

    Attributes:
        rows: of all files.
        known: rows whose first answer is in the store.
        tokens_in, tokens_out: of the first stage over the other rows.
        wrong_in, wrong_out: of the further stages, if every one of those rows were wrong.
    """

    rows: int
    known: int
    tokens_in: int
    tokens_out: int
    wrong_in: int
    wrong_out: int


def estimate(files: Sequence[Path], store: Store, prompts: Prompts, settings: Settings) -> Estimate:
    """Count letters instead of asking; four letters are taken for a token."""
    rows = known = letters = 0
    for row in (row for path in files for row in rows_of(path)):
        rows += 1
        question = first_question(row, prompts)
        if question is None or store.get(question.key(settings.model, settings.temperature)):
            known += 1
        else:
            letters += len(question.text)
    tokens, asked = letters // LETTERS_PER_TOKEN, rows - known
    # A wrong row is corrected, judged again and evaluated.
    return Estimate(
        rows, known, tokens, asked * ANSWER_TOKENS, 3 * tokens, 3 * asked * ANSWER_TOKENS
    )


def first_question(row: Mapping[str, Any], prompts: Prompts) -> Question:
    """What is asked of a row first."""
    return next(cleaned(from_row(row), prompts, row["extra_info"]["call_form"]))
