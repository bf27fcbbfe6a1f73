"""A gold response: a thought that reasons its way to the calls, worded in many ways.

The variety is the point: a warm start on one fixed wording would leave the thought without
entropy, and reinforcement learning without anything to explore.
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

from egpo_verl.calls import render
from egpo_verl.calls.thought import THINK_CLOSE, THINK_OPEN
from egpo_verl.toolworld.spec import spell
from egpo_verl.toolworld.task import Task, Wish

GOALS = (
    "The user wants to {ask}.",
    "The request is to {ask}.",
    "I have to {ask}.",
    "The question asks me to {ask}.",
    "They ask me to {ask}.",
)
PICKS = (
    "{tool} does that.",
    "The tool for it is {tool}.",
    "So I use {tool}.",
    "{tool} fits.",
    "I can call {tool}.",
)
VALUES = (
    "The values are {values}.",
    "I set {values}.",
    "From the question: {values}.",
    "It says {values}.",
    "With {values}.",
)
LEFT_OUT = (
    "Nothing is said about {param}.",
    "I leave out {param}.",
    "No {param} is given, so I skip it.",
)
UNFIT = (
    "None of the tools can do that.",
    "No tool here fits.",
    "The tools are for other things.",
    "I see only {tool}, which is no help.",
)
LACKING = (
    "But the {param} is missing.",
    "The {param} is required, but not given.",
    "It needs {param}, and the question has none.",
)
REFUSALS = (
    "Sorry, no function here can do that.",
    "I have no function for this.",
    "None of the functions fits this question.",
)
QUERIES = (
    "Please tell me the {param}.",
    "I need the {param} for that.",
    "The {param} is missing, please give it.",
)
PERSONS = {"me": "them", "my": "their", "I": "they", "am": "are"}
REMARK = 0.25
"""Share of the wishes whose thought also mentions a parameter that is left out."""


def gold_response(task: Task, rng: Random) -> str:
    """`<think>thought</think>`, a new line, then the calls, or a sentence if none is expected."""
    sentences = [sentence for wish in task.wishes for sentence in _about(task, wish, rng)]
    return f"{THINK_OPEN}{' '.join(sentences)}{THINK_CLOSE}\n{_answer(task, rng)}"


def _answer(task: Task, rng: Random) -> str:
    if task.kind != "no_call":
        return render(task.calls)
    missing = task.wishes[0].missing
    if missing is None:
        return rng.choice(REFUSALS)
    return rng.choice(QUERIES).format(param=missing.name)


def _about(task: Task, wish: Wish, rng: Random) -> list[str]:
    goal = rng.choice(GOALS).format(ask=_reported(rng.choice(wish.spec.asks)))
    if task.kind == "no_call" and wish.missing is None:
        return [goal, rng.choice(UNFIT).format(tool=rng.choice(task.offered).name)]
    pick = rng.choice(PICKS).format(tool=wish.spec.name)
    values = rng.choice(VALUES).format(values=_listed(wish.arguments))
    if wish.missing is not None:
        return [goal, pick, rng.choice(LACKING).format(param=wish.missing.name)]
    if len(task.wishes) > 1:
        return [pick, values]
    steps = [goal, pick, values]
    if rng.random() < 0.3:
        steps = [pick, values] if rng.random() < 0.5 else [goal, values, pick]
    skipped = [param.name for param in wish.spec.params if param.name not in wish.arguments]
    if skipped and rng.random() < REMARK:
        steps.append(rng.choice(LEFT_OUT).format(param=rng.choice(skipped)))
    return steps


def _reported(ask: str) -> str:
    """The user's words about themselves, told by another."""
    return " ".join(PERSONS.get(word, word) for word in ask.split(" "))


def _listed(arguments: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_brief(value)}" for name, value in arguments.items())


def _brief(value: object) -> str:
    if isinstance(value, dict):
        return f"({_listed(value)})"
    if isinstance(value, bool):
        return "true" if value else "false"
    return spell(value)
