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

from egpo_verl.datasets.reading import json_rows
from egpo_verl.datasets.reading.answered import AnsweredRows
from egpo_verl.datasets.reading.files import Rows
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.errors import UserError
from egpo_verl.preprocess import main

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
    # Pieces of the real size would need examples of megabytes, 200 of them.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "CHUNK", chunk)
        assert list(Rows(path)) == rows


def reasons(rows: Rows) -> list[str]:
    return [f"{row.reason}: {row.detail}" for row in rows if isinstance(row, Unusable)]


@pytest.mark.parametrize("packing", ["", ".gz"])
@pytest.mark.parametrize("notes", [0, 9_000])
def test_a_broken_line_is_named_and_costs_one_row(tmp_path: Path, packing: str, notes: int) -> None:
    """In 5 kB, and in 3.6 MB, which are read in pieces of a megabyte."""
    lines = [json.dumps({"n": n, "notes": "x" * notes}) for n in range(1, 400)]
    lines[321] = '{"n": 322, "a": }'
    lines.insert(100, "")
    rows = Rows(write(tmp_path / f"rows.jsonl{packing}", "\n".join(lines) + "\n"))
    assert len([row for row in rows if isinstance(row, dict)]) == 398
    assert reasons(rows) == ['not_an_object: line 323: Expecting value in \'{"n": 322, "a": }\'']
    assert rows.warnings == []


@pytest.mark.parametrize("notes", [0, 400_000])
@pytest.mark.parametrize("layout", ["lines", "list", "indented list"])
def test_a_byte_of_another_encoding_costs_its_row(tmp_path: Path, layout: str, notes: int) -> None:
    """In a short file, and in the second of the megabytes by which a long one is read."""
    rows = [{"city": "x" * notes + city + "x" * notes} for city in ("Köln", "CAFE", "東京")]
    if layout == "lines":
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    else:
        text = json.dumps(rows, ensure_ascii=False, indent=1 if "indented" in layout else None)
    path = tmp_path / "rows.json"
    path.write_bytes(text.encode().replace(b"CAFE", "café".encode("latin-1")))
    line = {"lines": 2, "list": 1, "indented list": 6}[layout]
    assert reasons(Rows(path)) == [f"bad_text: line {line}: byte 0xE9 is not UTF-8"]
    assert [row for row in Rows(path) if isinstance(row, dict)] == [rows[0], rows[2]]


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_a_file_that_ends_within_a_line_is_told(tmp_path: Path, cut: int) -> None:
    """Whatever is cut: a brace, a key, half a character."""
    path = tmp_path / "rows.jsonl"
    path.write_bytes(LINES.encode().rstrip(b"\n")[:-cut])
    rows = Rows(path)
    assert [row for row in rows if isinstance(row, dict)] == ROWS[:-1]
    assert rows.warnings == [
        f"{path} ends in the middle of line 7, so more rows may be missing; "
        "download or export it again."
    ]
    assert reasons(rows)[0].startswith("cut_row: line 7: ")


def test_half_a_download_is_a_warning_at_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (Path(__file__).parents[1] / "data" / "samples" / "xlam.jsonl").read_bytes()
    path = tmp_path / "xlam.jsonl"
    path.write_bytes(whole[: len(whole) // 2])
    words = ("--local_dataset_path", str(path), "--local_save_dir", str(tmp_path / "out"))
    assert main(["xlam", *words, "--split_by", "random"]) == 0
    assert "ends in the middle of line 4" in capsys.readouterr().err
    assert "| cut_row | 1 |" in (tmp_path / "out" / "report.md").read_text("utf-8")


def test_a_list_that_is_cut_is_refused_with_its_line(tmp_path: Path) -> None:
    text = json.dumps(ROWS, indent=1)
    with pytest.raises(UserError, match="in row 6 on line 32"):
        list(Rows(write(tmp_path / "rows.json", text[:-40])))


def test_a_broken_answer_costs_its_question(tmp_path: Path) -> None:
    """Benchmarks have their answers in a second file of the same name."""
    (tmp_path / "possible_answer").mkdir()
    write(tmp_path / "q.json", '{"id": "a"}\n{"id": "b"}\n')
    write(
        tmp_path / "possible_answer" / "q.json",
        '{"id": "a", "ground\n{"id": "b", "ground_truth": 1}\n',
    )
    rows = list(AnsweredRows(tmp_path / "q.json"))
    assert rows == [{"id": "a"}, {"id": "b", "ground_truth": 1}]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("rows.json", b"", "is empty"),
        ("rows.jsonl", b" \n\n", "is empty"),
        ("rows.json", b'[{"a": 1}, {"a": ', "not a complete JSON list"),
        ("rows.json", b'[{"a": 1}, oops]', "not a complete JSON list"),
        ("rows.json", b"[", "not a complete JSON list"),
        ("rows.json.gz", b"not gzip at all", "cannot be read"),
        ("rows.json.gz", gzip.compress(LINES.encode(), mtime=0)[:-20], "cannot be read"),
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


def test_a_row_that_does_not_end_is_refused_before_memory_is(tmp_path: Path) -> None:
    """This one does, after 140 MB, so that it would be a row if all of it was read."""
    data = b'[{"a": "' + b"x" * (140 << 20) + b'"}]'
    path = tmp_path / "rows.json.zst"
    path.write_bytes(pa.Codec("zstd").compress(data, asbytes=True))
    with pytest.raises(UserError, match="row 0"):
        list(Rows(path))


@pytest.mark.parametrize("packing", ["", ".gz"])
@pytest.mark.parametrize("text", [json.dumps(ROWS), LINES, '{"日": 1}\n'])
@pytest.mark.parametrize(
    ("codec", "name"),
    [
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16LE"),
        ("utf-16-be", "UTF-16BE"),
        ("utf-32", "UTF-32"),
        ("utf-32-le", "UTF-32LE"),
    ],
)
def test_another_encoding_is_named_with_the_cure(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    codec: str,
    name: str,
    text: str,
    packing: str,
) -> None:
    """As PowerShell's `>` writes it."""
    path, data = tmp_path / f"rows.jsonl{packing}", text.encode(codec)
    path.write_bytes(gzip.compress(data) if packing else data)
    paths = ["--local_dataset_path", str(path), "--local_save_dir", str(tmp_path / "out")]
    assert main(["openai", *paths]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert f"{path} is {name}, and must be UTF-8; convert it by `iconv -f {name} -t UTF-8`" in err
    assert not (tmp_path / "out").exists()
