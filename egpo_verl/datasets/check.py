"""The checks that every sample passes: it is sound, it is repaired, or it is unusable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from egpo_verl.calls import Problem, ToolSet
from egpo_verl.calls.call import Call
from egpo_verl.datasets.alternatives import first_answer, fitting
from egpo_verl.datasets.errors import Unusable
from egpo_verl.datasets.repair import admits_null, repaired
from egpo_verl.datasets.sample import Message, Sample, Tool
from egpo_verl.datasets.tools import inner, name_of

ASKING = ("user", "tool")
"""Roles that leave the next word to the assistant."""

REASON = {
    Problem.UNKNOWN_FUNCTION: "unknown_tool",
    Problem.MISSING_ARGUMENT: "missing_argument",
    Problem.UNKNOWN_ARGUMENT: "unknown_argument",
    Problem.WRONG_VALUE: "wrong_value",
}


@dataclass(frozen=True)
class Checked:
    """A sound sample, and how often each kind of repair made it so."""

    sample: Sample
    repairs: Mapping[str, int]


def check(sample: Sample) -> Checked:
    """Check the dialogue, the functions, and the reference against them; raises `Unusable`."""
    _check_dialogue(sample.messages)
    tools = _distinct(sample.tools)
    toolset = ToolSet({name_of(tool): inner(tool) for tool in tools})
    if sample.reference is not None:
        reference = fitting(sample.reference, toolset)
        sample = replace(sample, reference=reference, calls=first_answer(reference))
    calls, repairs = sample.calls, Counter[str]()
    if sample.reference is None and toolset.check(calls):
        calls = tuple(_repaired(call, toolset, repairs) for call in calls)
    problem = toolset.check(calls)
    if problem:
        raise Unusable(REASON[problem], _first_wrong(calls, toolset))
    return Checked(replace(sample, tools=tools, calls=calls), repairs)


def _repaired(call: Call, toolset: ToolSet, repairs: Counter[str]) -> Call:
    """The call with its arguments in their declared types, as far as nothing is lost."""
    signature = toolset.signature(call.name)
    if signature is None:
        return call
    declared = signature.schema.get("properties", {})
    required = signature.schema.get("required", ())
    arguments = {}
    for name, value in call.arguments.items():
        schema = declared.get(name, {})
        if value is None and name in declared and name not in required and not admits_null(schema):
            repairs["None left out"] += 1
            continue
        arguments[name] = repaired(value, schema, repairs)
    return Call(call.name, arguments)


def _first_wrong(calls: Sequence[Call], toolset: ToolSet) -> str:
    """The first call that does not fit, for the report."""
    wrong = next(call for call in calls if toolset.check((call,)))
    return f"{wrong.name} {dict(wrong.arguments)}"


def _check_dialogue(messages: Sequence[Message]) -> None:
    if not messages or messages[-1]["role"] not in ASKING:
        raise Unusable("no_question", "the dialogue does not end with the user or a tool")
    if not str(messages[-1]["content"]).strip():
        raise Unusable("no_question", "the last message is empty")


def _distinct(tools: Sequence[Tool]) -> tuple[Tool, ...]:
    """The functions without repetitions; raises `Unusable` where one name means two things."""
    if not tools:
        raise Unusable("no_tools")
    distinct: dict[str, Tool] = {}
    for tool in tools:
        if distinct.setdefault(name_of(tool), tool) != tool:
            raise Unusable("duplicate_tool", name_of(tool))
    return tuple(distinct.values())
