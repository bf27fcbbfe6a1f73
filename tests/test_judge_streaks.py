"""Many rows in a row that get no answer: the others are written, unless the endpoint is down."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.clean import main

pytest.importorskip("openai")
pytest.importorskip("tenacity")

Start = Callable[..., Any]
Write = Callable[..., Path]
Clean = Callable[..., int]


@pytest.fixture
def clean(tmp_path: Path) -> Clean:
    """`clean(url, *options)` cleans `train.parquet` into `out`; gives the exit code."""

    def run(url: str, *options: str) -> int:
        places = [str(tmp_path / "train.parquet"), "--local_save_dir", str(tmp_path / "out")]
        quick = ["--backoff", "0.01", "--timeout", "1", "--tries", "2"]
        return main([*places, "--model", "judge", "--base_url", url, *quick, *options])

    return run


def written(out: Path) -> tuple[list[int], list[int]]:
    """The indices of the rows that were kept, and of those that were set aside."""
    rows = pq.read_table(out / "train.parquet").to_pylist()
    lines = (out / "failed.jsonl").read_text("utf-8").splitlines()
    return [row["extra_info"]["index"] for row in rows], [json.loads(n)["index"] for n in lines]


@pytest.mark.parametrize(
    ("fate", "in_flight", "start"),
    [
        *(("500", 1, start) for start in (0, 9, 18)),
        *((fate, 1, 0) for fate in ("cut", "400", "403", "html")),
        *((fate, 64, 0) for fate in ("500", "hang")),
    ],
)
def test_rows_in_a_row_that_are_never_answered_are_set_aside(
    start_judge: Start,
    write_judge_rows: Write,
    clean: Clean,
    tmp_path: Path,
    fate: str,
    in_flight: int,
    start: int,
) -> None:
    bad = range(start, start + 12)
    write_judge_rows(tmp_path / "train.parquet", 30, fates=dict.fromkeys(bad, fate))
    server = start_judge()
    more = ("--in_flight", str(in_flight), "--max_unreadable", "1")
    assert clean(server.url, *more) == 0
    kept, failed = written(tmp_path / "out")
    assert kept == [n for n in range(30) if n not in bad]
    assert failed == list(bad)
    fates = [met for _, _, met in server.requests()]
    assert fates.count(fate) == 12 * (1 if fate in ("400", "403") else 2), "tries are bounded"
    assert clean(server.url, *more) == 0, "nothing but rows that fail is left to ask"
    assert written(tmp_path / "out") == (kept, failed)


@pytest.mark.parametrize("fate", ["500", "cut", "html", "403"])
@pytest.mark.parametrize("healthy", [0, 40])
def test_an_endpoint_that_is_down_stops_the_job_and_nothing_paid_for_is_lost(
    start_judge: Start,
    write_judge_rows: Write,
    clean: Clean,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fate: str,
    healthy: int,
) -> None:
    write_judge_rows(tmp_path / "train.parquet", 200)
    server = start_judge("--always", fate, "--healthy", str(healthy))
    more = ("--in_flight", "2", "--store", str(tmp_path / "answers"), "--max_unreadable", "1")
    assert clean(server.url, *more) == (2 if (fate, healthy) == ("403", 0) else 1)
    err = capsys.readouterr().err
    assert server.url in err
    assert err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    assert len(server.requests()) < healthy + 40, "it went on asking"
    answered = {key for key, _, met in server.requests() if met == "answered"}
    with closing(sqlite3.connect(tmp_path / "answers")) as connection:
        assert {key for (key,) in connection.execute("SELECT key FROM answers WHERE good")} == (
            answered
        )

    well = start_judge()
    assert clean(well.url, *more, "--tries", "4") == 0, "answers of no use count as tries"
    assert not answered & {key for key, _, _ in well.requests()}
    assert len(pq.read_table(tmp_path / "out" / "train.parquet")) == 200


def test_what_it_costs_to_see_whether_the_endpoint_is_up_is_in_the_bill(
    start_judge: Start, write_judge_rows: Write, clean: Clean, tmp_path: Path
) -> None:
    fates = dict.fromkeys(range(12), "500")
    write_judge_rows(tmp_path / "train.parquet", 20, fates=fates)
    server = start_judge()
    assert clean(server.url, "--in_flight", "1") == 0
    answered = [met for _, _, met in server.requests()].count("answered")
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    assert f"| answers paid for, over all runs | {answered} |" in report
    assert f"| tokens in, over all runs | {100 * answered:,} |" in report


def test_a_share_of_one_never_stops_for_answers_that_cannot_be_read(
    start_judge: Start, write_judge_rows: Write, clean: Clean, tmp_path: Path
) -> None:
    write_judge_rows(tmp_path / "train.parquet", 40, fates=dict.fromkeys(range(38), "half"))
    assert clean(start_judge().url, "--max_unreadable", "1") == 0
    assert written(tmp_path / "out") == ([38, 39], list(range(38)))


@pytest.mark.parametrize("share", ["0", "1.01", "nan", "-1", "x"])
def test_a_share_that_is_none_is_one_sentence(
    clean: Clean, capsys: pytest.CaptureFixture[str], share: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        clean("http://127.0.0.1:9/v1", f"--max_unreadable={share}")
    assert exit_.value.code == 2
    err = capsys.readouterr().err
    assert "above 0 and up to 1" in err
    assert err.count("\n") == 1
