"""The tables of a BFCL evaluation: counts, the paper's columns, reference rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from egpo_verl.evaluate.backends import CUT_OFF, TOO_LONG
from egpo_verl.evaluate.bfcl.categories import (
    FORMULAS,
    MULTI_TURN,
    OVERALL,
    SIZES,
    paper_columns,
)
from egpo_verl.evaluate.bfcl.official import VERSION, Scored
from egpo_verl.evaluate.subset import Subset
from egpo_verl.evaluate.table import PAPER, Row, Table

SINGLE, MULTI = "single-turn overall", "multi-turn overall"
QUOTED: Mapping[str, Mapping[str, float]] = {
    "Qwen3-4B-Instruct-2507": {SINGLE: 78.19, MULTI: 15.75},
    "Qwen3-4B-Instruct-2507, GRPO": {SINGLE: 82.20, MULTI: 50.12},
    "Qwen3-4B-Instruct-2507, EGPO": {
        "non-live": 88.50,
        "live": 81.34,
        SINGLE: 84.92,
        "base": 63.50,
        "miss-func": 54.50,
        "miss-param": 48.00,
        "long-context": 59.00,
        MULTI: 56.25,
    },
    "Llama-3.2-3B-Instruct": {SINGLE: 69.84, MULTI: 2.00},
    "Llama-3.2-3B-Instruct, GRPO": {SINGLE: 77.78, MULTI: 34.00},
    "Llama-3.2-3B-Instruct, EGPO": {SINGLE: 81.94, MULTI: 36.62},
}
"""The paper's rows, on BFCLv3: other entries in part, and other prompts of the scorer."""


@dataclass
class Measured:
    """One category, over all samples.

    Attributes:
        expected: answers that there should be.
        correct, scored: answers by the official verdict.
        counted: answers of the model; in multi-turn categories every step is one.
        on_template: those that follow the training template.
        notes: `Backend.notes` -> answers.
        errors: BFCL's kind of error -> answers.
    """

    category: str
    expected: int
    correct: int = 0
    scored: int = 0
    counted: int = 0
    on_template: int = 0
    notes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def count(self, on_template: bool, note: str) -> None:
        """Note one answer."""
        self.counted += 1
        self.on_template += on_template
        self.notes[note] += bool(note)

    def add(self, scored: Scored | None) -> None:
        """Add the verdicts on one sample."""
        if scored is not None:
            self.correct += scored.correct
            self.scored += scored.total
            self.errors.update(scored.errors)

    def accuracy(self) -> float | None:
        """In percent of the answers that were scored."""
        return 100 * self.correct / self.scored if self.scored else None

    def missing(self) -> int:
        """Answers that are not there."""
        return self.expected - self.scored

    def data(self) -> dict[str, Any]:
        """The counts for JSON."""
        return {
            "accuracy": self.accuracy(),
            "correct": self.correct,
            "scored": self.scored,
            "missing": self.missing(),
            "answers": self.counted,
            "on_template": self.on_template,
            **{note.replace(" ", "_"): self.notes[note] for note in (TOO_LONG, CUT_OFF)},
            "errors": dict(self.errors.most_common()),
        }


@dataclass(frozen=True)
class Outcome:
    """The result of an evaluation.

    Attributes:
        overall: BFCL v4's overall figure in percent.
        subset: questions of each category that were asked.
    """

    label: str
    measured: Mapping[str, Measured]
    overall: float | None
    samples: int
    subset: Subset

    @property
    def missing(self) -> int:
        """Answers that are not there, over all categories."""
        return sum(m.missing() for m in self.measured.values())

    def extent(self) -> str:
        """What was left out, for the titles."""
        parts = self.subset.words("category")
        if self.missing:
            parts.append(f"INCOMPLETE: {self.missing:,} answers missing")
        return f" ({'; '.join(parts)})" if parts else ""


def tables(outcome: Outcome) -> list[Table]:
    """Counts per category, and the paper's columns with its rows beside ours."""
    return [_counts(outcome), _paper(outcome)]


def _counts(outcome: Outcome) -> Table:
    columns = ("correct", "of", "accuracy %", "on template", TOO_LONG, CUT_OFF, "missing")
    rows = tuple(
        Row(
            m.category,
            (
                m.correct,
                m.scored,
                m.accuracy(),
                m.on_template,
                m.notes[TOO_LONG],
                m.notes[CUT_OFF],
                m.missing(),
            ),
        )
        for m in outcome.measured.values()
    )
    notes = [
        f"Scored by bfcl-eval {VERSION}. `on template`: answers with one thought and something "
        "after it; BFCL scores the others too. Too long: the prompt leaves no room in the model's "
        "context, and the answer is empty.",
        "In the irrelevance categories whatever does not parse as a call is right, an empty answer "
        "too: read them beside the others, never alone.",
    ]
    if any(name in MULTI_TURN for name in outcome.measured):
        notes.append(
            "Multi-turn: correct, of and missing count dialogues; the other columns count steps."
        )
    if outcome.samples > 1:
        notes.append(f"{outcome.samples} answers to each question; counts are over all of them.")
    return Table(f"BFCL: {outcome.label}{outcome.extent()}", columns, rows, tuple(notes))


def _paper(outcome: Outcome) -> Table:
    def score(category: str) -> float | None:
        category_counts = outcome.measured.get(category)
        return category_counts.accuracy() if category_counts else None

    ours = paper_columns(score)
    columns = tuple(ours)
    rows = [Row(outcome.label, (*ours.values(), outcome.overall))]
    rows += [
        Row(label, (*(values.get(column) for column in columns), None), PAPER)
        for label, values in QUOTED.items()
    ]
    left_out = [name for name in SIZES if name not in outcome.measured]
    notes = [*FORMULAS, OVERALL]
    if left_out:
        notes.append(f"Not run: {', '.join(left_out)}; a column that needs them shows -.")
    return Table(
        f"Beside the paper, in percent{outcome.extent()}",
        (*columns, "v4 overall"),
        tuple(rows),
        tuple(notes),
    )
