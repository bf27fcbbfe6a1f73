"""A recipe's row in the table of examples/README.md."""

from __future__ import annotations

from pathlib import Path

from egpo_verl.sizing.hours import hours_of
from egpo_verl.sizing.memory import memory_of
from egpo_verl.sizing.setup import Setup

HEAD = (
    "| script | hardware | states | gathered | activations | logits | update | rollout | "
    "of | sequences | hours |",
    "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
)


def row(script: Path, setup: Setup, hardware: tuple[int, int, int]) -> tuple[str, bool]:
    """The row, with GiB in its middle, and whether the recipe fits its GPUs."""
    memory = memory_of(setup)
    parts = (memory.states, memory.gathered, memory.activations, memory.logits)
    gib = [f"{part:.1f}" for part in (*parts, memory.update, memory.rollout, memory.available)]
    nodes, gpus, size = hardware
    cells = [
        f"`{script.name}`",
        f"{nodes} x {gpus} x {size} GB",
        *gib,
        str(memory.cache_tokens // setup.longest),
        f"{hours_of(setup):.0f}",
    ]
    return f"| {' | '.join(cells)} |", memory.fits
