"""What a check finds, and how checks are run so that none of them can end the doctor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum


class State(str, Enum):
    """How it stands; the values are what people read."""

    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Attributes:
        state: FAIL where a run would not start, or would learn nothing.
        check: what was looked at, in a word or two.
        said: what was seen, in one line.
        cure: what to do about it; empty where all is well, or where `said` tells it already.
    """

    state: State
    check: str
    said: str
    cure: str = ""


def ok(check: str, said: str) -> Finding:
    return Finding(State.OK, check, one_line(said))


def warn(check: str, said: str, cure: str) -> Finding:
    return Finding(State.WARN, check, one_line(said), one_line(cure))


def fail(check: str, said: str, cure: str = "") -> Finding:
    return Finding(State.FAIL, check, one_line(said), one_line(cure))


def guarded(check: str, findings: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings; an exception in a check, whatever it is, becomes the last of them."""
    try:
        yield from findings()
    except Exception as error:
        cure = "mend what stands above; if all of that is ok, report this as a bug"
        yield fail(check, f"could not be checked: {described(error)}", cure)


def described(error: BaseException) -> str:
    """An error with what caused it, outermost first: `ImportError: a (from OSError: b)`."""
    said = f"{type(error).__name__}: {error}"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{said} (from {described(cause)})" if cause else said


def one_line(text: str, longest: int = 400) -> str:
    """Text of any kind on one line, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= longest else f"{flat[: longest - 3]}..."
