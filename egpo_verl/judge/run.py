"""Many rows through the stages at once, their results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from egpo_verl.client.endpoint import Refused, Stopped, Unanswered
from egpo_verl.datasets.parquet.rows import from_row
from egpo_verl.judge.judge import Judge
from egpo_verl.judge.prompts import Prompts
from egpo_verl.judge.stages import Question, Result, cleaned

AHEAD = 32
"""Rows begun per question in flight: how far a slow row can fall behind before others wait."""

Row = Mapping[str, Any]
Outcome = TypeVar("Outcome")
Steps = Callable[[Row], Generator[Question, dict[str, Any], Outcome]]
"""Asks what has to be asked of a row, one question after another, and tells what became of it."""
Missed = Callable[[Row, str, str, str], Outcome]
"""What becomes of a row whose question was `refused` or `failed`: why, and at which stage."""


def judged(
    rows: Iterable[Row], judge: Judge, prompts: Prompts, in_flight: int
) -> Generator[tuple[Row, Result], None, None]:
    """Each row with its result, in order; see `through`."""

    def steps(row: Row) -> Generator[Question, dict[str, Any], Result]:
        return cleaned(from_row(row), prompts, row["extra_info"]["call_form"])

    def missed(row: Row, outcome: str, reason: str, stage: str) -> Result:
        return Result(outcome, from_row(row), (reason,), 0, stage)

    yield from through(rows, judge, steps, missed, in_flight)


def through(
    rows: Iterable[Row],
    judge: Judge,
    steps: Steps[Outcome],
    missed: Missed[Outcome],
    in_flight: int,
) -> Generator[tuple[Row, Outcome], None, None]:
    """Each row with what became of it, in order.

    Args:
        in_flight: threads, each of which takes a row at a time through its stages. A thread asks
            no further question before its last answer is on disk.

    Raises:
        Stopped, UserError: from the judge, after all that was on its way has come back.
    """
    begun: deque[tuple[Row, Future[Outcome]]] = deque()
    with ThreadPoolExecutor(in_flight) as pool:
        try:
            for row in rows:
                begun.append((row, pool.submit(_one, row, judge, steps, missed)))
                if len(begun) >= AHEAD * in_flight:
                    yield _first(begun, judge)
            while begun:
                yield _first(begun, judge)
        finally:
            if begun:
                judge.client.stop(Stopped("another row stopped the job"))
                pool.shutdown(cancel_futures=True)


def _first(begun: deque[tuple[Row, Future[Outcome]]], judge: Judge) -> tuple[Row, Outcome]:
    row, future = begun[0]
    result = future.result()
    judge.client.check()
    begun.popleft()
    return row, result


def _one(row: Row, judge: Judge, steps: Steps[Outcome], missed: Missed[Outcome]) -> Outcome:
    """One row through its stages."""
    asking = steps(row)
    question: Question | None = None
    try:
        question = next(asking)
        while True:
            question = asking.send(dict(judge.ask(question)))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    except (Refused, Unanswered) as error:
        outcome = "refused" if isinstance(error, Refused) else "failed"
        stage = "" if question is None else question.stage
        return missed(row, outcome, str(error), stage)
