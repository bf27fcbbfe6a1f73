"""A text as the value of an override, in the grammar of Hydra."""

from __future__ import annotations

import re
from pathlib import Path

_UNQUOTED = re.compile(r"[\w./:@%+-]+", re.ASCII)
_ESCAPED = re.compile(r"(\\*)('|$)")


def value_of(text: str | Path) -> str:
    r"""`text` as it is, or quoted where a sign of it means something to Hydra.

    >>> value_of("runs/lab"), value_of("it's, here")
    ('runs/lab', "'it\\'s, here'")
    """
    text = str(text)
    if _UNQUOTED.fullmatch(text):
        return text
    # Backslashes are doubled before a quote only.
    escaped = _ESCAPED.sub(lambda end: end[1] * 2 + (r"\'" if end[2] else ""), text)
    return f"'{escaped}'"
