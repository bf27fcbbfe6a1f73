"""`python -m egpo_verl.clean` against a server that plays judges, honest and other."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from egpo_verl.calls import Call
from egpo_verl.clean import main
from egpo_verl.datasets.parquet.rows import from_row
from egpo_verl.datasets.parquet.writer import ParquetOut, batch_of

pytest.importorskip("openai")
pytest.importorskip("tenacity")

Start = Callable[..., Any]
Write = Callable[..., Path]


def words(server: Any, *files: Path, out: Path, more: tuple[str, ...] = ()) -> list[str]:
    quick = ("--backoff", "0.01", "--timeout", "5", "--store", str(out.parent / "answers.sqlite"))
    options = ("--model", "judge", "--base_url", server.url, "--local_save_dir", str(out))
    return [*map(str, files), *options, *quick, *more]


def judged(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "judged.jsonl").read_text().splitlines()]


def test_wrong_rows_are_corrected_and_right_ones_kept(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, out = write_judge_rows(tmp_path / "train.parquet", 60), tmp_path / "out"
    server = start_judge()
    assert main(words(server, train, out=out)) == 0
    assert "corrected" in capsys.readouterr().out

    rows = pq.read_table(out / "train.parquet").to_pylist()
    assert [row["extra_info"]["index"] for row in rows] == list(range(60))
    for n, row in enumerate(rows):
        sample = from_row(row)
        expected = [Call("tide_now", {"harbour": "Hoorn", "day": n})] if n % 7 else []
        assert list(sample.calls) == expected
        assert sample.extra["judge"] == ("right" if n % 3 else "corrected")
        assert row["extra_info"]["renamed"] == '{"functions": {"tide_now": "tide now"}}'
    lines = judged(out)
    assert [line["index"] for line in lines] == list(range(60))
    assert [line["turn"] for line in lines] == [0, 1] * 30
    changed = next(line for line in lines if line["index"] == 3)
    assert '-   "harbour": "Urk",' in changed["diff"]
    assert '+   "harbour": "Hoorn",' in changed["diff"]
    assert changed["reasons"][-1] == "The honest judge says so."
    report = (out / "report.md").read_text()
    assert "| corrected | 20 | 33.3% |" in report
    assert "```diff" in report


def test_a_second_run_asks_nothing_and_a_change_asks_anew(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path
) -> None:
    train, server = write_judge_rows(tmp_path / "train.parquet", 30), start_judge()
    first = words(server, train, out=tmp_path / "one")
    assert main(first) == 0
    sent = len(server.requests())
    assert main(words(server, train, out=tmp_path / "two")) == 0
    assert len(server.requests()) == sent
    assert judged(tmp_path / "one") == judged(tmp_path / "two")

    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "judge.md").write_text(
        "{{tools}}\n# Dialogue\n{{dialogue}}\n\n# Answer\n{{answer}}\n\nNew words."
    )
    more = ("--prompts", str(prompts))
    assert main(words(server, train, out=tmp_path / "three", more=more)) == 0
    assert len(server.requests()) > sent
    again = len(server.requests())
    assert main([*words(server, train, out=tmp_path / "four"), "--model", "other"]) == 0
    assert len(server.requests()) == again + sent


@pytest.mark.slow
def test_a_faulty_endpoint_costs_time_but_no_row(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path
) -> None:
    train, out = write_judge_rows(tmp_path / "train.parquet", 60), tmp_path / "out"
    server = start_judge("--faults", "0.3")
    # A time-out that no busy machine reaches: an answer that comes too late is asked for again.
    patient = ("--tries", "40", "--timeout", "6")
    assert main(words(server, train, out=out, more=patient)) == 0
    fates = {fate for _, _, fate in server.requests()}
    assert fates == {"answered", "429", "500", "half", "shape", "hang", "cut"}
    assert len(pq.read_table(out / "train.parquet")) == 60
    answered = [key for key, _, fate in server.requests() if fate == "answered"]
    assert len(answered) == len(set(answered)), "an answered question was asked again"


@pytest.mark.parametrize(("judge", "outcome"), [("liar", "broken"), ("stubborn", "not_corrected")])
def test_a_bad_judge_drops_rows_but_spoils_none(
    start_judge: Start,
    write_judge_rows: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    judge: str,
    outcome: str,
) -> None:
    train, out = write_judge_rows(tmp_path / "train.parquet", 10), tmp_path / "out"
    assert main(words(start_judge("--judge", judge), train, out=out)) == 2
    assert "no row of" in capsys.readouterr().err
    assert not out.exists()


def test_a_flatterer_changes_nothing(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path
) -> None:
    train, out = write_judge_rows(tmp_path / "train.parquet", 10), tmp_path / "out"
    assert main(words(start_judge("--judge", "flatterer"), train, out=out)) == 0
    before, after = (
        [row["reward_model"] for row in pq.read_table(path).to_pylist()]
        for path in (train, out / "train.parquet")
    )
    assert before == after


def test_a_question_that_is_refused_costs_its_row_only(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path
) -> None:
    train, out = write_judge_rows(tmp_path / "train.parquet", 20), tmp_path / "out"
    rows = pq.read_table(train).to_pylist()
    rows[4]["prompt"][1]["content"] += " fate: 400"
    with ParquetOut(train) as output:
        output.add(batch_of(rows))
    assert main(words(start_judge(), train, out=out, more=("--in_flight", "1"))) == 0
    assert [line["outcome"] for line in judged(out)].count("refused") == 1
    assert len(pq.read_table(out / "train.parquet")) == 19


@pytest.mark.parametrize(
    ("always", "code", "says"),
    [
        ("401", 2, "refuses the key"),
        ("404", 2, "does not serve judge"),
        ("400", 2, "refused the first 10 questions"),
        ("500", 1, "keeps failing"),
        ("429", 1, "run the command again"),
        ("cut", 1, "keeps failing"),
    ],
)
def test_an_endpoint_that_never_answers_stops_the_job(
    start_judge: Start,
    write_judge_rows: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    always: str,
    code: int,
    says: str,
) -> None:
    train, out = write_judge_rows(tmp_path / "train.parquet", 10), tmp_path / "out"
    server = start_judge("--always", always)
    assert main(words(server, train, out=out, more=("--tries", "3"))) == code
    err = capsys.readouterr().err
    assert says in err
    assert err.count("\n") == 1
    assert not out.exists()


def test_a_budget_stops_the_job_and_more_money_goes_on(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, out, server = (
        write_judge_rows(tmp_path / "train.parquet", 60),
        tmp_path / "out",
        start_judge(),
    )
    # An answer costs 100 tokens in and 10 out: 0.02 dollars.
    prices = ("--price_in", "100", "--price_out", "1000", "--in_flight", "4")
    assert main(words(server, train, out=out, more=(*prices, "--budget", "0.5"))) == 1
    assert "the budget of $0.5 is spent" in capsys.readouterr().err
    first = len(server.requests())
    assert 25 <= first <= 25 + 4
    assert not out.exists()
    assert main(words(server, train, out=out, more=(*prices, "--budget", "50"))) == 0
    keys = [key for key, _, _ in server.requests()]
    assert len(keys) == len(set(keys)) > first


def test_a_dry_run_asks_nothing(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, server = write_judge_rows(tmp_path / "train.parquet", 50), start_judge()
    prices = ("--dry_run", "--price_in", "2", "--price_out", "8")
    assert main(words(server, train, out=tmp_path / "out", more=prices)) == 0
    out = capsys.readouterr().out
    assert "all rows right" in out
    assert "0 of 50 rows have their first answer already" in out
    assert server.requests() == []
    assert not (tmp_path / "out").exists()


def test_files_of_the_first_version_are_still_judged(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path
) -> None:
    """They lack the column of live environments."""
    train, server = write_judge_rows(tmp_path / "train.parquet", 10), start_judge()
    rows = pq.read_table(train)
    expected = rows.to_pylist()
    info = [{k: v for k, v in row["extra_info"].items() if k != "env"} for row in expected]
    fields = [field for field in rows.schema.field("extra_info").type if field.name != "env"]
    column = rows.schema.get_field_index("extra_info")
    older = rows.set_column(column, "extra_info", pa.array(info, type=pa.struct(fields)))
    pq.write_table(older, train)
    out = tmp_path / "out"
    assert main(words(server, train, out=out)) == 0
    judged = pq.read_table(out / "train.parquet").to_pylist()
    assert {row["extra_info"]["env"] for row in judged} == {""}
    assert [row["prompt"] for row in judged] == [row["prompt"] for row in expected]


def test_a_strangers_file_is_not_replaced(
    start_judge: Start,
    write_judge_rows: Write,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train, out = write_judge_rows(tmp_path / "train.parquet", 10), tmp_path / "out"
    server = start_judge()
    out.mkdir()
    (out / "report.md").write_text("mine")
    assert main(words(server, train, out=out)) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["report.md"]
    assert server.requests() == []
    assert main(words(server, train, out=out, more=("--overwrite",))) == 0
    assert main(words(server, train, out=out)) == 0, "now it is of an earlier run"


def test_a_slow_pace_is_kept(start_judge: Start, write_judge_rows: Write, tmp_path: Path) -> None:
    train, server = write_judge_rows(tmp_path / "train.parquet", 6, wrong=7), start_judge()
    start = time.monotonic()
    pace = ("--requests_per_minute", "600")
    assert main(words(server, train, out=tmp_path / "out", more=pace)) == 0
    assert time.monotonic() - start >= (len(server.requests()) - 1) * 0.1


@pytest.mark.slow
def test_ctrl_c_ends_in_order_and_loses_no_answer(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path
) -> None:
    train, out = write_judge_rows(tmp_path / "train.parquet", 400), tmp_path / "out"
    server = start_judge("--latency", "0.2")
    command = [sys.executable, "-m", "egpo_verl.clean"]
    options = words(server, train, out=out, more=("--in_flight", "8"))
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
        while len(server.requests()) < 20:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stopped: it was interrupted" in err
    assert "Traceback" not in err
    assert finished(tmp_path / "answers.sqlite") == {key for key, _, _ in server.requests()}


def test_a_full_disk_stops_the_job_and_the_same_command_goes_on(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path
) -> None:
    train, server = (
        write_judge_rows(tmp_path / "train.parquet", 200),
        start_judge("--latency", "0.02"),
    )
    command = [sys.executable, "-m", "egpo_verl.clean"]
    command += words(server, train, out=tmp_path / "out", more=("--in_flight", "8"))
    # To SQLite a file that may not grow is a disk without room.
    full = subprocess.run(
        command,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2**17, 2**17)),
    )
    assert full.returncode == 1, full.stderr
    assert "stopped: the store cannot be written" in full.stderr
    assert "Traceback" not in full.stderr
    assert not (tmp_path / "out").exists()
    sent, keys = len(server.requests()), finished(tmp_path / "answers.sqlite")
    assert 0 < len(keys) <= sent <= len(keys) + 3 * 8, "it went on paying for what it cannot keep"

    assert main(command[3:]) == 0
    assert not keys & {key for key, _, _ in server.requests()[sent:]}
    assert len(judged(tmp_path / "out")) == 200


def finished(store: Path) -> set[str]:
    with closing(sqlite3.connect(store, timeout=60)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            return set()  # killed before it had made its table
        return {key for (key,) in connection.execute("SELECT key FROM answers WHERE good")}


@pytest.mark.slow
def test_killed_a_hundred_times_it_repeats_no_finished_call_and_loses_no_row(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path
) -> None:
    rows, in_flight, kills = 200, 4, 100
    train, out, store = (
        write_judge_rows(tmp_path / "train.parquet", rows),
        tmp_path / "out",
        tmp_path / "s",
    )
    server = start_judge("--latency", "0.04")
    more = ("--in_flight", str(in_flight), "--store", str(store))
    options = words(server, train, out=out, more=more)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["egpo_verl.clean", "egpo_verl.client.client"])
    chooser = random.Random(0)
    seen: list[tuple[int, set[str]]] = []
    for kill in range(kills):
        before = server.log.stat().st_size
        job = context.Process(target=main, args=(options,))
        job.start()
        # Every other time the kill waits for work to hit, however slowly the machine starts it.
        while kill % 2 and job.is_alive() and server.log.stat().st_size == before:
            time.sleep(0.005)
        time.sleep(chooser.uniform(0.0, 0.15))
        job.kill()
        job.join()
        if store.exists() and os.path.getsize(store):
            seen.append((len(server.requests()), finished(store)))
    assert main(options) == 0

    keys = [key for key, _, _ in server.requests()]
    for length, done in seen:
        assert not done & set(keys[length:]), "a finished call was repeated"
    assert len(seen) > kills / 2
    assert any(0 < len(done) < len(set(keys)) for _, done in seen), "no kill hit the work"
    assert len(keys) - len(set(keys)) <= kills * in_flight
    assert [line["index"] for line in judged(out)] == list(range(rows))
    assert len(pq.read_table(out / "train.parquet")) == rows
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.slow
def test_two_jobs_on_one_store_come_to_the_same_end(
    start_judge: Start, write_judge_rows: Write, tmp_path: Path
) -> None:
    train, server = (
        write_judge_rows(tmp_path / "train.parquet", 100),
        start_judge("--latency", "0.02"),
    )
    store = ("--store", str(tmp_path / "s"), "--in_flight", "8")
    context = multiprocessing.get_context("forkserver")
    jobs = [
        context.Process(target=main, args=(words(server, train, out=tmp_path / n, more=store),))
        for n in "ab"
    ]
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(120)
    assert [job.exitcode for job in jobs] == [0, 0]
    assert judged(tmp_path / "a") == judged(tmp_path / "b")
    assert len(judged(tmp_path / "a")) == 100


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["none.parquet"], "does not exist"),
        (["a/train.parquet", "b/train.parquet"], "two of the files have one name"),
        (["a/train.parquet", "--local_save_dir", "a"], "would be overwritten"),
        (["a/train.parquet", "--budget", "5"], "give --price_in and --price_out"),
        (["a/train.parquet", "--prompts", "a"], "has none of the prompts"),
        (["a/train.parquet", "--store", "a"], "the store a cannot be used"),
        (["a/train.parquet", "--in_flight", "0"], "whole number above 0"),
        (["a/train.parquet", "--budget", "x"], "not a number above 0"),
        (["a/other.parquet"], "has other columns"),
        (["a/text.parquet"], "is not a parquet file"),
        ([], "required: FILE"),
    ],
)
def test_bad_input_is_one_sentence(
    write_judge_rows: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        Path(name).mkdir()
        write_judge_rows(Path(name) / "train.parquet", 3)
    pq.write_table(pq.read_table("a/train.parquet").select(["prompt"]), "a/other.parquet")
    Path("a/text.parquet").write_text("text")
    words_of_command = [
        "--local_save_dir",
        "out",
        "--model",
        "m",
        "--base_url",
        "http://127.0.0.1:9",
        *options,
    ]
    try:
        code = main(words_of_command)
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    err = capsys.readouterr().err
    assert code == 2
    assert says in err
    assert err.count("\n") == 1
    assert not Path("out").exists()
