"""Why a row is no demonstration."""

from __future__ import annotations

REASONS = {
    "value_not_found": "a value of the reference stands nowhere in the dialogue and is no default",
    "in_words": "the reply to a function's result is words, which the row does not have",
    "no_call_unclear": "no rule says why nothing is to be called",
    "no_reward": "thought and reference together would not earn the reward",
}
"""The code that is counted, and what it means."""


class Unexplained(Exception):
    """No rule leads from the row to its reference.

    Attributes:
        reason: a key of `REASONS`.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{REASONS[reason]}{': ' + detail if detail else ''}")
        self.reason = reason
        self.detail = detail
