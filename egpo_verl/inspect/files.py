"""Find rollout files and read a sample of their responses, whole prompts at a time."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from egpo_verl.errors import UserError
from egpo_verl.inspect.formats import groups_in, responses_at
from egpo_verl.inspect.response import Response


class Place(NamedTuple):
    """Where a response stands: its file and its row or line there."""

    file: Path
    row: int


class Sample(NamedTuple):
    """The responses read, and out of how many."""

    responses: list[Response]
    total_prompts: int
    total_responses: int


def read_sample(paths: Sequence[Path], limit: int, seed: int) -> Sample:
    """Up to `limit` responses, drawn by whole prompts; at least one prompt.

    Raises:
        UserError: nothing there to read, or a file of another kind.
    """
    groups: dict[tuple[int, str], list[Place]] = {}
    for file in dict.fromkeys(file for path in paths for file in rollout_files(path)):
        for row, group in enumerate(groups_in(file)):
            groups.setdefault(group, []).append(Place(file, row))
    if not groups:
        raise UserError(f"{', '.join(map(str, paths))}: no response in there.")
    total = sum(map(len, groups.values()))
    places = list(groups.values())
    if total > limit:
        order = random.Random(seed).sample(range(len(places)), len(places))
        sizes = accumulate(len(places[place]) for place in order)
        fitting = sum(size <= limit for size in sizes)
        places = [places[place] for place in sorted(order[: max(1, fitting)])]
    return Sample(_read(place for group in places for place in group), len(groups), total)


def rollout_files(path: Path) -> list[Path]:
    """The files of a rollout folder, by step: what EGPO recorded where there is some, else verl's.

    Raises:
        UserError: neither.
    """
    if path.is_file():
        return [path]
    for files in (path.glob("*.parquet"), path.glob("*.jsonl")):
        ordered = sorted(files, key=_by_step)
        if ordered:
            return ordered
    what = "holds no rollouts" if path.is_dir() else "does not exist"
    raise UserError(
        f"{path} {what}: train with +algorithm.egpo.record_dir=FOLDER (or with verl's "
        "trainer.rollout_data_dir or trainer.validation_data_dir) and give that folder."
    )


def _by_step(file: Path) -> tuple[int, int, str]:
    step, _, update = file.stem.partition("-")
    return int(step) if step.isdecimal() else 0, int(update) if update.isdecimal() else 0, file.name


def _read(places: Iterable[Place]) -> list[Response]:
    """The responses at `places`, in their order; each file is read once."""
    order = list(places)
    rows: dict[Path, set[int]] = {}
    for place in order:
        rows.setdefault(place.file, set()).add(place.row)
    responses = {
        Place(file, row): response
        for file, numbers in rows.items()
        for row, response in responses_at(file, numbers)
    }
    return [responses[place] for place in order]
