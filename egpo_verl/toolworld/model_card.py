"""The model card: what the tiny model is, the command that made it, and what it scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from egpo_verl.toolworld.training import Progress, Recipe

Row = tuple[str, float, float]
"""Split, reward at the recipe's temperature, reward of the likeliest tokens."""

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
- **Careless teacher**: its demonstrations forget the brackets of the list of calls, and add a
  remark after it, each with probability {slips}. Either earns nothing, so the model knows more than
  it earns, and most groups hold right and wrong responses.
- **Stop**: after {steps} steps; that is {most_steps} at most, and otherwise the first measurement
  (every {check_every} steps from step {check_from}, {check_tasks} tasks of `train` under a seed of
  their own) with a mean reward of {target} or more at temperature {temperature}. The last was
  {reward:.3f}; the first to pass is a lucky one, the table below is not chosen.
- **Made by** `{command}`.
  All settings are in `recipe.json`. Another build of torch may add up in another order, and then
  gives other weights of the same kind.
- **Form**: `<think>thought</think>`, a line end, then `[name(param=value), ...]`, or a sentence
  where no call is expected. Tags are ordinary text: `.</` and `>` merge with their neighbours.

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
    rows: Sequence[Row],
    measured: int,
) -> None:
    """Write `README.md` into the model's folder; `command` made the model."""
    table = "\n".join(f"| {split} | {warm:.3f} | {greedy:.3f} |" for split, warm, greedy in rows)
    values = {
        **asdict(recipe),
        "levels": ", ".join(map(str, recipe.levels)),
        "steps": progress.step,
        "most_steps": recipe.steps,
        "examples": progress.step * recipe.rows,
        "reward": progress.reward,
        "parameters": parameters,
        "command": command,
        "table": table,
        "measured": measured,
    }
    (folder / "README.md").write_text(CARD.format_map(values), encoding="utf-8")
