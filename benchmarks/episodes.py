"""How fast are live episodes? `python benchmarks/episodes.py`

Three measurements with a policy whose messages are known:

1. the state machine of `egpo_verl/envs/episode.py` alone on one core, with the dialogues, tools and
   checks of toolworld live in this process: messages a second of processor time;
2. short episodes in worlds with a process each, as a training has them, on all cores;
3. 512 episodes at once whose tools sleep for 50 ms, before a sampler that answers SLOTS prompts at
   a time in SECONDS each: the share of its time in which a slot is free though there are episodes.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from typing import Any

from egpo_verl.calls import Reason
from egpo_verl.cli import out, table
from egpo_verl.envs.play import Message, play, replay_of
from egpo_verl.envs.script import Script
from egpo_verl.envs.worlds import Worlds
from egpo_verl.toolworld.live import demonstrations
from egpo_verl.toolworld.live.play import Play

EPISODES = 2_000
AT_ONCE = 512
SLOTS, SECONDS = 256, 2.0


class Counter:
    """A small world in memory; `slow` takes 50 ms."""

    def reset(self, **row: Any) -> None:
        self.counts: dict[str, int] = {}

    def add(self, name: str, count: int) -> dict[str, int]:
        """Add to a count.

        Args:
            name: Of the count.
            count: What to add.
        """
        self.counts[name] = self.counts.get(name, 0) + count
        return self.counts

    def look(self) -> dict[str, int]:
        """Look at all counts."""
        return self.counts

    def slow(self) -> str:
        """Wait."""
        time.sleep(0.05)
        return "waited"


def script(*calls: dict[str, Any]) -> Script:
    turns = [{"user": f"Please, number {n}.", "reference": [call]} for n, call in enumerate(calls)]
    return Script.from_mapping({"turns": turns})


def texts(*calls: str) -> list[str]:
    thought = "<think>The user asks for this, and the tool for it takes these arguments.</think>\n"
    return [thought + text for call in calls for text in (f"[{call}]", "That is done.")]


FAST = script({"name": "add", "arguments": {"name": "a", "count": 2}}, {"name": "look"})
FAST_TEXTS = texts("add(name='a', count=2)", "look()")
SLOW = script({"name": "slow"}, {"name": "slow"})
SLOW_TEXTS = texts("slow()", "slow()")


def machine_alone() -> float:
    """Messages a second of processor time, on one core."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    drawn = list(demonstrations(EPISODES, "speed"))
    began = time.process_time()
    for one in drawn:
        played = Play(one.task)
        for _, message in one.messages:
            assert played.prompt
            played.answer(message)
        assert played.reason is Reason.OK
    return sum(len(one.messages) for one in drawn) / (time.process_time() - began)


async def in_processes(worlds: Worlds) -> float:
    """Messages a second, with a process for each episode."""
    replay = await replay_of(FAST, worlds)
    began = time.perf_counter()
    episodes = (play(FAST, worlds, policy_of(FAST_TEXTS), replay) for _ in range(EPISODES))
    outcomes = await asyncio.gather(*episodes)
    assert all(outcome.score["score"] == 1 for outcome in outcomes)
    return EPISODES * len(FAST_TEXTS) / (time.perf_counter() - began)


def policy_of(
    messages: list[str], wait: Callable[[], Awaitable[None]] | None = None
) -> Callable[..., Awaitable[Message]]:
    answers = iter(messages)

    async def policy(prompt: list[dict[str, str]]) -> Message:
        if wait is not None:
            await wait()
        return Message(next(answers))

    return policy


class Sampler:
    """Answers SLOTS prompts at a time, each in SECONDS; adds up how long its slots were busy."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(SLOTS)
        self._busy = 0
        self.began = self._since = time.perf_counter()
        self.seconds = 0.0

    async def answer(self) -> None:
        async with self._slots:
            self._change(1)
            await asyncio.sleep(SECONDS)
            self._change(-1)

    def _change(self, by: int) -> None:
        now = time.perf_counter()
        self.seconds += self._busy * (now - self._since)
        self._busy, self._since = self._busy + by, now


async def sampler_waits(worlds: Worlds) -> float:
    """Share of the slots' time that is free until fewer episodes are left than there are slots."""
    sampler = Sampler()
    left, share = AT_ONCE, 0.0
    replay = await replay_of(SLOW, worlds)
    sampler = Sampler()

    async def one() -> None:
        nonlocal left, share
        await play(SLOW, worlds, policy_of(SLOW_TEXTS, sampler.answer), replay)
        left -= 1
        if left == SLOTS:
            whole = SLOTS * (time.perf_counter() - sampler.began)
            share = 1 - sampler.seconds / whole

    await asyncio.gather(*(one() for _ in range(AT_ONCE)))
    return share


async def main() -> None:
    async with Worlds(f"{__file__}:Counter", at_once=AT_ONCE) as worlds:
        processes, waits = await in_processes(worlds), await sampler_waits(worlds)
    rows = [
        ("state machine alone, one core", f"{machine_alone():,.0f} messages/s"),
        ("a process for each episode", f"{processes:,.0f} messages/s"),
        (f"{AT_ONCE} episodes at once, tools of 50 ms", f"sampler waits {waits:.1%}"),
    ]
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    out().print(table("Live episodes", ["", "measured"], rows, caption=load))


if __name__ == "__main__":
    asyncio.run(main())
