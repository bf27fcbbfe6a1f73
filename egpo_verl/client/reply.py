"""What an endpoint sent, read without belief in any of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from egpo_verl.client.endpoint import Endpoint

SHOWN = 300
"""Characters of a foreign text that are shown."""
MOST_TOKENS = 1 << 31


@dataclass(frozen=True)
class Reply:
    """A body with status 200.

    Attributes:
        text: of the first choice; of a body that is no completion, its beginning.
        thought: what a server with a reasoning parser hands over apart.
        cut_off: the answer reached the longest length.
        tokens_in, tokens_out: as the endpoint counts them, 0 where it does not.
        problem: why the body is no completion; empty where it is one.
    """

    text: str
    thought: str = ""
    cut_off: bool = False
    tokens_in: int = 0
    tokens_out: int = 0
    problem: str = ""

    def masked(self, endpoint: Endpoint) -> Reply:
        """The reply without the endpoint's key, should it have been echoed."""
        text, thought, problem = map(endpoint.masked, (self.text, self.thought, self.problem))
        return replace(self, text=text, thought=thought, problem=problem)


def read_reply(body: bytes) -> Reply:
    """Read a body, whatever it is."""
    start = " ".join(body[: 4 * SHOWN].decode("utf-8", "replace").split())[:SHOWN]
    try:
        completion = json.loads(body)
    except (ValueError, RecursionError):
        return Reply(start, problem=f"no JSON but {start!r}")
    try:
        choice, usage = completion["choices"][0], completion.get("usage")
        message, cut_off = choice["message"], choice.get("finish_reason") == "length"
        text = message.get("content")
        thought = message.get("reasoning_content") or message.get("reasoning")
    except (LookupError, TypeError, AttributeError):
        return Reply(start, problem=f"no completion but {start!r}")
    return Reply(
        text=text if isinstance(text, str) else "",
        thought=thought if isinstance(thought, str) else "",
        cut_off=cut_off,
        tokens_in=_tokens(usage, "prompt_tokens"),
        tokens_out=_tokens(usage, "completion_tokens"),
    )


def _tokens(usage: object, name: str) -> int:
    count = usage.get(name) if isinstance(usage, dict) else None
    return count if isinstance(count, int) and 0 <= count < MOST_TOKENS else 0
