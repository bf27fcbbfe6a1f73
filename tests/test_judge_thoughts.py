"""`clean --thoughts`: a language model's thoughts, taken where the reference follows from them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from egpo_verl.clean import main as clean
from egpo_verl.errors import STOPPED
from egpo_verl.reward import compute_score

COUNT = 22


class Job:
    """`clean --thoughts` of `train.parquet`, to `out`."""

    def __init__(self, folder: Path) -> None:
        self.file, self.out = folder / "train.parquet", folder / "out"

    def run(self, url: str, *options: str) -> int:
        words = [str(self.file), "--local_save_dir", str(self.out), "--thoughts"]
        quick = ["--backoff", "0.01", "--timeout", "1"]
        return clean([*words, "--model", "thinker", "--base_url", url, *quick, *options])

    def demonstrations(self) -> list[dict[str, Any]]:
        return list(pq.read_table(self.out / "sft_train.parquet").to_pylist())

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / "thoughts.jsonl").read_text().splitlines()]


@pytest.fixture
def job(tmp_path: Path, write_judge_rows: Callable[..., Path]) -> Job:
    """Every third row claims a call that the dialogue does not ask for, in a harbour not named."""
    job = Job(tmp_path)
    write_judge_rows(job.file, COUNT)
    return job


def test_a_thought_is_taken_where_the_model_follows_it_to_the_reference(
    job: Job, start_judge: Callable[..., Any]
) -> None:
    judge = start_judge()
    assert job.run(judge.url) == 0
    rows = job.demonstrations()
    for row in rows:
        response, truth = row["messages"][-1]["content"], row["reward_model"]["ground_truth"]
        assert row["thought_from"] == "model"
        assert response.startswith("<think>By what is said")
        assert compute_score("x", response, truth, row["extra_info"])["score"] == 1
    indices = [row["extra_info"]["index"] for row in rows]
    assert indices == [n for n in range(COUNT) if n % 3]
    outcomes = Counter(line["outcome"] for line in job.lines())
    assert outcomes == {"followed": len(indices), "not_followed": COUNT - len(indices)}
    report = (job.out / "report.md").read_text()
    assert f"| thought by model | {len(indices)} |" in report
    assert f"| left out | {COUNT - len(indices)} |" in report

    requests = len(judge.requests())
    assert requests == 2 * COUNT
    assert job.run(judge.url) == 0
    assert len(judge.requests()) == requests, "all answers are in the store"


def test_without_a_thought_of_the_model_that_of_the_rules_stands(
    job: Job, start_judge: Callable[..., Any]
) -> None:
    assert job.run(start_judge("--judge", "liar").url) == 0
    assert {line["outcome"] for line in job.lines()} == {"no_thought"}
    rows = job.demonstrations()
    assert {row["thought_from"] for row in rows} == {"rules"}
    sources = [line["thought_from"] for line in job.lines()]
    assert sources.count("rules") == len(rows) < COUNT
    assert None in sources


def test_a_row_without_an_answer_does_not_stop_the_others(
    tmp_path: Path, write_judge_rows: Callable[..., Path], start_judge: Callable[..., Any]
) -> None:
    job = Job(tmp_path)
    write_judge_rows(job.file, 8, fates={1: "half", 2: "400"})
    assert job.run(start_judge().url, "--tries", "2") == 0
    outcomes = {line["index"]: (line["outcome"], line["stage"]) for line in job.lines()}
    assert outcomes[1] == ("failed", "think")
    assert outcomes[2] == ("refused", "think")
    assert outcomes[4] == ("followed", "")


def test_an_endpoint_that_is_down_leaves_the_folder_as_it_was(job: Job) -> None:
    assert job.run("http://127.0.0.1:9/v1", "--tries", "1") in (2, STOPPED)
    assert not (job.out / "sft_train.parquet").exists()


def test_a_dry_run_estimates_two_questions_a_row(
    job: Job, capsys: pytest.CaptureFixture[str]
) -> None:
    assert job.run("http://127.0.0.1:9/v1", "--dry_run", "--price_in", "1") == 0
    printed = capsys.readouterr().out
    assert "thoughts" in printed
    assert f" {2 * COUNT} " in printed
    assert not job.out.exists()
