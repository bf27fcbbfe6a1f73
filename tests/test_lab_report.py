"""`lab report`: a page made of run folders or of packed ones, the same of both."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab_runs import measured, study_file, write_log, write_run

from egpo_verl.lab.__main__ import main
from egpo_verl.preprocess import main as preprocess

SEEDS = (1, 2, 3, 4, 5, 6)


@pytest.fixture
def study(tmp_path: Path, rows: Path) -> Path:
    """Six seeds of two arms that differ much, and what both started from."""
    path = study_file(tmp_path, rows, seeds=list(SEEDS))
    write_run(path, "start", 0, 0.0)
    for seed in SEEDS:
        write_run(path, "grpo", seed, 0.1)
        write_run(path, "egpo", seed, 0.95)
    return path


def report(*arguments: object) -> int:
    return main(["report", *map(str, arguments)])


def test_the_page_says_what_was_found_and_a_packed_study_gives_the_same(
    study: Path, tmp_path: Path
) -> None:
    assert report(study, "--out", tmp_path / "a" / "evidence.md", "--pack", tmp_path / "p") == 0
    assert report(tmp_path / "p" / "pairs", "--out", tmp_path / "b" / "evidence.md") == 0
    page = (tmp_path / "a" / "evidence.md").read_text()
    assert page == (tmp_path / "b" / "evidence.md").read_text()
    assert (tmp_path / "a" / "evidence" / "pairs.png").stat().st_size > 10_000
    assert "Does the bonus help?" in page
    assert re.search(r"egpo ends \d+\.\d points above grpo over 6 paired seeds", page)
    assert "p = 0.031): significant" in page
    assert "(start 0.0%)" in page
    assert "level 1, single" in page
    assert str(tmp_path) not in page


def test_packing_twice_gives_the_same_bytes_and_no_path_of_the_machine(
    study: Path, tmp_path: Path
) -> None:
    contents = []
    for name in ("p", "q"):
        assert report(study, "--out", tmp_path / "evidence.md", "--pack", tmp_path / name) == 0
        files = sorted((tmp_path / name / "pairs").iterdir())
        contents.append({file.name: file.read_bytes() for file in files})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 13
    assert str(tmp_path).encode() not in contents[0]["study.json"]


def test_what_was_packed_outlives_its_folder(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Packed again in a checkout without the runs, or after one was started anew."""
    packed = tmp_path / "p"
    assert report(study, "--out", tmp_path / "a.md", "--pack", packed) == 0
    files = {file.name: file.read_bytes() for file in (packed / "pairs").iterdir()}
    shutil.rmtree(tmp_path / "runs")
    assert report(study, "--out", tmp_path / "b.md", "--pack", packed) == 0
    assert {file.name: file.read_bytes() for file in (packed / "pairs").iterdir()} == files
    assert (tmp_path / "b.md").read_text().replace("b/", "a/") == (tmp_path / "a.md").read_text()
    assert "egpo-seed1.jsonl.gz is kept" in capsys.readouterr().out
    study.write_text(study.read_text().replace("algorithm.egpo.lam=0", "algorithm.egpo.lam=0.0"))
    assert report(study, "--out", tmp_path / "c.md", "--pack", packed) == 2
    assert "was made with other overrides or steps" in capsys.readouterr().err


