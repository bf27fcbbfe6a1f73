"""How rows are split: dialogues stay whole, and data of one tool set is split all the same."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.datasets.parquet.rows import from_row
from egpo_verl.preprocess import main

Rows = dict[str, list[dict[str, Any]]]
Convert = Callable[..., Rows]


def tool(name: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def call(name: str, n: int) -> dict[str, Any]:
    function = {"name": name, "arguments": json.dumps({"n": n})}
    return {"role": "assistant", "tool_calls": [{"type": "function", "function": function}]}


def dialogue(names: list[str], number: int, offered: list[str] | None = None) -> dict[str, Any]:
    """A question for each name, answered by a call of it and a tool's result."""
    messages: list[dict[str, Any]] = []
    for turn, name in enumerate(names):
        messages.append({"role": "user", "content": f"Question {turn} of dialogue {number}?"})
        messages.append(call(name, 100 * number + turn))
        messages.append({"role": "tool", "content": "done"})
    return {"messages": messages, "tools": [tool(name) for name in offered or sorted(set(names))]}


SHOP = ["order", "refund", "search", "cancel"]


def shop(count: int) -> list[dict[str, Any]]:
    """Dialogues of two to four turns, all with the tools of one shop."""
    return [
        dialogue([SHOP[(n + turn) % 4] for turn in range(2 + n % 3)], n, SHOP) for n in range(count)
    ]


def dialogues(rows: list[dict[str, Any]]) -> set[int]:
    return {row["extra_info"]["index"] for row in rows}


@pytest.mark.parametrize("seed", ["0", "1", "2"])
def test_a_random_split_keeps_dialogues_whole(convert: Convert, seed: str) -> None:
    files = convert(shop(40), "--split_by", "random", "--test_size", "0.1", "--seed", seed)
    train, test = files["train"], files["test"]
    assert not dialogues(train) & dialogues(test)
    assert dialogues(train) | dialogues(test) == set(range(40))
    assert 0.05 * 119 < len(test) <= 0.1 * 119 + 1
    prompts = "".join(message["content"] for row in train for message in row["prompt"])
    for row in test:
        (reference,) = from_row(row).calls
        assert f"(n={reference.arguments['n']})" not in prompts


def test_dialogues_larger_than_the_test_file_leave_one_for_it(convert: Convert) -> None:
    files = convert(shop(3), "--split_by", "random", "--test_size", "0.05")
    assert len(dialogues(files["test"])) == 1
    assert len(dialogues(files["train"])) == 2


