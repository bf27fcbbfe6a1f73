"""A table with a line for each group under each label."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table

from egpo_verl.cli import table
from egpo_verl.compare.runs import RunGroup

GROUP = "run (seeds)"


def group_table(
    title: str,
    numbers: Sequence[str],
    groups: Sequence[RunGroup],
    lines: Iterable[tuple[str, RunGroup, Sequence[str]]],
    label: str,
) -> Table:
    """The table.

    Args:
        numbers: the columns behind the label's and the group's.
        lines: label, group and the cells of `numbers`; those of one label in a row.
        label: heading of the column of labels.
    """
    several = any(len(group.runs) > 1 for group in groups)
    spread = ",\n± standard deviation over seeds" if several else ""
    drawn = table(title + spread, (label, GROUP, *numbers), words=(0, 1), frame=False)
    for column in drawn.columns:
        if column.header != GROUP:
            column.no_wrap, column.overflow = True, "ellipsis"
    shown = None
    for name, group, cells in lines:
        if shown not in (None, name) and len(groups) > 1:
            drawn.add_section()
        drawn.add_row("" if name == shown else name, f"{group.name} ({len(group.runs)})", *cells)
        shown = name
    return drawn
