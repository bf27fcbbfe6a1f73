"""Whole trajectories for a warm start, message by message as a policy is asked for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from egpo_verl.calls import Call, Reason
from egpo_verl.envs.check import Check
from egpo_verl.envs.episode import Episode, Phase, Result
from egpo_verl.envs.misfit import refusal
from egpo_verl.envs.protocol import result_text, state_of, state_text
from egpo_verl.toolworld.live.generate import generate
from egpo_verl.toolworld.live.task import KINDS, Task
from egpo_verl.toolworld.live.teacher import messages
from egpo_verl.toolworld.live.world import World


@dataclass(frozen=True)
class Demonstration:
    """A teacher's trajectory.

    Attributes:
        task: that it is of.
        messages: `(prompt, response)` for every message of the teacher: the messages of a chat, and
            what comes after them, thought included.
        reason: why it earns nothing, `Reason.OK` where it earns 1.
    """

    task: Task
    messages: Sequence[tuple[list[dict[str, str]], str]]
    reason: Reason


def demonstrations(
    n: int,
    seed: int | str = 0,
    split: str = "train",
    kinds: Sequence[str] = KINDS,
    slips: float = 0.0,
    call_form: str = "python",
) -> Iterator[Demonstration]:
    """The tasks of `generate`, each with a trajectory; without `slips` all of them earn 1.

    Args:
        slips: probability of each bad habit wherever there is occasion for it (`teacher`). The
            trajectory ends with the user turn that it spoils, as an episode of a training does.
    """
    for index, task in enumerate(generate(n, seed, split, kinds)):
        rng = Random(f"teacher:{split}:{seed}:{index}")
        yield _trajectory(task, rng, slips, call_form)


def _trajectory(task: Task, rng: Random, slips: float, call_form: str) -> Demonstration:
    episode = Episode(task.script, task.service.tools, call_form=call_form)
    world, check = task.world(), Check(task.replay)
    lines: list[tuple[list[dict[str, str]], str]] = []
    answers = messages(task, 0, rng, slips, call_form)
    while episode.phase is not Phase.OVER:
        if episode.phase is Phase.ANSWER:
            lines.append((episode.prompt, next(answers)))
            episode.answer(lines[-1][1])
        elif episode.phase is Phase.CALLS:
            episode.returned([_result(world, call) for call in episode.calls])
        else:
            reason = check.failure(episode, state_text(state_of(world)))
            if reason is not None:
                episode.end(reason)
                break
            episode.go_on()
            answers = messages(task, episode.turn, rng, slips, call_form)
    return Demonstration(task, lines, episode.reason)


def _result(world: World, call: Call) -> Result:
    try:
        return Result(result_text(getattr(world, call.name)(**call.arguments)))
    except ValueError as error:
        return Result(refusal(f"{type(error).__name__}: {error}"), True)
