"""A question to a model: the same type for every benchmark and every backend."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class Chat:
    """A dialogue that the model is to go on with.

    Attributes:
        key: names the question; one benchmark uses each key once.
        messages: `{"role", "content"}` in order, the system prompt first.
    """

    key: str
    messages: tuple[dict[str, str], ...]

    def digest(self) -> str:
        """16 hexadecimal digits that change with any word of the messages."""
        text = json.dumps(self.messages, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
