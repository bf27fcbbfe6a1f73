"""Who gets which row: by tool set, at random, in given shares."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from egpo_verl.calls import ToolSet
from egpo_verl.datasets.checks.keys import beginnings
from egpo_verl.datasets.parquet.rows import from_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.selection.balance import Share, balanced
from egpo_verl.datasets.selection.dialogues import Dialogues
from egpo_verl.datasets.selection.index import KINDS, IntLists, RowIndex, kind_of
from egpo_verl.datasets.selection.split import split_by_tools, split_randomly
from egpo_verl.datasets.tools.names import Renaming, restore
from egpo_verl.errors import UserError
from egpo_verl.preprocess import main

TURNS = st.lists(st.sampled_from("ab"), min_size=1, max_size=4)


@given(st.lists(TURNS, max_size=12), st.integers(1, 5))
def test_rows_are_one_dialogue_where_a_chain_of_beginnings_joins_them(
    rows: list[list[str]], size: int
) -> None:
    """However many rows a chunk has."""
    dialogues, chunk = Dialogues(), Dialogues()
    for number, words in enumerate(rows):
        if number % size == 0:
            dialogues.update(chunk)
            chunk = Dialogues()
        roles = ["user", "assistant"] * 2
        messages = tuple({"role": r, "content": w} for r, w in zip(roles, words, strict=False))
        chunk.add(number, beginnings(Sample("own", (), (), (), dialogue=messages)))
    dialogues.update(chunk)
    expected = list(range(len(rows)))
    for one, words in enumerate(rows):
        for other, longer in enumerate(rows):
            if longer[: len(words)] == words:
                first, last = sorted((expected[one], expected[other]))
                expected = [first if number == last else number for number in expected]
    joined = dialogues.joined()
    assert [joined.get(number, number) for number in range(len(rows))] == expected


LETTERS = "abcdefghij"
# A row: its dialogue, the functions offered, and which of them it calls.
ROWS = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sets(st.sampled_from(LETTERS), min_size=1, max_size=4),
        st.integers(0, 2),
    ),
    min_size=2,
    max_size=40,
)


def index_of(rows: list[tuple[int, set[str], int]]) -> RowIndex:
    index = RowIndex()
    for group, offered, calls in sorted(rows, key=lambda row: row[0]):
        called = sorted(offered)[:calls]
        index.add(group, kind_of(len(called), len(offered)), sorted(offered), called)
    return index


@given(ROWS, st.floats(0.01, 0.9), st.integers(0, 5))
def test_no_row_calls_a_function_of_the_other_side(
    rows: list[tuple[int, set[str], int]], test_size: float, seed: int
) -> None:
    index = index_of(rows)
    everything = range(len(index))
    try:
        split = split_by_tools(index, everything, test_size, seed)
    except UserError:
        return
    assert split == split_by_tools(index, everything, test_size, seed)
    assert {"train", "test"} <= set(split.files) <= {"train", "test", ""}
    assert split.files.count("") == len(split.left_out)
    for row in everything:
        called = set(index.called[row])
        if split.files[row] == "test":
            assert called <= split.held_out
        elif split.files[row] == "train":
            assert not called & split.held_out
    sides: dict[int, set[str]] = {}
    for row in everything:
        sides.setdefault(index.groups[row], set()).add(split.files[row])
    assert all(len(files - {""}) < 2 for files in sides.values()), "a dialogue was torn"


def test_a_fair_set_is_split_in_the_asked_share_without_loss() -> None:
    index = RowIndex()
    for row in range(1000):
        name = f"f{row % 200}"
        index.add(row, "multiple", [name, f"f{(row * 7) % 200}"], [name])
    split = split_by_tools(index, range(1000), 0.1, 0)
    assert not split.left_out
    assert 90 <= split.files.count("test") <= 150
    other = split_by_tools(index, range(1000), 0.1, 1)
    assert other.held_out != split.held_out


def test_the_same_function_everywhere_cannot_be_held_out() -> None:
    index = index_of([(n, {"a"}, 1) for n in range(10)])
    with pytest.raises(UserError, match="--split_by random"):
        split_by_tools(index, range(10), 0.1, 0)


@pytest.mark.parametrize("calls", [True, False])
@pytest.mark.parametrize("test_size", [0.05, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("total", [2, 3, 10])
def test_rows_of_a_function_each_can_always_be_split(
    total: int, test_size: float, calls: bool
) -> None:
    """However few rows the test or the train file gets, and though none of them may call."""
    index = RowIndex()
    for row in range(total):
        index.add(row, "single" if calls else "no_call", [f"f{row}"], [f"f{row}"] if calls else [])
    split = split_by_tools(index, range(total), test_size, 0)
    assert set(split.files) == {"train", "test"}
    assert not split.left_out


def test_a_row_that_calls_nothing_is_tested_with_the_rows_that_call_its_function() -> None:
    index = RowIndex()
    for row in range(200):
        name = f"f{row // 2}"
        index.add(row, "single" if row % 2 else "no_call", [name], [name] if row % 2 else [])
    for seed in range(5):
        split = split_by_tools(index, range(200), 0.1, seed)
        assert not split.left_out


@given(st.integers(2, 60), st.floats(0.01, 0.99), st.integers(0, 3))
def test_a_random_split_has_the_asked_size(total: int, test_size: float, seed: int) -> None:
    index = index_of([(n, {"a"}, 1) for n in range(total)])
    files = split_randomly(index, range(total), test_size, seed).files
    size = min(max(1, round(test_size * total)), total - 1)
    assert Counter(files) == {"test": size, "train": total - size}


@given(ROWS, st.floats(0.01, 0.9), st.integers(0, 5))
def test_a_random_split_keeps_every_dialogue_on_one_side(
    rows: list[tuple[int, set[str], int]], test_size: float, seed: int
) -> None:
    index = index_of(rows)
    dialogues = Counter(index.groups)
    if len(dialogues) < 2:
        with pytest.raises(UserError, match="--test_size 0"):
            split_randomly(index, range(len(index)), test_size, seed)
        return
    files = split_randomly(index, range(len(index)), test_size, seed).files
    sides = {
        group: {files[row] for row, g in enumerate(index.groups) if g == group}
        for group in dialogues
    }
    assert {frozenset(names) for names in sides.values()} == {
        frozenset({"train"}),
        frozenset({"test"}),
    }
    test_rows = max(1, round(test_size * len(rows)))
    assert files.count("test") <= max(test_rows, min(dialogues.values()))


def test_int_lists_are_lists_of_lists() -> None:
    int_lists = IntLists()
    lists = [[1, 2], [], [3], [], [4, 5, 6]]
    for items in lists:
        int_lists.append(items)
    assert [list(int_lists[place]) for place in range(len(int_lists))] == lists


MIX = {"no_call": 40, "single": 100, "multiple": 200, "parallel": 60}


def mixed() -> RowIndex:
    index = RowIndex()
    for kind, count in MIX.items():
        for row in range(count):
            index.add(row, kind, ["a"], [])
    return index


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({"no_call": 0.1}, MIX),
        ({"no_call": 0.05}, {"no_call": 19, "single": 100, "multiple": 200, "parallel": 60}),
        ({"no_call": 0.0}, {"single": 100, "multiple": 200, "parallel": 60}),
        ({"parallel": 0.5}, {"parallel": 60}),
        (dict.fromkeys(KINDS, 0.25), dict.fromkeys(KINDS, 40)),
        ({"no_call": 0.2, "parallel": 0.3}, {"no_call": 40, "parallel": 60}),
    ],
)
def test_shares_are_reached_by_leaving_rows_out(
    shares: dict[str, float], expected: dict[str, int]
) -> None:
    index = mixed()
    rows = balanced(index, range(len(index)), [Share(*one) for one in shares.items()], 0)
    assert rows == sorted(set(rows))
    kinds = Counter(index.kind(row) for row in rows)
    for kind, count in expected.items():
        assert kinds[kind] == count
    for kind, share in shares.items():
        assert kinds[kind] == pytest.approx(share * len(rows), abs=1)


def test_a_share_without_rows_is_one_sentence() -> None:
    index = index_of([(0, {"a"}, 1), (1, {"b"}, 1)])
    with pytest.raises(UserError, match="no row is of that kind"):
        balanced(index, range(2), [Share("parallel", 0.5)], 0)
    with pytest.raises(UserError, match="below 1"):
        balanced(index, range(2), [Share("single", 0.5)], 0)


def xlam_file(path: Path, rows: int) -> Path:
    """Rows that call one or two of 40 functions, among distractors, with names to be renamed."""
    lines = []
    for row in range(rows):
        numbers = [row % 40, *((row * step) % 40 for step in (3, 7, 11))]
        tools = [
            {
                "name": f"Tool {number}",
                "description": f"Does {number}.",
                "parameters": {"the-value": {"type": "int"}},
            }
            for number in dict.fromkeys(numbers)
        ]
        called = [] if row % 10 == 9 else numbers[:1] * (1 + row % 2)
        answers = [
            {"name": f"Tool {number}", "arguments": {"the-value": row + place}}
            for place, number in enumerate(called)
        ]
        line = {
            "query": f"Question {row}",
            "tools": json.dumps(tools),
            "answers": json.dumps(answers),
        }
        lines.append(json.dumps(line))
    path.write_text("\n".join(lines))
    return path


def convert(tmp_path: Path, *more: str) -> dict[str, list[dict[str, Any]]]:
    tmp_path.mkdir(exist_ok=True)
    source = xlam_file(tmp_path / "in.jsonl", 400)
    paths = ("--local_dataset_path", str(source), "--local_save_dir", str(tmp_path / "out"))
    assert main(["xlam", *paths, *more]) == 0
    return {
        name: pq.read_table(tmp_path / "out" / f"{name}.parquet").to_pylist()
        for name in ("train", "test")
    }


def offered(rows: list[dict[str, Any]]) -> set[str]:
    return {tool["name"] for row in rows for tool in json.loads(row["extra_info"]["tools"])}


def test_no_function_of_the_test_file_is_in_the_train_file(tmp_path: Path) -> None:
    files = convert(tmp_path, "--test_size", "0.1")
    assert offered(files["test"])
    assert not offered(files["test"]) & offered(files["train"])
    assert len(files["train"]) + len(files["test"]) == 400
    for rows in files.values():
        for row in rows:
            sample = from_row(row)
            tools = ToolSet.from_json(row["extra_info"]["tools"])
            assert tools.check(sample.calls) is None
            back = Renaming.from_json(row["extra_info"]["renamed"])
            assert all(call.name.startswith("Tool ") for call in restore(sample.calls, back))
            assert row["prompt"][0]["content"].count('"name": "Tool_') == len(sample.tools)
    by_row = {row["extra_info"]["index"]: len(from_row(row).tools) for row in files["test"]}
    offered_before = {n: len({n % 40, n * 3 % 40, n * 7 % 40, n * 11 % 40}) for n in by_row}
    assert by_row == offered_before, "the test got easier"


def test_a_random_split_changes_no_row(tmp_path: Path) -> None:
    files = convert(tmp_path, "--split_by", "random")
    assert len(files["test"]) == 20
    for row in files["train"] + files["test"]:
        n = row["extra_info"]["index"]
        names = {f"Tool_{number}" for number in (n % 40, n * 3 % 40, n * 7 % 40, n * 11 % 40)}
        assert {tool["name"] for tool in from_row(row).tools} == names


def test_the_report_accounts_for_rows_left_out(tmp_path: Path) -> None:
    files = convert(tmp_path, "--share", "no_call=0.05", "--max_samples", "100")
    rows = files["train"] + files["test"]
    assert sum(not from_row(row).calls for row in rows) <= 12
    report = (tmp_path / "out" / "report.md").read_text()
    left = int(report.split("left out for --share or --max_samples | ")[1].split()[0])
    assert len(rows) + left == 400


def no_call_share(files: dict[str, list[dict[str, Any]]]) -> tuple[int, float]:
    rows = files["train"] + files["test"]
    return len(rows), sum(not from_row(row).calls for row in rows) / len(rows)


def test_a_share_at_most_leaves_out_only_what_is_too_many(tmp_path: Path) -> None:
    whole, share = no_call_share(convert(tmp_path / "all"))
    assert no_call_share(convert(tmp_path / "few", "--share", f"no_call<={share + 0.1}")) == (
        whole,
        share,
    )
    left, capped = no_call_share(convert(tmp_path / "many", "--share", "no_call<=0.05"))
    assert left < whole
    assert capped <= 0.06 < share
    assert no_call_share(convert(tmp_path / "none", "--share", "multiple<=0.999"))[0] == whole
    assert "--share | no_call<=0.05" in (tmp_path / "many/out/report.md").read_text()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--share", "much=0.1"], "names none of no_call, single, multiple, parallel"),
        (["--share", "no_call=2"], "not a share between 0 and 1"),
        (["--share", "no_call"], "not a share between 0 and 1"),
        (["--share", "no_call<=1"], "not a share between 0 and 1"),
        (["--share", "no_call=0.9", "parallel=0.9"], "cannot exceed 1"),
        (["--share", "no_call=0.2", "no_call=0.1"], "each kind once"),
        (["--max_turns", "0"], "whole number above 0"),
        (["--split_by", "colour"], "invalid choice"),
        (["--decontaminate", "none.json"], "does not exist"),
    ],
)
def test_wrong_options_are_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    source = xlam_file(tmp_path / "in.jsonl", 10)
    paths = ("--local_dataset_path", str(source), "--local_save_dir", str(tmp_path / "out"))
    try:
        code = main(["xlam", *paths, *words])
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    err = capsys.readouterr().err
    assert code == 2
    assert says in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
