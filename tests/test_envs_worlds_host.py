"""The process that worlds are forked from: imports that hang, and what it leaves."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from egpo_verl.envs.script import Script
from egpo_verl.envs.settings import Settings
from egpo_verl.envs.shared import Shared
from egpo_verl.envs.world import Limits
from egpo_verl.envs.worlds import Worlds
from egpo_verl.errors import UserError

HANGS = """
import os, subprocess, sys, time
child = subprocess.Popen(["sleep", "3600"])
with open({notes!r}, "a") as notes:
    notes.write(f"{{os.getpid()}} {{child.pid}}\\n")
time.sleep(3600)
class World: ...
"""
LIMIT = 10.0
"""Seconds for an import, which other work may slow down."""
ENDLESS = 50.0
"""Seconds after which something waits for what never comes; without a limit of ours it is 60."""


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A file with the processes that an import has started, the host's own first."""
    return tmp_path / "notes.txt"


@pytest.fixture
def hangs(tmp_path: Path, notes: Path) -> str:
    """An environment whose import never ends."""
    (tmp_path / "hangs.py").write_text(HANGS.format(notes=str(notes)))
    return f"{tmp_path / 'hangs.py'}:World"


def started(notes: Path) -> list[int]:
    return [int(word) for word in notes.read_text().split()]


def living(pids: list[int]) -> list[int]:
    """Those of them that are still there after a while."""
    for _ in range(300):
        alive = [
            one
            for one in pids
            if psutil.pid_exists(one) and psutil.Process(one).status() != psutil.STATUS_ZOMBIE
        ]
        if not alive:
            break
        time.sleep(0.1)
    return alive


def trainer(code: str) -> subprocess.Popen[str]:
    """Another process that runs the body of a coroutine."""
    lines = "".join(f"    {line}\n" for line in code.splitlines())
    imports = (
        "import asyncio\n"
        "from egpo_verl.envs.world import Limits\n"
        "from egpo_verl.envs.worlds import Worlds\n"
    )
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    return subprocess.Popen(
        [sys.executable, "-c", f"{imports}async def main():\n{lines}asyncio.run(main())\n"],
        stdout=subprocess.PIPE,
        text=True,
        env={**inherited, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def host_since(before: list[psutil.Process]) -> psutil.Process:
    """The host that has come to this process's children, of which others may be hosts, too."""
    (host,) = (
        one
        for one in psutil.Process().children()
        if one not in before and "egpo_verl.envs.host" in one.cmdline()
    )
    return host


def until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_an_import_that_hangs_is_one_sentence_and_leaves_nothing(hangs: str, notes: Path) -> None:
    async def main() -> None:
        shared, settings = Shared(), Settings(hangs, reset_seconds=LIMIT)
        with pytest.raises(UserError, match=rf"{hangs} is not imported after 10 s") as caught:
            await shared.worlds(Script(()), settings)
        assert "reset_seconds" in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1
        shared.stop()

    began = time.monotonic()
    asyncio.run(main())
    assert time.monotonic() - began < ENDLESS
    assert len(started(notes)) == 2
    assert living(started(notes)) == []


def test_to_wait_for_an_import_can_be_cancelled(hangs: str, notes: Path) -> None:
    async def main() -> float:
        opening = asyncio.ensure_future(Worlds(hangs).__aenter__())
        while not notes.exists() or len(started(notes)) < 2:
            await asyncio.sleep(0.05)
        began = time.monotonic()
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        return time.monotonic() - began

    assert asyncio.run(main()) < ENDLESS
    assert living(started(notes)) == []


def test_an_import_that_hangs_ends_when_its_trainer_is_gone(hangs: str, notes: Path) -> None:
    code = f"async with Worlds({hangs!r}, Limits(reset={LIMIT})): pass"
    with trainer(code) as process:
        until(lambda: notes.exists() and len(started(notes)) == 2)
        process.kill()
    host, child = started(notes)
    assert living([host]) == []
    os.kill(child, signal.SIGKILL)


def test_a_host_that_does_not_end_is_killed(tmp_path: Path) -> None:
    async def main() -> None:
        before = psutil.Process().children()
        worlds = await Worlds("envs_worlds:Shared").__aenter__()
        host = host_since(before)
        os.kill(host.pid, signal.SIGSTOP)
        began = time.monotonic()
        worlds.stop()
        assert time.monotonic() - began < ENDLESS
        assert not worlds.is_running
        assert living([host.pid]) == []

    asyncio.run(main())


def test_a_host_that_makes_no_world_is_an_error_after_the_limit() -> None:
    async def main() -> None:
        before = psutil.Process().children()
        async with Worlds("envs_worlds:Shared", Limits(reset=LIMIT)) as worlds:
            host = host_since(before)
            os.kill(host.pid, signal.SIGSTOP)
            with pytest.raises(Exception, match="no world of envs_worlds:Shared"):
                async with worlds.open():
                    pass
            os.kill(host.pid, signal.SIGCONT)
            async with worlds.open() as world:
                await world.reset({})

    asyncio.run(main())


def test_what_an_import_prints_is_printed_once(tmp_path: Path) -> None:
    (tmp_path / "noisy.py").write_text(
        "import sys\n"
        "print('imported')\n"
        "class World:\n"
        "    def reset(self): print('reset')\n"
        "    def look(self) -> str:\n"
        "        '''Look.'''\n"
    )
    code = (
        f"async with Worlds('{tmp_path / 'noisy.py'}:World') as worlds:\n"
        "    for _ in range(2):\n"
        "        async with worlds.open() as world: await world.reset({})"
    )
    with trainer(code) as process:
        assert process.stdout is not None
        printed = process.stdout.read().split()
    assert sorted(printed) == ["imported", "reset", "reset"]
