"""`python -m egpo_verl.evaluate acebench` over a made folder in ACEBench's layout.

Its eval_main.py is ours: it takes the official one's arguments, reads and writes where that does,
and calls an answer right if it is the expected text without its blanks.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from oracle_backend import Oracle

from egpo_verl.evaluate.acebench.questions import NORMAL, SPECIAL, in_training_template, questions
from egpo_verl.evaluate.chat import Chat
from egpo_verl.evaluate.subset import Subset

EVAL_MAIN = """
import argparse, json, os, socket
from category import NAMES
from model_inference.prompt_en import RAN
from model_inference.utils import decoded

parser = argparse.ArgumentParser()
parser.add_argument("--model", nargs="+")
parser.add_argument("--category", nargs="+")
parser.add_argument("--language")
given = parser.parse_args()
model, language = given.model[0], given.language
try:
    socket.socket().connect(("127.0.0.1", 9))
    network = "open"
except PermissionError:
    network = "refused"
except OSError:
    network = "unreachable"
for category in given.category:
    assert category in NAMES
    data = f"./data_all/data_{language}/"
    read = lambda path: [json.loads(line) for line in open(path, encoding="utf-8")]
    prompts = read(f"{data}data_{category}.json")
    answers = read(f"{data}possible_answer/data_{category}.json")
    results = read(f"./result_all/result_{language}/{model}/data_{category}_result.json")
    assert [row["id"] for row in results] == [row["id"] for row in prompts]
    if any("CRASH" in row["result"] for row in results):
        raise RuntimeError("this is more than the scorer can take")
    same = [decoded(r["result"]) == a["ground_truth"] for r, a in zip(results, answers)]
    os.makedirs(f"./score_all/score_{language}/{model}", exist_ok=True)
    with open(f"./score_all/score_{language}/{model}/data_{category}_score.json", "w") as file:
        head = {"accuracy": round(sum(same) / len(same), 3), "correct_count": sum(same),
                "total_count": len(same)}
        file.write(json.dumps(head) + "\\n" + json.dumps({"saw": sorted(os.environ)}))
    os.makedirs(f"../result_excel/{language}/{model}", exist_ok=True)
    with open(f"../result_excel/{language}/{model}/seen.json", "w") as file:
        json.dump({"environment": sorted(os.environ), "network": network}, file)
"""
DECODER = """
import ast, re

def decoded(text):
    text = "".join(text.split())
    try:
        return re.sub(r"people=([^)]*\\))\\]$", lambda m: f"people={eval(m[1][:-1])})]", text)
    except Exception:
        return None
"""
PROMPTS = """
SYSTEM_PROMPT_FOR_NORMAL_DATA_EN = "Own words. {time} {function}"
SYSTEM_PROMPT_FOR_PREFERENCE_DATA_EN = "Own words on taste. {profile} {function}"
SYSTEM_PROMPT_FOR_SPECIAL_DATA_EN = "Own words, special. {time} {function}"
USER_PROMPT_EN = "So far: {question}"
RAN = open("ran.txt", "a").write("x")
"""
CALL = "[book_ferry(pier='north',people=2)]"
FERRY = {
    "name": "book_ferry",
    "description": "Made.",
    "parameters": {
        "type": "object",
        "properties": {"pier": {"type": "string"}, "people": {"type": "integer"}},
        "required": ["pier"],
    },
}
ROWS = 4
Run = Callable[..., tuple[int, str]]


def right(key: str) -> str:
    return f"<think>Two people, north.</think>\n{CALL}"


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """A made folder in ACEBench's layout: four questions in each category and language."""
    folder = tmp_path / "ACEBench"
    for name in ("model_eval", "model_inference"):
        (folder / name).mkdir(parents=True)
    (folder / "eval_main.py").write_text(EVAL_MAIN)
    (folder / "category.py").write_text(f"NAMES = {[*NORMAL, *SPECIAL]!r}")
    (folder / "model_inference" / "prompt_en.py").write_text(PROMPTS)
    (folder / "model_inference" / "utils.py").write_text(DECODER)
    for language in ("en", "zh"):
        data = folder / "data_all" / f"data_{language}"
        (data / "possible_answer").mkdir(parents=True)
        for category in (*NORMAL, *SPECIAL):
            write(data, category, [f"{category}_{number}" for number in range(ROWS)])
    return folder


