"""What the thought of a response does, where its text tells: toolworld's teachers leave marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module

Ways = Callable[[str], Mapping[str, bool]]
PLACE = ("egpo_verl.toolworld", "ways")


@cache
def ways() -> Ways:
    """The function that reads the marks; one that reads none where there is none."""
    try:
        reader: Ways = getattr(import_module(PLACE[0]), PLACE[1])
    except (ImportError, AttributeError):
        return lambda text: {}
    return reader
