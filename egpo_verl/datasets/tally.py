"""What happened to the rows: every one is kept or dropped for a counted reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from egpo_verl.datasets.errors import REASONS, Unusable


@dataclass
class Tally:
    """Counts over a part of a job; parts are added with `add`.

    `samples == kept + dropped.total()` always holds. A row of a dialogue makes several samples,
    every other row makes one.

    Attributes:
        rows: rows of the file.
        samples: what they were turned into, before any check.
        kept: samples that became training rows.
        repaired: kept samples of which at least one argument was repaired.
        renamed: kept samples with a name that the call form could not spell.
        dropped: reason (a key of `REASONS`) -> samples.
        seen: reason -> the first detail met, for the report.
        repairs: kind of repair -> arguments.
        calls: calls in the reference -> kept samples.
        turns: messages of the dialogue, system prompt aside -> kept samples.
        tokens: prompt length in tokens -> kept samples; empty without a tokenizer.
    """

    rows: int = 0
    samples: int = 0
    kept: int = 0
    repaired: int = 0
    renamed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    seen: dict[str, str] = field(default_factory=dict)
    repairs: Counter[str] = field(default_factory=Counter)
    calls: Counter[int] = field(default_factory=Counter)
    turns: Counter[int] = field(default_factory=Counter)
    tokens: Counter[int] = field(default_factory=Counter)

    def drop(self, problem: Unusable) -> None:
        """Count a sample out."""
        self.dropped[problem.reason] += 1
        self.seen.setdefault(problem.reason, problem.detail)

    def add(self, other: Tally) -> None:
        """Take in the counts of another part."""
        self.rows += other.rows
        self.samples += other.samples
        self.kept += other.kept
        self.repaired += other.repaired
        self.renamed += other.renamed
        self.dropped += other.dropped
        self.repairs += other.repairs
        self.calls += other.calls
        self.turns += other.turns
        self.tokens += other.tokens
        self.seen = {**other.seen, **self.seen}

    def why_nothing(self) -> str:
        """Half a sentence for a job that kept no row: the commonest reason, and an instance."""
        if not self.dropped:
            return "it holds no rows"
        reason, count = self.dropped.most_common(1)[0]
        detail = f", for instance {self.seen[reason]}" if self.seen.get(reason) else ""
        return f"{REASONS[reason]} ({count} of {self.samples} rows{detail})"


def quantile(counts: Counter[int], share: float) -> int:
    """The value below which `share` (0 to 1) of the counted things lie; 0 for none."""
    left = share * counts.total()
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return 0
