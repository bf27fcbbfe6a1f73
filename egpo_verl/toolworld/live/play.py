"""An episode of a task, played in this process: its world is ours, so nothing can hang."""

from __future__ import annotations

from typing import Any

from egpo_verl.calls import Call, Reason
from egpo_verl.envs.check import Check
from egpo_verl.envs.episode import MAX_MESSAGES, Counts, Episode, Phase, Result
from egpo_verl.envs.misfit import refusal
from egpo_verl.envs.protocol import result_text, state_of, state_text
from egpo_verl.toolworld.live.task import Task


class Play:
    """An episode that is over, or waits for a message of the policy; the first failure ends it."""

    def __init__(
        self, task: Task, call_form: str = "python", max_messages: int = MAX_MESSAGES
    ) -> None:
        self._episode = Episode(
            task.script, task.service.tools, call_form=call_form, max_messages=max_messages
        )
        self._world, self._check = task.world(), Check(task.replay)

    @property
    def is_over(self) -> bool:
        """Whether no message is asked for any more."""
        return self._episode.phase is Phase.OVER

    @property
    def prompt(self) -> list[dict[str, str]]:
        """What the policy answers now, the messages of a chat."""
        return self._episode.prompt

    @property
    def dialogue(self) -> tuple[dict[str, str], ...]:
        """The messages so far, without the system prompt."""
        return tuple(self._episode.dialogue)

    @property
    def offered(self) -> tuple[dict[str, Any], ...]:
        """The tools that the policy has now."""
        return tuple(self._episode.offered)

    @property
    def turn(self) -> int:
        """The number of the user turn."""
        return self._episode.turn

    @property
    def reason(self) -> Reason:
        """Why it earns nothing, `Reason.OK` where it earns 1."""
        return self._episode.reason

    @property
    def counts(self) -> Counts:
        """What has happened in it."""
        return self._episode.counts

    def answer(self, text: str) -> None:
        """Take the policy's message, and go on to where the next one is asked for."""
        episode = self._episode
        episode.answer(text)
        while episode.phase in (Phase.CALLS, Phase.CHECK):
            if episode.phase is Phase.CALLS:
                episode.returned([self._result(call) for call in episode.calls])
                continue
            reason = self._check.failure(episode, state_text(state_of(self._world)))
            if reason is not None:
                episode.end(reason)
            else:
                episode.go_on()

    def end(self, reason: Reason) -> None:
        """Break it off."""
        self._episode.end(reason)

    def _result(self, call: Call) -> Result:
        try:
            return Result(result_text(getattr(self._world, call.name)(**call.arguments)))
        except ValueError as error:
            return Result(refusal(f"{type(error).__name__}: {error}"), True)
