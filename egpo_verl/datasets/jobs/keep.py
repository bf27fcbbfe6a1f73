"""Rows let in one after another: duplicates out, the rest entered in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field

from egpo_verl.datasets.checks.duplicates import Duplicates
from egpo_verl.datasets.jobs.pipeline import Filed, Made, Part
from egpo_verl.datasets.jobs.tally import Tally
from egpo_verl.datasets.selection.ledger import Ledger, kind_of
from egpo_verl.datasets.unusable import Unusable


@dataclass
class Keeper:
    """The state of a job while it reads.

    Attributes:
        duplicates: what has been seen; None to let duplicates in.
        ledger: one entry per row let in.
        tally: counts so far.
    """

    duplicates: Duplicates | None
    ledger: Ledger = field(default_factory=Ledger)
    tally: Tally = field(default_factory=Tally)

    def take(self, part: Part | Filed) -> list[bool]:
        """Count all rows of a part, enter those that are new, and tell which are."""
        self.tally.add(part.tally)
        return [self._admitted(made) for made in part.made]

    def _admitted(self, made: Made) -> bool:
        try:
            if self.duplicates is not None:
                self.duplicates.admit(made.digest, made.signature, made.place)
        except Unusable as problem:
            self.tally.drop(problem, made.place)
            return False
        kind = kind_of(made.calls, len(made.offered))
        self.ledger.add(made.place, kind, made.offered, made.called)
        self.tally.kept += 1
        self.tally.repaired += bool(made.repairs)
        self.tally.renamed += made.renamed
        if made.repairs:
            self.tally.repairs.update(made.repairs)
        self.tally.calls[made.calls] += 1
        self.tally.kinds[kind] += 1
        self.tally.turns[made.turns] += 1
        if made.tokens is not None:
            self.tally.tokens[made.tokens] += 1
        return True
