"""The command line of the doctor."""

from __future__ import annotations

import logging
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from egpo_verl.cli import Parser, count, out, run
from egpo_verl.doctor import environment, log
from egpo_verl.doctor.finding import Finding, State, guarded
from egpo_verl.doctor.report import show
from egpo_verl.doctor.run_folder import check_run, find_checkpoints
from egpo_verl.errors import NOT_READY, UserError

Check = tuple[str, Callable[[], Iterable[Finding]]]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the report; 1 where something must be fixed, 2 for a wrong command line, else 0."""
    top = parser()
    options = top.parse_args(argv)
    if options.processes is not None and options.run is None:
        top.error("--processes belongs to --run")
    if (options.run or options.log) and (options.model or options.data):
        top.error("--run and --log are about a run, --model and --data about this machine")
    return run(lambda: _diagnose(options))


def _diagnose(options: Namespace) -> int:
    # No bar: what takes long is one check of a few, and its name is what tells of it.
    progress = Console(stderr=True)
    findings: list[Finding] = []
    with _quiet():
        for name, check in checks(options):
            with progress.status(f"Checking {name}"):
                findings += guarded(name, check)
    show(findings, out())
    return NOT_READY if any(one.state is State.FAIL for one in findings) else 0


def parser() -> Parser:
    """The command line."""
    top = Parser(
        prog="python -m egpo_verl.doctor",
        description="Say what stands in the way of a training run, and how to fix it. Without "
        "--run and --log it checks this machine. It only reads.",
    )
    machine = top.add_argument_group("this machine")
    machine.add_argument("--model", metavar="DIR_OR_NAME", help="a model's folder or hub name")
    machine.add_argument(
        "--data", metavar="FILE", nargs="+", default=[], help="files of rows; the first are read"
    )
    machine.add_argument(
        "--prompt-key",
        metavar="COLUMN",
        default="prompt",
        help="the column with the prompt, as data.prompt_key names it (default: prompt)",
    )
    machine.add_argument(
        "--no-ray", action="store_true", help="do not look into Ray's workers (saves half a minute)"
    )
    run = top.add_argument_group("a run that was started")
    run.add_argument(
        "--run", metavar="DIR", help="its folder, or its trainer.default_local_dir: checkpoints"
    )
    run.add_argument(
        "--processes",
        metavar="N",
        type=count,
        help="with --run: how many processes will train (nnodes * n_gpus_per_node)",
    )
    run.add_argument("--log", metavar="FILE", help="what it printed: failed rollouts, dead workers")
    return top


def checks(options: Namespace) -> Iterator[Check]:
    """What the command line asks for, in order.

    Raises:
        UserError: a file or folder of a run cannot be taken.
    """
    if options.run is not None:
        folder = Path(options.run).expanduser()
        root = find_checkpoints(folder)
        yield "checkpoints", lambda: check_run(root, options.processes)
    if options.log is not None:
        path = Path(options.log).expanduser()
        if not path.is_file():
            raise UserError(f"--log {options.log} is not there, or is not a file.")
        yield "log", lambda: _check_log(path)
    if options.run is None and options.log is None:
        yield from environment.checks(
            options.model, options.data, options.prompt_key, ray=not options.no_ray
        )


def _check_log(path: Path) -> Iterator[Finding]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        yield from log.check_log(lines)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what libraries log and warn of, which would hide the report."""
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


if __name__ == "__main__":
    sys.exit(main())
