"""A model by its name on the hub where nobody answers there: a sentence, or the hub's cache."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from egpo_verl.doctor.environment import check_model_and_data
from egpo_verl.doctor.finding import State

pytest.importorskip("transformers")

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "egpo_verl" / "toolworld" / "model"
ROWS = ROOT / "data" / "samples" / "xlam.jsonl"
NAME = "maker/model"
SILENT = "http://127.0.0.1:9"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """`command(*words)` runs a module of ours on a machine whose hub is silent."""

    def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        hub = {"HF_ENDPOINT": SILENT, "HF_HOME": str(tmp_path / "home"), "no_proxy": "*"}
        return subprocess.run(
            [sys.executable, "-m", *words],
            env={**os.environ, **hub, **more},
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture
def preprocess(command: Command, tmp_path: Path) -> Command:
    """`preprocess()` measures rows by the tokenizer `NAME`."""
    places = ("--local_dataset_path", str(ROWS), "--local_save_dir", str(tmp_path / "out"))
    return lambda **more: command("egpo_verl.preprocess", "xlam", *places, "--tokenizer", NAME)


def keep_in_cache(home: Path) -> None:
    """Lay the shipped model down where the hub's library keeps `NAME` once it is downloaded."""
    folder = home / "hub" / f"models--{NAME.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    shutil.copytree(MODEL, folder / "snapshots" / ("0" * 40))


def test_a_tokenizer_that_cannot_be_had_is_one_sentence(
    preprocess: Command, tmp_path: Path
) -> None:
    ran = preprocess()
    assert ran.returncode == 2
    (sentence,) = ran.stderr.splitlines()
    assert sentence.startswith(f"--tokenizer {NAME} ")
    assert f"the hub does not answer at {SILENT} (" in sentence
    assert not (tmp_path / "out").exists()


def test_a_tokenizer_of_the_cache_needs_no_hub(preprocess: Command, tmp_path: Path) -> None:
    keep_in_cache(tmp_path / "home")
    ran = preprocess()
    assert ran.returncode == 0, ran.stderr
    assert "etry" not in ran.stderr
    assert (tmp_path / "out" / "train.parquet").is_file()


def test_the_doctor_tells_of_a_model_that_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", SILENT)
    monkeypatch.setenv("no_proxy", "*")
    (finding,) = check_model_and_data(NAME)
    assert finding.state is State.FAIL
    assert NAME in finding.text
    assert f"the hub does not answer at {SILENT} (" in finding.text
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_the_doctor_reads_the_cache(command: Command, tmp_path: Path) -> None:
    pytest.importorskip("verl")
    keep_in_cache(tmp_path / "home")
    ran = command("egpo_verl.doctor", "--no-ray", "--model", NAME)
    assert "etry" not in ran.stdout + ran.stderr
    assert "the hub does not answer" not in ran.stdout
    assert "can be found in token ids" in ran.stdout
