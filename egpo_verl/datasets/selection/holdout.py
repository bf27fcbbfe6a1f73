"""Functions of the other side of the split, removed from the rows that only offer them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from egpo_verl.datasets.parquet.rows import with_tools
from egpo_verl.datasets.parquet.spool import Spool
from egpo_verl.datasets.reading.json_text import read_functions
from egpo_verl.datasets.sample import Tool
from egpo_verl.datasets.selection.index import RowIndex
from egpo_verl.datasets.selection.split import Split
from egpo_verl.datasets.tools.features import features_of
from egpo_verl.datasets.tools.names import Renaming

Row = dict[str, Any]


@dataclass
class Holdout:
    """Keeps held-out functions out of training rows, and all others out of test rows.

    A training row just offers fewer functions. In a test row a held-out function takes the
    place, so that the test stays as hard as it was.

    Attributes:
        split: which functions are held out.
        index: which functions the rows offer.
        pool: held-out functions with their way back, to fill test rows with.
        seed: of the filling.
        removed: functions removed from training rows.
        replaced: functions replaced in test rows.
        emptied: rows left out because no function would be left.
    """

    split: Split
    index: RowIndex
    pool: Mapping[str, tuple[Tool, Renaming]]
    seed: int
    removed: int = 0
    replaced: int = 0
    emptied: int = 0
    _names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._names = list(self.index.numbers)

    def touches(self, place: int) -> bool:
        """Whether the row at `place` of the index offers a function of the other side."""
        held_out, offered = self.split.held_out, self.index.offered[place]
        if self.split.files[place] == "test":
            return bool(held_out) and not held_out.issuperset(offered)
        return not held_out.isdisjoint(offered)

    def apply(self, row: Row, place: int) -> Row | None:
        """The row without functions of the other side; None where no function would be left."""
        foreign = self._foreign(place)
        info = row["extra_info"]
        tools, way_back = read_functions(info["tools"]), Renaming.from_json(info["renamed"])
        substitutes = iter(self._substitutes(tools, len(foreign), place))
        offered: list[Tool] = []
        for tool in tools:
            if features_of(tool).name not in foreign:
                offered.append(tool)
            elif (name := next(substitutes, None)) is not None:
                other, back = self.pool[name]
                offered.append(other)
                way_back = _joined(way_back, back)
                self.replaced += 1
            else:
                self.removed += 1
        if not offered:
            self.emptied += 1
            return None
        return with_tools(row, offered, way_back)

    def _foreign(self, place: int) -> set[str]:
        in_test = self.split.files[place] == "test"
        held_out = self.split.held_out
        return {self._names[n] for n in self.index.offered[place] if (n in held_out) != in_test}

    def _substitutes(self, tools: list[Tool], count: int, place: int) -> list[str]:
        """Held-out functions that a test row does not offer yet; none for a training row."""
        if self.split.files[place] != "test":
            return []
        offered = {features_of(tool).name for tool in tools}
        spare = [name for name in self.pool if name not in offered]
        chooser = random.Random(f"holdout:{self.seed}:{place}")
        return chooser.sample(spare, min(len(spare), count))


def held_out_tools(spool: Spool, split: Split, index: RowIndex) -> dict[str, tuple[Tool, Renaming]]:
    """The held-out functions that the rows offer, by name."""
    names = list(index.numbers)
    missing = set(split.held_out)
    pool: dict[str, tuple[Tool, Renaming]] = {}
    place = 0
    for batch in spool.batches(["extra_info"]):
        if not missing:
            break
        infos = batch.column("extra_info")
        for row in range(batch.num_rows):
            new = missing.intersection(index.offered[place])
            place += 1
            if new:
                pool |= _tools_of(infos[row].as_py(), {names[number] for number in new})
                missing -= new
    return pool


def _tools_of(info: Mapping[str, Any], names: set[str]) -> dict[str, tuple[Tool, Renaming]]:
    """The named functions of a row, each with its own part of the row's way back."""
    way_back = Renaming.from_json(info["renamed"])
    tools = {features_of(tool).name: tool for tool in read_functions(info["tools"])}
    return {name: (tools[name], _way_back_of(way_back, name)) for name in sorted(names)}


def _way_back_of(way_back: Renaming, name: str) -> Renaming:
    """What a way back says of one function."""

    def only(names: Mapping[str, Any]) -> dict[str, Any]:
        return {name: names[name]} if name in names else {}

    return Renaming(only(way_back.functions), only(way_back.parameters))


def _joined(one: Renaming, other: Renaming) -> Renaming:
    return Renaming({**one.functions, **other.functions}, {**one.parameters, **other.parameters})
