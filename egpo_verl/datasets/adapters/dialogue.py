"""Dialogues of several turns: one sample for every turn of the assistant.

Earlier turns of the assistant keep their words, also beside calls, and lose their thoughts
(`<think>...</think>`): chat templates leave these out of the history too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from egpo_verl.calls.call import Call
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN, after_thought
from egpo_verl.datasets.adapters.parts import calls_from
from egpo_verl.datasets.sample import Message, Sample, Tool
from egpo_verl.datasets.unusable import Unusable

ROLES = {
    "system": "system",
    "developer": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "function_response": "tool",
    "function": "tool",
    "tool": "tool",
}
"""What the datasets call the speakers, and what chat templates call them."""

ReadTurn = Callable[[str], tuple[str, tuple[Call, ...]]]
"""The words and the calls in an assistant's text; raises `Unusable`."""


@dataclass(frozen=True)
class Turn:
    """One speaker's turn; `role` is `system`, `user`, `assistant` or `tool`.

    `text` are the words beside the calls, where there are any. `problem` says why the turn cannot
    be read. A turn that is no `target` is history only: no sample is made of it.
    """

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    problem: Unusable | None = None
    target: bool = True


def samples_of(
    source: str, tools: tuple[Tool, ...], turns: Sequence[Turn], extra: Mapping[str, Any]
) -> Iterator[Sample | Unusable]:
    """One sample for every assistant's turn, with the turns before it as its messages.

    The sample's `extra` gets `turn`, the turn's number. After a turn that cannot be read there are
    no more samples: it would stand in their history.
    """
    if not tools:
        raise Unusable("no_tools")
    turns = list(map(_as_history, turns))
    dialogue = tuple(map(message_of, turns))
    history: list[Message] = []
    broken: Unusable | None = None
    for number, turn in enumerate(turns):
        problem = turn.problem or broken
        if turn.role == "assistant" and turn.target:
            details = {**extra, "turn": number}
            sample = Sample(source, tuple(history), tools, turn.calls, details, dialogue=dialogue)
            yield problem.at(turn=number) if problem else sample
        if problem and not broken:
            is_counted = turn.role == "assistant" and turn.target
            broken = Unusable("invalid_history", str(problem)) if is_counted else problem
        if turn.role == "system" and [message["role"] for message in history] == ["system"]:
            # A developer's message below a system's: chat templates want one.
            history[0] = {**history[0], "content": f"{history[0]['content']}\n\n{turn.text}"}
        else:
            history.append(dialogue[number])


def history_of(turns: Iterable[Turn]) -> tuple[Message, ...]:
    """The turns as messages; raises `Unusable` where one cannot be read."""
    history = tuple(map(_as_history, turns))
    for turn in history:
        if turn.problem:
            raise Unusable("invalid_history", str(turn.problem))
    return tuple(map(message_of, history))


def message_of(turn: Turn) -> Message:
    """The turn as a message of a `Sample`."""
    message: dict[str, Any] = {"role": turn.role, "content": turn.text}
    return {**message, "calls": turn.calls} if turn.calls else message


def turns_of(messages: Any, read: ReadTurn) -> list[Turn]:
    """Turns of a ShareGPT list, `{"from", "value"}` or `{"role", "content"}`.

    Args:
        read: the words and calls of an assistant's text. A turn of `function_call` is read as
            JSON, or as Python's spelling of it.

    Raises:
        Unusable: it is no such list.
    """
    if not isinstance(messages, Iterable) or isinstance(messages, str | Mapping):
        raise Unusable("bad_dialogue", f"not a list of turns: {str(messages)[:60]}")
    return [_turn(message, read) for message in messages]


def only_words(text: str) -> tuple[str, tuple[Call, ...]]:
    """For datasets that write calls in turns of their own: an assistant's text is words."""
    return text, ()


def only_calls(text: str) -> tuple[str, tuple[Call, ...]]:
    """For turns that hold JSON, or Python's spelling of it; raises `Unusable`."""
    return "", calls_from(text)


def without_thought(text: str) -> str:
    """The text after its thought; one that is not closed goes on to the end."""
    if THINK_OPEN not in text and THINK_CLOSE not in text:
        return text
    return after_thought(text).partition(THINK_OPEN)[0].strip()


def _turn(message: Any, read: ReadTurn) -> Turn:
    if not isinstance(message, Mapping):
        raise Unusable("bad_dialogue", f"not a turn: {str(message)[:60]}")
    speaker = message.get("from") or message.get("role")
    text = message.get("value")
    text = message.get("content") if text is None else text
    if speaker not in ROLES or not isinstance(text, str):
        raise Unusable("bad_dialogue", f"not a turn: {str(message)[:60]}")
    role = ROLES[speaker]
    if role != "assistant":
        return Turn(role, text)
    try:
        return Turn(role, *(only_calls if speaker == "function_call" else read)(text))
    except Unusable as problem:
        return Turn(role, text, problem=problem)


def _as_history(turn: Turn) -> Turn:
    """The turn as it stands in the history; an assistant must say or call something."""
    if turn.role != "assistant" or turn.problem:
        return turn
    text = without_thought(turn.text)
    if not turn.calls and not text.strip():
        return replace(
            turn, problem=Unusable("empty_turn", "only a thought" if turn.text.strip() else "")
        )
    return turn if text == turn.text else replace(turn, text=text)
