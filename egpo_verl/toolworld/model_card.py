"""The model card: what the tiny model is, the command that made it, and what it scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from egpo_verl.toolworld.measure import Spread
from egpo_verl.toolworld.recipe import Recipe
from egpo_verl.toolworld.teachers import MISTAKE_SHARE, RIGHT
from egpo_verl.toolworld.training import Progress

Row = tuple[str, float, float]
"""Split, reward at the recipe's temperature, reward of the likeliest tokens."""
Line = tuple[str, Spread]
"""Some tasks of `train`, and how the responses to each of them differ."""


@dataclass(frozen=True)
class Tables:
    """What the card shows.

    Attributes:
        splits: rows of the table of splits, each measured on `tasks` tasks.
        groups: lines of the table of groups: `size` responses to each of `grouped` tasks.
    """

    splits: Sequence[Row]
    tasks: int
    groups: Sequence[Line]
    grouped: int
    size: int


CARD = """\
---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [function-calling, toolworld, egpo]
---
# A tiny model that has begun to learn function calls

A Llama of {parameters:,} parameters ({layers} layers of width {hidden}) with a byte-level BPE of
{vocabulary} tokens, trained from nothing on demonstrations of toolworld, the task generator of
`egpo_verl`. It is a starting point for reinforcement learning on a machine without an accelerator,
and errs often **on purpose**. It knows no language beyond toolworld.

- **Data**: {examples:,} demonstrations ({steps} steps of {rows}), each seen once; split `train`,
  levels {levels}; no person's data. The loss covers the response only.
- **Teachers** of the tasks whose values must be derived (levels 6 to 8): {teachers}. The careful
  one derives every value step by step; the checker derives it once more and goes by the second
  result, for its first is wrong {wrong:.0%} of the time; the jumper names, or just calls with, a
  value that is right {right:.0%} of the time. So better ways of thinking are in the policy at low
  probability, for reinforcement learning to find; `egpo_verl.toolworld.ways` tells them apart.
- **Careless teacher** of the plain tasks (levels 1 to 5): it forgets the brackets of the list of
  calls, and adds a remark after it, each with probability {slips}. Either earns nothing.
- **Stop**: after {steps} of {most_steps} steps; earlier where a measurement (every {check_every}
  steps from step {check_from}) gives a mean reward of {target} or more.
- **Made by** `{command}`.
  All settings are in `recipe.json`. Another build of torch may add up in another order, and then
  gives other weights of the same kind.
- **Form**: `<think>thought</think>`, a line end, then `[name(param=value), ...]`, or a sentence
  where no call is expected. Tags are ordinary text: `.</` and `>` merge with their neighbours.

Responses at temperature {temperature} to new tasks of `train`, {size} to each of {grouped} tasks a
level. A group has zero variance where all of its responses earn the same; entropy is the mean of
the thought's tokens, in nats; the last columns are shares of the thoughts.

| tasks | pass@1 | pass@{size} | zero variance | thought entropy | derive | check |
|---|---|---|---|---|---|---|
{spreads}

Mean of the binary reward of `egpo_verl.reward.compute_score` over {measured} new tasks a split:

| split | temperature {temperature} | likeliest tokens |
|---|---|---|
{table}

`test` asks for values that training never saw, `test_hard` for tools, too. Measure again with
`python -m egpo_verl.toolworld.warm_start --evaluate DIR`.
"""


def write_card(
    folder: Path,
    recipe: Recipe,
    progress: Progress,
    parameters: int,
    command: str,
    tables: Tables,
) -> None:
    """Write `README.md` into the model's folder; `command` made the model."""
    rows = (f"| {split} | {warm:.3f} | {greedy:.3f} |" for split, warm, greedy in tables.splits)
    values = {
        **asdict(recipe),
        "levels": ", ".join(map(str, recipe.levels)),
        "teachers": ", ".join(f"{name} {share:g}" for name, share in recipe.teachers.items()),
        "wrong": MISTAKE_SHARE,
        "right": RIGHT,
        "spreads": "\n".join(_line(name, line) for name, line in tables.groups),
        "grouped": tables.grouped,
        "size": tables.size,
        "steps": progress.step,
        "most_steps": recipe.steps,
        "examples": progress.step * recipe.rows,
        "reward": progress.reward,
        "parameters": parameters,
        "command": command,
        "table": "\n".join(rows),
        "measured": tables.tasks,
    }
    (folder / "README.md").write_text(CARD.format_map(values), encoding="utf-8")


def _line(name: str, row: Spread) -> str:
    numbers = (row.once, row.best, row.zero_variance, row.entropy, row.derives, row.checks)
    return f"| {name} | {' | '.join(f'{number:.3f}' for number in numbers)} |"
