"""BFCL by its scorer: known ceilings and floors, its loop over dialogues, and a kill.

Makes BFCL's environment on first use (half a minute with an index), unless it is there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from egpo_verl.calls import Call, render
from egpo_verl.client.store import Store
from egpo_verl.evaluate.__main__ import main
from egpo_verl.evaluate.bfcl.categories import MULTI_TURN, RELEVANCE, SIZES
from egpo_verl.evaluate.bfcl.official import ENVIRONMENT, Official, Scored
from egpo_verl.evaluate.bfcl.prompts import Entry, read_entries

pytestmark = pytest.mark.slow

PYTHON = [c for c in SIZES if c not in (*RELEVANCE, *MULTI_TURN) and "java" not in c]
MEASURED = (*PYTHON, *RELEVANCE, *MULTI_TURN)
CEILINGS = {
    "simple_python": 99.5,
    "multiple": 100.0,
    "parallel": 99.5,
    "parallel_multiple": 99.0,
    "live_simple": 99.22,
    "live_multiple": 98.96,
    "live_parallel": 100.0,
    "live_parallel_multiple": 100.0,
    **dict.fromkeys(MULTI_TURN, 88.0),
}
"""What BFCL gives to its own answers: some contradict their function's documentation."""
FLOORS = {"irrelevance": 100.0, "live_irrelevance": 100.0}
"""What it gives to empty answers; 0 in all other categories."""


@pytest.fixture(scope="module")
def official(tmp_path_factory: pytest.TempPathFactory) -> Official:
    return Official(tmp_path_factory.mktemp("bfcl"), None, 600, Console(stderr=True))


@pytest.fixture(scope="module")
def entries(official: Official) -> dict[str, list[Entry]]:
    by_category: dict[str, list[Entry]] = {}
    for entry in read_entries(official.entries(MEASURED)):
        by_category.setdefault(entry.category, []).append(entry)
    return by_category


@pytest.fixture(scope="module")
def truths(official: Official) -> Callable[[str], dict[str, Any]]:
    def read(category: str) -> dict[str, Any]:
        folder = next(official.python.parent.parent.glob("lib/python3*/site-packages/bfcl_eval"))
        path = folder / "data" / "possible_answer" / f"BFCL_v4_{category}.json"
        rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        return {row["id"]: row["ground_truth"] for row in rows}

    return read


Truths = Callable[[str], dict[str, Any]]


def oracle(truth: Sequence[dict[str, Any]]) -> str:
    """The first of the right answers, all that may be left out left out."""
    return render(
        [Call(name, _least(parameters)) for call in truth for name, parameters in call.items()]
    )


