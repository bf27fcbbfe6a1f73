"""Which runs of a comparison are seeds of one group, and the mean and band over them."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import NamedTuple

from egpo_verl.compare.run_log import Run, read_run
from egpo_verl.errors import UserError

SEED = re.compile(r"(?P<name>.+?)[-_.](?:seed|s)[-_=]?(?P<seed>\d+)")
RANGE, STDERR = "range", "stderr"
BANDS = {RANGE: "smallest to largest seed", STDERR: "mean ± standard error over seeds"}
"""Ways to draw a band, and their words in the legend."""


class Source(NamedTuple):
    """What a run is read from, and what to give where it is not there."""

    read: Callable[[Path], Run]
    hint: str


LOGS = Source(
    read_run,
    'give a log or a folder of logs, as trainer.logger=\'["console","file"]\' makes them.',
)


class Band(NamedTuple):
    """A curve over seeds, one value a step; `low` and `high` are `mean` where there is one seed."""

    steps: list[int]
    mean: list[float]
    low: list[float]
    high: list[float]


@dataclass(frozen=True)
class RunGroup:
    """Runs that differ in their seed alone."""

    name: str
    runs: tuple[Run, ...]

    def steps(self, metric: str) -> list[int]:
        """The steps at which every run logged `metric`."""
        logged = [set(run.values.get(metric, {})) for run in self.runs]
        return sorted(set.intersection(*logged))

    def series(self, metric: str) -> list[list[float]]:
        """The values of each run at `steps(metric)`."""
        return [[run.values[metric][step] for step in self.steps(metric)] for run in self.runs]


def band_of(steps: Sequence[int], series: Sequence[Sequence[float]], kind: str) -> Band:
    """Mean and band over `series`, one of `BANDS`, at each of `steps`."""
    mean, low, high = [], [], []
    for values in zip(*series, strict=True):
        middle = fmean(values)
        error = stdev(values) / sqrt(len(values)) if len(values) > 1 else 0.0
        mean.append(middle)
        low.append(min(values) if kind == RANGE else middle - error)
        high.append(max(values) if kind == RANGE else middle + error)
    return Band(list(steps), mean, low, high)


def read_groups(arguments: Sequence[str], source: Source = LOGS) -> list[RunGroup]:
    """Groups of runs from `PATH` or `LABEL=PATH`, in this order; PATH may hold `*`.

    Runs of one label are its seeds. Without a label, runs whose names differ only in a last
    `_s1`, `-seed2`, ... are the seeds of one group, and any other run is a group by itself.

    Raises:
        UserError: nothing there, no log, or names that do not say what belongs together.
    """
    paths = [(label, path) for text in arguments for label, path in _paths(text, source.hint)]
    twice = {path for _, path in paths if [other for _, other in paths].count(path) > 1}
    if twice:
        raise UserError(f"{min(twice)} is named twice: name each run once.")
    names = _names([path for label, path in paths if not label])
    seeds: dict[str, list[tuple[str, Path]]] = {}
    for label, path in paths:
        seeded = None if label else SEED.fullmatch(names[path])
        name = label or (seeded["name"] if seeded else names[path])
        seeds.setdefault(name, []).append((seeded["seed"] if seeded else "", path))
    for name, members in seeds.items():
        _check_seeds(name, [seed for seed, _ in members if seed])
    return [
        RunGroup(name, tuple(source.read(path) for _, path in members))
        for name, members in seeds.items()
    ]


def _paths(text: str, hint: str) -> Iterable[tuple[str, Path]]:
    label, equals, pattern = text.partition("=")
    if not equals or not label or Path(text).exists() or "/" in label:
        label, pattern = "", text
    if Path(pattern).exists():
        return [(label, Path(pattern))]
    matches = sorted(glob.glob(pattern))
    if not matches:
        raise UserError(f"{pattern} is not there: {hint}")
    return [(label, Path(path)) for path in matches]


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    """Short names; where two would be the same, with the folder above."""
    short = {path: path.stem if path.is_file() else path.resolve().name for path in paths}
    used = list(short.values())
    return {
        path: f"{path.resolve().parent.name}/{name}" if used.count(name) > 1 else name
        for path, name in short.items()
    }


def _check_seeds(name: str, seeds: Sequence[str]) -> None:
    if len(set(seeds)) < len(seeds):
        raise UserError(
            f"two runs of {name} have the same seed: say what belongs together with LABEL=PATH."
        )
