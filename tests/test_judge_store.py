"""Answers that are paid for: committed, found again, shared between processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import multiprocessing.synchronize
import os
from pathlib import Path

import pytest

from egpo_verl.errors import UserError
from egpo_verl.judge.commit import Committer
from egpo_verl.judge.store import Answer, Store


def answer(key: str, text: str = "{}", good: bool = True) -> Answer:
    return Answer(key, "judge", text, 100, 10, good)


def test_answers_are_found_again_by_another_process_of_the_same_file(tmp_path: Path) -> None:
    first = Store(tmp_path / "s.sqlite")
    first.put([answer("a", "one"), answer("b", "two")])
    second = Store(tmp_path / "s.sqlite")
    assert (second.get("a"), second.get("b"), second.get("c")) == ("one", "two", None)


def test_spoilt_and_doubled_answers_are_only_billed(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.put([answer("a", "half", good=False)])
    assert store.get("a") is None
    store.put([answer("a", "one")])
    store.put([answer("a", "late"), answer("b", "two"), answer("b", "again")])
    assert (store.get("a"), store.get("b")) == ("one", "two")
    assert store.bill() == (5, 500, 50)


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
        store.put([answer(f"{name}{number}"), answer(f"shared{number}", name)])


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
        assert store.get(f"a{number}") == store.get(f"b{number}") == "{}"
        assert store.get(f"shared{number}") in ("a", "b")


def open_at_once(paths: list[Path], together: multiprocessing.synchronize.Barrier) -> None:
    for path in paths:
        together.wait(60)
        store = Store(path)
        store.put([answer(str(os.getpid()))])
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


def test_answers_that_come_together_are_committed_together(tmp_path: Path) -> None:
    class Counting(Store):
        commits = 0

        def put(self, answers: object) -> None:
            self.commits += 1
            super().put(answers)  # type: ignore[arg-type]

    store = Counting(tmp_path / "s.sqlite")

    async def go() -> None:
        committer = Committer(store)
        await asyncio.gather(*(committer.put(answer(str(n))) for n in range(200)))
        assert all(store.get(str(n)) for n in range(200)), "put came back too early"

    asyncio.run(go())
    assert store.bill()[0] == 200
    assert store.commits < 20


def test_an_answer_is_committed_even_if_its_asker_is_gone(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")

    async def go() -> None:
        committer = Committer(store)
        asking = asyncio.create_task(committer.put(answer("a")))
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await committer.close()

    asyncio.run(go())
    assert store.get("a") == "{}"


def test_a_store_that_fails_says_so_to_everyone_who_waits(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite")
    store.close()

    async def go() -> list[BaseException | None]:
        committer = Committer(store)
        return await asyncio.gather(
            *(committer.put(answer(str(n))) for n in range(3)), return_exceptions=True
        )

    assert all(isinstance(found, Exception) for found in asyncio.run(go()))
