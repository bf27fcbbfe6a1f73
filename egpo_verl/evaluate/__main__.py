"""`python -m egpo_verl.evaluate BENCHMARK`: what a model scores, by the benchmark's scorer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from egpo_verl.cli import Parser, run

PROGRAM = "python -m egpo_verl.evaluate"
BENCHMARKS = {
    "bfcl": "Berkeley Function Calling Leaderboard, by `bfcl evaluate` of bfcl-eval 2026.3.23",
    "acebench": "ACEBench, English and Chinese, by its own eval_main.py",
    "api_bank": "API-Bank, by exact name and parameters or by its own executor",
}
"""Sub-command -> what it is. The module of the same name has `add_arguments` and `run`."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 when every question was answered and scored, 1 when an answer is missing, otherwise one
        of `egpo_verl.errors`.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    return run(
        lambda: _run(parser(words).parse_args(words)),
        interrupted="interrupted; run the command again to go on.",
    )


def _run(options: argparse.Namespace) -> int:
    return int(options.run(options))


def parser(words: Sequence[str]) -> Parser:
    """The command line; only the benchmark that `words` name is imported."""
    top = Parser(prog=PROGRAM, description=__doc__)
    commands = top.add_subparsers(title="benchmarks", metavar="BENCHMARK", required=True)
    for name, about in BENCHMARKS.items():
        command = commands.add_parser(
            name,
            help=about,
            description=about,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if words[:1] == [name]:
            module = import_module(f"egpo_verl.evaluate.{name}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return top


if __name__ == "__main__":
    sys.exit(main())
