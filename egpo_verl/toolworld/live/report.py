"""The table of how many dialogues a model gets right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import fmean

from rich.table import Table
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from egpo_verl import cli
from egpo_verl.toolworld.live.generate import generate
from egpo_verl.toolworld.live.measure import Result, measure, solved
from egpo_verl.toolworld.live.task import KINDS, Task
from egpo_verl.toolworld.sampling import Sampling, in_parts

__all__ = ["fresh_tasks", "measured", "solved", "table_of"]


def fresh_tasks(n: int, seed: int, split: str, kinds: Sequence[str], max_turns: int) -> list[Task]:
    """Tasks to measure on, drawn under another seed than any training data of the same number."""
    return list(generate(n, f"measure-{seed}", split, kinds, max_turns))


def measured(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tasks: Sequence[Task],
    sampling: Sampling,
) -> list[Result]:
    """The episodes of each task, behind a progress bar."""
    return in_parts(
        tasks, sampling, "Playing", lambda part, seeded: measure(model, tokenizer, part, seeded)
    )


def table_of(results: Sequence[Result], title: str, sampling: Sampling) -> Table:
    """Success for all tasks, each kind, and each number of user turns."""
    rows = []
    for name, chosen in _groups(results):
        messages, entropy = (
            fmean(one.messages for one in chosen),
            fmean(one.entropy for one in chosen),
        )
        numbers = (solved(chosen), messages, entropy)
        rows.append((name, str(len(chosen)), *(f"{number:.3f}" for number in numbers)))
    columns = ("tasks", "episodes", "success", "messages", "thought entropy")
    return cli.table(title, columns, rows, f"temperature {sampling.temperature:g}")


def _groups(results: Sequence[Result]) -> Iterator[tuple[str, list[Result]]]:
    yield "all", list(results)
    for kind in KINDS:
        if chosen := [one for one in results if one.task.kind == kind]:
            yield kind, chosen
    for turns in sorted({len(one.task.turns) for one in results}):
        yield f"{turns} user turns", [one for one in results if len(one.task.turns) == turns]
