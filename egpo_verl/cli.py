"""What the command lines of the data tools share: short errors, checked numbers, one console."""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from egpo_verl.errors import UserError


class Parser(argparse.ArgumentParser):
    """Answers a wrong command line with one sentence instead of a page."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{message}; see `{self.prog} --help`.\n")


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


def tell(problem: object) -> None:
    """Print a problem as the one line that it is."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    console.print(str(problem))


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
        scratch = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
    except OSError as error:
        raise UserError(
            f"{folder} cannot be written ({error.strerror}); choose another --local_save_dir."
        ) from error
    done = False
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
        if fresh and not done:
            shutil.rmtree(folder, ignore_errors=True)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
