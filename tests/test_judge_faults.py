"""Whatever an endpoint answers is data: it costs one row at most, and no paid answer is lost."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

Start = Callable[..., Any]
KEY = "sk-proj-0123456789abcdef"


UNREADABLE = (
    *("html", "empty", "list", "null", "text", "deep", "latin", "choiceless", "wordless"),
    *("half", "shape", "surrogate", "deep_answer", "endless", "long_number"),
)


@pytest.mark.parametrize("fate", UNREADABLE)
def test_an_answer_that_cannot_be_read_costs_its_row_only_and_is_not_paid_for_again(
    job: Any,
    start_judge: Start,
    capsys: pytest.CaptureFixture[str],
    fate: str,
) -> None:
    job.has(20, fates={4: fate})
    server = start_judge()
    assert job.run(server.url, "--tries", "3") == 0
    assert "Traceback" not in capsys.readouterr().err
    assert job.indices() == [n for n in range(20) if n != 4]
    (failed,) = job.lines("failed.jsonl")
    assert (failed["file"], failed["index"], failed["stage"]) == ("train.parquet", 4, "judge")
    assert failed["turn"] == 0
    assert "in 3 tries" in failed["reason"]
    assert len(failed["reason"]) < 500
    assert [line["outcome"] for line in job.lines("judged.jsonl")][4] == "failed"
    requests = len(server.requests())
    assert [fate_ for _, _, fate_ in server.requests()].count(fate) == 3

    assert job.run(server.url, "--tries", "3") == 0
    assert len(server.requests()) == requests, "the same command paid again"
    assert job.run(server.url, "--tries", "4") == 0
    assert len(server.requests()) == requests + 1


@pytest.mark.parametrize("fate", ["500", "hang", "cut"])
def test_a_row_that_is_never_answered_costs_itself_only_and_is_asked_by_the_next_run(
    job: Any,
    start_judge: Start,
    fate: str,
) -> None:
    job.has(20, fates={4: fate})
    server = start_judge()
    assert job.run(server.url, "--tries", "2") == 0
    assert len(job.indices()) == 19
    (failed,) = job.lines("failed.jsonl")
    assert (failed["index"], failed["outcome"]) == (4, "failed")
    requests = len(server.requests())
    assert job.run(server.url, "--tries", "2") == 0
    assert len(server.requests()) == requests + 2


def test_a_bill_that_cannot_be_is_no_bill(job: Any, start_judge: Start) -> None:
    job.has(10, fates={4: "bill"})
    assert job.run(start_judge().url) == 0
    assert len(job.indices()) == 10


ARGUMENTS = (
    *("half_letter", "deep_arguments", "not_a_number", "beyond", "many_digits"),
    "null_letter",
)


@pytest.mark.parametrize("fate", ARGUMENTS)
def test_a_correction_that_cannot_be_written_is_dropped_or_kept_whole(
    job: Any,
    start_judge: Start,
    fate: str,
) -> None:
    job.has(10, fates={3: fate})
    server = start_judge()
    assert job.run(server.url) == 0
    outcomes = {row["index"]: row["outcome"] for row in job.lines("judged.jsonl")}
    assert outcomes.pop(3) in ("broken", "not_corrected")
    assert set(outcomes.values()) == {"right", "corrected"}
    assert job.run(server.url) == 0, "a second run reads the same answers"


def test_a_store_with_an_unusable_answer_is_healed(
    job: Any, start_judge: Start, tmp_path: Path
) -> None:
    job.has(10)
    server = start_judge()
    more = ("--store", str(tmp_path / "s"))
    assert job.run(server.url, *more) == 0
    poisoned = '{"reason": "\\ud800", "verdict": "right"}'
    with closing(sqlite3.connect(tmp_path / "s")) as connection, connection:
        changed = connection.execute("UPDATE answers SET text = ? WHERE rowid = 1", (poisoned,))
        assert changed.rowcount == 1
    requests = len(server.requests())
    assert job.run(server.url, *more) == 0
    assert len(server.requests()) == requests + 1
    assert job.run(server.url, *more) == 0
    assert len(server.requests()) == requests + 1


@pytest.mark.parametrize("share", ["0.2", "0.6"])
def test_answers_that_nobody_can_read_are_paid_for_up_to_a_share(
    job: Any,
    start_judge: Start,
    capsys: pytest.CaptureFixture[str],
    share: str,
) -> None:
    job.has(200, fates=dict.fromkeys(range(0, 200, 2), "half"))
    server = start_judge()
    more = ("--max_unreadable", share, "--in_flight", "2", "--tries", "2")
    assert job.run(server.url, *more) == (2 if share == "0.2" else 0)
    fates = Counter(fate for _, _, fate in server.requests())
    if share == "0.2":
        assert fates["half"] <= 20
        err = capsys.readouterr().err
        assert "--max_unreadable" in err
        assert err.count("\n") == 1
        assert not (job.out / "train.parquet").exists()
    else:
        assert len(job.lines("failed.jsonl")) == 100


def test_a_repetition_is_told_from_a_second_delivery(job: Any, start_judge: Start) -> None:
    """After a time-out the paid answer may come again; an unreadable one must not."""
    job.has(12, fates={4: "hang", 7: "half"})
    server = start_judge()
    assert job.run(server.url, "--tries", "3") == 0
    keys = {
        fate: [key for key, _, met in server.requests() if met == fate] for fate in ("hang", "half")
    }
    assert len(set(keys["hang"])) == 1
    assert len(keys["hang"]) == 3
    first = keys["half"][0]
    assert keys["half"] == [first, f"{first}-1", f"{first}-2"]


@pytest.mark.parametrize(
    "options", [("--always", "echo"), ("--always", "401"), ("--always", "400")]
)
def test_an_echoed_key_is_written_nowhere(
    job: Any,
    start_judge: Start,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    job.has(12)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    job.run(start_judge(*options).url, "--tries", "1")
    told = capfd.readouterr()
    assert KEY not in told.out + told.err
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 2
    for path in written:
        assert KEY.encode() not in path.read_bytes(), path


def test_a_refused_row_is_in_the_list_of_failures_too(
    job: Any,
    start_judge: Start,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    job.has(12, fates={5: "400"})
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server = start_judge()
    assert job.run(server.url) == 0
    (failed,) = job.lines("failed.jsonl")
    assert (failed["index"], failed["outcome"]) == (5, "refused")
    assert "fault 400 of the key ***" in failed["reason"]
    job.has(12)
    assert job.run(server.url) == 0
    assert not (job.out / "failed.jsonl").exists(), "it is of an earlier run"


def test_one_row_that_the_endpoint_forbids_does_not_stop_the_others(
    job: Any, start_judge: Start
) -> None:
    job.has(12, fates={5: "403"})
    assert job.run(start_judge().url, "--in_flight", "1") == 0
    assert len(job.indices()) == 11


def test_the_store_lies_in_the_output_folder_and_a_dry_run_leaves_nothing(
    job: Any,
    start_judge: Start,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job.has(10)
    server = start_judge()
    before = sorted(tmp_path.iterdir())
    assert job.run(server.url, "--dry_run") == 0
    assert sorted(tmp_path.iterdir()) == before
    assert job.run(server.url) == 0
    assert sorted(tmp_path.iterdir()) == sorted([*before, job.out])
    assert (job.out / "judge.sqlite").is_file()
    capsys.readouterr()
    assert job.run(server.url, "--dry_run") == 0
    assert "10 of 10 rows have their first answer already" in capsys.readouterr().out


def test_answers_of_an_earlier_version_beside_the_folder_are_named(
    job: Any,
    start_judge: Start,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job.has(10)
    server, old = start_judge(), tmp_path / "judge.sqlite"
    assert job.run(server.url, "--store", str(old)) == 0
    requests = len(server.requests())
    (tmp_path / "other").mkdir()
    capsys.readouterr()
    more = ("--local_save_dir", str(tmp_path / "new"))
    assert job.run(server.url, *more) == 2
    assert f"--store {old}" in capsys.readouterr().err
    assert job.run(server.url, *more, "--store", str(old)) == 0
    assert len(server.requests()) == requests


def test_without_prices_nothing_is_said_of_dollars(
    job: Any,
    start_judge: Start,
    capsys: pytest.CaptureFixture[str],
) -> None:
    job.has(10)
    server = start_judge()
    assert job.run(server.url, "--dry_run") == 0
    dry = capsys.readouterr().out
    assert "tokens in" in dry
    assert job.run(server.url) == 0
    whole = capsys.readouterr()
    for text in (dry, whole.out, whole.err, (job.out / "report.md").read_text()):
        assert "$" not in text
        assert "dollar" not in text
    assert job.run(server.url, "--dry_run", "--price_in", "2") == 0
    assert "dollars" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/v1"),
        ("http://me:secret@127.0.0.1:9/v1", "http://127.0.0.1:9/v1"),
        ("http://no-such-host.invalid/v1", "http://no-such-host.invalid/v1"),
        ("localhost:8000/v1", "localhost:8000/v1"),
    ],
)
def test_a_judge_that_cannot_be_reached_is_named_at_once(
    job: Any,
    capsys: pytest.CaptureFixture[str],
    url: str,
    named: str,
) -> None:
    """One that went on trying would stop later, and say that the command can be run again."""
    job.has(10)
    assert job.run(url, "--tries", "2", "--backoff", "30") == 2
    err = capsys.readouterr().err
    assert named in err
    assert "cannot be reached" in err
    assert "secret" not in err
    assert err.count("\n") == 1
