"""What is printed: a run's table for a person, and a recipe's row of examples/README.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

from rich.table import Table

from egpo_verl import cli
from egpo_verl.sizing.hours import hours_of
from egpo_verl.sizing.memory import MARGIN, memory_of
from egpo_verl.sizing.scripts import Recipe
from egpo_verl.sizing.setup import Setup

HEAD = (
    "| script | model | data | hardware | update, GiB: states + gathered + activations + logits "
    "+ fixed | rollout, GiB | of | sequences | hours |",
    "|---|---|---|---|---|--:|--:|--:|--:|",
)


def obstacles(setup: Setup) -> Iterator[str]:
    """Each reason why the run does not fit or why verl would refuse it, as a sentence."""
    memory, shape = memory_of(setup), setup.shape
    limit = f"{100 * MARGIN:.0f} % of {memory.available:.1f} GiB may be planned with"
    for peak, needed in (("update", memory.update), ("rollout", memory.rollout)):
        if needed > MARGIN * memory.available:
            yield f"the {peak} needs {needed:.1f} GiB of a GPU, and {limit}"
    if memory.cache_tokens < setup.longest:
        yield (
            f"a replica of the rollout holds {memory.cache_tokens:,} tokens, fewer than one "
            f"sequence of {setup.longest:,}"
        )
    # verl/utils/seqlen_balancing.py:384
    if setup.ppo_max_token_len_per_gpu * setup.ulysses_sp < setup.longest:
        yield f"a micro-batch cannot hold the longest sequence, {setup.longest:,} tokens"
    model_parallel = setup.actor_tp * setup.actor_pp * setup.ulysses_sp
    for what, number, by, divisor in (
        ("GPUs", setup.gpus, "rollout_tp", setup.rollout_tp),
        ("attention heads", shape.heads, "rollout_tp", setup.rollout_tp),
        ("attention heads", shape.heads, "ulysses_sp", setup.ulysses_sp),
        ("key-value heads", shape.kv_heads, "actor_tp", setup.actor_tp),
        ("layers", shape.layers, "actor_pp", setup.actor_pp),
        ("experts", shape.experts, "actor_ep", setup.actor_ep),
        ("GPUs", setup.gpus, "the model-parallel GPUs", model_parallel),
        (
            "responses of a step",
            setup.train_batch_size * setup.rollout_n,
            "the data-parallel GPUs",
            max(1, setup.gpus // model_parallel),
        ),
    ):
        if number % divisor:
            yield f"{number:,} {what} cannot be divided by {by}, {divisor}"


def alternatives(setup: Setup) -> Iterator[str]:
    """The fewest GPUs, and then the fewest changed options, with which nothing is in the way.

    One line for the run as it is, and one for LoRA; none where eight times the GPUs do not do.
    """
    size, tokens = setup.longest, "ppo_max_token_len_per_gpu"
    sequence = [{"ulysses_sp": n, tokens: -(-size // n)} for n in (2, 4, 8)]
    axes: list[list[dict[str, Any]]] = [
        [{}, {"offload": True}],
        [
            {},
            {tokens: size},
            *([{"actor_tp": n} for n in (2, 4, 8)] if setup.megatron else sequence),
        ],
        [{}, {"rollout_tp": 2}, {"rollout_tp": 4}],
        [{}, {"rollout_gpu_mem_util": 0.4}],
    ]
    changes = [{k: v for change in each for k, v in change.items()} for each in product(*axes)]
    changes.sort(key=len)
    for start in ({}, *([] if setup.lora_rank else [{"lora_rank": 64}])):
        for gpus in ({}, *({"gpus": n * setup.gpus} for n in (2, 4, 8))):
            tried = ({**gpus, **start, **change} for change in changes)
            fits = next((one for one in tried if not any(obstacles(replace(setup, **one)))), None)
            if fits:
                yield " ".join(map(_option, fits.items()))
                break


def _option(change: tuple[str, Any]) -> str:
    name, value = change
    return f"--{name}" if value is True else f"--{name} {value}"


def headline(setup: Setup, hardware: str) -> str:
    """Model, GPUs, and whether they fit, as one sentence."""
    billions, fits = setup.shape.weights / 1e9, not any(obstacles(setup))
    return (
        f"{setup.model} ({billions:.2f} billion weights{_lora(setup)}) "
        f"{'fits' if fits else 'does not fit'} {hardware}, trained by {setup.engine}."
    )


def table(setup: Setup) -> Table:
    """What the run needs, for a person."""
    memory, fits = memory_of(setup), not any(obstacles(setup))
    columns = ("GiB of one GPU, calculated", f"of {memory.available:.1f}")
    drawn = cli.table(None, columns, frame=False)
    for part, gib in memory.parts.items():
        drawn.add_row(f"  {part}", f"{gib:.1f}")
    drawn.add_row("update, all of these", f"{memory.update:.1f}")
    drawn.add_row("rollout", f"{memory.rollout:.1f}", end_section=True)
    sequences = f"sequences of {setup.longest:,} tokens that a replica of the rollout holds"
    drawn.add_row(sequences, f"{memory.cache_tokens // setup.longest:,}")
    steps = f"{setup.steps:,} steps ({setup.rows:,} rows, {setup.total_epochs} epochs)"
    drawn.add_row(
        f"hours for {steps}, to a factor of two", f"{hours_of(setup):.0f}" if fits else "-"
    )
    return drawn


def row(script: Path, recipe: Recipe) -> str:
    """The row of a recipe in Markdown.

    `sequences` are those of full length whose keys and values a replica of the rollout holds.
    """
    setup = recipe.setup
    memory = memory_of(setup)
    cells = [
        f"`{script.name}`",
        setup.model.rpartition("/")[2] + _lora(setup),
        ", ".join(recipe.datasets),
        recipe.hardware,
        f"{memory.update:.1f} = {' + '.join(f'{part:.1f}' for part in memory.parts.values())}",
        f"{memory.rollout:.1f}",
        f"{memory.available:.1f}",
        str(memory.cache_tokens // setup.longest),
        f"{hours_of(setup):.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def _lora(setup: Setup) -> str:
    return f", LoRA {setup.lora_rank}" if setup.lora_rank else ""