def _least(parameters: dict[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for name, alternatives in parameters.items():
        if not isinstance(alternatives, list):
            arguments[name] = alternatives
        elif "" not in alternatives:
            first = alternatives[0] if alternatives else None
            arguments[name] = _inner(first)
    return arguments


def _inner(value: Any) -> Any:
    if isinstance(value, dict):
        return _least(value)
    return [_inner(item) for item in value] if isinstance(value, list) else value


def turns_of(truth: list[list[str]]) -> list[list[str]]:
    """The steps of each turn of a dialogue: all calls at once."""
    return [[f"[{', '.join(calls)}]"] if calls else [] for calls in truth]


def write_dialogues(
    official: Official, model: str, category: str, results: dict[str, list[list[str]]]
) -> None:
    path = official.folder / "result" / model / "multi_turn" / f"BFCL_v4_{category}_result.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.dumps({"id": identity, "result": turns}) for identity, turns in results.items()]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")


@pytest.fixture(scope="module")
def scored(
    official: Official, entries: dict[str, list[Entry]], truths: Truths
) -> Callable[[str, str], Scored]:
    """All judged at once: the oracle, a model that says nothing, one that errs in each 4th row."""
    official.begin()
    for category in (*PYTHON, *RELEVANCE):
        if category in PYTHON:
            answers = {identity: oracle(truth) for identity, truth in truths(category).items()}
            official.write("oracle", category, answers)
        nothing = {entry.identity: "" for entry in entries[category]}
        official.write("silent", category, nothing)
    for category in MULTI_TURN:
        answers_of = truths(category)
        dialogues = {identity: turns_of(truth) for identity, truth in answers_of.items()}
        write_dialogues(official, "oracle", category, dialogues)
        silence = {identity: [[""] for _ in truth] for identity, truth in answers_of.items()}
        write_dialogues(official, "silent", category, silence)
    simple = truths("simple_python").items()
    broken = {
        identity: "[wrong(x=1)]" if at % 4 == 3 else oracle(truth)
        for at, (identity, truth) in enumerate(simple)
    }
    official.write("careless", "simple_python", broken)
    official.evaluate(["oracle", "silent", "careless"], MEASURED, partial=False)

    def look(model: str, category: str) -> Scored:
        scores = official.scored(model, category)
        assert scores is not None
        return scores

    return look


@pytest.mark.parametrize("category", CEILINGS)
def test_right_answers_reach_the_known_ceiling(
    scored: Callable[[str, str], Scored], category: str
) -> None:
    scores = scored("oracle", category)
    assert scores.total == SIZES[category]
    assert round(100 * scores.correct / scores.total, 2) == CEILINGS[category]


@pytest.mark.parametrize("category", MEASURED)
def test_silence_gets_the_known_floor(scored: Callable[[str, str], Scored], category: str) -> None:
    scores = scored("silent", category)
    assert scores.total == SIZES[category]
    assert 100 * scores.correct / scores.total == FLOORS.get(category, 0.0)


def test_every_fourth_answer_broken_leaves_298_of_400(
    scored: Callable[[str, str], Scored],
) -> None:
    scores = scored("careless", "simple_python")
    assert (scores.correct, scores.total) == (298, 400)
    assert scores.errors["simple_function_checker:wrong_func_name"] == 100


def test_an_answer_that_holds_code_is_wrong_and_runs_nothing(
    official: Official, truths: Truths, tmp_path: Path
) -> None:
    """BFCL's decoder evaluates all of these; plain arithmetic, the last, it may."""
    touched = tmp_path / "touched"
    truth = truths("simple_python")
    first, second, third, fourth = (f"simple_python_{number}" for number in (0, 1, 2, 3))
    texts = {
        first: f"[f(a=open('{touched}', 'w').write('x') + 1)]",
        second: "[f(a=9**9**9**9)]",
        third: "[f(a=1<<(1<<40))]",
        fourth: oracle(truth[fourth]).replace("a=1,", "a=3-2,"),
    }
    official.begin()
    official.write("hostile", "simple_python", texts)
    official.evaluate(["hostile"], ["simple_python"], partial=True)
    scores = official.scored("hostile", "simple_python")
    assert scores is not None
    assert scores.errors["ast_decoder:decoder_failed"] == 3
    assert (scores.correct, scores.total) == (1, 4)
    assert not touched.exists()


Serve = Callable[..., str]


def book_of(
    entries: Sequence[Entry], truth: dict[str, Any], thought: str = "<think>So.</think>"
) -> dict[str, list[list[str]]]:
    """First user message -> steps of each turn, as a model under our template would say them."""
    book = {}
    for entry in entries:
        question = next(m["content"] for m in entry.turns[0] if m["role"] == "user")
        ground_truth = truth[entry.identity]
        turns = turns_of(ground_truth) if len(entry.turns) > 1 else [[oracle(ground_truth)]]
        book[question] = [[thought + step for step in steps] for steps in turns]
    return book


def evaluate(url: str, folder: Path, *options: str) -> list[str]:
    return ["bfcl", "--model", "oracle", "--base_url", url, "--output_dir", str(folder), *options]


def report(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "bfcl" / "bfcl.json").read_text(encoding="utf-8")))


