"""Kept rows on their way to their files: copied, changed or left out, always in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.calls import Call
from egpo_verl.datasets.parquet.kept import Kept, put_aside
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.parquet.writer import ParquetOut, aside, batch_of
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.selection.deal import Change, deal
from egpo_verl.errors import UserError

TOOL = {"name": "f", "parameters": {"a": {"type": "int"}}}


def spool(folder: Path, count: int) -> Kept:
    """Rows aside in parts of 300, among which a foreign one has to be passed over."""
    rows = [
        to_row(Sample("x", ({"role": "user", "content": "q"},), (TOOL,), (Call("f", {"a": n}),)), n)
        for n in range(count)
    ]
    kept = Kept()
    folder.mkdir()
    for start in range(0, count, 300):
        part = rows[start : start + 300]
        put_aside(batch_of([rows[0], *part]), folder / f"{start}.arrow")
        kept.add(folder / f"{start}.arrow", [False, *(True for _ in part)])
    return kept


def indices(path: Path) -> list[int]:
    return [row["extra_info"]["index"] for row in pq.read_table(path).to_pylist()]


@pytest.mark.parametrize("change", [None, Change(lambda place: place % 3 == 0, lambda row, _: row)])
def test_every_row_reaches_its_file_in_order(tmp_path: Path, change: Change | None) -> None:
    files = [("train", "test", "")[n % 3] for n in range(2500)]
    kept = spool(tmp_path / "kept", 2500)
    written = deal(kept, files, tmp_path, change)
    assert written == {"train.parquet": 834, "test.parquet": 833}
    assert indices(tmp_path / "train.parquet") == list(range(0, 2500, 3))
    assert indices(tmp_path / "test.parquet") == list(range(1, 2500, 3))
    assert pq.read_metadata(tmp_path / "train.parquet").num_row_groups == 1
    kept.clear()
    assert not list((tmp_path / "kept").iterdir())


def test_touched_rows_are_changed_or_left_out(tmp_path: Path) -> None:
    def apply(row: dict[str, Any], place: int) -> dict[str, Any] | None:
        return None if place % 4 == 0 else {**row, "data_source": "changed"}

    kept = spool(tmp_path / "kept", 50)
    change = Change(lambda place: place % 2 == 0, apply)
    assert deal(kept, ["train"] * 50, tmp_path, change) == {"train.parquet": 37}
    rows = pq.read_table(tmp_path / "train.parquet").to_pylist()
    found = [(row["extra_info"]["index"], row["data_source"]) for row in rows]
    assert found == [(n, "x" if n % 2 else "changed") for n in range(50) if n % 4]


def test_all_rows_of_a_file_may_be_left_out(tmp_path: Path) -> None:
    kept = spool(tmp_path / "kept", 5)
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


def test_a_part_without_admitted_rows_leaves_no_file(tmp_path: Path) -> None:
    kept = spool(tmp_path / "kept", 2)
    put_aside(batch_of([]), tmp_path / "kept" / "empty.arrow")
    kept.add(tmp_path / "kept" / "empty.arrow", [])
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["0.arrow"]
    assert [batch.num_rows for batch in kept.batches()] == [2]
    (batch,) = kept.batches(["extra_info"])
    assert batch.schema.names == ["extra_info"]


def test_a_row_group_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Writing goes on beside the work; what goes wrong there must not be lost."""

    def fill() -> None:
        with aside(tmp_path / "out"), ParquetOut(Path("/dev/full")) as output:
            output.add(batch_of([row] * 3000))

    row = to_row(Sample("x", ({"role": "user", "content": "q"},), (TOOL,), ()), 0)
    with pytest.raises(UserError, match=r"out cannot be written: .*No space left"):
        fill()
    assert not (tmp_path / "out").exists()
