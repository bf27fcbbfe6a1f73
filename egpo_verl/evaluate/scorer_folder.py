"""A benchmark's scorer in a copy of its code, beside which it may write."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from egpo_verl.evaluate import scorer_run


@dataclass(frozen=True)
class ScorerFolder:
    """Where scoring happens.

    Attributes:
        benchmark: the user's clone, which is only read.
        scratch: a folder of ours, emptied each time.
        python: of the environment that the scorer needs.
        seconds: longest time for one run of it.
    """

    benchmark: Path
    scratch: Path
    python: Path
    seconds: int

    def copied(
        self,
        name: str,
        folders: Iterable[str],
        ignore: Callable[[str, list[str]], list[str]] | None = None,
    ) -> Path:
        """A fresh folder `name` in `scratch` with the benchmark's scripts and `folders`.

        Args:
            ignore: what is left out of the folders, as `shutil.copytree` asks.
        """
        shutil.rmtree(self.scratch, ignore_errors=True)
        copy = self.scratch / name
        copy.mkdir(parents=True)
        for path in self.benchmark.glob("*.py"):
            shutil.copy(path, copy)
        for folder in folders:
            shutil.copytree(self.benchmark / folder, copy / folder, ignore=ignore)
        return copy

    def run(self, script: Path, arguments: Sequence[str]) -> None:
        """Run a script of ours that calls the scorer; UserError where it fails."""
        scorer_run.run(self.python, script, arguments, self.scratch, self.seconds)
