"""What a teacher writes in an episode: thoughts, calls one at a time, questions and closing words.

A careless teacher has four habits that real models have, each shown with the probability `slips`
where there is occasion for it:

- an id is not read from the result: the call has another one. It is refused, and half of the time
  the teacher notices and calls again as it should
- a call is made although a value is missing, with a value that nobody said
- a call is made although the tool is missing
- the turn is closed before its last call
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from egpo_verl.calls import Call, render
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN
from egpo_verl.toolworld.live.task import Task, UserTurn, Wish

LOOK = (
    "I need the {key} first, so {tool}.",
    "First {tool}, to get the {key}.",
    "The {key} is not known yet. I use {tool}.",
    "{tool} tells the {key}.",
)
READ = (
    "The {key} is {id}, now {tool}.",
    "It is {id}, so I call {tool}.",
    "With {id} I can call {tool}.",
    "I take {id} as the {key}. {tool} comes next.",
)
CALL = ("{tool} does that.", "I use {tool}.", "So {tool}.", "The tool for it is {tool}.")
DONE = ("All is done.", "Nothing is left to do.", "That was all.", "It worked, so I stop.")
CLOSINGS = ("Done.", "It is done.", "All set.", "That is done.")
LACKING = (
    "The {word} is missing.",
    "Nothing says which {word}.",
    "I do not know the {word}.",
    "It needs the {word}, and nobody told me.",
)
QUESTIONS = (
    "Which {word}?",
    "Please tell me the {word}.",
    "I need the {word} for that.",
    "What is the {word}?",
)
UNFIT = (
    "No tool here does that.",
    "None of the tools fits.",
    "There is no tool for it.",
    "The tools are for other things.",
)
REFUSALS = (
    "Sorry, I have no tool for that.",
    "I cannot do that with my tools.",
    "No function here can do that.",
)
NOTICES = 0.5
"""Share of the refused calls after which the teacher reads the id."""


def messages(task: Task, number: int, rng: Random, slips: float, call_form: str) -> Iterator[str]:
    """The messages of a teacher in a user turn, the last one without a call.

    Args:
        number: of the turn.
    """
    turn = task.turns[number]
    if turn.missing_slot is None and not turn.missing_tool:
        yield from _working(turn, rng, slips, call_form)
    elif rng.random() < slips:
        call = _guess(turn, task.turns[number + 1].wishes[0])
        yield _message(rng.choice(CALL).format(tool=call.name), render([call], call_form))
        yield _closing(rng)
    elif turn.missing_slot is not None:
        word = turn.missing_slot.word
        thought = rng.choice(LACKING).format(word=word)
        yield _message(thought, rng.choice(QUESTIONS).format(word=word))
    else:
        yield _message(rng.choice(UNFIT), rng.choice(REFUSALS))


def _working(turn: UserTurn, rng: Random, slips: float, call_form: str) -> Iterator[str]:
    steps = [(wish, call) for wish in turn.wishes for call in wish.calls]
    if rng.random() < slips:
        steps.pop()
    for wish, call in steps:
        ids = [name for name in call.arguments if name not in wish.values]
        if ids and rng.random() < slips:
            wrong = _misread(call, ids, wish, rng)
            yield _message(_thought(wish, wrong, ids, rng), render([wrong], call_form))
            if rng.random() >= NOTICES:
                break
        yield _message(_thought(wish, call, ids, rng), render([call], call_form))
    yield _closing(rng)


def _thought(wish: Wish, call: Call, ids: list[str], rng: Random) -> str:
    if ids:
        values = {"key": ids[0], "id": call.arguments[ids[0]], "tool": call.name}
        return rng.choice(READ).format(**values)
    if call.name != wish.step.tool:
        key = next(name for name, tool in wish.step.reads.items() if tool == call.name)
        return rng.choice(LOOK).format(key=key, tool=call.name)
    return rng.choice(CALL).format(tool=call.name)


def _misread(call: Call, ids: list[str], wish: Wish, rng: Random) -> Call:
    """The call with a wrong id: a stated value, or another number."""
    identity = str(call.arguments[ids[0]])
    texts = [value for value in wish.values.values() if isinstance(value, str)]
    number = f"{identity[0]}{rng.randrange(10, 100)}"
    wrong: Any = rng.choice([*texts, number])
    return Call(call.name, {**call.arguments, ids[0]: wrong})


def _guess(turn: UserTurn, wish: Wish) -> Call:
    """The first call of what should wait, with a value that nobody said where it is missing."""
    call, slot = wish.calls[0], turn.missing_slot
    if slot is None or slot.name not in call.arguments:
        return call
    unsaid = 1 if isinstance(wish.values[slot.name], int) else slot.word
    return Call(call.name, {**call.arguments, slot.name: unsaid})


def _closing(rng: Random) -> str:
    return _message(rng.choice(DONE), rng.choice(CLOSINGS))


def _message(thought: str, answer: str) -> str:
    return f"{THINK_OPEN}{thought}{THINK_CLOSE}\n{answer}"
