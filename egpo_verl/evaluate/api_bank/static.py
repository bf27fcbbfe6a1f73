"""API-Bank as a static test: one call is expected, and the answer has it or not.

The questions are those that ToolRL made of API-Bank, in the files `level-N-api_processed.json`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from egpo_verl.calls import Call, Reference, match, parse
from egpo_verl.datasets.adapters.api_bank_test import convert
from egpo_verl.datasets.checks.check import check
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError
from egpo_verl.evaluate.chat import Chat, build_chat
from egpo_verl.evaluate.subset import Subset

HOME = "https://github.com/qiancheng0/ToolRL"
LEVELS = (1, 2, 3)


@dataclass(frozen=True)
class Question:
    """One call that is expected.

    Attributes:
        level: 1, 2 or 3.
        place: in the file of its level.
        sample: the dialogue, the functions and the call.
        expected: the call with its values as the benchmark writes them.
        typed: the same with each value in the type that its function declares; where that
            cannot be done (the function lacks it, or is not offered), as `expected`.
    """

    level: int
    place: int
    sample: Sample
    expected: Reference
    typed: Reference

    def chat(self, call_form: str) -> Chat:
        """The question in the training template."""
        key = f"level-{self.level}/{self.place}"
        return build_chat(key, self.sample.messages, self.sample.tools, call_form)


@dataclass(frozen=True)
class Verdict:
    """How right an answer is.

    Attributes:
        exact: it is one call, equal to the expected one.
        typed: the same, where a value in its declared type is right too.
        among: one of its calls is the expected one, exactly.
    """

    exact: bool
    typed: bool
    among: bool


def questions(folder: Path, levels: Sequence[int], subset: Subset) -> list[Question]:
    """The questions of each level that are asked, in their order.

    Raises:
        UserError: a level's file is missing, or a row cannot be read.
    """
    return [
        _question(level, place, row)
        for level in levels
        for place, row in subset.of(list(enumerate(Rows(_file(folder, level)))))
    ]


def judge(question: Question, answer: str) -> Verdict:
    """The verdict on calls in the Python form."""
    calls = parse(answer).calls or ()
    one = len(calls) == 1
    exact = one and match(calls, question.expected)
    return Verdict(
        exact,
        exact or (one and match(calls, question.typed)),
        any(match([call], question.expected) for call in calls),
    )


def contradicts(question: Question) -> bool:
    """Whether the expected call does not fit its function as that is declared."""
    return question.expected != question.typed or not _fits(question.sample)


def _file(folder: Path, level: int) -> Path:
    files = sorted(folder.glob(f"*level-{level}-api_processed.json*"))
    if len(files) != 1:
        what = "is missing" if not files else "is there more than once"
        raise UserError(
            f"level-{level}-api_processed.json {what} in --benchmark_dir {folder}; it is in "
            f"{HOME} beside the API-Bank benchmark."
        )
    return files[0]


def _question(level: int, place: int, row: object) -> Question:
    try:
        if isinstance(row, Unusable):
            raise row
        if not isinstance(row, dict):
            raise Unusable("not_an_object", repr(row)[:60])
        (sample,) = convert(row)
        if len(sample.calls) != 1:
            raise Unusable("bad_calls", f"{len(sample.calls)} calls where one is expected")
    except (Unusable, LookupError, TypeError, ValueError) as error:
        raise UserError(
            f"row {place} of level {level} of API-Bank cannot be read: {error}"
        ) from error
    expected = Reference.from_calls(sample.calls)
    return Question(level, place, sample, expected, Reference.from_calls(_typed(sample)))


def _typed(sample: Sample) -> tuple[Call, ...]:
    try:
        return check(sample).sample.calls
    except Unusable:
        return sample.calls


def _fits(sample: Sample) -> bool:
    try:
        check(sample)
    except Unusable:
        return False
    return True
