"""How an endpoint is used, and the ways in which a question can fail there."""

from __future__ import annotations

from dataclasses import dataclass

SHORTEST_SECRET = 8
"""Letters of a key from which on it is masked; servers without keys are given words like EMPTY."""
MASK = "***"


class Refused(Exception):
    """The endpoint will not answer this question, however often it is asked."""


class TooLong(Refused):
    """The question leaves no room in the model's context."""


class Unanswered(Exception):
    """This question failed in every try, or no answer to it could be read."""


class Unreadable(Exception):
    """What came is not what was asked for; it is asked for again."""


class Stopped(Exception):
    """Nothing more is asked; the same command may go on later."""


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible endpoint and its use.

    Attributes:
        base_url: None for OpenAI's own.
        timeout: seconds until a question is asked again.
        tries: how often a question is asked.
        backoff: seconds before the second try; they double from try to try.
        pace: questions a minute; None for as many as are answered.
    """

    model: str
    base_url: str | None = None
    api_key: str = "none"
    timeout: float = 120.0
    tries: int = 8
    backoff: float = 1.0
    pace: float | None = None

    def masked(self, text: str) -> str:
        """The text without the key."""
        return text if len(self.api_key) < SHORTEST_SECRET else text.replace(self.api_key, MASK)
