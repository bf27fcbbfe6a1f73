"""What an answer is worth: read, checked against the functions offered, compared."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from egpo_verl.calls.bfcl_reading import read_as_bfcl
from egpo_verl.calls.bfcl_rules import ListedCall, listed_calls, match_as_bfcl
from egpo_verl.calls.call import Call
from egpo_verl.calls.forms import parse
from egpo_verl.calls.matching import match
from egpo_verl.calls.reasons import Reason
from egpo_verl.calls.reference import Reference
from egpo_verl.calls.tools import ToolSet
from egpo_verl.calls.traces import contains_call
from egpo_verl.calls.values import nfc


@dataclass(frozen=True, eq=False)
class Row:
    """What the responses to one prompt are judged by; `tools` is None where signatures are free."""

    reference: Reference
    tools: ToolSet | None

    @cached_property
    def listed(self) -> tuple[ListedCall, ...]:
        """The reference by BFCL's rules."""
        return listed_calls(self.reference, self.tools)


class Verdict(NamedTuple):
    """The first reason of failure, calls read, and the share of function names that are right."""

    reason: Reason
    num_calls: int = 0
    names: float = 0.0


def judge(answer: str, form: str, row: Row, strings: str = "exact") -> Verdict:
    """The verdict on what follows a thought that keeps the template.

    Args:
        form: a name of `FORMS`.
        strings: a name of `TEXT_FORMS`.

    Raises:
        ValueError: there is no such form or comparison.
    """
    parsed = parse(answer, form)
    if not row.reference.calls:
        if parsed.reason is Reason.TOO_LONG:
            return Verdict(Reason.TOO_LONG)
        if parsed.calls or contains_call(answer, row.tools):
            return Verdict(Reason.CALL_NOT_WANTED, len(parsed.calls or ()))
        return Verdict(Reason.OK)
    if parsed.calls is None:
        # The calls of another form, or behind some prose, are no answer in this one's template.
        beside = parsed.reason is Reason.NO_CALL_LIST and contains_call(answer, row.tools)
        return Verdict(Reason.TEXT_BESIDE_CALLS if beside else parsed.reason or Reason.SYNTAX)
    return _compare(parsed.calls, row, strings)


def judge_as_bfcl(response: str, form: str, row: Row) -> Verdict:
    """What BFCL's scorer says of a whole response, with our reasons."""
    parsed = read_as_bfcl(response, form)
    calls, reference = parsed.calls or (), row.reference
    if not reference.calls:
        if bool(calls) == reference.any_call:
            return Verdict(Reason.OK, len(calls))
        reason = Reason.NO_CALL_MADE if reference.any_call else Reason.CALL_NOT_WANTED
        return Verdict(reason, len(calls))
    if parsed.calls is None:
        return Verdict(parsed.reason or Reason.SYNTAX)
    if match_as_bfcl(parsed.calls, row.listed):
        return Verdict(Reason.OK, len(calls))
    return _failure(parsed.calls, _misfit(parsed.calls, row, "bfcl"), reference)


def _compare(calls: tuple[Call, ...], row: Row, strings: str) -> Verdict:
    """The verdict on calls that could be read, where some are expected."""
    misfit = _misfit(calls, row, strings)
    if misfit is None and match(calls, row.reference, strings):
        return Verdict(Reason.OK, len(calls))
    return _failure(calls, misfit, row.reference)


def _misfit(calls: tuple[Call, ...], row: Row, strings: str) -> Reason | None:
    """Why the calls do not fit the functions offered."""
    misfit = row.tools.check(calls) if row.tools else None
    # BFCL lists answers that its types refuse, and takes them.
    return None if misfit is Reason.WRONG_VALUE and strings == "bfcl" else misfit


def _failure(calls: tuple[Call, ...], misfit: Reason | None, reference: Reference) -> Verdict:
    """Calls that do not fit, or are not those expected, with their share of right names."""
    missing = [call.name for call in reference.calls]
    expected = len(missing)
    for call in calls:
        name = call.name if call.name.isascii() else nfc(call.name)
        if name in missing:
            missing.remove(name)
    names = (expected - len(missing)) / max(len(calls), expected)
    return Verdict(misfit or _difference(len(calls), expected, missing), len(calls), names)


def _difference(calls: int, expected: int, missing: list[str]) -> Reason:
    """How calls that fit their signatures differ from those expected."""
    if not calls:
        return Reason.NO_CALL_MADE
    if calls != expected:
        return Reason.WRONG_COUNT
    return Reason.WRONG_FUNCTION if missing else Reason.WRONG_ARGUMENT
