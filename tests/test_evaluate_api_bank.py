"""`python -m egpo_verl.evaluate api_bank` over made folders in the layouts of both its sources.

The made executor is ours: a boat shed in the classes that API-Bank's evaluator_by_json.py has.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from oracle_backend import Oracle

from egpo_verl.evaluate.api_bank import official, static
from egpo_verl.evaluate.subset import Subset

PARAMETERS = "{'boat': {'type': 'str'}, 'metres': {'type': 'float'}}"
SYSTEM = f"""Help.

**Available Tools**
In your response, you can use the following tools:
1. Name: MoorBoat
Description: Made.
Parameters: {PARAMETERS}

**Steps for Each Turn**
1. Think.
"""
USER = "**Dialogue Records History**\n<user>Moor the Sula, 7.5 m.</user>\n"

EVALUATION = """
import json, os, re, socket
from rouge import Rouge
from utils import ChatGPTWrapper
from sentence_transformers import SentenceTransformer
from nltk.tokenize import word_tokenize
from apis.boats import MoorBoat, ToolSearcher

class Sample:
    def __init__(self, chat_history, ground_truth):
        self.chat_history, self.ground_truth = chat_history, ground_truth

    @classmethod
    def from_chat_history(cls, history):
        places = [i for i, turn in enumerate(history) if turn["role"] == "API"]
        return [cls(history[:at], history[at]) for i in places for at in (i, i + 1)]

def get_api_call(text):
    found = re.search(r"\\[(\\w+)\\((.*)\\)\\]", text)
    return found.group(0) if found else None

