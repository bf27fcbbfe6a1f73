"""Converted rows taken in one after another: duplicates out, the others indexed and counted."""

from __future__ import annotations

from dataclasses import dataclass, field

from egpo_verl.datasets.checks.duplicates import Duplicates
from egpo_verl.datasets.jobs.convert import Chunk, RowInfo
from egpo_verl.datasets.jobs.stats import Stats
from egpo_verl.datasets.parquet.spool import Spool
from egpo_verl.datasets.selection.index import RowIndex, kind_of
from egpo_verl.datasets.unusable import Unusable


@dataclass
class Collection:
    """The rows that a job keeps.

    Attributes:
        duplicates: what has been seen; None to let duplicates in.
        spool: the rows.
        index: one entry per row of the spool.
        stats: counts so far, of the dropped rows too.
    """

    duplicates: Duplicates | None = None
    spool: Spool = field(default_factory=Spool)
    index: RowIndex = field(default_factory=RowIndex)
    stats: Stats = field(default_factory=Stats)

    def add(self, chunk: Chunk) -> None:
        """Take in the new rows of a chunk, and count all."""
        self.stats.add(chunk.stats)
        self.spool.add(chunk.path, [self._is_new(row) for row in chunk.rows])

    def _is_new(self, row: RowInfo) -> bool:
        try:
            if self.duplicates is not None:
                self.duplicates.admit(row.digest, row.signature, row.source_row)
        except Unusable as problem:
            self.stats.drop(problem, row.source_row)
            return False
        kind = kind_of(row.calls, len(row.offered))
        self.index.add(row.source_row, kind, row.offered, row.called)
        self._count(row, kind)
        return True

    def _count(self, row: RowInfo, kind: str) -> None:
        stats = self.stats
        stats.kept += 1
        stats.repaired += bool(row.repairs)
        stats.renamed += row.renamed
        if row.repairs:
            stats.repairs.update(row.repairs)
        stats.calls[row.calls] += 1
        stats.kinds[kind] += 1
        stats.messages[row.messages] += 1
        if row.tokens is not None:
            stats.tokens[row.tokens] += 1
