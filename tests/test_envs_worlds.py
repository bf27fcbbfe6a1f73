"""Worlds run in processes of their own: what they do wrong stays there, and nothing is left."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import psutil
import pytest

from egpo_verl.calls import Reason
from egpo_verl.envs.play import Message, Outcome, play
from egpo_verl.envs.script import Script
from egpo_verl.envs.settings import Settings
from egpo_verl.envs.shared import Shared
from egpo_verl.envs.world import Limits, World, WorldError
from egpo_verl.envs.worlds import Worlds
from egpo_verl.errors import UserError

TRICKY = "envs_worlds:Tricky"
QUICK = Limits(tool=0.2)


def run(
    work: Callable[[Worlds], Coroutine[Any, Any, Any]],
    factory: str = TRICKY,
    limits: Limits | None = None,
) -> Any:
    async def main() -> Any:
        async with Worlds(factory, limits) as worlds:
            return await work(worlds)

    return asyncio.run(main())


def call(folder: Path, name: str, limits: Limits | None = None, **arguments: Any) -> Outcome:
    """An episode whose policy calls one tool, in a world that scores nothing."""
    row = Script.from_mapping({"row": {"folder": str(folder)}, "turns": [{"user": "Go."}]})
    written = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    answers = iter([f"[{name}({written})]", "Done."])

    async def policy(messages: list[dict[str, str]]) -> Message:
        return Message(f"<think>So.</think>{next(answers)}")

    outcome: Outcome = run(lambda worlds: play(row, worlds, policy, None), TRICKY, limits)
    return outcome


def tool_text(outcome: Outcome) -> str:
    return next(m["content"] for m in outcome.dialogue if m["role"] == "tool")


@pytest.mark.parametrize(
    ("name", "arguments", "text"),
    [
        ("sleep", {"seconds": 0.01}, "slept"),
        ("doze", {"seconds": 0.01}, "dozed"),
        ("odd", {}, '{"path": "a/b"}'),
        ("fail", {}, '{"error": "KeyError: \'nothing there\'"}'),
    ],
)
def test_sync_and_async_tools_answer_and_one_that_raises_is_text(
    tmp_path: Path, name: str, arguments: dict[str, Any], text: str
) -> None:
    outcome = call(tmp_path, name, **arguments)
    assert tool_text(outcome) == text
    assert outcome.counts.tool_errors == (name == "fail")
    assert outcome.reason is Reason.OK


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("sleep", {"seconds": 3600.0}), ("doze", {"seconds": 3600.0}), ("spin", {}), ("wait", {})],
)
def test_a_tool_that_hangs_ends_the_episode_at_its_limit_and_the_world_is_closed(
    tmp_path: Path, name: str, arguments: dict[str, Any]
) -> None:
    outcome = call(tmp_path, name, QUICK, **arguments)
    assert outcome.reason is Reason.TOOL_HUNG
    assert outcome.score["score"] == 0.0
    assert list(tmp_path.iterdir()) == [], "_close has removed its folder"


def test_a_tool_that_ends_its_process_ends_its_episode_alone(tmp_path: Path) -> None:
    assert call(tmp_path, "die").reason is Reason.TOOL_HUNG


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ("reset", "reset: RuntimeError: no world today"),
        ("state", "state: RuntimeError: no state today"),
        ("json", "state: TypeError: Object of type set is not JSON serializable"),
    ],
)
def test_a_world_that_breaks_fails_the_rollout_with_its_message(
    tmp_path: Path, fails: str, words: str
) -> None:
    async def work(worlds: Worlds) -> None:
        async with worlds.open() as world:
            await world.reset({"folder": str(tmp_path), "fails": fails})
            await world.state()

    with pytest.raises(WorldError, match=words):
        run(work)


def test_an_environment_that_does_not_import_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("import nowhere_to_be\n")
    with pytest.raises(UserError, match=r"broken.py cannot be imported: ModuleNotFoundError"):
        run(lambda worlds: asyncio.sleep(0), f"{path}:World")


def test_worlds_share_nothing_in_memory() -> None:
    async def notes(world: World) -> str:
        await world.reset({})
        await world.call("note", {"text": "mine"})
        await asyncio.sleep(0.05)
        return await world.state()

    async def work(worlds: Worlds) -> list[str]:
        async with worlds.open() as one, worlds.open() as other:
            return list(await asyncio.gather(notes(one), notes(other)))

    assert run(work, "envs_worlds:Shared") == ['["mine"]', '["mine"]']


def test_a_host_that_the_system_ends_is_started_anew(tmp_path: Path) -> None:
    async def main() -> None:
        shared, row = Shared(), Script.from_mapping({"turns": [{"user": "Go."}]})
        settings = Settings("envs_worlds:Shared")
        before = {child.pid for child in psutil.Process().children()}
        worlds = await shared.worlds(row, settings)
        (host,) = [one for one in psutil.Process().children() if one.pid not in before]
        host.kill()
        host.wait()
        with pytest.raises(WorldError, match="has ended"):
            async with worlds.open():
                pass
        again = await shared.worlds(row, settings)
        async with again.open() as world:
            await world.reset({})
            assert await world.state() == "[]"
        shared.stop()

    asyncio.run(main())


def left() -> tuple[int, int, int]:
    """Threads, children and open files of this process."""
    this = psutil.Process()
    return threading.active_count(), len(this.children(recursive=True)), this.num_fds()


@pytest.mark.slow
def test_nothing_is_left_of_a_thousand_episodes_of_which_one_in_ten_hangs(tmp_path: Path) -> None:
    row = Script.from_mapping({"row": {"folder": str(tmp_path)}, "turns": [{"user": "Go."}]})
    hangs = ["sleep(seconds=3600.0)", "doze(seconds=3600.0)", "spin()", "wait()"]

    def policy_of(number: int) -> Any:
        call = "sleep(seconds=0.001)" if number % 10 else hangs[number // 10 % len(hangs)]
        answers = iter([f"[{call}]", "Done."])

        async def policy(messages: list[dict[str, str]]) -> Message:
            return Message(f"<think>So.</think>{next(answers)}")

        return policy

    async def work(worlds: Worlds) -> list[Outcome]:
        episodes = [play(row, worlds, policy_of(number), None) for number in range(1000)]
        return list(await asyncio.gather(*episodes))

    async def main() -> list[Outcome]:
        async with Worlds(TRICKY, Limits(tool=1.0), at_once=32) as worlds:
            return await work(worlds)

    before, hosts = left(), hosts_of(os.getpid())
    outcomes = asyncio.run(main())
    reasons = [outcome.reason for outcome in outcomes]
    assert [reasons[number] for number in range(0, 1000, 10)] == [Reason.TOOL_HUNG] * 100
    assert reasons.count(Reason.OK) == 900
    assert left() == before
    assert list(tmp_path.iterdir()) == []
    assert hosts_of(os.getpid()) <= hosts


def hosts_of(pid: int) -> set[int]:
    """Hosts that are children of a process, or of none any more; other tests may share one."""
    return {
        process.pid
        for process in psutil.process_iter(["cmdline", "ppid"])
        if "egpo_verl.envs.host" in (process.info["cmdline"] or [])
        and process.info["ppid"] in (1, pid)
    }


def test_a_world_whose_trainer_is_gone_ends_too(tmp_path: Path) -> None:
    """Killed without a word, as the system does it where memory ends."""
    code = (
        "import asyncio, sys\n"
        "from egpo_verl.envs.worlds import Worlds\n"
        "async def main():\n"
        "    async with Worlds('envs_worlds:Tricky') as worlds, worlds.open() as world:\n"
        f"        await world.reset({{'folder': {str(tmp_path)!r}}})\n"
        "        print(flush=True)\n"
        "        await world.call('sleep', {'seconds': 3600.0})\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as trainer:
        assert trainer.stdout is not None
        trainer.stdout.readline()
        started = psutil.Process(trainer.pid).children(recursive=True)
        trainer.kill()
    assert len(started) == 2, "a host and a world"
    until = time.monotonic() + 30
    while any(one.is_running() and one.status() != "zombie" for one in started):
        assert time.monotonic() < until
        time.sleep(0.1)
