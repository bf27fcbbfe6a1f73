"""The SQLite file of a store: opened by several processes, written by one of them at a time."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 60.0
"""Seconds to wait while another process writes."""
TABLE = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT NOT NULL, stage TEXT NOT NULL, text TEXT NOT NULL,
    tokens_in INTEGER NOT NULL, tokens_out INTEGER NOT NULL,
    good INTEGER NOT NULL, at REAL NOT NULL, note TEXT NOT NULL DEFAULT '')
"""
NOTE = "ALTER TABLE answers ADD COLUMN note TEXT NOT NULL DEFAULT ''"
"""For files of version 0.1.0."""
INDEXES = (
    "CREATE UNIQUE INDEX IF NOT EXISTS good_answers ON answers (key) WHERE good",
    "CREATE INDEX IF NOT EXISTS keys ON answers (key)",
    "CREATE INDEX IF NOT EXISTS stages ON answers (stage)",
)


def opened(path: Path) -> sqlite3.Connection:
    """A connection to a file that has the table, with write-ahead logging."""
    # SQLite refuses at once, whatever the time-out, where two processes turn one file to
    # write-ahead logging or one opens it while the last of the others closes it.
    end = time.monotonic() + PATIENCE
    while True:
        connection = sqlite3.connect(
            path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            with transaction(connection):
                _make_table(connection)
        except sqlite3.Error as error:
            connection.close()
            if "is locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(random.uniform(0.01, 0.1))
        else:
            return connection


def _make_table(connection: sqlite3.Connection) -> None:
    connection.execute(TABLE)
    names = [row[1] for row in connection.execute("PRAGMA table_info(answers)")]
    for statement in (*([] if "note" in names else [NOTE]), *INDEXES):
        connection.execute(statement)


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All that is written within, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk makes SQLite end it itself
            connection.execute("ROLLBACK")
        raise
