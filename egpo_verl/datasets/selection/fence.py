"""Functions of the other side of the split, taken out of the rows that only offer them."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from egpo_verl.datasets.parquet.kept import Kept
from egpo_verl.datasets.parquet.rows import retooled
from egpo_verl.datasets.reading.json_text import read_functions
from egpo_verl.datasets.sample import Tool
from egpo_verl.datasets.selection.ledger import Ledger
from egpo_verl.datasets.selection.split import Split
from egpo_verl.datasets.tools.features import features_of
from egpo_verl.datasets.tools.names import Renaming

Row = dict[str, Any]


@dataclass
class Fence:
    """Keeps held-out functions out of training rows, and all others out of test rows.

    A training row just offers fewer functions. In a test row a held-out function takes the
    place, so that the test stays as hard as it was.

    Attributes:
        split: which functions are held out.
        ledger: which functions the rows offer.
        pool: held-out functions with their way back, to fill test rows with.
        seed: of the filling.
        taken: functions taken out of training rows.
        replaced: functions replaced in test rows.
        emptied: rows left out because no function would be left.
    """

    split: Split
    ledger: Ledger
    pool: Mapping[str, tuple[Tool, Renaming]]
    seed: int
    taken: int = 0
    replaced: int = 0
    emptied: int = 0
    _names: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self._names = list(self.ledger.names)

    def foreign(self, place: int) -> set[str]:
        """Names of the functions that the row at `place` of the ledger must not offer."""
        inside = self.split.files[place] == "test"
        held = self.split.held_out
        return {self._names[n] for n in self.ledger.offered[place] if (n in held) != inside}

    def passed(self, row: Row, place: int) -> Row | None:
        """The row without what is foreign to it; None where nothing would be left."""
        foreign = self.foreign(place)
        if not foreign:
            return row
        info = row["extra_info"]
        tools, way_back = read_functions(info["tools"]), Renaming.from_json(info["renamed"])
        if self.split.files[place] == "test":
            chooser = random.Random(f"fence:{self.seed}:{place}")
            here = {features_of(tool).name for tool in tools}
            spare = [name for name in self.pool if name not in here]
            fill = iter(chooser.sample(spare, min(len(spare), len(foreign))))
        else:
            fill = iter(())
        kept: list[Tool] = []
        for tool in tools:
            if features_of(tool).name not in foreign:
                kept.append(tool)
            elif (name := next(fill, None)) is not None:
                other, back = self.pool[name]
                kept.append(other)
                way_back = _joined(way_back, back)
                self.replaced += 1
            else:
                self.taken += 1
        if not kept:
            self.emptied += 1
            return None
        return retooled(row, kept, way_back)


def held_out_tools(kept: Kept, split: Split, ledger: Ledger) -> dict[str, tuple[Tool, Renaming]]:
    """The held-out functions that the kept rows offer, by name."""
    names = list(ledger.names)
    missing = set(split.held_out)
    pool: dict[str, tuple[Tool, Renaming]] = {}
    place = 0
    for batch in kept.batches(["extra_info"]):
        if not missing:
            break
        infos = batch.column("extra_info")
        for row in range(batch.num_rows):
            found = missing.intersection(ledger.offered[place])
            place += 1
            if found:
                pool |= _parts(infos[row].as_py(), {names[number] for number in found})
                missing -= found
    return pool


def _parts(info: Mapping[str, Any], wanted: set[str]) -> dict[str, tuple[Tool, Renaming]]:
    """The wanted functions of a row, each with what the row's way back says of it."""
    way_back = Renaming.from_json(info["renamed"])
    tools = {features_of(tool).name: tool for tool in read_functions(info["tools"])}
    return {name: (tools[name], _part(way_back, name)) for name in sorted(wanted)}


def _part(way_back: Renaming, name: str) -> Renaming:
    """What a way back says of one function."""

    def only(names: Mapping[str, Any]) -> dict[str, Any]:
        return {name: names[name]} if name in names else {}

    return Renaming(only(way_back.functions), only(way_back.parameters))


def _joined(one: Renaming, other: Renaming) -> Renaming:
    return Renaming({**one.functions, **other.functions}, {**one.parameters, **other.parameters})
