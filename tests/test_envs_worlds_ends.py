"""How worlds end: tools that take them down, `_close`, and texts that are no Unicode."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.calls import Reason
from egpo_verl.envs.check import Replay
from egpo_verl.envs.play import Message, Outcome, play
from egpo_verl.envs.script import Script
from egpo_verl.envs.world import Limits, WorldError
from egpo_verl.envs.worlds import Worlds

QUICK = Limits(tool=0.5)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where worlds keep their files."""
    monkeypatch.setenv("ENDINGS_FOLDER", str(tmp_path))
    return tmp_path


def run(name: str, work: Callable[[Worlds], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        async with Worlds(f"envs_endings:{name}", QUICK) as worlds:
            return await work(worlds)

    return asyncio.run(main())


async def played(worlds: Worlds, *answers: str, replay: Replay | None = None) -> Outcome:
    remaining = iter(answers)

    async def policy(messages: list[dict[str, str]]) -> Message:
        return Message(f"<think>So.</think>{next(remaining)}")

    row = Script.from_mapping({"turns": [{"user": "Go. "}]})
    return await play(row, worlds, policy, replay)


def told(outcome: Outcome) -> list[str]:
    return [message["content"] for message in outcome.dialogue if message["role"] == "tool"]


@pytest.mark.parametrize("tool", ["nap", "die", "spin"])
def test_a_tool_that_hangs_scores_0_where_the_environment_scores_itself_too(tool: str) -> None:
    outcome: Outcome = run("Scored", lambda worlds: played(worlds, f"[{tool}()]"))
    assert (outcome.reason, outcome.score["score"]) == (Reason.TOOL_HUNG, 0.0)


def test_what_came_before_a_call_that_hangs_stands_and_is_counted() -> None:
    calls = "[look(at=1), look(), die(), look(), look(at=2)]"
    outcome: Outcome = run("Scored", lambda worlds: played(worlds, calls))
    assert outcome.reason is outcome.ended_by is Reason.TOOL_HUNG
    refused, looked = told(outcome)
    assert ("does not declare: at" in refused, looked) == (True, "there")
    assert (outcome.counts.calls, outcome.counts.tool_errors) == (5, 1)


def test_a_world_is_closed_before_another_is_made_in_its_process(folder: Path) -> None:
    async def work(worlds: Worlds) -> list[int]:
        seen = [len(list(folder.iterdir()))]
        async with worlds.open() as world:
            for _ in range(3):
                await world.reset({})
                seen.append(len(list(folder.iterdir())))
        return [*seen, len(list(folder.iterdir()))]

    assert run("Patient", work) == [0, 1, 1, 1, 0], "the first one was asked for its tools"


@pytest.mark.parametrize("name", ["Patient", "Holder"])
def test_a_close_that_raises_is_told_once_and_harms_nothing(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def work(worlds: Worlds) -> None:
        assert caplog.records == [], "a world that was never reset has nothing to close"
        for _ in range(2):
            async with worlds.open() as world:
                await world.reset({"fails": "raises"})
                await world.reset({"fails": "raises"})
                assert await world.state() == "{}"

    with caplog.at_level(logging.WARNING, "verl.egpo"):
        run(name, work)
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("verl.egpo", "WARNING")
    text = record.getMessage()
    assert text.startswith("egpo_verl: ")
    assert f"envs_endings:{name}" in text
    assert "RuntimeError: no key to the door" in text


def test_a_close_that_hangs_ends_at_the_limit_of_a_tool(folder: Path) -> None:
    async def work(worlds: Worlds) -> str:
        async with worlds.open() as world:
            await world.reset({"fails": "hangs"})
            await world.reset({"fails": "hangs"})
            return await world.state()

    assert run("Patient", work) == "{}"


def test_what_a_world_says_is_unicode() -> None:
    async def work(worlds: Worlds) -> tuple[Outcome, str]:
        replay = Replay(['{"name": "state ?"}'], [frozenset()])
        calls = ["[odd(), nested(), fail()]", "Done."]
        async with worlds.open() as world:
            await world.reset({})
            return await played(worlds, *calls, replay=replay), await world.state()

    outcome, state = run("Odd", work)
    assert outcome.dialogue[0]["content"] == "Go. observed ?"
    assert told(outcome)[:2] == ["text ? \U0001f600", '["json ?"]']
    assert json.loads(told(outcome)[2]) == {"error": "ValueError: error ?"}
    assert json.loads(state) == {"name": "state ?"}
    assert outcome.reason is not Reason.WRONG_STATE
    json.dumps(outcome.dialogue, ensure_ascii=False).encode()


def test_a_world_that_its_own_tool_has_ended_breaks_when_it_is_looked_at() -> None:
    async def work(worlds: Worlds) -> None:
        async with worlds.open() as world:
            await world.reset({})
            with pytest.raises(Exception, match="process ended"):
                await world.call("die", {})
            await world.state()

    with pytest.raises(WorldError, match="state: the world's process ended"):
        run("Scored", work)
