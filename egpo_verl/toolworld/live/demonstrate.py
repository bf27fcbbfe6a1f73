"""Whole trajectories for a warm start, message by message as a policy is asked for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from egpo_verl.calls import Reason
from egpo_verl.toolworld.live.generate import generate
from egpo_verl.toolworld.live.play import Play
from egpo_verl.toolworld.live.task import KINDS, MAX_TURNS, Task
from egpo_verl.toolworld.live.teacher import messages


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
    max_turns: int = MAX_TURNS,
) -> Iterator[Demonstration]:
    """The tasks of `generate`, each with a trajectory; without `slips` all of them earn 1.

    Args:
        slips: probability of each bad habit wherever there is occasion for it (`teacher`). The
            trajectory ends with the user turn that it spoils, as an episode of a training does.
    """
    for index, task in enumerate(generate(n, seed, split, kinds, max_turns)):
        yield _trajectory(task, teachers_rng(seed, split, index), slips, call_form)


def teachers_rng(seed: int | str, split: str, index: int) -> Random:
    """What the teacher of a dialogue draws its words from."""
    return Random(f"teacher:{split}:{seed}:{index}")


def _trajectory(task: Task, rng: Random, slips: float, call_form: str) -> Demonstration:
    play = Play(task, call_form)
    answers = taught(play, task, rng, slips, call_form)
    lines = [(play.prompt, answer) for answer in answers]
    return Demonstration(task, lines, play.reason)


def taught(play: Play, task: Task, rng: Random, slips: float, call_form: str) -> Iterator[str]:
    """The teacher's messages, thought included; each is played when the next is asked for."""
    turn = -1
    while not play.is_over:
        if play.turn != turn:
            turn = play.turn
            answers = messages(task, turn, rng, slips, call_form)
        answer = next(answers)
        yield answer
        play.answer(answer)
