"""Reading rows from every format that a dataset comes in."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egpo_verl.datasets.reading import files
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError

ROWS = [{"query": f"q{n} ü 日本", "tools": "[]", "answers": "[]"} for n in range(7)]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def write(path: Path, text: str) -> Path:
    data = text.encode()
    if path.suffix == ".gz":
        data = gzip.compress(data)
    elif path.suffix == ".zst":
        data = pa.Codec("zstd").compress(data, asbytes=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("packing", ["", ".gz", ".zst"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("rows.json", json.dumps(ROWS)),
        ("rows.json", json.dumps(ROWS, indent=2, ensure_ascii=False)),
        ("rows.json", LINES),
        ("rows.jsonl", LINES),
        ("rows.jsonl", "\ufeff" + LINES.replace("\n", "\r\n")),
        ("rows.jsonl", "\n\n" + LINES.rstrip("\n")),
        ("rows.ndjson", LINES),
        ("my.rows.v2.json", json.dumps(ROWS)),
    ],
)
def test_every_format_gives_the_same_rows(
    tmp_path: Path, packing: str, name: str, text: str
) -> None:
    rows = Rows(write(tmp_path / (name + packing), text))
    assert list(rows) == ROWS
    assert rows.fraction == 1.0


def test_lines_may_be_lists(tmp_path: Path) -> None:
    lists = [[1, {"a": "]"}], [], [2]]
    lines = "".join(json.dumps(row) + "\n" for row in lists)
    assert list(Rows(write(tmp_path / "rows.jsonl", lines))) == lists
    # One list alone is the list of the rows, whatever the file's name.
    assert list(Rows(write(tmp_path / "rows.jsonl", lines.split("\n")[0] + "\n"))) == lists[0]
    with pytest.raises(UserError, match=r"goes on after its JSON list; name it .jsonl"):
        list(Rows(write(tmp_path / "rows.json", lines)))


def test_parquet_gives_the_same_rows(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    assert list(Rows(tmp_path / "rows.parquet")) == ROWS


@settings(max_examples=200)
@given(
    st.lists(
        st.dictionaries(st.text(), st.text() | st.lists(st.integers() | st.floats(allow_nan=False)))
        | st.integers()
        | st.text()
    ),
    st.integers(1, 40),
    st.sampled_from([None, 1]),
)
def test_a_list_is_read_in_pieces_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, rows: list[object], chunk: int, indent: int | None
) -> None:
    path = tmp_path_factory.mktemp("pieces") / "rows.json"
    path.write_text(json.dumps(rows, indent=indent), "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CHUNK", chunk)
        assert list(Rows(path)) == rows


def test_one_broken_line_costs_one_row(tmp_path: Path) -> None:
    rows = list(Rows(write(tmp_path / "rows.jsonl", '{"a": 1}\n{"a": \n{"a": 3}\n')))
    assert [rows[0], rows[2]] == [{"a": 1}, {"a": 3}]
    assert isinstance(rows[1], Unusable)
    assert rows[1].reason == "not_an_object"


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("rows.json", b"", "is empty"),
        ("rows.jsonl", b" \n\n", "is empty"),
        ("rows.json", b'[{"a": 1}, {"a": ', "not a complete JSON list"),
        ("rows.json", b'[{"a": 1}, oops]', "not a complete JSON list"),
        ("rows.json", b"[", "not a complete JSON list"),
        ("rows.json", '["ü"]'.encode("latin-1"), "not UTF-8"),
        ("rows.json.gz", b"not gzip at all", "cannot be read"),
        ("rows.json.gz", gzip.compress(LINES.encode())[:-20], "cannot be read"),
        ("rows.jsonl.zst", b"not zstd at all", "cannot be read"),
        ("rows.parquet", b"PAR1 not really", "cannot be read"),
        ("rows.csv", b"a,b\n", "no known format"),
        ("rows", b"[]", "no known format"),
        ("rows.parquet.gz", b"", "no known format"),
    ],
)
def test_an_unreadable_file_is_one_sentence(
    tmp_path: Path, name: str, data: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=says) as caught:
        list(Rows(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        list(Rows(tmp_path / "rows.json"))


def test_a_folder_is_all_its_data_files_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a folder without a \.json"):
        list(Rows(tmp_path))
    write(tmp_path / "b.jsonl", '{"n": 2}\n{"n": 3}\n')
    write(tmp_path / "a.json.gz", '[{"n": 1}]')
    write(tmp_path / "readme.md", "not data")
    (tmp_path / "c.json").mkdir()
    rows = Rows(tmp_path)
    assert list(rows) == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert rows.fraction == 1.0


def test_a_row_that_never_ends_is_refused_before_memory_is(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "CHUNK", 10)
        patch.setattr(files, "LONGEST_ROW", 100)
        endless = write(tmp_path / "rows.json", '[{"a": "' + "x" * 10_000)
        with pytest.raises(UserError, match="row 0"):
            list(Rows(endless))
