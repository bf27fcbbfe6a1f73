"""An episode played: the state machine, a world and a policy, and the check after each turn."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass

from egpo_verl.calls import Reason
from egpo_verl.envs.check import Check, Replay, score_of
from egpo_verl.envs.episode import MAX_MESSAGES, Counts, Episode, Phase, Result
from egpo_verl.envs.history import History
from egpo_verl.envs.misfit import misfit_of_reference, unknown_tool
from egpo_verl.envs.script import Script
from egpo_verl.envs.world import Hung, World, WorldError
from egpo_verl.envs.worlds import Worlds
from egpo_verl.errors import UserError

EPISODE_COUNTS = "env"
"""Key of a row's `extra_fields` in verl, with an episode's `Outcome.episode_counts`."""


@dataclass(frozen=True)
class Message:
    """What the policy answers: a decoded response, and whether its template had opened the thought.

    `no_room` stands for a prompt that is too long to be answered.
    """

    text: str = ""
    think_in_prompt: bool = False
    no_room: bool = False


Policy = Callable[[list[dict[str, str]]], Awaitable[Message]]
"""Answers a prompt, the messages of a chat."""


@dataclass(frozen=True)
class Rules:
    """How episodes are run and judged.

    Attributes:
        max_messages: of the policy in a user turn.
        strict_no_call: see `Check`.
        stop_at_failure: end an episode at the first user turn that fails, since it earns 0.
    """

    max_messages: int = MAX_MESSAGES
    strict_no_call: bool = True
    stop_at_failure: bool = True


@dataclass(frozen=True)
class Outcome:
    """What came of an episode.

    Attributes:
        reason: why it earns nothing, `Reason.OK` where it does.
        ended_by: why it ended there; as `reason`, unless it went on after a turn that failed.
        score: the reward and its parts, under the keys of `compute_score`.
        dialogue: all messages, earlier thoughts left out.
        tool_seconds: time that was spent in tools.
    """

    reason: Reason
    ended_by: Reason
    score: Mapping[str, float | int]
    counts: Counts
    dialogue: list[dict[str, str]]
    tool_seconds: float

    @property
    def episode_counts(self) -> dict[str, int]:
        """What the metrics of a training count."""
        return {**asdict(self.counts), "no_room": int(self.ended_by is Reason.NO_ROOM)}


async def play(
    script: Script,
    worlds: Worlds,
    policy: Policy,
    replay: Replay | None,
    rules: Rules | None = None,
    call_form: str = "python",
    history: History | None = None,
) -> Outcome:
    """Play one episode in a world of its own.

    Args:
        replay: of the reference; None where the environment scores itself.
        history: to be filled, where the episode is recorded.

    Raises:
        WorldError, UserError: the environment or the row is broken, not the policy.
    """
    if unknown := unknown_tool(script, worlds.tools):
        raise UserError(unknown)
    rules = rules or Rules()
    check = None if replay is None else Check(replay, rules.strict_no_call)
    async with worlds.open() as world:
        observation = await world.reset(script.row)
        episode = Episode(script, worlds.tools, observation, call_form, rules.max_messages)
        failure: Reason | None = None
        seconds = 0.0
        while episode.phase is not Phase.OVER:
            if episode.phase is Phase.ANSWER:
                message = await policy(episode.prompt)
                if message.no_room:
                    episode.end(Reason.NO_ROOM)
                else:
                    episode.answer(message.text, message.think_in_prompt)
            elif episode.phase is Phase.CALLS:
                began = time.perf_counter()
                await _run_calls(episode, world)
                seconds += time.perf_counter() - began
            else:
                problem = check.failure(episode, await world.state()) if check else None
                failure = failure or problem
                if history and check:
                    history.turn_ended(episode, problem)
                if failure and rules.stop_at_failure:
                    episode.end(failure)
                else:
                    episode.go_on(solved=not problem)
        reason = failure or episode.reason
        # A tool that hung leaves a world half done, or none: there is nothing to score.
        is_scored = worlds.owns_reward and reason is not Reason.TOOL_HUNG
        reward = await world.reward() if is_scored else None
        if history:
            await history.close(episode, world, replay)
    score = score_of(reason, episode.counts.calls, reward)
    return Outcome(reason, episode.reason, score, episode.counts, episode.dialogue, seconds)


async def _run_calls(episode: Episode, world: World) -> None:
    results: list[Result] = []
    try:
        for call in episode.calls:
            results.append(await world.call(call.name, call.arguments))
    except Hung:
        episode.hung(results)
    else:
        episode.returned(results)


async def replay_of(script: Script, worlds: Worlds, world: World | None = None) -> Replay:
    """What the reference of a script leaves behind, played in a world of its own.

    Args:
        world: to play it in, instead of a new one.

    Raises:
        UserError: a turn has no reference, or one of its calls cannot be made or raises.
        WorldError: the environment is broken.
    """
    if world is None:
        async with worlds.open() as fresh:
            return await replay_of(script, worlds, fresh)
    await world.reset(script.row)
    state = await state_of(world, worlds)
    states: list[str] = []
    results: list[frozenset[str]] = []
    returned: list[list[str]] = []
    for number, turn in enumerate(script.turns):
        if turn.reference is None:
            raise UserError(f"turn {number} has no 'reference', and nothing else judges it.")
        shown = set[str]()
        returned.append([])
        for call in turn.reference:
            problem = misfit_of_reference(call, worlds.tools, script, number)
            result = None if problem else await _called(world, call.name, call.arguments)
            if result is None or result.is_error:
                text = problem or (result.text if result else "it hung.")
                raise UserError(f"turn {number}: the reference's call {call.name}: {text}")
            returned[-1].append(result.text)
            before, state = state, await state_of(world, worlds)
            if state == before:
                shown.add(result.text)
        states.append(state)
        results.append(frozenset(shown))
    return Replay(states, results, returned)


async def state_of(world: World, worlds: Worlds) -> str:
    """The world's state; nothing where `get_reward` judges and the state is no JSON, which it need
    not be there."""
    try:
        return await world.state()
    except WorldError:
        if worlds.owns_reward:
            return ""
        raise


async def _called(world: World, name: str, arguments: Mapping[str, object]) -> Result | None:
    try:
        return await world.call(name, arguments)
    except Hung:
        return None
