"""`show`: the rows that a person asks for, as a person reads them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egpo_verl.preprocess import main

Show = Callable[..., tuple[int, str]]


def tool(name: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    return {"name": name, "description": f"Does {name}.", "parameters": parameters}


def row(number: int, names: list[str], value: Any) -> dict[str, Any]:
    calls = [{"name": name, "arguments": {"n": value}} for name in names]
    tools = [tool("f"), tool("g")] if number % 2 else [tool("f")]
    texts = {"tools": json.dumps(tools), "answers": json.dumps(calls)}
    return {"query": f"Question {number}?", **texts}


@pytest.fixture
def show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Show:
    rows = [row(n, ["f"] * (n % 3), str(n) if n in (4, 7) else n) for n in range(12)]
    source, out = tmp_path / "in.jsonl", tmp_path / "out"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    paths = ["--local_dataset_path", str(source), "--local_save_dir", str(out)]
    assert main(["xlam", *paths, "--test_size", "0"]) == 0
    capsys.readouterr()

    def call(*words: str) -> tuple[int, str]:
        code = main(["show", str(out / "train.parquet"), *words])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    return call


def questions(text: str) -> list[int]:
    return [int(part.split("?")[0]) for part in text.split("Question ")[1:]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-n", "2"], [0, 1]),
        (["-n", "9", "--kind", "no_call"], [0, 3, 6, 9]),
        (["-n", "9", "--kind", "single"], [4, 10]),
        (["-n", "1", "--kind", "parallel"], [2]),
        (["--index", "7"], [7]),
        (["--repaired"], [4, 7]),
        (["--repaired", "--index", "7"], [7]),
    ],
)
def test_rows_are_chosen_by_what_they_are(
    show: Show, words: list[str], expected: list[int]
) -> None:
    code, text = show(*words)
    assert (code, questions(text)) == (0, expected)
    assert f"{len(expected)} of 12 rows" in text


def test_a_sample_is_of_its_seed(show: Show) -> None:
    _, first = show("--sample", "1", "-n", "5")
    assert questions(first) == sorted(set(questions(first)))
    assert len(questions(first)) == 5
    assert show("--sample", "1", "-n", "5")[1] == first
    others = [questions(show("--sample", str(seed), "-n", "5")[1]) for seed in range(2, 6)]
    assert len({tuple(other) for other in others}) > 1
    assert {7} == set(questions(show("--sample", "3", "--index", "7")[1]))


def test_a_repair_is_shown_before_and_after(show: Show) -> None:
    assert 'repaired: f(n): "7" -> 7' in show("--repaired", "--index", "7")[1]


def test_the_whole_row_has_its_system_prompt_and_types(show: Show) -> None:
    assert "You answer questions" not in show("-n", "1")[1]
    text = show("-n", "1", "--whole")[1]
    assert "system: You answer questions" in text
    assert "f(n: integer)" in text


def test_no_repairs_are_one_sentence(show: Show, tmp_path: Path) -> None:
    (tmp_path / "out" / "repaired.jsonl").unlink()
    code, text = show("--repaired")
    assert code == 2
    assert "no row was repaired" in text


GOOD = (
    '{"file": "in.jsonl", "index": 4, "reason": "r", "call": "f", "argument": "n", "before": "4"}'
)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (f"{GOOD}\n{GOOD[:40]}", 2),
        ("not json\n", 1),
        ("[1]\n", 1),
        (f"{GOOD}\n" + '{"index": 4, "call": "f"}\n', 2),
        (GOOD.replace("4,", "[4],"), 1),
        (GOOD.replace('"argument"', '"turn": {}, "argument"'), 1),
        ("[" * 100_000, 1),
        ("\udcff", 1),
    ],
)
def test_a_foreign_or_cut_list_of_repairs_is_one_sentence(
    show: Show, tmp_path: Path, content: str, line: int
) -> None:
    path = tmp_path / "out" / "repaired.jsonl"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    code, text = show("--repaired")
    assert code == 2
    assert text.count("\n") == 1
    assert f"{path} is not a list of repairs, or is cut: line {line}" in text


@pytest.mark.parametrize("words", [(), ("--repaired",), ("--kind", "single"), ("--index", "0")])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("extra_info", "x"),
        ("extra_info", {"index": 0}),
        ("reward_model", {"style": "rule", "ground_truth": "{"}),
        ("prompt", [{"role": "system"}, {"role": "user"}]),
    ],
)
def test_rows_of_another_shape_are_one_sentence(
    show: Show, tmp_path: Path, words: tuple[str, ...], column: str, value: Any
) -> None:
    """Columns of the same names, as any file for verl has them."""
    path = tmp_path / "out" / "train.parquet"
    rows = [{**one, column: value} for one in pq.read_table(path).to_pylist()]
    pq.write_table(pa.Table.from_pylist(rows), path)
    code, text = show(*words)
    assert (code, text.count("\n")) == (2, 1)
    assert f"{path} holds a row that `python -m egpo_verl.preprocess` did not write" in text


@pytest.mark.parametrize("size", [100, 1000, 4000])
def test_a_damaged_file_is_one_sentence(show: Show, tmp_path: Path, size: int) -> None:
    path = tmp_path / "out" / "train.parquet"
    content = bytearray(path.read_bytes())
    content[4 : 4 + size] = b"\xff" * size
    path.write_bytes(bytes(content))
    code, text = show()
    assert (code, text.count("\n")) == (2, 1)
    assert f"{path} cannot be read" in text or f"{path} is not a parquet file" in text
