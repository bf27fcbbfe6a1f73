"""How rows are split: dialogues stay whole, and data of one tool set is split all the same."""

from __future__ import annotations

import json
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


@pytest.fixture
def convert(tmp_path: Path) -> Convert:
    def call(rows: list[dict[str, Any]], *words: str | Path) -> Rows:
        source, out = tmp_path / "in.jsonl", tmp_path / "out"
        source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        paths = ("--local_dataset_path", source, "--local_save_dir", out)
        assert main(["openai", *map(str, (*paths, *words))]) == 0
        return {path.stem: pq.read_table(path).to_pylist() for path in out.glob("*.parquet")}

    return call


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
    both, own = shop(8), tmp_path / "own.jsonl"
    own.write_text("".join(json.dumps(row) + "\n" for row in both[6:]), "utf-8")
    files = convert(both[:7], "--local_test_path", own, "--mask_names", "0.5")
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
