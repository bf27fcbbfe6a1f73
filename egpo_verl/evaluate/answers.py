"""Generated answers on disk: each line is written through before the next is asked for."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from egpo_verl.errors import UserError
from egpo_verl.evaluate.chat import Chat

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a model said.

    Attributes:
        key, sample: of the question, and which of several answers to it.
        prompt: `Chat.digest` of the question.
        text: raw, with the thought.
        note: what `Backend.notes` said of it: "too long", "cut off", or nothing.
    """

    key: str
    sample: int
    prompt: str
    text: str
    note: str = ""


class Answers:
    """The answers under one set of settings, in a file of their own.

    The file is `FOLDER/<fingerprint of the settings>.jsonl`, its first line the settings; answers
    under others lie beside it and are never mixed in. A line that a killed process left half
    written is dropped.
    """

    def __init__(self, folder: Path, settings: Settings) -> None:
        """Open or make the file.

        Raises:
            UserError: it cannot be written, or another process is writing it.
        """
        self.settings = json.loads(json.dumps(dict(settings)))
        self.path = folder / f"{fingerprint(self.settings)}.jsonl"
        self._found: dict[tuple[str, int, str], Answer] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+b")
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be written ({error.strerror}); choose another --output_dir."
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise UserError(
                f"another evaluation is writing {self.path}; wait for it or choose another "
                "--output_dir."
            ) from error
        self._read()

    def missing(self, chats: Iterable[Chat], sample: int = 0) -> list[Chat]:
        """Those without an answer."""
        return [chat for chat in chats if self.get(chat, sample) is None]

    def get(self, chat: Chat, sample: int = 0) -> Answer | None:
        """The answer to just these messages under this key, None where there is none."""
        return self._found.get((chat.key, sample, chat.digest()))

    def add(self, chat: Chat, text: str, sample: int = 0, note: str = "") -> Answer:
        """Keep an answer; it is on disk when this returns. UserError where that cannot be."""
        answer = Answer(chat.key, sample, chat.digest(), text, note)
        self._write(asdict(answer))
        self._found[answer.key, answer.sample, answer.prompt] = answer
        return answer

    def outdated(self, chats: Iterable[Chat]) -> int:
        """Answers under these settings to other messages of the same keys."""
        digests = {chat.key: chat.digest() for chat in chats}
        return sum(key in digests and prompt != digests[key] for key, _, prompt in self._found)

    def others(self) -> list[str]:
        """One sentence for each set of answers that lies beside and is not used, and why not."""
        sentences = []
        for path in sorted(self.path.parent.glob("*.jsonl")):
            if path == self.path:
                continue
            settings, answers = _read_other(path)
            if answers:
                changes = ", ".join(differences(settings, self.settings)) or "unreadable settings"
                sentences.append(f"{answers:,} answers in {path.name} are not used: {changes}")
        return sentences

    def close(self) -> None:
        """Let other processes write the file."""
        self._file.close()

    def _read(self) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file):
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            if number:
                answer = Answer(**json.loads(line))
                self._found[answer.key, answer.sample, answer.prompt] = answer
        self._file.truncate(whole)
        if not whole:
            self._write(self.settings)

    def _write(self, value: Mapping[str, Any]) -> None:
        file = self._file.fileno()
        size = os.fstat(file).st_size
        line = json.dumps(value, ensure_ascii=True).encode() + b"\n"
        try:
            # Mostly one write of one whole line: a kill can only leave a shorter last line.
            while line:
                line = line[os.write(file, line) :]
            os.fsync(file)
        except OSError as error:
            os.ftruncate(file, size)
            raise UserError(
                f"{self.path} cannot be written ({error.strerror}); it has all answers so far, "
                "make room and run the command again."
            ) from error


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


def _read_other(path: Path) -> tuple[dict[str, Any], int]:
    with path.open(encoding="utf-8") as lines:
        first = lines.readline()
        count = sum(1 for line in lines if line.endswith("\n"))
    try:
        return dict(json.loads(first)), count
    except ValueError:
        return {}, count
