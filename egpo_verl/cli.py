"""What the command lines of the data tools share: short errors, checked numbers, one console."""

from __future__ import annotations

import argparse
from typing import NoReturn

from rich.console import Console


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


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
