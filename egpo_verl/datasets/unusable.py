"""Why one row cannot become a training row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Unusable(Exception):
    """One row cannot become a training row.

    Attributes:
        reason: a key of `REASONS`, what is counted.
        detail: what was seen, for the person who asks why.
        where: JSON values that lead to the place, such as `turn`, `call`, `argument`, `value`.
    """

    def __init__(
        self, reason: str, detail: str = "", where: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"{REASONS[reason]}{': ' + detail if detail else ''}")
        self.reason = reason
        self.detail = detail
        self.where = dict(where or {})

    def __reduce__(self) -> tuple[type[Unusable], tuple[str, str, dict[str, Any]]]:
        """Pickled by its parts: an exception is otherwise made anew from its message."""
        return Unusable, (self.reason, self.detail, self.where)

    def at(self, **where: Any) -> Unusable:
        """The same problem with more to lead to its place."""
        return Unusable(self.reason, self.detail, {**self.where, **where})


REASONS = {
    "not_an_object": "the row is not a JSON object",
    "cut_row": "the file ends in the middle of the row",
    "missing_column": "a column of the schema is missing",
    "foreign_row": "a column has another shape than the schema's",
    "bad_text": "a text is not valid Unicode",
    "no_question": "there is nothing to answer",
    "bad_dialogue": "the dialogue does not follow the schema",
    "empty_turn": "a turn of the assistant has neither words nor calls",
    "written_call": "the assistant's words are a call, or hold one",
    "unsupported_content": "a message holds something that is no text, such as an image",
    "invalid_history": "an earlier turn of the dialogue cannot be read",
    "failed_tool": "a tool of the dialogue answered with an error",
    "unsupported": "rows of this kind have no exact reference",
    "no_tools": "no function is offered",
    "bad_tools": "the functions cannot be read",
    "duplicate_tool": "two different functions have one name",
    "bad_calls": "the reference calls cannot be read",
    "unknown_tool": "a call names a function that is not offered",
    "missing_argument": "a required argument is missing from a call",
    "unknown_argument": "a call has an argument that the function does not declare",
    "wrong_value": "a value does not fit its declared type",
    "merged_structs": "a null of a struct may be a value or an absent key; store tools and calls "
    "as JSON text",
    "nested_call": "an argument is the result of another call",
    "unspellable": "the call form cannot carry the reference",
    "duplicate": "an earlier row says the same",
    "near_duplicate": "an earlier row says nearly the same",
    "benchmark_question": "a benchmark asks the same question",
    "benchmark_words": "a benchmark has the same 13 words in a row",
    "benchmark_tool": "a benchmark describes the same tool in the same words",
    "spans_split": "the row calls functions of both sides of the split, or offers none of its side",
    "test_dialogue": "the test file has the row's dialogue, or a part of it",
    "too_many_turns": "the dialogue has more messages than the limit",
    "too_long": "the prompt is longer than the limit",
}
"""Why a row is dropped: the code that is counted, and what it means."""
