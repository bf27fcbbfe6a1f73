"""An answer as the page shows it, whichever file it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Trace:
    """What only EGPO's own files hold.

    Attributes:
        tokens: texts, which together are the response.
        entropies: of those tokens, in nats.
        thought, generated: of those tokens; generated is False on what a tool said.
        base, entropy, bonus, clipped, cot_tokens: A, E, the bonus, whether it was cut, and W of
            arXiv:2508.05118v4, Eq. 1, 4 and 5.
    """

    tokens: Sequence[str]
    entropies: Sequence[float]
    thought: Sequence[bool]
    generated: Sequence[bool]
    base: float
    entropy: float
    bonus: float
    clipped: float
    cot_tokens: int


@dataclass(frozen=True)
class Answer:
    """One response and what is known of it; None is what its file does not say.

    Attributes:
        group: answers with the same step and group answer the same prompt.
        key: verl's name of the answer, unique within its step.
        messages: the prompt, `{role, content}` each.
        response: without special tokens, as the reward saw it.
        truth: `ground_truth`, JSON text.
        info: the row's `extra_info`; `tools`, `call_form` and `think_in_prompt` are read.
        reason: a `Reason` as the reward logged it.
        options: of EGPO in that run.
    """

    step: int
    group: str
    key: str
    source: str | None
    ability: str | None
    messages: Sequence[Mapping[str, Any]]
    response: str
    truth: str | None
    info: Mapping[str, Any]
    score: float
    reason: int | None
    trace: Trace | None = None
    options: Mapping[str, Any] | None = None
