"""The command `preprocess toolworld_live`."""

from __future__ import annotations

import argparse

from egpo_verl.cli import Parser, count, out, progress, say
from egpo_verl.datasets.jobs.report import REPORT, show
from egpo_verl.datasets.options import add_folder_options, output_of
from egpo_verl.toolworld.live.options import add_dialogue_options, kinds_of
from egpo_verl.toolworld.live.rows import PREFIX, SOURCE, write


def add_live(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add the sub-command, and what it does."""
    about = (
        "dialogues with small services that have state, made here from a seed, with a harder test "
        "of unseen services (any size, Apache-2.0)"
    )
    command = commands.add_parser(SOURCE, help=about, description=about)
    command.add_argument("--num_train", type=count, default=1000, help="training rows (1000)")
    command.add_argument("--num_test", type=count, default=200, help="rows of each test (200)")
    add_dialogue_options(command)
    command.add_argument(
        "--by_kind",
        action="store_true",
        help=f"data_source is {SOURCE}_KIND, so that verl reports validation for each kind",
    )
    command.add_argument(
        "--single_turn",
        action="store_true",
        help=f"also write {PREFIX}SPLIT.parquet: a row for each message of the reference, with all "
        "before it in the prompt, as training without an environment takes dialogues",
    )
    add_folder_options(command)
    command.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> None:
    sizes = {"train": options.num_train, "test": options.num_test, "test_hard": options.num_test}
    kinds = kinds_of(options)
    with progress("Making toolworld live", 1.0) as done:
        report = write(
            sizes,
            options.seed,
            kinds,
            options.max_turns,
            options.call_form,
            options.by_kind,
            options.single_turn,
            output_of(options),
            done,
        )
    show(report, out())
    say(f"The same table is in {options.local_save_dir / REPORT}.")
