"""Toolworld live: the same tasks everywhere, sound by search, and references that earn 1."""

from __future__ import annotations

import asyncio
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice, product
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.calls import Call, Reason, parse, render
from egpo_verl.datasets.parquet.rows import SCHEMA
from egpo_verl.envs.__main__ import main as envs
from egpo_verl.envs.play import Message, Outcome, Policy, play, replay_of
from egpo_verl.envs.protocol import state_of, state_text
from egpo_verl.envs.rows import script_of
from egpo_verl.envs.worlds import Worlds
from egpo_verl.preprocess import main as preprocess
from egpo_verl.reward import compute_score
from egpo_verl.toolworld import SPLITS
from egpo_verl.toolworld.live import (
    KINDS,
    SERVICES,
    Library,
    Task,
    demonstrations,
    generate,
    problems,
)
from egpo_verl.toolworld.live.rows import rows
from egpo_verl.toolworld.live.spec import Adds

FINGERPRINT = "747560fffb545b76"
LIBRARY = "egpo_verl.toolworld.live:Library"

tasks = st.builds(
    lambda seed, split, kind: next(generate(1, seed, split, (kind,))),
    st.integers(0, 10**6),
    st.sampled_from(SPLITS),
    st.sampled_from(KINDS),
)


def test_rows_are_those_of_every_other_machine_and_python() -> None:
    # A changed digest means changed tasks: older runs are no longer comparable.
    made = [row for split in SPLITS for row in rows(60, 0, split)]
    taught = [one.messages for one in demonstrations(40, 0, slips=0.2)]
    digest = hashlib.sha256(json.dumps([made, taught]).encode()).hexdigest()[:16]
    assert digest == FINGERPRINT


