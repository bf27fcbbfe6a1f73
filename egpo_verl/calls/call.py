"""One function call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call by keyword: `name(argument=value, ...)`.

    Values are what JSON can say (None, bool, int, float, str, list, dict), so every form of
    writing calls carries the same thing.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