def test_a_page_has_a_place(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("rep", "folder.md"):
        (tmp_path / "folder.md").mkdir(exist_ok=True)
        assert report(study, "--out", tmp_path / name) == 2
        assert "is no file named *.md" in capsys.readouterr().err
    assert not (tmp_path / "rep").exists()


def test_runs_whose_final_rows_are_gone_are_one_sentence(
    study: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = study.read_text()
    study.write_text(re.sub("tools: .*", "tools: gone.parquet", text))
    assert report(study, "--out", tmp_path / "e.md") == 2
    assert "gone.parquet is not there or damaged" in capsys.readouterr().err


def test_the_starts_of_a_run_are_told_as_they_were(tmp_path: Path, rows: Path) -> None:
    path = study_file(tmp_path, rows, arms={"grpo": {}}, seeds=[1])
    starts = [{"phase": "train", "from_step": step, "exit": 1} for step in (0, 0, 2)]
    final = {"phase": "final", "from_step": 4, "exit": 0}
    write_run(path, "grpo", 1, 0.5, starts=[*starts, final, final])
    assert report(path, "--out", tmp_path / "e.md") == 0
    told = "- grpo-seed1: training started at step 0, then 0, then 2, measurement started 2 times."
    assert told in (tmp_path / "e.md").read_text()


def test_few_seeds_are_said_to_resolve_nothing(tmp_path: Path, rows: Path) -> None:
    path = study_file(tmp_path, rows)
    for seed in (1, 2):
        write_run(path, "grpo", seed, 0.3)
        write_run(path, "egpo", seed, 0.6)
    assert report(path, "--out", tmp_path / "evidence.md") == 0
    page = (tmp_path / "evidence.md").read_text()
    assert "cannot fall below p = 0.500; with 1 arm compared it needs 6" in page
    assert "not significant" in page


def test_a_part_without_a_right_response_is_one_sentence(tmp_path: Path, rows: Path) -> None:
    path = study_file(tmp_path, rows)
    for arm in ("grpo", "egpo"):
        write_run(path, arm, 1, 0.5, never="tools")
    assert report(path, "--out", tmp_path / "evidence.md") == 0
    page = (tmp_path / "evidence.md").read_text()
    assert "- tools: no response of any run is right, so that it tells nothing." in page
    assert "| values, level 1, single |" in page
    assert "| tools, level" not in page


def test_a_run_that_crashed_is_named_with_its_error_and_not_dropped(
    tmp_path: Path, rows: Path
) -> None:
    path = study_file(tmp_path, rows)
    write_run(path, "grpo", 1, 0.3)
    write_run(path, "egpo", 1, 0.6)
    crash = {"phase": "train", "exit": 1, "problem": "OSError: /home/someone/x: no space left"}
    write_run(path, "egpo", 2, 0.6, done=False, starts=[crash])
    assert report(path, "--out", tmp_path / "evidence.md") == 0
    page = (tmp_path / "evidence.md").read_text()
    assert "egpo-seed2 is failed: OSError: x: no space left; it is in no table" in page
    assert "grpo is waiting with seed 2; what waits is in no table" in page


def test_the_controls_are_held_to_what_they_must_do(study: Path, tmp_path: Path) -> None:
    text = study.read_text() + "expect: {egpo: equal}\n"
    study.write_text(text)
    assert report(study, "--out", tmp_path / "evidence.md") == 0
    page = (tmp_path / "evidence.md").read_text()
    assert "The null egpo does NOT agree with grpo: 6 of 6 seeds differ, seed 1 from step 1" in page
    study.write_text(text.replace("equal}", "loses}"))
    assert report(study, "--out", tmp_path / "evidence.md") == 0
    assert "The positive control egpo did NOT lose" in (tmp_path / "evidence.md").read_text()


def test_a_control_of_too_few_seeds_is_not_called_lost(tmp_path: Path, rows: Path) -> None:
    path = study_file(tmp_path, rows, expect={"egpo": "loses"})
    for seed in (1, 2):
        write_run(path, "grpo", seed, 0.9)
        write_run(path, "egpo", seed, 0.1)
    assert report(path, "--out", tmp_path / "evidence.md") == 0
    assert (
        "The positive control egpo is not clearly below." in (tmp_path / "evidence.md").read_text()
    )


def test_a_null_that_holds_agrees_to_the_last_digit(tmp_path: Path, rows: Path) -> None:
    path = study_file(tmp_path, rows, expect={"egpo": "equal"})
    for seed in (1, 2):
        for arm in ("grpo", "egpo"):
            write_run(path, arm, seed, 0.4)
    assert report(path, "--out", tmp_path / "evidence.md") == 0
    page = (tmp_path / "evidence.md").read_text()
    assert "The null egpo agrees with grpo to the last digit on 2 seeds" in page
    assert "sign-flip test cannot fall" not in page


def test_one_arm_alone_gives_the_spread_and_the_seeds_to_resolve_two_points(
    tmp_path: Path, rows: Path
) -> None:
    path = study_file(tmp_path, rows, arms={"grpo": {}}, seeds=list(SEEDS))
    for seed in SEEDS:
        write_run(path, "grpo", seed, 0.3 + seed / 20)
    assert report(path, "--out", tmp_path / "evidence.md") == 0
    page = (tmp_path / "evidence.md").read_text()
    for row in ("step 2, greedy", "step 4, greedy", "last measurement, values", "tools"):
        assert row in page
    assert "seeds an arm for 2 points" in page


def test_a_resumed_run_is_read_as_one(tmp_path: Path, rows: Path) -> None:
    """The later start counts where both logged a step, and a line cut short is left out."""
    path = study_file(tmp_path, rows, arms={"grpo": {}}, seeds=[1])
    folder = write_run(path, "grpo", 1, 0.5)
    whole = (folder / "steps-0001.jsonl").read_text()
    (folder / "steps-0001.jsonl").write_text(whole.replace("0.5", "0.9")[:-9])
    write_log(folder / "steps-0002.jsonl", range(1, 5), 0.5)
    assert report(path, "--out", tmp_path / "e.md", "--pack", tmp_path / "p") == 0
    assert report(tmp_path / "p" / "pairs", "--out", tmp_path / "e.md") == 0
    assert "| grpo | " in (tmp_path / "e.md").read_text()


def test_of_several_responses_to_a_row_one_right_one_passes(tmp_path: Path, rows: Path) -> None:
    """verl gives every copy of a row a name of its own."""
    path = study_file(tmp_path, rows, seeds=[1])
    write_run(path, "start", 0, 0.0)
    for arm, right in (("grpo", 0.5), ("egpo", 1.0)):
        write_run(path, arm, 1, right)
    assert report(path, "--out", tmp_path / "e.md") == 0
    page = (tmp_path / "e.md").read_text()
    passed = {arm: float(measured(page, arm)[1]) for arm in ("grpo", "egpo")}
    assert passed["egpo"] == 1.0
    assert 0.6 < passed["grpo"] < 0.9, "of two tries, where half of all are right"


def test_a_rollout_of_many_messages_counts_once(tmp_path: Path) -> None:
    """Of a live episode verl writes every message, each with what the rollout earned."""
    made = ["toolworld_live", "--num_train", "1", "--num_test", "4", "--max_turns", "2"]
    assert preprocess([*made, "--local_save_dir", str(tmp_path / "rows")]) == 0
    path = study_file(tmp_path, tmp_path / "rows", seeds=[1])
    for arm in ("start", "grpo", "egpo"):
        folder = write_run(path, arm, int(arm != "start"), 0.0)
        dump = next((folder / "final").glob("*.jsonl"))
        lines = [json.loads(line) for line in dump.read_text().splitlines()]
        for number, line in enumerate(lines):
            line["acc"] = line["score"] = float(number % 2)
        later = [
            line
            | {"input": f"{line['input']}\nmore", "uid": line["uid"].removesuffix("0") + str(n)}
            for line in lines
            for n in range(1, 10 if line["acc"] else 1)
        ]
        dump.write_text("".join(json.dumps(line) + "\n" for line in lines + later))
    assert report(path, "--out", tmp_path / "e.md") == 0
    assert "final accuracy on values (start 50.0%)" in (tmp_path / "e.md").read_text()


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        ("cut study", "was not written by `lab report --pack`"),
        ("no baseline", "was not written by `lab report --pack`"),
        ("another baseline", "was not written by `lab report --pack`"),
        ("cut run", "is damaged: pack the study again"),
        ("flipped bytes", "is damaged: pack the study again"),
        ("no measurement", "is damaged: pack the study again"),
        ("another run", "is damaged: pack the study again"),
        ("missing", "is no packed study"),
    ],
)
def test_a_damaged_pack_is_one_sentence(
    study: Path, tmp_path: Path, damage: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(study, "--out", tmp_path / "e.md", "--pack", tmp_path / "p") == 0
    about, run = (tmp_path / "p" / "pairs" / name for name in ("study.json", "grpo-seed1.jsonl.gz"))
    content, packed = json.loads(about.read_text()), run.read_bytes()
    lines = gzip.decompress(packed).splitlines(keepends=True)
    damages: dict[str, Callable[[], Any]] = {
        "cut study": lambda: about.write_bytes(about.read_bytes()[:-20]),
        "no baseline": lambda: about.write_text(json.dumps(content | {"baseline": None})),
        "another baseline": lambda: about.write_text(json.dumps(content | {"baseline": "zz"})),
        "cut run": lambda: run.write_bytes(packed[:-20]),
        "flipped bytes": lambda: run.write_bytes(packed[:60] + b"\xff" * 40 + packed[100:]),
        "no measurement": lambda: run.write_bytes(gzip.compress(b"".join(lines[:-1]))),
        "another run": lambda: run.write_bytes((run.parent / "egpo-seed2.jsonl.gz").read_bytes()),
        "missing": run.unlink,
    }
    damages[damage]()
    packed_study = run.parent
    capsys.readouterr()
    assert report(packed_study, "--out", tmp_path / "e.md") == 2
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_rows_that_changed_after_the_run_are_noticed(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(tmp_path, rows, seeds=[1])
    folder = write_run(path, "grpo", 1, 0.5)
    lines = (folder / "final" / "4.jsonl").read_text().splitlines()
    changed = json.dumps(json.loads(lines[0]) | {"gts": "[]"})
    (folder / "final" / "4.jsonl").write_text("\n".join([changed, *lines[1:]]) + "\n")
    assert report(path, "--out", tmp_path / "e.md") == 2
    assert "changed after the run" in capsys.readouterr().err
