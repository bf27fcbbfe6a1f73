"""A dialogue as it is made up: wishes in words, and the calls that a world answers on the way."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from egpo_verl.calls import Call
from egpo_verl.envs.check import Replay
from egpo_verl.envs.protocol import result_text, state_of, state_text
from egpo_verl.toolworld.live.spec import Asks, Changes, Removes, Service, Slot, State, Step
from egpo_verl.toolworld.live.task import Task, UserTurn, Wish, world_of
from egpo_verl.toolworld.task import LINKS, OPENERS

ANSWERS = (
    "It is {value}.",
    "{value}.",
    "I mean {value}.",
    "The {word} is {value}.",
    "Sorry, {value}.",
    "{value}, please.",
)
NEWS = (
    "You can use {tool} now.",
    "I have added {tool}, go on.",
    "{tool} is there now.",
    "Now there is {tool}, please try again.",
)
WEIGHTS = {"opens": 5.0, "looks": 1.0, "other": 2.0}


class Dead(Exception):
    """The dialogue cannot go on: nothing is left to ask for, or a value to ask with."""


class Story:
    """What has been said and done so far; the world is one that its calls were really made in."""

    def __init__(self, rng: Random, split: str, service: Service, row: dict[str, Any]) -> None:
        self.rng, self.split, self.service, self.row = rng, split, service, row
        self._world = world_of(service, row)
        self._record = ""
        self._read: dict[str, dict[str, Any]] = {}
        self._turns: list[UserTurn] = []
        self._states = [self.state]
        self._results: list[frozenset[str]] = []
        self._shown = set[str]()

    @property
    def state(self) -> State:
        """The world's state."""
        state: State = state_of(self._world)
        return state

    @property
    def calls(self) -> int:
        """How many calls the references have so far."""
        return sum(len(turn.calls) for turn in self._turns)

    def task(self, kind: str) -> Task:
        """What has come of it."""
        replay = Replay([state_text(state) for state in self._states[1:]], self._results)
        return Task(self.service, kind, self.row, tuple(self._turns), self._states, replay)

    def turn(self, pair: float) -> None:
        """A turn with one wish, or with the probability `pair` with a second one about it."""
        step = self._step(self._askable())
        wish, words = self._wish(step)
        wishes, clauses = [wish], [words]
        if step.opens and self.rng.random() < pair:
            more = [one for one in self._askable() if isinstance(one.effect, Changes)]
            wish, words = self._wish(self._step(more))
            wishes, clauses = [*wishes, wish], [*clauses, words]
        self._say(UserTurn(self._sentence(clauses), tuple(wishes)))

    def turns_with_missing_value(self) -> None:
        """A wish without one of its values, and the value."""
        step = self._step([one for one in self._askable() if self._optional_values(one)])
        omitted = self.rng.choice(self._optional_values(step))
        record, values = self._values(step)
        slot = next(one for one in self._slots(step, record) if one.name == omitted)
        words = self._clause(self._asks(step, record)[omitted], values)
        self._say(UserTurn(self._sentence([words]), missing_slot=slot))
        answer = self.rng.choice(ANSWERS).format(value=values[omitted], word=slot.word)
        self._say(UserTurn(answer, (self._done(step, values, record),)))

    def turns_with_missing_tool(self) -> None:
        """A wish whose tool is not offered, and the news that it is; no turn has called it."""
        called = {call.name for turn in self._turns for call in turn.calls}
        step = self._step([one for one in self._askable() if one.effect and one.tool not in called])
        record, values = self._values(step)
        words = self._clause(self._asks(step, record)[""], values)
        self._say(UserTurn(self._sentence([words]), missing_tool=step.tool))
        news = self.rng.choice(NEWS).format(tool=step.tool)
        wish = self._done(step, values, record)
        self._say(UserTurn(news, (wish,), new_tool=step.tool))

    def _askable(self) -> list[Step]:
        """What can be asked for now: about the record in focus, if there is one, or a lookup."""
        steps = self.service.steps
        if self._record:
            return [one for one in steps if one.key or (not one.effect and one.asks)]
        return [one for one in steps if one.asks]

    def _step(self, steps: Sequence[Step]) -> Step:
        if not steps:
            raise Dead
        kinds = ["opens" if one.opens else "other" if one.effect else "looks" for one in steps]
        return self.rng.choices(steps, [WEIGHTS[kind] for kind in kinds])[0]

    def _asks(self, step: Step, record: str) -> Asks:
        return step.again if record else step.asks

    def _slots(self, step: Step, record: str) -> tuple[Slot, ...]:
        return self.service.slots(step, bool(record))

    def _optional_values(self, step: Step) -> list[str]:
        if step.effect is None:
            return []
        return [name for name in self._asks(step, self._focus(step)) if name]

    def _focus(self, step: Step) -> str:
        return self._record if step.key else ""

    def _values(self, step: Step) -> tuple[str, dict[str, Any]]:
        """The id that a wish is about, and what the user states for it."""
        record, state = self._focus(step), self.state
        try:
            slots = self._slots(step, record)
            return record, {slot.name: slot.draw(self.rng, self.split, state) for slot in slots}
        except IndexError as error:
            raise Dead from error

    def _wish(self, step: Step) -> tuple[Wish, str]:
        record, values = self._values(step)
        words = self._clause(self._asks(step, record)[""], values)
        return self._done(step, values, record), words

    def _done(self, step: Step, values: dict[str, Any], record: str) -> Wish:
        """The wish, whose calls are made: what a result shows is the next call's argument."""
        arguments = {slot.name: values[slot.name] for slot in step.slots}
        arguments |= {step.key: record} if record else {}
        calls: list[Call] = []
        for name, tool in step.reads.items():
            if name not in arguments:
                slots = self.service.step(tool).slots
                lookup = Call(tool, {slot.name: values[slot.name] for slot in slots})
                if repr(lookup) not in self._read:
                    calls.append(lookup)
                    self._call(lookup)
                arguments[name] = self._read[repr(lookup)][name]
        calls.append(Call(step.tool, {name: arguments[name] for name in self._names(step)}))
        result = self._call(calls[-1])
        if step.effect is not None:
            self._record = result[step.gives] if step.opens else arguments[step.key]
            self._read = {}  # what a lookup shows may have changed
        if isinstance(step.effect, Removes):
            self._record = ""
        return Wish(step, values, record, tuple(calls))

    def _call(self, call: Call) -> dict[str, Any]:
        try:
            result: dict[str, Any] = getattr(self._world, call.name)(**call.arguments)
        except ValueError as error:
            raise Dead from error
        if self.service.step(call.name).effect is None:
            self._shown.add(result_text(result))
            self._read[repr(call)] = result
        return result

    def _names(self, step: Step) -> list[str]:
        tool = next(one for one in self.service.tools if one["name"] == step.tool)
        return list(tool["parameters"]["properties"])

    def _say(self, turn: UserTurn) -> None:
        self._turns.append(turn)
        self._states.append(self.state)
        self._results.append(frozenset(self._shown))
        self._shown.clear()

    def _clause(self, clauses: Sequence[str], values: dict[str, Any]) -> str:
        return self.rng.choice(clauses).format(**values)

    def _sentence(self, clauses: Sequence[str]) -> str:
        opener = self.rng.choice(OPENERS)
        words = opener + self.rng.choice(LINKS).join(clauses)
        end = "?" if opener in ("Could you ", "Can you ") else "."
        return words[0].upper() + words[1:] + end
