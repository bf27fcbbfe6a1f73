"""What a job will ask, and what that will cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from egpo_verl.cli import table
from egpo_verl.client.store import Store
from egpo_verl.datasets.parquet.rows import from_row
from egpo_verl.judge.job import rows_of
from egpo_verl.judge.prompts import Prompts
from egpo_verl.judge.stages import Question, cleaned
from egpo_verl.judge.thoughts import thought_over
from egpo_verl.judge.usage import Settings

LETTERS_PER_TOKEN = 4
ANSWER_TOKENS = 80
THOUGHT_TOKENS = 150
"""What an answer, and a thought, is taken to cost in an estimate."""


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


def estimate(
    files: Sequence[Path],
    store: Store | None,
    prompts: Prompts,
    settings: Settings,
    thoughts: bool = False,
) -> Estimate:
    """Count letters instead of asking; four letters are taken for a token.

    Args:
        store: of answers so far; None where there is none yet.
        thoughts: it is for them that is asked, in two questions a row.
    """
    rows = known = letters = 0
    for row in (row for path in files for row in rows_of(path)):
        rows += 1
        question = next(thought_over(row, prompts)) if thoughts else first_question(row, prompts)
        if store and store.get(question.key(settings.model, settings.temperature)):
            known += 1
        else:
            letters += len(question.text)
    tokens, unknown = letters // LETTERS_PER_TOKEN, rows - known
    if thoughts:
        answers = unknown * (THOUGHT_TOKENS + ANSWER_TOKENS)
        return Estimate(rows, known, 2 * tokens, answers, 0, 0)
    # A wrong row is corrected, judged again and evaluated.
    return Estimate(
        rows, known, tokens, unknown * ANSWER_TOKENS, 3 * tokens, 3 * unknown * ANSWER_TOKENS
    )


def first_question(row: Mapping[str, Any], prompts: Prompts) -> Question:
    """What is asked of a row first."""
    return next(cleaned(from_row(row), prompts, row["extra_info"]["call_form"]))


def estimated(job: Estimate, settings: Settings, thoughts: bool) -> Table:
    """The estimate for a person."""
    unknown, lines = job.rows - job.known, []
    cases = (("all rows right", 0.0), ("one in ten wrong", 0.1), ("all wrong", 1.0))
    for label, wrong in (("thoughts", 1 / 3),) if thoughts else cases:
        tokens_in = round(job.tokens_in + wrong * job.wrong_in)
        tokens_out = round(job.tokens_out + wrong * job.wrong_out)
        counts = (round(unknown * (1 + 3 * wrong)), tokens_in, tokens_out)
        cost = settings.cost(tokens_in, tokens_out)
        dollars = () if cost is None else (f"{cost:,.2f}",)
        lines.append((label, *(f"{count:,}" for count in counts), *dollars))
    columns = ("", "questions", "tokens in", "tokens out", "dollars")[: len(lines[0])]
    known = f"{job.known:,} of {job.rows:,} rows have their first answer already"
    return table(f"Estimate for {settings.model}", columns, lines, known)
