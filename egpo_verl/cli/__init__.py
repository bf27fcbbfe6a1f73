"""What all command lines share."""

from egpo_verl.cli.command import (
    Parser,
    amount,
    amount_or_zero,
    count,
    count_or_zero,
    run,
    share,
    share_or_all,
)
from egpo_verl.cli.display import LINE_EVERY, Report, out, progress, say, table, tell
from egpo_verl.cli.files import write_aside, write_file_aside
from egpo_verl.cli.markdown import LEFT, RIGHT, markdown_table

__all__ = [
    "LEFT",
    "LINE_EVERY",
    "RIGHT",
    "Parser",
    "Report",
    "amount",
    "amount_or_zero",
    "count",
    "count_or_zero",
    "markdown_table",
    "out",
    "progress",
    "run",
    "say",
    "share",
    "share_or_all",
    "table",
    "tell",
    "write_aside",
    "write_file_aside",
]
