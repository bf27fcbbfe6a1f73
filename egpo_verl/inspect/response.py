"""A response as the page shows it, whichever file it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Trace:
    """What only the files that EGPO records hold; symbols as in arXiv:2508.05118v4, Eq. 1, 4, 5."""

    tokens: Sequence[str]  # texts, which together are the response
    entropies: Sequence[float]  # of those tokens, nats
    thought: Sequence[bool]  # whether they belong to the thought
    generated: Sequence[bool]  # False on what a tool or the template wrote
    base: float  # A
    entropy: float  # E, nats
    bonus: float
    clipped: float  # 1.0 where the bonus was clipped
    cot_tokens: int  # W


@dataclass(frozen=True)
class Response:
    """One response and what is known of it; None is what its file does not hold."""

    step: int
    group: str  # responses with the same step and group answer the same prompt
    key: str  # verl's name of the response, unique within its step
    source: str | None
    ability: str | None
    messages: Sequence[Mapping[str, Any]]  # the prompt, `{role, content}` each
    text: str  # without special tokens, as the reward read it
    ground_truth: str | None  # JSON
    extra_info: Mapping[str, Any]  # `tools`, `call_form` and `think_in_prompt` are read
    score: float
    reason: int | None  # a `Reason`, as the reward logged it
    trace: Trace | None = None
    options: Mapping[str, Any] | None = None  # of EGPO in that run
    episode: Mapping[str, Any] | None = None  # on the last row of a live one: `schema.EPISODE`
