"""The stages of cleaning one row, asked of scripted judges; prompts; the shapes of answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from egpo_verl.calls import Call
from egpo_verl.datasets.sample import Sample
from egpo_verl.errors import UserError
from egpo_verl.judge.answers import SHAPES, read_answer
from egpo_verl.judge.prompts import NAMES, load_prompts
from egpo_verl.judge.stages import Question, Result, cleaned

TIDE = {
    "name": "tide",
    "parameters": {"harbour": {"type": "str"}, "day": {"type": "int, optional"}},
}
QUESTION = {"role": "user", "content": "Tide in Hoorn?"}
HOORN, URK = Call("tide", {"harbour": "Hoorn"}), Call("tide", {"harbour": "Urk"})

RIGHT, WRONG = ({"verdict": verdict, "reason": verdict} for verdict in ("right", "wrong"))
ACCEPT, REJECT = ({"verdict": verdict, "reason": verdict} for verdict in ("accept", "reject"))


def new(*calls: dict[str, Any]) -> dict[str, Any]:
    listed = [{"name": c["name"], "arguments": json.dumps(c["arguments"])} for c in calls]
    return {"calls": listed, "reason": "rewritten"}


def call(name: str = "tide", **arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def play(
    answers: list[dict[str, Any]], calls: tuple[Call, ...] = (URK,)
) -> tuple[Result, list[Question]]:
    """The result of the stages with these answers, all of which must be asked for."""
    steps = cleaned(Sample("x", (QUESTION,), (TIDE,), calls), load_prompts())
    questions, coming = [], iter(answers)
    try:
        question = next(steps)
        while True:
            questions.append(question)
            answer = next(coming)
            read_answer(question.stage, json.dumps(answer))
            question = steps.send(answer)
    except StopIteration as end:
        assert next(coming, None) is None, "fewer questions than answers"
        return end.value, questions


J, C, E = "judge", "correct", "evaluate"


@pytest.mark.parametrize(
    ("answers", "stages", "outcome", "calls"),
    [
        ([RIGHT], [J], "right", [URK]),
        ([WRONG, new(call(harbour="Hoorn")), RIGHT, ACCEPT], [J, C, J, E], "corrected", [HOORN]),
        ([WRONG, new(), RIGHT, ACCEPT], [J, C, J, E], "corrected", []),
        ([WRONG, new(call(harbour="Hoorn")), RIGHT, REJECT], [J, C, J, E], "rejected", [HOORN]),
        (
            [WRONG, new(call(harbour="Edam")), WRONG, new(call(harbour="Hoorn")), RIGHT, ACCEPT],
            [J, C, J, C, J, E],
            "corrected",
            [HOORN],
        ),
        (
            [WRONG, *[new(call(harbour="Edam")), WRONG] * 3],
            [J, C, J, C, J, C, J],
            "not_corrected",
            [Call("tide", {"harbour": "Edam"})],
        ),
        # What fails the mechanical check is not shown to the judge again.
        (
            [WRONG, new(call(harbour=3)), new(call(harbour="Hoorn")), RIGHT, ACCEPT],
            [J, C, C, J, E],
            "corrected",
            [HOORN],
        ),
        ([WRONG, *[new(call("ebb"))] * 3], [J, C, C, C], "broken", [Call("ebb")]),
        (
            [WRONG, *[{"calls": [{"name": "tide", "arguments": "{"}], "reason": ""}] * 3],
            [J, C, C, C],
            "broken",
            [URK],
        ),
        # A judge that takes its word back leaves the row as it was.
        ([WRONG, new(call(harbour="Urk")), RIGHT], [J, C, J], "right", [URK]),
    ],
)
def test_the_stages(
    answers: list[dict[str, Any]], stages: list[str], outcome: str, calls: list[Call]
) -> None:
    result, questions = play(answers)
    assert [question.stage for question in questions] == stages
    assert result.outcome == outcome
    assert list(result.sample.calls) == calls
    assert result.attempts == stages.count(C)


def test_a_broken_row_is_corrected_without_being_judged() -> None:
    broken = (Call("tide", {"harbour": 3}),)
    result, questions = play([new(call(harbour="Hoorn")), RIGHT, ACCEPT], broken)
    assert [question.stage for question in questions] == [C, J, E]
    assert "mechanical check" in questions[0].text
    assert result.outcome == "corrected"


def test_questions_show_what_is_to_be_judged() -> None:
    _, questions = play([WRONG, new(call(harbour="Hoorn")), RIGHT, ACCEPT])
    judge, correct, again, evaluate = (question.text for question in questions)
    assert "user: Tide in Hoorn?" in judge
    assert '"name": "tide"' in judge
    assert "# Answer\n[tide(harbour='Urk')]" in judge
    assert "# Why it is wrong\nwrong" in correct
    assert "# Answer\n[tide(harbour='Hoorn')]" in again
    assert "# Old answer\n[tide(harbour='Urk')]" in evaluate
    assert "# New answer\n[tide(harbour='Hoorn')]" in evaluate


def test_a_key_changes_with_all_that_an_answer_depends_on() -> None:
    base = Question("judge", "text")
    keys = {
        base.key("m", 0.0),
        Question("correct", "text").key("m", 0.0),
        Question("judge", "other").key("m", 0.0),
        Question("judge", "text", 1).key("m", 0.0),
        base.key("n", 0.0),
        base.key("m", 0.7),
        base.key("m", None),
    }
    assert len(keys) == 7
    assert base.key("m", 0.0) == Question("judge", "text").key("m", 0.0)


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        ("judge", ""),
        ("judge", "right"),
        ("judge", '{"verdict": "right"'),
        ("judge", '{"verdict": "right"}'),
        ("judge", '{"verdict": "maybe", "reason": ""}'),
        ("judge", '{"verdict": "right", "reason": "", "more": 1}'),
        ("judge", '[{"verdict": "right", "reason": ""}]'),
        ("correct", '{"calls": [{"name": "f"}], "reason": ""}'),
        ("correct", '{"calls": [{"name": "f", "arguments": {}}], "reason": ""}'),
        ("evaluate", '{"verdict": "right", "reason": ""}'),
    ],
)
def test_answers_of_another_shape_are_refused(stage: str, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - JSON's error is a ValueError too
        read_answer(stage, text)


def test_shapes_are_strict() -> None:
    for shape in SHAPES.values():
        assert shape["additionalProperties"] is False
        assert shape["required"] == list(shape["properties"])


def test_values_are_put_in_as_they_are_and_once() -> None:
    prompts = load_prompts()
    text = prompts.filled("judge", tools="{{answer}}", dialogue="{{tools}} {{", answer="}} x")
    assert text.count("}} x") == 1
    assert "# Functions\n{{answer}}" in text
    assert "# Dialogue\n{{tools}} {{" in text


def test_a_user_can_replace_some_prompts(tmp_path: Path) -> None:
    (tmp_path / "judge.md").write_text("{{tools}}{{dialogue}}{{answer}} mine")
    prompts = load_prompts(tmp_path)
    assert prompts.texts["judge"].endswith("mine")
    assert prompts.texts["correct"] == load_prompts().texts["correct"]


def test_unfit_prompts_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has none of the prompts"):
        load_prompts(tmp_path)
    (tmp_path / "evaluate.md").write_text("{{tools}} {{answer}}")
    with pytest.raises(UserError, match=r"lacks \{\{dialogue\}\}, \{\{before\}\}"):
        load_prompts(tmp_path)
    (tmp_path / "evaluate.md").write_bytes(b"\xff")
    with pytest.raises(UserError, match="cannot be read"):
        load_prompts(tmp_path)
    assert set(NAMES) == set(SHAPES)
