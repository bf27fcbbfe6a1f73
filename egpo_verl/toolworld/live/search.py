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
from egpo_verl.toolworld.live.spec import Service, State
from egpo_verl.toolworld.live.task import Task, UserTurn, world_of

MORE = 2
TYPES = {"string": str, "integer": int}


def problems(task: Task) -> Iterator[str]:
    """Why a task is not sound, a sentence each; none where it is."""
    values = _values(task)
    state = task.states[0]
    for number, turn in enumerate(task.turns):
        end = _meant(task.service, turn, state)
        if state_text(end) != task.replay.states[number]:
            yield f"turn {number}: the reference does not do what was meant."
        changes = sum(wish.step.effect is not None for wish in turn.wishes)
        tools = [tool for tool in _changing(task.service) if tool != turn.new_tool]
        if changes and _reached(task.service, state, end, tools, values, changes - 1):
            yield f"turn {number}: fewer calls do it."
        if turn.missing_tool:
            asked = _meant(task.service, task.turns[number + 1], state)
            rest = [tool for tool in _changing(task.service) if tool != turn.missing_tool]
            if _reached(task.service, state, asked, rest, values, 1 + MORE):
                yield f"turn {number}: there is a way around {turn.missing_tool}."
        state = end


def _meant(service: Service, turn: UserTurn, state: State) -> State:
    for wish in turn.wishes:
        state = service.meant(wish.step, wish.values, state, wish.record)
    return state


def _reached(
    service: Service,
    start: State,
    end: State,
    tools: Sequence[str],
    said: Sequence[Any],
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
            for one in _successors(service, state, useful, [*said, *_leaves(state)]):
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


def _changing(service: Service) -> list[str]:
    return [step.tool for step in service.steps if step.effect is not None]


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
