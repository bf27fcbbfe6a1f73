"""From logs to a table and curves, and one line a step on the way."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from egpo_verl.calls.reasons import Reason, describe, label
from egpo_verl.compare import __main__ as compare
from egpo_verl.compare import curves, progress
from egpo_verl.compare.run_log import read_run
from egpo_verl.compare.runs import band_of, read_groups
from egpo_verl.errors import UserError


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
    with pytest.raises(UserError, match=r"no step|not a line"):
        read_run(tmp_path / "a.jsonl")


def table_of(*arguments: str | Path) -> str:
    text = io.StringIO()
    groups = read_groups([str(argument) for argument in arguments])
    Console(file=text, width=120).print(compare.summary(groups))
    return text.getvalue()


def test_table_and_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = log(tmp_path / "run.jsonl", range(1, 21))
    out = tmp_path / "curves.png"
    assert compare.main([str(run), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert "first and of the last 5 of 20 steps" in " ".join(printed.split())
    assert re.search(r"reward +run \(1\) +0\.300 +1\.80 +\+1\.50", printed), "0.1..0.5 and 1.6..2.0"
    assert out.read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_rewards_on_held_out_rows_stand_beside_those_of_training(tmp_path: Path) -> None:
    run = log(tmp_path / "run.jsonl", range(1, 21))
    with run.open("a") as file:
        for step, value in ((0, 0.25), (20, 0.75)):
            data = {"val-core/toolworld/reward/mean@1": value, "val-aux/toolworld/x/mean@1": 9}
            file.write(json.dumps({"step": step, "data": data}) + "\n")
    printed = table_of(run)
    assert re.search(r"held out: toolworld/reward +run \(1\) +0\.250 +0\.750 +\+0\.500", printed)
    assert "val-aux" not in printed
    out = tmp_path / "curves.svg"
    assert compare.main([str(run), "--out", str(out)]) == 0
    assert "reward on held-out rows" in out.read_text()


def test_a_short_run_is_split_in_halves(tmp_path: Path) -> None:
    printed = table_of(log(tmp_path / "run.jsonl", range(1, 5)))
    assert re.search(r"reward +run \(1\) +0\.150 +0\.350 +\+0\.200", printed)


def test_seeds_of_one_label_are_one_row_with_their_spread(tmp_path: Path) -> None:
    for seed, reward in enumerate((0.0, 0.2, 0.4)):
        log(tmp_path / f"a{seed}.jsonl", range(1, 11), reward)
    printed = table_of(f"egpo={tmp_path}/a*.jsonl")
    assert "± standard deviation over seeds" in printed
    # 0.3 and 0.8 are the means of steps 1 to 5 and 6 to 10, and the seeds stand 0.2 apart.
    assert re.search(r"egpo \(3\) +0\.500 ± 0\.200 +1\.00 ± 0\.20 +\+0\.500 ± 0\.000", printed)


def test_names_that_differ_in_their_seed_alone_are_one_group(tmp_path: Path) -> None:
    names = ("egpo_s1", "egpo_s2", "grpo-seed1", "grpo-seed2", "tests", "v0.5.s3")
    paths = [str(log(tmp_path / f"{name}.jsonl", range(1, 3))) for name in names]
    groups = read_groups(paths)
    assert [(group.name, len(group.runs)) for group in groups] == [
        ("egpo", 2),
        ("grpo", 2),
        ("tests", 1),
        ("v0.5", 1),
    ]
    labelled = read_groups([f"all={path}" for path in paths])
    assert [(group.name, len(group.runs)) for group in labelled] == [("all", 6)]


def test_logs_of_the_same_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    paths = []
    for folder in ("lr=1e-6", "lr=5e-6"):
        (tmp_path / folder).mkdir()
        paths.append(str(log(tmp_path / folder / "steps.jsonl", range(1, 3))))
    names = [group.name for group in read_groups(paths)]
    assert names == ["lr=1e-6/steps", "lr=5e-6/steps"], "an equals sign in a path is no label"


def test_seeds_count_up_to_the_last_step_that_all_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log(tmp_path / "a_s1.jsonl", range(1, 11))
    log(tmp_path / "a_s2.jsonl", range(3, 8))
    (group,) = read_groups([f"{tmp_path}/*.jsonl"])
    assert group.steps("critic/score/mean") == [3, 4, 5, 6, 7]
    assert compare.main([f"{tmp_path}/*.jsonl", "--out", str(tmp_path / "a.png")]) == 0
    assert "a: its 2 seeds end at steps 7 to 10" in capsys.readouterr().out.replace("\n", " ")


def test_bands() -> None:
    series = [[1.0, 5.0], [2.0, 5.0], [6.0, 5.0]]
    assert band_of([1, 2], series, "range") == ([1, 2], [3, 5], [1, 5], [6, 5])
    band = band_of([1, 2], series, "stderr")
    error = 7**0.5 / 3**0.5  # the standard deviation of 1, 2, 6 is the root of 7
    assert band.low == pytest.approx([3 - error, 5])
    assert band.high == pytest.approx([3 + error, 5])
    assert band_of([4], [[2.0]], "stderr") == ([4], [2], [2], [2])


def test_a_reason_that_no_response_had_at_a_step_counts_as_zero_there(tmp_path: Path) -> None:
    steps = [
        {"critic/score/mean": 0.5, "reward/reason_0": 0.5, "reward/reason_64": 0.5},
        {"critic/score/mean": 0.4, "reward/reason_0": 0.4, "reward/reason_20": 0.6},
    ]
    lines = [json.dumps({"step": step, "data": data}) for step, data in enumerate(steps, start=1)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    groups = read_groups([str(tmp_path / "a.jsonl")])
    assert curves.reason_codes(groups) == [20, 64]
    assert curves.reason_shares(groups[0], 64) == [0.5, 0.0]
    assert curves.reason_shares(groups[0], 20) == [0.0, 0.6]


def test_a_long_name_is_no_wider_than_its_column(tmp_path: Path) -> None:
    data = {"critic/score/mean": 0.5, "reward/reason_64": 0.3}
    file = tmp_path / "eight_steps_of_grpo on all rows of the training split.jsonl"
    file.write_text("".join(json.dumps({"step": n, "data": data}) + "\n" for n in range(1, 9)))
    out = tmp_path / "curves.svg"
    assert compare.main([str(file), "--out", str(out)]) == 0
    # matplotlib writes each line beside its glyphs, as a comment.
    texts = re.findall(r"<!-- (.+?) -->", out.read_text())
    assert "why responses fail:" in texts
    assert "rows of the training split" in texts


def test_the_picture_names_groups_bands_and_reasons(tmp_path: Path) -> None:
    for name in ("egpo_s1", "egpo_s2", "grpo"):
        data = {"critic/score/mean": 0.5, "actor/kl_loss": 0.1}
        if name != "grpo":
            data |= {"reward/reason_64": 0.3, "reward/reason_99": 0.1, "reward/reason_0": 0.6}
        lines = [json.dumps({"step": step, "data": data}) for step in range(1, 9)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    out = tmp_path / "curves.svg"
    arguments = [f"{tmp_path}/*.jsonl", "--band", "stderr", "--out", str(out)]
    assert compare.main(arguments) == 0
    # matplotlib writes each text beside its glyphs, as a comment.
    texts = re.findall(r"<!-- (.+?) -->", out.read_text())
    assert {*curves.CURVES, "not logged", "egpo (2 seeds)", "grpo (1 seed)"} <= set(texts)
    assert {"band: mean ± standard error over seeds", "faint: one seed, as logged"} <= set(texts)
    assert {"why responses fail: egpo", "wrong argument", "reason 99"} <= set(texts)
    assert not {"why responses fail: grpo", "ok", "other reasons"} & set(texts)


def test_every_reason_has_words() -> None:
    assert all(describe(reason) for reason in Reason)
    assert label(64) == "wrong argument"
    assert describe(64) == "the functions expected, with other arguments"
    assert describe(99) == label(99) == "reason 99"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["no"], "no is not there"),
        (["x=no*"], "no* is not there"),
        (["RUN", "RUN"], "is named twice"),
        (["RUN", "a=RUN"], "is named twice"),
        (["RUN", "--out", "a.xyz"], "must end in .png, .svg, .pdf"),
        (["RUN", "--out", "no/a.png"], "no/a.png cannot be written"),
        (["a_s1.jsonl", "a-seed1.jsonl"], "same seed"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_code_2(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RUN", "a_s1.jsonl", "a-seed1.jsonl"):
        log(tmp_path / name, range(1, 3))
    before = sorted(tmp_path.rglob("*"))
    assert compare.main(arguments) == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert len(error.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_without_matplotlib_it_names_what_to_install(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    run = log(tmp_path / "run.jsonl", range(1, 3))
    assert compare.main([str(run), "--out", str(tmp_path / "a.png")]) == 2
    assert "pip install matplotlib" in capsys.readouterr().err


@pytest.mark.parametrize("length", [1, 2, 3, 40, 101])
def test_smoothing_keeps_the_number_of_steps_and_a_straight_line(length: int) -> None:
    flat = curves.smoothed([2.0] * length)
    assert flat == [2.0] * length


LINE = (
    "(TaskRunnerV1 pid=7) step:{step} - critic/score/mean:{reward} - egpo/bonus:4.2e-05 "
    "- timing_s/step:2.5 - num_turns/mean:np.float64(2.0) - val-core/toolworld/acc/mean@1:0.5\n"
)


def watch(monkeypatch: pytest.MonkeyPatch, lines: list[str], steps: int, log: Path) -> int:
    """What a person types behind a training: the console of verl comes in on stdin."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(lines)))
    return progress.main(["--steps", str(steps), "--log", str(log)])


