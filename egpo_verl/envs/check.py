"""Whether an episode does what its reference does: the world's state, and what was seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from egpo_verl.calls import Reason
from egpo_verl.calls.reasons import PASSED
from egpo_verl.envs.episode import Episode
from egpo_verl.envs.protocol import comparable


@dataclass(frozen=True)
class Replay:
    """What the reference leaves behind in each user turn.

    Attributes:
        states: the world's state after each turn, as `protocol.state_text` writes it.
        results: what the calls of each turn returned that changed nothing: whether a change was
            made, the state tells.
        returned: what every call returned, which two replays have alike where a world is
            deterministic; episodes are not compared with it.
    """

    states: Sequence[str]
    results: Sequence[frozenset[str]]
    returned: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Check:
    """How a user turn is judged.

    Attributes:
        replay: of the reference.
        strict_no_call: where the reference calls nothing, because a tool or a value is missing, a
            call fails the turn even if it changes nothing.
    """

    replay: Replay
    strict_no_call: bool = True

    def failure(self, episode: Episode, state: str) -> Reason | None:
        """Why the user turn that has just ended fails, None where it is right."""
        if self.strict_no_call and not episode.user_turn.reference and episode.calls_in_turn:
            return Reason.CALL_NOT_WANTED
        if state != self.replay.states[episode.turn]:
            return Reason.WRONG_STATE
        if unseen(self.replay, episode):
            return Reason.RESULT_NOT_SEEN
        return None


def unseen(replay: Replay, episode: Episode) -> list[str]:
    """What the reference looked up in the turn that the episode is in, and the policy never saw."""
    missing = replay.results[episode.turn] - episode.seen
    if missing:  # equal values may be written in several ways
        seen = set(map(comparable, episode.seen))
        return sorted(text for text in missing if comparable(text) not in seen)
    return []


def score_of(reason: Reason, calls: int, reward: float | None = None) -> dict[str, float | int]:
    """What the episode is worth, under the keys of `egpo_verl.reward.compute_score`.

    Args:
        reason: why it ended.
        calls: that were made.
        reward: of the environment's `get_reward`, where it has one.
    """
    score = float(reason is Reason.OK) if reward is None else reward
    names = ("format_ok", "parse_ok", "schema_ok", "match_ok")
    numbers = dict(zip(names, PASSED[reason.stage], strict=True))
    return {"score": score, "acc": score, **numbers, "num_calls": calls, "reason": int(reason)}
