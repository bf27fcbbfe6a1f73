"""Training rows made harder, as the field does it: no fitting tool, masked names, another order."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from egpo_verl.datasets.parquet.rows import from_row, with_sample
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.tools.dialects import name_of, parameters_of
from egpo_verl.datasets.tools.names import Renaming, compose, under_names, way_back_of

Row = dict[str, Any]


@dataclass(frozen=True)
class Augmentation:
    """Shares of the rows (0 to 1) that are changed.

    Attributes:
        irrelevance: the functions needed are removed, and the reference becomes no call.
        mask: functions and parameters get random names, so that only descriptions tell what
            they do (Hammer's masking).
        shuffle: the functions are offered in another order.
        seed: of all of it.
    """

    irrelevance: float = 0.0
    mask: float = 0.0
    shuffle: float = 0.0
    seed: int = 0

    def __bool__(self) -> bool:
        return self.irrelevance > 0 or self.mask > 0 or self.shuffle > 0

    def touches(self, place: int) -> bool:
        """Any row may be changed: its own place in the source decides."""
        return bool(self)

    def apply(self, row: Row, place: int) -> Row:
        """`augmented`."""
        return augmented(row, self)


def augmented(row: Row, plan: Augmentation) -> Row:
    """The row, changed or not: its source, its place there and the seed decide.

    Dialogues with earlier calls are left alone, since those name their functions.
    """
    if any(message["role"] == "assistant" for message in row["prompt"]):
        return row
    info = row["extra_info"]
    chooser = random.Random(f"augment:{plan.seed}:{row['data_source']}:{info['index']}")
    steps: list[tuple[float, Callable[[Sample, random.Random], tuple[Sample, Renaming] | None]]] = [
        (plan.irrelevance, _without_needed),
        (plan.mask, _masked),
        (plan.shuffle, _shuffled),
    ]
    sample, way_back = from_row(row), Renaming.from_json(info["renamed"])
    done = []
    for share, step in steps:
        if chooser.random() < share and (changed := step(sample, chooser)):
            sample = changed[0]
            way_back = compose(changed[1], way_back)
            done.append(step.__name__.strip("_"))
    if not done:
        return row
    sample = replace(sample, extra={**sample.extra, "augmented": done})
    return with_sample(row, sample, way_back)


def _without_needed(sample: Sample, chooser: random.Random) -> tuple[Sample, Renaming] | None:
    needed = {call.name for call in sample.calls}
    left = tuple(tool for tool in sample.tools if name_of(tool) not in needed)
    if not needed or not left:
        return None
    return replace(sample, tools=left, calls=(), reference=None), Renaming()


def _masked(sample: Sample, chooser: random.Random) -> tuple[Sample, Renaming]:
    functions = _random_names(map(name_of, sample.tools), chooser)
    parameters = {
        name_of(tool): _random_names(parameters_of(tool), chooser) for tool in sample.tools
    }
    return under_names(sample, functions, parameters), way_back_of(functions, parameters)


def _shuffled(sample: Sample, chooser: random.Random) -> tuple[Sample, Renaming]:
    tools = tuple(chooser.sample(sample.tools, len(sample.tools)))
    return replace(sample, tools=tools), Renaming()


def _random_names(names: Iterable[str], chooser: random.Random) -> dict[str, str]:
    """A new name for each, no two the same; a letter and a digit make it no keyword."""
    new: dict[str, str] = {}
    for name in names:
        while True:
            letters = "".join(chooser.choices(string.ascii_letters, k=chooser.randint(4, 9)))
            mask = f"{letters}{chooser.randint(0, 99)}"
            if mask not in new.values():
                break
        new[name] = mask
    return new
