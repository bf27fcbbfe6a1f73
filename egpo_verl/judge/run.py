"""Many rows through the stages at once, their results in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Protocol

from egpo_verl.datasets.parquet.rows import from_row
from egpo_verl.errors import UserError
from egpo_verl.judge.endpoint import Refused, Stopped
from egpo_verl.judge.prompts import Prompts
from egpo_verl.judge.stages import Question, Result, cleaned

AHEAD = 32
"""Rows begun per question in flight: how far a slow row can fall behind before others wait."""

Row = Mapping[str, Any]


class Asking(Protocol):
    """An endpoint, as far as it is needed here."""

    async def ask(self, question: Question) -> Mapping[str, Any]: ...

    def stop(self, why: Exception) -> None: ...


async def judged(
    rows: Iterable[Row], endpoint: Asking, prompts: Prompts, in_flight: int
) -> AsyncIterator[tuple[Row, Result]]:
    """Each row with what became of it, in order.

    Args:
        in_flight: questions that the endpoint takes at a time. At most as many more answers wait
            to be committed: what a sudden end can lose is bounded.

    Raises:
        Stopped, UserError: from the endpoint, after all that was on its way has come back.
    """
    slots = asyncio.Semaphore(2 * in_flight)
    begun: deque[tuple[Row, asyncio.Task[Result]]] = deque()
    coming = iter(rows)
    try:
        while True:
            while len(begun) < AHEAD * in_flight and (row := next(coming, None)) is not None:
                begun.append((row, asyncio.create_task(_one(row, endpoint, prompts, slots))))
            if not begun:
                return
            row, task = begun.popleft()
            yield row, await task
    except (Stopped, UserError) as error:
        endpoint.stop(error)
        await asyncio.gather(*(task for _, task in begun), return_exceptions=True)
        raise


async def _one(row: Row, endpoint: Asking, prompts: Prompts, slots: asyncio.Semaphore) -> Result:
    """One row through its stages."""
    sample = from_row(row)
    steps = cleaned(sample, prompts, row["extra_info"]["call_form"])
    try:
        question = next(steps)
        while True:
            async with slots:
                answer = await endpoint.ask(question)
            question = steps.send(dict(answer))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    except Refused as error:
        return Result("refused", sample, (str(error),), 0)
