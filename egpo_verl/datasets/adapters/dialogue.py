"""Dialogues of several turns: one sample for every turn of the assistant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.datasets.adapters.parts import calls_from
from egpo_verl.datasets.sample import Message, Sample, Tool
from egpo_verl.datasets.unusable import Unusable

ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "function_response": "tool",
    "tool": "tool",
}
"""What the datasets call the speakers, and what chat templates call them."""

ReadCalls = Callable[[str], tuple[Call, ...]]
"""The calls in an assistant's text, none where it is words; raises `Unusable`."""


@dataclass(frozen=True)
class Turn:
    """One speaker's turn; `role` is `system`, `user`, `assistant` or `tool`.

    `problem` says why it cannot be read.
    """

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    problem: Unusable | None = None


def samples_of(
    source: str, tools: tuple[Tool, ...], turns: Sequence[Turn], extra: Mapping[str, Any]
) -> Iterator[Sample | Unusable]:
    """One sample for every assistant's turn, with the turns before it as its messages.

    The sample's `extra` gets `turn`, the turn's number. After a turn that cannot be read there are
    no more samples: it would stand in their history.
    """
    if not tools:
        raise Unusable("no_tools")
    history: list[Message] = []
    broken: Unusable | None = None
    for number, turn in enumerate(turns):
        if turn.role == "assistant" and (turn.problem or broken):
            yield turn.problem or Unusable("invalid_history", str(broken))
        elif turn.role == "assistant":
            details = {**extra, "turn": number}
            yield Sample(source, tuple(history), tools, turn.calls, details)
        broken = broken or turn.problem
        history.append(message_of(turn))


def history_of(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """The turns as messages; raises `Unusable` where one cannot be read."""
    history = tuple(turns)
    for turn in history:
        if turn.problem:
            raise Unusable("invalid_history", str(turn.problem))
    return tuple(map(message_of, history))


def message_of(turn: Turn) -> Message:
    """The turn as a message of a `Sample`."""
    message: dict[str, Any] = {"role": turn.role, "content": turn.text}
    return {**message, "calls": turn.calls} if turn.calls else message


def turns_of(messages: Any, read_calls: ReadCalls) -> list[Turn]:
    """Turns of a ShareGPT list, `{"from", "value"}` or `{"role", "content"}`.

    Args:
        read_calls: finds the calls in an assistant's text. A turn of `function_call` is read as
            JSON, or as Python's spelling of it.

    Raises:
        Unusable: it is no such list.
    """
    if not isinstance(messages, Iterable) or isinstance(messages, str | Mapping):
        raise Unusable("bad_dialogue", f"not a list of turns: {str(messages)[:60]}")
    return [_turn(message, read_calls) for message in messages]


def _turn(message: Any, read_calls: ReadCalls) -> Turn:
    if not isinstance(message, Mapping):
        raise Unusable("bad_dialogue", f"not a turn: {str(message)[:60]}")
    speaker = message.get("from", message.get("role"))
    text = message.get("value", message.get("content"))
    if speaker not in ROLES or not isinstance(text, str):
        raise Unusable("bad_dialogue", f"not a turn: {str(message)[:60]}")
    role = ROLES[speaker]
    if role != "assistant":
        return Turn(role, text)
    try:
        return Turn(role, text, (calls_from if speaker == "function_call" else read_calls)(text))
    except Unusable as problem:
        return Turn(role, text, problem=problem)


def no_calls(text: str) -> tuple[Call, ...]:
    """For datasets that write calls in turns of their own: an assistant's text is words."""
    return ()
