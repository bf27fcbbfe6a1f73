"""Bounds on what a reader accepts, so that its time and its stack are bounded as well."""

from __future__ import annotations

MAX_CHARS = 32_768
"""Characters of an answer (the thought does not count)."""

MAX_CALLS = 64
"""Calls in one answer."""

MAX_DEPTH = 24
"""Lists and dicts inside one another in an argument's value."""

MAX_COMMAS = 4_096
"""Commas in an answer: every value but the first of its list follows one, so this bounds values."""

MAX_NUMBER = 320
"""Characters of a number: enough to spell the largest float in full."""

MAX_BRACKETS = 4_096
"""Opening brackets and braces in an answer of a JSON form, whose reader is recursive C."""
