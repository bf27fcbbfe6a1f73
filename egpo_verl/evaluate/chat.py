"""A question to a model: the same type for every benchmark and every backend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egpo_verl.prompt import build_prompt, tools_json


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


def build_chat(
    key: str,
    messages: Sequence[Mapping[str, Any]],
    tools: Sequence[Mapping[str, Any]],
    call_form: str,
) -> Chat:
    """A question as the model was trained to be asked, by the prompt of training rows.

    Tools keep their names, unlike those of training rows, since the benchmark's scorer looks for
    these; an earlier call whose name the form cannot spell is written in JSON.
    """
    prompt = build_prompt(messages, tools_json(tools), call_form, fallback_form="json")
    return Chat(key, tuple(prompt))
