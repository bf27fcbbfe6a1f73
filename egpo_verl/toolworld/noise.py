"""Two bad habits that a careless teacher shows now and then.

A model warmed on them knows what to call, and gets about half of its responses wrong by a habit, as
real models do before reinforcement learning: nearly every group holds right and wrong responses, so
few groups have zero variance from the first step on.
"""

from __future__ import annotations

from random import Random

from egpo_verl.calls.thought import THINK_CLOSE

REMARKS = ("I hope this helps.", "This should do it.", "Done.")
CLOSED = f"{THINK_CLOSE}\n"


def careless(response: str, share: float, rng: Random) -> str:
    """A gold response, made wrong by each habit with probability `share`.

    The habits: the list's brackets are forgotten; a remark follows the calls. Either earns nothing.
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
