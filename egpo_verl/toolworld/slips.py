"""Two bad habits that a careless teacher shows now and then.

A model warmed on them knows what to call, and spoils about half of its answers by a habit, as real
models do before reinforcement learning: nearly every group of responses holds good and bad ones,
so the reward has something to say from the first step on.
"""

from __future__ import annotations

from random import Random

from egpo_verl.calls.thought import THINK_CLOSE

REMARKS = ("I hope this helps.", "This should do it.", "Done.")
CLOSED = f"{THINK_CLOSE}\n"


def careless(response: str, share: float, rng: Random) -> str:
    """A gold response, spoilt by each habit with probability `share`.

    The habits: the list's brackets are forgotten; a remark follows the calls. Both earn nothing.
    A response that calls nothing stays as it is.
    """
    thought, _, answer = response.partition(CLOSED)
    if not answer.startswith("["):
        return response
    if rng.random() < share:
        answer = answer[1:-1]
    if rng.random() < share:
        answer = f"{answer}\n{rng.choice(REMARKS)}"
    return f"{thought}{CLOSED}{answer}"
