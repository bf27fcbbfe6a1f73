"""One derived task: a question, today's date, the tools offered, and the call that answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.toolworld.derived.catalogue import FAMILIES, TOOLS, Tool, schema
from egpo_verl.toolworld.derived.conditions import Family, choice, descriptions, ranges
from egpo_verl.toolworld.derived.dates import any_day, told
from egpo_verl.toolworld.derived.derivation import TOOL, Clause, Derivation, Scene, Slot
from egpo_verl.toolworld.derived.levels import DERIVED_LEVELS, SKILLS, DerivedLevel
from egpo_verl.toolworld.derived.question import question_of
from egpo_verl.toolworld.values import home, side


@dataclass(frozen=True)
class DerivedTask:
    """A question and its reference."""

    messages: tuple[dict[str, str], ...]
    tools: tuple[dict[str, Any], ...]
    call: Call
    derivations: tuple[Derivation, ...]
    level: int
    skill: str

    @property
    def calls(self) -> tuple[Call, ...]:
        """The reference."""
        return (self.call,)

    @property
    def extra(self) -> dict[str, Any]:
        """What a row tells about itself."""
        return {"kind": "multiple", "difficulty": self.level, "skill": self.skill}


@dataclass(frozen=True)
class Request:
    """What is asked, before it is put into words."""

    asks: tuple[str, ...]
    slots: tuple[Slot, ...]
    clauses: tuple[Clause, ...]
    name: str
    tools: tuple[dict[str, Any], ...]
    choice: Derivation | None = None  # of the tool

    @property
    def derivations(self) -> tuple[Derivation, ...]:
        """In the order in which they are made: the tool depends on a number."""
        parts = [clause.derivation for clause in self.clauses]
        return tuple(part for part in (*parts, self.choice) if part is not None)


def draw_derived(rng: Random, split: str, number: int) -> DerivedTask:
    """A task of level `number` whose derived values, and whose question, belong to `split`."""
    level = DERIVED_LEVELS[number]
    skill = rng.choice([skill for skill in SKILLS if _poses(skill, split, level)])
    while True:
        task = _draw(rng, split, number, skill)
        if task is not None and _belongs(task, split):
            return task


def _belongs(task: DerivedTask, split: str) -> bool:
    derived = [part.value for part in task.derivations if part.param != TOOL]
    texts = [message["content"] for message in task.messages]
    return all(home(value) == side(split) for value in (*derived, texts))


def _poses(skill: str, split: str, level: DerivedLevel) -> bool:
    """Whether some tool asks for the skill at that level."""
    return skill == "condition" or bool(_able(skill, split, level))


def _able(skill: str, split: str, level: DerivedLevel) -> list[Tool]:
    """The tools that ask for the skill, with as many values to derive as the level has."""
    askable = [tool for tool in TOOLS if tool.held_out == (split == "test_hard")]
    return [tool for tool in askable if _can(tool, skill, level.values)]


def _draw(rng: Random, split: str, number: int, skill: str) -> DerivedTask | None:
    level = DERIVED_LEVELS[number]
    scene = Scene(split, any_day(rng), level.larger)
    request = _choose(rng, scene, level) if skill == "condition" else _use(rng, scene, level, skill)
    if request is None:
        return None
    names = (slot.name for slot in request.slots)
    values = (clause.value for clause in request.clauses)
    dated = any(slot.skill == "date" for slot in request.slots)
    return DerivedTask(
        _messages(rng, request, scene.today if dated else None),
        request.tools,
        Call(request.name, dict(zip(names, values, strict=True))),
        request.derivations,
        number,
        skill if level.values == 1 else _skills(request),
    )


def _skills(request: Request) -> str:
    """`date+sum`, in the order of the derivations."""
    skills = {slot.name: slot.skill for slot in request.slots}
    return "+".join(skills.get(part.param, "condition") for part in request.derivations)


def _use(rng: Random, scene: Scene, level: DerivedLevel, skill: str) -> Request | None:
    """A tool with a slot of `skill` to derive, beside others."""
    hard = scene.split == "test_hard"
    tool = rng.choice(_able(skill, scene.split, level))
    clauses = _clauses(rng, scene, tool.slots, _derived(tool.slots, skill, level.values))
    others = [other for other in TOOLS if other is not tool and (hard or not other.held_out)]
    offered = [tool, *rng.sample(others, level.offered - 1)]
    rng.shuffle(offered)
    if clauses is None:
        return None
    tools = tuple(other.schema() for other in offered)
    return Request(tool.asks, tool.slots, clauses, tool.name, tools)


def _choose(rng: Random, scene: Scene, level: DerivedLevel) -> Request | None:
    """Near-identical tools, one of which takes the number."""
    hard = scene.split == "test_hard"
    family = rng.choice([family for family in FAMILIES if family.held_out == hard])
    number = family.slots[:1] if level.values > 1 else ()
    clauses = _clauses(rng, scene, family.slots, number)
    if clauses is None:
        return None
    names, limits = ranges(rng, family, level.larger)
    part = choice(clauses[0].value, names, limits)
    tools = _near(rng, family, names, limits)
    return Request(family.asks, family.slots, clauses, part.value, tools, part)


def _near(
    rng: Random, family: Family, names: Sequence[str], limits: Sequence[int]
) -> tuple[dict[str, Any], ...]:
    texts = descriptions(family, limits)
    tools = [schema(*pair, family.slots) for pair in zip(names, texts, strict=True)]
    rng.shuffle(tools)
    return tuple(tools)


def _can(tool: Tool, skill: str, values: int) -> bool:
    skills = [slot.skill for slot in tool.slots if slot.derived]
    return skill in skills and len(skills) >= values


def _derived(slots: Sequence[Slot], skill: str, values: int) -> Sequence[Slot]:
    """The slots whose values must be derived, that of `skill` among them."""
    first = [slot for slot in slots if slot.skill == skill]
    rest = [slot for slot in slots if slot.skill != skill and slot.derived]
    return [*first, *rest][:values]


def _clauses(
    rng: Random, scene: Scene, slots: Sequence[Slot], derived: Sequence[Slot]
) -> tuple[Clause, ...] | None:
    clauses: list[Clause] = []
    for slot in slots:
        draw = slot.derived if slot in derived and slot.derived else slot.plain
        clause = draw(rng, scene)
        if clause is None:
            return None
        clauses.append(clause)
    return tuple(clauses)


def _messages(rng: Random, request: Request, today: date | None) -> tuple[dict[str, str], ...]:
    """Today's date where there is one, what was said before, and the question."""
    turns = [turn for clause in request.clauses for turn in clause.history]
    roles = ("user", "assistant")
    pairs = [pair for turn in turns for pair in zip(roles, turn, strict=True)]
    system = [("system", told(today))] if today else []
    question = question_of(rng, request.asks, request.slots, request.clauses)
    lines = [*system, *pairs, ("user", question)]
    return tuple({"role": role, "content": content} for role, content in lines)
