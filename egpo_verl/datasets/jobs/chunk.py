"""Converted rows as they are sent between processes, with what the job needs to know of each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from egpo_verl.datasets.checks.check import Repair
from egpo_verl.datasets.jobs.stats import Stats
from egpo_verl.datasets.selection.dialogues import Dialogues


class RowInfo(NamedTuple):
    """What the rest of the job needs to know of a row.

    Attributes:
        source_row: place of its row in the source.
        calls, messages: how many the reference and the dialogue have.
        tokens: length of the prompt; None if not measured.
        turn: the assistant's turn of the dialogue that the row is; None where there is but one.
        repairs: arguments that were repaired.
        renamed: a name had to change.
        unchecked: parts of the called functions' schemas that check nothing.
        invalid: functions offered whose schemas are not valid, each with the first such part.
        offered: functions by the row's names.
        called: functions that the reference calls, and those that the history does.
        digest, signature: what duplicates and near duplicates are found by.
    """

    source_row: int
    calls: int
    messages: int
    tokens: int | None
    turn: int | None
    repairs: tuple[Repair, ...]
    renamed: bool
    unchecked: tuple[str, ...]
    invalid: tuple[tuple[str, str], ...]
    offered: tuple[str, ...]
    called: tuple[str, ...]
    digest: int
    signature: Any


@dataclass(frozen=True)
class Chunk:
    """Some rows of the source converted: small enough to be sent between processes.

    Attributes:
        path: the file of the spool that holds the rows.
        size: of the rows, in bytes of memory.
        rows: one entry per row of that file.
        dialogues: each source row that is among them by its place, with its `beginnings`.
        dropped: a line of `dropped.jsonl` for each sample that is not among them.
        stats: counts of what was read and dropped.
    """

    path: Path
    size: int
    rows: list[RowInfo]
    dialogues: Dialogues
    dropped: list[dict[str, Any]]
    stats: Stats
