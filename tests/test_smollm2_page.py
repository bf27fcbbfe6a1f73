"""docs/smollm2.md is what its scripts make of the packed logs, and of nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def script(name: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT)


def test_the_pages_tables_are_those_of_the_packed_logs() -> None:
    assert script("smollm2_page", "--check").returncode == 0


def test_what_cannot_be_packed_is_one_sentence_and_changes_nothing(tmp_path: Path) -> None:
    packed = {file: file.read_bytes() for file in (ROOT / "benchmarks/smollm2").iterdir()}
    answers = tmp_path / "other/untuned/answers/0.jsonl"
    answers.parent.mkdir(parents=True)
    answers.write_text('{"input": "q", "gts": "[]", "acc": 1.0, "reason": 0}\n')
    broken = tmp_path / "broken/untuned/answers/0.jsonl"
    broken.parent.mkdir(parents=True)
    broken.write_text('{"input": "q", "gt')
    for words, says in (
        ((), "required: run"),
        ((tmp_path / "none",), "is no folder"),
        ((tmp_path / "other",), "other rows than those packed before"),
        ((tmp_path / "broken",), "line 1 of"),
    ):
        ran = script("smollm2_pack", *words)
        assert ran.returncode == 2
        assert says in ran.stderr
        assert "Traceback" not in ran.stderr
    assert packed == {file: file.read_bytes() for file in (ROOT / "benchmarks/smollm2").iterdir()}
