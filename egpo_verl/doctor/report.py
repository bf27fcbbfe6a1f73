"""The report as people read it: one table, and below it how to fix what is not ok."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from egpo_verl.doctor.finding import Finding, State

COLOURS = {State.OK: "green", State.WARN: "yellow", State.FAIL: "bold red"}


def show(findings: Sequence[Finding], console: Console) -> None:
    """Print all findings; commands stand on lines of their own, so that they can be copied."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for one in findings:
        table.add_row(Text(one.state.value, COLOURS[one.state]), Text(one.check), Text(one.text))
    console.print(table)
    wrong = [one for one in findings if one.state is not State.OK]
    if wrong:
        console.print("\nTo fix:")
    for one in wrong:
        line = Text.assemble("  ", (one.check, COLOURS[one.state]), f": {one.fix or one.text}")
        console.print(line, soft_wrap=True)
        for command in one.commands:
            console.print(Text(f"      {command}", "bold"), soft_wrap=True)
