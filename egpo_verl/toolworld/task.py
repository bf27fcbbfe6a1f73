"""One task: a question, the tools offered, and the calls that answer it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.toolworld.catalogue import DOMAIN_OF, DOMAINS, SPECS
from egpo_verl.toolworld.levels import PLAIN_LEVELS, Level
from egpo_verl.toolworld.spec import Param, Spec
from egpo_verl.toolworld.values import home, side

SPLITS = ("train", "test", "test_hard")
OPENERS = ("", "", "Please ", "Could you ", "Can you ", "I want you to ", "Now ")
LINKS = (" and ", ", and also ", ", then ", "; ")


@dataclass(frozen=True)
class Wish:
    """What a person wants of one tool."""

    spec: Spec
    arguments: dict[str, Any]  # what the question states
    missing: Param | None  # a required one that the question leaves out
    words: str  # the clause of the question


@dataclass(frozen=True)
class Task:
    """A question and its reference."""

    question: str
    offered: tuple[Spec, ...]  # tools, in the order of the prompt
    wishes: tuple[Wish, ...]  # in the order of the question
    kind: str  # one of `levels.KINDS`
    level: int  # a key of `levels.PLAIN_LEVELS`

    @property
    def messages(self) -> tuple[dict[str, str], ...]:
        """The dialogue."""
        return ({"role": "user", "content": self.question},)

    @property
    def tools(self) -> tuple[dict[str, Any], ...]:
        """What is offered, in JSON Schema."""
        return tuple(spec.tool() for spec in self.offered)

    @property
    def extra(self) -> dict[str, Any]:
        """What a row tells about itself."""
        return {"kind": self.kind, "difficulty": self.level}

    @property
    def calls(self) -> tuple[Call, ...]:
        """The reference; empty where no call is expected."""
        if self.kind == "no_call":
            return ()
        return tuple(Call(wish.spec.name, wish.arguments) for wish in self.wishes)


def draw_plain(rng: Random, split: str, levels: Sequence[int]) -> Task:
    """A task of a plain level whose question and open values belong to `split`.

    The question itself has a home too, so no question stands in both train and test, not even one
    that states only values of closed lists.
    """
    while True:
        task = _draw(rng, split, rng.choice(levels))
        if home(task.question) == side(split):
            return task


def _draw(rng: Random, split: str, number: int) -> Task:
    level = PLAIN_LEVELS[number]
    kind = rng.choices(tuple(level.kinds), tuple(level.kinds.values()))[0]
    wishes = _draw_wishes(rng, split, level, kind)
    needed = [] if _unfit(kind, wishes) else _distinct(wish.spec for wish in wishes)
    size = 1 if kind == "single" else max(len(needed), rng.randint(*level.offered))
    others = _others(rng, split, level, kind, wishes)
    offered = [*needed, *others[: size - len(needed)]]
    rng.shuffle(offered)
    return Task(_question(rng, wishes), tuple(offered), tuple(wishes), kind, number)


def _draw_wishes(rng: Random, split: str, level: Level, kind: str) -> list[Wish]:
    askable = [
        spec
        for spec in SPECS
        if spec.held_out == (split == "test_hard") and (level.deep or not spec.deep)
    ]
    count = rng.randint(*level.calls) if kind == "parallel" else 1
    specs = rng.sample(askable, count) if level.mixed else [rng.choice(askable)] * count
    lacking = kind == "no_call" and rng.random() < level.missing
    wishes: list[Wish] = []
    for spec in specs:
        wish = _wish(rng, split, level, spec, lacking)
        while wish.arguments in [other.arguments for other in wishes]:
            wish = _wish(rng, split, level, spec, lacking)
        wishes.append(wish)
    return wishes


def _wish(rng: Random, split: str, level: Level, spec: Spec, lacking: bool) -> Wish:
    missing = rng.choice(spec.required) if lacking else None
    stated = [
        param
        for param in spec.params
        if param is not missing and (param.required or _states(rng, level, param))
    ]
    arguments = _arguments(rng, split, stated)
    phrases = [param.say(arguments[param.name], rng) for param in stated]
    words = " ".join([rng.choice(spec.asks), *phrases])
    return Wish(spec, arguments, missing, words)


def _states(rng: Random, level: Level, param: Param) -> bool:
    return (level.deep or not param.deep) and rng.random() < level.optional


def _arguments(rng: Random, split: str, stated: Sequence[Param]) -> dict[str, Any]:
    """Values for the parameters; no string twice (nobody flies from Oslo to Oslo)."""
    while True:
        arguments = {param.name: param.draw(rng, split) for param in stated}
        strings = [value for value in arguments.values() if isinstance(value, str)]
        if len(set(strings)) == len(strings):
            return arguments


def _others(rng: Random, split: str, level: Level, kind: str, wishes: Sequence[Wish]) -> list[Spec]:
    """Tools that nobody asks for, in the order in which to offer them.

    Where no tool may fit, the whole domain of the wish stays out.
    """
    specs = [spec for spec in SPECS if split == "test_hard" or not spec.held_out]
    rng.shuffle(specs)
    needed = {wish.spec.name for wish in wishes}
    domain = DOMAIN_OF[wishes[0].spec.name]
    siblings = {spec.name for spec in DOMAINS[domain]}
    if _unfit(kind, wishes):
        return [spec for spec in specs if spec.name not in siblings]
    rest = [spec for spec in specs if spec.name not in needed]
    if level.siblings:
        rest.sort(key=lambda spec: spec.name not in siblings)
    return rest


def _unfit(kind: str, wishes: Sequence[Wish]) -> bool:
    return kind == "no_call" and wishes[0].missing is None


def _distinct(specs: Iterable[Spec]) -> list[Spec]:
    return list({spec.name: spec for spec in specs}.values())


def _question(rng: Random, wishes: Sequence[Wish]) -> str:
    opener = rng.choice(OPENERS)
    link = rng.choice(LINKS)
    words = opener + link.join(wish.words for wish in wishes)
    return words[0].upper() + words[1:] + ("?" if opener in ("Could you ", "Can you ") else ".")
