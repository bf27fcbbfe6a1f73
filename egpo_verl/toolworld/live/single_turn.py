"""A dialogue cut into rows of a single turn, as training without an environment has it."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from egpo_verl.calls import answer_of, parse
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.toolworld.live.demonstrate import taught
from egpo_verl.toolworld.live.play import Play
from egpo_verl.toolworld.live.task import Task


def single_turns(
    task: Task, source: str, index: int, rng: Random, call_form: str, split: str
) -> Iterator[dict[str, Any]]:
    """A row for each message of the teacher, who makes no mistake: all before it, and its calls.

    Args:
        source: the rows' `data_source`.
        index: of the dialogue; `facts.turn` numbers its rows.
        rng: the teacher's.
    """
    play = Play(task, call_form)
    for turn, message in enumerate(taught(play, task, rng, 0.0, call_form)):
        answer = answer_of(message)
        assert isinstance(answer, str), "the teacher keeps to the template"
        calls = parse(answer, call_form).calls or ()
        extra = {"kind": task.kind, "turn": turn}
        sample = Sample(source, play.dialogue, play.offered, calls, extra)
        yield to_row(sample, index, split, call_form)
