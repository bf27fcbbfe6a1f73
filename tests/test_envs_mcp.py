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
ODD = SERVER.with_name("mcp_odd.py")
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
    def write(
        options: str = "reset='start', state='dump'", server: Path = SERVER, *told: str
    ) -> str:
        command = [sys.executable, str(server), str(servers), *told]
        (tmp_path / "shop.py").write_text(
            f"from egpo_verl.envs.mcp import mcp_world\nShop = mcp_world({command!r}, {options})\n"
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
    assert "TaskGroup" not in error
    assert "can't open file" in error, "what it wrote last"


def test_a_command_that_is_one_text_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.py").write_text(
        "from egpo_verl.envs.mcp import mcp_world\nShop = mcp_world('python server.py')\n"
    )
    assert main([f"{tmp_path / 'text.py'}:Shop"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "give a list" in line


async def called(worlds: Worlds, calls: str) -> tuple[Outcome, list[str]]:
    """An episode that nothing judges, and what its calls returned."""
    row = Script.from_mapping({"turns": [{"user": "Go."}]})
    answers = iter([calls, "Done."])

    async def policy(messages: list[dict[str, str]]) -> Message:
        return Message(f"<think>So.</think>{next(answers)}")

    outcome = await play(row, worlds, policy, None)
    return outcome, [one["content"] for one in outcome.dialogue if one["role"] == "tool"]


def test_tools_are_called_whatever_their_names_are(factory: Callable[..., str]) -> None:
    async def work(worlds: Worlds) -> None:
        names = [tool["name"] for tool in worlds.tools]
        assert names[3:] == ["class_", "_hidden", "_close_", "_3d_view", "crash"]
        _, told = await called(worlds, "[class_(), _hidden(), _close_(), _3d_view()]")
        assert told == ["class", "hidden", "closed", "viewed"]

    run(factory("reset='start'", ODD), work)


@pytest.mark.parametrize(
    ("tool", "state"),
    [
        ("plain", '{"class": 1, "hidden": 1}'),
        ("wrapped", '{"class": 1, "hidden": 1}'),
        ("words", '"seen: class, hidden"'),
    ],
)
def test_a_state_that_is_json_as_a_text_is_compared_as_json(
    factory: Callable[..., str], tool: str, state: str
) -> None:
    async def work(worlds: Worlds) -> str:
        async with worlds.open() as world:
            await world.reset({})
            await world.call("_hidden", {})
            await world.call("class_", {})
            return await world.state()

    assert run(factory(f"reset='start', state={tool!r}", ODD), work) == state


def test_a_tool_that_crashes_its_server_has_hung(
    factory: Callable[..., str], servers: Path
) -> None:
    async def work(worlds: Worlds) -> tuple[Outcome, list[str]]:
        return await called(worlds, "[_hidden(), crash(), _hidden()]")

    outcome, told = run(factory("reset='start', state='plain'", ODD), work)
    assert (outcome.reason, outcome.score["score"]) == (Reason.TOOL_HUNG, 0.0)
    assert told == ["hidden"]
    assert outcome.counts.tool_errors == 0
    assert living(servers) == []


@pytest.mark.parametrize("moment", ["reset", "state"])
def test_a_server_that_crashes_by_itself_fails_the_rollout(
    factory: Callable[..., str], moment: str
) -> None:
    async def work(worlds: Worlds) -> None:
        async with worlds.open() as world:
            await world.reset({})
            await world.state()

    words = f"{moment}: the MCP server has ended; its last words: first line / no {moment} today"
    with pytest.raises(WorldError, match=words):
        run(factory("reset='start', state='plain'", ODD, moment), work)


def test_a_server_that_ends_at_its_start_is_told_by_its_last_words(
    factory: Callable[..., str],
) -> None:
    words = "cannot be spoken to: Connection closed; its last words: first line / no start today"
    with pytest.raises(UserError, match=words):
        run(factory("reset='start'", ODD, "start"), lambda worlds: played(worlds, "."))
