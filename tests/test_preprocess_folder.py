"""What a job may replace in its folder: what an earlier job wrote there, and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from egpo_verl.cli import write_aside
from egpo_verl.preprocess import main

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
XLAM = SAMPLES / "xlam.jsonl"

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Preprocess xLAM's sample; gives the exit code and stderr."""

    def call(folder: Path, *words: str | Path, source: Path = XLAM) -> tuple[int, str]:
        paths = ("--local_dataset_path", source, "--local_save_dir", folder)
        code = main(["xlam", *map(str, (*paths, *words))])
        return code, capsys.readouterr().err

    return call


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "name",
    [
        "train.parquet",
        "test.parquet",
        "test_hard.parquet",
        "contaminated.jsonl",
        "dropped.jsonl",
        "repaired.jsonl",
        "report.md",
        "manifest.json",
    ],
)
def test_a_foreign_file_is_never_replaced_or_removed(run: Run, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    code, err = run(tmp_path)
    assert code == 2
    assert f"{tmp_path / name} was not written by an earlier run" in err
    assert "--overwrite" in err
    assert err.count("\n") == 1
    assert content(tmp_path) == {name: b"mine"}
    assert run(tmp_path, "--overwrite") == (0, "")
    assert b"mine" not in content(tmp_path).values()


def test_a_foreign_manifest_of_nearly_our_shape_is_kept(run: Run, tmp_path: Path) -> None:
    text = '{"files": {"train.parquet": {}}, "name": "mine"}'
    (tmp_path / "manifest.json").write_text(text)
    code, err = run(tmp_path)
    assert (code, err.count("\n")) == (2, 1)
    assert content(tmp_path) == {"manifest.json": text.encode()}


def test_a_foreign_folder_that_is_called_unfinished_is_kept(run: Run, tmp_path: Path) -> None:
    thesis = tmp_path / ".unfinished-thesis" / "chapter"
    thesis.mkdir(parents=True)
    assert run(tmp_path) == (0, "")
    assert thesis.is_dir()


def test_a_job_that_ends_early_keeps_what_others_put_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "new"

    def job() -> None:
        with write_aside(folder):
            (folder / "notes.txt").write_text("mine")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job()
    assert content(folder) == {"notes.txt": b"mine"}


def test_an_earlier_run_is_replaced_without_a_question(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path) == (0, "")
    (tmp_path / "notes.txt").write_text("mine")
    assert run(tmp_path, "--seed", "3") == (0, "")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_file_that_was_changed_since_is_kept(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path) == (0, "")
    with (tmp_path / "train.parquet").open("ab") as file:
        file.write(b"more")
    before = content(tmp_path)
    code, err = run(tmp_path)
    assert code == 2
    assert "train.parquet was changed since" in err
    assert content(tmp_path) == before


def test_the_manifest_names_every_file_with_its_digest(run: Run, tmp_path: Path) -> None:
    assert run(tmp_path) == (0, "")
    manifest = json.loads((tmp_path / "manifest.json").read_text("utf-8"))
    others = {name: data for name, data in content(tmp_path).items() if name != "manifest.json"}
    assert manifest["files"] == {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in others.items()
    }


@pytest.mark.parametrize("more", [(), ("--overwrite",)])
def test_the_file_that_is_read_is_never_written(
    run: Run, tmp_path: Path, more: tuple[str, ...]
) -> None:
    out, linked = tmp_path / "out", tmp_path / "linked.parquet"
    run(out)
    os.link(out / "train.parquet", linked)
    before = content(out)
    for source in (out, out / "train.parquet", linked):
        code, err = run(out, *more, source=source)
        assert code == 2
        assert "would be read and written" in err
        assert content(out) == before


def test_a_benchmark_that_is_compared_with_is_never_written(run: Run, tmp_path: Path) -> None:
    shutil.copy(XLAM, tmp_path / "contaminated.jsonl")
    before = content(tmp_path)
    code, err = run(tmp_path, "--overwrite", "--decontaminate", tmp_path / "contaminated.jsonl")
    assert code == 2
    assert "would be read and written" in err
    assert content(tmp_path) == before


@pytest.mark.parametrize("moved", range(6))
def test_a_run_that_ends_between_two_files_is_replaced_by_the_next(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
) -> None:
    assert run(tmp_path) == (0, "")
    replace, left = os.replace, moved

    def replace_some(source: Path, target: Path) -> None:
        nonlocal left
        if Path(target).parent == tmp_path:
            if not left:
                raise KeyboardInterrupt
            left -= 1
        replace(source, target)

    monkeypatch.setattr(os, "replace", replace_some)
    code, _ = run(tmp_path, "--seed", "3", "--split_by", "random")
    monkeypatch.undo()
    assert code == (130 if moved < 5 else 0)
    assert run(tmp_path, "--seed", "4") == (0, "")


@pytest.mark.slow
def test_what_a_killed_run_left_is_removed_by_the_next(run: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "rows.jsonl", tmp_path / "out"
    source.write_text(XLAM.read_text("utf-8") * 3000, "utf-8")
    words = ["xlam", "--local_dataset_path", str(source), "--local_save_dir", str(out)]
    with subprocess.Popen([sys.executable, "-m", "egpo_verl.preprocess", *words]) as job:
        while not list(out.rglob("*.arrow")):
            assert job.poll() is None
            time.sleep(0.01)
        (running,) = out.glob(".unfinished-*")
        # Another job beside it takes nothing away from it.
        assert run(out, source=XLAM) == (0, "")
        assert running.exists()
        job.send_signal(signal.SIGKILL)
    assert running.exists()
    assert run(out, source=XLAM) == (0, "")
    assert not list(out.glob(".*"))
