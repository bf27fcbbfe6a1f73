"""Responses outlive a kill, and responses under other settings are never taken for ours."""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from egpo_verl.errors import UserError
from egpo_verl.evaluate.chat import Chat
from egpo_verl.evaluate.generation import fill
from egpo_verl.evaluate.response_store import ResponseStore, differences, fingerprint

SETTINGS = {"model": "a/b", "temperature": 0.0}


def chat(key: str, words: str = "hello") -> Chat:
    return Chat(key, ({"role": "user", "content": words},))


def test_a_second_run_asks_only_what_the_first_did_not_answer(tmp_path: Path) -> None:
    first = ResponseStore(tmp_path, SETTINGS)
    questions = [chat(f"q{number}") for number in range(5)]
    for question in questions[:3]:
        first.add(question, f"to {question.key}\n<think>ü", note="cut off")
    first.close()

    second = ResponseStore(tmp_path, SETTINGS)
    assert [question.key for question in second.missing(questions)] == ["q3", "q4"]
    answer = second.get(questions[1])
    assert answer is not None
    assert (answer.text, answer.note) == ("to q1\n<think>ü", "cut off")


def test_answers_of_version_0_1_0_are_gone_on_with(tmp_path: Path) -> None:
    """They were lines of JSON, the last of which a kill may have cut."""
    lines = [SETTINGS]
    for key, text in (("a", "one\n\u00fc"), ("b", "two"), ("torn", "three")):
        question = chat(key)
        lines.append(
            {"key": key, "sample": 0, "prompt": question.digest(), "text": text, "note": "cut off"}
        )
    old = tmp_path / f"{fingerprint(SETTINGS)}.jsonl"
    old.write_text("".join(json.dumps(line) + "\n" for line in lines)[:-7], encoding="utf-8")
    store = ResponseStore(tmp_path, SETTINGS)
    questions = [chat("a"), chat("b"), chat("torn")]
    assert [question.key for question in store.missing(questions)] == ["torn"]
    store.add(questions[2], "now whole")
    store.close()
    again = ResponseStore(tmp_path, SETTINGS)
    stored = [again.get(question) for question in questions]
    assert [(answer.text, answer.note) for answer in stored if answer] == [
        ("one\n\u00fc", "cut off"),
        ("two", "cut off"),
        ("now whole", ""),
    ]


def test_a_killed_evaluation_keeps_every_answer_that_was_added(tmp_path: Path) -> None:
    questions = [chat(f"q{number}") for number in range(50)]
    process = multiprocessing.get_context("fork").Process(
        target=add_and_die, args=(tmp_path, questions[:20])
    )
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    missing = ResponseStore(tmp_path, SETTINGS).missing(questions)
    assert missing == questions[20:]


def add_and_die(folder: Path, questions: list[Chat]) -> None:
    store = ResponseStore(folder, SETTINGS)
    for question in questions:
        store.add(question, "text")
    os.kill(os.getpid(), signal.SIGKILL)


def test_answers_under_other_settings_stay_beside_and_are_named(tmp_path: Path) -> None:
    warm = ResponseStore(tmp_path, {**SETTINGS, "temperature": 0.7})
    warm.add(chat("q"), "warm")
    warm.close()
    cold = ResponseStore(tmp_path, SETTINGS)
    assert cold.missing([chat("q")]) == [chat("q")]
    (sentence,) = list(cold.others())
    assert sentence.startswith("1 answers in ")
    assert sentence.endswith("are not used: temperature was 0.7 and is 0.0")


def test_a_changed_prompt_is_another_question(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path, SETTINGS)
    store.add(chat("q", "one template"), "text")
    changed = chat("q", "another template")
    assert store.get(changed) is None
    assert store.outdated([changed, chat("r")]) == 1
    assert store.outdated([chat("q", "one template")]) == 0


def test_samples_are_counted_apart(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path, SETTINGS)
    store.add(chat("q"), "first", sample=0)
    assert store.missing([chat("q")], sample=0) == []
    assert store.missing([chat("q")], sample=1) == [chat("q")]


def test_two_evaluations_do_not_write_one_file(tmp_path: Path) -> None:
    store = ResponseStore(tmp_path, SETTINGS)
    with pytest.raises(UserError, match="another evaluation is writing"):
        ResponseStore(tmp_path, SETTINGS)
    store.close()
    ResponseStore(tmp_path, SETTINGS).close()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="choose another --output_dir"):
        ResponseStore(tmp_path / "file" / "below", SETTINGS)


def fill_the_disk(folder: Path) -> None:
    """A file that may not grow is a disk without room."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    store = ResponseStore(folder, SETTINGS)
    try:
        for number in range(1000):
            store.add(chat(f"q{number}"), "some words " * 40)
    except UserError as error:
        sys.exit("make room" in str(error))


def test_a_full_disk_keeps_whole_answers_and_is_one_sentence(tmp_path: Path) -> None:
    process = multiprocessing.get_context("fork").Process(target=fill_the_disk, args=(tmp_path,))
    process.start()
    process.join(60)
    assert process.exitcode == 1, "it gave no sentence"
    questions = [chat(f"q{number}") for number in range(1000)]
    missing = ResponseStore(tmp_path, SETTINGS).missing(questions)
    assert 5 < len(missing) < 1000
    assert missing == questions[-len(missing) :]


def test_what_differs_is_told_both_ways() -> None:
    before, now = {"a": 1, "gone": 2}, {"a": 3, "new": 4}
    assert differences(before, now) == [
        "a was 1 and is 3",
        "gone was 2 and is None",
        "new was None and is 4",
    ]


@given(st.text(), st.text())
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, key: str, text: str) -> None:
    folder = tmp_path_factory.mktemp("answers")
    store = ResponseStore(folder, SETTINGS)
    store.add(chat(key), text)
    store.close()
    answer = ResponseStore(folder, SETTINGS).get(chat(key))
    assert answer is not None
    assert answer.text == text


class Hasty:
    """A backend that cuts off its first sample, and leaves one question unanswered."""

    name = "hasty"
    batch_size = 2

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}

    def settings(self) -> dict[str, Any]:
        return SETTINGS

    def generate(self, chats: Iterable[Chat], sample: int = 0) -> Iterator[tuple[str, str]]:
        for question in chats:
            if sample == 0:
                self.notes[question.key] = "cut off"
            if question.key != "mute":
                yield question.key, f"sample {sample}"


def test_filling_keeps_notes_with_their_samples_and_counts_what_is_missing(tmp_path: Path) -> None:
    store, quiet = ResponseStore(tmp_path, SETTINGS), Console(quiet=True)
    questions = [chat("a"), chat("b"), chat("mute")]
    assert fill(store, Hasty(), questions, 2, quiet) == 2
    stored = [store.get(questions[0], sample) for sample in range(2)]
    assert [(answer.text, answer.note) for answer in stored if answer] == [
        ("sample 0", "cut off"),
        ("sample 1", ""),
    ]