def test_a_world_needs_neither_torch_nor_arrow_and_tasks_not_the_hash_seed() -> None:
    program = (
        "import sys; from egpo_verl.toolworld.live import generate; "
        "print([task.script for task in generate(20, 7)]); "
        "sys.exit(bool({'torch', 'transformers', 'pyarrow'} & set(sys.modules)))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {f"{[task.script for task in generate(20, 7)]}\n"}


def test_a_task_depends_on_seed_split_kind_and_place_alone() -> None:
    texts = [task.script for task in generate(40, 3, "test")]
    assert texts[:12] == [task.script for task in generate(12, 3, "test")]
    alone = [task.script for task in generate(40, 3, "test", ("missing_tool",))]
    assert texts[2::4] == alone[2::4]
    assert texts[2::4] != [task.script for task in islice(generate(40, 4, "test"), 2, None, 4)]


def test_kinds_take_turns() -> None:
    assert Counter(task.kind for task in generate(400)) == dict.fromkeys(KINDS, 100)
    some = ("base", "missing_tool")
    assert Counter(task.kind for task in generate(9, kinds=some)) == {"base": 5, "missing_tool": 4}


@pytest.mark.parametrize("max_turns", [1, 2, 3])
def test_dialogues_may_be_short(max_turns: int) -> None:
    kinds = KINDS if max_turns > 1 else ("base", "long_context")
    made = list(generate(120, 0, "test", kinds, max_turns))
    lengths = Counter(len(task.turns) for task in made if task.kind == "base")
    assert set(lengths) == set(range(1, max_turns + 1))
    assert all(len(task.turns) <= max_turns for task in made)
    assert [task.script for task in generate(120, 0, "test", kinds, 4)] != [
        task.script for task in made
    ]


def test_no_dialogue_and_no_open_value_of_train_stands_in_a_test_split() -> None:
    train = list(generate(1200))
    words, values = dialogues(train), stated(train)
    assert len(values) > 500
    for split in ("test", "test_hard"):
        test = list(generate(300, 1, split))
        assert not words & dialogues(test)
        assert not values & stated(test)


def test_only_the_hard_test_knows_the_held_out_services() -> None:
    held_out = {service.kind for service in SERVICES if service.held_out}
    assert 2 * len(held_out) <= len(SERVICES) - len(held_out)
    for split in SPLITS:
        kinds = {task.service.kind for task in generate(200, 0, split)}
        assert kinds == held_out if split == "test_hard" else not kinds & held_out
    names = {held: tools_of(held) for held in (True, False)}
    assert not names[True] & names[False]


@given(tasks)
@settings(max_examples=60, deadline=None)
def test_tasks_are_sound(task: Task) -> None:
    assert list(problems(task)) == []


@given(tasks)
@settings(max_examples=60, deadline=None)
def test_an_argument_is_stated_or_read_from_an_earlier_result(task: Task) -> None:
    world, shown, text = task.world(), "", ""
    for turn in task.turns:
        text += turn.text
        for call in turn.calls:
            for value in call.arguments.values():
                assert f'"{value}"' in shown or str(value) in text
            shown += json.dumps(getattr(world, call.name)(**call.arguments))


@given(tasks)
@settings(max_examples=60, deadline=None)
def test_kinds_are_what_bfcl_measures(task: Task) -> None:
    assert 1 <= len(task.turns) <= 4
    calls = [list(turn.calls) for turn in task.turns]
    late = [turn.new_tool for turn in task.turns]
    if task.kind in ("base", "long_context"):
        assert all(calls)
        assert not any(late)
        world = task.world()
        results = [getattr(world, call.name)(**call.arguments) for turn in calls for call in turn]
        logs = ["log" in result for result in results]
        assert any(logs) == (task.kind == "long_context" and any("log" in one for one in results))
        return
    assert [bool(turn) for turn in calls[-2:]] == [False, True]
    if task.kind == "missing_tool":
        assert late[-1] in task.turns[-1].text
        assert late[-1] in [call.name for call in calls[-1]]
        assert late[-1] not in [call.name for turn in calls[:-1] for call in turn]
        return
    slot = task.turns[-2].missing_slot
    assert slot is not None
    value = task.turns[-1].wishes[0].values[slot.name]
    assert str(value) in task.turns[-1].text
    assert str(value) not in task.turns[-2].text


def test_dialogues_chain_calls_and_use_every_tool() -> None:
    made = list(generate(600, 0, kinds=("base",)))
    shares = Counter(len(task.turns) for task in made)
    assert set(shares) == {1, 2, 3, 4}
    assert max(len(turn.calls) for task in made for turn in task.turns) >= 3
    called = {call.name for task in made for turn in task.turns for call in turn.calls}
    assert called == tools_of(False)
    assert len({turn.text for task in made for turn in task.turns}) > 1000


def test_a_reference_that_does_something_else_is_found() -> None:
    task = next(task for task in generate(50, 0, kinds=("base",)) if changes(task))
    wrong = replace(task.replay, states=[state + " " for state in task.replay.states])
    assert next(problems(replace(task, replay=wrong))) == (
        "turn 0: the reference does not do what was meant."
    )


def test_a_reference_that_calls_in_vain_is_found() -> None:
    task = next(
        task
        for task in generate(300, 0, kinds=("base",))
        if [wish.step.tool for wish in task.turns[-1].wishes] == ["add_hours"]
    )
    (wish,) = task.turns[-1].wishes
    last = replace(task.turns[-1], wishes=(replace(wish, values={"hours": 0}),))
    states = [*task.replay.states[:-1], task.replay.states[-2]]
    vain = replace(task, turns=(*task.turns[:-1], last), replay=replace(task.replay, states=states))
    assert list(problems(vain)) == [f"turn {len(task.turns) - 1}: fewer calls do it."]


def test_a_way_around_a_missing_tool_is_found() -> None:
    class Loose(Library):
        """Has two tools that lend."""

        def hand_out(self, book: str, member: str) -> dict[str, Any]:
            """Lend too."""
            return self.lend(book, member)

    task = next(
        task
        for task in generate(300, 0, kinds=("missing_tool",))
        if task.turns[-1].new_tool == "lend"
    )
    lend = task.service.step("lend")
    assert isinstance(lend.effect, Adds)
    loose = replace(
        task.service, kind=Loose, steps=(*task.service.steps, replace(lend, tool="hand_out"))
    )
    ways = list(problems(replace(task, service=loose)))
    assert ways == [f"turn {len(task.turns) - 2}: there is a way around lend."]


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.kind.__name__)
def test_a_lookup_changes_nothing_and_a_refused_call_neither(service: Any) -> None:
    split = "test_hard" if service.held_out else "train"
    task = next(task for task in generate(100, 5, split) if task.service is service)
    world = task.world()
    # A state has a private name, since every public method of a world is a tool.
    before = json.dumps(world._state())
    for tool in service.tools:
        for value in ("nothing", *strings(task.row)):
            arguments = {
                name: 1 if schema["type"] == "integer" else value
                for name, schema in tool["parameters"]["properties"].items()
            }
            try:
                getattr(world, tool["name"])(**arguments)
            except ValueError:
                assert json.dumps(world._state()) == before
            else:
                if service.step(tool["name"]).effect is None:
                    assert json.dumps(world._state()) == before
                else:
                    world = task.world()


