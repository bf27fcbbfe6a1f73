"""`python -m egpo_verl.envs`: what is not ready to train on is told before a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.datasets.parquet.rows import SCHEMA
from egpo_verl.envs.__main__ import main
from egpo_verl.reward import compute_score

EXAMPLES = Path(__file__).parents[1] / "examples"
SHOP = f"{EXAMPLES / 'shop.py'}:Shop"


def write(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def turn(name: str, **arguments: Any) -> dict[str, Any]:
    return {"user": "Go.", "reference": [{"name": name, "arguments": arguments}]}


def test_a_good_environment_is_shown_and_its_rows_written_for_verl(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "train.parquet"
    command = [SHOP, "--rows", str(EXAMPLES / "shop.jsonl"), "--save", str(saved)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    for words in (
        "assistant: [add(item='lamp', count=2), pay()]",
        'tool: {"paid": 40, "left": 20}',
        "earns: 1 (right)",
        "state: {",
    ):
        assert words in printed
    assert "rows that are ready             │      4" in printed
    table = pq.read_table(saved)
    assert table.schema.equals(SCHEMA)
    rows = table.to_pylist()
    assert [row["data_source"] for row in rows] == ["shop"] * 4
    assert [message["role"] for message in rows[0]["prompt"]] == ["system", "user"]
    assert "pay" not in rows[3]["prompt"][0]["content"], "it is offered in a later turn only"
    assert main([SHOP, "--rows", str(saved)]) == 0, "what was written is read back"
    info = rows[0]["extra_info"]
    result = compute_score(
        "shop", "<think>x</think>no", rows[0]["reward_model"]["ground_truth"], info
    )
    assert result["score"] == 0.0


def test_rows_of_a_single_turn_may_stand_beside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    live = json.loads((EXAMPLES / "shop.jsonl").read_text().splitlines()[0])
    path = write(tmp_path / "mixed.jsonl", live, {"extra_info": {"index": 1, "env": None}})
    assert main([SHOP, "--rows", path]) == 0
    assert "1 rows have no extra_info.env" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("factory", "row", "words"),
    [
        ("envs_worlds:Random", {"turns": [turn("look")]}, "the world is not deterministic"),
        ("envs_worlds:Shared", {"turns": [turn("note", text="a")]}, "share a class attribute"),
        (SHOP, {"turns": [turn("add", item="lamp")]}, 'add: {"error": "ValueError: there is no'),
        (SHOP, {"turns": [turn("buy", item="lamp")]}, "there is no tool buy"),
        (SHOP, {"turns": [{"user": "Go."}]}, "turn 0 has no 'reference'"),
        (
            "envs_worlds:Game",
            {"row": {"secret": 3}, "turns": [turn("guess", number=4)]},
            "its reference earns 0: get_reward says so.",
        ),
        (
            "envs_worlds:Tricky",
            {"row": {"folder": "/nowhere/to/be"}, "turns": [turn("fail")]},
            "reset: FileNotFoundError",
        ),
    ],
)
def test_a_row_that_is_not_ready_is_told_with_its_reason_and_nothing_is_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    factory: str,
    row: dict[str, Any],
    words: str,
) -> None:
    saved = tmp_path / "train.parquet"
    path = write(tmp_path / "rows.jsonl", row)
    assert main([factory, "--rows", path, "--save", str(saved)]) == 2
    errors = capsys.readouterr().err
    assert words in errors
    assert "row 0: " in errors
    assert "1 of 1 rows are not ready" in errors
    assert not saved.exists()


def test_worlds_that_share_a_file_are_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pad.py").write_text(
        "import pathlib\n"
        "class Pad:\n"
        "    def reset(self, path): self._path = pathlib.Path(path)\n"
        "    def write(self, text: str) -> None:\n"
        "        self._path.write_text(self._path.read_text() + text)\n"
        "    def _state(self): return self._path.read_text()\n"
    )
    (tmp_path / "pad.txt").write_text("")
    row = {"row": {"path": str(tmp_path / "pad.txt")}, "turns": [turn("write", text="a")]}
    path = write(tmp_path / "rows.jsonl", row)
    assert main([f"{tmp_path / 'pad.py'}:Pad", "--rows", path]) == 2
    printed = capsys.readouterr()
    assert "worlds share a file" in printed.err
    assert "write has no docstring" in printed.out


def test_an_environment_that_scores_itself_needs_no_reference(tmp_path: Path) -> None:
    row = {"row": {"secret": 3}, "turns": [{"user": "Guess."}]}
    assert main(["envs_worlds:Game", "--rows", write(tmp_path / "rows.jsonl", row)]) == 0


def test_an_mcp_server_without_the_extra_says_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mcp.py").write_text("raise ImportError\n")
    world = tmp_path / "shop.py"
    world.write_text("from egpo_verl.envs.mcp import mcp_world\nShop = mcp_world(['server'])\n")
    assert main([f"{world}:Shop"]) == 2
    assert "pip install 'egpo-verl[mcp]'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere.py:Shop"], "nowhere.py is not there"),
        ([SHOP, "--save", "x.parquet"], "--save needs --rows"),
        ([SHOP, "--rows", "nowhere.jsonl"], "nowhere.jsonl does not exist"),
    ],
)
def test_a_wrong_command_is_one_sentence(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
