"""The options that say which dialogues are drawn."""

from __future__ import annotations

import argparse

from egpo_verl.errors import UserError
from egpo_verl.toolworld.live.task import KINDS, MAX_TURNS, least_turns


def add_dialogue_options(command: argparse.ArgumentParser) -> None:
    """Add `--kinds` and `--max_turns`."""
    command.add_argument(
        "--kinds",
        nargs="+",
        choices=KINDS,
        default=KINDS,
        help="of dialogues, which take turns (all four)",
    )
    command.add_argument(
        "--max_turns",
        type=int,
        choices=range(1, MAX_TURNS + 1),
        default=MAX_TURNS,
        help=f"most user turns of a dialogue ({MAX_TURNS})",
    )


def kinds_of(options: argparse.Namespace) -> tuple[str, ...]:
    """The kinds that were asked for, each once.

    Raises:
        UserError: one of them takes more user turns than were asked for.
    """
    kinds = tuple(dict.fromkeys(options.kinds))
    least = least_turns(kinds)
    if options.max_turns < least:
        raise UserError(
            f"--max_turns {options.max_turns}: {', '.join(kinds)} take {least}; "
            "allow more, or leave out the kinds in which something is missing."
        )
    return kinds
