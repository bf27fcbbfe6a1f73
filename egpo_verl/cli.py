"""What all command lines share: exit codes, checked options, progress, tables, whole files."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.table import Table

from egpo_verl.errors import INTERRUPTED, USER_ERROR, UserError

WIDTH = 160
"""Characters of a line where there is no terminal."""
LINE_EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""


UNFINISHED = ".unfinished-"
"""How the name of a folder starts that a job writes to while it runs."""


class Report(Protocol):
    """Takes how much is done, and a note to show behind it."""

    def __call__(self, done: float, note: str = "") -> None: ...


class Parser(argparse.ArgumentParser):
    """Answers a wrong command line with one sentence instead of a page."""

    def error(self, message: str) -> NoReturn:
        self.exit(USER_ERROR, f"{message}; see `{self.prog} --help`.\n")


def run(work: Callable[[], int | None], interrupted: str = "interrupted.") -> int:
    """Do the work of a command and return its exit code, 0 where `work` returns none.

    A `UserError`, or a file that the system refuses, becomes one sentence on stderr and
    `USER_ERROR`; Ctrl-C becomes the sentence `interrupted` and `INTERRUPTED`.
    """
    try:
        return work() or 0
    except UserError as error:
        tell(error)
        return USER_ERROR
    except OSError as error:
        if error.filename is None:
            raise
        tell(f"{error.filename}: {error.strerror}.")
        return USER_ERROR
    except KeyboardInterrupt:
        tell(interrupted)
        return INTERRUPTED


def count(text: str) -> int:
    """A whole number above 0."""
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return value


def share(text: str) -> float:
    """A number between 0 and 1."""
    value = _number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return value


def amount(text: str) -> float:
    """A number above 0."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def amount_or_zero(text: str) -> float:
    """A number of 0 or more."""
    value = _number(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
    return value


@contextmanager
def write_aside(folder: Path, owned: Collection[str] = ()) -> Iterator[Path]:
    """A scratch folder inside `folder`; what it holds at the end is moved to `folder`.

    After an exception nothing is moved, and a `folder` made here goes away again.

    Args:
        owned: names of files that the job may write. Those that it did not write this time are
            removed, so that no file of an earlier job stands beside the new ones.

    Raises:
        UserError: `folder` cannot be written, or its disk is full.
    """
    fresh = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_unfinished(folder)
        scratch = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=folder))
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror}); choose another --local_save_dir."
        ) from error
    done = False
    lock = None
    with suppress(OSError):  # a file system without locks: a killed job's folder stays
        lock = _locked(scratch)
    try:
        yield scratch
        written = sorted(scratch.iterdir())
        for name in set(owned).difference(path.name for path in written):
            (folder / name).unlink(missing_ok=True)
        for path in written:
            os.replace(path, folder / path.name)
        done = True
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error}.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        if lock is not None:
            os.close(lock)
        if fresh and not done:
            shutil.rmtree(folder, ignore_errors=True)


def _remove_unfinished(folder: Path) -> None:
    """Remove the scratch folders of jobs that were killed; those of running ones are locked."""
    for scratch in folder.glob(f"{UNFINISHED}*"):
        with suppress(OSError):
            os.close(_locked(scratch))
            shutil.rmtree(scratch)


def _locked(folder: Path) -> int:
    """A descriptor that holds a lock on a folder until it is closed or its process ends.

    Raises:
        BlockingIOError: another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0


def tell(problem: object) -> None:
    """Print a problem on stderr as the one line that it is."""
    _line(Console(stderr=True), str(problem))


def say(text: str) -> None:
    """Print a result on stdout as one line, unwrapped, so that a path in it can be copied."""
    _line(Console(), text)


def _line(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def out() -> Console:
    """The console of stdout; it does not break tables at 80 characters without a terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    caption: str | None = None,
) -> Table:
    """A table of labels in the first column and numbers, aligned right, in the others."""
    drawn = Table(title=title, title_justify="left", title_style="bold", caption=caption)
    for place, column in enumerate(columns):
        drawn.add_column(column, justify="right" if place else "left")
    for row in rows:
        drawn.add_row(*row)
    return drawn


@contextmanager
def progress(what: str, total: float) -> Iterator[Report]:
    """Show on stderr how far the work is: a bar on a terminal, elsewhere a line now and then.

    Args:
        total: how much is to be done, counted where it is an int and in percent otherwise.

    Yields:
        the function to report with.
    """
    console = Console(stderr=True)
    shown = (
        "{task.completed:,.0f} of {task.total:,}"
        if isinstance(total, int)
        else "{task.percentage:.0f} %"
    )
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn(shown),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    bar.add_task(what, total=total, note="")
    (task,) = bar.tasks
    printed = time.monotonic()

    def report(done: float, note: str = "") -> None:
        nonlocal printed
        bar.update(task.id, completed=done, note=note)
        if not console.is_terminal and time.monotonic() - printed >= LINE_EVERY:
            printed = time.monotonic()
            _line(console, _state(task, shown))

    with bar:
        yield report


def _state(task: Task, shown: str) -> str:
    left = task.time_remaining
    parts = [shown.format(task=task), "" if left is None else f"{left / 60:,.0f} min left"]
    return f"{task.description}: " + ", ".join(filter(None, [*parts, task.fields["note"]]))


@contextmanager
def write_file_aside(path: Path) -> Iterator[Path]:
    """Yield a name beside `path` to write to; it becomes `path` at the end.

    Whatever stops the job, `path` is whole: as it was before, or as it is after.

    Raises:
        UserError: the folder cannot be written, or its disk is full.
    """
    part = path.with_name(f".{path.name}.unfinished")
    try:
        yield part
        part.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(
            f"{path} cannot be written ({reason}); make room there or name another place."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
