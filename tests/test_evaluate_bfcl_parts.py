"""Parts of the BFCL evaluation that need neither its environment nor a model."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.errors import UserError
from egpo_verl.evaluate.backends import TOO_LONG
from egpo_verl.evaluate.bfcl.categories import (
    LIVE,
    MULTI_TURN,
    NON_LIVE,
    SIZES,
    chosen,
    folder_of,
    paper_columns,
)
from egpo_verl.evaluate.bfcl.in_scorer.guard import Refused, refuse_code
from egpo_verl.evaluate.bfcl.in_scorer.model import ask
from egpo_verl.evaluate.bfcl.official import Scored, socket_folder
from egpo_verl.evaluate.bfcl.prompts import Entry, of_each, read_entries
from egpo_verl.evaluate.bfcl.report import Measured, Outcome, tables
from egpo_verl.evaluate.bfcl.serving import Batcher, Server
from egpo_verl.evaluate.chat import Chat
from egpo_verl.evaluate.response_store import ResponseStore
from egpo_verl.evaluate.subset import Subset
from egpo_verl.prompt import system_prompt

PLAIN = [
    "[f(a=1)]",
    "f(a=1+2*3, b='x'+'y', c=[1]*3, d=-1, e=2**10, g=1<<4)",
    "```[f(a={'k': (1, 2)})]```",
    "[f(a=g(b=len('x')))]",
    "[f(a=open('x').read())]",
    "no call at all",
    "[f(a=",
    "",
]
CODE = [
    "[f(a=len('abc')+1)]",
    "f(a=open('x').read()+'')",
    "[f(a=x+1)]",
    "[f(a=[len('abc')+1])]",
    "[f(a=(lambda: 1)()*2)]",
    "```[f(a={'k': 1+x.y})]```",
    "[f(a=9**9**9)]",
    "[f(a=9**1001)]",
    "[f(a=(9**999)**999)]",
    "[f(a=1<<(1<<40))]",
    "[f(a=2**-1e9)]",
    "[f(a=1+[x for x in range(9)])]",
]


@pytest.mark.parametrize("answer", PLAIN)
def test_plain_answers_reach_bfcls_decoder(answer: str) -> None:
    refuse_code(answer)


@pytest.mark.parametrize("answer", CODE)
def test_code_that_the_decoder_would_evaluate_is_refused(answer: str) -> None:
    with pytest.raises(Refused):
        refuse_code(answer)


def test_groups_and_names_become_categories_once_each() -> None:
    assert chosen(["simple_python", "non_live"]) == (*NON_LIVE, "irrelevance")
    assert chosen(["multi_turn", "live_simple"]) == ("live_simple", *MULTI_TURN)
    assert chosen(["all"]) == tuple(SIZES)
    assert sum(SIZES[name] for name in chosen(["single_turn"])) == 3641
    with pytest.raises(UserError, match="no category 'memory'"):
        chosen(["memory"])


@pytest.mark.parametrize(
    ("category", "folder"),
    [
        ("simple_java", "non_live"),
        ("irrelevance", "non_live"),
        ("live_relevance", "live"),
        ("multi_turn_base", "multi_turn"),
    ],
)
def test_results_lie_where_bfcl_looks_for_them(category: str, folder: str) -> None:
    assert folder_of(category) == folder


def test_the_papers_columns_come_from_its_own_figures() -> None:
    """EGPO-4B of the paper; its (ir)relevance is not told, and 82 fits its live figure."""
    published = {
        **dict.fromkeys(("simple_python", "simple_java", "simple_javascript"), 76.50),
        "multiple": 95.00,
        "parallel": 93.50,
        "parallel_multiple": 89.00,
        **dict(zip(LIVE, (85.66, 79.49, 87.50, 75.00), strict=True)),
        "live_irrelevance": 82.3,
        "live_relevance": 82.3,
        **dict(zip(MULTI_TURN, (63.50, 54.50, 48.00, 59.00), strict=True)),
    }
    columns = paper_columns(published.get)
    assert columns["non-live"] == 88.50
    assert columns["live"] == pytest.approx(81.34, abs=0.05)
    assert columns["single-turn overall"] == pytest.approx(84.92, abs=0.03)
    assert columns["multi-turn overall"] == 56.25
    assert columns["miss-func"] == 54.50


def test_the_three_languages_of_simple_count_as_one() -> None:
    scores = dict.fromkeys(NON_LIVE, 100.0) | {"simple_java": 0.0, "simple_javascript": 0.0}
    assert paper_columns(scores.get)["non-live"] == pytest.approx(100 * (1 / 3 + 3) / 4)


def test_a_column_that_lacks_a_category_shows_nothing() -> None:
    columns = paper_columns({"simple_python": 50.0, "multi_turn_base": 3.0}.get)
    assert {name for name, value in columns.items() if value is not None} == {"base"}


FUNCTION = {"name": "f", "description": "ü", "parameters": {"type": "dict", "properties": {}}}


def entry(identity: str, turns: list[list[dict[str, str]]]) -> Entry:
    return Entry(identity, identity.rpartition("_")[0], turns, [FUNCTION])


def test_a_prompt_is_the_training_template_with_the_entrys_own_system_message_below() -> None:
    question = {"role": "user", "content": "What now?"}
    system = {"role": "system", "content": "Be brief."}
    chat = entry("live_simple_0-0-0", [[system, question]]).chat("hermes")
    template = system_prompt([FUNCTION], "hermes")
    assert chat.messages == (
        {"role": "system", "content": f"{template}\n\nBe brief."},
        question,
    )
    assert chat.key == "live_simple_0-0-0"


def test_a_subset_is_the_first_of_each_category(tmp_path: Path) -> None:
    rows = [
        {"id": f"{name}_{n}", "category": name, "question": [[]], "function": []}
        for name in ("multiple", "parallel")
        for n in range(3)
    ]
    path = tmp_path / "entries.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    some = [e.identity for e in of_each(read_entries(path), Subset(2))]
    assert some == ["multiple_0", "multiple_1", "parallel_0", "parallel_1"]
    assert len(of_each(read_entries(path), Subset())) == 6
    assert len(of_each(read_entries(path), Subset(9, seed=1))) == 6


def test_a_seed_draws_entries_of_each_category() -> None:
    entries = [Entry(f"{name}_{n}", name, [[]], []) for name in ("a", "b") for n in range(200)]

    def drawn(seed: int) -> list[Entry]:
        return of_each(entries, Subset(50, seed))

    assert drawn(1) == drawn(1) != drawn(2)
    assert len(set(map(id, drawn(1)))) == 100
    assert drawn(1) == sorted(drawn(1), key=entries.index)
    assert drawn(1) != of_each(entries, Subset(50))


def outcome(questions: int, subset: Subset | None = None) -> Outcome:
    measured = Measured("multiple", questions)
    measured.count(True, "")
    measured.count(False, TOO_LONG)
    measured.add(Scored(1, 2, {"value_error:string": 1}))
    measured.add(None)
    return Outcome("run/step", {"multiple": measured}, 1.25, 1, subset or Subset())


def test_titles_say_what_was_left_out() -> None:
    def title(measured_outcome: Outcome) -> str:
        return tables(measured_outcome)[0].title

    assert title(outcome(2)) == "BFCL: run/step"
    assert title(outcome(2, Subset(2))) == "BFCL: run/step (SUBSET: the first 2 of each category)"
    drawn = "BFCL: run/step (SUBSET: drawn by seed 7, 2 of each category)"
    assert title(outcome(2, Subset(2, seed=7))) == drawn
    assert title(outcome(5)) == "BFCL: run/step (INCOMPLETE: 3 answers missing)"
    assert outcome(5).missing == 3


def test_counts_stand_beside_the_papers_rows() -> None:
    counts, paper = tables(outcome(2))
    assert counts.rows[0].cells() == ("multiple", "1", "2", "50.00", "1", "1", "0", "0")
    ours, *quoted = paper.rows
    assert ours.values[-1] == 1.25
    assert all(row.quoted and row.values[-1] is None for row in quoted)
    assert any("10 % non-live" in note for note in paper.notes)
    assert any(note.startswith("Not run: simple_python") for note in paper.notes)
    assert outcome(2).measured["multiple"].data() == {
        "accuracy": 50.0,
        "correct": 1,
        "scored": 2,
        "missing": 0,
        "answers": 2,
        "on_template": 1,
        "too_long": 1,
        "cut_off": 0,
        "errors": {"value_error:string": 1},
    }


class Echo:
    """Says the last message back behind a thought; refuses some, breaks at others."""

    name = "echo"
    batch_size = 4

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}
        self.batches: list[int] = []

    def settings(self) -> dict[str, Any]:
        return {"model": "echo"}

    def generate(self, chats: Iterable[Chat], sample: int = 0) -> Iterator[tuple[str, str]]:
        batch = list(chats)
        self.batches.append(len(batch))
        time.sleep(0.05)
        for chat in batch:
            words = chat.messages[-1]["content"]
            if words == "break":
                raise UserError("the model broke")
            if words != "refuse":
                yield chat.key, f"<think>about {words}</think> {words}"


def test_a_loop_is_answered_through_the_socket_in_batches_and_from_the_store(
    tmp_path: Path,
) -> None:
    store, backend = ResponseStore(tmp_path, {"model": "echo"}), Echo()

    def say(words: str) -> dict[str, Any]:
        reply = ask(str(path), "multi_turn_base_0", [{"role": "user", "content": words}])
        return dict(reply["choices"][0]["message"])

    with socket_folder() as folder, Batcher(backend, store) as batcher:
        path = Path(folder) / "model"
        with Server(path, batcher, "python"), ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(say, [f"[f(a={n})]" for n in range(8)]))
            assert say("[f(a=3)]") == replies[3]
            with pytest.raises(OSError, match="no answer"):
                say("refuse")
    assert replies[5] == {
        "role": "assistant",
        "content": "[f(a=5)]",
        "reasoning_content": "about [f(a=5)]",
    }
    assert sum(backend.batches) == 9
    assert max(backend.batches) > 1
    assert len(batcher.answered) == 9
    assert batcher.failure is None


def test_what_breaks_the_backend_is_remembered_and_ends_no_thread(tmp_path: Path) -> None:
    store, backend = ResponseStore(tmp_path, {"model": "echo"}), Echo()
    with socket_folder() as folder, Batcher(backend, store) as batcher:
        path = Path(folder) / "model"
        with Server(path, batcher, "python"):
            with pytest.raises(OSError, match="no answer"):
                ask(str(path), "id", [{"role": "user", "content": "break"}])
            assert ask(str(path), "id", [{"role": "user", "content": "go on"}])
            with pytest.raises(OSError, match="not a chat"):
                ask(str(path), "id", [{"role": "user"}])
    assert isinstance(batcher.failure, UserError)
