"""From logs to a table and curves, and one line a step on the way."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from rich.console import Console

from egpo_verl import compare, progress
from egpo_verl.run_log import RunLogError, read_run


def log(path: Path, steps: range, reward: float = 0.0) -> Path:
    lines = [
        {"step": step, "data": {"critic/score/mean": reward + step / 10, "text": "no number"}}
        for step in steps
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_a_resumed_run_is_one_run_and_the_later_log_wins(tmp_path: Path) -> None:
    first = log(tmp_path / "a.jsonl", range(1, 8))
    second = log(tmp_path / "b.jsonl", range(6, 11), reward=100.0)
    os.utime(first, (1, 1))
    os.utime(second, (2, 2))
    steps, values = read_run(tmp_path).series("critic/score/mean")
    assert steps == list(range(1, 11))
    assert values[4:7] == [0.5, 100.6, 100.7]
    assert read_run(tmp_path).series("never/logged") == ([], [])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"step": 1}', '{"step": "1", "data": {}}'])
def test_what_is_no_log_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(RunLogError, match=r"no step|not a line"):
        read_run(tmp_path / "a.jsonl")


def test_table_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = log(tmp_path / "run.jsonl", range(1, 21))
    out = tmp_path / "curves.png"
    assert compare.main([str(run), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "0.300" in said, "mean of 0.1 ... 0.5"
    assert "1.800" in said, "mean of 1.6 ... 2.0"
    assert "+1.500" in said
    assert out.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_short_run_is_split_in_halves(tmp_path: Path) -> None:
    run = read_run(log(tmp_path / "run.jsonl", range(1, 5)))
    text = io.StringIO()
    Console(file=text, width=120).print(compare.summary([run]))
    assert "0.150" in text.getvalue()
    assert "0.350" in text.getvalue()


def test_missing_log_and_unwritable_picture_end_with_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare.main([str(tmp_path / "no")]) == 2
    assert "trainer.logger" in capsys.readouterr().err
    run = log(tmp_path / "run.jsonl", range(1, 3))
    assert compare.main([str(run), "--out", str(tmp_path / "no" / "a.png")]) == 2
    assert compare.main([str(run), "--out", str(tmp_path / "a.xyz")]) == 2
    assert list(tmp_path.iterdir()) == [run]


@pytest.mark.parametrize("length", [1, 2, 3, 40, 101])
def test_smoothing_keeps_the_number_of_steps_and_a_straight_line(length: int) -> None:
    flat = compare.smoothed([2.0] * length)
    assert flat == [2.0] * length


LINE = (
    "(TaskRunnerV1 pid=7) step:{step} - critic/score/mean:{reward} - egpo/bonus:4.2e-05 "
    "- timing_s/step:2.5 - num_turns/mean:np.float64(2.0) - val-core/toolworld/acc/mean@1:0.5\n"
)


def test_a_step_is_one_readable_line(tmp_path: Path) -> None:
    text = io.StringIO()
    lines = ["noise\n", LINE.format(step=1, reward=0.25), "more\n", LINE.format(step=2, reward=1)]
    console = Console(file=text, width=200)
    assert progress.follow(lines, 2, tmp_path / "console.log", console) == 2
    first, second = text.getvalue().splitlines()
    assert first.startswith("step   1/2  reward 0.25  bonus 4.2e-05  toolworld/acc 0.5  left 0:02")
    assert second.startswith("step   2/2  reward 1  ")
    assert (tmp_path / "console.log").read_text() == "".join(lines)


def test_a_run_that_stops_shows_the_end_of_its_log(tmp_path: Path) -> None:
    text = io.StringIO()
    lines = [*(f"line {number}\n" for number in range(40)), "egpo_verl: [the reason]\n"]
    assert progress.follow(lines, 3, tmp_path / "log", Console(file=text, width=200)) == 0
    said = text.getvalue()
    assert "stopped at step 0 of 3" in said
    assert "egpo_verl: [the reason]" in said
    assert "line 5\n" not in said
