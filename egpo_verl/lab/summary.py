"""One line on a study that runs: what is done, what is at work, and the time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from egpo_verl.cli import LINE_EVERY, tell

Show = Callable[[str], None]
REST = 0.2
"""What starting and measuring a run counts, in parts of its training."""


@contextmanager
def line() -> Iterator[Show]:
    """Shows the newest line on stderr: in place on a terminal, elsewhere now and then."""
    # No bar as of `cli.progress`: the line tells of several runs, and knows their time itself.
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _now_and_then()
        return
    with console.status("") as status:
        yield lambda text: status.update(text)


def _now_and_then() -> Show:
    printed = float("-inf")

    def show(text: str) -> None:
        nonlocal printed
        if time.monotonic() - printed >= LINE_EVERY:
            printed = time.monotonic()
            tell(text)

    return show


class Pace:
    """The time that is left, by what was done since the laboratory started.

    Args:
        done: trainings done before, as a number with a fraction; see `work`.
    """

    def __init__(self, done: float) -> None:
        self.done = done
        self.began = time.monotonic()

    def left(self, done: float, total: float) -> str:
        """In words; empty until something is done."""
        if done <= self.done:
            return ""
        seconds = (time.monotonic() - self.began) * (total - done) / (done - self.done)
        return f"{in_words(seconds)} left"


def work(steps: int, of: int, is_done: bool) -> float:
    """How much of a run is done, in trainings."""
    return 1 + REST if is_done else steps / of


def in_words(seconds: float) -> str:
    """
    >>> in_words(40), in_words(4000)
    ('1 min', '1 h 7 min')
    """
    hours, minutes = divmod(max(1, round(seconds / 60)), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
