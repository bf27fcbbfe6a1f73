"""Kept rows on their way to their files: copied, changed or left out, always in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.calls import Call
from egpo_verl.datasets.deal import Change, deal
from egpo_verl.datasets.errors import UserError
from egpo_verl.datasets.rows import to_row
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.writer import ROW_GROUP, ParquetOut, aside, batch_of

TOOL = {"name": "f", "parameters": {"a": {"type": "int"}}}


def spool(path: Path, count: int) -> Path:
    rows = [
        to_row(Sample("x", ({"role": "user", "content": "q"},), (TOOL,), (Call("f", {"a": n}),)), n)
        for n in range(count)
    ]
    with ParquetOut(path) as output:
        for start in range(0, count, 300):
            output.add(batch_of(rows[start : start + 300]))
    return path


def indices(path: Path) -> list[int]:
    return [row["extra_info"]["index"] for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("change", [None, Change(lambda place: place % 3 == 0, lambda row, _: row)])
def test_every_row_reaches_its_file_in_order(tmp_path: Path, change: Change | None) -> None:
    files = [("train", "test", "")[n % 3] for n in range(2500)]
    kept = spool(tmp_path / "kept.parquet", 2500)
    written = deal(kept, files, tmp_path, change)
    assert written == {"train.parquet": 834, "test.parquet": 833}
    assert indices(tmp_path / "train.parquet") == list(range(0, 2500, 3))
    assert indices(tmp_path / "test.parquet") == list(range(1, 2500, 3))
    assert pq.read_metadata(tmp_path / "train.parquet").num_row_groups == 1
    assert pq.read_metadata(kept).row_group(0).num_rows <= ROW_GROUP


def test_touched_rows_are_changed_or_left_out(tmp_path: Path) -> None:
    def apply(row: dict[str, Any], place: int) -> dict[str, Any] | None:
        return None if place % 4 == 0 else {**row, "data_source": "changed"}

    kept = spool(tmp_path / "kept.parquet", 50)
    change = Change(lambda place: place % 2 == 0, apply)
    assert deal(kept, ["train"] * 50, tmp_path, change) == {"train.parquet": 37}
    rows = pq.read_table(tmp_path / "train.parquet").to_pylist()
    found = [(row["extra_info"]["index"], row["data_source"]) for row in rows]
    assert found == [(n, "x" if n % 2 else "changed") for n in range(50) if n % 4]


def test_all_rows_of_a_file_may_be_left_out(tmp_path: Path) -> None:
    kept = spool(tmp_path / "kept.parquet", 5)
    change = Change(lambda place: True, lambda row, place: None)
    assert deal(kept, ["train"] * 5, tmp_path, change) == {"train.parquet": 0}


def write_half(folder: Path) -> None:
    with aside(folder) as scratch:
        (scratch / "x").write_text("half")
        raise ZeroDivisionError


def test_what_is_written_aside_appears_at_once_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with pytest.raises(ZeroDivisionError):
        write_half(folder)
    assert not folder.exists()
    with aside(folder) as scratch:
        (scratch / "x").write_text("whole")
        assert not (folder / "x").exists()
    assert [path.name for path in folder.iterdir()] == ["x"]
    with pytest.raises(ZeroDivisionError):
        write_half(folder)
    assert (folder / "x").read_text() == "whole"


def test_a_file_where_the_folder_should_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another"), aside(tmp_path / "file"):
        pass
