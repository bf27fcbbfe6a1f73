"""`python -m egpo_verl.toolworld.warm_start`: train the tiny model, or measure a model."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

import torch
from rich.console import Console
from transformers.utils import logging

from egpo_verl.cli import Parser, amount, amount_or_zero, count, count_or_zero, run
from egpo_verl.errors import UserError
from egpo_verl.toolworld.levels import DEFAULT_LEVELS, LEVELS
from egpo_verl.toolworld.live import report as live
from egpo_verl.toolworld.live.options import add_dialogue_options, kinds_of
from egpo_verl.toolworld.make import make_model
from egpo_verl.toolworld.measure import fresh_tasks
from egpo_verl.toolworld.recipe import HEAD_WIDTH, Recipe
from egpo_verl.toolworld.report import groups_table, load, measured, stages_table
from egpo_verl.toolworld.sampling import Sampling
from egpo_verl.toolworld.task import SPLITS
from egpo_verl.toolworld.teachers import TEACHERS

PROGRAM = "python -m egpo_verl.toolworld.warm_start"
EXAMPLES = f"""
examples:
  {PROGRAM} --out outputs/tiny
  {PROGRAM} --evaluate outputs/tiny --splits train test test_hard
  {PROGRAM} --evaluate outputs/tiny --levels 6 7 --tasks 128 --group 8

An interrupted training goes on where it last measured itself when the same command is run again.
"""
HELP = {
    "seed": "of the weights, the data and the sampling",
    "start": "folder of a model to go on from, with its tokenizer",
    "slips": "share of each bad habit in the demonstrations",
    "vocabulary": "tokens of the byte-level BPE",
    "hidden": "width of the model, a multiple of 32",
    "layers": "layers of the model",
    "rows": "demonstrations a step, all of them new",
    "steps": "most steps",
    "drill": "first steps, on derivations alone",
    "school": "next steps, with brief prompts and the careful teacher alone",
    "hold": "step from which the learning rate falls",
    "lr": "learning rate",
    "target": "mean sampled reward at which training stops",
    "check_from": "first step that is measured",
    "check_every": "steps between measurements",
    "check_tasks": "tasks a measurement",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code, 2 for input that a user can fix."""
    words = list(sys.argv[1:] if argv is None else argv)
    options = parser().parse_args(words)
    logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    if options.evaluate is not None:
        return run(lambda: _evaluate(options))
    command = f"{PROGRAM} {shlex.join(words)}"
    return run(lambda: make_model(options.out, _recipe(options), command, options.tasks, Console()))


def parser() -> Parser:
    """The command line: `--out` trains, `--evaluate` measures."""
    top = Parser(
        prog=PROGRAM,
        description="Train a tiny tool-calling model on toolworld, on CPU, or measure a model.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    door = top.add_mutually_exclusive_group(required=True)
    door.add_argument("--out", type=Path, metavar="DIR", help="train; folder of the new model")
    door.add_argument("--evaluate", type=Path, metavar="DIR", help="measure the model in DIR")
    top.add_argument(
        "--levels",
        type=int,
        nargs="+",
        choices=sorted(LEVELS),
        default=DEFAULT_LEVELS,
        help=f"difficulties of the tasks ({' '.join(map(str, DEFAULT_LEVELS))})",
    )
    top.add_argument("--live", action="store_true", help="dialogues of toolworld live, not levels")
    add_dialogue_options(top)
    top.add_argument(
        "--temperature", type=amount_or_zero, default=0.7, help="of the sampling (0.7)"
    )
    top.add_argument("--tasks", type=count, default=512, help="tasks a split in the table (512)")
    top.add_argument(
        "--group", type=count, default=1, help="responses to each task of --evaluate (1)"
    )
    top.add_argument("--threads", type=count, default=1, help="CPU threads (1)")
    top.add_argument(
        "--splits", nargs="+", choices=SPLITS, default=["train"], help="to measure on (train)"
    )
    training = top.add_argument_group("training")
    training.add_argument(
        "--teachers",
        type=weight,
        nargs="+",
        default=[("careful", 1.0)],
        metavar="NAME=WEIGHT",
        help=f"who demonstrates the derived levels: {', '.join(TEACHERS)} (careful=1)",
    )
    for field in fields(Recipe):
        if field.name in HELP:
            about = f"{HELP[field.name]} ({field.default})"
            kind = READERS.get(field.name, READERS[type(field.default).__name__])
            training.add_argument(f"--{field.name}", type=kind, default=field.default, help=about)
    training.add_argument(
        "--bfloat16", action="store_true", help="faster on CPUs with AVX512-BF16, slower on others"
    )
    return top


def _evaluate(options: argparse.Namespace) -> None:
    model, tokenizer = load(options.evaluate)
    # The likeliest tokens are the same every time.
    size = options.group if options.temperature else 1
    sampling = Sampling(options.temperature, options.seed, size=size)
    console = Console()
    for split in options.splits:
        if options.live:
            dialogues = live.fresh_tasks(
                options.tasks, options.seed, split, kinds_of(options), options.max_turns
            )
            results = live.measured(model, tokenizer, dialogues, sampling)
            console.print(live.table_of(results, f"{options.evaluate.name} on {split}", sampling))
            continue
        tasks = fresh_tasks(options.tasks, options.seed, split, options.levels)
        responses = measured(model, tokenizer, tasks, sampling)
        title = f"{options.evaluate.name} on {split}"
        console.print(stages_table(tasks, responses, title, sampling))
        if size > 1:
            console.print(groups_table(tasks, responses, title, sampling))


def _recipe(options: argparse.Namespace) -> Recipe:
    if options.hidden % HEAD_WIDTH:
        raise UserError(f"--hidden {options.hidden} is no multiple of {HEAD_WIDTH}; choose one.")
    names = [field.name for field in fields(Recipe)]
    chosen = {name: getattr(options, name) for name in names if hasattr(options, name)}
    shapes = {
        "levels": tuple(options.levels),
        "live": kinds_of(options) if options.live else (),
        "teachers": dict(options.teachers),
    }
    return Recipe(**{**chosen, **shapes})


def weight(text: str) -> tuple[str, float]:
    """`careful=0.2` as a name and a weight above 0."""
    name, _, number = text.partition("=")
    if name not in TEACHERS:
        raise argparse.ArgumentTypeError(f"{text!r} names none of {', '.join(TEACHERS)}")
    return name, amount(number)


READERS: dict[str, Callable[[str], float | str]] = {
    "seed": int,
    "drill": count_or_zero,
    "school": count_or_zero,
    "int": count,
    "float": amount_or_zero,
    "str": str,
}


if __name__ == "__main__":
    sys.exit(main())
