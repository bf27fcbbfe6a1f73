"""Answers of the judge in SQLite: committed before they are used, found again by their key."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tenacity

from egpo_verl.errors import UserError

PATIENCE = 60.0
"""Seconds to wait while another process writes."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT NOT NULL, stage TEXT NOT NULL, text TEXT NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
    good INTEGER NOT NULL, at REAL NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS good_answers ON answers (key) WHERE good;
"""


@dataclass(frozen=True)
class Answer:
    """One paid answer.

    Attributes:
        key: of the question (`Question.key`).
        stage: of the question.
        text: as the endpoint gave it.
        tokens_in, tokens_out: as the endpoint counted them.
        good: it could be read; others are kept for the bill alone.
    """

    key: str
    stage: str
    text: str
    tokens_in: int
    tokens_out: int
    good: bool = True


def _locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "is locked" in str(error)


def _connection(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)


# SQLite refuses at once, whatever the time-out, where two processes turn one file to write-ahead
# logging or one opens it while the last of the others closes it.
@tenacity.retry(
    retry=tenacity.retry_if_exception(_locked),
    wait=tenacity.wait_random(0.01, 0.1),
    stop=tenacity.stop_after_delay(PATIENCE),
    reraise=True,
)
def _prepared(path: Path) -> sqlite3.Connection:
    """A connection to a file that has the table and write-ahead logging."""
    connection = _connection(path)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


class Store:
    """A file of answers; several processes may use it at a time.

    Write-ahead logging lets readers go on while one process writes; a process that is killed
    loses nothing that was committed.
    """

    def __init__(self, path: Path) -> None:
        """Open or make the file; UserError where that cannot be."""
        try:
            self._writer = _prepared(path)
            # A connection of its own, so that a look-up never waits for a commit.
            self._reader = _connection(path)
        except sqlite3.Error as error:
            raise UserError(f"the store {path} cannot be used: {error}.") from error

    def get(self, key: str) -> str | None:
        """The text of a good answer, None where there is none."""
        found = self._reader.execute("SELECT text FROM answers WHERE key = ? AND good", (key,))
        row = found.fetchone()
        return None if row is None else str(row[0])

    def put(self, answers: Iterable[Answer]) -> None:
        """Commit answers; a second good one for a key is kept for the bill alone."""
        now = time.time()
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for answer in answers:
                row = (answer.key, answer.stage, answer.text, answer.tokens_in, answer.tokens_out)
                good = answer.good and not self._has(answer.key)
                self._writer.execute(
                    "INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, good, now)
                )
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:  # a full disk makes SQLite end it itself
                self._writer.execute("ROLLBACK")
            raise

    def _has(self, key: str) -> bool:
        found = self._writer.execute("SELECT 1 FROM answers WHERE key = ? AND good", (key,))
        return found.fetchone() is not None

    def bill(self) -> tuple[int, int, int]:
        """Answers paid for, and their tokens in and out, over all runs."""
        sums = "COUNT(*), COALESCE(SUM(tokens_in), 0), COALESCE(SUM(tokens_out), 0)"
        row = self._reader.execute(f"SELECT {sums} FROM answers").fetchone()
        return int(row[0]), int(row[1]), int(row[2])

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()
