"""A response's calls beside those expected, argument by argument, with the differences named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from egpo_verl.calls import Call, Reason, Reference, ToolSet, answer_of, parse
from egpo_verl.calls.expected import ExpectedCall
from egpo_verl.calls.matching import serves
from egpo_verl.calls.thought import after_thought
from egpo_verl.inspect.response import Response

SAME, DIFFERENT, MISSING, EXTRA, LEFT_OUT = "same", "different", "missing", "extra", "left out"
PIECE = re.compile(r"\w+|\s+|[^\w\s]")
MOST_PIECES = 1_000
"""Of a text: longer ones are marked whole, because finding differences takes quadratic time."""
ALIKE = 0.4
"""Texts less alike than this share of their pieces are marked whole: what they share is chance."""

Pieces = list[tuple[str, bool]]
"""A text in pieces, each with whether it stands in the other text, too."""


@dataclass(frozen=True)
class CallDiff:
    """What to show of a response's calls."""

    answer: str  # the response without its thought
    expected: str | None  # the reference in the Python form; None without a readable one
    pairs: list[CallPair] | None = (
        None  # None where the answer holds no calls, or none are expected
    )
    pieces: tuple[Pieces, Pieces] | None = None  # otherwise, of the answer and of the reference


@dataclass(frozen=True)
class CallPair:
    """The names of a call made and of one expected, either of which may be lacking."""

    made: str | None
    expected: str | None
    arguments: list[Argument]


@dataclass(frozen=True)
class Argument:
    """One argument: its value, the values expected, and how they compare."""

    name: str
    value: str | None
    expected: list[str]
    state: str


def diff(response: Response) -> CallDiff:
    """Total: whatever the model wrote and whatever the row holds."""
    answer = _answer(response)
    reference = _reference(response)
    if reference is None:
        return CallDiff(answer, None)
    expected = _as_text(reference)
    if not reference.calls:
        return CallDiff(answer, expected)
    form = response.extra_info.get("call_form") or "python"
    try:
        calls = parse(answer, form).calls
    except ValueError:
        calls = None
    if calls is None:
        return CallDiff(answer, expected, pieces=_pieces(answer, expected))
    strings = "bfcl" if response.reason == Reason.OK else "exact"
    return CallDiff(answer, expected, pairs=_pairs(calls, reference.calls, strings))


def _answer(response: Response) -> str:
    """What follows the thought; of a response that breaks the template, what may be its answer."""
    answer = answer_of(response.text, bool(response.extra_info.get("think_in_prompt", False)))
    return answer if isinstance(answer, str) else after_thought(response.text)


def _reference(response: Response) -> Reference | None:
    if response.ground_truth is None:
        return None
    tools = response.extra_info.get("tools")
    try:
        offered = ToolSet.from_json(tools) if isinstance(tools, str) else None
        return Reference.from_json(response.ground_truth, offered)
    except ValueError:
        return None


def _as_text(reference: Reference) -> str:
    """In the Python form, each argument by its first alternative."""
    calls = []
    for call in reference.calls:
        arguments = [
            f"{name}={values[0]!r}"
            for name, values in call.arguments.items()
            if name not in call.optional and values
        ]
        calls.append(f"{call.name}({', '.join(arguments)})")
    return f"[{', '.join(calls)}]" if calls else ""


def _pairs(made: Sequence[Call], expected: Sequence[ExpectedCall], strings: str) -> list[CallPair]:
    """Best pairs first, then shown in the order expected, calls too many last."""
    arguments = [[_arguments(call, each, strings) for each in expected] for call in made]
    ranked = sorted(
        (-_likeness(call, each, arguments[row][column]), row, column)
        for row, call in enumerate(made)
        for column, each in enumerate(expected)
    )
    partner: dict[int, int] = {}
    for _, row, column in ranked:
        if row not in partner.values() and column not in partner:
            partner[column] = row
    pairs = []
    for column, each in enumerate(expected):
        if column in partner:
            row = partner[column]
            pairs.append(CallPair(made[row].name, each.name, arguments[row][column]))
        else:
            missing = _arguments(Call(each.name), each, strings)
            pairs.append(CallPair(None, each.name, missing))
    extra = [call for row, call in enumerate(made) if row not in partner.values()]
    return pairs + [CallPair(call.name, None, _extra(call, list(call.arguments))) for call in extra]


def _likeness(call: Call, expected: ExpectedCall, arguments: Sequence[Argument]) -> float:
    """The name first, then the share of arguments that agree."""
    agreeing = sum(argument.state in (SAME, LEFT_OUT) for argument in arguments)
    return 2 * (call.name == expected.name) + agreeing / max(1, len(arguments))


def _arguments(call: Call, expected: ExpectedCall, strings: str) -> list[Argument]:
    arguments = []
    for name, values in expected.arguments.items():
        shown = [repr(value) for value in values]
        if name in call.arguments:
            value = call.arguments[name]
            state = SAME if _agrees(name, value, expected, strings) else DIFFERENT
            arguments.append(Argument(name, repr(value), shown, state))
        else:
            state = LEFT_OUT if name in expected.optional else MISSING
            arguments.append(Argument(name, None, shown, state))
    return arguments + _extra(
        call, [name for name in call.arguments if name not in expected.arguments]
    )


def _extra(call: Call, names: Sequence[str]) -> list[Argument]:
    return [Argument(name, repr(call.arguments[name]), [], EXTRA) for name in names]


def _agrees(name: str, value: Any, expected: ExpectedCall, strings: str) -> bool:
    alone = ExpectedCall(
        expected.name, {name: expected.arguments[name]}, frozenset(), expected.signature
    )
    return serves(Call(expected.name, {name: value}), alone, strings)


def _pieces(answer: str, expected: str) -> tuple[Pieces, Pieces]:
    left, right = PIECE.findall(answer), PIECE.findall(expected)
    whole: tuple[Pieces, Pieces] = [(answer, False)], [(expected, False)]
    if max(len(left), len(right)) > MOST_PIECES:
        return whole
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    if matcher.ratio() < ALIKE:
        return whole
    of_answer: Pieces = []
    of_reference: Pieces = []
    for kind, left_from, left_to, right_from, right_to in matcher.get_opcodes():
        of_answer.append(("".join(left[left_from:left_to]), kind == "equal"))
        of_reference.append(("".join(right[right_from:right_to]), kind == "equal"))
    return [piece for piece in of_answer if piece[0]], [piece for piece in of_reference if piece[0]]
