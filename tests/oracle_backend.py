"""A backend for tests of benchmarks: it says what it is told to and remembers what was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from egpo_verl.evaluate.chat import Chat


class Oracle:
    """Says what it is told to for a question's key."""

    name = "oracle"

    def __init__(self, say: Callable[[str], str]) -> None:
        self.say = say
        self.notes: dict[str, str] = {}
        self.chats: list[Chat] = []

    def settings(self) -> dict[str, Any]:
        return {"backend": "oracle", "model": "made", "temperature": 0.0}

    def generate(self, chats: Iterable[Chat], sample: int = 0) -> Iterator[tuple[str, str]]:
        for chat in chats:
            self.chats.append(chat)
            yield chat.key, self.say(chat.key)