class Evaluator:
    def __init__(self, samples):
        self.dataset = samples

    def evaluate(self, number, text):
        truth = self.dataset[number].ground_truth
        name, arguments = re.search(r"\\[(\\w+)\\((.*)\\)\\]", text).groups()
        given = dict(re.findall(r"(\\w+)\\s*=\\s*['\\"](.+?)['\\"]", arguments))
        if name != truth["api_name"]:
            return False, "API Name Mismatch"
        with open("seen.json", "w") as file:
            json.dump(sorted(os.environ), file)
        with open("init_database/Boats.json") as file:
            database = json.load(file)
        tool = {"MoorBoat": MoorBoat, "ToolSearcher": ToolSearcher}[name](database)
        result = tool.call(**given)
        return tool.check_api_call_correctness(result, truth["result"]), result
"""
TOOLS = """
import socket, time

class MoorBoat:
    def __init__(self, database):
        self.database = database

    def call(self, boat, metres):
        if boat == "network":
            socket.create_connection(("127.0.0.1", 9))
        if boat == "forever":
            while True:
                time.sleep(0.01)
        return {"output": self.database[boat] + metres}

    def check_api_call_correctness(self, response, truth):
        return response["output"] == truth["output"]

class ToolSearcher(MoorBoat):
    def call(self, keywords):
        from sentence_transformers import SentenceTransformer
        return {"output": SentenceTransformer("made").encode(keywords)}
"""
SEARCH = {"name": "ToolSearcher", "description": "Made.", "input_parameters": {"keywords": {}}}
MOOR = {
    "name": "MoorBoat",
    "description": "Made.",
    "input_parameters": {"boat": {"type": "str"}, "metres": {"type": "str"}},
}
YEAR = "The current year is 2023."
Run = Callable[..., tuple[int, str]]
CALL = "[MoorBoat(boat='Sula', metres='7.5')]"


def thinking(say: Callable[[str], str]) -> Oracle:
    return Oracle(lambda key: f"<think>So.</think>\n{say(key)}")


@pytest.fixture
def run(evaluate: Run) -> Run:
    """`run(backend, folder, *words)` gives the exit code, and what was printed."""
    return partial(evaluate, "api_bank")


@pytest.fixture
def static_folder(tmp_path: Path) -> Path:
    """Two questions of each level."""
    folder = tmp_path / "static"
    folder.mkdir()
    row = {
        "system": SYSTEM,
        "user": USER,
        "answer": [{"name": "MoorBoat", "parameters": {"boat": "Sula", "metres": "7.5"}}],
        "other": {"file": "made.jsonl", "id": 0},
    }
    for level in static.LEVELS:
        with gzip.open(folder / f"level-{level}-api_processed.json.gz", "wt") as file:
            json.dump([row, row], file)
    return folder


def rows_of(tmp_path: Path, name: str = "api_bank") -> list[list[dict[str, Any]]]:
    whole = json.loads((tmp_path / "out" / "api_bank" / f"{name}.json").read_text("utf-8"))
    return [table["rows"] for table in whole["tables"]]


def test_the_static_test_wants_one_call_exactly(
    run: Run, static_folder: Path, tmp_path: Path
) -> None:
    answers = {
        "level-1/0": CALL,
        "level-1/1": "[MoorBoat(boat='Sula', metres=7.5)]",
        "level-2/0": "[MoorBoat(boat='Sula', metres='7.50')]",
        "level-2/1": "[MoorBoat(boat='Sula', metres='7.5'), MoorBoat(boat='Sula', metres='8')]",
        "level-3/0": "I would moor it.",
        "level-3/1": "[MoorBoat(boat='Sula', metres='7.5', berth=1)]",
    }
    code, printed = run(thinking(answers.__getitem__), static_folder)
    assert code == 0, printed
    percent, counts = rows_of(tmp_path)
    exact, typed, among, paper = percent
    assert [exact[name] for name in ("L1", "L2", "L3")] == [50.0, 0.0, 0.0]
    assert [typed[name] for name in ("L1", "L2", "L3")] == [100.0, 0.0, 0.0]
    assert [among[name] for name in ("L1", "L2", "L3")] == [50.0, 50.0, 0.0]
    assert exact["overall"] == pytest.approx(100 / 6)
    assert (paper["L1"], paper["L2"], paper["L3"]) == (73.18, 49.63, None)
    assert counts[0]["overall"] == "1 of 6"
    assert "6 of 6 expected calls contradict the function" in printed


def test_static_answers_in_another_form(run: Run, static_folder: Path, tmp_path: Path) -> None:
    text = '{"name": "MoorBoat", "arguments": {"boat": "Sula", "metres": "7.5"}}'
    oracle = thinking(lambda key: f"<tool_call>\n{text}\n</tool_call>")
    assert run(oracle, static_folder, "--call_form", "hermes")[0] == 0
    assert rows_of(tmp_path)[0][0]["overall"] == 100.0
    assert "<tool_call>" in oracle.chats[0].messages[0]["content"]


def test_a_subset_of_one_level(run: Run, static_folder: Path, tmp_path: Path) -> None:
    code, printed = run(thinking(lambda key: CALL), static_folder, "--levels", "2", "--limit", "1")
    assert code == 0
    assert "SUBSET: the first 1 of each level" in printed
    assert rows_of(tmp_path)[1][0] == {
        "label": "made, one call, exact",
        "quoted": None,
        "L2": "1 of 1",
        "overall": "1 of 1",
    }


SECOND = "level-2-api_processed.json"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda f: (f / f"{SECOND}.gz").unlink(), f"{SECOND} is missing"),
        (lambda f: (f / SECOND).write_text("[]"), "is there more than once"),
        (
            lambda f: (f / f"{SECOND}.gz").write_bytes(gzip.compress(b'[{"user": 1}]')),
            "row 0 of level 2 of API-Bank cannot be read",
        ),
        (lambda f: (f / f"{SECOND}.gz").write_bytes(b"no archive"), "cannot be read"),
    ],
)
def test_a_broken_static_folder_is_told_in_one_sentence(
    spoil: Callable[[Path], Any], sentence: str, run: Run, static_folder: Path
) -> None:
    spoil(static_folder)
    oracle = thinking(lambda key: CALL)
    code, printed = run(oracle, static_folder)
    assert (code, sentence in printed, "Traceback" in printed) == (2, True, False), printed
    assert not oracle.chats


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder in the layout of API-Bank's code and dialogues: two calls at each level."""
    folder = tmp_path / "clone"
    (folder / "apis").mkdir(parents=True)
    (folder / "init_database").mkdir()
    (folder / "json_test_data").mkdir()
    (folder / "evaluator_by_json.py").write_text(EVALUATION)
    (folder / "tool_manager.py").touch()
    (folder / "api_call_extraction.py").touch()
    (folder / "apis" / "__init__.py").touch()
    (folder / "apis" / "boats.py").write_text(TOOLS)
    (folder / "init_database" / "Boats.json").write_text('{"Sula": "berth "}')
    reply = {"role": "AI", "text": "Moored."}
    moor = {
        "role": "API",
        "api_name": "MoorBoat",
        "param_dict": {"boat": "Sula", "metres": "7.5"},
        "result": {"output": "berth 7.5"},
    }
    search = {
        "role": "API",
        "api_name": "ToolSearcher",
        "param_dict": {"keywords": "moor"},
        "result": {"output": MOOR},
    }
    question = {"role": "User", "text": "Moor the Sula, 7.5 m."}
    for level, turns in (
        (1, [question, moor, reply, moor, reply]),
        (2, [question, search, moor, reply]),
    ):
        data = folder / "lv1-lv2-samples" / official.DIALOGUES[level]
        data.mkdir(parents=True)
        (data / "made.jsonl").write_text("\n".join(map(json.dumps, turns)))
    history = "User: Moor the Sula,\n7.5 m.\n"
    questions = {
        1: [
            (0, MOOR, history, CALL),
            (2, MOOR, f"{history}API-Request: {CALL}->berth 7.5\nAI: Moored.\n", CALL),
        ],
        2: [
            (0, SEARCH, history, "[ToolSearcher(keywords='moor')]"),
            (1, SEARCH, f"{history}API-Request: [ToolSearcher(keywords='moor')]->{MOOR}\n", CALL),
        ],
    }
    for level, rows in questions.items():
        written = [
            {
                "file": "made.jsonl",
                "id": number,
                "instruction": f"\nAsk.\n{YEAR}\nAPI descriptions:\n{json.dumps(tool)}",
                "input": f"{before}Generate API Request:\n",
                "expected_output": f"API-Request: {call}",
            }
            for number, tool, before, call in rows
        ]
        path = folder / "json_test_data" / f"level-{level}-api.json"
        path.write_text(json.dumps(written, indent=4))
    return folder


def test_the_executor_prints_its_own_ceiling(run: Run, clone: Path, tmp_path: Path) -> None:
    """Its search needs a package that is not there, so even its own answer fails."""
    before = {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()}
    oracle = thinking(lambda key: "[MoorBoat(boat='Sula', metres='7.5')]" if "/0" in key else "No.")
    code, printed = run(oracle, clone, "--executor")
    assert code == 0, printed
    model, ceiling, paper = rows_of(tmp_path, "api_bank_executor")[0]
    assert (model["L1"], model["L2"]) == (50.0, 0.0)
    assert (ceiling["L1"], ceiling["L2"]) == (100.0, 50.0)
    assert (paper["L1"], paper["L2"]) == (73.18, 49.63)
    assert "L1: 337 of 399, L2: 80 of 135" in printed
    assert {path: path.read_bytes() for path in clone.rglob("*") if path.is_file()} == before


def test_the_executor_s_questions_are_whole_dialogues(clone: Path) -> None:
    _, later, _, search = official.questions(clone, (1, 2), "python", Subset())
    system, question, called, result, moored = later.chat.messages
    assert system["content"].endswith("The current year is 2023.")
    assert question["content"] == "Moor the Sula,\n7.5 m."
    assert (called["role"], called["content"]) == ("assistant", CALL)
    assert (result["role"], result["content"]) == ("tool", "berth 7.5")
    assert moored["content"] == "Moored."
    offered = search.chat.messages[0]["content"]
    assert '"ToolSearcher"' in offered
    assert '"MoorBoat"' in offered, "a function that a search found is offered"


def test_a_call_reaches_no_network_and_sees_no_secret(
    run: Run, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    reached = "[MoorBoat(boat='network', metres='7.5')]"
    code, printed = run(thinking(lambda key: reached), clone, "--executor", "--levels", "1")
    assert code == 0, printed
    assert rows_of(tmp_path, "api_bank_executor")[0][0]["L1"] == 0.0
    (verdicts,) = (tmp_path / "out").rglob("verdicts.json")
    assert all(
        "Error" in v["why"] or "Refused" in v["why"] for v in json.loads(verdicts.read_text())
    )
    (seen,) = (tmp_path / "out").rglob("seen.json")
    assert not [name for name in json.loads(seen.read_text()) if "KEY" in name]


def test_a_call_that_never_ends_ends(
    run: Run, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The runner's own patience is 20 seconds.
    runner = tmp_path / "impatient.py"
    runner.write_text(official.RUNNER.read_text().replace("SECONDS = 20", "SECONDS = 1"))
    monkeypatch.setattr(official, "RUNNER", runner)
    forever = "[MoorBoat(boat='forever', metres='7.5')]"
    words = ("--executor", "--levels", "1", "--limit", "1")
    code, printed = run(thinking(lambda key: forever), clone, *words)
    assert code == 0, printed
    assert rows_of(tmp_path, "api_bank_executor")[0][0]["L1"] == 0.0


@pytest.mark.parametrize(
    ("spoil", "words", "sentence"),
    [
        (lambda f: (f / "tool_manager.py").unlink(), (), "tool_manager.py is missing"),
        (
            lambda f: (f / "json_test_data/level-2-api.json").unlink(),
            (),
            "level-2-api.json is missing",
        ),
        (
            lambda f: (f / "json_test_data/level-1-api.json").write_text('[{"file": "a"}]'),
            (),
            "row 0 of",
        ),
        (
            lambda f: (f / "lv1-lv2-samples/level-1-given-desc/made.jsonl").unlink(),
            (),
            "run_executor.py failed",
        ),
        (lambda f: None, ("--levels", "3"), "nothing of level 3 can be executed"),
    ],
)
def test_a_broken_clone_is_told_in_one_sentence(
    spoil: Callable[[Path], Any],
    words: tuple[str, ...],
    sentence: str,
    run: Run,
    clone: Path,
) -> None:
    spoil(clone)
    oracle = thinking(lambda key: CALL)
    code, printed = run(oracle, clone, "--executor", *words)
    assert code == 2
    assert sentence in printed
    assert not oracle.chats


def test_the_real_static_questions_and_their_own_answers(real_rows: Path) -> None:
    from egpo_verl.calls import render

    items = static.questions(real_rows / "api_bank", static.LEVELS, Subset())
    sizes = [sum(question.level == level for question in items) for level in static.LEVELS]
    assert sizes == [399, 67, 131]
    assert all(static.judge(q, render(q.sample.calls)).exact for q in items)
    assert not any(static.judge(q, "[Other()]").among for q in items)
    assert sum(map(static.contradicts, items)) == 126
