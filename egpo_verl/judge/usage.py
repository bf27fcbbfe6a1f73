"""What a judge may use of an endpoint, and what it has used."""

from __future__ import annotations

from dataclasses import dataclass

from egpo_verl.client.endpoint import Endpoint
from egpo_verl.client.reply import Reply


@dataclass(frozen=True)
class Settings:
    """What is asked of the endpoint, and what it may cost.

    Attributes:
        temperature: of sampling; None for the endpoint's own, the only one that some take.
        max_tokens: longest answer.
        prices: dollars per million tokens in and out; None where they are not known.
        budget: dollars from which on nothing is asked any more; None for no bound.
        max_unreadable: share of unreadable answers above which nothing is asked any more; 1 for
            none.
    """

    endpoint: Endpoint
    temperature: float | None = None
    max_tokens: int = 2048
    prices: tuple[float, float] | None = None
    budget: float | None = None
    max_unreadable: float = 0.25

    @property
    def model(self) -> str:
        """Its name at the endpoint."""
        return self.endpoint.model

    def cost(self, tokens_in: int, tokens_out: int) -> float | None:
        """Dollars; None where the prices are not known."""
        if self.prices is None:
            return None
        return (tokens_in * self.prices[0] + tokens_out * self.prices[1]) / 1e6


@dataclass
class Usage:
    """What was used: over all runs of the store (answers, tokens), and in this one (the rest)."""

    answers: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    requests: int = 0
    reused: int = 0
    unreadable: int = 0

    def add(self, reply: Reply) -> None:
        """Count an answer and its tokens."""
        self.answers += 1
        self.tokens_in += reply.tokens_in
        self.tokens_out += reply.tokens_out
