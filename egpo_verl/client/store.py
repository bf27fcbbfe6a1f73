"""Answers in SQLite: on disk before they are used, and looked up by their key."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from egpo_verl.client.store_file import opened, transaction
from egpo_verl.errors import UserError

COLUMNS = "key, stage, text, tokens_in, tokens_out, good, note"


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        key: of the question; of its good answers the first counts.
        stage: what many questions share: a stage of the judge, the settings of an evaluation.
        text: as it came; half letters, which no file can hold, are replaced.
        good: it could be read; others are kept for the bill and for the count of tries.
        note: what there is to say of it.
    """

    key: str
    stage: str
    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    good: bool = True
    note: str = ""


class Store:
    """A file of answers; several threads and processes may use it at a time.

    A process that is killed loses nothing that was put.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file; UserError where that cannot be."""
        self.path = path
        self._lock = threading.Lock()
        self._waiting: queue.Queue[tuple[Answer, Future[None]] | None] = queue.Queue()
        try:
            self._connection = opened(path)
        except sqlite3.Error as error:
            raise UserError(f"the store {path} cannot be used: {error}.") from error
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def get(self, key: str) -> Answer | None:
        """The good answer, None where there is none."""
        with self._lock:
            rows = self._select("key = ? AND good", key)
        return rows[0] if rows else None

    def of_stage(self, stage: str) -> list[Answer]:
        """The good answers of a stage."""
        with self._lock:
            return self._select("stage = ? AND good", stage)

    def unreadable(self, key: str) -> list[Answer]:
        """The answers to a question that could not be read."""
        with self._lock:
            return self._select("key = ? AND NOT good", key)

    def put(self, answer: Answer) -> None:
        """Keep an answer; it is on disk when this returns. Raises sqlite3.Error, also if closed."""
        if not self._writer.is_alive():
            raise sqlite3.ProgrammingError(f"{self.path} is closed")
        done: Future[None] = Future()
        self._waiting.put((answer, done))
        done.result()

    def reject(self, key: str) -> None:
        """Let a good answer count as one that could not be read."""
        with self._lock:
            self._connection.execute("UPDATE answers SET good = 0 WHERE key = ?", (key,))

    def bill(self) -> tuple[int, int, int]:
        """Answers paid for, and their tokens in and out, over all runs."""
        sums = "COUNT(*), COALESCE(SUM(tokens_in), 0), COALESCE(SUM(tokens_out), 0)"
        with self._lock:
            row = self._connection.execute(f"SELECT {sums} FROM answers").fetchone()
        return int(row[0]), int(row[1]), int(row[2])

    def close(self) -> None:
        """Close the file, once all that was put is on disk."""
        self._waiting.put(None)
        self._writer.join()
        with self._lock:
            self._connection.close()

    def _write(self) -> None:
        """Commit what waits: all that came during one commit, which takes a while, in the next."""
        while (first := self._waiting.get()) is not None:
            batch, more = [first], True
            while more and not self._waiting.empty():
                item = self._waiting.get()
                more = item is not None
                if item is not None:
                    batch.append(item)
            try:
                with self._lock, transaction(self._connection):
                    self._insert([answer for answer, _ in batch])
            except sqlite3.Error as error:
                for _, done in batch:
                    done.set_exception(error)
            else:
                for _, done in batch:
                    done.set_result(None)
            if not more:
                return

    def _insert(self, answers: list[Answer]) -> None:
        now = time.time()
        for answer in answers:
            # A second good answer is kept for the bill alone.
            good = answer.good and not self._select("key = ? AND good", answer.key)
            text, note = map(_whole_letters, (answer.text, answer.note))
            counts = (answer.tokens_in, answer.tokens_out)
            self._connection.execute(
                f"INSERT INTO answers ({COLUMNS}, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (answer.key, answer.stage, text, *counts, good, note, now),
            )

    def _select(self, condition: str, value: str) -> list[Answer]:
        rows = self._connection.execute(
            f"SELECT {COLUMNS} FROM answers WHERE {condition} ORDER BY rowid", (value,)
        )
        return [
            Answer(key, stage, text, tokens_in, tokens_out, bool(good), note)
            for key, stage, text, tokens_in, tokens_out, good, note in rows
        ]


def _whole_letters(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
