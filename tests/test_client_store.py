"""Answers that are paid for: on disk, found again, shared between threads and processes."""

from __future__ import annotations

import multiprocessing
import multiprocessing.synchronize
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from egpo_verl.client.store import Answer, Store
from egpo_verl.errors import UserError


def answer(key: str, text: str = "{}", good: bool = True) -> Answer:
    return Answer(key, "judge", text, 100, 10, good)


def text_of(store: Store, key: str) -> str | None:
    entry = store.get(key)
    return None if entry is None else entry.text


def test_answers_are_found_again_by_another_process_of_the_same_file(tmp_path: Path) -> None:
    first = Store(tmp_path / "s.sqlite")
    entry = Answer("a", "judge", "one\n<think>\u00fc\0", 100, 10, note="cut off")
    first.put(entry)
    first.put(answer("b", "two"))
    second = Store(tmp_path / "s.sqlite")
    assert second.get("a") == entry
    assert (text_of(second, "b"), second.get("c")) == ("two", None)
    assert second.of_stage("judge") == [entry, answer("b", "two")]
    assert second.of_stage("correct") == []


def test_unreadable_and_doubled_answers_are_only_billed(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.put(answer("a", "half", good=False))
    assert store.get("a") is None
    assert [bad.text for bad in store.unreadable("a")] == ["half"]
    for late in (answer("a", "one"), answer("a", "late"), answer("b", "two")):
        store.put(late)
    assert (text_of(store, "a"), text_of(store, "b")) == ("one", "two")
    assert store.bill() == (4, 400, 40)


def test_an_answer_that_is_rejected_makes_room_for_another(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.put(answer("a", "wrong"))
    store.reject("a")
    assert store.get("a") is None
    store.put(answer("a", "right"))
    assert text_of(store, "a") == "right"


def test_half_letters_are_replaced(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.put(Answer("a", "judge", "one \ud800 two", note="\udfff"))
    assert store.get("a") == Answer("a", "judge", "one ? two", note="?")


def test_a_store_of_version_0_1_0_is_gone_on_with(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "s")) as old, old:
        old.execute("PRAGMA journal_mode=WAL")
        old.executescript(
            "CREATE TABLE answers (key TEXT NOT NULL, stage TEXT NOT NULL, text TEXT NOT NULL,"
            " tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL, good INTEGER NOT NULL,"
            " at REAL NOT NULL);"
            "CREATE UNIQUE INDEX good_answers ON answers (key) WHERE good;"
            "INSERT INTO answers VALUES ('a', 'judge', 'one', 3, 4, 1, 5.0);"
        )
    store = Store(tmp_path / "s")
    store.put(answer("b"))
    assert (text_of(store, "a"), store.bill()) == ("one", (2, 103, 14))


@pytest.mark.parametrize("content", [b"not a database, but a long enough text to look at" * 30])
def test_a_file_that_is_no_store_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.sqlite").write_bytes(content)
    with pytest.raises(UserError, match="cannot be used"):
        Store(tmp_path / "s.sqlite")
    with pytest.raises(UserError, match="cannot be used"):
        Store(tmp_path / "no" / "folder" / "s.sqlite")


def write_many(path: Path, name: str) -> None:
    store = Store(path)
    for number in range(60):
        store.put(answer(f"{name}{number}"))
        store.put(answer(f"shared{number}", name))


def test_two_processes_write_one_store(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=write_many, args=(path, name)) for name in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    store = Store(path)
    assert store.bill()[0] == 240
    for number in range(60):
        assert text_of(store, f"a{number}") == text_of(store, f"b{number}") == "{}"
        assert text_of(store, f"shared{number}") in ("a", "b")


def open_at_once(paths: list[Path], together: multiprocessing.synchronize.Barrier) -> None:
    for path in paths:
        together.wait(60)
        store = Store(path)
        store.put(answer(str(os.getpid())))
        store.close()


def test_processes_that_start_at_once_share_a_new_store(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.sqlite" for n in range(40)]
    context = multiprocessing.get_context("fork")
    together = context.Barrier(8)
    processes = [context.Process(target=open_at_once, args=(paths, together)) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * 8
    assert [Store(path).bill()[0] for path in paths] == [8] * 40


def test_threads_that_put_at_once_all_find_theirs_again(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")

    def put(number: int) -> bool:
        store.put(answer(str(number)))
        return store.get(str(number)) is not None

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(put, range(500)))
    assert Store(tmp_path / "s.sqlite").bill()[0] == 500


def test_a_store_that_fails_says_so_to_everyone_who_waits(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    with closing(sqlite3.connect(tmp_path / "s.sqlite")) as other, other:
        other.execute("DROP TABLE answers")

    def put(number: int) -> str:
        with pytest.raises(sqlite3.Error, match="no such table") as caught:
            store.put(answer(str(number)))
        return type(caught.value).__name__

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(put, range(50))) == ["OperationalError"] * 50
    store.close()
    with pytest.raises(sqlite3.Error, match="closed"):
        store.put(answer("late"))
