"""What commands print: lines, tables, and how far the work is."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.box import HEAVY_HEAD, SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.table import Table

WIDTH = 160
"""Characters of a line where there is no terminal."""
LINE_EVERY = 30.0
"""Seconds between two lines of progress where there is no terminal."""


class Report(Protocol):
    """Takes how much is done, and a note to show behind it."""

    def __call__(self, done: float, note: str = "") -> None: ...


def tell(problem: object) -> None:
    """Print a problem on stderr as the one line that it is."""
    _line(Console(stderr=True), str(problem))


def say(text: str) -> None:
    """Print a result on stdout as one line, unwrapped, so that a path in it can be copied."""
    _line(Console(), text)


def _line(console: Console, text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False, emoji=False)


def out() -> Console:
    """The console of stdout; it does not break tables at 80 characters without a terminal, and
    prints texts as they are: `[bold]` and `:x:` may be data."""
    console = Console(markup=False, emoji=False)
    return console if console.is_terminal else Console(width=WIDTH, markup=False, emoji=False)


def table(
    title: str | None,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]] = (),
    caption: str | None = None,
    *,
    words: Collection[int] = (0,),
    frame: bool = True,
) -> Table:
    """A table of labels in the first column and numbers, aligned right, in the others.

    Long cells fold, and headings break between their words alone, where a caller changes no column.

    Args:
        rows: none where they are added one by one, to style them or to set them apart.
        words: columns that are aligned left.
        frame: lines around and between columns, which take room.
    """
    drawn = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        caption=caption,
        box=HEAVY_HEAD if frame else SIMPLE_HEAD,
        pad_edge=frame,
    )
    for place, column in enumerate(columns):
        drawn.add_column(
            column,
            justify="left" if place in words else "right",
            overflow="fold",
            min_width=max(map(len, column.split()), default=0),
        )
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
