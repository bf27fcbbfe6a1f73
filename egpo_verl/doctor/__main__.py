"""The command line of the doctor."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from egpo_verl.cli import Parser, run
from egpo_verl.doctor import (
    machine,
    plugin,
    rows,
    sample,
    template,
    tokenizer,
    versions,
    workers,
)
from egpo_verl.doctor.finding import Finding, State, described, fail, guarded, warn
from egpo_verl.integration.inputs import InputError, check_model

COLOURS = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}
Check = tuple[str, Callable[[], Iterable[Finding]]]


def main(argv: Sequence[str] | None = None) -> int:
    """Print what was found; 1 where something must be mended before a run, else 0."""
    options = parser().parse_args(argv)
    return run(lambda: _diagnose(options))


def _diagnose(options: argparse.Namespace) -> int:
    progress = Console(stderr=True)
    findings: list[Finding] = []
    with _quiet():
        for check, look in checks(options.model, options.data, not options.no_ray):
            with progress.status(f"Looking at {check}"):
                findings += guarded(check, look)
    show(findings, Console())
    return int(any(one.state is State.FAIL for one in findings))


def parser() -> Parser:
    """The command line."""
    top = Parser(
        prog="python -m egpo_verl.doctor",
        description="Check whether this machine can train with EGPO, and say what to mend.",
    )
    top.add_argument("--model", metavar="DIR_OR_NAME", help="a model's folder or hub name")
    top.add_argument("--data", metavar="PARQUET", help="training rows, of which the first are read")
    top.add_argument(
        "--no-ray", action="store_true", help="do not look into Ray's workers (saves half a minute)"
    )
    return top


def checks(model_name: str | None, data: str | None, ray: bool) -> Iterator[Check]:
    """The checks in order, those that need a missing library left out."""
    yield "versions", versions.check_versions
    absent = versions.missing()
    trains = not absent
    if trains:
        yield "plugin", plugin.check_plugin
        yield "Hydra group", plugin.check_config
        yield "machine", machine.check_machine
    if trains and ray:
        yield "Ray workers", workers.check_workers
    yield "reward", sample.check_reward
    if {"transformers", "torch", "verl"} & set(absent):
        if data is not None:
            yield "data", lambda: rows.check_data(data)
        if model_name is not None:
            yield "model", lambda: [_not_looked_at(absent)]
        return
    yield "model", lambda: check_model_and_data(model_name, data)


def check_model_and_data(name: str | None, data: str | None) -> Iterator[Finding]:
    """A model's tokenizer and template (or the shipped one's), a sample row, and the data."""
    loaded: Any = None
    try:
        if name is not None:
            check_model(name, "--model")
        loaded = tokenizer.load_tokenizer(name or str(sample.TINY_MODEL))
    except InputError as error:
        yield fail("model", str(error))
    except Exception as error:
        said = f"the tokenizer of {name} does not load: {described(error)}"
        cure = "give the downloaded model's folder; one that brings its own code is not looked at"
        yield fail("model", said, cure)
    if loaded is not None and name is not None:
        yield from guarded("chat template", lambda: template.check_template(loaded))
        yield from guarded("tokenizer", lambda: tokenizer.check_tokenizer(loaded, name))
    if loaded is not None:
        yield from guarded("sample row", lambda: sample.check_sample(loaded))
    if data is not None:
        given = loaded if name is not None else None
        yield from guarded("data", lambda: rows.check_data(data, given))


def show(findings: Sequence[Finding], console: Console) -> None:
    """A table of what was seen, and below it what to do, in lines that can be copied."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in findings:
        table.add_row(Text(one.state.value, COLOURS[one.state]), one.check, Text(one.said))
    console.print(table)
    wrong = [one for one in findings if one.state is not State.OK]
    if wrong:
        console.print("\nTo mend:")
    for one in wrong:
        line = Text.assemble("  ", (one.check, COLOURS[one.state]), f": {one.cure or one.said}")
        console.print(line, soft_wrap=True)


def _not_looked_at(absent: Sequence[str]) -> Finding:
    said = f"not looked at, because {', '.join(absent)} is not installed"
    return warn("model", said, "see the lines on versions")


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' own remarks, which would drown the report."""
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


if __name__ == "__main__":
    sys.exit(main())