def write(data: Path, category: str, identities: list[str]) -> None:
    known = {"profile": "{'seat': 'window'}"} if "preference" in category else {"time": "It is 9."}
    rows = [
        {
            "id": identity,
            "question": "user: A ferry for two.\nsystem: From where?\nuser: 北 pier.\n",
            "function": [FERRY],
            **known,
        }
        for identity in identities
    ]
    answers = [{"id": identity, "ground_truth": CALL} for identity in identities]
    name = f"data_{category}.json"
    (data / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    (data / "possible_answer" / name).write_text("\n".join(map(json.dumps, answers)))


@pytest.fixture
def run(evaluate: Run, benchmark: Path) -> Run:
    """`run(backend, *words)` gives the exit code, and what was printed."""
    return lambda backend, *words: evaluate("acebench", backend, benchmark, *words)


def result(tmp_path: Path) -> Any:
    return json.loads((tmp_path / "out" / "acebench" / "acebench.json").read_text("utf-8"))


def test_right_answers_score_all_and_the_clone_stays_as_it_was(
    run: Run, benchmark: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in benchmark.rglob("*") if path.is_file()}
    code, printed = run(Oracle(right))
    assert code == 0, printed
    columns, counts = result(tmp_path)["tables"]
    english, chinese, paper = columns["rows"]
    for row in (english, chinese):
        assert [row[name] for name in ("atom", "single", "multi", "similar", "preference")] == [
            100.0
        ] * 5
        assert row["normal"] == 100.0
        assert not {"special", "agent"} & row.keys()
    assert (paper["atom"], paper["preference"]) == (83.0, 50.0)
    assert "2508.05118" in paper["quoted"]
    assert len(counts["rows"]) == 2 * len(NORMAL)
    assert {row["questions"] for row in counts["rows"]} == {ROWS}
    assert "Not run: agent_multi_turn and agent_multi_step" in printed
    assert "0 of 96 answers break the training template" in printed
    assert {path: path.read_bytes() for path in benchmark.rglob("*") if path.is_file()} == before


def test_a_column_is_the_mean_of_its_categories(run: Run, tmp_path: Path) -> None:
    def say(key: str) -> str:
        wrong = "single_function" in key or key.endswith("user_switch_0")
        return "<think>Hm.</think>[book_ferry(pier='south')]" if wrong else right(key)

    code, _ = run(Oracle(say), "--language", "en", "--categories", "single", "multi")
    assert code == 0
    (english, _), counts = (table["rows"] for table in result(tmp_path)["tables"])
    assert (english["single"], english["multi"], english["atom"]) == (50.0, 87.5, None)
    assert [row["correct"] for row in counts] == [0, 4, 3, 4]


def test_the_scorer_sees_no_secret_and_no_network(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    code, printed = run(Oracle(right), "--language", "en", "--categories", "normal_similar_api")
    assert code == 0, printed
    (seen,) = (tmp_path / "out").rglob("seen.json")
    seen_inside = json.loads(seen.read_text())
    assert not {
        name for name in seen_inside["environment"] if "KEY" in name or "PYTHONPATH" in name
    }
    assert seen_inside["network"] in ("refused", "unreachable")


@pytest.mark.parametrize(
    ("people", "correct"),
    [
        ("2", 4),
        ("5-6/2", 0),
        ("3-1", 4),
        ("4//2", 4),
        ("-1+3", 4),
        ("len('ab')", 0),
        ("9**9**9", 0),
        ("__import__('os').getpid()*0+2", 0),
    ],
)
def test_code_in_an_answer_is_not_run(people: str, correct: int, run: Run, tmp_path: Path) -> None:
    """ACEBench's decoder calls `eval`; only plain arithmetic passes."""
    oracle = Oracle(lambda key: f"[book_ferry(pier='north', people={people})]")
    code, printed = run(oracle, "--language", "en", "--categories", "normal_similar_api")
    assert code == 0, printed
    assert result(tmp_path)["tables"][1]["rows"][0]["correct"] == correct


def test_answers_are_kept_and_asked_for_once(run: Run) -> None:
    words = ("--language", "en", "--categories", "atom")
    first, second = Oracle(right), Oracle(right)
    assert run(first, *words, "--limit", "2")[0] == 0
    code, printed = run(second, *words)
    assert code == 0
    assert (len(first.chats), len(second.chats)) == (12, 12)
    assert "12 of 24 answers are there already" in printed


def test_a_subset_says_so(run: Run, tmp_path: Path) -> None:
    run(Oracle(right), "--limit", "1", "--categories", "atom")
    assert "SUBSET: the first 1 of each category" in result(tmp_path)["tables"][0]["title"]


def test_a_subset_is_drawn_by_the_seed(run: Run, tmp_path: Path) -> None:
    drawn = Oracle(right)
    run(drawn, "--draw", "1", "--seed", "4", "--categories", "atom")
    title = result(tmp_path)["tables"][0]["title"]
    assert "SUBSET: drawn by seed 4, 1 of each category" in title
    whole = Oracle(right)
    run(whole, "--seed", "4", "--categories", "atom")
    assert len(whole.chats) == 3 * len(drawn.chats)  # the other three of each category
    with pytest.raises(SystemExit) as refused:
        run(Oracle(right), "--draw", "1", "--limit", "1")
    assert refused.value.code == 2


def test_a_missing_answer_is_no_success(run: Run, tmp_path: Path) -> None:
    class Mute(Oracle):
        def generate(self, chats: Iterable[Chat], sample: int = 0) -> Iterator[tuple[str, str]]:
            yield from list(super().generate(chats, sample))[1:]

    code, printed = run(Mute(right), "--language", "en", "--categories", "normal_atom_bool")
    assert code == 1
    assert "1 answers are missing" in printed
    assert "INCOMPLETE: 1 answers missing" in result(tmp_path)["tables"][0]["title"]
    (row,) = result(tmp_path)["tables"][1]["rows"]
    assert (row["correct"], row["questions"]) == (3, 4)


def test_the_training_template_asks(run: Run) -> None:
    oracle = Oracle(right)
    run(oracle, "--language", "en", "--categories", "normal_preference", "--limit", "1")
    system, *turns = oracle.chats[0].messages
    assert "First reason inside <think></think>" in system["content"]
    assert "'seat': 'window'" in system["content"]
    assert [message["role"] for message in turns] == ["user", "assistant", "user"]
    assert turns[-1]["content"] == "北 pier."


def test_acebench_s_own_prompt_is_read_and_never_run(run: Run, benchmark: Path) -> None:
    oracle = Oracle(lambda key: CALL)
    words = ("--language", "en", "--categories", "special", "normal_preference")
    code, printed = run(oracle, *words, "--prompt", "benchmark")
    assert code == 0, printed
    systems = {chat.messages[0]["content"].split(" {")[0] for chat in oracle.chats}
    assert any(text.startswith("Own words, special. It is 9.") for text in systems)
    assert any(text.startswith("Own words on taste.") for text in systems)
    assert oracle.chats[0].messages[1]["content"].startswith("So far: user: A ferry")
    assert not (benchmark / "ran.txt").exists()
    assert not Path("ran.txt").exists()


def test_special_under_the_training_template_is_explained(run: Run) -> None:
    _, printed = run(Oracle(right), "--language", "en", "--categories", "special")
    assert "use --prompt benchmark" in printed


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no clone": (lambda folder: (folder / "eval_main.py").unlink(), "git clone https://github.com"),
    "no data": (
        lambda folder: (folder / "data_all/data_en/data_normal_atom_bool.json").unlink(),
        "data_normal_atom_bool.json is missing",
    ),
    "half a line": (
        lambda folder: (folder / "data_all/data_en/data_normal_atom_bool.json").write_text('{"i'),
        "cannot be read",
    ),
    "a list": (
        lambda folder: (folder / "data_all/data_en/data_normal_atom_bool.json").write_text("[1]"),
        "no JSON object",
    ),
    "other answers": (
        lambda folder: (
            folder / "data_all/data_en/possible_answer/data_normal_atom_bool.json"
        ).write_text("{}"),
        "are not those of its questions",
    ),
    "a row without functions": (
        lambda folder: (
            (folder / "data_all/data_en/data_normal_atom_bool.json").write_text('{"id": "a"}'),
            (folder / "data_all/data_en/possible_answer/data_normal_atom_bool.json").write_text(
                '{"id": "a"}'
            ),
        ),
        "en/a of ACEBench cannot be read",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_clone_is_told_in_one_sentence(name: str, run: Run, benchmark: Path) -> None:
    spoil, sentence = BROKEN[name]
    spoil(benchmark)
    oracle = Oracle(right)
    code, printed = run(oracle, "--language", "en", "--categories", "normal_atom_bool")
    assert code == 2
    assert sentence in printed
    assert "Traceback" not in printed
    assert not oracle.chats, "the model was asked before the folder was looked at"


def test_a_scorer_that_fails_is_told_in_one_sentence(run: Run) -> None:
    words = ("--language", "en", "--categories", "normal_atom_bool")
    code, printed = run(Oracle(lambda key: "CRASH"), *words)
    assert code == 2
    assert "more than the scorer can take" in printed


def test_every_real_question_can_be_asked(real_rows: Path, tmp_path: Path) -> None:
    shutil.unpack_archive(real_rows / "acebench" / "data_en.tar.gz", tmp_path / "data_all")
    items = questions(tmp_path, ["en"], [*NORMAL, *SPECIAL], Subset())
    chats = [in_training_template(question, "python") for question in items]
    assert len({chat.key for chat in chats}) == 973
    assert {chat.messages[-1]["role"] for chat in chats} == {"user"}
