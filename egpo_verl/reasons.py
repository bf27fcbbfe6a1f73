"""The reasons why a response earns nothing, in words for people."""

from __future__ import annotations

from collections.abc import Mapping

from egpo_verl.calls import Problem
from egpo_verl.reward import Reason

_OWN: Mapping[Reason, str] = {
    Reason.OK: "right",
    Reason.OPEN_THOUGHT: "the thought is never closed, perhaps cut off at the length limit",
    Reason.TEXT_BESIDE_CALLS: "text beside the calls, or calls in another form",
    Reason.NO_CALL_LIST: "no calls where some are wanted",
    Reason.CALL_NOT_WANTED: "a call, or an attempt at one, where none is wanted",
    Reason.NO_CALL_MADE: "an empty list where calls are wanted",
    Reason.WRONG_COUNT: "more or fewer calls than wanted",
    Reason.WRONG_FUNCTION: "other functions than those wanted",
    Reason.WRONG_ARGUMENT: "the functions wanted, with other arguments",
}
WORDS: Mapping[Reason, str] = {
    reason: _OWN[reason] if reason in _OWN else Problem[reason.name].value for reason in Reason
}


def words(code: int) -> str:
    """What a logged `reason` means; a code of another version is named by its number."""
    return WORDS[Reason(code)] if code in WORDS else f"reason {code}"


def short(code: int) -> str:
    """Its name in small letters, for legends: `wrong argument`."""
    return Reason(code).name.lower().replace("_", " ") if code in WORDS else f"reason {code}"
