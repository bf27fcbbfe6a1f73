"""The checks that every sample passes: it is sound, it is repaired, or it is unusable."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from egpo_verl.calls import Reason
from egpo_verl.calls.call import Call
from egpo_verl.calls.shapes import Shapes
from egpo_verl.calls.tools import Signature
from egpo_verl.datasets.alternatives import first_answer, fitting
from egpo_verl.datasets.checks.misfit import misfit
from egpo_verl.datasets.checks.repair import admits_null, repaired
from egpo_verl.datasets.sample import Message, Sample, Tool
from egpo_verl.datasets.tools.features import Features, features_by_name, features_of_all
from egpo_verl.datasets.unusable import Unusable

ASKING = ("user", "tool")
"""Roles of messages that the assistant answers."""

REASON = {
    Reason.UNKNOWN_FUNCTION: "unknown_tool",
    Reason.MISSING_ARGUMENT: "missing_argument",
    Reason.UNKNOWN_ARGUMENT: "unknown_argument",
    Reason.WRONG_VALUE: "wrong_value",
}


class Repair(NamedTuple):
    """An argument before and after its repair.

    Attributes:
        kinds: kind of repair -> values, more than one where it is a list or an object.
        left_out: there is no `after`.
    """

    call: str
    argument: str
    before: Any
    after: Any
    kinds: Mapping[str, int]
    left_out: bool = False


@dataclass(frozen=True)
class Checked:
    """A sound sample, and the repairs that made it so."""

    sample: Sample
    repairs: tuple[Repair, ...] = ()


def check(sample: Sample) -> Checked:
    """Check the dialogue, the functions, and the reference against them; raises `Unusable`."""
    _check_dialogue(sample.messages)
    if sample.reference is not None and "rules" in sample.reference:
        # Judged by a benchmark's rules: contradictions in the row are part of its score.
        return Checked(sample)
    offered = _offered(sample.tools)
    signatures = _called(sample.calls, offered)
    if sample.reference is not None:
        reference = fitting(sample.reference, signatures)
        sample = replace(sample, reference=reference, calls=first_answer(reference))
    repairs: tuple[Repair, ...] = ()
    if any(_problem(call, signatures) for call in sample.calls):
        if sample.reference is None:
            sample, repairs = _repaired_sample(sample, signatures)
        for call in sample.calls:
            problem = _problem(call, signatures)
            if problem:
                where = misfit(call, signatures.get(call.name))
                raise Unusable(REASON[problem], f"{call.name} {dict(call.arguments)}", where)
    if len(offered) < len(sample.tools):
        sample = replace(sample, tools=tuple([features.tool for features in offered.values()]))
    return Checked(sample, repairs)


def _called(calls: Sequence[Call], offered: Mapping[str, Features]) -> dict[str, Signature]:
    """The signatures of the functions called, as far as they are offered."""
    return {call.name: offered[call.name].signature for call in calls if call.name in offered}


def _problem(call: Call, signatures: Mapping[str, Signature]) -> Reason | None:
    signature = signatures.get(call.name)
    return signature.check(call.arguments) if signature else Reason.UNKNOWN_FUNCTION


def _repaired_sample(
    sample: Sample, signatures: Mapping[str, Signature]
) -> tuple[Sample, tuple[Repair, ...]]:
    repairs: list[Repair] = []
    calls = tuple([_repaired(call, signatures, repairs) for call in sample.calls])
    return replace(sample, calls=calls), tuple(repairs)


def _repaired(call: Call, signatures: Mapping[str, Signature], repairs: list[Repair]) -> Call:
    """The call with its arguments in their declared types, as far as nothing is lost."""
    if call.name not in signatures:
        return call
    schema = signatures[call.name].schema
    declared, required = schema.get("properties", {}), schema.get("required", ())
    arguments, shapes = {}, Shapes(schema)
    for name, value in call.arguments.items():
        known = declared.get(name, {})
        may_be_left_out = name in declared and name not in required
        if value is None and may_be_left_out and not admits_null(known, shapes):
            left_out = Repair(call.name, name, None, None, {"None left out": 1}, left_out=True)
            repairs.append(left_out)
            continue
        kinds = Counter[str]()
        arguments[name] = repaired(value, known, kinds, shapes)
        if kinds:
            repairs.append(Repair(call.name, name, value, arguments[name], kinds))
    return Call(call.name, arguments)


def _check_dialogue(messages: Sequence[Message]) -> None:
    if not messages or messages[-1]["role"] not in ASKING:
        raise Unusable("no_question", "the dialogue does not end with the user or a tool")
    # A tool may answer nothing, as APIGen-MT's `think` does; a user may not.
    if messages[-1]["role"] == "user" and not str(messages[-1]["content"]).strip():
        raise Unusable("no_question", "the last message is empty")


def _offered(tools: tuple[Tool, ...]) -> Mapping[str, Features]:
    """The functions by name; raises `Unusable` where one name means two things."""
    if not tools:
        raise Unusable("no_tools")
    features, offered = features_of_all(tools), features_by_name(tools)
    by_composed_name = {one.composed_name: one for one in features}
    if len(by_composed_name) < len(features):
        for one in features:
            if one.tool != by_composed_name[one.composed_name].tool:
                raise Unusable("duplicate_tool", one.name)
    return offered
