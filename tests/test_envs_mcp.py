"""An MCP server as an environment: a real server for each rollout, which ends with it."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.calls import Reason
from egpo_verl.envs.__main__ import main
from egpo_verl.envs.play import Message, Outcome, play, replay_of
from egpo_verl.envs.script import Script
from egpo_verl.envs.world import Limits, WorldError
from egpo_verl.envs.worlds import Worlds
from egpo_verl.errors import UserError

pytest.importorskip("mcp", reason="pip install 'egpo-verl[mcp]'")
pytestmark = pytest.mark.slow

SERVER = Path(__file__).with_name("mcp_shop.py")
ADD = {"name": "add", "arguments": {"item": "lamp", "count": 2}}
ROW = {"row": {"stock": {"lamp": 5}}, "turns": [{"user": "Two lamps.", "reference": [ADD]}]}
Work = Callable[[Worlds], Coroutine[Any, Any, Any]]


@pytest.fixture
def servers(tmp_path: Path) -> Path:
    """A folder with a file for each server that was started, named by its process."""
    (tmp_path / "servers").mkdir()
    return tmp_path / "servers"


@pytest.fixture
def factory(tmp_path: Path, servers: Path) -> Callable[..., str]:
    def write(options: str = "reset='start', state='dump'", server: Path = SERVER) -> str:
        (tmp_path / "shop.py").write_text(
            "from egpo_verl.envs.mcp import mcp_world\n"
            f"Shop = mcp_world({[sys.executable, str(server), str(servers)]!r}, {options})\n"
        )
        return f"{tmp_path / 'shop.py'}:Shop"

    return write


def run(factory: str, work: Work, limits: Limits | None = None) -> Any:
    async def opened() -> Any:
        async with Worlds(factory, limits) as worlds:
            return await work(worlds)

    return asyncio.run(opened())


def living(servers: Path) -> list[int]:
    """The servers that still run, once each had time to end."""
    for _ in range(100):
        pids = [int(file.name) for file in servers.iterdir()]
        alive = [pid for pid in pids if Path(f"/proc/{pid}").exists()]
        if not alive:
            break
        time.sleep(0.1)
    return alive


async def played(worlds: Worlds, *answers: str) -> tuple[Outcome, list[str]]:
    script = Script.from_mapping(ROW)
    remaining, prompts = iter(answers), list[str]()

    async def policy(messages: list[dict[str, str]]) -> Message:
        prompts.append(json.dumps(messages))
        return Message(f"<think>So.</think>{next(remaining)}")

    outcome = await play(script, worlds, policy, await replay_of(script, worlds))
    return outcome, prompts


def test_the_command_proves_a_server_and_writes_its_rows(
    factory: Callable[..., str], servers: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROW))
    command = [factory(), "--rows", str(tmp_path / "rows.jsonl")]
    assert main([*command, "--save", str(tmp_path / "train.parquet")]) == 0
    printed = capsys.readouterr().out
    assert "user: Two lamps. We have lamp." in printed
    assert '"lamp": 2' in printed
    assert "rows that are ready             │      1" in printed
    assert living(servers) == []
    assert len(list(servers.iterdir())) > 5, "a server for each world"


def test_tools_are_listed_and_called_and_the_state_decides(
    factory: Callable[..., str], servers: Path
) -> None:
    async def work(worlds: Worlds) -> None:
        assert [tool["name"] for tool in worlds.tools] == ["add", "look_up", "secret", "nap"]
        add = worlds.tools[0]["parameters"]
        assert (add["required"], add["properties"]["count"]["type"]) == (["item"], "integer")
        right, prompts = await played(
            worlds, "[look_up(item='lamp'), add(item='desk')]", "[add(item='lamp', count=2)]", "."
        )
        assert right.reason is Reason.OK
        assert "5 left" in prompts[1]
        assert "there is no desk" in prompts[1]
        assert right.counts.tool_errors == 1
        assert (await played(worlds, "[add(item='lamp')]", "."))[0].reason is Reason.WRONG_STATE

    run(factory(), work)
    assert living(servers) == []


def test_rollouts_at_once_have_a_server_each(factory: Callable[..., str], servers: Path) -> None:
    async def work(worlds: Worlds) -> list[Outcome]:
        answers = ["[add(item='lamp', count=2)]", "."]
        pairs = await asyncio.gather(*(played(worlds, *answers) for _ in range(2)))
        return [outcome for outcome, _ in pairs]

    assert [outcome.score["score"] for outcome in run(factory(), work)] == [1.0, 1.0]
    assert living(servers) == []


def test_a_tool_that_hangs_ends_the_episode_and_its_server(
    factory: Callable[..., str], servers: Path
) -> None:
    async def work(worlds: Worlds) -> Outcome:
        return (await played(worlds, "[nap(seconds=600)]"))[0]

    outcome = run(factory(), work, Limits(tool=1.0))
    assert outcome.reason is Reason.TOOL_HUNG
    assert living(servers) == [], "a server that sleeps is killed with its world"


def test_keys_of_the_trainer_stay_with_it(
    factory: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "a key")

    async def work(worlds: Worlds) -> str:
        async with worlds.open() as world:
            await world.reset({"stock": {}})
            return (await world.call("secret", {})).text

    assert run(factory(), work) == "nothing"
    told = "reset='start', env={'WANDB_API_KEY': 'told'}"
    assert run(factory(told), work) == "told"


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ("reset='begin'", UserError, "the MCP server has no tool begin; it has"),
        ("state='dump'", (UserError, WorldError), "names no tool for reset"),
    ],
)
def test_a_wrong_description_is_one_sentence(
    factory: Callable[..., str], options: str, error: Any, words: str
) -> None:
    with pytest.raises(error, match=words):
        run(factory(options), lambda worlds: played(worlds, "."))


def test_a_server_that_does_not_start_is_named(
    factory: Callable[..., str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([factory(server=tmp_path / "nowhere.py")]) == 2
    error = capsys.readouterr().err
    assert "nowhere.py" in error
    assert "cannot be spoken to" in error
    assert len(error.strip().splitlines()) == 1
