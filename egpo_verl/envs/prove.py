"""Is a row ready to train on: its world deterministic and isolated, its reference worth 1?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from egpo_verl.calls import Call, render
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN
from egpo_verl.envs.check import Replay
from egpo_verl.envs.history import History
from egpo_verl.envs.play import Message, Outcome, Policy, Rules, play, replay_of, state_of
from egpo_verl.envs.script import Script
from egpo_verl.envs.world import Hung, WorldError
from egpo_verl.envs.worlds import Worlds
from egpo_verl.errors import UserError

THOUGHT = f"{THINK_OPEN}So.{THINK_CLOSE}\n"
IDLE = f"{THOUGHT}Done."


@dataclass(frozen=True)
class Proof:
    """What was found out about a row.

    Attributes:
        problem: why it is not ready, as a sentence; None where it is.
        outcome: of the reference as the policy; None where it could not be played.
        replay: what the reference leaves behind; None where the environment scores itself.
        idle: what a policy earns that calls nothing.
        history: of `outcome`.
        texts: what the policy wrote in it, thoughts included.
    """

    problem: str | None = None
    outcome: Outcome | None = None
    replay: Replay | None = None
    idle: float = 0.0
    history: History | None = None
    texts: Sequence[str] = ()


async def prove(script: Script, worlds: Worlds, call_form: str = "python") -> Proof:
    """Play the row's reference several times, alone and beside itself, and as a policy would."""
    try:
        if worlds.owns_reward and any(turn.reference is None for turn in script.turns):
            proof = await _without_reference(script, worlds)
        else:
            proof = await _with_reference(script, worlds, call_form)
        return proof if proof.problem else replace(proof, problem=await _chance(script, worlds))
    except (UserError, WorldError, Hung, ValueError) as error:
        return Proof(problem=str(error))


async def _with_reference(script: Script, worlds: Worlds, call_form: str) -> Proof:
    alone = await replay_of(script, worlds)
    # In turn, so that what both write to is seen whatever the timing; then side by side.
    again = await replay_of(script, worlds)
    beside = await asyncio.gather(replay_of(script, worlds), _twice(script, worlds))
    for replay in (again, beside[0], beside[1][0]):
        if replay != alone:
            return Proof(
                f"{_difference(alone, replay)}, though the calls were the same: the world is not "
                "deterministic, or worlds share a file, a service or a clock."
            )
    if beside[1][1] != alone:
        return Proof(
            f"{_difference(alone, beside[1][1])} in a second world of the same process: worlds "
            "share a class attribute or a global; make it in reset."
        )
    rules, check = Rules(), None if worlds.owns_reward else alone
    texts = [text for turn in script.turns for text in _as_policy(turn.reference or (), call_form)]
    history = History()
    outcome = await play(script, worlds, _reciting(texts), check, rules, call_form, history)
    if worlds.owns_reward:
        second = await play(script, worlds, _reciting(texts), check, rules, call_form)
        if second.score != outcome.score:
            return Proof(
                f"get_reward gave the reference {outcome.score['score']:g} and "
                f"{second.score['score']:g}: it is not deterministic.",
                outcome,
            )
    idle = await play(script, worlds, _idle, check, rules, call_form)
    problem = _unearned(outcome, idle, worlds.owns_reward)
    written = texts[: outcome.counts.messages]
    return Proof(problem, outcome, alone, float(idle.score["score"]), history, written)


def _unearned(outcome: Outcome, idle: Outcome, owns_reward: bool) -> str | None:
    """Why the reference is no right episode; a reward of one's own may have any scale."""
    earned, without = outcome.score["score"], idle.score["score"]
    if earned == 1 or (owns_reward and earned > without):
        return None
    why = outcome.reason.words
    if owns_reward:
        why = f"get_reward says so, and {without:g} of an episode without a call"
    return f"its reference earns {earned:g}: {why}."


async def _without_reference(script: Script, worlds: Worlds) -> Proof:
    """For an environment that scores itself: only episodes without a call can be compared."""
    history = History()
    outcome = await play(script, worlds, _idle, None, history=history)
    again = await play(script, worlds, _idle, None)
    if outcome.dialogue != again.dialogue or outcome.score != again.score:
        return Proof("two episodes without a call differ: the world is not deterministic.", outcome)
    texts = [IDLE] * outcome.counts.messages
    return Proof(None, outcome, None, float(outcome.score["score"]), history, texts)


async def _twice(script: Script, worlds: Worlds) -> tuple[Replay, Replay]:
    """Two worlds one after the other in one process."""
    async with worlds.open() as world:
        return await replay_of(script, worlds, world), await replay_of(script, worlds, world)


async def _chance(script: Script, worlds: Worlds) -> str | None:
    """What differs between two starts in one process, as a sentence; None where nothing does.

    Worlds are forked from one process, so a generator that a module made when it was imported is in
    the same state in each: only a second `reset` shows what is left to chance.
    """
    async with worlds.open() as world:
        observation, state = await world.reset(script.row), await state_of(world, worlds)
        again, another = await world.reset(script.row), await state_of(world, worlds)
    cure = "draw from a random.Random(seed) made in reset"
    if observation != again:
        what = "reset returned {} and {}".format(*_around(observation or "", again or ""))
    elif state != another:
        what = "after reset the state had {} and {}".format(*_around(state, another))
        cure += ", or keep what may differ in attributes that start with _"
    else:
        return None
    return (
        f"{what} in the same process: the world is not deterministic, or worlds share a global; "
        f"{cure}."
    )


def _as_policy(reference: Sequence[Call], call_form: str) -> Iterator[str]:
    if reference:
        yield THOUGHT + render(reference, call_form)
    yield IDLE


def _reciting(texts: list[str]) -> Policy:
    answers = iter(texts)

    async def policy(messages: list[dict[str, str]]) -> Message:
        return Message(next(answers))

    return policy


async def _idle(messages: list[dict[str, str]]) -> Message:
    return Message(IDLE)


def _difference(one: Replay, other: Replay) -> str:
    """Where two replays part, as the start of a sentence."""
    for turn, (state, another) in enumerate(zip(one.states, other.states, strict=True)):
        for text, another_text in zip(one.returned[turn], other.returned[turn], strict=True):
            if text != another_text:
                parts = _around(text, another_text)
                return "in turn {} a tool returned {} and {}".format(turn, *parts)
        if state != another:
            return "after turn {} the state had {} and {}".format(turn, *_around(state, another))
    return "the replays differ"


def _around(one: str, other: str) -> tuple[str, str]:
    """What two texts have where they part, in quotes."""
    place = next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    start = max(0, place - 20)
    return f"{one[start : place + 30]!r}", f"{other[start : place + 30]!r}"
