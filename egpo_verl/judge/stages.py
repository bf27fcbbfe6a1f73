"""The paper's cleaning of one row, as questions to a judge; knows nothing of networks.

Stage 1: is the answer right? If not, it is written anew and judged again, three times at most.
Stage 2: the syntax tree: the calls fit the functions and survive being written. Stage 3: what was
changed is looked at once more.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any

from egpo_verl.calls import Call, ToolSet, render
from egpo_verl.datasets.adapters.parts import call_from
from egpo_verl.datasets.reading.json_text import json_text
from egpo_verl.datasets.sample import Sample
from egpo_verl.datasets.unusable import Unusable
from egpo_verl.judge.prompts import Prompts

ATTEMPTS = 3
OUTCOMES = {
    "right": "the judge holds the answer to be right",
    "corrected": "a wrong answer was replaced by one that passed all stages",
    "not_corrected": "three new answers were judged wrong too",
    "rejected": "the final evaluation refused the correction",
    "broken": "the answer does not fit its functions",
    "refused": "the endpoint refused the question",
    "failed": "the question failed in every try, or no answer could be read",
}
"""What becomes of a row; the first two are kept."""
KEPT = ("right", "corrected")
UNANSWERED = ("refused", "failed")


@dataclass(frozen=True)
class Question:
    """One call of the judge.

    Attributes:
        stage: a key of `egpo_verl.judge.answers.SHAPES`.
        text: the prompt, filled in.
        attempt: counts repetitions of a text that must not be answered from the store.
    """

    stage: str
    text: str
    attempt: int = 0

    def key(self, model: str, temperature: float | None) -> str:
        """What an answer is looked up by: it changes with the prompt, the row and the model."""
        parts = [self.stage, self.text, self.attempt, model, temperature]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True)
class Result:
    """What became of a row.

    Attributes:
        outcome: a key of `OUTCOMES`.
        sample: with the answer to keep; the last one tried where the row is dropped.
        attempts: new answers that were written.
        stage: of the question that was refused or failed.
    """

    outcome: str
    sample: Sample
    reasons: tuple[str, ...]
    attempts: int
    stage: str = ""


Stages = Generator[Question, dict[str, Any], Result]


def cleaned(sample: Sample, prompts: Prompts, call_form: str = "python") -> Stages:
    """The stages of one row: yields questions, is sent their answers, returns the result.

    Args:
        sample: as the row has it, under the row's names.
        call_form: in which answers are shown to the judge.
    """
    tools = ToolSet.from_json(json.dumps(list(sample.tools)))
    shown = parts_shown(sample)
    broken = _problem(sample.calls, tools, call_form)
    reasons: list[str] = []
    current = sample
    for attempt in range(ATTEMPTS + 1):
        if broken:
            reasons.append(broken)
        else:
            answer = calls_shown(current.calls, call_form)
            verdict = yield Question("judge", prompts.filled("judge", **shown, answer=answer))
            reasons.append(verdict["reason"])
            if verdict["verdict"] == "right":
                break
        if attempt == ATTEMPTS:
            outcome = "broken" if broken else "not_corrected"
            return Result(outcome, current, tuple(reasons), attempt)
        text = prompts.filled(
            "correct", **shown, answer=calls_shown(current.calls, call_form), reason=reasons[-1]
        )
        written = yield Question("correct", text, attempt)
        current, broken = _corrected(current, written, tools, call_form)
        reasons.append(written["reason"])
    if current.calls == sample.calls:
        return Result("right", sample, tuple(reasons), attempt)
    before, answer = calls_shown(sample.calls, call_form), calls_shown(current.calls, call_form)
    text = prompts.filled("evaluate", **shown, before=before, answer=answer)
    verdict = yield Question("evaluate", text)
    reasons.append(verdict["reason"])
    outcome = "corrected" if verdict["verdict"] == "accept" else "rejected"
    return Result(outcome, current, tuple(reasons), attempt)


def parts_shown(sample: Sample) -> dict[str, str]:
    """What every prompt shows of a sample."""
    return {
        "tools": json.dumps(list(sample.tools), ensure_ascii=False, indent=1),
        "dialogue": "\n".join(f"{m['role']}: {m['content']}" for m in sample.messages),
    }


def _corrected(
    sample: Sample, written: dict[str, Any], tools: ToolSet, call_form: str
) -> tuple[Sample, str]:
    """The sample with the judge's calls, and what is wrong with them, if anything."""
    try:
        calls = tuple(map(call_from, written["calls"]))
        json_text([{"name": call.name, "arguments": dict(call.arguments)} for call in calls])
    except Unusable as problem:
        return sample, str(problem)
    return replace(sample, calls=calls), _problem(calls, tools, call_form)


def _problem(calls: tuple[Call, ...], tools: ToolSet, call_form: str) -> str:
    """Why the calls fail the syntax-tree stage; empty where they pass."""
    problem = tools.check(calls)
    if problem:
        return f"The answer fails a mechanical check: {problem}."
    try:
        render(calls, call_form)
    except ValueError as error:
        return f"The answer fails a mechanical check: {error}."
    return ""


def calls_shown(calls: tuple[Call, ...], call_form: str) -> str:
    """The calls in the form, or in JSON where that cannot carry them."""
    try:
        return render(calls, call_form)
    except ValueError:
        return json.dumps([{"name": c.name, "arguments": dict(c.arguments)} for c in calls])
