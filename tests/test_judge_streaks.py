"""Many rows in a row that get no answer: the others are written, unless the endpoint is down."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")
pytest.importorskip("tenacity")

Start = Callable[..., Any]
QUICK = ("--tries", "2", "--max_unreadable", "1")


@pytest.mark.parametrize(
    ("fate", "in_flight", "start"),
    [
        *(("500", 1, start) for start in (0, 9, 18)),
        *((fate, 1, 0) for fate in ("cut", "400", "403", "429", "html")),
        *((fate, 64, 0) for fate in ("500", "hang")),
    ],
)
def test_rows_in_a_row_that_are_never_answered_are_set_aside(
    job: Any, start_judge: Start, fate: str, in_flight: int, start: int
) -> None:
    bad = range(start, start + 12)
    job.has(30, fates=dict.fromkeys(bad, fate))
    server = start_judge()
    more = (*QUICK, "--in_flight", str(in_flight))
    assert job.run(server.url, *more) == 0
    assert job.indices() == [n for n in range(30) if n not in bad]
    failed = {line["index"]: line["reason"] for line in job.lines("failed.jsonl")}
    assert list(failed) == list(bad)
    assert all(failed.values())
    fates = [met for _, _, met in server.requests()]
    assert fates.count(fate) == 12 * (1 if fate in ("400", "403") else 2), "tries are bounded"
    assert job.run(server.url, *more) == 0, "nothing but rows that fail is left to ask"
    assert len(job.lines("failed.jsonl")) == 12
    assert len(job.indices()) == 18


@pytest.mark.parametrize("fate", ["500", "cut", "html", "403"])
@pytest.mark.parametrize("healthy", [0, 40])
def test_an_endpoint_that_is_down_stops_the_job_and_nothing_paid_for_is_lost(
    job: Any,
    start_judge: Start,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    fate: str,
    healthy: int,
) -> None:
    job.has(100)
    server = start_judge("--always", fate, "--healthy", str(healthy))
    more = (*QUICK, "--in_flight", "2", "--store", str(tmp_path / "answers"))
    assert job.run(server.url, *more) == (2 if (fate, healthy) == ("403", 0) else 1)
    err = capsys.readouterr().err
    assert server.url in err
    assert err.count("\n") == 1
    assert not job.out.exists()
    assert len(server.requests()) < healthy + 40, "it went on asking"
    answered = {key for key, _, met in server.requests() if met == "answered"}
    with closing(sqlite3.connect(tmp_path / "answers")) as connection:
        keys = {key for (key,) in connection.execute("SELECT key FROM answers WHERE good")}
    assert keys == answered

    well = start_judge()
    # What could not be read was paid for, and counts as a try of a later run too.
    assert job.run(well.url, *more, "--tries", "4") == 0
    assert not answered & {key for key, _, _ in well.requests()}
    assert len(job.indices()) == 100


def test_what_it_costs_to_see_whether_the_endpoint_is_up_is_in_the_bill(
    job: Any, start_judge: Start
) -> None:
    job.has(20, fates=dict.fromkeys(range(12), "500"))
    server = start_judge()
    assert job.run(server.url, *QUICK, "--in_flight", "1") == 0
    answered = [met for _, _, met in server.requests()].count("answered")
    report = (job.out / "report.md").read_text("utf-8")
    assert f"| answers paid for, over all runs | {answered} |" in report
    assert f"| tokens in, over all runs | {100 * answered:,} |" in report


def test_a_share_of_one_never_stops_for_answers_that_cannot_be_read(
    job: Any, start_judge: Start
) -> None:
    job.has(40, fates=dict.fromkeys(range(38), "half"))
    assert job.run(start_judge().url, *QUICK) == 0
    assert job.indices() == [38, 39]
    assert len(job.lines("failed.jsonl")) == 38


@pytest.mark.parametrize("share", ["0", "1.01", "nan", "-1", "x"])
def test_a_share_that_is_none_is_one_sentence(
    job: Any, capsys: pytest.CaptureFixture[str], share: str
) -> None:
    with pytest.raises(SystemExit) as exit_:
        job.run("http://127.0.0.1:9/v1", f"--max_unreadable={share}")
    assert exit_.value.code == 2
    err = capsys.readouterr().err
    assert "above 0 and up to 1" in err
    assert err.count("\n") == 1
