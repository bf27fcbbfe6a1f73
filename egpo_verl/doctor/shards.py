"""The files of a role (`actor`, `critic`) that verl's FSDP engines save, one a part and process."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from egpo_verl.doctor.damage import damage

PARTS = ("model", "optim", "extra_state")
"""How the file names begin; an engine loads all three by default."""
SHARD = re.compile(r"(model|optim|extra_state)_world_size_(\d+)_rank_(\d+)\.pt")

Shards = Mapping[int, Mapping[str, frozenset[int]]]
"""Number of processes -> part -> ranks that have a file."""


def shards_in(folder: Path) -> Shards:
    """What lies in a role's folder, by the file names alone; empty for other engines."""
    ranks: dict[int, dict[str, set[int]]] = {}
    for file in folder.iterdir() if folder.is_dir() else ():
        if match := SHARD.fullmatch(file.name):
            ranks.setdefault(int(match[2]), {}).setdefault(match[1], set()).add(int(match[3]))
    return {
        processes: {part: frozenset(numbers) for part, numbers in parts.items()}
        for processes, parts in sorted(ranks.items())
    }


def damaged(
    folder: Path, shards: Shards, processes: int, parts: Collection[str], ranks: Collection[int]
) -> Iterator[tuple[Path, str]]:
    """Each file of the parts that these ranks would load and cannot, and what is wrong with it."""
    for part in PARTS:
        if part not in parts and part not in shards[processes]:
            continue
        for rank in sorted(ranks):
            file = folder / f"{part}_world_size_{processes}_rank_{rank}.pt"
            if wrong := damage(file):
                yield file, wrong


def ranks_here(shards: Shards, processes: int) -> frozenset[int]:
    """The ranks that have any file here; the others may have saved theirs on other machines."""
    return frozenset[int]().union(*shards[processes].values())


def weights_are_whole(folder: Path) -> bool:
    """Whether one set of the model's files is complete, whatever else is damaged."""
    shards = shards_in(folder)
    return any(
        len(shards[count].get("model", ())) == count
        and not any(
            file.name.startswith("model")
            for file, _ in damaged(folder, shards, count, (), range(count))
        )
        for count in shards
    )


def in_words(numbers: Collection[int]) -> str:
    """`0 to 3, 6`."""
    runs: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number - 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in runs)
