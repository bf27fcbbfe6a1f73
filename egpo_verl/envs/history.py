"""What a person reads of an episode beside its thoughts: the column `episode` of a record.

`egpo_verl.inspect.schema` says what its keys mean.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from egpo_verl.calls import Reason
from egpo_verl.envs.check import Replay, unseen
from egpo_verl.envs.episode import Episode
from egpo_verl.envs.world import World, WorldError


@dataclass
class History:
    """Grows while an episode is played.

    Attributes:
        ends: of each user turn that was checked, the number of messages by then and the verdict.
        data: the whole, once it is over; None before.
    """

    ends: list[tuple[int, Reason]] = field(default_factory=list)
    data: dict[str, Any] | None = None

    def turn_ended(self, episode: Episode, problem: Reason | None) -> None:
        """A user turn was checked."""
        self.ends.append((len(episode.dialogue), problem or Reason.OK))

    async def close(self, episode: Episode, world: World, replay: Replay | None) -> None:
        """The episode is over: look at the world once more, where there is something beside it."""
        self.data = {
            "messages": [dict(message) for message in episode.dialogue],
            "turns": [{"end": end, "reason": int(reason)} for end, reason in self.ends],
            "ended_by": int(episode.reason),
        }
        if replay is None:
            return
        self.data["expected"] = json.loads(replay.states[episode.turn])
        self.data["unseen"] = unseen(replay, episode)
        with suppress(WorldError):  # no rollout fails for being recorded
            self.data["state"] = json.loads(await world.state())
