"""Does a run fit its GPUs, and how long does it take?

Calculated and not measured: GiB of one GPU in the update and in the rollout, sequences of full
length that a replica of the rollout holds, and a rough estimate of hours. Nothing is started, and
no GPU is needed. MODEL is a folder with a config.json, or a name on the hub.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from egpo_verl.cli import Parser, count, count_or_zero, out, run, say, share, tell
from egpo_verl.errors import NOT_READY
from egpo_verl.sizing.model import shape_of
from egpo_verl.sizing.report import HEAD, alternatives, headline, obstacles, row, table
from egpo_verl.sizing.scripts import read_recipe
from egpo_verl.sizing.setup import GPUS, KNOBS, Setup

EXAMPLES = """\
examples:
  python -m egpo_verl.sizing --model_path Qwen/Qwen3-8B --gpus 8 --gpu_memory 80
  python -m egpo_verl.sizing --model_path models/mine --gpus 4 --gpu_memory 48 --lora_rank 64 \\
      --rows 20000 --total_epochs 1 --max_response_length 2048
  python -m egpo_verl.sizing examples/run_*_fsdp.sh     the recipes' table, in Markdown

Exit code 0 where all fits, 1 where it does not, 2 for input that cannot be read.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    commands = parser()
    options = commands.parse_args(argv)
    if bool(options.scripts) == bool(options.model_path):
        commands.error("give either --model_path MODEL, or the scripts of recipes")
    return run(lambda: _size_recipes(options.scripts) if options.scripts else _size_run(options))


def parser() -> Parser:
    """The command line."""
    top = Parser(
        prog="python -m egpo_verl.sizing",
        usage="%(prog)s --model_path MODEL [options]\n       %(prog)s SCRIPT...",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("scripts", nargs="*", type=Path, metavar="SCRIPT", help="recipes to size")
    top.add_argument("--model_path", metavar="MODEL", help="a folder, or a name on the hub")
    top.add_argument("--gpus", type=count, default=8, metavar="N", help="in all (8)")
    known = ", ".join(f"{size} {gpu.name}" for size, gpu in GPUS.items())
    top.add_argument(
        "--gpu_memory",
        type=int,
        choices=sorted(GPUS),
        default=80,
        metavar="GB",
        help=f"of one GPU, as it is sold: {known} (80)",
    )
    group = top.add_argument_group("run", "as the recipes' knobs, and with their defaults")
    for knob in KNOBS:
        whole = count if knob.default else count_or_zero
        kind = share if isinstance(knob.default, float) else whole
        how: dict[str, Any] = {"type": kind, "metavar": "N"}
        if knob.default is False:
            how = {"action": "store_true"}
        about = knob.metadata["about"] + ("" if knob.default is False else f" ({knob.default})")
        group.add_argument(f"--{knob.name}", default=knob.default, help=about, **how)
    return top


def _size_run(options: argparse.Namespace) -> int:
    model, gpu = options.model_path, GPUS[options.gpu_memory]
    knobs = {knob.name: getattr(options, knob.name) for knob in KNOBS}
    setup = Setup(model, shape_of(model), gpu, options.gpus, **knobs)
    say(headline(setup, f"{options.gpus} x {gpu.name} {options.gpu_memory} GB"))
    out().print(table(setup))
    reasons = list(obstacles(setup))
    for reason in reasons:
        say(f"Reason: {reason}.")
    if reasons:
        fitting = list(alternatives(setup)) or ["none of the usual changes"]
        say("It fits with: " + "\n          or: ".join(fitting))
    return NOT_READY if reasons else 0


def _size_recipes(scripts: Sequence[Path]) -> int:
    recipes = {script: read_recipe(script) for script in scripts}
    lines = (row(script, recipe) for script, recipe in recipes.items())
    sys.stdout.write("\n".join([*HEAD, *lines, ""]))
    reasons = [(s.name, why) for s, recipe in recipes.items() for why in obstacles(recipe.setup)]
    for name, reason in reasons:
        tell(f"{name} does not fit: {reason}.")
    return NOT_READY if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
