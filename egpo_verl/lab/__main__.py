"""Studies: arms times seeds through verl's trainer, their state, and the report on them."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from egpo_verl.cli import Parser, out, run, say
from egpo_verl.errors import STOPPED, UserError
from egpo_verl.lab.checks import read_study

EXAMPLES = """\
examples:
  python -m egpo_verl.lab run examples/studies/spread.yaml
  python -m egpo_verl.lab status examples/studies/spread.yaml
  python -m egpo_verl.lab report examples/studies/a.yaml --pack benchmarks/evidence
  python -m egpo_verl.lab report benchmarks/evidence/* --out docs/evidence.md
"""
GOES_ON = "interrupted: the same command goes on from here."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; 1 where runs failed, 2 for input that a user can fix."""
    options = parser().parse_args(arguments)
    return run(lambda: _COMMANDS[options.command](options), interrupted=GOES_ON)


def _run(options: argparse.Namespace) -> int:
    from egpo_verl.lab.composing import check_arms
    from egpo_verl.lab.data import check_files, make_data
    from egpo_verl.lab.identity import check_folder, claim
    from egpo_verl.lab.schedule import Schedule, check_folders

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    study = read_study(options.study)
    check_files(study)
    # Once before anything is made, as far as files are there, and once with all of them.
    check_folders(study)
    check_folder(study)
    check_arms(study)
    make_data(study)
    check_folders(study)
    check_folder(study)
    claim(study)
    failed = Schedule(study).run()
    _show(options)
    return STOPPED if failed else 0


def _status(options: argparse.Namespace) -> int:
    _show(options)
    return 0


def _report(options: argparse.Namespace) -> None:
    from egpo_verl.lab.report import report

    try:
        report(options.studies, options.out, options.pack)
    except ImportError as error:
        raise UserError(f"pictures need {error.name}: pip install matplotlib") from error
    say(f"report: {options.out}")


def _show(options: argparse.Namespace) -> None:
    from egpo_verl.lab.status import failures, status_table

    study = read_study(options.study)
    out().print(status_table(study))
    for sentence in failures(study):
        say(sentence)


_COMMANDS = {"run": _run, "status": _status, "report": _report}


def parser() -> Parser:
    """The command line."""
    parser = Parser(
        prog="python -m egpo_verl.lab",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, words in {
        "run": "start, or go on with, all runs of a study",
        "status": "how far each run is",
    }.items():
        command = commands.add_parser(name, help=words, description=words)
        command.add_argument("study", type=Path, metavar="STUDY.yaml")
    words = "a page of tables and curves on one or several studies"
    command = commands.add_parser("report", help=words, description=words)
    command.add_argument(
        "studies", type=Path, nargs="+", metavar="STUDY", help="STUDY.yaml, or a packed study"
    )
    command.add_argument("--out", type=Path, default=Path("evidence.md"), help="page to write")
    command.add_argument(
        "--pack", type=Path, metavar="DIR", help="also write the runs' numbers to DIR/NAME"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
