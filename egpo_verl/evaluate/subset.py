"""A part of a benchmark's questions: the first of each category, or some that a seed draws."""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

Question = TypeVar("Question")


@dataclass(frozen=True)
class Subset:
    """Which questions of each category are asked.

    Attributes:
        size: how many; None for all.
        seed: draws them; None for the first.
    """

    size: int | None = None
    seed: int | None = None

    @classmethod
    def from_options(cls, args: argparse.Namespace) -> Subset:
        """As `backends.add_arguments` reads it."""
        return cls(args.draw, args.seed) if args.draw is not None else cls(args.limit)

    def of(self, questions: Sequence[Question]) -> list[Question]:
        """Those of one category that are asked, in their order."""
        if self.size is None or self.size >= len(questions):
            return list(questions)
        if self.seed is None:
            return list(questions[: self.size])
        places = random.Random(f"questions:{self.seed}").sample(range(len(questions)), self.size)
        return [questions[place] for place in sorted(places)]

    def words(self, unit: str) -> list[str]:
        """For the title of a table, nothing where all are asked; `unit` is what has categories."""
        if self.size is None:
            return []
        drawn = "the first" if self.seed is None else f"drawn by seed {self.seed},"
        return [f"SUBSET: {drawn} {self.size:,} of each {unit}"]
