"""Bounds on what a reader accepts, so that its time and its stack are bounded as well."""

from __future__ import annotations

MAX_CHARS = 32_768
"""Characters of an answer (the thought does not count)."""

MAX_CALLS = 64
"""Calls in one answer."""

MAX_DEPTH = 24
"""Lists and dicts inside one another in an argument's value."""

MAX_MARKS = 4_096
"""Commas, quotes, backslashes and opening brackets in an answer, which bound the reader's steps."""

MAX_MENTIONS = 1_000
"""Functions offered that prose may name with brackets, and calls in a row that are looked at one by
one; more of them are no prose."""

MAX_BLOCKS = 100
"""Code blocks beside prose that may explain; more of them are read as if they were prose."""

MAX_NUMBER = 320
"""Characters of a number: enough to spell the largest float in full."""


def has_too_many_marks(text: str) -> bool:
    """Whether `text` holds more than `MAX_MARKS`, counted at the speed of memory."""
    return len(text) > MAX_MARKS and sum(map(text.count, ",'\"\\[({")) > MAX_MARKS