def test_the_command_finds_every_row_ready(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.jsonl"
    made = [row for split in SPLITS for row in rows(8, 2, split)]
    file.write_text("".join(json.dumps(row) + "\n" for row in made))
    assert envs([LIBRARY, "--rows", str(file)]) == 0
    printed = capsys.readouterr().out
    assert "rows that are ready             │     24" in printed
    assert "rows that earn 1 without a call │      0" in printed
    assert "is not told" not in printed, "every tool and parameter is described"


@given(tasks)
@settings(max_examples=30, deadline=None)
def test_every_further_change_leaves_another_state(task: Task) -> None:
    world = played(task)
    assert state_text(state_of(world)) == task.replay.states[-1]
    for tool in task.service.tools:
        if task.service.step(tool["name"]).effect is None:
            continue
        schemas = tool["parameters"]["properties"].items()
        texts = strings(state_of(world))
        for values in product(*([3] if one["type"] == "integer" else texts for _, one in schemas)):
            arguments = {name: value for (name, _), value in zip(schemas, values, strict=True)}
            try:
                getattr(world, tool["name"])(**arguments)
            except ValueError:
                continue
            assert state_text(state_of(world)) != task.replay.states[-1]
            world = played(task)


def test_the_episode_on_the_page_is_the_first_test_row() -> None:
    page = (Path(__file__).parents[1] / "docs" / "toolworld_live.md").read_text()
    task = next(generate(1, 0, "test"))
    world, lines = task.world(), []
    for turn in task.turns:
        lines += [f"user: {turn.text}", f"assistant: {render(turn.calls)}"]
        results = [getattr(world, call.name)(**call.arguments) for call in turn.calls]
        lines += [*(f"tool: {json.dumps(result)}" for result in results), "assistant: Done."]
    assert "\n".join([*lines, "earns: 1 (right)"]) in page


def test_one_change_too_many_loses() -> None:
    library = next(service for service in SERVICES if service.kind is Library)
    chosen = [task for task in generate(80, 0, kinds=("base",)) if task.service is library][:4]

    async def earned() -> list[tuple[float, Outcome]]:
        async with Worlds(LIBRARY) as worlds:
            return [await play_both(task, worlds) for task in chosen]

    assert len(chosen) == 4
    for right, wrong in asyncio.run(earned()):
        assert right == 1.0
        assert wrong.score["score"] == 0.0
        assert wrong.reason is Reason.WRONG_STATE


async def play_both(task: Task, worlds: Worlds) -> tuple[float, Outcome]:
    """The score of the reference, and what comes of it with one change more at its end."""
    replay = await replay_of(task.script, worlds)
    texts = [list(turn_texts(turn.calls)) for turn in task.turns]
    right = await play(task.script, worlds, reciting(texts), replay)
    texts[-1].insert(1, f"<think>x</think>\n{render([one_more(task)])}")
    return float(right.score["score"]), await play(task.script, worlds, reciting(texts), replay)


def one_more(task: Task) -> Call:
    """A call that changes the world in which the reference has been played."""
    state = task.states[-1]
    lent = {loan["book"] for loan in state["loans"].values()}
    free = next(book for book in state["books"] if book not in lent)
    return Call("lend", {"book": free, "member": "Nobody"})


def turn_texts(calls: tuple[Call, ...]) -> Iterator[str]:
    yield f"<think>x</think>\n{render(calls)}"
    yield "<think>x</think>\nDone."


def reciting(texts: list[list[str]]) -> Policy:
    answers = iter([text for turn in texts for text in turn])

    async def policy(messages: list[dict[str, str]]) -> Message:
        return Message(next(answers))

    return policy


def test_a_careful_teacher_is_always_right() -> None:
    made = list(demonstrations(120, 0))
    assert {one.reason for one in made} == {Reason.OK}
    for one in made:
        assert one.messages[0][0][-1]["content"] == one.task.turns[0].text
        answers = [response.partition("</think>\n")[2] for _, response in one.messages]
        calls = [call for answer in answers for call in parse(answer)[0] or ()]
        assert calls == [call for turn in one.task.turns for call in turn.calls]
        prompt, _ = one.messages[-1]
        assert "<think>" not in json.dumps(prompt[1:]), "earlier thoughts are gone"
        assert len([m for m in prompt if m["role"] == "tool"]) == len(calls)


def test_dialogues_cut_into_rows_of_a_single_turn(tmp_path: Path) -> None:
    """A row for each message of a right dialogue; its own reference earns 1, any other call 0."""
    sizes = ["--num_train", "40", "--num_test", "8"]
    command = ["toolworld_live", "--local_save_dir", str(tmp_path), "--seed", "3", *sizes]
    assert preprocess([*command, "--single_turn"]) == 0
    for split, size in (("train", 40), ("test_hard", 8)):
        cut = pq.read_table(tmp_path / f"single_turn_{split}.parquet").to_pylist()
        dialogues = list(demonstrations(size, 3, split))
        assert [row["prompt"] for row in cut] == [
            prompt for one in dialogues for prompt, _ in one.messages
        ]
        for row in cut:
            info, truth = row["extra_info"], row["reward_model"]["ground_truth"]
            calls = [Call(call["name"], call["arguments"]) for call in json.loads(truth)]
            answer = render(calls) if calls else "I stop here."
            other = "I stop here." if calls else render([Call("find", {"title": "x"})])
            score = partial(compute_score, row["data_source"], ground_truth=truth, extra_info=info)
            assert score(f"<think>x</think>\n{answer}")["score"] == 1
            assert score(f"<think>x</think>\n{other}")["score"] == 0
        kinds = {json.loads(row["extra_info"]["facts"])["kind"] for row in cut}
        assert kinds == set(KINDS)
    assert "rows of a single turn" in (tmp_path / "report.md").read_text(encoding="utf-8")
    before = pq.read_table(tmp_path / "train.parquet")
    assert preprocess(command) == 0
    assert pq.read_table(tmp_path / "train.parquet").equals(before)
    assert not list(tmp_path.glob("single_turn_*")), "an earlier job's files are gone"


def test_careless_teachers_fail_more_often_and_in_every_way() -> None:
    shares = []
    reasons = Counter[Reason]()
    for slips in (0.1, 0.3, 0.6):
        made = list(demonstrations(200, 1, slips=slips))
        reasons.update(one.reason for one in made)
        shares.append(sum(one.reason is Reason.OK for one in made) / 200)
    assert shares == sorted(shares, reverse=True)
    assert 0 < shares[2] < 0.25 < shares[1] < shares[0] < 1
    assert {Reason.WRONG_STATE, Reason.CALL_NOT_WANTED, Reason.RESULT_NOT_SEEN} < set(reasons)
    assert [one.messages for one in demonstrations(9, 1, slips=0.6)] == [
        one.messages for one in islice(made, 9)
    ]


def test_preprocess_writes_rows_for_verl(tmp_path: Path) -> None:
    command = ["toolworld_live", "--local_save_dir", str(tmp_path), "--seed", "3"]
    assert preprocess([*command, "--num_train", "12", "--num_test", "8"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "manifest.json",
        "report.md",
        "train.parquet",
        "test.parquet",
        "test_hard.parquet",
    }
    for split, size in (("train", 12), ("test", 8), ("test_hard", 8)):
        table = pq.read_table(tmp_path / f"{split}.parquet")
        assert table.schema.equals(SCHEMA)
        written = table.to_pylist()
        assert written == list(rows(size, 3, split))
        assert [script_of(row) for row in written] == [
            task.script for task in generate(size, 3, split)
        ]
        kinds = Counter(json.loads(row["extra_info"]["facts"])["kind"] for row in written)
        assert kinds == dict.fromkeys(KINDS, size // 4)
        assert {row["data_source"] for row in written} == {"toolworld_live"}
    assert "missing_value" in (tmp_path / "report.md").read_text()
    more = ["--kinds", "base", "long_context", "--by_kind", "--call_form", "hermes"]
    assert preprocess([*command, "--num_train", "2", "--num_test", "2", *more]) == 0
    again = pq.read_table(tmp_path / "train.parquet").to_pylist()
    assert [row["data_source"] for row in again] == [
        "toolworld_live_base",
        "toolworld_live_long_context",
    ]
    assert "<tool_call>" in again[0]["prompt"][0]["content"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--num_train", "0"], "whole number above 0"),
        (["--kinds", "hard"], "invalid choice: 'hard'"),
        (["--max_turns", "5"], "invalid choice: 5"),
        (
            ["--max_turns", "1"],
            "base, missing_value, missing_tool, long_context take 2; allow more",
        ),
        (["--local_save_dir", "/proc/no/where"], "choose another --local_save_dir"),
    ],
)
def test_a_wrong_command_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    command = ["toolworld_live", "--local_save_dir", str(tmp_path / "out"), *words]
    try:
        code = preprocess(command)
    except SystemExit as exit_:
        code = exit_.code
    assert code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options",
    [
        {"n": -1},
        {"split": "dev"},
        {"kinds": ()},
        {"kinds": ("x",)},
        {"max_turns": 5},
        {"max_turns": 1},
        {"max_turns": 0, "kinds": ("base",)},
    ],
)
def test_what_there_is_not_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"give 0 or more|choose|take \d to 4"):
        generate(**{"n": 1, **options})


def played(task: Task) -> Any:
    """The world after the reference."""
    world = task.world()
    for turn in task.turns:
        for call in turn.calls:
            getattr(world, call.name)(**call.arguments)
    return world


def dialogues(made: list[Task]) -> set[tuple[str, ...]]:
    return {tuple(turn.text for turn in task.turns) for task in made}


def stated(made: list[Task]) -> set[str]:
    """The texts that users state, those of closed lists left out."""
    values = {
        value
        for task in made
        for turn in task.turns
        for wish in turn.wishes
        for value in wish.values.values()
        if isinstance(value, str)
    }
    return {value for value in values if not value.endswith("day")}


def changes(task: Task) -> bool:
    return task.states[0] != task.states[-1]


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings(part)]
    return [value] if isinstance(value, str) else []


def tools_of(held_out: bool) -> set[str]:
    return {
        tool["name"]
        for service in SERVICES
        if service.held_out == held_out
        for tool in service.tools
    }
