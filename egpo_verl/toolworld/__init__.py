"""Toolworld: seeded tasks of function calling, and a tiny model warm-started on them."""

from __future__ import annotations

from egpo_verl.toolworld.derived.levels import DERIVED_LEVELS, SKILLS
from egpo_verl.toolworld.generate import demonstrations, generate
from egpo_verl.toolworld.levels import DEFAULT_LEVELS, KINDS, LEVELS
from egpo_verl.toolworld.task import SPLITS
from egpo_verl.toolworld.teachers import TEACHERS, ways

__all__ = [
    "DEFAULT_LEVELS",
    "DERIVED_LEVELS",
    "KINDS",
    "LEVELS",
    "SKILLS",
    "SPLITS",
    "TEACHERS",
    "demonstrations",
    "generate",
    "ways",
]
