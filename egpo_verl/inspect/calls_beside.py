"""An answer's calls beside those wanted, argument by argument, with the differences named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from egpo_verl.calls import Call, Reason, Reference, ToolSet, answer_of, parse
from egpo_verl.calls.matching import serves
from egpo_verl.calls.reference import ExpectedCall
from egpo_verl.calls.thought import after_thought
from egpo_verl.calls.values import SameText, bfcl_text, exact_text
from egpo_verl.inspect.answer import Answer

SAME, DIFFERENT, MISSING, EXTRA, LEFT_OUT = "same", "different", "missing", "extra", "left out"
PIECE = re.compile(r"\w+|\s+|[^\w\s]")
MOST_PIECES = 1_000
"""Of a text: longer ones are marked whole, because finding differences takes quadratic time."""
ALIKE = 0.4
"""Texts less alike than this share of their pieces are marked whole: what they share is chance."""


@dataclass(frozen=True)
class Beside:
    """What to show of the calls.

    Attributes:
        answer: the response without its thought.
        wanted: the reference in words of its form; None where there is none that can be read.
        pairs: each call given beside one wanted; None where the answer could not be read as calls,
            or no calls are wanted.
        pieces: otherwise, where calls are wanted: `(text, whether it is the same in both)` of the
            answer and of the reference.
    """

    answer: str
    wanted: str | None
    pairs: list[Pair] | None = None
    pieces: tuple[list[tuple[str, bool]], list[tuple[str, bool]]] | None = None


@dataclass(frozen=True)
class Pair:
    """A call given, a call wanted (either may be lacking), and their arguments."""

    given: str | None
    wanted: str | None
    arguments: list[Argument]


@dataclass(frozen=True)
class Argument:
    """One argument: as given, as wanted (the alternatives), and how they compare."""

    name: str
    given: str | None
    wanted: list[str]
    state: str


def beside(answer: Answer) -> Beside:
    """Total: whatever the model said and whatever the row holds."""
    text = _answer_text(answer)
    reference = _reference(answer)
    if reference is None:
        return Beside(text, None)
    wanted = _written(reference)
    if not reference.calls:
        return Beside(text, wanted)
    form = answer.info.get("call_form") or "python"
    try:
        calls = parse(text, form).calls
    except ValueError:
        calls = None
    if calls is None:
        return Beside(text, wanted, pieces=_pieces(text, wanted))
    same_text = bfcl_text if answer.reason == Reason.OK else exact_text
    return Beside(text, wanted, pairs=_pairs(calls, reference.calls, same_text))


def _answer_text(answer: Answer) -> str:
    """What follows the thought; of a response that breaks the template, what may be its answer."""
    text = answer_of(answer.response, bool(answer.info.get("think_in_prompt", False)))
    if not isinstance(text, str):
        return after_thought(answer.response)
    return text


def _reference(answer: Answer) -> Reference | None:
    if answer.truth is None:
        return None
    tools = answer.info.get("tools")
    try:
        offered = ToolSet.from_json(tools) if isinstance(tools, str) else None
        return Reference.from_json(answer.truth, offered)
    except ValueError:
        return None


def _written(reference: Reference) -> str:
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


def _pairs(
    given: Sequence[Call], wanted: Sequence[ExpectedCall], same_text: SameText
) -> list[Pair]:
    """Best pairs first, then shown in the order wanted, calls too many last."""
    compared = [[_arguments(call, want, same_text) for want in wanted] for call in given]
    ranked = sorted(
        (
            (-_likeness(call, want, compared[row][column]), row, column)
            for row, call in enumerate(given)
            for column, want in enumerate(wanted)
        )
    )
    partner: dict[int, int] = {}
    for _, row, column in ranked:
        if row not in partner.values() and column not in partner:
            partner[column] = row
    pairs = []
    for column, want in enumerate(wanted):
        if column in partner:
            row = partner[column]
            pairs.append(Pair(given[row].name, want.name, compared[row][column]))
        else:
            nothing = Call(want.name)
            pairs.append(Pair(None, want.name, _arguments(nothing, want, same_text)))
    alone = [call for row, call in enumerate(given) if row not in partner.values()]
    return pairs + [
        Pair(call.name, None, [Argument(n, repr(v), [], EXTRA) for n, v in call.arguments.items()])
        for call in alone
    ]


def _likeness(call: Call, want: ExpectedCall, arguments: Sequence[Argument]) -> float:
    """The name first, then the share of arguments that agree."""
    agreeing = sum(argument.state in (SAME, LEFT_OUT) for argument in arguments)
    return 2 * (call.name == want.name) + agreeing / max(1, len(arguments))


def _arguments(call: Call, want: ExpectedCall, same_text: SameText) -> list[Argument]:
    found = []
    for name, values in want.arguments.items():
        shown = [repr(value) for value in values]
        if name in call.arguments:
            value = call.arguments[name]
            state = SAME if _agrees(name, value, want, same_text) else DIFFERENT
            found.append(Argument(name, repr(value), shown, state))
        else:
            state = LEFT_OUT if name in want.optional else MISSING
            found.append(Argument(name, None, shown, state))
    extra = [name for name in call.arguments if name not in want.arguments]
    return found + [Argument(name, repr(call.arguments[name]), [], EXTRA) for name in extra]


def _agrees(name: str, value: Any, want: ExpectedCall, same_text: SameText) -> bool:
    alone = ExpectedCall(want.name, {name: want.arguments[name]}, frozenset(), want.schemas)
    return serves(Call(want.name, {name: value}), alone, same_text)


def _pieces(answer: str, wanted: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    left, right = PIECE.findall(answer), PIECE.findall(wanted)
    if max(len(left), len(right)) > MOST_PIECES:
        return [(answer, False)], [(wanted, False)]
    ours: list[tuple[str, bool]] = []
    theirs: list[tuple[str, bool]] = []
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    if matcher.ratio() < ALIKE:
        return [(answer, False)], [(wanted, False)]
    for kind, left_from, left_to, right_from, right_to in matcher.get_opcodes():
        ours.append(("".join(left[left_from:left_to]), kind == "equal"))
        theirs.append(("".join(right[right_from:right_to]), kind == "equal"))
    return [piece for piece in ours if piece[0]], [piece for piece in theirs if piece[0]]
