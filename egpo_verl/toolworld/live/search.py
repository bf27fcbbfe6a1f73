"""Is a task sound? What can be reached by calls, against what was meant.

Three things are shown of each task, by a search over calls whose values are all that the user says
and all that the state holds, which is more than any result shows:

- After every turn the reference leaves the world as the user meant it. What was meant is computed
  from the declared effects and the stated values (`Service.meant`), without the service's class,
  and leaves no field open: there is one right end state.
- No shorter sequence of calls reaches that state, so the reference changes nothing in vain.
- Where a tool is missing, no sequence of the other tools reaches it, even with `MORE` calls more
  than the reference needs. The search is bounded, but the argument is not: each change is made by
  one method alone (`World`), so what a missing method changes stays as it was.

A missing value needs no search: no tool lists records, each lookup takes a stated value, and new
values stand nowhere in the world.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from egpo_verl.envs.protocol import state_of, state_text
from egpo_verl.toolworld.live.spec import Adds, Service, State
from egpo_verl.toolworld.live.task import Task, UserTurn, world_of

MORE = 2
TYPES = {"string": str, "integer": int}


def problems(task: Task) -> Iterator[str]:
    """Why a task is not sound, a sentence each; none where it is."""
    values = _values(task)
    state, record = task.states[0], ""
    for number, turn in enumerate(task.turns):
        end, last = _meant(task.service, turn, state, record)
        if state_text(end) != task.replay.states[number]:
            yield f"turn {number}: the reference does not do what was meant."
        changes = sum(wish.step.effect is not None for wish in turn.wishes)
        tools = [step.tool for step in task.service.steps if step.effect is not None]
        if changes and _reached(task.service, state, end, tools, values, changes - 1):
            yield f"turn {number}: fewer calls do it."
        if turn.missing_tool:
            goal, _ = _meant(task.service, task.turns[number + 1], state, record)
            rest = [tool for tool in tools if tool != turn.missing_tool]
            if _reached(task.service, state, goal, rest, values, 1 + MORE):
                yield f"turn {number}: there is a way around {turn.missing_tool}."
        state, record = end, last


def _meant(service: Service, turn: UserTurn, state: State, record: str) -> tuple[State, str]:
    """The state that a turn leaves, and the record that the dialogue is about then."""
    for wish in turn.wishes:
        step, about = wish.step, record if wish.record else ""
        arguments = service.arguments(step, wish.values, state, about)
        if isinstance(step.effect, Adds):
            record = f"{step.effect.prefix}{state['number']}"
        elif step.key:
            record = str(arguments[step.key])
        state = service.meant(step, wish.values, state, about)
    return state, record


def _reached(
    service: Service,
    start: State,
    end: State,
    tools: Sequence[str],
    values: Sequence[Any],
    depth: int,
) -> bool:
    """Whether at most `depth` calls lead from one state to the other."""
    level, seen, goal = [start], {state_text(start)}, state_text(end)
    for _ in range(depth):
        after: list[State] = []
        for state in level:
            # The number of the next record never falls, so no more may be opened than in the end.
            full = state["number"] == end["number"]
            useful = [tool for tool in tools if not (full and service.step(tool).opens)]
            for one in _successors(service, state, useful, [*values, *_leaves(state)]):
                text = state_text(one)
                if text not in seen:
                    seen.add(text)
                    after.append(one)
        level = after
    return goal in seen


def _successors(
    service: Service, state: State, tools: Sequence[str], pool: Sequence[Any]
) -> Iterator[State]:
    """The states that one call makes."""
    before = state_text(state)
    world = world_of(service, state)
    for schema in service.tools:
        if schema["name"] not in tools:
            continue
        properties = schema["parameters"]["properties"]
        for values in product(*(_choices(one, pool) for one in properties.values())):
            try:
                getattr(world, schema["name"])(**dict(zip(properties, values, strict=True)))
            except ValueError:
                continue
            after = state_of(world)
            if state_text(after) != before:
                yield after
                world = world_of(service, state)


def _choices(schema: Mapping[str, Any], pool: Sequence[Any]) -> Sequence[Any]:
    """The values that a parameter takes."""
    fitting = dict.fromkeys(value for value in pool if type(value) is TYPES[schema["type"]])
    return schema.get("enum") or list(fitting)


def _values(task: Task) -> list[Any]:
    """All that the user states, in any turn."""
    return [value for turn in task.turns for wish in turn.wishes for value in wish.values.values()]


def _leaves(value: Any) -> Iterator[Any]:
    """The texts and numbers of a JSON value, keys of objects included."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _leaves(inner)
    else:
        yield value
