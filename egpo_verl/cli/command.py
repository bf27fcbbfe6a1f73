"""What a command is given, and how it ends: checked options, sentences, exit codes."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NoReturn

from egpo_verl.cli.display import tell
from egpo_verl.errors import INTERRUPTED, USER_ERROR, UserError


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


def count_or_zero(text: str) -> int:
    """A whole number of 0 or more."""
    return 0 if text == "0" else count(text)


def share(text: str) -> float:
    """A number between 0 and 1."""
    value = _number(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share between 0 and 1")
    return value


def share_or_all(text: str) -> float:
    """A number above 0 and up to 1."""
    value = _number(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share above 0 and up to 1")
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


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