def test_an_endpoint_is_asked_in_our_template_and_scored_officially(
    serve: Serve,
    entries: dict[str, list[Entry]],
    truths: Truths,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = serve(book_of(entries["multiple"], truths("multiple")), "--faults", "7")
    options = ["--categories", "multiple", "live_relevance", "--limit", "40"]
    options += ["-n", "2", "--temperature", "0.7"]
    assert main(evaluate(url, tmp_path / "out", *options)) == 0
    shown = capsys.readouterr().out
    assert "BFCL: oracle (SUBSET: the first 40 of each category)" in shown
    outcome = report(tmp_path / "out")
    counts = outcome["categories"]["multiple"]
    assert (counts["correct"], counts["scored"], counts["on_template"]) == (80, 80, 80)
    # The model has no answer to these, which is a wrong one and not a missing one.
    assert outcome["categories"]["live_relevance"]["correct"] == 0
    assert (outcome["settings"]["temperature"], outcome["samples"]) == (0.7, 2)
    markdown = (tmp_path / "out" / "bfcl" / "bfcl.md").read_text(encoding="utf-8")
    assert (
        "| Qwen3-4B-Instruct-2507, EGPO (quoted, arXiv:2508.05118v4) | 88.50 | 81.34 |" in markdown
    )
    assert "10 % non-live + 10 % live" in markdown


def test_bfcls_own_loop_asks_our_model_turn_by_turn(
    serve: Serve,
    entries: dict[str, list[Entry]],
    truths: Truths,
    official: Official,
    tmp_path: Path,
) -> None:
    """The dialogues come to the same verdicts as the same answers written down at once."""
    category = "multi_turn_miss_func"
    some, truth = entries[category][:12], truths(category)
    official.begin()
    direct = {entry.identity: turns_of(truth[entry.identity]) for entry in some}
    write_dialogues(official, "oracle", category, direct)
    official.evaluate(["oracle"], [category], partial=True)
    expected = official.scored("oracle", category)
    assert expected is not None

    url = serve(book_of(some, truth))
    folder = tmp_path / "out"
    words = evaluate(url, folder, "--categories", category, "--limit", "12")
    assert main(words) == 0
    counts = report(folder)["categories"][category]
    assert (counts["correct"], counts["scored"]) == (expected.correct, 12)
    assert expected.correct >= 9
    requests = (tmp_path / "asked.log").read_text().splitlines()

    # Again: the loop runs anew, and every step of it is answered from the store.
    assert main(words) == 0
    assert (tmp_path / "asked.log").read_text().splitlines() == requests
    assert report(folder)["categories"][category] == counts


def test_killed_and_restarted_only_what_is_missing_is_asked(
    serve: Serve, entries: dict[str, list[Entry]], truths: Truths, tmp_path: Path
) -> None:
    url = serve(book_of(entries["parallel"], truths("parallel")), "--latency", "0.05")
    folder = tmp_path / "out"
    words = evaluate(url, folder, "--categories", "parallel", "--batch_size", "4")
    process = subprocess.Popen([sys.executable, "-m", "egpo_verl.evaluate", *words])
    log = tmp_path / "asked.log"
    deadline = time.monotonic() + 120
    while (not log.exists() or len(log.read_text().splitlines()) < 60) and (
        time.monotonic() < deadline
    ):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    store = Store(folder / "bfcl" / "answers" / "answers.sqlite")
    answers = store.bill()[0] - len(store.of_stage("settings"))
    store.close()
    assert 40 < answers < 200

    time.sleep(0.5)  # what was on its way at the kill arrives at the log
    before = len(log.read_text().splitlines())
    assert main(words) == 0
    assert len(log.read_text().splitlines()) - before == 200 - answers
    counts = report(folder)["categories"]["parallel"]
    assert (counts["correct"], counts["scored"], counts["missing"]) == (199, 200, 0)


def test_an_answer_that_is_missing_shows_in_title_and_exit_code(
    serve: Serve, entries: dict[str, list[Entry]], truths: Truths, tmp_path: Path
) -> None:
    refused = entries["simple_python"][3].turns[0][0]["content"]
    url = serve(book_of(entries["simple_python"], truths("simple_python")), "--refuse", refused)
    words = evaluate(url, tmp_path / "out", "--categories", "simple_python", "--limit", "5")
    assert main(words) == 1
    result = report(tmp_path / "out")
    assert "INCOMPLETE: 1 answers missing" in result["tables"][0]["title"]
    counts = result["categories"]["simple_python"]
    assert (counts["correct"], counts["scored"], counts["missing"]) == (4, 4, 1)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--categories", "sinlge_turn"], "no category 'sinlge_turn'"),
        (["--samples", "3"], "needs a --temperature above 0"),
        (["--backend", "endpoint"], "needs --base_url"),
        (["--temperature", "-1"], "not a temperature"),
        (["--model", "./nowhere"], "is no folder"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(
    words: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["bfcl", "--model", "m", "--output_dir", str(tmp_path / "out"), *words]
    try:
        code: Any = main(arguments)
    except SystemExit as stop:
        code = stop.code
    assert code == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_the_pins_are_closed() -> None:
    assert all("==" in pin for pin in ENVIRONMENT.pins)
