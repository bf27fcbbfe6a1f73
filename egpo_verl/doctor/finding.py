"""What a check reports, and how checks are run so that none of them can end the doctor."""

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
    """One row of the report: what was checked, in a word or two, and what was seen.

    FAIL is kept for what stops a run, or has it learn nothing. `fix` is empty where all is well, or
    where `text` tells it already. `commands` are lines for a shell; the doctor runs none of them.
    """

    state: State
    check: str
    text: str
    fix: str = ""
    commands: tuple[str, ...] = ()


def ok(check: str, text: str) -> Finding:
    return Finding(State.OK, check, one_line(text))


def warn(check: str, text: str, fix: str, *commands: str) -> Finding:
    return Finding(State.WARN, check, one_line(text), one_line(fix), commands)


def fail(check: str, text: str, fix: str = "", *commands: str) -> Finding:
    return Finding(State.FAIL, check, one_line(text), one_line(fix), commands)


def guarded(check: str, findings: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings; an exception in a check, whatever it is, becomes the last of them."""
    try:
        yield from findings()
    except Exception as error:
        fix = "fix what stands above; if all of that is ok, report this as a bug"
        yield fail(check, f"could not be checked: {described(error)}", fix)


def described(error: BaseException) -> str:
    """An error with what caused it, outermost first: `ImportError: a (from OSError: b)`."""
    text = f"{type(error).__name__}: {error}"
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"{text} (from {described(cause)})" if cause else text


def one_line(text: str, longest: int = 400) -> str:
    """Text of any kind on one line, cut where it is long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= longest else f"{flat[: longest - 3]}..."
