"""Wheels in parts for a machine without a network, and the parts joined again over there."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

GPU = Path(__file__).parent / "gpu"
MIB = 1 << 20


def pack(*options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, GPU / "bare_machine_wheels.py", *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def join(parts: Path, wheels: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", GPU / "join_parts.sh", str(parts), str(wheels)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def wheels(tmp_path: Path) -> dict[str, bytes]:
    """Made files by their names, one larger than three parts of 16 KiB, in `tmp_path/wheels`."""
    draw = random.Random(0)
    sizes = {"large-1.0-py3-none-any.whl": 50_000, "none-1.0-py3-none-any.whl": 0}
    sizes |= {f"small_{n}-1.0-py3-none-any.whl": 1000 * n for n in range(1, 8)}
    contents = {name: draw.randbytes(size) for name, size in sizes.items()}
    (tmp_path / "wheels").mkdir()
    for name, content in contents.items():
        (tmp_path / "wheels" / name).write_bytes(content)
    return contents


def test_parts_are_small_and_join_to_what_was_packed(
    tmp_path: Path, wheels: dict[str, bytes]
) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "part.099").write_text("of an earlier, larger pack")
    ran = pack("--wheels", tmp_path / "wheels", "--out", parts, "--part_mib", 1 / 64)
    assert ran.returncode == 0, ran.stderr
    sizes = [file.stat().st_size for file in sorted(parts.glob("part.*"))]
    assert len(sizes) > 4
    assert set(sizes[:-1]) == {MIB // 64}
    assert 0 < sizes[-1] <= MIB // 64
    joined = join(parts, tmp_path / "over there")
    assert joined.returncode == 0, joined.stderr
    assert {f.name: f.read_bytes() for f in (tmp_path / "over there").iterdir()} == wheels


@pytest.mark.parametrize("fault", ["missing", "cut short"])
def test_parts_that_are_not_whole_are_refused_before_anything_is_unpacked(
    tmp_path: Path, wheels: dict[str, bytes], fault: str
) -> None:
    parts = tmp_path / "parts"
    pack("--wheels", tmp_path / "wheels", "--out", parts, "--part_mib", 1 / 64)
    part = parts / "part.002"
    if fault == "missing":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:-1])
    ran = join(parts, tmp_path / "over there")
    assert ran.returncode == 2
    assert "part.002" in ran.stdout + ran.stderr
    assert "bring all of them" in ran.stderr
    assert not (tmp_path / "over there").exists()


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12"])
def test_the_list_says_what_and_why_in_the_locked_versions(python: str) -> None:
    ran = pack("--list", "--python", python)
    assert ran.returncode == 0, ran.stderr
    rows = [line.split("│")[1:4] for line in ran.stdout.splitlines() if line.startswith("│")]
    assert len(rows) > 40
    assert all(cell.strip() for row in rows for cell in row)
    assert ["verl", "0.9.1", "the trainer"] in [[cell.strip() for cell in row] for row in rows]


def test_what_the_machine_has_is_left_out() -> None:
    ran = pack("--list", "--leave_out", "PyArrow", "jsonschema_specifications")
    assert "pyarrow  " not in ran.stdout
    assert "jsonschema-specifications" not in ran.stdout
    assert "pandas" in ran.stdout


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--leave_out", "pyarow"], "--leave_out pyarow is not in the list"),
        (["--python", "3.9"], "invalid choice: '3.9'"),
        (["--wheels", "/nowhere"], "/nowhere holds no wheel"),
        (["--part_mib", "0"], "not a number above 0"),
    ],
)
def test_what_cannot_be_packed_is_one_sentence(
    tmp_path: Path, options: list[str], sentence: str
) -> None:
    ran = pack("--out", tmp_path / "parts", *options)
    assert ran.returncode == 2
    assert sentence in ran.stderr
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize("fault", ["no parts", "an earlier run"])
def test_a_run_that_cannot_start_says_why(tmp_path: Path, fault: str) -> None:
    parts, results = tmp_path / "parts", tmp_path / "results"
    for folder in (parts, results):
        folder.mkdir()
    if fault == "an earlier run":
        (parts / "SHA256SUMS").touch()
        (results / "parts.tsv").touch()
    environment = {**os.environ, "PARTS": str(parts), "OUT": str(results)}
    command = ["bash", GPU / "bare_machine.sh"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 2
    assert fault in ran.stderr


def test_the_summary_has_what_was_measured_and_why_the_rest_was_not(tmp_path: Path) -> None:
    ended = ["advantage\t0\t9", "entropy\t1\t3", "egpo\t124\t200", "lam0\t1\t20"]
    (tmp_path / "parts.tsv").write_text("\n".join(ended) + "\n")
    times = {"mask": 1, "estimator": 2, "stage": 3.0, "grpo": 4.0, "vectorized": 2, "read": 1}
    sizes = {"rows": 1024, "tokens": 512}
    (tmp_path / "advantage.jsonl").write_text(json.dumps(sizes | times) + "\n")
    steps = [
        {"critic/score/mean": n / 10, "timing_s/adv": n / 100, "timing_s/step": n}
        for n in range(1, 8)
    ]
    lines = [json.dumps({"step": n, "data": data}) + "\n" for n, data in enumerate(steps)]
    (tmp_path / "egpo.jsonl").write_text("".join(lines))
    (tmp_path / "lam0.jsonl").touch()
    for name in ("entropy", "egpo", "lam0"):
        (tmp_path / f"{name}.log").write_text(f"why {name} ended\n")
    command = [sys.executable, GPU / "bare_machine_summary.py", tmp_path, "--device", "cpu"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 1, ran.stderr
    written = (tmp_path / "summary.jsonl").read_text().splitlines()
    summary = [json.loads(line) for line in written]
    assert ran.stdout.splitlines()[: len(written)] == written
    assert summary[0]["hardware"].startswith("CPU")
    logs = {line["part"]: line.get("end_of_log") for line in summary if "part" in line}
    assert logs["advantage"] is None
    assert logs["lam0"] == ["why lam0 ended"]
    measured = {line["measured"]: line for line in summary if "measured" in line}
    assert set(measured) == {"advantage", "egpo"}
    assert measured["egpo"]["steps"] == 7
    assert measured["egpo"]["timing_s/adv"] == 0.055
    for words in ("ratio 0.75", "egpo", "ran out of time after 200 s", "failed after 3 s"):
        assert words in ran.stdout.partition("┏")[2]
