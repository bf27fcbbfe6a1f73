"""The responses of an evaluation: each is on disk before the next is asked for."""

from __future__ import annotations

import fcntl
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from egpo_verl.client.store import Answer as Stored
from egpo_verl.client.store import Store
from egpo_verl.errors import UserError
from egpo_verl.evaluate.chat import Chat

Settings = Mapping[str, Any]
FILE = "answers.sqlite"
SETTINGS = "settings"
"""Stage of the rows that hold settings, under their fingerprint."""


@dataclass(frozen=True)
class Response:
    """A response of a model, whole.

    Attributes:
        key, sample: of the question, and which of several responses to it.
        text: raw, with the thought.
        note: from `Backend.notes`: "too long", "cut off", or nothing.
    """

    key: str
    sample: int
    text: str
    note: str = ""


class ResponseStore:
    """The responses under one set of settings.

    All those of a benchmark lie in `FOLDER/answers.sqlite`; those under other settings are never
    mixed in.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Open or make the file.

        Raises:
            UserError: it cannot be written, or another process is writing answers under `settings`.
        """
        self.settings = json.loads(json.dumps(dict(settings)))
        self._id = fingerprint(self.settings)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._alone = (folder / f"{self._id}.lock").open("w")
        except OSError as error:
            raise UserError(
                f"{folder} cannot be written ({error.strerror}); choose another --output_dir."
            ) from error
        try:
            fcntl.flock(self._alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._alone.close()
            raise UserError(
                f"another evaluation is writing to {folder}; wait for it or choose another "
                "--output_dir."
            ) from error
        self._store = Store(folder / FILE)
        self._put(Stored(self._id, SETTINGS, json.dumps(self.settings)), once=True)
        self._take_over(folder / f"{self._id}.jsonl")

    def missing(self, chats: Iterable[Chat], sample: int = 0) -> list[Chat]:
        """Those without a response."""
        return [chat for chat in chats if self.get(chat, sample) is None]

    def get(self, chat: Chat, sample: int = 0) -> Response | None:
        """The response to just these messages under this key, None where there is none."""
        stored = self._store.get(self._key(sample, chat.digest(), chat.key))
        return None if stored is None else Response(chat.key, sample, stored.text, stored.note)

    def add(self, chat: Chat, text: str, sample: int = 0, note: str = "") -> Response:
        """Keep a response; it is on disk when this returns. UserError where that cannot be."""
        key = self._key(sample, chat.digest(), chat.key)
        self._put(Stored(key, self._id, text, note=note))
        return Response(chat.key, sample, text, note)

    def outdated(self, chats: Iterable[Chat]) -> int:
        """Responses under these settings to other messages of the same keys."""
        digests = {chat.key: chat.digest() for chat in chats}
        parts = [stored.key.split(" ", 3)[2:] for stored in self._store.of_stage(self._id)]
        return sum(key in digests and digest != digests[key] for digest, key in parts)

    def others(self) -> Iterator[str]:
        """One sentence for each set of responses that is there and not used, and why not."""
        for other in self._store.of_stage(SETTINGS):
            count = len(self._store.of_stage(other.key))
            if other.key != self._id and count:
                changes = ", ".join(differences(json.loads(other.text), self.settings))
                yield f"{count:,} answers in {self._store.path} are not used: {changes}"

    def close(self) -> None:
        """Let other processes write responses under these settings."""
        self._store.close()
        self._alone.close()

    def _key(self, sample: int, digest: str, key: str) -> str:
        return f"{self._id} {sample} {digest} {key}"

    def _put(self, stored: Stored, once: bool = False) -> None:
        if once and self._store.get(stored.key):
            return
        try:
            self._store.put(stored)
        except sqlite3.Error as error:
            raise UserError(
                f"{self._store.path} cannot be written ({error}); it has all answers so far, "
                "make room and run the command again."
            ) from error

    def _take_over(self, old: Path) -> None:
        """Read those of version 0.1.0, a JSON line each; a half-written last one is left."""
        if not old.is_file():
            return
        with old.open("rb") as lines:
            next(lines, None)  # the settings
            for line in lines:
                if line.endswith(b"\n"):
                    row = json.loads(line)
                    key = self._key(row["sample"], row["prompt"], row["key"])
                    stored = Stored(key, self._id, row["text"], note=row.get("note", ""))
                    self._put(stored, once=True)


def fingerprint(settings: Settings) -> str:
    """12 hexadecimal digits that change with any setting."""
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def differences(before: Settings, now: Settings) -> list[str]:
    """What differs, as `temperature was 0.0 and is 0.7`."""
    names = [*before, *(name for name in now if name not in before)]
    return [
        f"{name} was {before.get(name)} and is {now.get(name)}"
        for name in names
        if before.get(name) != now.get(name)
    ]
