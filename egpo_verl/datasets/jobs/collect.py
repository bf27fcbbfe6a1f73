"""Converted rows taken in one after another: duplicates out, the others indexed and counted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from egpo_verl.datasets.checks.duplicates import Duplicates
from egpo_verl.datasets.jobs.chunk import Chunk, RowInfo
from egpo_verl.datasets.jobs.stats import Stats
from egpo_verl.datasets.jobs.trail import Place, Trail, drop_line
from egpo_verl.datasets.parquet.spool import Spool
from egpo_verl.datasets.selection.dialogues import Dialogues
from egpo_verl.datasets.selection.index import RowIndex, kind_of
from egpo_verl.datasets.unusable import Unusable

FIRST_TEST_GROUP = 1 << 40
"""Added to the place of a row of the user's test file: no other dialogue has that number."""


@dataclass
class Collection:
    """The rows that a job keeps.

    Attributes:
        trail: where single rows are noted.
        duplicates: what has been seen; None to let duplicates in.
        index: one entry per row of the spool.
        dialogues: which source rows belong together.
        stats: counts so far, of the dropped rows too.
    """

    trail: Trail
    duplicates: Duplicates | None = None
    spool: Spool = field(default_factory=Spool)
    index: RowIndex = field(default_factory=RowIndex)
    dialogues: Dialogues = field(default_factory=Dialogues)
    stats: Stats = field(default_factory=Stats)
    _waiting: list[tuple[Chunk, bool, Place]] = field(default_factory=list)

    def add(self, chunk: Chunk, in_test: bool = False) -> None:
        """Take in the new rows of a chunk, and count all.

        Args:
            in_test: they are of the user's test file.
        """
        self.stats.add(chunk.stats)
        for line in chunk.dropped:
            self.trail.dropped(line)
        self.dialogues.update(chunk.dialogues, _offset(in_test))
        if self.duplicates is not None and self.duplicates.threshold is not None:
            self._waiting.append((chunk, in_test, self.trail.place))
        else:
            self._admit(chunk, in_test)

    def finish(self) -> None:
        """Join the rows of each dialogue when all chunks are in, and admit those that wait for it.

        Rows of one dialogue are no near duplicates, whichever comes first.
        """
        self.index.joined = self.dialogues.joined()
        last = self.trail.place
        for chunk, in_test, place in self._waiting:
            self.trail.place = place
            self._admit(chunk, in_test)
        self._waiting, self.trail.place = [], last

    def leave_out(self, rows: Iterable[int], reason: str) -> None:
        """Note rows of the index that are in no file for a reason, a key of `REASONS`.

        None of them is of the user's test file, which is not split.
        """
        problem = Unusable(reason)
        for row in rows:
            turn = self.index.turns[row]
            line = drop_line(problem, self.index.groups[row], None if turn < 0 else turn)
            self.trail.dropped(line)

    def _admit(self, chunk: Chunk, in_test: bool) -> None:
        self.spool.add(chunk.path, [self._is_new(row, in_test) for row in chunk.rows])

    def _is_new(self, row: RowInfo, in_test: bool) -> bool:
        group = row.source_row + _offset(in_test)
        try:
            if self.duplicates is not None:
                dialogue = self.index.joined.get(group, group)
                self.duplicates.admit(row.digest, row.signature, dialogue)
        except Unusable as problem:
            self.stats.drop(problem)
            self.trail.dropped(drop_line(problem, row.source_row, row.turn))
            return False
        kind = kind_of(row.calls, len(row.offered))
        self.index.add(group, kind, row.offered, row.called, in_test, row.turn)
        self._count(row, kind)
        return True

    def _count(self, row: RowInfo, kind: str) -> None:
        stats = self.stats
        stats.kept += 1
        stats.repaired += bool(row.repairs)
        stats.renamed += row.renamed
        for repair in row.repairs:
            stats.repairs.update(repair.kinds)
        if row.repairs:
            self.trail.repaired(row.source_row, row.turn, row.repairs)
        if row.unchecked:
            stats.unchecked.update(row.unchecked)
        if row.invalid:
            stats.with_invalid += 1
            for name, part in row.invalid:
                stats.invalid.setdefault(name, part)
        stats.calls[row.calls] += 1
        stats.kinds[kind] += 1
        stats.messages[row.messages] += 1
        if row.tokens is not None:
            stats.tokens[row.tokens] += 1


def _offset(in_test: bool) -> int:
    return FIRST_TEST_GROUP if in_test else 0
