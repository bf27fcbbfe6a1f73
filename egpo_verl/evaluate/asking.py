"""A question in the words of the training template, as preprocessing would write it."""

from __future__ import annotations

from collections.abc import Sequence

from egpo_verl.calls import render
from egpo_verl.datasets.sample import Message, Tool
from egpo_verl.evaluate.chat import Chat
from egpo_verl.prompt import system_prompt


def asked(key: str, messages: Sequence[Message], tools: Sequence[Tool], call_form: str) -> Chat:
    """The chat: our system prompt, the benchmark's own below it, then the dialogue.

    Functions keep their names, unlike those of training rows, since the benchmark's scorer looks
    for these; an earlier call whose name the form cannot spell is told in JSON.
    """
    system = system_prompt(tools, call_form)
    rest = list(messages)
    if rest and rest[0]["role"] == "system":
        system = f"{system}\n\n{rest.pop(0)['content']}"
    said = [{"role": str(m["role"]), "content": _content(m, call_form)} for m in rest]
    return Chat(key, ({"role": "system", "content": system}, *said))


def _content(message: Message, call_form: str) -> str:
    calls = message.get("calls", ())
    if not calls:
        return str(message["content"])
    try:
        return render(calls, call_form)
    except ValueError:  # the names are the benchmark's, and not every form can spell them
        return render(calls, "json")
