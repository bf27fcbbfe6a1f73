"""Tables of a Markdown page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LEFT = "---"
RIGHT = "---:"


def markdown_table(
    columns: Sequence[str], lines: Iterable[Sequence[str]], align: str = LEFT
) -> list[str]:
    """The lines of a table; `align` is `LEFT` or `RIGHT`, for all columns but the first."""
    rule = (LEFT, *(align for _ in columns[1:]))
    return ["| " + " | ".join(map(_cell, line)) + " |" for line in (columns, rule, *lines)]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
