"""A study file that makes no study is one sentence before anything starts."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lab_runs import OVERRIDES, study_file, write_run

from egpo_verl.lab.__main__ import main
from egpo_verl.lab.checks import read_study
from egpo_verl.lab.statistics import seeds_for_significance

STUDIES = Path(__file__).parents[1] / "examples" / "studies"


def refused(path: Path, capsys: pytest.CaptureFixture[str], command: str = "run") -> str:
    """The sentence that a command ends with."""
    assert main([command, str(path)]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"stepz": 3}, "stepz: Key 'stepz' not in 'Study'"),
        ({"steps": "many"}, "steps: Value 'many' of type 'str' could not be converted"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"seeds": [1, 2, 1]}, "seed 1 is there 2 times"),
        ({"seeds": []}, "at least one arm and one seed"),
        ({"seeds": [-1]}, "seed -1 is not between 0"),
        ({"baseline": "gpo"}, "baseline 'gpo' is none of its arms (grpo, egpo)"),
        ({"arms": {"grpo": {}, "a b": {}}}, "arm 'a b': a name is letters"),
        ({"arms": {"grpo": {}, "start": {}}}, "arm 'start'"),
        ({"arms": {"grpo": {"override": []}}}, "override: Key 'override' not in 'Arm'"),
        ({"arms": {"grpo": {"overrides": ["data.seed=4"]}}}, "arm grpo: data.seed is set by"),
        ({"overrides": ["trainer.save_freq=4"]}, "overrides: trainer.save_freq is set by"),
        ({"overrides": ["+machine"]}, "'+machine' is no override"),
        ({"expect": {"egpo": "wins"}}, "expect.egpo must be equal or loses"),
        ({"expect": {"grpo": "equal"}}, "expect.grpo must be"),
        ({"parallel": 2, "devices": ["0"]}, "devices must name one set for each of the 2"),
        ({"final": {"responses": 0}}, "final.responses"),
        ({"name": "a/b"}, "name 'a/b'"),
        ({"arms": {"grpo": {}, "cut": {"train": "no.parquet"}}}, "no.parquet is not there"),
        ({"overrides": ["trainer={val_only:true}"]}, "overrides: trainer is set as a whole"),
    ],
)
def test_a_wrong_key_or_value(
    tmp_path: Path,
    rows: Path,
    changes: dict[str, Any],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = refused(study_file(tmp_path, rows, **changes), capsys)
    assert sentence in error
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_studies_of_one_folder_share_their_runs(path: Path) -> None:
    """One common part, and under one name of an arm the same overrides."""
    study = read_study(path)
    assert study.name == path.stem
    first = read_study(STUDIES / "a.yaml")
    if study.folder != first.folder:
        return
    assert study.common() == first.common()
    assert study.seeds == first.seeds[: len(study.seeds)]
    assert study.arms[study.baseline] == first.arms[first.baseline]
    tested = study.arms.keys() - {study.baseline} - study.expect.keys()
    tested |= {name for name, outcome in study.expect.items() if outcome == "loses"}
    assert not tested or len(study.seeds) >= seeds_for_significance(len(tested))


def test_the_laboratory_loads_neither_torch_nor_verl() -> None:
    code = (
        "import sys, egpo_verl.lab.__main__, egpo_verl.lab.schedule, egpo_verl.lab.report;"
        "print({'torch', 'verl', 'ray'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


@pytest.mark.parametrize("text", ["- a\n- b\n", "\x00", "name: x\n", "5\n", "'5'\n"])
def test_a_file_that_is_no_study(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(text)
    assert "is no study" in refused(path, capsys)
    assert "is not there" in refused(tmp_path / "none.yaml", capsys, "status")


def test_a_mistake_of_yaml_is_named_with_its_line(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(tmp_path, rows)
    path.write_text(path.read_text() + "arms: {")
    lines = path.read_text().count("\n") + 1
    assert f"is no study: line {lines}: expected the node content" in refused(path, capsys)


def test_an_arm_that_names_the_shared_training_file(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arms = {"grpo": {}, "same": {"train": str(rows / "train.parquet")}}
    error = refused(study_file(tmp_path, rows, arms=arms), capsys)
    assert "arm same: its train is data.train; leave it out" in error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arms", "sentence"),
    [
        ({"grpo": ["algorithm.egpo.lamda=0"]}, "verl refuses arm grpo: Could not override"),
        ({"grpo": ["+algorithm.egpo.lamda=0"]}, "did you mean 'lam'?"),
        ({"grpo": ["algorithm.egpo.lam=0.4"], "egpo": []}, "arms grpo and egpo are equal"),
        (
            {"grpo": ["actor_rollout_ref.actor.loss_agg_mode=odd"]},
            "Invalid loss_agg_mode: odd",
        ),
    ],
)
def test_what_verl_refuses_and_arms_that_are_equal(
    tmp_path: Path,
    rows: Path,
    arms: dict[str, list[str]],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    of_study = {name: {"overrides": overrides} for name, overrides in arms.items()}
    error = refused(study_file(tmp_path, rows, arms=of_study), capsys)
    assert sentence in error
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_study_may_lie_in_a_folder_of_any_name(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """verl takes its files from it, so that the arms can be compared."""
    folder = tmp_path / "it's a=1, {b} (c)"
    shutil.copytree(rows, folder / "rows")
    arms = {
        "grpo": {"overrides": ["algorithm.egpo.lam=0.4"]},
        "egpo": {},
        "cut": {"train": str(folder / "rows" / "test.parquet")},
    }
    error = refused(study_file(folder, folder / "rows", arms=arms), capsys)
    assert "arms grpo and egpo are equal" in error


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        ("''", "none/train.parquet is not there"),
        ("'  '", "none/train.parquet is not there"),
        ('python -c "', "data.make is no command: No closing quotation"),
    ],
)
def test_missing_data_that_nothing_makes(
    tmp_path: Path, make: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(tmp_path, tmp_path / "none")
    path.write_text(path.read_text().replace("data:\n", f"data:\n  make: {make}\n"))
    assert sentence in refused(path, capsys)


@pytest.mark.slow
def test_data_are_made_for_a_study_that_can_run_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(tmp_path, tmp_path / "none")
    made = tmp_path / "made"
    text = path.read_text().replace("data:\n", f"data:\n  make: touch {made} none\n")
    path.write_text(text.replace("algorithm.egpo.lam=0", "algorithm.egpo.lamda=0"))
    assert "verl refuses arm grpo" in refused(path, capsys)
    assert not made.exists()
    path.write_text(text.replace(f"touch {made} none", "python -m egpo_verl.preprocess xl"))
    assert main(["run", str(path)]) == 2
    assert "data.make failed: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "sentence"),
    [("train.parquet", "train.parquet is no parquet file of rows"), ("m", "m has no config.json")],
)
def test_a_file_that_is_not_what_it_is_named_for(
    tmp_path: Path, rows: Path, file: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "rows"
    shutil.copytree(rows, copied)
    (copied / "train.parquet").write_bytes(b"x")
    (tmp_path / "m").mkdir()
    changes = {"model": str(tmp_path / "m")} if file == "m" else {}
    assert sentence in refused(study_file(tmp_path, copied, **changes), capsys)
    assert not (tmp_path / "runs").exists()


def test_a_model_that_is_nowhere(
    tmp_path: Path,
    rows: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    path = study_file(tmp_path, rows, model="no/such/folder")
    assert "no/such/folder is neither a folder nor a model" in refused(path, capsys)


def test_rows_of_one_arm_that_changed_after_a_run(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(
        tmp_path, rows, arms={"grpo": {}, "cut": {"train": str(rows / "test.parquet")}}
    )
    overrides = [*OVERRIDES, f"data.train_files={rows / 'test.parquet'}"]
    write_run(path, "cut", 1, 0.5, arm_overrides=overrides, train_digest="0")
    assert "cut-seed1 was trained on other rows than" in refused(path, capsys)


def test_an_arm_with_other_overrides_needs_another_name(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(tmp_path, rows)
    write_run(path, "egpo", 1, 0.5, arm_overrides=[*OVERRIDES, "algorithm.egpo.lam=9"])
    assert "was made with other overrides than arm egpo has" in refused(path, capsys)


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("study.json", '{"model": "another"}', "is the folder of another study, with other model"),
        ("study.json", '{"model', "study.json is damaged"),
        ("notes.txt", "mine", "holds other things"),
    ],
)
def test_a_folder_that_is_not_the_studys(
    tmp_path: Path,
    rows: Path,
    name: str,
    text: str,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = study_file(tmp_path, rows)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / name).write_text(text)
    assert sentence in refused(path, capsys)
    assert [file.name for file in (tmp_path / "runs").iterdir()] == [name]


def test_the_status_says_how_far_each_run_is(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = study_file(tmp_path, rows)
    write_run(path, "grpo", 1, 0.5)
    crash = {"phase": "train", "exit": 1, "problem": "ValueError: too much"}
    write_run(path, "egpo", 1, 0.5, done=False, starts=[crash])
    write_run(path, "grpo", 2, 0.5, done=False, starts=[{"phase": "train", "exit": "stopped"}])
    assert main(["status", str(path)]) == 0
    printed = capsys.readouterr().out
    rows_of = {line.split()[1]: line for line in printed.splitlines() if "-seed" in line[:16]}
    assert " done " in rows_of["grpo-seed1"]
    assert " failed " in rows_of["egpo-seed1"]
    assert " stopped " in rows_of["grpo-seed2"]
    assert " waiting " in rows_of["egpo-seed2"]
    assert "egpo-seed1 failed at step 4: ValueError: too much; see" in printed


@pytest.mark.parametrize("record", ['{"arm": "gr', "[]", '{"starts": 1}', '{"starts": [null]}'])
def test_a_damaged_run_record_is_one_sentence(
    tmp_path: Path, rows: Path, capsys: pytest.CaptureFixture[str], record: str
) -> None:
    path = study_file(tmp_path, rows)
    folder = write_run(path, "grpo", 1, 0.5)
    (folder / "run.json").write_text(record)
    assert "is damaged: remove" in refused(path, capsys, "status")