def test_a_step_is_one_readable_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["noise\n", LINE.format(step=1, reward=0.25), "more\n", LINE.format(step=2, reward=1)]
    assert watch(monkeypatch, lines, 2, tmp_path / "console.log") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("step   1/2  reward 0.25  bonus 4.2e-05  toolworld/acc 0.5  left 0:02")
    assert second.startswith("step   2/2  reward 1  ")
    assert (tmp_path / "console.log").read_text() == "".join(lines)


def test_the_validation_before_training_is_a_line_that_guesses_no_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = "(TaskRunnerV1 pid=7) step:0 - val-core/toolworld/reward/mean@1:np.float64(0.25)\n"
    assert watch(monkeypatch, [before, LINE.format(step=1, reward=1)], 1, tmp_path / "log") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == "step   0/1  toolworld/reward 0.25"
    assert second.endswith("left 0:00")


def test_a_run_that_stops_shows_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [*(f"line {number}\n" for number in range(40)), "egpo_verl: [the reason]\n"]
    assert watch(monkeypatch, lines, 3, tmp_path / "log") == 0
    printed = capsys.readouterr().out
    assert "stopped at step 0 of 3" in printed
    assert "egpo_verl: [the reason]" in printed
    assert "line 5\n" not in printed


def test_a_log_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch(monkeypatch, ["noise\n"], 3, tmp_path / "no" / "log") == 2
    error = capsys.readouterr().err
    assert error == f"{tmp_path}/no/log: No such file or directory.\n"
