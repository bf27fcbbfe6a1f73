"""A response taken apart: the thought, and the answer that a benchmark's scorer is given."""

from __future__ import annotations

from dataclasses import dataclass

from egpo_verl.calls import FORMS, Reason, answer_of, parse, render
from egpo_verl.calls.thought import split_thought


@dataclass(frozen=True)
class SplitResponse:
    """A response taken apart.

    Attributes:
        thought: empty where there is none.
        answer: what follows the thought; empty where the thought was never closed.
        problem: how the response breaks the training template; None where it follows it.
    """

    thought: str
    answer: str
    problem: Reason | None


def split_response(response: str) -> SplitResponse:
    """Take a response apart.

    Benchmarks score answers and know no template, so a response that breaks ours is still given
    to them, by `split_thought`.
    """
    strict = answer_of(response)
    thought, answer = split_thought(response)
    problem = strict if isinstance(strict, Reason) else None
    return SplitResponse(thought, answer.strip(), problem)


def in_python(answer: str, call_form: str) -> str:
    """Calls of another form of `FORMS` in the Python form, which the benchmarks read.

    An answer that does not parse in its form is left as it is.
    """
    if call_form not in FORMS:
        raise ValueError(f"{call_form!r} is none of {FORMS}")
    if call_form == "python":
        return answer
    calls = parse(answer, call_form).calls
    if not calls:
        return answer
    try:
        return render(calls, "python")
    except ValueError:  # a name that Python cannot spell
        return answer
