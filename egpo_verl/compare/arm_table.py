"""A table with a line for each arm under each label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

from egpo_verl.cli import table
from egpo_verl.compare.runs import Arm

ARM = "run (seeds)"


def arm_table(
    title: str,
    numbers: Sequence[str],
    arms: Sequence[Arm],
    lines: Iterable[tuple[str, Arm, Sequence[str]]],
    label: str,
) -> Table:
    """The table.

    Args:
        numbers: the columns behind the label's and the arm's.
        lines: label, arm and the cells of `numbers`; those of one label in a row.
        label: heading of the column of labels.
    """
    several = any(len(arm.runs) > 1 for arm in arms)
    spread = ",\n± standard deviation over seeds" if several else ""
    drawn = table(title + spread, (label, ARM, *numbers), words=(0, 1), frame=False)
    for column in drawn.columns:
        if column.header != ARM:
            column.no_wrap, column.overflow = True, "ellipsis"
    shown = None
    for name, arm, cells in lines:
        if shown not in (None, name) and len(arms) > 1:
            drawn.add_section()
        drawn.add_row("" if name == shown else name, f"{arm.name} ({len(arm.runs)})", *cells)
        shown = name
    return drawn