def test_one_dialogue_cannot_be_split(
    convert: Convert, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    convert(shop(3))
    paths = ["--local_dataset_path", str(tmp_path / "in.jsonl"), "--local_save_dir", "never"]
    assert main(["openai", *paths, "--max_samples", "1"]) == 2
    assert "--test_size 0" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--irrelevance", "--mask_names", "--shuffle_tools"])
def test_a_random_split_can_be_augmented(convert: Convert, option: str) -> None:
    rows = [dialogue([f"f{n % 7}"], n, [f"f{n % 7}", f"f{(n + 1) % 7}"])] if (n := 0) else []
    rows = [dialogue([f"f{n % 7}"], n, [f"f{n % 7}", f"f{(n + 1) % 7}"]) for n in range(60)]
    files = convert(rows, "--split_by", "random", option, "0.5")
    assert len(files["train"]) + len(files["test"]) == 60

    def changed(rows: list[dict[str, Any]]) -> list[Any]:
        return [row for row in rows if "augmented" in row["extra_info"]["facts"]]

    assert 10 < len(changed(files["train"])) < 50
    assert not changed(files["test"])


def test_data_of_one_tool_set_is_split_by_dialogues_and_says_so(
    convert: Convert, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = convert(shop(40))
    assert sum(map(len, files.values())) == 119
    assert not dialogues(files["train"]) & dialogues(files["test"])
    for text in (capsys.readouterr().out, (tmp_path / "out" / "report.md").read_text()):
        flat = " ".join(text.split())
        assert "dialogues were split at random" in flat
        assert "| split by | random |" in flat or "split by │ random" in flat


def test_where_tools_can_be_held_out_they_are(convert: Convert, tmp_path: Path) -> None:
    files = convert([dialogue([f"f{n % 20}"] * 2, n) for n in range(60)])
    called = {
        name: {made.name for row in rows for made in from_row(row).calls}
        for name, rows in files.items()
    }
    assert not called["train"] & called["test"]
    assert "| split by | tool_set |" in (tmp_path / "out" / "report.md").read_text()


def test_a_split_that_leaves_out_much_is_a_warning(convert: Convert, tmp_path: Path) -> None:
    rows = [dialogue([f"f{n % 6}", f"f{(n + 1) % 6}"], n) for n in range(60)]
    files = convert(rows, "--split_by", "tool_set")
    lost = 120 - sum(map(len, files.values()))
    assert lost > 12
    report = (tmp_path / "out" / "report.md").read_text()
    assert f"leaves out {lost} of 120 rows" in report
    assert "--split_by random keeps them" in report
    lines = (tmp_path / "out" / "dropped.jsonl").read_text().splitlines()
    left_out = [(line["index"], line["turn"], line["reason"]) for line in map(json.loads, lines)]
    written = dialogues(files["train"] + files["test"])
    missing = [(number, turn) for number in range(60) if number not in written for turn in (1, 4)]
    assert left_out == [(*row, "spans_split") for row in missing]


def test_without_a_test_file_all_rows_are_trained_on(convert: Convert) -> None:
    files = convert(shop(5), "--test_size", "0")
    assert list(files) == ["train"]
    assert dialogues(files["train"]) == set(range(5))
    assert {row["extra_info"]["split"] for row in files["train"]} == {"train"}


def test_an_existing_split_is_kept(convert: Convert, tmp_path: Path) -> None:
    both, test_file = shop(8), tmp_path / "own.jsonl"
    test_file.write_text("".join(json.dumps(row) + "\n" for row in both[6:]), "utf-8")
    files = convert(both[:7], "--local_test_path", test_file, "--mask_names", "0.5")
    assert dialogues(files["test"]) == {0, 1}
    assert len(files["test"]) == sum(len(row["messages"]) // 3 for row in both[6:])
    assert {row["extra_info"]["split"] for row in files["test"]} == {"test"}
    assert dialogues(files["train"]) == set(range(6)), "row 6 is a row of the test file too"


@pytest.mark.parametrize("broken", ["own.jsonl", "in.jsonl"])
def test_an_existing_split_of_which_a_side_is_empty_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broken: str
) -> None:
    for name in ("own.jsonl", "in.jsonl"):
        rows = [{"messages": "x", "tools": []}] if name == broken else shop(3)
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    paths = ["--local_dataset_path", str(tmp_path / "in.jsonl")]
    paths += ["--local_test_path", str(tmp_path / "own.jsonl")]
    assert main(["openai", *paths, "--local_save_dir", str(tmp_path / "out")]) == 2
    assert f"no row of {tmp_path / broken} is left" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_existing_split_cannot_be_split_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["openai", "--local_dataset_path", "a", "--local_save_dir", str(tmp_path / "out")]
    assert main([*words, "--local_test_path", "b", "--test_size", "0.1"]) == 2
    assert "--local_test_path is the test file" in capsys.readouterr().err
    for way in ("tool_set", "random"):
        assert main([*words, "--local_test_path", "b", "--split_by", way]) == 2
        assert "--local_test_path is the split; leave --split_by out" in capsys.readouterr().err


def once_per_turn(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every dialogue as several rows: to the end of its first turn, of its second, and so on."""
    return [
        {**row, "messages": row["messages"][: end + 1]}
        for row in rows
        for end, message in enumerate(row["messages"])
        if message["role"] == "assistant"
    ]


def conversations(rows: list[dict[str, Any]]) -> set[str]:
    """The first questions, each of one conversation."""
    return {row["prompt"][1]["content"] for row in rows}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("way", ["random", "tool_set"])
def test_a_dialogue_given_once_per_turn_is_on_one_side_whole(
    convert: Convert, way: str, order: int
) -> None:
    of_many_tools = [dialogue([f"f{n % 20}"] * 3, n) for n in range(40)]
    whole = shop(40) if way == "random" else of_many_tools
    files = convert(once_per_turn(whole)[::order], "--split_by", way, "--test_size", "0.2")
    assert not conversations(files["train"]) & conversations(files["test"])
    assert sum(map(len, files.values())) == sum(len(row["messages"]) // 3 for row in whole)


def test_turns_before_the_last_may_be_history_only_and_thoughts_left_out(convert: Convert) -> None:
    """As exports of agents have it: the last turn of each row is the one to learn from."""
    rows = once_per_turn(shop(30))
    for row in rows:
        *earlier, last = row["messages"]
        row["messages"] = [*({**message, "weight": 0} for message in earlier), last]
        last["content"] = "<think>So.</think>"
    files = convert(rows, "--split_by", "random", "--test_size", "0.2")
    assert len(conversations(files["test"])) > 1
    assert not conversations(files["train"]) & conversations(files["test"])


def test_a_growing_dialogue_of_one_sample_rows_stays_whole(tmp_path: Path) -> None:
    """ToolRL's rows: one turn each, the history as a text."""
    listing = (
        "**Available Tools**\n1. Name: f\nDescription: x\nParameters: {}\n**Steps for Each Turn**"
    )
    called = '<tool_call>\n{"name": "f", "parameters": {}}\n</tool_call>'
    rows = []
    for number in range(20):
        history = f"<user>Question {number}?</user>"
        for _ in range(3):
            rows.append({"instruction": listing, "input": history, "output": called})
            history += f"{called}<obs>done</obs>"
    source, out = tmp_path / "in.jsonl", tmp_path / "out"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    paths = ["--local_dataset_path", str(source), "--local_save_dir", str(out)]
    assert main(["toolrl", *paths, "--split_by", "random", "--test_size", "0.2"]) == 0
    sides = [pq.read_table(out / f"{name}.parquet").to_pylist() for name in ("train", "test")]
    assert list(map(len, sides)) == [48, 12]
    assert not conversations(sides[0]) & conversations(sides[1])


@pytest.mark.parametrize("ends", [(3, 9), (9, 3), (6, 6)])
def test_training_rows_of_a_dialogue_of_the_own_test_file_are_left_out(
    convert: Convert, tmp_path: Path, ends: tuple[int, int]
) -> None:
    """The test file's dialogue goes further, or less far, or has other tools."""
    both = [dialogue(["order", "refund", "search"], n, SHOP) for n in range(6)]
    test_file = tmp_path / "own.jsonl"
    here, there = ends
    test = [
        {"messages": row["messages"][:there], "tools": [*row["tools"], tool("more")]}
        for row in both[:2]
    ]
    test_file.write_text("".join(json.dumps(row) + "\n" for row in test), "utf-8")
    train = [{**row, "messages": row["messages"][:here]} for row in both]
    files = convert(train, "--local_test_path", test_file)
    assert dialogues(files["train"]) == {2, 3, 4, 5}
    lines = (tmp_path / "out" / "dropped.jsonl").read_text().splitlines()
    left_out = [(line["index"], line["reason"]) for line in map(json.loads, lines)]
    assert left_out == [(row, "test_dialogue") for row in (0, 1) for _ in range(here // 3)]
    report = (tmp_path / "out" / "report.md").read_text()
    assert f"| left out: of a dialogue of the test file | {2 * here // 3} |" in report


def test_an_own_test_file_with_all_dialogues_leaves_nothing_to_train_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = shop(4)
    first = [{**row, "messages": row["messages"][:3], "tools": row["tools"][:2]} for row in whole]
    for name, rows in (("train", first), ("own", whole)):
        (tmp_path / name).with_suffix(".jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows), "utf-8"
        )
    paths = ["--local_dataset_path", str(tmp_path / "train.jsonl"), "--local_test_path"]
    words = [*paths, str(tmp_path / "own.jsonl"), "--local_save_dir", str(tmp_path / "out")]
    assert main(["openai", *words]) == 2
    assert "every training row is of a dialogue of the test file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_the_history_calls_is_seen_in_training(convert: Convert) -> None:
    """A turn of weight 0 is not learned from, but its call stands in the prompt."""
    rows = [dialogue([f"f{n % 20}", f"g{n // 3}"], n) for n in range(60)]
    for row in rows:
        row["messages"][1]["weight"] = 0
        row["tools"] = [tool(f"f{n}") for n in range(20)] + [tool(f"g{n}") for n in range(20)]
    files = convert(rows, "--split_by", "tool_set", "--test_size", "0.2")
    seen = {
        name: {word for row in rows for word in re.findall(r"\b[fg]\d+", str(row["prompt"][1:]))}
        for name, rows in files.items()
    }
    assert seen["train"]
    assert seen["test"]
    assert not seen["train"] & seen["test"]
    offered = json.dumps([json.loads(row["extra_info"]["tools"]) for row in files["train"]])
    assert not seen["test"] & set(re.findall(r"\b[fg]\d+", offered))
