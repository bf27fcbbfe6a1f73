"""Live episodes on the page: what a person reads of messages, results, verdicts and the world."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egpo_verl.calls import Reason
from egpo_verl.envs.__main__ import main as play_rows
from egpo_verl.envs.history import History
from egpo_verl.envs.play import Message, Rules, play, replay_of
from egpo_verl.envs.prove import Proof
from egpo_verl.envs.recorded import write_episodes
from egpo_verl.envs.rows import row_of
from egpo_verl.envs.script import Script
from egpo_verl.envs.worlds import Worlds
from egpo_verl.inspect.__main__ import main
from egpo_verl.inspect.files import read_sample
from egpo_verl.inspect.page import content
from egpo_verl.inspect.schema import SCHEMA
from egpo_verl.inspect.state_diff import state_diff

EXAMPLES = Path(__file__).parents[1] / "examples"
SHOP = f"{EXAMPLES / 'shop.py'}:Shop"
SCRIPT = Script.from_mapping(
    {
        "row": {"stock": {"lamp": {"price": 20, "left": 5}}},
        "turns": [
            {"user": "Which lamps?", "reference": [
                {"name": "search", "arguments": {"query": "lamp"}}]},
            {"user": "Two, please, and pay.", "tools": ["pay"], "reference": [
                {"name": "add", "arguments": {"item": "lamp", "count": 2}}, {"name": "pay"}]},
        ],
    }
)  # fmt: skip
SEARCH, ADD, PAY = "[search(query='lamp')]", "[add(item='lamp', count={})]", "[pay()]"
RIGHT = [SEARCH, "There is one.", ADD.format(2), PAY, "Done."]


def record(path: Path, *episodes: Sequence[str], factory: str = SHOP, **rules: Any) -> Path:
    """A record of episodes in which a policy said these answers."""

    async def played(worlds: Worlds, answers: Sequence[str]) -> Proof:
        texts = [f"<think>A thought.</think>\n{answer}" for answer in answers]
        remaining = iter(texts)

        async def policy(messages: list[dict[str, str]]) -> Message:
            text = next(remaining, None)
            return Message(no_room=True) if text is None else Message(text)

        history, replay = History(), await replay_of(SCRIPT, worlds)
        outcome = await play(SCRIPT, worlds, policy, replay, Rules(**rules), history=history)
        return Proof(outcome=outcome, history=history, texts=texts[: outcome.counts.messages])

    async def work() -> None:
        async with Worlds(factory) as worlds:
            proofs = [await played(worlds, answers) for answers in episodes]
            row = row_of(SCRIPT, worlds.tools, "shop", 0)
            rows = [{**row, "extra_info": {**row["extra_info"], "index": n}} for n in range(9)]
            write_episodes(path, rows[: len(proofs)], proofs)

    asyncio.run(work())
    return path


def rollouts(path: Path) -> list[dict[str, Any]]:
    """What the page shows of each rollout."""
    shown = content(read_sample([path], limit=800, seed=0), "t", 0)
    return [one for prompt in shown["prompts"] for one in prompt["responses"]]


def lines(rollout: dict[str, Any]) -> list[tuple[str, str]]:
    """Each part of an episode by its role, and its text."""
    return [
        (
            part["role"],
            part["response"]["text"].partition("\n")[2] if "response" in part
            else part.get("text", part.get("reference")),
        )
        for part in rollout["episode"]["parts"]
    ]  # fmt: skip


def test_an_episode_is_read_from_its_first_turn_to_its_end(tmp_path: Path) -> None:
    (right,) = rollouts(record(tmp_path / "played.parquet", RIGHT))
    offer = '{"lamp": {"price": 20, "left": 5}}'
    assert lines(right) == [
        ("assistant", SEARCH),
        ("tool", offer),
        ("assistant", "There is one."),
        ("verdict", SEARCH),
        ("user", "Two, please, and pay."),
        ("assistant", ADD.format(2)),
        ("tool", '{"cart": {"lamp": 2}}'),
        ("assistant", PAY),
        ("tool", '{"paid": 40, "left": 60}'),
        ("assistant", "Done."),
        ("verdict", "[add(item='lamp', count=2), pay()]"),
    ]
    parts = right["episode"]["parts"]
    assert [part["right"] for part in parts if part["role"] == "verdict"] == [True, True]
    assert parts[4]["tools"] == ["pay"]
    assert (right["score"], right["reason"]) == (1.0, Reason.OK)
    assert right["episode"]["state"]["differing"] == []


def test_where_the_world_ends_elsewhere_the_difference_is_marked(tmp_path: Path) -> None:
    (wrong,) = rollouts(record(tmp_path / "x.parquet", [*RIGHT[:2], ADD.format(3), "Done."]))
    assert wrong["reason"] == Reason.WRONG_STATE
    last = wrong["episode"]["parts"][-1]
    assert (last["turn"], last["right"], last["reason"]) == (2, False, Reason.WRONG_STATE)
    differing = {one["name"]: one for one in wrong["episode"]["state"]["differing"]}
    assert {name: one["state"] for name, one in differing.items()} == {
        "budget": "different",
        "cart": "different",
        "paid": "different",
        "stock.lamp.left": "different",
    }
    assert (differing["budget"]["value"], differing["budget"]["expected"]) == ("100", ["60"])
    assert wrong["episode"]["unseen"] == [], "what changes tell, the state tells"


@pytest.mark.parametrize(
    ("answers", "rules", "reason", "verdicts"),
    [
        (RIGHT[:3], {}, Reason.NO_ROOM, [Reason.OK, Reason.NO_ROOM]),
        ([SEARCH, SEARCH], {"max_messages": 2}, Reason.TOO_MANY_MESSAGES, [82]),
        (["<think>Twice.</think>no"], {}, Reason.SECOND_THOUGHT, [Reason.SECOND_THOUGHT]),
        (
            ["Which?", ADD.format(2), PAY, "Done."],
            {"stop_at_failure": False},
            Reason.RESULT_NOT_SEEN,
            [Reason.RESULT_NOT_SEEN, Reason.OK],
        ),
    ],
)
def test_each_end_has_its_reason_and_the_world_as_it_was_then(
    tmp_path: Path, answers: list[str], rules: dict[str, Any], reason: Reason, verdicts: list[int]
) -> None:
    (one,) = rollouts(record(tmp_path / "x.parquet", answers, **rules))
    assert one["reason"] == reason
    shown = [part["reason"] for part in one["episode"]["parts"] if part["role"] == "verdict"]
    assert shown == verdicts
    assert one["episode"]["state"] is not None
    known = content(read_sample([tmp_path / "x.parquet"], 9, 0), "t", 0)["reasons"]
    assert {str(code) for code in verdicts} <= known.keys()


def test_the_command_writes_what_it_played_and_the_page_opens_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played, out = tmp_path / "played.parquet", tmp_path / "page.html"
    rows = str(EXAMPLES / "shop.jsonl")
    assert play_rows([SHOP, "--rows", rows, "--episodes", str(played)]) == 0
    assert "4 episodes are in" in capsys.readouterr().out
    assert pq.read_schema(played).equals(SCHEMA)
    assert main([str(played), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("14 responses: ")
    shown = rollouts(played)
    messages = [sum("response" in part for part in one["episode"]["parts"]) for one in shown]
    assert messages == [2, 6, 3, 3]
    assert "pay()" in shown[0]["calls"]["expected"], "the search of the page finds references"
    assert play_rows([SHOP, "--episodes", str(played)]) == 2
    assert "--episodes needs --rows" in capsys.readouterr().err


def test_a_reference_that_earns_nothing_is_written_to_be_looked_at(tmp_path: Path) -> None:
    rows, played = tmp_path / "rows.jsonl", tmp_path / "played.parquet"
    guess = {"name": "guess", "arguments": {"number": 4}}
    row = {"row": {"secret": 3}, "turns": [{"user": "Go.", "reference": [guess]}]}
    rows.write_text(json.dumps(row))
    command = ["envs_worlds:Game", "--rows", str(rows), "--episodes", str(played)]
    assert play_rows(command) == 2
    (one,) = rollouts(played)
    assert lines(one) == [
        ("assistant", "[guess(number=4)]"), ("tool", "lower"), ("assistant", "Done.")
    ]  # fmt: skip
    assert one["reason"] is None, "a world that scores itself has no reason"
    assert (one["episode"]["state"], one["episode"]["unseen"]) == (None, [])


def test_rollouts_of_a_group_stand_side_by_side_with_their_own_messages(tmp_path: Path) -> None:
    file = record(tmp_path / "x.parquet", RIGHT, ["Nothing."])
    rows = pq.read_table(file).to_pylist()
    for row in rows:
        row["key"] = f"uid_{row['key'].rpartition('_0_')[0]}_{row['key'].rpartition('_')[2]}"
    tenth = {**rows[0], "key": "uid_2_0", "episode": None}  # a single-turn answer
    pq.write_table(pa.Table.from_pylist([*reversed(rows), tenth], schema=SCHEMA), file)
    shown = content(read_sample([file], 800, 0), "t", 0)
    (prompt,) = shown["prompts"]
    assert [one["text"].count("<think>") for one in prompt["responses"]] == [1, 5, 1]
    assert ["episode" in one for one in prompt["responses"]] == [True, True, False]
    assert lines(prompt["responses"][1])[0] == ("assistant", SEARCH)
    assert (shown["shown"], shown["total"]["responses"]) == (7, 7)


def test_a_first_turn_that_the_recorded_prompt_does_not_show_opens_the_episode(
    tmp_path: Path,
) -> None:
    file = record(tmp_path / "x.parquet", RIGHT)
    hello = json.dumps([{"role": "user", "content": "Hello."}])
    rows = [{**row, "prompt": hello} for row in pq.read_table(file).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), file)
    assert lines(rollouts(file)[0])[0] == ("user", "Which lamps?")


def test_a_record_of_an_earlier_version_still_opens(tmp_path: Path) -> None:
    file = record(tmp_path / "x.parquet", RIGHT)
    pq.write_table(pq.read_table(file).drop_columns("episode"), file)
    assert ["episode" in one for one in rollouts(file)] == [False] * 5


def test_each_message_has_its_own_entropies_and_the_episode_their_mean(tmp_path: Path) -> None:
    file = record(tmp_path / "x.parquet", ["Which?"], RIGHT[:2])
    rows = pq.read_table(file).to_pylist()
    for number, row in enumerate(rows):
        tokens = row["response"].split(" ")
        row |= {
            "tokens": tokens,
            "token_entropy": [0.5 * number] * len(tokens),
            "thought": [True, *[False] * (len(tokens) - 1)],
            "generated": [True] * len(tokens),
            **{"base": -0.5, "entropy": 0.5 * number, "bonus": 0.1 * number, "clipped": 0.0},
            "cot_tokens": number,
        }
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), file)
    first, second = rollouts(file)
    assert first["egpo"]["entropy"] == 0
    messages = [part["response"] for part in second["episode"]["parts"] if "response" in part]
    assert [one["entropies"][0] for one in messages] == [0.5, 1.0]
    assert [one["egpo"]["bonus"] for one in messages] == [0.1, 0.2]
    assert second["egpo"]["entropy"] == pytest.approx((0.5 * 1 + 1.0 * 2) / 3, abs=1e-3)
    assert second["egpo"]["advantage"] == pytest.approx(-0.5 + (0.1 + 0.2 * 2) / 3, abs=1e-3)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@given(JSON, JSON)
def test_states_have_a_difference_exactly_where_they_are_not_equal(one: Any, other: Any) -> None:
    shown = state_diff(one, other)
    assert bool(shown.differing) is (json.dumps(one, sort_keys=True) != json.dumps(
        other, sort_keys=True
    ))  # fmt: skip
    assert state_diff(one, one).differing == []


def test_a_difference_is_named_by_its_place() -> None:
    state = {"a": [1, {"b": 2}], "c": {}, "d": "x"}
    expected = {"a": [1, {"b": 3}, 4], "c": {"e": None}}
    shown = state_diff(state, expected)
    assert [(one.name, one.value, one.expected, one.state) for one in shown.differing] == [
        ("a[1].b", "2", ["3"], "different"),
        ("a[2]", None, ["4"], "missing"),
        ("c", "{}", ['{"e": null}'], "different"),
        ("d", '"x"', [], "extra"),
    ]
    assert [one.name for one in shown.same] == ["a[0]"]
    assert state_diff(list(range(500)), list(range(500))).same_count == 500
