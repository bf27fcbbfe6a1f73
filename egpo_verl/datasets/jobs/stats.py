"""What happened to the rows: every one is kept or dropped for a counted reason."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from egpo_verl.datasets.unusable import REASONS, Unusable


@dataclass
class Stats:
    """Counts over a part of a job; parts are added with `add`.

    `samples == kept + dropped.total()` always holds. A row of a dialogue makes several samples,
    every other row makes one.

    Attributes:
        samples: what they were turned into, before any check.
        unmerged: of these, with null-filled keys of merged structs removed.
        kept: samples that became rows of ours.
        repaired: of these, with at least one repaired argument.
        renamed: of these, with a name that the call form could not spell.
        dropped: reason (a key of `REASONS`) -> samples.
        examples: reason -> the first detail met, for the report.
        dropped_calls: reason and function -> samples dropped for a call of that function.
        unchecked: part of a called function's schema that checks nothing -> kept samples.
        invalid: function whose schema is not valid -> the first such part that was met.
        with_invalid: kept samples that offer such a function.
        repairs: kind of repair -> arguments.
        calls: calls in the reference -> kept samples.
        kinds: kind of row -> kept samples.
        messages: messages of the dialogue -> kept samples.
        tokens: prompt length in tokens -> kept samples; empty without a tokenizer.
    """

    rows: int = 0
    samples: int = 0
    unmerged: int = 0
    kept: int = 0
    repaired: int = 0
    renamed: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    dropped_calls: Counter[tuple[str, str]] = field(default_factory=Counter)
    unchecked: Counter[str] = field(default_factory=Counter)
    invalid: dict[str, str] = field(default_factory=dict)
    with_invalid: int = 0
    repairs: Counter[str] = field(default_factory=Counter)
    calls: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    messages: Counter[int] = field(default_factory=Counter)
    tokens: Counter[int] = field(default_factory=Counter)

    def drop(self, problem: Unusable) -> None:
        """Count a dropped sample."""
        self.dropped[problem.reason] += 1
        self.examples.setdefault(problem.reason, problem.detail)
        if "call" in problem.where:
            self.dropped_calls[problem.reason, problem.where["call"]] += 1

    def add(self, other: Stats) -> None:
        """Take in the counts of another part."""
        self.rows += other.rows
        self.samples += other.samples
        self.unmerged += other.unmerged
        self.kept += other.kept
        self.repaired += other.repaired
        self.renamed += other.renamed
        self.dropped += other.dropped
        self.dropped_calls += other.dropped_calls
        self.unchecked += other.unchecked
        self.invalid = {**self.invalid, **other.invalid, **self.invalid}
        self.with_invalid += other.with_invalid
        self.repairs += other.repairs
        self.calls += other.calls
        self.kinds += other.kinds
        self.messages += other.messages
        self.tokens += other.tokens
        self.examples = {**other.examples, **self.examples}

    def why_nothing(self) -> str:
        """Half a sentence for a job that kept no row: the commonest reason, and an instance."""
        if not self.dropped:
            return "it holds no rows"
        reason, count = self.dropped.most_common(1)[0]
        detail = f", for instance {self.examples[reason]}" if self.examples.get(reason) else ""
        return f"{REASONS[reason]} ({count} of {self.samples} rows{detail})"


def quantile(counts: Counter[int], share: float) -> int:
    """The value below which `share` (0 to 1) of the counted things lie; 0 for none."""
    left = share * counts.total()
    for value in sorted(counts):
        left -= counts[value]
        if left <= 0:
            return value
    return 0
