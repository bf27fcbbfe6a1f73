"""Spooled rows on their way to their files: copied, changed or left out, always in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.calls import Call
from egpo_verl.cli import write_aside
from egpo_verl.datasets.jobs.output import Edit, Written, write_splits
from egpo_verl.datasets.parquet.rows import to_row
from egpo_verl.datasets.parquet.spool import Spool, write_chunk
from egpo_verl.datasets.parquet.writer import ParquetOut, batch_of
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.selection.index import RowIndex
from egpo_verl.errors import UserError

Row = dict[str, Any]
TOOL = {"name": "f", "parameters": {"a": {"type": "int"}}}


def index_of(count: int) -> RowIndex:
    index = RowIndex()
    for number in range(count):
        index.add(number, "single", ["f"], ["f"])
    return index


def rows_in(written: dict[str, Written]) -> dict[str, int]:
    return {name: file.rows for name, file in written.items()}


def spooled(folder: Path, count: int) -> Spool:
    """Rows in chunks of 300 and one more, which is not kept."""
    rows = [
        to_row(Sample("x", ({"role": "user", "content": "q"},), (TOOL,), (Call("f", {"a": n}),)), n)
        for n in range(count)
    ]
    spool = Spool()
    folder.mkdir()
    for start in range(0, count, 300):
        part = rows[start : start + 300]
        write_chunk(batch_of([rows[0], *part]), folder / f"{start}.arrow")
        spool.add(folder / f"{start}.arrow", [False, *(True for _ in part)])
    return spool


def indices(path: Path) -> list[int]:
    return [row["extra_info"]["index"] for row in pq.read_table(path).to_pylist()]


class Every:
    """An edit of every n-th row."""

    def __init__(self, step: int, apply: Callable[[Row], Row | None] = lambda row: row) -> None:
        self.step, self._apply = step, apply

    def touches(self, place: int) -> bool:
        return place % self.step == 0

    def apply(self, row: Row, place: int) -> Row | None:
        assert self.touches(place)
        return self._apply(row)


@pytest.mark.parametrize("edits", [(), (Every(3),), (Every(3), Every(1))])
def test_every_row_reaches_its_file_in_order(tmp_path: Path, edits: tuple[Edit, ...]) -> None:
    files = [("train", "test", "")[n % 3] for n in range(2500)]
    spool = spooled(tmp_path / "spool", 2500)
    written = write_splits(spool, index_of(2500), files, tmp_path, {"train": edits, "test": ()})
    assert rows_in(written) == {"train": 834, "test": 833}
    assert indices(tmp_path / "train.parquet") == list(range(0, 2500, 3))
    assert indices(tmp_path / "test.parquet") == list(range(1, 2500, 3))
    assert pq.read_metadata(tmp_path / "train.parquet").num_row_groups == 1
    spool.remove()
    assert not list((tmp_path / "spool").iterdir())


def test_touched_rows_are_changed_or_left_out(tmp_path: Path) -> None:
    edits = (
        Every(2, lambda row: {**row, "data_source": "changed"}),
        Every(4, lambda row: None),
        Every(1, lambda row: {**row, "ability": row["data_source"]}),
    )
    spool = spooled(tmp_path / "spool", 50)
    written = write_splits(spool, index_of(50), ["train"] * 50, tmp_path, {"train": edits})
    assert written == {"train": Written(37, Counter(single=37))}
    rows = pq.read_table(tmp_path / "train.parquet").to_pylist()
    assert [(row["extra_info"]["index"], row["ability"]) for row in rows] == [
        (n, "x" if n % 2 else "changed") for n in range(50) if n % 4
    ]


def test_all_rows_of_a_file_may_be_left_out(tmp_path: Path) -> None:
    spool, edits = spooled(tmp_path / "spool", 5), (Every(1, lambda row: None),)
    written = write_splits(spool, index_of(5), ["train"] * 5, tmp_path, {"train": edits})
    assert rows_in(written) == {"train": 0}


def write_half(folder: Path) -> None:
    with write_aside(folder) as scratch:
        (scratch / "x").write_text("half")
        raise ZeroDivisionError


def test_what_is_written_aside_appears_at_once_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    with pytest.raises(ZeroDivisionError):
        write_half(folder)
    assert not folder.exists()
    with write_aside(folder) as scratch:
        (scratch / "x").write_text("whole")
        assert not (folder / "x").exists()
    assert [path.name for path in folder.iterdir()] == ["x"]
    with pytest.raises(ZeroDivisionError):
        write_half(folder)
    assert (folder / "x").read_text() == "whole"


def test_a_file_where_the_folder_should_be_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another"), write_aside(tmp_path / "file"):
        pass


def test_a_chunk_without_kept_rows_leaves_no_file(tmp_path: Path) -> None:
    spool = spooled(tmp_path / "spool", 2)
    write_chunk(batch_of([]), tmp_path / "spool" / "empty.arrow")
    spool.add(tmp_path / "spool" / "empty.arrow", [])
    assert [path.name for path in (tmp_path / "spool").iterdir()] == ["0.arrow"]
    assert [batch.num_rows for batch in spool.batches()] == [2]
    (batch,) = spool.batches(["extra_info"])
    assert batch.schema.names == ["extra_info"]


def test_a_row_group_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """Writing goes on beside the work; what goes wrong there must not be lost."""

    def fill() -> None:
        with write_aside(tmp_path / "out"), ParquetOut(Path("/dev/full")) as output:
            output.add(batch_of([row] * 3000))

    row = to_row(Sample("x", ({"role": "user", "content": "q"},), (TOOL,), ()), 0)
    with pytest.raises(UserError, match=r"out cannot be written: .*No space left"):
        fill()
    assert not (tmp_path / "out").exists()
