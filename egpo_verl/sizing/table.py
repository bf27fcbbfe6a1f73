"""A recipe's row in the table of examples/README.md."""

from __future__ import annotations

from pathlib import Path

from egpo_verl.sizing.hours import hours_of
from egpo_verl.sizing.memory import FIXED_GIB, memory_of
from egpo_verl.sizing.setup import Setup

HEAD = (
    "| script | model | data | hardware | update, GiB: states + gathered + activations + logits "
    "+ fixed | rollout, GiB | of | sequences | hours | beside (quoted) |",
    "|---|---|---|---|---|--:|--:|--:|--:|---|",
)

QUOTED = {
    "Qwen/Qwen3-4B-Instruct-2507": "BFCLv3 84.92 / 56.25; GRPO 82.20 / 50.12; base 78.19 / 15.75",
    "meta-llama/Llama-3.2-3B-Instruct": "BFCLv3 81.94 / 36.62; GRPO 77.78 / 34.00; "
    "base 69.84 / 2.00",
    "Qwen/Qwen2.5-Coder-7B-Instruct": "BFCLv2 86.02 (90.40 / 81.64); base 76.93",
}
"""What arXiv:2508.05118 reports of EGPO on this model, none of it reproduced here. Version 4:
BFCLv3, single turn / multi turn. Version 1: BFCLv2, overall (non-live / live)."""


def row(script: Path, setup: Setup, hardware: tuple[int, int, int]) -> tuple[str, bool]:
    """The row, and whether the recipe fits its GPUs.

    `sequences` are those of full length whose keys and values a replica of the rollout holds.
    """
    memory = memory_of(setup)
    parts = (memory.states, memory.gathered, memory.activations, memory.logits, FIXED_GIB)
    nodes, gpus, size = hardware
    lora = f", LoRA {setup.lora_rank}" if setup.lora_rank else ""
    cells = [
        f"`{script.name}`",
        setup.model.rpartition("/")[2] + lora,
        ", ".join(setup.datasets),
        f"{nodes} x {gpus} x {size} GB",
        f"{memory.update:.1f} = {' + '.join(f'{part:.1f}' for part in parts)}",
        f"{memory.rollout:.1f}",
        f"{memory.available:.1f}",
        str(memory.cache_tokens // setup.longest),
        f"{hours_of(setup):.0f}",
        QUOTED.get(setup.model, "-"),
    ]
    return f"| {' | '.join(cells)} |", memory.fits
