"""The card of a model that was warmed on dialogues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from egpo_verl.toolworld.model_card import Row
from egpo_verl.toolworld.recipe import Recipe
from egpo_verl.toolworld.training import Progress

CARD = """\
---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags: [function-calling, multi-turn, toolworld, egpo]
---
# A tiny model that has begun to use tools in dialogues

A Llama of {parameters:,} parameters that reads results, chains calls, asks for what is missing and
closes a turn, all in the dialogues of toolworld live, the tasks with state of `egpo_verl`. It is a
starting point for reinforcement learning in a live environment on a machine without an
accelerator, and errs often **on purpose**. It knows no language beyond toolworld.

- **Data**: {steps} steps of {rows} rows of at most {context} tokens, which hold demonstrated
  dialogues as trees, each seen once in this training; split `train`, kinds {kinds} of at most
  {max_turns} user turns; no person's data. The loss covers the responses only.
- **Start**: {start}.
- **Careless teacher**: an id that is not read from the result, a call though a value or a tool is
  missing, a turn closed before its last call, each with probability {slips} where there is
  occasion for it. Both ways are in the policy, for reinforcement learning to choose.
- **Stop**: after {steps} of {most_steps} steps; earlier where a measurement (every {check_every}
  steps from step {check_from}, {check_tasks} tasks of `train`) gives a success of {target} or more.
- **Made by** `{command}`.
  All settings are in `recipe.json`. Another build of torch may add up in another order, and then
  gives other weights of the same kind.
- **Form**: `<think>thought</think>`, a line end, then `[name(param=value), ...]`, or a sentence
  where no call is expected.

Share of episodes that earn 1, over {measured} new tasks a split:

| split | temperature {temperature} | likeliest tokens |
|---|---|---|
{table}

`test` states values that training never saw; `test_hard` has services that it never saw. Measure
again with `python -m egpo_verl.toolworld.warm_start --evaluate DIR --live --kinds {kinds_option}
--max_turns {max_turns}`.
"""


def write_live_card(
    folder: Path,
    recipe: Recipe,
    progress: Progress,
    parameters: int,
    command: str,
    splits: Sequence[Row],
    tasks: int,
) -> None:
    """Write `README.md` into the model's folder; `command` made the model.

    Args:
        splits: rows of the table, each measured on `tasks` tasks.
    """
    rows = (f"| {split} | {warm:.3f} | {greedy:.3f} |" for split, warm, greedy in splits)
    values = {
        **asdict(recipe),
        "kinds": ", ".join(recipe.live),
        "kinds_option": " ".join(recipe.live),
        "start": f"the weights and tokens of `{recipe.start}`" if recipe.start else "nothing",
        "steps": progress.step,
        "most_steps": recipe.steps,
        "parameters": parameters,
        "command": command,
        "table": "\n".join(rows),
        "measured": tasks,
    }
    (folder / "README.md").write_text(CARD.format_map(values), encoding="utf-8")
