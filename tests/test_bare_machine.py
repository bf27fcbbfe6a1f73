"""Wheels in parts for a machine without a network, and the parts joined again over there."""

from __future__ import annotations

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
